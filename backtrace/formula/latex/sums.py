r"""\sum_i a_i b_i: over which entries, how far it reaches, and what in it has an index.

An entry x_i is a number, so products of entries are of numbers: sum(a*b). What stands in the sum
without the index is the same for every i, so it must be a number too, or a norm; anything else
(w^T x_i, rows of a matrix, \sum_i \sum_j x_i y_j) would be another sum than that of all entries,
and is refused with how it is written as arrays.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from backtrace.errors import FormulaError, Span
from backtrace.formula.bars import paired
from backtrace.formula.latex.items import Item
from backtrace.formula.latex.reach import end_of_term, ends, is_one_entry, span_of, to_numbers
from backtrace.formula.latex.scripts import Scripts
from backtrace.formula.latex.words import GREEK
from backtrace.formula.token import END, NAME, SIDE, Token
from backtrace.gates import GATES
from backtrace.gates.shapes import Shape
from backtrace.graph import Count, Graph, Summed
from backtrace.language import tell

PRODUCTS = (SIDE, "·", "×", "*")
"""Signs of products, which are those of numbers among entries."""


class Bounds(NamedTuple):
    """The letter, where it begins ("" where that is not said), and up to which it goes."""

    letter: str
    first: str
    last: str
    item: Item


class Sums(Scripts):
    def _sum(self, items: list[Item], at: int, depth: int) -> tuple[list[Token], int]:
        r"""\sum_i a_i b_i: the sum over the entries; inside, products are entry by entry."""
        sign = items[at]
        bounds, at = self._bounds(items, at)
        if len(bounds.letter) > 1:
            raise self._limits(bounds.item)
        end = end_of_term(items, at)
        if end == at:
            raise self.error(tell("the sum has nothing after it"), sign)
        inner, sums = self._term(items[at:end], [bounds.letter], depth)
        body = self._body(inner, [bounds], sums)
        self._summed.append((sign.start, items[end - 1].end))
        opened = Token("(", "(", items[at].start, items[at].start)
        closed = Token(")", ")", items[end - 1].end, items[end - 1].end)
        return [Token(NAME, "sum", sign.start, sign.end), opened, *body, closed], end

    def _term(
        self, items: list[Item], letters: Sequence[str], depth: int
    ) -> tuple[list[Token], list[Span]]:
        """What a sum over these letters is of, and the sums in it."""
        self.indices += letters
        before = len(self._summed)
        inner = self.tokens(items, depth + 1)
        del self.indices[len(self.indices) - len(letters) :]
        end = items[-1].end
        return paired([*inner, Token(END, "", end, end)])[:-1], self._summed[before:]

    def _bounds(self, items: list[Item], at: int) -> tuple[Bounds, int]:
        r"""What stands below and above: i, i=1, n; \limits is passed over."""
        sign = items[at]
        found = Bounds("", "", "", sign)
        at += 1
        while at + 1 < len(items) and items[at].text in ("limits", "nolimits", "_", "^"):
            if items[at].kind == "macro":
                at += 1
                continue
            bound = items[at + 1]
            parts = bound.inner if bound.kind == "group" else [bound]
            text = "".join(
                GREEK.get(i.text, f"\\{i.text}") if i.kind == "macro" else i.text for i in parts
            )
            below = re.fullmatch(r"([^\W\d])(?:=([01]))?|([^\W\d](?:,?[^\W\d])+)", text)
            if items[at].text == "_" and below:
                letters = below[1] or below[3].replace(",", "")
                found = found._replace(letter=letters, first=below[2] or "", item=bound)
            elif items[at].text == "^" and re.fullmatch(r"\d{1,9}|[^\W\d]\w*(-1)?", text):
                found = found._replace(last=text, item=bound)
            else:
                raise self._limits(bound)
            at += 2
        if at < len(items) and items[at].kind == "char" and items[at].text in "_^":
            what = tell("'{text}' needs something on its right", text=items[at].text)
            raise self.error(what, items[at])
        if found.last.endswith("-1") and found.first != "0":
            raise self._limits(found.item)
        self._refuse_moving(found, {*self.indices, *found.letter})
        return found, at

    def _refuse_moving(self, bounds: Bounds, letters: Collection[str]) -> None:
        r"""\sum_{j=1}^{i}: an upper limit that is the index of another sum."""
        last = bounds.last.removesuffix("-1")
        if last and last in letters:
            raise self._limits(bounds.item)

    def _limits(self, item: Item) -> FormulaError:
        hint = tell("a sum is over all entries: \\sum_i x_i; else write sum(x[1:3])")
        return self.error(tell("these limits of the sum are not read"), item, hint)

    def _body(
        self, inner: list[Token], bounds: Sequence[Bounds], sums: Sequence[Span]
    ) -> list[Token]:
        """What is summed, with names for entries and products entry by entry; `sums` are in it. All
        entries have all indices, in this order."""
        own = self._own(inner, sums)
        index = "".join(found.letter for found in bounds)
        entries = [o and self._is_entry(t, index) for t, o in zip(inner, own, strict=True)]
        self._refuse_other_indices(inner, index, own)
        found = [
            self._whole(token) if is_entry else token
            for token, is_entry in zip(inner, entries, strict=True)
        ]
        whole = [False] * len(inner)  # what stands in a norm, where signs are those of arrays
        for first, after in to_numbers(found):
            whole[first:after] = [True] * (after - first)
            if any(entries[first:after]):
                place = (inner[first].start, inner[after - 1].end)
                hint = tell("of an entry write |x_i|; of a whole array x, without the index")
                raise self.error(tell("this takes arrays, and an entry is a number"), place, hint)
        alone = [o and not w for o, w in zip(own, whole, strict=True)]
        if any(entries):
            self._refuse_rows(inner, found, entries, len(bounds))
            self._refuse_wholes(found, entries, alone)
            self._keep_stages(found, entries, alone, (len(bounds),))
            lengths = [self._shape(t) for t, e in zip(found, entries, strict=True) if e]
            shape = next(filter(None, lengths), ())
            for axis, of_one in enumerate(bounds):
                self._count(of_one, shape[axis : axis + 1])
        else:
            shapes = [self._shape(t) for t, a in zip(found, alone, strict=True) if a]
            self._refuse_idle(inner, bounds[0], shapes)
            if any(len(shape) > 1 for shape in shapes):
                return found  # products are those of matrices
            self._keep_stages(found, entries, alone, (), (0, 1))
        return [
            Token("*", "*", t.start, t.end) if is_alone and t.kind in PRODUCTS else t
            for t, is_alone in zip(found, alone, strict=True)
        ]

    def _own(self, inner: list[Token], sums: Sequence[Span]) -> list[bool]:
        """Which tokens stand in this sum, and in none inside it."""
        return [not any(s <= t.start and t.end <= e for s, e in sums) for t in inner]

    def _is_entry(self, token: Token, index: str) -> bool:
        return bool(index) and self._index_of(token) == index

    def _index_of(self, token: Token) -> str:
        """The subscript of a name that is not given as it stands."""
        is_open = token.kind == NAME and "_" in token.text and token.text not in self.names
        return token.text.rpartition("_")[2] if is_open else ""

    def _whole(self, entry: Token) -> Token:
        """x of x_i."""
        return entry._replace(text=self._as_given(entry.text.rpartition("_")[0]))

    def _refuse_other_indices(self, inner: list[Token], index: str, own: list[bool]) -> None:
        for token, is_own in zip(inner, own, strict=True):
            if is_own and index and token.kind == NAME and token.text in [*index]:
                hint = tell("give the numbers as an array: sum(k*x) with k=[1,2,3]")
                raise self.error(tell("an index is no number here"), token, hint)
            found = self._index_of(token)
            is_other = is_own and bool(index) and found != index and index in found
            if not is_other and (found == index or found not in self.indices):
                continue
            hint = tell("write it as arrays: sum(W*x), W@x")
            if not is_other:
                hint = tell("a sum of products is one of sums: write sum(x)*sum(y)")
            raise self.error(tell("entries of several indices are not read"), token, hint)

    def _refuse_rows(
        self, inner: list[Token], found: list[Token], entries: list[bool], axes: int
    ) -> None:
        """Entries that are rows of a matrix, or not as many as others."""
        lengths = set()
        for typed, token, is_entry in zip(inner, found, entries, strict=True):
            if not is_entry or token.text not in self.shapes:
                continue
            shape = self._shape(token)
            lengths.add(shape)
            if len(shape) == axes and len(lengths) == 1:
                continue
            what, hint = of_entries(token.text, shape, axes)
            raise self.error(what, typed, hint)

    def _refuse_wholes(self, found: list[Token], entries: list[bool], alone: list[bool]) -> None:
        """Arrays whose entries are not those summed over: all of y in x_i y."""
        for at, token in enumerate(found):
            if not alone[at] or entries[at]:
                continue
            shape = self._shape(token)
            is_array = bool(shape) and not (len(shape) == 1 and is_one_entry(found, at + 1))
            is_array |= token.kind == "[" and not (at and ends(found[at - 1]))
            if is_array:
                what, hint = _of_whole(self.text[token.start : token.end])
                raise self.error(what, token, hint)

    def _keep_stages(
        self,
        found: list[Token],
        entries: list[bool],
        alone: list[bool],
        of_entries: tuple[int, ...],
        of_others: tuple[int, ...] = (0,),
    ) -> None:
        """What is named in the formula itself: how many axes it may have, once they are known."""
        for at, (token, is_entry) in enumerate(zip(found, entries, strict=True)):
            is_known = token.text in self.shapes or token.text in GATES
            if token.kind != NAME or is_known or not (alone[at] or is_entry):
                continue
            if not is_entry and is_one_entry(found, at + 1):
                continue
            span = (token.start, token.end)
            self.stages.append(Summed(token.text, of_entries if is_entry else of_others, span))

    def _refuse_idle(
        self, inner: list[Token], bounds: Bounds, shapes: list[tuple[int, ...]]
    ) -> None:
        """A sum in which nothing has entries: of the same number again and again."""
        names = [t for t in inner if t.kind == NAME and t.text not in GATES]
        is_known = all(t.text in self.shapes or t.text in ("e", "pi", "tau") for t in names)
        has_arrays = any(shapes) or any(t.kind == "[" for t in inner)
        has_limits = bool(bounds.first or bounds.last)
        if not has_arrays and is_known and (self.shapes or not names):
            hint = tell("write how often it is added: n*x")
            raise self.error(tell("nothing in this sum has entries"), span_of(inner), hint)
        if has_limits and bounds.last.isdigit():
            raise self._limits(bounds.item)

    def _count(self, bounds: Bounds, length: Shape) -> None:
        """The limits held against how many entries there are, or kept until values are known."""
        if not bounds.last:
            return
        name = bounds.last.removesuffix("-1")
        more = (bounds.first == "0") - bounds.last.endswith("-1")
        span = (bounds.item.start, bounds.item.end)
        if name.isdigit() and (not length or int(name) + more != length[0]):
            raise self._limits(bounds.item)
        if length and self._as_given(name) in self.names:
            self.counts.append(Count(self._as_given(name), length[0] - more, span))

    def _shape(self, token: Token) -> Shape:
        """() of what is a number, or not known."""
        return tuple(self.shapes.get(token.text, ())) if token.kind == NAME else ()


def refuse_stages(graph: Graph) -> None:
    """Stages in a sum that are not what they stand for there, entries or numbers. Raises
    FormulaError."""
    for name, axes, span in graph.summed:
        place = graph.stages.get(name)
        if place is None:
            continue
        shape = graph.shapes[place] if graph.shapes else ()
        if len(shape) not in axes:
            is_entry = axes not in ((0,), (0, 1))
            what, hint = of_entries(name, shape, axes[0]) if is_entry else _of_whole(name)
            raise FormulaError(what, text=graph.text, span=span, hint=hint)


def of_entries(x: str, shape: Shape, count: int) -> tuple[str, str]:
    """Why x_i, or x_ij, cannot be an entry in a sum."""
    if len(shape) != count > 1:
        what = tell(
            "'{x}' has {axes} axes, and here {count} indices", x=x, axes=len(shape), count=count
        )
        return what, tell("write it as arrays: sum(W*x), W@x")
    if len(shape) > 1 == count:
        hint = tell("write it as arrays: w^T x_i of every row is X@w")
        return tell("{x}_i of a matrix is a row", x=x), hint
    if not shape:
        what = tell("'{x}' is a number, and has no entries", x=x)
        return what, tell("write it without the index")
    hint = tell("a sum goes along vectors of one length: sum(x*y)")
    return tell("the entries of these arrays are not numbered alike"), hint


def _of_whole(text: str) -> tuple[str, str]:
    hint = tell("write its entry, {text}_i, or all of it as arrays: sum(x*y)", text=text)
    return tell("a whole array stands among entries"), hint
