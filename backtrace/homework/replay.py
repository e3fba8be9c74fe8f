"""Both passes again, with somebody's own numbers in the place of ours.

What is answered is taken as it was answered; what is not is computed from that. So an answer that
is right, given an earlier slip, is seen to be right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from backtrace.algebra.arrays import ARRAYS, quiet
from backtrace.entries import shape_of
from backtrace.graph import Constant
from backtrace.homework.mistakes import Place, Slip
from backtrace.record import Record

Edge = tuple[int, int]
"""(gate, which of its inputs)."""


def _as_it_is(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Own:
    """Somebody's numbers: values and gradients by node, slips by edge, and what is done to every
    number on the way (rounding, say)."""

    values: Mapping[int, Any] = field(default_factory=dict)
    gradients: Mapping[int, Any] = field(default_factory=dict)
    slips: Mapping[Edge, Slip] = field(default_factory=dict)
    touch: Callable[[Any], Any] = _as_it_is


@dataclass(frozen=True, slots=True)
class Replayed:
    """What follows from somebody's numbers: every node's value and gradient as they follow from the
    numbers before it; `used` are those that the next ones are computed with."""

    values: list[Any]
    gradients: list[Any]
    used_values: list[Any]
    used_gradients: list[Any]


def replay(record: Record, own: Own) -> Replayed:
    with quiet():
        values, used = _forward(record, own)
        gradients, used_gradients = _backward(record, own, used)
    return Replayed(values, gradients, used, used_gradients)


def _forward(record: Record, own: Own) -> tuple[list[Any], list[Any]]:
    found: list[Any] = []
    used: list[Any] = []
    for index, node in enumerate(record.graph.nodes):
        if node.gate is None:
            value = record.values[index]
        else:
            value = node.gate.forward(ARRAYS, *node.operand_values(used, ARRAYS))
            value = value if node.gate.is_comparison else own.touch(value)
        found.append(value)
        used.append(own.values.get(index, value))
    return found, used


def _backward(record: Record, own: Own, values: list[Any]) -> tuple[list[Any], list[Any]]:
    graph = record.graph
    found: list[Any] = [0.0 * value for value in values]
    used: list[Any] = list(found)
    found[graph.output] = record.upstreams[graph.output]
    for index in range(len(graph.nodes) - 1, -1, -1):
        used[index] = own.gradients.get(index, found[index])
        for slot, source in enumerate(graph.inputs_of[index]):
            slip = own.slips.get((index, slot))
            carried = (slip or place(record, index, slot, values).right)(used[index])
            carried = _shaped(carried, shape_of(record.values[source]))
            found[source] = found[source] + own.touch(carried)
    return found, used


def _shaped(value: Any, shape: tuple[int, ...]) -> Any:
    import numpy as np

    whole = np.broadcast_shapes(np.shape(value), shape)
    return ARRAYS.summed_to(np.broadcast_to(value, whole), shape)[()]


def place(record: Record, index: int, slot: int, values: list[Any]) -> Place:
    """An edge with somebody's values: its gate, operands, and the right rule for them."""
    node = record.graph.nodes[index]
    gate = node.gate
    assert gate is not None
    slots = [k for k, operand in enumerate(node.operands) if not isinstance(operand, Constant)]
    k = slots[slot]
    operands = node.operand_values(values, ARRAYS)
    output = values[index]
    if gate.pullback is not None:
        pullback = gate.pullback

        def back(u: Any) -> Any:
            return pullback(ARRAYS, k, u, output, *operands)

        return Place(gate, k, operands, output, None, back, len(slots))
    local = _local(record, index, slot, k, operands, output)

    def right(u: Any) -> Any:
        return ARRAYS.where(local == 0, 0.0, u * local) if gate.blocks else u * local

    return Place(gate, k, operands, output, local, right, len(slots))


def _local(record: Record, index: int, slot: int, k: int, operands: list[Any], output: Any) -> Any:
    """By the gate's rule; at a kink as the trace has it."""
    gate = record.graph.nodes[index].gate
    assert gate is not None
    if gate.kink is not None and ARRAYS.truth(gate.kink.at(ARRAYS, output, *operands)):
        return record.locals[index][slot]
    return gate.slope(ARRAYS, k, output, operands) * 1.0
