"""What SymPy's expressions are worth at a point, correct to 15 digits.

Numbers are found with more and more digits until two agree: SymPy is not always as good as it was
asked to be (ln(1 + exp(-100)) with 20 digits is 0).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import sympy

from backtrace.checks.sharedsymbols import AtPoint
from backtrace.language import tell

PI = sympy.Symbol("pi", positive=True)
"""Stands for the float that the trace used."""

_DIGITS = (20, 60, 400)
_DIGITS_OF_PARTS = (60, 100, 400)
_SAME = 1e-13
_SMALL_WHOLE = 1000
_FOR_EVALF = 60  # nodes of an expression


class Unanswered(Exception):
    """SymPy has no usable answer; the message says why."""


class ByParts:
    """Of many expressions that have much in common, each part worked out once."""

    def __init__(
        self, point: Mapping[Any, float], meanings: Mapping[Any, Any] = MappingProxyType({})
    ) -> None:
        self._point = point
        self._meanings = meanings
        self._by_digits: dict[int, AtPoint] = {}

    def value(self, expression: Any) -> float:
        return self.settled(lambda at: [at.value(expression)])[0]

    def settled(self, find: Callable[[AtPoint], Sequence[Any]]) -> list[float]:
        """The numbers that are found at the point, once they stay what they are with more digits.
        Raises Unanswered where one of them is not real or not finite."""
        before: list[float] = []
        for digits in _DIGITS_OF_PARTS:
            found = find(self._at(digits))
            values = [_real(number, {}, digits) for number in found]
            earlier = before or itertools.repeat(None)
            each = zip(found, values, earlier, strict=False)
            if all(number.is_Rational or _is_settled(v, b, digits) for number, v, b in each):
                break
            before = values
        return values

    def _at(self, digits: int) -> AtPoint:
        if digits not in self._by_digits:
            point = {symbol: sympy.Float(value, digits) for symbol, value in self._point.items()}
            point[PI] = sympy.Float(math.pi, digits)
            self._by_digits[digits] = AtPoint(point, digits, self._meanings)
        return self._by_digits[digits]


def value_of(expression: Any, point: Mapping[Any, float]) -> float:
    """An expression's value where its symbols have these. (evalf visits what is nested twice a
    level: a long one is worked out part by part.)"""
    if _is_longer(expression, _FOR_EVALF):
        return ByParts(point).value(expression)
    given = {symbol: exact(value) for symbol, value in point.items()}
    given[PI] = sympy.Float(math.pi, max(_DIGITS))
    before = None
    for digits in _DIGITS:
        value = _real(expression, given, digits)
        if _is_settled(value, before, digits):
            break
        before = value
    return value


def exact(value: float) -> Any:
    """The float itself. (Not as a fraction: SymPy would take roots of its numerator exactly.)"""
    if value == int(value) and abs(value) <= _SMALL_WHOLE:
        return sympy.Integer(int(value))
    return sympy.Float(value, max(_DIGITS))


def _is_settled(value: float, before: float | None, digits: int) -> bool:
    """Whether it is what it was with fewer digits. Not a zero, which may be what cancellation has
    left, nor what is smaller than those digits beside 1: ln(1 + 1e-300) may be 0 on the way."""
    if before is None or abs(value - before) > _SAME * abs(value):
        return False
    return abs(value) > 10.0 ** (20 - digits)


def _real(expression: Any, given: Mapping[Any, Any], digits: int) -> float:
    result = expression.evalf(digits, subs=given)
    if not (result.is_Float or result.is_Rational) or not result.is_finite:
        raise Unanswered(tell("SymPy finds no real number here"))
    # a sum that cancels to nothing, like 1 - sign(x), comes back as noise of one bit
    return 0.0 if getattr(result, "_prec", 53) == 1 else float(result)


def _is_longer(expression: Any, most: int) -> bool:
    """Whether an expression has more than so many nodes, written out."""
    nodes = sympy.preorder_traversal(expression)
    return next(itertools.islice(nodes, most, None), None) is not None
