"""Where a function of a running Python is written, and what it looks like there: nothing is called.

The text is that of its file, or of its cell; it has to be the text that the function was made from.
"""

from __future__ import annotations

import ast
import dis
import inspect
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType

from backtrace.code.program import Source
from backtrace.errors import UsageError
from backtrace.graph.record import SourceLine
from backtrace.language import marked, tell

Written = ast.FunctionDef | ast.Lambda

_CELL = re.compile(r"<ipython-input-(\d+)-\w+>\Z")
_OF_A_KERNEL = re.compile(r".*ipykernel_\d+[/\\]\w+\.py\Z")
_SIGNS: dict[str, type[ast.operator]] = {
    "+": ast.Add,
    "-": ast.Sub,
    "*": ast.Mult,
    "/": ast.Div,
    "//": ast.FloorDiv,
    "%": ast.Mod,
    "@": ast.MatMult,
    "**": ast.Pow,
}
_RELATIONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
_HAS_NO_SOURCE = marked(
    "trace a function whose def stands in a file or in a cell, or give its formula"
)


@dataclass(frozen=True)
class Sources(Source):
    """The lines of several files, or cells: `files` has for every line which it is of."""

    files: tuple[str, ...] = ()

    def path_of(self, line: int, /) -> str:
        return self.files[min(line, len(self.files)) - 1] if self.files else self.path

    def shown(self, line: int) -> SourceLine | None:
        """None for a line of another file than the first: it would be taken for one of that."""
        place = self.place(line)
        return place if place.cell or self.path_of(line) == self.path else None


class Reader:
    """Finds what functions are written as. The lines of all texts go on counting."""

    def __init__(self, met: Callable[[ast.Module], None]) -> None:
        self.met = met  # is told of every text that is met
        self.lines: list[str] = []
        self.places: list[SourceLine] = []
        self.files: list[str] = []
        self._texts: dict[str, tuple[ast.Module, int]] = {}
        self._nodes: dict[CodeType, Written] = {}

    def source(self) -> Sources:
        first = self.files[0] if self.files else ""
        cells, files = tuple(self.places), tuple(self.files)
        return Sources(first, tuple(self.lines), cells, files)

    def begin(self, source: Source) -> None:
        """The text that all begins with."""
        self.lines += source.lines
        self.places += [source.place(k) for k in range(1, len(source.lines) + 1)]
        self.files += [source.path] * len(source.lines)

    def node(self, code: CodeType) -> Written:
        """The def or lambda that the code was made from. Raises UsageError."""
        if code not in self._nodes:
            self._nodes[code] = self._found(code)
        return self._nodes[code]

    def _found(self, code: CodeType) -> Written:
        named = tell("the lambda") if code.co_name == "<lambda>" else f"'{code.co_name}'"
        if code.co_flags & (
            inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
        ):
            raise UsageError(
                tell("{named} is a generator or async, and returns no number", named=named)
            )
        try:
            lines, _ = inspect.findsource(code)
        except (OSError, TypeError, IndexError):
            what = tell("the source of {named} is not to be had", named=named)
            raise UsageError(what, hint=tell(_HAS_NO_SOURCE)) from None
        tree, offset = self._tree("".join(lines), code.co_filename, named)
        same = [node for node in _functions(tree) if _is_of(node, code, offset)]
        if len(same) > 1:
            same = [node for node in same if _has_body_of(node, code, offset)]
        if len(same) != 1 or not _is_current(same[0], code, offset):
            what = tell(
                "the source of {named} has changed since it was read, or is not its own",
                named=named,
            )
            if len(same) > 1:
                what = tell(
                    "there are several on the line of {named}, and one cannot be told", named=named
                )
            raise UsageError(what, hint=tell("import it again, or run its cell again"))
        return same[0]

    def _tree(self, text: str, file: str, named: str) -> tuple[ast.Module, int]:
        if text not in self._texts:
            try:
                tree = ast.parse(text)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                raise UsageError(
                    tell("the source of {named} cannot be read", named=named)
                ) from None
            offset = len(self.lines)
            ast.increment_lineno(tree, offset)
            path, cell = _place_of(file)
            own = re.split("\r\n|\r|\n", text)
            self.lines += own
            self.places += [SourceLine(k, cell) for k in range(1, len(own) + 1)]
            self.files += [path] * len(own)
            self._texts[text] = tree, offset
            self.met(tree)
        return self._texts[text]


def _place_of(file: str) -> tuple[str, int | None]:
    """A file by the path that is shown, and the cell of a notebook where its number is known."""
    cell = _CELL.match(file)
    if cell or _OF_A_KERNEL.match(file):
        return "notebook", int(cell[1]) if cell else None
    if file.startswith("<"):
        return file, None
    here = os.path.relpath(file)
    return (file if here.startswith("..") else here), None


def _functions(tree: ast.Module) -> Iterator[Written]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.Lambda))


def _is_of(node: Written, code: CodeType, offset: int) -> bool:
    """Whether it stands on the line, and has the name and the parameters, of the code."""
    is_lambda = isinstance(node, ast.Lambda)
    first = node.lineno
    if isinstance(node, ast.FunctionDef):
        first = min([first, *(part.lineno for part in node.decorator_list)])
    name = node.name if isinstance(node, ast.FunctionDef) else "<lambda>"
    count = code.co_argcount + code.co_kwonlyargcount
    arguments = node.args
    parts = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    own = tuple(part.arg for part in parts)
    named = code.co_varnames[:count]
    is_same = [a.lstrip("_") for a in own] == [_unmangled(a) for a in named]
    is_near = first - offset == code.co_firstlineno
    return is_near and name == code.co_name and is_same and is_lambda == (name == "<lambda>")


def _unmangled(name: str) -> str:
    """A private name of a class, _Net__w, as it is written: __w."""
    return re.sub(r"^_[^\W\d]\w*?__(?=\w)", "", name).lstrip("_")


def _has_body_of(node: Written, code: CodeType, offset: int) -> bool:
    """Of several lambdas on one line: whether the code gives back this one's body."""
    body = node.body
    if isinstance(body, list):
        return True
    place = (body.lineno - offset, body.end_lineno, body.col_offset, body.end_col_offset)
    lines = ((a, b and b + offset, c, d) for a, b, c, d in code.co_positions())
    return place in set(lines)


def _is_current(node: Written, code: CodeType, offset: int) -> bool:
    """Whether the arithmetic, the names and the numbers of the code stand in the text where the
    code has them: a file that was edited after it was imported says something else."""
    found: dict[tuple[int | None, ...], list[ast.AST]] = {}
    for part in ast.walk(node):
        if isinstance(part, ast.expr | ast.AugAssign):
            end = (part.end_lineno or 0) - offset, part.end_col_offset or 0
            found.setdefault((part.lineno - offset, part.col_offset, *end), []).append(part)
    return all(
        _is_step_of(step, found.get(_place(step), []))
        for part in _with_inner(code)
        for step in dis.get_instructions(part)
        if None not in _place(step)
    )


def _place(step: dis.Instruction) -> tuple[int | None, ...]:
    at = step.positions
    if at is None:
        return (None,)
    return at.lineno, at.col_offset, at.end_lineno, at.end_col_offset


def _with_inner(code: CodeType) -> Iterator[CodeType]:
    """The code, and that of the functions inside of it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _with_inner(constant)


def _is_step_of(step: dis.Instruction, parts: list[ast.AST]) -> bool:
    """Whether an instruction does what one of the parts says that stand at its place."""
    name, of = step.opname, step.argval
    if name == "BINARY_OP":
        sign = _SIGNS.get(step.argrepr.rstrip("="))
        sums = [part for part in parts if isinstance(part, ast.BinOp | ast.AugAssign)]
        return sign is None or any(isinstance(part.op, sign) for part in sums)
    if name == "COMPARE_OP":
        relations = [p.ops[0] for p in parts if isinstance(p, ast.Compare) and len(p.ops) == 1]
        told = [_RELATIONS.get(type(relation), step.argrepr) for relation in relations]
        return not told or any(sign in (step.argrepr, step.argrepr[5:-1]) for sign in told)
    if name == "UNARY_NEGATIVE":
        return any(isinstance(p, ast.UnaryOp) and isinstance(p.op, ast.USub) for p in parts)
    said: list[object] = []
    if name in ("LOAD_GLOBAL", "LOAD_FAST", "LOAD_DEREF", "LOAD_NAME"):
        said = [part.id for part in parts if isinstance(part, ast.Name)]
        return not said or of in said or str(of).startswith(("_", "."))
    if name in ("LOAD_ATTR", "LOAD_METHOD"):
        said = [part.attr for part in parts if isinstance(part, ast.Attribute)]
        return not said or of in said or str(of).startswith("_")
    if name in ("LOAD_CONST", "LOAD_SMALL_INT") and type(of) in (int, float, str, bool):
        said = [part.value for part in parts if isinstance(part, ast.Constant)]
    return not said or of in said
