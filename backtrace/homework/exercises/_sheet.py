"""What a platform is told of an exercise: the formula, its point, and the fields with their keys.

A platform compares numbers, and does not see which digits somebody rounded: so every field has a
tolerance, which follows from the 4 digits that are due.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from backtrace.formula.point import read_mapping
from backtrace.graph.record import Granularity
from backtrace.homework.answers import from_mapping
from backtrace.homework.checking import hold
from backtrace.homework.exercise import DIGITS, Exercise
from backtrace.homework.exercises._slips import slips
from backtrace.homework.problem import Problem, problem_of
from backtrace.homework.programs import CodeExercise
from backtrace.homework.programs.source import forward
from backtrace.language import tell
from backtrace.numbers import number

_SLACK = 0.1  # of a unit: for the platform's own floats
_MOST_UNITS = 20
_MOST_ENTRIES = 4  # of one gradient; of a larger one two are asked for


@dataclass(frozen=True, slots=True)
class Field:
    """label      what is asked for: dx, dW1[0, 1]
    key        the right number, with 4 digits
    tolerance  how far from it is right as well
    weight     its share of the points: all gradients are worth the same
    slips      what fits a wrong number, by the number
    """

    label: str
    key: str
    tolerance: str
    weight: int
    slips: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sheet:
    """title    what it is, in a line
    formula  what is computed: a formula, or lines of code
    point    NAME = VALUE, as it is shown
    output   what the gradients are of
    fields   by gradient
    program  the exercise in code, if it is one
    """

    title: str
    formula: tuple[str, ...]
    point: tuple[str, ...]
    output: str
    fields: Mapping[str, tuple[Field, ...]]
    program: CodeExercise | None = None

    @property
    def identifier(self) -> str:
        """The title in the letters that identifiers may have, and a digest of it: no two seeds
        have one identifier."""
        digest = hashlib.sha256(self.title.encode("utf-8", "replace")).hexdigest()[:8]
        return re.sub(r"[^A-Za-z0-9]+", "-", f"{self.title[:80]} {digest}")

    @property
    def all_fields(self) -> list[Field]:
        return [field for fields in self.fields.values() for field in fields]


def of_gates(made: Exercise) -> Sheet:
    """An exercise of given gates: every gradient is one number."""
    trace = made.trace
    problem = problem_of(trace.formula, read_mapping(dict(trace.point)), Granularity())
    fields = {
        f"d{name}": (_with_slips(problem, name, float(exact)),)
        for name, exact in trace.gradients.items()
    }
    point = tuple(f"{name} = {number(float(value))}" for name, value in trace.point.items())
    output = trace.graph.output_name or "f"
    return Sheet(
        tell("backtrace exercise {seed}", seed=made.seed), (trace.formula,), point, output, fields
    )


def _with_slips(problem: Problem, name: str, exact: float) -> Field:
    """The field of one gradient that is a number."""
    (found,) = _fields(f"d{name}", exact, _units(problem, f"d{name}", exact), 1)
    node = problem.record.graph.inputs[name]
    return replace(found, slips=slips(problem, node, exact, float(found.tolerance)))


def of_code(made: CodeExercise) -> Sheet:
    """An exercise in code: of arrays with many entries, the two that tell most are asked for."""
    answers = made.answers
    counts = {name: len(_places(exact)) for name, exact in answers.items()}
    whole = math.lcm(*counts.values())
    fields = {
        name: _fields(name, exact, 1, whole // counts[name]) for name, exact in answers.items()
    }
    program = made.program
    point = tuple(f"{name} = {value}" for name, value in program.given.items())
    title = tell("backtrace exercise level {level} {seed}", level=made.level, seed=made.seed)
    return Sheet(title, tuple(forward(program)), point, program.loss, fields, made)


def _fields(name: str, exact: Any, units: int, weight: int) -> tuple[Field, ...]:
    array = np.asarray(exact, float)
    return tuple(
        Field(_label(name, place), *_key(float(array[place]), units), weight)
        for place in _places(array)
    )


def _label(name: str, place: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(map(str, place))}]" if place else name


def _places(array: Any) -> list[tuple[int, ...]]:
    """All entries of a small array; of a larger one the two of the largest size."""
    places = list(np.ndindex(np.shape(array)))
    if len(places) <= _MOST_ENTRIES:
        return places
    largest = sorted(places, key=lambda place: -abs(round(float(array[place]), 9)))
    return sorted(largest[:2])


def _key(exact: float, units: int) -> tuple[str, str]:
    """The number with 4 digits, and so many units of its last digit."""
    unit = last_place(exact)
    return number(exact, DIGITS), f"{(units + _SLACK) * unit:.3g}"


def last_place(exact: float) -> float:
    """One of the last of 4 digits."""
    return float(10.0 ** (math.floor(math.log10(abs(exact))) - DIGITS + 1)) if exact else 1e-4


def _units(problem: Problem, name: str, exact: float) -> int:
    """How many units of the last digit somebody may be off who has rounded every step to 4 digits:
    as many as `backtrace check` lets pass; 1 at least, because digits may be cut off."""
    unit = last_place(exact)
    for units in range(2, _MOST_UNITS + 1):
        if not any(_passes(problem, name, exact + sign * units * unit) for sign in (1, -1)):
            return units - 1
    return _MOST_UNITS


def _passes(problem: Problem, name: str, value: float) -> bool:
    graph = problem.record.graph
    answers = from_mapping({name: number(value, DIGITS)}, graph, graph.output_name)
    return hold(problem, answers).ok
