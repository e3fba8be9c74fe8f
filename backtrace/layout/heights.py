"""How high every place stands: near what it is wired to, in its column's order, never too close.

Each column is solved exactly, in turn, by isotonic regression (pool adjacent violators: Ayer et al.
1955); then what can be straight is made straight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from backtrace.layout.layers import TOO_MANY, Layered

_ROUNDS, _FEW_ROUNDS, _FEWEST_ROUNDS = 80, 16, 10
_MANY = 400  # places; from there on fewer rounds, from TOO_MANY ever fewer
_BOTH_SIDES_FROM = 8
_STRAIGHTEN, _STRAIGHTEN_LEAST = 12, 4
_LIGHT = 0.01  # the weight of a place that nothing draws
_TIGHT = 0.6  # of the gap, between wires that pass

Offset = Callable[[int, int], float]
"""How far from its middle a gate takes in its k-th wire."""
_End = tuple[int, float, float]
"""Of a wire at a place: the other place, how far off the middle, the wire's weight."""
_Pull = tuple[int, list[_End], float, float]
"""A place, what it is drawn to, with what weight in all, and how far below the first of its column
it has to be."""


def least_squares(column: Sequence[_Pull], y: list[float]) -> None:
    """Moves the places of a column to the y that minimise the sum of weight * (y - wanted)^2, of
    which each is at least as far from the first as its shift is. Wanted is the mean of what a place
    is drawn to."""
    blocks: list[tuple[float, float, int]] = []  # places that touch: weight, weight * y, how many
    for place, ends, total, shift in column:
        weight, pull, count = total, 0.0, 1
        if total:
            for other, off, each in ends:
                pull += each * (y[other] + off)
            pull = weight * (pull / weight - shift)
        else:
            weight = _LIGHT
            pull = weight * (y[place] - shift)
        while blocks:
            above, above_pull, above_count = blocks[-1]
            if above_pull * weight < pull * above:
                break
            weight, pull, count = above + weight, above_pull + pull, above_count + count
            blocks.pop()
        blocks.append((weight, pull, count))
    at = 0
    for weight, pull, count in blocks:
        flat = pull / weight
        for place, _, _, shift in column[at : at + count]:
            y[place] = flat + shift
        at += count


class _Run(NamedTuple):
    """A chain that is to be straight: its places; what stands above and below them, and how far
    that has to be; the ends of its wires elsewhere, with how far off the middle, and their mass."""

    places: list[int]
    above: list[tuple[int, float]]
    below: list[tuple[int, float]]
    outside: list[tuple[int, float]]
    mass: float


class Heights:
    """`sizes` is how high each place is; `gap` what is free between two of a column."""

    def __init__(
        self,
        graph: Layered,
        columns: list[list[int]],
        sizes: Sequence[float],
        gap: float,
        offset: Offset,
    ) -> None:
        self._graph = graph
        self._columns = columns
        self._sizes = sizes
        self._gap = gap
        self.y = [0.0] * len(graph.column)
        self._position = {place: k for column in columns for k, place in enumerate(column)}
        self._shifts = [0.0] * len(graph.column)  # how far below the first of its column
        for column in columns:
            for upper, lower in pairwise(column):
                self._shifts[lower] = self._shifts[upper] + self._between(upper, lower)
        # every wire's ends at each place
        self._left: list[list[_End]] = [[] for _ in graph.column]
        self._right: list[list[_End]] = [[] for _ in graph.column]
        for place, sources in enumerate(graph.before):
            for k, source in enumerate(sources):
                off, weight = offset(place, k), self._weight(source, place)
                self._left[place].append((source, -off, weight))
                self._right[source].append((place, off, weight))
        both = [left + right for left, right in zip(self._left, self._right, strict=True)]
        rightward = [left or right for left, right in zip(self._left, self._right, strict=True)]
        leftward = [right or left for left, right in zip(self._left, self._right, strict=True)]
        self._drawn = [self._pulls(of_places) for of_places in (rightward, leftward, both)]

    def solve(self) -> list[float]:
        for column in filter(None, self._columns):  # one under the other, centred
            half = self._shifts[column[-1]] / 2
            for place in column:
                self.y[place] = self._shifts[place] - half
        places = len(self._graph.column)
        share = min(1.0, TOO_MANY / max(1, places))
        rounds = _ROUNDS if places < _MANY else max(_FEWEST_ROUNDS, int(_FEW_ROUNDS * share))
        for turn in range(rounds):
            drawn = self._drawn[2 if turn >= _BOTH_SIDES_FROM else turn % 2]
            for pulls in drawn if turn % 2 == 0 else reversed(drawn):
                least_squares(pulls, self.y)
        self._straighten(max(_STRAIGHTEN_LEAST, int(_STRAIGHTEN * share)))
        return self.y

    def _weight(self, source: int, place: int) -> float:
        """Long wires are straight before short ones; then chains of gates."""
        passages = self._graph.is_passage(source) + self._graph.is_passage(place)
        if passages:
            return 60.0 if passages == 2 else 8.0
        return 20.0 if len(self._graph.before[place]) == 1 else 1.0

    def _between(self, upper: int, lower: int) -> float:
        is_tight = self._graph.is_passage(upper) or self._graph.is_passage(lower)
        free = self._gap * (_TIGHT if is_tight else 1.0)
        return (self._sizes[upper] + self._sizes[lower]) / 2 + free

    def _pulls(self, ends_of: list[list[_End]]) -> list[list[_Pull]]:
        """Of every column, where each place is drawn to these."""
        totals = [sum([weight for _, _, weight in ends]) for ends in ends_of]
        return [
            [(place, ends_of[place], totals[place], self._shifts[place]) for place in column]
            for column in self._columns
        ]

    def _runs(self) -> list[list[int]]:
        """Chains that are to be straight: long wires, and gates of one input after one another."""
        graph = self._graph
        following: dict[int, int] = {}
        for place, users in enumerate(graph.after):
            for user in users:
                is_long = graph.is_passage(user) and (
                    graph.is_passage(place) or (not graph.before[place] and len(users) == 1)
                )
                if is_long or (len(graph.before[user]) == 1 and len(users) == 1):
                    following[place] = user
        heads = set(following) - set(following.values())
        runs = []
        for head in sorted(heads):
            run = [head]
            while run[-1] in following:
                run.append(following[run[-1]])
            runs.append(run)
        alone = set(range(len(graph.column))) - set(following) - set(following.values())
        return runs + [[place] for place in sorted(alone)]

    def _run(self, places: list[int]) -> _Run:
        inside = set(places)
        above, below, outside = [], [], []
        for place in places:
            column = self._columns[self._graph.column[place]]
            k = self._position[place]
            if k:
                above.append((column[k - 1], self._between(column[k - 1], place)))
            if k + 1 < len(column):
                below.append((column[k + 1], self._between(place, column[k + 1])))
            ends = (*self._left[place], *self._right[place])
            outside += [(other, off) for other, off, _ in ends if other not in inside]
        mass = 1e-9
        for _ in outside:
            mass += 1
        return _Run(places, above, below, outside, mass)

    def _straighten(self, rounds: int) -> None:
        """Every chain in turn. One stays where it is as long as all that is round it does."""
        runs = [self._run(places) for places in sorted(self._runs(), key=len, reverse=True)]
        run_of = [0] * len(self.y)
        for index, run in enumerate(runs):
            for place in run.places:
                run_of[place] = index
        is_due = [True] * len(runs)
        for _ in range(rounds):
            for index, run in enumerate(runs):
                if is_due[index]:
                    is_due[index] = False
                    if self._is_moved(run):
                        for place, _ in (*run.above, *run.below, *run.outside):
                            is_due[run_of[place]] = True

    def _is_moved(self, run: _Run) -> bool:
        """Moves a chain as one, to where it is wired to, as far as its neighbours let it."""
        y = self.y
        places, above, below, outside, mass = run
        least, most, pull = -1e9, 1e9, 0.0
        for place, apart in above:
            if (bound := y[place] + apart) > least:
                least = bound
        for place, apart in below:
            if (bound := y[place] - apart) < most:
                most = bound
        if not outside or least > most + 1e-6:
            return False
        for place, off in outside:
            pull += y[place] + off
        middle = max(least, min(most, pull / mass))
        is_moved = False
        for place in places:
            if y[place] != middle:
                y[place] = middle
                is_moved = True
        return is_moved
