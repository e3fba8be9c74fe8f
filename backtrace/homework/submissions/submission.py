"""A submission: a student's answers, problem by problem, each as the text that was written.

What could not be read of it stands in it as reasons, so that it costs nobody else a row.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from backtrace.errors import visible
from backtrace.language import marked, tell

if TYPE_CHECKING:
    from backtrace.homework.submissions.code_files import CodeFile

LONGEST_NAME = 100

Answers = Mapping[str, Mapping[str, Any]]
"""By problem, by name: texts, numbers, lists of such, or what is Unreadable."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An answer that is there and cannot be read, with the reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Submission:
    """student   a name, or the file's
    source    the file, and the line in it
    answers   by problem and name, as they were written
    reasons   what could not be read
    notes     what is to be known of its file, once: columns that mean nothing, how it was read
    code      the files of code, which are read where they are judged
    """

    student: str
    source: str
    answers: Answers = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    code: tuple[CodeFile, ...] = ()


NAMELESS = marked("no student's name")


class Broken(Exception):
    """What is wrong with one submission, or one file of them."""


def made(student: str, source: str, answers: Answers, reasons: Iterable[str] = ()) -> Submission:
    """A submission of what was read; that the name is missing is a reason too."""
    nameless = () if student else (tell(NAMELESS),)
    return Submission(student or "?", source, answers, (*reasons, *nameless))


def refused(student: str, source: str, reason: object) -> Submission:
    return Submission(student or "?", source, reasons=(str(reason),))


def name_of(student: Any, default: str = "") -> str:
    """A student's name as it is printed: no control characters, and not without end. What could
    not be decoded (as a lone surrogate, or U+FFFD) is no name."""
    if not isinstance(student, str):
        return default
    text = unicodedata.normalize("NFC", student[:LONGEST_NAME])
    if any("\ud800" <= character <= "\udfff" or character == "\ufffd" for character in text):
        return default
    return visible(text).strip() or default


def short(text: object) -> str:
    """A name out of a file, as it can stand in a sentence."""
    return visible(str(text))[:40]


def grouped(rows: Iterable[Submission]) -> Iterator[Submission]:
    """Rows of one student that stand together are one submission."""
    held: Submission | None = None
    for row in rows:
        if held is not None and row.student == held.student and row.student != "?":
            held = joined(held, row)
            continue
        if held is not None:
            yield held
        held = row
    if held is not None:
        yield held


def gathered(rows: Iterable[Submission]) -> Iterator[Submission]:
    """Rows of one student are one submission wherever they stand, in order of the first; all are
    held in memory."""
    found: dict[object, Submission] = {}
    for number, row in enumerate(rows):
        key: object = number if row.student == "?" else row.student
        found[key] = joined(found[key], row) if key in found else row
    yield from found.values()


def joined(first: Submission, second: Submission) -> Submission:
    answers = {id: dict(named) for id, named in first.answers.items()}
    reasons = [*first.reasons, *second.reasons]
    for id, named in second.answers.items():
        known = answers.setdefault(id, {})
        for name, value in named.items():
            if name in known:
                reasons.append(
                    tell("{id} {name} is answered twice", id=visible(id), name=visible(name))
                )
            else:
                known[name] = value
    notes = (*first.notes, *second.notes)
    code = (*first.code, *second.code)
    return replace(first, answers=answers, reasons=tuple(reasons), notes=notes, code=code)


def noted(rows: Iterable[Submission], notes: tuple[str, ...]) -> Iterator[Submission]:
    """The first row has what is to be known of their file."""
    for row in rows:
        yield replace(row, notes=(*notes, *row.notes)) if notes else row
        notes = ()
