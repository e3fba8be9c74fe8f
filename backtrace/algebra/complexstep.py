"""Arrays that carry a derivative along: numbers x + ih, whose imaginary part is h times the slope.

For an analytic f, Im f(x + ih)/h = f'(x) + O(h^2), and nothing is subtracted: with h = 1e-30 the
slope is as exact as f itself, and no step can cross a kink (Squire and Trapp, "Using complex
variables to estimate derivatives of real functions", SIAM Review 40, 1998; Martins, Sturdza and
Alonso, "The complex-step derivative approximation", ACM TOMS 29, 2003). What is not analytic (abs,
max, comparisons) goes by the real part. Only a gate's forward is asked, never its local gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from backtrace.algebra import Value
from backtrace.algebra.arrays import ARRAYS, Arrays, Axis
from backtrace.algebra.solving import Eliminating


def _by_real_part(compare: Any) -> Any:
    return staticmethod(lambda a, b: compare(np.real(a), np.real(b)))


def _known_slope(function: Callable[[Value], Value], slope: Callable[[Value], Value]) -> Any:
    """A function that NumPy has for real numbers only, continued by its derivative."""

    def continued(x: Value) -> Value:
        real = np.real(x)
        return function(real) + 1j * (slope(real) * np.imag(x))

    return staticmethod(continued)


class ComplexStep(Eliminating, Arrays):
    """The algebra of arrays of complex numbers that differ from real ones by a tiny step."""

    less = _by_real_part(np.less)
    less_equal = _by_real_part(np.less_equal)
    greater = _by_real_part(np.greater)
    greater_equal = _by_real_part(np.greater_equal)
    equal = _by_real_part(np.equal)
    not_equal = _by_real_part(np.not_equal)

    @staticmethod
    def where(condition: Value, a: Value, b: Value) -> Value:
        return np.where(np.real(condition) != 0, a, b)

    @staticmethod
    def real(x: Value) -> Value:
        return np.real(x)

    @staticmethod
    def detach(x: Value) -> Value:
        """What is detached stands still: it carries no step."""
        return np.real(x)

    @staticmethod
    def power(a: Value, b: Value) -> Value:
        """Below 0 by the exponent's parity: the logarithm's branch has noise of one bit, which
        would drown the step."""
        if np.ndim(b) == 0 and b == 2:
            return a * a
        negative, exponent = np.real(a) < 0, np.real(b)
        size = np.power(np.where(negative, -a, a).astype(complex), b)
        if not np.any(negative):
            return size
        whole = exponent == np.floor(exponent)
        sign = np.where(whole, 1.0 - 2.0 * (exponent % 2), math.nan)
        return np.where(negative, sign * size, size)

    @staticmethod
    def hypot(*values: Value) -> Value:
        size = ARRAYS.maximum(*(np.abs(np.real(value)) for value in values))
        size = np.where(size == 0, 1.0, size)
        return size * np.sqrt(sum(np.square(value / size) for value in values) + 0j)

    @staticmethod
    def maximum(*values: Value) -> Value:
        result = values[0]
        for value in values[1:]:
            result = np.where(np.real(value) > np.real(result), value, result)
        return result

    @staticmethod
    def minimum(*values: Value) -> Value:
        result = values[0]
        for value in values[1:]:
            result = np.where(np.real(value) < np.real(result), value, result)
        return result

    @staticmethod
    def abs(x: Value) -> Value:
        return np.where(np.real(x) < 0, -x, x)

    @staticmethod
    def sign(x: Value) -> Value:
        return np.sign(np.real(x))

    @staticmethod
    def floor(x: Value) -> Value:
        return np.floor(np.real(x))

    @staticmethod
    def ceil(x: Value) -> Value:
        return np.ceil(np.real(x))

    @classmethod
    def mod(cls, a: Value, b: Value) -> Value:
        """The step goes along as it does with a - b*floor(a/b)."""
        x, y = np.real(a), np.real(b)
        return np.mod(x, y) + 1j * (np.imag(a) - np.imag(b) * np.floor_divide(x, y))

    @staticmethod
    def floor_divide(a: Value, b: Value) -> Value:
        return np.floor_divide(np.real(a), np.real(b))

    @staticmethod
    def atan2(y: Value, x: Value) -> Value:
        """The angle turns by (x dy - y dx)/(x^2 + y^2)."""
        a, b = np.real(y), np.real(x)
        turn = (b * np.imag(y) - a * np.imag(x)) / (a * a + b * b)
        return np.arctan2(a, b) + 1j * turn

    @staticmethod
    def _largest_or_smallest(x: Value, axis: Axis, find: Any) -> Value:
        if axis is None:
            flat = np.reshape(x, -1)
            return flat[find(np.real(flat))]
        if isinstance(axis, tuple):
            last = np.moveaxis(np.asarray(x), axis, range(-len(axis), 0))
            x, axis = np.reshape(last, (*last.shape[: -len(axis)], -1)), -1
        place = np.expand_dims(find(np.real(x), axis), axis)
        return np.take_along_axis(np.asarray(x), place, axis).squeeze(axis)

    @classmethod
    def largest(cls, x: Value, axis: Axis) -> Value:
        return cls._largest_or_smallest(x, axis, np.argmax)

    @classmethod
    def smallest(cls, x: Value, axis: Axis) -> Value:
        return cls._largest_or_smallest(x, axis, np.argmin)

    @classmethod
    def logsumexp(cls, *values: Value) -> Value:
        peak = ARRAYS.maximum(*map(np.real, values))
        return peak + np.log(sum(np.exp(value - peak) for value in values))

    log1p = _known_slope(np.log1p, lambda x: 1 / (1 + x))  # NumPy's loses digits near 0
    cbrt = _known_slope(np.cbrt, lambda x: 1 / (3 * np.square(np.cbrt(x))))
    erf = _known_slope(ARRAYS.erf, lambda x: 2 / math.sqrt(math.pi) * np.exp(-x * x))
    lgamma = _known_slope(ARRAYS.lgamma, ARRAYS.digamma)
    digamma = _known_slope(ARRAYS.digamma, ARRAYS.trigamma)
    trigamma = _known_slope(ARRAYS.trigamma, lambda x: ARRAYS.polygamma(2, x))

    @staticmethod
    def polygamma(n: Value, x: Value) -> Value:
        real = np.real(x)
        return ARRAYS.polygamma(n, real) + 1j * (ARRAYS.polygamma(n + 1, real) * np.imag(x))

    erfc = _known_slope(ARRAYS.erfc, lambda x: -2 / math.sqrt(math.pi) * np.exp(-x * x))


COMPLEX_STEP = ComplexStep()

STEP = 1e-30
"""Relative to what is moved."""

_LEAST_STEP = 1e-100
_UNDERFLOW = 2.0**-1000


def step_for(moves: Iterable[tuple[Value, Value]]) -> float:
    """How much of a direction, given as (value, its part of the direction), is small against every
    entry that moves; 0 where none does. A power of 2: what is linear rounds nothing by it."""
    largest, least, is_still = 0.0, 1.0, True
    for value, move in moves:
        size, length = np.abs(np.asarray(value, dtype=float)), np.abs(move)
        finite = float(np.max(length, where=np.isfinite(length), initial=0.0))
        largest, is_still = max(largest, finite), is_still and not np.any(length)
        least = min(least, float(np.min(size, where=(length != 0) & (size > 0), initial=1.0)))
    if is_still:
        return 0.0
    step = max(STEP * least, _LEAST_STEP) / (largest or 1.0)
    if step < _UNDERFLOW:  # no step is small for a direction of 1e300
        return math.nan
    return math.ldexp(0.5, math.frexp(step)[1])


def carrying(value: Value, change: Value) -> Value:
    """value + i*change; the real part as it is, whatever the change is."""
    found: Any = np.empty(np.shape(value), dtype=complex)
    found.real, found.imag = value, change
    return found[()]
