"""What an expression holds back until its turn: operands, operators, open brackets and calls."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from backtrace.errors import FormulaError, Span
from backtrace.formula import slips
from backtrace.formula.builder import Builder
from backtrace.formula.token import Token
from backtrace.gates import Gate


class Operand(NamedTuple):
    """What an operator can take: an emission, and its place with the brackets around it."""

    emission: int
    start: int
    end: int


class Operator(NamedTuple):
    """`sign` is what it was written with, where that means something else of arrays."""

    gate: Gate
    binding: int
    token: Token
    is_prefix: bool
    sign: str


@dataclass(slots=True)
class Bracket:
    """An open ( or | or ‖ or [, or a call; `base` is how many operands stood before it."""

    token: Token
    base: int
    gate: Gate | None = None
    commas: int = 0
    keywords: dict[str, int] = field(default_factory=dict)
    power: Token | None = None
    is_mask: bool = False  # a comparison stands in it, outside where()

    @property
    def is_bar(self) -> bool:
        return self.token.kind in ("|", "‖")

    @property
    def is_group(self) -> bool:
        """Whether it is a bracket alone, (x + y)."""
        return self.token.kind == "(" and self.gate is None

    @property
    def is_literal(self) -> bool:
        """Whether it is an array, [x, y]."""
        return self.token.kind == "[" and self.gate is not None and self.gate.name == "stack"

    @property
    def closer(self) -> str:
        return {"|": "|", "‖": "‖", "[": "]"}.get(self.token.kind, ")")


def arguments(
    bracket: Bracket, given: list[Operand], span: Span, builder: Builder
) -> list[Operand]:
    """A call's operands in the order of the gate's parameters, defaults filled in.

    `given` are the operands as they were written, `span` is the whole call. Raises FormulaError
    where they are too many, too few or one is given twice.
    """
    gate = bracket.gate
    assert gate is not None
    if gate.fixed:
        return _with_fixed(bracket, given, span, builder)
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


def _with_fixed(
    bracket: Bracket, given: list[Operand], span: Span, builder: Builder
) -> list[Operand]:
    """The operands of a gate that takes an axis or a shape, which are no operands: sum(x, axis=0),
    reshape(x, 2, 3)."""
    gate = bracket.gate
    assert gate is not None
    (name,) = gate.fixed
    by_place = name == "shape"  # norm(x, 2): an axis, or the 2-norm? By its name, then
    free = len(given) if gate.variadic else len(gate.parameters) - 1
    operands, rest = given[:free], given[free:]
    if name in bracket.keywords:
        place = bracket.keywords[name]
        operands, rest = given[:place], given[place:]
    too_many = not by_place and len(rest) > (name in bracket.keywords)
    if too_many or (len(operands) != free if not gate.variadic else not operands):
        raise slips.wrong_count(builder.text, gate, len(given), span)
    if name == "shape" and not rest:
        raise slips.wrong_count(builder.text, gate, len(given), span)
    numbers = [_whole_number(operand, name, builder, bracket) for operand in rest]
    if name == "shape":
        fixed = builder.fixed(tuple(numbers), ", ".join(map(str, numbers)), span)
    elif numbers:
        fixed = builder.fixed(numbers[0], str(numbers[0]), span)
    else:
        text = gate.defaults[name]
        fixed = builder.fixed(int(text) if text else None, text, span)
    return [*operands, Operand(fixed, *span)]


def _whole_number(operand: Operand, name: str, builder: Builder, bracket: Bracket) -> int:
    constant = builder.constant(operand.emission)
    if constant is None or not re.fullmatch("-?[0-9]{1,9}", constant.text):
        assert bracket.gate is not None
        word = bracket.gate.word
        what, hint = "an axis is a whole number", f"{word}(x, axis=0) goes down every column"
        if name == "shape":
            what = "a shape is made of whole numbers"
            hint = f"{word}(x, 2, 3)" if word == "reshape" else f"{word}(2, 3)"
        span = (operand.start, operand.end)
        raise FormulaError(what, text=builder.text, span=span, hint=hint)
    return int(constant.text)
