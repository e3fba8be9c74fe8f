"""A single edit of a line, and what is known around it."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from backtrace.algebra.values import shape_of


class Edit(NamedTuple):
    """code   of the table `CODES`
    says   what somebody did, as a sentence about the line
    text   the line's expression as it is meant; of what is no expression, the line as written
    cost   how far fetched it is, 0 the likeliest
    key    the same edit in another round of a loop has the same
    name   the name that it brings in, which is another one in another round
    """

    code: str
    says: str
    text: str
    cost: float = 0
    key: tuple[object, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class Around:
    """What a line may use.

    values     of every name, the forward names and, with the right numbers, the gradients
    forward    the names that go forward
    gradients  the names of the gradients before it
    others     what else has been worked out before it: versions, rounds of a loop
    ends       of an activation's value the pre-activation
    before     what the gradient held before this line, "" for nothing
    adds       whether the line adds to that
    missing    what the gradient lacks in the end
    added_up   the line with += where it sets rows that an array names
    lessens    whether the line as it is written takes 1 off something
    """

    values: Mapping[str, Any]
    forward: Sequence[str]
    gradients: Sequence[str]
    others: Sequence[str] = ()
    ends: Mapping[str, str] = field(default_factory=dict)
    before: str = ""
    adds: bool = False
    missing: Any = None
    added_up: str = ""
    lessens: bool = False

    def shape(self, name: str) -> tuple[int, ...]:
        return shape_of(self.values.get(name))

    @property
    def lengths(self) -> list[int]:
        """The counts that there are: how long arrays are along their axes."""
        return sorted({n for value in self.values.values() for n in shape_of(value)} - {1})

    @property
    def sizes(self) -> list[int]:
        """How many entries matrices have: what a mean over all of them divides by."""
        shapes = {shape_of(value) for value in self.values.values()}
        return sorted({math.prod(shape) for shape in shapes if len(shape) > 1} - {0, 1})

    @property
    def rows(self) -> set[int]:
        """How many rows arrays have."""
        return {shape[0] for value in self.values.values() if (shape := shape_of(value))}


class Found(NamedTuple):
    """One edit, as a maker has it: at which node, how much less likely than others of its code,
    and the name that it brings in."""

    code: str
    says: str
    tree: ast.expr
    place: int = 0
    more: float = 0
    name: str = ""


Makes = Iterator[Found]
