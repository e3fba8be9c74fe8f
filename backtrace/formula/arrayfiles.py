"""Arrays from files: @weights.npy, @data.csv, @x.txt, @labels.json.

A column or a row of a text file is a vector, anything else a matrix. A .npy file may hold any
number of axes; pickled objects in it are refused, because loading them would run them.
"""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from backtrace.errors import BacktraceError, UsageError, by_system
from backtrace.files import InputFile, as_path
from backtrace.files.numpyfiles import read_npy
from backtrace.gates.shapes import MOST_AXES
from backtrace.language import tell, tell_many


class Unreadable(BacktraceError):
    """The file cannot be used; says the line and the column where there are such."""


_MOST_BYTES = 512 << 20
SUFFIXES = (".npy", ".csv", ".json", ".txt")


def read_array(path: str) -> Any:
    """The array of 64-bit floats in a file. Raises Unreadable."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in SUFFIXES:
        raise Unreadable(
            tell("'{path}' is not a file of numbers", path=path),
            hint=tell("its name ends in {suffixes}", suffixes=", ".join(SUFFIXES)),
        )
    try:
        status = os.stat(as_path(path))
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable(
                tell("'{path}' is no regular file", path=path),
                hint=tell("save what it gives in one"),
            )
        if suffix == ".npy":
            return _from_npy(path)
        if status.st_size > _MOST_BYTES:
            hint = tell("numpy.save makes a .npy, which is read as it is")
            raise Unreadable(
                tell(
                    "'{path}' is larger than {most_bytes} MB",
                    path=path,
                    most_bytes=_MOST_BYTES >> 20,
                ),
                hint=hint,
            )
        with InputFile(path) as data:
            file = io.TextIOWrapper(data, encoding="utf-8-sig", newline="")
            if suffix == ".json":
                return as_array(_from_json(file.read(), path), f"'{path}'")
            rows = csv.reader(file) if suffix == ".csv" else (line.split() for line in file)
            return _squeezed(np.array(list(_rows(rows, path, suffix))))
    except OSError as error:
        raise Unreadable(
            tell("cannot read '{path}': {strerror}", path=path, strerror=by_system(error))
        ) from None
    except UnicodeDecodeError as error:
        hint = tell("save it as UTF-8")
        raise Unreadable(
            tell("'{path}' is not UTF-8 text: byte {start}", path=path, start=error.start),
            hint=hint,
        ) from None
    except csv.Error as error:
        raise Unreadable(tell("'{path}' is not CSV: {error}", path=path, error=error)) from None


def as_array(value: Any, what: str) -> Any:
    """Nested lists or an array as 64-bit floats, real and finite; a float where it has no axis.
    Raises Unreadable."""
    try:
        found = np.asarray(value)
    except ValueError:
        reason = _raggedness(value) or tell("its rows have different lengths")
        raise Unreadable(tell("{what} is ragged: {reason}", what=what, reason=reason)) from None
    except (TypeError, RuntimeError, OverflowError, RecursionError) as error:
        raise Unreadable(
            tell("{what} cannot be made an array: {error}", what=what, error=error)
        ) from None
    if found.ndim > MOST_AXES:
        raise Unreadable(
            tell(
                "{what} has {ndim} axes, and {most_axes} are the most",
                what=what,
                ndim=found.ndim,
                most_axes=MOST_AXES,
            )
        )
    if found.dtype == object or found.dtype.kind not in "fiub":
        kind = (
            tell("complex numbers")
            if found.dtype.kind == "c"
            else tell("something that is no number")
        )
        if found.dtype == object and isinstance(value, list):
            kind = _raggedness(value) or kind
        raise Unreadable(
            tell("{what} holds {kind}", what=what, kind=kind),
            hint=tell("a value is made of real numbers"),
        )
    if not found.size:
        raise Unreadable(tell("{what} is an array without entries", what=what))
    floats = found.astype(float)
    bad = np.argwhere(~np.isfinite(floats))
    if len(bad):
        place = ", ".join(map(str, bad[0]))
        entry = floats[tuple(bad[0])]
        at = tell("[{place}] of {what}", place=place, what=what) if floats.ndim else what
        raise Unreadable(
            tell("{at} is {entry}, and a value must be a finite number", at=at, entry=entry)
        )
    return floats if floats.ndim else float(floats)


def _from_npy(path: str) -> Any:
    what = f"'{path}'"
    try:
        with InputFile(path) as file:
            if file.peek(6)[:6] != b"\x93NUMPY":
                raise Unreadable(
                    tell("{what} is no .npy file", what=what), hint=tell("numpy.save makes one")
                )
            loaded = read_npy(file, os.fstat(file.fileno()).st_size, what)
            file.check()
    except UsageError as error:
        raise Unreadable(error.what, hint=error.hint) from None
    except MemoryError:
        raise Unreadable(tell("{what} does not fit in memory", what=what)) from None
    return as_array(loaded, what)


def _from_json(text: str, path: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = tell("line {lineno}, character {colno}", lineno=error.lineno, colno=error.colno)
        raise Unreadable(
            tell("'{path}' is not JSON: {msg} at {place}", path=path, msg=error.msg, place=place)
        ) from None
    except (ValueError, RecursionError):
        raise Unreadable(tell("'{path}' is not JSON that can be read", path=path)) from None


def _rows(rows: Iterable[list[str]], path: str, suffix: str) -> Iterator[list[float]]:
    """The numbers of every line; empty lines, comments and a header are stepped over."""
    width = 0
    for line, cells in enumerate(rows, 1):
        if not any(cell.strip() for cell in cells) or cells[0].lstrip().startswith("#"):
            continue
        is_words = not any(map(_is_number, cells)) and not _has_wrong_separator(cells)
        if not width and line == 1 and suffix == ".csv" and is_words:
            continue
        numbers = [
            _number(cell, tell("'{path}', line {line}", path=path, line=line), k)
            for k, cell in enumerate(cells, 1)
        ]
        if width and len(numbers) != width:
            raise Unreadable(
                tell_many(
                    "'{path}' is ragged: line {line} has {n} entry, the lines before it {width}",
                    "'{path}' is ragged: line {line} has {n} entries, the lines before it {width}",
                    n=len(numbers),
                    path=path,
                    line=line,
                    width=width,
                )
            )
        width = len(numbers)
        yield numbers
    if not width:
        raise Unreadable(tell("'{path}' holds no numbers", path=path))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _has_wrong_separator(cells: list[str]) -> bool:
    return len(cells) == 1 and any(map(_is_number, cells[0].replace(";", " ").split()))


def _number(cell: str, where: str, column: int) -> float:
    if not _is_number(cell) or "_" in cell or not cell.isascii():
        hint = ""
        if any(_is_number(part) for part in cell.replace(";", " ").replace(",", " ").split()):
            hint = tell("the entries of .csv are separated by commas, those of .txt by spaces")
        shown = cell.strip()[:40]
        raise Unreadable(
            tell(
                "{where}, entry {column}: '{shown}' is not a number",
                where=where,
                column=column,
                shown=shown,
            ),
            hint=hint,
        )
    value = float(cell)
    if not np.isfinite(value):
        raise Unreadable(
            tell(
                "{where}, entry {column} is {value}: a value must be finite",
                where=where,
                column=column,
                value=value,
            )
        )
    return value


def _squeezed(matrix: Any) -> Any:
    return matrix.reshape(-1) if 1 in matrix.shape else matrix


def _raggedness(value: Any) -> str:
    """Which row is of another length than the first."""
    if isinstance(value, list) and any(isinstance(row, list) for row in value):
        lengths = [len(row) if isinstance(row, list) else 0 for row in value]
        for place, length in enumerate(lengths):
            if length != lengths[0]:
                return tell(
                    "row {place} has {length} entries, row 1 has {lengths_length}",
                    place=place + 1,
                    length=length,
                    lengths_length=lengths[0],
                )
        if isinstance(value[0], list) and any(isinstance(row, list) for row in value[0]):
            return next(filter(None, map(_raggedness, value)), "")
    return ""
