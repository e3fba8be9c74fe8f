"""The algebra of text: a rule run on names gives the rule as a person would write it.

    SIGMOID.local[0](SPELLING, name("s"), name("x"))   ->   s*(1 - s)

The graph is printed the same way, gate by gate, so there is one place that knows where brackets go.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

from backtrace.algebra import Value


class Binding(IntEnum):
    """How tightly an operator holds its operands; brackets go where a looser text stands in it."""

    COMPARISON = 1
    SUM = 2
    PRODUCT = 3
    SIGN = 4
    POWER = 5
    ATOM = 6


class Spelled(NamedTuple):
    """A piece of formula and how tightly it binds."""

    text: str
    binding: Binding = Binding.ATOM

    def within(self, binding: int) -> str:
        """The text, in brackets if it binds more loosely than `binding`."""
        return self.text if self.binding >= binding else f"({self.text})"

    def __add__(self, other: object) -> Spelled:
        return infix("+", Binding.SUM, self, spell(other))

    def __radd__(self, other: object) -> Spelled:
        return infix("+", Binding.SUM, spell(other), self)

    def __sub__(self, other: object) -> Spelled:
        return infix("-", Binding.SUM, self, spell(other))

    def __rsub__(self, other: object) -> Spelled:
        return infix("-", Binding.SUM, spell(other), self)

    def __mul__(self, other: object) -> Spelled:
        return infix("*", Binding.PRODUCT, self, spell(other))

    def __rmul__(self, other: object) -> Spelled:
        return infix("*", Binding.PRODUCT, spell(other), self)

    def __neg__(self) -> Spelled:
        return prefix("-", Binding.SIGN, self)


def spell(value: object) -> Spelled:
    """A number or a spelled text as spelled text."""
    if isinstance(value, Spelled):
        return value
    return literal(str(value))


def literal(text: str) -> Spelled:
    """A number as it was written; a signed one binds like a sign: (-2)^x, x - (-2)."""
    return Spelled(text, Binding.SIGN if text.startswith("-") else Binding.ATOM)


def prefix(symbol: str, binding: Binding, operand: Spelled) -> Spelled:
    """`-x`; a sign never stands before a sign: -(-x)."""
    return Spelled(symbol + operand.within(binding + 1), binding)


def infix(symbol: str, binding: Binding, left: Spelled, right: Spelled) -> Spelled:
    """`x + y`, `x*y`, `x^y`: powers group to the right, the others to the left."""
    to_the_right = binding is Binding.POWER
    first = left.within(binding + to_the_right)
    second = right.within(binding + (not to_the_right))
    if right.binding is Binding.SIGN and not second.startswith("("):
        second = f"({second})"  # x*(-y), 2^(-1): legal without, but easier to read
    gap = " " if binding <= Binding.SUM else ""
    return Spelled(f"{first}{gap}{symbol}{gap}{second}", binding)


def call(name: str, arguments: list[Spelled]) -> Spelled:
    return Spelled(f"{name}({', '.join(argument.text for argument in arguments)})")


def _function(name: str) -> Callable[..., Spelled]:
    return lambda *values: call(name, [spell(value) for value in values])


def _comparison(symbol: str) -> Callable[..., Spelled]:
    return lambda a, b: infix(symbol, Binding.COMPARISON, spell(a), spell(b))


class Spelling:
    """The algebra of text. Functions that are not of the formula language keep their usual name."""

    as_written = True

    def number(self, text: str) -> Spelled:
        return literal(text)

    def divide(self, a: Value, b: Value) -> Spelled:
        return infix("/", Binding.PRODUCT, spell(a), spell(b))

    def power(self, a: Value, b: Value) -> Spelled:
        return infix("^", Binding.POWER, spell(a), spell(b))

    def square(self, x: Value) -> Spelled:
        return infix("^", Binding.POWER, spell(x), literal("2"))

    less = staticmethod(_comparison("<"))
    less_equal = staticmethod(_comparison("<="))
    greater = staticmethod(_comparison(">"))
    greater_equal = staticmethod(_comparison(">="))
    equal = staticmethod(_comparison("=="))
    not_equal = staticmethod(_comparison("!="))
    maximum = staticmethod(_function("max"))
    minimum = staticmethod(_function("min"))

    def __getattr__(self, name: str) -> Callable[..., Spelled]:
        return _function(name)


SPELLING = Spelling()
