"""A Python file: the forward pass with NumPy, and a line to be written for every gradient."""

from __future__ import annotations

from backtrace.errors import UsageError
from backtrace.homework.exercises._sheet import Sheet
from backtrace.homework.programs.source import BLANK, source
from backtrace.language import tell
from backtrace.numbers import array

SUFFIX = ".py"


def write(sheet: Sheet, with_key: bool) -> str:
    """The file with blanks, or solved. Raises UsageError for an exercise that is not in code."""
    made = sheet.program
    if made is None:
        raise UsageError(
            tell("an exercise of --gates is no Python file"), hint=tell("--level 1 --format python")
        )
    head = tell(
        "# {about}: level {level}, seed {seed!a}",
        about=made.program.about,
        level=made.level,
        seed=made.seed,
    )
    if with_key:
        remarks = {name: array(value, 4) for name, value in made.answers.items()}
        return tell(
            "{head}: the key\n{source}",
            head=head,
            source=source(made.program, made.program.gradients, remarks),
        )
    ask = [
        tell(
            "# Write every gradient in the place of its dots, from the top down: "
            "dNAME is the gradient"
        ),
        tell(
            "# of {output} by NAME, and has NAME's shape. Then: backtrace check FILE.py",
            output=sheet.output,
        ),
    ]
    blanks = dict.fromkeys(made.program.gradients, BLANK)
    remarks = {name: _shape(made.answers[name].shape) for name in blanks}
    return "\n".join([head, *ask, source(made.program, blanks, remarks)])


def _shape(shape: tuple[int, ...]) -> str:
    return tell("TODO: {shape}", shape="x".join(map(str, shape)) or tell("a number"))
