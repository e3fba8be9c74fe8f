"""The measured slope: central differences through the same graph, with many digits.

    (f(x + h) - f(x - h)) / 2h,   h = 1e-20 |x|

In 64-bit floats a central difference is good to 1e-10 at best; with 60 digits it is good to 1e-30
or so, and can tell a wrong rule from a rounding error. It has no limit but time: one slope costs
two forward passes.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from backtrace.algebra import Value
from backtrace.algebra.digits import Digits
from backtrace.checks.subject import Budget, Subject
from backtrace.graph import Graph
from backtrace.notation import number

_DIGITS = 60
_MOST_DIGITS = 800
_STEP = "1e-20"
_MARGIN = 1000  # above the first-order estimate of rounding
_DIRECTIONS = 2
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Measured:
    """Slopes by variable. With too many variables for a slope each, slopes along random directions
    speak for all at once: `indirect` says what was done instead, `contradiction` is what a
    direction showed against the gradients.
    """

    slopes: Mapping[str, float]
    indirect: str = ""
    covers_all: bool = False
    contradiction: str = ""


def measure(subject: Subject, free: Sequence[str], budget: Budget) -> Measured:
    """The slope by each variable of `free`, as far as the budget goes."""
    graph, point = subject.graph, subject.point
    m = enough_digits(subject.values, subject.gradients.values())
    noise = wobble(subject)
    cost = 2 * len(graph.nodes)
    if cost > budget.direction_gates:
        return Measured({}, f"no slope measured: {graph.gate_count:,} gates")
    if cost * len(free) <= budget.slope_gates or len(free) <= 1:
        return Measured({name: slope(graph, m, point, {name: 1.0}, noise) for name in free})
    chance = random.Random(0)
    for _ in range(_DIRECTIONS):
        direction = {name: chance.uniform(-1, 1) * (abs(point[name]) or 1.0) for name in free}
        terms = [subject.gradients[name] * direction[name] for name in free]
        expected, measured = math.fsum(terms), slope(graph, m, point, direction, noise)
        if abs(expected - measured) > _TOLERANCE * math.fsum(map(abs, terms)):
            words = (
                f"a random direction has slope {number(measured)}, by backprop {number(expected)}"
            )
            return Measured({}, "along a random direction", contradiction=words)
    words = f"slopes measured along {_DIRECTIONS} random directions"
    return Measured({}, words, covers_all=True)


def enough_digits(values: Sequence[float], gradients: Iterable[float] = ()) -> Digits:
    """An algebra whose digits reach from the largest value on the way down to the smallest gradient
    and 60 further: the slope of 60 nested sigmoids is 1e-37, and is to be seen beside a 0.6."""
    largest = max((abs(v) for v in values), default=1.0)
    smallest = min((abs(g) for g in gradients if g), default=1.0)
    orders = max(0, math.frexp(largest)[1]) + max(0, -math.frexp(smallest)[1])
    return Digits(min(_DIGITS + orders * 3 // 10, _MOST_DIGITS))


def wobble(subject: Subject) -> float:
    """How much rounding at every gate can move the output, per unit of relative rounding: the sum
    of |value| |upstream|, first-order error analysis. What a slope does not stand out from is 0."""
    pairs = zip(subject.values, subject.upstreams, strict=True)
    products = (abs(value * upstream) for value, upstream in pairs)
    return math.fsum(product for product in products if product < math.inf)


def slope(
    graph: Graph,
    m: Digits,
    point: Mapping[str, float],
    direction: Mapping[str, float],
    wobble: float = 1.0,
) -> float:
    """The output's slope along `direction`: d/dt f(point + t direction) at t = 0."""
    scale = max((abs(point[name]) for name, d in direction.items() if d), default=0.0) or 1.0
    h = m.context.mpf(_STEP) * m.from_float(scale)
    ahead, behind = (_output(graph, m, point, direction, sign * h) for sign in (1, -1))
    return _quotient(m, ahead, behind, h, wobble)


def _output(
    graph: Graph,
    m: Digits,
    point: Mapping[str, float],
    direction: Mapping[str, float],
    step: Value,
) -> Value:
    moved = {name: m.from_float(x) for name, x in point.items()}
    for name, d in direction.items():
        moved[name] += step * m.from_float(d)
    return graph.evaluate(m, moved)[graph.output]


def _quotient(m: Digits, ahead: Value, behind: Value, h: Value, wobble: float) -> float:
    difference = ahead - behind
    noise = (m.from_float(wobble) + abs(ahead)) * m.context.eps * _MARGIN
    return 0.0 if abs(difference) <= noise else float(difference / (2 * h))


def local_slopes(graph: Graph, m: Digits, values: Sequence[float], index: int) -> list[float]:
    """The measured local gradient of one gate alone, by each of its inputs, where it stands."""
    node = graph.nodes[index]
    gate = node.gate
    assert gate is not None
    operands = node.operand_values([m.from_float(v) for v in values], m)
    slopes = []
    for k, operand in enumerate(node.operands):
        if not isinstance(operand, int):
            continue
        h = m.context.mpf(_STEP) * (abs(operands[k]) or 1)
        ahead, behind = (
            gate.forward(m, *operands[:k], operands[k] + sign * h, *operands[k + 1 :])
            for sign in (1, -1)
        )
        slopes.append(_quotient(m, ahead, behind, h, wobble=0.0))
    return slopes
