"""backtrace FORMULA --points FILE: one formula at every row of a file."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO

from backtrace.cli.groups import Destination, PointsAsked
from backtrace.cli.output import complain
from backtrace.cli.progress import reading
from backtrace.errors import BacktraceError, UsageError, by_system
from backtrace.files import Changed, InputFile, write_pieces
from backtrace.graph.record import Granularity
from backtrace.language import tell, tell_many

if TYPE_CHECKING:
    from backtrace.batch.run import Tally


def trace_points(
    formula: str,
    values: Sequence[str],
    asked: PointsAsked,
    destination: Destination,
    wrt: Sequence[str] | None,
    granularity: Granularity,
    seed: int,
    color: str,
) -> int:
    """Streams the results; the exit status. Bad rows are told of at the end, on standard error."""
    from backtrace.batch.columns import opened
    from backtrace.batch.run import Run, program
    from backtrace.formula.point import read_words

    format = _format(destination)
    fixed = {name: given.value for name, given in read_words(values, seed).items()}
    made = program(formula, wrt, granularity, fixed, asked.compiled)
    run = Run(made, fixed, format)
    with (
        _opened(asked.points or "") as file,
        reading([asked.points or ""], tell("points")) as count,
    ):
        results = run.results(opened(*file, run.free, count), asked.jobs)
        if destination.output is not None:
            write_pieces(destination.output, results)
        else:
            _to_stdout(results)
    _tell(run.tally, color)
    return 1 if run.tally.bad or run.tally.not_finite else 0


def _tell(tally: Tally, color: str) -> None:
    """On standard error: rows that cannot be read, and results that are not finite."""
    for line, what in tally.shown:
        complain(
            BacktraceError(tell("line {line:,} of the points: {what}", line=line, what=what)), color
        )
    if tally.bad > len(tally.shown):
        complain(
            BacktraceError(
                tell("{bad:,} of {rows:,} rows cannot be read", bad=tally.bad, rows=tally.rows)
            ),
            color,
        )
    if tally.not_finite:
        rows = tell_many(
            "{n:,} of {rows:,} rows has a result that is not finite",
            "{n:,} of {rows:,} rows have a result that is not finite",
            n=tally.not_finite,
            rows=tally.rows,
        )
        hint = tell("trace that row alone to see which gate it is")
        what = tell(
            "{rows}, the first in line {first_not_finite:,}",
            rows=rows,
            first_not_finite=tally.first_not_finite,
        )
        complain(BacktraceError(what, hint=hint), color)


def _format(destination: Destination) -> str:
    from backtrace.batch.results import BINARY, FORMATS

    chosen = "json" if destination.as_json else destination.format
    if chosen is None and destination.output is not None:
        chosen = os.path.splitext(destination.output)[1].lstrip(".").lower()
    others = {"json": "jsonl", "ndjson": "jsonl", "feather": "arrow", None: "csv"}
    chosen = others.get(chosen, chosen)
    if chosen not in FORMATS:
        what = (
            tell("many points have no format {chosen}", chosen=chosen)
            if chosen
            else tell("the file has no suffix")
        )
        raise UsageError(
            what, hint=tell("csv, jsonl, npz, parquet or arrow: --format, or the suffix of -o")
        )
    if chosen in BINARY and destination.output is None and sys.stdout.isatty():
        raise UsageError(tell("{format} is no text", format=chosen), hint=f"-o results.{chosen}")
    return chosen


@contextlib.contextmanager
def _opened(path: str) -> Iterator[tuple[BinaryIO, str]]:
    """The file, and its suffix; of standard input none."""
    if path == "-":
        yield sys.stdin.buffer, ""
        return
    try:
        file = InputFile(path)
    except OSError as error:
        raise UsageError(
            tell("cannot read '{path}': {strerror}", path=path, strerror=by_system(error))
        ) from None
    try:
        with file:
            yield file, os.path.splitext(path)[1].lower()
    except Changed as error:
        raise UsageError(
            tell("cannot read '{path}': {strerror}", path=path, strerror=by_system(error))
        ) from None


def _to_stdout(results: Iterator[bytes]) -> None:
    for piece in results:
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
