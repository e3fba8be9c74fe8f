"""The verdict on every answer, and the first that is wrong.

A cascade is never punished: what is right given an earlier slip "follows" from it. What rounding
every step to the answer's digits can lead to is right, and the exact number is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from backtrace.gates import Role
from backtrace.homework.answers import Answer, decimals
from backtrace.homework.problem import Problem, Spread, follow_number, own_numbers
from backtrace.homework.replay import Own, Replayed
from backtrace.record import Record

OK, ROUNDED, SIGN, KINK, FOLLOWS, WRONG = VERDICTS = (
    "ok",
    "ok, rounded early",
    "sign convention",
    "kink",
    "follows from an earlier slip",
    "wrong",
)
TOLERANCE = 1e-4
_SLACK = 1.0 + 1e-9


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
        return follow_number(self._followed, answer)

    def verdict(self, answer: Answer) -> str:
        """Of an answer that is not simply right: the plain readings before the generous ones."""
        if self._problem.replay.right_kinks and _between(answer, self._right_sides):
            return KINK
        if fits(answer, self.follow(answer), self._tolerance):
            return FOLLOWS
        if self._own.values and fits(answer, follow_number(self._fresh, answer), self._tolerance):
            return FOLLOWS
        if self._followed.kinks and _between(answer, self._sides):
            return FOLLOWS
        if self._problem.rounding(self._places).holds(answer):
            return ROUNDED
        return FOLLOWS if self._given.holds(answer) else WRONG

    @cached_property
    def _fresh(self) -> Replayed:
        """With rules that are written with a gate's output taking that from its inputs."""
        return self._problem.replay(replace(self._own, is_fresh=True))

    @cached_property
    def _right_sides(self) -> list[Replayed]:
        return [side(Own()) for side in self._problem.sides]

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
    """At a tie of max each share may be anything from 0 to 1, but they add up to 1."""
    graph = problem.record.graph
    by_node = {v.answer.node: v for v in verdicts if v.answer.is_gradient}
    refused: set[int] = set()
    for gate in problem.replay.right_kinks:
        kind = graph.nodes[gate].gate
        if kind is None or not kind.variadic or kind.role is not Role.ROUTER:
            continue
        slopes = zip(graph.inputs_of[gate], problem.record.locals[gate], strict=True)
        tied = [source for source, slope in slopes if np.any(slope)]
        if not all(n in by_node and len(graph.consumers[n]) == 1 for n in tied):
            continue
        total = sum(by_node[node].answer.value for node in tied)
        upstream = problem.record.upstreams[gate]
        if by_node[tied[0]].verdict == KINK and np.any(
            np.abs(total - upstream) > max(tolerance, 0.01) * np.abs(upstream)
        ):
            refused |= set(tied)
    return [
        replace(v, verdict=WRONG) if v.answer.is_gradient and v.answer.node in refused else v
        for v in verdicts
    ]


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


def _between(answer: Answer, runs: Sequence[Replayed]) -> bool:
    """At a kink: between the slopes on its two sides."""
    ends = [follow_number(run, answer) for run in runs]
    value = np.asarray(answer.value)
    if any(np.shape(end) != np.shape(value) for end in ends):
        return False
    low, high = np.min(ends, 0), np.max(ends, 0)
    return bool(np.all((low <= value) & (value <= high)) and np.any(low < high))


def order(verdict: Verdict) -> tuple[bool, int]:
    """Values as they are evaluated, then gradients from the output back."""
    is_gradient, node = verdict.answer.is_gradient, verdict.answer.node
    return is_gradient, -node if is_gradient else node


def first_wrong(verdicts: Sequence[Verdict]) -> Verdict | None:
    """The first fault."""
    wrong = [v for v in verdicts if v.verdict == WRONG]
    return min(wrong, key=order) if wrong else None
