"""Both passes again, with somebody's own numbers in the place of ours.

What is answered is taken as it was answered; what is not is computed from that. So an answer that
is right, given an earlier slip, is seen to be right. What has no number with theirs, or another
shape than it should, is nan.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from backtrace.algebra.arrays import ARRAYS, quiet
from backtrace.algebra.floats import FLOATS
from backtrace.algebra.values import shape_of
from backtrace.gates import Role
from backtrace.graph import Constant
from backtrace.graph.record import Record
from backtrace.homework.mistakes import NO_NUMBER, Place, Slip, Value, carried

Edge = tuple[int, int]
"""(gate, which of its inputs)."""
Turn = Callable[[Place], Value]
_Forward = tuple[list[Any], list[Any], list[list[Place]], frozenset[int]]


def _as_it_is(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Own:
    """Somebody's numbers: values and gradients by node, slips by edge, turned values by gate, and
    what is done to every number on the way (rounding, say). `is_fresh` takes a gate's output, where
    a rule is written with it, anew from the operands, whatever was said of it."""

    values: Mapping[int, Any] = field(default_factory=dict)
    gradients: Mapping[int, Any] = field(default_factory=dict)
    slips: Mapping[Edge, Slip] = field(default_factory=dict)
    turns: Mapping[int, Turn] = field(default_factory=dict)
    touch: Callable[[Any], Any] = _as_it_is
    is_fresh: bool = False

    @property
    def leaves_values(self) -> bool:
        """Whether the forward pass is the right one."""
        return not self.values and not self.turns and self.touch is _as_it_is


@dataclass(frozen=True, slots=True)
class Replayed:
    """What follows from somebody's numbers: every node's value and gradient as they follow from the
    numbers before it; `used` are those that the next ones are computed with; `places` every gate's
    edges, as they are with these values; `kinks` the gates that stand at one."""

    values: list[Any]
    gradients: list[Any]
    used_values: list[Any]
    used_gradients: list[Any]
    places: list[list[Place]]
    kinks: frozenset[int] = frozenset()


class Replay:
    """Runs a record's graph again and again; with `is_many`, numbers are rows of many runs. `kink`
    is another convention at kinks than the record's."""

    def __init__(self, record: Record, is_many: bool = False, kink: str = "") -> None:
        self._kink = kink or record.granularity.kink
        self._kinks: set[int] = set()
        self.record = record
        self.is_many = is_many
        self._is_shaped = record.has_arrays
        self._m = ARRAYS if record.has_arrays or is_many else FLOATS
        self._operands = [
            [o.value(self._m) if isinstance(o, Constant) else None for o in node.operands]
            for node in record.graph.nodes
        ]

    def __call__(self, own: Own) -> Replayed:
        with quiet():
            if own.leaves_values:
                values, used, places, kinks = self._right
            else:
                values, used, places, kinks = self._forward(own)
            gradients, used_gradients = self._backward(own, places)
        return Replayed(values, gradients, used, used_gradients, places, kinks)

    @cached_property
    def _right(self) -> _Forward:
        values = list(self.record.values)
        self._kinks = set()
        places = [self._places(index, values, False) for index in range(len(values))]
        return values, values, places, frozenset(self._kinks)

    @property
    def right_kinks(self) -> frozenset[int]:
        """The gates that stand at a kink with the right values."""
        with quiet():
            return self._right[3]

    @cached_property
    def places(self) -> list[list[Place]]:
        """Every gate's edges with the right values."""
        with quiet():
            return self._right[2]

    def _forward(self, own: Own) -> _Forward:
        self._kinks = set()
        found: list[Any] = []
        used: list[Any] = []
        places: list[list[Place]] = []
        for index, node in enumerate(self.record.graph.nodes):
            if node.gate is None:
                value = self.record.values[index]
            else:
                value = self._value(index, used)
                if not node.gate.is_comparison and node.gate.role is not Role.ROUTER:
                    value = own.touch(value)
            found.append(value)
            used.append(own.values.get(index, value))
            places.append(self._places(index, used, own.is_fresh))
            if index in own.turns:
                turned = self._fitting(own.turns[index](places[index][0]), index)
                used[index] = found[index] = turned
                places[index] = self._places(index, used, own.is_fresh)
        return found, used, places, frozenset(self._kinks)

    def _backward(self, own: Own, places: list[list[Place]]) -> tuple[list[Any], list[Any]]:
        graph = self.record.graph
        found: list[Any] = [0.0] * len(graph.nodes)
        used: list[Any] = list(found)
        found[graph.output] = self.record.upstreams[graph.output]
        for index in range(len(graph.nodes) - 1, -1, -1):
            used[index] = own.gradients.get(index, found[index])
            for slot, source in enumerate(graph.inputs_of[index]):
                slip = own.slips.get((index, slot))
                way = places[index][slot].right if slip is None else slip
                back = carried(way, used[index])
                if self._is_shaped:
                    back = shaped(back, shape_of(self.record.values[source]))
                found[source] = found[source] + own.touch(back)
        return found, used

    def _operand_values(self, index: int, values: list[Any]) -> list[Any]:
        return [
            values[operand] if type(operand) is int else constant
            for operand, constant in zip(
                self.record.graph.nodes[index].operands, self._operands[index], strict=True
            )
        ]

    def _value(self, index: int, values: list[Any]) -> Any:
        gate = self.record.graph.nodes[index].gate
        assert gate is not None
        try:
            value = gate.forward(self._m, *self._operand_values(index, values))
        except NO_NUMBER:
            value = math.nan
        return self._fitting(value, index)

    def _fitting(self, value: Any, index: int) -> Any:
        """The value of a node; nan where its shape is another's."""
        shape = shape_of(self.record.values[index])
        if not self._is_shaped or shape_of(value) == shape:
            return value
        return _nan(shape)

    def _places(self, index: int, values: list[Any], is_fresh: bool) -> list[Place]:
        """A gate's edges with somebody's values: the operands, and the right rule for them."""
        node = self.record.graph.nodes[index]
        if node.gate is None:
            return []
        slots = [k for k, o in enumerate(node.operands) if not isinstance(o, Constant)]
        operands = self._operand_values(index, values)
        output = values[index]
        if is_fresh or (node.gate.role is Role.ROUTER and node.gate.pullback is None):
            output = self._value(index, values)  # which input it took, whatever was said
        return [self._place(index, k, operands, output, len(slots)) for k in slots]

    def _place(self, index: int, k: int, operands: list[Any], output: Any, inputs: int) -> Place:
        gate = self.record.graph.nodes[index].gate
        assert gate is not None
        m = self._m
        if gate.pullback is not None:
            pullback = gate.pullbacks.get(self._kink, gate.pullback)
            if gate.kink is not None and m.truth(gate.kink.at(m, output, *operands)):
                self._kinks.add(index)
                if gate.role is Role.ROUTER and gate.name.startswith("reduce"):
                    pullback = _TIED_ENTRIES.get(self._kink, pullback)
                if gate.name == "norm" and self._kink in _NORM_AT_0:
                    pullback = functools.partial(_norm_at_0, pullback, _NORM_AT_0[self._kink])

            def back(u: Any) -> Any:
                return pullback(m, k, u, output, *operands)

            return Place(m, gate, k, operands, output, None, back, inputs, self._is_shaped)
        try:
            local = self._local(index, k, operands, output)
        except NO_NUMBER:
            local = math.nan

        def right(u: Any) -> Any:
            return u * local

        def routed(u: Any) -> Any:
            return m.where(local == 0, 0.0, u * local)

        way = routed if gate.blocks else right
        return Place(m, gate, k, operands, output, local, way, inputs, self._is_shaped)

    def _local(self, index: int, k: int, operands: list[Any], output: Any) -> Any:
        """By the gate's rule; at a kink by the convention's."""
        node, m = self.record.graph.nodes[index], self._m
        gate = node.gate
        assert gate is not None
        at_kink = gate.kink.at(m, output, *operands) if gate.kink is not None else False
        if gate.kink is None or not m.truth(at_kink):
            return gate.slope_as_written(m, k, output, operands) * 1.0
        self._kinks.add(index)
        constant = [isinstance(o, Constant) for o in node.operands]
        rule = gate.kink.rule(self._kink)(m, k, output, operands, constant) * 1.0
        if m is FLOATS:
            return rule
        return m.where(at_kink, rule, gate.slope_as_written(m, k, output, operands) * 1.0)


def _to_all_tied(m: Any, _: int, u: Any, f: Any, x: Any, axis: Any) -> Any:
    return m.where(m.equal(x, m.aligned(f, axis)), m.aligned(u, axis), 0.0)


def _to_one_alone(m: Any, k: int, u: Any, f: Any, x: Any, axis: Any) -> Any:
    hits = m.equal(x, m.aligned(f, axis)) * 1.0
    is_tied = m.greater(m.aligned(m.sum(hits, axis), axis), 1)
    return m.where(is_tied, 0.0, _to_all_tied(m, k, u, f, x, axis))


_TIED_ENTRIES = {"left": _to_one_alone, "right": _to_all_tied}
"""The least and the most that a tied entry of max(x) or min(x) gets."""


def _norm_at_0(
    pullback: Callable[..., Any], sign: float, m: Any, k: int, u: Any, f: Any, x: Any, axis: Any
) -> Any:
    whole = m.spread(sign * u, x, axis)
    return m.where(m.equal(m.aligned(f, axis), 0), whole, pullback(m, k, u, f, x, axis))


_NORM_AT_0 = {"left": -1.0, "right": 1.0}
"""The slopes of norm(x) by an entry on the two sides of x = 0."""


def shaped(value: Any, shape: tuple[int, ...]) -> Any:
    """Summed over what was repeated; nan where the shapes do not go together."""
    try:
        whole = np.broadcast_shapes(np.shape(value), shape)
    except ValueError:
        return _nan(shape)
    return ARRAYS.summed_to(np.broadcast_to(value, whole), shape)[()]


def _nan(shape: tuple[int, ...]) -> Any:
    return np.full(shape, np.nan)[()]
