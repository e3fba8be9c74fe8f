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

from backtrace.homework.answers import Answer, decimals
from backtrace.homework.replay import Own, Replayed, replay
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
_RUNS = 40
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
    record: Record, answers: Sequence[Answer], sides: Sequence[Record], tolerance: float = TOLERANCE
) -> list[Verdict]:
    """Every answer's verdict, in the order of the answers. `sides` are the same traces by other
    conventions, where a gate stands at a kink."""
    own, places = own_numbers(answers), decimals(answers)
    followed = replay(record, own)
    early = _Reach(record, places, Own())
    given = _Reach(record, places, own)
    found = []
    for answer in answers:
        exact = exact_number(record, answer)
        follows = follow_number(followed, answer)
        verdict = WRONG
        if fits(answer, exact, tolerance):
            verdict = OK
        elif _between(answer, [exact_number(side, answer) for side in sides]):
            verdict = KINK
        elif fits(answer, follows, tolerance):  # the plain reading before the generous one
            verdict = FOLLOWS
        elif early.holds(answer):
            verdict = ROUNDED
        elif given.holds(answer):
            verdict = FOLLOWS
        found.append(Verdict(answer, exact, verdict, follows))
    return _turned(found, tolerance)


def own_numbers(answers: Sequence[Answer]) -> Own:
    numbers = [a for a in answers if a.value is not None]
    return Own(
        values={a.node: a.value for a in numbers if not a.is_gradient},
        gradients={a.node: a.value for a in numbers if a.is_gradient},
    )


def follow_number(replayed: Replayed, answer: Answer) -> Any:
    return (replayed.gradients if answer.is_gradient else replayed.values)[answer.node]


def fits(answer: Answer, exact: Any, tolerance: float = TOLERANCE, units: float = 0.5) -> bool:
    """Whether the answer is the exact number, rounded or cut to the digits that were typed."""
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


def _between(answer: Answer, ends: Sequence[Any]) -> bool:
    """At a kink: between the slopes on its two sides."""
    if not ends or answer.value is None:
        return False
    low, high = np.min(ends, 0), np.max(ends, 0)
    value = np.asarray(answer.value)
    inside = (low <= value) & (value <= high)
    return bool(np.shape(value) == np.shape(low) and np.all(inside) and np.any(low < high))


class _Reach:
    """The least and the largest numbers that rounding every step to so many digits after the point
    can lead to: each rounded or cut, at random, many times over, when it is asked for."""

    def __init__(self, record: Record, places: int, own: Own) -> None:
        self._record = record
        self._places = places
        self._own = own

    def holds(self, answer: Answer) -> bool:
        if not self._places:
            return False
        ends = [follow_number(run, answer) for run in self._runs]
        low, high = np.min(ends, 0), np.max(ends, 0)
        if np.shape(answer.value) != np.shape(low):
            return False
        half = 0.5 * np.asarray(answer.units) * _SLACK
        return bool(np.all((low - half <= answer.value) & (answer.value <= high + half)))

    @cached_property
    def _runs(self) -> list[Replayed]:
        chance = np.random.default_rng(0)
        scale = 10.0**self._places

        def touch(value: Any) -> Any:
            rounded, cut = np.round(value * scale), np.trunc(value * scale)
            return np.where(chance.random(np.shape(value)) < 0.5, rounded, cut)[()] / scale

        own = replace(self._own, touch=touch)
        return [replay(self._record, own) for _ in range(_RUNS)]


def _turned(verdicts: list[Verdict], tolerance: float) -> list[Verdict]:
    """All gradients exactly negated: another convention (T - O for O - T), not so many slips."""
    gradients = [v for v in verdicts if v.answer.is_gradient and np.any(v.exact)]
    if len(gradients) < 2 or any(v.verdict == OK for v in gradients):
        return verdicts
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
