"""Names, subscripts and shapes as pictures write them."""

from __future__ import annotations

import re

from backtrace.entries import Value, shape_of
from backtrace.formula.printer import expressions
from backtrace.gates.shapes import say
from backtrace.record import Record
from backtrace.render._scene import number_text
from backtrace.render._view import View

EMPTY = "____"  # a blank

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


def value_words(record: Record, view: View, index: int) -> str:
    """What is above a wire where there is one line for it: the stage's name, the shape of an array
    whose entries are not all there, the value."""
    node = record.graph.nodes[index]
    name = f"{view.text(node.name)} = " if node.gate is not None and node.name else ""
    value = number_text(record.values[index], view)
    if value is None:
        return name + EMPTY
    is_short = "…" in value or value.startswith("norm")
    return name + f"{shape_words(record, index)} " * is_short + value


def gradient_words(value: Value, view: View) -> str:
    text = number_text(value, view)
    return EMPTY if text is None else text
