"""The table of mistakes: each row says which slips at one edge of the graph it stands for.

A slip replaces what an edge carries back: given the upstream gradient it has another downstream
one. So a slip can be planted (to see what numbers it leads to) and recognised by the same rule.
`fork-lost` and `swapped-label`, which are about several edges, are in `diagnosis`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from backtrace.gates import Gate, Role

Value = Any
Slip = Callable[[Value], Value]


@dataclass(frozen=True, slots=True)
class Place:
    """An edge, as the mistakes see it: the gate, which of its inputs, all its operands and its
    output, the right local gradient (None where a pullback is used) and the right downstream for
    any upstream, and how many of the operands are no constants."""

    gate: Gate
    k: int
    operands: list[Value]
    output: Value
    local: Value
    right: Slip
    inputs: int

    @property
    def own(self) -> Value:
        return self.operands[self.k]

    def other(self) -> Value:
        """The other operand of a gate of two."""
        return self.operands[1 - self.k]


@dataclass(frozen=True, slots=True)
class Mistake:
    """code      stable, for summaries and rubrics
    says      what somebody did, as a sentence about `it`
    slips     what it makes of an edge; nothing where it does not apply
    """

    code: str
    says: str
    slips: Callable[[Place], Iterator[Slip]]


def _no_upstream(at: Place) -> Iterator[Slip]:
    if at.local is not None:
        yield lambda u: at.local + 0 * u


def _no_local(at: Place) -> Iterator[Slip]:
    if at.local is not None:
        yield lambda u: u


def _sign(at: Place) -> Iterator[Slip]:
    yield lambda u: -at.right(u)


def _dropped_constant(at: Place) -> Iterator[Slip]:
    """d(3x) = 1; the 2 of a square; mean taken for sum."""
    name = at.gate.name
    if name in ("mul", "div") and len(at.operands) == 2:
        yield lambda u: u
    if name == "pow" and at.k == 0:
        exponent = at.operands[1]
        yield lambda u: at.right(u) / exponent
    if name in ("square", "norm2"):
        yield lambda u: at.right(u) / 2
    if name == "mean":
        yield lambda u: at.right(u) * getattr(at.own, "size", 1)


def _mul_not_swapped(at: Place) -> Iterator[Slip]:
    if at.gate.name == "mul":
        yield lambda u: u * at.own


def _max_loser(at: Place) -> Iterator[Slip]:
    if at.gate.role is Role.ROUTER and at.gate.variadic and at.local is not None:
        yield lambda u: u * (1 - at.local)


def _max_both(at: Place) -> Iterator[Slip]:
    if at.gate.role is Role.ROUTER and at.gate.variadic and at.local is not None:
        yield lambda u: u


def _add_split(at: Place) -> Iterator[Slip]:
    if at.gate.name in ("add", "sub") and at.inputs > 1:
        yield lambda u: at.right(u) / 2


def _act_at_input(at: Place) -> Iterator[Slip]:
    x = at.own
    if at.gate.name == "sigmoid":
        yield lambda u: u * x * (1 - x)
    if at.gate.name == "tanh":
        yield lambda u: u * (1 - x * x)


def _deriv_at_output(at: Place) -> Iterator[Slip]:
    f, name = at.output, at.gate.name
    if name == "div" and at.k == 1:
        yield lambda u: -u * at.operands[0] / (f * f)
    if name == "sigmoid":
        yield lambda u: u * (1 / (1 + math.e**-f)) * (1 - 1 / (1 + math.e**-f))
    if name in ("sqrt", "ln", "log"):
        yield lambda u: u / (2 * f**0.5 if name == "sqrt" else f)


def _pow_rule(at: Place) -> Iterator[Slip]:
    if at.gate.name in ("pow", "square") and at.k == 0:
        x, n = at.own, (at.operands[1] if at.gate.name == "pow" else 2)
        yield lambda u: u * x ** (n - 1)
        yield lambda u: u * n * x**n
        yield lambda u: u * n


def _exp_as_power(at: Place) -> Iterator[Slip]:
    x = at.own
    if at.gate.name == "exp":
        yield lambda u: u * x * math.e ** (x - 1)


def _div_rule(at: Place) -> Iterator[Slip]:
    if at.gate.name != "div":
        return
    b = at.operands[1]
    if at.k == 0:
        yield lambda u: u * b
    else:
        yield lambda u: at.right(u) * b
        yield lambda u: -u / (b * b)
        yield lambda u: u / b


def _log_base(at: Place) -> Iterator[Slip]:
    if at.gate.name in ("ln", "log"):
        yield lambda u: at.right(u) / math.log(10)
    if at.gate.name == "log10":
        yield lambda u: at.right(u) * math.log(10)


def _degrees(at: Place) -> Iterator[Slip]:
    x = at.own
    if at.gate.name in ("sin", "cos") and not getattr(x, "shape", ()):
        turn = math.radians(float(x))
        slope = math.cos(turn) if at.gate.name == "sin" else -math.sin(turn)
        yield lambda u: u * slope


def _transposed(at: Place) -> Iterator[Slip]:
    rows, columns = (*getattr(at.own, "shape", ()), 0, -1)[:2]
    if rows == columns and at.gate.is_of_arrays:
        yield lambda u: at.right(u).T


def _reduction(at: Place) -> Iterator[Slip]:
    """The sum over a batch taken for its mean, or not taken at all (its first row)."""
    whole, own = getattr(at.output, "shape", ()), getattr(at.own, "shape", ())
    if at.local is not None and whole != own:
        rows = math.prod(whole) / max(1, math.prod(own))
        yield lambda u: at.right(u) / rows


MISTAKES = (
    Mistake("no-upstream", "gave the local gradient alone, without the upstream", _no_upstream),
    Mistake("no-local", "passed the upstream on, without the local gradient", _no_local),
    Mistake("sign", "has the sign turned", _sign),
    Mistake("dropped-constant", "left a constant factor out", _dropped_constant),
    Mistake("mul-not-swapped", "took its own value, not the other factor", _mul_not_swapped),
    Mistake("max-loser", "routed the gradient to the smaller input", _max_loser),
    Mistake("max-both", "routed the gradient to both inputs", _max_both),
    Mistake("add-split", "split the gradient in halves: add gives all of it to each", _add_split),
    Mistake("act-at-input", "took the slope with the input for the output", _act_at_input),
    Mistake("deriv-at-output", "took the slope at the output, not at the input", _deriv_at_output),
    Mistake("pow-rule", "forgot the factor or kept the exponent of the power rule", _pow_rule),
    Mistake("exp-as-power", "differentiated e^x like a power: x e^(x-1)", _exp_as_power),
    Mistake("div-rule", "lost a part of the quotient rule", _div_rule),
    Mistake("log-base", "took a logarithm to another base", _log_base),
    Mistake("degrees", "took an angle in degrees", _degrees),
    Mistake("transposed", "is the transpose", _transposed),
    Mistake("reduction", "took the mean over what was repeated, not the sum", _reduction),
)
