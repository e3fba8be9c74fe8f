"""Values and gradients of many points, a row for every row, as CSV, JSONL or NPZ (`arrow` has
Parquet)."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from backtrace.batch.pieces import Piece
from backtrace.numbers import json_text, repr_of

FORMATS = ("csv", "jsonl", "npz", "parquet", "arrow")
BINARY = FORMATS[2:]


def head(format: str, names: Sequence[str]) -> bytes:
    """What stands before the first row."""
    return (",".join(names) + "\n").encode() if format == "csv" else b""


def rows(piece: Piece, results: dict[str, Any], format: str) -> bytes:
    """A piece's rows as text. One that could not be read has empty cells, or says why."""
    columns = [column.tolist() for column in results.values()]
    if format == "csv":
        return _csv(columns, piece).encode()
    return _jsonl(columns, piece, list(results)).encode()


def npz(parts: Iterable[dict[str, Any]], names: Sequence[str]) -> bytes:
    """All results as columns; a row that could not be read is nan."""
    kept: dict[str, list[Any]] = {name: [] for name in names}
    for part in parts:
        for name in names:
            kept[name].append(part[name])
    data = io.BytesIO()
    none = [np.empty(0)]
    whole: dict[str, Any] = {n: np.concatenate(found or none) for n, found in kept.items()}
    np.savez(data, **whole)
    return data.getvalue()


def _csv(columns: list[list[float]], piece: Piece) -> str:
    texts = [repr_of(column, len(column))[1:-1].split(", ") if column else [] for column in columns]
    lines = list(map(",".join, zip(*texts, strict=True)))
    for k in _places(piece):
        lines[k] = "," * (len(columns) - 1)
    return "\n".join(lines) + "\n"


def _jsonl(columns: list[list[float]], piece: Piece, names: Sequence[str]) -> str:
    """{"line": 2, "value": -12.0, "gradients": {"x": -4.0}}, numbers as in the trace's JSON."""
    by = [json_text(name.partition("/d")[2]) for name in names[1:]]
    shown = [list(map(_number, column)) for column in columns]
    wrong = dict(piece.bad)
    lines = []
    for line, value, *slopes in zip(piece.lines.tolist(), *shown, strict=True):
        if line in wrong:
            lines.append(json_text({"line": line, "error": wrong[line]}))
            continue
        gradients = ", ".join(map("{}: {}".format, by, slopes))
        lines.append(f'{{"line": {line}, "value": {value}, "gradients": {{{gradients}}}}}')
    return "\n".join(lines) + "\n"


def _number(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_number, value))}]"
    if math.isfinite(value):
        return repr(value)
    return '"nan"' if math.isnan(value) else '"inf"' if value > 0 else '"-inf"'


def _places(piece: Piece) -> list[int]:
    """Which of a piece's rows could not be read."""
    if not piece.bad:
        return []
    of_line = {int(line): k for k, line in enumerate(piece.lines)}
    return [of_line[line] for line, _ in piece.bad]
