"""The backward loop on arrays: entry by entry, or by a gate's pullback; no Jacobian is formed.

An operand that was repeated to fit (a bias, over a batch) gets the sum over what it was repeated
along: that is the chain rule for a value that branches.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backtrace.algebra import Value
from backtrace.algebra.arrays import ARRAYS, WITH_ENTRIES, Arrays, is_finite
from backtrace.gates import CONVENTIONS, Gate
from backtrace.graph import Constant, Graph, Node

Mask = Any
"""Which entries a gradient has reached; None: all of them; a function: ask it when you need it.
Behind a router's blocked entries everything is exactly 0, whatever the local gradients are."""


def flow(
    graph: Graph,
    values: Sequence[Value],
    m: Any,
    seed: Value,
    convention: str = CONVENTIONS[0],
    touch: Callable[[Value], Value] | None = None,
) -> tuple[list[Value], list[tuple[Value, ...]], list[tuple[Value, ...]], list[int]]:
    """Upstreams, local gradients, downstreams and kinks, as in `Backward`. A local gradient is None
    where the gate has a pullback; `seed` has the shape of the output. `touch` may change every
    downstream on its way: to see how far rounding reaches."""
    walk = _Walk(graph, values, m, convention, touch)
    walk.upstreams[graph.output] = np.broadcast_to(seed, np.shape(values[graph.output]))[()]
    for index in range(len(graph.nodes) - 1, -1, -1):
        gate = graph.nodes[index].gate
        if gate is not None:
            walk.gate(index, graph.nodes[index], gate)
    walk.kinks.reverse()
    upstreams = [
        zeros(value) if upstream is None else upstream
        for upstream, value in zip(walk.upstreams, values, strict=True)
    ]
    return upstreams, walk.locals, walk.downstreams, walk.kinks


class _Walk:
    """The backward loop on arrays. An upstream is None until something arrives; its mask says at
    which entries something has (None: at all)."""

    def __init__(
        self,
        graph: Graph,
        values: Sequence[Value],
        m: Any,
        convention: str,
        touch: Callable[[Value], Value] | None,
    ) -> None:
        self.graph = graph
        self.values = values
        self.m = m
        self.convention = convention
        self.touch = touch
        count = len(graph.nodes)
        self.upstreams: list[Value] = [None] * count
        self.masks: list[Mask] = [None] * count
        self.locals: list[tuple[Value, ...]] = [()] * count
        self.downstreams: list[tuple[Value, ...]] = [()] * count
        self.kinks: list[int] = []

    def gate(self, index: int, node: Node, gate: Gate) -> None:
        m, output, upstream = self.m, self.values[index], self.upstreams[index]
        operands = node.operand_values(self.values, m)
        at = False
        if gate.kink is not None and gate.pullback is None:
            at = gate.kink.at(m, output, *operands)
        slopes: list[Value] = []
        carried: list[Value] = []
        for k, source in enumerate(node.operands):
            if isinstance(source, Constant):
                continue
            slope = None
            if gate.pullback is None:
                slope = _slope(gate, node, k, output, operands, m, at, self.convention)
            given = (upstream, self.masks[index], slope, output, operands)
            downstream, reached = carry(gate, k, *given, m, self.convention)
            if self.touch is not None and downstream is not None:
                downstream = self.touch(downstream)
            slopes.append(slope)
            carried.append(zeros(operands[k]) if downstream is None else downstream)
            if downstream is not None:
                self._add(source, downstream, reached)
        if gate.kink is not None and gate.pullback is not None and upstream is not None:
            at = gate.kink.at(m, output, *operands)  # of an own gate: what it has just found
        decides = gate.is_comparison and self.graph.leads_to(index, self._is_reached)
        counts = upstream is not None or decides
        if m.truth(at) and counts:
            self.kinks.append(index)
        self.locals[index] = tuple(slopes)
        self.downstreams[index] = tuple(carried)

    def _add(self, source: int, downstream: Value, reached: Mask) -> None:
        """What comes down to a node is added to what has come."""
        if self.upstreams[source] is None:
            self.upstreams[source], self.masks[source] = downstream, reached
            return
        self.upstreams[source] = self.upstreams[source] + downstream
        before = self.masks[source]
        self.masks[source] = union(before, reached)

    def _is_reached(self, index: int) -> bool:
        return self.upstreams[index] is not None


def zeros(like: Value) -> Value:
    """Zeros in a value's shape: one number, repeated."""
    return np.broadcast_to(0.0, np.shape(like)) if np.ndim(like) else 0.0


def _slope(
    gate: Gate,
    node: Node,
    k: int,
    output: Value,
    operands: list[Value],
    m: Arrays,
    at: Value,
    convention: str,
) -> Value:
    """The diagonal of the Jacobian for input `k`, with the gate's own rule at entries at a kink.
    Where a gate that chooses gives nan, there is no telling, kink or not."""
    slope = gate.slope(m, k, output, operands)
    if gate.kink is not None and m.truth(at):
        constant = [isinstance(operand, Constant) for operand in node.operands]
        slope = m.where(at, gate.kink.rule(convention)(m, k, output, operands, constant), slope)
    if gate.chooses and not is_finite(output):
        slope = m.where(m.equal(output, output), slope, output)
    return slope


def carry(
    gate: Gate,
    k: int,
    upstream: Value,
    mask: Mask,
    slope: Value,
    output: Value,
    operands: list[Value],
    m: Arrays,
    convention: str,
) -> tuple[Value, Mask]:
    """The downstream gradient of operand `k`, and where it has arrived; (None, None): nowhere.
    `slope` is the diagonal of its Jacobian, None where the gate has a pullback."""
    if upstream is None:
        return None, None
    if gate.pullback is not None:
        pullback = gate.pullbacks.get(convention, gate.pullback)
        carried = pullback(m, k, upstream, output, *operands)
        if gate.is_own or not gate.moves or (mask is None and not gate.blocks):
            return carried, None
        where = functools.partial(_moved, pullback, m, k, mask, output, operands)
        return (carried if is_finite(carried) else np.where(where(), carried, 0.0)), where
    if gate.blocks and not m.truth(slope):
        return None, None
    product = _product(upstream, slope)
    if gate.blocks and isinstance(slope, WITH_ENTRIES):
        passes = slope if slope.dtype == bool else np.not_equal(slope, 0)
        mask = passes if mask is None else np.logical_and(_formed(mask), passes)
    if mask is not None and not is_finite(product):
        product = np.where(_formed(mask), product, 0.0)
    shape = np.shape(operands[k])
    if np.shape(product) == shape:
        return product, mask
    if mask is not None:
        mask = functools.partial(_reduced, mask, np.shape(product), shape)
    return m.summed_to(product, shape), mask


def union(mask: Mask, other: Mask) -> Mask:
    """Where either has arrived."""
    if mask is None or other is None:
        return None
    return np.logical_or(_formed(mask), _formed(other))


def reached_by(gate: Gate, k: int, output: Value, operands: list[Value], convention: str) -> Any:
    """Which entries of operand `k` a gate that moves entries about hands a gradient to."""
    pullback = gate.pullbacks.get(convention, gate.pullback)
    assert pullback is not None
    return _moved(pullback, ARRAYS, k, None, output, operands)


def _moved(
    pullback: Callable[..., Value], m: Arrays, k: int, mask: Mask, output: Value, operands: Any
) -> Any:
    """Where a gate that moves entries about hands a gradient to: as it does with ones."""
    ones = np.ones(np.shape(output)) if mask is None else _formed(mask) * 1.0
    return np.not_equal(pullback(m, k, ones, output, *operands), 0)


def _product(upstream: Value, slope: Value) -> Value:
    """upstream x local; a slope of 1 copies nothing."""
    if type(slope) is int:
        return upstream if slope == 1 else -upstream if slope == -1 else upstream * slope
    return upstream * slope


def _reduced(mask: Mask, whole: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """The mask of an operand that was repeated: where any of its copies was reached."""
    return ARRAYS.summed_to(np.broadcast_to(_formed(mask), whole) * 1, shape) != 0


def _formed(mask: Mask) -> Any:
    return mask() if callable(mask) else mask
