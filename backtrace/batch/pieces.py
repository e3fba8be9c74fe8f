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


def finite(columns: Mapping[str, Any], lines: Any, missing: Mapping[int, str]) -> Piece:
    """Rows whose numbers are columns: what is `missing`, by row, or not finite, cannot be read."""
    whole = np.all([np.isfinite(column) for column in columns.values()], axis=0)
    what = tell("a value is not finite")
    bad = [(int(lines[k]), missing.get(k, what)) for k in np.flatnonzero(~whole).tolist()]
    kept = {name: np.where(whole, c, math.nan) if bad else c for name, c in columns.items()}
    return Piece(kept, lines, bad)
