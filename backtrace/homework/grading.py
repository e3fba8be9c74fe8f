"""Grades submissions: every problem is traced once, every submission is a row.

    rows = grade(text, read_submissions(["class.jsonl"]))

What cannot be read earns nothing and is said; the run goes on. An error of ours costs nobody a
point: its row has none, and says so. Same answers have the same grade (and are worked out once).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

from backtrace.errors import BacktraceError, our_error, visible
from backtrace.homework.answers import Answer, as_text, read_answer, target_of
from backtrace.homework.assignment import Assignment, read_assignment
from backtrace.homework.backward.judging import TO_DO, UNREAD
from backtrace.homework.checking import Report, hold, settled
from backtrace.homework.code_grading import CodeGrader
from backtrace.homework.questions import Question
from backtrace.homework.report import MISTAKE, PLACE
from backtrace.homework.rows import (
    GRADED,
    MISSING,
    NOT_GRADED,
    REFUSED,
    UNREADABLE,
    Mark,
    Part,
    Row,
)
from backtrace.homework.submissions import Submission, Unreadable, submission_of
from backtrace.homework.verdicts import FOLLOWS, OK, WRONG, order
from backtrace.language import tell

_Given = str | Unreadable | None
_REMEMBERED = 20_000
_LONGEST = 1_000  # characters of an answer that is no array
_LONGEST_ARRAY = 200_000
_UNANSWERED = {MISSING, UNREADABLE, UNREAD, TO_DO}


def not_graded(submission: Submission, error: str) -> Row:
    """The row of a submission that an error of ours left without a grade."""
    given = submission
    return Row(given.student, given.source, (), given.reasons, error=error, notes=given.notes)


class Grader:
    """Grades one submission after the other; `hint_level` is how much the lines tell."""

    def __init__(self, assignment: Assignment, hint_level: int | None = None) -> None:
        self.assignment = assignment
        self._level = assignment.hint_level if hint_level is None else hint_level
        self._part = lru_cache(maxsize=_REMEMBERED)(self._fresh_part)
        self._code = CodeGrader(assignment, self._level)

    def __call__(self, submission: Submission) -> Row:
        try:
            return self._graded(submission)
        except Exception as error:  # of ours; the others' grades do not wait for it
            what = our_error(error)
            return not_graded(submission, what)

    def _graded(self, submission: Submission) -> Row:
        known = {question.id for question in self.assignment.questions}
        strange = [visible(str(id))[:40] for id in submission.answers if id not in known]
        reasons = [
            *submission.reasons,
            *(tell("no problem is called {id}", id=id) for id in strange[:3]),
        ]
        parts = []
        for place, question in enumerate(self.assignment.questions):
            named = submission.answers.get(question.id, {})
            if not isinstance(question, Question):
                parts.append(self._code(question, submission.code))
                if named:
                    reasons.append(
                        tell("{id} is answered by code: its numbers are not read", id=question.id)
                    )
                continue
            given = tuple((str(name), _given(value)) for name, value in islice(named.items(), 200))
            parts.append(self._part(place, given))
        is_refused = bool(submission.reasons) and not (submission.answers or submission.code)
        return Row(
            submission.student,
            submission.source,
            tuple(parts),
            tuple(reasons),
            is_refused,
            notes=submission.notes,
        )

    def _fresh_part(self, number: int, given: tuple[tuple[str, _Given], ...]) -> Part:
        question = self.assignment.questions[number]
        assert isinstance(question, Question)
        answers, unread, strange = _read(question, given)
        report = hold(question.problem, answers, self.assignment.tolerance) if answers else None
        marks = list(self._marks(question, report, unread))
        fault, code = _first(report)
        return Part(
            question.id,
            tuple(marks),
            fault if self._level >= PLACE else "",
            code if self._level >= MISTAKE else "",
            (*self._lines(report), *strange),
        )

    def _marks(
        self, question: Question, report: Report | None, unread: Mapping[str, str]
    ) -> Iterator[Mark]:
        """What is asked, marked. A slip in what is not asked costs the first answer that it spoils:
        it excuses the others only."""
        verdicts = {v.answer.name: v for v in report.verdicts} if report else {}
        unpaid = [v for n, v in verdicts.items() if v.verdict == WRONG and n not in question.points]
        followers = sorted(
            (v for n, v in verdicts.items() if v.verdict == FOLLOWS and n in question.points),
            key=order,
        )
        paying = {v.answer.name for v in followers[: len(unpaid)]}
        for name, worth in question.points.items():
            if name in verdicts:
                verdict = verdicts[name].verdict
                share = 0.0 if name in paying else self.assignment.rubric[verdict]
                shown = verdict
                if self._level < PLACE:
                    shown = OK if verdicts[name].passes else WRONG
                yield Mark(name, shown, share * worth, worth)
            elif name in unread:
                yield Mark(name, UNREADABLE, 0.0, worth, unread[name])
            else:
                yield Mark(name, MISSING, 0.0, worth)

    def _lines(self, report: Report | None) -> list[str]:
        if report is None or report.ok:
            return []
        from backtrace.homework.report import remarks
        from backtrace.render import View

        return remarks(report, View(), self._level)


def _given(value: Any) -> _Given:
    return value if isinstance(value, Unreadable) else as_text(value)


def _read(
    question: Question, given: Sequence[tuple[str, _Given]]
) -> tuple[list[Answer], dict[str, str], list[str]]:
    """The answers, why the others cannot be read, and what nobody asked for."""
    graph = question.problem.record.graph
    asked = {target_of(name, graph): name for name in question.points}
    found: dict[tuple[int, bool], Answer] = {}
    unread: dict[str, str] = {}
    strange = []
    for typed, text in given:
        name = typed
        try:
            name = asked.get(target_of(typed, graph), typed)
            if isinstance(text, Unreadable):
                raise BacktraceError(text.reason)
            if text is None:
                raise BacktraceError(tell("no number, list or formula"))
            longest = _LONGEST_ARRAY if text.lstrip().startswith("[") else _LONGEST
            if len(text) > longest:
                raise BacktraceError(tell("longer than {longest:,} characters", longest=longest))
            answer = settled(question.problem.record, read_answer(name, text, graph))
            found.setdefault((answer.node, answer.is_gradient), answer)
        except BacktraceError as error:
            if name in question.points:
                unread[name] = error.what
            else:
                strange.append(f"{visible(name)[:40]}: {error.what}")
    return list(found.values()), unread, strange[:3]


def _first(report: Report | None) -> tuple[str, str]:
    """The answer where it first goes wrong, and the code of the slip that fits best."""
    if report is None or report.ok:
        return "", ""
    code = report.fits[0].code if report.fits else "unknown"
    return (report.fault.answer.name if report.fault else tell("every gradient")), code


def grade(
    assignment: Assignment | str,
    submissions: Iterable[Submission | Mapping[str, Any]],
    hint_level: int | None = None,
) -> Iterator[Row]:
    """A row for every submission, in order, one by one. The assignment is its TOML text, or read
    already; a submission is `{"student": ..., "answers": {"p1": {"dx": "-4"}}}`, or read already
    (`read_submissions(paths)`). Raises UsageError for the assignment only."""
    asked = read_assignment(assignment) if isinstance(assignment, str) else assignment
    read = (submission_of(one, asked) for one in submissions)
    return map(Grader(asked, hint_level), read)


@dataclass(frozen=True, slots=True)
class Slip:
    """How often a mistake was made: in which problem, where, which."""

    problem: str
    at: str
    code: str
    count: int


@dataclass(frozen=True, slots=True)
class Summary:
    """How many submissions were graded, their points in all, and the slips, the most frequent
    first; how many were refused for their form, and how many not graded by an error of ours."""

    graded: int
    points: float
    slips: tuple[Slip, ...]
    refused: int = 0
    not_graded: int = 0

    @property
    def submissions(self) -> int:
        return self.graded + self.refused + self.not_graded


def summary(assignment: Assignment, rows: Iterable[Row]) -> Summary:
    """What was refused or not graded counts in no average, and among no slips."""
    from collections import Counter

    counts: Counter[tuple[str, str, str]] = Counter()
    graphs = {q.id: q.problem.record.graph for q in assignment.formulas}
    values = {id: {*graph.stages, graph.output_name} for id, graph in graphs.items()}
    states: Counter[str] = Counter()
    points = 0.0
    for row in rows:
        states[row.state] += 1
        if row.state != GRADED:
            continue
        points += row.points
        for part in row.parts:
            if part.code:
                told = [fault for fault in part.faults if fault.at == part.fault]
                is_value = part.fault in values.get(part.id, ()) or any(f.is_value for f in told)
                at = part.fault if is_value else part.fault.removeprefix("d")
                counts[
                    part.id, tell("the value of {at}", at=at) if is_value else at, part.code
                ] += 1
            unanswered = {m.verdict for m in part.marks} & _UNANSWERED
            for verdict in unanswered:
                counts[part.id, tell("some answer"), verdict] += 1
    slips = [Slip(*key, count) for key, count in counts.items()]
    ordered = tuple(sorted(slips, key=_mistakes_first))
    return Summary(states[GRADED], points, ordered, states[REFUSED], states[NOT_GRADED])


def _mistakes_first(slip: Slip) -> tuple[bool, int, str, str, str]:
    is_unanswered = slip.code in _UNANSWERED
    return is_unanswered, -slip.count, slip.problem, slip.at, slip.code
