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
_TIGHT = 0.6  # of the gap, between wires that pass

Offset = Callable[[int, int], float]
"""How far from its middle a gate takes in its k-th wire."""
_End = tuple[int, float, float]
"""Of a wire at a place: the other place, how far off the middle, the wire's weight."""


def least_squares(
    wanted: Sequence[float], weights: Sequence[float], shifts: Sequence[float]
) -> list[float]:
    """The y that minimise the sum of weight * (y - wanted)^2, of which each is at least as far from
    the first as its shift is."""
    if len(wanted) == 1:
        return [weights[0] * wanted[0] / weights[0]]
    blocks: list[list[float]] = []  # the sum of weights, of weight * target, and how many
    for target, weight, shift in zip(wanted, weights, shifts, strict=True):
        blocks.append([weight, weight * (target - shift), 1])
        while len(blocks) > 1 and blocks[-2][1] * blocks[-1][0] >= blocks[-1][1] * blocks[-2][0]:
            weight_sum, target_sum, count = blocks.pop()
            blocks[-1][0] += weight_sum
            blocks[-1][1] += target_sum
            blocks[-1][2] += count
    flat = [target / weight for weight, target, count in blocks for _ in range(int(count))]
    return [y + shift for y, shift in zip(flat, shifts, strict=True)]


class _Run(NamedTuple):
    """A chain that is to be straight: its places; what stands above and below them, and how far
    that has to be; and the ends of its wires elsewhere, with how far off the middle."""

    places: list[int]
    above: list[tuple[int, float]]
    below: list[tuple[int, float]]
    outside: list[tuple[int, float]]


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
        self._shifts = [self._shifts_of(column) for column in columns]
        self._position = {place: k for column in columns for k, place in enumerate(column)}
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
        # what a place is drawn to, and with what weight in all
        self._drawn = [
            [(ends, sum([weight for _, _, weight in ends])) for ends in of_places]
            for of_places in (rightward, leftward, both)
        ]

    def solve(self) -> list[float]:
        for column in self._columns:
            self._stack(column)
        places = len(self._graph.column)
        share = min(1.0, TOO_MANY / max(1, places))
        rounds = _ROUNDS if places < _MANY else max(_FEWEST_ROUNDS, int(_FEW_ROUNDS * share))
        for turn in range(rounds):
            indices = range(len(self._columns))
            drawn = self._drawn[2 if turn >= _BOTH_SIDES_FROM else turn % 2]
            for index in indices if turn % 2 == 0 else reversed(indices):
                self._settle(index, drawn)
        runs = [self._run(places) for places in sorted(self._runs(), key=len, reverse=True)]
        for _ in range(max(_STRAIGHTEN_LEAST, int(_STRAIGHTEN * share))):
            for run in runs:
                self._straighten(run)
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

    def _stack(self, column: list[int]) -> None:
        """One under the other, centred."""
        top = 0.0
        for k, place in enumerate(column):
            top += self._between(column[k - 1], place) if k else 0.0
            self.y[place] = top
        for place in column:
            self.y[place] -= top / 2

    def _shifts_of(self, column: list[int]) -> list[float]:
        """How far below the first of a column each of it has to be."""
        shifts = [0.0]
        for upper, lower in pairwise(column):
            shifts.append(shifts[-1] + self._between(upper, lower))
        return shifts

    def _settle(self, index: int, drawn: list[tuple[list[_End], float]]) -> None:
        column, y = self._columns[index], self.y
        wanted, weights = [], []
        for place in column:
            ends, total = drawn[place]
            if total:
                wanted.append(sum([weight * (y[o] + off) for o, off, weight in ends]) / total)
                weights.append(total)
            else:
                wanted.append(y[place])
                weights.append(0.01)
        for place, found in zip(
            column, least_squares(wanted, weights, self._shifts[index]), strict=True
        ):
            y[place] = found

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
        return _Run(places, above, below, outside)

    def _straighten(self, run: _Run) -> None:
        """Moves a chain as one, to where it is wired to, as far as its neighbours let it."""
        y = self.y
        least, most, pull, total = -1e9, 1e9, 0.0, 1e-9
        for place, apart in run.above:
            least = max(least, y[place] + apart)
        for place, apart in run.below:
            most = min(most, y[place] - apart)
        for place, off in run.outside:
            pull += y[place] + off
            total += 1
        if least <= most + 1e-6 and total > 0.5:
            middle = max(least, min(most, pull / total))
            for place in run.places:
                y[place] = middle
