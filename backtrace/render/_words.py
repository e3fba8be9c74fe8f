"""Names, numbers and shapes as pictures write them."""

from __future__ import annotations

import re

from backtrace.algebra.values import Value, shape_of
from backtrace.formula.printer import expressions
from backtrace.graph.record import Record, SourceLine
from backtrace.language import tell
from backtrace.numbers import Blank, Formula
from backtrace.render._boxes import Box
from backtrace.render._view import View

EMPTY = "____"  # a blank

_LONGEST = 26  # characters of a value on a wire
_LONGEST_FORMULA = 40
_MOST_LINES = 4  # of a title
_SYMBOLS = {
    "mul": "×",
    "add": "+",
    "sub": "−",
    "div": "÷",
    "matmul": "@",
    "sigmoid": "σ",
    "sum": "Σ",
}
_POWERS = {"^2": "x²", "^3": "x³"}
_SUBSCRIPT = re.compile(r"([^\W\d]+?)_?(\d+)")


def subscript(name: str) -> tuple[str, str]:
    """w0 as (w, 0); (name, "") where there is no number at the end."""
    found = _SUBSCRIPT.fullmatch(name)
    return (found[1], found[2]) if found else (name, "")


def wire_name(record: Record, index: int) -> str:
    """An input's name; of a constant that stands alone, the number."""
    node = record.graph.nodes[index]
    return node.name or expressions(record.graph)[index]


def line_words(record: Record, index: int) -> str:
    """line 14, or cell 3, line 2; "" where the formula was not read from code."""
    line = record.line_of(index)
    return line.words if line else ""


def line_label(record: Record, index: int) -> str:
    """line 14, or cell 3:2, under a stage's gate in a picture; "" elsewhere."""
    line = record.line_of(index)
    node = record.graph.nodes[index]
    if line is None or node.gate is None or not node.name:
        return ""
    return _short(line)


def _short(line: SourceLine) -> str:
    if line.cell is None:
        return tell("line {line}", line=line.short)
    return tell("cell {line}", line=line.short)


def box_label(record: Record, box: Box, index: int) -> str:
    """5 gates; of code the line of the last of them."""
    line = record.line_of(index)
    return _short(line) if line else tell("{count} gates", count=len(box.members))


def shape_words(record: Record, index: int) -> str:
    """4×3; "" for a number."""
    shape = shape_of(record.values[index])
    return "×".join(map(str, shape))


def value_words(record: Record, view: View, index: int) -> str:
    """What is above a wire where there is one line for it: the stage's name, the shape of an array
    whose entries are not all there, the value."""
    node = record.graph.nodes[index]
    name = f"{view.text(node.name)} = " if node.gate is not None and node.name else ""
    value = number_text(record.values[index], view)
    if value is None:
        return name + EMPTY
    is_short = "…" in value or value.startswith("norm")
    shape = f"({shape_words(record, index)}) " * is_short
    return name + shape + value


def gradient_words(value: Value, view: View) -> str:
    text = number_text(value, view)
    return EMPTY if text is None else text


def number_text(value: Value, view: View) -> str | None:
    """A number with a true minus; an array by its first entries, or its norm; None for a blank."""
    if isinstance(value, Blank):
        return None
    text = view.value(value)
    if isinstance(value, Formula):
        text = text if len(text) <= _LONGEST_FORMULA else text[: _LONGEST_FORMULA - 1] + "…"
    elif len(text) > _LONGEST and shape_of(value):
        text = tell("norm {norm}", norm=view.number(_norm(value)))
    return text.replace("-", "−")


def _norm(value: Value) -> float:
    return float(float((value * value).sum()) ** 0.5)


def symbol(text: str) -> str:
    """What stands in a gate: × for mul, ×−1 for *-1, x² for ^2."""
    if text in _POWERS:
        return _POWERS[text]
    return _SYMBOLS.get(text, text.replace("*", "×").replace("-", "−"))


def formula_lines(record: Record) -> list[str]:
    """The formula as it was typed; of a file, without its comments."""
    lines = [line.strip() for line in record.formula.splitlines()]
    if len(lines) > 1:
        lines = [line.partition("#")[0].rstrip() for line in lines]
    return [line for line in lines if line]


def title_of(record: Record, view: View) -> str:
    """The formula in one line."""
    return view.formula("; ".join(line.rstrip(";") for line in formula_lines(record)))


def wrapped(text: str, longest: int = 100) -> list[str]:
    """A formula in at most four lines of so many characters, broken after an operator, a comma or a
    semicolon."""
    longest = max(20, longest)
    lines: list[str] = []
    while text and len(lines) < _MOST_LINES:
        if len(text) <= longest:
            lines.append(text)
            text = ""
            continue
        breaks = [k for k in range(longest // 2, longest) if text[k] in " ,;+-*/"]
        cut = breaks[-1] + 1 if breaks else longest
        lines.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    if text:
        lines[-1] = lines[-1][:-1] + "…"
    return lines
