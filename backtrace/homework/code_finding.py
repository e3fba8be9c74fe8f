"""Which of a student's files answers a problem, and what is in it at all: never a guess."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backtrace.code.program import parsed
from backtrace.code.returned_gradients import pair_of
from backtrace.code.words import differentiated
from backtrace.errors import BacktraceError, visible
from backtrace.homework.backward.judging import UNREAD
from backtrace.homework.questions import CodeQuestion
from backtrace.homework.rows import MISSING, UNREADABLE
from backtrace.homework.submissions.code_files import CodeFile, text_of
from backtrace.homework.submissions.submission import Broken, short
from backtrace.language import tell


@dataclass(frozen=True, slots=True)
class Found:
    """The one file that answers a problem: its name, its text, and its tree."""

    name: str
    text: str
    tree: ast.Module


class NotFound(Exception):
    """No file can be judged: the verdict on all that is asked, and why."""

    def __init__(self, verdict: str, reason: str, lines: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.verdict = verdict
        self.reason = reason
        self.lines = tuple(lines)


def find(question: CodeQuestion, files: Sequence[CodeFile], codes: Sequence[CodeQuestion]) -> Found:
    """The file that the question means; `codes` are all of the assignment. Raises NotFound."""
    if not files:
        raise NotFound(MISSING, tell("no file of code was handed in"))
    meant = _meant(question, files, codes)
    if not meant:
        names = ", ".join(short(file.name) for file in files[:4])
        raise NotFound(
            MISSING, tell("there is no {file}: there is {names}", file=question.file, names=names)
        )
    read = [_read(file, len(meant) == 1) for file in meant]
    found = [one for one in read if one is not None]
    if question.code:
        having = [one for one in found if _defines(one.tree, question.code)]
        if not having and len(found) == len(meant):
            names = ", ".join(short(one.name) for one in found[:4])
            raise NotFound(
                MISSING, tell("there is no '{code}' in {names}", code=question.code, names=names)
            )
        found = having
    if len(found) != 1:
        names = ", ".join(short(file.name) for file in meant[:4])
        raise NotFound(
            UNREAD,
            tell(
                "which of {count} files is meant is not told: {names}",
                count=len(meant),
                names=names,
            ),
        )
    return found[0]


def _meant(
    question: CodeQuestion, files: Sequence[CodeFile], codes: Sequence[CodeQuestion]
) -> list[CodeFile]:
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
        if len({code.file for code in codes}) > 1 or len(files) > 1:
            return []
    return list(files)


def _read(file: CodeFile, is_only: bool) -> Found | None:
    """A file's text and tree; None for one of several that cannot be read. Raises NotFound."""
    try:
        text = text_of(file)
        _, tree = parsed(text, file.name)
    except Broken as broken:
        if not is_only:
            return None
        raise NotFound(UNREADABLE, f"{short(file.name)}: {broken}") from None
    except BacktraceError as error:
        if not is_only:
            return None
        lines = [visible(line) for line in str(error).split("\n")]
        raise NotFound(UNREADABLE, error.what, lines) from None
    return Found(file.name, text, tree)


def _defines(tree: ast.Module, name: str) -> bool:
    """Whether a file has a function or a class of this name, or of the pair that is called so."""
    wanted = {name.partition(".")[0], *pair_of(name)}
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


def is_undone(tree: ast.Module, name: str) -> bool:
    """Whether what is asked for still raises NotImplementedError, whatever it is called with: a
    function of the pair, a method of the class, the file itself."""
    if not name:
        return any(map(_raises_undone, tree.body))
    first, _, method = name.partition(".")
    functions = {name, *pair_of(name)}
    bodies = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in functions:
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


def mentions(tree: ast.Module, asked: str) -> bool:
    """Whether a gradient of this name, or of the same under another, is anywhere in the file."""
    bases = set(differentiated(asked))
    for node in ast.walk(tree):
        name = ""
        if isinstance(node, ast.FunctionDef):  # of __mul__.other
            name = asked if node.name == asked.partition(".")[0] else ""
        elif isinstance(node, ast.Name):
            name = node.id
        elif isinstance(node, ast.Attribute):
            name = node.attr
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            key = node.slice.value
            name = f"d{key}" if isinstance(key, str) else ""
        if name == asked or (name and bases & set(differentiated(name))):
            return True
    return False


def unknown_in_place(tree: ast.Module, code: str, asked: Sequence[str]) -> str:
    """What a function gives back that no name tells to be a gradient, as it is written, where it
    gives back at least as much as is asked; "" where there is no such thing."""
    known = {base for name in asked for base in differentiated(name)}
    for parts in _given_back(tree, code):
        for part in parts if len(parts) >= len(asked) else ():
            name = part.attr if isinstance(part, ast.Attribute) else ast.unparse(part)
            if name not in asked and known.isdisjoint(differentiated(name)):
                return short(name)
    return ""


def _given_back(tree: ast.Module, code: str) -> Iterator[list[ast.expr]]:
    """What each `return` of the function lists behind its loss, or the backward of a pair or a
    class."""
    method = code.partition(".")[2]
    names = {code, pair_of(code)[1], method or "backward"} if code else set()
    wanted = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name in names]
    for function in wanted:
        for node in ast.walk(function):
            if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple | ast.List):
                is_backward = function.name.endswith("backward")
                yield node.value.elts if is_backward else node.value.elts[1:]
