"""An assignment: what is asked of everybody, and what each answer is worth. A TOML file:

title = "Backprop by hand"

[[problem]]
id = "p1"
formula = "q = x + y; f = q*z"
point = { x = -2, y = 5, z = -4 }
ask = ["f", "dq", "dx", "dy", "dz"]
points = 1                             # for each answer; or { f = 1, dq = 2, ... }

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

from backtrace.errors import BacktraceError, UsageError, near_misses
from backtrace.formula.point import read_mapping
from backtrace.graph.record import Granularity
from backtrace.homework.answers import is_answer_name
from backtrace.homework.problem import Problem, problem_of
from backtrace.homework.verdicts import FOLLOWS, KINK, OK, ROUNDED, SIGN, TOLERANCE, WRONG
from backtrace.numbers import number, one_line

_KEYS = ("title", "tolerance", "hint-level", "decimal", "rubric", "columns", "problem")
_PROBLEM_KEYS = ("id", "formula", "point", "ask", "points")
_RUBRIC_KEYS = {
    "ok": OK,
    "rounded-early": ROUNDED,
    "kink": KINK,
    "follows": FOLLOWS,
    "sign-convention": SIGN,
    "wrong": WRONG,
}
RUBRIC: Mapping[str, float] = {OK: 1, ROUNDED: 1, KINK: 1, FOLLOWS: 1, SIGN: 0.5, WRONG: 0}
"""An error that is carried forward is punished once; a convention costs half."""


@dataclass(frozen=True, slots=True)
class Question:
    """One problem of an assignment: `points` by the name of the answer that earns them."""

    id: str
    problem: Problem
    points: Mapping[str, float]

    @property
    def worth(self) -> float:
        return sum(self.points.values())


@dataclass(frozen=True, slots=True)
class Assignment:
    title: str
    questions: tuple[Question, ...]
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


def read_assignment(text: str) -> Assignment:
    """Raises UsageError with the place, where something is missing or is not what it should be."""
    try:
        found = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"the assignment is no TOML: {error}") from None
    _refuse_unknown(found, _KEYS, "the assignment")
    problems = found.get("problem")
    if not isinstance(problems, list) or not problems:
        raise UsageError("the assignment has no problems", hint="[[problem]] begins one")
    questions: dict[str, Question] = {}
    for place, table in enumerate(problems, 1):
        question = _question(table, place)
        if question.id in questions:
            raise UsageError(f"two problems have the id '{question.id}'")
        questions[question.id] = question
    return Assignment(
        title=_of(str, found, "title", "", "the assignment"),
        questions=tuple(questions.values()),
        rubric=_rubric(found.get("rubric", {})),
        tolerance=_share(found, "tolerance", TOLERANCE, "the assignment"),
        hint_level=_level(found),
        columns=_columns(found),
        decimal=_decimal(found),
    )


def _question(table: Any, number: int) -> Question:
    where = f"problem {number}"
    if not isinstance(table, dict):
        raise UsageError(f"{where} is no table", hint="[[problem]] begins one")
    _refuse_unknown(table, _PROBLEM_KEYS, where)
    id = _of(str, table, "id", f"p{number}", where)
    formula = _of(str, table, "formula", None, where)
    where = f"problem '{id}'"
    point = _of(dict, table, "point", {}, where)
    try:
        problem = problem_of(formula, read_mapping(point), Granularity())
    except BacktraceError as error:
        text = f" in '{error.text}'" if error.text else ""
        raise UsageError(f"{where}: {error.what}{text}") from None
    graph = problem.record.graph
    ask = _of(list, table, "ask", [f"d{name}" for name in graph.inputs], where)
    for name in ask:
        if not isinstance(name, str) or not is_answer_name(name, graph):
            hint = "dx is the gradient of x, q the value of a stage, #3 the value of gate 3"
            raise UsageError(f"{where} asks for {name!r}, which is no number of it", hint=hint)
    return Question(id, problem, _points(table.get("points", 1), ask, where))


def _points(given: Any, ask: list[str], where: str) -> dict[str, float]:
    """What each answer earns."""
    if isinstance(given, dict):
        for name in given:
            if name not in ask:
                raise UsageError(f"{where} has points for '{name}', which it does not ask for")
        return {name: _number(given.get(name, 0), where, "points") for name in ask}
    return dict.fromkeys(ask, _number(given, where, "points"))


def _rubric(given: Any) -> dict[str, float]:
    if not isinstance(given, dict):
        raise UsageError("the rubric is a table", hint="[rubric]\nfollows = 1.0")
    _refuse_unknown(given, tuple(_RUBRIC_KEYS), "the rubric")
    shares = {_RUBRIC_KEYS[key]: _share(given, key, 0.0, "the rubric") for key in given}
    return {**RUBRIC, **shares}


def _refuse_unknown(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in known:
            near = near_misses(key, list(known))
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise UsageError(f"{where} has '{key}', which means nothing here", hint=hint)


def _of(kind: type, table: Mapping[str, Any], key: str, default: Any, where: str) -> Any:
    value = table.get(key, default)
    if value is None:
        raise UsageError(f"{where} has no {key}")
    if not isinstance(value, kind):
        words = {"str": "a text", "dict": "a table", "list": "a list"}[kind.__name__]
        raise UsageError(f"{where}: {key} is {words}, not {value!r}")
    return value


def _number(value: Any, where: str, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise UsageError(f"{where}: {what} are numbers from 0, not {value!r}")
    return float(value)


def _share(table: Mapping[str, Any], key: str, default: float, where: str) -> float:
    value = _number(table.get(key, default), where, key)
    if value > 1:
        raise UsageError(f"{where}: {key} is between 0 and 1, not {value}")
    return value


def _level(table: Mapping[str, Any]) -> int:
    level = table.get("hint-level", 2)
    if level not in (0, 1, 2, 3) or isinstance(level, bool):
        raise UsageError(f"hint-level is 0, 1, 2 or 3, not {level!r}")
    return int(level)


def _columns(found: Mapping[str, Any]) -> dict[str, str]:
    """What the headings of a class's own tables are called here."""
    columns: dict[str, str] = _of(dict, found, "columns", {}, "the assignment")
    for heading, meaning in columns.items():
        if not isinstance(meaning, str) or not meaning.strip():
            hint = f'"{heading}" = "student", or = "p1.dx"'
            raise UsageError(f"[columns]: '{heading}' is called {meaning!r}", hint=hint)
    return columns


def _decimal(found: Mapping[str, Any]) -> str:
    """The decimal sign of tables that do not tell."""
    sign = found.get("decimal", "")
    if sign not in ("", ".", ","):
        raise UsageError(f'decimal is "." or ",", not {sign!r}')
    return str(sign)
