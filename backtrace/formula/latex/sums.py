r"""\sum_i a_i b_i: over which entries, how far it reaches, and what in it has an index.

An entry x_i is a number, so products of entries are of numbers: sum(a*b). What stands in the sum
without the index is the same for every i, so it must be a number too, or a norm; anything else
(w^T x_i, rows of a matrix, \sum_i \sum_j x_i y_j) would be another sum than that of all entries,
and is refused with how it is written as arrays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from backtrace.errors import FormulaError, Span
from backtrace.formula.bars import paired
from backtrace.formula.latex.items import Item
from backtrace.formula.latex.scripts import Scripts
from backtrace.formula.latex.words import BARS, GREEK
from backtrace.formula.token import END, NAME, NUMBER, SIDE, SUBSCRIPT, Token
from backtrace.gates import GATES
from backtrace.gates.shapes import Shape
from backtrace.graph import Count
from backtrace.language import tell

_TO_NUMBERS = ("sum", "mean", "prod", "var", "std", "norm", "norm2", "trace", "det", "logdet")
_BY_ENTRIES = (SIDE, "·", "×")


class _Bounds(NamedTuple):
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
        end = end_of_term(items, at)
        if end == at:
            raise self.error(tell("the sum has nothing after it"), sign)
        self.indices.append(bounds.letter)
        before = len(self._summed)
        inner = self.tokens(items[at:end], depth + 1)
        self.indices.pop()
        inner = paired([*inner, Token(END, "", items[end - 1].end, items[end - 1].end)])[:-1]
        body = self._body(inner, bounds, self._summed[before:])
        self._summed.append((sign.start, items[end - 1].end))
        opened = Token("(", "(", items[at].start, items[at].start)
        closed = Token(")", ")", items[end - 1].end, items[end - 1].end)
        return [Token(NAME, "sum", sign.start, sign.end), opened, *body, closed], end

    def _bounds(self, items: list[Item], at: int) -> tuple[_Bounds, int]:
        r"""What stands below and above: i, i=1, n; \limits is passed over."""
        sign = items[at]
        found = _Bounds("", "", "", sign)
        at += 1
        while at + 1 < len(items) and items[at].text in ("limits", "nolimits", "_", "^"):
            if items[at].kind == "macro":
                at += 1
                continue
            bound = items[at + 1]
            parts = bound.inner if bound.kind == "group" else [bound]
            text = "".join(
                GREEK.get(i.text, i.text) if i.kind == "macro" else i.text for i in parts
            )
            below = re.fullmatch(r"([^\W\d])(?:=([01]))?", text)
            if items[at].text == "_" and below:
                found = found._replace(letter=below[1], first=below[2] or "", item=bound)
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
        return found, at

    def _limits(self, item: Item) -> FormulaError:
        hint = tell("a sum is over all entries: \\sum_i x_i; else write sum(x[1:3])")
        return self.error(tell("these limits of the sum are not read"), item, hint)

    def _body(self, inner: list[Token], bounds: _Bounds, sums: Sequence[Span]) -> list[Token]:
        """What is summed, with names for entries and products entry by entry; `sums` are in it."""
        own = [not any(s <= t.start and t.end <= e for s, e in sums) for t in inner]
        letter = bounds.letter
        entries = [o and self._is_entry(t, letter) for t, o in zip(inner, own, strict=True)]
        self._refuse_other_indices(inner, letter, own)
        found = [
            self._whole(token) if is_entry else token
            for token, is_entry in zip(inner, entries, strict=True)
        ]
        whole = [False] * len(inner)  # what stands in a norm, where signs are those of arrays
        for first, after in _to_numbers(found):
            whole[first:after] = [True] * (after - first)
            if any(entries[first:after]):
                place = (inner[first].start, inner[after - 1].end)
                hint = tell("of an entry write |x_i|; of a whole array x, without the index")
                raise self.error(tell("this takes arrays, and an entry is a number"), place, hint)
        alone = [o and not w for o, w in zip(own, whole, strict=True)]
        if any(entries):
            self._refuse_rows(inner, found, entries)
            self._refuse_wholes(found, entries, alone)
            lengths = [self._shape(t)[:1] for t, e in zip(found, entries, strict=True) if e]
            self._count(bounds, next(filter(None, lengths), ()))
        else:
            shapes = [self._shape(t) for t, a in zip(found, alone, strict=True) if a]
            self._refuse_idle(inner, bounds, shapes)
            if any(len(shape) > 1 for shape in shapes):
                return found  # products are those of matrices
        return [
            Token("*", "*", t.start, t.end) if is_alone and t.kind in _BY_ENTRIES else t
            for t, is_alone in zip(found, alone, strict=True)
        ]

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
            if is_own and index and token.kind == NAME and token.text == index:
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

    def _refuse_rows(self, inner: list[Token], found: list[Token], entries: list[bool]) -> None:
        """Entries that are rows of a matrix, or not as many as others."""
        lengths = set()
        for typed, token, is_entry in zip(inner, found, entries, strict=True):
            if not is_entry or token.text not in self.shapes:
                continue
            shape = self._shape(token)
            lengths.add(shape)
            if len(shape) == 1 and len(lengths) == 1:
                continue
            what = tell("the entries of these arrays are not numbered alike")
            hint = tell("a sum goes along vectors of one length: sum(x*y)")
            if len(shape) > 1:
                what = tell("{x}_i of a matrix is a row", x=token.text)
                hint = tell("write it as arrays: w^T x_i of every row is X@w")
            elif not shape:
                what = tell("'{x}' is a number, and has no entries", x=token.text)
                hint = tell("write it without the index")
            raise self.error(what, typed, hint)

    def _refuse_wholes(self, found: list[Token], entries: list[bool], alone: list[bool]) -> None:
        """Arrays whose entries are not those summed over: all of y in x_i y."""
        for at, token in enumerate(found):
            if not alone[at] or entries[at]:
                continue
            is_indexed = at + 1 < len(found) and found[at + 1].kind == "["
            is_array = bool(self._shape(token)) and not is_indexed
            is_array |= token.kind == "[" and not (at and _ends(found[at - 1]))
            if is_array:
                what = tell("a whole array stands among entries")
                text = self.text[token.start : token.end]
                hint = tell(
                    "write its entry, {text}_i, or all of it as arrays: sum(x*y)", text=text
                )
                raise self.error(what, token, hint)

    def _refuse_idle(
        self, inner: list[Token], bounds: _Bounds, shapes: list[tuple[int, ...]]
    ) -> None:
        """A sum in which nothing has entries: of the same number again and again."""
        names = [t for t in inner if t.kind == NAME and t.text not in GATES]
        is_known = all(t.text in self.shapes or t.text in ("e", "pi", "tau") for t in names)
        has_arrays = any(shapes) or any(t.kind == "[" for t in inner)
        has_limits = bool(bounds.first or bounds.last)
        if not has_arrays and is_known and (self.shapes or not names):
            hint = tell("write how often it is added: n*x")
            raise self.error(tell("nothing in this sum has entries"), _span(inner), hint)
        if has_limits and bounds.last.isdigit():
            raise self._limits(bounds.item)

    def _count(self, bounds: _Bounds, length: Shape) -> None:
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


def _to_numbers(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """The places, first and behind the last, of what makes one number of arrays: ‖x‖, mean(x)."""
    opened: list[tuple[int, str, bool]] = []
    due = True
    for at, token in enumerate(tokens):
        before = tokens[at - 1] if at else None
        closes = token.kind in (")", "]")
        if token.kind == "‖":
            closes = not due and bool(opened) and opened[-1][1] == "‖"
        due = not (closes or (token.kind != "‖" and _ends(token)))
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


def _ends(token: Token) -> bool:
    return token.kind in (NUMBER, NAME, ")", "]", "ᵀ", "‖", "|", SUBSCRIPT)


def _span(tokens: Sequence[Token]) -> Span:
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
        if not opened and place > at and word in ("+", "-", ",", ";", "=", "\\", "&"):
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
