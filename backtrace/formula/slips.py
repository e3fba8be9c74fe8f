"""What people mistype in a formula, each slip with its own words and its remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping

from backtrace.errors import FormulaError, Span
from backtrace.formula.spellings import LIBRARIES
from backtrace.formula.token import BREAK, END, NAME, NUMBER, POWER, TEXT, Token
from backtrace.gates import GATES, Gate
from backtrace.language import tell

JOINERS = ("and", "or", "not")


def is_function(name: str, gates: Mapping[str, Gate] = GATES) -> bool:
    """Whether a formula may call it: sin is one, add is written +, and index x[0]."""
    row = gates.get(name)
    return row is not None and not (row.operator or row.called or name == "index")


def error_at(text: str, what: str, span: Span, hint: str = "") -> FormulaError:
    return FormulaError(what, text=text, span=span, hint=hint)


def span_of(token: Token) -> Span:
    return (token.start, token.end)


def shown_in(text: str, token: Token) -> str:
    return text[token.start : token.end][:40]


def operand_missing(text: str, tokens: list[Token], at: int) -> FormulaError:
    """An operand is due and something else stands there."""
    token, before = tokens[at], tokens[at - 1] if at else None
    shown = shown_in(text, token)
    opens = before is None or before.kind in ("(", "|", "‖", "[", ",", BREAK, "=")
    if token.kind in ("'", TEXT):
        return _quoted(text, token)
    if token.kind == "*" and before is not None and before.kind == "*":
        both = text[before.start : token.end]
        return error_at(
            text,
            tell("'{both}' is not an operator", both=both),
            (before.start, token.end),
            tell("a power is ** or ^"),
        )
    if before is not None and not opens and token.kind in (END, BREAK, ")", "]", ","):
        hint = (
            tell("to go on in the next line, put the whole in brackets")
            if token.text == "\n"
            else ""
        )
        hint = tell("a percentage is written /100") if before.kind == "%" else hint
        return error_at(
            text,
            tell("'{shown}' needs something on its right", shown=shown_in(text, before)),
            span_of(before),
            hint,
        )
    if token.kind in (*"*·×/%@^<>", "//", "**", "<=", ">=", "==", "!=", POWER):
        return error_at(
            text, tell("'{shown}' needs something on its left", shown=shown), span_of(token)
        )
    if token.kind in (END, BREAK):
        return error_at(text, tell("the formula ends where a value is due"), span_of(token))
    if token.kind in (")", "]", ","):
        return error_at(
            text, tell("something is missing before '{shown}'", shown=shown), span_of(token)
        )
    return error_at(text, tell("unexpected '{shown}'", shown=shown), span_of(token))


def _quoted(text: str, token: Token) -> FormulaError:
    return error_at(
        text,
        tell("text in quotes is not part of a formula"),
        span_of(token),
        tell("write names without quotes"),
    )


def operator_missing(text: str, tokens: list[Token], at: int) -> FormulaError:
    """An operator is due and something else stands there."""
    token, before = tokens[at], tokens[at - 1]
    shown = shown_in(text, token)
    if token.kind == "'" and before.kind == tokens[at + 1].kind == NUMBER:  # 1'000
        together = shown_in(text, before) + shown_in(text, tokens[at + 1])
        hint = tell("digits are written together: {together}", together=together)
        return error_at(text, tell("a prime is not part of a number"), span_of(token), hint)
    if token.kind == "'":
        return error_at(
            text,
            tell("a prime is not part of a name"),
            span_of(token),
            tell(
                "a transpose is {shown}.T; backtrace finds derivatives itself",
                shown=shown_in(text, before),
            ),
        )
    if token.kind == "=":
        return error_at(
            text,
            tell("'=' can only name a stage, at the start of a statement"),
            span_of(token),
            "q = x + y; f = q*z",
        )
    if token.kind == NAME and token.text in JOINERS:
        hint = tell("two conditions: where(a > 0, where(b > 0, x, y), y)")
        return error_at(
            text, tell("'{shown}' cannot join conditions", shown=shown), span_of(token), hint
        )
    if is_derivative(tokens, at):
        rest = text[token.start :].strip()
        hint = tell("backtrace finds the derivatives itself: write {rest}", rest=rest)
        span = (tokens[at - 3].start, before.end)
        return error_at(text, tell("a formula is not told to be differentiated"), span, hint)
    if token.kind in (NAME, NUMBER, "(", "|", "‖", "√"):
        hint = tell(
            "write {shown}*{other_shown} for a product",
            shown=shown_in(text, before),
            other_shown=shown,
        )
        if before.kind not in (NAME, NUMBER) or token.kind not in (NAME, NUMBER):
            hint = tell("write * for a product")
        elif before.text.isdecimal() and re.fullmatch("[0-9]{3}", token.text):  # 1 000
            together = before.text + token.text
            hint = tell("{hint}, or {together} for one number", hint=hint, together=together)
        elif token.kind == NAME and token.text in ("if", "else"):
            hint = tell("a choice is written where(x > 0, a, b)")
        elif _is_in_array(tokens, at):
            hint = tell("the entries of an array are separated by commas: [1, 2]")
        return error_at(
            text, tell("an operator is missing before '{shown}'", shown=shown), span_of(token), hint
        )
    hint = _after_dot(text, tokens, at) if token.kind == "." else ""
    return error_at(text, tell("unexpected '{shown}'", shown=shown), span_of(token), hint)


def _after_dot(text: str, tokens: list[Token], at: int) -> str:
    """np.sum(x), x.sum(), x.shape, a.npy."""
    before, after = tokens[at - 1], tokens[at + 1]
    if after.text in ("npy", "csv", "json", "txt"):
        return tell("a file is given with @: x=@{text}", text=text.strip())
    if before.text in LIBRARIES:
        return tell(
            "backtrace gates lists the functions; they are written without a library's name"
        )
    if after.text == "shape":
        return tell("a shape is written out: reshape(x, 2, 3)")
    return tell("a transpose is written x.T; a function f(x)")


def refuse_percentage(text: str, tokens: list[Token], at: int) -> None:
    """`50% x`: half of x, or the remainder of 50? Where the sign leans on neither side it is the
    remainder, as in Python."""
    before, token, after = tokens[at - 1 : at + 2]
    leans = before.end == token.start and token.end < after.start
    if before.kind != NUMBER or not leans or after.kind not in (NAME, NUMBER, "("):
        return
    a, b = shown_in(text, before), shown_in(text, after)
    what = tell("it is not clear whether this is a percentage")
    hint = tell("write {a}/100*{b} or {a} % {b}", a=a, b=b)
    raise error_at(text, what, (before.start, token.end), hint)


def is_derivative(tokens: list[Token], at: int) -> bool:
    """Whether d/dx or dy/dx stands before this token."""
    if at < 3:
        return False
    over, slash, under = tokens[at - 3 : at]
    is_quotient = slash.kind == "/" and over.kind == under.kind == NAME
    return is_quotient and over.text[0] == "d" == under.text[0] and len(under.text) > 1


def _is_in_array(tokens: list[Token], at: int) -> bool:
    """Whether the innermost bracket that is open here is a [."""
    closed = 0
    for token in reversed(tokens[:at]):
        closed += token.kind in (")", "]")
        if token.kind in ("(", "["):
            if not closed:
                return token.kind == "["
            closed -= 1
    return False


def unclear_product(
    text: str, operator: Token, left: Span, right: Span, token: Token
) -> FormulaError:
    """`1/2x`, `2^3x`: two readings, so neither."""
    symbol = shown_in(text, operator)
    a, b = text[slice(*left)].strip(), text[slice(*right)].strip()
    between = text[operator.end : right[0]]
    b = "-" + b if sum(map(between.count, "-−")) % 2 else b
    c = shown_in(text, token) if token.kind == NAME else "(...)"
    hint = ""
    if len(a) + len(b) < 40:
        hint = tell(
            "write ({a}{symbol}{b})*{c} or {a}{symbol}({b}*{c})", a=a, symbol=symbol, b=b, c=c
        )
    return error_at(
        text,
        tell("it is not clear what '{symbol}' takes here", symbol=symbol),
        (left[0], token.end),
        hint,
    )


def comma_outside_call(text: str, tokens: list[Token], at: int) -> FormulaError:
    token, before, after = tokens[at], tokens[at - 1], tokens[at + 1]
    hint = ""
    whole, part = shown_in(text, before), shown_in(text, after)
    if whole.isdecimal() and part.isdecimal() and tokens[at + 2].kind != ",":
        hint = tell("a decimal point? {shown}.{text_shown}", shown=whole, text_shown=part)
    elif before.kind in (NAME, NUMBER) and after.kind in (NAME, NUMBER):
        hint = tell("an array is written in square brackets: [{a}, {b}]", a=whole, b=part)
    return error_at(
        text,
        tell("a comma can only stand between the arguments of a function"),
        span_of(token),
        hint,
    )


def comparison_outside_where(text: str, token: Token) -> FormulaError:
    shown = shown_in(text, token)
    hint = tell("where(x > 0, a, b) is a where x > 0, else b")
    if token.kind == "==":
        hint = tell("a value is given after the formula: x=2")
    return error_at(
        text, tell("'{shown}' is only allowed in where()", shown=shown), span_of(token), hint
    )
