r"""What stands above and below in LaTeX: x^2, x^T, x_1, W_{hh}, \lVert x \rVert_1."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping

from backtrace.errors import FormulaError, Span
from backtrace.formula.latex.items import Item
from backtrace.formula.latex.words import FONTS, GREEK, TRANSPOSED
from backtrace.formula.token import NAME, NUMBER, SUBSCRIPT, Token
from backtrace.gates.shapes import Shape
from backtrace.graph import Count, Summed
from backtrace.language import tell

DIGITS = "0123456789"


class Scripts(ABC):
    """`names` are the variables that have a value, with their shapes where these are known;
    `indices` those of the sums that are open, `counts` what a sum's limits are to be,
    `stages` what stands in sums and has no known shape yet."""

    def __init__(self, text: str, names: Collection[str]) -> None:
        self.text = text
        self.names = frozenset(names)
        self.shapes: Mapping[str, Shape] = names if isinstance(names, Mapping) else {}
        self.indices: list[str] = []
        self.counts: list[Count] = []
        self.stages: list[Summed] = []
        self._summed: list[Span] = []

    @abstractmethod
    def tokens(self, items: list[Item], depth: int) -> list[Token]:
        """Tokens of a list of items, with a sign between factors that stand side by side."""

    @abstractmethod
    def _factor(self, items: list[Item], at: int, depth: int) -> tuple[list[Token], int]:
        """The tokens of what begins at `at`, with its scripts, and the place behind it."""

    def _named(
        self, name: str, span: Span, items: list[Item], at: int, depth: int
    ) -> tuple[list[Token], int]:
        """A name with its subscript, then what stands above it."""
        start, end = span
        if at < len(items) and items[at].kind == "char" and items[at].text == "_":
            subscript, at = self._subscript(items, at + 1)
            name, end = f"{name}_{subscript}", items[at - 1].end
        name = self._as_given(name)
        return self._scripts([Token(NAME, name, start, end)], items, at, depth)

    def _as_given(self, name: str) -> str:
        """θ_1 is theta_1 where that, or theta1, is what has a value."""
        word = next((w for w, letter in GREEK.items() if name.startswith(letter)), "")
        spelled = word + name[1:] if word else name
        same = {n.replace("_", ""): n for n in self.names}
        return same.get(spelled.replace("_", ""), name) if spelled != name else name

    def _subscript(self, items: list[Item], at: int) -> tuple[str, int]:
        if at >= len(items):
            raise self.error(tell("'_' needs something on its right"), items[at - 1])
        item = items[at]
        parts = item.inner if item.kind == "group" else [item]
        text = "".join(GREEK.get(p.text, p.text) if p.kind == "macro" else p.text for p in parts)
        for part in parts:
            if part.kind == "macro" and part.text in FONTS:
                text = "".join(i.text for i in part.inner[-1].inner)
        if "," in text and {*text.replace(",", "")} <= {*self.indices}:
            text = text.replace(",", "")  # W_{k,l} of a sum over k and l
        if not re.fullmatch(r"\w+", text):
            hint = tell("a subscript is part of a name: x_1, W_{hh}; an entry of an array is x[0]")
            raise self.error(tell("this subscript is not read"), item, hint)
        return text, at + 1

    def _scripts(
        self, tokens: list[Token], items: list[Item], at: int, depth: int
    ) -> tuple[list[Token], int]:
        """What was read, to the power of what stands above it, or transposed."""
        if at >= len(items) or items[at].kind != "char" or items[at].text != "^":
            return tokens, at
        sign = items[at]
        if at + 1 >= len(items):
            raise self.error(tell("'^' needs something on its right"), sign)
        above = items[at + 1]
        parts = above.inner if above.kind == "group" else [above]
        if len(parts) == 1 and _is_transposed(parts[0]) and "T" not in self.names:
            return [*tokens, Token("ᵀ", "ᵀ", sign.start, above.end)], at + 2
        if parts and parts[0].text in ("(", "[") and parts[-1].text in (")", "]"):
            inner = self.text[parts[0].end : parts[-1].start]
            base = self.text[tokens[0].start : tokens[-1].end]
            hint = tell(
                "write the layer as a subscript, {base}_{inner}, or the power without brackets",
                base=base,
                inner=inner,
            )
            raise self.error(
                tell("'^{{({inner})}}' can be a layer or a power", inner=inner), above, hint
            )
        if len(parts) == 1 and parts[0].text in ("prime", "*", "ast", "dagger", "circ"):
            raise self.error(
                tell("'^{text}' is not read", text=parts[0].text), above, tell("a transpose is x^T")
            )
        power = self._power(above, depth)
        return [*tokens, Token("^", "^", sign.start, sign.end), *power], at + 2

    def _power(self, item: Item, depth: int) -> list[Token]:
        if item.kind == "char" and item.text in DIGITS:
            return [Token(NUMBER, item.text, item.start, item.end)]
        if item.kind == "group":
            return self._bracketed(item, depth)
        return self._bracketed(Item("group", "", item.start, item.end, [item]), depth)

    def _bracketed(self, item: Item, depth: int) -> list[Token]:
        if not item.inner:
            raise self.error(tell("an empty group"), item)
        inner = self.tokens(item.inner, depth + 1)
        opened = Token("(", "(", item.start, item.start)
        return [opened, *inner, Token(")", ")", item.end, item.end)]

    def _bar(self, items: list[Item], at: int, sign: str, depth: int) -> tuple[list[Token], int]:
        item = items[at]
        found = [Token(sign, sign, item.start, item.end)]
        if at + 1 < len(items) and items[at + 1].kind == "char" and items[at + 1].text == "_":
            subscript, at = self._subscript(items, at + 2)
            found.append(Token(SUBSCRIPT, subscript, items[at - 1].start, items[at - 1].end))
            return self._scripts(found, items, at, depth)
        return self._scripts(found, items, at + 1, depth)

    def error(self, what: str, item: Item | Token | Span, hint: str = "") -> FormulaError:
        span = (item.start, item.end) if isinstance(item, Item | Token) else item
        return FormulaError(what, text=self.text, span=span, hint=hint)


def _is_transposed(item: Item) -> bool:
    r"""T, \top, \mathsf{T}, \mathrm{T}"""
    while item.kind == "macro" and item.text in FONTS and len(item.inner[-1].inner) == 1:
        (item,) = item.inner[-1].inner
    return item.text in TRANSPOSED
