"""What a column of a table, or a key of a JSON object, is about: p1.dq is problem p1's dq.

The assignment knows its problems, what it asks for, and how a class's own headings are called here
([columns]). Headings are found in any case; where two differ in nothing else, in their own only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from backtrace.errors import near_misses
from backtrace.homework.answers import is_answer_name
from backtrace.homework.submissions.submission import short
from backtrace.language import tell

if TYPE_CHECKING:
    from backtrace.homework.questions import Question

WORDS = ("student", "problem", "answers", "name", "answer", "value")
"""Columns that are no answers themselves."""
_MOST_SHOWN = 6


class Headings:
    """`questions` may be unknown (None): then every p1.dq is an answer."""

    def __init__(
        self, questions: Sequence[Question] | None = None, columns: Mapping[str, str] | None = None
    ) -> None:
        self._questions = None if questions is None else {q.id: q for q in questions}
        self._renamed = {_bare(key): value for key, value in (columns or {}).items()}

    @property
    def only(self) -> str:
        """The one problem's id, where there is but one: then answers need not say which."""
        ids = list(self._questions or ())
        return ids[0] if len(ids) == 1 else ""

    def renamed(self, heading: str) -> str:
        """As the assignment has it; one of WORDS in small letters."""
        bare = _bare(heading)
        renamed = self._renamed.get(bare, heading.strip())
        return renamed.casefold() if renamed.casefold() in WORDS else renamed

    def problem(self, text: str) -> str | None:
        """A problem's id; None where there is no such problem."""
        text = text.strip()
        return text if self._questions is None else _found(text, self._questions)

    def name(self, id: str, text: str) -> str | None:
        """An answer's name as the assignment spells it; None where the formula has no such."""
        text = text.strip()
        if self._questions is None:
            return text
        question = self._questions[id]
        if is_answer_name(text, question.problem.record.graph):
            return text
        return _found(text, question.points)

    def place(self, text: str) -> tuple[str, str] | None:
        """(problem, name) of p1.dq; of dq alone where there is one problem."""
        text = text.strip()
        dots = [index for index, character in enumerate(text) if character == "."]
        for dot in dots if self._questions is None else reversed(dots):
            id = self.problem(text[:dot])
            name = None if id is None else self.name(id, text[dot + 1 :])
            if id is not None and name:
                return id, name
        name = self.name(self.only, text) if self.only else None
        return (self.only, name) if name else None

    def due(self) -> list[str]:
        """What columns of answers can be called."""
        return [f"{id}.{name}" for id, q in (self._questions or {}).items() for name in q.points]

    def advice(self, strange: Iterable[str] = ()) -> str:
        """What would do instead."""
        for heading in strange:
            if near := self.meant(heading):
                return tell("did you mean {near}?", near=near)
        if self._questions is None:
            return tell("p1.dx is due, or problem, answer and value")
        due = self.due()
        shown = ", ".join(due[:_MOST_SHOWN]) + ", …" * (len(due) > _MOST_SHOWN)
        return tell("due is {shown}, or problem, answer and value", shown=shown)

    def meant(self, heading: str) -> str:
        """The answers that a heading might be about: dx is p1.dx or p2.dx."""
        questions = self._questions or {}
        ids = [id for id in questions if len(questions) > 1 and self.name(id, heading)]
        if ids:
            return tell(" or ").join(f"{id}.{self.name(id, heading)}" for id in ids[:3])
        near = near_misses(heading, self.due())
        return near[0] if near else ""


def _bare(heading: str) -> str:
    return " ".join(heading.split()).casefold()


def _found(text: str, known: Iterable[str]) -> str | None:
    """The one of them that is written so; in any case where only one is."""
    names = list(known)
    if text in names:
        return text
    same = [name for name in names if name.casefold() == text.casefold()]
    return same[0] if len(same) == 1 else None


def listed(names: Sequence[str]) -> str:
    """A few of them, as they can stand in a sentence."""
    shown = ", ".join(short(name) or "''" for name in names[:_MOST_SHOWN])
    return shown + (f", … ({len(names)})" if len(names) > _MOST_SHOWN else "")
