"""An algebra that counts by doing: arrays of numbers each of which says when it is multiplied.

The witness of `algebra.counting`, which knows shapes only. Everything is NumPy's own arithmetic on
arrays of objects, but for what floats do in another way than the textbook: that stands here as the
textbook has it.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from typing import Any

import numpy as np

from backtrace.algebra import Derived
from backtrace.algebra.arrays import Arrays
from backtrace.algebra.floats import FLOATS

DONE: Counter[str] = Counter()

_OF_ONE = (
    *("exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "cbrt", "erf", "erfc"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh"),
    *("lgamma", "digamma", "trigamma"),
)
_QUIET = ("abs", "sign", "floor", "ceil")
_TESTS = ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")


@functools.total_ordering
class Number:
    """A float that counts; a mask is 1 where something holds, else 0."""

    __slots__ = ("is_mask", "value")

    def __init__(self, value: float, is_mask: bool = False) -> None:
        self.value = float(value)
        self.is_mask = is_mask

    def __float__(self) -> float:
        return self.value

    def __bool__(self) -> bool:
        return self.value != 0

    def __eq__(self, other: object) -> bool:
        return self.value == float(other)  # type: ignore[arg-type]

    def __lt__(self, other: Any) -> bool:
        return self.value < float(other)

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: Any) -> Number:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return Number(self.value + float(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Number:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return Number(self.value - float(other))

    def __rsub__(self, other: Any) -> Number:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return Number(float(other) - self.value)

    def __neg__(self) -> Number:
        return Number(-self.value)

    def __mul__(self, other: Any) -> Number:
        if isinstance(other, np.ndarray):
            return NotImplemented
        product = self.value * float(other)
        if not isinstance(other, Number):
            if other == 1:
                return self
            if other in (0, -1):
                return Number(product)
        is_mask = [number.is_mask for number in (self, other) if isinstance(number, Number)]
        if not any(is_mask):
            DONE["multiply"] += 1
        return Number(product, all(is_mask) and len(is_mask) == 2)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Number:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return _divided(self, other)

    def __rtruediv__(self, other: Any) -> Number:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return _divided(other, self)


def _divided(a: Any, b: Any) -> Any:
    if not isinstance(b, Number) and b in (1, -1):
        return a * b
    if not isinstance(a, Number) and not isinstance(b, Number):
        return a / b
    DONE["divide"] += 1
    return Number(float(a) / float(b) if float(b) else math.nan)


def _called(name: str) -> Any:
    def call(*values: Any) -> Any:
        found = getattr(FLOATS, name)(*map(float, values))
        if not any(isinstance(value, Number) for value in values):
            return found
        DONE[name] += 1
        return Number(found)

    return call


def _powered(a: Any, b: Any) -> Any:
    if not isinstance(b, Number) and b in (0, 1, 2):
        return (lambda: Number(1.0), lambda: a, lambda: a * a)[int(b)]()
    return _called("power")(a, b)


def _quiet(name: str) -> Any:
    return lambda x: Number(getattr(FLOATS, name)(float(x))) if isinstance(x, Number) else x


def _tested(name: str) -> Any:
    return lambda a, b: Number(getattr(FLOATS, name)(float(a), float(b)), is_mask=True)


def _chosen(condition: Any, a: Any, b: Any) -> Any:
    are_masks = all(
        value.is_mask if isinstance(value, Number) else value in (0, 1) for value in (a, b)
    )
    return Number(float(a if condition else b), are_masks)


def _entrywise(function: Any, count: int) -> Any:
    return staticmethod(np.frompyfunc(function, count, 1))


class _Textbook(Arrays):
    """The rules of arrays as the textbook has them."""

    as_written = True

    @staticmethod
    def number(text: str) -> float:
        return float(FLOATS.number(text))

    @staticmethod
    def truth(condition: Any) -> bool:
        return not isinstance(condition, Number | np.ndarray) and bool(condition)

    @staticmethod
    def real(x: Any) -> Any:
        return np.asarray(x, dtype=float)

    @staticmethod
    def filled(x: Any, a: Any) -> Any:
        given = np.array(a, dtype=object)
        return np.broadcast_to(given, np.broadcast_shapes(np.shape(x), np.shape(a)))[()]

    @staticmethod
    def full(a: Any, shape: Any) -> Any:
        return np.broadcast_to(np.array(a, dtype=object), shape)

    @classmethod
    def square(cls, x: Any) -> Any:
        return x * x

    @classmethod
    def maximum(cls, *values: Any) -> Any:
        return functools.reduce(
            np.frompyfunc(lambda a, b: Number(max(float(a), float(b))), 2, 1), values
        )

    @classmethod
    def minimum(cls, *values: Any) -> Any:
        return functools.reduce(
            np.frompyfunc(lambda a, b: Number(min(float(a), float(b))), 2, 1), values
        )

    @classmethod
    def hypot(cls, *values: Any) -> Any:
        return cls.sqrt(sum(value * value for value in values))

    @classmethod
    def logsumexp(cls, *values: Any) -> Any:
        return cls.log(sum(cls.exp(value) for value in values))

    @classmethod
    def norm(cls, x: Any, axis: Any) -> Any:
        return cls.sqrt(cls.sum(x * x, axis))

    @classmethod
    def softmax(cls, x: Any, axis: Any) -> Any:
        powers = cls.exp(x)
        return cls.divide(powers, cls.aligned(cls.sum(powers, axis), axis))

    @classmethod
    def logsumexp_along(cls, x: Any, axis: Any) -> Any:
        return cls.log(cls.sum(cls.exp(x), axis))

    @classmethod
    def log_softmax(cls, x: Any, axis: Any) -> Any:
        return x - cls.aligned(cls.logsumexp_along(x, axis), axis)

    @classmethod
    def sum_of_others(cls, x: Any, axis: Any) -> Any:
        return cls.aligned(cls.sum(x, axis), axis) - x

    @staticmethod
    def one_hot(k: Any, count: int) -> Any:
        hits = np.equal(np.expand_dims(np.asarray(k, dtype=float), -1), np.arange(count))
        return np.frompyfunc(lambda hit: Number(hit, is_mask=True), 1, 1)(hits)

    @staticmethod
    def einsum(subscripts: str, *values: Any) -> Any:
        """Two at a time, in the order that NumPy finds."""
        labels, _, output = subscripts.partition("->")
        waiting = list(zip(labels.split(","), map(np.asarray, values), strict=True))
        path = [tuple(range(len(values)))]
        if len(values) > 2:
            floats = [np.ones(np.shape(value)) for value in values]
            path = np.einsum_path(subscripts, *floats, optimize="greedy")[0][1:]
        for places in path:
            taken = [waiting.pop(place) for place in sorted(places, reverse=True)]
            rest = set(output + "".join(label for label, _ in waiting))
            left = "".join(sorted({c for label, _ in taken for c in label} & rest))
            left = left if waiting else output
            step = ",".join(label for label, _ in taken) + "->" + left
            waiting.append((left, np.einsum(step, *(array for _, array in taken))))
        found = waiting[0][1]
        return found[()] if isinstance(found, np.ndarray) else found

    @classmethod
    def back_in_place(cls, u: Any, x: Any, axis: int, ties: str) -> Any:  # noqa: ARG003
        """What ties share is not counted."""
        return super().back_in_place(u, x, axis, ties="each")

    @classmethod
    def convolved(cls, x: Any, w: Any, strides: Any, padding: Any) -> Any:
        """The zeros around are multiplied like any number."""
        return super().convolved(_padded(x, padding), w, strides, (0,) * len(padding))

    @classmethod
    def to_kernels(cls, u: Any, x: Any, shape: Any, strides: Any, padding: Any) -> Any:
        return super().to_kernels(u, _padded(x, padding), shape, strides, (0,) * len(padding))

    @classmethod
    def attended(cls, Q: Any, K: Any, V: Any, *_: Any) -> Any:
        root = math.sqrt(np.shape(Q)[-1])
        scores = cls.divide(Q, root) @ np.swapaxes(K, -2, -1)
        cls.weights = cls.softmax(scores, -1)
        return cls.weights @ V

    @classmethod
    def attention_weights(cls, *_: Any) -> Any:
        return cls.weights

    @classmethod
    def to_scores(cls, u: Any, _: Any, Q: Any, __: Any, V: Any, *___: Any) -> Any:
        if getattr(cls, "scores_of", None) is not u:
            root = math.sqrt(np.shape(Q)[-1])
            r = cls.divide(u, root) @ np.swapaxes(V, -2, -1)
            p = cls.weights
            cls.scores = p * (r - np.expand_dims(cls.sum(p * r, -1), -1))
            cls.scores_of = u
        return cls.scores

    # linear algebra by elimination, as Golub and Van Loan write it

    @classmethod
    def det(cls, x: Any) -> Any:
        found = np.empty(np.shape(x)[:-2], dtype=object)
        for place in np.ndindex(found.shape):
            rows, _ = _triangle(x[place], np.empty((len(x[place]), 0), dtype=object))
            found[place] = functools.reduce(lambda a, b: a * b, np.diagonal(rows))
        return found[()]

    @classmethod
    def logdet(cls, x: Any) -> Any:
        return np.frompyfunc(lambda d: _called("log")(Number(abs(d.value))), 1, 1)(cls.det(x))

    @classmethod
    def inv(cls, x: Any) -> Any:
        identity = np.frompyfunc(Number, 1, 1)(np.eye(np.shape(x)[-1]))
        return cls._solved(x, np.broadcast_to(identity, np.shape(x)))

    @classmethod
    def _solved(cls, a: Any, b: Any) -> Any:
        found = np.empty(np.shape(b), dtype=object)
        for place in np.ndindex(np.shape(b)[:-2]):
            rows, columns = _triangle(a[place], b[place])
            for k in reversed(range(len(rows))):
                for c in range(np.shape(columns)[1]):
                    known = sum(rows[k, j] * columns[j, c] for j in range(k + 1, len(rows)))
                    columns[k, c] = (columns[k, c] - known) / rows[k, k]
            found[place] = columns
        return found

    @classmethod
    def is_singular(cls, x: Any) -> Any:
        return np.zeros(np.shape(x)[:-2], dtype=bool)

    @classmethod
    def solve(cls, a: Any, b: Any) -> Any:
        columns = np.expand_dims(b, -1) if np.ndim(b) == 1 else b
        batch = np.broadcast_shapes(np.shape(a)[:-2], np.shape(columns)[:-2])
        found = cls._solved(
            np.broadcast_to(a, (*batch, *np.shape(a)[-2:])),
            np.broadcast_to(columns, (*batch, *np.shape(columns)[-2:])),
        )
        return found[..., 0] if np.ndim(b) == 1 else found


def _padded(x: Any, padding: Any) -> Any:
    widths = [(0, 0)] * (np.ndim(x) - len(padding)) + [(n, n) for n in padding]
    return np.pad(x, widths, constant_values=Number(0))


def _triangle(matrix: Any, columns: Any) -> tuple[Any, Any]:
    """No rows are exchanged: nothing is counted of that."""
    rows, beside = np.array(matrix), np.array(columns)
    count = len(rows)
    for k in range(count):
        for i in range(k + 1, count):
            factor = rows[i, k] / rows[k, k]
            rows[i, k + 1 :] -= factor * rows[k, k + 1 :]
            beside[i] -= factor * beside[k]
    return rows, beside


def tallied() -> Arrays:
    """The algebra; what it does is in DONE."""
    functions: dict[str, Any] = {name: _entrywise(_called(name), 1) for name in _OF_ONE}
    functions |= {name: _entrywise(_quiet(name), 1) for name in _QUIET}
    functions |= {name: _entrywise(_tested(name), 2) for name in _TESTS}
    functions |= {"divide": _entrywise(_divided, 2), "power": _entrywise(_powered, 2)}
    functions |= {"polygamma": _entrywise(_called("polygamma"), 2)}
    functions |= {"atan2": _entrywise(_called("atan2"), 2), "where": _entrywise(_chosen, 3)}
    own = ("truth", "of_arrays", "as_written", "filled", "square", "hypot", "logsumexp")
    functions |= {
        name: rule
        for name, rule in vars(Derived).items()
        if not name.startswith("_") and name not in own and name not in functions
    }
    return type("Tallied", (_Textbook,), functions)()  # type: ignore[no-any-return]


def numbers(value: Any) -> Any:
    """A float, or an array of floats, as numbers that count."""
    return np.frompyfunc(lambda entry: Number(float(entry)), 1, 1)(value)


__all__ = ["DONE", "Number", "numbers", "tallied"]
