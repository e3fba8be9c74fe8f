"""Graded rows as text, piece by piece, so that a class of any size is written as it is graded.

table, markdown   for people; the first slip beside the points
csv, json         for machines; json is backtrace.grade/1
gradescope        the results.json of one submission
                  (https://gradescope-autograders.readthedocs.io/en/latest/specs/)
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rich.cells import cell_len, set_cell_size

from backtrace.errors import UsageError
from backtrace.homework.assignment import Assignment
from backtrace.homework.grading import Summary
from backtrace.homework.rows import NOT_GRADED, REFUSED, CodeFault, Mark, Part, Row
from backtrace.numbers import json_text, number, plain
from backtrace.render import View

SCHEMA = "backtrace.grade/1"
_LEAST_ROOM = 16
_NAME = 12  # cells of a student's name
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

Writer = Callable[[Assignment, Iterable[Row], View], Iterator[str]]


def points_text(points: float) -> str:
    """12.5, 166.66666: points are not rounded to digits."""
    return f"{points:.10f}".rstrip("0").rstrip(".")


def _points_of(row: Row, assignment: Assignment) -> str:
    return "-" if row.error else _of(row.points, assignment.worth - row.by_hand, row.by_hand)


def _parts_of(row: Row, assignment: Assignment, nothing: str) -> list[str]:
    """A cell for every problem, also of a row that has none."""
    if row.error:
        return [nothing] * len(assignment.questions)
    return [_of(part.points, part.worth, part.by_hand) for part in row.parts]


def score_text(row: Row) -> str:
    """The points alone; in words where there are none."""
    return NOT_GRADED if row.error else points_text(row.points)


def _of(points: float, worth: float, by_hand: float = 0.0) -> str:
    """In two decimals at most: 2.5/4; with two points more that are given by hand, 2.5/4+2?"""
    shown = [f"{n:.2f}".rstrip("0").rstrip(".") for n in (points, worth, by_hand)]
    return "/".join(shown[:2]) + f"+{shown[2]}?" * bool(by_hand)


def first_slip(row: Row) -> str:
    """What there is to say of a row, in a few words."""
    if row.error:
        return f"{NOT_GRADED}: {row.error}"
    if row.is_refused:
        return f"refused for its form: {row.reasons[0]}"
    if row.reasons:
        return row.reasons[0]
    for part in row.parts:
        unread = next((mark for mark in part.marks if mark.reason), None)
        if unread is not None:
            return f"{part.id} {unread.name} {unread.verdict}: {unread.reason}"
        if part.code:
            return f"{part.code} at {part.id} {part.fault}"
        if part.fault:
            return f"wrong at {part.id} {part.fault}"
    missing = [f"{p.id} {m.name}" for p in row.parts for m in p.marks if m.verdict == "missing"]
    return f"missing: {', '.join(missing[:4])}{', …' * (len(missing) > 4)}" if missing else ""


def table(assignment: Assignment, rows: Iterable[Row], view: View) -> Iterator[str]:
    """Columns of fixed width, so that the first row can be written before the last is read. Where
    the problems have no room, only the points in all are shown."""
    points = max(len("points"), len(_of(assignment.worth, assignment.worth)) + 2)
    columns = [("student", _NAME), ("points", -points)]
    parts = [
        (q.id, -max(cell_len(q.id), len(_of(q.worth, q.worth)) + 2)) for q in assignment.questions
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
        yield "\n(no room for the problems: --format csv)\n"


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
    yield f"| student | points | {' | '.join(map(_escaped, ids))} | first slip |\n"
    yield f"|---|---:|{'---:|' * len(ids)}---|\n"
    for row in rows:
        parts = " | ".join(_parts_of(row, assignment, "-"))
        name, slip = _escaped(row.student), _escaped(view.text(first_slip(row)))
        yield f"| {name} | {_points_of(row, assignment)} | {parts} | {slip} |\n"


def _escaped(text: str) -> str:
    """Text that is no Markdown and no HTML."""
    text = _harmless(text)
    return "".join(f"\\{c}" if c in "\\`*_{}[]()#+!|~$" else c for c in text)


def _harmless(text: str) -> str:
    """Nothing that a browser would take for a tag."""
    return text.replace("<", "‹").replace(">", "›").replace("&", "＆")


def comma_separated(assignment: Assignment, rows: Iterable[Row], _: View) -> Iterator[str]:
    header = ["student", "points", "worth", *(q.id for q in assignment.questions), "first slip"]
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
    safe = [f"'{c}" if c.startswith(_FORMULA_STARTS) and not _is_number(c) else c for c in cells]
    csv.writer(line, lineterminator="\n").writerow(safe)
    return line.getvalue()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


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


def gradescope(_: Assignment, rows: Iterable[Row], view: View) -> Iterator[str]:
    """results.json: a test for every answer. Raises UsageError for more than one submission."""
    several = iter(rows)
    row = next(several, None)
    if row is None:
        raise UsageError("there is no submission")
    if next(several, None) is not None:
        raise UsageError("gradescope has a results.json for each submission: give one")
    if row.error:  # no score: there it is shown as the autograder's failure, and costs nothing
        yield results(None, [view.text(first_slip(row))], [])
        return
    tests = [
        _gradescope_test(part, mark, f"{p}.{m}")
        for p, part in enumerate(row.parts, 1)
        for m, mark in enumerate(part.marks, 1)
    ]
    reasons = [first_slip(row), *row.reasons[1:]] if row.is_refused else row.reasons
    said = [*reasons, *(f"{p.id}: {line}" for p in row.parts for line in p.lines)]
    if row.by_hand:
        said.insert(0, f"{points_text(row.by_hand)} points are to be given by hand")
    yield results(plain(row.points), [view.text(line) for line in said], tests)


def results(score: Any, said: list[str], tests: list[dict[str, Any]]) -> str:
    """The text of a results.json; without a score, None, it is a failure of ours."""
    found = {
        **({} if score is None else {"score": score}),
        "output": _harmless("\n".join(said)),
        "output_format": "text",
        "visibility": "visible",
        **({} if score is None else {"tests": tests}),
    }
    return json_text(found, indent=2) + "\n"


def _gradescope_test(part: Part, mark: Mark, place: str) -> dict[str, Any]:
    said = mark.verdict + (f": {mark.reason}" if mark.reason else "")
    scored = {
        "score": plain(mark.points),
        "max_score": plain(mark.worth),
        "status": "passed" if mark.points == mark.worth else "failed",
    }
    return {
        "name": _harmless(f"{part.id} {mark.name}"),
        "name_format": "text",
        "number": place,
        **({} if mark.by_hand else scored),
        "output": _harmless(said),
        "output_format": "text",
        "tags": [tag for tag in (part.code,) if tag and mark.name == part.fault],
        "visibility": "visible",
    }


WRITERS: dict[str, Writer] = {
    "table": table,
    "json": as_json,
    "csv": comma_separated,
    "markdown": markdown,
    "gradescope": gradescope,
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
    what = f"{found.submissions:,} submissions, "
    if found.graded != found.submissions:
        what += f"{found.graded:,} graded, "
    what += f"{average} of {number(assignment.worth)} points on average"
    bullet, around = ("- ", _escaped) if format == "markdown" else ("", str)
    counted = [(count, what) for count, what in _left_out(found)]
    counted += [(s.count, f"{s.code} at {around(s.at)} ({around(s.problem)})") for s in found.slips]
    width = 0 if format == "markdown" else max((len(f"{n:,}x") for n, _ in counted), default=0)
    lines_of = [f"{bullet}{f'{count:,}x'.rjust(width)} {words}" for count, words in counted]
    return view.text(what) + "\n" + "".join(f"\n{view.text(line)}" for line in lines_of) + "\n"


def _left_out(found: Summary) -> list[tuple[int, str]]:
    """What is in no average: how many, and why."""
    counts = [
        (found.not_graded, f"{NOT_GRADED}: an error in backtrace"),
        (found.refused, f"{REFUSED} for its form"),
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
