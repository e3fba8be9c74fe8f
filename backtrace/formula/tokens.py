"""Characters -> tokens, each with its place in the text.

A token's `text` is canonical (`÷` is "/", `w₀` is "w0", `½` is "(1/2)" in five tokens); its
[start, end) is the user's own spelling. One regular expression reads them all; what it cannot read
is refused with its place.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from itertools import islice, pairwise

from backtrace.errors import FormulaError
from backtrace.formula.bars import paired
from backtrace.formula.characters import (
    FRACTIONS,
    GREEK,
    SUBSCRIPTS,
    SUPERSCRIPTS,
    SYMBOLS,
    first_stranger,
    refusal,
)
from backtrace.formula.token import BREAK, END, NAME, NUMBER, POWER, SUBSCRIPT, TEXT, Token
from backtrace.language import tell

MOST_TOKENS = 1_000_000
LONGEST_NAME = 64

_SIGNS = "⁰¹²³⁴⁵⁶⁷⁸⁹ᵀ" + "".join(FRACTIONS)  # letters and digits to Unicode, signs here
_GOES_ON_IN = rf"(?:[^\W₀-₉{_SIGNS}]|[\u0300-\u036f])"
_TOKEN = rf"""
    [ ]* (?:
      (?P<space>   (?:[^\S\n]|\#[^\n]*)+ )
    | (?P<number>  (?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+−]?[0-9]+)? )
    | (?P<text>    (?<![^\s(,=]) (?: "[A-Za-z0-9_,.:>\ -]*" | '[A-Za-z0-9_,.:>\ -]*' ) )
    | (?P<subscript> [₀-₉]+ | _?∞ )
    | (?P<name>    [A-Za-z_{GREEK}][A-Za-z0-9_{GREEK}]*+ (?:[₀-₉]++ | (?!{_GOES_ON_IN}))
                 | [^\W\d₀-₉{_SIGNS}] {_GOES_ON_IN}*+ [₀-₉]* )
    | (?P<symbol>  \*\* | // | == | != | <= | >= | [-+*/%^@()\[\],=<>|.:'·×⋅⊙∘−÷≤≥≠√‖∥ᵀ⊤] )
    | (?P<break>   [;\n] )
    | (?P<superscript> [⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+ )
    | (?P<fraction> [½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅐⅛⅜⅝⅞⅑⅒] )
    )
    """
_PLAIN = re.compile(
    r"""([ ]*)(
      [A-Za-z_][A-Za-z0-9_]*+
    | (?!0[xX]) (?:[0-9]++\.?[0-9]*+|\.[0-9]++) (?:[eE][+-]?[0-9]++)?+ (?![0-9._])
    | \*\* | // | == | != | <= | >= | [-+*/%^@()\[\],=<>|:;\n] | \.(?![0-9])
    )""",
    re.VERBOSE,
)
"""The tokens that nearly every formula is made of, which mean the same wherever they stand."""
_NUMBER_GOES_ON = re.compile(r"[0-9.]|_[0-9]")
_GOES_ON = frozenset("0123456789._xX")
_HEXADECIMAL = re.compile(r"0[xX][0-9a-fA-F]")
_WHOLE_RUN = re.compile(r"[0-9a-fA-FxX._]+")
_BARS = "|‖∥"
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def tokenize(text: str) -> list[Token]:
    """The tokens of a formula, ending with one of kind END. Raises FormulaError."""
    tokens = _plain(text)
    at = len(text)
    if not tokens:
        tokens, at = _all_kinds(text)
    if len(tokens) > MOST_TOKENS:
        _, _, start, end = tokens[MOST_TOKENS]
        what = tell("the formula has more than {most_tokens:,} tokens", most_tokens=MOST_TOKENS)
        raise FormulaError(what, text=text, span=(start, end))
    at = len(text) - len(text[at:].lstrip(" "))
    if at != len(text):
        raise _unreadable(text, at)
    tokens.append(Token(END, "", at, at))
    if any(bar in text for bar in _BARS):
        tokens = paired(tokens)
    if not text.isascii():
        _refuse_stray_subscript(text, tokens)
    return tokens


def _plain(text: str) -> list[Token]:
    """The tokens of a text that is made of plain ones alone; none of another."""
    tokens: list[Token] = []
    if len(text) > 2 * MOST_TOKENS or not text.isascii():
        return tokens
    append, new = tokens.append, tuple.__new__
    kinds: dict[str, str] = {}
    at = 0
    for gap, word in _PLAIN.findall(text):
        kind = kinds.get(word)
        if kind is None:
            kind = kinds[word] = _plain_kind(word)
        start = at + len(gap)
        at = start + len(word)
        append(new(Token, (kind, word, start, at)))
    is_all = at == len(text.rstrip(" ")) and "" not in kinds.values()
    return tokens if is_all else []  # what is not plain was stepped over


def _plain_kind(word: str) -> str:
    """ "" where more than the word decides."""
    if word[0].isalpha() or word[0] == "_":
        return NAME if len(word) <= LONGEST_NAME else ""
    if word[0].isdecimal() or (word[0] == "." and word != "."):
        value = float(word)
        is_zero = not word.strip("0.")
        return NUMBER if is_zero or 0 < value < float("inf") else ""
    return BREAK if word in (";", "\n") else word


@functools.cache
def _token() -> re.Pattern[str]:
    """Compiled where a text is not plain, which takes some 2 ms."""
    return re.compile(_TOKEN, re.VERBOSE)


def _all_kinds(text: str) -> tuple[list[Token], int]:
    """The tokens up to what cannot be read, and where that is."""
    tokens: list[Token] = []
    append, new = tokens.append, tuple.__new__
    at = 0
    pattern = _token()
    kinds = ("", *pattern.groupindex)
    for match in islice(pattern.finditer(text), 2 * MOST_TOKENS + 2):  # spaces are matches too
        if match.start() != at:
            break
        group = match.lastindex or 0
        kind = kinds[group]
        start, end = match.span(group)
        spelled = text[start:end]
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
            spelled = spelled.replace("−", "-")
            if not spelled.isdecimal() or end - start > 15 or text[end : end + 1] in _GOES_ON:
                _refuse_bad_number(text, spelled, start, end)
        elif kind == TEXT:
            spelled = spelled[1:-1]
        elif kind == POWER:
            spelled = _superscript(text, spelled, start, end)
        elif kind == "fraction":
            tokens += _fraction(text, spelled, start, tokens)
            continue
        append(new(Token, (kind, spelled, start, end)))
    return tokens, at


def _refuse_controls(text: str, start: int, end: int) -> None:
    """White space is fine, also the exotic kinds; a control character is not (U+001C is both)."""
    found = _CONTROLS.search(text, start, end)
    if found and found.group() != "\r":
        raise _unreadable(text, found.start())


def _refuse_stray_subscript(text: str, tokens: list[Token]) -> None:
    """A subscript of its own belongs to a norm: ‖x‖₁."""
    for before, token in pairwise(tokens):
        if token.kind == SUBSCRIPT and before.kind not in ("|", "‖"):
            raise _unreadable(text, token.start)


def _fraction(text: str, spelled: str, start: int, before: list[Token]) -> list[Token]:
    """½ is (1/2). What stands before it has a sign between: 2½ is 2.5, or a product."""
    if before and before[-1].kind in (NUMBER, NAME, POWER, ")", "]"):
        what = tell("it is not clear what '{spelled}' is to what stands before it", spelled=spelled)
        over, under = FRACTIONS[spelled]
        hint = tell(
            "write a sign between: ... + {over}/{under}, ... * {over}/{under}",
            over=over,
            under=under,
        )
        raise FormulaError(what, text=text, span=(before[-1].start, start + 1), hint=hint)
    over, under = FRACTIONS[spelled]
    words = (("(", "("), (NUMBER, over), ("/", "/"), (NUMBER, under), (")", ")"))
    return [Token(kind, word, start, start + 1) for kind, word in words]


def _unreadable(text: str, position: int) -> FormulaError:
    what, hint = refusal(text[position])
    return FormulaError(what, text=text, span=(position, position + 1), hint=hint)


def _name(text: str, spelled: str, start: int, end: int) -> str:
    if end - start > LONGEST_NAME:
        raise FormulaError(
            tell("a name may have at most {longest_name} characters", longest_name=LONGEST_NAME),
            text=text,
            span=(start, end),
        )
    if spelled == "π":
        return "pi"
    if (place := first_stranger(spelled)) is not None:
        raise _unreadable(text, start + place)
    return unicodedata.normalize("NFC", spelled.translate(SUBSCRIPTS))


def _superscript(text: str, spelled: str, start: int, end: int) -> str:
    number = spelled.translate(SUPERSCRIPTS)
    if not re.fullmatch("-?[0-9]+", number):
        raise FormulaError(
            tell("'{spelled}' is not a power", spelled=spelled),
            text=text,
            span=(start, end),
            hint=tell("write x^(...)"),
        )
    return number


def _refuse_bad_number(text: str, spelled: str, start: int, end: int) -> None:
    if _NUMBER_GOES_ON.match(text, end) or _HEXADECIMAL.match(text, start):
        run = _WHOLE_RUN.match(text, start)
        assert run is not None
        hint = tell("one decimal point, no _ and no 0x in a number")
        raise FormulaError(
            tell("malformed number '{group}'", group=run.group()[:40]),
            text=text,
            span=run.span(),
            hint=hint,
        )
    value = float(spelled)
    if value == float("inf"):
        raise FormulaError(
            tell("the number is too large for a 64-bit float"), text=text, span=(start, end)
        )
    if value == 0 and re.search("[1-9]", re.split("[eE]", spelled)[0]):
        raise FormulaError(
            tell("the number is too small for a 64-bit float"), text=text, span=(start, end)
        )
