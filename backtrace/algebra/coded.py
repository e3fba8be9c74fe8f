"""A piece of code: its text, how strongly it binds, and the shape of what it computes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from backtrace.algebra.spelling import Binding

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """A piece of code, how tightly it binds, and the shape of what it computes."""

    text: str
    binding: Binding = Binding.ATOM
    shape: Shape = ()

    def within(self, binding: int) -> str:
        return self.text if self.binding >= binding else f"({self.text})"

    def __add__(self, other: object) -> Coded:
        return infix("+", Binding.SUM, self, coded(other))

    def __radd__(self, other: object) -> Coded:
        return infix("+", Binding.SUM, coded(other), self)

    def __sub__(self, other: object) -> Coded:
        return infix("-", Binding.SUM, self, coded(other))

    def __rsub__(self, other: object) -> Coded:
        return infix("-", Binding.SUM, coded(other), self)

    def __mul__(self, other: object) -> Coded:
        return infix("*", Binding.PRODUCT, self, coded(other))

    def __rmul__(self, other: object) -> Coded:
        return infix("*", Binding.PRODUCT, coded(other), self)

    def __pow__(self, other: object) -> Coded:
        return infix("**", Binding.POWER, self, coded(other))

    def __neg__(self) -> Coded:
        return Coded(f"-{self.within(Binding.POWER)}", Binding.SIGN, self.shape)


def coded(value: object) -> Coded:
    """A number, or a piece of code as it is."""
    if isinstance(value, Coded):
        return value
    text = str(value)
    if isinstance(value, float) and not math.isfinite(value):
        text = f"float('{value}')"
    return Coded(text, Binding.SIGN if text.startswith("-") else Binding.ATOM)


def broadcast(*shapes: Shape) -> Shape:
    longest = max(map(len, shapes))
    padded = [(1,) * (longest - len(shape)) + shape for shape in shapes]
    return tuple(max(lengths) for lengths in zip(*padded, strict=True))


def infix(symbol: str, binding: Binding, left: Coded, right: Coded) -> Coded:
    """`x + y`: powers group to the right, the others to the left; a sign inside is in brackets."""
    to_the_right = binding is Binding.POWER
    first = left.within(binding + to_the_right)
    second = right.within(binding + (not to_the_right))
    if second.startswith("-"):
        second = f"({second})"
    if left.binding is Binding.SIGN and to_the_right:
        first = f"({left.text})"
    gap = "" if binding is Binding.POWER else " "
    return Coded(f"{first}{gap}{symbol}{gap}{second}", binding, broadcast(left.shape, right.shape))


def index_text(index: tuple[Any, ...]) -> str:
    """0, 1:3 as it is written."""
    parts = []
    for part in index:
        if isinstance(part, tuple):
            start, stop, step = ("" if p is None else str(p) for p in part)
            parts.append(f"{start}:{stop}{f':{step}' * bool(step)}")
        else:
            parts.append("..." if part is ... else str(part))
    return ", ".join(parts)
