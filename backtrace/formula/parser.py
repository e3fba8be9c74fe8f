"""Tokens -> Graph: statement by statement, each an expression, most with a name.

The graph keeps what was written, gate for gate: `x-y` is one subtraction, `a+b+c` two additions
from left to right, `x*x` one multiplication that reads x twice. Nothing is simplified, reordered,
folded or shared.
"""

from __future__ import annotations

from collections.abc import Collection

from backtrace.errors import FormulaError, Span
from backtrace.formula.builder import Builder
from backtrace.formula.expression import ExpressionReader
from backtrace.formula.tokens import BREAK, END, NAME, Token, tokenize
from backtrace.gates import GATES
from backtrace.graph import Graph


def parse(text: str, names: Collection[str] = ()) -> Graph:
    """The graph of a formula. `names` are the variables that have a value: e, pi and tau are
    constants unless they are among them, and a function's name is a variable if it is.

    Raises FormulaError, with the place.
    """
    return _Statements(text, frozenset(names)).graph()


class _Statements:
    def __init__(self, text: str, names: frozenset[str]) -> None:
        self.text = text
        self.tokens = tokenize(text)
        self.builder = Builder(text)
        self.reader = ExpressionReader(text, self.tokens, self.builder, names)

    def graph(self) -> Graph:
        result = None
        unnamed: Span | None = None
        while True:
            while self.tokens[self.reader.at].kind == BREAK:
                self.reader.at += 1
            if self.tokens[self.reader.at].kind == END:
                break
            if unnamed:
                raise self.error(
                    "only the last statement may go without a name",
                    unnamed,
                    "give it one: q = ...",
                )
            start = self.tokens[self.reader.at].start
            name = self._assigned_name()
            result = self.reader.read()
            if name is None:
                unnamed = (start, self.tokens[self.reader.at].start)
            else:
                result = self._name_stage(name, result, start)
        if result is None:
            raise self.error(
                "the formula is empty", (0, 0), 'try backtrace "(x+y)*z" x=-2 y=5 z=-4'
            )
        return self.builder.finish(result)

    def _assigned_name(self) -> Token | None:
        token, following = (
            self.tokens[self.reader.at],
            self.tokens[self.reader.at + 1 : self.reader.at + 2],
        )
        if token.kind != NAME or not following or following[0].kind != "=":
            return None
        if token.text in self.reader.stages:
            raise self.error(
                f"'{token.text}' is assigned twice", token, "give every stage a name of its own"
            )
        if token.text in self.builder.inputs:
            raise self.error(
                f"'{token.text}' is used above as a variable",
                token,
                "give the stage a name of its own",
            )
        self.reader.at += 2
        return token

    def _name_stage(self, name: Token, result: int, start: int) -> int:
        if name.text in self.builder.inputs:
            raise self.error(
                f"'{name.text}' is defined by itself", name, "give the stage a new name"
            )
        span = (start, self.tokens[self.reader.at - 1].end)
        stage = self.builder.stage(result, name.text, GATES["identity"], span)
        self.reader.stages[name.text] = stage
        return stage

    def error(self, what: str, place: Token | Span, hint: str = "") -> FormulaError:
        span = (place.start, place.end) if isinstance(place, Token) else place
        return FormulaError(what, text=self.text, span=span, hint=hint)
