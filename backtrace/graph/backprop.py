"""Forward and backward: two loops over the graph's tuple.

Given L, the output, every gate does the same small thing: its upstream gradient dL/df times its
local gradient df/dx_k is the downstream gradient for input k; where several downstreams reach one
node they are added (the multivariable chain rule).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from backtrace.algebra import Algebra, Value
from backtrace.gates import CONVENTIONS, CROSSED, Gate
from backtrace.graph import Constant, Graph, Node


class Backward(NamedTuple):
    """What one backward pass found; per node, as in `record.Record`.

    `kinks` are the gates that a gradient reached and that stood at a kink, in evaluation order.
    """

    upstreams: list[Value]
    locals: list[tuple[Value, ...]]
    downstreams: list[tuple[Value, ...]]
    kinks: list[int]


NOTHING = Backward([], [], [], [])
"""Where there is no point to go back from."""


def backward(
    graph: Graph,
    values: Sequence[Value],
    m: Algebra,
    seed: Value = None,
    convention: str = CONVENTIONS[0],
) -> Backward:
    """All gradients of the output, given every node's value in algebra `m`.

    Where the local gradient of a gate that blocks is 0 the way ends: its downstream is exactly 0,
    also when the upstream is not finite, and so is everything behind that nothing else reaches. (A
    branch of where() that is not taken cannot spoil the gradient with 0 * inf.) At a kink the gate
    goes by `convention`, one of gates.CONVENTIONS.
    """
    if m.of_arrays:
        from backtrace.graph.backprop_arrays import flow  # with NumPy, which numbers do not need

        one = m.number("1")  # in the algebra's own numbers: 1.0/3 has 16 digits
        return Backward(*flow(graph, values, m, one if seed is None else seed * one, convention))
    walk = _Walk(graph, values, m, convention)
    walk.upstreams[graph.output] = m.number("1") if seed is None else seed
    walk.back()
    nothing = m.number("0")
    upstreams = [nothing if upstream is None else upstream for upstream in walk.upstreams]
    walk.kinks.reverse()
    return Backward(upstreams, walk.locals, walk.downstreams, walk.kinks)


class _Walk:
    """The backward loop on numbers. An upstream is None until something arrives."""

    def __init__(self, graph: Graph, values: Sequence[Value], m: Algebra, convention: str) -> None:
        self.graph = graph
        self.values = values
        self.m = m
        self.convention = convention
        self.nothing = m.number("0")
        count = len(graph.nodes)
        self.upstreams: list[Value] = [None] * count
        self.locals: list[tuple[Value, ...]] = [()] * count
        self.downstreams: list[tuple[Value, ...]] = [()] * count
        self.kinks: list[int] = []

    def back(self) -> None:
        """Gates of two inputs whose slopes are fixed (add, sub) or each other's inputs (mul) are
        nearly all there are, so they have their own few lines; the rules are the table's."""
        values, upstreams = self.values, self.upstreams
        locals_, downstreams = self.locals, self.downstreams
        nodes, nothing = self.graph.nodes, (self.nothing, self.nothing)
        for index in range(len(nodes) - 1, -1, -1):
            gate, operands, _, _ = nodes[index]
            if gate is None:
                continue
            upstream = upstreams[index]
            pair = gate.pair
            if pair is None:
                self._gate(index, nodes[index], gate)
                continue
            a, b = operands
            if type(a) is not int or type(b) is not int:
                self._beside_constant(index, operands, pair)
                continue
            local = (values[b], values[a]) if pair == CROSSED else pair
            if upstream is None:
                locals_[index] = local
                downstreams[index] = nothing
                continue
            to_a, to_b = upstream * local[0], upstream * local[1]
            locals_[index] = local
            downstreams[index] = (to_a, to_b)
            before = upstreams[a]
            upstreams[a] = to_a if before is None else before + to_a
            before = upstreams[b]
            upstreams[b] = to_b if before is None else before + to_b

    def _beside_constant(
        self, index: int, operands: tuple[int | Constant, ...], pair: tuple[int, ...]
    ) -> None:
        """One of the same gates, of an input and a constant: x*2, 1 + x."""
        a, b = operands
        source, constant, k = (a, b, 0) if type(a) is int else (b, a, 1)
        slope = constant.value(self.m) if pair == CROSSED else pair[k]  # type: ignore[union-attr]
        upstream, upstreams = self.upstreams[index], self.upstreams
        self.locals[index] = (slope,)
        if upstream is None:
            self.downstreams[index] = (self.nothing,)
            return
        downstream = upstream * slope
        before = upstreams[source]  # type: ignore[index]
        upstreams[source] = downstream if before is None else before + downstream  # type: ignore[index]
        self.downstreams[index] = (downstream,)

    def _gate(self, index: int, node: Node, gate: Gate) -> None:
        """One gate of any kind, wherever it stands."""
        m, upstreams = self.m, self.upstreams
        output, upstream = self.values[index], upstreams[index]
        operands = node.operand_values(self.values, m)
        rule = None
        if gate.kink is not None and m.truth(gate.kink.at(m, output, *operands)):
            rule = gate.kink.rule(self.convention)
            decides = gate.is_comparison and self.graph.leads_to(index, self._is_reached)
            if upstream is not None or decides:
                self.kinks.append(index)
        local = _local_gradients(gate, node, output, operands, m, rule)
        carried = []
        for source, slope in zip(node.inputs, local, strict=True):
            if upstream is None or (gate.blocks and m.truth(m.equal(slope, 0))):
                carried.append(self.nothing)
                continue
            downstream = upstream * slope
            before = upstreams[source]
            upstreams[source] = downstream if before is None else before + downstream
            carried.append(downstream)
        self.locals[index] = local
        self.downstreams[index] = tuple(carried)

    def _is_reached(self, index: int) -> bool:
        return self.upstreams[index] is not None


def tangents(graph: Graph, locals_: Sequence[Sequence[Value]], start: int) -> list[Value]:
    """Forward mode: how every node changes as the node `start` does. One pass gives the derivative
    of everything by one input, where backward gives that of one output by everything."""
    found: list[Value] = [0.0] * len(graph.nodes)
    found[start] = 1.0
    for index, sources in enumerate(graph.inputs_of):
        gate = graph.nodes[index].gate
        for source, local in zip(sources, locals_[index], strict=True):
            if found[source] and not (gate and gate.blocks and local == 0):
                found[index] = found[index] + local * found[source]
    return found


def upstreams(
    graph: Graph, values: Sequence[Value], m: Algebra, convention: str = CONVENTIONS[0]
) -> list[Value]:
    """Every node's gradient alone."""
    return backward(graph, values, m, convention=convention).upstreams


def _local_gradients(
    gate: Gate,
    node: Node,
    output: Value,
    operands: list[Value],
    m: Algebra,
    kink_rule: Callable[..., Value] | None,
) -> tuple[Value, ...]:
    """One local gradient per input of the gate, by its rule or its rule at a kink; constants get
    none."""
    constant = [isinstance(o, Constant) for o in node.operands]
    free = [k for k, is_constant in enumerate(constant) if not is_constant]
    if gate.chooses and m.truth(m.not_equal(output, output)):
        return (output,) * len(free)
    if kink_rule is not None:
        return tuple(kink_rule(m, k, output, operands, constant) for k in free)
    return tuple(gate.slope(m, k, output, operands) for k in free)
