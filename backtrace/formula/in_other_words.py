"""What people call that is no gate, in those that there are: sec(x) is 1/cos(x).

`{0}` is the first argument as it was typed. What a table has is to be written, never read so: lg is
the logarithm to base 10 in one country, to base 2 in another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from backtrace.formula.token import BREAK, END, Token
from backtrace.formula.tokens import tokenize

OF_ONE = {
    "sec": "1/cos({0})",
    "csc": "1/sin({0})",
    "cosec": "1/sin({0})",
    "cot": "1/tan({0})",
    "ctg": "1/tan({0})",
    "cotan": "1/tan({0})",
    "tg": "tan({0})",
    "sech": "1/cosh({0})",
    "csch": "1/sinh({0})",
    "coth": "1/tanh({0})",
    "asinh": "log({0} + sqrt({0}^2 + 1))",
    "acosh": "log({0} + sqrt({0}^2 - 1))",
    "atanh": "log((1 + {0})/(1 - {0}))/2",
    "lg": "log10({0}) or log2({0})",
    "ld": "log2({0})",
    "lb": "log2({0})",
    "sgn": "sign({0})",
    "signum": "sign({0})",
    "heaviside": "where({0} > 0, 1, 0)",
    "step": "where({0} > 0, 1, 0)",
    "round": "floor({0} + 1/2)",
    "trunc": "sign({0})*floor(abs({0}))",
    "int": "sign({0})*floor(abs({0}))",
    "frac": "{0} - floor({0})",
    "gamma": "exp(lgamma({0}))",
    "Gamma": "exp(lgamma({0}))",
    "Γ": "exp(lgamma({0}))",
    "factorial": "exp(lgamma({0} + 1))",
    "Φ": "erfc(-({0})/sqrt(2))/2",
    "logit": "log({0}/(1 - {0}))",
    "softsign": "{0}/(1 + abs({0}))",
    "relu6": "clip({0}, 0, 6)",
    "avg": "mean({0})",
    "average": "mean({0})",
    "tr": "trace({0})",
    "Tr": "trace({0})",
    "rms": "sqrt(mean({0}**2))",
    "deg2rad": "{0}*pi/180",
    "radians": "{0}*pi/180",
    "rad2deg": "{0}*180/pi",
    "degrees": "{0}*180/pi",
}
OF_ONE |= {
    other: OF_ONE[name]
    for name in ("asinh", "acosh", "atanh")
    for other in (f"arc{name[1:]}", f"ar{name[1:]}")
}
OF_TWO = {
    "log": "log({0})/log({1})",
    "ln": "log({0})/log({1})",
    "sqrt": "{0}^(1/{1})",
    "root": "{0}^(1/{1})",
    "atan": "atan2({0}, {1})",
    "cross": "[{0}[1]*{1}[2] - {0}[2]*{1}[1], {0}[2]*{1}[0] - {0}[0]*{1}[2], "
    "{0}[0]*{1}[1] - {0}[1]*{1}[0]]",
    "binom": "exp(lgamma({0} + 1) - lgamma({1} + 1) - lgamma({0} - {1} + 1))",
    "beta": "exp(lgamma({0}) + lgamma({1}) - lgamma({0} + {1}))",
    "distance": "norm({0} - {1})",
    "dist": "norm({0} - {1})",
}
_LONGEST = 30  # characters of an argument that is written out again
_ONE_THING = re.compile(r"\w+(?:\.[0-9]+)?|[\w.]*\([^()]*\)")


def in_other_words(text: str, tokens: Sequence[Token], at: int) -> str:
    """The call whose name stands at a place, as it can be written; "" where it cannot be."""
    found = _arguments(text, tokens, at + 1)
    table = {1: OF_ONE, 2: OF_TWO}.get(len(found), {})
    template = table.get(tokens[at].text, "")
    if not template or any(not a or len(a) > _LONGEST for a in found):
        return ""
    found = [a if _ONE_THING.fullmatch(a) else f"({a})" for a in found]
    return re.sub(r"\(\(([^()]*)\)\)", r"(\1)", template.format(*found))


def of_any(name: str, count: int) -> str:
    """The call of so many arguments, as it can be written of x and y; "" where it cannot be."""
    return {1: OF_ONE, 2: OF_TWO}.get(count, {}).get(name, "").format("x", "y")


def call_in_other_words(call: str) -> str:
    """The same of the text of a whole call."""
    return in_other_words(call, tokenize(call), 0)


def _arguments(text: str, tokens: Sequence[Token], opened: int) -> list[str]:
    """The texts of a call's arguments, whose bracket opens at a place; [] where it never closes."""
    depth, start, found = 0, tokens[opened].end, []
    for token in tokens[opened:]:
        if token.kind in (END, BREAK):
            return []
        depth += token.kind in ("(", "[")
        if token.kind in (")", "]"):
            depth -= 1
        if not depth or (depth == 1 and token.kind == ","):
            found.append(text[start : token.start].strip())
            start = token.end
        if not depth:
            return found
    return []
