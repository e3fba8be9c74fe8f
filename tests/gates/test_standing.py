"""Gates that cut, count and hold still: clip, x % y, x // y, detach, zeros_like; against Python's
own numbers, at their bounds, and with rules planted wrong."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backtrace
from backtrace.errors import BacktraceError
from backtrace.gates import GATES

NUMBERS = st.floats(-50, 50).filter(lambda x: abs(x) > 1e-3)


@given(NUMBERS, NUMBERS)
@settings(max_examples=200, deadline=None)
def test_remainders_are_pythons(x: float, y: float) -> None:
    trace = backtrace.trace("x % y", {"x": x, "y": y}, check=False)
    assert trace.value == x % y == np.mod(x, y)
    assert trace.gradients == {"x": 1.0, "y": -(x // y)}
    whole = backtrace.trace("x // y", {"x": x, "y": y}, check=False)
    assert whole.value == x // y == np.floor_divide(x, y)
    assert whole.gradients == {"x": 0.0, "y": 0.0}


def test_a_tenth_is_in_one_nine_times_and_a_bit() -> None:
    """As Python counts: 0.1 is a little more than a tenth. At the jump nothing is compared."""
    trace = backtrace.trace("x // 0.1", {"x": 1})
    assert trace.value == 9
    assert trace.checks["x"].verdict == "kink"
    assert backtrace.trace("x % y", {"x": 1, "y": 0.1}).value == 1 % 0.1


def test_precedence_is_pythons() -> None:
    point = {"x": 7.5, "y": 2.2}
    for text in (
        "2*x % y",
        "x % y*3",
        "-x % y",
        "x % -y",
        "x // y % 2",
        "x - x // y*y",
        "x**2 % y",
    ):
        assert backtrace.trace(text, point).value == eval(text, dict(point)), text
    with pytest.raises(BacktraceError, match="it is not clear what '%' takes here"):
        backtrace.trace("x % 2y", point)


@pytest.mark.parametrize(
    ("x", "lo", "hi", "slopes"),
    [
        (0.5, 0, 1, (1, 0, 0)),
        (-1, 0, 1, (0, 1, 0)),
        (2, 0, 1, (0, 0, 1)),
        (0.5, 2, 1, (0, 0, 1)),
        (1.5, 2, 1, (0, 0, 1)),
        (5, 2, 1, (0, 0, 1)),
    ],
)
def test_clip_is_numpys(x: float, lo: float, hi: float, slopes: tuple[int, ...]) -> None:
    trace = backtrace.trace("clip(x, lo, hi)", {"x": x, "lo": lo, "hi": hi})
    assert trace.value == np.clip(x, lo, hi)
    assert tuple(trace.gradients.values()) == slopes
    assert trace.ok


@pytest.mark.parametrize(
    ("kink", "low", "high"),
    [
        ("minimum-norm", 0, 0),
        ("left", 0, 1),
        ("right", 1, 0),
        ("split", 0.5, 0.5),
        ("torch", 1, 1),
        ("jax", 0.5, 0.5),
    ],
)
def test_clip_at_its_bounds(kink: str, low: float, high: float) -> None:
    for x, slope in ((0, low), (1, high)):
        trace = backtrace.trace("clip(x, 0, 1)", {"x": x}, kink=kink)
        assert trace.gradients["x"] == slope
        assert trace.checks["x"].verdict == "kink"
        array = backtrace.trace("sum(clip(x, 0, 1))", {"x": [x, 0.5, 7]}, kink=kink)
        assert list(array.gradients["x"]) == [slope, 1, 0]


def test_clip_of_bounds_that_are_variables_shares() -> None:
    trace = backtrace.trace("clip(x, lo, 3)", {"x": 1, "lo": 1})
    assert trace.gradients == {"x": 0.5, "lo": 0.5}


@pytest.mark.parametrize(
    ("formula", "point", "gradient"),
    [
        ("detach(x)*x", {"x": 3.0}, 3.0),
        ("detach(x*x)*x + x", {"x": 3.0}, 10.0),
        ("x - detach(x)", {"x": 3.0}, 1.0),
        ("sum(detach(x)*x^2)", {"x": [1.0, 2.0]}, [2.0, 8.0]),
        ("sum(exp(x - detach(max(x))))", {"x": [1.0, 2.0]}, [math.exp(-1), 1.0]),
        ("zeros_like(x)*x + ones_like(x)*5 + x", {"x": 2.0}, 1.0),
    ],
)
def test_what_is_detached_has_no_gradient_and_every_witness_agrees(
    formula: str, point: dict[str, Any], gradient: Any
) -> None:
    trace = backtrace.trace(formula, point)
    np.testing.assert_allclose(trace.gradients["x"], gradient)
    assert trace.checks["x"].verdict == "agree"
    assert trace.checks["x"].symbolic is not None
    assert trace.checks["x"].numeric is not None


@pytest.mark.parametrize("x", [3.0, [1.0, 2.0], "randn(60, 60)"])
def test_a_gradient_through_detach_is_caught(x: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    row = GATES["detach"]
    monkeypatch.setitem(GATES, "detach", replace(row, local=(lambda m, f, x: 0.5,), is_flat=False))
    trace = backtrace.trace("sum(detach(x)*x)", {"x": x if not isinstance(x, float) else [x]})
    assert trace.checks["x"].verdict == "disagree"
    assert "detach (#1) is wrong on its own" in trace.checks["x"].reason


def test_second_derivatives_take_what_is_detached_for_a_number() -> None:
    [entry] = backtrace.trace("detach(x)*x^2", {"x": 3}).hessian()
    assert (entry.symbolic, entry.numeric, entry.verdict) == (6.0, 6.0, "agree")


def test_detach_is_not_read_inside_a_definition() -> None:
    with pytest.raises(BacktraceError, match="detach is not read inside a definition"):
        backtrace.trace("g(a) = detach(a)*a; g(x)", {"x": 2})
    assert backtrace.trace("g(a) = detach(a)*a", {"a": 2}).gradients == {"a": 2.0}


@pytest.mark.parametrize("name", ["clip", "mod", "full_like"])
def test_wrong_rules_are_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    row = GATES[name]
    rule = row.local[-1]
    local = (*row.local[:-1], lambda m, f, *x: rule(m, f, *x) + 0.25)
    monkeypatch.setitem(GATES, name, replace(row, local=local, accurate=None))
    formula = row.formula if row.operator else row.written
    for values in ((0.9, 1.7, 2.6), ([0.9, 0.4], 1.7, 2.6)):
        point = dict(zip(row.parameters, values, strict=False))
        trace = backtrace.trace(formula if row.name == "mod" else row.written, point)
        guilty = {trace.graph.nodes[c.gate].gate.name for c in trace.disagreements.values()}
        assert guilty == {name}
