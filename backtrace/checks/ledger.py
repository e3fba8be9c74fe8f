"""The table's own sums, done once more: at every gate of numbers upstream x local = downstream, and
at every node the upstream is the sum of what comes down to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from backtrace.algebra.values import shape_of
from backtrace.checks.contradiction import Contradicted
from backtrace.checks.traced import TOLERANCE, Subject
from backtrace.formula.printer import label
from backtrace.gates import Gate
from backtrace.language import tell
from backtrace.numbers import number


def audit(subject: Subject) -> Contradicted | None:
    """The first node that does not add up, gates' products before sums. Takes a pass over the
    edges."""
    graph, flow = subject.graph, subject.flow
    expected = _products_of_arrays if subject.m.of_arrays else _products
    sums: list[Any] = [0.0] * len(graph.nodes)
    sizes: list[Any] = [0.0] * len(graph.nodes)
    for index, _, gate in graph.gates():
        downstreams = flow.downstreams[index]
        products = expected(gate, flow.upstreams[index], flow.locals[index], downstreams)
        for source, found, product in zip(
            graph.inputs_of[index], downstreams, products, strict=True
        ):
            if _differ(found, product, TOLERANCE * abs(product)):
                what = tell("a downstream of {} is not its upstream times its local gradient")
                return _contradicted(subject, index, what, found, product)
            sums[source] = sums[source] + found
            sizes[source] = sizes[source] + abs(found)
    for index, (found, total) in enumerate(zip(flow.upstreams, sums, strict=True)):
        if index != graph.output and _differ(found, total, TOLERANCE * sizes[index]):
            what = tell("the upstream of {} is not the sum of what comes down to it")
            return _contradicted(subject, index, what, found, total)
    return None


def _contradicted(
    subject: Subject, index: int, what: str, found: Any, expected: Any
) -> Contradicted:
    words = what.format(f"{label(subject.graph.nodes[index])} (#{index})")
    if not shape_of(found):
        words += tell(
            ": {number}, and {expected_number}",
            number=number(found, 10),
            expected_number=number(expected, 10),
        )
    return Contradicted(index, words)


def _products(
    gate: Gate, upstream: float, locals_: Sequence[float], _: Sequence[float]
) -> list[float]:
    """upstream x local; where a gate blocks, nothing, whatever comes up."""
    return [0.0 if gate.blocks and local == 0 else upstream * local for local in locals_]


def _products_of_arrays(
    gate: Gate, upstream: Any, locals_: Sequence[Any], downstreams: Sequence[Any]
) -> list[Any]:
    """The same entry by entry, summed over what was repeated. A pullback is no product: it is held
    against measured slopes."""
    if gate.pullback is not None:
        return list(downstreams)
    import numpy as np

    from backtrace.algebra.arrays import ARRAYS

    found = []
    for local, downstream in zip(locals_, downstreams, strict=True):
        product = upstream * local
        if gate.blocks:
            product = np.where(np.equal(local, 0), 0.0, product)
        found.append(ARRAYS.summed_to(product, np.shape(downstream)))
    return found


def _differ(a: Any, b: Any, reach: Any) -> bool:
    """Whether some entry does; what is not finite is a fault, and told of as such."""
    if not shape_of(a):
        return math.isfinite(a) and math.isfinite(b) and abs(a - b) > reach
    return bool((abs(a - b) > reach).any())
