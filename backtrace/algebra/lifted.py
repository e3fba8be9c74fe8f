"""Arrays of N-digit floats: what measures the slopes of small arrays.

Any algebra of numbers becomes one of arrays when its functions are applied to every entry; what
moves entries about is the same for all.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from backtrace.algebra import Value
from backtrace.algebra.arrays import Arrays, Axis
from backtrace.algebra.digits import Digits
from backtrace.algebra.solving import Eliminating

_ROOTS_AND_LOGS = ("exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "cbrt", "erf", "erfc")
_SPECIAL = ("lgamma", "digamma", "trigamma", "sinc", "sinc_slope")
_ANGLES = ("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh")
_OF_NETWORKS = ("logistic_pdf", "silu", "silu_slope", "mish", "mish_slope")
_NORMAL = ("normal_cdf", "normal_pdf", "tanh_cdf", "gelu", "gelu_slope")
_OF_ONE = (
    *_SPECIAL,
    *_OF_NETWORKS,
    *_NORMAL,
    *_ROOTS_AND_LOGS,
    *_ANGLES,
    "abs",
    "sign",
    "floor",
    "ceil",
)
_ORDER = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
_OF_TWO = (
    "divide",
    "mod",
    "floor_divide",
    "power",
    "atan2",
    "gaussian",
    "difference_exp",
    "polygamma",
    *_ORDER,
)
_OF_MANY = ("hypot", "maximum", "minimum", "logsumexp")


def lifted(m: Digits) -> Arrays:
    """The algebra of arrays whose entries are numbers of `m`."""

    def everywhere(name: str, count: int) -> Any:
        function = np.frompyfunc(getattr(m, name), count, 1)
        return staticmethod(lambda *values: function(*values))

    def of_many(name: str) -> Any:
        function = getattr(m, name)
        return staticmethod(lambda *v: np.frompyfunc(function, len(v), 1)(*v))

    functions = {name: everywhere(name, 1) for name in _OF_ONE}
    functions |= {name: everywhere(name, 2) for name in _OF_TWO}
    functions |= {name: of_many(name) for name in _OF_MANY}
    functions["number"] = staticmethod(m.number)
    kind = type("Lifted", (_Plain,), functions)
    return kind()  # type: ignore[no-any-return]


class _Plain(Eliminating, Arrays):
    """Where NumPy's way with floats is no way with other numbers."""

    @staticmethod
    def where(condition: Value, a: Value, b: Value) -> Value:
        found: Any = np.where(np.asarray(condition, dtype=bool), a, b)
        return found[()]

    @staticmethod
    def truth(condition: Value) -> bool:
        return bool(np.any(np.asarray(condition, dtype=bool)))

    @classmethod
    def norm(cls, x: Value, axis: Axis) -> Value:
        return cls.sqrt(cls.sum(x * x, axis))

    @staticmethod
    def one_hot(k: Value, count: int) -> Value:
        classes = np.asarray(k, dtype=float)
        return np.equal(np.expand_dims(classes, -1), np.arange(count)) * 1


def convert(m: Digits, value: Value) -> Value:
    """A float, or an array of floats, as numbers of `m`."""
    if value is None or isinstance(value, tuple | int | str):
        return value
    return np.frompyfunc(m.from_float, 1, 1)(value)
