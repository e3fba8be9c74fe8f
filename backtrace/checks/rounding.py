"""How far rounding alone can move a result: the same trace with numbers nudged by an ulp.

At x = 40 sigmoid(x) is 1 in floats, so s*(1-s) is 0 where the true slope is 4e-18. That is not a
wrong rule. Nudging what goes into and out of every gate by its last bit, at random, shows how much
the result may owe to rounding (stochastic arithmetic; Vignes, "A stochastic arithmetic for reliable
scientific computation", 1993).
"""

from __future__ import annotations

import random

from backtrace.algebra import Value
from backtrace.algebra.floats import FLOATS
from backtrace.checks.subject import Subject
from backtrace.gates import Gate
from backtrace.graph import Constant, Node

_RUNS = 8
_ULP = 2.0**-52
_MARGIN = 64.0  # an estimate from 8 runs may be small by that much


def uncertainty(subject: Subject) -> dict[str, float]:
    """How far each variable's gradient, and the output (""), may be off from rounding alone."""
    graph, point = subject.graph, subject.point
    chance = random.Random(0)

    def nudge(value: Value) -> Value:
        return value * (1 + _ULP * chance.choice((-1, 1)))

    def nudged(gate: Gate, operands: list[Value]) -> Value:
        return nudge(gate.forward(FLOATS, *map(nudge, operands)))

    def leaf(leaf: Node | Constant) -> Value:
        return leaf.value(FLOATS) if isinstance(leaf, Constant) else point[leaf.name]

    runs: list[dict[str, float]] = []
    for _ in range(_RUNS):
        values = graph.run(leaf, nudged)
        upstreams = subject.upstreams_of(graph, values, FLOATS)
        gradients = {name: upstreams[graph.inputs[name]] for name in subject.wrt}
        runs.append({"": values[graph.output], **gradients})
    return {
        name: _MARGIN * (max(run[name] for run in runs) - min(run[name] for run in runs))
        for name in runs[0]
    }
