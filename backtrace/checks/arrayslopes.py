"""Slopes of arrays, measured through the gates' forwards alone, never their gradients.

Small arrays are measured entry by entry with 70 digits or more (`numeric`); large ones along random
directions with a complex step, where each direction speaks for every entry at once: a wrong entry
would have to be orthogonal to it. Each gate is measured by itself in the same two ways.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from backtrace.algebra.arrays import ARRAYS, quiet
from backtrace.algebra.complexstep import COMPLEX_STEP, STEP
from backtrace.algebra.lifted import convert, lifted
from backtrace.algebra.values import Place, is_finite
from backtrace.checks import numeric
from backtrace.checks.deadline import Clock, OutOfTime
from backtrace.checks.held import evaluator
from backtrace.checks.traced import MARGIN, TOLERANCE, ULP, Budget, Subject
from backtrace.gates import Gate, Role
from backtrace.graph import Constant, Graph, Node
from backtrace.language import tell

T = TypeVar("T")

_DIRECTIONS = 2
_MOST_WORK = 2_000_000_000  # numbers computed; beyond it no direction is measured
_SMALLEST = 1e-250  # what is smaller is not moved: the step would underflow
_FEW_VARIABLES = 20
_MOST_APART = 500_000  # numbers computed to measure each of more variables by itself
_NUDGES = 8
_NOTHING = 1e-40  # what the square of the step can leave
_TO_THE_END = 0.2  # seconds
_FEW = 300  # entries of a gate that is measured with many digits


@dataclass(frozen=True, slots=True)
class Measured:
    """The slope by every entry (nan where there is none to measure); or, along random directions,
    (the direction by variable, by backprop, measured, how far the two may be apart)."""

    slopes: Any = None
    directions: tuple[tuple[Any, float, float, float], ...] = ()
    reason: str = ""


class Prober:
    """Measures one subject's slopes, and turns to directions when its seconds are spent. `at_kinks`
    are the entries, by variable, that a kink reaches: they have no slope to measure but on two
    sides."""

    def __init__(
        self, subject: Subject, budget: Budget, at_kinks: Mapping[str, Any] | None = None
    ) -> None:
        self.subject = subject
        self.budget = budget
        self.at_kinks = at_kinks or {}
        self.clock = budget.running()
        self.work = work_of(subject)

    def measure(self, name: str) -> Measured:
        """The slope of the output by one variable; with very many, along directions of all."""
        count = len(self.subject.wrt)
        if count > _FEW_VARIABLES and count * self.work > _MOST_APART:
            return self._together
        value = np.asarray(self.subject.point[name], dtype=float)
        if value.size * self.work <= self.budget.entry_work:
            slopes = self._entries(name, value)
            if slopes is not None:
                return Measured(slopes)
        if self.work > _MOST_WORK:
            return Measured(
                reason=tell(
                    "no slope measured: a pass takes {work:,} multiplications", work=self.work
                )
            )
        reason = tell(
            "slopes along {directions} random directions speak for every entry",
            directions=_DIRECTIONS,
        )
        return self._directions([name], reason)

    @cached_property
    def _together(self) -> Measured:
        reason = tell(
            "slopes along {directions} random directions speak for all variables at once",
            directions=_DIRECTIONS,
        )
        return self._directions(list(self.subject.wrt), reason)

    def _directions(self, names: list[str], reason: str) -> Measured:
        """By their own size first, then small entries as much as large ones."""
        chance, found = np.random.default_rng(0), []
        for by_size in (True, False):
            directions = {}
            for name in names:
                value = np.asarray(self.subject.point[name], dtype=float)
                tiny = np.abs(value) < _SMALLEST
                size = np.where(tiny, np.where(value == 0, 1.0, 0.0), np.abs(value))
                size = np.minimum(size, 1e20)  # the step is 1e-30 of it: sin is not straight for 1
                along = chance.uniform(-1, 1, value.shape) * (size if by_size else 1.0)
                directions[name] = np.where(self.at_kinks.get(name, False), 0.0, along)
            terms = {n: self.subject.gradients[n] * d for n, d in directions.items()}
            slope, noise = self._along(directions)
            lengths = [float(ARRAYS.norm(t, None)) for t in terms.values()]
            reach = TOLERANCE * float(np.hypot.reduce(lengths)) + noise + _NOTHING
            if np.isfinite(slope) and np.isfinite(reach):
                total = sum(float(np.sum(t)) for t in terms.values())
                found.append((directions, total, slope, reach))
        if not found:
            return Measured(reason=tell("no slope can be measured: the numbers are too large"))
        return Measured(directions=tuple(found), reason=reason)

    def _entries(self, name: str, value: Any) -> Any:
        """Central differences with many digits; None where time ends."""
        return self._in_time(lambda: self._each_entry(name, value))

    def _in_time(self, work: Callable[[], T]) -> T | None:
        """None where time has ended; an entry that is begun gets some more."""
        if self.clock.is_over:
            return None

        def quietly() -> T:
            with quiet():
                return work()

        try:
            return self.clock.within(quietly, beyond=_TO_THE_END)
        except OutOfTime:
            return None

    def _each_entry(self, name: str, value: Any) -> Any:
        """One after the other; None where time ends between two."""
        probe = _EntryProbe(self.subject, name)
        left_out = np.broadcast_to(self.at_kinks.get(name, False), value.shape)
        slopes = np.full(value.shape, np.nan)
        for place in np.ndindex(value.shape):
            if left_out[place]:
                continue
            if self.clock.is_over:
                return None
            slope = numeric.central_difference(
                probe.m, probe.output(place), probe.step(place), probe.wobble
            )
            slopes[place] = probe.at_an_edge(place) if slope is None else slope
        return slopes if slopes.shape else float(slopes)

    def sides(self, name: str) -> dict[Place, tuple[float, float]]:
        """The slopes on both sides by the entries that a kink reaches: by the first of them, where
        these are too many."""
        places: list[Place] = [tuple(map(int, p)) for p in np.argwhere(self.at_kinks[name])]
        places = places[: self.budget.entry_work // self.work]
        return self._in_time(lambda: self._each_side(name, places)) or {}

    def _each_side(self, name: str, places: Sequence[Place]) -> dict[Place, tuple[float, float]]:
        probe, found = _EntryProbe(self.subject, name), {}
        for place in places:
            output, h = probe.output(place), probe.step(place)
            here = output(probe.m.from_float(0.0))
            left, right = (
                numeric.one_sided(probe.m, output, here, t, probe.wobble) for t in (-h, h)
            )
            found[place] = (left, right)
        return found

    def _along(self, directions: dict[str, Any]) -> tuple[float, float]:
        """The slope along a direction of some variables; and how far rounding can have moved it: by
        a bit of every node's own slope, to first order."""
        subject = self.subject
        graph = subject.graph
        point = dict(subject.point)
        for name, direction in directions.items():
            point[name] = point[name] + 1j * (STEP * direction)
        values = evaluator(graph, COMPLEX_STEP, subject.point)(point)
        seed = subject.upstreams[graph.output]
        slope = float(np.sum(seed * np.imag(values[graph.output]))) / STEP
        moved = sum(
            float(np.sum(np.abs(np.imag(value) * upstream), where=np.isfinite(value)))
            for value, upstream in zip(values, subject.upstreams, strict=True)
            if np.iscomplexobj(value)
        )
        return slope, MARGIN * ULP * (moved + _inside(graph, values, subject.upstreams)) / STEP


class _EntryProbe:
    """Moves one entry of a variable, with digits enough for the slopes by them all."""

    def __init__(self, subject: Subject, name: str) -> None:
        self.subject, self.name = subject, name
        value = np.asarray(subject.point[name], dtype=float)
        sizes = [abs(v) for values in subject.values for v in np.ravel(values).tolist() if v]
        finite = [size for size in sizes if np.isfinite(size)]
        least = min(finite, default=1.0)
        gradients = [abs(g) for g in np.ravel(subject.gradients[name]).tolist() if g]
        self.scales = np.minimum(np.where(value == 0, least, np.abs(value)), 1.0)
        steps = np.ravel(self.scales).tolist()
        self.m = numeric.algebra_for(max(finite, default=1.0), min(gradients, default=1.0), steps)
        self.many = lifted(self.m)
        self.point = {n: convert(self.m, x) for n, x in subject.point.items()}
        self.seed = convert(self.m, subject.upstreams[subject.graph.output])
        self.wobble = wobble_of(subject)
        self.values_at = evaluator(subject.graph, self.many, self.point)

    def step(self, place: Place) -> Any:
        return numeric.step(self.m, float(self.scales[place]))

    def at_an_edge(self, place: Place) -> float:
        """The slope on the one side where the output has a value (that of x^1.5 at 0); nan where it
        has one on both sides, or none."""
        output, h = self.output(place), self.step(place)
        inside = [t for t in (-h, h) if self.m.context.isfinite(output(t))]
        if len(inside) != 1:
            return np.nan
        here = output(self.m.from_float(0.0))
        slope = numeric.one_sided(self.m, output, here, inside[0], self.wobble)
        return slope if np.isfinite(slope) else np.nan

    def output(self, place: Place) -> Callable[[Any], Any]:
        """The sum of the output, as it is weighed, where the entry is moved by so much."""
        graph = self.subject.graph

        def output(t: Any) -> Any:
            moved = np.array(self.point[self.name], dtype=object)
            moved[place] = moved[place] + t
            given = {**self.point, self.name: moved if moved.shape else moved[()]}
            return np.sum(self.seed * self.values_at(given)[graph.output])

        return output


def _inside(graph: Graph, values: Sequence[Any], upstreams: Sequence[Any]) -> float:
    """What may be lost inside a gate that subtracts slopes of its entries from one another: near
    p = 1 softmax is p*(x' - sum(p*x')), far smaller than x'."""
    lost = 0.0
    for index, node, gate in graph.gates():
        if gate.is_of_arrays and gate.role is Role.SCALER:
            moves = [float(np.max(np.abs(np.imag(values[o])), initial=0.0)) for o in node.inputs]
            lost += float(np.sum(np.abs(upstreams[index]))) * max(moves, default=0.0)
    return lost


def wobble_of(subject: Subject) -> float:
    """The sum of |value| |upstream|: first-order error analysis."""
    products = (
        float(np.sum(np.abs(value * upstream)))
        for value, upstream in zip(subject.values, subject.upstreams, strict=True)
    )
    return min(sum(product for product in products if np.isfinite(product)), 1e308)


def work_of(subject: Subject) -> int:
    """How many numbers one forward pass computes, products of matrices counted in full."""
    total = 0
    for index, sources in enumerate(subject.graph.inputs_of):
        gate = subject.graph.nodes[index].gate
        inner = 1
        if gate is not None and "@" in gate.formula and sources:
            inner = max(np.shape(subject.values[sources[0]])[-1:] or (1,))
        total += int(np.size(subject.values[index])) * inner + 2
        total += products_of(subject, index)
        total += sum(int(np.size(subject.values[source])) for source in sources)
    return total


def products_of(subject: Subject, index: int) -> int:
    """How many products a gate takes that says so itself."""
    node = subject.graph.nodes[index]
    if node.gate is None or node.gate.products is None:
        return 0
    operands = node.operand_values(subject.values, ARRAYS)
    fixed = [isinstance(o, Constant) and o.fixed is not None for o in node.operands]
    shapes = [o if f else np.shape(o) for o, f in zip(operands, fixed, strict=True)]
    return node.gate.products(*shapes)


def wrong_gate(subject: Subject, budget: Budget) -> int | None:
    """The first gate whose gradient is not the slope of its own forward, along random directions;
    None when each is right on its own, or when the time is up. What stands at a kink is left out.
    """
    clock = Clock(budget.for_a_culprit())
    for index, node, gate in subject.graph.gates():
        if clock.is_over:
            return None
        if _is_wrong(subject, index, node, gate):
            return index
    return None


def _is_wrong(subject: Subject, index: int, node: Node, gate: Gate) -> bool:
    chance = np.random.default_rng(0)
    value = subject.values[index]
    if gate.is_comparison or gate.name == "detach":  # level but for jumps, and by definition
        return any(np.any(slope) for slope in subject.locals[index])
    operands = node.operand_values(subject.values, ARRAYS)
    if not all(is_finite(o) for o in (value, *operands) if isinstance(o, float | np.ndarray)):
        return False  # in a stage that nothing needs
    upstream = chance.uniform(0.5, 1, np.shape(value))
    if gate.kink is not None:
        at_kink = gate.kink.at(ARRAYS, value, *operands)
        upstream = np.where(np.broadcast_to(at_kink, np.shape(value)), 0.0, upstream)
    slots = [k for k, operand in enumerate(node.operands) if not isinstance(operand, Constant)]
    least = _least(operands)
    for slot, k in enumerate(slots):
        at = np.asarray(operands[k], dtype=float)
        scale = np.where(np.abs(at) < _SMALLEST, np.where(at == 0, least, 0.0), np.abs(at))
        direction = chance.uniform(0.5, 1, at.shape) * np.minimum(
            scale, 1.0
        )  # sin is no straighter at 1e22

        def difference(
            given: list[Any], value: Any, local: Any, k: int = k, direction: Any = direction
        ) -> tuple[float, float]:
            """Backprop's slope less the measured one, and how large their terms are."""
            if gate.pullback is not None:
                terms = gate.pullback(ARRAYS, k, upstream, value, *given) * direction
            else:
                terms = upstream * local * direction
            slope = _slope(gate, k, given, upstream, direction)
            size = float(np.sum(np.abs(terms))) + abs(slope)
            return float(np.sum(terms)) - slope, size

        gap, size = difference(operands, value, subject.locals[index][slot])
        if not np.isfinite(gap) or abs(gap) <= TOLERANCE * size + STEP:
            continue
        if abs(gap) > _by_rounding(gate, operands, value, k, difference):
            return True
    return False


def _least(operands: list[Any]) -> float:
    """What a step from 0 is small against: the smallest number there is, and 1 at most."""
    sizes = [np.abs(o) for o in operands if isinstance(o, float | np.ndarray)]
    return min([1.0, *(float(np.min(s, where=s > _SMALLEST, initial=1.0)) for s in sizes)])


def _slope(gate: Gate, k: int, operands: list[Any], upstream: Any, direction: Any) -> float:
    """The measured slope of sum(upstream*gate) along a direction of operand k."""
    if sum(int(np.size(o)) for o in operands if not isinstance(o, tuple | str)) <= _FEW:
        return _precise_slope(gate, k, operands, upstream, direction)
    moved = [*operands[:k], operands[k] + 1j * (STEP * direction), *operands[k + 1 :]]
    return float(np.sum(upstream * np.imag(gate.forward(COMPLEX_STEP, *moved)))) / STEP


def _precise_slope(gate: Gate, k: int, operands: list[Any], upstream: Any, direction: Any) -> float:
    sizes = [np.abs(o).max() for o in (*operands, direction) if isinstance(o, float | np.ndarray)]
    m = numeric.algebra_for(max(1.0, *sizes), 1.0, [1.0])
    many = lifted(m)
    given = [convert(m, operand) for operand in operands]
    weights, along = convert(m, upstream), convert(m, direction)

    def output(t: Any) -> Any:
        moved = [*given[:k], given[k] + t * along, *given[k + 1 :]]
        return np.sum(weights * gate.forward(many, *moved))

    slope = numeric.central_difference(m, output, numeric.step(m, 1.0), 0.0, careful=False)
    return float("nan") if slope is None else slope


def _by_rounding(
    gate: Gate,
    operands: list[Any],
    value: Any,
    k: int,
    difference: Callable[..., tuple[float, float]],
) -> float:
    """How far the last bits of what a gate is handed and gives move the gap."""
    if gate.blocks:
        return 0.0  # a choice is not a matter of digits
    chance = np.random.default_rng(1)
    gaps = []
    for _ in range(_NUDGES):
        nudged = [_nudged(operand, chance) for operand in operands]
        output = _nudged(value, chance)
        local = None if gate.pullback is not None else gate.slope(ARRAYS, k, output, nudged)
        gaps.append(difference(operands, output, local)[0])
        if gate.pullback is not None:
            gaps.append(difference(nudged, gate.forward(ARRAYS, *nudged), None)[0])
    finite = [gap for gap in gaps if np.isfinite(gap)]
    return MARGIN * (max(finite) - min(finite)) if finite else 0.0


def _nudged(operand: Any, chance: Any) -> Any:
    if operand is None or isinstance(operand, tuple | int | str):
        return operand
    sign = chance.choice((-1.0, 1.0), np.shape(operand))
    return operand * (1 + sign * ULP)
