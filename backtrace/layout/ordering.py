"""The order of places in every column, with few crossings.

It begins in reading order (the expression, depth first), and is then improved by sweeps of medians
and means and by moving single places, a few times over; the best is kept, and goes back to reading
order where that adds no crossing.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise

from backtrace.layout.layers import TOO_MANY, Layered

Columns = list[list[int]]
_Ends = tuple[list[int], list[float]]
"""Where a place's wires come from, and where they end."""

_SWEEPS, _PASSES = 8, 8
_STARTS = 6
_MANY = 800  # places; then one start
_PATIENT, _STOOD = 100, 2  # places; from there on no sweeps after so many that gained nothing
_WINDOW, _NARROW = 40, 6  # how far a place is moved at once; less far from TOO_MANY on


def ordered(graph: Layered, crossings: Crossings | None = None) -> Columns:
    """The places of every column from top to bottom."""
    crossings = crossings or Crossings(graph)
    first = _reading_order(graph)
    best, fewest = first, crossings.of(first)
    if fewest == 0:
        return best
    chance = random.Random(1)
    places = len(graph.column)
    mover = _Mover(graph, max(_NARROW, min(_WINDOW, _WINDOW * TOO_MANY // max(1, places))))
    for start in range(_STARTS if places < _MANY else 1):
        columns = _begin(start, first, best, chance)
        least, stood = math.inf, 0  # of this start, and for how many sweeps it has been so
        for sweep in range(_SWEEPS):
            _sweep(columns, graph, sweep, is_forward=sweep % 2 == start % 2)
            if places < TOO_MANY or sweep >= _SWEEPS - 2:
                mover.move(columns)
            count = crossings.of(columns)
            if count < fewest:
                best, fewest = [list(column) for column in columns], count
            if fewest == 0:
                return _read_again(best, first, graph)
            least, stood = (count, 0) if count < least else (least, stood + 1)
            if stood >= _STOOD and _PATIENT <= places < TOO_MANY:
                break
    return _read_again(best, first, graph)


def crossings(columns: Columns, graph: Layered) -> int:
    """How many pairs of wires cross, between all neighbouring columns and where they enter."""
    return Crossings(graph).of(columns)


class Crossings:
    """Counts them; between two columns again only if they stand otherwise than the last time."""

    def __init__(self, graph: Layered) -> None:
        self._graph = graph
        self._last: dict[int, tuple[list[int], list[int], int]] = {}

    def of(self, columns: Columns) -> int:
        total = 0
        for k, (left, right) in enumerate(pairwise(columns)):
            last = self._last.get(k)
            if last is None or last[0] != left or last[1] != right:
                last = list(left), list(right), _between(left, right, self._graph)
                self._last[k] = last
            total += last[2]
        return total


def _between(left: list[int], right: list[int], graph: Layered) -> int:
    position = {place: index for index, place in enumerate(right)}
    seen: list[float] = []
    count = 0
    for place in left:
        ends = _ends(place, position, graph)
        for end in ends:
            if seen and end < seen[-1]:
                count += len(seen) - bisect_right(seen, end)
        seen += ends
        seen.sort()
    return count


def _ends(place: int, position: Mapping[int, int] | Sequence[int], graph: Layered) -> list[float]:
    """Where a place's wires end: the positions, and how far down the gate."""
    return [
        position[end] + enters
        for end, enters in zip(graph.after[place], graph.enters[place], strict=True)
    ]


def _both_ends(place: int, position: Sequence[int], graph: Layered) -> _Ends:
    return [position[source] for source in graph.before[place]], _ends(place, position, graph)


def _positions(columns: Columns, graph: Layered) -> list[int]:
    """Of every place in its column."""
    position = [0] * len(graph.column)
    for column in columns:
        for k, place in enumerate(column):
            position[place] = k
    return position


def _reading_order(graph: Layered) -> Columns:
    """As the expression is written: depth first from the results, operands in their order."""
    columns: Columns = [[] for _ in range(max(graph.column, default=0) + 1)]
    seen = [False] * len(graph.column)
    ends = [place for place in range(graph.count) if not graph.after[place]]
    for end in reversed(ends):
        seen[end] = True
        stack = [(end, 0)]
        while stack:
            place, index = stack.pop()
            if index == len(graph.before[place]):
                columns[graph.column[place]].append(place)
                continue
            stack.append((place, index + 1))
            source = graph.before[place][index]
            if not seen[source]:
                seen[source] = True
                stack.append((source, 0))
    return columns


def _begin(start: int, first: Columns, best: Columns, chance: random.Random) -> Columns:
    """The best so far, that with a little noise, or the first in any order, by turns."""
    columns = [list(column) for column in (first if start % 3 == 2 else best)]
    for column in columns:
        if start % 3 == 2:
            chance.shuffle(column)
        elif start:
            noisy = {place: k + chance.uniform(-2, 2) for k, place in enumerate(column)}
            column.sort(key=noisy.__getitem__)
    return columns


def _read_again(columns: Columns, first: Columns, graph: Layered) -> Columns:
    """Neighbours in the order of `first`, where that adds no crossing."""
    rank, position = _positions(first, graph), _positions(columns, graph)
    for column in columns:
        if all(rank[one] <= rank[other] for one, other in pairwise(column)):
            continue
        ends = {place: _both_ends(place, position, graph) for place in column}
        for _ in range(_PASSES):
            before = list(column)
            for k in range(len(column) - 1):
                one, other = column[k], column[k + 1]
                if rank[one] > rank[other] and _gain(ends[one], ends[other]) >= 0:
                    column[k], column[k + 1] = other, one
            if column == before:
                break
        for k, place in enumerate(column):
            position[place] = k
    return columns


def _sweep(columns: Columns, graph: Layered, sweep: int, is_forward: bool) -> None:
    """Every column by where its neighbours stand: their mean, or their median, by turns."""
    step = -1 if is_forward else 1
    indices = range(1, len(columns)) if is_forward else range(len(columns) - 2, -1, -1)
    around = graph.before if is_forward else graph.after
    is_mean = sweep % 4 < 2
    position = _positions(columns, graph)
    for index in indices:
        if len(columns[index]) == 1:
            continue
        here, there = columns[index], len(columns[index + step])
        wanted = {}
        for k, place in enumerate(here):
            ends = [position[end] for end in around[place]]
            if not ends:
                wanted[place] = k * there / len(here)
            elif is_mean:
                wanted[place] = sum(ends) / len(ends)
            else:
                ends.sort()
                wanted[place] = (ends[(len(ends) - 1) // 2] + ends[len(ends) // 2]) / 2
        here.sort(key=wanted.__getitem__)
        for k, place in enumerate(here):
            position[place] = k


class _Mover:
    """Moves every place to where it crosses least, so far away at most, its neighbours standing
    still. A column where nothing was to be moved is passed over until it or a neighbour changes."""

    def __init__(self, graph: Layered, window: int) -> None:
        self._graph = graph
        self._window = window
        self._still: dict[int, Columns] = {}  # the column between its neighbours

    def move(self, columns: Columns) -> None:
        position = _positions(columns, self._graph)
        for k, column in enumerate(columns):
            around = columns[max(0, k - 1) : k + 2]
            if len(column) == 1 or self._still.get(k) == around:
                continue
            before = list(column)
            self._move(column, position)
            if column == before:
                self._still[k] = [list(each) for each in around]
            for at, place in enumerate(column):
                position[place] = at

    def _move(self, column: list[int], position: Sequence[int]) -> None:
        ends = {place: _both_ends(place, position, self._graph) for place in column}
        if not self._is_crossed(column, ends):
            return
        for place in list(column):
            here = column.index(place)
            there = _best_position(column, here, ends, self._window)
            if there != here:
                column.insert(there, column.pop(here))

    def _is_crossed(self, column: list[int], ends: Mapping[int, _Ends]) -> bool:
        """Whether two places cross more often so than the other way round."""
        return any(
            _gain(ends[one], ends[other]) > 0
            for k, one in enumerate(column)
            for other in column[k + 1 : k + self._window]
        )


def _best_position(column: list[int], here: int, ends: Mapping[int, _Ends], window: int) -> int:
    place = column[here]
    best = least = cost = 0
    best = here
    for k in range(here - 1, max(-1, here - window), -1):
        cost += _gain(ends[place], ends[column[k]])
        if cost < least:
            least, best = cost, k
    cost = 0
    for k in range(here + 1, min(len(column), here + window)):
        cost -= _gain(ends[place], ends[column[k]])
        if cost < least:
            least, best = cost, k
    return best


def _gain(one: _Ends, other: _Ends) -> int:
    """The crossings of one above the other, less those of the other above the one."""
    gain = 0
    for p in one[0]:
        for q in other[0]:
            gain += (p > q) - (p < q)
    for low in one[1]:
        for high in other[1]:
            gain += (low > high) - (low < high)
    return gain
