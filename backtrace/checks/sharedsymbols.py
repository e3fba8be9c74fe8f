"""Values and slopes of SymPy's expressions at a point, where what many of them share is calculated
once: values from the symbols up, slopes from the whole down.

Written out, an entry of a derivative says what all the others say once more; here every part of an
expression is met once. What a part is worth SymPy works out from the numbers in its arguments'
places, and how it changes with one of them is SymPy's own derivative of that one function. Nothing
here knows of gates.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import sympy

_NOTHING: Mapping[Any, Any] = MappingProxyType({})


class Undecided(Exception):
    """Which piece counts, or what a function's derivative is, SymPy does not say."""


class AtPoint:
    """Numbers of so many digits where the symbols have the values of `point`; `meanings` are the
    expressions that some symbols stand for instead."""

    def __init__(
        self, point: Mapping[Any, Any], digits: int, meanings: Mapping[Any, Any] = _NOTHING
    ) -> None:
        self._digits = digits
        self._meanings = meanings
        self._values: dict[Any, Any] = dict(point)
        self._derivatives: dict[Any, tuple[list[Any], Any]] = {}

    def value(self, expression: Any) -> Any:
        """SymPy's number, or whatever else it makes of the expression there."""
        for part in parts_of([expression], self._meanings, self._values):
            self._values[part] = self._value(part)
        return self._values[expression]

    def slopes(
        self, weights: Iterable[tuple[Any, Any]], symbols: Collection[Any]
    ) -> dict[Any, Any]:
        """By each of these symbols, of the sum of weight*expression over all (expression, weight).
        Raises Undecided."""
        reaching: dict[Any, Any] = {}
        for expression, weight in weights:
            self.value(expression)
            reaching[expression] = reaching.get(expression, 0) + weight
        parts = parts_of(reaching, self._meanings)
        moved = self._moved(parts, symbols)
        for part in reversed(parts):
            if part in moved and part in reaching:
                for argument, slope in self._slopes_of(part, moved):
                    passed = self._as_number(reaching[part] * slope)
                    reaching[argument] = reaching.get(argument, 0) + passed
        return {symbol: reaching.get(symbol, sympy.Integer(0)) for symbol in symbols}

    def _moved(self, parts: Sequence[Any], symbols: Collection[Any]) -> set[Any]:
        """Those that hold one of the symbols."""
        moved: set[Any] = set()
        for part in parts:
            if part in symbols or not moved.isdisjoint(_arguments(part, self._meanings)):
                moved.add(part)
        return moved

    def _value(self, part: Any) -> Any:
        """What has no symbol stays exact until it meets a number that had one."""
        if part in self._meanings:
            return self._values[self._meanings[part]]
        values = [self._values[argument] for argument in part.args]
        if all(map(_is_same, values, part.args)):
            return part
        return self._as_number(part.func(*values))

    def _as_number(self, found: Any) -> Any:
        """sqrt(2)*0.1 as one number."""
        if isinstance(found, sympy.Expr) and not found.is_Number and found.is_number:
            return found.evalf(self._digits)
        return found

    def _slopes_of(self, part: Any, moved: Collection[Any]) -> Iterator[tuple[Any, Any]]:
        """How a part changes with each of its arguments that move."""
        if part in self._meanings:
            yield self._meanings[part], sympy.Integer(1)
        elif part.is_Add:
            yield from ((term, sympy.Integer(1)) for term in part.args if term in moved)
        elif part.is_Piecewise:
            piece = self._piece(part)
            if piece in moved:
                yield piece, sympy.Integer(1)
        else:
            values = [self._values[argument] for argument in part.args]
            for place, argument in enumerate(part.args):
                if argument in moved:
                    yield argument, self._slope(part, place, values)

    def _piece(self, part: Any) -> Any:
        for expression, condition in part.args:
            held = self._values[condition]
            if held == sympy.true:
                return expression
            if held != sympy.false:
                break
        raise Undecided

    def _slope(self, part: Any, place: int, values: Sequence[Any]) -> Any:
        """SymPy's derivative of the function alone, by its argument at this place."""
        kept = tuple(a if v is a else None for v, a in zip(values, part.args, strict=True))
        key = (part.func, kept, place)
        if key not in self._derivatives:
            self._derivatives[key] = _derivative(part.func, kept, place)
        symbols, derivative = self._derivatives[key]
        given = (value for value, constant in zip(values, kept, strict=True) if constant is None)
        return self._as_number(derivative.xreplace(dict(zip(symbols, given, strict=True))))


def parts_of(
    expressions: Iterable[Any], meanings: Mapping[Any, Any], known: Collection[Any] = ()
) -> list[Any]:
    """Every distinct part of them that is not known, each after its own parts."""
    found: dict[Any, None] = {}
    waiting = [(expression, False) for expression in expressions]
    while waiting:
        part, is_ready = waiting.pop()
        if part in known or part in found:
            continue
        inner = _arguments(part, meanings)
        if is_ready or not inner:
            found[part] = None
        else:
            waiting.append((part, True))
            waiting += [(argument, False) for argument in inner]
    return list(found)


def length(expressions: Sequence[Any], meanings: Mapping[Any, Any]) -> int:
    """How many parts they have when each is written out."""
    lengths: dict[Any, int] = {}
    for part in parts_of(expressions, meanings):
        lengths[part] = 1 + sum(lengths[argument] for argument in _arguments(part, meanings))
    return sum(lengths[expression] for expression in expressions)


def _arguments(part: Any, meanings: Mapping[Any, Any]) -> Sequence[Any]:
    return (meanings[part],) if part in meanings else part.args


def _derivative(
    function: Callable[..., Any], kept: Sequence[Any], place: int
) -> tuple[list[Any], Any]:
    """Symbols for the arguments that are no constants, and the derivative by the one at this place,
    without the spikes that jumps have."""
    arguments = [sympy.Dummy(real=True) if argument is None else argument for argument in kept]
    found = function(*arguments).diff(arguments[place])
    if found.has(sympy.Derivative, sympy.Subs):
        raise Undecided
    symbols = [a for a, constant in zip(arguments, kept, strict=True) if constant is None]
    return symbols, found.replace(sympy.DiracDelta, lambda *_: sympy.Integer(0))


def _is_same(a: Any, b: Any) -> bool:
    return a is b
