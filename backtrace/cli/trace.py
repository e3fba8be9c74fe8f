"""backtrace FORMULA [NAME=VALUE ...]: the main command."""

from __future__ import annotations

from typing import Any

import click

from backtrace import aside
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
from backtrace.cli.output import Look, complain, say
from backtrace.cli.progress import ticking
from backtrace.cli.source import formula_and_values
from backtrace.errors import BacktraceError, UsageError

EXAMPLES = """\b
  backtrace "(x+y)*z" x=-2 y=5 z=-4
  backtrace "q = x + y; f = q*z" x=-2 y=5 z=-4 --format tree
  backtrace "1/(1+exp(-x))" x=1/3 --json
  backtrace --file formula.txt x=2 -o trace.json
"""


@click.command(
    "trace",
    help="Trace a formula gate by gate: upstream x local = downstream, cross-checked.",
    epilog="Examples:\n\n" + EXAMPLES,
)
@click.argument("words", nargs=-1, metavar="FORMULA [NAME=VALUE ...]")
@task_options
@destination_options
@beside_options
@granularity_options
@arrays_options
@descent_options
@points_options
@look_options
def trace(
    words: tuple[str, ...],
    task: Task,
    destination: Destination,
    beside: Beside,
    granularity: GranularityAsked,
    arrays: ArraysAsked,
    descent: DescentAsked,
    points: PointsAsked,
    look: Look,
) -> int:
    if task.json_schema:
        from importlib import resources

        say(resources.files("backtrace.schemas").joinpath("trace-1.json").read_text("utf-8"))
        return 0
    from backtrace.formula.point import read_words
    from backtrace.request import Request

    formula, values = formula_and_values(words, task.file)
    if points.points is not None:
        from backtrace.cli.points import trace_points

        _refuse_for_points(task, beside, arrays, descent)
        wrt = names_in(task.wrt) if task.wrt is not None else None
        made_of = granularity.granularity()
        return trace_points(formula, values, points, destination, wrt, made_of, look.color)
    if task.open_page:
        destination = _paged(destination)
    format = destination.chosen()
    steps = descent.steps or 1
    request = Request(
        granularity=granularity.granularity(),
        wrt=names_in(task.wrt) if task.wrt is not None else None,
        symbolic=beside.symbolic,
        exact=beside.exact,
        precision=beside.precision,
        order=beside.order,
        upstream=arrays.seed_gradient(),
        jacobian=arrays.jacobian,
        rate=descent.rate(),
        steps=steps,
        check=not task.no_check and not task.blank,
    )
    view = look.view(to_file=destination.output is not None)._replace(full=beside.full)
    beside_file = arrays.beside(destination.output, format)
    if task.blank and (task.compare or beside.explain or beside.paths or beside.forward):
        raise UsageError(
            "a worksheet has blanks only", hint="leave --compare, --explain, --paths, --forward out"
        )
    _refuse_unseen(format, beside, arrays.jacobian)
    if aside.is_running():
        from backtrace import render

        render.load(format)
    run = _compared if task.compare else _traced
    with ticking(steps if request.rate else 0, "descending") as tick:
        given = read_words(values, arrays.seed)
        request = request._replace(tick=tick)
        if task.blank:
            result = _blanked(formula, given, request, format, view, task.blank)
        else:
            result = run(formula, given, request, format, view, beside, beside_file)
    text, outcome, is_right = result
    destination.write(text, format)
    if task.open_page:
        _open(destination.output or "")
    problem = _problem(outcome)
    if problem is not None:
        complain(problem, look.color)
    return 0 if is_right else 1


def _refuse_for_points(
    task: Task, beside: Beside, arrays: ArraysAsked, descent: DescentAsked
) -> None:
    """Many points have values and gradients, and nothing else."""
    asked = {
        "--compare": task.compare,
        "--blank": bool(task.blank),
        "--open": task.open_page,
        "--upstream": arrays.upstream is not None,
        "--step": descent.step is not None,
    }
    asked |= _sections_asked(beside, arrays.jacobian)
    option = next((name for name, is_asked in asked.items() if is_asked), None)
    if option:
        raise UsageError(f"{option} is for one point", hint="trace that row alone")


def _refuse_unseen(format: str, beside: Beside, jacobian: bool) -> None:
    """What is asked for must have a place in the format."""
    asked = _sections_asked(beside, jacobian)
    option = next((name for name, is_asked in asked.items() if is_asked), None)
    if option is None:
        return
    from backtrace.render import PLAIN

    if format not in PLAIN:
        *most, last = PLAIN
        hint = f"--format {', '.join(most)} or {last}"
        raise UsageError(f"{option} has no place in {format}", hint=hint)


def _sections_asked(beside: Beside, jacobian: bool) -> dict[str, bool]:
    return {
        "--exact": beside.exact,
        "--precision": beside.precision is not None,
        "--symbolic": beside.symbolic,
        "--order 2": beside.order == 2,
        "--explain": beside.explain,
        "--paths": bool(beside.paths),
        "--forward": bool(beside.forward),
        "--jacobian": jacobian,
    }


def _paged(destination: Destination) -> Destination:
    """--open: a page, in a file that stays until the machine tidies up."""
    if destination.output is None:
        import tempfile

        with tempfile.NamedTemporaryFile(prefix="backtrace-", suffix=".html", delete=False) as file:
            destination = destination._replace(output=file.name)
    if destination.chosen() != "html":
        raise UsageError("--open opens a page", hint="--format html, or -o page.html")
    return destination


def _open(path: str) -> None:
    import pathlib
    import webbrowser

    uri = pathlib.Path(path).resolve().as_uri()
    if not webbrowser.open(uri):
        say(f"{uri}\n")  # there is no browser here


def _without_arrays(traced: Any, view: Any, arrays_file: str) -> str:
    """The JSON, its large arrays written to a file of their own."""
    import io
    import os

    import numpy as np

    from backtrace.files import write
    from backtrace.render.json import with_store

    text, arrays = with_store(traced, view, os.path.basename(arrays_file))
    data = io.BytesIO()
    np.savez(data, **arrays)
    write(arrays_file, data.getvalue())
    return text


def _traced(
    formula: str,
    given: Any,
    request: Any,
    format: str,
    view: Any,
    beside: Beside,
    arrays_file: str,
) -> tuple[str | bytes, Any, bool]:
    """The text, the trace it is of, and whether that is right."""
    from backtrace import render
    from backtrace.formula.point import known_variables
    from backtrace.tracer import trace_given

    traced = trace_given(formula, given, request)
    if traced.has_arrays and (beside.paths or beside.forward):
        option = "--paths" if beside.paths else "--forward"
        what = f"{option} is for formulas of numbers, and here are arrays"
        raise UsageError(what, hint="write one entry out: w0*x0 + w1*x1")
    view = view._replace(
        explain=beside.explain,
        paths=known_variables(traced.graph, names_in(beside.paths)),
        forward=known_variables(traced.graph, names_in(beside.forward)),
    )
    if arrays_file:
        return _without_arrays(traced, view, arrays_file), traced, traced.ok
    return render.data(traced, format, view), traced, traced.ok


def _blanked(
    formula: str, given: Any, request: Any, format: str, view: Any, kind: str
) -> tuple[str | bytes, Any, bool]:
    """--blank: the same without its numbers."""
    from backtrace import render
    from backtrace.blanks import blanked
    from backtrace.tracer import trace_given

    traced = trace_given(formula, given, request)
    return render.data(blanked(traced, kind), format, view), traced, traced.ok


def _compared(
    formula: str, given: Any, request: Any, format: str, view: Any, _: Beside, arrays_file: str
) -> tuple[str | bytes, Any, bool]:
    """--compare: one table, or one JSON object."""
    from backtrace import comparison

    if arrays_file:
        raise UsageError("--compare keeps its arrays in the JSON", hint="leave --arrays out")
    if format not in ("table", "json"):
        raise UsageError(f"--compare has no format {format}", hint="--compare --json, or neither")
    found = comparison.compare(formula, given, request)
    if format == "json":
        from backtrace.render.json import line

        return line(comparison.as_object(found)) + "\n", found.fused, found.ok
    return comparison.show(found, view), found.fused, found.ok


def _problem(traced: Any) -> BacktraceError | None:
    """What is wrong with the numbers, for standard error; None when nothing is."""
    graph = traced.graph
    if traced.fault is not None:
        span = graph.nodes[traced.fault.node].span
        what = f"{traced.fault.direction}: {traced.fault.what}"
        return BacktraceError(what, text=traced.formula, span=span, hint=traced.fault.cure)
    for name, check in traced.disagreements.items():
        what = f"the gradient of {name}" if name else "the output"
        span = graph.nodes[check.gate].span if check.gate is not None else None
        what = f"the cross-check disagrees about {what}: {check.reason}"
        return BacktraceError(what, text=traced.formula, span=span)
    if traced.descent is not None and not traced.ok:
        name = graph.nodes[graph.output].name or "the output"
        what = f"after {len(traced.descent.outputs) - 1:,} steps {name} is not finite"
        return BacktraceError(what, hint="a smaller --step, or fewer --steps")
    for entry in traced.seconds:
        if entry.verdict == "disagree":
            pair = f"{entry.first}, {entry.second}"
            return BacktraceError(
                f"the cross-check disagrees about the second derivative by {pair}"
            )
    return None
