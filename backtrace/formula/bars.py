"""Which bars belong together: `||x||` is a norm, `||a| + b|` an absolute value inside another.

Two bars that touch open a norm where the bars that close it touch as well; after a norm `_1`, `₂`,
`_F` or `_∞` is its subscript. A norm's bars become the one sign ‖, which can also be typed.
"""

from __future__ import annotations

from backtrace.formula.characters import SUBSCRIPTS
from backtrace.formula.token import BREAK, END, NAME, NUMBER, POWER, SUBSCRIPT, Token

_DEEPEST = 64  # brackets; what is deeper is refused by the parser
_ENDS_AN_OPERAND = (NUMBER, NAME, POWER, SUBSCRIPT, ")", "]", "ᵀ")
_CLOSES = {")": "(", "]": "["}


def paired(tokens: list[Token]) -> list[Token]:
    """The tokens with every norm's bars as one sign, and its subscript."""
    found: list[Token] = []
    opened: list[str] = []
    due = True
    at = 0
    while at < len(tokens):
        token = tokens[at]
        bar = _bar(tokens, at, opened, due)
        if not bar:
            _bracket(token, opened)
            if not _goes_on(token, opened):
                due = token.kind not in _ENDS_AN_OPERAND
            found.append(token)
            at += 1
            continue
        length = 2 if bar == "‖" and token.kind == "|" else 1
        last = tokens[at + length - 1]
        found.append(Token(bar, bar, token.start, last.end))
        at += length
        closes = not due and opened[-1:] == [bar]
        due = not closes
        if closes:
            opened.pop()
            if subscript := _subscript(last, tokens[at]):
                found.append(subscript)
                at += 1
        else:
            opened.append(bar)
        if len(opened) > _DEEPEST:
            return found + tokens[at:]
    return found


def _bar(tokens: list[Token], at: int, opened: list[str], due: bool) -> str:
    """Whether the bar that stands here is one of a norm, ‖, or of an absolute value, |."""
    token = tokens[at]
    if token.kind == "‖":
        return "‖"
    if token.kind != "|":
        return ""
    is_double = _touch(token, tokens[at + 1])
    if not due and opened and opened[-1] in ("|", "‖"):
        if opened[-1] == "|" or not is_double:
            return "|"
        return "‖"
    return "‖" if is_double and _opens_a_norm(tokens, at + 2) else "|"


def _opens_a_norm(tokens: list[Token], at: int) -> bool:
    """Whether two bars before `at` are closed by two that touch."""
    opened = ["‖"]
    due = True
    while at < len(tokens) and opened and len(opened) <= _DEEPEST:
        token = tokens[at]
        if token.kind == "‖":
            due = due or opened[-1] != "‖"
            opened.append("‖") if due else opened.pop()
        elif token.kind == "|":
            is_double = _touch(token, tokens[at + 1])
            if not due and opened[-1] in ("|", "‖"):
                if opened[-1] == "‖" and not is_double:
                    return False
                at += opened.pop() == "‖"
            else:
                opened.append("‖" if is_double else "|")
                at += is_double
                due = True
        else:
            _bracket(token, opened)
            if token.kind == END or (token.kind == BREAK and token.text == ";"):
                return True
            if not _goes_on(token, opened):
                due = token.kind not in _ENDS_AN_OPERAND
        at += 1
    return True


def _goes_on(token: Token, opened: list[str]) -> bool:
    """A line's end inside brackets is a space."""
    return token.kind == BREAK and token.text == "\n" and bool(opened)


def _bracket(token: Token, opened: list[str]) -> None:
    if token.kind in ("(", "["):
        opened.append(token.kind)
    elif token.kind in _CLOSES and opened and opened[-1] == _CLOSES[token.kind]:
        opened.pop()


def _touch(token: Token, following: Token) -> bool:
    return following.kind == "|" and following.start == token.end


def _subscript(bar: Token, token: Token) -> Token | None:
    """The subscript that touches a norm's last bar: ‖x‖₁, ||x||_1, ||W||_F."""
    if token.start != bar.end:
        return None
    if token.kind == SUBSCRIPT or (token.kind == NAME and token.text.startswith("_")):
        text = token.text.translate(SUBSCRIPTS).removeprefix("_")
        return Token(SUBSCRIPT, text, token.start, token.end)
    return None
