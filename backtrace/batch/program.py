"""A formula's forward and backward pass as a flat list of NumPy operations on columns.

The rules are the table's, recorded by `algebra.recorder`, and laid out by `plan`.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from backtrace.algebra.arrays import quiet
from backtrace.algebra.recorder import Beyond, Column, Recorder
from backtrace.batch.plan import Plan
from backtrace.errors import UsageError
from backtrace.gates import CONVENTIONS, Gate
from backtrace.graph import Constant, Graph, Node
from backtrace.language import tell
from backtrace.numbers import one_line

BLOCK = 16_384  # rows: the columns between stay in the second cache
_SHARED = 65_536  # rows, where threads take turns between operations
_WORTH_THREADS = 0.0025  # seconds of work left, measured by the first block

if TYPE_CHECKING:
    from backtrace.batch.phases import CompiledPlan

_Mask = Any
"""Where a gradient has arrived: None for everywhere, else a column of truths."""


class Program:
    """`names` are the inputs, `results` the names of what is computed: f, df/dx, ..."""

    def __init__(
        self,
        graph: Graph,
        wrt: Sequence[str],
        convention: str = CONVENTIONS[0],
        compiled: bool = False,
    ) -> None:
        if graph.uses_arrays:
            hint = 'over=["x"]'
            raise UsageError(
                tell("here are arrays: say which have a row for every point"), hint=hint
            )
        self.names = tuple(graph.inputs)
        output = graph.output_name
        self.results = (output, *(f"d{output}/d{name}" for name in wrt))
        self._recorded = graph, tuple(wrt), convention
        self._is_compiled = compiled
        self.plan = self._planned(careful=False)

    def _planned(self, careful: bool) -> Plan | CompiledPlan:
        graph, wrt, convention = self._recorded
        recorded = _Recording(graph, convention, careful)
        found = [recorded.values[graph.output]]
        found += [recorded.upstreams[graph.inputs[name]] for name in wrt]
        kind = _compiled_plan() if self._is_compiled else Plan
        return kind(recorded.tape, len(self.names), found)

    @functools.cached_property
    def careful(self) -> Plan | CompiledPlan:
        """For blocks with values for which the other is not made."""
        return self._planned(careful=True)

    def __repr__(self) -> str:
        return one_line(f"<Program ({', '.join(self.names)}) -> {', '.join(self.results)}>")

    def __call__(
        self,
        columns: Mapping[str, Any],
        jobs: int = 1,
        out: Mapping[str, Any] | None = None,
        length: int | None = None,
    ) -> dict[str, Any]:
        """The results at every row, as arrays of 64-bit floats; an input may be one number for all
        (`length` says how many rows there are where all are). `jobs` is the most threads, which
        begin where they gain time, `out` the arrays to write into. Raises UsageError where an input
        is missing or lengths differ."""
        given = self._inputs(columns)
        count = max((len(column) for column in given if column.ndim), default=length or 1)
        if any(column.ndim and len(column) != count for column in given):
            raise UsageError(tell("the columns differ in length"))
        given = [np.broadcast_to(column, (count,)) for column in given]
        found = out or {name: np.empty(count) for name in self.results}
        results = [_written_at(found[name], given, count) for name in self.results]
        self._run_all(given, results, count, jobs)
        for name, result in zip(self.results, results, strict=True):
            if result is not found[name]:
                found[name][...] = result
        return dict(found)

    def _run_all(self, given: list[Any], results: list[Any], count: int, jobs: int) -> None:
        begun = time.perf_counter()
        first = BLOCK if jobs > 1 and count > BLOCK else count
        self._run(given, results, BLOCK, first, range(0, first, BLOCK))
        left = (time.perf_counter() - begun) * (count - first) / max(1, first)
        if left <= _WORTH_THREADS:
            self._run(given, results, BLOCK, count, range(first, count, BLOCK))
            return
        turns = -(-(count - first) // (_SHARED * jobs))  # of each thread, all about as long
        size = -(-(count - first) // (turns * jobs))
        starts = iter(range(first, count, size))  # each thread takes the next: none waits
        with ThreadPoolExecutor(jobs) as pool:
            work = functools.partial(self._run, given, results, size, count, starts)
            others = [pool.submit(work) for _ in range(jobs - 1)]
            work()
            for part in others:
                part.result()

    def _inputs(self, columns: Mapping[str, Any]) -> list[Any]:
        given = []
        for name in self.names:
            if name not in columns:
                raise UsageError(
                    tell("'{name}' has no column", name=name),
                    hint=tell("there are {columns}", columns=", ".join(columns)),
                )
            column = np.asarray(columns[name], dtype=float)
            if column.ndim > 1:
                raise UsageError(
                    tell("'{name}' is a number here, and has an array in every row", name=name),
                    hint=f'over=["{name}"]',
                )
            given.append(column if column.ndim == 0 else np.ascontiguousarray(column))
        return given

    def _run(
        self,
        given: list[Any],
        results: list[Any],
        size: int,
        end: int,
        starts: Iterable[int],
    ) -> None:
        """The blocks of so many rows that begin at `starts`, as far as there are rows."""
        size = max(1, min(size, end))
        outer = [*given, *results]
        work = self.plan.on(outer, size)
        with quiet():
            for first in starts:
                last = min(end, first + size)
                try:
                    work(first, last)
                except Beyond:
                    self.careful.on(outer, last - first)(first, last)


def _written_at(wanted: Any, given: Sequence[Any], count: int) -> Any:
    """The array itself where results can be written into it while inputs are read, else another,
    to be copied from: compiled code knows 64-bit floats beside each other, and nothing else."""
    if wanted.shape != (count,):
        raise UsageError(tell("the columns differ in length"))
    flags = wanted.flags
    is_plain = wanted.dtype == np.float64 and flags.c_contiguous and flags.aligned
    is_shared = any(np.may_share_memory(wanted, column) for column in given)
    return wanted if is_plain and flags.writeable and not is_shared else np.empty(count)


def _compiled_plan() -> type[CompiledPlan]:
    from backtrace.batch.phases import CompiledPlan  # where it is asked for

    return CompiledPlan


class _Recording:
    """Both passes, recorded. An upstream is None where nothing arrives."""

    def __init__(self, graph: Graph, convention: str, careful: bool) -> None:
        self.tape = Recorder(careful)
        self.convention = convention
        point = {name: self.tape.input() for name in graph.inputs}
        self.values = graph.evaluate(self.tape, point)
        self.upstreams: list[Any] = [None] * len(graph.nodes)
        self.masks: list[_Mask] = [None] * len(graph.nodes)
        self.upstreams[graph.output] = 1.0
        for index in range(len(graph.nodes) - 1, -1, -1):
            node = graph.nodes[index]
            if node.gate is not None and self.upstreams[index] is not None:
                self._gate(index, node, node.gate)
        self.upstreams = [0.0 if u is None else u for u in self.upstreams]

    def _gate(self, index: int, node: Node, gate: Gate) -> None:
        m, output = self.tape, self.values[index]
        operands = node.operand_values(self.values, m)
        at = gate.kink.at(m, output, *operands) if gate.kink is not None else False
        constant = [isinstance(operand, Constant) for operand in node.operands]
        for k, source in enumerate(node.operands):
            if isinstance(source, Constant):
                continue
            slope = gate.slope(m, k, output, operands)
            if gate.kink is not None and (isinstance(at, Column) or at):
                rule = gate.kink.rule(self.convention)
                slope = m.where(at, rule(m, k, output, operands, constant), slope)
            if gate.chooses and isinstance(output, Column):
                slope = m.where(m.equal(output, output), slope, output)
            self._carry(index, source, slope, gate.blocks)

    def _carry(self, index: int, source: int, slope: Any, blocks: bool) -> None:
        """upstream x local = downstream, 0 where the way is blocked; and where it has arrived."""
        m, mask = self.tape, self.masks[index]
        if blocks and not isinstance(slope, Column) and slope == 0:
            return
        downstream = m.times(self.upstreams[index], slope)
        if blocks and isinstance(slope, Column):
            passes = slope if m.is_test(slope) else m.not_equal(slope, 0)
            mask = passes if mask is None else m.record(np.logical_and, mask, passes)
        if mask is not None:
            downstream = m.where(mask, downstream, 0.0)
        if self.upstreams[source] is None:
            self.upstreams[source], self.masks[source] = downstream, mask
            return
        self.upstreams[source] = self.upstreams[source] + downstream
        before = self.masks[source]
        both = before is not None and mask is not None
        self.masks[source] = m.record(np.logical_or, before, mask) if both else None
