"""Grades code: the file that answers a problem is found, judged line by line, and never run.

A gradient that is wrong costs its points at its own line; what follows from it costs nothing more.
What cannot be judged costs nothing: its points are to be given by hand. A file that Python itself
would refuse, and a gradient that is nowhere in it, earn nothing, with the reason.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from backtrace.code.program import parsed
from backtrace.code.words import differentiated
from backtrace.errors import BacktraceError, visible
from backtrace.homework.assignment import Assignment
from backtrace.homework.backward import check_code, report
from backtrace.homework.backward.judging import (
    FOLLOWS,
    IN_GENERAL,
    TO_DO,
    UNREAD,
    WRONG,
    Judged,
    LineVerdict,
    NothingToJudge,
)
from backtrace.homework.code_faults import code_fault, leading_to
from backtrace.homework.questions import CodeQuestion
from backtrace.homework.report import MISTAKE, PLACE
from backtrace.homework.rows import MISSING, UNREADABLE, Mark, Part
from backtrace.homework.submissions.code_files import CodeFile, text_of
from backtrace.homework.submissions.submission import Broken, short

_REMEMBERED = 2_000
_VERSION = re.compile(r"(?<=\w)_v\d+\Z")  # of h_v2, which is h in the file
_NOT_MET = "it is in the file, and nothing that the result needs leads there"


@dataclass(frozen=True, slots=True)
class _Found:
    """The one file that answers a problem: its name, its text, and its tree."""

    name: str
    text: str
    tree: ast.Module


class _NotFound(Exception):
    """No file can be judged: the verdict on all that is asked, and why."""

    def __init__(self, verdict: str, reason: str, lines: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.verdict = verdict
        self.reason = reason
        self.lines = tuple(lines)


class CodeGrader:
    """Grades code problems; equal files have equal grades, and are judged once."""

    def __init__(self, assignment: Assignment, level: int) -> None:
        self._assignment = assignment
        self._level = level
        self._known: dict[tuple[str, str, bytes], Part] = {}

    def __call__(self, question: CodeQuestion, files: Sequence[CodeFile]) -> Part:
        try:
            found = self._file_of(question, files)
        except _NotFound as error:
            return self._unjudged(question, error)
        digest = hashlib.sha256(found.text.encode("utf-8", "surrogatepass")).digest()
        key = question.id, found.name, digest
        if key not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = self._judged(question, found)
        return self._known[key]

    # which file

    def _file_of(self, question: CodeQuestion, files: Sequence[CodeFile]) -> _Found:
        """The file that the question means. Raises _NotFound."""
        if not files:
            raise _NotFound(MISSING, "no file of code was handed in")
        meant = self._meant(question, files)
        if not meant:
            names = ", ".join(short(file.name) for file in files[:4])
            raise _NotFound(MISSING, f"there is no {question.file}: there is {names}")
        read = [_read(file, len(meant) == 1) for file in meant]
        found = [one for one in read if one is not None]
        if question.code:
            having = [one for one in found if _defines(one.tree, question.code)]
            if not having and len(found) == len(meant):
                names = ", ".join(short(one.name) for one in found[:4])
                raise _NotFound(MISSING, f"there is no '{question.code}' in {names}")
            found = having
        if len(found) != 1:
            names = ", ".join(short(file.name) for file in meant[:4])
            raise _NotFound(UNREAD, f"which of {len(meant)} files is meant is not told: {names}")
        return found[0]

    def _meant(self, question: CodeQuestion, files: Sequence[CodeFile]) -> list[CodeFile]:
        """The files that may be the question's: of its name, of its name with the other suffix,
        of its name in another folder; any, where no problem asks for another file."""
        if question.file:
            stem, base = question.file.rpartition(".")[0], question.file.rpartition("/")[2]
            ways = (
                [file for file in files if file.name == question.file],
                [file for file in files if file.name.rpartition(".")[0] == stem],
                [file for file in files if file.name.rpartition("/")[2] == base],
            )
            if any(ways):
                return next(filter(None, ways))
            if len({code.file for code in self._assignment.codes}) > 1 or len(files) > 1:
                return []
        return list(files)

    # what it is worth

    def _judged(self, question: CodeQuestion, found: _Found) -> Part:
        try:
            judged = check_code(
                found.text, found.name, question.code, question.point, question.of, question.seed
            )
        except NothingToJudge as error:
            return self._unjudged(question, _NotFound(MISSING, error.what), found)
        except BacktraceError as error:
            if _is_undone(found.tree, question.code):
                undone = _NotFound(TO_DO, "NotImplementedError stands where it is to be written")
                return self._unjudged(question, undone)
            lines = [visible(line) for line in str(error).split("\n")]
            return self._unjudged(question, _NotFound(UNREAD, error.what, lines))
        marks = tuple(self._marks(question, found, judged))
        wrong = [v for v in report.by_line(judged) if v.verdict in (WRONG, IN_GENERAL)]
        faults = [code_fault(judged, verdict, self._level) for verdict in wrong]
        first = min(zip(wrong, faults, strict=True), key=lambda pair: pair[0].row, default=None)
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

    def _marks(self, question: CodeQuestion, found: _Found, judged: Judged) -> Iterator[Mark]:
        """What is asked, marked. A slip in what is not asked costs the first gradient that it
        spoils: it excuses the others only."""
        asked = {name: _verdict_of(name, judged) for name in question.points}
        paying = _paying(judged, asked)
        for name, worth in question.points.items():
            verdict = asked[name]
            if verdict is None:
                is_there = _mentions(found.tree, name)
                yield self._mark(name, *((UNREAD, _NOT_MET) if is_there else (MISSING, "")), worth)
            elif verdict.gradient.name in paying:
                shown = verdict.verdict if self._level >= PLACE else WRONG
                yield Mark(name, shown, 0.0, worth)
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
        self, question: CodeQuestion, error: _NotFound, found: _Found | None = None
    ) -> Part:
        """All that is asked, where nothing was judged; what a file does mention is not missing."""
        marks = []
        for name, worth in question.points.items():
            is_there = found is not None and _mentions(found.tree, name)
            verdict = UNREAD if is_there else error.verdict
            marks.append(self._mark(name, verdict, error.reason, worth))
        return Part(question.id, tuple(marks), lines=error.lines or (error.reason,))


def _read(file: CodeFile, is_only: bool) -> _Found | None:
    """A file's text and tree; None for one of several that cannot be read. Raises _NotFound."""
    try:
        text = text_of(file)
        _, tree = parsed(text, file.name)
    except Broken as broken:
        if not is_only:
            return None
        raise _NotFound(UNREADABLE, f"{short(file.name)}: {broken}") from None
    except BacktraceError as error:
        if not is_only:
            return None
        lines = [visible(line) for line in str(error).split("\n")]
        raise _NotFound(UNREADABLE, error.what, lines) from None
    return _Found(file.name, text, tree)


def _defines(tree: ast.Module, name: str) -> bool:
    """Whether a file has a function or a class of this name, or of the pair that is called so."""
    base = name.removesuffix("_backward").removesuffix("_forward")
    wanted = {name.partition(".")[0], f"{base}_forward", f"{base}_backward"}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            if node.name in wanted:
                return True
        elif isinstance(node, ast.ImportFrom | ast.Import):
            if wanted & {alias.asname or alias.name for alias in node.names}:
                return True
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in wanted:
            return True
    return False


def _is_undone(tree: ast.Module, name: str) -> bool:
    """Whether what is asked for still raises NotImplementedError, whatever it is called with: a
    function of the pair, a method of the class, the file itself."""
    if not name:
        return any(map(_raises_undone, tree.body))
    first, _, method = name.partition(".")
    base = name.removesuffix("_backward").removesuffix("_forward")
    bodies = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in {
            name,
            f"{base}_forward",
            f"{base}_backward",
        }:
            bodies.append(node.body)
        elif isinstance(node, ast.ClassDef) and node.name == first:
            inner = [one for one in node.body if isinstance(one, ast.FunctionDef)]
            wanted = {method} if method else {"__init__", "forward", "backward"}
            bodies += [one.body for one in inner if one.name in wanted]
    return any(_raises_undone(statement) for body in bodies for statement in body)


def _raises_undone(node: ast.stmt) -> bool:
    if not isinstance(node, ast.Raise) or node.exc is None:
        return False
    raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"


def _verdict_of(asked: str, judged: Judged) -> LineVerdict | None:
    """The verdict on the gradient that is asked for: the one that is called so, else the last one
    that is the gradient of the same."""
    named = [v for v in judged.verdicts if v.gradient.name == asked]
    if named:
        return named[-1]
    bases = differentiated(asked)
    for base in bases:
        same = [v for v in judged.verdicts if base in _bases(v)]
        if same:
            return max(same, key=lambda v: v.gradient.row)
    return None


def _bases(verdict: LineVerdict) -> set[str]:
    """The forward names that a gradient is of, without their versions."""
    names = (verdict.of,) if verdict.of else verdict.gradient.of
    return {_VERSION.sub("", name) for name in names}


def _mentions(tree: ast.Module, asked: str) -> bool:
    """Whether a gradient of this name, or of the same under another, is anywhere in the file."""
    bases = set(differentiated(asked))
    for node in ast.walk(tree):
        name = ""
        if isinstance(node, ast.Name):
            name = node.id
        elif isinstance(node, ast.Attribute):
            name = node.attr
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            key = node.slice.value
            name = f"d{key}" if isinstance(key, str) else ""
        if name == asked or (name and bases & set(differentiated(name))):
            return True
    return False


def _paying(judged: Judged, asked: Mapping[str, LineVerdict | None]) -> set[str]:
    """The names of gradients that follow from a slip nobody asked for: of each such slip the first
    one that it leads to."""
    names = {v.gradient.name for v in asked.values() if v is not None}
    followers = [v for v in judged.verdicts if v.gradient.name in names and v.verdict == FOLLOWS]
    followers.sort(key=lambda v: v.row)
    paying: set[str] = set()
    for verdict in judged.verdicts:
        is_slip = verdict.verdict in (WRONG, IN_GENERAL) and verdict.gradient.name not in names
        if not is_slip or not verdict.gradient.final:
            continue
        for follower in followers:
            name = follower.gradient.name
            if name not in paying and verdict.gradient.final in leading_to(judged, follower):
                paying.add(name)
                break
    return paying
