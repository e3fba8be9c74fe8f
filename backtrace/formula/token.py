"""One token of a formula."""

from __future__ import annotations

from typing import NamedTuple

NUMBER, NAME, POWER, BREAK, END = "number", "name", "superscript", "break", "end"
SUBSCRIPT = "subscript"
SIDE = "side by side"
"""A product that is written without a sign, where only LaTeX tells."""


class Token(NamedTuple):
    """`kind` is NUMBER, NAME, POWER (x²), SUBSCRIPT (‖x‖₁), BREAK (`;`, a line's end), END, or the
    symbol itself."""

    kind: str
    text: str
    start: int
    end: int
