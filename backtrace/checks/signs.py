"""What the signs that depend on shapes mean to SymPy's witness of arrays: x·y, (A)(x), A^2, ||x||.

`respell` writes `a·b` as `a*c_dot*b`, `a^b` as `a**c_pow**b` and `x^T` as `x**c_T`: Python's own
precedence stays, and the object in the middle sees both sides. Which meaning is taken is worked
out here once more, from the arrays themselves; nothing is asked of our graph. Where a power of a
matrix has two readings both are carried along, until a sum takes the entries or the end the matrix.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy

from backtrace.checks.between import Between, Held
from backtrace.checks.reading import floor_divide, mod


class _Power:
    """c_pow, between two signs of a power."""

    def __pow__(self, exponent: Any) -> Held:
        return Held(_power, exponent)


class _Transposed:
    """c_T, as an exponent."""

    __array_ufunc__ = None

    def __rpow__(self, x: Any) -> Any:
        if isinstance(x, Both):
            return x.T
        array = np.asarray(x, dtype=object)
        if array.ndim != 1:
            return array.T
        return np.asarray(array) if isinstance(x, _Row) else array.view(_Row)


class _Row(np.ndarray):
    """A vector that lies: x^T."""


class Both:
    """A power of a matrix: entry by entry, and as a product of matrices."""

    __array_ufunc__ = None

    def __init__(self, entries: Any, matrix: Any) -> None:
        self.entries = entries
        self.matrix = matrix

    def _with(self, function: Callable[[Any, Any], Any], other: Any) -> Both:
        entries, matrix = (other.entries, other.matrix) if isinstance(other, Both) else [other] * 2
        return Both(function(self.entries, entries), function(self.matrix, matrix))

    def __add__(self, other: Any) -> Both:
        return self._with(operator.add, other)

    def __sub__(self, other: Any) -> Both:
        return self._with(operator.sub, other)

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Between):
            return Held(other.meaning, self)
        return self._with(operator.mul, other)

    def __truediv__(self, other: Any) -> Both:
        return self._with(operator.truediv, other)

    def __radd__(self, other: Any) -> Both:
        return self._with(lambda own, left: left + own, other)

    def __rsub__(self, other: Any) -> Both:
        return self._with(lambda own, left: left - own, other)

    def __rmul__(self, other: Any) -> Both:
        return self._with(lambda own, left: left * own, other)

    def __rtruediv__(self, other: Any) -> Both:
        return self._with(lambda own, left: left / own, other)

    def __neg__(self) -> Both:
        return Both(-self.entries, -self.matrix)

    def __matmul__(self, other: Any) -> Any:
        return self.matrix @ matrix_of(other)

    def __rmatmul__(self, other: Any) -> Any:
        return other @ self.matrix

    @property
    def T(self) -> Both:
        return Both(self.entries.T, self.matrix.T)


def matrix_of(value: Any) -> Any:
    """What is left where nothing asked for the entries."""
    return value.matrix if isinstance(value, Both) else value


def entries_of(value: Any) -> Any:
    return value.entries if isinstance(value, Both) else value


def on_both(function: Callable[..., Any], *values: Any, **keywords: Any) -> Any:
    """A function entry by entry, of both readings where there are two."""
    if not any(isinstance(value, Both) for value in values):
        return function(*values, **keywords)
    return Both(
        function(*map(entries_of, values), **keywords),
        function(*map(matrix_of, values), **keywords),
    )


def _dimensions(x: Any) -> int:
    return np.ndim(matrix_of(x)) if isinstance(x, (np.ndarray, Both)) else 0


def _dot(x: Any, y: Any) -> Any:
    if _dimensions(x) and _dimensions(y):
        return matrix_of(x) @ matrix_of(y)
    return x * y


def _side_by_side(x: Any, y: Any) -> Any:
    if _dimensions(x) == _dimensions(y) == 1 and isinstance(y, _Row):
        return np.outer(x, y)
    return _dot(x, y)


def _power(base: Any, exponent: Any) -> Any:
    base, exponent = entries_of(base), entries_of(exponent)
    by_entries = np.frompyfunc(operator.pow, 2, 1)(base, exponent)
    shape = np.shape(base)
    is_square = len(shape) > 1 and shape[-1] == shape[-2] > 1
    if not is_square or not isinstance(exponent, sympy.Integer) or exponent < 2:
        return by_entries
    product = base
    for _ in range(int(exponent) - 1):
        product = product @ base
    return Both(by_entries, product)


def _norm(x: Any) -> Any:
    if not _dimensions(x):
        return sympy.Abs(x)
    return sympy.sqrt(sum((entry * entry for entry in np.ravel(x)), sympy.Integer(0)))


def _norm1(x: Any) -> Any:
    return sum(map(sympy.Abs, np.ravel(np.asarray(x, dtype=object))), sympy.Integer(0))


def _by_entries(function: Callable[[Any, Any], Any]) -> Between:
    everywhere = np.frompyfunc(function, 2, 1)
    return Between(lambda x, y: on_both(everywhere, x, y))


SIGNS: dict[str, Any] = {
    "c_mod": _by_entries(mod),
    "c_floordiv": _by_entries(floor_divide),
    "c_dot": Between(_dot),
    "c_side": Between(_side_by_side),
    "c_pow": _Power(),
    "c_T": _Transposed(),
    "c_norm": _norm,
    "c_norm1": _norm1,
}
