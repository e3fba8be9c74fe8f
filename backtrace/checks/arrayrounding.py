"""How far rounding alone can move what is found of arrays: the same passes with every number on the
way nudged by its last bit (see `rounding`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from backtrace.algebra.arrays import ARRAYS, Arrays
from backtrace.checks.traced import MARGIN, ULP, Subject
from backtrace.gates import CONVENTIONS, Gate
from backtrace.graph import Constant, Graph, Node, leaf_value, run
from backtrace.graph.backprop_arrays import flow

_RUNS = 8
_SMALLEST = 5e-324


def uncertainty(subject: Subject) -> dict[str, Any]:
    """How far each gradient, and the output (""), may be off from rounding alone: the spread of
    nudged traces."""
    own: dict[str, Any] = {"": subject.value, **subject.gradients}  # as in `rounding`
    seed = subject.upstreams[subject.graph.output]
    runs = [own, *nudged(subject.graph, subject.point, seed, subject.wrt)]
    return {name: spread([run[name] for run in runs]) for name in own}


def nudged(
    graph: Graph,
    point: Mapping[str, Any],
    seed: Any,
    wrt: Sequence[str],
    m: Arrays = ARRAYS,
    convention: str = CONVENTIONS[0],
) -> Iterator[dict[str, Any]]:
    """The output ("") and the gradients by these variables of traces in which everything on the way
    is nudged; in an algebra whose numbers carry a step, that step is nudged along."""
    chance = np.random.default_rng(0)

    def nudge(value: Any) -> Any:
        sign = chance.choice((-1.0, 1.0), np.shape(value))
        return np.where(value == 0, value, value * (1 + sign * ULP) + sign * _SMALLEST)

    def begin(leaf: Node | Constant) -> Any:
        value = leaf_value(leaf, m, point)
        if isinstance(leaf, Constant) and isinstance(value, float | np.ndarray):
            return np.where(value == np.floor(value), value, nudge(value))[()]  # 0.1 is no tenth
        return value

    def apply(gate: Gate, operands: list[Any]) -> Any:
        if gate.blocks:  # a choice is not rounded: max is one of its inputs
            return gate.forward(m, *operands)
        if gate.is_of_arrays:  # a sum of products rounds every one of them
            operands = [nudge(o) if isinstance(o, float | np.ndarray) else o for o in operands]
        return nudge(gate.forward(m, *operands))

    for _ in range(_RUNS):
        values = run(graph.nodes, begin, apply)
        upstreams, *_ = flow(graph, values, m, seed, convention, touch=nudge)
        found = {name: upstreams[graph.inputs[name]] for name in wrt}
        yield {"": values[graph.output], **found}


def spread(results: list[Any]) -> Any:
    """How far results are apart, with a margin; of what is not finite nothing is said: 0."""
    found = MARGIN * (np.max(results, 0) - np.min(results, 0))
    return np.where(np.isfinite(found), found, 0.0)
