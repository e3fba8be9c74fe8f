"""Forward and backward: two loops over the graph's tuple.

Given L, the output, every gate does the same small thing: its upstream gradient dL/df times its
local gradient df/dx_k is the downstream gradient for input k; where several downstreams reach one
node they are added (the multivariable chain rule).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from backtrace.algebra import Algebra, Value
from backtrace.gates import CONVENTIONS, Gate
from backtrace.graph import Constant, Graph, Node


class Backward(NamedTuple):
    """What one backward pass found; per node, as in `record.Record`.

    `kinks` are the gates that a gradient reached and that stood at a kink, in evaluation order.
    """

    upstreams: list[Value]
    locals: list[tuple[Value, ...]]
    downstreams: list[tuple[Value, ...]]
    kinks: list[int]


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
        from backtrace.engine.arrays import flow  # with NumPy, which numbers do not need

        return Backward(*flow(graph, values, m, 1.0 if seed is None else seed, convention))
    nodes, inputs = graph.nodes, graph.inputs_of
    nothing = m.number("0")
    upstreams: list[Value] = [nothing] * len(nodes)
    reached = [False] * len(nodes)
    local_gradients: list[tuple[Value, ...]] = [()] * len(nodes)
    downstreams: list[tuple[Value, ...]] = [()] * len(nodes)
    kinks: list[int] = []
    upstreams[graph.output] = m.number("1") if seed is None else seed
    reached[graph.output] = True
    for index in range(len(nodes) - 1, -1, -1):
        node = nodes[index]
        gate = node.gate
        if gate is None:
            continue
        operands = node.operand_values(values, m)
        at_kink = gate.kink is not None and m.truth(gate.kink.at(m, values[index], *operands))
        if at_kink and (reached[index] or decides(graph, index, gate, reached.__getitem__)):
            kinks.append(index)
        kink_rule = gate.kink.rule(convention) if gate.kink and at_kink else None
        local = _local_gradients(gate, node, values[index], operands, m, kink_rule)
        upstream = upstreams[index]
        carried = []
        for source, slope in zip(inputs[index], local, strict=True):
            if reached[index] and not (gate.blocks and m.truth(m.equal(slope, 0))):
                downstream = upstream * slope
                upstreams[source] = (
                    upstreams[source] + downstream if reached[source] else downstream
                )
                reached[source] = True
            else:
                downstream = nothing
            carried.append(downstream)
        local_gradients[index] = local
        downstreams[index] = tuple(carried)
    kinks.reverse()
    return Backward(upstreams, local_gradients, downstreams, kinks)


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


def decides(graph: Graph, index: int, gate: Gate, reached: Callable[[int], bool]) -> bool:
    """Whether this is the condition of a where() that a gradient reached."""
    return gate.is_comparison and any(reached(user) for user, _ in graph.consumers[index])


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
    if kink_rule is not None:
        return tuple(kink_rule(m, k, output, operands, constant) for k in free)
    return tuple(gate.slope(m, k, output, operands) for k in free)
