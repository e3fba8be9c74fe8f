"""Noise of every kind goes in; a result or one clear error comes out, soon, with no traceback and
no control character. The short run is seeded; `pytest -m slow` looks for longer, and
`python -m tests.benchmarks.fuzz` for as long as it is let, led by what it has seen."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import backtrace
from tests import fuzzing
from tests.conftest import DATA
from tests.fuzzing import BETWEEN

WORDS = (
    *("x", "y", "w0", "e", "pi", "α", "max", "exp", "log", "where", "sum", "softmax", "norm", "T"),
    *("+", "-", "*", "/", "^", "**", "(", ")", "[", "]", ",", ";", "=", "==", "<", "|", "√", "²"),
    *("@", ".", ":", "'", "1", "0", "2.5", "1e308", "1e-308", ".", "\n", "#", " ", "axis=0", "×"),
    *("import os", "__class__", "lambda", "\x1b[31m", "\x00", "‮", "{", "$", "\\", "%s", "<b>"),
)
FORMULAS = st.lists(st.sampled_from(WORDS), max_size=24).map("".join) | st.text(max_size=60)
VALUES = st.sampled_from(
    [
        "1",
        "-2.5",
        "1/3",
        "[1,2]",
        "[[1,2],[3,4]]",
        "nan",
        "1e400",
        "",
        "x",
        "@/etc/passwd",
        "randn(3)",
    ]
) | st.text(max_size=12)
OPTIONS = st.sampled_from(
    [
        *(
            "--json",
            "--fuse",
            "--expand",
            "--symbolic",
            "--exact",
            "--explain",
            "--ascii",
            "--blank",
        ),
        *(
            "--format",
            "tree",
            "wires",
            "svg",
            "html",
            "latex",
            "python",
            "--order",
            "2",
            "--wrt",
            "x",
        ),
        *("--kink", "left", "--precision", "30", "--no-check", "--width", "20", "--upstream", "-1"),
        *("--compare", "--paths", "--forward", "--step", "0.1", "--steps", "3", "--", "-", "-o"),
    ]
)
QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much]
SHORT = settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=QUIET)
LONG = settings(max_examples=4000, deadline=None, suppress_health_check=QUIET)


def joined(*parts: object) -> str:
    """As tests/fuzzing.py takes the parts of a text."""
    return BETWEEN.join(map(str, parts))


@SHORT
@given(FORMULAS, st.lists(VALUES, max_size=3))
def test_formulas_and_values(formula: str, values: list[str]) -> None:
    fuzzing.formula(joined(formula, *values))


@SHORT
@given(FORMULAS, st.lists(OPTIONS, max_size=4), st.lists(VALUES, max_size=2))
def test_command_lines(formula: str, options: list[str], values: list[str]) -> None:
    command(formula, options, values)


def command(formula: str, options: list[str], values: list[str]) -> None:
    given = [f"{name}={value}" for name, value in zip("xy", values, strict=False)]
    fuzzing.command(joined(formula, *given, *options))


@SHORT
@given(st.binary(max_size=300) | st.text("0123456789,.x\n\"' e-+nan", max_size=200).map(str.encode))
def test_points(data: bytes) -> None:
    fuzzing.points_of(data)


def saved() -> str:
    return backtrace.trace("(x+y)*max(x, 2)", {"x": 1, "y": 3}, check=False).to_json()


def changed(text: str, place: int, put: object) -> str:
    """The saved trace with one of its values another."""
    described = json.loads(text)
    holders = [described]
    for holder in holders:
        inner = holder.values() if isinstance(holder, dict) else holder
        holders.extend(v for v in inner if isinstance(v, dict | list))
    slots = [(h, k) for h in holders for k in (h if isinstance(h, dict) else range(len(h)))]
    holder, key = slots[place % len(slots)]
    holder[key] = put
    return json.dumps(described)


JUNK = st.sampled_from(
    [None, -1, 10**9, 1e308, "x", "", [], {}, True, "nan", [[]], {"a": 1}, "\x1b["]
)


@SHORT
@given(st.integers(0, 10_000), JUNK)
def test_saved_traces(place: int, put: object) -> None:
    fuzzing.saved(changed(saved(), place, put))


@SHORT
@given(st.lists(FORMULAS, max_size=4))
def test_answers(answers: list[str]) -> None:
    fuzzing.answers(joined(*answers))


TYPED = st.sampled_from(["?", "", "q", "1", "-2.5", "1/0", "[1,2]", "nan", "x", "\x1b[2J", "1e999"])
QUIZZED = FORMULAS | st.sampled_from(["(x+y)*z", "max(x, 0)", "sum([x, y]^2)", ""])


@settings(SHORT, max_examples=60)
@given(QUIZZED, st.lists(TYPED | st.text(max_size=12), max_size=12))
def test_quizzes(formula: str, typed: list[str]) -> None:
    fuzzing.quiz(joined(formula, *typed))


@pytest.mark.slow
@LONG
@given(FORMULAS, st.lists(VALUES, max_size=3))
def test_formulas_and_values_for_longer(formula: str, values: list[str]) -> None:
    fuzzing.formula(joined(formula, *values))


@pytest.mark.slow
@LONG
@given(FORMULAS, st.lists(OPTIONS, max_size=5), st.lists(VALUES, max_size=2))
def test_command_lines_for_longer(formula: str, options: list[str], values: list[str]) -> None:
    command(formula, options, values)


def corpus() -> list[tuple[str, str]]:
    """What coverage-guided fuzzing kept: the short texts that between them see most of the code."""
    return json.loads((DATA / "fuzz.json").read_text("utf-8"))


def test_the_corpus_has_texts_for_every_door() -> None:
    assert {door for door, _ in corpus()} == set(fuzzing.DOORS)


@pytest.mark.parametrize("part", range(8))
def test_the_corpus(part: int) -> None:
    for door, text in corpus()[part::8]:
        began = time.process_time()
        fuzzing.DOORS[door](text)
        assert time.process_time() - began < 5, (door, text)


def test_a_door_lets_no_fault_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """The doors can fail: a traceback, a control character, an exit status that is none."""
    monkeypatch.setattr(fuzzing, "run", lambda words: print("\x9b") or 0)
    with pytest.raises(AssertionError):
        fuzzing.command("x")
    monkeypatch.setattr(fuzzing, "run", lambda words: 7)
    with pytest.raises(AssertionError):
        fuzzing.command("x")
    monkeypatch.setattr(backtrace.Trace, "show", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fuzzing.formula(joined("x", 1))
