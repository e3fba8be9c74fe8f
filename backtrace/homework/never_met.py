"""Names that an assignment asks for and that no submission has: most likely a slip of its own."""

from __future__ import annotations

from collections.abc import Iterator

from backtrace.code.words import differentiated
from backtrace.homework.assignment import Assignment
from backtrace.homework.rows import MISSING, Row
from backtrace.language import tell


class NeverMet:
    """The gradients that are asked of code, as long as every row lacks them."""

    def __init__(self, assignment: Assignment) -> None:
        self._open = {
            (question.id, name)
            for question in assignment.codes
            for name in question.points
            if not any(base in question.point for base in differentiated(name))
        }
        self._others: set[str] = set()  # the problems of which something was met

    def see(self, row: Row) -> None:
        for part in row.parts:
            met = {mark.name for mark in part.marks if mark.verdict != MISSING}
            self._others |= {part.id} if met else set()
            self._open -= {(part.id, name) for name in met}

    def words(self) -> Iterator[str]:
        """What is to be said of the assignment, where other gradients of the problem were met."""
        for problem, name in sorted(self._open):
            if problem in self._others:
                yield tell(
                    "the assignment asks for {name} in {problem}, which no submission has and is"
                    " the gradient of nothing in its point: is another name meant?",
                    name=name,
                    problem=problem,
                )
