"""What an expression holds back until its turn: operands, operators, open brackets and calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from backtrace.errors import FormulaError, Span
from backtrace.formula import slips
from backtrace.formula.builder import Builder
from backtrace.formula.tokens import Token
from backtrace.gates import Gate


class Operand(NamedTuple):
    """What an operator can take: an emission, and its place with the brackets around it."""

    emission: int
    start: int
    end: int


class Operator(NamedTuple):
    gate: Gate
    binding: int
    token: Token
    is_prefix: bool


@dataclass(slots=True)
class Bracket:
    """An open ( or |, or a call; `base` is how many operands stood before it."""

    token: Token
    base: int
    gate: Gate | None = None
    commas: int = 0
    keywords: dict[str, int] = field(default_factory=dict)

    @property
    def is_bar(self) -> bool:
        return self.token.kind == "|"


def arguments(
    bracket: Bracket, given: list[Operand], span: Span, builder: Builder
) -> list[Operand]:
    """A call's operands in the order of the gate's parameters, defaults filled in.

    `given` are the operands as they were written, `span` is the whole call. Raises FormulaError
    where they are too many, too few or one is given twice.
    """
    gate = bracket.gate
    assert gate is not None
    if gate.variadic:
        return given
    keyword_at = set(bracket.keywords.values())
    positional = [operand for i, operand in enumerate(given) if i not in keyword_at]
    chosen = dict(zip(gate.parameters, positional, strict=False))
    for name, index in bracket.keywords.items():
        if name in chosen:
            raise FormulaError(f"'{name}' is given twice", text=builder.text, span=span)
        chosen[name] = given[index]
    for name, text in gate.defaults.items():
        if name not in chosen:
            chosen[name] = Operand(builder.number(text, span), *span)
    if len(positional) > len(gate.parameters) or len(chosen) < len(gate.parameters):
        raise slips.wrong_count(builder.text, gate, len(given), span)
    return [chosen[name] for name in gate.parameters]
