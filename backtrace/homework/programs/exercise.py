"""An exercise in code: a program at a point that tells, and its key, which has been checked."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backtrace.errors import UsageError
from backtrace.formula.point import read_mapping
from backtrace.homework.backward import Judged, check_code
from backtrace.homework.exercise import DIGITS, SCHEMA
from backtrace.homework.points import suggest
from backtrace.homework.programs.arrays import batch_norm, neuron, two_layers
from backtrace.homework.programs.program import Program
from backtrace.homework.programs.scalars import branches, one_gate
from backtrace.homework.programs.source import forward, source
from backtrace.language import tell
from backtrace.numbers import nested

LEVELS: Mapping[int, Callable[[random.Random], Program]] = {
    1: one_gate,
    2: branches,
    3: neuron,
    4: two_layers,
    5: batch_norm,
}
_TRIES, _POINTS = 24, 8
_BELOW = 3
_LEAST, _MOST = 0.001, 1000.0


@dataclass(frozen=True, slots=True)
class CodeExercise:
    """level, seed  make it again
    program      forward and backward, with the values of its inputs
    judged       the key, as `backtrace check` judges it: all right
    """

    level: int
    seed: str
    program: Program
    judged: Judged

    @property
    def answers(self) -> dict[str, Any]:
        """Every gradient that is asked for, by its name: a number or an array."""
        return {v.gradient.name: np.asarray(v.exact, float) + 0.0 for v in self._asked}  # no -0

    @property
    def _asked(self) -> list[Any]:
        return [v for v in self.judged.verdicts if v.gradient.name in self.program.gradients]


def exercise_in_code(level: int, seed: str = "0") -> CodeExercise:
    """The exercise of a level (1 to 5) and a seed. Raises UsageError for another level, and where
    no point tells anything."""
    if level not in LEVELS:
        raise UsageError(
            tell("there is no level {level}", level=level),
            hint=tell("levels go from 1 to {levels}", levels=max(LEVELS)),
        )
    digest = hashlib.sha256(
        tell("code {level} {seed}", level=level, seed=seed).encode("utf-8", "replace")
    ).digest()
    chance = random.Random(digest)
    for _ in range(_TRIES):
        program = _at_a_telling_point(LEVELS[level](chance), chance)
        made = CodeExercise(level, seed, program, _checked(program))
        if made.judged.ok and all(map(_tells, made.answers.values())):
            return made
    raise UsageError(tell("no point tells anything of this exercise"), hint="another --seed")


def as_object(made: CodeExercise) -> dict[str, Any]:
    """The object backtrace.exercise/1, the key with it."""
    return {
        "schema": SCHEMA,
        "seed": made.seed,
        "level": made.level,
        "formula": "; ".join(forward(made.program)),
        "point": dict(made.program.given),
        "ask": list(made.answers),
        "key": {name: nested(value.tolist(), DIGITS) for name, value in made.answers.items()},
    }


def as_problem(made: CodeExercise) -> str:
    """The problem for an assignment, as TOML: the file is judged from its top to its end, and its
    forward pass is to compute what it was handed out with."""
    id = "".join(c if c.isalnum() and c.isascii() else "-" for c in made.seed)
    point = ", ".join(f"{name} = {value}" for name, value in made.program.given.items())
    ask = ", ".join(f'"{name}"' for name in made.answers)
    formula = "; ".join(stage.text for stage in made.judged.code.forward)
    lines = ["[[problem]]", f'id = "{id or "code"}"', 'code = ""', f"point = {{ {point} }}"]
    return "\n".join([*lines, f"ask = [{ask}]", f'against = "{formula}"']) + "\n"


def _checked(program: Program) -> Judged:
    return check_code(source(program, program.gradients), "exercise.py")


def _at_a_telling_point(program: Program, chance: random.Random) -> Program:
    """The inputs' values anew, so that most slips show; labels stay what they are."""
    formula = "; ".join(stage.text for stage in _checked(program).code.forward)
    shapes = {name: np.shape(value) for name, value in program.given.items() if np.shape(value)}
    labels = read_mapping({name: program.given[name] for name in program.labels})
    below = 1 if program.labels else _BELOW  # nothing that saturates a softmax
    found, _ = suggest(formula, shapes, chance.randrange(2**31), labels, _POINTS, below)
    point = {name: np.asarray(value).tolist() for name, value in found.point.items()}
    told = {name: point[name] for name in program.given if name not in program.labels}
    return replace(program, given={**program.given, **told})


def _tells(gradient: Any) -> bool:
    """Whether something is to be seen, and can be written with 4 digits; relu's zeros can."""
    sizes = np.abs(gradient[gradient != 0])
    return bool(sizes.size) and bool(np.all((sizes >= _LEAST) & (sizes <= _MOST)))
