"""Where the nodes of a graph stand when it is drawn from left to right.

Nodes and wires only: what they look like is the matter of `render`. layers (columns) -> ordering
(few crossings) -> heights (short, straight wires).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from backtrace.layout.heights import Heights
from backtrace.layout.layers import Layered, Wire, layered
from backtrace.layout.ordering import Crossings, ordered


@dataclass(frozen=True, slots=True)
class Layout:
    """A column and a height for every node, the way of every wire (places), and where each wire
    enters its gate: how far below the middle. `order` has the places of each column, top down."""

    column: list[int]
    y: list[float]
    chains: list[list[int]]
    ports: list[float]
    order: list[list[int]]
    crossings: int


def arrange(
    sizes: Sequence[float],
    wires: Sequence[Wire],
    is_free: Sequence[bool],
    gap: float = 14.0,
    port: float = 16.0,
    passage: float = 4.0,
    fixed: Mapping[int, Sequence[float]] = MappingProxyType({}),
    from_left: bool = False,
    boxes: Collection[int] = (),
) -> Layout:
    """The layout of nodes (of these heights, in evaluation order) and wires (an operand each).

    `is_free` says of a node whether its operands may be taken in any order: then wires enter from
    top to bottom as they come; else operand by operand. `gap` is between two nodes of a column,
    `port` between two wires into a gate, `passage` the height of a wire that passes. `fixed` says
    of some gates how far below their middle each wire enters. `from_left`: all inputs stand in
    the first column, and not just before they are used. What goes into one of `boxes` alone stands
    in reading order, since that adds no crossing.
    """
    graph = layered(len(sizes), wires, is_free, from_left)
    crossings = Crossings(graph)
    columns = ordered(graph, crossings)
    for column in columns:
        _read_in_order(column, graph, boxes)
    ranks = _ranks(graph, columns, is_free)

    def offset(place: int, k: int) -> float:
        if place in fixed:
            return fixed[place][k]
        count = len(graph.before[place])
        return (ranks[place][k] - (count - 1) / 2) * (port if count > 2 else min(port, 15.0))

    heights = [*sizes, *([passage] * (len(graph.column) - len(sizes)))]
    y = Heights(graph, columns, heights, gap, offset).solve()
    operands = [0] * len(sizes)
    ports = []
    for _, gate in wires:
        ports.append(offset(gate, operands[gate]))
        operands[gate] += 1
    return Layout(graph.column, y, graph.chains, ports, columns, crossings.of(columns))


def _read_in_order(column: list[int], graph: Layered, boxes: Collection[int]) -> None:
    """Sorts the inputs of one and the same box among the places that they have."""
    own: dict[int, list[int]] = {}
    for at, place in enumerate(column):
        users = graph.after[place]
        if place < graph.count and not graph.before[place] and len(users) == 1:
            own.setdefault(users[0], []).append(at)
    for gate, places in own.items():
        if gate in boxes:
            for at, place in zip(places, sorted(column[at] for at in places), strict=True):
                column[at] = place


def _ranks(graph: Layered, columns: list[list[int]], is_free: Sequence[bool]) -> list[list[int]]:
    """For every place, the position of each of its wires from the top."""
    position = {place: k for column in columns for k, place in enumerate(column)}
    ranks = []
    for place, sources in enumerate(graph.before):
        order = list(range(len(sources)))
        if place < graph.count and is_free[place]:
            order.sort(key=lambda k: position[sources[k]])
        rank = [0] * len(order)
        for at, k in enumerate(order):
            rank[k] = at
        ranks.append(rank)
    return ranks


__all__ = ["Layout", "Wire", "arrange"]
