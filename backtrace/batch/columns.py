"""Points, read in pieces: a CSV with names in its first line, JSONL, the columns of an NPZ, or (in
`arrow`) of Parquet.

A row that cannot be read is kept as an empty one, with its line and what is wrong with it.
"""

from __future__ import annotations

import csv
import functools
import io
import json
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from backtrace.batch import arrow
from backtrace.batch.pieces import Piece, finite
from backtrace.errors import UsageError
from backtrace.files.numpyfiles import Archive
from backtrace.language import tell

_PIECE = 1 << 22  # bytes that are read at once
_LONGEST_LINE = 1 << 24
_ROWS = 65_536  # of an NPZ, at once


class Source(NamedTuple):
    """A file of points: its raw chunks, in order, and what makes a Piece of one. Chunks can be read
    apart from one another, in other processes too."""

    chunks: Iterator[Any]
    read: Callable[[Any], Piece]


def opened(
    file: BinaryIO, suffix: str, names: Sequence[str], count: Callable[[int], None]
) -> Source:
    """The points of a file, by its suffix (or, of a stream, its first character). `count` is told
    how many bytes have been read. Raises UsageError where the whole is no table of these names."""
    if suffix == ".npz":
        return Source(_pieces(_columns_of_npz(file, names)), lambda piece: piece)
    if suffix in arrow.SUFFIXES:
        found = arrow.pieces(file, arrow.SUFFIXES[suffix], names, count)
        return Source(found, lambda piece: piece)
    head = file.readline(_LONGEST_LINE)
    count(len(head))
    if len(head) == _LONGEST_LINE:
        raise UsageError(
            tell(
                "line 1 of the points is longer than {longest_line} MB",
                longest_line=_LONGEST_LINE >> 20,
            )
        )
    if not head.strip():
        raise UsageError(
            tell("the points are empty"), hint=tell("the first line of a CSV names the variables")
        )
    if suffix in (".jsonl", ".ndjson") or (suffix == "" and head.lstrip()[:1] == b"{"):
        return Source(_chunks(file, head, 1, count), lambda chunk: _piece(chunk, names, _objects))
    places = _places(_text(head), names)
    reader = functools.partial(_cells, places)
    return Source(_chunks(file, b"", 2, count), lambda chunk: _piece(chunk, names, reader))


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(tell("the points are not UTF-8 text")) from None


def _places(head: str, names: Sequence[str]) -> list[int]:
    """Where the names stand in a CSV's first line."""
    try:
        found = [cell.strip() for cell in next(csv.reader([head]), [])]
    except csv.Error as error:
        raise UsageError(
            tell("the first line of the points is no CSV: {error}", error=error)
        ) from None
    for name in names:
        if found.count(name) != 1:
            what = tell("the points have no column '{name}'", name=name)
            if found.count(name) > 1:
                what = tell(
                    "the points have {count} columns '{name}'", count=found.count(name), name=name
                )
            shown = (
                c if len(c) <= _LONGEST_SHOWN else f"{c[:_LONGEST_SHOWN]}…" for c in found[:20]
            )
            hint = tell(
                "the first line names {names}",
                names=", ".join(filter(None, shown)) or tell("nothing"),
            )
            raise UsageError(what, hint=hint)
    return [found.index(name) for name in names]


_LONGEST_SHOWN = 64  # characters of a column's name
_Chunk = tuple[int, bytes]
"""The number of the first line, and whole lines."""

_Reader = Callable[[bytes, list[bytes], Sequence[str]], tuple[Any, list[tuple[int, str]]]]


def _piece(chunk: _Chunk, names: Sequence[str], read: _Reader) -> Piece:
    line, data = chunk
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    numbers = np.arange(line, line + len(lines))
    kept = [k for k, text in enumerate(lines) if text.strip()]
    if len(kept) < len(lines):  # empty lines are no rows
        lines, numbers = [lines[k] for k in kept], numbers[kept]
    table, bad = read(data, lines, names)
    columns = {name: np.ascontiguousarray(table[:, k]) for k, name in enumerate(names)}
    return Piece(columns, numbers, [(int(numbers[k]), what) for k, what in bad])


def _chunks(
    file: BinaryIO, data: bytes, line: int, count: Callable[[int], None]
) -> Iterator[_Chunk]:
    """Whole lines, some megabytes at once (of a pipe what is there). Raises UsageError."""
    read = getattr(file, "read1", file.read) if not file.seekable() else file.read
    while True:
        if data.strip():
            yield line, data
        line += data.count(b"\n")
        data = read(_PIECE)
        if not data:
            return
        if not data.endswith(b"\n"):
            rest = file.readline(_LONGEST_LINE)
            if len(rest) == _LONGEST_LINE and not rest.endswith(b"\n"):
                at = line + data.count(b"\n")
                raise UsageError(
                    tell(
                        "line {at:,} of the points is longer than {longest_line} MB",
                        at=at,
                        longest_line=_LONGEST_LINE >> 20,
                    )
                )
            data += rest
        count(len(data))


def _cells(
    places: list[int], data: bytes, lines: list[bytes], names: Sequence[str]
) -> tuple[Any, list[tuple[int, str]]]:
    """Lines of a CSV as a table: all at once, or, where something is wrong, one by one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = np.loadtxt(
                io.StringIO(data.decode()),
                delimiter=",",
                usecols=places,
                comments=None,
                quotechar='"',
                ndmin=2,
            )
        if len(table) == len(lines) and np.isfinite(table).all():
            return table, []
    except (ValueError, UnicodeDecodeError):
        pass
    table = np.full((len(lines), len(names)), math.nan)
    bad = []
    for k, line in enumerate(lines):
        try:
            cells = next(csv.reader([line.decode("utf-8")]), [])
            for column, (place, name) in enumerate(zip(places, names, strict=True)):
                cell = cells[place] if place < len(cells) else ""
                table[k, column] = _number(cell.strip(), name)
        except (ValueError, csv.Error) as error:
            table[k] = math.nan
            bad.append((k, str(error).split("\n")[0]))
    return table, bad


def _number(given: Any, name: str) -> float:
    """A finite number. Raises ValueError, in words."""
    if given in ("", None):
        raise ValueError(tell("{name} is missing", name=name))
    try:
        if isinstance(given, bool):
            raise ValueError
        value = float(given)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(
            tell("{name} is {given!r}, which is no number", name=name, given=str(given)[:40])
        ) from None
    if not math.isfinite(value):
        raise ValueError(tell("{name} is {given}, which is not finite", name=name, given=given))
    return value


def _objects(
    _: bytes, lines: list[bytes], names: Sequence[str]
) -> tuple[Any, list[tuple[int, str]]]:
    """Lines of JSON as a table."""
    table = np.full((len(lines), len(names)), math.nan)
    bad = []
    for k, line in enumerate(lines):
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError(tell("this is no JSON object"))
            table[k] = [_number(row.get(name), name) for name in names]
        except json.JSONDecodeError as error:
            bad.append((k, tell("this is no JSON: {msg}", msg=error.msg)))
        except (ValueError, RecursionError) as error:
            table[k] = math.nan
            bad.append((k, str(error)))
    return table, bad


def _columns_of_npz(file: BinaryIO, names: Sequence[str]) -> dict[str, Any]:
    """Raises UsageError."""
    arrays = Archive(lambda: file, tell("the file of the points"))
    missing = next((name for name in names if name not in arrays), None)
    if missing is not None:
        hint = tell("it has {names}", names=", ".join(list(arrays)[:20]) or tell("nothing"))
        raise UsageError(tell("the points have no column '{missing}'", missing=missing), hint=hint)
    columns = {}
    for name in names:
        found = arrays[name]
        if found.dtype.kind not in "fiub":
            raise UsageError(
                tell("the column '{name}' of the points holds no real numbers", name=name)
            )
        columns[name] = np.atleast_1d(found.astype(float))
    if len({len(column) for column in columns.values()}) > 1:
        raise UsageError(tell("the columns of the points differ in length"))
    return columns


def _pieces(columns: dict[str, Any]) -> Iterator[Piece]:
    total = len(next(iter(columns.values()), ()))
    for start in range(0, total, _ROWS):
        part = {name: column[start : start + _ROWS] for name, column in columns.items()}
        count = len(next(iter(part.values())))
        yield finite(part, np.arange(start + 1, start + 1 + count), {})


__all__ = ["Piece", "Source", "opened"]
