"""How far things reach in LaTeX: a sum's term, bars, what makes one number of arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backtrace.errors import Span
from backtrace.formula.latex.items import Item
from backtrace.formula.latex.words import BARS
from backtrace.formula.token import NAME, NUMBER, SUBSCRIPT, Token
from backtrace.gates import GATES

_TO_NUMBERS = ("sum", "mean", "prod", "var", "std", "norm", "norm2", "trace", "det", "logdet")
_AFTER_A_TERM = ("+", "-", ",", ";", "=", "\\", "&")


def is_one_entry(tokens: Sequence[Token], at: int) -> bool:
    """Whether the index of one entry begins here: [0]."""
    kinds = "".join(token.kind for token in tokens[at : at + 4]).replace("-", "", 1)
    return kinds.startswith(f"[{NUMBER}]")


def to_numbers(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """The places, first and behind the last, of what makes one number of arrays: ‖x‖, mean(x)."""
    opened: list[tuple[int, str, bool]] = []
    due = True
    for at, token in enumerate(tokens):
        before = tokens[at - 1] if at else None
        closes = token.kind in (")", "]")
        if token.kind == "‖":
            closes = not due and bool(opened) and opened[-1][1] == "‖"
        due = not (closes or (token.kind != "‖" and ends(token)))
        if closes and opened:
            first, _, is_number = opened.pop()
            if is_number:
                yield first, at + 1
        elif token.kind in ("(", "[", "‖"):
            name = before.text if before is not None and before.kind == NAME else ""
            is_call = token.kind == "(" and name in GATES
            is_alone = is_call and bool(GATES[name].reduction) and _is_one(tokens, at)
            is_number = token.kind == "‖" or (is_call and name in _TO_NUMBERS) or is_alone
            opened.append((at - is_call, token.kind, is_number))


def _is_one(tokens: Sequence[Token], at: int) -> bool:
    """Whether the call whose bracket opens here has one argument."""
    level = 0
    for token in tokens[at:]:
        level += token.kind in ("(", "[")
        level -= token.kind in (")", "]")
        if level == 0:
            return True
        if level == 1 and token.kind == ",":
            return False
    return True


def ends(token: Token) -> bool:
    return token.kind in (NUMBER, NAME, ")", "]", "ᵀ", "‖", "|", SUBSCRIPT)


def span_of(tokens: Sequence[Token]) -> Span:
    return (min(t.start for t in tokens), max(t.end for t in tokens))


def end_of_term(items: list[Item], at: int) -> int:
    """Where the term that begins here ends: at a sum's sign, a comma, a closing bracket or bar."""
    opened: list[str] = []
    is_inside = sum(bar(items, place) != "" for place in range(at)) % 2 == 1
    for place in range(at, len(items)):
        item = items[place]
        word = item.text if item.kind in ("char", "macro") else ""
        if sign := bar(items, place):
            which = side(items, place)
            if which != "left" and opened[-1:] == [sign]:
                opened.pop()
            elif which == "right" or (not which and is_inside and not opened and place > at):
                return place - (items[place - 1].text == "right")
            else:
                opened.append(sign)
            continue
        is_space = item.kind == "macro" and word in (",", ";")  # \, and \;
        if not opened and place > at and word in _AFTER_A_TERM and not is_space:
            return place
        if word in (")", "]", "}", "rbrace", "rangle", "rbrack"):
            if not opened:
                return place
            opened.pop()
        elif word in ("(", "[", "{", "lbrace", "langle", "lbrack"):
            opened.append(word)
    return len(items)


def bar(items: list[Item], at: int) -> str:
    """| or ‖, where one of them stands."""
    item = items[at]
    if item.kind == "char":
        return "|" if item.text == "|" else ""
    return BARS.get(item.text, "") if item.kind == "macro" else ""


def side(items: list[Item], at: int) -> str:
    """left or right, where it is written which bar it is."""
    before = items[at - 1].text if at else ""
    own = {"l": "left", "r": "right"}.get(items[at].text[:1], "")
    return before if before in ("left", "right") else own
