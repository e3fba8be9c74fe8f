"""Gates of the user's own: `swish(a) = a*sigmoid(a)` makes a row like those of the table.

Its forward is its little graph, evaluated; its local gradients are found by backprop through it.
Both in whatever algebra the trace is in, like every row.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

from backtrace.algebra import Algebra, Value
from backtrace.formula.printer import source
from backtrace.formula.shapes import with_shapes
from backtrace.gates import CONVENTIONS, Gate, Kink, Role
from backtrace.gates.shapes import Shape, broadcast
from backtrace.graph import Graph, backprop
from backtrace.language import tell


class _Rules:
    """The rules of a gate that `inner` computes, from inputs named as the parameters."""

    def __init__(self, parameters: tuple[str, ...], inner: Graph) -> None:
        self.parameters = parameters
        self.inner = inner
        self._last: tuple[tuple[Any, ...], backprop.Backward] | None = None

    def forward(self, m: Algebra, *x: Value) -> Value:
        return self._values(m, x)[self.inner.output]

    def slope(
        self, k: int, m: Algebra, x: tuple[Value, ...], convention: str = CONVENTIONS[0]
    ) -> Value:
        name = self.parameters[k]
        if name not in self.inner.inputs:
            return 0
        return self._flow(m, x, convention).upstreams[self.inner.inputs[name]]

    def pullback(
        self,
        m: Algebra,
        k: int,
        u: Value,
        _: Value,
        *x: Value,
        convention: str = CONVENTIONS[0],
    ) -> Value:
        name = self.parameters[k]
        if name not in self.inner.inputs:
            return 0.0 * x[k]
        return self._flow(m, x, convention, u).upstreams[self.inner.inputs[name]]

    def kink(self) -> Kink:
        def rule(convention: str) -> Callable[..., Value]:
            return lambda m, k, f, x, constant: self.slope(k, m, tuple(x), convention)

        return Kink(
            at=lambda m, f, *x: self._is_at_kink(m, *x),
            local=rule(CONVENTIONS[0]),
            says=tell("a gate inside it is at a kink, and goes by its own rule"),
            others={convention: rule(convention) for convention in CONVENTIONS},
        )

    def _values(self, m: Algebra, x: tuple[Value, ...]) -> list[Value]:
        return self.inner.evaluate(m, dict(zip(self.parameters, x, strict=True)))

    def _flow(
        self, m: Algebra, x: tuple[Value, ...], convention: str, *seed: Value
    ) -> backprop.Backward:
        """The backward pass inside. It is asked for again for every operand and for kinks, with the
        very same numbers: the last one is kept, or nested gates would take twice as long each."""
        asked = (m, convention, *seed, *x)
        if self._last is not None and _are_same(self._last[0], asked):
            return self._last[1]
        upstream = seed[0] if seed else None
        found = backprop.backward(self.inner, self._values(m, x), m, upstream, convention)
        self._last = (asked, found)
        return found

    def _is_at_kink(self, m: Algebra, *x: Value) -> bool:
        if self._last is not None:
            asked, found = self._last
            if asked[0] is m and _are_same(asked[-len(x) :], x):
                return bool(found.kinks)
        return bool(self._flow(m, x, CONVENTIONS[0]).kinks)


def _are_same(some: tuple[Any, ...], others: tuple[Any, ...]) -> bool:
    """Whether they are the very same numbers."""
    return len(some) == len(others) and all(map(operator.is_, some, others))


def own_gate(
    name: str, parameters: tuple[str, ...], inner: Graph, shape: Shape | None = None
) -> Gate:
    """The row for a gate that `inner` computes from inputs named as the parameters. With the
    `shape` of its output it is a gate of arrays, whose Jacobian is not formed."""
    rules = _Rules(parameters, inner)

    def of_shapes(shapes: tuple[Shape, ...]) -> Gate:
        settled = with_shapes(inner, dict(zip(parameters, shapes, strict=True)), is_whole=False)
        assert settled.shapes is not None
        return own_gate(name, parameters, settled, settled.shapes[settled.output])

    return Gate(
        name=name,
        summary=tell("defined by the formula"),
        parameters=parameters,
        role=Role.SCALER,
        forward=rules.forward,
        local=tuple(lambda m, f, *x, k=k: rules.slope(k, m, x) for k in range(len(parameters))),
        formula=source(inner),
        is_own=True,
        pullback=rules.pullback if shape is not None else None,
        pullbacks={c: functools.partial(rules.pullback, convention=c) for c in CONVENTIONS},
        rules=(tell("backprop through its own gates"),) * len(parameters),
        shape=(lambda *_: shape) if shape is not None else broadcast,
        of_shapes=of_shapes,
        inner=inner,
        kink=rules.kink(),
    )
