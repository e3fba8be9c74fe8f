"""The formula's tokens spelled again for SymPy: the second reading, which never sees our graph.

    q = 2x²·sin(y)   ->   ("q", "2*v0**2*f_sin(v1)")

Not one character of the user's goes through: numbers and operators are written anew, every
variable is v0, v1, ..., every function f_ and its name in the table. Products that were written
without a sign get one, |x| becomes a call, √ takes what stands next to it. What binds how is left
to SymPy's parser, which is Python's. Signs whose meaning depends on shapes keep their own where
there are arrays: a·b is a*c_dot*b (`signs.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from backtrace.formula.expression import NAMED_CONSTANTS
from backtrace.formula.indices import read_index
from backtrace.formula.token import BREAK, END, NAME, NUMBER, POWER, SUBSCRIPT, TEXT, Token
from backtrace.formula.tokens import tokenize

_WHOLE = {"%": "*c_mod*", "//": "*c_floordiv*"}
_OF_NUMBERS = {**_WHOLE, "^": "**", "·": "*", "×": "*", "": "*"}
_OF_ARRAYS = {**_WHOLE, "^": "**c_pow**", "·": "*c_dot*", "×": "*", "": "*c_side*"}
_NORMS = {"1": "c_norm1(", "inf": "f_max(f_abs(", "infty": "f_max(f_abs(", "∞": "f_max(f_abs("}
# on symbols Python's own == asks for the same spelling, and arrays compare by other rules
_COMPARISONS = {"==": "c_eq", "!=": "c_ne", "<": "c_lt", "<=": "c_le", ">": "c_gt", ">=": "c_ge"}


@dataclass(frozen=True, slots=True)
class Respelled:
    """statements: (stage name or "", text); definitions: (gate, parameters, text);
    variables: the user's name -> v0, v1, ...; functions: the table's that are used."""

    statements: list[tuple[str, str]]
    definitions: list[tuple[str, list[str], str]]
    variables: dict[str, str]
    functions: set[str]


def respell(text: str, names: Collection[str], of_arrays: bool = False) -> Respelled:
    """`text` must be a formula that the parser has accepted, `names` the variables it was told."""
    reading = _Reading(tokenize(text), frozenset(names), _OF_ARRAYS if of_arrays else _OF_NUMBERS)
    reading.all_statements()
    return Respelled(reading.statements, reading.definitions, reading.variables, reading.functions)


@dataclass(slots=True)
class _Reading:
    tokens: list[Token]
    names: frozenset[str]
    signs: Mapping[str, str]
    at: int = 0
    variables: dict[str, str] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)
    functions: set[str] = field(default_factory=set)
    own: dict[str, str] = field(default_factory=dict)
    statements: list[tuple[str, str]] = field(default_factory=list)
    definitions: list[tuple[str, list[str], str]] = field(default_factory=list)

    def all_statements(self) -> None:
        while self.tokens[self.at].kind != END:
            if self.tokens[self.at].kind == BREAK:
                self.at += 1
            elif parameters := self._signature():
                self._definition(parameters)
            else:
                self._statement()

    def _signature(self) -> list[str]:
        """The parameters, if a definition `name(a, b) =` begins here."""
        end = self.at + 1
        while self.tokens[end].kind in ("(", NAME, ","):
            end += 1
        kinds = [token.kind for token in self.tokens[self.at : end + 2]]
        if kinds[:2] != [NAME, "("] or kinds[-2:] != [")", "="]:
            return []
        return [token.text for token in self.tokens[self.at + 2 : end] if token.kind == NAME]

    def _definition(self, parameters: list[str]) -> None:
        name = self.tokens[self.at].text
        begins = self.at + 2 * len(parameters) + 3
        inner = _Reading(self.tokens, frozenset(parameters), self.signs, begins)
        inner.functions, inner.own = self.functions, dict(self.own)
        text = inner._spell()
        places = [inner.variables.setdefault(p, f"v{len(inner.variables)}") for p in parameters]
        self.own[name] = f"g{len(self.own)}"
        self.definitions.append((self.own[name], places, text))
        self.at = inner.at

    def _statement(self) -> None:
        name = ""
        if [token.kind for token in self.tokens[self.at : self.at + 2]] == [NAME, "="]:
            name = self.tokens[self.at].text
            self.at += 2
        text = self._spell()
        if name:
            self.stages[name] = f"s{len(self.stages)}"
            name = self.stages[name]
        self.statements.append((name, text))

    def _spell(self) -> str:
        """The expression from here to the end of its statement; a line's end inside brackets ends
        nothing."""
        words = _Words(self.signs[""])
        while True:
            token = self.tokens[self.at]
            if token.kind == END or (token.kind == BREAK and not words.open_brackets):
                return "".join(words.parts)
            self.at += 1
            if token.kind != BREAK:
                self._word(words, token, self.tokens[self.at].kind)

    def _word(self, words: _Words, token: Token, following: str) -> None:
        kind = token.kind
        if kind == NUMBER:
            words.operand(token.text.lstrip("0") if token.text.isdigit() else token.text, "0")
        elif kind == TEXT:
            words.operand(repr(tuple(map(ord, token.text))))
        elif kind == POWER:
            words.parts.append(f"{self.signs['^']}({token.text})")
        elif kind == NAME and following == "(" and token.text in self.own:
            words.function(self.own[token.text])
        elif kind == NAME and following == "(":
            self.functions.add(token.text)
            words.function(f"f_{token.text}")
        elif kind == NAME and following == "=":
            words.parts.append(f"p_{token.text}=")
        elif kind == NAME:
            words.operand(self._name(token.text))
        elif kind == "ᵀ" or (kind == "^" and self._is_transpose(self.tokens[self.at])):
            self.at += kind == "^"
            words.parts.append("**c_T")
        elif kind == "√":
            self.functions.add("sqrt")
            words.root()
        elif kind == "(":
            words.open("(")
        elif kind == "|":
            self.functions.add("abs")
            words.bar("|")
        elif kind == "‖":
            self.functions |= {"abs", "max"}
            words.bar("‖")
        elif kind == SUBSCRIPT:
            words.subscript(_NORMS.get(token.text, "c_norm("))
        elif kind in (")", "]"):
            words.close()
        elif kind == "=":
            pass  # written with the keyword before it
        elif kind in _COMPARISONS:
            words.comparison(_COMPARISONS[kind])
        elif kind == "[" and words.due:
            self.functions.add("stack")
            words.open("[")
        elif kind == "[":
            _, text, self.at = read_index("", self.tokens, self.at - 1)
            words.parts.append(f"[{text}]")
        elif kind == ".":
            self.at += 1
            words.parts.append(".T")
        else:
            words.operator(self.signs.get(kind, kind))

    def _is_transpose(self, token: Token) -> bool:
        """Whether x^T is the transpose: T is no variable, where any has a value."""
        is_name = token.kind == NAME and token.text == "T" and bool(self.names)
        is_known = "T" in self.names or "T" in self.stages or "T" in self.variables
        return token.kind == "⊤" or (is_name and not is_known)

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

    product: str
    parts: list[str] = field(default_factory=list)
    due: bool = True
    closed: int = 0  # where the function stands whose bracket was closed last
    open_brackets: list[str] = field(default_factory=list)
    roots: list[int] = field(default_factory=lambda: [0])
    begins: list[int] = field(default_factory=lambda: [0])
    comparisons: list[bool] = field(default_factory=lambda: [False])

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
        self.parts.append({"|": "f_abs(", "‖": "c_norm(", "[": "f_stack("}.get(closer, "("))
        self.open_brackets.append(closer)
        self.roots.append(0)
        self.begins.append(len(self.parts))
        self.comparisons.append(False)
        self.due = True

    def bar(self, sign: str) -> None:
        if not self.due and self.open_brackets and self.open_brackets[-1] == sign:
            self.close()
        else:
            self.open(sign)

    def subscript(self, function: str) -> None:
        """Of the norm that was closed last."""
        self.parts[self.closed] = function
        self.parts.append(")" * (function.count("(") - 1))

    def close(self) -> None:
        self._end_comparison()
        self.closed = self.begins[-1] - 1
        for stack in (self.open_brackets, self.roots, self.begins, self.comparisons):
            stack.pop()
        self.parts.append(")")
        self._complete()

    def operator(self, text: str) -> None:
        if text == ",":
            self._end_comparison()
        self.parts.append(text)
        self.due = True

    def comparison(self, function: str) -> None:
        """a < b as c_lt(a,b): the call begins where the innermost bracket did."""
        self.parts.insert(self.begins[-1], f"{function}(")
        self.comparisons[-1] = True
        self.parts.append(",")
        self.due = True

    def _end_comparison(self) -> None:
        if self.comparisons[-1]:
            self.parts.append(")")
            self.comparisons[-1] = False

    def _multiply(self) -> None:
        if not self.due:
            self.parts.append(self.product)
            self.due = True

    def _complete(self) -> None:
        """An operand is complete: the roots that waited for it close."""
        self.parts.append(")" * self.roots[-1])
        self.roots[-1] = 0
        self.due = False
