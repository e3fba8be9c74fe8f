"""Exercises in code: five kinds of programs, from one gate to batch norm, with numbers that tell.

    made = exercise_in_code(4, "ada")    the same for the same level and seed

`program` is what all are made of, `scalars` and `arrays` are the five kinds, `source` writes them,
`exercise` looks for their points.
"""

from __future__ import annotations

from backtrace.homework.programs.exercise import (
    LEVELS,
    CodeExercise,
    as_object,
    as_problem,
    exercise_in_code,
)

__all__ = ["LEVELS", "CodeExercise", "as_object", "as_problem", "exercise_in_code"]
