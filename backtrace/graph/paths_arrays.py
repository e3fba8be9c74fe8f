"""The routes from a variable to the output, of arrays: what each of them carries of the gradient.

A route carries back what the gates along it, one after the other, make of the output's gradient:
an array in the shape of the variable. All routes together carry the gradient, since every gate's
rule is linear in what arrives. There may be very many: at every node the largest are followed one
by one, all others as one sum.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from backtrace.algebra import Value
from backtrace.algebra.arrays import ARRAYS, quiet
from backtrace.graph.backprop_arrays import Mask, carry, union
from backtrace.graph.blocking import Stop, stop_at
from backtrace.graph.record import Edge, Record

FOLLOWED = 32
"""So many routes are followed one by one at every node, or as many as are asked for; these alone
where there are many gates."""

_MANY_GATES = 1000


class ArrayRoute(NamedTuple):
    """The edges from a variable to the output.

    carried   what the route adds to the gradient, in the shape of the variable
    norms     of what comes back along it: at the variable, then at each gate on the
              way to the output: one more than there are edges
    share     its part of the gradient: the shares of all routes add up to 1, those that go against
              the gradient are below 0; None where the gradient is 0 or not finite
    """

    edges: tuple[Edge, ...]
    carried: Value
    norms: tuple[float, ...]
    share: float | None

    @property
    def norm(self) -> float:
        return self.norms[0]


class ArrayRoutes(NamedTuple):
    """The largest routes of a variable, the largest first.

    in_all     how many there are
    followed   how many were followed one by one: where it is `in_all`, none that is left out is
               larger than those shown
    total      the sum over all of them
    rest       what those that are not shown carry together
    gap        how far `total` is from the gradient, relative to what the routes carry: rounding;
               nan where a number is not finite
    stops      where these routes are stopped, in evaluation order
    """

    shown: tuple[ArrayRoute, ...]
    in_all: int
    followed: int
    total: Value
    rest: Value
    gap: float
    stops: tuple[Stop, ...]


class _Link(NamedTuple):
    """One step of a route: the gate it came through, by which input, and with what norm."""

    gate: int
    slot: int
    norm: float
    before: _Link | None


class _Carried(NamedTuple):
    """What has come back to a node along one route, or along several that are summed; `value` is
    None where nothing has, `mask` as in `backprop_arrays`."""

    value: Value
    mask: Mask
    norm: float
    link: _Link | None
    is_sum: bool = False


def routes(record: Record, name: str, most: int = 8) -> ArrayRoutes:
    """The `most` largest routes from the variable `name` that were followed. Linear in the edges,
    times the routes that are followed."""
    with quiet():
        return _Walk(record, record.graph.inputs[name], most).found()


class _Walk:
    """Back from the output, by the nodes that depend on the variable."""

    def __init__(self, record: Record, start: int, most: int) -> None:
        self.record = record
        self.start = start
        self.most = most
        self.dependents = _dependents(record, start)
        self.width = most if len(self.dependents) > _MANY_GATES else max(most, FOLLOWED)
        self.arrived: dict[int, list[_Carried]] = {}
        self.counts: dict[int, int] = {}

    def found(self) -> ArrayRoutes:
        record, output = self.record, self.record.graph.output
        seed = record.upstreams[output]
        if output in self.dependents:
            self.arrived[output] = [_Carried(seed, None, norm_of(seed), None)]
            self.counts[output] = 1
        for index in range(output, self.start, -1):
            if index in self.arrived:
                self._back(index, self._pruned(self.arrived.pop(index)))
        return self._told(self._pruned(self.arrived.get(self.start, [])))

    def _back(self, index: int, carried: list[_Carried]) -> None:
        """What has come to a gate, to those of its inputs that depend on the variable."""
        graph = self.record.graph
        node = graph.nodes[index]
        gate = node.gate
        assert gate is not None
        operands = node.operand_values(self.record.values, ARRAYS)
        places = [k for k, operand in enumerate(node.operands) if type(operand) is int]
        for slot, (k, source) in enumerate(zip(places, node.inputs, strict=True)):
            if source not in self.dependents:
                continue
            local = self.record.locals[index][slot]
            self.counts[source] = self.counts.get(source, 0) + self.counts[index]
            below = self.arrived.setdefault(source, [])
            for one in carried:
                given = (one.value, one.mask, local, self.record.values[index], operands)
                value, mask = carry(gate, k, *given, ARRAYS, self.record.granularity.kink)
                norm = 0.0 if value is None else norm_of(value)
                link = None if one.is_sum else _Link(index, slot, one.norm, one.link)
                below.append(_Carried(value, mask, norm, link, one.is_sum))

    def _pruned(self, carried: list[_Carried]) -> list[_Carried]:
        """The largest, and the sum of the others."""
        single = [one for one in carried if not one.is_sum]
        single.sort(key=lambda one: -_size(one.norm))
        others = [one for one in carried if one.is_sum] + single[self.width :]
        values = [one for one in others if one.value is not None]
        kept = single[: self.width]
        if values:
            kept.append(_summed(values))
        return kept

    def _told(self, carried: list[_Carried]) -> ArrayRoutes:
        record = self.record
        gradient = record.upstreams[self.start]
        nothing = np.zeros(np.shape(gradient))[()]
        single = [one for one in carried if not one.is_sum]
        shown = tuple(_route(record, one, gradient, nothing) for one in single[: self.most])
        left = [one.value for one in single[self.most :] if one.value is not None]
        left += [one.value for one in carried if one.is_sum]
        rest = sum(left, start=nothing)
        total = sum((route.carried for route in shown), start=rest)
        sizes = [route.norm for route in shown] + [norm_of(value) for value in left]
        in_all = self.counts.get(self.start, 0)
        gap = _gap(total, gradient, sizes)
        stops = tuple(_stops(record, shown))
        return ArrayRoutes(shown, in_all, len(single), total, rest, gap, stops)


def _dependents(record: Record, start: int) -> set[int]:
    """The nodes that the variable reaches, itself among them."""
    found = {start}
    for index in range(start + 1, record.graph.output + 1):
        if any(source in found for source in record.graph.inputs_of[index]):
            found.add(index)
    return found


def _summed(several: list[_Carried]) -> _Carried:
    value, mask = several[0].value, several[0].mask
    for other in several[1:]:
        value = value + other.value
        mask = union(mask, other.mask)
    return _Carried(value, mask, norm_of(value), None, is_sum=True)


def _route(record: Record, one: _Carried, gradient: Value, nothing: Value) -> ArrayRoute:
    edges, norms = [], [one.norm]
    link = one.link
    while link is not None:
        edges.append(record.edge(link.gate, link.slot))
        norms.append(link.norm)
        link = link.before
    carried = nothing if one.value is None else one.value
    return ArrayRoute(tuple(edges), carried, tuple(norms), _share(carried, gradient))


def _stops(record: Record, shown: tuple[ArrayRoute, ...]) -> Iterator[Stop]:
    edges = {(edge.gate, edge.operand) for route in shown for edge in route.edges}
    for gate, slot in sorted(edges):
        stop = stop_at(record, gate, slot)
        if stop is not None:
            yield stop


def norm_of(value: Value) -> float:
    """The Euclidean norm, of a matrix Frobenius'; no square over- or underflows."""
    return float(ARRAYS.norm(np.asarray(value, float).reshape(-1), None))


def _size(norm: float) -> float:
    """By which routes are ordered: what is not a number comes first."""
    return math.inf if math.isnan(norm) else norm


def _share(carried: Value, gradient: Value) -> float | None:
    """(carried . gradient)/(gradient . gradient)."""
    norm = norm_of(gradient)
    if not norm or not math.isfinite(norm):
        return None
    along = np.asarray(gradient, float) / norm
    share = float(np.sum(along * (np.asarray(carried, float) / norm)))
    return share if math.isfinite(share) else None


def _gap(total: Value, gradient: Value, sizes: list[float]) -> float:
    gap = norm_of(np.subtract(total, gradient))
    scale = max([norm_of(gradient), *sizes], default=0.0)
    return gap / scale if gap and scale else gap
