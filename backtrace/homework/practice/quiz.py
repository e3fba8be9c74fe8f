"""A quiz: one number of a trace after the other, each answer judged by the code of `check`.

quiz = Quiz(problem_of("(x+y)*z", read_mapping({"x": -2, "y": 5, "z": -4}), Granularity()))
quiz.current.name            what is asked: #3
quiz.hint(1)                 the rule in words
quiz.judge("3").passes       True: the next is asked
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from backtrace.algebra.values import identical, shape_of
from backtrace.errors import BacktraceError, UsageError, ValueGivenError
from backtrace.gates.shapes import say as say_shape
from backtrace.graph.record import Record
from backtrace.homework.answers import Answer, read_answer, target_of
from backtrace.homework.checking import verdicts_on
from backtrace.homework.diagnosis import Diagnosis, Fit
from backtrace.homework.practice import hints
from backtrace.homework.practice.asks import Ask, asks_of
from backtrace.homework.practice.known import filled, followed, rest_of_tie
from backtrace.homework.problem import Problem
from backtrace.homework.slip_numbers import WrongNumber, wrong_numbers
from backtrace.homework.verdicts import FOLLOWS, KINK, WRONG, Verdict
from backtrace.language import marked, tell
from backtrace.render import View

TRIES = 2
LONGEST = 4000
"""Characters of an answer: 12 numbers, and formulas, are shorter."""
AT_ONCE, AFTER_HINT, SECOND, MISSED, SKIPPED, OPEN = OUTCOMES = (
    marked("right at once"),
    marked("right after a hint"),
    marked("right at the second try"),
    marked("not found"),
    marked("skipped"),
    marked("not reached"),
)
_MOST_BLAMED = 8
PLAIN = View()


@dataclass(frozen=True, slots=True)
class Judged:
    """One answer: the verdict, in the words of `check`; `exact` the number that is due, which an
    answer is only told with when it is right, or the last; `fits` the slips that lead to a wrong
    one; `follows` the name of an earlier wrong answer that it was worked out from ("": of none)."""

    ask: Ask
    given: str
    verdict: Verdict
    exact: Any
    fits: tuple[Fit, ...] = ()
    follows: str = ""
    is_last: bool = False

    @property
    def passes(self) -> bool:
        return self.verdict.passes


@dataclass(slots=True)
class Turn:
    """An ask and what became of it: the answers, the highest degree of a hint, and `number`, what
    stands at the wire from now on."""

    ask: Ask
    tries: list[Judged] = field(default_factory=list)
    hints: int = 0
    is_skipped: bool = False
    number: Any = None

    @property
    def outcome(self) -> str:
        if self.is_skipped:
            return SKIPPED
        if not self.tries:
            return OPEN
        if not self.tries[-1].passes:
            return MISSED
        if len(self.tries) > 1:
            return SECOND
        return AFTER_HINT if self.hints else AT_ONCE

    @property
    def is_over(self) -> bool:
        if self.is_skipped:
            return True
        return bool(self.tries) and (self.tries[-1].passes or len(self.tries) >= TRIES)


class Quiz:
    """`kind` says what is asked: the "gradients", the "values" or "all". `title` is what an
    assignment calls the problem. Raises UsageError where there is nothing to ask."""

    def __init__(self, problem: Problem, kind: str = "all", title: str = "") -> None:
        self.problem = problem
        self.title = title
        asks, self.given = asks_of(problem.record, kind)
        if not asks:
            raise UsageError(*_nothing(self.given))
        self.turns = [Turn(ask) for ask in asks]
        self._asks_gradients = kind != "values"
        self._place = 0
        self._beside = self._not_asked(asks)

    @property
    def current(self) -> Ask | None:
        """What is asked; None at the end."""
        return self.turns[self._place].ask if self._place < len(self.turns) else None

    @property
    def place(self) -> int:
        """How many asks are over."""
        return self._place

    def judge(self, text: str) -> Judged:
        """The verdict on an answer to what is asked. A right one, and the second wrong one, go on
        to the next ask. Raises BacktraceError for what is no answer, which counts as none."""
        turn = self._turn()
        if len(text) > LONGEST:
            raise UsageError(tell("an answer has {n:,} characters at most", n=LONGEST))
        answer = self._read(turn.ask, text.strip())
        verdicts = self._verdicts(answer)
        mine = verdicts[-1]
        judged = Judged(turn.ask, answer.text, mine, self._number(turn.ask))
        if not mine.passes:
            slips, blamed = self._why(verdicts), self._blamed(answer)
            is_last = len(turn.tries) + 1 >= TRIES
            judged = replace(judged, fits=slips, follows=blamed, is_last=is_last)
        turn.tries.append(judged)
        if turn.is_over:
            turn.number = self._due(turn.ask) if not judged.passes else self._kept(judged)
            self._place += 1
        return judged

    def skip(self) -> Any:
        """Goes on to the next ask; the number that was due."""
        turn = self._turn()
        turn.number = self._due(turn.ask)
        turn.is_skipped = True
        self._place += 1
        return turn.number

    def hint(self, degree: int | None = None, view: View = PLAIN) -> list[str]:
        """A hint of a degree from 1 to 3 (the next one that has not been given), a line each."""
        turn = self._turn()
        if degree is None:
            degree = min(turn.hints + 1, hints.DEGREES[-1])
        if degree not in hints.DEGREES:
            raise ValueError(tell("a hint has a degree from 1 to 3, not {degree}", degree=degree))
        turn.hints = max(turn.hints, degree)
        return hints.hint(self.record, view, turn.ask, degree)

    def known_numbers(self, view: View = PLAIN) -> list[str]:
        """The numbers that the current ask is worked out from: q = 3, z = -4."""
        return hints.known_numbers(self.record, view, self._turn().ask)

    def arithmetic(self, turn: Turn, view: View = PLAIN) -> list[str]:
        """How the number of an ask that is over comes about, with it."""
        ask, number = turn.ask, self._number(turn.ask)
        if not identical(number, turn.number):
            return [
                tell(
                    "{name} = {value}, with what you answered before it",
                    name=ask.name,
                    value=view.value(turn.number),
                )
            ]
        return hints.arithmetic(self.record, view, ask, number)

    @property
    def record(self) -> Record:
        """The numbers that are due, given those answers that stand at a kink."""
        own = {
            turn.ask.node: turn.number
            for turn in self.turns[: self._place]
            if turn.tries and turn.tries[-1].verdict.verdict == KINK
        }
        return followed(self.problem, own) if own else self.problem.record

    def picture(self) -> Record:
        """The trace with blanks for what has not been found yet; and for the gradients, where only
        the values are asked for."""
        numbers = {_wire(t.ask): t.number for t in self.turns}
        return filled(self.record, numbers, self._place, self._asks_gradients)

    def slips(self) -> Mapping[tuple[int, bool], tuple[WrongNumber, ...]]:
        """The wrong numbers of every slip at every wire, by (node, whether its gradient)."""
        return wrong_numbers(self.problem)

    def _number(self, ask: Ask) -> Any:
        record = self.record
        return (record.upstreams if ask.is_gradient else record.values)[ask.node]

    def _turn(self) -> Turn:
        if self._place >= len(self.turns):
            raise UsageError(tell("there is nothing left to ask"))
        return self.turns[self._place]

    def _read(self, ask: Ask, text: str) -> Answer:
        """The answer as a number; `dq = -4` is one to dq. Raises BacktraceError."""
        graph = self.problem.record.graph
        name, equals, rest = text.partition("=")
        if equals and not rest.startswith("=") and name.strip():
            target = target_of(name, graph)
            if target is not None and target != (ask.node, ask.is_gradient):
                raise ValueGivenError(
                    tell("{name} is asked for, not {other}", name=ask.name, other=name.strip())
                )
            text = rest.strip() if target is not None else text
        if not text:
            raise ValueGivenError(
                tell("there is no number in this"), hint="-4, 0.3932, 1/3, [1, 2]"
            )
        answer = read_answer(f"{'d' * ask.is_gradient}#{ask.node}", text, graph)
        if answer.formula is not None and not ask.is_gradient:
            what = tell("a number is asked for, and this is a formula")
            raise ValueGivenError(what, hint=tell("put the numbers of the point into it"))
        given = shape_of(answer.value)
        if answer.formula is None and bool(given) != bool(ask.shape) and not _is_one(given):
            what = tell("one number is asked for")
            if ask.shape:
                what = tell("{shape} numbers are asked for", shape=say_shape(ask.shape))
            hint = tell("[1, 2], or [[1, 2], [3, 4]]") if ask.shape else "-4, 0.3932, 1/3"
            raise ValueGivenError(what, hint=hint)
        return replace(answer, name=ask.name)

    def _verdicts(self, answer: Answer, instead: Turn | None = None) -> tuple[Verdict, ...]:
        """The verdicts on all that is known by now and an answer; `instead`'s wrong answer may
        stand in the place of the number that was due."""
        known = [
            *self._beside,
            *(self._standing(turn, turn is instead) for turn in self.turns[: self._place]),
        ]
        return verdicts_on(self.problem, [*known, answer])

    def _standing(self, turn: Turn, is_wrong: bool) -> Answer:
        """What is known of an ask that is over: the right answer, as it was given, else what it
        was told."""
        if turn.tries and (is_wrong or turn.tries[-1].passes):
            return turn.tries[-1].verdict.answer
        return _told(turn.ask.name, turn.ask.node, turn.ask.is_gradient, turn.number)

    def _why(self, verdicts: Sequence[Verdict]) -> tuple[Fit, ...]:
        """The slips that fit the last of the verdicts."""
        return tuple(Diagnosis(self.problem, verdicts).of(replace(verdicts[-1], verdict=WRONG)))

    def _blamed(self, answer: Answer) -> str:
        """The earlier ask whose wrong answer this one follows from."""
        over = self.turns[: self._place]
        missed = [turn for turn in over if turn.tries and not turn.tries[-1].passes]
        for turn in missed[: -_MOST_BLAMED - 1 : -1]:
            if self._verdicts(answer, instead=turn)[-1].verdict == FOLLOWS:
                return turn.ask.name
        return ""

    def _due(self, ask: Ask) -> Any:
        """The number that is due, given the answers at kinks before it."""
        record, number = self.record, self._number(ask)
        if record is self.problem.record or self._passes(ask, number):
            return number
        answers = {
            turn.ask.node: turn.number for turn in self.turns[: self._place] if turn.ask.is_gradient
        }
        rest = rest_of_tie(record, ask.node, answers)
        return number if rest is None or not self._passes(ask, rest) else rest

    def _passes(self, ask: Ask, number: Any) -> bool:
        try:
            found = self._verdicts(_told(ask.name, ask.node, ask.is_gradient, number))
        except BacktraceError:
            return False
        return found[-1].passes

    def _kept(self, judged: Judged) -> Any:
        """What stands at the wire: at a kink, and after one, somebody's own number."""
        if judged.verdict.verdict != KINK and self.record is self.problem.record:
            return judged.exact
        return judged.verdict.answer.value

    def _not_asked(self, asks: Sequence[Ask]) -> list[Answer]:
        """The gradients that are given: of large arrays, of conditions."""
        record = self.problem.record
        asked = {ask.node for ask in asks if ask.is_gradient}
        if not asked:
            return []
        return [
            _told(f"d#{index}", index, True, record.upstreams[index])
            for index, _, _ in record.graph.gates()
            if index not in asked and index != record.graph.output
        ]


def _wire(ask: Ask) -> tuple[int, bool]:
    return ask.node, ask.is_gradient


def _is_one(shape: Sequence[int]) -> bool:
    """Whether an array is one number in brackets."""
    return bool(shape) and all(length == 1 for length in shape)


def _told(name: str, node: int, is_gradient: bool, number: Any) -> Answer:
    """A number that was given, exactly."""
    units = np.zeros(np.shape(number))[()]
    return Answer(name, node, is_gradient, "", number, units if np.shape(number) else 0.0)


def _nothing(given: Sequence[str]) -> tuple[str]:
    if given:
        return (
            tell(
                "there is nothing to ask: {names} have too many entries to type",
                names=", ".join(given[:4]),
            ),
        )
    return (tell("there is nothing to ask: the formula has no gate"),)
