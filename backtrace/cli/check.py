"""backtrace check FORMULA [NAME=VALUE ...] [ANSWER ...]: answers, held against the trace."""

from __future__ import annotations

import click

from backtrace.cli.options import Destination, destination_options, look_options
from backtrace.cli.output import Look, say
from backtrace.cli.source import formula_and_values, read_file
from backtrace.errors import UsageError

EXAMPLES = """\b
  backtrace check "(x+y)*z" x=-2 y=5 z=-4 dx=-4 dy=-4 dz=3
  backtrace check "q=x+y; f=q*z" x=-2 y=5 z=-4 --answers mine.json
  backtrace check "(x+y)*z" x=-2 y=5 z=-4 dz=x+y
"""
_FORMATS = ("table", "tree", "json", "markdown")


@click.command(
    "check",
    help="Hold answers against the trace: f=... and q=... are values, dx=... and dq=... gradients.",
    epilog="Examples:\n\n" + EXAMPLES,
)
@click.argument("words", nargs=-1, metavar="FORMULA [NAME=VALUE ...] [ANSWER ...]")
@click.option(
    "--answers", metavar="FILE", help="Answers from a .json, .csv or .toml file (- is stdin)."
)
@click.option("--file", metavar="FILE", help="Read the formula from FILE (- is stdin).")
@click.option(
    "--hint-level",
    type=click.IntRange(0, 3),
    default=2,
    metavar="N",
    help="0 right or wrong, 1 the place, 2 the mistake (default), 3 the arithmetic.",
)
@click.option("--tol", type=float, metavar="E", help="Relative error that passes (1e-4).")
@click.option("--seed", type=int, default=0, metavar="N", help="For randn and rand (0).")
@destination_options
@look_options
def check(
    words: tuple[str, ...],
    answers: str | None,
    file: str | None,
    hint_level: int,
    tol: float | None,
    seed: int,
    destination: Destination,
    look: Look,
) -> int:
    from backtrace.formula.parser import parse
    from backtrace.formula.point import read_words
    from backtrace.homework import report as views
    from backtrace.homework.answers import from_mapping, read_answers, split_words
    from backtrace.homework.answers import read_file as read_answer_file
    from backtrace.homework.checking import hold
    from backtrace.homework.problem import problem_of
    from backtrace.homework.verdicts import TOLERANCE
    from backtrace.record import Granularity

    format = destination.chosen()
    if format not in _FORMATS:
        raise UsageError(f"check has no format {format}", hint=f"there are {', '.join(_FORMATS)}")
    formula, rest = formula_and_values(words, file)
    graph = parse(formula, _names(rest))
    values, given_answers = split_words(rest, graph, graph.output_name)
    given = read_words(values, seed)
    problem = problem_of(formula, given, Granularity())
    graph = problem.record.graph
    output = graph.output_name
    found = read_answers(given_answers, graph, output)
    if answers is not None:
        mapping = read_answer_file(answers, read_file(answers))
        found += from_mapping(mapping, graph, output)
    report = hold(problem, found, TOLERANCE if tol is None else tol)
    view = look.view(to_file=destination.output is not None)
    if format == "json":
        text = views.as_json(report)
    else:
        draw = {"table": views.table, "tree": views.tree, "markdown": views.markdown}[format]
        text = draw(report, view, hint_level)
    if destination.output is None:
        say(text)
    else:
        from backtrace.files import write

        write(destination.output, text)
    return 0 if report.ok else 1


def _names(words: tuple[str, ...]) -> list[str]:
    """What may be a variable: everything before an =; an answer's name is none in the formula."""
    return [word.partition("=")[0].strip() for word in words if "=" in word]
