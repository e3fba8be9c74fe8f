"""CSV as spreadsheets write it: parted by commas, semicolons or tabs, with decimal points
or commas.

The header's line tells what parts the columns: where the most headings mean something. The file's
beginning tells the decimal sign, where some number in it can be read in one way only. Rows are read
one at a time; a cell may go on over several lines, and an open quote spoils its own line only.
"""

from __future__ import annotations

import csv
import io
import os
import re
import stat
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

from backtrace.files import BUFFER, InputFile
from backtrace.homework.submissions.cells import Signs, decimal_sign
from backtrace.homework.submissions.encodings import Line, encoding_of, lines
from backtrace.homework.submissions.headings import Headings
from backtrace.homework.submissions.sheets import (
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
    gathered,
    grouped,
    noted,
    refused,
)
from backtrace.language import marked, tell

LARGEST_HELD = 10_000_000  # bytes of a table whose rows are put together wherever they stand
_MOST_LINES = 30  # of one row, whose cells hold line ends
_LONGEST_ROW = 100_000
_PARTS = {",": marked("commas"), ";": marked("semicolons"), "\t": marked("tabs")}
_SAID = re.compile(r'"?sep=(.)"?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Row:
    """`cells` as far as they can be read."""

    number: int
    cells: list[str]
    reason: str = ""


def table_file(
    path: str, headings: Headings, decimal: str, default: str, tick: Callable[[int], None]
) -> Iterator[Submission]:
    """The submissions of a CSV file; `default` is the student where no column names one."""
    with InputFile(path) as file:
        status = os.fstat(file.fileno())
        is_small = not stat.S_ISREG(status.st_mode) or status.st_size <= LARGEST_HELD
        head = file.peek()
        encoding = encoding_of(head)
        with closing(lines(file, encoding, tick)) as source:
            waiting = deque[Line]()
            try:
                parting, header = _begun(source, waiting, headings)
                sheet = sheet_of(header, headings)
            except Broken as broken:
                yield refused("", path, broken)
                return
            signs = Signs(parting == ",", decimal or _sign_of(head, encoding.name, parting, sheet))
            notes = [encoding.note, *notes_of(sheet, headings), sign_note(signs)]
            said = tuple(f"{path}: {note}" for note in notes if note)
            rows = _rows(source, waiting, parting, sheet.width)
            read = _submissions(rows, sheet, headings, signs, path, default)
            yield from noted(gathered(read) if sheet.is_long and is_small else grouped(read), said)


def _begun(
    source: Iterator[Line], waiting: deque[Line], headings: Headings
) -> tuple[str, list[str]]:
    """What parts the columns, and the headings; the lines behind them wait. Raises Broken."""
    given = ""
    for line in source:
        if line.reason:
            raise Broken(line.reason)
        if (said := _SAID.fullmatch(line.text.strip())) and not given:
            given = said[1]
        elif line.text.strip():
            break
    else:
        raise Broken(tell("no submission in it"))
    ahead = [line, *islice(source, _MOST_LINES)]
    readings, behind = {}, {}
    for parting in [given] if given else _PARTS:
        behind[parting] = deque(ahead)
        if row := next(_rows(iter(()), behind[parting], parting, 0), None):
            readings[parting] = row
    if not readings:
        raise Broken(tell("no submission in it"))
    parting, header = _chosen(readings, headings)
    waiting.extend(behind[parting])
    return parting, header


def _chosen(readings: dict[str, _Row], headings: Headings) -> tuple[str, list[str]]:
    good = {parting: row.cells for parting, row in readings.items() if not row.reason}
    if not good:
        raise Broken(next(iter(readings.values())).reason)
    counts = {parting: recognised(cells, headings) for parting, cells in good.items()}
    most = max(counts.values())
    best = [parting for parting, count in counts.items() if count == most]
    cells = [good[parting] for parting in best]
    if most and any(one != cells[0] for one in cells):
        words = tell(" or ").join(tell(_PARTS.get(parting, parting)) for parting in best)
        raise Broken(
            tell(
                "its columns may be parted by {words}: the header can be read both ways",
                words=words,
            )
        )
    return max(zip(best, cells, strict=True), key=lambda pair: len(pair[1]))


def _rows(source: Iterator[Line], waiting: deque[Line], parting: str, width: int) -> Iterator[_Row]:
    """Rows that are not empty. A quote that is open goes on over the next lines, if it ends there
    and leaves as many cells as are due; else its line alone is spoilt."""
    while True:
        line = waiting.popleft() if waiting else next(source, None)
        if line is None:
            return
        if not line.text.strip() and not line.reason:
            continue
        cells, is_open = _cells(line.text, parting)
        if line.reason:
            yield _Row(line.number, cells or [], line.reason)
            continue
        if cells is None and is_open:
            cells = _continued(line, source, waiting, parting, width)
        if cells is None:
            rough = line.text.split(parting)
            is_quoted = '"' in line.text
            unended = tell("no line of CSV: a quote that does not end")
            told = unended if is_quoted else tell("no line of CSV: a cell is too long")
            yield _Row(line.number, rough, told)
        elif any(cell.strip() for cell in cells):
            yield _Row(line.number, cells)


def _continued(
    first: Line, source: Iterator[Line], waiting: deque[Line], parting: str, width: int
) -> list[str] | None:
    """The cells of a row of several lines; the lines are given back where there is none."""
    while len(waiting) < _MOST_LINES and (line := next(source, None)) is not None:
        waiting.append(line)
    text = first.text
    for count, line in enumerate(islice(waiting, _MOST_LINES), 1):
        text = f"{text}\n{line.text}"
        if line.reason or len(text) > _LONGEST_ROW:
            return None
        cells, is_open = _cells(text, parting)
        if cells is not None and (not width or len(cells) >= width):
            for _ in range(count):
                waiting.popleft()
            return cells
        if not is_open:
            return None
    return None


def _cells(text: str, parting: str) -> tuple[list[str] | None, bool]:
    """The cells, and whether a quote is open; None where it is no row."""
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=parting, strict=True))
    except csv.Error as error:
        return None, "end of data" in str(error)
    return (rows[0] if len(rows) == 1 else None), False


def _sign_of(head: bytes, encoding: str, parting: str, sheet: Sheet) -> str:
    """The decimal sign that the file's beginning shows; a point where commas part the columns."""
    if parting == ",":
        return "."
    text = head.decode(encoding, "replace")
    shown = text.splitlines()
    rows = csv.reader(shown[1:] if len(head) < BUFFER else shown[1:-1], delimiter=parting)
    columns = sheet.value_columns
    try:
        return decimal_sign(row[c] for row in rows for c in columns if c < len(row))
    except csv.Error:
        return ""


def sign_note(signs: Signs) -> str:
    """What is to be said of numbers that elsewhere mean something else."""
    is_comma = signs.decimal == "," and not signs.commas_part
    return tell("commas are decimal signs in it: 1,234 is read as 1.234") if is_comma else ""


def _submissions(
    rows: Iterator[_Row], sheet: Sheet, headings: Headings, signs: Signs, path: str, default: str
) -> Iterator[Submission]:
    is_empty = True
    for row in rows:
        where = tell("{path}, line {number}", path=path, number=row.number)
        is_empty = False
        try:
            if row.reason:
                raise Broken(row.reason)
            yield row_of(sheet, headings, row.cells, signs, where, default)
        except Broken as broken:
            yield refused(student_of(sheet, row.cells, default), where, broken)
    if is_empty:
        yield refused("", path, tell("no submission in it"))
