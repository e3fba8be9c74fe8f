"""Lines that are read again and again: what a text means depends on it and on the shapes alone, so
that the same line of a whole class is read once.

    read_once("X.T @ da", {"X": (5, 4), "da": (5, 3)})
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from backtrace.formula import read
from backtrace.gates.shapes import Shape
from backtrace.graph import Graph
from backtrace.language import current

_MOST = 4_096
_LONGEST = 500  # characters of a line that is kept


def read_once(text: str, shapes: Mapping[str, Shape]) -> Graph:
    """As `read`; a graph never changes, and may be anybody's. Raises FormulaError."""
    if len(text) > _LONGEST:
        return read(text, shapes)
    return _read(text, tuple(sorted(shapes.items())), current())


@lru_cache(maxsize=_MOST)
def _read(text: str, shapes: tuple[tuple[str, Shape], ...], _: str) -> Graph:
    """`_` is the language of its sentences."""
    return read(text, dict(shapes))
