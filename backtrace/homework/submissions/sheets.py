"""Rows of a table, each a student's answers or one of them: what the columns' names make of it.

    student,p1.dx,p1.dy               ada,-4,-4         one row a student
    student,problem,answer,value      ada,p1,dx,-4      one row an answer; also name and answer
    student,problem,answers           ada,p1,dx=-4 dy=-4

What the columns mean is in `headings`; columns that mean nothing are left out, and named once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backtrace.homework.submissions.cells import Signs, as_typed
from backtrace.homework.submissions.headings import WORDS, Headings, listed
from backtrace.homework.submissions.submission import (
    Broken,
    Submission,
    Unreadable,
    made,
    name_of,
    short,
)
from backtrace.language import tell

_NEXT_WORD = re.compile(r"\s+(?=[\w#/∂]+\s*=(?!=))")
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the columns of one table mean.

    width     how many there are
    student   the column of names, or None: then the file's name is the student's
    words     the columns of WORDS, by what they are
    answers   the columns of answers, with problem and name
    strange   headings that mean nothing
    """

    width: int
    student: int | None
    words: Mapping[str, int]
    answers: Mapping[int, Place]
    strange: tuple[str, ...]

    @property
    def is_long(self) -> bool:
        """Whether a student has a row for every answer, or for every problem."""
        return not self.answers

    @property
    def name_and_value(self) -> tuple[str, str]:
        """Which columns have an answer's name and its value: answer and value, or name and one of
        the two."""
        if {"answer", "value"} <= self.words.keys():
            return "answer", "value"
        return "name", "answer" if "answer" in self.words else "value"

    @property
    def value_columns(self) -> list[int]:
        if self.answers:
            return list(self.answers)
        return [self.words[name] for name in ("value", "answer") if name in self.words][:1]


def sheet_of(header: Sequence[str], headings: Headings) -> Sheet:
    """Raises Broken where no column holds answers, or two are the same."""
    header = _without_empty(header)
    words: dict[str, int] = {}
    places: dict[int, Place] = {}
    strange = []
    for index, heading in enumerate(header):
        renamed = headings.renamed(heading)
        place = None if renamed in WORDS else headings.place(renamed)
        if renamed in WORDS:
            if renamed in words:
                raise Broken(tell("two columns are called {renamed}", renamed=renamed))
            words[renamed] = index
        elif place is not None:
            if place in places.values():
                raise Broken(
                    tell(
                        "two columns have the same name, {place}.{place_place}",
                        place=place[0],
                        place_place=place[1],
                    )
                )
            places[index] = place
        elif renamed:
            strange.append(heading.strip())
    if places:
        strange += [w for w in ("problem", "answers", "answer", "value") if w in words]
    student = words.get("student", words.get("name") if _name_is_students(words, places) else None)
    sheet = Sheet(len(header), student, words, places, tuple(strange))
    _refuse_unanswered(sheet, header, headings)
    return sheet


def _without_empty(header: Sequence[str]) -> list[str]:
    """Without what follows the last heading: a comma at the end, cells that were once filled."""
    cells = list(header)
    while cells and not cells[-1].strip():
        cells.pop()
    return cells


def _name_is_students(words: Mapping[str, int], places: Mapping[int, Place]) -> bool:
    """Whether the column `name` is the student's and not the answer's."""
    has_other = bool(places) or "answers" in words or {"answer", "value"} <= words.keys()
    return "student" not in words and has_other


def _refuse_unanswered(sheet: Sheet, header: Sequence[str], headings: Headings) -> None:
    if sheet.answers:
        return
    words = sheet.words.keys()
    pairs = ({"answer", "value"}, {"name", "answer"}, {"name", "value"})
    has_pair = any(pair <= words for pair in pairs)
    has_problem = "problem" in words or bool(headings.only)
    if not (has_problem and ("answers" in words or has_pair)):
        has = (
            tell("the columns are {listed}", listed=listed(header))
            if header
            else tell("there are no columns")
        )
        raise Broken(f"{has}: {headings.advice(sheet.strange)}")


def recognised(header: Sequence[str], headings: Headings) -> int:
    """How many of the headings mean something."""
    names = [headings.renamed(heading) for heading in header]
    return sum(name in WORDS or headings.place(name) is not None for name in names)


def notes_of(sheet: Sheet, headings: Headings) -> list[str]:
    """What there is to say of the columns that are left out."""
    if not sheet.strange:
        return []
    names = listed(sheet.strange)
    is_one = len(sheet.strange) == 1
    said = tell("the column {names} means nothing here", names=names)
    said = said if is_one else tell("the columns {names} mean nothing here", names=names)
    meant = next((m for h in sheet.strange if (m := headings.meant(h))), "")
    return [tell("{said}; did you mean {meant}?", said=said, meant=meant) if meant else said]


Cell = str | Unreadable
"""A cell's text; a workbook's cell may be no text that can be read."""


def student_of(sheet: Sheet, cells: Sequence[Cell], default: str) -> str:
    """The student's name, as far as the row has one."""
    if sheet.student is None:
        return default
    return name_of(cells[sheet.student]) if sheet.student < len(cells) else ""


def row_of(
    sheet: Sheet,
    headings: Headings,
    cells: Sequence[Cell],
    signs: Signs,
    where: str,
    default: str,
) -> Submission:
    """One row's submission; `default` is the student where no column names one. Raises Broken."""
    cells = list(cells)
    while len(cells) > sheet.width and _is_empty(cells[-1]):
        cells.pop()  # a comma at the end
    if len(cells) != sheet.width:
        raise Broken(
            tell("{count} cells, and {width} are due", count=len(cells), width=sheet.width)
        )
    student = student_of(sheet, cells, default)
    if not sheet.answers:
        return made(student, where, _of_long_row(sheet, headings, cells, signs))
    answers: dict[str, dict[str, Any]] = {}
    for index, (id, name) in sheet.answers.items():
        if not _is_empty(cells[index]):
            answers.setdefault(id, {})[name] = as_typed(cells[index], signs)
    return made(student, where, answers)


def _is_empty(cell: Cell) -> bool:
    return isinstance(cell, str) and not cell.strip()


def _of_long_row(
    sheet: Sheet, headings: Headings, cells: Sequence[Cell], signs: Signs
) -> dict[str, dict[str, Any]]:
    """The answer, or the problem's answers, of a row that has a student's name besides."""
    row = {word: cells[index] for word, index in sheet.words.items()}
    typed = _word(row, "problem") if "problem" in row else headings.only
    known = headings.problem(typed)
    if "answers" in row:
        named: dict[str, Cell] = dict(words_of(_word(row, "answers")))
    else:
        name, value = sheet.name_and_value
        if not _word(row, name):
            raise Broken(
                tell("an empty row") if _is_empty(row[value]) else tell("no answer's name")
            )
        named = {} if _is_empty(row[value]) else {_word(row, name): row[value]}
    answers = {name: as_typed(cell, signs) for name, cell in named.items()}
    if known is None:
        return {typed: answers}
    return {known: {headings.name(known, name) or name: v for name, v in answers.items()}}


def _word(row: Mapping[str, Cell], column: str) -> str:
    """Raises Broken where it is no text."""
    cell = row[column]
    if isinstance(cell, Unreadable):
        raise Broken(f"{column}: {cell.reason}")
    return cell.strip()


def words_of(text: str) -> dict[str, str]:
    """dx=-4 dy=[1, 2]: NAME=VALUE words; a value goes on to the next name. Raises Broken."""
    found: dict[str, str] = {}
    for word in _NEXT_WORD.split(text.strip()) if text.strip() else []:
        name, equals, value = word.partition("=")
        name = name.strip()
        if not equals:
            raise Broken(tell("'{short}' is no NAME=VALUE", short=short(word)))
        if name in found:
            raise Broken(tell("{short} is answered twice", short=short(name)))
        found[name] = value.strip()
    return found
