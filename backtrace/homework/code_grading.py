"""Grades code: the file that answers a problem is found, judged line by line, and never run.

A gradient that is wrong costs its points at its own line; what follows from it costs nothing more.
What cannot be judged costs nothing: its points are to be given by hand. A file that Python itself
would refuse, and a gradient that is nowhere in it, earn nothing, with the reason.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence

from backtrace.code.words import differentiated
from backtrace.errors import BacktraceError, visible
from backtrace.homework.assignment import Assignment
from backtrace.homework.backward import check_code, report
from backtrace.homework.backward.judging import (
    FOLLOWS,
    IN_GENERAL,
    OK,
    TO_DO,
    UNREAD,
    WRONG,
    Judged,
    LineVerdict,
    NothingToJudge,
)
from backtrace.homework.code_faults import code_fault, leading_to
from backtrace.homework.code_finding import (
    Found,
    NotFound,
    find,
    is_undone,
    mentions,
    unknown_in_place,
)
from backtrace.homework.code_reference import Forward, held_against
from backtrace.homework.questions import CodeQuestion
from backtrace.homework.report import MISTAKE, PLACE
from backtrace.homework.rows import MISSING, CodeFault, Mark, Part
from backtrace.homework.submissions.code_files import CodeFile
from backtrace.language import marked, tell

_REMEMBERED = 2_000
_VERSION = re.compile(r"(?<=\w)_v\d+\Z")  # of h_v2, which is h in the file
_NOT_MET = marked("it is in the file, and nothing that the result needs leads there")


class CodeGrader:
    """Grades code problems; equal files have equal grades, and are judged once."""

    def __init__(self, assignment: Assignment, level: int) -> None:
        self._assignment = assignment
        self._level = level
        self._known: dict[tuple[str, str, bytes], Part] = {}

    def __call__(self, question: CodeQuestion, files: Sequence[CodeFile]) -> Part:
        try:
            found = find(question, files, self._assignment.codes)
        except NotFound as error:
            return self._unjudged(question, error)
        digest = hashlib.sha256(found.text.encode("utf-8", "surrogatepass")).digest()
        key = question.id, found.name, digest
        if key not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = self._judged(question, found)
        return self._known[key]

    def _judged(self, question: CodeQuestion, found: Found) -> Part:
        try:
            judged = check_code(
                found.text,
                found.name,
                question.code,
                question.point,
                question.of,
                question.seed,
                question.against,
            )
            forward = held_against(judged, question)
        except NothingToJudge as error:
            return self._unjudged(question, NotFound(MISSING, error.what), found)
        except BacktraceError as error:
            if is_undone(found.tree, question.code):
                undone = NotFound(
                    TO_DO, tell("NotImplementedError stands where it is to be written")
                )
                return self._unjudged(question, undone)
            lines = [visible(line) for line in str(error).split("\n")]
            return self._unjudged(question, NotFound(UNREAD, error.what, lines))
        marks = tuple(self._marks(question, found, judged, forward))
        wrong = [v for v in report.by_line(judged) if v.verdict in (WRONG, IN_GENERAL)]
        faults = [code_fault(judged, verdict, self._level) for verdict in wrong]
        first = min(zip(wrong, faults, strict=True), key=_forward_first, default=None)
        at, code = (first[1].at, first[1].code or "unknown") if first else ("", "")
        is_right = judged.ok or self._level < PLACE
        return Part(
            question.id,
            marks,
            at if self._level >= PLACE else "",
            code if self._level >= MISTAKE else "",
            () if is_right else tuple(report.remarks(judged, self._level)),
            tuple(faults) if self._level >= PLACE else (),
        )

    def _marks(
        self, question: CodeQuestion, found: Found, judged: Judged, forward: Forward
    ) -> Iterator[Mark]:
        """What is asked, marked. A slip in what is not asked costs the first gradient that it
        spoils: it excuses the others only. So does one in the forward lines."""
        asked = {name: _verdict_of(name, judged) for name in question.points}
        paying = _paying(judged, asked)
        named = [v.gradient.name for v in asked.values() if v is not None]
        paying |= {*[name for name in forward.spoiled if name in named][:1]}
        for name, worth in question.points.items():
            verdict = asked[name]
            if verdict is None:
                yield self._mark(name, *_unmet(question, found, name), worth)
            elif verdict.gradient.name in paying:
                yield Mark(name, FOLLOWS if self._level >= PLACE else WRONG, 0.0, worth)
            elif verdict.gradient.name in forward.spoiled:
                yield self._mark(name, FOLLOWS, "", worth)
            elif verdict.gradient.name in forward.right:
                yield self._mark(name, OK, "", worth)
            else:
                reason = verdict.note if verdict.verdict == UNREAD else ""
                yield self._mark(name, verdict.verdict, reason, worth)

    def _mark(self, name: str, verdict: str, reason: str, worth: float) -> Mark:
        share = self._assignment.rubric.get(verdict, 0.0)
        if verdict == UNREAD and UNREAD not in self._assignment.rubric:
            return Mark(name, verdict, 0.0, 0.0, reason, by_hand=worth)
        shown = verdict
        if self._level < PLACE and verdict in (FOLLOWS, IN_GENERAL):
            shown = WRONG
        return Mark(name, shown, share * worth, worth, reason)

    def _unjudged(
        self, question: CodeQuestion, error: NotFound, found: Found | None = None
    ) -> Part:
        """All that is asked, where nothing was judged; what a file does mention is not missing."""
        marks = []
        for name, worth in question.points.items():
            verdict, reason = error.verdict, error.reason
            if found is not None and _unmet(question, found, name)[0] == UNREAD:
                verdict = UNREAD
            marks.append(self._mark(name, verdict, reason, worth))
        return Part(question.id, tuple(marks), lines=error.lines or (error.reason,))


def _unmet(question: CodeQuestion, found: Found, name: str) -> tuple[str, str]:
    """The verdict on a gradient that nothing was judged of, and why: it is missing only where
    nothing in the file may be it."""
    if mentions(found.tree, name):
        return UNREAD, tell(_NOT_MET)
    other = unknown_in_place(found.tree, question.code, [*question.points])
    return (
        (UNREAD, tell("it may be what is given back as {other}", other=other))
        if other
        else (MISSING, "")
    )


def _verdict_of(asked: str, judged: Judged) -> LineVerdict | None:
    """The verdict on the gradient that is asked for: the one that is called so, else the last one
    that is the gradient of the same."""
    gradients = [v for v in judged.verdicts if v.about == "gradient"]
    named = [v for v in gradients if v.gradient.name == asked]
    if "." in asked:  # __mul__.other; what else is said of the operator is no gradient of other
        named = [v for v in named if v.of == asked.rpartition(".")[2]] or named
    if named:
        wrong = [v for v in named if v.verdict in (WRONG, IN_GENERAL)]
        return named[-1] if "." in asked or not wrong else wrong[0]
    bases = differentiated(asked)
    for base in bases:
        same = [v for v in gradients if base in _bases(v)]
        if same:
            return max(same, key=lambda v: v.gradient.row)
    return None


def _forward_first(pair: tuple[LineVerdict, CodeFault]) -> tuple[bool, int]:
    """A forward pass that is itself wrong is said first, then the lines in order."""
    return pair[0].about == "gradient", pair[0].row


def _bases(verdict: LineVerdict) -> set[str]:
    """The forward names that a gradient is of, without their versions."""
    names = (verdict.of,) if verdict.of else verdict.gradient.of
    return {_VERSION.sub("", name) for name in names}


def _paying(judged: Judged, asked: Mapping[str, LineVerdict | None]) -> set[str]:
    """The names of gradients that follow from a slip nobody asked for: of each such slip the first
    one that it leads to."""
    names = {v.gradient.name for v in asked.values() if v is not None}
    followers = [v for v in judged.verdicts if v.gradient.name in names and v.verdict == FOLLOWS]
    followers.sort(key=lambda v: v.row)
    paying: set[str] = set()
    for verdict in judged.verdicts:
        is_slip = verdict.verdict in (WRONG, IN_GENERAL) and verdict.about == "gradient"
        is_slip = is_slip and verdict.gradient.name not in names
        if not is_slip or not verdict.gradient.final:
            continue
        for follower in followers:
            name = follower.gradient.name
            if name not in paying and verdict.gradient.final in leading_to(judged, follower):
                paying.add(name)
                break
    return paying
