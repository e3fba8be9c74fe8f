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

from backtrace.algebra.arrays import ARRAYS, quiet
from backtrace.algebra.floats import FLOATS
from backtrace.algebra.values import is_finite, shape_of
from backtrace.errors import BacktraceError, UsageError
from backtrace.formula.point import read_mapping
from backtrace.formula.shapes import with_shapes
from backtrace.graph.record import Granularity, Record
from backtrace.homework.answers import Answer, from_mapping
from backtrace.homework.diagnosis import SHOWN, Diagnosis, Fit
from backtrace.homework.due import value_due
from backtrace.homework.problem import Problem, problem_of
from backtrace.homework.verdicts import (
    FOLLOWS,
    OK,
    ROUNDED,
    SIGN,
    TOLERANCE,
    WRONG,
    Verdict,
    exact_number,
    first_wrong,
    fits,
    judge,
)
from backtrace.language import tell
from backtrace.numbers import LONGEST_LINE, one_line
from backtrace.tracing import passes
from backtrace.tracing.request import Request

_OTHER_POINTS = 6
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Report:
    """The verdicts in the order of the answers, the first fault, and the slips that fit it; `twins`
    are the other answers that the same slip at the same gate spoils."""

    record: Record
    verdicts: tuple[Verdict, ...]
    fault: Verdict | None
    fits: tuple[Fit, ...]
    twins: tuple[str, ...] = ()

    def __repr__(self) -> str:
        passed = sum(v.passes for v in self.verdicts)
        told = f"{passed} of {len(self.verdicts)} answers pass"
        if self.fault is not None:
            told += f", the first fault is {self.fault.answer.name}"
        return one_line(f"<Report {told}: {self.record.formula[:LONGEST_LINE]}>")

    @property
    def together(self) -> str:
        """The first fault's name, and its twins': dx and dy."""
        if self.fault is None:
            return ""
        names = {self.fault.answer.name, *self.twins}
        *first, last = [v.answer.name for v in self.verdicts if v.answer.name in names]
        return tell("{first} and {last}", first=", ".join(first), last=last) if first else last

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
            tell("there is no answer to check"),
            hint=tell("dx=-4 is the gradient of x, q=3 a value"),
        )
    with quiet():  # numbers near the largest there is overflow, and are wrong
        return _held(problem, answers, tolerance)


def verdicts_on(
    problem: Problem, answers: Sequence[Answer], tolerance: float = TOLERANCE
) -> tuple[Verdict, ...]:
    """The verdict on each answer, and no more. Raises UsageError where a formula has no value."""
    record = problem.record
    with quiet():
        found = judge(problem, [settled(record, a) for a in answers], tolerance)
        return tuple(_as_function(record, verdict) for verdict in found)


def _held(problem: Problem, answers: Sequence[Answer], tolerance: float) -> Report:
    record = problem.record
    found = verdicts_on(problem, answers, tolerance)
    fault = first_wrong(found)
    turned = next((v for v in found if v.verdict == SIGN), None)
    suspect = fault or turned
    diagnosis = Diagnosis(problem, found)
    slips = tuple(diagnosis.of(suspect)) if suspect is not None else ()
    if fault is None:
        return Report(record, found, fault, slips)
    again, twins = _once_only(diagnosis, found, fault, slips)
    return Report(record, again, fault, slips, twins)


def _once_only(
    diagnosis: Diagnosis, verdicts: tuple[Verdict, ...], fault: Verdict, fits: Sequence[Fit]
) -> tuple[tuple[Verdict, ...], tuple[str, ...]]:
    """The same slip made again follows from the first: nobody is punished twice for it. And the
    names of those where it is the same at the same gate."""
    codes, places = _codes(fits), _places(fits)
    found, twins = [], []
    for verdict in verdicts:
        if verdict is not fault and verdict.verdict == WRONG and verdict.answer.value is not None:
            others = diagnosis.of(verdict)
            if codes & _codes(others):
                verdict = replace(verdict, verdict=FOLLOWS)
                twins += [verdict.answer.name] * bool(places & _places(others))
        found.append(verdict)
    return tuple(found), tuple(twins)


def _places(fits: Sequence[Fit]) -> set[tuple[str, int]]:
    """Which slips are made at which gates."""
    return {
        (code, gate)
        for fit in fits
        for code in (fit.code, *fit.also)
        for gate in (fit.gate, *fit.elsewhere)
    }


def _codes(fits: Sequence[Fit]) -> set[str]:
    codes = {code for fit in fits[:SHOWN] for code in (fit.code, *fit.also)}
    return codes - {"wrong-node", "wrong-upstream"}


def settled(record: Record, answer: Answer) -> Answer:
    """The answer as a number: a formula's is that at the point. A column is as good as a row, and
    [3] as 3. Raises UsageError where a formula has no value."""
    if answer.formula is not None and answer.value is None:
        value = evaluate(record, answer, record.values, to_all_digits=True)
        answer = replace(answer, value=value, units=np.zeros(np.shape(value))[()])
    shape = shape_of(exact_number(record, answer))
    own = np.shape(answer.value)
    if own != shape and _squeezed(own) == _squeezed(shape):
        value, units = np.reshape(answer.value, shape), np.reshape(answer.units, shape)
        if not shape:
            return replace(answer, value=float(value), units=float(units))
        return replace(answer, value=value, units=units)
    return answer


def _squeezed(shape: Sequence[int]) -> list[int]:
    return [length for length in shape if length != 1]


def evaluate(
    record: Record, answer: Answer, values: Sequence[Any], to_all_digits: bool = False
) -> Any:
    """What a formula of variables and stages is, with these values of them; with `to_all_digits`
    not what 64-bit floats lose of it. Raises UsageError where it has no value: shapes that do not
    fit."""
    graph, formula = record.graph, answer.formula
    assert formula is not None
    known = {**graph.inputs, **graph.stages}
    point = {name: values[known[name]] for name in formula.inputs}
    try:
        settled = with_shapes(formula, {name: shape_of(v) for name, v in point.items()})
        m = ARRAYS if any(map(shape_of, point.values())) or formula.uses_arrays else FLOATS
        with quiet():
            found = settled.evaluate(m, point)
            value = found[settled.output]
            if to_all_digits:
                value = value_due(settled, point, found, m is ARRAYS)
    except BacktraceError as error:
        raise UsageError(
            tell("'{name}' has no value: {what}", name=answer.name, what=error.what)
        ) from None
    return value if shape_of(value) else float(value)


def _as_function(record: Record, verdict: Verdict) -> Verdict:
    """A formula is right when it is the same function: at the point, at others near it, and at
    others anywhere that both have a number at. (Two different functions of the kind that formulas
    are made of do not agree at points taken at random.)"""
    answer = verdict.answer
    if answer.formula is None or verdict.verdict not in (OK, ROUNDED):
        return verdict
    if not fits(answer, verdict.exact, _SAME):
        return replace(verdict, verdict=WRONG)
    chance = np.random.default_rng(0)
    for turn in range(2 * _OTHER_POINTS):
        point = {}
        for name, value in record.point.items():
            shape = shape_of(value)
            near = value + chance.uniform(-0.3, 0.3, shape) * np.where(value, np.abs(value), 1.0)
            point[name] = (near if turn < _OTHER_POINTS else chance.uniform(-3, 3, shape))[()]
        if not _agree(record, answer, point):
            return replace(verdict, verdict=WRONG)
    return verdict


def _agree(record: Record, answer: Answer, point: Mapping[str, Any]) -> bool:
    """Whether a formula has the right value at a point; also where there is none to be had."""
    try:
        passed = passes.run(record.graph, point, Request())
        given = evaluate(record, answer, passed.values)
    except BacktraceError:
        return True
    numbers = passed.flow.upstreams if answer.is_gradient else passed.values
    expected = numbers[answer.node]
    if not (is_finite(expected) and is_finite(given)):
        return True
    scale = np.maximum(np.abs(expected), 1.0)
    return np.shape(given) == np.shape(expected) and bool(
        np.all(np.abs(given - expected) <= _SAME * scale)
    )
