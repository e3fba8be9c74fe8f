"""The verdict on every answer, and the first that is wrong.

A cascade is never punished: what is right given an earlier slip "follows" from it. What rounding
every step to the answer's digits can lead to is right, and the exact number is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backtrace.homework.answers import Answer, decimals
from backtrace.homework.problem import Problem, Spread, follow_number, own_numbers
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
    is_right = [
        fits(answer, number, tolerance) for answer, number in zip(answers, exact, strict=True)
    ]
    if all(is_right):
        return [Verdict(a, number, OK, number) for a, number in zip(answers, exact, strict=True)]
    followed = problem.replay(own_numbers(record, answers))
    places = decimals(answers)
    given = Spread(problem.spreading, answers, places)
    found = []
    for answer, number, right in zip(answers, exact, is_right, strict=True):
        follows = follow_number(followed, answer)
        verdict = OK if right else WRONG
        if right:
            pass
        elif _between(answer, [exact_number(side, answer) for side in problem.sides]):
            verdict = KINK
        elif fits(answer, follows, tolerance):  # the plain reading before the generous one
            verdict = FOLLOWS
        elif problem.rounding(places).holds(answer):
            verdict = ROUNDED
        elif given.holds(answer):
            verdict = FOLLOWS
        found.append(Verdict(answer, number, verdict, follows))
    found = _turned(found, tolerance)
    if WRONG not in {v.verdict for v in found}:  # it follows from numbers that are right, rounded
        found = [replace(v, verdict=ROUNDED) if v.verdict == FOLLOWS else v for v in found]
    return found


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


def _between(answer: Answer, ends: Sequence[Any]) -> bool:
    """At a kink: between the slopes on its two sides."""
    if not ends or answer.value is None:
        return False
    low, high = np.min(ends, 0), np.max(ends, 0)
    value = np.asarray(answer.value)
    inside = (low <= value) & (value <= high)
    return bool(np.shape(value) == np.shape(low) and np.all(inside) and np.any(low < high))


def _turned(verdicts: list[Verdict], tolerance: float) -> list[Verdict]:
    """All gradients exactly negated: another convention (T - O for O - T), not so many slips."""
    gradients = [v for v in verdicts if v.answer.is_gradient and np.any(v.exact)]
    if len(gradients) < 2 or any(v.verdict == OK for v in gradients):
        return verdicts
    if any(v.verdict == WRONG and not v.answer.is_gradient for v in verdicts):
        return verdicts  # it follows from that
    if not all(
        fits(v.answer, -v.exact, tolerance) for v in gradients if v.answer.value is not None
    ):
        return verdicts
    return [Verdict(v.answer, v.exact, SIGN, v.follows) if v in gradients else v for v in verdicts]


def first_wrong(verdicts: Sequence[Verdict]) -> Verdict | None:
    """The first fault: values as they are evaluated, then gradients from the output back."""
    wrong = [v for v in verdicts if v.verdict == WRONG]
    order = sorted(
        wrong, key=lambda v: (v.answer.is_gradient, v.answer.node * (-1) ** v.answer.is_gradient)
    )
    return order[0] if order else None
