"""What autograders read of one submission: Gradescope's results.json, GitHub's annotations."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

from backtrace.errors import UsageError
from backtrace.homework.assignment import Assignment
from backtrace.homework.backward.judging import UNREAD
from backtrace.homework.rows import CodeFault, Mark, Part, Row
from backtrace.homework.wording import first_slip, harmless, points_text
from backtrace.language import tell
from backtrace.numbers import json_text, plain
from backtrace.render import View


def gradescope(_: Assignment, rows: Iterable[Row], view: View) -> Iterator[str]:
    """results.json (https://gradescope-autograders.readthedocs.io/en/latest/specs/): a test for
    every answer. Raises UsageError for more than one submission."""
    row = _only(rows, tell("gradescope has a results.json for each submission: give one"))
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
        said.insert(
            0,
            tell(
                "{points_text} points are to be given by hand", points_text=points_text(row.by_hand)
            ),
        )
    yield results(plain(row.points), [view.text(line) for line in said], tests)


def results(score: Any, said: list[str], tests: list[dict[str, Any]]) -> str:
    """The text of a results.json; without a score, None, it is a failure of ours."""
    found = {
        **({} if score is None else {"score": score}),
        "output": harmless("\n".join(said)),
        "output_format": "text",
        "visibility": "visible",
        **({} if score is None else {"tests": tests}),
    }
    return json_text(found, indent=2) + "\n"


def _gradescope_test(part: Part, mark: Mark, place: str) -> dict[str, Any]:
    said = tell(mark.verdict) + (f": {mark.reason}" if mark.reason else "")
    scored = {
        "score": plain(mark.points),
        "max_score": plain(mark.worth),
        "status": "passed" if mark.points == mark.worth else "failed",
    }
    return {
        "name": harmless(f"{part.id} {mark.name}"),
        "name_format": "text",
        "number": place,
        **({} if mark.by_hand else scored),
        "output": harmless(said),
        "output_format": "text",
        "tags": [tag for tag in (part.code,) if tag and mark.name == part.fault],
        "visibility": "visible",
    }


def github(assignment: Assignment, rows: Iterable[Row], _: View) -> Iterator[str]:
    """Annotations at the lines of a push or a pull request, and the points as GitHub Classroom
    reads them (https://docs.github.com/actions: workflow commands). Raises UsageError for more
    than one submission."""
    row = _only(rows, tell("github has annotations for each submission: give one"))
    if row.error:  # no points: a failure of ours, which costs nothing
        yield _command("error", {"title": tell("not graded")}, row.error)
        return
    for reason in row.reasons:
        yield _command("error", {"title": tell("not read")}, reason)
    for part in row.parts:
        for fault in part.faults:
            yield _annotation(row, part, fault)
        told = {mark.reason: mark.verdict for mark in part.marks if mark.reason}
        for reason, verdict in told.items():
            kind = "warning" if verdict == UNREAD else "error"
            yield _command(kind, {"title": f"{part.id}: {tell(verdict)}"}, reason)
    worth = points_text(assignment.worth - row.by_hand)
    if row.by_hand:
        what = tell(
            "{points_text} points are to be given by hand", points_text=points_text(row.by_hand)
        )
        yield _command("warning", {"title": tell("Not judged")}, what)
    total = points_text(row.points)
    yield _command(
        "notice",
        {"title": tell("Autograding complete")},
        tell("Points {total}/{worth}", total=total, worth=worth),
    )
    report = f'{{"totalPoints":{total},"maxPoints":{worth}}}'
    yield _command("notice", {"title": tell("Autograding report")}, report)


def _annotation(row: Row, part: Part, fault: CodeFault) -> str:
    """A fault at its line; a line of a notebook's cell is none of the file's, and is named."""
    folder = row.source if os.path.isdir(row.source) else os.path.dirname(row.source)
    place = {"file": os.path.normpath(os.path.join(folder, fault.file)).replace(os.sep, "/")}
    where = ""
    if fault.cell:
        where = tell(
            "cell {cell}, line {line}: {text}: ", cell=fault.cell, line=fault.line, text=fault.text
        )
    else:
        place |= {"line": str(fault.line), "col": str(fault.column)}
    said = "; ".join((tell("{at} is not right", at=fault.at), *fault.says))
    return _command("error", {**place, "title": f"{part.id} {fault.at}"}, where + said)


def _command(kind: str, properties: dict[str, str], message: str) -> str:
    """A workflow command; nothing in it can end its line, or begin another."""
    named = (
        f"{key}={_quoted(value).replace(',', '%2C').replace(':', '%3A')}"
        for key, value in properties.items()
    )
    return f"::{kind} {','.join(named)}::{_quoted(message)}\n"


def _quoted(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _only(rows: Iterable[Row], several: str) -> Row:
    """The one row that there is. Raises UsageError."""
    found = iter(rows)
    row = next(found, None)
    if row is None:
        raise UsageError(tell("there is no submission"))
    if next(found, None) is not None:
        raise UsageError(several)
    return row
