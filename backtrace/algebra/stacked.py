"""Arrays of many points at once: the rules of the table on stacks.

What NumPy does with a stack as it does with an array needs nothing here. What is written for the
entries themselves works on the stacked arrays where it may have axes in front, and point by point
where it may not.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from backtrace.algebra import Value
from backtrace.algebra.arranged import Arranged
from backtrace.algebra.arrays import ARRAYS, Arrays, Axis, Index, numpy_index
from backtrace.algebra.attention import Attention
from backtrace.algebra.solving import Solving
from backtrace.algebra.stack import Stack, point_by_point, together
from backtrace.algebra.windows import Windows

_AS_THEY_ARE = (
    *("real", "flip", "tril", "triu", "cumsum", "cumsum_back", "cumprod", "diagonal"),
    *("identity", "ones", "full"),
)
"""Of what sets entries out in another way: made of functions that know stacks."""


def _has_stack(values: Any) -> bool:
    return any(isinstance(value, Stack) for value in values)


def _each(function: Any, *values: Any, **told: Any) -> Value:
    """Point by point, where it is not the same at every point."""
    if _has_stack(values):
        return point_by_point(function, *values, **told)
    return function(*values, **told)


def _one_by_one(name: str) -> Any:
    return staticmethod(functools.partial(_each, getattr(ARRAYS, name)))


def _of_matrices(name: str) -> Any:
    """A function of the last two axes, whatever stands before them."""
    function = getattr(ARRAYS, name)
    return staticmethod(lambda x: Stack(function(x.whole)) if _has_stack([x]) else function(x))


def _along(name: str) -> Any:
    """A function along an axis, None for all, that gives its argument's shape or one without it."""
    function = getattr(ARRAYS, name)

    def found(x: Value, axis: Axis) -> Value:
        if not isinstance(x, Stack):
            return function(x, axis)
        if axis is None:
            result = function(x.whole.reshape(len(x.whole), -1), 1)
            return Stack(result.reshape(x.whole.shape) if result.ndim == 2 else result)
        axes = axis if isinstance(axis, tuple) else (axis,)
        behind = tuple(part % x.ndim + 1 for part in axes)
        return Stack(function(x.whole, behind if isinstance(axis, tuple) else behind[0]))

    return staticmethod(found)


def _of_windows(name: str, arrays: int, has_shape: bool = False) -> Any:
    """A function of the last axes of its first `arrays` arguments; behind them may be a shape."""
    function = getattr(ARRAYS, name)

    def found(*values: Any, **told: Any) -> Value:
        given, others = values[:arrays], values[arrays:]
        if not all(isinstance(value, Stack) for value in given) or _has_stack(others):
            return _each(function, *values, **told)
        if has_shape:
            place = next(k for k, value in enumerate(others) if isinstance(value, tuple))
            whole = (len(given[0].whole), *others[place])
            others = (*others[:place], whole, *others[place + 1 :])
        return Stack(function(*[value.whole for value in given], *others, **told))

    return staticmethod(found)


def _of_attention(name: str, queries: int) -> Any:
    """`queries` and the one behind it are Q and K: what is made of both is a stack where one is."""
    function = getattr(ARRAYS, name)

    def found(*values: Any) -> Value:
        if not _has_stack(values[queries : queries + 2]):
            return _each(function, *values)
        count = next(len(v.whole) for v in values if isinstance(v, Stack))
        wholes = together(values)
        for k in range(queries):  # u and f, which may be the same at every point
            if not isinstance(values[k], Stack):
                wholes[k] = np.broadcast_to(values[k], (count, *np.shape(values[k])))
        return Stack(function(*wholes))

    return staticmethod(found)


class Stacked(Arrays):
    """The algebra of stacks of arrays of 64-bit floats; what is the same at every point may be an
    array or a number."""

    @staticmethod
    def truth(condition: Value) -> bool:
        """Whether it holds anywhere, at any point."""
        return ARRAYS.truth(condition.whole if isinstance(condition, Stack) else condition)

    @staticmethod
    def shape(x: Value) -> tuple[int, ...]:
        return x.shape if isinstance(x, Stack) else np.shape(x)

    @staticmethod
    def power(a: Value, b: Value) -> Value:
        if isinstance(b, Stack):
            return np.power(a * 1.0, b)
        return Stack(ARRAYS.power(*together((a, b)))) if _has_stack([a]) else ARRAYS.power(a, b)

    @staticmethod
    def where(condition: Value, a: Value, b: Value) -> Value:
        if not isinstance(condition, Stack):
            return ARRAYS.where(condition, a, b)
        if type(a) is int and type(b) is int:
            return Stack(ARRAYS.where(condition.whole, a, b))
        return np.where(condition, a, b)

    @staticmethod
    def put(u: Value, index: Index, shape: tuple[int, ...]) -> Value:
        if not isinstance(u, Stack):
            return ARRAYS.put(u, index, shape)
        result = np.zeros((len(u.whole), *shape), u.whole.dtype)
        places = result[(slice(None), *numpy_index(index))]
        places[...] = u.raised(places.ndim - 1)
        return Stack(result)

    @staticmethod
    def one_hot(k: Value, count: int) -> Value:
        return (
            Stack(ARRAYS.one_hot(k.whole, count)) if _has_stack([k]) else ARRAYS.one_hot(k, count)
        )

    @staticmethod
    def solve(a: Value, b: Value) -> Value:
        if not _has_stack([a, b]):
            return ARRAYS.solve(a, b)
        columns = b[:, None] if np.ndim(b) == 1 else b
        found = ARRAYS.solve(*together((a, columns)))
        return Stack(found[..., 0] if np.ndim(b) == 1 else found)

    @staticmethod
    def einsum(subscripts: str, *values: Value) -> Value:
        if not _has_stack(values):
            return ARRAYS.einsum(subscripts, *values)
        terms, output = subscripts.split("->")
        letter = next((c for c in "ZYXWVUTSRQPONMLKJIHGFEDCBA" if c not in subscripts), "")
        if not letter:
            return point_by_point(ARRAYS.einsum, subscripts, *values)
        own = [
            letter + term if isinstance(value, Stack) else term
            for term, value in zip(terms.split(","), values, strict=True)
        ]
        wholes = [value.whole if isinstance(value, Stack) else value for value in values]
        return Stack(ARRAYS.einsum(f"{','.join(own)}->{letter}{output}", *wholes))

    norm = _along("norm")
    others = _along("others")
    sum_of_others = _along("sum_of_others")
    _log_sum = _along("_log_sum")
    det = _of_matrices("det")
    logdet = _of_matrices("logdet")
    inv = _of_matrices("inv")
    cofactors = _of_matrices("cofactors")
    is_singular = _of_matrices("is_singular")
    convolved = _of_windows("convolved", 1)
    to_convolved = _of_windows("to_convolved", 1, has_shape=True)
    window_sum = _of_windows("window_sum", 1)
    to_window_sum = _of_windows("to_window_sum", 1, has_shape=True)
    window_max = _of_windows("window_max", 1)
    window_ties = _of_windows("window_ties", 2)
    to_window_max = _of_windows("to_window_max", 3)
    attended = _of_attention("attended", 0)
    attention_weights = _of_attention("attention_weights", 1)
    to_scores = _of_attention("to_scores", 2)


def _has_own(name: str) -> bool:
    return name in vars(Stacked) or name in _AS_THEY_ARE or name.startswith("_")


for _kind in (Arranged, Solving, Windows, Attention):
    for _name in vars(_kind):
        if not _has_own(_name):
            setattr(Stacked, _name, _one_by_one(_name))
Stacked.kron = _one_by_one("kron")

STACKED = Stacked()
