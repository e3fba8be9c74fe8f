"""NumPy and PyTorch in a formula: x.sum(axis=0), np.maximum(0, X.dot(W1) + b1), (a > 0).float()*b.

Tokens -> tokens of our own grammar, by the table in `spellings`; each keeps its place in what was
typed. One pass, with a frame for every call that is open.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from backtrace.errors import FormulaError
from backtrace.formula.spellings import (
    CONSTANTS,
    KEYWORDS,
    LIBRARIES,
    OPENED,
    REDUCTIONS,
    SHAPED,
    SPREADS,
    TEMPLATES,
)
from backtrace.formula.token import NAME, NUMBER, POWER, Token
from backtrace.gates import Gate

_MOST_CALLS = 2_000
_CLOSES = {")": "(", "]": "["}
_PART = re.compile(r"\{(\d)\}|(\w+|\*\*|//|==|\S)")
_TRUE, _FALSE = ("True", "true", "1"), ("False", "false", "0")


_ALONE = sorted({*TEMPLATES, "clip", "clamp"} - {"dot", "softplus"})
_SEEN = re.compile(rf"\.(?!T\b)[^\W\d]|\b(?:{'|'.join(_ALONE)})\s*\(|\b(?:dim|keepdims?)\s*=")


def has_calls(text: str) -> bool:
    """Whether something may be written as a library's: a dot before a name, or words of theirs."""
    return _SEEN.search(text) is not None


@dataclass(slots=True)
class _Frame:
    """A bracket that is open. Of a call that is to be written anew, `name` is not None; `method`
    says that it stood behind a dot, `library` that one was named."""

    opener: Token
    name: Token | None = None
    method: bool = False
    library: str = ""
    done: list[list[Token]] = field(default_factory=list)
    out: list[Token] = field(default_factory=list)
    primary: int = 0


def translated(
    text: str, tokens: list[Token], names: Collection[str], gates: Mapping[str, Gate]
) -> list[Token]:
    """The tokens in our own grammar. `names` are the variables that have a value. Raises
    FormulaError for what is not known."""
    return _Translator(text, tokens, names, gates).tokens()


class _Translator:
    def __init__(
        self, text: str, tokens: list[Token], names: Collection[str], gates: Mapping[str, Gate]
    ) -> None:
        self.text = text
        self.given = tokens
        self.names = names
        self.gates = gates
        self.frames = [_Frame(tokens[0])]
        self.calls = 0

    def tokens(self) -> list[Token]:
        at = 0
        while at < len(self.given):
            at = self._step(at)
        while len(self.frames) > 1:  # what is never closed: the parser says so
            frame = self.frames.pop()
            call = [frame.name] if frame.name else []
            inner = _joined([*frame.done, frame.out], frame.opener)
            self.frames[-1].out += [*call, frame.opener, *inner]
        return self.frames[0].out

    def _step(self, at: int) -> int:
        token, frame = self.given[at], self.frames[-1]
        following = self.given[at + 1] if at + 1 < len(self.given) else token
        if token.kind == NAME:
            return self._name(at)
        if token.kind == "." and following.kind == NAME and following.text != "T":
            return self._method(at)
        if token.kind in ("(", "["):
            self.frames.append(_Frame(token))
        elif token.kind in _CLOSES and len(self.frames) > 1:
            self._close(token)
        elif token.kind == "," and frame.name is not None:
            frame.done.append(frame.out)
            frame.out = []
        else:
            self._append([token])
        return at + 1

    def _append(self, tokens: list[Token]) -> None:
        """Tokens that begin a new operand, or go on with the one that is read."""
        frame = self.frames[-1]
        goes_on = tokens[0].kind in (".", "ᵀ", POWER) or (frame.out and frame.out[-1].kind == ".")
        if not goes_on:
            frame.primary = len(frame.out)
        frame.out += tokens

    def _name(self, at: int) -> int:
        token = self.given[at]
        library = ""
        if token.text in LIBRARIES and token.text not in self.names:
            library = token.text
            while self.given[at + 1].kind == "." and self.given[at + 2].kind == NAME:
                at += 2
                if self.given[at].text not in LIBRARIES:
                    break
            token = self.given[at]
            if token.text in CONSTANTS and self.given[at + 1].kind != "(":
                self._append([Token(NAME, CONSTANTS[token.text], token.start, token.end)])
                return at + 1
            if self.given[at + 1].kind != "(":
                hint = "backtrace gates lists the functions; they are called with brackets"
                raise self._error(f"'{library}.{token.text}' is not read", token, hint)
        self._append([token])
        if self.given[at + 1].kind != "(":
            return at + 1
        self.frames[-1].out.pop()
        self._count(token, library)
        self.frames.append(_Frame(self.given[at + 1], token, library=library))
        return at + 2

    def _method(self, at: int) -> int:
        name = self.given[at + 1]
        frame = self.frames[-1]
        receiver = frame.out[frame.primary :]
        if self.given[at + 2].kind != "(" or not receiver:
            return self._attribute(at)
        del frame.out[frame.primary :]
        self._count(name, "method")
        place = Token(name.kind, name.text, receiver[0].start, name.end)
        self.frames.append(_Frame(self.given[at + 2], place, method=True, done=[receiver]))
        return at + 3

    def _attribute(self, at: int) -> int:
        name = self.given[at + 1]
        if name.text in ("values", "data", "real"):
            return at + 2
        if name.text == "mT":
            self._append([self.given[at], Token(NAME, "T", name.start, name.end)])
            return at + 2
        self._append([self.given[at]])  # the parser says what is wrong with it
        return at + 1

    def _close(self, token: Token) -> None:
        frame = self.frames.pop()
        outer = self.frames[-1]
        if _CLOSES[token.kind] != frame.opener.kind:
            self.frames.append(frame)
            self._append([token])
            return
        if frame.name is None:
            is_index = frame.opener.kind == "[" and _ends(outer.out)
            is_call = frame.opener.kind == "(" and outer.out[-1:] and outer.out[-1].kind == NAME
            if not (is_index or is_call):
                outer.primary = len(outer.out)
            outer.out += [frame.opener, *frame.out, token]
            return
        arguments = [*frame.done, frame.out] if frame.out or frame.done else []
        arguments = [argument for argument in arguments if argument]
        outer.primary = len(outer.out)
        outer.out += self._called(frame, arguments, token)

    def _called(self, frame: _Frame, arguments: list[list[Token]], end: Token) -> list[Token]:
        """The call in our own words."""
        assert frame.name is not None
        name = frame.name
        is_theirs = frame.method or bool(frame.library)
        free = [argument for argument in arguments if not _is_keyword(argument)]
        named = {a[0].text: a[2:] for a in arguments if _is_keyword(a)}
        keywords = self._keywords(named)
        if name.text in OPENED and free and free[0][0].kind in ("(", "["):
            free = [*_split(free[0][1:-1]), *free[1:]]
            if len(arguments) > 1 and not keywords and not _is_keyword(arguments[-1]):
                keywords["axis"] = free.pop()
        if name.text in SHAPED and len(free) == 2 and free[1][0].kind in ("(", "["):
            free = [free[0], *_split(free[1][1:-1])]
        if is_theirs and name.text in REDUCTIONS and name.text not in ("norm",) and len(free) == 2:
            keywords["axis"] = free.pop()
        keeps = keywords.pop("keepdims", None)
        if keeps is not None:
            return self._kept(frame, arguments, keywords, end)
        if name.text in SPREADS:
            self._spread(frame, free, keywords)
        if name.text in ("transpose", "permute") and len(free) == 1:
            return self._templated("({0}).T", free, {}, name, end)
        if name.text == "transpose" and len(free) == 3:
            return self._templated("swapaxes({0}, {1}, {2})", free, keywords, name, end)
        if name.text in ("hstack", "vstack"):
            hint = "write concatenate(a, b, axis=0)"
            raise self._error(f"'{name.text}' depends on shapes", name, hint)
        own = name.text in self.gates and self.gates[name.text].is_own
        if name.text in ("clip", "clamp") and not own:
            return self._clipped(free, keywords, name, end)
        is_defined = not is_theirs and (name.text in self.gates or name.text not in TEMPLATES)
        if name.text in TEMPLATES and not is_defined:
            return self._templated(TEMPLATES[name.text], free, keywords, name, end)
        if is_theirs and name.text not in self.gates and name.text != "arange":
            raise self._error(f"'{name.text}' is not read", name, self._near(name))
        return self._plain(name, free, keywords, end)

    def _kept(
        self,
        frame: _Frame,
        arguments: list[list[Token]],
        keywords: dict[str, list[Token]],
        end: Token,
    ) -> list[Token]:
        """keepdims=True: the same without it, and the axis put back."""
        assert frame.name is not None
        name = frame.name
        axis = keywords.get("axis")
        if axis is None:
            what = "keepdims is read with an axis"
            raise self._error(what, name, f"write {name.text}(x, axis=0, keepdims=True)")
        rest = [a for a in arguments if not (_is_keyword(a) and a[0].text.startswith("keepdim"))]
        inner = self._called(frame, rest, end)
        whole = [inner, _keyword("axis", axis, name)]
        return self._plain(name._replace(text="expand_dims", end=name.start), whole, {}, end)

    def _clipped(
        self,
        free: list[list[Token]],
        keywords: dict[str, list[Token]],
        name: Token,
        end: Token,
    ) -> list[Token]:
        """clip(x, 0, 1), clamp(x, min=0): between two bounds, or on one side of one."""
        low = free[1] if len(free) > 1 else keywords.get("lo")
        high = free[2] if len(free) > 2 else keywords.get("hi")
        if not free or len(free) > 3 or (low is None and high is None):
            raise self._error(f"{name.text} takes bounds", name, f"write {name.text}(x, 0, 1)")
        bounds = {"clip({0}, {1}, {2})": (low, high), "max({0}, {1})": (low,)}
        template = next((t for t, given in bounds.items() if None not in given), "min({0}, {1})")
        given = [bound for bound in (low, high) if bound is not None]
        return self._templated(template, [free[0], *given], {}, name, end)

    def _keywords(self, named: dict[str, list[Token]]) -> dict[str, list[Token]]:
        keywords = {}
        for word, value in named.items():
            text = "".join(token.text for token in value)
            if word in ("keepdims", "keepdim") and text in _FALSE:
                continue
            if word in ("unbiased",):
                one = "1" if text in _TRUE else "0"
                value = [Token(NUMBER, one, value[0].start, value[0].end)]
                word = "ddof"
            if word in ("keepdims", "keepdim") and text in _TRUE:
                value = [Token(NUMBER, "1", value[0].start, value[0].end)]
            if word in ("dtype", "device", "out", "requires_grad"):
                continue
            keywords[KEYWORDS.get(word, word)] = value
        return keywords

    def _spread(
        self, frame: _Frame, free: list[list[Token]], keywords: dict[str, list[Token]]
    ) -> None:
        """var and std: by n, or by n - 1?"""
        assert frame.name is not None
        if (frame.method or frame.library) and len(free) == 2:
            keywords["axis"] = free.pop()
        is_torch = frame.library in ("torch", "F")
        if "ddof" not in keywords and frame.method:
            name = frame.name.text
            hint = f"write {name}(x) to divide by n, as NumPy, or say ddof=1, as PyTorch"
            raise self._error(f"'.{name}' divides by n or by n - 1", frame.name, hint)
        if is_torch and "ddof" not in keywords:
            keywords["ddof"] = [Token(NUMBER, "1", frame.name.start, frame.name.end)]
        if "".join(token.text for token in keywords.get("ddof", [])) == "0":
            del keywords["ddof"]

    def _templated(
        self,
        template: str,
        free: list[list[Token]],
        keywords: dict[str, list[Token]],
        name: Token,
        end: Token,
    ) -> list[Token]:
        """The template with the arguments in their places; of a call more of them, and keywords,
        go before its last bracket."""
        slots = [int(slot) for slot, _ in _PART.findall(template) if slot]
        count = 1 + max(slots)
        rest = [*free[count:], *(_keyword(w, v, name) for w, v in keywords.items())]
        is_call = template[0].isalpha()
        if len(free) < count or (rest and not is_call):
            what = f"{name.text} takes {count} argument{'s' * (count > 1)} here"
            raise self._error(what, name, f"it is read as {_shown(template)}")
        found: list[Token] = []
        for slot, word in _PART.findall(template):
            kind = NAME if word[:1].isalpha() else NUMBER if word.isdigit() else word
            found += free[int(slot)] if slot else [Token(kind, word, name.start, name.end)]
        if not is_call:
            opened = Token("(", "(", found[0].start, found[0].start)
            return [opened, *found, Token(")", ")", end.start, end.end)]
        found.pop()
        for argument in rest:
            found += [Token(",", ",", argument[0].start, argument[0].start), *argument]
        return [*found, Token(")", ")", end.start, end.end)]

    def _plain(
        self, name: Token, free: list[list[Token]], keywords: dict[str, list[Token]], end: Token
    ) -> list[Token]:
        """A call under its own name."""
        arguments = [*free, *(_keyword(w, v, name) for w, v in keywords.items())]
        opened = Token("(", "(", name.end, name.end)
        closed = Token(")", ")", end.start, end.end)
        return [name, opened, *_joined(arguments, closed), closed]

    def _count(self, token: Token, library: str) -> None:
        self.calls += bool(library)
        if self.calls > _MOST_CALLS:
            what = f"more than {_MOST_CALLS:,} calls are written for a library"
            raise self._error(what, token, "write the gates' own names: backtrace gates")

    def _near(self, name: Token) -> str:
        from backtrace.errors import near_misses

        near = near_misses(name.text, [*TEMPLATES, *self.gates])
        return f"did you mean {near[0]}?" if near else "backtrace gates lists the functions"

    def _error(self, what: str, token: Token, hint: str) -> FormulaError:
        return FormulaError(what, text=self.text, span=(token.start, token.end), hint=hint)


def _is_keyword(argument: list[Token]) -> bool:
    return len(argument) > 1 and argument[0].kind == NAME and argument[1].kind == "="


def _ends(tokens: list[Token]) -> bool:
    return bool(tokens) and tokens[-1].kind in (NAME, NUMBER, ")", "]", "ᵀ", POWER)


def _split(tokens: list[Token]) -> list[list[Token]]:
    """The parts between commas that stand in no bracket."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += token.kind in ("(", "[")
        depth -= token.kind in (")", "]")
        if token.kind == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


def _joined(parts: list[list[Token]], place: Token) -> list[Token]:
    found: list[Token] = []
    for number, part in enumerate(parts):
        found += [Token(",", ",", place.start, place.end)] * (number > 0) + part
    return found


def _keyword(word: str, value: list[Token], name: Token) -> list[Token]:
    start = value[0].start if value else name.start
    return [Token(NAME, word, start, start), Token("=", "=", start, start), *value]


def _shown(template: str) -> str:
    """{0} as x, {1} as y, {2} as z."""
    return re.sub(r"\(?\{(\d)\}\)?", lambda found: "xyz"[int(found[1])], template)
