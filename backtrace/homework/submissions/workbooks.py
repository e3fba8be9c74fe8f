"""Excel workbooks (.xlsx), by openpyxl: the one sheet whose headings mean something, row by row.

    pip install "backtrace-autodiff[xlsx]"

A number has the digits that the file has, a formula the result that was last saved, and a cell that
is a date (1/3 becomes one while it is typed) is refused.
"""

from __future__ import annotations

import contextlib
import datetime
import warnings
import zipfile
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from backtrace.files import InputFile
from backtrace.homework.submissions.cells import Signs, decimal_sign
from backtrace.homework.submissions.headings import Headings
from backtrace.homework.submissions.sheets import (
    Cell,
    Sheet,
    notes_of,
    recognised,
    row_of,
    sheet_of,
    student_of,
)
from backtrace.homework.submissions.submission import (
    Broken,
    Submission,
    Unreadable,
    gathered,
    noted,
    refused,
    short,
)
from backtrace.homework.submissions.tables import sign_note
from backtrace.language import marked, tell

if TYPE_CHECKING:
    from openpyxl import Workbook

LARGEST_UNPACKED = 100_000_000  # bytes of a workbook, as its zip file declares them
_MOST_ROWS = 200_000
_MOST_COLUMNS = 2_000
_FIRST = 20  # rows among which the headings stand
_MISSING = marked(
    "it is an Excel workbook, which openpyxl reads: pip install 'backtrace-autodiff[xlsx]', or "
    "save it as CSV UTF-8"
)


def workbook_file(
    path: str, headings: Headings, decimal: str, default: str
) -> Iterator[Submission]:
    """The submissions of a workbook; `default` is the student where no column names one."""
    try:
        with InputFile(path) as file, _opened(file) as book:
            yield from _submissions(book, path, headings, decimal, default)
    except Broken as broken:
        yield refused("", path, broken)


@contextlib.contextmanager
def _opened(file: InputFile) -> Iterator[Workbook]:
    """Raises Broken for what is no workbook, or unpacks to more than this reads."""
    try:
        import openpyxl
    except ImportError:
        raise Broken(tell(_MISSING)) from None
    try:
        with zipfile.ZipFile(file) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
        if size > LARGEST_UNPACKED:
            raise Broken(
                tell(
                    "it unpacks to more than {largest_unpacked} MB",
                    largest_unpacked=LARGEST_UNPACKED // 1_000_000,
                )
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what it leaves out: styles, validations
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
    except Broken:
        raise
    except Exception as error:  # a damaged workbook ends in one of thirty kinds
        raise _damaged(error) from None
    try:
        yield book
    finally:
        book.close()


def _damaged(error: Exception) -> Broken:
    return Broken(tell("no workbook that can be read ({name})", name=type(error).__name__))


def _submissions(
    book: Workbook, path: str, headings: Headings, decimal: str, default: str
) -> Iterator[Submission]:
    title, place = _found(book, headings)
    rows = list(islice(_rows(book, title), place, None))
    sheet = sheet_of(_words(rows.pop(0)[1]), headings)
    columns = sheet.value_columns
    typed = (row[c] for _, row in rows for c in columns if c < len(row))
    shown = decimal_sign(cell for cell in typed if isinstance(cell, str) and "," in cell)
    signs = Signs(commas_part=False, decimal=decimal or shown)
    notes = [*notes_of(sheet, headings), sign_note(signs)]
    said = tuple(f"{path}: {note}" for note in notes if note)
    where = path if len(book.sheetnames) == 1 else f"{path}, {short(title)}"
    read = _read(rows, sheet, headings, signs, where, default)
    yield from noted(gathered(read) if sheet.is_long else read, said)


def _found(book: Workbook, headings: Headings) -> tuple[str, int]:
    """The sheet that has headings which mean something, and at which of its rows. Raises Broken."""
    found = []
    for title in book.sheetnames:
        rows = list(islice(_rows(book, title), _FIRST))
        counts = [recognised(_words(row), headings) for _, row in rows]
        if any(counts):
            found.append((title, counts.index(max(counts))))
    if len(found) > 1:
        names = tell(" and ").join(f"'{short(title)}'" for title, _ in found[:3])
        raise Broken(tell("its sheets {names} can both hold the answers: leave one", names=names))
    if not found:
        what = tell("no headings in its first {first} rows that mean something", first=_FIRST)
        raise Broken(f"{what}: {headings.advice()}")
    return found[0]


def _words(cells: list[Cell]) -> list[str]:
    return [cell if isinstance(cell, str) else "" for cell in cells]


def _rows(book: Workbook, title: str) -> Iterator[tuple[int, list[Cell]]]:
    """(number, cells) of the rows that are not empty. Raises Broken."""
    sheet = book[title]
    if not hasattr(sheet, "iter_rows"):  # a sheet that is a chart
        return
    try:
        sheet.reset_dimensions()  # what the file declares may be anything
        for number, row in enumerate(sheet.iter_rows(max_col=_MOST_COLUMNS, values_only=True), 1):
            if number > _MOST_ROWS:
                raise Broken(tell("more than {most_rows:,} rows", most_rows=_MOST_ROWS))
            if any(cell is not None and cell != "" for cell in row):
                yield number, [_cell(value) for value in row]
    except Broken:
        raise
    except Exception as error:
        raise _damaged(error) from None


def _cell(value: Any) -> Cell:
    """A cell as it was typed, as far as a workbook still knows."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return Unreadable(tell("{value} is no number", value=str(value).upper()))
    if isinstance(value, datetime.date | datetime.time | datetime.timedelta):
        return Unreadable(
            tell("'{value}' is a date, which Excel makes of 1/3 and the like", value=value)
        )
    if isinstance(value, str) and value.startswith("#") and value.endswith(("!", "?", "/A")):
        return Unreadable(tell("{value} is an error of the workbook's own formula", value=value))
    return repr(value) if isinstance(value, int | float) else str(value)


def _read(
    rows: list[tuple[int, list[Cell]]],
    sheet: Sheet,
    headings: Headings,
    signs: Signs,
    path: str,
    default: str,
) -> Iterator[Submission]:
    if not rows:
        yield refused("", path, tell("no submission in it"))
    for number, cells in rows:
        where = tell("{path}, row {number}", path=path, number=number)
        padded = cells + [""] * (sheet.width - len(cells))
        try:
            yield row_of(sheet, headings, padded, signs, where, default)
        except Broken as broken:
            yield refused(student_of(sheet, padded, default), where, broken)
