"""What grading finds: a row a submission, in it a part a problem, in that a mark an answer."""

from __future__ import annotations

from dataclasses import dataclass

from backtrace.language import marked
from backtrace.numbers import number, one_line

MISSING, UNREADABLE = marked("missing"), marked("cannot be read")
GRADED, REFUSED, NOT_GRADED = STATES = marked("graded"), marked("refused"), marked("not graded")


@dataclass(frozen=True, slots=True)
class CodeFault:
    """A line of code that is at fault.

    at       the gradient that it is of, dW1; of a forward line (`is_value`) the value, loss
    code     the slip that fits, "" where that is not told
    says     in words, a few sentences
    file     its file, as the student calls it; `line` and `column` in it, or in its `cell` (from 1)
    text     the line, without comments: nobody is named in it
    gate     the step of the formula whose gradient it is, X @ W1, and its operands' shapes
    """

    at: str
    code: str
    says: tuple[str, ...]
    file: str
    line: int
    column: int
    cell: int
    text: str
    gate: str = ""
    shapes: tuple[tuple[str, tuple[int, ...]], ...] = ()
    is_value: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """One answer: its verdict (or that it is missing, or cannot be read, with the reason), and the
    points it earns of those that it is worth. `by_hand`: what somebody has to give by hand, because
    it was not judged; then it is worth nothing here."""

    name: str
    verdict: str
    points: float
    worth: float
    reason: str = ""
    by_hand: float = 0.0


@dataclass(frozen=True, slots=True)
class Part:
    """One problem: the marks of what is asked, and the slip that fits the first fault, as a code,
    the answer that it spoils and a sentence; where that is code, its faulty lines too."""

    id: str
    marks: tuple[Mark, ...]
    fault: str = ""
    code: str = ""
    lines: tuple[str, ...] = ()
    faults: tuple[CodeFault, ...] = ()

    @property
    def points(self) -> float:
        return sum(mark.points for mark in self.marks)

    @property
    def worth(self) -> float:
        return sum(mark.worth for mark in self.marks)

    @property
    def by_hand(self) -> float:
        return sum(mark.by_hand for mark in self.marks)


@dataclass(frozen=True, slots=True)
class Row:
    """One submission, graded; `reasons` are what could not be read of it. `is_refused`: nothing of
    it could. `error` is ours, in words that can be reported: then it is not graded, and its parts
    are empty. `notes` are what is to be known of its file."""

    student: str
    source: str
    parts: tuple[Part, ...]
    reasons: tuple[str, ...]
    is_refused: bool = False
    error: str = ""
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return one_line(f"<Row {self.student}: {self.state}, {number(self.points)} points>")

    @property
    def state(self) -> str:
        return NOT_GRADED if self.error else REFUSED if self.is_refused else GRADED

    @property
    def points(self) -> float:
        return sum(part.points for part in self.parts)

    @property
    def by_hand(self) -> float:
        return sum(part.by_hand for part in self.parts)

    @property
    def is_full(self) -> bool:
        return (
            not self.error
            and not self.reasons
            and not self.by_hand
            and all(part.points == part.worth for part in self.parts)
        )
