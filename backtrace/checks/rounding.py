"""How far rounding alone can move a result: the same trace with every number on the way nudged.

At x = 40 sigmoid(x) is 1 in floats, so s*(1-s) is 0 where the true slope is 4e-18. That is not a
wrong rule. Nudging what every gate gives, and every local gradient, by its last bit, at random,
shows how much the result may owe to rounding and underflow (stochastic arithmetic; Vignes, "A
stochastic arithmetic for reliable scientific computation", 1993). Comparisons are not nudged: a
choice stays. Nor is what a choice gives, which is one of its inputs as it was.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from backtrace.algebra import Value
from backtrace.algebra.floats import FLOATS
from backtrace.checks.traced import Subject
from backtrace.graph import Constant, Graph, Node
from backtrace.graph.backprop import Backward

_RUNS = 8
_ULP = 2.0**-52
_SMALLEST = 5e-324
_MARGIN = 64.0  # an estimate from 8 runs may be small by that much


def uncertainty(subject: Subject) -> dict[str, float]:
    """How far each variable's gradient, and the output (""), may be off from rounding alone."""
    graph, nudge = subject.graph, _Nudge()
    # its own numbers among them: an even gate takes a nudge up and one down to one number
    runs = [{"": subject.value, **subject.gradients}]
    for _ in range(_RUNS):
        values = _nudged_values(graph.nodes, subject, nudge)
        gradients = _nudged_gradients(graph, subject.flow_of(graph, values, FLOATS), nudge)
        found = {name: gradients[graph.inputs[name]] for name in subject.wrt}
        runs.append({"": values[graph.output], **found})
    return {name: _spread([run[name] for run in runs]) for name in ("", *subject.wrt)}


class _Nudge:
    """Moves a number by its last bit, up or down."""

    def __init__(self) -> None:
        self._chance = random.Random(0)

    def __call__(self, value: Value) -> float:
        sign = self._chance.choice((-1, 1))
        return float(value * (1 + sign * _ULP) + sign * _SMALLEST)


def _nudged_values(nodes: Sequence[Node], subject: Subject | None, nudge: _Nudge) -> list[float]:
    """The nodes' values; for the inside of a constant, which has no inputs, without a subject."""

    def constant(leaf: Constant) -> float:
        if leaf.nodes:  # sin(tau) is not 0 in floats
            return _nudged_values(leaf.nodes, None, nudge)[-1]
        value: float = leaf.value(FLOATS)
        return value if value == int(value) else nudge(value)  # 0.1 is not one tenth

    values: list[float] = []
    for index, node in enumerate(nodes):
        operands = [constant(o) if isinstance(o, Constant) else values[o] for o in node.operands]
        if node.gate is None:
            given = subject.point[node.name] if subject and node.is_input else operands[0]
            values.append(given)
        elif node.gate.is_comparison and subject:
            values.append(subject.values[index])
        elif node.gate.blocks:  # a choice is not rounded: max is one of its inputs
            values.append(node.gate.forward(FLOATS, *operands))
        else:
            values.append(nudge(node.gate.forward(FLOATS, *operands)))
    return values


def _nudged_gradients(graph: Graph, flow: Backward, nudge: _Nudge) -> list[float]:
    """The gradients again, with nudged local gradients; a blocked way stays blocked."""
    upstreams = [0.0] * len(graph.nodes)
    upstreams[graph.output] = 1.0
    for index in range(graph.output, -1, -1):
        edges = zip(
            graph.inputs_of[index], flow.locals[index], flow.downstreams[index], strict=False
        )
        for source, local, carried in edges:
            gate = graph.nodes[index].gate
            if carried or not (gate and gate.blocks):
                upstreams[source] += nudge(upstreams[index] * nudge(local))
    return upstreams


def _spread(results: list[float]) -> float:
    finite = [result for result in results if math.isfinite(result)]
    spread = _MARGIN * (max(finite) - min(finite)) if finite else 0.0
    return spread if math.isfinite(spread) else 0.0
