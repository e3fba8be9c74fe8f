r"""LaTeX's functions, and how far they reach: \exp(x), \sin^2 x, \sqrt[3]{x}, \sum_i x_i."""

from __future__ import annotations

import re
from collections.abc import Sequence

from backtrace.errors import Span
from backtrace.formula.latex.double_sums import DoubleSums
from backtrace.formula.latex.items import Item
from backtrace.formula.latex.reach import bar, side
from backtrace.formula.latex.words import GREEK, SPACES
from backtrace.formula.token import NAME, NUMBER, SIDE, Token
from backtrace.language import tell


class Functions(DoubleSums):
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
            based, after = self._logarithm(function, items, at)
            if based is not None:
                return self._applied(based, items, after, depth)
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
        if bar(items, at):
            return self._of_bars(function, power, items, at, depth)
        argument, after = self._factor(items, at, depth)
        end = argument and after < len(items) and self._end_of_index(argument[-1], items, after)
        if end:
            argument, after = self._indexed(argument, items, after, end, depth)
        if not argument:
            raise self.error(
                tell("'{text}' takes something", text=function.text), (function.start, function.end)
            )
        self._refuse_more(function, items, at, after)
        opened = Token("(", "(", argument[0].start, argument[0].start)
        closed = Token(")", ")", argument[-1].end, argument[-1].end)
        return [function, opened, *argument, closed, *power], after

    def _logarithm(self, function: Token, items: list[Item], at: int) -> tuple[Token | None, int]:
        r"""\log_2, \log_{10}: the function of that base, and the place behind it; or None."""
        if function.text != "log" or at + 1 >= len(items):
            return None, at
        below = items[at + 1]
        base = "".join(item.text for item in (below.inner if below.kind == "group" else [below]))
        name = {"2": "log2", "10": "log10", "e": "ln"}.get(base)
        return (function._replace(text=name, end=below.end) if name else None), at + 2

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

    def _of_bars(
        self, function: Token, power: list[Token], items: list[Item], at: int, depth: int
    ) -> tuple[list[Token], int]:
        r"""\log |x|, \log \lVert x \rVert_2."""
        sign, close, level = bar(items, at), at, 0
        while close < len(items):
            if bar(items, close) == sign:
                is_closing = side(items, close) == "right" or (not side(items, close) and level > 0)
                level += -1 if is_closing else 1
            if level == 0:
                break
            close += 1
        if level:
            raise self.error(tell("'{kind}' is never closed", kind=sign), items[at])
        inner = self.tokens(items[at + 1 : close], depth + 1)
        closed, after = self._bar(items, close, sign, depth)
        self._refuse_more(function, items, at, after, close)
        opened = Token(sign, sign, items[at].start, items[at].end)
        brackets = (
            Token("(", "(", opened.start, opened.start),
            Token(")", ")", *[closed[-1].end] * 2),
        )
        return [function, brackets[0], opened, *inner, *closed, brackets[1], *power], after

    def _end_of_index(self, before: Token, items: list[Item], at: int) -> int:
        """Where an index ends that begins right behind what it is of, x[0], C[i]; else 0. Of a
        number, and where nothing is known to be an array, x[y + 1] is a product."""
        item = items[at]
        is_open = item.kind == "char" and item.text == "["
        if not is_open or before.kind not in (NAME, ")", "]"):
            return 0
        end, level = at, 0
        while end < len(items):
            word = items[end].text if items[end].kind == "char" else ""
            level += (word == "[") - (word == "]")
            if level == 0:
                break
            end += 1
        inside = "".join(i.text if i.kind == "char" else "\\" for i in items[at + 1 : end])
        is_index = re.fullmatch(r"(?:[-\d:,.]|None)+", inside) is not None
        is_array = before.kind == NAME and bool(self.shapes.get(before.text))
        touches = item.start == before.end or (is_index and "," not in inside)
        return end if level == 0 and touches and (is_index or is_array) else 0

    def _indexed(
        self, found: list[Token], items: list[Item], at: int, end: int, depth: int
    ) -> tuple[list[Token], int]:
        opened, closed = (Token(i.text, i.text, i.start, i.end) for i in (items[at], items[end]))
        inner = [t for t in self.tokens(items[at + 1 : end], depth + 1) if t.kind != SIDE]
        return self._scripts([*found, opened, *inner, closed], items, end + 1, depth)

    def _refuse_more(
        self, function: Token, items: list[Item], at: int, after: int, scripts: int = -1
    ) -> None:
        r"""\sin 2x, \log x^2: how far does it reach? Its own scripts begin at `scripts`."""
        start = items[at - (items[at - 1].text == "left")].start
        takes = self.text[start : items[after - 1].end]
        signs = (k for k in range(max(at, scripts), after) if items[k].text == "^")
        raised = (
            None if items[at].text == "sum" else next(signs, None)
        )  # which says how far it goes
        following = items[after] if after < len(items) else None
        goes_on = following is not None and (
            following.kind in ("group", "matrix")
            or (following.kind == "char" and (following.text.isalnum() or following.text in "(["))
            or (following.kind == "macro" and following.text in {*GREEK, "frac", "sqrt"})
            or (scripts >= 0 and bar(items, after) != "" and side(items, after) != "right")
        )
        if raised is not None or goes_on:
            more = self.text[items[after].start : items[after].end] if after < len(items) else ""
            name = function.text
            hint = tell(
                "write {name}({takes}{more}), or ({name}({takes}))",
                name=name,
                takes=takes,
                more=more,
            )
            if raised is not None:
                base = self.text[start : items[raised].start]
                power = self.text[items[raised].end : items[after - 1].end]
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


def _span(tokens: Sequence[Token]) -> Span:
    return (tokens[0].start, tokens[-1].end)
