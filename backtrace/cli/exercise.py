"""backtrace exercise: gradients to work out, by hand or in code, where mistakes show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from backtrace.cli.groups import names_in
from backtrace.cli.help import Told
from backtrace.cli.options import look_options
from backtrace.cli.output import Look, say
from backtrace.errors import UsageError
from backtrace.language import marked, tell

if TYPE_CHECKING:
    from backtrace.homework.exercises import Sheet

EXAMPLES = """\b
  backtrace exercise --gates add,mul,max --forks 1 --seed 7
  backtrace exercise --gates add,mul,max --forks 1 --seed 7 --key
  backtrace exercise --gates mul,mul,sigmoid --seed ada --format toml
  backtrace exercise --level 4 --seed ada -o ada.py
  backtrace exercise --level 4 --seed ada --key -o key.py
  backtrace exercise --level 3 --seed ada --format qti -o ada.zip
"""
_OF_GATES = ("table", "tree", "markdown", "json", "toml")
_OF_CODE = ("python", "json", "toml")
_OF_BOTH = ("moodle", "qti")


@click.command(
    "exercise",
    cls=Told,
    help=marked("Make an exercise of the gates named, or in code: the same one for the same seed."),
    epilog=EXAMPLES,
)
@click.option(
    "--gates",
    metavar="a,b",
    help=marked("Its gates, one of each (add,mul); one named twice is there twice."),
)
@click.option(
    "--forks", type=click.IntRange(0, 20), metavar="N", help=marked("Variables used twice (0).")
)
@click.option(
    "--level",
    type=click.IntRange(1, 5),
    metavar="N",
    help=marked(
        "In code: 1 one gate, 2 a chain with a branch, 3 a neuron, 4 a net of two layers with a"
        " softmax loss, 5 batch norm."
    ),
)
@click.option(
    "--seed", default="0", metavar="TEXT", help=marked("A number, or a student's name (0).")
)
@click.option(
    "--key", is_flag=True, help=marked("The whole trace, or the solved file, and no blanks.")
)
@click.option(
    "--format",
    "format",
    type=click.Choice([*_OF_GATES, "python", *_OF_BOTH]),
    help=marked(
        "table (default), tree, markdown, json (with the key), toml (for an assignment); python"
        " (default of --level); moodle (XML, the key in it), qti (2.1; -o FILE.zip is a package)."
    ),
)
@click.option("-o", "--output", metavar="FILE", help=marked("Write there."))
@look_options
def exercise(
    gates: str | None,
    forks: int | None,
    level: int | None,
    seed: str,
    key: bool,
    format: str | None,
    output: str | None,
    look: Look,
) -> int:
    is_code = level is not None or format == "python"
    if is_code and (gates is not None or forks is not None):
        what = tell("--gates and --forks make an exercise by hand, --level one in code")
        raise UsageError(what, hint=tell("one of the two"))
    format = format or ("python" if is_code else "table")
    text: str | bytes
    if is_code:
        text = _in_code(level or 1, seed, format, key, output)
    else:
        text = _of_gates(
            names_in("add,mul" if gates is None else gates),
            forks or 0,
            seed,
            format,
            key,
            output,
            look,
        )
    if isinstance(text, str) and output is None:
        say(text)
    elif output is not None:
        from backtrace.files import write

        write(output, text)
    return 0


def _in_code(level: int, seed: str, format: str, key: bool, output: str | None) -> str | bytes:
    from backtrace.homework.exercises import of_code
    from backtrace.homework.programs import as_object, as_problem, exercise_in_code
    from backtrace.numbers import json_text

    if format not in (*_OF_CODE, *_OF_BOTH):
        hint = tell("there are {names}", names=", ".join((*_OF_CODE, *_OF_BOTH)))
        raise UsageError(
            tell("an exercise in code has no format {format}", format=format), hint=hint
        )
    made = exercise_in_code(level, seed)
    if format == "json":
        return json_text(as_object(made), indent=2) + "\n"
    if format == "toml":
        return as_problem(made)
    return _written(of_code(made), format, key, output)


def _of_gates(
    gates: list[str],
    forks: int,
    seed: str,
    format: str,
    key: bool,
    output: str | None,
    look: Look,
) -> str | bytes:
    from backtrace.homework.exercise import exercise as make
    from backtrace.homework.exercise import sheet
    from backtrace.homework.exercises import of_gates

    made = make(gates, forks, seed)
    if format in _OF_BOTH:
        return _written(of_gates(made), format, key, output)
    return sheet(made, format, look.view(to_file=output is not None), key)


def _written(sheet: Sheet, format: str, key: bool, output: str | None) -> str | bytes:
    from backtrace.homework.exercises import package, written

    if output is not None and output.lower().endswith(".zip"):
        return package(sheet, format)
    return written(sheet, format, key)
