"""backtrace FORMULA [NAME=VALUE ...]: the main command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from backtrace.checks import sympy_process
from backtrace.cli.asked import Asked, refuse_for_points, refuse_for_shapes, refuse_unseen
from backtrace.cli.code import Reading, read_with_values
from backtrace.cli.groups import Destination
from backtrace.cli.help import Sectioned
from backtrace.cli.letters import CostAsked, Lettered, declared, derive
from backtrace.cli.options import (
    arrays_options,
    beside_options,
    descent_options,
    destination_options,
    granularity_options,
    look_options,
    points_options,
    task_options,
)
from backtrace.cli.output import complain, problem_of, say
from backtrace.cli.progress import ticking
from backtrace.cli.showing import Showing, as_comparison, as_numbers, as_worksheet
from backtrace.cli.source import code_in, formula_and_values, read_file, result_named
from backtrace.errors import BacktraceError, UsageError
from backtrace.language import marked, tell

if TYPE_CHECKING:
    from backtrace.graph.record import Granularity

EXAMPLES = """\b
  backtrace "(x+y)*z" x=-2 y=5 z=-4
  backtrace "q = x + y; f = q*z" x=-2 y=5 z=-4 --format tree
  backtrace "1/(1+exp(-x))" x=1/3 --json
  backtrace "sum((W@x - y)^2)" W:m,n x:n y:m
  backtrace --file formula.txt x=2 -o trace.json
"""


def trace_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """All that can be asked of a trace: the words, and the options in their groups."""
    groups = (
        *(task_options, destination_options, beside_options, granularity_options),
        *(arrays_options, descent_options, points_options, look_options),
    )
    for options in reversed(groups):
        command = options(command)
    return click.argument("words", nargs=-1, metavar="FORMULA [NAME=VALUE ...]")(command)


@click.command(
    "trace",
    cls=Sectioned,
    help=marked("Trace a formula gate by gate: upstream x local = downstream, cross-checked."),
    epilog=EXAMPLES,
)
@trace_options
def trace(words: tuple[str, ...], **groups: Any) -> int:
    asked = Asked(**groups)
    if asked.task.json_schema:
        from importlib import resources

        say(resources.files("backtrace.schemas").joinpath("trace-1.json").read_text("utf-8"))
        return 0
    asked.hold_together()
    source = code_in(words, asked.task.file, asked.task.python)
    made_of = asked.granularity.granularity()
    if source is not None:
        return _of_code(*source, asked, made_of)
    formula, values = formula_and_values(words, asked.task.file)
    shapes = declared(values)
    if shapes is not None:
        refuse_for_shapes(asked)
        if asked.task.of is not None:
            formula, _, _ = result_named(asked.task.of, formula, (), made_of.gates)
        check = not asked.task.no_check
        cost = CostAsked(asked.beside.every) if asked.beside.cost else None
        beside = asked.beside
        how = Lettered(check, beside.explain, asked.look, beside.fold, beside.paths, cost)
        return derive(formula, shapes, asked.wrt, asked.destination, how)
    if asked.task.of is not None:
        formula, values, note = result_named(asked.task.of, formula, values, made_of.gates)
        asked = asked._replace(reading=note)
    if asked.points.points is not None:
        from backtrace.cli.points import trace_points

        refuse_for_points(asked)
        color = asked.look.color
        wrt = asked.wrt
        return trace_points(
            formula, values, asked.points, asked.destination, wrt, made_of, asked.arrays.seed, color
        )
    return _at_a_point(formula, values, asked, made_of)


def _of_code(
    path: str, name: str, values: Sequence[str], asked: Asked, made_of: Granularity
) -> int:
    """Python code: the formula that it is, at its own values and those that are given."""
    from backtrace.code import read_code

    text = read_file(path)
    path = tell("standard input") if path == "-" else path
    told = (
        tell("read from {path}:{name}", path=path, name=name)
        if name
        else tell("read from {path}", path=path)
    )
    return of_program(
        lambda known, of: read_code(text, path, name, known, of), values, asked, made_of, told
    )


def of_program(
    read: Reading, values: Sequence[str], asked: Asked, made_of: Granularity, told: str
) -> int:
    """The trace of code, shown; the exit status."""
    from backtrace.code import placed

    if asked.points.points is not None:
        hint = tell("give the formula that it is, which a trace shows first")
        raise UsageError(tell("--points is for a formula, and here is code"), hint=hint)
    program, words = read_with_values(read, values, asked.arrays.seed, asked.task.of or "")
    told = "; ".join(part for part in (told, *program.notes) if part)
    asked = asked._replace(reading=told, program=program)
    try:
        return _at_a_point(program.formula, words, asked, made_of)
    except BacktraceError as error:
        raise placed(error, program) from None


def _at_a_point(formula: str, values: Sequence[str], asked: Asked, made_of: Granularity) -> int:
    """The usual command: one trace, shown; the exit status."""
    destination = _paged(asked.destination) if asked.task.open_page else asked.destination
    format = destination.chosen()
    request = asked.request(made_of)
    view = asked.beside.shown(asked.look, destination.output is not None)
    arrays_file = asked.arrays.beside(destination.output, format)
    refuse_unseen(format, asked)
    if sympy_process.is_running():
        from backtrace import render

        render.load(format)
    run = as_worksheet if asked.task.blank else as_comparison if asked.task.compare else as_numbers
    steps = (asked.descent.steps or 1) if asked.descent.rate() else 0
    with ticking(steps, tell("descending")) as tick:
        given = asked.given(values)
        shown = run(formula, given, request, Showing(format, view, asked, arrays_file, tick))
    destination.write(shown.text, format, shown.beside)
    if asked.task.open_page:
        _open(destination.output or "")
    problem = problem_of(shown.trace)
    if problem is not None:
        complain(_told(problem, asked), asked.look.color)
    return 0 if shown.is_right else 1


def _told(problem: BacktraceError, asked: Asked) -> BacktraceError:
    """A problem of the numbers, at its line where there is code."""
    if asked.program is None:
        return problem
    from backtrace.code import placed

    return placed(problem, asked.program)


def _paged(destination: Destination) -> Destination:
    """--open: a page, in a file that stays until the machine tidies up."""
    if destination.output is None:
        import tempfile

        with tempfile.NamedTemporaryFile(prefix="backtrace-", suffix=".html", delete=False) as file:
            destination = destination._replace(output=file.name)
    if destination.chosen() != "html":
        raise UsageError(tell("--open opens a page"), hint=tell("--format html, or -o page.html"))
    return destination


def _open(path: str) -> None:
    import pathlib
    import webbrowser

    uri = pathlib.Path(path).resolve().as_uri()
    if not webbrowser.open(uri):
        say(f"{uri}\n")  # there is no browser here
