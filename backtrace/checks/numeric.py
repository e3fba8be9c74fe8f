"""The measured slope: central differences through the same graph, with many digits.

    (f(x + h) - f(x - h)) / 2h,   h = 1e-30 |x|, and 1e-30 at most

In 64-bit floats a central difference is good to 1e-10 at best; with 100 digits it is good to 1e-30
or so, and can tell a wrong rule from a rounding error. It has no limit but time: one slope costs
two forward passes.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from backtrace.algebra import Value
from backtrace.algebra.digits import Digits
from backtrace.checks.deadline import OutOfTime
from backtrace.checks.held import evaluator
from backtrace.checks.traced import TOLERANCE, Budget, Subject
from backtrace.gates import Gate
from backtrace.language import tell
from backtrace.numbers import number

_STEP = -30  # the step is 1e-30 of what is moved
_GUARD = 40  # digits beyond what the step and the smallest gradient need
_MOST_DIGITS = 1500
_MARGIN = 1000  # above the first-order estimate of rounding
_JUMP = 1e20  # a slope above it is a jump
_SUSPICIOUS = 1e-12
_CAREFUL_NODES = 1000
_DIRECTIONS = 2


@dataclass(frozen=True, slots=True)
class Measured:
    """Slopes by variable; None where there is none to measure, at the edge of a domain. With too
    many variables for a slope each, slopes along random directions speak for all at once:
    `indirect` says what was done instead, `contradiction` what a direction showed against the
    gradients.
    """

    slopes: Mapping[str, float | None]
    indirect: str = ""
    covers_all: bool = False
    contradiction: str = ""


def measure(subject: Subject, free: Sequence[str], budget: Budget) -> Measured:
    """The slope by each variable of `free`, as far as the budget goes."""
    clock = budget.running()
    try:
        return clock.within(lambda: _measure(subject, free, budget))
    except OutOfTime:
        return Measured(
            {},
            tell(
                "no slope measured: it takes more than {slope_seconds:g} s",
                slope_seconds=clock.seconds,
            ),
        )


def _measure(subject: Subject, free: Sequence[str], budget: Budget) -> Measured:
    graph, point = subject.graph, subject.point
    cost = 2 * (len(graph.nodes) + graph.edge_count)
    if cost > budget.direction_cost:
        return Measured(
            {}, tell("no slope measured: {gate_count:,} gates", gate_count=graph.gate_count)
        )
    probe = _Probe(subject)
    if cost * len(free) <= budget.slope_cost or len(free) <= 1:
        return Measured({name: probe.slope({name: 1.0}) for name in free})
    chance = random.Random(0)
    for _ in range(_DIRECTIONS):
        direction = {name: chance.uniform(-1, 1) * (abs(point[name]) or 1.0) for name in free}
        terms = [subject.gradients[name] * direction[name] for name in free]
        expected, measured = _total(terms), probe.slope(direction)
        if measured is None:
            return Measured({}, tell("no slope can be measured at the edge of a domain"))
        if abs(expected - measured) > TOLERANCE * _total(map(abs, terms)):
            words = tell(
                "a random direction has slope {number}, by backprop {expected_number}",
                number=number(measured),
                expected_number=number(expected),
            )
            return Measured({}, tell("along a random direction"), contradiction=words)
    words = tell("slopes measured along {directions} random directions", directions=_DIRECTIONS)
    return Measured({}, words, covers_all=True)


def sides(subject: Subject, names: Iterable[str]) -> dict[str, tuple[float, float]]:
    """The slopes from the left and from the right by each of these variables."""
    probe = _Probe(subject)
    return {name: probe.sides(name) for name in names}


def are_kinks(subject: Subject) -> bool:
    """Whether the gates that stand at a kink in floats do so with many digits too."""
    return _Probe(subject).stands_at(subject.kinks)


class _Probe:
    """Measures slopes of the whole graph at the subject's point, with digits enough for them all:
    from the largest value on the way down to the smallest gradient times the smallest step."""

    def __init__(self, subject: Subject) -> None:
        self.graph = subject.graph
        self.point = subject.point
        sizes = [abs(v) for v in subject.values if math.isfinite(v) and v]
        self.least = min(sizes, default=1.0)
        gradients = [abs(g) for g in subject.gradients.values() if g]
        steps = [self._scale(abs(x)) for x in subject.point.values()]
        self.m = algebra_for(max(sizes, default=1.0), min(gradients, default=1.0), steps)
        self.wobble = _wobble(subject)
        self.values_at = evaluator(self.graph, self.m, self._moved({}, 0))

    def slope(self, direction: Mapping[str, float]) -> float | None:
        """d/dt f(point + t direction) at t = 0."""
        scale = max(abs(self.point[name]) for name in direction)
        h = step(self.m, self._scale(scale))

        def output(t: Value) -> Value:
            return self._output(direction, t)

        careful = len(self.graph.nodes) <= _CAREFUL_NODES
        return central_difference(self.m, output, h, self.wobble, careful)

    def sides(self, name: str) -> tuple[float, float]:
        """The slopes from the left and from the right, as `one_sided` has them."""
        h = step(self.m, self._scale(abs(self.point[name])))

        def output(t: Value) -> Value:
            return self._output({name: 1.0}, t)

        here = output(self.m.from_float(0.0))
        left, right = (one_sided(self.m, output, here, t, self.wobble) for t in (-h, h))
        return left, right

    def stands_at(self, kinks: Iterable[int]) -> bool:
        values = self.graph.evaluate(self.m, self._moved({}, 0))
        return all(self._stands_at(values, index) for index in kinks)

    def _stands_at(self, values: Sequence[Value], index: int) -> bool:
        node = self.graph.nodes[index]
        if node.gate is None or node.gate.kink is None:
            return False
        operands = node.operand_values(values, self.m)
        return self.m.truth(node.gate.kink.at(self.m, values[index], *operands))

    def _output(self, direction: Mapping[str, float], t: Value) -> Value:
        return self.values_at(self._moved(direction, t))[self.graph.output]

    def _moved(self, direction: Mapping[str, float], t: Value) -> dict[str, Value]:
        moved = {name: self.m.from_float(x) for name, x in self.point.items()}
        for name, d in direction.items():
            moved[name] += t * self.m.from_float(d)
        return moved

    def _scale(self, size: float) -> float:
        """What a step is small against: the variable, or where that is 0 the smallest value; 1 at
        most, because sin is no straighter at 1e22 than at 1."""
        return min(size or self.least, 1.0)


def algebra_for(largest: float, smallest_gradient: float, steps: Iterable[float]) -> Digits:
    return Digits(digits_for(largest, smallest_gradient, steps))


def digits_for(largest: float, smallest_gradient: float, steps: Iterable[float]) -> int:
    orders = _orders(largest) - min(0, _orders(smallest_gradient))
    orders -= min([0, *map(_orders, steps)])
    return min(_GUARD - _STEP + max(orders, 0), _MOST_DIGITS)


def _orders(size: float) -> int:
    """The decimal exponent, rounded outwards."""
    return math.floor(math.log10(size)) if size < 1 else math.ceil(math.log10(size))


def step(m: Digits, scale: float) -> Value:
    return m.context.mpf(10) ** _STEP * m.from_float(scale)


def central_difference(
    m: Digits,
    function: Callable[[Value], Value],
    h: Value,
    wobble: float,
    careful: bool = True,
    expected: float = math.nan,
) -> float | None:
    """The slope of `function` at 0. `wobble` is how much rounding on the way can move it, per unit
    of relative rounding; what does not stand out from that is 0. None where a probe has no finite
    value (the point is at the edge of the domain), or where half the step gives another slope; to
    look for that is twice the work, and left out if not `careful`, and where the slope is the one
    that is `expected`."""
    ahead, behind = function(h), function(-h)
    difference = ahead - behind
    if not m.context.isfinite(difference):
        return None
    size = m.from_float(wobble) + abs(ahead)
    if abs(difference) <= size * m.context.eps * _MARGIN:
        return 0.0
    slope = difference / (2 * h)
    result = float(slope)
    is_tiny = abs(difference) < size * h * _SUSPICIOUS or abs(slope) < _SUSPICIOUS
    is_expected = abs(result - expected) <= TOLERANCE * abs(expected)
    if is_tiny or (careful and not is_expected):
        closer = (function(h / 2) - function(-h / 2)) / h
        if abs(slope - closer) > abs(slope) / 1000:
            return 0.0 if is_tiny else None  # x^3 at 0; x^1e32, which no step is small for
    return result if math.isfinite(result) else None


def one_sided(
    m: Digits, function: Callable[[Value], Value], here: Value, h: Value, wobble: float
) -> float:
    """The slope of `function` on one side of 0, where it is `here`; `h` has the side's sign. inf
    where it jumps or has no value on that side, nan where half the step gives another slope: that
    of sqrt at 0 has no bound. What shrinks with the step is 0: that of x^2."""

    def slope(h: Value) -> float:
        difference = function(h) - here
        if not m.context.isfinite(difference) or abs(difference) > abs(h) * _JUMP:
            return math.inf
        size = (m.from_float(wobble) + abs(here)) * m.context.eps * _MARGIN
        return 0.0 if abs(difference) <= size else float(f"{float(difference / h):.15g}")

    found, closer = slope(h), slope(h / 2)
    if math.isinf(found) or math.isinf(closer):
        return math.inf
    if abs(found - closer) <= abs(found) / 1000:
        return found
    return 0.0 if abs(found) < _SUSPICIOUS else math.nan


def _wobble(subject: Subject) -> float:
    """The sum of |value| |upstream|: first-order error analysis."""
    pairs = zip(subject.values, subject.upstreams, strict=True)
    products = (abs(value * upstream) for value, upstream in pairs)
    return _total(product for product in products if product < math.inf)


def _total(terms: Iterable[float]) -> float:
    """The exact sum, or the largest float where that is larger."""
    try:
        return math.fsum(terms)
    except OverflowError:
        return sys.float_info.max


def local_slopes(
    m: Digits, gate: Gate, value: float, operands: Sequence[float], locals_: Mapping[int, float]
) -> dict[int, float | None]:
    """The measured local gradient of one gate alone where it stands, by each operand of `locals_`:
    the gradients to be compared with, which say how many digits of `m` it takes."""
    if gate.name == "detach":
        return dict.fromkeys(locals_, 0.0)  # by definition
    sizes = [abs(operands[k]) for k in locals_ if operands[k]]
    least = min([1.0, *sizes])
    smallest = min([1.0, *(abs(local) for local in locals_.values() if local)])
    m.turn_to(digits_for(max([abs(value), *sizes, 1e-300]), smallest, [least]))
    given = [m.from_float(operand) for operand in operands]

    def moved(k: int) -> Callable[[Value], Value]:
        return lambda t: gate.forward(m, *given[:k], given[k] + t, *given[k + 1 :])

    return {
        k: central_difference(
            m, moved(k), step(m, min(abs(operands[k]) or least, 1.0)), 0.0, expected=local
        )
        for k, local in locals_.items()
    }
