"""SymPy's witness: questions about a whole formula, answered in plain values and in time."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import sympy

from backtrace.checks.answers import Answer
from backtrace.checks.deadline import OutOfTime, within
from backtrace.checks.evaluated import Unanswered
from backtrace.checks.reading import Reading
from backtrace.language import tell


def ask(
    text: str,
    names: Collection[str],
    point: Mapping[str, float],
    wrt: Sequence[str],
    seconds: float,
    spent: float = 0.0,
) -> dict[str, Answer]:
    """SymPy's value of the formula (under "") and of its derivative by each variable of `wrt`.

    Takes at most `seconds` in all, of which some are spent; what is not answered by then says so.
    """
    answers: dict[str, Answer] = {}

    def work() -> None:
        reading = Reading(text, names)
        answers[""] = _answer(lambda: reading.expression, reading, point)
        for name in wrt:
            answers[name] = _answer(functools.partial(reading.derivative, name), reading, point)

    reason = ""
    try:
        within(seconds - spent, work)
    except OutOfTime:
        reason = tell("SymPy needs more than {seconds:g} s", seconds=seconds)
    except Exception as error:  # whatever SymPy raises, it is no witness then
        reason = words(error)
    found = dict(answers)  # a worker that was left behind may still write
    return {name: found.get(name, Answer(reason=reason)) for name in ("", *wrt)}


def second_derivatives(
    text: str,
    names: Collection[str],
    point: Mapping[str, float],
    pairs: Sequence[tuple[str, str]],
    seconds: float,
) -> dict[tuple[str, str], tuple[str, float | None]]:
    """(formula, value) of the second derivative by each pair; ("", None) where there is no answer
    in time, no value without a point."""
    found: dict[tuple[str, str], tuple[str, float | None]] = {}

    def work() -> None:
        reading = Reading(text, names)
        for first, second in pairs:
            expression = reading.derivative(first, second)
            value = (
                _answer(functools.partial(_same, expression), reading, point).value
                if point
                else None
            )
            found[first, second] = (reading.text(expression), value)

    with contextlib.suppress(OutOfTime, Exception):  # whatever SymPy raises, it has no answer
        within(seconds, work)
    answers = dict(found)
    return {pair: answers.get(pair, ("", None)) for pair in pairs}


def simplify(
    text: str, names: Collection[str], wrt: Sequence[str], seconds: float
) -> dict[str, str]:
    """The derivatives, simplified as far as SymPy gets in `seconds`; what it does not get to says
    so."""
    found: dict[str, str] = {}

    def work() -> None:
        reading = Reading(text, names)
        for name in wrt:
            found[name] = reading.text(reading.derivative(name))
        for name in wrt:
            found[name] = reading.text(sympy.simplify(reading.derivative(name)))

    try:
        within(seconds, work)
        reason = ""
    except OutOfTime:
        reason = tell("(SymPy stopped simplifying after {seconds:g} s)", seconds=seconds)
    except Exception as error:  # whatever SymPy raises, it has no answer
        reason = f"({words(error)})"
    answers = dict(found)
    return {name: answers.get(name, reason) for name in wrt}


def _answer(expression: Callable[[], Any], reading: Reading, point: Mapping[str, float]) -> Answer:
    formula = None
    try:
        found = expression()
        formula = reading.text(found)
        return Answer(reading.value(found, point), formula)
    except Exception as error:  # whatever SymPy raises, it is no witness then
        return Answer(None, formula, words(error))


def words(error: Exception) -> str:
    if isinstance(error, Unanswered):
        return str(error)
    if isinstance(error, RecursionError):
        return tell("the formula is nested too deeply for SymPy")
    return tell("SymPy cannot do it ({name})", name=type(error).__name__)


def _same(expression: Any) -> Any:
    return expression
