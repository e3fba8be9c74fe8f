"""A formula's forward and backward pass as a flat list of NumPy operations on columns.

The rules are the table's, recorded by `algebra.recorder`. What no result needs is left out; the
columns between live in a few buffers of a size that stays in the processor's cache; operations
write into them, or into the results themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from backtrace.algebra.arrays import quiet
from backtrace.algebra.recorder import Column, Recorder, Step, choose
from backtrace.errors import UsageError
from backtrace.gates import CONVENTIONS, Gate
from backtrace.graph import Constant, Graph, Node
from backtrace.language import tell
from backtrace.numbers import one_line

BLOCK = 16_384  # rows: the columns between stay in the second cache
_SHARED = 65_536  # rows, where threads take turns between operations

_Mask = Any
"""Where a gradient has arrived: None for everywhere, else a column of truths."""


class _Operation(NamedTuple):
    """`function(*places, out=place)`: the last place is written. Places are those of inputs,
    results, numbers and buffers, in this order."""

    function: Any
    places: tuple[int, ...]


class Program:
    """`names` are the inputs, `results` the names of what is computed: f, df/dx, ..."""

    def __init__(self, graph: Graph, wrt: Sequence[str], convention: str = CONVENTIONS[0]) -> None:
        if graph.uses_arrays:
            raise UsageError(tell("many points are for formulas of numbers, and here are arrays"))
        self.names = tuple(graph.inputs)
        output = graph.output_name
        self.results = (output, *(f"d{output}/d{name}" for name in wrt))
        recorded = _Recording(graph, convention)
        found = [recorded.values[graph.output]]
        found += [recorded.upstreams[graph.inputs[name]] for name in wrt]
        self._copies: list[tuple[int, int]] = []
        self._numbers: list[float] = []
        self._operations = self._placed(recorded.tape, found)

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
        (`length` says how many rows there are where all are). `jobs` is a number of threads, `out`
        the arrays to write into. Raises UsageError where an input is missing or lengths differ."""
        given = self._inputs(columns)
        count = max((len(column) for column in given if column.ndim), default=length or 1)
        if any(column.ndim and len(column) != count for column in given):
            raise UsageError(tell("the columns differ in length"))
        given = [np.broadcast_to(column, (count,)) for column in given]
        found = out or {name: np.empty(count) for name in self.results}
        results = [found[name] for name in self.results]
        if jobs < 2 or count < 4 * BLOCK:
            self._run(given, results, 0, count, BLOCK)
            return dict(found)
        share = -(-count // jobs)
        with ThreadPoolExecutor(jobs) as pool:
            parts = [
                pool.submit(self._run, given, results, start, min(count, start + share), _SHARED)
                for start in range(0, count, share)
            ]
            for part in parts:
                part.result()
        return dict(found)

    def _inputs(self, columns: Mapping[str, Any]) -> list[Any]:
        given = []
        for name in self.names:
            if name not in columns:
                raise UsageError(
                    tell("'{name}' has no column", name=name),
                    hint=tell("there are {columns}", columns=", ".join(columns)),
                )
            column = np.asarray(columns[name], dtype=float)
            given.append(column if column.ndim == 0 else np.ascontiguousarray(column).reshape(-1))
        return given

    def _run(self, given: list[Any], results: list[Any], start: int, end: int, block: int) -> None:
        size = max(1, min(block, end - start))
        buffers = [np.empty(size, bool if t else float) for t in self._buffers]
        outer = [*given, *results]
        with quiet():
            for first in range(start, end, size):
                last = min(end, first + size)
                inner = buffers if last - first == size else [b[: last - first] for b in buffers]
                at = [*(column[first:last] for column in outer), *self._numbers, *inner]
                for function, places in self._operations:
                    if len(places) == 3:
                        a, b, c = places
                        function(at[a], at[b], out=at[c])
                    else:
                        function(*[at[place] for place in places[:-1]], out=at[places[-1]])
                for writes, read in self._copies:
                    at[writes][...] = at[read]

    def _placed(self, tape: Recorder, found: Sequence[Any]) -> list[_Operation]:
        """Lays the needed steps out: every column gets a place, and gives it back after its last
        use. A result that is an input, a number or another result is copied at the end."""
        found = [tape.record(np.multiply, v, 1.0) if tape.is_test(v) else v for v in found]
        outer = len(self.names)
        place: dict[int, int] = {number: number for number in range(outer)}
        needed = _needed(tape, found)
        last = {o: k for k in needed for o in _columns(tape.steps[k])}
        numbers = [o for k in needed for o in _numbers(tape.steps[k])]
        numbers += [float(value) for value in found if not isinstance(value, Column)]
        of_number = {repr(n): outer + len(found) + k for k, n in enumerate(dict.fromkeys(numbers))}
        self._numbers = list(dict.fromkeys(numbers))

        def place_of(operand: Any) -> int:
            known = isinstance(operand, Column)
            return place[operand.number] if known else of_number[repr(float(operand))]

        for k, value in enumerate(found):
            if isinstance(value, Column) and value.number not in place:
                place[value.number] = outer + k
            else:
                self._copies.append((outer + k, place_of(value)))
        self._buffers: list[bool] = []  # whether each holds truths
        free: dict[bool, list[int]] = {True: [], False: []}
        operations = []
        for number in needed:
            step = tape.steps[number]
            assert step is not None
            reads = tuple(map(place_of, step.operands))
            ending = [o for o in dict.fromkeys(_columns(step)) if last[o] == number]
            buffers = outer + len(found) + len(self._numbers)
            released = [o for o in ending if place[o] >= buffers]
            if step.function is not choose:  # everything else may write where it reads
                _release(released, place, tape, free)
            if number not in place:
                if not free[step.is_test]:
                    self._buffers.append(step.is_test)
                    free[step.is_test].append(buffers + len(self._buffers) - 1)
                place[number] = free[step.is_test].pop()
            if step.function is choose:
                _release(released, place, tape, free)
            operations.append(_Operation(step.function, (*reads, place[number])))
        return operations


def _release(
    numbers: list[int], place: Mapping[int, int], tape: Recorder, free: dict[bool, list[int]]
) -> None:
    for number in numbers:
        step = tape.steps[number]
        free[step is not None and step.is_test].append(place[number])


def _columns(step: Step | None) -> list[int]:
    return [o.number for o in step.operands if isinstance(o, Column)] if step else []


def _numbers(step: Step | None) -> list[float]:
    return [o for o in step.operands if not isinstance(o, Column)] if step else []


def _needed(tape: Recorder, found: Sequence[Any]) -> list[int]:
    """The steps that the results are made of, in order."""
    wanted = {value.number for value in found if isinstance(value, Column)}
    for number in range(len(tape.steps) - 1, -1, -1):
        if number in wanted:
            wanted.update(_columns(tape.steps[number]))
    return [number for number in sorted(wanted) if tape.steps[number] is not None]


class _Recording:
    """Both passes, recorded. An upstream is None where nothing arrives."""

    def __init__(self, graph: Graph, convention: str) -> None:
        self.tape = Recorder()
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
            if gate.chooses and isinstance(output, Column):
                slope = m.where(m.equal(output, output), slope, output)
            if gate.kink is not None and (isinstance(at, Column) or at):
                rule = gate.kink.rule(self.convention)
                slope = m.where(at, rule(m, k, output, operands, constant), slope)
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
