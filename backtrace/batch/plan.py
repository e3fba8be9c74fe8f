"""Operations on columns, laid out: what no result needs is left out; the columns between live in a
few buffers of a size that stays in the processor's cache; operations write into them, or into the
results themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from backtrace.algebra.recorder import Column, Recorder, Step, choose

Work = Callable[[int, int], None]
"""Works out the rows from one to another."""


class Operation(NamedTuple):
    """`function(*places, out=place)`: the last place is written. Places are those of inputs,
    results, numbers and buffers, in this order."""

    function: Any
    places: tuple[int, ...]


class Plan:
    """The steps of a tape that the columns `found` need; `inputs` is how many of its columns are
    inputs."""

    def __init__(self, tape: Recorder, inputs: int, found: Sequence[Any]) -> None:
        self._inputs = inputs
        self._copies: list[tuple[int, int]] = []
        self._numbers: list[float] = []
        self._buffers: list[bool] = []  # whether each holds truths
        self.operations = self._placed(tape, found)
        self._calls = list(map(_call, self.operations))

    def on(self, outer: Sequence[Any], size: int) -> Work:
        """What is done with these inputs and results, at most so many rows at a time. It raises
        Beyond, with nothing that counts written."""
        buffers = [np.empty(size, bool if is_test else float) for is_test in self._buffers]

        def work(first: int, last: int) -> None:
            inner = buffers if last - first == size else [b[: last - first] for b in buffers]
            self._run([*(c[first:last] for c in outer), *self._numbers, *inner])

        return work

    def _run(self, at: Sequence[Any]) -> None:
        for function, a, b, writes in self._calls:
            if b is not None:
                function(at[a], at[b], at[writes])
            elif type(a) is int:
                function(at[a], at[writes])
            else:
                function(*[at[place] for place in a], out=at[writes])
        for writes, read in self._copies:
            at[writes][...] = at[read]

    def _placed(self, tape: Recorder, found: Sequence[Any]) -> list[Operation]:
        """Lays the needed steps out: every column gets a place, and gives it back after its last
        use. A result that is an input, a number or another result is copied at the end."""
        found = [tape.record(np.multiply, v, 1.0) if tape.is_test(v) else v for v in found]
        outer = self._inputs
        place: dict[int, int] = {number: number for number in range(outer)}
        steps = needed(tape, found)
        last = {o: k for k in steps for o in columns_of(tape.steps[k])}
        numbers = [o for k in steps for o in _numbers(tape.steps[k])]
        numbers += [float(value) for value in found if not isinstance(value, Column)]
        by_text = {repr(n): n for n in numbers}  # 0.0 and -0.0 are two numbers
        of_number = {text: outer + len(found) + k for k, text in enumerate(by_text)}
        self._numbers = list(by_text.values())

        def place_of(operand: Any) -> int:
            known = isinstance(operand, Column)
            return place[operand.number] if known else of_number[repr(float(operand))]

        for k, value in enumerate(found):
            if isinstance(value, Column) and value.number not in place:
                place[value.number] = outer + k
            else:
                self._copies.append((outer + k, place_of(value)))
        free: dict[bool, list[int]] = {True: [], False: []}
        operations = []
        for number in steps:
            step = tape.steps[number]
            assert step is not None
            reads = tuple(map(place_of, step.operands))
            ending = [o for o in dict.fromkeys(columns_of(step)) if last[o] == number]
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
            operations.append(Operation(step.function, (*reads, place[number])))
        return operations


def _call(operation: Operation) -> tuple[Any, Any, int | None, int]:
    """The function, what it reads (two places, one, or one tuple of them) and what it writes, which
    without its name is told sooner. NumPy wants the name where max(a, b, c) could be meant."""
    function, (*reads, writes) = operation
    if not isinstance(function, np.ufunc) or function in (np.maximum, np.minimum):
        return function, tuple(reads), None, writes
    return function, reads[0], reads[1] if len(reads) == 2 else None, writes


def _release(
    numbers: list[int], place: Mapping[int, int], tape: Recorder, free: dict[bool, list[int]]
) -> None:
    for number in numbers:
        step = tape.steps[number]
        free[step is not None and step.is_test].append(place[number])


def columns_of(step: Step | None) -> list[int]:
    return [o.number for o in step.operands if isinstance(o, Column)] if step else []


def _numbers(step: Step | None) -> list[float]:
    return [o for o in step.operands if not isinstance(o, Column)] if step else []


def needed(tape: Recorder, found: Sequence[Any]) -> list[int]:
    """The steps that the results are made of, in order."""
    wanted = {value.number for value in found if isinstance(value, Column)}
    for number in range(len(tape.steps) - 1, -1, -1):
        if number in wanted:
            wanted.update(columns_of(tape.steps[number]))
    return [number for number in sorted(wanted) if tape.steps[number] is not None]
