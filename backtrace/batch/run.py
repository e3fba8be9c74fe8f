"""A file of points in, a file of results out: streaming, in constant memory, in their order."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, overload

import numpy as np

from backtrace.batch import arrow
from backtrace.batch.array_program import ArrayProgram
from backtrace.batch.columns import Source
from backtrace.batch.pieces import Piece, whole_rows
from backtrace.batch.processes import in_order
from backtrace.batch.program import Program
from backtrace.batch.results import BINARY, head, npz, rows
from backtrace.errors import UsageError
from backtrace.formula.point import known_variables
from backtrace.gates import CONVENTIONS
from backtrace.graph.record import AS_WRITTEN, Granularity
from backtrace.language import tell
from backtrace.rewrite import graph_of

_SHOWN = 10  # rows that could not be read


class Tally(NamedTuple):
    """What a run has met: how many rows, which could not be read (how many, and the first few), and
    how many have a result that is not finite, and the first of these."""

    rows: int = 0
    bad: int = 0
    shown: tuple[tuple[int, str], ...] = ()
    not_finite: int = 0
    first_not_finite: int = 0

    def __add__(self, other: Tally) -> Tally:  # type: ignore[override]
        return Tally(
            self.rows + other.rows,
            self.bad + other.bad,
            (self.shown + other.shown)[:_SHOWN],
            self.not_finite + other.not_finite,
            self.first_not_finite or other.first_not_finite,
        )


@overload
def vectorize(
    formula: str,
    wrt: Sequence[str] | None = None,
    *,
    fuse: bool | Sequence[str] = ...,
    gates: str = ...,
    kink: str = ...,
    compiled: bool = ...,
    over: None = None,
) -> Program: ...


@overload
def vectorize(
    formula: str,
    wrt: Sequence[str] | None = None,
    *,
    fuse: bool | Sequence[str] = ...,
    gates: str = ...,
    kink: str = ...,
    over: Sequence[str],
) -> ArrayProgram: ...


def vectorize(
    formula: str,
    wrt: Sequence[str] | None = None,
    *,
    fuse: bool | Sequence[str] = False,
    gates: str = "",
    kink: str = CONVENTIONS[0],
    compiled: bool = False,
    over: Sequence[str] | None = None,
) -> Program | ArrayProgram:
    """The formula as a function of whole columns: `vectorize("x*y")({"x": xs, "y": ys})` gives
    {"f": ..., "df/dx": ..., "df/dy": ...}, arrays of 64-bit floats, as `trace` has them row by
    row; of arrays to rounding, since sums are in another order.

    With `over`, values may be arrays: the names in it have a row for every point, along their first
    axis, and the others are the same for all. `vectorize("sum((W@x)^2)", over=["x"])` takes x of
    shape (points, n) and W of shape (m, n), and df/dW has shape (points, m, n).

    `compiled` has the arithmetic as machine code, by llvmlite: the same numbers, sooner where there
    is much arithmetic. It takes some 50 ms to make.

    Raises FormulaError or UsageError, with the place.
    """
    names = None if isinstance(fuse, bool) else tuple(fuse)
    granularity = Granularity(False, bool(fuse), names, gates, kink)
    return _made(formula, wrt, granularity, over, compiled)


def program(
    formula: str,
    wrt: Sequence[str] | None,
    granularity: Granularity = AS_WRITTEN,
    fixed: Mapping[str, Any] = MappingProxyType({}),
    compiled: bool = False,
) -> Program | ArrayProgram:
    """`fixed` are the values that are the same in every row: of arrays all others have rows."""
    graph, _ = graph_of(formula, {}, granularity)
    has_arrays = graph.uses_arrays or any(np.ndim(value) for value in fixed.values())
    over = [name for name in graph.inputs if name not in fixed] if has_arrays else None
    return _made(formula, wrt, granularity, over, compiled)


def _made(
    formula: str,
    wrt: Sequence[str] | None,
    granularity: Granularity,
    over: Sequence[str] | None,
    compiled: bool,
) -> Program | ArrayProgram:
    if over is not None and compiled:
        raise UsageError(
            tell("formulas of arrays are not compiled"),
            hint=tell("leave compiled out"),
        )
    if over is not None:
        return ArrayProgram(formula, wrt, granularity, over)
    graph, _ = graph_of(formula, {}, granularity)
    asked = tuple(graph.inputs) if wrt is None else known_variables(graph, wrt)
    return Program(graph, asked, granularity.kink, compiled)


class Run:
    """A formula at every point of a source, piece by piece; `fixed` are the values that are the
    same in every row. `tally` is filled on the way."""

    def __init__(self, made: Program | ArrayProgram, fixed: Mapping[str, Any], format: str) -> None:
        for name in fixed:
            if name not in made.names:
                raise UsageError(tell("'{name}' does not occur in the formula", name=name))
        self.made = made
        self.fixed = fixed
        self.format = format
        self.free = [name for name in made.names if name not in fixed]
        self.tally = Tally()

    def results(self, source: Source, jobs: int = 1) -> Iterator[bytes]:
        """Raises UsageError, also on the way."""
        if self.format == "npz":
            yield npz((found for found, _ in self._all(source, jobs)), self.made.results)
            return
        if self.format in BINARY:
            yield from arrow.written(self._all(source, jobs), self.format, self.made.results)
            return
        begun = head(self.format, self.made.results)
        for part in self._all(source, jobs):
            yield begun + part
            begun = b""
        yield begun

    def _all(self, source: Source, jobs: int) -> Iterator[Any]:
        work = functools.partial(self._work, source.read)
        for found, tally in in_order(work, source.chunks, jobs):
            self.tally += tally
            yield found

    def _work(self, read: Callable[[Any], Piece], chunk: Any) -> tuple[Any, Tally]:
        """What becomes of a chunk: text, or the columns and which rows could not be read."""
        piece = read(chunk)
        found = self.made({**self.fixed, **piece.columns}, length=len(piece.lines))
        if self.format not in ("npz", "jsonl") and any(c.ndim > 1 for c in found.values()):
            raise UsageError(
                tell("{format} has one number in a cell, and here are arrays", format=self.format),
                hint="-o results.npz",
            )
        tally = _tally(piece, found)
        if self.format in BINARY:
            return (found, piece.unread), tally
        return rows(piece, found, self.format), tally


def _tally(piece: Piece, results: Mapping[str, Any]) -> Tally:
    finite = np.all([whole_rows(column) for column in results.values()], axis=0)
    wrong = len(piece.lines) - int(np.count_nonzero(finite)) - len(piece.bad)
    first = 0
    if wrong > 0:
        unread = {line for line, _ in piece.bad}
        first = next(line for line in piece.lines[~finite].tolist() if line not in unread)
    bad = piece.bad
    return Tally(len(piece.lines), len(bad), tuple(bad[:_SHOWN]), max(wrong, 0), first)
