"""Forward and backward: two loops over the graph's tuple.

Given L, the output, every gate does the same small thing: its upstream gradient dL/df times its
local gradient df/dx_k is the downstream gradient for input k; where several downstreams reach one
node they are added (the multivariable chain rule).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backtrace.algebra import Algebra, Value
from backtrace.gates import Gate, Role
from backtrace.graph import Constant, Graph, Node


@dataclass(frozen=True, slots=True)
class Backward:
    """What one backward pass found; per node, as in `record.Record`.

    `kinks` are the gates that stood at a kink, in evaluation order.
    """

    upstreams: list[Value]
    locals: list[tuple[Value, ...]]
    downstreams: list[tuple[Value, ...]]
    kinks: list[int]


def backward(graph: Graph, values: Sequence[Value], m: Algebra, seed: Value = 1.0) -> Backward:
    """All gradients of the output, given every node's value in algebra `m`.

    Where a router's local gradient is 0 the way is blocked: its downstream is exactly 0, also
    when the upstream is not finite, and so is everything behind that nothing else reaches. (A
    branch of where() that is not taken cannot spoil the gradient with 0 * inf.)
    """
    nodes = graph.nodes
    upstreams: list[Value] = [0.0] * len(nodes)
    reached = [False] * len(nodes)
    local_gradients: list[tuple[Value, ...]] = [()] * len(nodes)
    downstreams: list[tuple[Value, ...]] = [()] * len(nodes)
    kinks: list[int] = []
    upstreams[graph.output] = seed
    reached[graph.output] = True
    for index in range(len(nodes) - 1, -1, -1):
        node = nodes[index]
        gate = node.gate
        if gate is None:
            continue
        operands = node.operand_values(values, m)
        at_kink = gate.kink is not None and gate.kink.at(m, values[index], *operands)
        if at_kink:
            kinks.append(index)
        local = _local_gradients(gate, node, values[index], operands, m, bool(at_kink))
        upstream, is_router = upstreams[index], gate.role is Role.ROUTER
        carried = []
        for source, slope in zip(node.inputs, local, strict=True):
            if reached[index] and not (is_router and slope == 0):
                downstream = upstream * slope
                upstreams[source] = upstreams[source] + downstream
                reached[source] = True
            else:
                downstream = 0.0
            carried.append(downstream)
        local_gradients[index] = local
        downstreams[index] = tuple(carried)
    kinks.reverse()
    return Backward(upstreams, local_gradients, downstreams, kinks)


def upstreams(graph: Graph, values: Sequence[Value], m: Algebra) -> list[Value]:
    """Every node's gradient alone."""
    return backward(graph, values, m).upstreams


def _local_gradients(
    gate: Gate, node: Node, output: Value, operands: list[Value], m: Algebra, at_kink: bool
) -> tuple[Value, ...]:
    """One local gradient per input of the gate; constants get none."""
    constant = [isinstance(o, Constant) for o in node.operands]
    free = [k for k, is_constant in enumerate(constant) if not is_constant]
    if at_kink and gate.kink is not None:
        return tuple(gate.kink.local(m, k, output, operands, constant) for k in free)
    return tuple(gate.slope(m, k, output, operands) for k in free)
