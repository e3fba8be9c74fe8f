"""Which slips fit a wrong answer. "Fits", not "you did": several may lead to one number."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from backtrace.algebra.arrays import quiet
from backtrace.algebra.values import identical, shape_of
from backtrace.formula.printer import label
from backtrace.graph.record import Record
from backtrace.homework.answers import Answer
from backtrace.homework.mistakes import HELD, MISTAKES
from backtrace.homework.problem import Plant, Problem, Spread, own_numbers, within
from backtrace.homework.replay import Replayed, shaped
from backtrace.homework.slip_numbers import backward_slips, forward_slips
from backtrace.homework.verdicts import SIGN, Verdict, fits
from backtrace.language import tell

_UNITS = 2.0  # of the last digit
_SAME = 1e-9
SHOWN = 3
SCALED = "scaled"
_ORDER = {mistake.code: float(rank) for rank, mistake in enumerate(MISTAKES)}
_ORDER[SCALED] = _ORDER["no-upstream"] + 0.5


@dataclass(frozen=True, slots=True)
class Fit:
    """A slip that leads to the numbers: its code, the sentence, the gate, the node whose number it
    spoils, and that number; `also` are the codes of the same number in other words, `elsewhere` the
    gates where the same slip fits as well."""

    code: str
    says: str
    gate: int
    node: int
    number: Any
    also: tuple[str, ...] = ()
    elsewhere: tuple[int, ...] = ()


class Diagnosis:
    """What somebody's numbers say of their slips; `verdicts` are those of all the answers."""

    def __init__(self, problem: Problem, verdicts: Sequence[Verdict]) -> None:
        self._problem = problem
        self._verdicts = verdicts
        self._answers = [v.answer for v in verdicts if v.answer.value is not None]

    @cached_property
    def _runs(self) -> list[Replayed]:
        """What follows from the numbers; and, of numbers, from what they may have been."""
        record = self._problem.record
        runs = [self._problem.replay(own_numbers(record, self._answers))]
        if not record.has_arrays:
            runs += Spread(self._problem.spreading, self._answers).runs
        return runs

    @cached_property
    def _plants(self) -> list[Plant]:
        """One slip at one place of the whole graph that leads to every number answered."""
        return [
            plant
            for plant in self._problem.plants
            if all(fits(a, plant.number(a), units=_UNITS) for a in self._answers)
        ]

    def _anywhere(self, fault: Answer) -> Iterator[Fit]:
        for plant in self._plants:
            yield Fit(plant.code, plant.says, plant.gate, plant.node, plant.number(fault))

    def _apart(self, fault: Answer) -> Iterator[Fit]:
        """One slip that leads to this number, where the others are wrong by slips of their own (the
        regulariser of every layer): it leads to those too, or changes nothing of them."""
        due = self._problem.record
        for plant in self._problem.plants:
            if not fits(fault, plant.number(fault), units=_UNITS):
                continue
            if all(
                fits(a, plant.number(a), units=_UNITS)
                or identical(
                    plant.number(a), (due.upstreams if a.is_gradient else due.values)[a.node]
                )
                for a in self._answers
            ):
                yield Fit(plant.code, plant.says, plant.gate, plant.node, plant.number(fault))

    def of(self, fault: Verdict) -> list[Fit]:
        """The slips that fit a fault, the simplest first, twins (the same numbers in other words)
        once. At its own gates when the numbers before it are known, else anywhere."""
        answer = fault.answer
        if answer.value is None:
            return []
        record = self._problem.record
        with quiet():
            if not answer.is_gradient:
                return _by_code(_without_twins(_value_slips(answer, self._runs)))
            known = {a.node for a in self._answers if a.is_gradient}
            users = record.graph.consumers[answer.node]
            is_traced = all(gate in known or gate == record.graph.output for gate, _ in users)
            found = [] if fault.verdict == SIGN else list(_swapped(record, self._verdicts, fault))
            if is_traced:
                found += _here(record, answer, self._runs)
            if not is_traced or not found:
                found += self._anywhere(answer)
            if not found:
                found += _here(record, answer, self._runs)
            if not found and not is_traced:
                found += self._apart(answer)
            found += _scaled(record, self._verdicts, answer, is_alone=not found)
            if not found:
                found += _copied(record, answer)
        found.sort(key=lambda fit: _ORDER.get(fit.code, -1))
        return _by_code(_lost_or_held(_without_twins(found)))


def _lost_or_held(found: list[Fit]) -> list[Fit]:
    """A stage held constant that is one way back of a fork is that way, lost, in other words."""
    lost = {fit.gate for fit in found if fit.code == "fork-lost"}
    held = {fit.gate for fit in found if fit.code == HELD}
    return [
        replace(fit, also=(*fit.also, HELD))
        if fit.code == "fork-lost" and fit.gate in held
        else fit
        for fit in found
        if not (fit.code == HELD and fit.gate in lost)
    ]


def _value_slips(answer: Answer, runs: Sequence[Replayed]) -> Iterator[Fit]:
    """Slips in the gate that gives the value, with somebody's own numbers before it."""
    node = answer.node
    first, *others = [forward_slips(run, node) for run in runs]
    for key, (mistake, number) in first.items():
        numbers = [number, *(other[key][1] for other in others if key in other)]
        if _fits_one(answer, numbers):
            yield Fit(mistake.code, tell(mistake.says), node, node, number)


def _here(record: Record, answer: Answer, runs: Sequence[Replayed]) -> Iterator[Fit]:
    """Slips on the edges that lead back to the node, with somebody's own numbers."""
    found = [backward_slips(record, run, answer.node) for run in runs]
    for slips in zip(*found, strict=True):
        numbers = [_shaped(s.rest, _summed(record, s.back, answer), answer) for s in slips]
        if _fits_one(answer, numbers):
            first = slips[0]
            yield Fit(first.code, tell(first.says), first.gate, answer.node, numbers[0])


def _summed(record: Record, back: Any, answer: Answer) -> Any:
    """Over what was repeated, unless it is answered without that."""
    if not record.has_arrays or shape_of(back) == shape_of(answer.value):
        return back
    return shaped(back, shape_of(record.values[answer.node]))


def _fits_one(answer: Answer, numbers: Sequence[Any]) -> bool:
    """Whether the answer is the first number, or among all that this may have been."""
    if any(number is None for number in numbers):
        return False
    if fits(answer, numbers[0], units=_UNITS):
        return True
    return len(numbers) > 1 and within(answer, numbers, False, _UNITS)


def _swapped(record: Record, verdicts: Sequence[Verdict], fault: Verdict) -> Iterator[Fit]:
    for other in verdicts:
        if other is fault or not other.answer.is_gradient or other.answer.value is None:
            continue
        mine, theirs = fault.answer, other.answer
        if fits(mine, other.exact) and fits(theirs, fault.exact) and not fits(mine, fault.exact):
            says = tell(
                "{name} and {theirs_name} are exchanged", name=mine.name, theirs_name=theirs.name
            )
            gate = record.graph.consumers[mine.node]
            place = gate[0][0] if gate else mine.node
            yield Fit("swapped-label", says, place, mine.node, other.exact)


def _scaled(
    record: Record, verdicts: Sequence[Verdict], fault: Answer, is_alone: bool
) -> Iterator[Fit]:
    """Every gradient times the same factor: the backward pass run twice, and added up. A factor
    that is no whole number, nor one over it, may be chance: of three gradients, where nothing else
    fits, it is none."""
    gradients = [v for v in verdicts if v.answer.is_gradient and v.answer.value is not None]
    pairs = [(v.answer, v.exact) for v in gradients if np.any(v.exact)]
    if len(pairs) < 2 or any(np.shape(a.value) != np.shape(e) for a, e in pairs):
        return
    largest, exact = max(pairs, key=lambda pair: float(np.max(np.abs(pair[1]))))
    entry = np.unravel_index(np.argmax(np.abs(exact)), np.shape(exact))
    factor = float(np.asarray(largest.value)[entry] / np.asarray(exact)[entry])
    if not math.isfinite(factor) or abs(factor) <= _SAME or abs(abs(factor) - 1) < 0.01:
        return
    if abs(factor - round(factor)) < 0.01 * abs(factor):
        factor = round(factor)
    elif abs(1 / factor - round(1 / factor)) < 0.01 * abs(1 / factor):
        factor = 1 / round(1 / factor)
    elif len(pairs) < 3 or not is_alone:
        return
    if all(fits(answer, exact * factor, units=_UNITS) for answer, exact in pairs):
        says = tell("every gradient is {factor:.4g} times what is due: ", factor=factor) + (
            tell("the backward pass was run {factor} times, and added up", factor=factor)
            if factor in (2, 3)
            else tell("the backward pass did not begin with 1")
        )
        yield Fit(SCALED, says, record.graph.output, fault.node, fault.value)


def _copied(record: Record, answer: Answer) -> Iterator[Fit]:
    """A neighbour's gradient, or another node's value for the local gradient."""
    for index, gradient in enumerate(record.upstreams):
        if index != answer.node and np.any(gradient) and fits(answer, gradient):
            yield Fit(
                "wrong-upstream",
                tell("is the gradient of another node"),
                index,
                answer.node,
                gradient,
            )
            return
    for gate, slot in record.graph.consumers[answer.node]:
        for value in record.values:
            if not _fit(record.upstreams[gate], value):
                continue
            number = _shaped(0.0, record.upstreams[gate] * value, answer)
            if number is not None and np.any(number) and fits(answer, number):
                says = tell("took another node's value for the local gradient")
                node = record.graph.inputs_of[gate][slot]
                yield Fit("wrong-node", says, gate, node, number)
                return


def _fit(a: Any, b: Any) -> bool:
    try:
        np.broadcast_shapes(np.shape(a), np.shape(b))
    except ValueError:
        return False
    return True


def _shaped(others: Any, number: Any, answer: Answer) -> Any:
    """The sum in the answer's shape; None where it has another."""
    if not np.shape(answer.value):
        return others + number
    try:
        return np.broadcast_to(others + number, np.shape(answer.value))[()]
    except ValueError:
        return None


def _without_twins(found: Iterator[Fit] | Sequence[Fit]) -> list[Fit]:
    """One for each number at each place: what gives the same number there is the same slip, in
    other words."""
    kept: list[Fit] = []
    for fit in found:
        for index, other in enumerate(kept):
            if (other.gate, other.node) == (fit.gate, fit.node) and _same(other.number, fit.number):
                if fit.code not in (other.code, *other.also):
                    kept[index] = replace(other, also=(*other.also, fit.code))
                break
            if other.code == fit.code and other.gate == fit.gate and other.node == fit.node:
                break
        else:
            kept.append(fit)
    return kept


def _by_code(found: Sequence[Fit]) -> list[Fit]:
    """One for each slip: the other gates where it fits are said with it."""
    kept: dict[str, Fit] = {}
    for fit in found:
        first = kept.setdefault(fit.code, fit)
        if fit.gate not in (first.gate, *first.elsewhere):
            kept[fit.code] = replace(first, elsewhere=(*first.elsewhere, fit.gate))
    return list(kept.values())


def _same(a: Any, b: Any) -> bool:
    return np.shape(a) == np.shape(b) and bool(
        np.all(np.abs(np.subtract(a, b)) <= _SAME * np.abs(a))
    )


def sentence(record: Record, fit: Fit) -> str:
    """fork-lost at #5 mul: did not add at a branch: one way back is missing."""
    gates = [_gate_name(record, gate) for gate in (fit.gate, *fit.elsewhere)[:SHOWN]]
    gates += ["…"] * (len(fit.elsewhere) >= SHOWN)
    also = tell(" (or {also}: the same number)", also=", ".join(fit.also)) if fit.also else ""
    return tell(
        "{code} at {gates}: {says}{also}",
        code=fit.code,
        gates=tell(" or ").join(gates),
        says=fit.says,
        also=also,
    )


def _gate_name(record: Record, gate: int) -> str:
    node = record.graph.nodes[gate]
    return node.name if node.gate is None else f"#{gate} {label(node)}"
