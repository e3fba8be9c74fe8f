"""One formula at one point, and what all answers to it share.

Each piece is made when it is first asked for, and kept: a class of ten thousand asks for the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from backtrace.algebra.arrays import quiet
from backtrace.algebra.values import identical, shape_of
from backtrace.errors import UsageError
from backtrace.formula.point import Given
from backtrace.graph.record import Granularity, Record
from backtrace.homework.answers import Answer
from backtrace.homework.due import with_what_is_due
from backtrace.homework.mistakes import (
    HELD,
    HELD_SAYS,
    MISTAKES,
    Mistake,
    Slip,
    slips_at,
    turned,
)
from backtrace.homework.replay import Edge, Own, Replay, Replayed, Turn
from backtrace.language import marked, tell
from backtrace.tracing.request import Request
from backtrace.tracing.trace import Trace
from backtrace.tracing.tracer import trace_given

_RUNS, _RUNS_OF_ARRAYS = 40, 16
MOST_EDGES = 400
ALL_WIRES = -3  # in the place of which of a gate's wires
_SLACK = 1.0 + 1e-9
ONE_LOST = marked("gradients add at a branch, and this way back is missing")
_FORK_LOST = Mistake("fork-lost", ONE_LOST, lambda _: iter(()))
_HELD = Mistake(HELD, HELD_SAYS, lambda _: iter(()))
_MOST_HELD = 6  # of which every two are held together


@dataclass(frozen=True, slots=True)
class Plant:
    """A mistake made at one place, and every value and gradient that follows; `key` tells those
    of one code apart."""

    code: str
    says: str
    gate: int
    node: int
    key: tuple[int, ...]
    values: Sequence[Any]
    gradients: Sequence[Any]

    def number(self, answer: Answer) -> Any:
        return (self.gradients if answer.is_gradient else self.values)[answer.node]


class Spread:
    """What may have become of somebody's numbers on the way: many runs, each of which takes the
    answers for something within half a unit of their last digit, and (with `places`) rounds or cuts
    every step to so many digits after the point, at random; the first rounds all, the second cuts
    all, and both take the answers as they are."""

    def __init__(
        self, replay: Replay, answers: Sequence[Answer] = (), places: int | None = None
    ) -> None:
        self._replay = replay
        self._answers = answers
        self._places = places
        self._chance = np.random.default_rng(0)

    @cached_property
    def runs(self) -> list[Replayed]:
        """Of numbers, all side by side in one; of arrays, one after the other."""
        if self._replay.is_many:
            return [self._replay(self._own((_RUNS,), None))]
        shares = [0.0, 1.0] + [0.5] * _RUNS_OF_ARRAYS
        return [self._replay(self._own((), share)) for share in shares]

    def holds(self, answer: Answer) -> bool:
        """Whether the answer is among what the runs lead to."""
        numbers = [follow_number(run, answer) for run in self.runs]
        return within(answer, numbers, not self._replay.is_many, 0.5)

    def _own(self, runs: tuple[int, ...], cut: float | None) -> Own:
        """Somebody's numbers before they were rounded; and a share of all that follows cut (None:
        of the first run nothing, of the second all, of the others half)."""
        own = own_numbers(self._replay.record, self._answers)
        units = {(a.node, a.is_gradient): a.units for a in self._answers}
        record = self._replay.record

        def before(node: int, is_gradient: bool, value: Any) -> Any:
            right = (record.upstreams if is_gradient else record.values)[node]
            unit = np.where(value == right, 0.0, _slack(value, units[node, is_gradient]))[()]
            moved = (self._chance.random(runs or np.shape(value)) * 3).astype(int) * 0.5 - 0.5
            if cut is None:
                moved[:2] = 0.0
            return value + unit * (moved if cut in (None, 0.5) else 0.0)

        moved = Own(
            {node: before(node, False, value) for node, value in own.values.items()},
            {node: before(node, True, value) for node, value in own.gradients.items()},
        )
        if self._places is None:
            return moved
        return replace(moved, touch=lambda value: self._rounded(value, runs, cut))

    def _rounded(self, value: Any, runs: tuple[int, ...], share: float | None) -> Any:
        scale = 10.0 ** (self._places or 0)
        scaled = value * scale
        coin = self._chance.random(runs or np.shape(value)) < (0.5 if share is None else share)
        if share is None:
            coin[:2] = False, True
        return np.where(coin, np.trunc(scaled), np.round(scaled))[()] / scale


def within(answer: Answer, numbers: Sequence[Any], are_arrays: bool, units: float) -> bool:
    """Whether the answer is between the least and the largest, give or take some units of its last
    digit (none of a short whole number: that is meant as it is)."""
    if are_arrays:
        if any(np.shape(number) != np.shape(answer.value) for number in numbers):
            return False
        low, high = np.min(numbers, 0), np.max(numbers, 0)
    else:
        entries = np.hstack(numbers) if len(numbers) > 1 else numbers[0]
        low, high = np.min(entries), np.max(entries)
    if np.shape(answer.value) != np.shape(low):
        return False
    unit, size = np.asarray(answer.units), np.abs(answer.value)
    half = np.where((unit >= 1) & (size < 10), 0.0, units * unit) * _SLACK
    return bool(np.all((low - half <= answer.value) & (answer.value <= high + half)))


def follow_number(run: Replayed, answer: Answer) -> Any:
    return (run.gradients if answer.is_gradient else run.values)[answer.node]


def _slack(value: Any, unit: Any) -> Any:
    """What may have been rounded away: nothing from a short whole number."""
    if type(value) is float:
        return 0.0 if unit >= 1 and abs(value) < 100 else unit
    return np.where((np.asarray(unit) >= 1) & (np.abs(value) < 100), 0.0, unit)[()]


def own_numbers(record: Record, answers: Sequence[Answer]) -> Own:
    """The answers that are numbers, of the right shape. The output's own gradient is no matter of
    opinion."""
    fitting = [
        a
        for a in answers
        if a.value is not None
        and shape_of(a.value) == shape_of(record.values[a.node])
        and not (a.is_gradient and a.node == record.graph.output)
    ]
    return Own(
        values={a.node: a.value for a in fitting if not a.is_gradient},
        gradients={a.node: a.value for a in fitting if a.is_gradient},
    )


class Problem:
    """`record` is the trace to hold answers against, `floats` the same before the digits that
    64-bit floats had lost were put right."""

    def __init__(self, record: Record, floats: Record | None = None) -> None:
        self.record = record
        self.floats = floats or record
        self.replay = replay = Replay(record)
        self.spreading = replay if record.has_arrays else Replay(record, is_many=True)
        self._spreads: dict[int, Spread] = {}

    @cached_property
    def sides(self) -> tuple[Replay, Replay]:
        """The same by the conventions to the left and to the right of a kink."""
        return Replay(self.record, kink="left"), Replay(self.record, kink="right")

    def rounding(self, places: int) -> Spread:
        """What rounding every step to so many digits leads to."""
        if places not in self._spreads:
            self._spreads[places] = Spread(self.spreading, places=places)
        return self._spreads[places]

    @cached_property
    def plants(self) -> tuple[Plant, ...]:
        """Every mistake at every place; nothing of a graph too large for it."""
        if self.record.graph.edge_count > MOST_EDGES:
            return ()
        return tuple(self._planted())

    def _planted(self) -> Iterator[Plant]:
        graph = self.record.graph
        for gate, places in enumerate(self.replay.places):
            for slot, at in enumerate(places):
                edge, node = (gate, slot), graph.inputs_of[gate][slot]
                if len(graph.consumers[node]) > 1:
                    own = Own(slips={edge: lambda u: 0.0 * u})
                    yield self._plant(_FORK_LOST, edge, node, 0, own)
                for turn, (mistake, slip) in enumerate(slips_at(at)):
                    if mistake.code == HELD and len(graph.consumers[node]) > 1:
                        continue  # fork-lost is that
                    yield self._plant(mistake, edge, node, turn, Own(slips={edge: slip}))
            if len(places) > 1:
                yield from self._at_all(gate)
                yield from self._way_lost(gate)
            if places:
                yield from self._turned(gate)
        yield from self._held()

    def _at_all(self, gate: int) -> Iterator[Plant]:
        """The same slip on all wires into a gate."""
        nodes = self.record.graph.inputs_of[gate]
        ways = [_numbered(slips_at(at)) for at in self.replay.places[gate]]
        for key in ways[0]:
            mistake = ways[0][key][0]
            if mistake.code != HELD and all(key in way for way in ways):
                slips = {(gate, slot): way[key][1] for slot, way in enumerate(ways)}
                own = Own(slips=slips)
                plant = self._plant(mistake, (gate, ALL_WIRES), max(nodes), key[1], own)
                right = self.record.upstreams
                spoiled = [n for n in nodes if not identical(plant.gradients[n], right[n])]
                yield replace(plant, node=max(spoiled, default=plant.node))

    def _way_lost(self, gate: int) -> Iterator[Plant]:
        """All wires from one node into a gate, where others lead back to it too: W*W in a sum."""
        graph = self.record.graph
        for node in sorted(set(graph.inputs_of[gate])):
            edges = [edge for edge in graph.consumers[node] if edge[0] == gate]
            if not 1 < len(edges) < len(graph.consumers[node]):
                continue
            own = Own(slips=dict.fromkeys(edges, _nothing_back))
            yield self._plant(_FORK_LOST, (gate, ALL_WIRES), node, node, own)

    def _held(self) -> Iterator[Plant]:
        """Stages held constant, one or two at a time: nothing goes back through them."""
        graph = self.record.graph
        stages = [n for n in graph.stages.values() if n != graph.output and graph.inputs_of[n]]
        for several in [*combinations(stages, 1), *combinations(stages[:_MOST_HELD], 2)]:
            stopped = {
                (user, slot): _nothing_back
                for stage in several
                for user, slot in graph.consumers[stage]
            }
            own = Own(slips=stopped)
            first = max(several)
            yield self._plant(_HELD, (first, -4), first, min(several), own)

    def _turned(self, gate: int) -> Iterator[Plant]:
        """The mistakes of the forward pass, which the way back is computed from; and of those that
        are about both, both at once."""
        at = self.replay.places[gate][0]
        with quiet():
            found = [(m, n) for m in MISTAKES for n, _ in enumerate(turned(m, at))]
        for mistake, n in found:
            own = Own(turns={gate: _turn(mistake, n)})
            yield self._plant(mistake, (gate, -1), gate, n, own)
            slips = {
                (gate, slot): slip
                for slot, at in enumerate(self.replay.places[gate])
                for slip in list(mistake.slips(at))[:1]
            }
            if slips:
                yield self._plant(mistake, (gate, -2), gate, n, replace(own, slips=slips))

    def _plant(self, mistake: Mistake, edge: Edge, node: int, turn: int, own: Own) -> Plant:
        found = self.replay(own)
        return Plant(
            mistake.code,
            tell(mistake.says),
            edge[0],
            node,
            (*edge, turn),
            found.used_values,
            found.gradients,
        )


def _nothing_back(_: Any) -> Any:
    return 0.0


def _numbered(
    slips: Iterator[tuple[Mistake, Slip]],
) -> dict[tuple[str, int], tuple[Mistake, Slip]]:
    """By code, and the how manieth of that code."""
    found: dict[tuple[str, int], tuple[Mistake, Slip]] = {}
    counts: Counter[str] = Counter()
    for mistake, slip in slips:
        found[mistake.code, counts[mistake.code]] = (mistake, slip)
        counts[mistake.code] += 1
    return found


def _turn(mistake: Mistake, n: int) -> Turn:
    def value(at: Any) -> Any:
        found = turned(mistake, at)
        return found[n] if n < len(found) else at.output

    return value


def problem_of(
    formula: str, given: Mapping[str, Given], granularity: Granularity, is_for_answers: bool = True
) -> Problem:
    """The problem, at a point where every number is finite. Raises BacktraceError."""
    floats = traced(formula, given, granularity)
    return Problem(with_what_is_due(floats) if is_for_answers else floats, floats)


def traced(formula: str, given: Mapping[str, Given], granularity: Granularity) -> Trace:
    record = trace_given(formula, given, Request(granularity=granularity, check=False))
    if not record.has_point:
        name = next(iter(record.graph.inputs))
        raise UsageError(
            tell("'{name}' has no value", name=name),
            hint=tell("add {name}=... before the answers", name=name),
        )
    if record.fault is not None:
        raise UsageError(tell("there is no answer at this point: {what}", what=record.fault.what))
    return record
