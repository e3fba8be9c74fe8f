"""NumPy and PyTorch in a formula: x.sum(axis=0), np.maximum(0, X.dot(W1) + b1), (a > 0).float()*b.

Tokens -> tokens of our own grammar, by the table in `spellings`; each keeps its place in what was
typed. One pass, with a frame for every call that is open.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from backtrace.errors import FormulaError
from backtrace.formula.calls import Call, is_keyword, is_whole, joined
from backtrace.formula.readings import read_call
from backtrace.formula.spellings import CONSTANTS, LIBRARIES
from backtrace.formula.token import NAME, NUMBER, POWER, Token
from backtrace.gates import Gate
from backtrace.language import tell

_MOST_CALLS = 2_000
_CLOSES = {")": "(", "]": "["}


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
) -> tuple[list[Token], tuple[str, ...]]:
    """The tokens in our own grammar, and what a reader is to be told of how they were read. `names`
    are the variables that have a value. Raises FormulaError for what is not known."""
    translator = _Translator(text, tokens, names, gates)
    return translator.tokens(), tuple(translator.readings)


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
        self.readings: list[str] = []

    def tokens(self) -> list[Token]:
        at = 0
        while at < len(self.given):
            at = self._step(at)
        while len(self.frames) > 1:  # what is never closed: the parser says so
            frame = self.frames.pop()
            call = [frame.name] if frame.name else []
            inner = joined([*frame.done, frame.out], frame.opener)
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
            skipped = self._values_alone(frame, at) if frame.name is not None else 0
            self._close(token)
            return at + 1 + skipped
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
            path = [token.text]
            while self.given[at + 1].kind == "." and self.given[at + 2].kind == NAME:
                at += 2
                if self.given[at].text not in LIBRARIES:
                    break
                path.append(self.given[at].text)
            token, library = self.given[at], ".".join(path)
            if token.text in CONSTANTS and self.given[at + 1].kind != "(":
                self._append([Token(NAME, CONSTANTS[token.text], token.start, token.end)])
                return at + 1
            if self.given[at + 1].kind != "(" and self._is_told(token):
                text = f"{library}.{token.text}"  # dtype=np.float32, ord=np.inf
                self._append([Token(NAME, text, token.start, token.end)])
                return at + 1
            if self.given[at + 1].kind != "(":
                hint = tell("backtrace gates lists the functions; they are called with brackets")
                raise self._error(
                    tell("'{library}.{text}' is not read", library=library, text=token.text),
                    token,
                    hint,
                )
        self._append([token])
        if self.given[at + 1].kind != "(":
            return at + 1
        self.frames[-1].out.pop()
        self._count(token, library)
        self.frames.append(_Frame(self.given[at + 1], token, library=library))
        return at + 2

    def _is_told(self, token: Token) -> bool:
        """Whether a keyword's value begins here; or the order of a norm."""
        frame = self.frames[-1]
        is_order = token.text == "inf" and frame.name is not None and frame.name.text == "norm"
        return is_order or (len(frame.out) == 2 and is_keyword(frame.out))

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
        if name.text in ("values", "real"):
            return at + 2
        if name.text == "data":
            hint = tell("write x, or x.detach()")
            raise self._error(
                tell(".data has no gradient in PyTorch, elsewhere it is x"), name, hint
            )
        if name.text == "mT":
            frame = self.frames[-1]
            receiver = frame.out[frame.primary :]
            del frame.out[frame.primary :]
            call = Call(self.text, name, [receiver], {}, name, self.gates)
            frame.out += call.templated("swapaxes({0}, -1, -2)")
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
        free = [argument for argument in arguments if not is_keyword(argument)]
        named = {a[0].text: a[2:] for a in arguments if is_keyword(a)}
        call = Call(
            self.text, frame.name, free, named, end, self.gates, frame.library, frame.method
        )
        call.places = {a[0].text: a[0] for a in arguments if is_keyword(a)}
        if len(named) < len(arguments) - len(free):
            raise call.error(tell("an argument is given twice"), "")
        return read_call(call)

    def _values_alone(self, frame: _Frame, at: int) -> int:
        """How many tokens [0] takes behind x.max(1): PyTorch gives the largest and their places,
        NumPy the largest, of which [0] is the first."""
        assert frame.name is not None
        typed = [*frame.done[frame.method :], frame.out]
        words = {part[0].text for part in typed if is_keyword(part)}
        has_axis = words & {"axis", "dim"} or any(is_whole(part) for part in typed)
        is_indexed = self.given[at + 1].kind == "["
        base = frame.library.split(".")[0]
        is_theirs = frame.method or base == "torch"
        name = frame.name.text
        is_sort = name == "sort" and (frame.method or base == "torch")
        if name not in ("max", "min", "sort") or not (is_theirs and is_indexed):
            return 0
        if is_sort and [token.text for token in self.given[at + 1 : at + 4]] == ["[", "0", "]"]:
            return 3
        if is_sort:
            raise self._error(tell("the places of the sorted are not read"), frame.name, "[0] is")
        if name == "sort" or not has_axis:
            return 0
        if base != "torch" and not words & {"dim", "keepdim"}:
            told = tell(
                ".{name}(...)[0] is read as NumPy's first entry; PyTorch's {name}ima are ",
                name=name,
            )
            self.readings.append(f"{told}.{name}(dim=...).values")
            return 0
        if [token.text for token in self.given[at + 1 : at + 4]] != ["[", "0", "]"]:
            raise self._error(tell("the places of the largest are not read"), frame.name, "[0] is")
        return 3

    def _count(self, token: Token, library: str) -> None:
        self.calls += bool(library)
        if self.calls > _MOST_CALLS:
            what = tell(
                "more than {most_calls:,} calls are written for a library", most_calls=_MOST_CALLS
            )
            raise self._error(what, token, tell("write the gates' own names: backtrace gates"))

    def _error(self, what: str, token: Token, hint: str) -> FormulaError:
        return FormulaError(what, text=self.text, span=(token.start, token.end), hint=hint)


def _ends(tokens: list[Token]) -> bool:
    return bool(tokens) and tokens[-1].kind in (NAME, NUMBER, ")", "]", "ᵀ", POWER)
