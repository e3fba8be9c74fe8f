"""The trace as far as it is known: with blanks for the rest, and as it follows from what somebody
answered at a kink, where any slope between two is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backtrace.algebra.values import shape_of
from backtrace.gates import Role
from backtrace.graph.record import Record
from backtrace.homework.mistakes import carried
from backtrace.homework.problem import Problem
from backtrace.homework.replay import Own, shaped
from backtrace.numbers import Blank

Wire = tuple[int, bool]
"""(node, whether its gradient)."""


def followed(problem: Problem, gradients: Mapping[int, Any]) -> Record:
    """The problem's record with these gradients for ours, and what follows from them."""
    record = problem.record
    run = problem.replay(Own(gradients=gradients))
    downstreams = []
    for gate, places in enumerate(run.places):
        backs = []
        for slot, place in enumerate(places):
            back = carried(place.right, run.used_gradients[gate])
            if record.has_arrays:
                source = record.graph.inputs_of[gate][slot]
                back = shaped(back, shape_of(record.values[source]))
            backs.append(back)
        downstreams.append(tuple(backs))
    upstreams = tuple(run.used_gradients)
    return replace(record, upstreams=upstreams, downstreams=tuple(downstreams))


def rest_of_tie(record: Record, node: int, answers: Mapping[int, Any]) -> Any:
    """What is left of the upstream of a max or min for this operand, when the others have taken
    their shares; None where it is no such operand."""
    uses = record.graph.consumers[node]
    if len(uses) != 1:
        return None
    gate, _ = uses[0]
    kind = record.graph.nodes[gate].gate
    others = [source for source in record.graph.inputs_of[gate] if source != node]
    if kind is None or kind.role is not Role.ROUTER or not kind.variadic:
        return None
    if not all(source in answers for source in others):
        return None
    return record.upstreams[gate] - sum(answers[source] for source in others)


def filled(record: Record, numbers: Mapping[Wire, Any], known: int, with_gradients: bool) -> Record:
    """The record with blanks at the wires after the first so many; what is not asked for stays, but
    for the gradients where there are to be none. Edges are shown with the gradient that they lead
    to."""
    blanks = set(list(numbers)[known:])
    if not with_gradients:
        nodes = range(len(record.graph.nodes))
        blanks |= {(node, True) for node in nodes if node != record.graph.output}

    def at(index: int, right: Any, is_gradient: bool) -> Any:
        wire = index, is_gradient
        if wire in blanks:
            return Blank(right)
        return numbers.get(wire, right)

    def edges(all_of_them: tuple[tuple[Any, ...], ...]) -> tuple[tuple[Any, ...], ...]:
        return tuple(
            tuple(
                Blank(value) if value is not None and (source, True) in blanks else value
                for source, value in zip(record.graph.inputs_of[gate], values, strict=True)
            )
            for gate, values in enumerate(all_of_them)
        )

    return replace(
        record,
        values=tuple(at(k, value, False) for k, value in enumerate(record.values)),
        upstreams=tuple(at(k, value, True) for k, value in enumerate(record.upstreams)),
        locals=edges(record.locals),
        downstreams=edges(record.downstreams),
        checks={},
        output_check=None,
        notes=(),
        fault=None,
    )
