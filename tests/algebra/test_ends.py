"""What functions give at the ends of floats: the same of numbers and of arrays, and no crash."""

from __future__ import annotations

import math

import numpy as np
import pytest

import backtrace
from backtrace.algebra.arrays import ARRAYS, quiet
from backtrace.algebra.floats import FLOATS


def test_signs_of_nothing_and_of_zero() -> None:
    assert math.isnan(FLOATS.sign(-math.nan))
    for function in (FLOATS.floor, FLOATS.ceil, FLOATS.sqrt):
        assert math.copysign(1, function(-0.0)) == -1
    assert math.copysign(1, FLOATS.ceil(-0.5)) == -1
    assert (FLOATS.floor(-0.5), FLOATS.ceil(0.5), FLOATS.floor(0.5)) == (-1, 1, 0)


def test_digamma_near_zero_is_finite_as_long_as_floats_are() -> None:
    assert FLOATS.digamma(1e-300) == pytest.approx(-1e300, rel=1e-15)
    assert FLOATS.digamma(5e-324) == -math.inf


@pytest.mark.parametrize("formula", ["lgamma(-1/x)", "(-2)^(1/x)", "digamma(-1/x)", "y^(1/x)"])
def test_a_domain_can_be_asked_about_what_is_not_finite(formula: str) -> None:
    point = {name: value for name, value in {"x": 0, "y": -2}.items() if name in formula}
    for made in (point, {name: np.array([value, 1.0]) for name, value in point.items()}):
        assert backtrace.trace(formula, made, check=False).show("table")


def test_a_largest_logarithm_is_infinite_in_arrays_too() -> None:
    with quiet():
        for row in ([math.inf, 1], [math.inf, math.inf], [-math.inf, -math.inf], [1, -math.inf]):
            assert ARRAYS.logsumexp_along(np.array(row), 0) == FLOATS.logsumexp(*row)


@pytest.mark.parametrize("rows", [2, 17])
def test_a_matrix_with_what_is_not_finite_has_no_determinant(rows: int) -> None:
    for entry in (math.inf, -math.inf, math.nan):
        x = np.stack([np.eye(rows), 2 * np.eye(rows)])
        x[0, 0, 1] = entry
        with quiet():
            for found in (ARRAYS.det(x), ARRAYS.logdet(x), ARRAYS.cofactors(x)[:, 1, 0]):
                assert np.isnan(found).tolist() == [True, False]
