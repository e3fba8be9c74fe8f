"""The wrong numbers that slips lead to at one wire, given the numbers before it: what a diagnosis
holds answers against, and what a page of practice is given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from backtrace.algebra.arrays import quiet
from backtrace.algebra.values import is_finite, shape_of
from backtrace.graph.record import Record
from backtrace.homework.mistakes import HELD, MISTAKES, Mistake, carried, slips_at, turned
from backtrace.homework.problem import ONE_LOST, Problem
from backtrace.homework.replay import Edge, Own, Replayed, shaped
from backtrace.language import marked

ONE_KEPT = marked("gradients add at a branch, and this way back is the only one")
_SAME = 1e-9


class Slipped(NamedTuple):
    """A slip on the way back to a node: its code, its sentence, the gate; what comes back along the
    other ways, and what it makes of this one (of arrays perhaps in the gate's shape)."""

    code: str
    says: str
    gate: int
    rest: Any
    back: Any


class WrongNumber(NamedTuple):
    """What a slip at a gate makes of a wire's number."""

    code: str
    says: str
    gate: int
    number: Any


def backward_slips(record: Record, run: Replayed, node: int) -> Iterator[Slipped]:
    """Slips on the edges that lead back to a node, with the numbers of a run. Which these are, and
    in which order, depends on shapes and not on numbers."""
    edges = record.graph.consumers[node]
    right = {edge: _right(record, run, edge) for edge in edges}
    yield from _ways_lost(edges, right)
    for edge in edges:
        gate, slot = edge
        rest = sum(back for other, back in right.items() if other != edge)
        for mistake, slip in slips_at(run.places[gate][slot]):
            if mistake.code == HELD and len(edges) > 1:
                continue  # fork-lost says that
            back = carried(slip, run.used_gradients[gate])
            yield Slipped(mistake.code, mistake.says, gate, rest, back)


def _ways_lost(edges: Sequence[Edge], right: Mapping[Edge, Any]) -> Iterator[Slipped]:
    """At a branch: each wire lost, or the only one; and all wires into one gate, as in W*W."""
    for edge in edges if len(edges) > 1 else ():
        rest = sum(back for other, back in right.items() if other != edge)
        yield Slipped("fork-lost", ONE_LOST, edge[0], 0.0, rest)
    gates = Counter(gate for gate, _ in edges)
    for gate, count in gates.items() if len(gates) > 1 else ():
        if count > 1:
            rest = sum(back for edge, back in right.items() if edge[0] != gate)
            yield Slipped("fork-lost", ONE_LOST, gate, 0.0, rest)
    for edge in edges if len(edges) > 2 else ():
        others = {gate for gate, _ in edges if gate != edge[0]}
        if len(others) != 1 or gates[edge[0]] > 1:  # else those are all wires into one gate
            yield Slipped("fork-lost", ONE_KEPT, edge[0], 0.0, right[edge])


def _right(record: Record, run: Replayed, edge: Edge) -> Any:
    gate, slot = edge
    back = run.places[gate][slot].right(run.used_gradients[gate])
    node = record.graph.inputs_of[gate][slot]
    return shaped(back, shape_of(record.values[node])) if record.has_arrays else back


def forward_slips(run: Replayed, node: int) -> dict[tuple[str, int], tuple[Mistake, Any]]:
    """The wrong values that mistakes give a gate, by code and the how manieth of it: with other
    numbers some may have no value."""
    found = {}
    for at in run.places[node][:1]:
        at = replace(at, output=run.values[node])
        for mistake in MISTAKES:
            for count, number in enumerate(turned(mistake, at)):
                found[mistake.code, count] = (mistake, number)
    return found


def wrong_numbers(problem: Problem) -> Mapping[tuple[int, bool], tuple[WrongNumber, ...]]:
    """By (node, whether its gradient): what every slip at the wire makes of its number, where that
    is another finite one in the same shape. Numbers before it are the right ones."""
    record = problem.record
    run = problem.replay(Own())
    found: dict[tuple[int, bool], tuple[WrongNumber, ...]] = {}
    with quiet():
        for node in range(len(record.graph.nodes)):
            turns = [
                WrongNumber(mistake.code, mistake.says, node, number)
                for mistake, number in forward_slips(run, node).values()
            ]
            found[node, False] = _told(turns, record.values[node])
            slips = [
                WrongNumber(s.code, s.says, s.gate, _whole(s, record.values[node]))
                for s in backward_slips(record, run, node)
            ]
            found[node, True] = _told(slips, record.upstreams[node])
    return {wire: numbers for wire, numbers in found.items() if numbers}


def _whole(slip: Slipped, value: Any) -> Any:
    """The node's gradient with the slip, in the node's shape; nan where it has none."""
    if not shape_of(value) and not np.shape(slip.back):
        return slip.rest + slip.back
    return shaped(slip.rest + shaped(slip.back, shape_of(value)), shape_of(value))


def _told(slips: list[WrongNumber], right: Any) -> tuple[WrongNumber, ...]:
    found = []
    for slip in slips:
        number = np.asarray(slip.number, float)
        if number.shape != np.shape(right) or not is_finite(number if number.shape else number[()]):
            continue
        if np.any(np.abs(number - right) > _SAME * np.maximum(np.abs(right), np.abs(number))):
            found.append(slip._replace(number=number if number.shape else float(number)))
    return tuple(found)
