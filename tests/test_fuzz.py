"""Noise of every kind goes in; a result or one clear error comes out, soon, with no traceback and
no control character. The short run is seeded; `pytest -m slow` looks for longer."""

from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import backtrace
from backtrace.cli import run
from backtrace.errors import BacktraceError
from backtrace.many.columns import opened
from tests.conftest import DATA

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
CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f‪-‮⁦-⁩]")
QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much]
SHORT = settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=QUIET)
LONG = settings(max_examples=4000, deadline=None, suppress_health_check=QUIET)


def calm(error: BacktraceError) -> None:
    assert not CONTROLS.search(str(error))


def trace_of(formula: str, values: list[str]) -> None:
    point = dict(zip(("x", "y", "w0"), values, strict=False))
    began = time.perf_counter()
    try:
        trace = backtrace.trace(formula, point, check=False)
        text = trace.show("table") + trace.to_json()
        assert backtrace.Trace.from_json(trace.to_json()).to_json() == trace.to_json()
    except BacktraceError as error:
        text = str(error)
    assert time.perf_counter() - began < 5
    assert not CONTROLS.search(text.replace("\t", " "))


def command(formula: str, words: list[str], values: list[str], capsys: object) -> None:
    assume(formula != "-")  # it would wait for standard input
    names = [f"{name}={value}" for name, value in zip("xy", values, strict=False)]
    status = run([formula, *names, *[w for w in words if w != "-"]])
    shown = capsys.readouterr()
    assert status in (0, 1, 2)
    assert "Traceback" not in shown.err
    assert not CONTROLS.search(shown.err.replace("\r", ""))
    assert (status == 2) == shown.err.startswith("error: ") or status == 1


@SHORT
@given(FORMULAS, st.lists(VALUES, max_size=3))
def test_formulas_and_values(formula: str, values: list[str]) -> None:
    trace_of(formula, values)


@SHORT
@given(formula=FORMULAS, words=st.lists(OPTIONS, max_size=4), values=st.lists(VALUES, max_size=2))
def test_command_lines(
    formula: str,
    words: list[str],
    values: list[str],
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("fuzz"))
    command(formula, ["--no-check", *words], values, capsys)


@SHORT
@given(st.binary(max_size=300) | st.text("0123456789,.x\n\"' e-+nan", max_size=200).map(str.encode))
def test_points(data: bytes) -> None:
    import io

    for head, suffix in ((b"x,y\n", ".csv"), (b"", ".jsonl"), (b"", ".npz"), (b"", "")):
        try:
            source = opened(io.BytesIO(head + data), suffix, ["x", "y"], lambda _: None)
            for piece in map(source.read, source.chunks):
                assert len(piece.columns["x"]) == len(piece.lines)
        except BacktraceError as error:
            calm(error)


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
    try:
        trace = backtrace.Trace.from_json(changed(saved(), place, put))
        for format in ("table", "tree", "svg", "html", "latex"):
            trace.show(format)
    except BacktraceError as error:
        calm(error)


@SHORT
@given(FORMULAS, FORMULAS)
def test_answers(formula: str, answer: str) -> None:
    try:
        backtrace.check("(x+y)*z", {"x": -2, "y": 5, "z": -4}, {"dx": answer, "dy": formula})
    except BacktraceError as error:
        calm(error)


@pytest.mark.slow
@LONG
@given(FORMULAS, st.lists(VALUES, max_size=3))
def test_formulas_and_values_for_longer(formula: str, values: list[str]) -> None:
    trace_of(formula, values)


@pytest.mark.slow
@LONG
@given(formula=FORMULAS, words=st.lists(OPTIONS, max_size=5), values=st.lists(VALUES, max_size=2))
def test_command_lines_for_longer(
    formula: str,
    words: list[str],
    values: list[str],
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("fuzz"))
    command(formula, ["--no-check", *words], values, capsys)


def test_what_fuzzing_has_found() -> None:
    """A small corpus of what once went wrong."""
    for case in json.loads((DATA / "fuzz.json").read_text("utf-8")):
        trace_of(case["formula"], case["values"])
