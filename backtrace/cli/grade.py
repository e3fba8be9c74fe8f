"""backtrace grade ASSIGNMENT SUBMISSION...: many answers, many people."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import click

from backtrace.cli.help import Told
from backtrace.cli.options import gathered_as, look_options
from backtrace.cli.output import Look, complain, note, say
from backtrace.cli.progress import reading
from backtrace.cli.source import read_file
from backtrace.errors import BacktraceError, UsageError
from backtrace.language import marked, tell

if TYPE_CHECKING:
    from backtrace.homework.assignment import Assignment
    from backtrace.homework.rows import Row
    from backtrace.render import View

EXAMPLES = """\b
  backtrace grade assignment.toml submissions/*.json
  backtrace grade assignment.toml class.csv --format csv -o grades.csv
  backtrace grade assignment.toml class.jsonl --summary
  backtrace grade assignment.toml ada.json --format gradescope -o results.json
"""
_FORMATS = {"table": ".txt", "json": ".json", "csv": ".csv", "markdown": ".md", "html": ".html"}
_OF_ONE = ("gradescope", "github")  # formats of one submission
_MOST_JOBS = 256
_MOST_ERRORS = 5


class Asked(NamedTuple):
    """What is written of the grades, how much it says, and where."""

    format: str | None
    output: str | None
    score: bool
    summary: bool
    hint_level: int | None
    feedback: str | None
    jobs: int

    @property
    def is_summed(self) -> bool:
        """Whether the summary stands in the place of the rows; the class's page has it in it."""
        return self.summary and self.format != "html"


@click.command(
    "grade",
    cls=Told,
    help=marked(
        "Grade submissions (.json, .jsonl, .csv, .xlsx, .py, .ipynb, or a folder) to an assignment"
        " (.toml). Code is read and never run."
    ),
    epilog=EXAMPLES,
)
@click.argument("assignment", metavar="ASSIGNMENT")
@click.argument("submissions", nargs=-1, metavar="SUBMISSION...")
@gathered_as(
    "asked",
    Asked,
    click.option(
        "--format",
        "format",
        type=click.Choice([*_FORMATS, *_OF_ONE]),
        help=marked(
            "table (default), json, csv, markdown, html (a page for the class); of one submission"
            " gradescope, or github (annotations and points)."
        ),
    ),
    click.option(
        "-o", "--output", metavar="FILE", help=marked("Write there, whole or not at all.")
    ),
    click.option(
        "--score", is_flag=True, help=marked("Only the points, a number for each submission.")
    ),
    click.option(
        "--summary", is_flag=True, help=marked("Only which slip was made how often, and where.")
    ),
    click.option(
        "--hint-level",
        type=click.IntRange(0, 3),
        metavar="N",
        help=marked(
            "0 right or wrong, 1 the place, 2 the mistake, 3 the arithmetic (the assignment's)."
        ),
    ),
    click.option(
        "--feedback",
        metavar="FOLDER",
        help=marked(
            "Write a page for each student there, all or none: HTML, or (--format markdown)"
            " Markdown."
        ),
    ),
    click.option(
        "--jobs",
        type=click.IntRange(1, _MOST_JOBS),
        default=1,
        metavar="N",
        help=marked("Processes (1)."),
    ),
)
@look_options
def grade(assignment: str, submissions: tuple[str, ...], asked: Asked, look: Look) -> int:
    from backtrace.homework.assignment import read_assignment

    asked = asked._replace(format=asked.format or _format_of(asked.output))
    if asked.format in _OF_ONE and (asked.summary or asked.score):
        option = "--summary" if asked.summary else "--score"
        what = tell("{option} has no place in {format}", option=option, format=asked.format)
        raise UsageError(what, hint=tell("--format table, json or csv"))
    view = look.view(to_file=asked.output is not None)
    try:
        text = read_file(assignment)
        folder = os.path.dirname(assignment)
        questions = read_assignment(text, folder)
        seen = _Seen(questions)
        with _graded(questions, (text, folder), submissions, asked) as rows:
            _put_out(questions, _noting(rows, seen), asked, view)
    except BacktraceError as error:
        if asked.format == "gradescope":  # it shows nothing at all without a results.json
            from backtrace.homework.autograders import results

            refusal = results(0, [tell("not graded: {what}", what=error.what)], [])
            _write(iter([refusal]), asked.output)
        raise
    _tell(seen, look.color)
    return 3 if seen.errors else 0 if seen.all_full else 1


def _put_out(questions: Assignment, rows: Iterator[Row], asked: Asked, view: View) -> None:
    """The grades, or what is asked for in their place; and the pages of the students."""
    from backtrace.homework import gradebook
    from backtrace.homework.grading import summary as summed

    format = asked.format or ""
    with _pages(questions, rows, asked.feedback, format, view) as noted:
        if asked.is_summed:
            text = gradebook.summary_text(questions, summed(questions, noted), format, view)
            pieces = iter([text])
        elif asked.score:
            pieces = (f"{gradebook.score_text(row)}\n" for row in noted)
        else:
            pieces = gradebook.WRITERS[format](questions, noted, view)
        _write(pieces, asked.output)


def _tell(seen: _Seen, color: str) -> None:
    """On standard error: what is to be known of the files, and errors of ours."""
    if seen.by_hand:
        words = tell(
            "{count:,} with points to be given by hand: what is not judged", count=seen.by_hand
        )
        seen.notes[words] = None
    for words in (*seen.notes, *seen.never_met.words()):
        note(words, color)
    for words in seen.errors.values():
        complain(BacktraceError(tell("not graded: {words}", words=words)), color)


class _Seen:
    """What the exit status depends on: whether all have full points, and a row's error of ours, by
    its words (the same one is said once); and what is to be known of the files."""

    def __init__(self, assignment: Assignment) -> None:
        from backtrace.homework.never_met import NeverMet

        self.never_met = NeverMet(assignment)
        self.all_full = True
        self.errors: dict[str, str] = {}
        self.notes: dict[str, None] = {}
        self.refused = 0
        self.by_hand = 0


def _format_of(output: str | None) -> str:
    """What the file's suffix asks for. Raises UsageError."""
    if output is None:
        return "table"
    found = [name for name, suffix in _FORMATS.items() if suffix and output.endswith(suffix)]
    if not found:
        suffixes = ", ".join(suffix for suffix in _FORMATS.values() if suffix)
        raise UsageError(
            tell("no format of grades has the suffix of '{output}'", output=output),
            hint=tell("--format, or {suffixes}", suffixes=suffixes),
        )
    return found[0]


@contextlib.contextmanager
def _graded(
    assignment: Assignment,
    given: tuple[str, str],
    paths: tuple[str, ...],
    asked: Asked,
) -> Iterator[Iterator[Row]]:
    """The rows, with a progress bar over the bytes of the files; `given` is the assignment's text,
    and its folder."""
    from backtrace.homework.grading import grade
    from backtrace.homework.submissions import paths_of, read_submissions, sources_of
    from backtrace.homework.workers import grade_in_processes

    level = 3 if asked.is_summed else asked.hint_level
    sources = sources_of(paths, assignment, asked.format in _OF_ONE)
    with reading(paths_of(sources), tell("grading")) as tick:
        submissions = read_submissions(sources, tick, assignment)
        if asked.jobs == 1:
            yield grade(assignment, submissions, level)
        else:
            yield grade_in_processes(given[0], submissions, asked.jobs, level, given[1])


@contextlib.contextmanager
def _pages(
    assignment: Assignment, rows: Iterator[Row], folder: str | None, format: str, view: View
) -> Iterator[Iterator[Row]]:
    """The rows; where a folder is given, each one's page is written as it goes by, and all are in
    place once the rows are at their end."""
    if folder is None:
        yield rows
        return
    from backtrace.files.whole_folders import new_folder
    from backtrace.homework.feedback import written

    kind = "markdown" if format == "markdown" else "html"
    with new_folder(folder) as made:
        noted = written(assignment, rows, made, kind, view)
        yield noted
        for _ in noted:  # what the grades had no need of
            pass


def _noting(rows: Iterable[Row], seen: _Seen) -> Iterator[Row]:
    """The rows as they are; what is to be known of them at the end goes to `seen`."""
    for row in rows:
        seen.all_full = seen.all_full and row.is_full
        seen.by_hand += bool(row.by_hand)
        seen.never_met.see(row)
        if row.error and len(seen.errors) < _MOST_ERRORS:
            seen.errors.setdefault(row.error, f"{row.student} ({row.source}): {row.error}")
        seen.notes.update(dict.fromkeys(row.notes))
        if row.is_refused and seen.refused < _MOST_ERRORS:
            seen.refused += 1  # a row has no room for what the file has and what would do
            seen.notes[f"{row.source}: {row.reasons[0]}"] = None
        yield row


def _write(pieces: Iterator[str], output: str | None) -> None:
    if output is None:
        for piece in pieces:
            say(piece)
        return
    from backtrace.files import write_pieces

    write_pieces(output, pieces)
