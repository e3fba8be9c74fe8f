"""Jacobians: what backprop never needs, to be looked at. Where they fit they are formed for real;
what a larger one looks like is told from its products with vectors.

Row i holds the derivatives of entry i of what is computed by every entry of the input, both counted
row by row. It is found as backprop finds everything: one backward pass for every row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from backtrace.algebra.arrays import ARRAYS, quiet
from backtrace.algebra.values import shape_of, size_of
from backtrace.gates import Gate
from backtrace.graph import Constant, Graph
from backtrace.graph.record import Jacobian
from backtrace.language import tell
from backtrace.tracing import sketches
from backtrace.tracing.passes import Passes

MOST_ENTRIES = 1_000_000
MOST_ROWS = 4096


def jacobians(
    graph: Graph, passed: Passes, wrt: Sequence[str], convention: str
) -> Iterator[Jacobian]:
    """Of every gate by each of its inputs; then of the output by every variable."""
    with quiet():
        for index, node, gate in graph.gates():
            operands = node.operand_values(passed.values, ARRAYS)
            slot = 0
            for k, source in enumerate(node.operands):
                if isinstance(source, Constant):
                    continue
                value, given = passed.values[index], passed.values[source]
                if size_of(value) > 1 or size_of(given) > 1:
                    slope = passed.flow.locals[index][slot]
                    back = _rule(gate, k, slope, value, operands, convention)
                    work = sum(map(size_of, (value, given)))
                    yield from _of_one((index, source), value, given, back, work)
                slot += 1
        yield from _of_output(graph, passed, wrt)


def _fits(rows: int, columns: int) -> bool:
    return rows <= MOST_ROWS and rows * columns <= MOST_ENTRIES


def _rule(
    gate: Gate, k: int, slope: Any, value: Any, operands: list[Any], convention: str
) -> Callable[[Any], Any]:
    """What a gate makes of an upstream, by operand `k`."""
    shape, pullback = np.shape(operands[k]), gate.pullbacks.get(convention, gate.pullback)

    def back(upstream: Any) -> Any:
        if gate.pullback is not None:
            assert pullback is not None
            carried = pullback(ARRAYS, k, upstream, value, *operands)
        else:
            carried = np.where(upstream == 0, 0.0, upstream * slope)  # no 0 x inf
            carried = ARRAYS.summed_to(carried, shape)
        return np.broadcast_to(carried, shape)

    return back


def _of_one(
    of: tuple[int | None, int], value: Any, given: Any, back: Callable[[Any], Any], work: int
) -> Iterator[Jacobian]:
    """The Jacobian of one value by another, which `back` goes from to."""
    rows, columns = size_of(value), size_of(given)
    if _fits(rows, columns):
        entries = np.array([np.reshape(back(u), -1) for u in _unit_arrays(shape_of(value))], float)
        yield Jacobian(*of, rows, columns, entries, structure(entries))
        return

    def product(u: Any) -> list[Any]:
        return [np.reshape(back(np.reshape(u, shape_of(value))[()]), -1)]

    products = sketches.Products(rows, [columns], product, work)
    looked = sketches.look(products, 0, shape_of(value), shape_of(given))
    words = sketches.told(looked)
    yield Jacobian(*of, rows, columns, None, words, products.made)


def _unit_arrays(shape: tuple[int, ...]) -> Iterator[Any]:
    for place in np.ndindex(shape):
        unit = np.zeros(shape)
        unit[place] = 1.0
        yield unit if shape else 1.0


def _of_output(graph: Graph, passed: Passes, wrt: Sequence[str]) -> Iterator[Jacobian]:
    """By every variable; a backward pass is one for all of them."""
    value = passed.values[graph.output]
    sources = [graph.inputs[name] for name in wrt]
    given = [passed.values[source] for source in sources]
    rows, columns = size_of(value), [size_of(one) for one in given]

    def product(u: Any) -> list[Any]:
        seed = np.reshape(u, shape_of(value))[()]
        upstreams = passed.backward(graph, passed.values, ARRAYS, seed=seed).upstreams
        return [np.reshape(upstreams[source], -1) for source in sources]

    fitting = [_fits(rows, count) for count in columns]
    formed: list[list[Any]] = [[] for _ in wrt]
    if any(fitting):
        for unit in _unit_arrays(shape_of(value)):
            for one, collected, fits in zip(product(unit), formed, fitting, strict=True):
                collected += [one] * fits
    large = [which for which, fits in enumerate(fitting) if not fits]
    work = sum(map(size_of, passed.values))
    products = sketches.Products(
        rows, [columns[k] for k in large], lambda u: [product(u)[k] for k in large], work
    )
    for which, (source, count) in enumerate(zip(sources, columns, strict=True)):
        if fitting[which]:
            entries = np.array(formed[which], dtype=float)
            yield Jacobian(None, source, rows, count, entries, structure(entries))
            continue
        shapes = shape_of(value), shape_of(given[which])
        looked = sketches.look(products, large.index(which), *shapes)
        words = sketches.told(looked)
        yield Jacobian(None, source, rows, count, None, words, products.made)


def structure(matrix: Any) -> str:
    """What a Jacobian looks like: diagonal, blocks, one-hot rows, the same rows; or how many of its
    entries are not 0."""
    rows, columns = matrix.shape
    used = matrix != 0
    if not used.any():
        return tell("zero")
    if rows == columns and not (matrix - np.diag(np.diag(matrix))).any():
        return tell("the identity") if (np.diag(matrix) == 1).all() else tell("diagonal")
    if rows == 1 or columns == 1:
        return tell("one row") if rows == 1 else tell("one column")
    if (used.sum(1) == 1).all() and (matrix[used] == 1).all():
        return tell("one-hot rows")
    count = blocks(used)
    if count > 1:
        return tell(
            "block diagonal: {count} blocks of {rows} x {columns}",
            count=count,
            rows=rows // count,
            columns=columns // count,
        )
    if (matrix == matrix[0]).all():
        return tell("every row the same")
    share = used.sum() / used.size
    return (
        tell("dense")
        if share == 1
        else tell("{sum:,} of {size:,} entries are not 0", sum=used.sum(), size=used.size)
    )


def blocks(used: Any) -> int:
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
