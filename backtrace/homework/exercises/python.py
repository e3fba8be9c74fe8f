"""A Python file: the forward pass with NumPy, and a line to be written for every gradient."""

from __future__ import annotations

from backtrace.errors import UsageError
from backtrace.homework.exercises._sheet import Sheet
from backtrace.homework.programs.source import BLANK, source
from backtrace.numbers import array

SUFFIX = ".py"


def write(sheet: Sheet, with_key: bool) -> str:
    """The file with blanks, or solved. Raises UsageError for an exercise that is not in code."""
    made = sheet.program
    if made is None:
        raise UsageError(
            "an exercise of --gates is no Python file", hint="--level 1 --format python"
        )
    head = f"# {made.program.about}: level {made.level}, seed {made.seed!a}"
    if with_key:
        remarks = {name: array(value, 4) for name, value in made.answers.items()}
        return f"{head}: the key\n{source(made.program, made.program.gradients, remarks)}"
    ask = [
        "# Write every gradient in the place of its dots, from the top down: dNAME is the gradient",
        f"# of {sheet.output} by NAME, and has NAME's shape. Then: backtrace check FILE.py",
    ]
    blanks = dict.fromkeys(made.program.gradients, BLANK)
    remarks = {name: _shape(made.answers[name].shape) for name in blanks}
    return "\n".join([head, *ask, source(made.program, blanks, remarks)])


def _shape(shape: tuple[int, ...]) -> str:
    return f"TODO: {'x'.join(map(str, shape)) or 'a number'}"
