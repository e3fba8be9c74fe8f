"""What a graph costs: multiplications forward and backward, and what is kept for the way back.

Three ways to all gradients beside one another: reverse mode, forward mode, and reverse mode with
checkpoints. Numbers are whole, or polynomials in the letters of lengths (`algebra.lengths`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

BYTES = 8
"""Of a 64-bit float."""


class Work(NamedTuple):
    """Multiplications, divisions, and calls of functions by their names."""

    multiplications: int = 0
    divisions: int = 0
    functions: Mapping[str, int] = {}

    @property
    def others(self) -> int:
        """Divisions and calls of functions together."""
        return sum(self.functions.values(), self.divisions)

    def plus(self, other: Work) -> Work:
        names = [*self.functions, *(n for n in other.functions if n not in self.functions)]
        return Work(
            self.multiplications + other.multiplications,
            self.divisions + other.divisions,
            {n: self.functions.get(n, 0) + other.functions.get(n, 0) for n in names},
        )


class GateCost(NamedTuple):
    """Of one gate: the work forward and backward; the bytes of its value, and of what it holds
    beside it, where some way back reads these; and the nodes that its own way back reads."""

    node: int
    forward: Work
    backward: Work
    kept: int
    reads: tuple[int, ...]


class ForwardMode(NamedTuple):
    """One pass for every entry of the inputs: each is the way forward, and the tangents beside it.
    `held` are the numbers of values in use at one moment, with their tangents, in bytes: one of
    these is the most (several where letters do not say which)."""

    passes: int
    of_each: Work
    held: tuple[int, ...]


class Checkpoints(NamedTuple):
    """The gates in stretches of `every`: what a stretch needs from before it is kept; on the way
    back it is worked out `again`. `nodes` are the gates whose values stand as checkpoints; `kept`
    in bytes, these and a stretch: one of these is the most."""

    every: int
    nodes: tuple[int, ...]
    again: Work
    kept: tuple[int, ...]


class Cost(NamedTuple):
    """`kept` in bytes: all that reverse mode keeps; the inputs are there anyway."""

    gates: tuple[GateCost, ...]
    forward: Work
    backward: Work
    kept: int
    forward_mode: ForwardMode
    checkpoints: Checkpoints

    @property
    def both(self) -> Work:
        return self.forward.plus(self.backward)


__all__ = ["BYTES", "Checkpoints", "Cost", "ForwardMode", "GateCost", "Work"]
