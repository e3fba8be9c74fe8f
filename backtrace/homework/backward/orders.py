"""The orders in which `backward` may go through the nodes, and what comes of those that are wrong.

The formula is that of `code.autograd`: its nodes are used at different depths, so that every wrong
order gives other numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backtrace.code.autograd import STEPS
from backtrace.homework.backward.edit import Edit
from backtrace.language import tell


def are_same(a: Mapping[str, float], b: Mapping[str, float]) -> bool:
    """Whether two sets of gradients are the same numbers."""
    return all(math.isclose(a.get(name, 0.0), b[name], rel_tol=1e-9, abs_tol=1e-12) for name in b)


@dataclass(frozen=True, slots=True)
class _Orders:
    """The nodes of the formula that `backward` is tried at, gone through in orders that are
    wrong."""

    values: dict[str, float]
    children: Mapping[str, tuple[str, str]]
    result: str

    def passed(self, order: Sequence[str], seed: float = 1.0) -> dict[str, float]:
        """The gradients where nodes pass theirs on in this order."""
        found = dict.fromkeys(self.values, 0.0)
        found[self.result] = seed
        for name in order:
            operation = next((op for n, op, _, _ in STEPS if n == name), "")
            pair = self.children.get(name, ())
            for one, other in zip(pair, pair[::-1], strict=True):
                local = self.values[other] if operation == "mul" else 1.0
                found[one] += local * found[name]
        return found

    def after_children(self, name: str, seen: set[str] | None) -> Iterator[str]:
        """Each node after what it is made of; all again each time where `seen` is None."""
        if seen is not None and name in seen:
            return
        if seen is not None:
            seen.add(name)
        for child in self.children.get(name, ()):
            yield from self.after_children(child, seen)
        yield name

    def at_once(self, name: str, seen: set[str] | None, turn: int) -> Iterator[str]:
        """Each node as it is met, then what it is made of."""
        if seen is not None and name in seen:
            return
        if seen is not None:
            seen.add(name)
        yield name
        for child in self.children.get(name, ())[::turn]:
            yield from self.at_once(child, seen, turn)

    def breadth_first(self, is_once: bool, turn: int) -> Iterator[str]:
        waiting, seen = [self.result], {self.result}
        while waiting:
            name = waiting.pop(0)
            yield name
            for child in self.children.get(name, ())[::turn]:
                if not (is_once and child in seen):
                    seen.add(child)
                    waiting.append(child)


def slips_of_order(inputs: Mapping[str, float]) -> Iterator[tuple[Edit, dict[str, float]]]:
    """What is commonly wrong with `backward`, and the gradients that come of it."""
    values = dict(inputs)
    for name, operation, a, b in STEPS:
        values[name] = values[a] * values[b] if operation == "mul" else values[a] + values[b]
    children = {name: (a, b) for name, _, a, b in STEPS}
    of = _Orders(values, children, STEPS[-1][0])
    once = [*of.after_children(of.result, set())]
    twice = [*of.after_children(of.result, None)]

    def made(code: str, says: str, order: Sequence[str], seed: float = 1.0) -> Any:
        return Edit(code, says, ""), of.passed(order, seed)

    says = tell("never sets the gradient of the result to 1")
    yield made("no-seed", says, once[::-1], 0.0)
    yield made("order", tell("goes from the inputs to the result, not the other way round"), once)
    yield made(
        "node-twice",
        tell("takes a node again each time it is met: it lacks `visited`"),
        twice[::-1],
    )
    says = tell("passes a gradient on before all that use the node have added to it")
    for turn in (1, -1):
        yield made("order", says, [*of.at_once(of.result, set(), turn)])
        yield made("order", says, [*of.breadth_first(True, turn)])
    for turn in (1, -1):
        says = tell("passes a node's gradient on again each time it is met")
        yield made("node-twice", says, [*of.at_once(of.result, None, turn)])
        yield made("node-twice", says, [*of.breadth_first(False, turn)])
