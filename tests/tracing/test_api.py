"""The library: everything the command does, one line of Python does."""

from __future__ import annotations

import pathlib

import pytest

import backtrace
from backtrace import BacktraceError

pytestmark = pytest.mark.small


def test_the_contracts_lines() -> None:
    t = backtrace.trace("(x+y)*z", {"x": -2, "y": 5, "z": -4}, check=False)
    assert t.value == -12
    assert t.gradients["x"] == -4
    assert len(t.nodes) == 5
    assert t.nodes[3].gate == "add"
    assert len(t.edges) == 4
    assert t.checks == {}
    assert t.ok
    assert t.to_json().startswith('{\n  "schema": "backtrace.trace/1"')
    assert "mul" in t.show("tree")


def test_save_by_suffix(tmp_path: pathlib.Path) -> None:
    t = backtrace.trace("x*y", {"x": 1, "y": 2}, check=False)
    t.save(tmp_path / "graph.json")
    assert backtrace.Trace.from_json((tmp_path / "graph.json").read_text("utf-8")) == t


def test_a_notebook_that_shows_no_pictures_shows_the_table() -> None:
    t = backtrace.trace("x*y", {"x": 1, "y": 2}, check=False)
    assert t._repr_mimebundle_()["text/plain"] == t.show("table").rstrip("\n")


def test_a_point_of_numbers_and_texts() -> None:
    from fractions import Fraction

    t = backtrace.trace("x*y*w₀", {"x": "1/3", "y": Fraction(1, 2), "w₀": True}, check=False)
    assert t.point == {"x": pytest.approx(1 / 3), "y": 0.5, "w0": 1.0}


@pytest.mark.parametrize(
    ("point", "words"),
    [
        ({"X": 1}, "'x' has no value"),
        ({"x": float("nan")}, "finite number"),
        ({"x": None}, "x is not a number: NoneType"),
        ({"x": 10**400}, "x is not a number: int"),
        ({"x": "y"}, "'y' is not a number"),
        ({"x": 1, "y": 2}, "'y' does not occur"),
        ({"2x": 1}, "'2x' is not a name"),
    ],
)
def test_errors_are_backtrace_errors(point: dict, words: str) -> None:
    with pytest.raises(BacktraceError, match=words):
        backtrace.trace("x", point)


def test_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    backtrace.trace("1/x", {"x": 0})
    assert capsys.readouterr() == ("", "")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'tracer_of'"):
        _ = backtrace.tracer_of
    assert set(dir(backtrace)) >= {"GATES", "BacktraceError", "Trace", "trace"}


REPRS = [
    ("(x+y)*z", {"x": -2, "y": 5, "z": -4}),
    ("sum((W@x)^2)", {"W": [[0.1] * 40] * 30, "x": [1.0] * 40}),
    ("s(a) = 1/(1+exp(-a)); q = s(x);\n  q*log(x)", {"x": -1}),
    (" + ".join(f"x{k}*{k}.5" for k in range(600)), {f"x{k}": k for k in range(600)}),
    ("max(x, 0)", {"x": 0}),
    ("x", None),
]


@pytest.mark.parametrize(("formula", "point"), REPRS)
def test_what_a_repl_shows_is_one_line(formula: str, point: dict[str, object] | None) -> None:
    trace = backtrace.trace(formula, point, check=False)
    shown = [trace, trace.graph, *trace.graph.nodes[:50]]
    shown += [gate for _, _, gate in trace.graph.gates()][:50]
    shown += [o for node in trace.graph.nodes[:50] for o in node.operands]
    for thing in shown:
        text = repr(thing)
        assert "\n" not in text, text
        assert 1 <= len(text) < 200, text
    assert formula.split()[0][:40] in repr(trace)


def test_what_a_repl_shows_of_homework_and_of_many_points() -> None:
    report = backtrace.check("(x+y)*z", {"x": -2, "y": 5, "z": -4}, {"dx": "-4", "dz": "7"})
    assert repr(report) == "<Report 1 of 2 answers pass, the first fault is dz: (x+y)*z>"
    program = backtrace.vectorize("*".join(f"x{k}" for k in range(300)))
    assert repr(program).startswith("<Program (x0, x1, x2")
    assert len(repr(program)) < 200
    trace = backtrace.trace("(x+y)*z", {"x": -2, "y": 5, "z": -4}, check=False)
    assert repr(trace) == "<Trace right, f = -12 at x = -2, y = 5, z = -4: (x+y)*z>"
