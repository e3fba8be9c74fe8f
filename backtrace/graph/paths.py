"""The routes from a variable to the output: the chain rule as a sum over paths.

The gradient is the sum, over every route, of the product of the local gradients along it (Bauer's
formula; F. L. Bauer, "Computational graphs and rounding error", 1974). Backprop gets the same sum
without listing the routes, of which there may be very many: only the largest are listed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from backtrace.graph.record import Edge, Record

if TYPE_CHECKING:
    from backtrace.graph.paths_arrays import ArrayRoutes


class Route(NamedTuple):
    """The edges from a variable to the output, and the product of their local gradients."""

    edges: tuple[Edge, ...]
    product: float

    @property
    def narrowest(self) -> Edge:
        """The edge that lets the least through: a dead ReLU, a saturated sigmoid."""
        return min(self.edges, key=lambda edge: abs(edge.local))


class Routes(NamedTuple):
    """The largest routes of a variable, the largest first; how many there are in all; and the sum
    over all of them, which is the gradient."""

    shown: tuple[Route, ...]
    in_all: int
    total: float


_Partial = tuple[float, "tuple[int, int, _Partial] | None"]


def routes_of(record: Record, name: str, most: int = 8) -> Routes | ArrayRoutes:
    """The `most` largest routes from the variable `name`: by what they carry, where there are
    arrays, or something else than 1 arrives at the output."""
    if not record.has_arrays and record.upstreams[record.graph.output] == 1:
        return routes(record, name, most)
    from backtrace.graph import paths_arrays  # with NumPy, which numbers do not need

    return paths_arrays.routes(record, name, most)


def routes(record: Record, name: str, most: int = 8) -> Routes:
    """The `most` largest routes from the variable `name`. Linear in the edges (times `most`)."""
    graph = record.graph
    start = graph.inputs[name]
    best: dict[int, list[_Partial]] = {start: [(1.0, None)]}
    counts = {start: 1}
    sums = {start: 1.0}
    for gate, sources in enumerate(graph.inputs_of):
        found: list[_Partial] = []
        for operand, source in enumerate(sources):
            if source not in counts:
                continue
            local = record.locals[gate][operand]
            row = graph.nodes[gate].gate
            is_blocked = row is not None and row.blocks and local == 0
            counts[gate] = counts.get(gate, 0) + counts[source]
            sums[gate] = sums.get(gate, 0.0) + (0.0 if is_blocked else local * sums[source])
            found += [
                (0.0 if is_blocked else p * local, (gate, operand, (p, back)))
                for p, back in best[source]
            ]
        if found:
            found.sort(key=lambda partial: -abs(partial[0]))
            best[gate] = found[:most]
    output = graph.output
    shown = tuple(
        Route(_edges(record, back), product) for product, back in best.get(output, []) if back
    )
    return Routes(shown, counts.get(output, 0) if output != start else 1, sums.get(output, 0.0))


def _edges(record: Record, back: tuple[int, int, _Partial] | None) -> tuple[Edge, ...]:
    edges = []
    while back is not None:
        gate, operand, (_, back) = back
        edges.append(record.edge(gate, operand))
    return tuple(reversed(edges))
