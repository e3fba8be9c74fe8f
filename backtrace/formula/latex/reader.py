"""LaTeX's items as tokens: what stands side by side, scripts, functions and how far they reach."""

from __future__ import annotations

import re
from collections.abc import Sequence

from backtrace.errors import FormulaError, Span, near_misses
from backtrace.formula.latex.items import Item
from backtrace.formula.latex.words import (
    ACCENTS,
    BARS,
    FONTS,
    FRACTIONS,
    FUNCTIONS,
    GREEK,
    INSTEAD,
    SIGNS,
    SPACES,
    TRANSPOSED,
)
from backtrace.formula.token import BREAK, NAME, NUMBER, SIDE, SUBSCRIPT, Token
from backtrace.gates import GATES

_DEEPEST = 48
_DIGITS = "0123456789"


class Reader:
    def __init__(self, text: str, names: frozenset[str]) -> None:
        self.text = text
        self.names = names

    def error(self, what: str, item: Item | Span, hint: str = "") -> FormulaError:
        span = item if not isinstance(item, Item) else (item.start, item.end)
        return FormulaError(what, text=self.text, span=span, hint=hint)

    def tokens(self, items: list[Item], depth: int) -> list[Token]:
        """Tokens of a list of items, with a sign between factors that stand side by side."""
        if depth > _DEEPEST:
            raise self.error("groups are nested too deep", items[0])
        found: list[Token] = []
        at = 0
        while at < len(items):
            is_head, before = _is_head(items, at), at
            factor, at = self._factor(items, at, depth)
            if at <= before:
                raise self.error("this is not read in LaTeX", items[before])
            if found and factor and _ends(found[-1]) and _begins(factor[0]):
                is_call = is_head or (factor[0].kind == "(" and self._is_called(found, factor))
                if not is_call:
                    place = factor[0].start
                    found.append(Token(SIDE, "", place, place))
            found += factor
        return self._grouped(found)

    def _grouped(self, tokens: list[Token]) -> list[Token]:
        """[x + y] z: square brackets around one thing group it; an array has commas."""
        opened: list[tuple[int, bool]] = []
        found = list(tokens)
        for place, token in enumerate(tokens):
            if token.kind in ("(", "["):
                is_typed = token.kind == "[" and self.text[token.start : token.end] == "["
                before = tokens[place - 1] if place else None
                opened.append((place, is_typed and not (before and _ends(before))))
            elif token.kind == "," and opened:
                opened[-1] = (opened[-1][0], False)
            elif token.kind in (")", "]") and opened:
                start, groups = opened.pop()
                if groups and token.kind == "]":
                    found[start] = Token("(", "(", tokens[start].start, tokens[start].end)
                    found[place] = Token(")", ")", token.start, token.end)
        return found

    def _is_called(self, found: list[Token], factor: list[Token]) -> bool:
        """Whether a bracket that was typed after a name calls it: f(x), softmax(z)."""
        name = found[-1]
        was_typed = self.text[factor[0].start : factor[0].start + 1] in ("(", "\\")
        return was_typed and name.kind == NAME and name.text not in self.names

    def _factor(self, items: list[Item], at: int, depth: int) -> tuple[list[Token], int]:
        item = items[at]
        if item.kind == "char":
            return self._char(items, at, depth)
        if item.kind == "group":
            inner = self._bracketed(item, depth)
            return self._scripts(inner, items, at + 1, depth)
        if item.kind == "matrix":
            return self._scripts(self._matrix(item, depth), items, at + 1, depth)
        return self._of_macro(items, at, depth)

    def _char(self, items: list[Item], at: int, depth: int) -> tuple[list[Token], int]:
        item = items[at]
        if item.text in _DIGITS or (item.text == "." and _digit_follows(items, at)):
            return self._number(items, at, depth)
        if item.text.isalpha():
            return self._letters(items, at, depth)
        if item.text in "^_":
            raise self.error(f"'{item.text}' has nothing before it", item)
        if item.text == "'":
            raise self.error("a prime is not part of a name", item, "a transpose is x^T")
        if item.text == "&":
            return [], at + 1
        if item.text == ",":
            return [self._comma(items, at)], at + 1
        if item.text in "+-*/=<>|;:@":
            kind = BREAK if item.text == ";" else item.text
            if item.text == "|":
                return self._bar(items, at, "|", depth)
            return [Token(kind, item.text, item.start, item.end)], at + 1
        if item.text in "([":
            return [Token(item.text, item.text, item.start, item.end)], at + 1
        if item.text in ")]":
            closed = [Token(item.text, item.text, item.start, item.end)]
            return self._scripts(closed, items, at + 1, depth)
        raise self.error(f"'{item.text}' is not read in LaTeX", item)

    def _comma(self, items: list[Item], at: int) -> Token:
        """Between statements, `q = x + y, f = qz`, a comma ends the one."""
        item = items[at]
        opened = sum((i.text in "([{") - (i.text in ")]}") for i in items[:at] if i.kind == "char")
        rest = "".join(i.text for i in items[at + 1 : at + 8] if i.kind == "char")
        if opened == 0 and re.match(r"[^\W\d][\w]*(\([\w,]*\))?=", rest):
            return Token(BREAK, ";", item.start, item.end)
        return Token(",", ",", item.start, item.end)

    def _number(self, items: list[Item], at: int, depth: int) -> tuple[list[Token], int]:
        end = at
        while end < len(items) and items[end].kind == "char" and items[end].text in "0123456789.":
            if end > at and items[end].start != items[end - 1].end:
                break
            end += 1
        text = "".join(item.text for item in items[at:end])
        if text.count(".") > 1:
            raise self.error(f"malformed number '{text}'", (items[at].start, items[end - 1].end))
        token = Token(NUMBER, text, items[at].start, items[end - 1].end)
        return self._scripts([token], items, end, depth)

    def _letters(self, items: list[Item], at: int, depth: int) -> tuple[list[Token], int]:
        """A name: a run of letters that is given a value or is a function, else one letter."""
        end = at
        while end < len(items) and items[end].kind == "char" and items[end].text.isalpha():
            if end > at and items[end].start != items[end - 1].end:
                break
            end += 1
        run = "".join(item.text for item in items[at:end])
        is_whole = run in self.names or (run in GATES and not GATES[run].operator and len(run) > 1)
        stop = end if is_whole else at + 1
        name = run if is_whole else items[at].text
        if name in GATES and name not in self.names and len(name) > 1:
            token = Token(NAME, name, items[at].start, items[stop - 1].end)
            return self._applied(token, items, stop, depth)
        return self._named(name, (items[at].start, items[stop - 1].end), items, stop, depth)

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
            raise self.error("'_' needs something on its right", items[at - 1])
        item = items[at]
        parts = item.inner if item.kind == "group" else [item]
        text = "".join(GREEK.get(p.text, p.text) if p.kind == "macro" else p.text for p in parts)
        for part in parts:
            if part.kind == "macro" and part.text in FONTS:
                text = "".join(i.text for i in part.inner[-1].inner)
        if not re.fullmatch(r"\w+", text):
            hint = "a subscript is part of a name: x_1, W_{hh}; an entry of an array is x[0]"
            raise self.error("this subscript is not read", item, hint)
        return text, at + 1

    def _scripts(
        self, tokens: list[Token], items: list[Item], at: int, depth: int
    ) -> tuple[list[Token], int]:
        """What was read, to the power of what stands above it, or transposed."""
        if at >= len(items) or items[at].kind != "char" or items[at].text != "^":
            return tokens, at
        sign = items[at]
        if at + 1 >= len(items):
            raise self.error("'^' needs something on its right", sign)
        above = items[at + 1]
        parts = above.inner if above.kind == "group" else [above]
        if len(parts) == 1 and parts[0].text in TRANSPOSED and "T" not in self.names:
            return [*tokens, Token("ᵀ", "ᵀ", sign.start, above.end)], at + 2
        if parts and parts[0].text in ("(", "[") and parts[-1].text in (")", "]"):
            inner = self.text[parts[0].end : parts[-1].start]
            base = self.text[tokens[0].start : tokens[-1].end]
            hint = f"write the layer as a subscript, {base}_{inner}, or the power without brackets"
            raise self.error(f"'^{{({inner})}}' can be a layer or a power", above, hint)
        if len(parts) == 1 and parts[0].text in ("prime", "*", "ast", "dagger", "circ"):
            raise self.error(f"'^{parts[0].text}' is not read", above, "a transpose is x^T")
        power = self._power(above, depth)
        return [*tokens, Token("^", "^", sign.start, sign.end), *power], at + 2

    def _power(self, item: Item, depth: int) -> list[Token]:
        if item.kind == "char" and item.text in _DIGITS:
            return [Token(NUMBER, item.text, item.start, item.end)]
        if item.kind == "group":
            return self._bracketed(item, depth)
        return self._bracketed(Item("group", "", item.start, item.end, [item]), depth)

    def _bracketed(self, item: Item, depth: int) -> list[Token]:
        if not item.inner:
            raise self.error("an empty group", item)
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

    def _matrix(self, item: Item, depth: int) -> list[Token]:
        rows = [[self.tokens(cell, depth + 1) for cell in row] for row in item.inner]
        if any(not cell for row in rows for cell in row) or len({len(row) for row in rows}) != 1:
            raise self.error("the rows of the matrix have not one length", item)
        if all(len(row) == 1 for row in rows):
            return _listed([cell for (cell,) in rows], item)
        return _listed([_listed(row, item) for row in rows], item)

    def _of_macro(self, items: list[Item], at: int, depth: int) -> tuple[list[Token], int]:
        item = items[at]
        name, span = item.text, (item.start, item.end)
        if name in SPACES:
            return [], at + 1
        if name == "\\":
            return [Token(BREAK, ";", *span)], at + 1
        if name in SIGNS:
            return [Token(SIGNS[name], SIGNS[name], *span)], at + 1
        if name in BARS:
            return self._bar(items, at, BARS[name], depth)
        if name in ("{", "lbrace", "lbrack", "langle"):
            return [Token("(", "(", *span)], at + 1
        if name in ("}", "rbrace", "rbrack", "rangle"):
            return self._scripts([Token(")", ")", *span)], items, at + 1, depth)
        if name in FRACTIONS:
            over, under = (self._bracketed(part, depth) for part in item.inner)
            whole = [Token("(", "(", item.start, item.start), *over]
            whole += [Token("/", "/", *span), *under, Token(")", ")", item.end, item.end)]
            return self._scripts(whole, items, at + 1, depth)
        if name == "sqrt":
            return self._scripts(self._root(item, depth), items, at + 1, depth)
        if name in FONTS:
            return self._word(items, at, depth)
        if name in ACCENTS:
            letter = "".join(i.text for i in item.inner[-1].inner)
            return self._named(f"{letter}_{ACCENTS[name]}", span, items, at + 1, depth)
        if name == "sum":
            return self._sum(items, at, depth)
        if name in FUNCTIONS:
            return self._applied(Token(NAME, FUNCTIONS[name], *span), items, at + 1, depth)
        if name == "pi":
            return self._scripts([Token(NAME, "pi", *span)], items, at + 1, depth)
        if name in GREEK:
            return self._named(GREEK[name], span, items, at + 1, depth)
        hint = INSTEAD.get(name, "")
        near = near_misses(name, [*FUNCTIONS, *GREEK, *SIGNS, "frac", "sqrt", "sum"])
        hint = hint or (f"did you mean \\{near[0]}?" if near else "write it in plain letters")
        raise self.error(f"'\\{name}' is not read", span, hint)

    def _word(self, items: list[Item], at: int, depth: int) -> tuple[list[Token], int]:
        r"""\mathrm{softmax}, \mathbf{W}: a function, or a name."""
        item = items[at]
        word = "".join(GREEK.get(i.text, i.text) for i in item.inner[-1].inner)
        span = (item.start, item.end)
        typed = self.text[item.inner[-1].start : item.inner[-1].end].strip("{}")
        is_prose = typed != typed.strip() or " " in typed or word in TRANSPOSED
        if is_prose or not re.fullmatch(r"[^\W\d]\w*", word):
            raise self.error(f"'{word}' is not read", item, "words are names: \\mathrm{softmax}")
        if word.lower() in GATES and word not in self.names and len(word) > 1:
            token = Token(NAME, word.lower(), *span)
            return self._applied(token, items, at + 1, depth)
        return self._named(word, span, items, at + 1, depth)

    def _root(self, item: Item, depth: int) -> list[Token]:
        *degree, under = item.inner
        body = self._bracketed(under, depth)
        order = "".join(i.text for i in degree[0].inner if i.text not in "[]") if degree else "2"
        if order in ("2", "3"):
            return [Token(NAME, "sqrt" if order == "2" else "cbrt", item.start, item.end), *body]
        if not order.isdigit() or int(order) < 2:
            raise self.error("the degree of a root is a whole number from 2", item)
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
            hint = "a base or an index is written out: log2(x), max(x)"
            raise self.error(f"a subscript of {function.text} is not read", items[at], hint)
        if at < len(items) and items[at].kind == "char" and items[at].text == "^":
            power, at = self._scripts([], items, at, depth)
            while at < len(items) and items[at].kind == "macro" and items[at].text in SPACES:
                at += 1
            if [t.text for t in power[1:]] == ["(", "-", "1", ")"]:
                hint = f"write 1/{function.text}(x), or the inverse function's own name"
                raise self.error("it is not clear what the power is", _span(power), hint)
        if at >= len(items):
            raise self.error(f"'{function.text}' takes something", (function.start, function.end))
        if (items[at].kind == "char" and items[at].text in "([") or items[at].text in (
            "{",
            "lbrace",
        ):
            return self._call(function, power, items, at, depth)
        argument, after = self._factor(items, at, depth)
        if not argument:
            raise self.error(f"'{function.text}' takes something", (function.start, function.end))
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
            raise self.error("'(' is never closed", items[at], "add the missing ')'")
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
            hint = f"write {name}({takes}{more}), or ({name}({takes}))"
            if has_power:
                hint = f"write {name}({takes}), or ({name}({base}))^{power}"
            span = (function.start, function.end)
            raise self.error(f"it is not clear what '{function.text}' takes here", span, hint)

    def _sum(self, items: list[Item], at: int, depth: int) -> tuple[list[Token], int]:
        r"""\sum_i a_i b_i: the sum over the entries; inside, products are entry by entry."""
        sign = items[at]
        at += 1
        index = ""
        while at < len(items) and items[at].kind == "char" and items[at].text in "_^":
            if at + 1 >= len(items):
                what = f"'{items[at].text}' needs something on its right"
                raise self.error(what, items[at])
            is_lower = items[at].text == "_"
            bound = items[at + 1]
            text = "".join(i.text for i in (bound.inner if bound.kind == "group" else [bound]))
            matched = re.fullmatch(r"([^\W\d])(=[01])?", text)
            if is_lower and matched:
                index = matched[1]
            elif is_lower or text.isdigit() or text == "infty":
                hint = "a sum is over all entries: \\sum_i x_i; else write sum(x[1:3])"
                raise self.error("these limits of the sum are not read", bound, hint)
            at += 2
        end = _end_of_term(items, at)
        if end == at:
            raise self.error("the sum has nothing after it", sign)
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
            hint = "write it as arrays: sum(W*x), W@x"
            raise self.error("entries of several indices are not read", _span([token]), hint)
        return token


def _span(tokens: Sequence[Token]) -> Span:
    return (tokens[0].start, tokens[-1].end)


def _ends(token: Token) -> bool:
    return token.kind in (NUMBER, NAME, ")", "]", "ᵀ", SUBSCRIPT)


def _begins(token: Token) -> bool:
    return token.kind in (NUMBER, NAME, "(", "[")


def _is_head(items: list[Item], at: int) -> bool:
    """Whether the parameters of a definition stand here: f(x, y) = ..."""
    following = "".join(i.text if i.kind == "char" else "." for i in items[at : at + 40])
    return re.match(r"\([^\W\d]\w*(,[^\W\d]\w*)*\)=(?!=)", following) is not None


def _digit_follows(items: list[Item], at: int) -> bool:
    return at + 1 < len(items) and items[at + 1].text in tuple(_DIGITS)


def _listed(parts: list[list[Token]], item: Item) -> list[Token]:
    found = [Token("[", "[", item.start, item.start)]
    for number, part in enumerate(parts):
        found += [Token(",", ",", part[0].start, part[0].start)] * (number > 0) + part
    return [*found, Token("]", "]", item.end, item.end)]


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
