"""Polynomials in lengths: their arithmetic is that of whole numbers, whatever the lengths are."""

from __future__ import annotations

import copy
import pickle
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtrace.algebra.lengths import Length, NoPolynomial, largest, letter, over, written

M, N = letter("m", 2003), letter("n", 4999)


def at(p: int, m: int, n: int) -> Fraction:
    if not isinstance(p, Length):
        return Fraction(p)
    values = {"m": m, "n": n}
    total = Fraction(0)
    for monomial, factor in p.terms.items():
        for name, exponent in monomial:
            factor *= values[name] ** exponent
        total += factor
    return total


POLYNOMIALS = st.recursive(
    st.sampled_from([M, N]) | st.integers(-4, 4),
    lambda inner: st.tuples(st.sampled_from("+-*"), inner, inner).map(
        lambda t: {"+": lambda: t[1] + t[2], "-": lambda: t[1] - t[2], "*": lambda: t[1] * t[2]}[
            t[0]
        ]()
    ),
    max_leaves=6,
)


@given(POLYNOMIALS, POLYNOMIALS, st.integers(1, 9), st.integers(1, 9))
def test_arithmetic_is_that_of_numbers(p: int, q: int, m: int, n: int) -> None:
    a, b = at(p, m, n), at(q, m, n)
    assert at(p + q, m, n) == a + b
    assert at(p - q, m, n) == a - b
    assert at(p * q, m, n) == a * b
    assert at(-p, m, n) == -a
    assert int(p * q) == int(p) * int(q)
    assert int(p) == at(p, 2003, 4999)


@given(st.lists(POLYNOMIALS, min_size=1, max_size=4), st.integers(1, 9), st.integers(1, 9))
def test_the_largest_is_one_of_those_that_are_kept(ps: list[int], m: int, n: int) -> None:
    assert max(at(p, m, n) for p in largest(ps)) == max(at(p, m, n) for p in ps)


@given(POLYNOMIALS, st.sampled_from([M, N, M * N, 2 * M]), st.integers(1, 9), st.integers(1, 9))
def test_a_product_is_divided_by_its_factor(p: int, q: Any, m: int, n: int) -> None:
    if p == 0:
        return
    assert at(p * q // q, m, n) == at(p, m, n)


def test_what_is_no_polynomial() -> None:
    for bad in (lambda: M // N, lambda: (M + 1) // 2, lambda: M // (M + 1), lambda: 7 // M):
        with pytest.raises(NoPolynomial):
            bad()
    assert (M + N) // (M + N) == 1
    assert written(over(N * (N - 1), 2)) == "n^2/2 - n/2"


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (2 * M * N + 3 * N, "2mn + 3n"),
        (M * M * N, "m^2*n"),
        (N * N * M - 1, "m*n^2 - 1"),
        (letter("batch", 2003) * N * 2, "2*batch*n"),
        (M - M, "0"),
        (-M, "-m"),
        (1234567, "1,234,567"),
        (2000 * M, "2,000m"),
    ],
)
def test_how_it_is_written(p: int, text: str) -> None:
    assert written(p) == text.replace("m*n^2", "mn^2")


def test_a_length_is_a_number_where_one_is_due() -> None:
    assert M == 2003
    assert {M: 1}[2003] == 1
    assert range(M)[-1] == 2002
    for same in (copy.deepcopy(M), pickle.loads(pickle.dumps(M))):
        assert (same, same.terms) == (M, M.terms)
    assert list(largest([8 * M, 8 * M + N, 16])) == [8 * M + N, 16]
