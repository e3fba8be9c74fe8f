"""A formula of arrays at many points: row by row, since a gate of arrays may ask for shapes, axes
and entries that only a row has. Both passes are those of a trace of that row."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from backtrace.algebra.arrays import ARRAYS, quiet
from backtrace.errors import UsageError
from backtrace.formula.point import known_variables
from backtrace.graph import Graph
from backtrace.graph.backprop import backward
from backtrace.graph.record import Granularity
from backtrace.language import tell
from backtrace.numbers import one_line
from backtrace.rewrite import graph_of

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
        rows: list[list[Any]] = [[] for _ in self.results]
        for k in range(count):
            point = {n: v[k] if n in self.over else v for n, v in given.items()}
            for found, value in zip(rows, self._row(graph, point), strict=True):
                found.append(value)
        empty = self._empty(graph, shapes) if count == 0 else []
        columns_found = empty or [np.array(found, dtype=float) for found in rows]
        return dict(zip(self.results, columns_found, strict=True))

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

    def _row(self, graph: Graph, point: Mapping[str, Any]) -> list[Any]:
        """Value and gradients at one point."""
        with quiet():
            given = {n: v if v.ndim else float(v) for n, v in point.items()}
            values = graph.evaluate(ARRAYS, given)
            flow = backward(graph, values, ARRAYS, None, self._granularity.kink)
        found = [values[graph.output]]
        for name in self._wrt:
            shape = np.shape(point[name])
            found.append(np.broadcast_to(flow.upstreams[graph.inputs[name]], shape))
        return found

    def _empty(self, graph: Graph, shapes: Mapping[str, tuple[int, ...]]) -> list[Any]:
        """Results of no row at all."""
        ones = {n: np.ones(shape) for n, shape in shapes.items()}
        return [np.empty((0, *np.shape(value))) for value in self._row(graph, ones)]
