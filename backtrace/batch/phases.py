"""A tape as phases: all arithmetic that can be done at once, in one loop over the rows, then the
functions (exp, log, ...) that wait for it, then the next.

What is in a loop is compiled (`machine`), so that a row's numbers between stay in the processor's
registers; functions are NumPy's own, and so the results are those of `plan`, to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from backtrace.algebra.recorder import Column, Recorder, Step
from backtrace.batch.machine import ARITHMETIC, Loop, Machine
from backtrace.batch.plan import Work, columns_of, needed

_FLOAT = 8  # bytes of a number


class _Phase(NamedTuple):
    """The arithmetic steps, and after them the calls of functions, by their numbers."""

    loop: list[int]
    calls: list[int]


class _Columns(dict[int, Any]):
    """The rows of one block, of those columns that are asked for by their places."""

    def __init__(self, columns: Sequence[Any], outer: int, first: int, last: int) -> None:
        super().__init__()
        self._columns, self._outer, self._first, self._last = columns, outer, first, last

    def __missing__(self, place: int) -> Any:
        column = self._columns[place]
        is_outer = place < self._outer
        found = column[self._first : self._last] if is_outer else column[: self._last - self._first]
        self[place] = found
        return found


class CompiledPlan:
    """As `plan.Plan`. Raises UsageError where llvmlite is not installed."""

    def __init__(self, tape: Recorder, inputs: int, found: Sequence[Any]) -> None:
        found = [tape.record(np.multiply, v, 1.0) if tape.is_test(v) else v for v in found]
        self._tape = tape
        self._outer = inputs + len(found)
        self._buffers: list[bool] = []  # whether each holds truths
        self._copies: list[tuple[int, int]] = []
        self._numbers: list[tuple[int, float]] = []
        self._place = {number: number for number in range(inputs)}
        for k, value in enumerate(found):
            if not isinstance(value, Column):
                self._numbers.append((inputs + k, float(value)))
            elif self._place.setdefault(value.number, inputs + k) != inputs + k:
                self._copies.append((inputs + k, self._place[value.number]))
        steps = needed(tape, found)
        phases = _phases(tape, steps)
        loops = self._placed(phases)
        machine = self._machine = Machine(loops)  # the code is gone with it
        self._runs = [
            (machine.function(k), loop.places, [self._call(number) for number in phase.calls])
            for k, (loop, phase) in enumerate(zip(loops, phases, strict=True))
        ]

    def on(self, outer: Sequence[Any], size: int) -> Work:
        """What is done with these inputs and results, at most so many rows at a time. It raises
        Beyond, with nothing that counts written."""
        buffers = [np.empty(size, bool if is_test else float) for is_test in self._buffers]
        columns = [*outer, *buffers]
        starts = [column.ctypes.data for column in columns]
        steps = [_FLOAT] * len(outer) + [0] * len(buffers)  # each block begins the buffers anew
        spread = [k for k, column in enumerate(outer) if not column.flags.c_contiguous]

        def work(first: int, last: int) -> None:
            at = _Columns(columns, len(outer), first, last)
            addresses = [start + first * step for start, step in zip(starts, steps, strict=True)]
            for k in spread:
                at[k] = np.ascontiguousarray(at[k])
                addresses[k] = at[k].ctypes.data
            for loop, places, calls in self._runs:
                if places:
                    loop(*[addresses[place] for place in places], last - first)
                for function, operands, writes in calls:
                    given = [at[o] if isinstance(o, int) else o for o in operands]
                    function(*given, out=at[writes])
            for writes, read in self._copies:
                at[writes][...] = at[read]
            for writes, number in self._numbers:
                at[writes][...] = number

        return work

    def _call(self, number: int) -> tuple[Any, list[int | float], int]:
        step = self._tape.steps[number]
        assert step is not None
        operands = [self._place[o.number] if isinstance(o, Column) else o for o in step.operands]
        return step.function, operands, self._place[number]

    def _placed(self, phases: list[_Phase]) -> list[Loop]:
        """Gives every column that leaves its loop a place: that of its result, or a buffer, which
        is free again after the phase that reads it last."""
        steps = self._tape.steps
        made = {number: k for k, phase in enumerate(phases) for number in phase.loop}
        last: dict[int, int] = {}
        crossing = {number for phase in phases for number in phase.calls} | set(self._place)
        for k, phase in enumerate(phases):
            for number in (*phase.loop, *phase.calls):
                for operand in columns_of(steps[number]):
                    last[operand] = k
                    if number in phase.calls or made.get(operand) != k:
                        crossing.add(operand)
        free: dict[bool, list[int]] = {True: [], False: []}
        loops = []
        for k, phase in enumerate(phases):
            for number in (*phase.loop, *phase.calls):
                if number in crossing and number not in self._place:
                    self._place[number] = self._buffer(free, steps[number])
            loops.append(self._loop(phase, crossing))
            for number in [n for n, place in self._place.items() if last.get(n) == k]:
                if self._place[number] >= self._outer:
                    free[_is_test(steps[number])].append(self._place[number])
        return loops

    def _buffer(self, free: Mapping[bool, list[int]], step: Step | None) -> int:
        is_test = _is_test(step)
        if free[is_test]:
            return free[is_test].pop()
        self._buffers.append(is_test)
        return self._outer + len(self._buffers) - 1

    def _loop(self, phase: _Phase, crossing: set[int]) -> Loop:
        inside = set(phase.loop)
        steps = [(number, self._tape.steps[number]) for number in phase.loop]
        reads = {o for _, step in steps for o in columns_of(step) if o not in inside}
        writes = [number for number in phase.loop if number in crossing]
        ends = [*sorted(reads), *writes]
        tests = {o for o in ends if _is_test(self._tape.steps[o])}
        places = [self._place[number] for number in ends]
        return Loop(
            [(n, s) for n, s in steps if s is not None], sorted(reads), writes, tests, places
        )


def _phases(tape: Recorder, steps: Sequence[int]) -> list[_Phase]:
    phase: dict[int, int] = {}
    found: list[_Phase] = []
    for number in steps:
        step = tape.steps[number]
        assert step is not None
        is_call = step.function not in ARITHMETIC
        k = max((phase.get(operand, 0) for operand in columns_of(step)), default=0)
        while len(found) <= k:
            found.append(_Phase([], []))
        (found[k].calls if is_call else found[k].loop).append(number)
        phase[number] = k + is_call  # what reads a function's result waits for the next loop
    return found


def _is_test(step: Step | None) -> bool:
    return step is not None and step.is_test
