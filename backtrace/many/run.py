"""A file of points in, a file of results out: streaming, in constant memory, in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from backtrace.errors import UsageError
from backtrace.fusion import graph_of
from backtrace.gates import CONVENTIONS
from backtrace.many.columns import pieces
from backtrace.many.program import Program
from backtrace.many.results import Row, written
from backtrace.record import AS_WRITTEN, Granularity
from backtrace.tracer import known_variables


@dataclass
class Tally:
    """What a run has met: how many rows, which could not be read (the first few), and how many
    have a result that is not finite, and the first of these."""

    rows: int = 0
    bad: int = 0
    shown: list[tuple[int, str]] = field(default_factory=list)
    not_finite: int = 0
    first_not_finite: int = 0


def vectorize(
    formula: str,
    wrt: Sequence[str] | None = None,
    *,
    fuse: bool | Sequence[str] = False,
    gates: str = "",
    kink: str = CONVENTIONS[0],
) -> Program:
    """The formula as a function of whole columns: `vectorize("x*y")({"x": xs, "y": ys})` gives
    {"f": ..., "df/dx": ..., "df/dy": ...}, arrays of 64-bit floats, as `trace` has them row by row.

    Raises FormulaError or UsageError, with the place.
    """
    names = None if isinstance(fuse, bool) else tuple(fuse)
    return program(formula, wrt, Granularity(False, bool(fuse), names, gates, kink))


def program(
    formula: str, wrt: Sequence[str] | None, granularity: Granularity = AS_WRITTEN
) -> Program:
    graph, _ = graph_of(formula, {}, granularity)
    asked = tuple(graph.inputs) if wrt is None else known_variables(graph, wrt)
    return Program(graph, asked, granularity.kink)


def run(
    made: Program,
    source: tuple[BinaryIO, str],
    fixed: Mapping[str, float],
    format: str,
    tally: Tally,
    jobs: int = 1,
    count: Callable[[int], None] = lambda _: None,
) -> Iterator[bytes]:
    """The results of the points in `source` (a file and its suffix), piece by piece; `fixed` are
    the values that are the same in every row. Fills `tally`. Raises UsageError."""
    for name in fixed:
        if name not in made.names:
            raise UsageError(f"'{name}' does not occur in the formula")
    free = [name for name in made.names if name not in fixed]

    def rows() -> Iterator[Row]:
        for piece in pieces(*source, free, count):
            results = made({**fixed, **piece.columns}, jobs, length=len(piece.lines))
            _count(tally, piece.bad, piece.lines, results)
            yield piece, results

    return written(rows(), format, made.results)


def _count(
    tally: Tally, bad: list[tuple[int, str]], lines: Any, results: Mapping[str, Any]
) -> None:
    tally.rows += len(lines)
    tally.bad += len(bad)
    tally.shown += bad[: max(0, 10 - len(tally.shown))]
    finite = np.all([np.isfinite(column) for column in results.values()], axis=0)
    wrong = len(lines) - int(np.count_nonzero(finite)) - len(bad)
    if wrong > 0:
        unread = {line for line, _ in bad}
        if not tally.not_finite:
            found = lines[~finite].tolist()
            tally.first_not_finite = next(line for line in found if line not in unread)
        tally.not_finite += wrong
