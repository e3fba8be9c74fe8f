"""The formula's tokens spelled again for SymPy: the second reading, which never sees our graph.

    q = 2x²·sin(y)   ->   ("q", "2*v0**2*f_sin(v1)")

Not one character of the user's goes through: numbers and operators are written anew, every
variable is v0, v1, ..., every function f_ and its name in the table. Products that were written
without a sign get one, |x| becomes a call, √ takes what stands next to it. What binds how is left
to SymPy's parser, which is Python's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from backtrace.formula.expression import NAMED_CONSTANTS
from backtrace.formula.tokens import BREAK, END, NAME, NUMBER, POWER, Token, tokenize

_WRITTEN = {"^": "**"}


@dataclass(frozen=True, slots=True)
class Respelled:
    """statements: (stage name or "", text); variables: the user's name -> v0, v1, ..."""

    statements: list[tuple[str, str]]
    variables: dict[str, str]
    functions: set[str]


def respell(text: str, names: Collection[str]) -> Respelled:
    """`text` must be a formula that the parser has accepted, `names` the variables it was told."""
    reading = _Reading(frozenset(names))
    statements = [reading.statement(tokens) for tokens in _statements(tokenize(text))]
    return Respelled(statements, reading.variables, reading.functions)


def _statements(tokens: list[Token]) -> Iterator[list[Token]]:
    """The tokens of each statement; a line's end inside brackets ends nothing."""
    current: list[Token] = []
    depth, bars = 0, 0
    for token in tokens:
        if token.kind in (BREAK, END):
            if depth or bars % 2:
                continue
            if current:
                yield current
            current = []
        else:
            depth += (token.kind == "(") - (token.kind == ")")
            bars += token.kind == "|"
            current.append(token)


@dataclass(slots=True)
class _Reading:
    names: frozenset[str]
    variables: dict[str, str] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)
    functions: set[str] = field(default_factory=set)

    def statement(self, tokens: list[Token]) -> tuple[str, str]:
        name = ""
        if len(tokens) > 1 and tokens[0].kind == NAME and tokens[1].kind == "=":
            name, tokens = tokens[0].text, tokens[2:]
        words = _Words()
        for position, token in enumerate(tokens):
            following = tokens[position + 1].kind if position + 1 < len(tokens) else END
            self._word(words, token, following)
        if name:
            self.stages[name] = f"s{len(self.stages)}"
            name = self.stages[name]
        return name, "".join(words.parts)

    def _word(self, words: _Words, token: Token, following: str) -> None:
        kind = token.kind
        if kind == NUMBER:
            words.operand(token.text.lstrip("0") if token.text.isdigit() else token.text, "0")
        elif kind == POWER:
            words.parts.append(f"**({token.text})")
        elif kind == NAME and following == "(":
            self.functions.add(token.text)
            words.function(f"f_{token.text}")
        elif kind == NAME and following == "=":
            words.parts.append(f"p_{token.text}=")
        elif kind == NAME:
            words.operand(self._name(token.text))
        elif kind == "√":
            self.functions.add("sqrt")
            words.root()
        elif kind == "(":
            words.open("(")
        elif kind == "|":
            self.functions.add("abs")
            words.bar()
        elif kind == ")":
            words.close()
        elif kind == "=":
            pass  # written with the keyword before it
        else:
            words.operator(_WRITTEN.get(kind, kind))

    def _name(self, name: str) -> str:
        if name in self.stages:
            return self.stages[name]
        if name not in self.names and name in NAMED_CONSTANTS:
            return f"c_{name}"
        return self.variables.setdefault(name, f"v{len(self.variables)}")


@dataclass(slots=True)
class _Words:
    """The respelled text so far; `due` says that an operand is expected next.

    `open_brackets` holds for every open bracket what closes it, and before it the roots that wait
    for it to close.
    """

    parts: list[str] = field(default_factory=list)
    due: bool = True
    open_brackets: list[str] = field(default_factory=list)
    roots: list[int] = field(default_factory=lambda: [0])

    def operand(self, text: str, when_empty: str = "") -> None:
        self._multiply()
        self.parts.append(text or when_empty)
        self._complete()

    def function(self, text: str) -> None:
        self._multiply()
        self.parts.append(text)

    def root(self) -> None:
        self._multiply()
        self.parts.append("f_sqrt(")
        self.roots[-1] += 1

    def open(self, closer: str) -> None:
        self._multiply()
        self.parts.append("f_abs(" if closer == "|" else "(")
        self.open_brackets.append(closer)
        self.roots.append(0)
        self.due = True

    def bar(self) -> None:
        if not self.due and self.open_brackets and self.open_brackets[-1] == "|":
            self.close()
        else:
            self.open("|")

    def close(self) -> None:
        self.open_brackets.pop()
        self.roots.pop()
        self.parts.append(")")
        self._complete()

    def operator(self, text: str) -> None:
        self.parts.append(text)
        self.due = True

    def _multiply(self) -> None:
        if not self.due:
            self.parts.append("*")
            self.due = True

    def _complete(self) -> None:
        """An operand is complete: the roots that waited for it close."""
        self.parts.append(")" * self.roots[-1])
        self.roots[-1] = 0
        self.due = False
