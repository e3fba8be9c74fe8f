"""The verdict on every answer, and the first that is wrong.

A cascade is never punished: what is right given an earlier slip "follows" from it. What rounding
every step to the answer's digits can lead to is right, and the exact number is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from backtrace.algebra.arrays import ARRAYS
from backtrace.algebra.floats import FLOATS
from backtrace.algebra.values import identical
from backtrace.gates import Role
from backtrace.graph import Constant
from backtrace.graph.record import Record
from backtrace.homework.answers import Answer, decimals
from backtrace.homework.mistakes import Place
from backtrace.homework.problem import Problem, Spread, follow_number, own_numbers
from backtrace.homework.replay import Own, Replayed
from backtrace.language import marked

OK, ROUNDED, SIGN, KINK, FOLLOWS, WRONG = VERDICTS = (
    marked("ok"),
    marked("ok, rounded early"),
    marked("sign convention"),
    marked("kink"),
    marked("follows from an earlier slip"),
    marked("wrong"),
)
TOLERANCE = 1e-4
_SLACK = 1.0 + 1e-9
_ORDERS = ("less", "less_equal", "greater", "greater_equal")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer: the exact number, the verdict, and the number given those before it."""

    answer: Answer
    exact: Any
    verdict: str
    follows: Any

    @property
    def passes(self) -> bool:
        return self.verdict in (OK, ROUNDED, KINK)


def exact_number(record: Record, answer: Answer) -> Any:
    numbers = record.upstreams if answer.is_gradient else record.values
    return numbers[answer.node]


def judge(
    problem: Problem, answers: Sequence[Answer], tolerance: float = TOLERANCE
) -> list[Verdict]:
    """Every answer's verdict, in the order of the answers."""
    record = problem.record
    exact = [exact_number(record, answer) for answer in answers]
    right = [fits(a, number, tolerance) for a, number in zip(answers, exact, strict=True)]
    if all(right):
        return [Verdict(a, number, OK, number) for a, number in zip(answers, exact, strict=True)]
    court = _Court(problem, answers, tolerance)
    found = [
        Verdict(a, number, OK if is_right else court.verdict(a), court.follow(a))
        for a, number, is_right in zip(answers, exact, right, strict=True)
    ]
    return _with_reasons(court.turned(_consistent(problem, found, tolerance)))


class _Court:
    """What follows from the answers, worked out when it is first asked for."""

    def __init__(self, problem: Problem, answers: Sequence[Answer], tolerance: float) -> None:
        self._problem = problem
        self._tolerance = tolerance
        self._own = own_numbers(problem.record, answers)
        self._places = decimals(answers)
        self._given = Spread(problem.spreading, answers, self._places)
        self._followed = problem.replay(self._own)

    def follow(self, answer: Answer) -> Any:
        """The number given the answers before it; where these change nothing, the right one."""
        followed = follow_number(self._followed, answer)
        if self._has_lost(answer) and any(identical(followed, n) for n in self._alone(answer)):
            return exact_number(self._problem.record, answer)
        return followed

    def _alone(self, answer: Answer) -> list[Any]:
        """The number in floats, when no other answer is taken for given."""
        return [follow_number(run, answer) for run in self._alone_runs]

    @cached_property
    def _alone_runs(self) -> list[Replayed]:
        """Backward alone, from the right values; and both passes."""
        return [self._problem.replay(own) for own in (Own(), Own(touch=lambda value: value))]

    def _has_lost(self, answer: Answer) -> bool:
        """Whether 64-bit floats have another number than is right."""
        floats = exact_number(self._problem.floats, answer)
        return not identical(floats, exact_number(self._problem.record, answer))

    def verdict(self, answer: Answer) -> str:
        """Of an answer that is not simply right: the plain readings before the generous ones."""
        if self._problem.replay.right_kinks:
            if _between(answer, self._right_sides):
                return KINK
            by_gate = exact_number(self._problem.floats, answer)
            if self._has_lost(answer) and fits(answer, by_gate, self._tolerance):
                return KINK  # the sum of the conventions, where there is a derivative
        if fits(answer, self.follow(answer), self._tolerance):
            return FOLLOWS
        is_fresh = self._own.values and not self._has_lost(answer)
        if is_fresh and fits(answer, follow_number(self._fresh, answer), self._tolerance):
            return FOLLOWS
        if self._followed.kinks and _between(answer, self._sides):
            return FOLLOWS
        if self._has_lost(answer):
            floats = [exact_number(self._problem.floats, answer), *self._alone(answer)]
            if any(fits(answer, number, self._tolerance) for number in floats):
                return WRONG  # a float's error, and nobody's rounding
        if self._problem.rounding(self._places).holds(answer):
            return ROUNDED
        return FOLLOWS if self._given.holds(answer) else WRONG

    @cached_property
    def _fresh(self) -> Replayed:
        """With rules that are written with a gate's output taking that from its inputs."""
        return self._problem.replay(replace(self._own, is_fresh=True))

    @cached_property
    def _right_sides(self) -> list[Replayed]:
        return [side(Own()) for side in self._problem.sides] + self._other_branches

    @cached_property
    def _other_branches(self) -> list[Replayed]:
        """Where an order is decided between equal numbers, where(x > 0, x, 0) at 0: with the other
        decision, if the value is the same by it."""
        problem = self._problem
        gates = {k: problem.record.graph.nodes[k].gate for k in problem.replay.right_kinks}
        orders = [k for k, gate in gates.items() if gate is not None and gate.name in _ORDERS]
        if not orders:
            return []
        found = problem.replay(Own(turns=dict.fromkeys(orders, _decided_otherwise)))
        output = problem.record.graph.output
        is_joined = np.allclose(found.values[output], problem.record.values[output], 1e-12, 0)
        return [found] if is_joined else []

    @cached_property
    def _sides(self) -> list[Replayed]:
        return [side(self._own) for side in self._problem.sides]

    def turned(self, verdicts: list[Verdict]) -> list[Verdict]:
        """All gradients negated: another convention (T - O for O - T), not so many slips."""
        gradients = [v for v in verdicts if v.answer.is_gradient and np.any(v.exact)]
        if len(gradients) < 2 or any(v.verdict == OK for v in gradients):
            return verdicts
        if any(v.verdict == WRONG and not v.answer.is_gradient for v in verdicts):
            return verdicts  # it follows from that
        if not all(self._is_negated(v) for v in gradients):
            return verdicts
        return [replace(v, verdict=SIGN) if v in gradients else v for v in verdicts]

    def _is_negated(self, verdict: Verdict) -> bool:
        answer = verdict.answer
        if fits(answer, -verdict.exact, self._tolerance):
            return True
        negated = replace(answer, value=-answer.value)
        return self._problem.rounding(self._places).holds(negated)


def _consistent(problem: Problem, verdicts: list[Verdict], tolerance: float) -> list[Verdict]:
    """At a tie of max each share may be anything from 0 to 1, but they add up to 1: to 1 at most
    where a number is tied with them."""
    graph = problem.record.graph
    by_node = {v.answer.node: v for v in verdicts if v.answer.is_gradient}
    refused: set[int] = set()
    for gate in problem.replay.right_kinks:
        kind = graph.nodes[gate].gate
        if kind is not None and kind.name == "norm":
            refused |= _too_long(problem.record, gate, by_node, tolerance)
        if kind is None or kind.role is not Role.ROUTER:
            continue
        if not kind.variadic:
            refused |= _too_much_of_an_array(problem.record, gate, by_node, tolerance)
            continue
        tied = _tied(problem.record, gate)
        if not tied or not all(n in by_node and len(graph.consumers[n]) == 1 for n in tied):
            continue
        found = [by_node[node] for node in tied]
        upstream = problem.record.upstreams[gate]
        if any(np.shape(v.answer.value) != np.shape(upstream) for v in found):
            continue
        verdicts_here = {v.verdict for v in found}
        if KINK not in verdicts_here or not verdicts_here <= {OK, KINK}:
            continue
        excess = sum(v.answer.value for v in found) - upstream
        slack = max(tolerance, 0.01) * np.abs(upstream)
        with_number = _is_tied_with_number(problem.record, gate)
        too_much = np.where(with_number, excess * np.sign(upstream), np.abs(excess)) > slack
        if np.any(too_much & _is_tied(problem.record, gate)):
            refused |= set(tied)
    return [
        replace(v, verdict=WRONG) if v.answer.is_gradient and v.answer.node in refused else v
        for v in verdicts
    ]


def _too_much_of_an_array(
    record: Record, gate: int, by_node: Mapping[int, Verdict], tolerance: float
) -> set[int]:
    """The operand of max(x) or min(x), where its entries do not add up to the upstream."""
    kind, source = record.graph.nodes[gate].gate, record.graph.inputs_of[gate][0]
    if kind is None or not kind.name.startswith("reduce") or source not in by_node:
        return set()
    if len(record.graph.consumers[source]) > 1 or by_node[source].verdict != KINK:
        return set()
    axis = _operands(record, gate)[1]
    excess = ARRAYS.sum(by_node[source].answer.value, axis) - record.upstreams[gate]
    slack = max(tolerance, 0.01) * np.abs(record.upstreams[gate])
    return {source} if np.any(np.abs(excess) > slack) else set()


def _too_long(
    record: Record, gate: int, by_node: Mapping[int, Verdict], tolerance: float
) -> set[int]:
    """The operand of norm(x) at 0, where what is answered is longer than the upstream: no slope of
    a norm is above 1 in any direction."""
    source = record.graph.inputs_of[gate][0]
    if source not in by_node or by_node[source].verdict != KINK:
        return set()
    if len(record.graph.consumers[source]) > 1:
        return set()
    axis = _operands(record, gate)[1]
    length, most = ARRAYS.norm(by_node[source].answer.value, axis), np.abs(record.upstreams[gate])
    return {source} if np.any(length > most * (1 + max(tolerance, 0.01))) else set()


def _is_tied(record: Record, gate: int) -> Any:
    """At which entries more than one operand of a max or min is what it takes."""
    hits = [np.equal(v, record.values[gate]) for v in _operands(record, gate)]
    return sum(hit.astype(int) for hit in hits) > 1


def _is_tied_with_number(record: Record, gate: int) -> Any:
    """At which entries a number that stands in the formula is among the tied."""
    operands = record.graph.nodes[gate].operands
    fixed = [
        np.equal(value, record.values[gate])
        for operand, value in zip(operands, _operands(record, gate), strict=True)
        if isinstance(operand, Constant)
    ]
    return np.any(np.broadcast_arrays(*fixed), 0) if fixed else False


def _tied(record: Record, gate: int) -> list[int]:
    """The inputs that are tied somewhere."""
    at_tie = _is_tied(record, gate)
    output = record.values[gate]
    return [
        source
        for source in dict.fromkeys(record.graph.inputs_of[gate])
        if np.any(np.equal(record.values[source], output) & at_tie)
    ]


def _operands(record: Record, gate: int) -> list[Any]:
    m = ARRAYS if record.has_arrays else FLOATS
    return record.graph.nodes[gate].operand_values(record.values, m)


def _with_reasons(verdicts: list[Verdict]) -> list[Verdict]:
    """What follows has something wrong before it; else it comes of right numbers, rounded."""
    first = first_wrong(verdicts)
    return [
        replace(v, verdict=ROUNDED)
        if v.verdict == FOLLOWS and (first is None or order(v) < order(first))
        else v
        for v in verdicts
    ]


def fits(answer: Answer, exact: Any, tolerance: float = TOLERANCE, units: float = 0.5) -> bool:
    """Whether the answer is the exact number, rounded or cut to the digits that were typed."""
    if type(answer.value) is float and type(exact) is float:
        return _fits_number(answer.value, answer.units, exact, tolerance, units)
    if np.shape(answer.value) != np.shape(exact):
        return False
    value, unit = np.asarray(answer.value), np.asarray(answer.units)
    distance = np.abs(value - exact)
    # 0.4 for 0.3932 is rounded; 0 or 1 for it is not: whole numbers below 10 are meant as they are
    coarse = (unit >= 1) & (np.abs(value) < 10)
    rounded = (distance <= units * unit * _SLACK) & ~coarse
    cut = (np.abs(value) <= np.abs(exact)) & (distance < unit) & (value * exact >= 0) & ~coarse
    near = distance <= tolerance * np.abs(exact)
    return bool(np.all(rounded | cut | near))


def _fits_number(value: float, unit: float, exact: float, tolerance: float, units: float) -> bool:
    """The same for one number, which is what nearly all answers are."""
    distance = abs(value - exact)
    if distance <= tolerance * abs(exact):
        return True
    if unit >= 1 and abs(value) < 10:
        return False
    is_cut = abs(value) <= abs(exact) and distance < unit and value * exact >= 0
    return distance <= units * unit * _SLACK or is_cut


def _decided_otherwise(at: Place) -> Any:
    """What a comparison would be, were its equal numbers not equal."""
    a, b = at.operands
    return np.where(np.equal(a, b), 1.0 - at.output, at.output)[()]


def _between(answer: Answer, runs: Sequence[Replayed]) -> bool:
    """At a kink: between the slopes on its two sides, to the digits that were typed."""
    ends = [follow_number(run, answer) for run in runs]
    value = np.asarray(answer.value)
    if any(np.shape(end) != np.shape(value) for end in ends):
        return False
    low, high = np.min(ends, 0), np.max(ends, 0)
    whole = np.shape(value) or np.shape(low)
    unit = np.broadcast_to(answer.units if answer.units is not None else 0.0, whole)
    short = (unit >= 1) & (np.abs(value) < 10)
    half = np.where(short, 0.0, 0.5 * unit * _SLACK)
    slack = np.maximum(half, TOLERANCE * np.maximum(np.abs(low), np.abs(high)))
    is_between = (low - slack <= value) & (value <= high + slack)
    return bool(np.all(is_between) and np.any(low < high))


def order(verdict: Verdict) -> tuple[bool, int]:
    """Values as they are evaluated, then gradients from the output back."""
    is_gradient, node = verdict.answer.is_gradient, verdict.answer.node
    return is_gradient, -node if is_gradient else node


def first_wrong(verdicts: Sequence[Verdict]) -> Verdict | None:
    """The first fault."""
    wrong = [v for v in verdicts if v.verdict == WRONG]
    return min(wrong, key=order) if wrong else None
