"""A formula of arrays at many points: the passes of a trace, on stacks of arrays that hold some
rows each.

What a stack finds is not taken on trust: the first row is worked out alone as well, and so is every
row that has a result that is not finite, since one row of a stack that has no number can decide for
all. Rows of which only a few fit into the cache go one by one, which is as quick.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from backtrace.algebra.arrays import ARRAYS, is_finite, quiet
from backtrace.algebra.stack import Stack
from backtrace.algebra.stacked import STACKED
from backtrace.errors import UsageError
from backtrace.formula.point import known_variables
from backtrace.graph import Graph
from backtrace.graph.backprop import backward
from backtrace.graph.record import Granularity
from backtrace.language import tell
from backtrace.numbers import one_line
from backtrace.rewrite import graph_of

_BLOCK = 65_536  # numbers that a value may have at the rows of a stack
_FEW = 4  # rows, for which a stack gains nothing

Shapes = tuple[tuple[str, tuple[int, ...]], ...]


class ArrayProgram:
    """`names` are the inputs, `over` those of them that have a row for every point (their first
    axis), `results` the names of what is computed: f, df/dx, ..."""

    def __init__(
        self,
        formula: str,
        wrt: Sequence[str] | None,
        granularity: Granularity,
        over: Collection[str],
    ) -> None:
        graph, _ = graph_of(formula, {}, granularity)
        self._formula, self._granularity = formula, granularity
        self.names = tuple(graph.inputs)
        self.over = tuple(known_variables(graph, list(over)))
        self._wrt = self.names if wrt is None else tuple(known_variables(graph, wrt))
        output = graph.output_name
        self.results = (output, *(f"d{output}/d{name}" for name in self._wrt))
        self._graphs: dict[Shapes, Graph] = {}

    def __repr__(self) -> str:
        return one_line(f"<ArrayProgram ({', '.join(self.names)}) -> {', '.join(self.results)}>")

    def __call__(self, columns: Mapping[str, Any], length: int | None = None) -> dict[str, Any]:
        """The results at every row, stacked along a first axis. Of an output that is an array the
        gradients are those of the sum of its entries. Raises UsageError where an input is missing
        or lengths differ, FormulaError where shapes do not fit."""
        given = {name: self._input(columns, name) for name in self.names}
        counts = {len(given[name]) for name in self.over}
        if len(counts) > 1:
            raise UsageError(tell("the columns differ in length"))
        count = counts.pop() if counts else length or 1
        shapes = {n: v.shape[n in self.over :] for n, v in given.items()}
        key = tuple(shapes.items())
        if key not in self._graphs:
            self._graphs[key], _ = graph_of(self._formula, shapes, self._granularity)
        graph = self._graphs[key]
        work = _Rows(graph, self.over, self._wrt, self._granularity.kink)
        found = work.all(given, count) if count else work.none(shapes)
        return dict(zip(self.results, found, strict=True))

    def _input(self, columns: Mapping[str, Any], name: str) -> Any:
        if name not in columns:
            raise UsageError(
                tell("'{name}' has no column", name=name),
                hint=tell("there are {columns}", columns=", ".join(columns)),
            )
        value = np.asarray(columns[name], dtype=float)
        if name in self.over and not value.ndim:
            raise UsageError(tell("'{name}' has no row for every point", name=name))
        return value


class _Rows:
    """The results of a graph with shapes, row by row or some rows at once."""

    def __init__(
        self, graph: Graph, over: Collection[str], wrt: Sequence[str], convention: str
    ) -> None:
        self.graph, self.over, self.wrt, self.convention = graph, over, wrt, convention

    def all(self, given: Mapping[str, Any], count: int) -> list[Any]:
        first, largest = self._row(given, 0)
        found = [np.empty((count, *np.shape(value))) for value in first]
        _write(found, 0, first)
        size = _BLOCK // max(1, largest)
        if min(size, count) < _FEW or not self._is_stackable(given, first):
            self._one_by_one(given, found, range(1, count))
            return found
        for start in range(0, count, size):
            end = min(count, start + size)
            values = self._stacked(given, start, end)
            if values is None:
                self._one_by_one(given, found, range(start, end))
                continue
            for column, value in zip(found, values, strict=True):
                column[start:end] = value
            self._one_by_one(given, found, _not_finite(values, start))
        return found

    def none(self, shapes: Mapping[str, tuple[int, ...]]) -> list[Any]:
        """Results of no row at all."""
        ones = {n: np.ones((1, *shape) if n in self.over else shape) for n, shape in shapes.items()}
        return [np.empty((0, *np.shape(value))) for value in self._row(ones, 0)[0]]

    def _one_by_one(
        self, given: Mapping[str, Any], found: list[Any], places: Iterable[int]
    ) -> None:
        for k in places:
            _write(found, k, self._row(given, k)[0])

    def _row(self, given: Mapping[str, Any], k: int) -> tuple[list[Any], int]:
        """Value and gradients at one point, and how many numbers the largest value has."""
        point = {n: v[k] if n in self.over else v for n, v in given.items()}
        point = {n: v if v.ndim else float(v) for n, v in point.items()}
        found, values = self._passes(point, ARRAYS)
        return found, max(map(np.size, values))

    def _stacked(self, given: Mapping[str, Any], start: int, end: int) -> list[Any] | None:
        """The same from one row to another; None where a gate has no way for stacks."""
        point: dict[str, Any] = {}
        for name, value in given.items():
            plain = value if value.ndim else float(value)
            point[name] = Stack(value[start:end]) if name in self.over else plain
        try:
            found, _ = self._passes(point, STACKED)
        except (TypeError, ValueError, IndexError):  # NotStacked, or NumPy's own
            return None
        return [v.whole if isinstance(v, Stack) else np.array([v]) for v in found]

    def _is_stackable(self, given: Mapping[str, Any], first: list[Any]) -> bool:
        """Whether stacks find at the first row what that row has, to rounding."""
        found = self._stacked(given, 0, _FEW)
        return found is not None and all(
            np.shape(one) == column.shape[1:]
            and np.allclose(column[0], one, rtol=1e-9, atol=1e-12, equal_nan=True)
            for one, column in zip(first, found, strict=True)
        )

    def _passes(self, point: Mapping[str, Any], m: Any) -> tuple[list[Any], list[Any]]:
        with quiet():
            values = self.graph.evaluate(m, point)
            flow = backward(self.graph, values, m, None, self.convention)
        found = [values[self.graph.output]]
        for name in self.wrt:
            gradient = flow.upstreams[self.graph.inputs[name]]
            found.append(np.broadcast_to(gradient, np.shape(point[name])))
        return found, values


def _write(found: list[Any], k: int, values: list[Any]) -> None:
    for column, value in zip(found, values, strict=True):
        column[k] = value


def _not_finite(values: list[Any], start: int) -> list[int]:
    """The rows of a stack with a result that is not a finite number."""
    wrong = np.zeros(max(map(len, values)), bool)
    for value in values:
        if not is_finite(value):
            wrong |= ~np.isfinite(value.reshape(len(value), -1)).all(1)
    return (np.flatnonzero(wrong) + start).tolist()
