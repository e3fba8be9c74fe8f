"""What a nan reaches is nan: a gradient of 0 beside a value that is none would say "flat". Only a
branch that is not taken stops it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import backtrace

CHOOSERS = [
    "max({0}, 1)",
    "min({0}, 1)",
    "max({0}, log(x))",
    "relu({0})",
    "leaky_relu({0})",
    "elu({0})",
    "selu({0})",
    "hardtanh({0})",
    "abs({0})",
    "relu(max({0}, 2))*3",
    "min(2, max(1, {0}))",
    "clip({0}, 0, 3)",
    "{0} % 3",
    "3 % ({0} - 7)",
    "sign({0})*{0}",
]


@pytest.mark.parametrize("choice", CHOOSERS)
@pytest.mark.parametrize("as_array", [False, True])
def test_a_nan_is_no_choice(choice: str, as_array: bool) -> None:
    formula = choice.format("sqrt(x)")
    point: dict[str, Any] = {"x": [-1.0, 4.0] if as_array else -1.0}
    trace = backtrace.trace(f"sum({formula})" if as_array else formula, point, check=False)
    assert math.isnan(np.ravel(trace.gradients["x"])[0])
    if as_array and "log" not in choice:
        assert math.isfinite(np.ravel(trace.gradients["x"])[1])


@pytest.mark.parametrize("choice", CHOOSERS)
def test_at_many_points_as_at_one(choice: str) -> None:
    formula = choice.format("sqrt(x)")
    found = backtrace.vectorize(formula)({"x": np.array([-1.0, 4.0])})["df/dx"]
    single = [backtrace.trace(formula, {"x": x}, check=False).gradients["x"] for x in (-1.0, 4.0)]
    assert np.array_equal(found, single, equal_nan=True)


@pytest.mark.parametrize("choice", CHOOSERS)
def test_in_numbers_of_every_kind(choice: str) -> None:
    """Exactly, and with many digits: nan is not smaller, larger or equal there either."""
    trace = backtrace.trace(choice.format("sqrt(x)"), {"x": "-1"}, check=False)
    for other in (trace.exactly(), trace.to_digits(20)):
        assert (other.values[-1], other.upstreams[0]) == ("nan", "nan")
    sound = backtrace.trace(choice.format("sqrt(x)"), {"x": "9"}, check=False)
    for other in (sound.exactly(), sound.to_digits(20)):
        assert "nan" not in (other.values[-1], other.upstreams[0])


@pytest.mark.parametrize("as_array", [False, True])
def test_a_remainder_of_nothing(as_array: bool) -> None:
    """5 % 0 is nan, at a kink or not, and so are its slopes."""
    formula = "sum([x, x] % y)" if as_array else "x % y"
    trace = backtrace.trace(formula, {"x": 5, "y": 0}, check=False)
    assert all(math.isnan(slope) for slope in trace.gradients.values())
    if not as_array:
        assert trace.exactly().upstreams[:2] == trace.to_digits(20).upstreams[:2] == ("nan",) * 2


@pytest.mark.parametrize(
    ("formula", "point", "slope"),
    [
        ("where(x > 0, log(x), 0) + x^2", {"x": -1.0}, -2.0),
        ("where(x > 0, max(log(x), 0), 3*x)", {"x": -1.0}, 3.0),
        ("where(y > 0, relu(sqrt(x)), x)", {"x": -1.0, "y": -1.0}, 1.0),
    ],
)
def test_a_branch_that_is_not_taken_stops_it(formula: str, point: Any, slope: float) -> None:
    assert backtrace.trace(formula, point, check=False).gradients["x"] == slope
