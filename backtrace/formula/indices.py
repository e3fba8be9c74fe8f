"""What stands in the brackets of x[0], x[1:3], x[:, -1], x[..., None]: whole numbers and slices.

Counted from 0, from the end with a minus, a slice up to and without its end: as in Python.
"""

from __future__ import annotations

from typing import Any

from backtrace.errors import FormulaError
from backtrace.formula.token import END, NAME, NUMBER, Token
from backtrace.language import marked, tell

Part = Any
"""A whole number, a slice (start, stop, step), None for a new axis, `...` for what is not said."""

_HINT = marked("an index is made of whole numbers and slices: x[0], x[1:3], x[:, -1]")


def read_index(text: str, tokens: list[Token], at: int) -> tuple[tuple[Part, ...], str, int]:
    """The index whose `[` is the token at `at`: its parts, how it is written, and the place after
    its `]`. Raises FormulaError."""
    opener = tokens[at]
    at += 1
    parts: list[Part] = []
    while True:
        part, at = _read_part(text, tokens, at)
        if part is ... and ... in parts:
            raise _refused(text, tokens[at - 1])
        parts.append(part)
        token = tokens[at]
        at += 1
        if token.kind == "]":
            return tuple(parts), ", ".join(map(_spelled, parts)), at
        if token.kind == END:
            span = (opener.start, opener.end)
            raise FormulaError(
                tell("'[' is never closed"), text=text, span=span, hint=tell("add the missing ']'")
            )
        if token.kind != ",":
            raise _refused(text, token)


def parts_of(tokens: list[Token], at: int) -> list[tuple[int, int]]:
    """Where the parts between the commas of the index that begins at `at` stand, [start, end); the
    last end is the place of its `]`. Nothing where it is never closed."""
    found, depth, start = [], 0, at + 1
    for place in range(at, len(tokens)):
        kind = tokens[place].kind
        depth += (kind in ("(", "[")) - (kind in (")", "]"))
        if depth == 0 or (depth == 1 and kind == ","):
            found.append((start, place))
            start = place + 1
        if depth == 0:
            return found
    return []


def is_looked_up(tokens: list[Token]) -> bool:
    """Whether a part of an index is an array of whole numbers: i, y - 1, [0, 2]."""
    is_new_axis = [token.text for token in tokens] == ["None"]
    return not is_new_axis and any(token.kind in (NAME, "[") for token in tokens)


def _read_part(text: str, tokens: list[Token], at: int) -> tuple[Part, int]:
    if tokens[at].kind == NAME and tokens[at].text == "None":
        return None, at + 1
    if [token.kind for token in tokens[at : at + 3]] == [".", ".", "."]:
        return ..., at + 3
    numbers: list[int | None] = []
    while True:
        number, at = _read_number(text, tokens, at)
        numbers.append(number)
        if tokens[at].kind != ":" or len(numbers) == 3:
            break
        at += 1
    if len(numbers) == 1:
        if numbers[0] is None:
            raise _refused(text, tokens[at])
        return numbers[0], at
    start, stop, step = (*numbers, None)[:3]
    if step == 0:
        raise _refused(text, tokens[at - 1])
    return (start, stop, step), at


def _read_number(text: str, tokens: list[Token], at: int) -> tuple[int | None, int]:
    sign = -1 if tokens[at].kind == "-" else 1
    at += sign < 0
    token = tokens[at]
    if token.kind != NUMBER:
        if sign < 0 or token.kind not in (":", ",", "]", END):
            raise _refused(text, token)
        return None, at
    if not token.text.isdigit() or len(token.text) > 12:
        raise _refused(text, token)
    return sign * int(token.text), at + 1


def _refused(text: str, token: Token) -> FormulaError:
    shown = text[token.start : token.end][:40]
    what = (
        tell("'{shown}' cannot be an index", shown=shown)
        if shown.strip()
        else tell("the index is not complete")
    )
    return FormulaError(what, text=text, span=(token.start, token.end), hint=tell(_HINT))


def _spelled(part: Part) -> str:
    if part is ...:
        return "..."
    if part is None or isinstance(part, int):
        return str(part)
    start, stop, step = ("" if number is None else str(number) for number in part)
    return f"{start}:{stop}" + (f":{step}" if step else "")


def end_of_call(tokens: list[Token], at: int) -> int | None:
    """The place behind the bracket that opens at `at`; None where none does, or it never closes."""
    depth = 0
    if tokens[at].kind != "(":
        return None
    for place in range(at, len(tokens)):
        depth += (tokens[place].kind == "(") - (tokens[place].kind == ")")
        if depth == 0:
            return place + 1
    return None
