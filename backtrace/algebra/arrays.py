"""Arrays of 64-bit floats: the same rules, entry by entry, and what only arrays have.

Every function works on NumPy arrays and on plain numbers, and broadcasts as NumPy does
(https://numpy.org/doc/stable/user/basics.broadcasting.html). Comparisons give arrays of bool; what
is not finite is a value, never a warning: work inside `quiet()`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from backtrace.algebra import Value, gammas
from backtrace.algebra.arranged import Arranged
from backtrace.algebra.attention import Attention
from backtrace.algebra.rounded import Rounded
from backtrace.algebra.solving import Solving
from backtrace.algebra.stack import Stack
from backtrace.algebra.windows import Windows

Axis = Any
"""An axis, a tuple of several, or None: all of them."""

Index = tuple[Any, ...]

WITH_ENTRIES = (np.ndarray, Stack)
"""What is more than one number: an array, or an array for every point."""

_NAMED = {"pi": math.pi, "e": math.e, "tau": math.tau}


def quiet() -> Any:
    """A context in which inf and nan are values: NumPy says nothing about them."""
    return np.errstate(all="ignore")


def _numpy(function: Any) -> Any:
    return staticmethod(function)


def _elementwise(function: Any) -> Any:
    """A function of one float on every entry, for the few that NumPy has not."""
    over = np.frompyfunc(function, 1, 1)

    def everywhere(x: Value) -> Value:
        found = over(x)
        return found.astype(float) if isinstance(found, WITH_ENTRIES) else float(found)

    return staticmethod(everywhere)


class Arrays(Arranged, Solving, Windows, Attention, Rounded):
    """The algebra of arrays of 64-bit floats."""

    of_arrays = True

    @staticmethod
    def number(text: str) -> float:
        return _NAMED[text] if text in _NAMED else float(text)

    @staticmethod
    def truth(condition: Value) -> bool:
        """Whether it holds anywhere."""
        return bool(condition.any()) if isinstance(condition, np.ndarray) else bool(condition)

    divide = _numpy(np.divide)
    mod = _numpy(np.mod)
    floor_divide = _numpy(np.floor_divide)

    @staticmethod
    def filled(x: Value, a: Value) -> Value:
        """a wherever x has an entry."""
        return np.broadcast_to(a, np.broadcast_shapes(np.shape(x), np.shape(a)))[()]

    @staticmethod
    def power(a: Value, b: Value) -> Value:
        if np.ndim(b) == 0 and b in (1, 2):  # NumPy's power is ten times slower than a product
            return np.square(a) if b == 2 else np.positive(a)
        return np.power(np.asarray(a, float), b)

    @staticmethod
    def hypot(*values: Value) -> Value:
        result = np.abs(values[0])
        for value in values[1:]:
            result = np.hypot(result, value)
        return result

    @staticmethod
    def maximum(*values: Value) -> Value:
        result = values[0]
        for value in values[1:]:
            result = np.maximum(result, value)
        return result

    @staticmethod
    def minimum(*values: Value) -> Value:
        result = values[0]
        for value in values[1:]:
            result = np.minimum(result, value)
        return result

    @staticmethod
    def where(condition: Value, a: Value, b: Value) -> Value:
        if not isinstance(condition, np.ndarray):
            taken = a if condition else b
            shape = np.broadcast_shapes(np.shape(a), np.shape(b))
            return taken if np.shape(taken) == shape else np.broadcast_to(taken, shape)
        if type(a) is int and type(b) is int and {a, b} == {0, 1}:
            # a mask is as good as ones and zeros, and an eighth of the size
            mask = condition if condition.dtype == bool else np.not_equal(condition, 0)
            return mask if a else np.logical_not(mask)
        return np.where(condition, a, b)

    less = _numpy(np.less)
    less_equal = _numpy(np.less_equal)
    greater = _numpy(np.greater)
    greater_equal = _numpy(np.greater_equal)
    equal = _numpy(np.equal)
    not_equal = _numpy(np.not_equal)

    exp = _numpy(np.exp)
    expm1 = _numpy(np.expm1)
    log = _numpy(np.log)
    log1p = _numpy(np.log1p)
    log2 = _numpy(np.log2)
    log10 = _numpy(np.log10)
    sqrt = _numpy(np.sqrt)
    cbrt = _numpy(np.cbrt)
    abs = _numpy(np.abs)
    sign = _numpy(np.sign)
    floor = _numpy(np.floor)
    ceil = _numpy(np.ceil)
    erf = _elementwise(math.erf)
    erfc = _elementwise(math.erfc)
    lgamma = _elementwise(gammas.lgamma)
    digamma = _elementwise(gammas.digamma)
    trigamma = _elementwise(gammas.trigamma)

    @staticmethod
    def polygamma(n: Value, x: Value) -> Value:
        found = np.frompyfunc(gammas.polygamma, 2, 1)(n, x)
        return found.astype(float) if isinstance(found, WITH_ENTRIES) else float(found)

    sin = _numpy(np.sin)
    cos = _numpy(np.cos)
    tan = _numpy(np.tan)
    asin = _numpy(np.arcsin)
    acos = _numpy(np.arccos)
    atan = _numpy(np.arctan)
    atan2 = _numpy(np.arctan2)
    sinh = _numpy(np.sinh)
    cosh = _numpy(np.cosh)
    tanh = _numpy(np.tanh)
    square = _numpy(np.square)

    @classmethod
    def logsumexp(cls, *values: Value) -> Value:
        """ln(e^x + e^y + ...), entry by entry, with the largest taken out: ln(1 + the others), so
        that nothing is lost where these are tiny."""
        peak = cls.maximum(*values)
        rest: Value = 0.0
        is_out: Value = False
        for value in values:
            is_peak = np.logical_and(value == peak, np.logical_not(is_out))
            rest = rest + np.where(is_peak, 0.0, np.exp(value - peak))
            is_out = np.logical_or(is_out, is_peak)
        return np.where(np.isfinite(peak), peak + np.log1p(rest), peak)

    # what moves entries about, or makes one of many

    shape = _numpy(np.shape)
    matmul = _numpy(np.matmul)
    transpose = _numpy(np.transpose)
    concatenate = _numpy(np.concatenate)
    kron = _numpy(np.kron)

    @staticmethod
    def real(x: Value) -> Value:
        """The numbers themselves; in other algebras what they are compared by."""
        return x

    @staticmethod
    def reshape(x: Value, shape: tuple[int, ...]) -> Value:
        return np.reshape(x, shape)

    @staticmethod
    def stack(values: list[Value], axis: int) -> Value:
        return np.stack(np.broadcast_arrays(*values), axis)

    @staticmethod
    def outer(x: Value, y: Value) -> Value:
        return np.multiply.outer(x, y)

    @staticmethod
    def pick(x: Value, index: Index) -> Value:
        """x[index]: whole numbers, and (start, stop, step) for slices."""
        return x[numpy_index(index)]

    @staticmethod
    def put(u: Value, index: Index, shape: tuple[int, ...]) -> Value:
        """Zeros of `shape`, with `u` at [index]."""
        result = np.zeros(shape, np.asarray(u).dtype)  # of objects too: N digits
        result[numpy_index(index)] = u
        return result

    @staticmethod
    def sum(x: Value, axis: Axis) -> Value:
        return np.add.reduce(x, axis)

    @staticmethod
    def aligned(u: Value, axis: Axis) -> Value:
        """What a reduction along `axis` gave, with that axis back at length 1, to broadcast."""
        if isinstance(axis, tuple):
            return np.expand_dims(u, axis)
        if axis is None or not np.ndim(u):
            return u
        shape = list(np.shape(u))
        shape.insert(axis if axis >= 0 else axis + len(shape) + 1, 1)
        return np.reshape(u, shape)

    @staticmethod
    def spread(u: Value, x: Value, axis: Axis) -> Value:
        """What a reduction of x along `axis` gave, repeated over what it was made of: a view."""
        whole = u if axis is None else np.expand_dims(u, axis)
        return np.broadcast_to(whole, np.shape(x))

    @classmethod
    def largest(cls, x: Value, axis: Axis) -> Value:
        return np.max(x, axis)

    @classmethod
    def smallest(cls, x: Value, axis: Axis) -> Value:
        return np.min(x, axis)

    @classmethod
    def softmax(cls, x: Value, axis: Axis) -> Value:
        """e^x over its sum, with the largest taken out, so that no exp overflows."""
        powers = cls.exp(x - cls.aligned(cls.real(cls.largest(x, axis)), axis))
        return powers / cls.aligned(cls.sum(powers, axis), axis)

    @classmethod
    def log_softmax(cls, x: Value, axis: Axis) -> Value:
        shifted = x - cls.aligned(cls.real(cls.largest(x, axis)), axis)
        return shifted - cls.aligned(cls._log_sum(shifted, axis), axis)

    @classmethod
    def logsumexp_along(cls, x: Value, axis: Axis) -> Value:
        peak = cls.real(cls.largest(x, axis))
        found = peak + cls._log_sum(x - cls.aligned(peak, axis), axis)
        return found if is_finite(peak) else cls.where(cls.equal(peak - peak, 0), found, peak)

    @classmethod
    def _log_sum(cls, shifted: Value, axis: Axis) -> Value:
        """ln of the sum of e^shifted, whose largest entry is 0: ln(1 + the others), so that nothing
        is lost where these are tiny."""
        real = cls.real(shifted)
        rest = np.array(cls.exp(shifted), order="C")  # so that it can be written to as a vector
        if axis is None or axis in (-1, np.ndim(shifted) - 1):
            place: Any = np.argmax(real, axis)  # of every row, as the rows stand behind each other
            if axis is not None:
                place += np.arange(0, rest.size, max(1, rest.shape[-1])).reshape(place.shape)
            rest.reshape(-1)[place] = 0.0
            own = np.reshape(shifted, -1)[place]
        else:
            first = np.expand_dims(np.argmax(real, axis), axis)
            np.put_along_axis(rest, first, 0.0, axis)
            own = np.take_along_axis(np.asarray(shifted), first, axis).squeeze(axis)
        # the largest is e^own = 1, but for the step that a complex one carries
        return own + cls.log1p(cls.sum(rest, axis) * cls.exp(-own))

    @staticmethod
    def sum_of_others(x: Value, axis: Axis) -> Value:
        """For every entry the sum of all others along `axis`: nothing is taken off again."""
        flat = np.reshape(x, -1) if axis is None else np.moveaxis(np.asarray(x), axis, -1)
        none = np.zeros_like(flat[..., :1])
        before = np.cumsum(np.concatenate([none, flat[..., :-1]], -1), -1)
        after = np.cumsum(np.concatenate([none, flat[..., :0:-1]], -1), -1)[..., ::-1]
        total = before + after
        return np.reshape(total, np.shape(x)) if axis is None else np.moveaxis(total, -1, axis)

    @classmethod
    def norm(cls, x: Value, axis: Axis) -> Value:
        """The square root of the sum of squares, scaled so that no square over- or underflows."""
        peak = np.max(np.abs(cls.real(x)), axis)
        size = np.where((peak == 0) | ~np.isfinite(peak), 1.0, peak)
        return size * cls.sqrt(cls.sum(cls.square(x / cls.aligned(size, axis)), axis))

    @staticmethod
    def others(x: Value, axis: Axis) -> Value:
        """For every entry the product of all others along `axis`; no division, one may be 0."""
        flat = np.reshape(x, -1) if axis is None else np.moveaxis(x, axis, -1)
        ones = np.ones_like(flat[..., :1])
        before = np.cumprod(np.concatenate([ones, flat[..., :-1]], -1), -1)
        after = np.cumprod(np.concatenate([ones, flat[..., :0:-1]], -1), -1)[..., ::-1]
        product = before * after
        return np.reshape(product, np.shape(x)) if axis is None else np.moveaxis(product, -1, axis)

    @staticmethod
    def product(x: Value, axis: Axis) -> Value:
        return np.multiply.reduce(x, axis)

    @staticmethod
    def one_hot(k: Value, count: int) -> Value:
        """A 1 at each class k, in a last axis of `count` entries."""
        return np.equal(np.asarray(k).real[..., None], np.arange(count))

    @staticmethod
    def summed_to(u: Value, shape: tuple[int, ...]) -> Value:
        """`u` summed over the axes along which an operand of `shape` was repeated."""
        if np.shape(u) == shape:
            return u
        extra = np.ndim(u) - len(shape)
        axes = tuple(range(extra))
        axes += tuple(
            extra + k for k, n in enumerate(shape) if n == 1 and np.shape(u)[extra + k] != 1
        )
        return np.reshape(np.add.reduce(u, axes), shape) if axes else u


def numpy_index(index: Index) -> Index:
    return tuple(slice(*part) if isinstance(part, tuple) else part for part in index)


ARRAYS = Arrays()


def is_finite(value: Value) -> bool:
    """Whether every entry is. A sum is the quickest test; only where it overflows is every entry
    looked at."""
    with quiet():
        return _is_finite(value)


def _is_finite(value: Value) -> bool:
    value = value.whole if isinstance(value, Stack) else value
    if not isinstance(value, np.ndarray):
        return bool(value - value == 0)  # of a number with a larger exponent than floats have, too
    if value.dtype == object:
        return bool(np.all(value - value == 0))
    if value.ndim and not any(value.strides):  # one number, repeated
        return bool(np.isfinite(value.flat[0]))
    return bool(np.isfinite(np.add.reduce(value, None))) or bool(np.isfinite(value).all())


__all__ = ["ARRAYS", "Arrays", "is_finite", "quiet"]
