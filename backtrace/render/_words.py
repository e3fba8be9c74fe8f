"""Names, subscripts and shapes as pictures write them."""

from __future__ import annotations

import re

from backtrace.entries import shape_of
from backtrace.formula.printer import expressions
from backtrace.gates.shapes import say
from backtrace.record import Record

_SUBSCRIPT = re.compile(r"([^\W\d]+?)_?(\d+)")


def subscript(name: str) -> tuple[str, str]:
    """w0 as (w, 0); (name, "") where there is no number at the end."""
    found = _SUBSCRIPT.fullmatch(name)
    return (found[1], found[2]) if found else (name, "")


def wire_name(record: Record, index: int) -> str:
    """An input's name; of a constant that stands alone, the number."""
    node = record.graph.nodes[index]
    return node.name or expressions(record.graph)[index]


def shape_words(record: Record, index: int) -> str:
    """4×3; "" for a number."""
    shape = shape_of(record.values[index])
    return say(shape).replace("x", "×") if shape else ""
