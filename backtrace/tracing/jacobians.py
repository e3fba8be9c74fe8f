"""Jacobians, formed for real: what backprop never needs, to be looked at where it fits.

Row i holds the derivatives of entry i of what is computed by every entry of the input, both counted
row by row. It is found as backprop finds everything: one backward pass for every row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from backtrace.algebra.arrays import ARRAYS, quiet
from backtrace.algebra.values import size_of
from backtrace.errors import UsageError
from backtrace.graph import Constant, Graph
from backtrace.graph.backprop import Backward
from backtrace.graph.record import Jacobian
from backtrace.tracing.passes import Passes

MOST_ENTRIES = 1_000_000
MOST_ROWS = 4096


def jacobians(graph: Graph, passed: Passes, wrt: Sequence[str]) -> Iterator[Jacobian]:
    """Of every gate by each of its inputs, where it fits; then of the output by every variable.
    Raises UsageError where one of these is too large."""
    with quiet():
        for index, node, gate in graph.gates():
            operands = node.operand_values(passed.values, ARRAYS)
            slot = 0
            for k, source in enumerate(node.operands):
                if isinstance(source, Constant):
                    continue
                rows, columns = size_of(passed.values[index]), size_of(passed.values[source])
                if rows > 1 or columns > 1:
                    entries = None
                    if _fits(rows, columns):
                        slope = passed.flow.locals[index][slot]
                        entries = _of_gate(gate, k, slope, passed.values[index], operands)
                    yield Jacobian(index, source, rows, columns, entries, structure(entries))
                slot += 1
        yield from _of_output(graph, passed.values, passed.backward, wrt)


def _fits(rows: int, columns: int) -> bool:
    return rows <= MOST_ROWS and rows * columns <= MOST_ENTRIES


def _of_gate(gate: Any, k: int, slope: Any, value: Any, operands: list[Any]) -> Any:
    shape = np.shape(value)
    if gate.pullback is None and np.shape(operands[k]) == shape:
        return np.diag(np.broadcast_to(np.asarray(slope, dtype=float), shape).reshape(-1))
    rows = []
    for upstream in _unit_arrays(shape):
        if gate.pullback is not None:
            carried = gate.pullback(ARRAYS, k, upstream, value, *operands)
        else:
            carried = np.where(upstream == 0, 0.0, upstream * slope)  # no 0 x inf
            carried = ARRAYS.summed_to(carried, np.shape(operands[k]))
        rows.append(np.reshape(np.broadcast_to(carried, np.shape(operands[k])), -1))
    return np.array(rows, dtype=float)


def _unit_arrays(shape: tuple[int, ...]) -> Iterator[Any]:
    for place in np.ndindex(shape):
        unit = np.zeros(shape)
        unit[place] = 1.0
        yield unit if shape else 1.0


def _of_output(
    graph: Graph, values: Sequence[Any], backward: Callable[..., Backward], wrt: Sequence[str]
) -> Iterator[Jacobian]:
    output = graph.output
    rows = size_of(values[output])
    columns = [size_of(values[graph.inputs[name]]) for name in wrt]
    for name, count in zip(wrt, columns, strict=True):
        if not _fits(rows, count):
            what = f"the Jacobian by {name} is {rows:,} x {count:,}: too large to form"
            hint = f"at most {MOST_ROWS:,} rows and {MOST_ENTRIES:,} entries; backprop needs none"
            raise UsageError(what, hint=hint)
    found: list[list[Any]] = [[] for _ in wrt]
    for seed in _unit_arrays(np.shape(values[output])):
        upstreams = backward(graph, values, ARRAYS, seed=seed).upstreams
        for name, collected in zip(wrt, found, strict=True):
            gradient = upstreams[graph.inputs[name]]
            collected.append(np.reshape(gradient, -1))
    for name, count, collected in zip(wrt, columns, found, strict=True):
        entries = np.array(collected, dtype=float)
        source = graph.inputs[name]
        yield Jacobian(None, source, rows, count, entries, structure(entries))


def structure(matrix: Any) -> str:
    """What a Jacobian looks like: diagonal, blocks, one-hot rows, the same rows; or how many of its
    entries are not 0."""
    if matrix is None:
        return "too large to form"
    rows, columns = matrix.shape
    used = matrix != 0
    if not used.any():
        return "zero"
    if rows == columns and not (matrix - np.diag(np.diag(matrix))).any():
        return "the identity" if (np.diag(matrix) == 1).all() else "diagonal"
    if rows == 1 or columns == 1:
        return "one row" if rows == 1 else "one column"
    if (used.sum(1) == 1).all() and (matrix[used] == 1).all():
        return "one-hot rows"
    blocks = _blocks(used)
    if blocks > 1:
        return f"block diagonal: {blocks} blocks of {rows // blocks} x {columns // blocks}"
    if (matrix == matrix[0]).all():
        return "every row the same"
    share = used.sum() / used.size
    return "dense" if share == 1 else f"{used.sum():,} of {used.size:,} entries are not 0"


def _blocks(used: Any) -> int:
    """The largest number of equal blocks on the diagonal outside which all is 0."""
    rows, columns = used.shape
    for count in range(min(rows, columns), 1, -1):
        if rows % count or columns % count:
            continue
        height, width = rows // count, columns // count
        outside = used.reshape(count, height, count, width).any((1, 3))
        if not (outside & ~np.eye(count, dtype=bool)).any():
            return count
    return 1
