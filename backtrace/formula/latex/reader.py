"""LaTeX's items as tokens of our own grammar: characters, macros, and what stands side by side."""

from __future__ import annotations

import re

from backtrace.errors import near_misses
from backtrace.formula.latex.cases import Cases
from backtrace.formula.latex.functions import Functions
from backtrace.formula.latex.items import Item
from backtrace.formula.latex.scripts import DIGITS
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
    WORDS,
)
from backtrace.formula.token import BREAK, NAME, NUMBER, SIDE, SUBSCRIPT, Token
from backtrace.gates import GATES
from backtrace.language import tell

_DEEPEST = 48
_NUMBER = re.compile(r"[0-9.]+(?:[eE][-+−]?[0-9]+)?")


class Reader(Functions, Cases):
    def tokens(self, items: list[Item], depth: int) -> list[Token]:
        """Tokens of a list of items, with a sign between factors that stand side by side."""
        if depth > _DEEPEST:
            raise self.error(tell("groups are nested too deep"), items[0])
        found: list[Token] = []
        at = 0
        while at < len(items):
            if found and (end := self._end_of_index(found[-1], items, at)):
                found, at = self._indexed(found, items, at, end, depth)
                continue
            is_head, before = _is_head(items, at), at
            factor, at = self._factor(items, at, depth)
            if at <= before:
                raise self.error(tell("this is not read in LaTeX"), items[before])
            if found and factor and _ends(found[-1]) and _begins(factor[0]):
                is_call = is_head or (factor[0].kind == "(" and self._is_called(found, factor))
                if not is_call:
                    place = factor[0].start
                    found.append(Token(SIDE, "", place, place))
            found += factor
        return self._multiplied(self._grouped(found))

    def _multiplied(self, tokens: list[Token]) -> list[Token]:
        r"""With the sign of a product before bars that open: a^2 |b|, x_i \left|y_i\right|. Where
        |a|b|c| has two readings, it stays as it is."""
        found: list[Token] = []
        opened: list[str] = []
        is_complete, bars = False, 0
        for token in tokens:
            if token.kind in ("|", "‖"):
                before = self.text[max(0, token.start - 5) : token.start]
                is_left = before == "\\left" or self.text[token.start : token.end].startswith("\\l")
                closes = is_complete and not is_left and opened[-1:] == [token.kind]
                is_clear = is_left or bars == 0 or (bool(found) and found[-1].kind != NAME)
                if is_complete and not closes and is_clear:
                    found.append(Token(SIDE, "", token.start, token.start))
                opened.pop() if closes else opened.append(token.kind)
                is_complete, bars = closes, bars + 1
            else:
                if token.kind in ("(", "["):
                    opened.append(token.kind)
                elif token.kind in (")", "]") and opened:
                    opened.pop()
                is_complete = _ends(token)
            found.append(token)
        return found

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
        is_entry = self._index_of(name) in [index for index in self.indices if index]
        return was_typed and name.kind == NAME and name.text not in self.names and not is_entry

    def _factor(self, items: list[Item], at: int, depth: int) -> tuple[list[Token], int]:
        item = items[at]
        if item.kind == "char":
            return self._char(items, at, depth)
        if item.kind == "group":
            inner = self._bracketed(item, depth)
            return self._scripts(inner, items, at + 1, depth)
        if item.text in ("cases", "dcases") and item.kind == "matrix":
            return self._scripts(self._cases(item, depth), items, at + 1, depth)
        if item.kind == "matrix":
            return self._scripts(self._matrix(item, depth), items, at + 1, depth)
        return self._of_macro(items, at, depth)

    def _char(self, items: list[Item], at: int, depth: int) -> tuple[list[Token], int]:
        item = items[at]
        if item.text in DIGITS or (item.text == "." and _digit_follows(items, at)):
            return self._number(items, at, depth)
        if item.text.isalpha():
            return self._letters(items, at, depth)
        if item.text in "^_":
            raise self.error(tell("'{text}' has nothing before it", text=item.text), item)
        if item.text == "'":
            raise self.error(
                tell("a prime is not part of a name"), item, tell("a transpose is x^T")
            )
        if item.text == "&":
            return [], at + 1
        if item.text == ",":
            return [self._comma(items, at, depth)], at + 1
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
        raise self.error(tell("'{text}' is not read in LaTeX", text=item.text), item)

    def _comma(self, items: list[Item], at: int, depth: int) -> Token:
        """Between statements, `q = x + y, f = qz`, a comma ends the one."""
        item = items[at]
        opened = sum((i.text in "([{") - (i.text in ")]}") for i in items[:at] if i.kind == "char")
        rest = "".join(i.text for i in items[at + 1 : at + 8] if i.kind == "char")
        if opened == depth == 0 and re.match(r"[^\W\d][\w]*(\([\w,]*\))?=", rest):
            return Token(BREAK, ";", item.start, item.end)
        return Token(",", ",", item.start, item.end)

    def _number(self, items: list[Item], at: int, depth: int) -> tuple[list[Token], int]:
        start, end = items[at].start, at + 1
        typed = _NUMBER.match(self.text, start)
        assert typed is not None
        while end < len(items) and items[end].kind == "char" and items[end].end <= typed.end():
            if items[end].start != items[end - 1].end:
                break
            end += 1
        found = _NUMBER.match(self.text, start, items[end - 1].end)  # \frac1e5 ends before the e
        assert found is not None
        text, end = found[0].replace("−", "-"), at + len(found[0])
        if text.count(".") > 1:
            raise self.error(
                tell("malformed number '{text}'", text=text), (items[at].start, items[end - 1].end)
            )
        self._refuse_mixed(items, at, end, text)
        token = Token(NUMBER, text, items[at].start, items[end - 1].end)
        return self._scripts([token], items, end, depth)

    def _refuse_mixed(self, items: list[Item], at: int, end: int, whole: str) -> None:
        r"""2\frac{1}{2}: two and a half, or a product?"""
        if end >= len(items) or items[end].text not in FRACTIONS or not whole.isdigit():
            return
        over, under = ("".join(i.text for i in part.inner) for part in items[end].inner)
        if over.isdigit() and under.isdigit():
            what = tell("it is not clear what the fraction is to the number before it")
            shown = {"whole": whole, "over": over, "under": under}
            hint = tell("write {whole} + {over}/{under}, or {whole} * {over}/{under}", **shown)
            raise self.error(what, (items[at].start, items[end].end), hint)

    def _letters(self, items: list[Item], at: int, depth: int) -> tuple[list[Token], int]:
        """A name: a run of letters that is given a value or is a function, else one letter."""
        end = at
        while end < len(items) and items[end].kind == "char" and items[end].text.isalpha():
            if end > at and items[end].start != items[end - 1].end:
                break
            end += 1
        run = "".join(item.text for item in items[at:end])
        is_keyword = depth > 0 and end < len(items) and items[end].text == "="
        is_gate = run in GATES and not GATES[run].operator and len(run) > 1
        is_whole = is_keyword or is_gate or run in self.names or run == "None"
        stop = end if is_whole else at + 1
        name = run if is_whole else items[at].text
        if name in GATES and name not in self.names and len(name) > 1:
            token = Token(NAME, name, items[at].start, items[stop - 1].end)
            return self._applied(token, items, stop, depth)
        return self._named(name, (items[at].start, items[stop - 1].end), items, stop, depth)

    def _matrix(self, item: Item, depth: int) -> list[Token]:
        rows = [[self.tokens(cell, depth + 1) for cell in row] for row in item.inner]
        if any(not cell for row in rows for cell in row) or len({len(row) for row in rows}) != 1:
            raise self.error(tell("the rows of the matrix have not one length"), item)
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
        hint = tell(INSTEAD.get(name, ""))
        near = near_misses(name, [*FUNCTIONS, *GREEK, *SIGNS, "frac", "sqrt", "sum"])
        hint = hint or (
            tell("did you mean \\{near}?", near=near[0])
            if near
            else tell("write it in plain letters")
        )
        raise self.error(tell("'\\{name}' is not read", name=name), span, hint)

    def _word(self, items: list[Item], at: int, depth: int) -> tuple[list[Token], int]:
        r"""\mathrm{softmax}, \mathbf{W}: a function, or a name."""
        item = items[at]
        word = "".join(GREEK.get(i.text, i.text) for i in item.inner[-1].inner)
        span = (item.start, item.end)
        typed = self.text[item.inner[-1].start : item.inner[-1].end].strip("{}")
        is_prose = typed != typed.strip() or " " in typed or word in TRANSPOSED
        if is_prose or not re.fullmatch(r"[^\W\d]\w*", word):
            raise self.error(
                tell("'{word}' is not read", word=word),
                item,
                tell("words are names: \\mathrm{softmax}"),
            )
        gate = WORDS.get(word, word.lower())
        if gate in GATES and word not in self.names and len(word) > 1:
            token = Token(NAME, gate, *span)
            return self._applied(token, items, at + 1, depth)
        return self._named(word, span, items, at + 1, depth)


def _ends(token: Token) -> bool:
    return token.kind in (NUMBER, NAME, ")", "]", "ᵀ", SUBSCRIPT)


def _begins(token: Token) -> bool:
    return token.kind in (NUMBER, NAME, "(", "[")


def _is_head(items: list[Item], at: int) -> bool:
    """Whether the parameters of a definition stand here: f(x, y) = ..."""
    following = "".join(i.text if i.kind == "char" else "." for i in items[at : at + 40])
    return re.match(r"\([^\W\d]\w*(,[^\W\d]\w*)*\)=(?!=)", following) is not None


def _digit_follows(items: list[Item], at: int) -> bool:
    return at + 1 < len(items) and items[at + 1].text in tuple(DIGITS)


def _listed(parts: list[list[Token]], item: Item) -> list[Token]:
    found = [Token("[", "[", item.start, item.start)]
    for number, part in enumerate(parts):
        found += [Token(",", ",", part[0].start, part[0].start)] * (number > 0) + part
    return [*found, Token("]", "]", item.end, item.end)]
