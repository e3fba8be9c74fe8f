"""Tokens -> Graph: statement by statement, each an expression, most with a name.

The graph keeps what was written, gate for gate: `x-y` is one subtraction, `a+b+c` two additions
from left to right, `x*x` one multiplication that reads x twice. Nothing is simplified, reordered,
folded or shared.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from backtrace.errors import Span
from backtrace.formula import latex
from backtrace.formula.builder import Builder
from backtrace.formula.definitions import own_gate
from backtrace.formula.expression import ExpressionReader
from backtrace.formula.library_words import has_calls
from backtrace.formula.token import BREAK, END, NAME, Token
from backtrace.formula.tokens import tokenize
from backtrace.gates import GATES, Gate
from backtrace.graph import Graph
from backtrace.language import tell


class Statement(NamedTuple):
    """The stage or the gate that a statement defines ("" for a last one without a name), and where
    it stands: with what follows up to its `;` or the end of its line, and its tokens alone."""

    name: str
    place: Span
    tokens: Span
    parameters: tuple[str, ...] = ()  # of a gate


def parse(
    text: str, names: Collection[str] = (), own: Mapping[str, Gate] = MappingProxyType({})
) -> Graph:
    """The graph of a formula. `names` are the variables that have a value, with their shapes where
    these are known: e, pi and tau are constants unless they are among them, and a function's name
    is a variable if it is. `own` are gates beside the table's.

    Raises FormulaError, with the place.
    """
    return _Statements(text, names, own).graph()


def parse_statements(
    text: str, names: Collection[str], own: Mapping[str, Gate]
) -> tuple[Graph, list[Statement]]:
    """As `parse`, with the statements as they stand."""
    reading = _Statements(text, names, own)
    graph, tokens = reading.graph(), reading.tokens
    statements = []
    for name, parameters, first, after in reading.statements:
        place = (tokens[first].start, tokens[after].start)
        starts, ends = zip(*(token[2:] for token in tokens[first:after]), strict=True)
        span = (min(starts), max(ends))  # those of other grammars are not in the order of the text
        statements.append(Statement(name, place, span, parameters))
    return graph, statements


def parse_definitions(text: str) -> dict[str, Gate]:
    """The gates that a text defines, `swish(a) = a*sigmoid(a)` and the like, and nothing else.

    Raises FormulaError, with the place.
    """
    return _Statements(text, frozenset(), {}).definitions()


class _Statements:
    def __init__(self, text: str, given: Collection[str], own: Mapping[str, Gate]) -> None:
        self.text = text
        names = frozenset(given)
        is_latex = latex.is_latex(text)
        self.sums = latex.tokens_of(text, given) if is_latex else None
        self.tokens = self.sums.tokens if self.sums else tokenize(text)
        self.builder = Builder(text)
        self.builder.is_respelled = is_latex
        self.readings: tuple[str, ...] = ()
        if not is_latex and has_calls(text):
            from backtrace.formula import libraries  # where a formula has their words

            typed = [token[:2] for token in self.tokens]
            known = {**GATES, **own}
            self.tokens, self.readings = libraries.translated(text, self.tokens, names, known)
            self.builder.is_respelled = [token[:2] for token in self.tokens] != typed
        self.own = dict(own)
        self.gates = {**GATES, **own}
        self.reader = ExpressionReader(text, self.tokens, self.builder, names, self.gates)
        self.statements: list[tuple[str, tuple[str, ...], int, int]] = []
        self._last: tuple[int, list[Token]] | None = None  # a definition: where, its parameters

    def graph(self) -> Graph:
        result = None
        unnamed: Span | None = None
        while self._more():
            if self._definition():
                continue
            if unnamed:
                raise self.reader.error(
                    tell("only the last statement may go without a name"),
                    unnamed,
                    tell("give it one: q = ..."),
                )
            first = self.reader.at
            start = self.tokens[first].start
            name = self._assigned_name()
            result = self.reader.read()
            if name is None:
                unnamed = (start, self.tokens[self.reader.at].start)
            else:
                result = self._name_stage(name, result, start)
            self.statements.append((name.text if name else "", (), first, self.reader.at))
        if result is None and self._last is not None:
            result = self._of_definition(*self._last)
        if result is None:
            hint = tell('try backtrace "(x+y)*z" x=-2 y=5 z=-4')
            raise self.reader.error(tell("the formula is empty"), (0, 0), hint)
        graph = self.builder.finish(result, tuple(self.own.values()))
        if self.readings:
            graph = replace(graph, readings=self.readings)
        if self.sums and (self.sums.counts or self.sums.summed):
            graph = replace(graph, counts=self.sums.counts, summed=self.sums.summed)
        return graph

    def definitions(self) -> dict[str, Gate]:
        while self._more():
            if not self._definition():
                token = self.tokens[self.reader.at]
                hint = "swish(a) = a*sigmoid(a)"
                raise self.reader.error(
                    tell("only definitions of gates can stand here"), token, hint
                )
        return self.own

    def _more(self) -> bool:
        """Whether another statement follows; steps over what separates them."""
        tokens, at = self.tokens, self.reader.at
        while tokens[at].kind == BREAK:
            at += 1
        self.reader.at = at
        return tokens[at].kind != END

    def _definition(self) -> bool:
        """Reads `name(a, b) = expression`, if that stands here, and adds the gate to the table."""
        parameters = self._signature()
        if not parameters:
            return False
        name = self.tokens[self.reader.at]
        self._last = (self.reader.at, parameters)
        names = [token.text for token in parameters]
        for token in parameters:
            if names.count(token.text) > 1:
                raise self.reader.error(
                    tell("'{text}' is a parameter twice", text=token.text), token
                )
        builder = Builder(self.text)
        body = ExpressionReader(self.text, self.tokens, builder, frozenset(names), self.gates)
        body.defining = name.text
        body.at = self.reader.at + 2 * len(parameters) + 3
        inner = builder.finish(body.read())
        self._refuse_shadowing(name, inner)
        for used, index in inner.inputs.items():
            if used not in names:
                hint = tell("it has {names}", names=", ".join(names))
                what = tell("'{used}' is not a parameter of {text}", used=used, text=name.text)
                raise self.reader.error(what, inner.nodes[index].span, hint)
        self.own[name.text] = self.gates[name.text] = own_gate(name.text, tuple(names), inner)
        self.statements.append((name.text, tuple(names), self.reader.at, body.at))
        self.reader.at = body.at
        return True

    def _of_definition(self, at: int, parameters: list[Token]) -> int:
        """f(x, y) = ... alone is the formula f: its parameters are the inputs."""
        name = self.tokens[at]
        del self.own[name.text]
        for token in parameters:
            self.builder.input(token.text, (token.start, token.end))
        body = ExpressionReader(
            self.text,
            self.tokens,
            self.builder,
            frozenset(token.text for token in parameters),
            self.gates,
        )
        body.at = at + 2 * len(parameters) + 3
        result = body.read()
        self.reader.at = body.at
        if name.text in self.builder.inputs:
            return result
        self.builder.is_respelled = True
        return self._name_stage(name, result, self.tokens[at + 2 * len(parameters) + 3].start)

    def _refuse_shadowing(self, name: Token, inner: Graph) -> None:
        """A gate's name cannot come to mean something else; to spell out what it means is fine."""
        known = self.gates.get(name.text)
        if known is not None and (known.is_own or not _same(known, inner)):
            hint = tell("it means {formula}; give your gate another name", formula=known.formula)
            raise self.reader.error(tell("'{text}' is a gate already", text=name.text), name, hint)

    def _signature(self) -> list[Token]:
        """The parameters, if `name(a, b) =` stands here."""
        tokens, at = self.tokens, self.reader.at
        if tokens[at].kind != NAME or tokens[at + 1].kind != "(":
            return []
        parameters = []
        at += 2
        while tokens[at].kind == NAME and tokens[at + 1].kind in (",", ")"):
            parameters.append(tokens[at])
            if tokens[at + 1].kind == ")":
                return parameters if tokens[at + 2].kind == "=" else []
            at += 2
        return []

    def _assigned_name(self) -> Token | None:
        token = self.tokens[self.reader.at]
        if token.kind != NAME or self.tokens[self.reader.at + 1].kind != "=":
            return None  # a name is never the last token, END is
        if token.text in self.reader.stages:
            raise self.reader.error(
                tell("'{text}' is assigned twice", text=token.text),
                token,
                tell("give every stage a name of its own"),
            )
        if token.text in self.builder.inputs:
            raise self.reader.error(
                tell("'{text}' is used above as a variable", text=token.text),
                token,
                tell("give the stage a name of its own"),
            )
        self.reader.at += 2
        return token

    def _name_stage(self, name: Token, result: int, start: int) -> int:
        if name.text in self.builder.inputs:
            raise self.reader.error(
                tell("'{text}' is defined by itself", text=name.text),
                name,
                tell("give the stage a new name"),
            )
        span = (start, self.tokens[self.reader.at - 1].end)
        stage = self.builder.stage(result, name.text, self.gates["identity"], span)
        self.reader.stages[name.text] = stage
        return stage


def _same(gate: Gate, inner: Graph) -> bool:
    """Whether a gate's formula and a definition are the same, but for the names of parameters."""
    formula = parse(gate.formula, gate.parameters)
    unnamed = [
        tuple(node._replace(name="") if node.is_input else node for node in graph.nodes)
        for graph in (formula, inner)
    ]
    return unnamed[0] == unnamed[1]
