"""The routes from an input to the output in formulas of arrays: what each adds to the gradient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from backtrace.algebra.matrices import Form, Matrices
from backtrace.algebra.matrices.forms import form
from backtrace.formula.letters import InLetters, carried
from backtrace.formula.point import known_variables


class LetteredRoute(NamedTuple):
    """The gates from the input to the output, and what the route adds to the gradient, as text."""

    gates: tuple[int, ...]
    carried: str


class LetteredRoutes(NamedTuple):
    """Some routes of an input, the shortest first, and how many there are in all."""

    shown: tuple[LetteredRoute, ...]
    in_all: int

    @property
    def total(self) -> str:
        """The sum over those that are shown, as it is written out."""
        return " + ".join(f"({route.carried})" for route in self.shown)


def lettered_routes(found: InLetters, name: str, most: int = 8) -> LetteredRoutes:
    """At most so many routes from the input `name`. Raises UsageError for another name, and
    NotInLetters for what has no formula."""
    known_variables(found.graph, [name])
    start, output = found.graph.inputs[name], found.graph.output
    counts = _counts(found, start)
    shown: list[LetteredRoute] = []
    if output != start and counts.get(output):
        for route in _walk(found, start, counts):
            shown.append(route)
            if len(shown) == most:
                break
    shown.sort(key=lambda route: len(route.gates))
    return LetteredRoutes(tuple(shown), counts.get(output, 0) if shown else 0)


def _counts(found: InLetters, start: int) -> dict[int, int]:
    """How many routes lead from the input to each node that depends on it."""
    counts = {start: 1}
    for index, sources in enumerate(found.graph.inputs_of):
        if ways := sum(counts.get(source, 0) for source in sources):
            counts[index] = ways
    return counts


def _walk(found: InLetters, start: int, counts: dict[int, int]) -> Iterator[LetteredRoute]:
    """Back from the output, by nodes that depend on the input: every way ends there."""
    graph, m = found.graph, Matrices(found.letters.primes)
    waiting: list[tuple[int, Form, tuple[int, ...]]] = [(graph.output, form(1), ())]
    while waiting:
        index, upstream, gates = waiting.pop()
        if index == start:
            yield LetteredRoute(gates, found.text(upstream))
            continue
        node = graph.nodes[index]
        assert node.gate is not None
        operands = node.operand_values(found.values, m)
        for k, source in reversed(list(enumerate(node.operands))):
            if isinstance(source, int) and source in counts:
                down = carried(m, node.gate, k, upstream, found.values[index], operands)
                waiting.append((source, down, (index, *gates)))
