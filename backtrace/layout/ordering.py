"""The order of places in every column, with few crossings.

It begins in reading order (the expression, depth first), and is then improved by sweeps of medians
and means and by moving single places, a few times over; the best is kept, and goes back to reading
order where that adds no crossing.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right, insort
from collections.abc import Mapping
from itertools import pairwise

from backtrace.layout.layers import TOO_MANY, Layered

Columns = list[list[int]]
_Ends = tuple[list[float], list[float]]

_SWEEPS, _PASSES = 8, 8
_STARTS = 6
_MANY = 800  # places; then one start
_PATIENT, _STOOD = 100, 2  # places; from there on no sweeps after so many that gained nothing
_WINDOW, _NARROW = 40, 6  # how far a place is moved at once; less far from TOO_MANY on


def ordered(graph: Layered) -> Columns:
    """The places of every column from top to bottom."""
    first = _reading_order(graph)
    best, fewest = first, crossings(first, graph)
    if fewest == 0:
        return best
    chance = random.Random(1)
    places = len(graph.column)
    window = max(_NARROW, min(_WINDOW, _WINDOW * TOO_MANY // max(1, places)))
    for start in range(_STARTS if places < _MANY else 1):
        columns = _begin(start, first, best, chance)
        least, stood = math.inf, 0  # of this start, and for how many sweeps it has been so
        for sweep in range(_SWEEPS):
            _sweep(columns, graph, sweep, is_forward=sweep % 2 == start % 2)
            if places < TOO_MANY or sweep >= _SWEEPS - 2:
                _move_single(columns, graph, window)
            count = crossings(columns, graph)
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
    return sum(_between(left, right, graph) for left, right in pairwise(columns))


def _between(left: list[int], right: list[int], graph: Layered) -> int:
    position = {place: index for index, place in enumerate(right)}
    seen: list[float] = []
    count = 0
    for place in left:
        ends = sorted(_ends(place, position, graph))
        if seen:
            count += sum([len(seen) - bisect_right(seen, end) for end in ends])
        for end in ends:
            insort(seen, end)
    return count


def _ends(place: int, position: Mapping[int, int], graph: Layered) -> list[float]:
    """Where a place's wires end: the positions, and how far down the gate."""
    return [
        position[end] + enters
        for end, enters in zip(graph.after[place], graph.enters[place], strict=True)
    ]


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
    rank = {place: k for column in first for k, place in enumerate(column)}
    position = {place: k for column in columns for k, place in enumerate(column)}
    for column in columns:
        ends = {
            place: (
                [float(position[p]) for p in graph.before[place]],
                _ends(place, position, graph),
            )
            for place in column
        }
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
    for index in indices:
        there = {place: k for k, place in enumerate(columns[index + step])}
        here = {place: k for k, place in enumerate(columns[index])}
        wanted = {}
        for place, k in here.items():
            ends = sorted(there[end] for end in around[place])
            if not ends:
                wanted[place] = k * len(there) / max(1, len(here))
            elif is_mean:
                wanted[place] = sum(ends) / len(ends)
            else:
                wanted[place] = (ends[(len(ends) - 1) // 2] + ends[len(ends) // 2]) / 2
        columns[index].sort(key=lambda place: (wanted[place], here[place]))


def _move_single(columns: Columns, graph: Layered, window: int) -> None:
    """Every place to where it crosses least, so far away at most, its neighbours standing still."""
    position = {place: k for column in columns for k, place in enumerate(column)}
    ends: list[_Ends] = [
        (
            [float(position[p]) for p in graph.before[place]],
            _ends(place, position, graph),
        )
        for place in range(len(graph.column))
    ]
    for column in columns:
        for place in list(column):
            here = column.index(place)
            there = _best_position(column, here, ends, window)
            if there != here:
                column.insert(there, column.pop(here))
        for k, place in enumerate(column):
            position[place] = k
        for place in column:
            for source in graph.before[place]:
                ends[source][1][:] = _ends(source, position, graph)
            for user in graph.after[place]:
                ends[user][0][:] = [float(position[p]) for p in graph.before[user]]


def _best_position(column: list[int], here: int, ends: list[_Ends], window: int) -> int:
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
    for mine, theirs in zip(one, other, strict=True):
        for p in mine:
            for q in theirs:
                gain += (p > q) - (p < q)
    return gain
