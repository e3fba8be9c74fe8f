r"""LaTeX's functions, and how far they reach: \exp(x), \sin^2 x, \sqrt[3]{x}, \sum_i x_i."""

from __future__ import annotations

import re
from collections.abc import Sequence

from backtrace.errors import Span
from backtrace.formula.latex.items import Item
from backtrace.formula.latex.scripts import Scripts
from backtrace.formula.latex.words import GREEK, SPACES
from backtrace.formula.token import NAME, NUMBER, SIDE, Token
from backtrace.language import tell


class Functions(Scripts):
    def _root(self, item: Item, depth: int) -> list[Token]:
        *degree, under = item.inner
        body = self._bracketed(under, depth)
        order = "".join(i.text for i in degree[0].inner if i.text not in "[]") if degree else "2"
        if order in ("2", "3"):
            return [Token(NAME, "sqrt" if order == "2" else "cbrt", item.start, item.end), *body]
        if not order.isdigit() or int(order) < 2:
            raise self.error(tell("the degree of a root is a whole number from 2"), item)
        place = (item.end, item.end)
        above = [("^", "^"), ("(", "("), (NUMBER, "1"), ("/", "/"), (NUMBER, order), (")", ")")]
        return [*body, *(Token(kind, word, *place) for kind, word in above)]

    def _applied(
        self, function: Token, items: list[Item], at: int, depth: int
    ) -> tuple[list[Token], int]:
        r"""\exp(x), \exp{x}, \log p_i, \sin^2 x: a function, and the one thing that it takes."""
        power: list[Token] = []
        while at < len(items) and items[at].kind == "macro" and items[at].text in SPACES:
            at += 1
        if at < len(items) and items[at].kind == "char" and items[at].text == "_":
            hint = tell("a base or an index is written out: log2(x), max(x)")
            raise self.error(
                tell("a subscript of {text} is not read", text=function.text), items[at], hint
            )
        if at < len(items) and items[at].kind == "char" and items[at].text == "^":
            power, at = self._scripts([], items, at, depth)
            while at < len(items) and items[at].kind == "macro" and items[at].text in SPACES:
                at += 1
            if [t.text for t in power[1:]] == ["(", "-", "1", ")"]:
                hint = tell(
                    "write 1/{text}(x), or the inverse function's own name", text=function.text
                )
                raise self.error(tell("it is not clear what the power is"), _span(power), hint)
        if at >= len(items):
            raise self.error(
                tell("'{text}' takes something", text=function.text), (function.start, function.end)
            )
        if (items[at].kind == "char" and items[at].text in "([") or items[at].text in (
            "{",
            "lbrace",
        ):
            return self._call(function, power, items, at, depth)
        argument, after = self._factor(items, at, depth)
        if not argument:
            raise self.error(
                tell("'{text}' takes something", text=function.text), (function.start, function.end)
            )
        self._refuse_more(function, items, at, after)
        opened = Token("(", "(", argument[0].start, argument[0].start)
        closed = Token(")", ")", argument[-1].end, argument[-1].end)
        return [function, opened, *argument, closed, *power], after

    def _call(
        self, function: Token, power: list[Token], items: list[Item], at: int, depth: int
    ) -> tuple[list[Token], int]:
        """From the bracket that opens to the one that closes it, with what follows that."""
        level, end = 0, at
        while end < len(items):
            word = items[end].text if items[end].kind in ("char", "macro") else ""
            level += word in ("(", "[", "{", "lbrace")
            level -= word in (")", "]", "}", "rbrace")
            if level == 0:
                break
            end += 1
        if level:
            raise self.error(tell("'(' is never closed"), items[at], tell("add the missing ')'"))
        inner = self.tokens(items[at + 1 : end], depth + 1)
        opened = Token("(", "(", items[at].start, items[at].end)
        closed = Token(")", ")", items[end].start, items[end].end)
        call = [function, opened, *inner, closed]
        return ([*call, *power], end + 1) if power else self._scripts(call, items, end + 1, depth)

    def _refuse_more(self, function: Token, items: list[Item], at: int, after: int) -> None:
        r"""\sin 2x, \log x^2: how far does it reach?"""
        takes = self.text[items[at].start : items[after - 1].end]
        has_power = any(i.kind == "char" and i.text == "^" for i in items[at:after])
        following = items[after] if after < len(items) else None
        goes_on = following is not None and (
            following.kind in ("group", "matrix")
            or (following.kind == "char" and (following.text.isalnum() or following.text in "(["))
            or (following.kind == "macro" and following.text in {*GREEK, "frac", "sqrt"})
        )
        if has_power or goes_on:
            more = self.text[items[after].start : items[after].end] if after < len(items) else ""
            name, (base, _, power) = function.text, takes.partition("^")
            hint = tell(
                "write {name}({takes}{more}), or ({name}({takes}))",
                name=name,
                takes=takes,
                more=more,
            )
            if has_power:
                hint = tell(
                    "write {name}({takes}), or ({name}({base}))^{power}",
                    name=name,
                    takes=takes,
                    base=base,
                    power=power,
                )
            span = (function.start, function.end)
            raise self.error(
                tell("it is not clear what '{text}' takes here", text=function.text), span, hint
            )

    def _sum(self, items: list[Item], at: int, depth: int) -> tuple[list[Token], int]:
        r"""\sum_i a_i b_i: the sum over the entries; inside, products are entry by entry."""
        sign = items[at]
        at += 1
        index = ""
        while at < len(items) and items[at].kind == "char" and items[at].text in "_^":
            if at + 1 >= len(items):
                what = tell("'{text}' needs something on its right", text=items[at].text)
                raise self.error(what, items[at])
            is_lower = items[at].text == "_"
            bound = items[at + 1]
            text = "".join(i.text for i in (bound.inner if bound.kind == "group" else [bound]))
            matched = re.fullmatch(r"([^\W\d])(=[01])?", text)
            if is_lower and matched:
                index = matched[1]
            elif is_lower or text.isdigit() or text == "infty":
                hint = tell("a sum is over all entries: \\sum_i x_i; else write sum(x[1:3])")
                raise self.error(tell("these limits of the sum are not read"), bound, hint)
            at += 2
        end = _end_of_term(items, at)
        if end == at:
            raise self.error(tell("the sum has nothing after it"), sign)
        inner = self.tokens(items[at:end], depth + 1)
        body = [self._summed(token, index) for token in inner]
        opened = Token("(", "(", items[at].start, items[at].start)
        closed = Token(")", ")", items[end - 1].end, items[end - 1].end)
        return [Token(NAME, "sum", sign.start, sign.end), opened, *body, closed], end

    def _summed(self, token: Token, index: str) -> Token:
        """A name without the index that is summed over; a product of its entries."""
        if token.kind in (SIDE, "·"):
            return Token("*", "*", token.start, token.end)
        if token.kind != NAME or "_" not in token.text or token.text in self.names:
            return token
        name, _, subscript = token.text.rpartition("_")
        if index and subscript == index:
            return token._replace(text=name)
        if index and index in subscript:
            hint = tell("write it as arrays: sum(W*x), W@x")
            raise self.error(tell("entries of several indices are not read"), _span([token]), hint)
        return token


def _span(tokens: Sequence[Token]) -> Span:
    return (tokens[0].start, tokens[-1].end)


def _end_of_term(items: list[Item], at: int) -> int:
    """Where the term that begins here ends: at a sum's sign, a comma, a closing bracket."""
    level = 0
    for place in range(at, len(items)):
        item = items[place]
        word = item.text if item.kind in ("char", "macro") else ""
        if level == 0 and place > at and word in ("+", "-", ",", ";", "=", "\\", "&"):
            return place
        if level == 0 and word in (")", "]", "}", "rbrace"):
            return place
        level += word in ("(", "[", "{", "lbrace")
        level -= word in (")", "]", "}", "rbrace")
    return len(items)
