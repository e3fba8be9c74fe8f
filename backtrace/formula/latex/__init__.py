r"""LaTeX -> tokens of our own grammar, each with its place in what was typed.

    \frac{1}{1+e^{-(w_{0}x_{0}+w_2)}}      W_2 \max(0, W_1 x)      -\sum_i y_i \log p_i

pylatexenc reads macros, groups and environments (`items`); `reader` says what they mean, on
`functions` and `scripts`, by the tables in `words`. Letters stand alone (qz is q z) unless a value
of that name is given; side by side is a product; what has two readings is refused with both.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from backtrace.errors import FormulaError
from backtrace.formula.bars import paired
from backtrace.formula.token import END, Token
from backtrace.graph import Count, Summed
from backtrace.language import tell

_GROUP = re.compile(r"[_^]\s*\{")


def is_latex(text: str) -> bool:
    r"""Whether a formula is written in LaTeX: \name, $, _{ or ^{ occurs."""
    is_grouped = "{" in text and _GROUP.search(text) is not None
    return "\\" in text or "$" in text or is_grouped


class Tokens(NamedTuple):
    """A formula's tokens, how many entries its sums' limits say that there are, and which stages
    stand in sums."""

    tokens: list[Token]
    counts: tuple[Count, ...]
    summed: tuple[Summed, ...]


def tokens_of(text: str, names: Collection[str]) -> Tokens:
    """`names` are the variables that have a value, with their shapes where these are known.

    Raises FormulaError.
    """
    from pylatexenc.latexwalker import LatexWalker, LatexWalkerParseError

    from backtrace.formula.latex.items import items_of, macros
    from backtrace.formula.latex.reader import Reader

    try:
        walker = LatexWalker(text, latex_context=macros(), tolerant_parsing=False)
        nodes, _, _ = walker.get_latex_nodes()
    except LatexWalkerParseError as error:
        place = min(error.pos or 0, max(0, len(text) - 1))
        what = tell(
            "this is not LaTeX: {splitline}", splitline=str(error.msg).strip().splitlines()[0]
        )
        raise FormulaError(what, text=text, span=(place, place + 1)) from None
    except RecursionError:
        raise FormulaError(tell("groups are nested too deep"), text=text, span=(0, 1)) from None
    reader = Reader(text, names)
    found = reader.tokens(list(items_of(text, nodes)), 0)
    tokens = paired([*found, Token(END, "", len(text), len(text))])
    return Tokens(tokens, tuple(reader.counts), tuple(reader.stages))
