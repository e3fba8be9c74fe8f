"""One call in a library's words, and how it is written in ours: its arguments in the places of a
template, its keywords by our names. What is not known is refused, never passed over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from backtrace.errors import FormulaError, near_misses
from backtrace.formula.in_other_words import of_any
from backtrace.formula.spellings import FLOATS, GROWING, KEYWORDS, OVER_ALL, TEMPLATES
from backtrace.formula.token import NAME, NUMBER, TEXT, Token
from backtrace.gates import Gate
from backtrace.language import tell, tell_many

Tokens = list[Token]

_PART = re.compile(r"\{(\d)\}|(\w+|\*\*|//|==|\S)")
TRUE, FALSE = ("True", "true", "1"), ("False", "false", "0")
_TORCH = ("torch", "F", "functional")
_PASSED_OVER = ("device", "requires_grad")


@dataclass(slots=True)
class Call:
    """`free` are the arguments without a name (of a method first what stands before the dot),
    `named` those with one, by the word that was typed; `library` is the path before the name."""

    text: str
    name: Token
    free: list[Tokens]
    named: dict[str, Tokens]
    end: Token
    gates: Mapping[str, Gate]
    library: str = ""
    is_method: bool = False
    places: dict[str, Token] = field(default_factory=dict)  # where the names of `named` stand

    @property
    def base(self) -> str:
        """np of np.linalg.norm."""
        return self.library.split(".")[0]

    @property
    def is_theirs(self) -> bool:
        return self.is_method or bool(self.library)

    @property
    def is_torch(self) -> bool:
        """Whether it is PyTorch's for certain."""
        is_named = not set(_TORCH).isdisjoint(self.library.split("."))
        return is_named or bool({"dim", "keepdim", "unbiased"} & self.named.keys())

    @property
    def is_numpy(self) -> bool:
        return self.base in ("np", "numpy", "jnp", "jax")

    def take(self, *words: str) -> Tokens | None:
        """The argument of one of these names, which is then used; None says as much as nothing."""
        found = None
        for word in words:
            if word in self.named:
                found = self.named.pop(word)
        return None if found is None or written(found) == "None" else found

    def argument(self, place: int, *words: str) -> Tokens | None:
        """The argument at a place behind the first ones, or by one of these names. Those before it
        must be used already."""
        named = self.take(*words)
        if place >= len(self.free):
            return named
        if named is not None:
            raise self.error(tell("'{word}' is given twice", word=words[0]), "")
        found = self.free.pop(place)
        return None if written(found) == "None" else found

    def common(self) -> None:
        """What every call may have: a kind of float, a device; keepdims=False."""
        for word in _PASSED_OVER:
            self.named.pop(word, None)
        dtype = self.take("dtype")
        if dtype is not None and written(dtype).split(".")[-1] not in FLOATS:
            raise self.error(tell("numbers here are 64-bit floats"), tell("leave dtype out"), dtype)
        if "out" in self.named:
            raise self.error(
                tell("out= is not read"), tell("name the result: y = ..."), self.named["out"]
            )
        for word in ("axis", "dim"):
            is_all = word in self.named and written(self.named[word]) == "None"
            if is_all and self.name.text in OVER_ALL:
                del self.named[word]

    def plain(self, name: str = "") -> Tokens:
        """The call under its own name, or another."""
        word = self.name._replace(text=name) if name else self.name
        arguments = [*self.free, *self._keywords()]
        opened = Token("(", "(", word.end, word.end)
        closed = Token(")", ")", self.end.start, self.end.end)
        return [word, opened, *joined(arguments, closed), closed]

    def templated(self, template: str = "") -> Tokens:
        """The template with the arguments in their places; of a call keywords, and of one that
        takes any number of arguments more of them, go before its last bracket."""
        template = template or TEMPLATES[self.name.text]
        slots = [int(slot) for slot, _ in _PART.findall(template) if slot]
        count = 1 + max(slots)
        more, keywords = self.free[count:], self._keywords()
        is_call = template[0].isalpha()
        too_many = more and self.name.text not in GROWING
        if len(self.free) < count or too_many or (keywords and not is_call):
            what = tell_many(
                "{text} takes {n} argument here",
                "{text} takes {n} arguments here",
                n=count,
                text=self.name.text,
            )
            raise self.error(what, tell("it is read as {shown}", shown=_shown(template)))
        found: Tokens = []
        for slot, word in _PART.findall(template):
            kind = NAME if word[:1].isalpha() else NUMBER if word.isdigit() else word
            place = (self.name.start, self.name.end)
            found += self.free[int(slot)] if slot else [Token(kind, word, *place)]
        if not is_call:
            opened = Token("(", "(", found[0].start, found[0].start)
            return [opened, *found, Token(")", ")", self.end.start, self.end.end)]
        found.pop()
        for argument in (*more, *keywords):
            found += [Token(",", ",", argument[0].start, argument[0].start), *argument]
        return [*found, Token(")", ")", self.end.start, self.end.end)]

    def with_keyword(self, word: str, value: Tokens | str) -> None:
        if isinstance(value, str):
            value = [Token(NUMBER, value, self.name.start, self.name.end)]
        self.named[word] = value

    def _keywords(self) -> list[Tokens]:
        return [self._keyword(word, value) for word, value in self.named.items()]

    def _keyword(self, word: str, value: Tokens) -> Tokens:
        start = value[0].start if value else self.name.start
        place = self.places.get(word, Token(NAME, word, start, start))
        ours = place._replace(text=KEYWORDS.get(word, word))
        return [ours, Token("=", "=", place.end, place.end), *bracketed(value)]

    def near(self) -> str:
        if otherwise := of_any(self.name.text, len(self.free)):
            return tell("write {otherwise}", otherwise=otherwise)
        near = near_misses(self.name.text, [*TEMPLATES, *self.gates])
        return (
            tell("did you mean {near}?", near=near[0])
            if near
            else tell("backtrace gates lists the functions")
        )

    def error(self, what: str, hint: str, at: Tokens | None = None) -> FormulaError:
        first, last = (at[0], at[-1]) if at else (self.name, self.name)
        return FormulaError(what, text=self.text, span=(first.start, last.end), hint=hint)


def written(tokens: Tokens) -> str:
    """Tokens as text without spaces; a text with its quotes."""
    return "".join(f'"{t.text}"' if t.kind == TEXT else t.text for t in tokens)


def is_whole(tokens: Tokens | None) -> bool:
    return tokens is not None and bool(re.fullmatch(r"-?\d+", written(tokens)))


def bracketed(tokens: Tokens) -> Tokens:
    """[0, 2] as (0, 2): whole numbers that say which axes, how many zeros."""
    if not re.fullmatch(r"[\[(][-\d,\[\]()]*[\])]", written(tokens)):
        return tokens
    turned = {"[": "(", "]": ")"}
    return [
        t._replace(kind=turned.get(t.kind, t.kind), text=turned.get(t.text, t.text)) for t in tokens
    ]


def is_keyword(argument: Tokens) -> bool:
    return len(argument) > 1 and argument[0].kind == NAME and argument[1].kind == "="


def split(tokens: Tokens) -> list[Tokens]:
    """The parts between commas that stand in no bracket."""
    parts: list[Tokens] = [[]]
    depth = 0
    for token in tokens:
        depth += token.kind in ("(", "[")
        depth -= token.kind in (")", "]")
        if token.kind == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


def joined(parts: list[Tokens], place: Token) -> Tokens:
    found: Tokens = []
    for number, part in enumerate(parts):
        found += [Token(",", ",", place.start, place.end)] * (number > 0) + part
    return found


def _shown(template: str) -> str:
    """{0} as x, {1} as y, {2} as z."""
    slot = re.compile(r"(?<!\w)\(\{(\d)\}\)|\{(\d)\}")
    return slot.sub(lambda found: "xyz"[int(found[1] or found[2])], template)
