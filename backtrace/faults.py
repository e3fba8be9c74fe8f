"""Where a number goes bad first: the origin, not the victim.

Forward, the first gate whose value is not finite while its inputs are; backward, the first edge
whose product is not finite while its upstream is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from backtrace.algebra.floats import FLOATS
from backtrace.engine import Backward
from backtrace.formula.printer import application, label
from backtrace.gates import Gate
from backtrace.graph import Graph
from backtrace.notation import number
from backtrace.record import Fault


def forward_fault(graph: Graph, values: Sequence[float]) -> Fault | None:
    """The first gate, of those the output depends on, whose value is not finite though its inputs
    are; None when there is none."""
    needed = graph.ancestors(graph.output)
    for index, node, gate in graph.gates():
        if math.isfinite(values[index]) or index not in needed:
            continue
        operands = node.operand_values(values, FLOATS)
        if all(map(math.isfinite, operands)):
            what = _forward_words(gate, values[index], operands)
            return Fault("forward", index, 0, what, _downhill(graph, values, index), gate.cure)
    return None


def backward_fault(graph: Graph, values: Sequence[float], flow: Backward) -> Fault | None:
    """The first edge, walking back from the output, whose downstream is not finite though its
    upstream is; None when there is none."""
    for index in range(graph.output, -1, -1):
        upstream = flow.upstreams[index]
        if not math.isfinite(upstream):
            continue
        for operand, downstream in enumerate(flow.downstreams[index]):
            gate = graph.nodes[index].gate
            if gate is not None and not math.isfinite(downstream):
                what = _backward_words(graph, values, flow, index, operand)
                chain = _upstream(graph, flow, index, operand)
                return Fault("backward", index, operand, what, chain, gate.cure)
    return None


def _forward_words(gate: Gate, value: float, operands: list[float]) -> str:
    applied = application(gate, [number(operand) for operand in operands])
    if not gate.domain.holds(*operands):
        return f"{applied} is {number(value)}: {gate.name} needs {gate.domain.says}"
    reason = "it overflows a 64-bit float" if math.isinf(value) else "it is not a real number"
    return f"{applied} is {number(value)}: {reason}"


def _backward_words(
    graph: Graph, values: Sequence[float], flow: Backward, index: int, operand: int
) -> str:
    node = graph.nodes[index]
    local, upstream = flow.locals[index][operand], flow.upstreams[index]
    product = f"{number(upstream)} x {number(local)} = {number(flow.downstreams[index][operand])}"
    at = values[node.inputs[operand]]
    words = f"the local gradient of {label(node)} at {number(at)} is {number(local)}"
    if math.isfinite(local):
        words = f"upstream x local overflows at {label(node)}"
    if math.isfinite(at) and not math.isfinite(values[index]):
        words = (
            f"{label(node)} of {number(at)} overflowed, so its local gradient is {number(local)}"
        )
    return f"{words}: {product}"


def _downhill(graph: Graph, values: Sequence[float], origin: int) -> tuple[int, ...]:
    """From the origin along consumers whose values are not finite, to the output if it goes bad."""
    chain = [origin]
    while chain[-1] != graph.output:
        users = (gate for gate, _ in graph.consumers[chain[-1]])
        following = next((gate for gate in users if not math.isfinite(values[gate])), None)
        if following is None:
            break
        chain.append(following)
    return tuple(chain)


def _upstream(graph: Graph, flow: Backward, origin: int, operand: int) -> tuple[int, ...]:
    """From the origin back along inputs whose gradients are not finite, to a variable."""
    chain = [origin, graph.nodes[origin].inputs[operand]]
    while True:
        node = graph.nodes[chain[-1]]
        carried = zip(node.inputs, flow.downstreams[chain[-1]], strict=False)
        following = next((source for source, g in carried if not math.isfinite(g)), None)
        if following is None:
            return tuple(chain)
        chain.append(following)
