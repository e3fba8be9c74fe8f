"""Numbers on a page, each with the name of what it is: a script that computes them anew finds them.

v3    the value of node 3             l3.0   the local gradient of gate 3 for its first input
u3    its gradient                    d3.0   what it hands that input
t3.0.1   the second term that its rule for that input names
"""

from __future__ import annotations

from html import escape

from backtrace.algebra.values import Value, shape_of
from backtrace.numbers import Formula
from backtrace.render._view import View
from backtrace.render._words import gradient_words

KINDS = {"v": "v", "u": "r", "d": "r", "l": "", "t": ""}
"""The colour of each: values, gradients, neither."""


def bound(value: Value, view: View, key: str, has_brackets: bool = False) -> str:
    """A number in its colour; on request in brackets where it is negative."""
    text = gradient_words(value, view)
    if has_brackets and text.startswith("−"):
        text = f"({text})"
    brackets = " data-brackets" * has_brackets
    return f"<span data-w={key}{brackets}>{escape(text)}</span>"


def cell_text(value: Value, view: View) -> str:
    """A number in a table, with a true minus."""
    if isinstance(value, Formula):
        return view.text(value.text)
    text = view.value(value * 1.0) if shape_of(value) else view.number(value)
    return text.replace("-", "−")
