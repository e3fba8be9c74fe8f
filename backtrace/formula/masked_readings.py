"""The largest and the smallest among some entries, as NumPy has it: x.max(where=m, initial=0)."""

from __future__ import annotations

from backtrace.formula.calls import Call, Tokens
from backtrace.formula.token import NAME, NUMBER, Token
from backtrace.language import tell

_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")


def masked(call: Call, name: str) -> Tokens:
    """max(max(where(m, x, c)), c): what the mask leaves out is c, which is one of the candidates.
    Raises FormulaError where `initial` is not given, without which NumPy refuses too."""
    mask, initial = call.take("where"), call.take("initial")
    if initial is None:
        hint = tell(
            "x.{name}(where=mask, initial=0): what it is where the mask leaves nothing", name=name
        )
        raise call.error(tell("{name} with where= needs initial=", name=name), hint, mask)
    if mask is not None:
        call.free[0] = _where(mask, call.free[0], initial)
    inner = call.plain(name)
    return _call(name, inner, initial)


def _where(mask: Tokens, x: Tokens, other: Tokens) -> Tokens:
    """where(mask, x, other); a mask that is no comparison is one of numbers, true but for 0."""
    if not any(token.text in _COMPARISONS for token in mask):
        start, end = mask[0].start, mask[-1].end
        mask = [
            *(Token("(", "(", start, start), *mask, Token(")", ")", end, end)),
            *(Token("!=", "!=", end, end), Token(NUMBER, "0", end, end)),
        ]
    return _call("where", mask, x, other)


def _call(name: str, *arguments: Tokens) -> Tokens:
    start, end = arguments[0][0].start, arguments[-1][-1].end
    found = [Token(NAME, name, start, start), Token("(", "(", start, start)]
    for number, argument in enumerate(arguments):
        if number:
            found.append(Token(",", ",", argument[0].start, argument[0].start))
        found += argument
    return [*found, Token(")", ")", end, end)]
