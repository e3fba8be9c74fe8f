"""Submissions, one by one, from files of any length: what cannot be read is said, never the end.

    ada.json       {"student": "ada", "answers": {"p1": {"dx": -4, "dy": -4}}}
    class.jsonl    such a line for each; or {"student": ..., "problem": "p1", "answers": {...}}
    class.csv      student,problem,answers          ada,p1,dx=-4 dy=-4
                   student,problem,name,answer      ada,p1,dx,-4
                   student,p1.dx,p1.dy              ada,-4,-4

Lines of one student stand together. Numbers are kept as they were written.
"""

from __future__ import annotations

import csv
import json
import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backtrace.errors import UsageError, visible
from backtrace.files import Changed, InputFile
from backtrace.homework.answers import once

LONGEST_LINE = 1_000_000
LARGEST_FILE = 10_000_000  # of one student
_LONGEST_NAME = 100
_COLUMNS = ("student", "problem", "answers", "name", "answer")
_SUFFIXES = (".json", ".jsonl", ".csv")

_NEXT_WORD = re.compile(r"\s+(?=[\w#]+\s*=(?!=))")

Answers = Mapping[str, Mapping[str, Any]]
"""By problem, by name."""


@dataclass(frozen=True, slots=True)
class Submission:
    """student   a name, or the file's
    source    the file, and the line in it
    answers   by problem and name, as they were written
    reasons   what could not be read
    """

    student: str
    source: str
    answers: Answers = field(default_factory=dict)
    reasons: tuple[str, ...] = ()


_NAMELESS = {True: (), False: ("no student's name",)}


class _Broken(Exception):
    """What is wrong with one submission."""


def files_of(paths: Sequence[str]) -> list[str]:
    """The files; of a folder those that can be submissions, in order of their names. Raises
    UsageError where there are none."""
    found: list[str] = []
    for path in paths:
        if os.path.isdir(path):
            names = sorted(n for n in os.listdir(path) if n.endswith(_SUFFIXES))
            found += [os.path.join(path, name) for name in names]
        else:
            found.append(path)
    if not found:
        raise UsageError("there is no submission", hint="a .json, .jsonl or .csv file, or a folder")
    return found


def read_submissions(
    paths: Sequence[str], tick: Callable[[int], None] = lambda _: None
) -> Iterator[Submission]:
    """Every submission in order; `tick` is told how many bytes have been read."""
    for path in paths:
        try:
            if path.endswith((".jsonl", ".ndjson")):
                yield from _grouped(_json_rows(path, tick))
            elif path.endswith(".csv"):
                yield from _grouped(_csv_rows(path, tick))
            else:
                yield from _json_file(path, tick)
        except Changed as error:  # whose answers these are can no longer be told
            raise UsageError(f"cannot read '{path}': {error.strerror}") from None
        except OSError as error:
            yield Submission(_stem(path), path, reasons=(f"unreadable: {error.strerror or error}",))


def _stem(path: str) -> str:
    return _name(os.path.splitext(os.path.basename(path))[0], "?")


def _json_file(path: str, tick: Callable[[int], None]) -> Iterator[Submission]:
    with InputFile(path) as file:
        data = file.read(LARGEST_FILE + 1)
    tick(len(data))
    try:
        if len(data) > LARGEST_FILE:
            raise _Broken(f"larger than {LARGEST_FILE // 1_000_000} MB")
        found = _json(data)
    except _Broken as broken:
        yield Submission(_stem(path), path, reasons=(str(broken),))
        return
    if found == []:
        yield Submission(_stem(path), path, reasons=("no submission in it",))
    for number, entry in enumerate(found if isinstance(found, list) else [found], 1):
        source = f"{path}, entry {number}" if isinstance(found, list) else path
        try:
            yield _submission(entry, source, _stem(path))
        except _Broken as broken:
            yield Submission(_stem(path), source, reasons=(str(broken),))


def _json(data: bytes) -> Any:
    """Numbers as texts, so that their digits are kept."""
    try:
        return json.loads(
            data.decode("utf-8-sig"),
            parse_float=str,
            parse_int=str,
            parse_constant=str,
            object_pairs_hook=once,
        )
    except UnicodeDecodeError as error:
        raise _Broken(f"not UTF-8 text: byte {error.start} is 0x{data[error.start]:02x}") from None
    except RecursionError:
        raise _Broken("not JSON that can be read: too deep") from None
    except ValueError as error:
        raise _Broken(f"not JSON: {error}") from None


def submission_of(entry: Submission | Mapping[str, Any]) -> Submission:
    """From Python: {"student": ..., "answers": ...}."""
    if isinstance(entry, Submission):
        return entry
    try:
        return _submission(entry, "", "?")
    except _Broken as broken:
        return Submission("?", "", reasons=(str(broken),))


def _submission(entry: Any, source: str, default: str) -> Submission:
    """From {"student", "answers"} or {"student", "problem", "answers"}."""
    if not isinstance(entry, dict):
        raise _Broken("no object with a student and answers")
    answers = entry.get("answers")
    if not isinstance(answers, dict):
        raise _Broken("no 'answers' in it" if answers is None else "'answers' is no object")
    if "problem" in entry:
        answers = {str(entry["problem"]): answers}
    by_problem: dict[str, Mapping[str, Any]] = {}
    reasons = []
    for id, named in answers.items():
        if isinstance(named, dict):
            by_problem[id] = named
        else:
            reasons.append(f"the answers to {visible(id)[:_LONGEST_NAME]} are no object")
    student = _name(entry.get("student"), default)
    return Submission(student or "?", source, by_problem, (*reasons, *_NAMELESS[bool(student)]))


def _name(student: Any, default: str) -> str:
    """A student's name as it is printed: no control characters, and not without end."""
    if not isinstance(student, str):
        return default
    return visible(unicodedata.normalize("NFC", student[:_LONGEST_NAME])).strip() or default


def _lines(path: str, tick: Callable[[int], None]) -> Iterator[tuple[str, str, str]]:
    """(where, the line, what is wrong with it) for every line that is not empty."""
    with InputFile(path) as file:
        number = 0
        while data := file.readline(LONGEST_LINE):
            number += 1
            tick(len(data))
            reason = ""
            if len(data) == LONGEST_LINE and not data.endswith(b"\n"):
                reason = f"longer than {LONGEST_LINE:,} bytes"
                while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                    tick(len(rest))
                tick(len(rest))
            try:
                text = data.decode("utf-8-sig" if number == 1 else "utf-8").strip("\r\n")
            except UnicodeDecodeError as error:
                reason = reason or f"not UTF-8 text: byte {error.start} of the line"
                text = data.decode("utf-8", "replace").strip("\r\n")
            if text.strip() or reason:
                yield f"{path}, line {number}", text, reason


def _json_rows(path: str, tick: Callable[[int], None]) -> Iterator[Submission]:
    for where, text, reason in _lines(path, tick):
        try:
            if reason:
                raise _Broken(reason)
            yield _submission(_json(text.encode("utf-8")), where, "")
        except _Broken as broken:
            yield Submission("?", where, reasons=(str(broken),))


def _csv_rows(path: str, tick: Callable[[int], None]) -> Iterator[Submission]:
    """A row at a time, each by itself: an open quote spoils its own line only."""
    read: Callable[[list[str], str, str], Submission] | None = None
    header: list[str] = []
    is_empty = True
    for where, text, reason in _lines(path, tick):
        cells: list[str] = []
        try:
            if reason:
                raise _Broken(reason)
            cells = _cells(text)
            if read is None:
                header = _header(cells)
                read = _reader(header)
                continue
            yield read(cells, where, _stem(path) if "student" not in header else "")
        except _Broken as broken:
            student = cells[0] if cells and read is not None else "?"
            yield Submission(_name(student, "?"), where, reasons=(str(broken),))
            if read is None:
                return
        is_empty = False
    if is_empty:
        yield Submission("?", path, reasons=("no submission in it",))


def _header(cells: list[str]) -> list[str]:
    """The columns' names; the known ones in any case."""
    names = [cell.strip() for cell in cells]
    if len(names) == 1 and ";" in names[0]:
        raise _Broken("the columns are parted by semicolons, and commas are due")
    if len(set(names)) < len(names):
        raise _Broken("two columns have the same name")
    return [name.lower() if name.lower() in _COLUMNS else name for name in names]


def _cells(text: str) -> list[str]:
    try:
        return next(csv.reader([text], strict=True))
    except (csv.Error, StopIteration) as error:
        raise _Broken(f"no line of CSV: {error}") from None


def _reader(header: list[str]) -> Callable[[list[str], str, str], Submission]:
    """What makes a submission of a line, by the names of the columns."""
    columns = {name: index for index, name in enumerate(header)}
    wide = [tuple(name.split(".", 1)) for name in header if "." in name]
    if not wide and "problem" not in columns:
        raise _Broken("no column is called problem, and none p1.dx")

    def read(cells: list[str], where: str, default: str) -> Submission:
        while len(cells) > len(header) and not cells[-1].strip():
            cells = cells[:-1]  # a comma at the end
        if len(cells) != len(header):
            raise _Broken(f"{len(cells)} cells, and {len(header)} are due")
        row = dict(zip(header, cells, strict=True))
        student = _name(row.get("student"), default)
        reasons = _NAMELESS[bool(student)]
        answers: dict[str, dict[str, str]] = {}
        if "problem" not in columns:
            for id, name in wide:
                if row[f"{id}.{name}"].strip():
                    answers.setdefault(id, {})[name] = row[f"{id}.{name}"].strip()
        elif "answers" in columns:
            answers[row["problem"].strip()] = _words(row["answers"])
        else:
            if "name" not in columns or "answer" not in columns:
                raise _Broken("no column is called answers, or name and answer")
            answers[row["problem"].strip()] = {row["name"].strip(): row["answer"].strip()}
        return Submission(student or "?", where, answers, reasons)

    return read


def _words(text: str) -> dict[str, str]:
    """dx=-4 dy=[1, 2]: NAME=VALUE words; a value goes on to the next name."""
    found: dict[str, str] = {}
    for word in _NEXT_WORD.split(text.strip()):
        name, equals, value = word.partition("=")
        name = name.strip()
        if not equals:
            raise _Broken(f"'{visible(word)[:40]}' is no NAME=VALUE")
        if name in found:
            raise _Broken(f"{visible(name)[:40]} is answered twice")
        found[name] = value.strip()
    return found


def _grouped(rows: Iterator[Submission]) -> Iterator[Submission]:
    """Lines of one student that stand together are one submission."""
    held: Submission | None = None
    for row in rows:
        if held is not None and row.student == held.student and row.student != "?":
            held = _joined(held, row)
            continue
        if held is not None:
            yield held
        held = row
    if held is not None:
        yield held


def _joined(first: Submission, second: Submission) -> Submission:
    answers = {id: dict(named) for id, named in first.answers.items()}
    reasons = [*first.reasons, *second.reasons]
    for id, named in second.answers.items():
        known = answers.setdefault(id, {})
        for name, value in named.items():
            if name in known:
                reasons.append(f"{visible(id)} {visible(name)} is answered twice")
            else:
                known[name] = value
    return Submission(first.student, first.source, answers, tuple(reasons))
