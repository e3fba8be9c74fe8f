"""The algebra that writes down what is to be done: a list of operations on whole columns.

Every value is a number of the tape, or a float. What is said twice is done once; 1*x is x. The
rules of the table are recorded as they are, and then run on a million rows at a time (`many`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from backtrace.algebra import Value
from backtrace.algebra.arrays import ARRAYS, quiet
from backtrace.algebra.rounded import Rounded

_NAMED = {"pi": math.pi, "e": math.e, "tau": math.tau}
_LARGEST_EXPONENT = np.float64(708.0).view(np.int64)  # the bits of positive floats are in order
_COMMUTE = (np.add, np.multiply, np.maximum, np.minimum, np.equal, np.not_equal)
_TESTS = (
    *(np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal),
    *(np.isfinite, np.logical_and, np.logical_or),
)


def choose(condition: Any, a: Any, b: Any, out: Any) -> None:
    """where(), into an array that is none of the three."""
    np.copyto(out, b)
    np.copyto(out, a, where=condition)


class Beyond(ArithmeticError):
    """A column holds what these steps are not made for; those of a careful recorder are."""


def negative_below(x: Any, out: Any) -> None:
    """-x, of which e^-x does not overflow. Raises Beyond, for a nan of either sign or for none:
    it says nothing of the rows beside it, and as a float it would be the largest of all."""
    np.negative(x, out=out)
    if out.size and np.maximum.reduce(out.view(np.int64)) > _LARGEST_EXPONENT:
        raise Beyond


def erf(x: Any, out: Any) -> None:
    np.copyto(out, ARRAYS.erf(x))


def erfc(x: Any, out: Any) -> None:
    np.copyto(out, ARRAYS.erfc(x))


def _entrywise(name: str) -> Callable[..., Any]:
    def into(*values: Any, out: Any) -> None:
        np.copyto(out, getattr(ARRAYS, name)(*values))

    return into


class Step(NamedTuple):
    """`function(*operands, out=...)`; an operand is a column's number, or a float."""

    function: Callable[..., Any]
    operands: tuple[Column | float, ...]
    is_test: bool


class Column:
    """The result of a step, or (of no step) an input."""

    __slots__ = ("number", "tape")

    def __init__(self, tape: Recorder, number: int) -> None:
        self.tape = tape
        self.number = number

    def __add__(self, other: Value) -> Value:
        return self.tape.record(np.add, self, other)

    def __radd__(self, other: Value) -> Value:
        return self.tape.record(np.add, other, self)

    def __sub__(self, other: Value) -> Value:
        return self.tape.record(np.subtract, self, other)

    def __rsub__(self, other: Value) -> Value:
        return self.tape.record(np.subtract, other, self)

    def __mul__(self, other: Value) -> Value:
        return self.tape.times(self, other)

    def __rmul__(self, other: Value) -> Value:
        return self.tape.times(other, self)

    def __neg__(self) -> Value:
        return self.tape.negative(self)


class Recorder(Rounded):
    """`steps[k]` makes the column of number k; None for an input.

    Unless it is `careful`, the steps may raise Beyond for a column with a value that is very large,
    and are quicker for all others.
    """

    of_arrays = True

    def __init__(self, careful: bool = True) -> None:
        self.careful = careful
        self.steps: list[Step | None] = []
        self._known: dict[Any, Column] = {}

    def input(self) -> Column:
        self.steps.append(None)
        return Column(self, len(self.steps) - 1)

    def record(self, function: Callable[..., Any], *operands: Value) -> Value:
        """The column that `function` makes of these; of numbers alone the number."""
        given = tuple([o if isinstance(o, Column) else float(o) for o in operands])
        if not any(isinstance(o, Column) for o in given):
            with quiet():
                out = np.empty(())
                function(*[np.float64(o) for o in given if not isinstance(o, Column)], out=out)
                return float(out)
        names: list[Any] = [o.number if isinstance(o, Column) else ("", repr(o)) for o in given]
        if function in _COMMUTE:
            names.sort(key=str)
        key = (function, *names)
        if key not in self._known:
            self.steps.append(Step(function, given, function in _TESTS))
            self._known[key] = Column(self, len(self.steps) - 1)
        return self._known[key]

    def times(self, a: Value, b: Value) -> Value:
        for one, other in ((a, b), (b, a)):
            if not isinstance(one, Column) and one == 1 and not self.is_test(other):
                return other
            if not isinstance(one, Column) and one == -1 and not self.is_test(other):
                return self.negative(other)
        return self._signed(np.multiply, a, b)

    def divide(self, a: Value, b: Value) -> Value:
        return self._signed(np.divide, a, b)

    def negative(self, a: Value) -> Value:
        positive = self._positive(a)
        return self.record(np.negative, a) if positive is None else positive

    def _signed(self, function: Callable[..., Any], a: Value, b: Value) -> Value:
        """A product or quotient, whose sign is that of its parts."""
        parts = [(value, self._positive(value)) for value in (a, b)]
        plain = [v if p is None else p for v, p in parts]
        if function is np.divide and self._is_inverse(*plain):
            found = self.record(np.square, plain[0])  # 1/x over x: a product is quicker
        else:
            found = self.record(function, *plain)
        is_negative = sum(p is not None for _, p in parts) == 1
        return self.negative(found) if is_negative else found

    def _is_inverse(self, a: Value, b: Value) -> bool:
        """Whether a is 1/b."""
        step = self.steps[a.number] if isinstance(a, Column) else None
        return step is not None and step.function is np.divide and step.operands == (1.0, b)

    def _positive(self, value: Value) -> Value | None:
        """Of -x the x."""
        step = self.steps[value.number] if isinstance(value, Column) else None
        return step.operands[0] if step is not None and step.function is np.negative else None

    def sigmoid(self, x: Value) -> Value:
        """As it is written: 1/(1 + e^-x)."""
        if self.careful or not isinstance(x, Column):
            return super().sigmoid(x)
        return self.divide(1.0, 1 + self._falling(x))

    def logistic_pdf(self, x: Value) -> Value:
        """e^-x/(1 + e^-x)^2, in which no part overflows."""
        if self.careful or not isinstance(x, Column):
            return super().logistic_pdf(x)
        s = self.sigmoid(x)
        return self.times(self.times(self._falling(x), s), s)

    def _falling(self, x: Value) -> Value:
        """e^-x"""
        return self.exp(self.record(negative_below, x))

    def is_test(self, value: Value) -> bool:
        """Whether it is a column of truths."""
        step = self.steps[value.number] if isinstance(value, Column) else None
        return step is not None and step.is_test

    def number(self, text: str) -> float:
        return _NAMED[text] if text in _NAMED else float(text)

    def truth(self, condition: Value) -> bool:
        """What depends on the row is not decided here."""
        return False if isinstance(condition, Column) else bool(condition)

    def real(self, x: Value) -> Value:
        return x

    def where(self, condition: Value, a: Value, b: Value) -> Value:
        if not isinstance(condition, Column):
            return a if condition else b
        if type(a) is int and type(b) is int and (a, b) == (1, 0) and self.is_test(condition):
            return condition
        if not self.is_test(condition):
            condition = self.record(np.not_equal, condition, 0)
        return self.record(choose, condition, a, b)

    def power(self, a: Value, b: Value) -> Value:
        if not isinstance(b, Column) and b in (1, 2):
            return a if b == 1 else self.record(np.square, a)
        return self.record(np.power, a, b)

    def filled(self, x: Value, a: Value) -> Value:  # noqa: ARG002
        return a if isinstance(a, Column) else float(a)

    def hypot(self, *values: Value) -> Value:
        return self._chained(np.hypot, self.record(np.absolute, values[0]), *values[1:])

    def maximum(self, *values: Value) -> Value:
        return self._chained(np.maximum, *values)

    def minimum(self, *values: Value) -> Value:
        return self._chained(np.minimum, *values)

    def _chained(self, function: Callable[..., Any], result: Value, *values: Value) -> Value:
        for value in values:
            result = self.record(function, result, value)
        return result

    def logsumexp(self, *values: Value) -> Value:
        """ln(1 + the others) above the largest; which that is differs from row to row."""
        peak = self.maximum(*values)
        rest: Value = 0.0
        is_out: Value = 0.0  # whether the largest has been taken out
        for value in values:
            is_peak = self.greater(self.equal(value, peak), is_out)
            rest = rest + self.where(is_peak, 0.0, self.exp(value - peak))
            is_out = self.maximum(is_out, is_peak)
        is_finite = self.record(np.isfinite, peak)
        return self.where(is_finite, peak + self.log1p(rest), peak)

    if TYPE_CHECKING:  # those of _FUNCTIONS

        def __getattr__(self, name: str) -> Callable[..., Value]: ...


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "mod": np.mod,
    "floor_divide": np.floor_divide,
    "square": np.square,
    "abs": np.absolute,
    "sign": np.sign,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "log2": np.log2,
    "log10": np.log10,
    "sqrt": np.sqrt,
    "cbrt": np.cbrt,
    "floor": np.floor,
    "ceil": np.ceil,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "erf": erf,
    "erfc": erfc,
    "lgamma": _entrywise("lgamma"),
    "digamma": _entrywise("digamma"),
    "trigamma": _entrywise("trigamma"),
    "polygamma": _entrywise("polygamma"),
}


def _recording(function: Callable[..., Any]) -> Callable[..., Value]:
    def method(self: Recorder, *values: Value) -> Value:
        return self.record(function, *values)

    return method


for _name, _function in _FUNCTIONS.items():  # also where another way is inherited
    setattr(Recorder, _name, _recording(_function))
