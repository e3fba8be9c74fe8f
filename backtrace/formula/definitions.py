"""Gates of the user's own: `swish(a) = a*sigmoid(a)` makes a row like those of the table.

Its forward is its little graph, evaluated; its local gradients are found by backprop through it.
Both in whatever algebra the trace is in, like every row.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

from backtrace import engine
from backtrace.algebra import Algebra, Value
from backtrace.formula.printer import source
from backtrace.formula.shapes import with_shapes
from backtrace.gates import CONVENTIONS, Gate, Kink, Role
from backtrace.gates.shapes import Shape, broadcast
from backtrace.graph import Graph


def own_gate(
    name: str, parameters: tuple[str, ...], inner: Graph, shape: Shape | None = None
) -> Gate:
    """The row for a gate that `inner` computes from inputs named as the parameters. With the
    `shape` of its output it is a gate of arrays, whose Jacobian is not formed."""

    def evaluate(m: Algebra, x: tuple[Value, ...]) -> list[Value]:
        return inner.evaluate(m, dict(zip(parameters, x, strict=True)))

    def forward(m: Algebra, *x: Value) -> Value:
        return evaluate(m, x)[inner.output]

    last: list[tuple[tuple[Any, ...], engine.Backward]] = []

    def flow(m: Algebra, x: tuple[Value, ...], convention: str, *seed: Value) -> engine.Backward:
        """The backward pass inside. It is asked for again for every operand and for kinks, with the
        very same numbers: the last one is kept, or nested gates would take twice as long each."""
        asked = (m, convention, *seed, *x)
        if last and len(last[0][0]) == len(asked) and all(map(operator.is_, last[0][0], asked)):
            return last[0][1]
        upstream = seed[0] if seed else None
        found = engine.backward(inner, evaluate(m, x), m, upstream, convention)
        last[:] = [(asked, found)]
        return found

    def slope(k: int, m: Algebra, x: tuple[Value, ...], convention: str = CONVENTIONS[0]) -> Value:
        if parameters[k] not in inner.inputs:
            return 0
        return flow(m, x, convention).upstreams[inner.inputs[parameters[k]]]

    def kink_rule(convention: str) -> Callable[..., Value]:
        return lambda m, k, f, x, constant: slope(k, m, tuple(x), convention)

    def at_kink(m: Algebra, *x: Value) -> Value:
        if last and all(map(operator.is_, last[0][0][-len(x) :], x)) and last[0][0][0] is m:
            return bool(last[0][1].kinks)
        return bool(flow(m, x, CONVENTIONS[0]).kinks)

    def pullback(
        m: Algebra, k: int, u: Value, _: Value, *x: Value, convention: str = CONVENTIONS[0]
    ) -> Value:
        if parameters[k] not in inner.inputs:
            return 0.0 * x[k]
        return flow(m, x, convention, u).upstreams[inner.inputs[parameters[k]]]

    def of_shapes(shapes: tuple[Shape, ...]) -> Gate:
        settled, found = with_shapes(inner, dict(zip(parameters, shapes, strict=True)))
        return own_gate(name, parameters, settled, found[settled.output])

    return Gate(
        name=name,
        summary="defined by the formula",
        parameters=parameters,
        role=Role.SCALER,
        forward=forward,
        local=tuple(lambda m, f, *x, k=k: slope(k, m, x) for k in range(len(parameters))),
        formula=source(inner),
        is_own=True,
        pullback=pullback if shape is not None else None,
        pullbacks={c: functools.partial(pullback, convention=c) for c in CONVENTIONS},
        rules=("backprop through its own gates",) * len(parameters),
        shape=(lambda *_: shape) if shape is not None else broadcast,
        of_shapes=of_shapes,
        inner=inner,
        kink=Kink(
            at=lambda m, f, *x: at_kink(m, *x),
            local=kink_rule(CONVENTIONS[0]),
            says="a gate inside it is at a kink, and goes by its own rule",
            others={convention: kink_rule(convention) for convention in CONVENTIONS},
        ),
    )
