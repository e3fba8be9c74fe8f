"""What a gate is told that is no number of the formula: axis=(0, 2), reduction="sum", (1, 2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backtrace.errors import FormulaError
from backtrace.formula.token import NUMBER, TEXT, Token
from backtrace.language import tell

Literal = Any
"""A whole number, a text, None, or a tuple of such."""

_MOST = 64  # entries
_DEEPEST = 3
_LARGEST = 9  # digits


def of_default(text: str) -> Literal:
    """What a row's default stands for."""
    if not text:
        return None
    return text[1:-1] if text.startswith('"') else int(text)


def spelled(value: Literal) -> str:
    """As it is written in a formula: (0, 2), "sum"; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        comma = "," * (len(value) == 1)
        return f"({', '.join(map(spelled, value))}{comma})"
    return str(value)


def read_literal(text: str, tokens: Sequence[Token], at: int) -> tuple[Literal, int]:
    """The text, or the brackets with whole numbers, that begin at `at`; and the place behind them.
    Raises FormulaError."""
    if tokens[at].kind == TEXT:
        return tokens[at].text, at + 1
    return _tuple(text, tokens, at, _DEEPEST)


def _tuple(text: str, tokens: Sequence[Token], at: int, deepest: int) -> tuple[Literal, int]:
    found: list[Literal] = []
    opener, at = tokens[at], at + 1
    while tokens[at].kind != ")":
        if len(found) >= _MOST or not deepest:
            raise _refused(text, opener, tokens[at])
        if tokens[at].kind == "(":
            value, at = _tuple(text, tokens, at, deepest - 1)
        else:
            value, at = _whole(text, tokens, at, opener)
        found.append(value)
        if tokens[at].kind == ",":
            at += 1
        elif tokens[at].kind != ")":
            raise _refused(text, opener, tokens[at])
    if not found:
        raise _refused(text, opener, tokens[at])
    return tuple(found), at + 1


def _whole(text: str, tokens: Sequence[Token], at: int, opener: Token) -> tuple[int, int]:
    sign = -1 if tokens[at].kind == "-" else 1
    at += sign < 0
    token = tokens[at]
    if token.kind != NUMBER or not token.text.isdigit() or len(token.text) > _LARGEST:
        raise _refused(text, opener, token)
    return sign * int(token.text), at + 1


def _refused(text: str, opener: Token, token: Token) -> FormulaError:
    what = tell("whole numbers belong in these brackets")
    return FormulaError(what, text=text, span=(opener.start, token.end), hint="(0, 2)")
