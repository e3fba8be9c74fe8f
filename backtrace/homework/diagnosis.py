"""Which slips fit a wrong answer. "Fits", not "you did": several may lead to one number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backtrace.algebra.arrays import quiet
from backtrace.formula.printer import label
from backtrace.homework.answers import Answer
from backtrace.homework.mistakes import MISTAKES, Slip
from backtrace.homework.replay import Edge, Own, Replayed, place, replay
from backtrace.homework.verdicts import Verdict, fits, own_numbers
from backtrace.record import Record

_MOST_EDGES = 400
_UNITS = 2.0  # of the last digit
SHOWN = 3
_ONE_LOST = "gradients add at a branch, and this way back is missing"
_ONE_KEPT = "gradients add at a branch, and this way back is the only one"


@dataclass(frozen=True, slots=True)
class Fit:
    """A slip that leads to the numbers: its code, the sentence, the gate, and the number itself."""

    code: str
    says: str
    gate: int
    number: Any


def diagnose(record: Record, verdicts: Sequence[Verdict], fault: Verdict) -> list[Fit]:
    """The slips that fit the first fault, the simplest first, twins (the same numbers in other
    words) once. At its own gates when the numbers before it are known, else anywhere."""
    answers = [v.answer for v in verdicts]
    if not fault.answer.is_gradient or fault.answer.value is None:
        return []
    with quiet():
        known = {a.node for a in answers if a.is_gradient}
        users = record.graph.consumers[fault.answer.node]
        is_traced = all(gate in known or gate == record.graph.output for gate, _ in users)
        own = own_numbers(answers)
        followed = replay(record, own)
        found = list(_swapped(record, verdicts, fault))
        found += _here(record, fault.answer, followed)
        if not is_traced or not found:
            found += _anywhere(record, answers, {fit.gate for fit in found})
        if not found:
            found += _copied(record, fault.answer)
    return _without_twins(found)


def _here(record: Record, answer: Answer, followed: Replayed) -> Iterator[Fit]:
    """Slips on the edges that lead back to the node, with somebody's own numbers."""
    edges = record.graph.consumers[answer.node]
    right = {
        edge: place(record, *edge, followed.used_values).right(followed.used_gradients[edge[0]])
        for edge in edges
    }
    if len(edges) > 1:
        yield from _fork_lost(answer, right)
    for edge in edges:
        others = sum(v for other, v in right.items() if other != edge)
        at = place(record, *edge, followed.used_values)
        for code, says, slip in _slips(at):
            number = _shaped(others + slip(followed.used_gradients[edge[0]]), answer)
            if number is not None and fits(answer, number, units=_UNITS):
                yield Fit(code, says, edge[0], number)


def _fork_lost(answer: Answer, right: dict[Edge, Any]) -> Iterator[Fit]:
    """One way back missing; or, of more than two, all but one."""
    for edge, carried in right.items():
        rest = sum(v for other, v in right.items() if other != edge)
        numbers = [(rest, _ONE_LOST)] + [(carried, _ONE_KEPT)] * (len(right) > 2)
        for number, says in numbers:
            shaped = _shaped(number, answer)
            if shaped is not None and fits(answer, shaped, units=_UNITS):
                yield Fit("fork-lost", says, edge[0], shaped)
                break


def _anywhere(record: Record, answers: Sequence[Answer], done: set[int]) -> Iterator[Fit]:
    """One slip at one edge of the whole graph that leads to every gradient that was answered."""
    graph = record.graph
    if graph.edge_count > _MOST_EDGES:
        return
    gradients = [a for a in answers if a.is_gradient and a.value is not None]
    for index, sources in enumerate(graph.inputs_of):
        for slot, source in enumerate(sources):
            if index in done:
                continue
            at = place(record, index, slot, list(record.values))
            plants = list(_slips(at))
            if len(graph.consumers[source]) > 1:
                plants.insert(0, ("fork-lost", _ONE_LOST, lambda u: 0 * u))
            for code, says, slip in plants:
                planted = replay(record, Own(slips={(index, slot): slip}))
                numbers = [planted.gradients[a.node] for a in gradients]
                if all(map(_fits_loosely, gradients, numbers)):
                    yield Fit(code, says, index, numbers[0])


def _fits_loosely(answer: Answer, number: Any) -> bool:
    return fits(answer, number, units=_UNITS)


def _slips(at: Any) -> Iterator[tuple[str, str, Slip]]:
    for mistake in MISTAKES:
        for slip in mistake.slips(at):
            yield mistake.code, mistake.says, slip


def _swapped(record: Record, verdicts: Sequence[Verdict], fault: Verdict) -> Iterator[Fit]:
    for other in verdicts:
        if other is fault or not other.answer.is_gradient or other.answer.value is None:
            continue
        mine, theirs = fault.answer, other.answer
        if fits(mine, other.exact) and fits(theirs, fault.exact) and not fits(mine, fault.exact):
            says = f"{mine.name} and {theirs.name} are exchanged"
            gate = record.graph.consumers[mine.node]
            yield Fit("swapped-label", says, gate[0][0] if gate else mine.node, other.exact)


def _copied(record: Record, answer: Answer) -> Iterator[Fit]:
    """A neighbour's gradient, or another node's value for the local gradient."""
    for index, gradient in enumerate(record.upstreams):
        if index != answer.node and np.any(gradient) and fits(answer, gradient):
            yield Fit("wrong-upstream", "is the gradient of another node", index, gradient)
            return
    for gate, slot in record.graph.consumers[answer.node]:
        for value in record.values:
            if not _fit(record.upstreams[gate], value):
                continue
            number = _shaped(record.upstreams[gate] * value, answer)
            if number is not None and np.any(number) and fits(answer, number):
                says = "took another node's value for the local gradient"
                yield Fit("wrong-node", says, record.graph.inputs_of[gate][slot], number)
                return


def _fit(a: Any, b: Any) -> bool:
    try:
        np.broadcast_shapes(np.shape(a), np.shape(b))
    except ValueError:
        return False
    return True


def _shaped(number: Any, answer: Answer) -> Any:
    """The number in the answer's shape; None where it has another."""
    try:
        return np.broadcast_to(number, np.shape(answer.value))[()]
    except ValueError:
        return None


def _without_twins(found: Sequence[Fit]) -> list[Fit]:
    kept: list[Fit] = []
    for fit in found:
        if not any(other.code == fit.code and other.gate == fit.gate for other in kept):
            kept.append(fit)
    return kept


def sentence(record: Record, fit: Fit) -> str:
    """fork-lost at #5 mul: did not add at a branch: one way back is missing."""
    node = record.graph.nodes[fit.gate]
    where = node.name if node.gate is None else f"#{fit.gate} {label(node)}"
    return f"{fit.code} at {where}: {fit.says}"
