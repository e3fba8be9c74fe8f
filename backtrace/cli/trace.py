"""backtrace FORMULA [NAME=VALUE ...]: the main command."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from backtrace.cli.options import ShapeAsked, look_options, shape_options
from backtrace.cli.output import Look, complain, say
from backtrace.cli.source import formula_and_values
from backtrace.errors import BacktraceError, UsageError

EXAMPLES = """\b
  backtrace "(x+y)*z" x=-2 y=5 z=-4
  backtrace "q = x + y; f = q*z" x=-2 y=5 z=-4 --format tree
  backtrace "1/(1+exp(-x))" x=1/3 --json
  backtrace --file formula.txt x=2 -o trace.json
"""


def _formats(*_: Any) -> list[str]:
    from backtrace.render import formats

    return formats()


@click.command(
    "trace",
    help="Trace a formula gate by gate: upstream x local = downstream, cross-checked.",
    epilog="Examples:\n\n" + EXAMPLES,
)
@click.argument("words", nargs=-1, metavar="FORMULA [NAME=VALUE ...]")
@click.option("--file", metavar="FILE", help="Read the formula from FILE (- is standard input).")
@click.option(
    "--format",
    "format_",
    metavar="NAME",
    help="table (default), tree, markdown, json or jsonl.",
    shell_complete=lambda c, p, i: [f for f in _formats() if f.startswith(i)],
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("-o", "--output", metavar="FILE", help="Write there; the suffix picks the format.")
@click.option("--wrt", metavar="x,y", help="Only the gradients by these variables.")
@click.option("--explain", is_flag=True, help="Add the backward pass in words, gate by gate.")
@click.option("--paths", metavar="x,y", help="Add the routes from these variables to the output.")
@click.option("--forward", metavar="x,y", help="Add the tangents by these variables.")
@click.option("--symbolic", is_flag=True, help="Add every number as a formula.")
@click.option("--exact", is_flag=True, help="Add every number exactly: 1/3, sqrt(2), e.")
@click.option("--precision", type=int, metavar="N", help="Add every number to N digits.")
@click.option("--order", type=int, default=1, metavar="2", help="Add second derivatives.")
@click.option("--compare", is_flag=True, help="The formula as written beside the formula fused.")
@shape_options
@click.option("--no-check", is_flag=True, help="Skip the cross-check by SymPy and slopes.")
@click.option("--json-schema", is_flag=True, help="Print the JSON schema of --json, and stop.")
@look_options
def trace(
    words: tuple[str, ...],
    file: str | None,
    format_: str | None,
    as_json: bool,
    output: str | None,
    wrt: str | None,
    explain: bool,
    paths: str | None,
    forward: str | None,
    symbolic: bool,
    exact: bool,
    precision: int | None,
    order: int,
    compare: bool,
    shape: ShapeAsked,
    no_check: bool,
    json_schema: bool,
    look: Look,
) -> int:
    if json_schema:
        from importlib import resources

        say(resources.files("backtrace.schemas").joinpath("trace-1.json").read_text("utf-8"))
        return 0
    from backtrace import files, render
    from backtrace.formula.point import read_words
    from backtrace.tracer import Request, Trace, known_variables, trace_given

    formula, values = formula_and_values(words, file)
    chosen = _format(format_, as_json, output)
    request = Request(
        shape=shape.shape(),
        wrt=_names(wrt) if wrt is not None else None,
        symbolic=symbolic,
        exact=exact,
        precision=precision,
        order=order,
        check=not no_check,
    )
    if compare:
        return _compare(formula, read_words(values), request, chosen, output, look)
    traced: Trace = trace_given(formula, read_words(values), request)
    view = replace(
        look.view(to_file=output is not None),
        explain=explain,
        paths=tuple(known_variables(traced.graph, _names(paths))),
        forward=tuple(known_variables(traced.graph, _names(forward))),
    )
    text = render.draw(traced, chosen, view)
    if output is None:
        say(text)
    else:
        files.write(output, text)
    problem = _problem(traced)
    if problem is not None:
        complain(problem, look.color)
    return 0 if traced.ok else 1


def _compare(
    formula: str, given: Any, request: Any, format: str, output: str | None, look: Look
) -> int:
    """--compare: one table, or one JSON object."""
    from backtrace import comparison, files

    if format not in ("table", "json"):
        raise UsageError(f"--compare has no format {format}", hint="--compare --json, or neither")
    found = comparison.compare(formula, given, request)
    if format == "json":
        from backtrace.render.json import line

        text = line(comparison.as_object(found)) + "\n"
    else:
        text = comparison.show(found, look.view(to_file=output is not None))
    if output is None:
        say(text)
    else:
        files.write(output, text)
    problem = _problem(found.fused)
    if problem is not None:
        complain(problem, look.color)
    return 0 if found.ok else 1


def _names(text: str | None) -> list[str]:
    return [name.strip() for name in text.split(",")] if text is not None else []


def _format(format_: str | None, as_json: bool, output: str | None) -> str:
    if as_json and format_ not in (None, "json"):
        raise UsageError(f"--json and --format {format_} exclude each other")
    if as_json or format_:
        from backtrace.render import known

        return known(format_ or "json")
    if output is None:
        return "table"
    from backtrace.render import format_of

    return format_of(output)


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
    return None
