"""How a view is to look: width, digits, colour, characters. One frozen value, passed whole."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal, localcontext
from typing import Any, NamedTuple

from backtrace.algebra.values import shape_of
from backtrace.errors import visible
from backtrace.formula.characters import SUBSCRIPT_DIGITS, SUPERSCRIPTS
from backtrace.language import SOURCE, current
from backtrace.numbers import BLANK_TEXT, DIGITS, Blank, Formula, array, nested, norm, number

_ASCII = str.maketrans(
    {"…": "...", "∂": "d", "–": "-", "×": "x", "✓": "+", "✗": "!", "→": "->", "²": "2"}
)
_FORMULA = str.maketrans({"×": "*", "·": "*", "⋅": "*", "÷": "/", "−": "-", "√": "sqrt"})
_FORMULA |= str.maketrans({"≤": "<=", "≥": ">=", "≠": "!=", **SUBSCRIPT_DIGITS})
_POWERS = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+")


FOLDS = ("auto", "all", "none")


class View(NamedTuple):
    """width in terminal cells; digits that numbers are rounded to; colour by ANSI codes or none;
    `ascii` keeps to 7-bit characters (Greek letters by their names), and where another language
    than English is spoken to 7-bit signs, and its letters. `explain` adds the steps in
    words, `paths` the routes from these variables, `forward` the tangents by these. `full` writes
    long arrays out. `fold` says when pictures show boxes in place of what they hold: of more than
    40 gates, or more than 10 on more than 1,200 pixels ("auto"), always ("all"), never ("none").
    """

    width: int = 80
    digits: int = DIGITS
    color: bool = False
    ascii: bool = False
    explain: bool = False
    paths: tuple[str, ...] = ()
    forward: tuple[str, ...] = ()
    full: bool = False
    fold: str = FOLDS[0]

    def number(self, value: float) -> str:
        return number(value, self.digits)

    def value(self, value: Any) -> str:
        """A number, or an array: short ones in full, long ones by what can be said in a line."""
        if self.full and shape_of(value) and not isinstance(value, Blank | Formula):
            return nested(value.tolist(), self.digits)
        return self.text(array(value, self.digits))

    def sized(self, value: Any) -> str:
        """The same, and the norm of an array that is not written out."""
        return self.value(value) + ("" if self.full else norm(value, self.digits))

    def text(self, text: str) -> str:
        """Text that is safe to print: no control characters, and ASCII if so asked."""
        text = visible(text)
        if not self.ascii or text.isascii():
            return text
        return "".join(_ascii_letter(c) for c in text.translate(_ASCII))

    def formula(self, text: str) -> str:
        """The user's own formula: in ASCII, x² is x^2 and × is *."""
        if self.ascii:
            text = _POWERS.sub(lambda found: "^" + found.group().translate(SUPERSCRIPTS), text)
            text = text.translate(_FORMULA)
        return self.text(text)


def _ascii_letter(character: str) -> str:
    if character.isascii():
        return character
    name = unicodedata.name(character, "")
    if name.startswith("GREEK"):
        letter = name.split()[-1]
        return letter.capitalize() if "CAPITAL" in name else letter.lower()
    if current() != SOURCE and character.isalpha():
        return character  # a sentence has no other letters
    return ascii(character)[1:-1]


def products_are_rounded(shown: list[tuple[str, str, str]]) -> bool:
    """Whether some printed upstream x local is not exactly the printed downstream."""
    with localcontext() as context:
        context.prec = 60
        for numbers in shown:
            if BLANK_TEXT in numbers:
                continue
            upstream, local, downstream = map(Decimal, numbers)
            is_finite = upstream.is_finite() and local.is_finite() and downstream.is_finite()
            if is_finite and upstream * local != downstream:
                return True
    return False
