"""A file as a formula with a point, and the way back from a place in the formula to its line."""

from __future__ import annotations

import ast
import bisect
import contextlib
import io
import itertools
import json
import re
import tokenize
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TypeVar

from backtrace.code.machine import Machine
from backtrace.code.stages import Stage
from backtrace.code.values import CannotRead
from backtrace.code.writer import Place
from backtrace.errors import BacktraceError, FormulaError, Span, UsageError
from backtrace.graph import Graph
from backtrace.graph.record import Call, SourceLine
from backtrace.language import tell

MOST_BYTES = 2_000_000
_BETWEEN = "; "
_LIBRARY = re.compile(r"(?<![\w.])(?:[^\W\d]\w*\.)+\Z")
_LONGEST_LIBRARY = 80
_LINE_ENDS = re.compile("\r\n|\r|\n")  # those of Python's: str.splitlines() knows more
_MAGIC = re.compile(r"\s*(%%?[^\W\d]|!|\?+\w|\w[\w.]*\?+\s*$)")
_LOOKS = 5  # how often a line of a cell may be looked at, to find its magics
_MAGIC_OF_PYTHON = ("%%time", "%%timeit", "%%capture", "%%prun")


@dataclass(frozen=True)
class Source:
    """The lines of a file; of a notebook those of its cells of code, and where each stands."""

    path: str
    lines: tuple[str, ...]
    cells: tuple[SourceLine, ...] = ()

    def place(self, line: int) -> SourceLine:
        """Where a line is, counted as people count: of a notebook, in its cell."""
        return self.cells[min(line, len(self.cells)) - 1] if self.cells else SourceLine(line)

    def path_of(self, _: int, /) -> str:
        """The file that a line is of."""
        return self.path

    def shown(self, line: int) -> SourceLine | None:
        """The line of a gate, as it is shown; None where it would be taken for another."""
        return self.place(line)

    def text(self, line: int) -> str:
        return self.lines[line - 1] if 0 < line <= len(self.lines) else ""

    def column(self, line: int, place: int) -> int:
        """A place in a line as `ast` has it, in bytes, as one in characters."""
        return len(self.text(line).encode()[:place].decode("utf-8", "ignore"))

    def between(self, line: int, column: int, end_line: int, end: int) -> str:
        """What is written from a column to a place that `ast` has."""
        *before, last = self.lines[line - 1 : end_line]
        text = "\n".join([*before, last[: self.column(end_line, end)]])
        return text[column:]

    def error(
        self, what: str, line: int, column: int, end: int | None = None, hint: str = ""
    ) -> FormulaError:
        """What is wrong, with the file, the line and the caret under `column` to `end`."""
        text = self.text(line)
        column = max(0, min(column, len(text)))
        stop = min(len(text), end) if end is not None and end > column else column + 1
        place = self.place(line)
        where = f"{line}" if place.cell is None else f"{place.words}"
        path = self.path_of(line)
        told = f"{path}{':' * bool(path)}{where}:{column + 1}: {what}"
        return FormulaError(told, text=text, span=(column, max(stop, column + 1)), hint=hint)

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """What cannot be read is told with its place in these lines."""
        try:
            yield
        except CannotRead as error:
            ends = [error.column, error.column if error.end is None else error.end]
            column, end = (self.column(error.line, place) for place in ends)
            raise self.error(error.what, error.line, column, end, error.hint) from None
        except RecursionError:
            raise UsageError(
                tell("{path}: expressions are nested too deep", path=self.path)
            ) from None


@dataclass(frozen=True)
class Program:
    """source   what the code was read from
    formula  in our own grammar, a stage for every assignment
    point    the values that the code gives to its inputs, as texts
    stages   what the stages are, in the order of the formula
    settled  the names among those given that served as counts or texts, and are no inputs
    notes    what is to be said of how the code was read
    idle     the names among those given that the code has, and that the result does without
    outside  the values of inputs that names have where the code runs
    called   the calls of the code's own functions: their names, and which call each is in
    """

    source: Source
    formula: str
    point: dict[str, str]
    stages: tuple[Stage, ...] = ()
    settled: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    idle: frozenset[str] = frozenset()
    outside: Mapping[str, object] = field(default_factory=dict)
    called: tuple[tuple[str, int], ...] = ()

    @cached_property
    def _starts(self) -> list[int]:
        """Where every stage begins in the formula."""
        lengths = (len(stage.text) + len(_BETWEEN) for stage in self.stages[:-1])
        return list(itertools.accumulate(lengths, initial=0))

    @cached_property
    def _parts(self) -> dict[int, _Parts]:
        return {}

    def stage_at(self, place: int) -> tuple[Stage, int]:
        """The stage that a place in the formula is in, and where that begins."""
        at = bisect.bisect_right(self._starts, place) - 1
        return self.stages[at], self._starts[at]

    def part(self, span: Span) -> Place | None:
        """The smallest part of the code that a part of the formula comes from, where that is
        known."""
        stage, begin = self.stage_at(span[0])
        if begin not in self._parts:
            self._parts[begin] = _Parts(stage.places)
        found = self._parts[begin].around(span[0] - begin, span[1] - begin)
        return found and found._replace(start=found.start + begin, end=found.end + begin)

    def with_library(self, span: Span) -> Span:
        """The part with the np. before it, which is no part of what was read."""
        start, end = span
        found = _LIBRARY.search(self.formula, max(0, start - _LONGEST_LIBRARY), start)
        return (found.start() if found else start), end

    def line_of(self, span: Span) -> int:
        """The line of the source that a part of the formula comes from."""
        found = self.part(span)
        return found.line if found is not None else self.stage_at(span[0])[0].line

    def lines_of(self, graph: Graph) -> tuple[SourceLine | None, ...]:
        """The line that every node of the formula's graph comes from; None for inputs."""
        return tuple(
            None if node.is_input else self.source.shown(self.line_of(self.with_library(node.span)))
            for node in graph.nodes
        )

    def calls_of(self, graph: Graph) -> tuple[Call, ...]:
        """The calls of functions with the gates of the formula's graph that their lines made."""
        members: dict[int, list[int]] = {}
        for index, node, _ in graph.gates():
            part = self.part(self.with_library(node.span))
            call = part.call if part else 0
            while call:
                members.setdefault(call, []).append(index)
                call = self.called[call - 1][1]
        named = [(self.called[call - 1][0], members[call]) for call in sorted(members)]
        return tuple(Call(name, tuple(gates)) for name, gates in named if name)


class _Parts:
    """The parts of a stage, each inside another or beside it."""

    def __init__(self, places: Sequence[Place]) -> None:
        self._all = sorted(set(places), key=lambda p: (p.start, -p.end))
        self._starts = [part.start for part in self._all]
        self._exact = {(part.start, part.end): part for part in self._all}
        self._outer: list[int] = []  # the part around each; -1 for none
        around: list[int] = []
        for at, part in enumerate(self._all):
            while around and self._all[around[-1]].end < part.end:
                around.pop()
            self._outer.append(around[-1] if around else -1)
            around.append(at)

    def around(self, start: int, end: int) -> Place | None:
        """The smallest part that holds all from `start` to `end`."""
        if (start, end) in self._exact:
            return self._exact[start, end]
        at = bisect.bisect_right(self._starts, start) - 1
        while at >= 0 and self._all[at].end < end:
            at = self._outer[at]
        return self._all[at] if at >= 0 else None


def read_code(
    text: str,
    path: str,
    name: str = "",
    given: Mapping[str, object] = MappingProxyType({}),
    of: str = "",
) -> Program:
    """What the code computes: the function `name`, or the whole file. `given` has the values that
    are given besides (numbers, arrays, texts), `of` the name that is the result. Raises
    BacktraceError with file, line and caret for what cannot be read."""
    source, tree = parsed(text, path)
    return walked(
        lambda forward: Machine(given, forward),
        lambda machine: machine.read(tree, name, of),
        lambda _: source,
    )


def parsed(text: str, path: str, is_cell: bool = False) -> tuple[Source, ast.Module]:
    """The lines of a file, a notebook or a cell of one, and its tree. Raises BacktraceError."""
    whose = path or tell("the code")
    if len(text) > MOST_BYTES:
        raise UsageError(
            tell(
                "{whose} is longer than {most_bytes} MB",
                whose=whose,
                most_bytes=MOST_BYTES // 1_000_000,
            )
        )
    source = _notebook(text, path) if path.endswith(".ipynb") else _file(text, path)
    if is_cell:
        source = Source(path, tuple(_without_magics([*source.lines])))
    try:
        return source, ast.parse("\n".join(source.lines))
    except SyntaxError as error:
        raise source.error(str(error.msg), error.lineno or 1, (error.offset or 1) - 1) from None
    except (RecursionError, ValueError, MemoryError) as error:
        raise UsageError(
            tell("{whose} cannot be read: {name}", whose=whose, name=type(error).__name__)
        ) from None


M = TypeVar("M", bound=Machine)


def walked(
    make: Callable[[Collection[str]], M],
    read: Callable[[M], list[Stage]],
    source_of: Callable[[M], Source],
) -> Program:
    """The program that a machine reads. A name that looks like a gradient's and is asked for is
    none: then the code is walked once more, with such names handed to `make`."""
    machine = make(frozenset())
    try:
        machine, stages = _stages(machine, make, read)
    except CannotRead as error:
        source = source_of(machine)
        ends = [error.column, error.column if error.end is None else error.end]
        column, end = (source.column(error.line, place) for place in ends)
        raise source.error(error.what, error.line, column, end, error.hint) from None
    except RecursionError:
        whose = source_of(machine).path or tell("the code")
        raise UsageError(tell("{whose}: expressions are nested too deep", whose=whose)) from None
    formula = _BETWEEN.join(stage.text for stage in stages)
    settled, notes = frozenset(machine.settled), tuple(machine.notes)
    source, point = source_of(machine), machine.point
    met = machine.replaced.intersection(machine.given)
    idle = frozenset(met - machine.inputs - settled)
    outside, called = machine.outside, tuple(machine.calls)
    return Program(source, formula, point, tuple(stages), settled, notes, idle, outside, called)


def _stages(
    machine: M, make: Callable[[Collection[str]], M], read: Callable[[M], list[Stage]]
) -> tuple[M, list[Stage]]:
    try:
        return machine, read(machine)
    except CannotRead:
        if not machine.backward:
            raise
        again = make(machine.backward)
        try:
            return again, read(again)
        except CannotRead:
            pass
        raise


def placed(error: BacktraceError, program: Program) -> BacktraceError:
    """An error in the formula, told at the line of the file that it comes from."""
    if error.text != program.formula or error.span is None:
        return error
    source, span = program.source, program.with_library(error.span)
    part = program.formula[slice(*span)]
    found = program.part(span)
    if found is None:
        line = program.line_of(span)
        code = source.text(line).strip()
        column, begin, end = source.text(line).find(code), 0, len(code)
    else:
        line, column = found.line, source.column(found.line, found.column)
        code = source.between(line, column, found.end_line, found.end_column)
        whole = program.formula[found.start : found.end]
        begin, end = _same_part(code, whole, span[0] - found.start, part)
    is_same = "".join(code[begin:end].split()) == "".join(part.split())
    what = error.what if is_same else f"{error.what} (in {part})"
    *above, last = code[:begin].split("\n")
    column = len(last) if above else column + begin
    width = len(code[begin:end].partition("\n")[0])
    return source.error(what, line + len(above), column, column + width, error.hint)


def _same_part(code: str, whole: str, start: int, part: str) -> Span:
    """Where in the code the part is that begins at `start` in what was read from it, if both have
    it equally often; else all of the code."""
    here, there = (
        [match.start() for match in re.finditer(re.escape(part), text)] for text in (whole, code)
    )
    if part and len(here) == len(there) and start in here:
        at = there[here.index(start)]
        return at, at + len(part)
    return 0, len(code)


def _file(text: str, path: str) -> Source:
    return Source(path, tuple(_LINE_ENDS.split(text)))


def _notebook(text: str, path: str) -> Source:
    """A notebook's cells of code, one after the other."""
    try:
        cells = json.loads(text)["cells"]
        sources = [c["source"] for c in cells if c["cell_type"] == "code"]
        joined = [s if isinstance(s, str) else "".join(s) for s in sources]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UsageError(tell("{path} is no notebook that can be read", path=path)) from None
    lines: list[str] = []
    places: list[SourceLine] = []
    for cell, source in enumerate(joined, 1):
        own = _without_magics(_LINE_ENDS.split(source))
        lines += own
        places += [SourceLine(k, cell) for k in range(1, len(own) + 1)]
    return Source(path, tuple(lines), tuple(places))


def _without_magics(lines: list[str]) -> list[str]:
    """The lines of a cell, with blanks for %matplotlib, !pip and help?; of another language's cell
    (%%bash) nothing is left."""
    first = next((line for line in lines if line.strip()), "")
    if first.startswith("%%") and not first.startswith(_MAGIC_OF_PYTHON):
        return [""] * len(lines)
    found = list(lines)
    begin, looked, most = 0, 0, _LOOKS * (_size(lines) + 1000)
    for at, line in enumerate(lines):
        if not _MAGIC.match(line):
            continue
        before = found[begin:at]
        looked += _size(before)
        if looked > most:
            break  # what is left is no Python, and refused as that
        if not _goes_on(before):
            indent = line[: len(line) - len(line.lstrip())]
            last = next((other for other in reversed(before) if other.strip()), "")
            found[at] = f"{indent}pass" if last.rstrip().endswith(":") else ""
            begin = begin if indent else at + 1
    return found


def _size(lines: list[str]) -> int:
    return sum(map(len, lines)) + len(lines)


def _goes_on(lines: list[str]) -> bool:
    """Whether what follows belongs to these lines: a bracket is open, a text, or a line that ends
    in a backslash. A line in brackets that begins with % is no magic."""
    try:
        for _ in tokenize.generate_tokens(io.StringIO("\n".join(lines) + "\n").readline):
            pass
    except (tokenize.TokenError, SyntaxError):
        return True
    return False
