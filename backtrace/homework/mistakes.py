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
from backtrace.algebra.values import shape_of
from backtrace.gates import Gate, Role
from backtrace.language import marked

Value = Any
Slip = Callable[[Value], Value]

HELD = "held-constant"
HELD_SAYS = marked(
    "held it constant (a mean, a variance, an earlier step): nothing went back through it"
)
NO_NUMBER = (ArithmeticError, ValueError, IndexError, TypeError, AttributeError)
"""What arithmetic raises on numbers that it has no result for, and on shapes that do not fit."""
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
    if name == "pow" and at.k == 1:  # a^x without its ln(a)
        yield lambda u: u * at.output
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
    if at.gate.name == "pow" and at.k == 1:
        a = at.operands[0]
        yield lambda u: u * x * a ** (x - 1)


def _power_as_exp(at: Place) -> Iterator[Slip]:
    """x^n ln(x), or ln(n) by habit, where n x^(n-1) is due."""
    if at.gate.name in ("pow", "square") and at.k == 0:
        n = at.operands[1] if at.gate.name == "pow" else 2.0
        yield lambda u: u * at.output * at.m.log(at.own)
        yield lambda u: u * at.output * at.m.log(n)
        yield lambda u: u * at.output


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
            if left.shape[-1] == right.shape[max(0, right.ndim - 2)]:
                yield left @ right


def _softmax_diagonal(at: Place) -> Iterator[Slip]:
    """The Jacobian's diagonal alone: every probability moves the others too."""
    f = at.output
    if at.gate.name == "softmax" and at.k == 0:
        yield lambda u: u * f * (1 - f)
    if at.gate.name == "log_softmax" and at.k == 0:
        yield lambda u: u * (1 - at.m.exp(f))


def _label_kept(at: Place) -> Iterator[Slip]:
    """p where p - 1 is due at the label: what the loss gives the label's own score is left out."""
    name, x = at.gate.name, at.own
    m: Any = at.m
    if name == "cross_entropy" and at.k == 0:
        rows = shape_of(x)[0] if len(shape_of(x)) > 1 else 1
        yield lambda u: u * m.softmax(x, -1) / rows
    if name == "log_softmax" and at.k == 0:
        yield lambda u: at.right(u) - u
    if name == "softmax" and at.k == 0:
        yield lambda u: at.right(u) - u * at.output


def _factor_two(at: Place) -> Iterator[Slip]:
    """reg*W for 2 reg W, and the other way round."""
    if at.gate.name in ("mul", "div") and at.inputs == 1:
        yield lambda u: at.right(u) * 2
        yield lambda u: at.right(u) / 2


def _upstream_twice(at: Place) -> Iterator[Slip]:
    yield lambda u: at.right(u * u)


def _output_as_upstream(at: Place) -> Iterator[Slip]:
    yield lambda u: at.right(at.output + 0 * u)


def _held(at: Place) -> Iterator[Slip]:
    yield lambda u: 0.0 * at.right(u)


def _is_repeated(at: Place) -> bool:
    """Whether the operand is repeated to fit, so that its gradient is a sum."""
    if at.gate.name in ("affine", "relu_layer"):
        return at.k == 2
    return at.are_arrays and at.local is not None and shape_of(at.output) != shape_of(at.own)


def _mean_for_sum(at: Place) -> Iterator[Slip]:
    if _is_repeated(at):
        rows = math.prod(shape_of(at.output)) / max(1, math.prod(shape_of(at.own)))
        yield lambda u: at.right(u) / rows


def _not_summed(at: Place) -> Iterator[Slip]:
    if _is_repeated(at):
        passed = at.local
        if at.gate.name in ("affine", "relu_layer"):
            passed = at.output > 0 if at.gate.name == "relu_layer" else 1.0
        yield lambda u: u * passed


MISTAKES = (  # what is about one gate before what is about any
    Mistake(
        "dropped-constant",
        marked("left a constant factor out"),
        _dropped_constant,
        _dropped_constant_turned,
    ),
    Mistake(
        "mul-not-swapped", marked("took its own value, not the other factor"), _mul_not_swapped
    ),
    Mistake("max-loser", marked("went with the input that loses"), _max_loser, _max_loser_turned),
    Mistake("max-both", marked("routed the gradient to both inputs"), _max_both),
    Mistake(
        "add-split", marked("split the gradient in halves: add gives all of it to each"), _add_split
    ),
    Mistake("act-at-input", marked("took the slope with the input for the output"), _act_at_input),
    Mistake(
        "deriv-at-output",
        marked("took the slope at the output, not at the input"),
        _deriv_at_output,
    ),
    Mistake(
        "pow-rule", marked("forgot the factor or kept the exponent of the power rule"), _pow_rule
    ),
    Mistake(
        "exp-as-power",
        marked("differentiated an exponential like a power: x a^(x-1)"),
        _exp_as_power,
    ),
    Mistake(
        "power-as-exp", marked("differentiated a power like an exponential: x^n ln"), _power_as_exp
    ),
    Mistake("div-rule", marked("lost a part of the quotient rule"), _div_rule),
    Mistake("log-base", marked("took a logarithm to another base"), _log_base, _log_base_turned),
    Mistake("degrees", marked("took an angle in degrees"), _degrees, _degrees_turned),
    Mistake(
        "transposed",
        marked("is transposed, or went through the transpose"),
        _transposed,
        _transposed_turned,
    ),
    Mistake(
        "label-kept",
        marked("gave p, the probabilities, where p - 1 is due at the label"),
        _label_kept,
    ),
    Mistake(
        "softmax-diagonal",
        marked("took the diagonal of softmax's Jacobian alone"),
        _softmax_diagonal,
    ),
    Mistake("reduction", marked("did not sum over what was repeated"), _not_summed),
    Mistake(
        "mean-for-sum",
        marked("took the mean over what was repeated, where a sum is due"),
        _mean_for_sum,
    ),
    Mistake("sign", marked("has the sign turned"), _sign, _sign_turned),
    Mistake("no-local", marked("passed the upstream on, without the local gradient"), _no_local),
    Mistake(
        "no-upstream", marked("gave the local gradient alone, without the upstream"), _no_upstream
    ),
    Mistake(
        "factor-two",
        marked("is off by a factor of 2: a square's 2, or the 1/2 before it, is lost or too many"),
        _factor_two,
    ),
    Mistake("upstream-twice", marked("multiplied by the upstream twice"), _upstream_twice),
    Mistake(
        "output-as-upstream",
        marked("took the gate's output for its upstream gradient"),
        _output_as_upstream,
    ),
    Mistake(HELD, HELD_SAYS, _held),
)


def slips_at(at: Place) -> Iterator[tuple[Mistake, Slip]]:
    """Every slip that applies to an edge; which those are depends on shapes, not on numbers."""
    for mistake in MISTAKES:
        for slip in mistake.slips(at):
            yield mistake, slip


def carried(slip: Slip, upstream: Value) -> Value:
    """What a slip carries back; nan where it has no number or no shape."""
    try:
        found = slip(upstream)
    except NO_NUMBER:
        return math.nan
    return math.nan if isinstance(found, complex) else found


def turned(mistake: Mistake, at: Place) -> list[Value]:
    """The wrong values a mistake gives a gate; none where there is no number."""
    try:
        return list(mistake.turns(at))
    except NO_NUMBER:
        return []
