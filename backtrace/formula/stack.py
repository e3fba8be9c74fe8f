"""The stacks of an expression: operands that were read, operators that wait for theirs."""

from __future__ import annotations

from collections.abc import Mapping

from backtrace.errors import FormulaError, Span
from backtrace.formula.builder import Builder
from backtrace.formula.pending import Bracket, Operand, Operator
from backtrace.formula.token import Token
from backtrace.gates import Gate
from backtrace.language import tell


class Stack:
    """`names` are the variables that have a value, `stages` what the statements before have named,
    `gates` what can be called: the table, and what the formula has defined. `at` is the token that
    is read next.
    """

    def __init__(
        self,
        text: str,
        tokens: list[Token],
        builder: Builder,
        names: frozenset[str],
        gates: Mapping[str, Gate],
    ) -> None:
        self.text = text
        self.gates = gates
        self.tokens = tokens
        self.builder = builder
        self.names = names
        self.defining = ""  # the gate whose definition this is
        self.stages: dict[str, int] = {}
        self._known: dict[str, int] = {}  # emissions of names that have been read
        self.at = 0
        self.operands: list[Operand] = []
        self.operators: list[Operator | Bracket] = []
        self.brackets: list[Bracket] = []

    def _push(self, emission: int, token: Token) -> None:
        self.operands.append(Operand(emission, token.start, token.end))
        self.at += 1

    def _reduce(self, binding: int) -> None:
        """Applies the pending operators that bind at least as tightly, back to the last bracket."""
        operators, operands, new = self.operators, self.operands, tuple.__new__
        builder = self.builder
        while operators and (operator := operators[-1]).binding >= binding:
            del operators[-1]
            assert type(operator) is Operator
            gate, _, token, is_prefix, sign = operator
            right = operands.pop()
            if is_prefix:
                self._apply(gate, [right], token.start, right.end)
                continue
            if builder.has_comparisons:
                self._refuse_stray_comparison(gate, [operands[-1], right])
            one, start, _ = operands[-1]
            other, _, end = right
            span = (start, end)
            if sign:
                builder.signs[span] = (gate.name, sign)
            operands[-1] = new(Operand, (builder.of_two(gate, one, other, span), start, end))

    def _apply(self, gate: Gate, operands: list[Operand], start: int, end: int) -> None:
        if self.builder.has_comparisons or gate.name == "where":
            self._refuse_stray_comparison(gate, operands)
        emissions = tuple([operand[0] for operand in operands])
        emission = self.builder.gate(gate, emissions, (start, end))
        self.operands.append(Operand(emission, start, end))

    def _refuse_stray_comparison(self, gate: Gate, operands: list[Operand]) -> None:
        for position, operand in enumerate(operands):
            is_condition = gate.name == "where" and position == 0
            if self.builder.is_comparison(operand.emission) is not is_condition:
                what = (
                    tell("where() needs a comparison as its first argument")
                    if is_condition
                    else tell("a comparison can only be the condition of where()")
                )
                raise self.error(what, (operand.start, operand.end), "where(x > 0, a, b)")

    def _knows(self, name: str) -> bool:
        return name in self.names or name in self.stages or name in self.builder.inputs

    def error(self, what: str, place: Token | Span, hint: str = "") -> FormulaError:
        span = (place.start, place.end) if isinstance(place, Token) else place
        return FormulaError(what, text=self.text, span=span, hint=hint)
