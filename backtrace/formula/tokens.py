"""Characters -> tokens, each with its place in the text.

A token's `text` is canonical (`×` is "*", `w₀` is "w0"); its [start, end) is the user's own
spelling. One regular expression reads them all; what it cannot read is refused with its place.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import NamedTuple

from backtrace.errors import FormulaError
from backtrace.formula.characters import GREEK, SUBSCRIPTS, SUPERSCRIPTS, SYMBOLS, refusal

MOST_TOKENS = 1_000_000
LONGEST_NAME = 64

NUMBER, NAME, POWER, BREAK, END = "number", "name", "superscript", "break", "end"


class Token(NamedTuple):
    """`kind` is NUMBER, NAME, POWER (x²), BREAK (`;`, a line's end), END, or the symbol itself."""

    kind: str
    text: str
    start: int
    end: int


_TOKEN = re.compile(
    rf"""
    [ ]* (?:
      (?P<space>   (?:[^\S\n]|\#[^\n]*)+ )
    | (?P<number>  (?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)? )
    | (?P<name>    [A-Za-z_{GREEK}][A-Za-z0-9_{GREEK}₀-₉]* )
    | (?P<symbol>  \*\* | == | != | <= | >= | [-+*/^@()\[\],=<>|.:'·×⋅−÷≤≥≠√] )
    | (?P<break>   [;\n] )
    | (?P<superscript> [⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+ )
    )
    """,
    re.VERBOSE,
)
_NUMBER_GOES_ON = re.compile(r"[0-9.]|_[0-9]")
_GOES_ON = frozenset("0123456789._xX")
_HEXADECIMAL = re.compile(r"0[xX][0-9a-fA-F]")
_WHOLE_RUN = re.compile(r"[0-9a-fA-FxX._]+")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def tokenize(text: str) -> list[Token]:
    """The tokens of a formula, ending with one of kind END. Raises FormulaError."""
    tokens: list[Token] = []
    append, new = tokens.append, tuple.__new__
    at = 0
    for match in islice(_TOKEN.finditer(text), 2 * MOST_TOKENS + 2):  # spaces are matches too
        if match.start() != at:
            break
        kind = match.lastgroup or ""
        start, end = match.span(kind)
        spelled = match[kind]
        at = end
        if kind == "space":
            _refuse_controls(text, start, end)
            continue
        if kind == "symbol":
            kind = spelled = SYMBOLS.get(spelled, spelled)
        elif kind == NAME:
            if not spelled.isascii() or end - start > LONGEST_NAME:
                spelled = _name(text, spelled, start, end)
        elif kind == NUMBER:
            if not spelled.isdecimal() or end - start > 15 or text[end : end + 1] in _GOES_ON:
                _refuse_bad_number(text, spelled, start, end)
        elif kind == POWER:
            spelled = _superscript(text, spelled, start, end)
        append(new(Token, (kind, spelled, start, end)))
    if len(tokens) > MOST_TOKENS:
        _, _, start, end = tokens[MOST_TOKENS]
        what = f"the formula has more than {MOST_TOKENS:,} tokens"
        raise FormulaError(what, text=text, span=(start, end))
    at = len(text) - len(text[at:].lstrip(" "))
    if at != len(text):
        raise _unreadable(text, at)
    append(Token(END, "", at, at))
    return tokens


def _refuse_controls(text: str, start: int, end: int) -> None:
    """White space is fine, also the exotic kinds; a control character is not (U+001C is both)."""
    found = _CONTROLS.search(text, start, end)
    if found and found.group() != "\r":
        raise _unreadable(text, found.start())


def _unreadable(text: str, position: int) -> FormulaError:
    what, hint = refusal(text[position])
    return FormulaError(what, text=text, span=(position, position + 1), hint=hint)


def _name(text: str, spelled: str, start: int, end: int) -> str:
    if end - start > LONGEST_NAME:
        raise FormulaError(
            f"a name may have at most {LONGEST_NAME} characters", text=text, span=(start, end)
        )
    return "pi" if spelled == "π" else spelled.translate(SUBSCRIPTS)


def _superscript(text: str, spelled: str, start: int, end: int) -> str:
    number = spelled.translate(SUPERSCRIPTS)
    if not re.fullmatch("-?[0-9]+", number):
        raise FormulaError(
            f"'{spelled}' is not a power", text=text, span=(start, end), hint="write x^(...)"
        )
    return number


def _refuse_bad_number(text: str, spelled: str, start: int, end: int) -> None:
    if _NUMBER_GOES_ON.match(text, end) or _HEXADECIMAL.match(text, start):
        run = _WHOLE_RUN.match(text, start)
        assert run is not None
        hint = "one decimal point, no _ and no 0x in a number"
        raise FormulaError(
            f"malformed number '{run.group()[:40]}'", text=text, span=run.span(), hint=hint
        )
    value = float(spelled)
    if value == float("inf"):
        raise FormulaError(
            "the number is too large for a 64-bit float", text=text, span=(start, end)
        )
    if value == 0 and re.search("[1-9]", re.split("[eE]", spelled)[0]):
        raise FormulaError(
            "the number is too small for a 64-bit float", text=text, span=(start, end)
        )
