"""What a quiz came to: what was right at once, which slips were made, what to practise next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backtrace.algebra.values import shape_of
from backtrace.homework.diagnosis import SHOWN
from backtrace.homework.practice.asks import gate_words
from backtrace.homework.practice.quiz import AT_ONCE, OUTCOMES, Judged, Quiz, Turn
from backtrace.homework.practice.upcoming import next_words
from backtrace.numbers import plain, plain_list

SCHEMA = "backtrace.quiz/1"


@dataclass(frozen=True, slots=True)
class Slip:
    """A slip that fits wrong answers: its code, its sentence, the gate in words, the names of what
    was asked; `is_alone` says whether nothing else fits these as well."""

    code: str
    says: str
    gate: str
    names: tuple[str, ...]
    is_alone: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """by_outcome  the names of what was asked, by outcome, in the order of OUTCOMES
    asked       how many in all
    slips       those that were made, in order
    command     what to practise next, as it is typed
    """

    by_outcome: dict[str, tuple[str, ...]]
    asked: int
    slips: tuple[Slip, ...]
    command: str

    @property
    def ok(self) -> bool:
        """Whether everything was right at once."""
        return len(self.by_outcome.get(AT_ONCE, ())) == self.asked


def summary(quizzes: Sequence[Quiz], again: Sequence[str] = (), seed: int = 0) -> Summary:
    """`again` are the words that ask the same once more, `seed` a number that has not been used."""
    by_outcome: dict[str, tuple[str, ...]] = {}
    several = len(quizzes) > 1
    for outcome in OUTCOMES:
        names = [
            _named(quiz, turn.ask.name, several)
            for quiz in quizzes
            for turn in quiz.turns
            if turn.outcome == outcome
        ]
        if names:
            by_outcome[outcome] = tuple(names)
    asked = sum(len(quiz.turns) for quiz in quizzes)
    slips = tuple(slip for quiz in quizzes for slip in _slips(quiz, several))
    words = next_words(quizzes, again, seed)
    return Summary(by_outcome, asked, slips, shlex.join(["backtrace", "quiz", *words]))


def _named(quiz: Quiz, name: str, several: bool) -> str:
    return f"{quiz.title} {name}" if several and quiz.title else name


def _slips(quiz: Quiz, several: bool) -> list[Slip]:
    """The first slip that fits each wrong answer; the same at the same gate once."""
    found: dict[tuple[str, int], list[tuple[Turn, Judged]]] = {}
    for turn in quiz.turns:
        for judged in turn.tries:
            if judged.fits and not judged.follows:
                first = judged.fits[0]
                made = found.setdefault((first.code, first.gate), [])
                if turn not in [other for other, _ in made]:
                    made.append((turn, judged))
    slips = []
    for (code, gate), made in found.items():
        names = tuple(_named(quiz, turn.ask.name, several) for turn, _ in made)
        alone = all(len(judged.fits) == 1 for _, judged in made)
        place = _gate(quiz, gate)
        slips.append(Slip(code, made[0][1].fits[0].says, place, names, alone))
    return slips


def _gate(quiz: Quiz, index: int) -> str:
    graph = quiz.problem.record.graph
    node = graph.nodes[index]
    return node.name if node.gate is None else gate_words(graph, index)


def as_object(quizzes: Sequence[Quiz], told: Summary, ended: str) -> dict[str, Any]:
    """The object backtrace.quiz/1. `ended` says how it came to its end."""
    return {
        "schema": SCHEMA,
        "problems": [_problem(quiz) for quiz in quizzes],
        "asked": told.asked,
        "right_at_once": len(told.by_outcome.get(AT_ONCE, ())),
        "slips": [
            {"code": s.code, "says": s.says, "gate": s.gate, "at": list(s.names)}
            for s in told.slips
        ],
        "next": told.command,
        "ended": ended,
        "ok": told.ok,
    }


def _problem(quiz: Quiz) -> dict[str, Any]:
    record = quiz.problem.record
    return {
        "id": quiz.title or None,
        "formula": record.formula,
        "point": {name: _plain(value) for name, value in record.point.items()},
        "given": list(quiz.given),
        "asks": [_turn(turn) for turn in quiz.turns],
    }


def _turn(turn: Turn) -> dict[str, Any]:
    return {
        "name": turn.ask.name,
        "node": turn.ask.node,
        "about": "gradient" if turn.ask.is_gradient else "value",
        "outcome": turn.outcome,
        "hints": turn.hints,
        "exact": None if turn.number is None else _plain(turn.number),
        "answers": [_answer(judged) for judged in turn.tries],
    }


def _answer(judged: Judged) -> dict[str, Any]:
    return {
        "given": judged.given,
        "verdict": judged.verdict.verdict if judged.passes else "wrong",
        "follows": judged.follows or None,
        "fits": [{"code": f.code, "gate": f.gate, "says": f.says} for f in judged.fits[:SHOWN]],
    }


def _plain(value: Any) -> Any:
    return plain_list(value) if shape_of(value) else plain(float(value))
