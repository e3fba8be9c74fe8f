"""The problems of an assignment: a formula whose numbers are asked for, or code.

[[problem]]                            # a formula
id = "p1"
formula = "q = x + y; f = q*z"
point = { x = -2, y = 5, z = -4 }
ask = ["f", "dq", "dx", "dy", "dz"]
points = 1                             # for each answer; or { f = 1, dq = 2, ... }

[[problem]]                            # code: a function, a class, a method; "" for a whole file
id = "net"
code = "two_layer_loss"
file = "net.py"                        # which file of a student's folder
point = { X = "randn(5,4)", y = [0, 1, 2, 0, 1], reg = 0.1 }
points = { dW1 = 2, dW2 = 2 }
against = "mean((X@W1@W2 - y)^2)"      # what it is to compute: a formula, or "solution.py:loss"
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from backtrace.code.program import read_code
from backtrace.code.words import differentiated
from backtrace.errors import BacktraceError, UsageError, by_system
from backtrace.formula.parser import parse
from backtrace.formula.point import is_text, read_mapping
from backtrace.graph.record import Granularity
from backtrace.homework.answers import is_answer_name
from backtrace.homework.problem import Problem, problem_of
from backtrace.homework.settings import amount, refuse_unknown, typed
from backtrace.language import tell

_FORMULA_KEYS = ("id", "formula", "point", "ask", "points")
_CODE_KEYS = ("id", "code", "file", "point", "seed", "of", "against", "ask", "points")
CODE_SUFFIXES = (".py", ".ipynb")


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
class CodeQuestion:
    """One problem that is answered by code.

    id      as the assignment calls it
    points  by the name of the gradient that earns them
    code    the function, class or method that is judged; "" for a file from its top to its end
    file    the file's name in a student's folder; "" for whichever there is
    point   the values that the code is given: numbers, arrays, and texts that it compares
    of      the name that is the result; "" for what the code says
    seed    of the random values
    against the formula that its forward lines are to compute; "" where any may do
    """

    id: str
    points: Mapping[str, float]
    code: str = ""
    file: str = ""
    point: Mapping[str, object] = field(default_factory=dict)
    of: str = ""
    seed: int = 0
    against: str = ""

    @property
    def worth(self) -> float:
        return sum(self.points.values())


AnyQuestion = Question | CodeQuestion


def question_of(table: Any, number: int, folder: str = "") -> AnyQuestion:
    """A [[problem]], the `number`th of an assignment; files that it names are in `folder`. Raises
    UsageError."""
    where = tell("problem {number}", number=number)
    if not isinstance(table, dict):
        raise UsageError(
            tell("{where} is no table", where=where), hint=tell("[[problem]] begins one")
        )
    if "formula" not in table and {"code", "file"} & table.keys():
        return _code_question(table, number, folder)
    return _formula_question(table, number)


def _formula_question(table: dict[str, Any], number: int) -> Question:
    where = tell("problem {number}", number=number)
    refuse_unknown(table, _FORMULA_KEYS, where)
    id = typed(str, table, "id", f"p{number}", where)
    formula = typed(str, table, "formula", None, where)
    where = tell("problem '{id}'", id=id)
    point = typed(dict, table, "point", {}, where)
    try:
        problem = problem_of(formula, read_mapping(point), Granularity())
    except BacktraceError as error:
        text = tell(" in '{text}'", text=error.text) if error.text else ""
        raise UsageError(f"{where}: {error.what}{text}") from None
    graph = problem.record.graph
    ask = typed(list, table, "ask", [f"d{name}" for name in graph.inputs], where)
    for name in ask:
        if not isinstance(name, str) or not is_answer_name(name, graph):
            hint = tell("dx is the gradient of x, q the value of a stage, #3 the value of gate 3")
            raise UsageError(
                tell("{where} asks for {name!r}, which is no number of it", where=where, name=name),
                hint=hint,
            )
    return Question(id, problem, _points(table.get("points", 1), ask, where))


def _code_question(table: dict[str, Any], number: int, folder: str) -> CodeQuestion:
    where = tell("problem {number}", number=number)
    refuse_unknown(table, _CODE_KEYS, where)
    id = typed(str, table, "id", f"p{number}", where)
    where = tell("problem '{id}'", id=id)
    given = table.get("points", 1)
    ask = typed(list, table, "ask", list(given) if isinstance(given, dict) else [], where)
    if not ask:
        hint = "points = { dW1 = 2, db1 = 1 }"
        raise UsageError(
            tell("{where} does not say which gradients earn points", where=where), hint=hint
        )
    for name in ask:
        if not isinstance(name, str) or not (differentiated(name) or "." in name):
            hint = tell("dW1 is the gradient of W1, __mul__.other that of other in an operator")
            raise UsageError(
                tell("{where} asks for {name!r}, which names no gradient", where=where, name=name),
                hint=hint,
            )
    seed = table.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise UsageError(
            tell("{where}: seed is a whole number from 0, not {seed!r}", where=where, seed=seed)
        )
    point = _values(typed(dict, table, "point", {}, where), seed, where)
    return CodeQuestion(
        id,
        _points(given, ask, where),
        typed(str, table, "code", "", where),
        _file_of(table, where),
        point,
        typed(str, table, "of", "", where),
        seed,
        _against(typed(str, table, "against", "", where), folder, point, where),
    )


def _against(given: str, folder: str, point: Mapping[str, object], where: str) -> str:
    """The formula that code is to compute; that of a file beside the assignment, or of a function
    in it: solution.py, solution.py:loss."""
    path, _, name = given.partition(":")
    try:
        if path.endswith(CODE_SUFFIXES):
            with open(os.path.join(folder, path), encoding="utf-8") as file:
                return read_code(file.read(), path, name, point).formula
        if given:
            parse(given, [name for name, value in point.items() if not isinstance(value, str)])
    except OSError as error:
        raise UsageError(
            tell(
                "{where}: cannot read '{path}': {strerror}",
                where=where,
                path=path,
                strerror=by_system(error),
            )
        ) from None
    except UnicodeDecodeError:
        raise UsageError(
            tell("{where}: '{path}' is not UTF-8 text", where=where, path=path)
        ) from None
    except BacktraceError as error:
        raise UsageError(tell("{where}, against: {what}", where=where, what=error.what)) from None
    return given


def _file_of(table: Mapping[str, Any], where: str) -> str:
    """A file's name inside a student's folder, and nothing outside."""
    name: str = typed(str, table, "file", "", where)
    path = PurePosixPath(name)
    if name and (path.is_absolute() or ".." in path.parts or "\\" in name):
        raise UsageError(
            tell(
                "{where}: file is a name in a student's folder, not '{name}'",
                where=where,
                name=name,
            )
        )
    if name and not name.endswith(CODE_SUFFIXES):
        raise UsageError(
            tell("{where}: file is a .py or a .ipynb, not '{name}'", where=where, name=name)
        )
    return str(path) if name else ""


def _values(point: Mapping[str, Any], seed: int, where: str) -> dict[str, object]:
    """Numbers and arrays, by name; a text that is neither is one that the code compares."""
    texts = {n: v for n, v in point.items() if isinstance(v, str) and is_text(v)}
    try:
        found = read_mapping({n: v for n, v in point.items() if n not in texts}, seed)
    except BacktraceError as error:
        text = tell(" in '{text}'", text=error.text) if error.text else ""
        raise UsageError(f"{where}: {error.what}{text}") from None
    return {**{name: given.value for name, given in found.items()}, **texts}


def _points(given: Any, ask: list[str], where: str) -> dict[str, float]:
    """What each answer earns."""
    if isinstance(given, dict):
        for name in given:
            if name not in ask:
                raise UsageError(
                    tell(
                        "{where} has points for '{name}', which it does not ask for",
                        where=where,
                        name=name,
                    )
                )
        return {name: amount(given.get(name, 0), where, "points") for name in ask}
    return dict.fromkeys(ask, amount(given, where, "points"))
