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
