"""What a number that people typed is: a long minus, a decimal comma, and what may be two things.

    −0.25  –0.25     -0.25     a minus as word processors and formulas write it
    = -1⁄4           -1/4      an answer with its sign of equality, a fraction with its own stroke
    0,25             0.25      a decimal comma, where commas do not part the columns
    1,234            refused   1.234 or 1234, unless the rest of the file tells
    1/3/2026         refused   a date, perhaps, which a spreadsheet made of something else

A formula, an array, a fraction goes on as it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from backtrace.homework.submissions.submission import Unreadable, short
from backtrace.language import tell

_MINUSES = "−–—‒‐‑﹣－"
_MINUS = dict.fromkeys(map(ord, _MINUSES), "-") | dict.fromkeys(map(ord, "⁄∕"), "/")
_UNSEEN = dict.fromkeys(map(ord, "\ufeff\u200b\u200e\u200f\u2060"))
_EQUALS = re.compile(r"\A=(?!=)\s*")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_SIMPLE = re.compile(r"[-+0-9.,eE/ ]+", re.ASCII)
_MARKED = re.compile(r"([-+]?)([0-9]*(?:[.,][0-9]+)*[.,]?)((?:[eE][-+]?[0-9]+)?)", re.ASCII)
_GROUPS = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3})+", re.ASCII)
_SPACED = re.compile(r"[-+]?[1-9][0-9]{0,2}(?:[\u00a0\u202f\u2009][0-9]{3})+(?![0-9])", re.ASCII)
_PARTED_DIGITS = re.compile(r"[0-9],[0-9]", re.ASCII)
_MONTHS = (
    "jan|gen|ene|feb|fév|fev|mar|mär|apr|avr|abr|may|mai|mag|jun|jui|giu|jul|lug|aug|aoû|ago|sep|set"
    "|oct|okt|ott|out|nov|dec|dez|déc|dic"
)
_DATES = (
    re.compile(r"[0-9]{1,2}([/.])[0-9]{1,2}\1(?:[0-9]{4}|[0-9]{2})", re.ASCII),
    re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.]+)?", re.ASCII),
    re.compile(rf"[0-9]{{1,2}}[-. ]{{1,2}}(?:{_MONTHS})\w{{0,6}}\.?(?:[- ][0-9]{{2,4}})?", re.I),
    re.compile(rf"(?:{_MONTHS})\w{{0,6}}\.?[- ][0-9]{{2,4}}", re.I),
)


@dataclass(frozen=True, slots=True)
class Signs:
    """commas_part   commas part the columns, so that a decimal comma is none of the dialect
    decimal       the decimal sign where a number alone does not tell: "." or ","; "" is unknown
    """

    commas_part: bool = True
    decimal: str = ""


def as_typed(value: Any, signs: Signs) -> Any:
    """A cell's text, or a text in JSON, as a number can be read; Unreadable with the reason where
    it could be two. What is no text stays as it is."""
    if not isinstance(value, str):
        return value
    text = _EQUALS.sub("", value.translate(_UNSEEN).strip())
    if text.isascii() and _NUMBER.fullmatch(text):
        return _other_group(text, signs) or text
    if any(date.fullmatch(text) for date in _DATES):
        what = tell("'{short}' can be a date", short=short(text))
        return Unreadable(tell("{what}, which spreadsheets make of 1/3 and the like", what=what))
    number = _plain(text)
    if "," not in number:
        return number if _SIMPLE.fullmatch(number) else text
    marked = _MARKED.fullmatch(number)
    if marked is not None:
        return _with_comma(text, marked, signs)
    if signs.decimal == "," and not signs.commas_part and _PARTED_DIGITS.search(number):
        what = tell(
            "'{short}' has commas between digits, which may be decimal signs", short=short(text)
        )
        return Unreadable(
            tell("{what}: write points, or a blank after a comma that parts", what=what)
        )
    return text


def _plain(text: str) -> str:
    """Minus signs, digits of a wide font, and digits that are grouped by narrow spaces."""
    text = text.translate(_MINUS)
    if any(unicodedata.east_asian_width(character) == "F" for character in text):
        wide = unicodedata.normalize("NFKC", text)
        text = wide if _SIMPLE.fullmatch(wide) else text
    if _SPACED.match(text):
        text = re.sub("[\u00a0\u202f\u2009]", "", text)
    return re.sub(r"^([-+])\s+(?=[0-9.,])", r"\1", text.replace("\u00a0", " "))


def _with_comma(text: str, marked: re.Match[str], signs: Signs) -> str | Unreadable:
    sign, digits, exponent = marked.groups()
    decimal, whole = f"{digits.replace('.', '').replace(',', '.')}", digits.replace(",", "")
    if "." in digits:
        if digits.count(",") == 1 and _is_grouped(digits.replace(".", "\0").replace(",", ".")):
            return f"{sign}{decimal}{exponent}"  # 1.234,5
        before, _, after = digits.partition(".")
        if _GROUPS.fullmatch(before) and "," not in after:
            return f"{sign}{whole}{exponent}"  # 1,234.5
        return Unreadable(
            tell("'{short}' has points and commas that make no number", short=short(text))
        )
    if digits.count(",") > 1:
        if _GROUPS.fullmatch(digits):
            return f"{sign}{whole}{exponent}"
        return Unreadable(tell("'{short}' has several commas; a number has one", short=short(text)))
    if _GROUPS.fullmatch(digits) and (signs.commas_part or signs.decimal != ","):
        how = tell(
            "write {sign}{decimal} or {sign}{whole}", sign=sign, decimal=decimal, whole=whole
        )
        return Unreadable(tell("'{short}' has two readings: {how}", short=short(text), how=how))
    if signs.commas_part and signs.decimal != ",":
        return Unreadable(
            tell(
                "'{short}' has a comma: write {sign}{decimal}{exponent}",
                short=short(text),
                sign=sign,
                decimal=decimal,
                exponent=exponent,
            )
        )
    return f"{sign}{decimal}{exponent}"


def _is_grouped(digits: str) -> bool:
    """1.234.567,8 with the points as NUL and the comma as a point."""
    before, _, after = digits.partition(".")
    return bool(_GROUPS.fullmatch(before.replace("\0", ","))) and "\0" not in after


def _other_group(text: str, signs: Signs) -> Unreadable | None:
    """1.234 in a file whose decimal sign is the comma: 1234 is written so there."""
    if signs.decimal != "," or not _GROUPS.fullmatch(text.lstrip("+-").replace(".", ",")):
        return None
    whole = text.replace(".", "")
    how = tell(
        "its file has decimal commas: write {text} or {whole}",
        text=text.replace(".", ","),
        whole=whole,
    )
    return Unreadable(tell("'{short}' has two readings: {how}", short=short(text), how=how))


def decimal_sign(cells: Iterable[str]) -> str:
    """What numbers that can be read in one way only say: "," or "."; "" where they say nothing,
    or both."""
    signs = set()
    for cell in cells:
        marked = _MARKED.fullmatch(cell.strip().translate(_MINUS))
        digits = marked[2] if marked else ""
        if len(found := {c for c in digits if c in ",."}) == 1:
            mark = found.pop()
            if digits.count(mark) == 1 and not _GROUPS.fullmatch(digits.replace(mark, ",")):
                signs.add(mark)
        elif len(found) == 2:
            signs.add("," if digits.rfind(",") > digits.rfind(".") else ".")
    return signs.pop() if len(signs) == 1 else ""
