"""Where a gate of arrays stops the flow, and at how many of its entries: a relu's dead ones, the
branches that where() does not take, a mask, a detach."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from backtrace.algebra import Value
from backtrace.algebra.arrays import ARRAYS
from backtrace.algebra.values import shape_of, size_of
from backtrace.gates import Gate
from backtrace.graph import Node
from backtrace.graph.backprop_arrays import reached_by
from backtrace.graph.record import Edge, Record

SMALL = 1e-3
"""A local gradient below it lets next to nothing through."""


class Stop(NamedTuple):
    """An edge that lets nothing, or next to nothing, through at some entries.

    gate, slot   the gate, and which of its inputs
    entries      of the gate; of the input where the gate hands entries on (`moves`)
    stopped      at so many of them the local gradient is 0, or nothing is handed on
    faint        at so many more it is below 0.001
    """

    gate: int
    slot: int
    entries: int
    stopped: int
    faint: int
    moves: bool


def stop_at(record: Record, gate: int, slot: int) -> Stop | None:
    """None where the edge stops nothing."""
    row = record.graph.nodes[gate].gate
    assert row is not None
    if row.pullback is None:
        found = _by_slope(record.edge(gate, slot), record.values[gate])
    else:
        found = _by_rule(record, record.edge(gate, slot), row)
    return found if found.stopped or found.faint else None


def _by_slope(edge: Edge, value: Value) -> Stop:
    slopes = np.abs(np.broadcast_to(np.asarray(edge.local, float), shape_of(value)))
    stopped = int(np.count_nonzero(slopes == 0))
    faint = int(np.count_nonzero(slopes < SMALL)) - stopped
    return Stop(edge.gate, edge.operand, size_of(value), stopped, faint, moves=False)


def _by_rule(record: Record, edge: Edge, row: Gate) -> Stop:
    """Of a gate with a pullback: its dead entries, the inputs that it does not choose, or all where
    it hands nothing on of what it gets."""
    node, convention = record.graph.nodes[edge.gate], record.granularity.kink
    value, operands = record.values[edge.gate], node.operand_values(record.values, ARRAYS)
    place = (edge.gate, edge.operand)
    if row.dead is not None:
        dead = np.asarray(row.dead(ARRAYS, value, *operands), dtype=bool)
        if row.kink is not None and convention in row.pullbacks:  # something passes at a kink
            dead = dead & ~np.asarray(row.kink.at(ARRAYS, value, *operands), dtype=bool)
        return Stop(*place, size_of(value), int(np.count_nonzero(dead)), 0, moves=False)
    source = record.values[edge.input]
    if row.blocks and not row.is_own:
        reached = reached_by(row, _operand(node, edge.operand), value, operands, convention)
        lost = size_of(source) - int(np.count_nonzero(np.broadcast_to(reached, shape_of(source))))
        return Stop(*place, size_of(source), lost, 0, moves=True)
    is_lost = np.any(edge.upstream) and not np.any(edge.downstream)
    return Stop(*place, size_of(source), size_of(source) if is_lost else 0, 0, moves=True)


def _operand(node: Node, slot: int) -> int:
    """Which operand the gate's `slot`-th input is: constants are operands too."""
    return [k for k, operand in enumerate(node.operands) if type(operand) is int][slot]
