"""Submissions, one by one, from files of any length: what cannot be read is said, never the end.

    ada.json                   one object, or a list of them           objects
    class.jsonl, .ndjson       an object a line
    class.csv, .tsv, .txt      a table                                 tables, sheets
    class.xlsx                 a workbook                              workbooks, sheets
    ada.py, ada.ipynb, ada/    code, where the assignment asks for it  folders, code_files

Lines of one student stand together. Numbers are kept as they were written.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from backtrace.errors import UsageError, by_system, visible
from backtrace.files import Changed, InputFile
from backtrace.homework.submissions import objects
from backtrace.homework.submissions.code_files import CodeFile, size_of
from backtrace.homework.submissions.encodings import encoding_of, lines
from backtrace.homework.submissions.folders import Folder, folder_of, sorted_out
from backtrace.homework.submissions.headings import Headings
from backtrace.homework.submissions.submission import (
    Broken,
    Submission,
    Unreadable,
    grouped,
    joined,
    name_of,
    refused,
    short,
)
from backtrace.homework.submissions.tables import table_file
from backtrace.language import marked, tell

if TYPE_CHECKING:
    from backtrace.homework.assignment import Assignment

__all__ = [
    "CodeFile",
    "Folder",
    "Submission",
    "Unreadable",
    "files_of",
    "paths_of",
    "read_submissions",
    "sources_of",
    "submission_of",
]

LARGEST_FILE = 10_000_000  # of one student
_LINES = (".jsonl", ".ndjson")
_TABLES = (".csv", ".tsv", ".tab", ".txt")
_BOOKS = (".xlsx", ".xlsm")
_READ = (".json", *_LINES, *_TABLES[:2], *_BOOKS)
_OTHERS = (".xls", ".xlsb", ".ods", ".numbers")
_ZIP = b"PK\x03\x04"
_ALIEN = {
    b"\xd0\xcf\x11\xe0": marked("an Excel file of the old kind"),
    _ZIP: marked("a zip file"),
    b"%PDF": marked("a PDF"),
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
            tell("there is no submission"),
            hint=tell("a .json, .jsonl, .csv or .xlsx file, or a folder"),
        )
    return found


def sources_of(
    paths: Sequence[str], assignment: Assignment, is_of_one: bool = False
) -> list[Folder | str]:
    """As `files_of`; of an assignment that asks for code, students' folders and code too. Where it
    is said that all is of one student, a folder is that one's. Raises UsageError for a path where
    nothing is, which is no student's."""
    for path in paths:
        if path != "-" and not os.path.lexists(path):
            raise UsageError(tell("there is no file and no folder '{path}'", path=visible(path)))
    if not assignment.codes:
        return [*files_of(paths)]
    if is_of_one and len(paths) == 1 and os.path.isdir(paths[0]):
        return [folder_of(paths[0], _is_one)]
    found = sorted_out(paths, assignment.codes, _is_one)
    if not found:
        raise UsageError(
            tell("there is no submission"), hint=tell("a .py, .ipynb or .json file, or a folder")
        )
    return found


def paths_of(sources: Sequence[Folder | str]) -> list[str]:
    """All files among them, folders' too."""
    paths = [one.paths if isinstance(one, Folder) else [one] for one in sources]
    return [path for some in paths for path in some]


def _is_one(name: str) -> bool:
    """Whether a folder's file is a submission; what spreadsheets keep beside theirs is none."""
    return not name.startswith((".", "~$")) and name.lower().endswith((*_READ, *_OTHERS))


def headings_of(assignment: Assignment | None) -> Headings:
    """What the assignment knows of the names of columns and keys."""
    if assignment is None:
        return Headings()
    return Headings(assignment.formulas, assignment.columns)


def read_submissions(
    sources: Sequence[Folder | str],
    tick: Callable[[int], None] = lambda _: None,
    assignment: Assignment | None = None,
) -> Iterator[Submission]:
    """Every submission in order; `tick` is told how many bytes have been read. The assignment says
    which problems there are, and how columns are called."""
    headings = headings_of(assignment)
    decimal = assignment.decimal if assignment else ""
    for path in sources:
        if isinstance(path, Folder):
            yield _of_folder(path, assignment)
            for file in path.codes:
                tick(size_of(file))
            continue
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
            raise UsageError(
                tell("cannot read '{path}': {strerror}", path=path, strerror=by_system(error))
            ) from None
        except OSError as error:
            yield refused(
                _stem(path), path, tell("unreadable: {strerror}", strerror=by_system(error))
            )


def submission_of(
    entry: Submission | Mapping[str, Any], assignment: Assignment | None = None
) -> Submission:
    """From Python: {"student": ..., "answers": ...}; code is {"code": text}, or a text a file,
    {"code": {"net.py": text}}."""
    if isinstance(entry, Submission) or "code" not in entry:
        return objects.submission_of(entry, headings_of(assignment))
    given = entry["code"]
    files = given if isinstance(given, Mapping) else {"submission.py": given}
    code = tuple(CodeFile(short(name), text=str(text)) for name, text in files.items())
    rest = {key: value for key, value in entry.items() if key != "code"}
    if rest.keys() <= {"student", "name"}:
        student = name_of(rest.get("student", rest.get("name")), "?")
        return Submission(student, "", code=code)
    return replace(objects.submission_of(rest, headings_of(assignment)), code=code)


def _of_folder(folder: Folder, assignment: Assignment | None) -> Submission:
    """A student's code, and the answers in the files beside it. A file that holds no answers may
    be data of the code's own, unless it is the only one that could hold them."""
    found = Submission(folder.student, folder.source, reasons=folder.reasons, code=folder.codes)
    if assignment is not None and assignment.formulas:
        read = [list(read_submissions([path], assignment=assignment)) for path in folder.others]
        answered = [rows for rows in read if any(row.answers for row in rows)]
        for rows in answered or read:
            if len(rows) > 1:
                what = tell("is of several students, and stands in the folder of one")
                found = joined(found, refused("", "", f"{short(rows[0].source)} {what}"))
            elif rows:
                found = joined(found, replace(rows[0], student=folder.student))
    if not found.code and not found.answers and not found.reasons:
        return replace(found, reasons=(tell("no submission in it"),))
    return found


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
    what = next((tell(kind) for start, kind in _ALIEN.items() if head.startswith(start)), "")
    suffix = os.path.splitext(path)[1]
    if not what and is_book:
        what = tell("no {suffix} workbook, whatever its name says", suffix=suffix)
    if not what and path.lower().endswith(_OTHERS):
        what = tell("a {suffix} file", suffix=suffix)
    if suffix.lower() == ".zip" and what:
        return tell("it is {what}: unpack it", what=what)
    return tell("it is {what}: save it as CSV UTF-8", what=what) if what else ""


def _json_file(path: str, headings: Headings, tick: Callable[[int], None]) -> Iterator[Submission]:
    with InputFile(path) as file:
        data = file.read(LARGEST_FILE + 1)
    tick(len(data))
    try:
        if len(data) > LARGEST_FILE:
            raise Broken(
                tell("larger than {largest_file} MB", largest_file=LARGEST_FILE // 1_000_000)
            )
        found = objects.json_of(data)
    except Broken as broken:
        yield refused(_stem(path), path, broken)
        return
    if found == []:
        yield refused(_stem(path), path, tell("no submission in it"))
    if not isinstance(found, list):
        yield objects.from_object(found, headings, path, _stem(path))
        return
    default = _stem(path) if len(found) == 1 else ""
    yield from grouped(
        objects.from_object(
            entry, headings, tell("{path}, entry {number}", path=path, number=number), default
        )
        for number, entry in enumerate(found, 1)
    )


def _json_lines(path: str, headings: Headings, tick: Callable[[int], None]) -> Iterator[Submission]:
    with (
        InputFile(path) as file,
        closing(lines(file, encoding_of(file.peek()), tick)) as source,
    ):
        for line in source:
            where = tell("{path}, line {number}", path=path, number=line.number)
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
