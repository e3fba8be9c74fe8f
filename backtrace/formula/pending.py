"""What an expression holds back until its turn: operands, operators, open brackets and calls."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from backtrace.errors import FormulaError, Span
from backtrace.formula import call_slips
from backtrace.formula.builder import Builder
from backtrace.formula.literals import Literal, of_default, spelled
from backtrace.formula.token import Token
from backtrace.gates import Gate
from backtrace.language import tell


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


_CLOSERS = {"|": "|", "‖": "‖", "[": "]"}


@dataclass(slots=True)
class Bracket:
    """An open ( or | or ‖ or [, or a call; `base` is how many operands stood before it."""

    token: Token
    base: int
    gate: Gate | None = None
    commas: int = 0
    keywords: dict[str, int] = field(default_factory=dict)
    power: Token | None = None
    axis: int = 0  # of x[:, i]
    ends: int = -1  # the token at which the index arrays of x[i, :] end
    is_mask: bool = False  # a comparison stands in it, outside where()
    binding: int = -1  # nothing is applied back past it

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
        return _CLOSERS.get(self.token.kind, ")")


def arguments(
    bracket: Bracket, given: list[Operand], span: Span, builder: Builder
) -> list[Operand]:
    """A call's operands in the order of the gate's parameters, defaults filled in.

    `given` are the operands as they were written, `span` is the whole call. Raises FormulaError
    where they are too many, too few or one is given twice.
    """
    gate = bracket.gate
    assert gate is not None
    if gate.order is not None:
        return _with_order(gate, given, span, builder)
    if gate.fixed:
        return _with_fixed(bracket, given, span, builder)
    if gate.variadic or (not bracket.keywords and len(given) == len(gate.parameters)):
        return given
    keyword_at = set(bracket.keywords.values())
    positional = [operand for i, operand in enumerate(given) if i not in keyword_at]
    chosen = dict(zip(gate.parameters, positional, strict=False))
    for name, index in bracket.keywords.items():
        if name in chosen:
            raise FormulaError(
                tell("'{name}' is given twice", name=name), text=builder.text, span=span
            )
        chosen[name] = given[index]
    for name, text in gate.defaults.items():
        if name not in chosen:
            chosen[name] = Operand(builder.number(text, span), *span)
    if len(positional) > len(gate.parameters) or len(chosen) < len(gate.parameters):
        raise call_slips.wrong_count(builder.text, gate, len(positional), span)
    return [chosen[name] for name in gate.parameters]


def _with_order(gate: Gate, given: list[Operand], span: Span, builder: Builder) -> list[Operand]:
    """The operands of a gate whose order stands in front: polygamma(2, x)."""
    if len(given) != len(gate.parameters):
        raise call_slips.wrong_count(builder.text, gate, len(given), span)
    orders = [_as_order(operand, gate, builder) for operand in given]
    if orders[0] is None:
        place = (given[0].start, given[0].end)
        raise call_slips.wrong_order(builder.text, gate, place, is_behind=orders[-1] is not None)
    order = builder.fixed(orders[0], str(orders[0]), span)
    return [*given[1:], Operand(order, *span)]


def _as_order(operand: Operand, gate: Gate, builder: Builder) -> int | None:
    """None where it is no whole number that was written out, or not one that the gate knows."""
    constant = builder.constant(operand.emission)
    if constant is None or not re.fullmatch("[0-9]{1,9}", constant.text):
        return None
    value = int(constant.text)
    return value if gate.order is not None and value in gate.order else None


def _with_fixed(
    bracket: Bracket, given: list[Operand], span: Span, builder: Builder
) -> list[Operand]:
    """The operands of a gate that takes an axis or a shape, which are no operands: sum(x, axis=0),
    reshape(x, 2, 3), einsum("ij,j->i", A, x)."""
    gate = bracket.gate
    assert gate is not None
    plain = given[: min(bracket.keywords.values(), default=len(given))]
    free = len(gate.parameters) - len(gate.fixed)
    if gate.variadic:
        rest = [o for o in plain if builder.is_fixed(o.emission)]
        operands = [o for o in plain if not builder.is_fixed(o.emission)]
    else:
        operands, rest = plain[:free], plain[free:]
    by_place: dict[str, list[Operand]] = {}
    if gate.fixed in _OF_MANY and rest:
        by_place = {gate.fixed[0]: rest}
    elif len(rest) <= len(gate.fixed) * (not gate.by_name):
        by_place = {name: [operand] for name, operand in zip(gate.fixed, rest, strict=False)}
    operands = _completed(bracket, operands, given, span, builder)
    least = 1 if gate.variadic else free - len(gate.optional)
    has_enough = len(operands) >= least
    known = {*by_place, *bracket.keywords, *gate.defaults}
    missing = [name for name in gate.fixed if name not in known]
    if has_enough and missing and gate.variadic:
        hint = tell("it is written {signature}", signature=call_slips.signature(gate))
        what = tell("{word} is not told its {missing}", word=gate.word, missing=missing[0])
        raise FormulaError(what, text=builder.text, span=span, hint=hint)
    if not has_enough or bool(rest) is not bool(by_place) or not known.issuperset(gate.fixed):
        raise call_slips.wrong_count(builder.text, gate, len(given) - len(bracket.keywords), span)
    for name, place in bracket.keywords.items():
        if name in by_place:
            raise FormulaError(
                tell("'{name}' is given twice", name=name), text=builder.text, span=span
            )
        by_place[name] = [given[place]]
    fixed = [_fixed(name, by_place.get(name), span, builder, gate) for name in gate.fixed]
    return [*operands, *(Operand(emission, *span) for emission in fixed)]


def _completed(
    bracket: Bracket, operands: list[Operand], given: list[Operand], span: Span, builder: Builder
) -> list[Operand]:
    """With the operands that have a default, as they are named or left out: huber(p, t, delta=2).
    Those that are missing stay so."""
    gate = bracket.gate
    assert gate is not None
    if gate.variadic or not gate.defaulted:
        return operands
    names = [name for name in gate.parameters if name not in gate.fixed]
    for name in names[: len(operands)]:
        if name in bracket.keywords:
            raise FormulaError(
                tell("'{name}' is given twice", name=name), text=builder.text, span=span
            )
    found = list(operands)
    for name in names[len(operands) :]:
        if name in bracket.keywords:
            found.append(given[bracket.keywords[name]])
        elif name in gate.defaulted:
            found.append(Operand(builder.number(gate.defaults[name], span), *span))
    return found


_OF_MANY = (("shape",), ("axes",))
"""Parameters that are all the whole numbers that stand at the end of a call."""

_TUPLES = ("axis", "shape", "axes", "widths", "size", "stride", "padding")
_TEXTS = ("reduction", "subscripts", "at")


def _fixed(name: str, given: list[Operand] | None, span: Span, builder: Builder, gate: Gate) -> int:
    if given is None:
        text = gate.defaults[name]
        return builder.fixed(of_default(text), text, span)
    values = [_literal(operand, name, builder, gate) for operand in given]
    if (name,) in _OF_MANY:
        value = values[0] if isinstance(values[0], tuple) and len(values) == 1 else tuple(values)
        return builder.fixed(value, ", ".join(map(spelled, value)), span)
    is_one = name == "axis" and isinstance(values[0], tuple) and len(values[0]) == 1
    value = values[0][0] if is_one else values[0]
    return builder.fixed(value, spelled(value), span)


def _literal(operand: Operand, name: str, builder: Builder, gate: Gate) -> Literal:
    """What an argument stands for. Raises FormulaError where the parameter is of another kind."""
    constant = builder.constant(operand.emission)
    value = None
    if constant is not None and constant.fixed is not None:
        value = constant.fixed[0]
        is_right = isinstance(value, str) if name in _TEXTS else name in _TUPLES
        is_right &= isinstance(value, str) is (name in _TEXTS)
    else:
        is_right = constant is not None and bool(re.fullmatch("-?[0-9]{1,9}", constant.text))
        is_right &= name not in _TEXTS
        value = int(constant.text) if constant is not None and is_right else None
    if is_right:
        return value
    word = gate.word
    what, hint = (
        tell("{name} is a whole number", name=name),
        tell("it is written {signature}", signature=call_slips.signature(gate)),
    )
    if name == "axis":
        what, hint = (
            tell("an axis is a whole number"),
            tell("{word}(x, axis=0) goes down every column", word=word),
        )
    if name in ("shape", "axes"):
        what = tell("a shape is made of whole numbers")
        hint = f"{word}(x, 2, 3)" if word == "reshape" else f"{word}(2, 3)"
        if name == "axes":
            what, hint = tell("axes are whole numbers"), f"{word}(x, 0, 2, 1)"
    if name in _TEXTS:
        what = tell("{name} is a text in quotes", name=name)
    span = (operand.start, operand.end)
    raise FormulaError(what, text=builder.text, span=span, hint=hint)
