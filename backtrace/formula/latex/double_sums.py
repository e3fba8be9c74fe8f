r"""\sum_k \sum_l W_{k,l}^2, \sum_{ij} x_i A_{ij} x_j: sums over several indices.

Where all entries have the same indices, products are of numbers, as in a sum over one:
sum((A - B)**2). A product of entries with others is an einsum, which says the sum as it is written:
einsum("i,ij,j->", x, A, x). Every index has to stand in the body, or each term would be added
again and again; and what has fewer indices than a function around it is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from backtrace.errors import FormulaError, Span
from backtrace.formula.latex.items import Item
from backtrace.formula.latex.reach import end_of_term
from backtrace.formula.latex.sums import PRODUCTS, Bounds, Sums, of_entries
from backtrace.formula.token import NAME, NUMBER, TEXT, Token
from backtrace.gates import GATES
from backtrace.graph import Summed
from backtrace.language import tell


class DoubleSums(Sums):
    def _sum(self, items: list[Item], at: int, depth: int) -> tuple[list[Token], int]:
        r"""\sum and all that follow it at once: over one index, or over several."""
        first, bounds, after = items[at], list[Bounds](), at
        while after < len(items) and items[after].kind == "macro" and items[after].text == "sum":
            found, after = self._bounds(items, after)
            bounds += [found._replace(letter=letter) for letter in found.letter] or [found]
        letters = "".join(found.letter for found in bounds)
        for found in bounds:
            self._refuse_moving(found, letters)
        if len(bounds) == 1 or len(letters) < len(bounds) or len(set(letters)) < len(letters):
            return super()._sum(items, at, depth)
        end = end_of_term(items, after)
        if end == after:
            raise self.error(tell("the sum has nothing after it"), first)
        inner, sums = self._term(items[after:end], letters, depth)
        summed = self._over_several(inner, bounds, sums)
        self._summed.append((first.start, items[end - 1].end))
        return summed, end

    def _over_several(
        self, inner: list[Token], bounds: list[Bounds], sums: Sequence[Span]
    ) -> list[Token]:
        letters = "".join(found.letter for found in bounds)
        own = self._own(inner, sums)
        indices = [self._index_of(t) if o else "" for t, o in zip(inner, own, strict=True)]
        indices = [index if index and set(index) <= set(letters) else "" for index in indices]
        for found in bounds:
            if not any(found.letter in index for index in indices):
                what = tell("nothing in this sum has the index {letter}", letter=found.letter)
                hint = tell("write how often it is added: n*x")
                raise self.error(what, found.item, hint)
        first = next(filter(None, indices))
        place = inner[0].start, inner[-1].end
        if set(indices) <= {"", first} and len(first) == len(letters):
            in_order = [next(b for b in bounds if b.letter == i) for i in first]
            body = self._body(inner, in_order, sums)
            opened = [Token(NAME, "sum", *place), Token("(", "(", place[0], place[0])]
            return [*opened, *map(_by_entries, body), Token(")", ")", place[1], place[1])]
        return self._einsum(inner, indices, bounds)

    def _einsum(
        self, inner: list[Token], indices: Sequence[str], bounds: list[Bounds]
    ) -> list[Token]:
        """A product of entries that have different indices, and of numbers; those with the same
        ones are multiplied first."""
        factors: dict[str, list[Token]] = {}
        at = 0
        while at < len(inner):
            token, index = inner[at], indices[at]
            power = _power_at(inner, at + 1)
            factor = [self._operand(token, index, bounds), *map(_by_entries, power)]
            times = [Token("*", "*", token.start, token.start)] if index in factors else []
            factors.setdefault(index, []).extend([*times, *factor])
            at += 1 + len(power)
            if at < len(inner) and inner[at].kind not in PRODUCTS:
                raise self._not_a_product(inner[at])
            at += 1
        start, end = inner[0].start, inner[-1].end
        numbers = factors.pop("", [])
        found = [Token(NAME, "einsum", start, end), Token("(", "(", start, start)]
        found.append(Token(TEXT, f"{','.join(factors)}->", start, end))
        for operand in factors.values():
            found += [Token(",", ",", operand[0].start, operand[0].start), *operand]
        found.append(Token(")", ")", end, end))
        if numbers:
            found += [Token("*", "*", numbers[0].start, numbers[0].start), *numbers]
        return [Token("(", "(", start, start), *found, Token(")", ")", end, end)]

    def _operand(self, token: Token, index: str, bounds: list[Bounds]) -> Token:
        """An array, of whose entries one is meant, or a number. Raises FormulaError."""
        is_operand = token.kind == NUMBER or (token.kind == NAME and token.text not in GATES)
        is_free = not index and self._index_of(token) in self.indices
        if not is_operand or is_free or (self._shape(token) and not index):
            raise self._not_a_product(token)
        if not index:
            if token.kind == NAME and token.text not in self.shapes:
                self.stages.append(Summed(token.text, (0,), (token.start, token.end)))
            return token
        array = self._whole(token)
        self._refuse_shape(token, array, index)
        for letter, length in zip(index, self._shape(array), strict=False):
            self._count(next(b for b in bounds if b.letter == letter), (length,))
        return array

    def _refuse_shape(self, typed: Token, array: Token, index: str) -> None:
        shape = self._shape(array)
        if array.text not in self.shapes:
            self.stages.append(Summed(array.text, (len(index),), (typed.start, typed.end)))
        elif len(shape) != len(index):
            what, hint = of_entries(array.text, shape, len(index))
            raise self.error(what, typed, hint)
        if len(set(index)) < len(index):
            raise self.error(
                tell("an index stands twice at '{x}'", x=array.text), typed, "trace(A)"
            )

    def _not_a_product(self, token: Token) -> FormulaError:
        what = tell("entries of several indices are read in products alone")
        return self.error(what, token, tell("write it as arrays: sum(W*x), W@x"))


def _power_at(tokens: Sequence[Token], at: int) -> list[Token]:
    """^2 or ^(2), where that stands next."""
    kinds = [token.kind for token in tokens[at : at + 4]]
    if kinds[:2] == ["^", NUMBER]:
        return list(tokens[at : at + 2])
    return list(tokens[at : at + 4]) if kinds == ["^", "(", NUMBER, ")"] else []


def _by_entries(token: Token) -> Token:
    """x^2 of a number is that of every entry."""
    return token._replace(kind="**", text="**") if token.kind == "^" else token
