"""One token of a formula."""

from __future__ import annotations

from typing import NamedTuple

NUMBER, NAME, POWER, BREAK, END = "number", "name", "superscript", "break", "end"
SUBSCRIPT = "subscript"
TEXT = "text"
"""In quotes, where an argument can begin: einsum("ij,j->i", A, x)."""

SIDE = "side by side"
"""A product that is written without a sign, where only LaTeX tells."""


class Token(NamedTuple):
    """`kind` is NUMBER, NAME, POWER (x²), SUBSCRIPT (‖x‖₁), TEXT, BREAK (`;`, a line's end), END,
    or the symbol itself."""

    kind: str
    text: str
    start: int
    end: int
