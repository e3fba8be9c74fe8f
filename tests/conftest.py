"""What the tests share: running the command in this process, and the table of gates with points
in every gate's domain."""

from __future__ import annotations

import gc
import json
import os
import pathlib
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from importlib import resources
from typing import NamedTuple

import jsonschema
import pytest
from hypothesis import settings

from backtrace.algebra.floats import FLOATS
from backtrace.checks.crosscheck import Budget
from backtrace.cli import run
from backtrace.gates import GATES, Gate

settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("desk", deadline=None)  # no test is timed
settings.load_profile("ci" if os.environ.get("CI") else "desk")
# what is found by chance is found at a desk, not on the way in

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data"
PATIENT = Budget(symbolic_seconds=30.0)
"""For tests that ask for SymPy's answer: a busy machine may take its time."""

SCHEMAS = {
    schema["title"]: jsonschema.Draft202012Validator(schema)
    for schema in (
        json.loads(file.read_text("utf-8"))
        for file in resources.files("backtrace.schemas").iterdir()
        if file.name.endswith(".json")
    )
}
_SCHEMA = re.compile(r'\s*\{\s*"schema":\s*"([^"]+)"')

Command = Callable[..., "Ended"]


class Ended(NamedTuple):
    status: int
    out: str
    err: str


def pytest_configure() -> None:
    """Catalogues of other languages that are newer than what is compiled of them, are compiled."""
    files = list((ROOT / "backtrace" / "locale").glob("*/LC_MESSAGES/*.po"))
    made = [(file, file.with_suffix(".mo")) for file in files]
    if any(not mo.exists() or mo.stat().st_mtime < po.stat().st_mtime for po, mo in made):
        command = [sys.executable, str(ROOT / ".ci" / "catalogues.py")]
        subprocess.run(command, check=False, capture_output=True)  # without Babel: English alone


os.environ["LANGUAGE"] = "en"  # the language of the transcripts, whoever runs them
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or every command compiles the package anew


def pytest_collection() -> None:
    """Nothing that is made while tests are collected is garbage: it is not looked through, then and
    after every so many objects of the tests that follow."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


_SAMPLED, _EVERY, _MOST = 4, 8, 10
_FEWEST = 8  # random inputs of a test, however quick the run


def is_whole(config: pytest.Config) -> bool:
    """Whether no file or test is named: whoever names some gets all of their cases and inputs."""
    is_of_all = all(pathlib.Path(ROOT, word) == ROOT / "tests" for word in config.args)
    return is_of_all and not config.option.keyword


def is_of_sweeps(config: pytest.Config) -> bool:
    """Whether this is `pytest -m slow`."""
    return config.option.markexpr.strip() == "slow"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of a test of many cases every eighth is in the quick run, or about ten of very many, and all
    others are with the slow sweeps, which `.ci/run` runs too. A test of random inputs is in both:
    in the quick run with an eighth of its inputs, with the sweeps with all of them."""
    if not is_whole(config):
        return
    plain = [item for item in items if _is_plain(item) and not item.get_closest_marker("slow")]
    counts = Counter(item.nodeid.partition("[")[0] for item in plain)
    seen: Counter[str] = Counter()
    for item in plain:
        family = item.nodeid.partition("[")[0]
        every = max(_EVERY, counts[family] // _MOST)
        is_left_out = seen[family] % every and counts[family] >= _SAMPLED
        seen[family] += 1
        if is_left_out or (is_random(item) and is_of_sweeps(config)):
            item.add_marker(pytest.mark.slow)
    if not is_of_sweeps(config):
        for test in {item.function for item in items if is_random(item)}:
            with_fewer_inputs(test)


def is_random(item: pytest.Item) -> bool:
    """Whether Hypothesis draws its inputs."""
    return getattr(item.obj, "is_hypothesis_test", False)


def with_fewer_inputs(test: Callable[..., None]) -> None:
    """An eighth of what it asks for itself, or of what Hypothesis does."""
    own: settings = getattr(test, "_hypothesis_internal_use_settings", settings.default)
    few = min(own.max_examples, max(_FEWEST, own.max_examples // _EVERY))
    test._hypothesis_internal_use_settings = settings(own, max_examples=few)


def _is_plain(item: pytest.Item) -> bool:
    """Whether no tier of its own is asked for."""
    return not any(item.get_closest_marker(tier) for tier in ("browser", "bench", "cluster"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regen", action="store_true", help="rewrite the transcripts' outputs")


@pytest.fixture
def backtrace_command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `backtrace WORDS...` in this process."""

    def command(*words: str) -> Ended:
        status = run(words)
        captured = capsys.readouterr()
        hold_schema(captured.out)
        return Ended(status, captured.out, captured.err)

    return command


def hold_schema(text: str) -> None:
    """Whatever a command prints as JSON follows its schema, in whichever test it is printed."""
    found = _SCHEMA.match(text)
    schema = SCHEMAS.get(found[1]) if found else None
    if schema is not None:
        schema.validate(json.loads(text))


def published() -> list[dict]:
    """The published exercises whose point is made of numbers."""
    cases = json.loads((DATA / "published.json").read_text("utf-8"))
    return [c for c in cases if not any(isinstance(v, list) for v in c["point"].values())]


def published_arrays() -> list[dict]:
    """The published exercises with vectors or matrices in their point."""
    cases = json.loads((DATA / "published.json").read_text("utf-8"))
    return [c for c in cases if any(isinstance(v, list) for v in c["point"].values())]


ORDER = 2
"""Of gates that have one."""


def usage(gate: Gate) -> str:
    """A formula that is this gate alone, in its own parameter names."""
    if gate.name == "where":
        return "where(condition > 0, a, b)"
    if gate.is_comparison:
        return f"where({gate.formula}, 3*x, 2*y)"
    if gate.order is not None:
        return f"{gate.name}({ORDER}, {', '.join(inputs(gate))})"
    return gate.formula if gate.operator else f"{gate.name}({', '.join(gate.parameters)})"


def inputs(gate: Gate) -> tuple[str, ...]:
    """The parameters of a gate of numbers that are numbers."""
    return tuple(name for name in gate.parameters if name not in gate.fixed)


def fixed(gate: Gate) -> tuple[int, ...]:
    """What its forward is handed behind these: an order."""
    return (ORDER,) * len(gate.fixed)


def points(gate: Gate, count: int = 6, seed: int = 1) -> list[dict[str, float]]:
    """Points in the gate's domain, away from its kinks and its edges."""
    chance = random.Random(f"{gate.name}{seed}")
    found: list[dict[str, float]] = []
    while len(found) < count:
        values = [round(chance.uniform(-3, 3), 3) for _ in inputs(gate)]
        if gate.name == "pow":
            values[0] = abs(values[0])
        near = [[v + d for v in values] for d in (-0.02, 0.0, 0.02)]
        if not all(gate.domain.holds(*v, *fixed(gate)) for v in near) or 0.0 in values:
            continue
        if gate.kink and any(gate.kink.at(FLOATS, gate.forward(FLOATS, *v), *v) for v in near):
            continue
        found.append(dict(zip(inputs(gate), values, strict=True)))
    return found


ROWS = [pytest.param(gate, id=gate.name) for gate in GATES.values() if not gate.is_of_arrays]
"""The gates of numbers."""
