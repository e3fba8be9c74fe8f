"""Submissions, one by one, from files of any length: what cannot be read is said, never the end.

    ada.json                   one object, or a list of them           objects
    class.jsonl, .ndjson       an object a line
    class.csv, .tsv, .txt      a table                                 tables, sheets
    class.xlsx                 a workbook                              workbooks, sheets

Lines of one student stand together. Numbers are kept as they were written.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from backtrace.errors import UsageError
from backtrace.files import Changed, InputFile
from backtrace.homework.submissions import objects
from backtrace.homework.submissions.encodings import encoding_of, lines
from backtrace.homework.submissions.headings import Headings
from backtrace.homework.submissions.submission import (
    Broken,
    Submission,
    Unreadable,
    grouped,
    name_of,
    refused,
)
from backtrace.homework.submissions.tables import table_file

if TYPE_CHECKING:
    from backtrace.homework.assignment import Assignment

__all__ = ["Submission", "Unreadable", "files_of", "read_submissions", "submission_of"]

LARGEST_FILE = 10_000_000  # of one student
_LINES = (".jsonl", ".ndjson")
_TABLES = (".csv", ".tsv", ".tab", ".txt")
_BOOKS = (".xlsx", ".xlsm")
_READ = (".json", *_LINES, *_TABLES[:2], *_BOOKS)
_OTHERS = (".xls", ".xlsb", ".ods", ".numbers")
_ZIP = b"PK\x03\x04"
_ALIEN = {
    b"\xd0\xcf\x11\xe0": "an Excel file of the old kind",
    _ZIP: "a zip file",
    b"%PDF": "a PDF",
}


def files_of(paths: Sequence[str]) -> list[str]:
    """The files; of a folder those that can be submissions, in order of their names. Raises
    UsageError where there are none."""
    found: list[str] = []
    for path in paths:
        if os.path.isdir(path):
            names = sorted(name for name in os.listdir(path) if _is_one(name))
            found += [os.path.join(path, name) for name in names]
        else:
            found.append(path)
    if not found:
        raise UsageError(
            "there is no submission", hint="a .json, .jsonl, .csv or .xlsx file, or a folder"
        )
    return found


def _is_one(name: str) -> bool:
    """Whether a folder's file is a submission; what spreadsheets keep beside theirs is none."""
    return not name.startswith((".", "~$")) and name.lower().endswith((*_READ, *_OTHERS))


def headings_of(assignment: Assignment | None) -> Headings:
    """What the assignment knows of the names of columns and keys."""
    if assignment is None:
        return Headings()
    return Headings(assignment.questions, assignment.columns)


def read_submissions(
    paths: Sequence[str],
    tick: Callable[[int], None] = lambda _: None,
    assignment: Assignment | None = None,
) -> Iterator[Submission]:
    """Every submission in order; `tick` is told how many bytes have been read. The assignment says
    which problems there are, and how columns are called."""
    headings = headings_of(assignment)
    decimal = assignment.decimal if assignment else ""
    for path in paths:
        small = path.lower()
        try:
            if alien := _alien(path):
                yield refused(_stem(path), path, alien)
            elif small.endswith(_LINES):
                yield from grouped(_json_lines(path, headings, tick))
            elif small.endswith(_BOOKS):
                from backtrace.homework.submissions.workbooks import workbook_file

                yield from workbook_file(path, headings, decimal, _stem(path))
                tick(os.path.getsize(path))
            elif small.endswith(_TABLES):
                yield from table_file(path, headings, decimal, _stem(path), tick)
            else:
                yield from _json_file(path, headings, tick)
        except Changed as error:  # whose answers these are can no longer be told
            raise UsageError(f"cannot read '{path}': {error.strerror}") from None
        except OSError as error:
            yield refused(_stem(path), path, f"unreadable: {error.strerror or error}")


def submission_of(
    entry: Submission | Mapping[str, Any], assignment: Assignment | None = None
) -> Submission:
    """From Python: {"student": ..., "answers": ...}."""
    return objects.submission_of(entry, headings_of(assignment))


def _stem(path: str) -> str:
    return name_of(os.path.splitext(os.path.basename(path))[0], "?")


def _alien(path: str) -> str:
    """What a file is that no reader here is for, by its first bytes or its name; and what would
    do. A pipe is not asked: what it has begun with is gone then."""
    if not os.path.isfile(path):
        return ""
    with open(path, "rb") as file:
        head = file.read(4)
    is_book = path.lower().endswith(_BOOKS)
    if is_book and head.startswith(_ZIP):
        return ""
    what = next((kind for start, kind in _ALIEN.items() if head.startswith(start)), "")
    suffix = os.path.splitext(path)[1]
    if not what and is_book:
        what = f"no {suffix} workbook, whatever its name says"
    if not what and path.lower().endswith(_OTHERS):
        what = f"a {suffix} file"
    return f"it is {what}: save it as CSV UTF-8" if what else ""


def _json_file(path: str, headings: Headings, tick: Callable[[int], None]) -> Iterator[Submission]:
    with InputFile(path) as file:
        data = file.read(LARGEST_FILE + 1)
    tick(len(data))
    try:
        if len(data) > LARGEST_FILE:
            raise Broken(f"larger than {LARGEST_FILE // 1_000_000} MB")
        found = objects.json_of(data)
    except Broken as broken:
        yield refused(_stem(path), path, broken)
        return
    if found == []:
        yield refused(_stem(path), path, "no submission in it")
    if not isinstance(found, list):
        yield objects.from_object(found, headings, path, _stem(path))
        return
    default = _stem(path) if len(found) == 1 else ""
    yield from grouped(
        objects.from_object(entry, headings, f"{path}, entry {number}", default)
        for number, entry in enumerate(found, 1)
    )


def _json_lines(path: str, headings: Headings, tick: Callable[[int], None]) -> Iterator[Submission]:
    with (
        InputFile(path) as file,
        closing(lines(file, encoding_of(file.peek()), tick)) as source,
    ):
        for line in source:
            where = f"{path}, line {line.number}"
            if line.reason:
                yield refused("", where, line.reason)
            elif line.text.strip():
                yield _json_line(line.text, headings, where)


def _json_line(text: str, headings: Headings, where: str) -> Submission:
    try:
        entry = objects.json_of(text.encode("utf-8"))
    except Broken as broken:
        return refused("", where, broken)
    return objects.from_object(entry, headings, where, "")
