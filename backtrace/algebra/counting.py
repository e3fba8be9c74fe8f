"""The algebra that counts: a value is a shape, and what is done to it is added up.

A multiply-add is one multiplication; a product with 1, -1, 0, or with a mask (1 where something
holds, else 0) is none, but a choice. Divisions, and functions (exp, log, sqrt, any power but x^1
and x^2), are counted by their names, an entry at a time. Additions, comparisons, and what moves
entries about are free. Rules are followed as the table shows them (`as_written`), and linear
algebra goes by elimination. Which named values a rule has read is told by `reads`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from backtrace.algebra import Derived, Value
from backtrace.algebra.countedarrays import CountedArrays
from backtrace.algebra.countedproducts import CountedProducts
from backtrace.algebra.floats import FLOATS
from backtrace.language import tell

Shape = tuple[int, ...]
Source = Any
"""What a value is called by whoever asks what is read: a node's index."""

_FUNCTIONS = (
    *("exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "cbrt", "erf", "erfc"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "atan2"),
    *("lgamma", "digamma", "trigamma", "polygamma"),
)
_TESTS = ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")
_FREE = ("abs", "sign", "floor", "ceil")
_NONE, _SAME, _TURNED = 0, 1, -1


class Counted:
    """A value of which the shape is known, and who made it. `is_mask`: its entries are 0 or 1;
    `holds`: what its gate keeps beside it for the way back."""

    __slots__ = ("counting", "holds", "is_mask", "shape", "source")

    def __init__(
        self, counting: Counting, shape: Shape, source: Source = None, is_mask: bool = False
    ) -> None:
        self.counting = counting
        self.shape = shape
        self.source = source
        self.is_mask = is_mask
        self.holds: Counted | None = None

    def __add__(self, other: Value) -> Counted:
        return self.counting.free(self, other)

    __radd__ = __sub__ = __rsub__ = __add__

    def __mul__(self, other: Value) -> Counted:
        found: Counted = self.counting.times(self, other)
        return found

    __rmul__ = __mul__

    def __neg__(self) -> Counted:
        return self.counting.free(self)


class Counting(CountedArrays, CountedProducts, Derived):
    """`counts` are what has been done, by name; `reads` the sources of what was looked at."""

    of_arrays = True
    as_written = True

    def __init__(self, length_of: Callable[[int], int] = lambda n: n) -> None:
        self.counts: dict[str, int] = {}
        self.reads: set[Source] = set()
        self.length_of = length_of
        self._scores: dict[Counted, Counted] = {}

    @contextmanager
    def apart(self) -> Iterator[tuple[dict[str, int], set[Source]]]:
        """What is done inside, counted by itself: the counts and the reads."""
        before = self.counts, self.reads
        self.counts, self.reads = {}, set()
        try:
            yield self.counts, self.reads
        finally:
            self.counts, self.reads = before

    def made(self, shape: Iterable[int], source: Source = None) -> Counted:
        return Counted(self, tuple(map(self.length_of, shape)), source)

    def add_up(self, name: str, count: int) -> None:
        if count:
            self.counts[name] = self.counts.get(name, 0) + count

    def read(self, *values: Value) -> None:
        for value in values:
            if isinstance(value, Counted) and value.source is not None:
                self.reads.add(value.source)

    def shape(self, x: Value) -> Shape:
        return x.shape if isinstance(x, Counted) else ()

    def number(self, text: str) -> float:
        return float(FLOATS.number(text))

    def truth(self, condition: Value) -> bool:
        """What depends on entries does not hold: rules ask so for what is no number."""
        return False if isinstance(condition, Counted) else bool(condition)

    def free(self, *values: Value) -> Counted:
        """What takes no multiplication, entry by entry."""
        self.read(*values)
        return Counted(self, broadcast(self.shape(value) for value in values))

    def counted(self, name: str, *values: Value) -> Value:
        """One `name` for every entry of what comes out; of plain numbers it is worked out."""
        if not any(isinstance(value, Counted) for value in values):
            return getattr(FLOATS, name)(*values)
        found = self.free(*values)
        self.add_up(name, math.prod(found.shape))
        return found

    def times(self, a: Value, b: Value) -> Value:
        """A product: nothing to do where one is 1, and a choice where it is a mask."""
        if not isinstance(a, Counted):
            a, b = b, a
        if not isinstance(a, Counted):
            return a * b
        if not isinstance(b, Counted):
            if b == _SAME:
                return a
            if b == _NONE:
                return Counted(self, a.shape)
            if b == _TURNED:
                return self.free(a)
        found = self.free(a, b)
        if not (a.is_mask or getattr(b, "is_mask", False)):
            self.add_up("multiply", math.prod(found.shape))
        found.is_mask = a.is_mask and getattr(b, "is_mask", False)
        return found

    def divide(self, a: Value, b: Value) -> Value:
        if not isinstance(b, Counted) and b in (_SAME, _TURNED):
            return self.times(a, b)
        return self.counted("divide", a, b)

    def square(self, x: Value) -> Value:
        return self.times(x, x)

    def power(self, a: Value, b: Value) -> Value:
        if isinstance(a, Counted) and not isinstance(b, Counted):
            if b in (1, 2):
                return a if b == 1 else self.square(a)
            if b == 0:
                return Counted(self, a.shape)
        return self.counted("power", a, b)

    def hypot(self, *values: Value) -> Value:
        """sqrt(x^2 + y^2 + ...)"""
        total: Value = 0.0
        for value in values:
            total = total + self.square(value)
        return self.sqrt(total)

    def logsumexp(self, *values: Value) -> Value:
        """log(e^x + e^y + ...)"""
        total: Value = 0.0
        for value in values:
            total = total + self.exp(value)
        return self.log(total)

    def filled(self, x: Value, a: Value) -> Value:
        """Of x the shape alone is asked for."""
        self.read(a)
        return Counted(self, broadcast([self.shape(x), self.shape(a)]))

    def detach(self, x: Value) -> Value:
        return x

    def real(self, x: Value) -> Value:
        return x

    def maximum(self, *values: Value) -> Value:
        return self._chosen(FLOATS.maximum, *values)

    def minimum(self, *values: Value) -> Value:
        return self._chosen(FLOATS.minimum, *values)

    def _chosen(self, of_numbers: Callable[..., Value], *values: Value) -> Value:
        if not any(isinstance(value, Counted) for value in values):
            return of_numbers(*values)
        return self.free(*values)

    def where(self, condition: Value, a: Value, b: Value) -> Value:
        if not isinstance(condition, Counted):
            taken = a if condition else b
            shape = broadcast([self.shape(a), self.shape(b)])
            return taken if self.shape(taken) == shape else self.filled(Counted(self, shape), taken)
        found = self.free(condition, a, b)
        found.is_mask = _is_mask(a) and _is_mask(b)
        return found

    def __getattr__(self, name: str) -> Callable[..., Value]:
        if name in _FUNCTIONS:
            return lambda *values: self.counted(name, *values)
        if name in _FREE:
            return lambda x: self._chosen(getattr(FLOATS, name), x)
        if name in _TESTS:
            return lambda a, b: self._test(name, a, b)
        raise AttributeError(tell("{name} is not counted", name=name))

    def _test(self, name: str, a: Value, b: Value) -> Value:
        if not (isinstance(a, Counted) or isinstance(b, Counted)):
            return getattr(FLOATS, name)(a, b)
        found = self.free(a, b)
        found.is_mask = True
        return found


def _is_mask(value: Value) -> bool:
    return value.is_mask if isinstance(value, Counted) else value in (0, 1)


def broadcast(shapes: Iterable[Shape]) -> Shape:
    """The shape that all are repeated to; they are known to fit."""
    result: Shape = ()
    for shape in shapes:
        longer, shorter = (result, shape) if len(result) >= len(shape) else (shape, result)
        head = len(longer) - len(shorter)
        ends = zip(longer[head:], shorter, strict=True)
        result = (*longer[:head], *(b if a == 1 else a for a, b in ends))
    return result


__all__ = ["Counted", "Counting", "broadcast"]
