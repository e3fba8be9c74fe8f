"""Forward mode on arrays: how every node changes when the variables move along a direction.

Where a gate works entry by entry, its tangent is the sum of local gradient times tangent, as of
numbers. A gate with a pullback has no local gradients; how it moves is asked of its forward rule,
with numbers that carry their change along (`algebra.complexstep`). Its pullback has no part in
that, so u . Jv by tangents and v . J.T u by backprop are two answers that can differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from backtrace.algebra import Value
from backtrace.algebra.arrays import ARRAYS, quiet
from backtrace.algebra.complexstep import COMPLEX_STEP, carrying, step_for
from backtrace.algebra.values import size_of
from backtrace.gates import CONVENTIONS, Gate
from backtrace.graph import Constant, Graph, Node
from backtrace.graph.backprop_arrays import zeros

_MOST_ROWS = 4096  # entries of a gate at a kink whose Jacobian is asked row by row


def tangents(
    graph: Graph,
    values: Sequence[Value],
    locals_: Sequence[Sequence[Value]],
    along: Mapping[str, Value],
    convention: str = CONVENTIONS[0],
) -> list[Value]:
    """The change of every node, in its shape, per step along a direction: `along` has an array in
    the shape of each variable that moves; the others stand. `values` and `locals_` are those of the
    trace, None where a gate has a pullback. A gate of choices that stands at a kink goes by
    `convention`, as backprop does."""
    found: list[Value] = [None] * len(graph.nodes)
    with quiet():
        for index, node in enumerate(graph.nodes):
            gate = node.gate
            if gate is None:
                found[index] = along.get(node.name) if node.is_input else None
                continue
            moves = [found[source] for source in node.inputs]
            if all(move is None for move in moves):
                continue
            if gate.pullback is not None:
                change = _pushed(gate, node, values, values[index], moves, convention)
            else:
                change = _sum_of_products(gate, locals_[index], moves)
            if change is not None:
                found[index] = np.broadcast_to(change, np.shape(values[index]))[()]
    pairs = zip(found, values, strict=True)
    return [zeros(value) if change is None else change for change, value in pairs]


def _sum_of_products(gate: Gate, slopes: Sequence[Value], moves: Sequence[Value]) -> Value:
    """Local gradient times tangent, over the operands that move; None where none gets through."""
    total: Value = None
    for slope, move in zip(slopes, moves, strict=True):
        if move is None or (gate.blocks and not np.any(slope)):
            continue
        product = slope * move
        if gate.blocks:  # a branch that is not taken cannot spoil it with 0 * inf
            product = np.where(np.not_equal(slope, 0), product, 0.0)
        total = product if total is None else total + product
    return total


def _pushed(
    gate: Gate,
    node: Node,
    values: Sequence[Value],
    output: Value,
    moves: Sequence[Value],
    convention: str,
) -> Value:
    """How a gate with a pullback moves with its operands."""
    operands = node.operand_values(values, ARRAYS)
    slots = [k for k, operand in enumerate(node.operands) if not isinstance(operand, Constant)]
    moved = {k: move for k, move in zip(slots, moves, strict=True) if move is not None}
    if _is_at_kink(gate, output, operands) and size_of(output) <= _MOST_ROWS:
        return _by_rows(gate, output, operands, moved, convention)
    step = step_for((operands[k], move) for k, move in moved.items())
    if step == 0:
        return None
    for k, move in moved.items():
        operands[k] = carrying(operands[k], step * move)
    change = np.imag(gate.forward(COMPLEX_STEP, *operands)) / step
    return np.where(np.isfinite(output), change, np.nan)[()]


def _is_at_kink(gate: Gate, output: Value, operands: list[Value]) -> bool:
    return gate.kink is not None and ARRAYS.truth(gate.kink.at(ARRAYS, output, *operands))


def _by_rows(
    gate: Gate, output: Value, operands: list[Value], moved: Mapping[int, Value], convention: str
) -> Value:
    """By the rows of its Jacobian, as its pullback has them: at a kink that is the convention's."""
    pullback = gate.pullbacks.get(convention, gate.pullback)
    assert pullback is not None
    found = np.zeros(np.shape(output))
    for place in np.ndindex(found.shape):
        unit = np.zeros(found.shape)
        unit[place] = 1.0
        for k, move in moved.items():
            row = pullback(ARRAYS, k, unit if unit.shape else 1.0, output, *operands)
            found[place] += np.sum(np.where(np.equal(row, 0), 0.0, row * move))
    return found[()]
