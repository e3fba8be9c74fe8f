"""A formula with numbers for the letters of its lengths."""

from __future__ import annotations

import re
from collections.abc import Mapping

_LETTER = re.compile(r"[^\W\d]\w*")
_IS_SIZE = "\x00"  # before a number that stands for letters
_NUMBER = rf"{_IS_SIZE}?\d+"
_ALONE = re.compile(
    rf"(?<=[(,:\"=\[])(\s*)({_NUMBER}(?: ?(?:[-+]|\*(?!\*)|//) ?{_NUMBER})+)(?=\s*[),:\"\]])"
)
_BY_ZERO = re.compile(rf"// ?{_IS_SIZE}?0+(?!\d)")
_BRACKETED = re.compile(rf"((?:^|[(,:\"=\[+*/-])\s*)\(({_IS_SIZE}\d+)\)")


def with_sizes(text: str, sizes: Mapping[str, int]) -> str:
    """A formula with numbers for the letters of lengths. What is worked out of letters and whole
    numbers alone, and is all of an argument, is a number: ones((n - 1)), reshape(x, -1, m*n)."""

    def number(match: re.Match[str]) -> str:
        return f"{_IS_SIZE}{sizes[match[0]]}" if match[0] in sizes else match[0]

    found, before = _LETTER.sub(number, text), ""
    while found != before:
        before = found
        found = _BRACKETED.sub(r"\1\2", _ALONE.sub(_worked_out, found))
    return found.replace(_IS_SIZE, "")


def _worked_out(match: re.Match[str]) -> str:
    """A sum of products of whole numbers; `//` and `*` from left to right."""
    space, text = match[1], match[2]
    if _IS_SIZE not in text or _BY_ZERO.search(text):
        return match[0]
    total, product, sign, before = 0, 1, 1, "*"
    for operator, digits in re.findall(rf"(\+|-|\*|//|^) ?{_IS_SIZE}?(\d+)", text):
        if operator in ("+", "-"):
            total += sign * product
            product, sign, before = 1, -1 if operator == "-" else 1, "*"
        else:
            before = operator or "*"
        product = product // int(digits) if before == "//" else product * int(digits)
    return f"{space}{_IS_SIZE}{total + sign * product}".replace(f"{_IS_SIZE}-", f"-{_IS_SIZE}")


__all__ = ["with_sizes"]
