"""What SymPy answers of arrays, in time: numbers first, then as many formulas as it gets to."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backtrace.algebra.arrays import quiet
from backtrace.checks.answers import Answer, unanswered
from backtrace.checks.deadline import Clock, OutOfTime
from backtrace.checks.symbolic import words
from backtrace.checks.symbolicarrays import ArrayReading
from backtrace.language import tell

_FOR_NUMBERS = 0.65  # of the seconds


def ask(
    text: str,
    point: Mapping[str, Any],
    seed: Any,
    wrt: Sequence[str],
    longest: int,
    seconds: float,
    spent: float = 0.0,
) -> dict[str, Answer]:
    """SymPy's value of the formula (under "") and, for every variable of `wrt`, the derivatives of
    the sum of seed*output by its entries; as formulas too, where the length of the whole times the
    entries is not above `longest`. Takes at most `seconds` in all, of which some are spent."""
    question, clock = _Question(text, point, seed, wrt, longest), Clock(seconds - spent)
    try:
        clock.within(question.find_numbers, _FOR_NUMBERS * seconds - spent)
    except OutOfTime:
        return {**unanswered(wrt, seconds), **question.answers}
    late = tell("SymPy's formula needs more than {seconds:g} s", seconds=seconds)
    try:
        clock.within(question.write_out)
    except OutOfTime:
        pass
    except Exception as error:  # whatever SymPy raises, it has no formula then
        late = words(error)
    answers = dict(question.answers)
    for name in question.to_write:
        if answers[name].formula is None and not answers[name].reason:
            answers[name] = answers[name]._replace(reason=late)
    return answers


@dataclass
class _Question:
    """The answers, as far as they are known, and the variables whose derivatives are to be
    formulas. (A worker that was left behind may still write.)"""

    text: str
    point: Mapping[str, Any]
    seed: Any
    wrt: Sequence[str]
    longest: int
    answers: dict[str, Answer] = field(default_factory=dict)
    to_write: list[str] = field(default_factory=list)

    def find_numbers(self) -> None:
        """Of the whole and, all from one walk, of the derivatives."""
        with quiet():
            try:
                reading = ArrayReading(self.text, self.point, has_stand_ins=True)
            except Exception as error:  # whatever SymPy raises, it is no witness then
                self.answers |= dict.fromkeys(("", *self.wrt), Answer(reason=words(error)))
                self.to_write += self.wrt if self.longest else ()
                return
            self.answers[""] = _answer(lambda: reading.values(reading.output))
            slopes, length = reading.slopes(self.seed, self.wrt), reading.length
            for name in self.wrt:
                answer = _answer(functools.partial(slopes, name))
                if length * reading.size(name) <= self.longest:
                    self.to_write.append(name)
                elif self.longest and not answer.reason:
                    answer = answer._replace(reason=_too_long())
                self.answers[name] = answer

    def write_out(self) -> None:
        """The derivatives as formulas, and from these the numbers that are missing."""
        missing = [name for name, answer in self.answers.items() if answer.value is None]
        if not missing and not self.to_write:
            return
        with quiet():
            reading = ArrayReading(self.text, self.point, has_stand_ins=False)
            if "" in missing:
                self.answers[""] = _answer(lambda: reading.values(reading.output))
            for name in self.wrt:
                if name in missing or name in self.to_write:
                    self.answers[name] = self._written_out(name, reading)

    def _written_out(self, name: str, reading: ArrayReading) -> Answer:
        derivatives = np.asarray(reading.derivatives(name, self.seed), dtype=object)
        answer = self.answers[name]
        if answer.value is None:
            answer = _answer(functools.partial(reading.values, derivatives))
        if answer.value is None or name not in self.to_write:
            return answer
        return answer._replace(formula=reading.texts(derivatives))


def _too_long() -> str:
    return tell("written out entry by entry, SymPy's formula is too long")


def _answer(find: Callable[[], Any]) -> Answer:
    try:
        return Answer(find())
    except Exception as error:  # whatever SymPy raises, it is no witness then
        return Answer(reason=words(error))
