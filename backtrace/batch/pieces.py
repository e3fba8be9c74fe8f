"""Some rows of the points, however they were written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from backtrace.language import tell


class Piece(NamedTuple):
    """Some rows: a column for every name; the line of each row in its file; and what is wrong with
    those that could not be read, whose numbers are nan."""

    columns: dict[str, Any]
    lines: Any
    bad: list[tuple[int, str]]

    @property
    def unread(self) -> Any:
        """Which rows could not be read, as a column of truths."""
        return np.isin(self.lines, [line for line, _ in self.bad])


def whole_rows(column: Any) -> Any:
    """Which rows are finite in all their entries."""
    return np.isfinite(column).all(axis=tuple(range(1, np.ndim(column))))


def finite(columns: Mapping[str, Any], lines: Any, missing: Mapping[int, str]) -> Piece:
    """Rows whose numbers are columns: what is `missing`, by row, or not finite, cannot be read."""
    whole = np.all([whole_rows(column) for column in columns.values()], axis=0)
    what = tell("a value is not finite")
    bad = [(int(lines[k]), missing.get(k, what)) for k in np.flatnonzero(~whole).tolist()]
    kept = dict(columns)
    if bad:
        for name, column in columns.items():
            kept[name] = np.array(column)
            kept[name][~whole] = math.nan
    return Piece(kept, lines, bad)
