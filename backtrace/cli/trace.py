"""backtrace FORMULA [NAME=VALUE ...]: the main command."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from backtrace.checks import sympy_process
from backtrace.cli.code import Reading, read_with_values
from backtrace.cli.help import Sectioned
from backtrace.cli.letters import CostAsked, Lettered, declared, derive
from backtrace.cli.options import (
    ArraysAsked,
    Beside,
    DescentAsked,
    Destination,
    GranularityAsked,
    PointsAsked,
    Task,
    arrays_options,
    beside_options,
    descent_options,
    destination_options,
    granularity_options,
    look_options,
    names_in,
    points_options,
    task_options,
)
from backtrace.cli.output import Look, complain, problem_of, say
from backtrace.cli.progress import ticking
from backtrace.cli.source import code_in, formula_and_values, read_file, result_named
from backtrace.errors import BacktraceError, UsageError
from backtrace.language import marked, tell
from backtrace.numbers import DIGITS

if TYPE_CHECKING:
    from backtrace.code import Program
    from backtrace.formula.point import Given
    from backtrace.graph.record import Granularity
    from backtrace.render import View
    from backtrace.tracing.request import Request
    from backtrace.tracing.trace import Trace

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
    source = code_in(words, asked.task)
    made_of = asked.granularity.granularity()
    if source is not None:
        return _of_code(*source, asked, made_of)
    formula, values = formula_and_values(words, asked.task.file)
    shapes = declared(values)
    if shapes is not None:
        _refuse_for_shapes(asked)
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

        _refuse_for_points(asked)
        color = asked.look.color
        wrt = asked.wrt
        return trace_points(formula, values, asked.points, asked.destination, wrt, made_of, color)
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


_ALONG = marked("--forward x, or --order 2")


class Asked(NamedTuple):
    """All that the options say, group by group."""

    task: Task
    destination: Destination
    beside: Beside
    granularity: GranularityAsked
    arrays: ArraysAsked
    descent: DescentAsked
    points: PointsAsked
    look: Look
    reading: str = ""  # how the formula came about
    program: Program | None = None  # the code that it was read from

    @property
    def wrt(self) -> list[str] | None:
        return names_in(self.task.wrt) if self.task.wrt is not None else None

    def given(self, values: Sequence[str]) -> dict[str, Given]:
        """The values that are written, and those that the code's names have where it runs."""
        from backtrace.formula.point import read_mapping, read_words

        given = read_words(values, self.arrays.seed)
        outside = self.program.outside if self.program is not None else {}
        return {**read_mapping({n: v for n, v in outside.items() if n not in given}), **given}

    @property
    def is_for_readers(self) -> bool:
        """Whether it says how the trace is to be shown, and not only of what."""
        task, beside, look = self.task, self.beside, self.look
        return any(
            (
                *(*self.destination, task.compare, task.blank is not None, task.open_page),
                *(task.json_schema, beside.explain, beside.paths, beside.forward, beside.full),
                *(look.digits != Look().digits, look.ascii, look.width, self.points.points),
            )
        )

    def request(self, made_of: Granularity) -> Request:
        """How the formula is to be traced. Raises UsageError."""
        from backtrace.tracing.request import Request

        if self.beside.every is not None and not self.beside.cost:
            raise UsageError(tell("--every is of checkpoints"), hint="--cost --every 4")
        if self.beside.order not in (1, 2):
            raise UsageError(tell("--order is 1 or 2, not {order}", order=self.beside.order))
        if self.beside.along and self.beside.order != 2 and self.beside.forward is None:
            raise UsageError(
                tell("--along is a direction, and nothing is asked along it"), hint=tell(_ALONG)
            )
        return Request(
            granularity=made_of,
            wrt=self.wrt,
            upstream=self.arrays.seed_gradient(),
            check=not self.task.no_check and not self.task.blank,
            digits=max(self.look.digits, DIGITS),
        )

    def answered(self, traced: Trace, tick: Callable[[], None]) -> Trace:
        """The trace with all that is to be shown beside its numbers. Raises UsageError."""
        from dataclasses import replace

        from backtrace.graph.record import Note
        from backtrace.tracing.other_numbers import NotExact

        beside, rate = self.beside, self.descent.rate()
        answers: list[Any] = []
        if beside.symbolic and traced.has_point:  # without a point formulas are all there is
            answers.append(traced.formulas())
        if beside.exact:
            try:
                answers.append(traced.exactly())
            except NotExact as error:
                traced = replace(traced, notes=(*traced.notes, Note("exact", error.what)))
        if beside.precision is not None:
            answers.append(traced.to_digits(beside.precision))
        answers += self._along(traced)
        if self.arrays.jacobian:
            answers.append(traced.jacobians())
        if beside.cost:
            answers.append(traced.cost(beside.every))
        if rate is not None:
            answers.append(traced.descend(rate, self.descent.steps or 1, tick))
        if self.reading:
            told = Note("reading", self.reading)
            traced = replace(traced, notes=(told, *traced.notes))
        if self.program is not None:
            lines, calls = self.program.lines_of(traced.graph), self.program.calls_of(traced.graph)
            traced = replace(traced, lines=lines, calls=calls)
        return traced.showing(*answers)

    def _along(self, traced: Trace) -> list[Any]:
        """What goes along directions: tangents, second derivatives. (Tangents of numbers, along
        none, are shown by the view.)"""
        from backtrace.formula.point import known_variables, read_words

        along = {n: g.value for n, g in read_words(self.beside.along, self.arrays.seed).items()}
        answers: list[Any] = []
        if self.beside.order == 2:
            answers.append(traced.second_derivatives(along or None))
        names = known_variables(traced.graph, names_in(self.beside.forward))
        if not traced.has_arrays and not along:
            return answers
        known_variables(traced.graph, list(along))
        beyond = [name for name in along if name not in names]
        if names and beyond and self.beside.order != 2:
            what = tell(
                "--along moves {beyond}, and --forward is by {names}",
                beyond=beyond[0],
                names=", ".join(names),
            )
            raise UsageError(what, hint=f"--forward {beyond[0]}")
        return answers + [traced.forward_mode(name, along.get(name)) for name in names]

    def section(self, apart_from: Sequence[str] = ()) -> str:
        """The first option that asks for a section beside the numbers, of all but these; "" where
        none does."""
        sections = {
            "--exact": self.beside.exact,
            "--precision": self.beside.precision is not None,
            "--symbolic": self.beside.symbolic,
            "--order 2": self.beside.order == 2,
            "--explain": self.beside.explain,
            "--paths": self.beside.paths,
            "--forward": self.beside.forward,
            "--along": self.beside.along,
            "--jacobian": self.arrays.jacobian,
            "--cost": self.beside.cost,
        }
        asked = (option for option, is_asked in sections.items() if is_asked)
        return next((option for option in asked if option not in apart_from), "")


class Showing(NamedTuple):
    """How the trace is to be shown, and which file its large arrays go to ("": none)."""

    format: str
    view: View
    asked: Asked
    arrays_file: str
    tick: Callable[[], None]

    def answered(self, traced: Trace) -> Trace:
        return self.asked.answered(traced, self.tick)


def _at_a_point(formula: str, values: Sequence[str], asked: Asked, made_of: Granularity) -> int:
    """The usual command: one trace, shown; the exit status."""
    destination = _paged(asked.destination) if asked.task.open_page else asked.destination
    format = destination.chosen()
    request = asked.request(made_of)
    view = asked.beside.shown(asked.look, destination.output is not None)
    arrays_file = asked.arrays.beside(destination.output, format)
    _refuse_unseen(format, asked)
    if sympy_process.is_running():
        from backtrace import render

        render.load(format)
    run = _blanked if asked.task.blank else _compared if asked.task.compare else _traced
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


def _refuse_for_points(asked: Asked) -> None:
    """Many points have values and gradients, and nothing else."""
    option = _of_one_point(asked) or asked.section()
    if option:
        raise UsageError(
            tell("{option} is for one point", option=option), hint=tell("trace that row alone")
        )


def _refuse_for_shapes(asked: Asked) -> None:
    """Shapes alone have formulas, and no numbers."""
    granularity = asked.granularity
    changed = granularity.fuse or granularity.expand or granularity.gates
    section = asked.section(apart_from=("--symbolic", "--cost", "--explain", "--paths"))
    option = _of_one_point(asked) or section or tell("--fuse, --expand or --gates") * bool(changed)
    option = option or "--points" * (asked.points.points is not None)
    if option:
        raise UsageError(
            tell("{option} is for values, and here are shapes", option=option), hint="W=randn(3,2)"
        )


def _of_one_point(asked: Asked) -> str:
    """The first option that asks for what only one point has; "" where none does."""
    options = {
        "--compare": asked.task.compare,
        "--blank": asked.task.blank,
        "--open": asked.task.open_page,
        "--upstream": asked.arrays.upstream is not None,
        "--step": asked.descent.step is not None,
    }
    return next((option for option, is_asked in options.items() if is_asked), "")


def _refuse_unseen(format: str, asked: Asked) -> None:
    """What is asked for must have a place in the format."""
    task, beside = asked.task, asked.beside
    if task.blank and (task.compare or beside.explain or beside.paths or beside.forward):
        hint = tell("leave --compare, --explain, --paths, --forward out")
        raise UsageError(tell("a worksheet has blanks only"), hint=hint)
    option = asked.section()
    if not option:
        return
    from backtrace.render import PLAIN

    if format not in PLAIN:
        *most, last = PLAIN
        hint = tell("--format {most} or {last}", most=", ".join(most), last=last)
        raise UsageError(
            tell("{option} has no place in {format}", option=option, format=format), hint=hint
        )


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


class Shown(NamedTuple):
    """The text, the trace it is of, whether that is right; and what is written beside it."""

    text: str | bytes
    trace: Trace
    is_right: bool
    beside: Mapping[str, bytes] = MappingProxyType({})


def _without_arrays(traced: Trace, view: View, arrays_file: str) -> Shown:
    """The JSON, its large arrays in a file of their own."""
    import io
    import os

    import numpy as np

    from backtrace.render.json import with_store

    text, arrays = with_store(traced, view, os.path.basename(arrays_file))
    data = io.BytesIO()
    np.savez(data, **arrays)
    return Shown(text, traced, traced.ok, {arrays_file: data.getvalue()})


def _traced(formula: str, given: Mapping[str, Given], request: Request, showing: Showing) -> Shown:
    from backtrace import render
    from backtrace.formula.point import known_variables
    from backtrace.tracing.questions import needs_point
    from backtrace.tracing.tracer import trace_given

    beside = showing.asked.beside
    traced = showing.answered(trace_given(formula, given, request))
    tangents = () if traced.asked.forward else names_in(beside.forward)
    if beside.paths:
        needs_point(traced)
    view = showing.view._replace(
        explain=beside.explain,
        paths=known_variables(traced.graph, names_in(beside.paths)),
        forward=known_variables(traced.graph, tangents),
    )
    if showing.arrays_file:
        return _without_arrays(traced, view, showing.arrays_file)
    if showing.format == "html":
        traced = practised(traced)
    return Shown(render.data(traced, showing.format, view), traced, traced.ok)


def practised(traced: Trace) -> Trace:
    """A page asks for its numbers, and names slips."""
    from dataclasses import replace

    from backtrace.homework.page_practice import practice_of

    return replace(traced, asked=traced.asked._replace(practice=practice_of(traced)))


def _blanked(formula: str, given: Mapping[str, Given], request: Request, showing: Showing) -> Shown:
    """--blank: the same without its numbers."""
    from backtrace import render
    from backtrace.tracing.tracer import trace_given
    from backtrace.tracing.worksheet import blanked

    traced = showing.answered(trace_given(formula, given, request))
    sheet = blanked(traced, showing.asked.task.blank or "")
    return Shown(render.data(sheet, showing.format, showing.view), traced, traced.ok)


def _compared(
    formula: str, given: Mapping[str, Given], request: Request, showing: Showing
) -> Shown:
    """--compare: one table, or one JSON object."""
    from backtrace.tracing import comparison

    if showing.arrays_file:
        raise UsageError(
            tell("--compare keeps its arrays in the JSON"), hint=tell("leave --arrays out")
        )
    if showing.format not in ("table", "json"):
        what = tell("--compare has no format {format}", format=showing.format)
        raise UsageError(what, hint=tell("--compare --json, or neither"))
    found = comparison.compare(formula, given, request, showing.answered)
    if showing.format == "json":
        from backtrace.render.json import line

        return Shown(line(comparison.as_object(found)) + "\n", found.fused, found.ok)
    return Shown(comparison.show(found, showing.view), found.fused, found.ok)
