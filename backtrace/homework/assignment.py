"""An assignment: what is asked of everybody, and what each answer is worth. A TOML file:

title = "Backprop by hand"

[[problem]]                            # each as `questions` has it
id = "p1"
formula = "q = x + y; f = q*z"
point = { x = -2, y = 5, z = -4 }

[rubric]                               # the share of the points that a verdict earns
follows = 1.0                          # right, given an earlier slip
sign-convention = 0.5                  # every gradient with the other sign

[columns]                              # what a class's own headings are called here
"Student ID" = "student"
"Q1: dL/dx" = "p1.dx"
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backtrace.errors import UsageError
from backtrace.homework.backward.judging import IN_GENERAL, UNREAD
from backtrace.homework.questions import AnyQuestion, CodeQuestion, Question, question_of
from backtrace.homework.settings import refuse_unknown, share, typed
from backtrace.homework.verdicts import FOLLOWS, KINK, OK, ROUNDED, SIGN, TOLERANCE, WRONG
from backtrace.language import tell
from backtrace.numbers import number, one_line

_KEYS = ("title", "tolerance", "hint-level", "decimal", "rubric", "columns", "problem")
_RUBRIC_KEYS = {
    "ok": OK,
    "rounded-early": ROUNDED,
    "kink": KINK,
    "follows": FOLLOWS,
    "sign-convention": SIGN,
    "wrong": WRONG,
    "at-these-numbers": IN_GENERAL,
    "not-judged": UNREAD,
}
RUBRIC: Mapping[str, float] = {
    OK: 1,
    ROUNDED: 1,
    KINK: 1,
    FOLLOWS: 1,
    SIGN: 0.5,
    WRONG: 0,
    IN_GENERAL: 0,
}
"""An error that is carried forward is punished once; a convention costs half. Code that is not
judged has no share: its points are to be given by hand."""


@dataclass(frozen=True, slots=True)
class Assignment:
    title: str
    questions: tuple[AnyQuestion, ...]
    rubric: Mapping[str, float] = field(default_factory=lambda: dict(RUBRIC))
    tolerance: float = TOLERANCE
    hint_level: int = 2
    columns: Mapping[str, str] = field(default_factory=dict)
    decimal: str = ""

    def __repr__(self) -> str:
        told = f"{len(self.questions)} problems, {number(self.worth)} points"
        return one_line(f"<Assignment {self.title}: {told}>")

    @property
    def worth(self) -> float:
        return sum(question.worth for question in self.questions)

    @property
    def formulas(self) -> tuple[Question, ...]:
        """The problems that are answered by numbers."""
        return tuple(q for q in self.questions if isinstance(q, Question))

    @property
    def codes(self) -> tuple[CodeQuestion, ...]:
        """The problems that are answered by code."""
        return tuple(q for q in self.questions if isinstance(q, CodeQuestion))


def read_assignment(text: str, folder: str = "") -> Assignment:
    """Files that it names are in `folder`. Raises UsageError with the place, where something is
    missing or is not what it should be."""
    try:
        found = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(tell("the assignment is no TOML: {error}", error=error)) from None
    refuse_unknown(found, _KEYS, tell("the assignment"))
    problems = found.get("problem")
    if not isinstance(problems, list) or not problems:
        raise UsageError(
            tell("the assignment has no problems"), hint=tell("[[problem]] begins one")
        )
    questions: dict[str, AnyQuestion] = {}
    for place, table in enumerate(problems, 1):
        question = question_of(table, place, folder)
        if question.id in questions:
            raise UsageError(tell("two problems have the id '{id}'", id=question.id))
        questions[question.id] = question
    return Assignment(
        title=typed(str, found, "title", "", tell("the assignment")),
        questions=tuple(questions.values()),
        rubric=_rubric(found.get("rubric", {})),
        tolerance=share(found, "tolerance", TOLERANCE, tell("the assignment")),
        hint_level=_level(found),
        columns=_columns(found),
        decimal=_decimal(found),
    )


def _rubric(given: Any) -> dict[str, float]:
    if not isinstance(given, dict):
        raise UsageError(tell("the rubric is a table"), hint="[rubric]\nfollows = 1.0")
    refuse_unknown(given, tuple(_RUBRIC_KEYS), tell("the rubric"))
    shares = {_RUBRIC_KEYS[key]: share(given, key, 0.0, tell("the rubric")) for key in given}
    return {**RUBRIC, **shares}


def _level(table: Mapping[str, Any]) -> int:
    level = table.get("hint-level", 2)
    if level not in (0, 1, 2, 3) or isinstance(level, bool):
        raise UsageError(tell("hint-level is 0, 1, 2 or 3, not {level!r}", level=level))
    return int(level)


def _columns(found: Mapping[str, Any]) -> dict[str, str]:
    """What the headings of a class's own tables are called here."""
    columns: dict[str, str] = typed(dict, found, "columns", {}, tell("the assignment"))
    for heading, meaning in columns.items():
        if not isinstance(meaning, str) or not meaning.strip():
            hint = tell('"{heading}" = "student", or = "p1.dx"', heading=heading)
            raise UsageError(
                tell(
                    "[columns]: '{heading}' is called {meaning!r}", heading=heading, meaning=meaning
                ),
                hint=hint,
            )
    return columns


def _decimal(found: Mapping[str, Any]) -> str:
    """The decimal sign of tables that do not tell."""
    sign = found.get("decimal", "")
    if sign not in ("", ".", ","):
        raise UsageError(tell('decimal is "." or ",", not {sign!r}', sign=sign))
    return str(sign)
