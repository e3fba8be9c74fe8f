"""Holds answers against a formula's trace: the page that reads as the table of contents.

>>> report = check("(x+y)*z", {"x": -2, "y": 5, "z": -4}, {"dx": "-4", "dz": "7"})
>>> [v.verdict for v in report.verdicts], report.ok
(['ok', 'wrong'], False)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backtrace import passes
from backtrace.algebra.floats import FLOATS
from backtrace.errors import UsageError
from backtrace.formula.point import Given, read_mapping
from backtrace.homework.answers import Answer, from_mapping
from backtrace.homework.diagnosis import Fit, diagnose
from backtrace.homework.verdicts import (
    OK,
    TOLERANCE,
    WRONG,
    Verdict,
    exact_number,
    first_wrong,
    judge,
)
from backtrace.record import Granularity, Record
from backtrace.request import Request
from backtrace.tracer import Trace, trace_given

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
    given = read_mapping(point)
    record = traced(formula, given)
    found = from_mapping(answers, record.graph, record.graph.output_name)
    return hold(record, given, found, tolerance)


def traced(formula: str, given: Mapping[str, Given]) -> Trace:
    """The trace to hold answers against: at a point where every number is finite."""
    record = trace_given(formula, given, Request(check=False))
    if not record.has_point:
        name = next(iter(record.graph.inputs))
        raise UsageError(f"'{name}' has no value", hint=f"add {name}=... before the answers")
    if record.fault is not None:
        raise UsageError(f"there is no answer at this point: {record.fault.what}")
    return record


def hold(
    record: Record, given: Mapping[str, Given], answers: Sequence[Answer], tolerance: float
) -> Report:
    """The report on answers to a record's formula."""
    if not answers:
        raise UsageError(
            "there is no answer to check", hint="dx=-4 is the gradient of x, q=3 a value"
        )
    sides = _sides(record, given)
    numbers = [answer for answer in answers if answer.value is not None]
    verdicts = {id(v.answer): v for v in judge(record, numbers, sides, tolerance)}
    for answer in answers:
        if answer.formula is not None:
            verdicts[id(answer)] = _formula_verdict(record, answer)
    found = tuple(verdicts[id(answer)] for answer in answers)
    fault = first_wrong(found)
    fits = tuple(diagnose(record, found, fault)) if fault is not None else ()
    return Report(record, found, fault, fits)


def _sides(record: Record, given: Mapping[str, Given]) -> list[Record]:
    """The same by the conventions to the left and the right of a kink, if there is one."""
    if not any(note.kind == "kink" for note in record.notes):
        return []
    return [
        trace_given(
            record.formula,
            given,
            Request(granularity=replace(Granularity(), kink=side), check=False),
        )
        for side in ("left", "right")
    ]


def _formula_verdict(record: Record, answer: Answer) -> Verdict:
    """A formula is right when it is the same function: at the point and at others near it."""
    assert answer.formula is not None
    exact = exact_number(record, answer)
    chance = np.random.default_rng(0)
    verdict = OK
    for turn in range(_OTHER_POINTS):
        point = dict(record.point)
        if turn:
            point = {n: x + chance.uniform(-0.3, 0.3) * (abs(x) or 1.0) for n, x in point.items()}
        passed = passes.run(record.graph, point, Request())
        numbers = passed.flow.upstreams if answer.is_gradient else passed.values
        expected = numbers[answer.node]
        given = answer.formula.evaluate(FLOATS, point)[answer.formula.output]
        if not abs(given - expected) <= _SAME * max(abs(expected), 1.0):
            verdict = WRONG
    return Verdict(answer, exact, verdict, exact)
