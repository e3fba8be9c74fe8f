"""Holds answers against a formula's trace: the page that reads as the table of contents.

>>> report = check("(x+y)*z", {"x": -2, "y": 5, "z": -4}, {"dx": "-4", "dz": "7"})
>>> [v.verdict for v in report.verdicts], report.ok
(['ok', 'wrong'], False)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backtrace import passes
from backtrace.algebra.floats import FLOATS
from backtrace.errors import UsageError
from backtrace.formula.point import read_mapping
from backtrace.homework.answers import Answer, from_mapping
from backtrace.homework.diagnosis import SHOWN, Diagnosis, Fit
from backtrace.homework.problem import Problem, problem_of
from backtrace.homework.verdicts import (
    FOLLOWS,
    OK,
    SIGN,
    TOLERANCE,
    WRONG,
    Verdict,
    exact_number,
    first_wrong,
    judge,
)
from backtrace.record import Granularity, Record
from backtrace.request import Request

_OTHER_POINTS = 6
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Report:
    """The verdicts in the order of the answers, the first fault, and the slips that fit it."""

    record: Record
    verdicts: tuple[Verdict, ...]
    fault: Verdict | None
    fits: tuple[Fit, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; what follows from an earlier slip has that slip before it."""
        return self.fault is None and all(v.passes for v in self.verdicts)


def check(
    formula: str,
    point: Mapping[str, object],
    answers: Mapping[str, Any],
    *,
    tolerance: float = TOLERANCE,
) -> Report:
    """Holds answers (`{"dx": "-4", "q": 3}`) against a formula's trace at a point.

    Answers are best given as the text that was typed: its digits say how closely it is to be read.
    Raises FormulaError, ValueGivenError or UsageError.
    """
    problem = problem_of(formula, read_mapping(point), Granularity())
    graph = problem.record.graph
    return hold(problem, from_mapping(answers, graph, graph.output_name), tolerance)


def hold(problem: Problem, answers: Sequence[Answer], tolerance: float = TOLERANCE) -> Report:
    """The report on answers to a problem."""
    if not answers:
        raise UsageError(
            "there is no answer to check", hint="dx=-4 is the gradient of x, q=3 a value"
        )
    record = problem.record
    numbers = [answer for answer in answers if answer.value is not None]
    verdicts = {id(v.answer): v for v in judge(problem, numbers, tolerance)}
    for answer in answers:
        if answer.formula is not None:
            verdicts[id(answer)] = _formula_verdict(record, answer)
    found = tuple(verdicts[id(answer)] for answer in answers)
    fault = first_wrong(found)
    turned = next((v for v in found if v.verdict == SIGN), None)
    suspect = fault or turned
    diagnosis = Diagnosis(problem, found)
    fits = tuple(diagnosis.of(suspect)) if suspect is not None else ()
    again = _once_only(diagnosis, found, fault, fits) if fault is not None else found
    return Report(record, again, fault, fits)


def _once_only(
    diagnosis: Diagnosis, verdicts: tuple[Verdict, ...], fault: Verdict, fits: Sequence[Fit]
) -> tuple[Verdict, ...]:
    """The same slip made again follows from the first: nobody is punished twice for it."""
    codes = _codes(fits)

    def again(verdict: Verdict) -> bool:
        if verdict is fault or verdict.verdict != WRONG or verdict.answer.value is None:
            return False
        return bool(codes & _codes(diagnosis.of(verdict)))

    return tuple(replace(v, verdict=FOLLOWS) if again(v) else v for v in verdicts)


def _codes(fits: Sequence[Fit]) -> set[str]:
    codes = {code for fit in fits[:SHOWN] for code in (fit.code, *fit.also)}
    return codes - {"wrong-node", "wrong-upstream"}


def _formula_verdict(record: Record, answer: Answer) -> Verdict:
    """A formula is right when it is the same function: at the point, at others near it, and at
    others anywhere that both have a number at. (Two different functions of the kind that formulas
    are made of do not agree at points taken at random.)"""
    assert answer.formula is not None
    exact = exact_number(record, answer)
    chance = np.random.default_rng(0)
    verdict = OK
    for turn in range(1 + 2 * _OTHER_POINTS):
        point = dict(record.point)
        if 0 < turn <= _OTHER_POINTS:
            point = {n: x + chance.uniform(-0.3, 0.3) * (abs(x) or 1.0) for n, x in point.items()}
        elif turn:
            point = {n: chance.uniform(-3, 3) for n in point}
        passed = passes.run(record.graph, point, Request())
        numbers = passed.flow.upstreams if answer.is_gradient else passed.values
        expected = numbers[answer.node]
        given = answer.formula.evaluate(FLOATS, point)[answer.formula.output]
        if turn and not (math.isfinite(expected) and math.isfinite(given)):
            continue
        if not abs(given - expected) <= _SAME * max(abs(expected), 1.0):
            verdict = WRONG
    return Verdict(answer, exact, verdict, exact)
