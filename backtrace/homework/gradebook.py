"""Graded rows as text, piece by piece, so that a class of any size is written as it is graded.

table, markdown   for people; the first slip beside the points
csv, json         for machines; json is backtrace.grade/1
html              a page for the class (`class_page`)
gradescope, github  what these read of one submission (`autograders`)
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rich.cells import cell_len, set_cell_size

from backtrace.homework.assignment import Assignment
from backtrace.homework.autograders import github, gradescope
from backtrace.homework.class_page import class_page
from backtrace.homework.grading import Summary
from backtrace.homework.rows import NOT_GRADED, CodeFault, Part, Row
from backtrace.homework.wording import escaped, first_slip, of_worth, points_text
from backtrace.language import tell
from backtrace.numbers import json_text, number, plain
from backtrace.render import View

SCHEMA = "backtrace.grade/1"
_LEAST_ROOM = 16
_NAME = 12  # cells of a student's name
_FORMULA_STARTS = (*"=+-@\t\r\n|%", *"＝＋－＠")  # in wide letters too, where those are typed
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", re.ASCII)

Writer = Callable[[Assignment, Iterable[Row], View], Iterator[str]]


def _points_of(row: Row, assignment: Assignment) -> str:
    return "-" if row.error else of_worth(row.points, assignment.worth - row.by_hand, row.by_hand)


def _parts_of(row: Row, assignment: Assignment, nothing: str) -> list[str]:
    """A cell for every problem, also of a row that has none."""
    if row.error:
        return [nothing] * len(assignment.questions)
    return [of_worth(part.points, part.worth, part.by_hand) for part in row.parts]


def score_text(row: Row) -> str:
    """The points alone; in words where there are none."""
    return NOT_GRADED if row.error else points_text(row.points)


def table(assignment: Assignment, rows: Iterable[Row], view: View) -> Iterator[str]:
    """Columns of fixed width, so that the first row can be written before the last is read. Where
    the problems have no room, only the points in all are shown."""
    points = max(cell_len(tell("points")), len(of_worth(assignment.worth, assignment.worth)) + 2)
    columns = [(tell("student"), _NAME), (tell("points"), -points)]
    parts = [
        (q.id, -max(cell_len(q.id), len(of_worth(q.worth, q.worth)) + 2))
        for q in assignment.questions
    ]
    taken = sum(abs(width) + 2 for _, width in (*columns, *parts))
    has_parts = taken + _LEAST_ROOM <= view.width
    columns += parts if has_parts else []
    header = "  ".join(_cell(view.text(name), width, view) for name, width in columns)
    room = max(_LEAST_ROOM, view.width - cell_len(header) - 2)
    if assignment.title:
        yield view.text(assignment.title) + "\n\n"
    yield header.rstrip() + "\n" + ("-" if view.ascii else "─") * view.width + "\n"
    for row in rows:
        cells = [view.text(row.student), _points_of(row, assignment)]
        cells += _parts_of(row, assignment, "-") if has_parts else []
        texts = zip(cells, columns, strict=True)
        line = "  ".join(_cell(cell, width, view) for cell, (_, width) in texts)
        said = _cell(view.text(first_slip(row)), room, view)
        yield f"{line}  {said}".rstrip() + "\n"
    if not has_parts:
        yield "\n" + tell("(no room for the problems: --format csv)") + "\n"


def _cell(text: str, width: int, view: View) -> str:
    """To the left, or (a negative width) to the right; what is too long is cut."""
    size = abs(width)
    if cell_len(text) > size:
        more = "..." if view.ascii else "…"
        text = set_cell_size(text, max(0, size - len(more))) + more
    padding = " " * (size - cell_len(text))
    return text + padding if width > 0 else padding + text


def markdown(assignment: Assignment, rows: Iterable[Row], view: View) -> Iterator[str]:
    ids = [question.id for question in assignment.questions]
    heads = [tell("student"), tell("points"), *map(escaped, ids), tell("first slip")]
    yield f"| {' | '.join(heads)} |\n"
    yield f"|---|---:|{'---:|' * len(ids)}---|\n"
    for row in rows:
        parts = " | ".join(_parts_of(row, assignment, "-"))
        name, slip = escaped(row.student), escaped(view.text(first_slip(row)))
        yield f"| {name} | {_points_of(row, assignment)} | {parts} | {slip} |\n"


def comma_separated(assignment: Assignment, rows: Iterable[Row], _: View) -> Iterator[str]:
    header = [
        "student",
        "points",
        "worth",
        *(q.id for q in assignment.questions),
        tell("first slip"),
    ]
    yield _csv_line(header)
    for row in rows:
        given = "" if row.error else points_text(row.points)
        cells = [row.student, given, points_text(assignment.worth - row.by_hand)]
        cells += [points_text(part.points) for part in row.parts]
        cells += [""] * (len(assignment.questions) - len(row.parts))
        yield _csv_line([*cells, first_slip(row)])


def _csv_line(cells: list[str]) -> str:
    """A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    line = io.StringIO()
    safe = [
        f"'{c}" if c.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(c) else c for c in cells
    ]
    csv.writer(line, lineterminator="\n").writerow(safe)
    return line.getvalue()


def as_json(assignment: Assignment, rows: Iterable[Row], _: View) -> Iterator[str]:
    """One object; a row to a line."""
    head = {"schema": SCHEMA, "title": assignment.title, "worth": plain(assignment.worth)}
    yield json_text(head)[:-1] + ', "submissions": ['
    separator = "\n"
    for row in rows:
        yield separator + json_text(row_object(row))
        separator = ",\n"
    yield "\n]}\n"


def row_object(row: Row) -> dict[str, Any]:
    return {
        "student": row.student,
        "source": row.source,
        "state": row.state,
        "points": None if row.error else plain(row.points),
        "problems": [_part_object(part) for part in row.parts],
        "reasons": list(row.reasons),
        **({"by_hand": plain(row.by_hand)} if row.by_hand else {}),
        **({"error": row.error} if row.error else {}),
    }


def _part_object(part: Part) -> dict[str, Any]:
    marks = [
        {
            "name": mark.name,
            "verdict": mark.verdict,
            "points": plain(mark.points),
            "worth": plain(mark.worth),
            **({"reason": mark.reason} if mark.reason else {}),
            **({"by_hand": plain(mark.by_hand)} if mark.by_hand else {}),
        }
        for mark in part.marks
    ]
    return {
        "id": part.id,
        "points": plain(part.points),
        "worth": plain(part.worth),
        "answers": marks,
        "first_fault": part.fault or None,
        "mistake": part.code or None,
        "says": list(part.lines),
        **({"faults": [_fault_object(fault) for fault in part.faults]} if part.faults else {}),
    }


def _fault_object(fault: CodeFault) -> dict[str, Any]:
    """A line of code that is at fault."""
    return {
        "at": fault.at,
        "file": fault.file,
        "line": fault.line,
        "column": fault.column,
        **({"cell": fault.cell} if fault.cell else {}),
        "text": fault.text,
        "mistake": fault.code or None,
        "says": list(fault.says),
    }


WRITERS: dict[str, Writer] = {
    "table": table,
    "json": as_json,
    "csv": comma_separated,
    "markdown": markdown,
    "html": class_page,
    "gradescope": gradescope,
    "github": github,
}


def summary_text(assignment: Assignment, found: Summary, format: str, view: View) -> str:
    """What was not graded first; then which slip, how often, where: `14x fork-lost at y`."""
    if format == "json":
        return json_text(_summary_object(assignment, found), indent=2) + "\n"
    if format == "csv":
        lines = [["count", "problem", "at", "mistake"]]
        lines += [[str(count), "", "", what] for count, what in _left_out(found)]
        lines += [[str(s.count), s.problem, s.at, s.code] for s in found.slips]
        return "".join(map(_csv_line, lines))
    average = number(found.points / found.graded) if found.graded else "0"
    what = tell("{submissions:,} submissions, ", submissions=found.submissions)
    if found.graded != found.submissions:
        what += tell("{graded:,} graded, ", graded=found.graded)
    what += tell(
        "{average} of {number} points on average", average=average, number=number(assignment.worth)
    )
    bullet, around = ("- ", escaped) if format == "markdown" else ("", str)
    counted = [(count, what) for count, what in _left_out(found)]
    counted += [
        (
            s.count,
            tell(
                "{code} at {around} ({problem_around})",
                code=tell(s.code),
                around=around(s.at),
                problem_around=around(s.problem),
            ),
        )
        for s in found.slips
    ]
    width = 0 if format == "markdown" else max((len(f"{n:,}x") for n, _ in counted), default=0)
    lines_of = [f"{bullet}{f'{count:,}x'.rjust(width)} {words}" for count, words in counted]
    return view.text(what) + "\n" + "".join(f"\n{view.text(line)}" for line in lines_of) + "\n"


def _left_out(found: Summary) -> list[tuple[int, str]]:
    """What is in no average: how many, and why."""
    counts = [
        (
            found.not_graded,
            tell("not graded: an error in backtrace"),
        ),
        (found.refused, tell("refused for its form")),
    ]
    return [(count, what) for count, what in counts if count]


def _summary_object(assignment: Assignment, found: Summary) -> dict[str, Any]:
    return {
        "schema": "backtrace.summary/1",
        "title": assignment.title,
        "submissions": found.submissions,
        "not_graded": found.not_graded,
        "refused": found.refused,
        "graded": found.graded,
        "mean": plain(found.points / found.graded) if found.graded else 0,
        "worth": plain(assignment.worth),
        "mistakes": [
            {"count": s.count, "problem": s.problem, "at": s.at, "mistake": s.code}
            for s in found.slips
        ],
    }
