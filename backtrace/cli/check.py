"""backtrace check FORMULA [NAME=VALUE ...] [ANSWER ...]: answers, held against the trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from backtrace.cli.groups import Destination
from backtrace.cli.help import Told
from backtrace.cli.options import gathered_as, look_options, verdict_options
from backtrace.cli.output import Look, say
from backtrace.cli.source import (
    code_at,
    formula_and_values,
    read_file,
    result_named,
)
from backtrace.errors import UsageError
from backtrace.language import marked, tell

if TYPE_CHECKING:
    from backtrace.homework.backward import Judged
    from backtrace.homework.checking import Report
    from backtrace.render import View

EXAMPLES = """\b
  backtrace check "(x+y)*z" x=-2 y=5 z=-4 dx=-4 dy=-4 dz=3
  backtrace check "q=x+y; f=q*z" x=-2 y=5 z=-4 --answers mine.json
  backtrace check net.py
"""
_FORMATS = ("table", "tree", "json", "markdown")
_OF_CODE = ("table", "tree", "json", "markdown", "html", "github")


class Asked(NamedTuple):
    """What is held against what, and how much is said of it."""

    answers: str | None
    file: str | None
    against: str | None
    of: str | None
    hint_level: int
    tol: float | None
    seed: int
    suggest_point: bool


@click.command(
    "check",
    cls=Told,
    help=marked(
        "Hold answers against the trace: f=... and q=... are values, dx=... and dq=... gradients."
        " Of a file of Python, the lines of its backward pass."
    ),
    epilog=EXAMPLES,
)
@click.argument("words", nargs=-1, metavar="FORMULA|FILE.py[:NAME] [NAME=VALUE ...] [ANSWER ...]")
@gathered_as(
    "asked",
    Asked,
    click.option(
        "--answers",
        metavar="FILE",
        help=marked("Answers from a .json, .csv or .toml file (- is stdin)."),
    ),
    click.option("--file", metavar="FILE", help=marked("Read the formula from FILE (- is stdin).")),
    click.option(
        "--against",
        metavar="FORMULA",
        help=marked("Of code: what its forward lines are to compute (or FILE.py:NAME)."),
    ),
    click.option(
        "--of", metavar="NAME", help=marked("The stage that is the result (the last one).")
    ),
    click.option(
        "--hint-level",
        type=click.IntRange(0, 3),
        default=2,
        metavar="N",
        help=marked("0 right or wrong, 1 the place, 2 the mistake (default), 3 the arithmetic."),
    ),
    click.option(
        "--tol", type=float, metavar="E", help=marked("Relative error that passes (1e-4).")
    ),
    click.option(
        "--seed", type=int, default=0, metavar="N", help=marked("For randn and rand (0).")
    ),
    click.option(
        "--suggest-point",
        is_flag=True,
        help=marked("Find a point that tells mistakes apart, and stop."),
    ),
)
@verdict_options
@look_options
def check(words: tuple[str, ...], asked: Asked, destination: Destination, look: Look) -> int:
    view = look.view(to_file=destination.output is not None)
    code = code_at(words[0]) if words and asked.file is None else None
    if code is not None:
        text, is_right = _of_code(code, words[1:], asked, destination, view)
    else:
        text, is_right = _of_answers(words, asked, destination, view)
    _put_out(text, destination)
    return 0 if is_right else 1


def _of_code(
    code: tuple[str, str],
    words: Sequence[str],
    asked: Asked,
    destination: Destination,
    view: View,
) -> tuple[str, bool]:
    """What is said of a backward pass, and whether all is right."""
    format = destination.format if destination.format == "github" else destination.chosen()
    if asked.answers is not None or asked.suggest_point:
        raise UsageError(tell("the answers of a file of code are its own lines"))
    judged = _judged(*code, words, asked)
    return _text_of_code(judged, format, view, asked.hint_level), judged.ok


def _of_answers(
    words: tuple[str, ...], asked: Asked, destination: Destination, view: View
) -> tuple[str, bool]:
    """What is said of answers to a formula, or of a point that tells them apart."""
    from backtrace.formula.parser import parse
    from backtrace.formula.point import read_words
    from backtrace.homework.answers import split_words

    if asked.against is not None:
        raise UsageError(
            tell("--against is for files of code"), hint=tell("check net.py --against FORMULA")
        )
    format = destination.chosen()
    if format not in _FORMATS:
        raise UsageError(
            tell("check has no format {format}", format=format),
            hint=tell("there are {formats}", formats=", ".join(_FORMATS)),
        )
    formula, rest = formula_and_values(words, asked.file)
    if asked.of is not None:
        formula, rest, _ = result_named(asked.of, formula, rest)
    graph = parse(formula, _names(rest))
    values, given_answers = split_words(rest, graph, graph.output_name)
    given = read_words(values, asked.seed)
    if asked.suggest_point:
        return _suggested(formula, given, asked.seed, format), True
    tolerance = _tolerance(asked.tol)
    report = _report(formula, given, given_answers, asked.answers, tolerance)
    return _text(report, format, view, asked.hint_level), report.ok


def _judged(path: str, name: str, words: Sequence[str], asked: Asked) -> Judged:
    """The backward pass of a file, held against the trace of its forward lines."""
    from backtrace.cli.code import known_values, refuse_unknown
    from backtrace.homework.backward import check_code

    known = known_values(words, asked.seed)
    due = _formula_of(asked.against, known) if asked.against else ""
    text = read_file(path)
    refuse_unknown(known, text)
    return check_code(text, path, name, known, asked.of or "", asked.seed, due)


def _formula_of(against: str, known: Mapping[str, object]) -> str:
    """What code is to compute: a formula as it is, or that of a file."""
    from backtrace.code import read_code

    code = code_at(against)
    return against if code is None else read_code(read_file(code[0]), *code, known).formula


def _text_of_code(judged: Judged, format: str, view: View, level: int) -> str:
    from backtrace.homework.backward import page, report, tree

    if format not in _OF_CODE:
        hint = tell("there are {of_code}", of_code=", ".join(_OF_CODE))
        raise UsageError(tell("check of code has no format {format}", format=format), hint=hint)
    drawn = {"table": report.table, "tree": tree.tree, "html": page.page}
    if format in drawn:
        return drawn[format](judged, view, level)
    views = {"json": report.as_json, "markdown": report.markdown, "github": report.github}
    return views[format](judged, level)


def _put_out(text: str, destination: Destination) -> None:
    if destination.output is None:
        say(text)
    else:
        from backtrace.files import write

        write(destination.output, text)


def _tolerance(tol: float | None) -> float:
    from backtrace.homework.verdicts import TOLERANCE

    if tol is not None and not 0 <= tol < 1:
        raise UsageError(tell("--tol is {tol}, and a relative error is between 0 and 1", tol=tol))
    return TOLERANCE if tol is None else tol


def _report(
    formula: str, given: Any, words: Sequence[str], file: str | None, tolerance: float
) -> Report:
    from backtrace.formula.point import read_mapping
    from backtrace.graph.record import Granularity
    from backtrace.homework.answers import each_once, from_mapping, read_answers
    from backtrace.homework.answers import read_file as read_answer_file
    from backtrace.homework.checking import hold
    from backtrace.homework.points import suggest
    from backtrace.homework.problem import problem_of

    if not given and words:
        given = read_mapping(suggest(formula, {})[0].point)  # formulas need no point of their own
    problem = problem_of(formula, given, Granularity())
    graph = problem.record.graph
    found = read_answers(words, graph, graph.output_name)
    if file is not None:
        mapping = read_answer_file(file, read_file(file))
        found = each_once([*found, *from_mapping(mapping, graph, graph.output_name)])
    return hold(problem, found, tolerance)


def _text(report: Report, format: str, view: View, level: int) -> str:
    from backtrace.homework import report as views

    if format == "json":
        return views.as_json(report, level)
    draw = {"table": views.table, "tree": views.tree, "markdown": views.markdown}[format]
    return draw(report, view, level)


def _suggested(formula: str, given: Any, seed: int, format: str) -> str:
    from backtrace.formula.point import shapes
    from backtrace.homework import points
    from backtrace.numbers import json_text

    found, own = points.suggest(formula, shapes(given), seed, given)
    if format == "json":
        return json_text(points.as_object(formula, found, own)) + "\n"
    return "\n".join(points.sentences(found, own)) + "\n"


def _names(rest: tuple[str, ...]) -> list[str]:
    """What may be a variable: everything before an =; an answer's name is none in the formula."""
    return [word.partition("=")[0].strip() for word in rest if "=" in word]
