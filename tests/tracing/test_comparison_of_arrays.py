"""--compare of arrays: where only the fused graph survives, and that it is so."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import backtrace
from backtrace.formula.point import read_mapping
from backtrace.render import View
from backtrace.tracing.comparison import Comparison, compare, show
from backtrace.tracing.request import Request
from tests.conftest import Command

SURVIVES: list[tuple[str, dict[str, Any], str]] = [
    ("log(softmax(x))", {"x": [1, 2]}, "at x[0] = -1000 only the fused graph survives: log(0)"),
    ("exp(x)/sum(exp(x))", {"x": [1, 2]}, "at x = -1000 in every entry only the fused graph"),
    ("mean(-log(softmax(Z))[0])", {"Z": [[1, 2], [3, 4]]}, "at Z[0, 0] = -1000 only the fused"),
    ("sum(1/(1+exp(-x)))", {"x": [1, 2]}, "at x = -1000 in every entry only the fused graph"),
    ("sqrt(sum(x^2))", {"x": [3, 4]}, "at x = 0 in every entry only the fused graph survives"),
    ("mean(log(1+exp(x*w)))", {"x": [1, 2, 3], "w": 2}, "at w = 1000 only the fused graph"),
    ("log(sum(exp(A@x)))", {"A": [[1, 2], [3, 4]], "x": [1, 1]}, "at A = -1000 in every entry"),
    (
        "h = relu(X@W1); mean(-log(softmax(h@W2))[:, 0])",
        {"X": "randn(20, 30)", "W1": "randn(30, 10)", "W2": "randn(10, 4)"},
        "only the fused graph survives: log(0) is -inf",
    ),
]


def compared(formula: str, point: dict[str, Any]) -> Comparison:
    return compare(formula, read_mapping(point), Request(check=False))


@pytest.mark.parametrize(("formula", "point", "words"), SURVIVES)
def test_where_only_the_fused_graph_survives(
    formula: str, point: dict[str, Any], words: str
) -> None:
    """And there it is so: the one breaks and says why, the other gives what is said."""
    found = compared(formula, point)
    assert found.ok
    assert words in " ".join(show(found, View()).split())
    assert found.survivals
    for survival in found.survivals:
        value: Any = survival.value
        if survival.is_array:
            before = np.array(found.written.point[survival.name], dtype=float)
            if survival.place is None:
                before[...] = value
            else:
                before[survival.place] = value
            value = before
        there = {**found.written.point, survival.name: value}
        written = backtrace.trace(formula, there, check=False)
        fused = backtrace.trace(formula, there, check=False, fuse=True)
        assert written.fault is not None
        assert written.fault.what == survival.written
        assert fused.ok
        np.testing.assert_array_equal(fused.value, survival.fused)


@pytest.mark.parametrize(
    ("formula", "point"),
    [
        ("sum(sin(x))", {"x": [1, 2]}),
        ("max(0, W@x + b)", {"W": [[1, 2], [3, 4]], "x": [1, 1], "b": [0, 0]}),
        ("cross_entropy(z, y)", {"z": [[1, 2], [3, 4]], "y": [0, 1]}),
    ],
)
def test_where_both_survive_nothing_is_said(formula: str, point: dict[str, Any]) -> None:
    found = compared(formula, point)
    assert found.ok
    assert found.survivals == ()


def test_only_what_is_asked_for_breaks() -> None:
    """The norm of y has no slope at 0, and nobody asks for it."""
    given = read_mapping({"x": [1.0, 2.0], "y": [3.0, 4.0]})
    asked = Request(check=False, wrt=["x"])
    assert compare("sum(x^2) + sqrt(sum(y^2))", given, asked).survivals == ()
    assert compare("sum(x^2) + sqrt(sum(y^2))", given, Request(check=False)).survivals


def test_what_breaks_at_the_point_itself() -> None:
    found = compared("log(softmax(x))[0]", {"x": [1, 1000]})
    assert found.ok
    assert "as written it breaks here, fused it holds" in " ".join(show(found, View()).split())


@pytest.mark.slow
def test_large_arrays_are_not_tried_for_minutes() -> None:
    found = compared("sqrt(sum(x^2)) + sum(log(softmax(x)))", {"x": "randn(3000, 1000)"})
    assert found.ok
    assert len(found.survivals) <= 1


def test_the_command(backtrace_command: Command) -> None:
    """Its JSON follows the schema, which every command's JSON is held against."""
    words = ("log(softmax(x))", "x=[1, 2]", "--compare")
    described = json.loads(backtrace_command(*words, "--json").out)
    (survival,) = described["survives"]
    assert (survival["name"], survival["value"], survival["place"]) == ("x", -1000, [0])
    assert survival["fused"] == [-1002, 0]
    assert backtrace_command(*words, "--ascii").out.isascii()
