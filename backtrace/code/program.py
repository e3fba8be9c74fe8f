"""A file as a formula with a point, and the way back from a place in the formula to its line."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from backtrace.code.machine import Machine
from backtrace.code.stages import Stage
from backtrace.code.values import CannotRead
from backtrace.errors import BacktraceError, FormulaError, UsageError

MOST_BYTES = 2_000_000


@dataclass(frozen=True)
class Program:
    """path     what the code was read from, as it is told
    formula  in our own grammar, a stage for every assignment
    point    the values that the code gives to its inputs, as texts
    stages   what the stages are, in the order of the formula
    """

    path: str
    formula: str
    point: dict[str, str]
    stages: tuple[Stage, ...] = ()
    lines: tuple[str, ...] = field(default=(), repr=False)

    def line_of(self, place: int) -> int:
        """The line of the file that a place in the formula comes from."""
        at = 0
        for stage in self.stages:
            at += len(stage.text) + len("; ")
            if place < at:
                return stage.line
        return self.stages[-1].line if self.stages else 1


def read_code(
    text: str,
    path: str,
    name: str = "",
    given: Mapping[str, tuple[int, ...]] = MappingProxyType({}),
    of: str = "",
) -> Program:
    """What the code computes: the function `name`, or the whole file. `given` has the shapes of the
    values that are given besides, `of` the name that is the result. Raises BacktraceError with
    file, line and caret for what cannot be read."""
    if len(text) > MOST_BYTES:
        raise UsageError(f"{path} is longer than {MOST_BYTES // 1_000_000} MB")
    source = _cells(text, path) if path.endswith(".ipynb") else text
    lines = tuple(source.splitlines())
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        column = (error.offset or 1) - 1
        raise _at(path, lines, error.lineno or 1, column, str(error.msg)) from None
    except (RecursionError, ValueError, MemoryError) as error:
        raise UsageError(f"{path} cannot be read: {type(error).__name__}") from None
    machine = Machine(given)
    try:
        stages, point = machine.read(tree, name, of)
    except CannotRead as error:
        place = (error.line, error.column, error.what, error.hint, error.end)
        raise _at(path, lines, *place) from None
    except RecursionError:
        raise UsageError(f"{path}: expressions are nested too deep") from None
    return Program(path, "; ".join(s.text for s in stages), point, tuple(stages), lines)


def placed(error: BacktraceError, program: Program) -> BacktraceError:
    """An error in the formula, told at the line of the file that it comes from."""
    if error.text != program.formula or error.span is None:
        return error
    line = program.line_of(error.span[0])
    part = program.formula[slice(*error.span)]
    text = program.lines[line - 1]
    at = text.find(part)
    column, end = (at, at + len(part)) if at >= 0 else (len(text) - len(text.lstrip()), len(text))
    what = f"{error.what} (in {part})" if at < 0 else error.what
    return _at(program.path, program.lines, line, column, what, error.hint, end)


def _at(
    path: str,
    lines: tuple[str, ...],
    line: int,
    column: int,
    what: str,
    hint: str = "",
    end: int | None = None,
) -> FormulaError:
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    column = max(0, min(column, len(text)))
    stop = min(len(text), end) if end is not None and end > column else column + 1
    told = f"{path}:{line}:{column + 1}: {what}"
    return FormulaError(told, text=text, span=(column, max(stop, column + 1)), hint=hint)


def _cells(text: str, path: str) -> str:
    """A notebook's cells of code, one after the other; magics are passed over."""
    try:
        cells = json.loads(text)["cells"]
        sources = [c["source"] for c in cells if c["cell_type"] == "code"]
        joined = [s if isinstance(s, str) else "".join(s) for s in sources]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UsageError(f"{path} is no notebook that can be read") from None
    lines = "\n".join(joined).splitlines()
    return "\n".join("" if line.lstrip()[:1] in ("%", "!") else line for line in lines)
