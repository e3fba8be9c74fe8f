"""The table of mistakes: each row says which slips at one gate it stands for.

A slip replaces what an edge carries back: given the upstream gradient it has another downstream
one. A turn replaces a gate's value on the way forward. So a mistake can be planted (to see what
numbers it leads to) and recognised by the same rule. `fork-lost`, `swapped-label`, `wrong-node`
and `wrong-upstream`, which are about several edges, are in `diagnosis`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from backtrace.algebra import Algebra
from backtrace.entries import shape_of
from backtrace.gates import Gate, Role

Value = Any
Slip = Callable[[Value], Value]

_DEGREE = math.pi / 180
_LOGARITHMS = {"ln": "log10", "log": "log10", "log10": "log", "log2": "log"}


@dataclass(frozen=True, slots=True)
class Place:
    """An edge, as the mistakes see it: the algebra, the gate, which of its inputs, all its operands
    and its output, the right local gradient (None where a pullback is used) and the right
    downstream for any upstream, how many of the operands are no constants, and whether there are
    arrays in the graph (else several numbers are several runs side by side)."""

    m: Algebra
    gate: Gate
    k: int
    operands: list[Value]
    output: Value
    local: Value
    right: Slip
    inputs: int
    are_arrays: bool

    @property
    def own(self) -> Value:
        return self.operands[self.k]


def _nothing(_: Place) -> Iterator[Any]:
    return iter(())


@dataclass(frozen=True, slots=True)
class Mistake:
    """code      stable, for summaries and rubrics
    says      what somebody did, as a sentence about `it`
    slips     what it makes of an edge; nothing where it does not apply
    turns     what it makes of the gate's value; nothing where it is about gradients only
    """

    code: str
    says: str
    slips: Callable[[Place], Iterator[Slip]]
    turns: Callable[[Place], Iterator[Value]] = _nothing


def _no_upstream(at: Place) -> Iterator[Slip]:
    if at.local is not None:
        yield lambda u: at.local + 0 * u


def _no_local(at: Place) -> Iterator[Slip]:
    if at.local is not None:
        yield lambda u: u


def _sign(at: Place) -> Iterator[Slip]:
    yield lambda u: -at.right(u)


def _sign_turned(at: Place) -> Iterator[Value]:
    yield -at.output
    if at.gate.name == "sub":
        yield at.operands[0] + at.operands[1]


def _dropped_constant(at: Place) -> Iterator[Slip]:
    """d(3x) = 1; the 2 of a square; mean taken for sum, and sum for mean."""
    name = at.gate.name
    if name in ("mul", "div") and at.inputs == 1:
        yield lambda u: u
    if name == "pow" and at.k == 0:
        exponent = at.operands[1]
        yield lambda u: at.right(u) / exponent
    if name in ("square", "norm2"):
        yield lambda u: at.right(u) / 2
    count = _averaged(at)
    if name == "mean":
        yield lambda u: at.right(u) * count
    if name == "sum":
        yield lambda u: at.right(u) / count
    if name == "cross_entropy" and len(shape_of(at.own)) > 1:  # a mean over the rows
        yield lambda u: at.right(u) * shape_of(at.own)[0]


def _dropped_constant_turned(at: Place) -> Iterator[Value]:
    if at.gate.name == "mul" and at.inputs == 1:
        yield at.own
    if at.gate.name == "mean":
        yield at.output * _averaged(at)
    if at.gate.name == "sum":
        yield at.output / _averaged(at)


def _averaged(at: Place) -> float:
    """How many entries of the operand each entry of the output is made of."""
    return math.prod(shape_of(at.own)) / max(1, math.prod(shape_of(at.output)))


def _mul_not_swapped(at: Place) -> Iterator[Slip]:
    if at.gate.name == "mul":
        yield lambda u: u * at.own


def _is_choice(at: Place) -> bool:
    return at.gate.role is Role.ROUTER and at.gate.variadic and at.local is not None


def _max_loser(at: Place) -> Iterator[Slip]:
    if _is_choice(at):
        yield lambda u: u * (1 - at.local)


def _max_loser_turned(at: Place) -> Iterator[Value]:
    if _is_choice(at):
        yield (at.m.minimum if at.gate.name == "max" else at.m.maximum)(*at.operands)


def _max_both(at: Place) -> Iterator[Slip]:
    if _is_choice(at):
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
    if at.gate.name == "log2":
        yield lambda u: at.right(u) * math.log(2)


def _log_base_turned(at: Place) -> Iterator[Value]:
    if at.gate.name in _LOGARITHMS:
        yield getattr(at.m, _LOGARITHMS[at.gate.name])(at.own)


def _degrees(at: Place) -> Iterator[Slip]:
    if at.gate.name == "sin":
        yield lambda u: u * at.m.cos(at.own * _DEGREE)
    if at.gate.name == "cos":
        yield lambda u: -u * at.m.sin(at.own * _DEGREE)


def _degrees_turned(at: Place) -> Iterator[Value]:
    if at.gate.name in ("sin", "cos", "tan"):
        yield getattr(at.m, at.gate.name)(at.own * _DEGREE)


def _transposed(at: Place) -> Iterator[Slip]:
    """dW transposed; W for W.T in what goes back through a matrix product."""
    if not at.gate.is_of_arrays:
        return
    if len(shape_of(at.own)) == 2:
        yield lambda u: at.right(u).T
    if at.gate.name == "matmul":
        other = at.operands[1 - at.k]
        yield (lambda u: u @ other) if at.k == 0 else (lambda u: other @ u)


def _transposed_turned(at: Place) -> Iterator[Value]:
    if at.gate.name == "matmul":
        a, b = at.operands
        for left, right in ((a.T, b), (a, b.T), (b, a)):
            if left.shape[-1] == right.shape[0]:
                yield left @ right


def _reduction(at: Place) -> Iterator[Slip]:
    """What a broadcast operand was repeated along: its mean for its sum, or not summed at all."""
    whole, own = shape_of(at.output), shape_of(at.own)
    if at.are_arrays and at.local is not None and whole != own:
        rows = math.prod(whole) / max(1, math.prod(own))
        yield lambda u: at.right(u) / rows
        yield lambda u: u * at.local


MISTAKES = (  # what is about one gate before what is about any
    Mistake(
        "dropped-constant",
        "left a constant factor out",
        _dropped_constant,
        _dropped_constant_turned,
    ),
    Mistake("mul-not-swapped", "took its own value, not the other factor", _mul_not_swapped),
    Mistake("max-loser", "went with the input that loses", _max_loser, _max_loser_turned),
    Mistake("max-both", "routed the gradient to both inputs", _max_both),
    Mistake("add-split", "split the gradient in halves: add gives all of it to each", _add_split),
    Mistake("act-at-input", "took the slope with the input for the output", _act_at_input),
    Mistake("deriv-at-output", "took the slope at the output, not at the input", _deriv_at_output),
    Mistake("pow-rule", "forgot the factor or kept the exponent of the power rule", _pow_rule),
    Mistake("exp-as-power", "differentiated e^x like a power: x e^(x-1)", _exp_as_power),
    Mistake("div-rule", "lost a part of the quotient rule", _div_rule),
    Mistake("log-base", "took a logarithm to another base", _log_base, _log_base_turned),
    Mistake("degrees", "took an angle in degrees", _degrees, _degrees_turned),
    Mistake(
        "transposed",
        "is transposed, or went through the transpose",
        _transposed,
        _transposed_turned,
    ),
    Mistake("reduction", "did not sum over what was repeated (a mean, or no sum)", _reduction),
    Mistake("sign", "has the sign turned", _sign, _sign_turned),
    Mistake("no-local", "passed the upstream on, without the local gradient", _no_local),
    Mistake("no-upstream", "gave the local gradient alone, without the upstream", _no_upstream),
)


def slips_at(at: Place) -> Iterator[tuple[Mistake, Slip]]:
    """Every slip that applies to an edge."""
    for mistake in MISTAKES:
        for slip in mistake.slips(at):
            yield mistake, slip


def carried(slip: Slip, upstream: Value) -> Value:
    """What a slip carries back; nan where it has no number or no shape."""
    try:
        found = slip(upstream)
    except (ArithmeticError, ValueError, IndexError):
        return math.nan
    return math.nan if isinstance(found, complex) else found


def turned(mistake: Mistake, at: Place) -> list[Value]:
    """The wrong values a mistake gives a gate; none where there is no number."""
    try:
        return list(mistake.turns(at))
    except (ArithmeticError, ValueError, IndexError):
        return []
