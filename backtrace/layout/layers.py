"""Every node its column, and a place in each column that a long wire passes through.

Columns are by the longest path from the inputs; then gates slide inside their slack, and inputs to
just before their first use, so that wires are short (after Sugiyama, Tagawa and Toda 1981).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Wire = tuple[int, int]
"""(source, gate)."""
_ROUNDS = 20
TOO_MANY = 3000  # places; from there on they are ordered and straightened in fewer rounds


@dataclass(frozen=True, slots=True)
class Layered:
    """The nodes 0..count-1, then the places that wires pass through.

    column        of every place
    before[v][k]  what the wire of operand k comes from; `after` the other way round, once per wire
    enters        beside `after`: how far down the gate the wire enters, from 0 to 1
    chains        for every wire its places, from the source to the gate
    """

    count: int
    column: list[int]
    before: list[list[int]]
    after: list[list[int]]
    enters: list[list[float]]
    chains: list[list[int]]

    def is_passage(self, place: int) -> bool:
        return place >= self.count

    def columns(self) -> list[list[int]]:
        """The places of every column, in order of their numbers."""
        found: list[list[int]] = [[] for _ in range(max(self.column, default=0) + 1)]
        for place, column in enumerate(self.column):
            found[column].append(place)
        return found


def layered(
    count: int, wires: Sequence[Wire], is_free: Sequence[bool], from_left: bool = False
) -> Layered:
    """Columns for nodes in evaluation order; a wire for every operand of every gate, in order.
    `is_free` says whether a gate's operands may enter in any order; `from_left`, that all inputs
    stand in the first column."""
    column = columns(count, wires, from_left)
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    enters: list[list[float]] = [[] for _ in range(count)]
    operands = [0] * count
    for _, gate in wires:
        operands[gate] += 1
    chains = []
    passages: dict[tuple[int, int], int] = {}
    for source, gate in wires:
        chain = [source]
        for between in range(column[source] + 1, column[gate]):
            place = passages.get((source, between))
            if place is None:  # shared by all the wires of one source
                place = passages[source, between] = len(column)
                column.append(between)
                before.append([chain[-1]])
                after.append([])
                enters.append([])
                after[chain[-1]].append(place)
                enters[chain[-1]].append(0.5)
            chain.append(place)
        after[chain[-1]].append(gate)
        enters[chain[-1]].append(
            0.5 if is_free[gate] else (len(before[gate]) + 0.5) / operands[gate]
        )
        before[gate].append(chain[-1])
        chains.append([*chain, gate])
    return Layered(count, column, before, after, enters, chains)


def columns(count: int, wires: Sequence[Wire], from_left: bool = False) -> list[int]:
    """Of the nodes alone."""
    sources: list[list[int]] = [[] for _ in range(count)]
    users: list[list[int]] = [[] for _ in range(count)]
    for source, gate in wires:
        sources[gate].append(source)
        users[source].append(gate)
    column = [0] * count
    for node in range(count):
        column[node] = max((column[source] + 1 for source in sources[node]), default=0)
    slack = _Slack(column, sources, users)
    for _ in range(_ROUNDS):
        moved = [slack.slide(node) for node in range(count - 1, -1, -1)]
        if not any(moved):
            break
    return column if from_left else [slack.start(node) for node in range(count)]


@dataclass(frozen=True, slots=True)
class _Slack:
    """How far gates can move without turning a wire round."""

    column: list[int]
    sources: list[list[int]]
    users: list[list[int]]

    def start(self, node: int) -> int:
        """An input stands just before its first use; an unused one at the left."""
        if self.sources[node] or not self.users[node]:
            return self.column[node]
        return min(self.column[user] for user in self.users[node]) - 1

    def slide(self, node: int) -> bool:
        """Moves a gate to where its wires are shortest; whether it moved."""
        if not self.sources[node] or not self.users[node]:
            return False
        gates = [s for s in self.sources[node] if self.sources[s]]
        least = max((self.column[s] + 1 for s in gates), default=1)
        most = min(self.column[user] for user in self.users[node]) - 1
        here = self.column[node]
        if least == most == here:
            return False
        home = least if gates else most
        best = min({least, most, here}, key=lambda at: (self._length(node, at), abs(at - home), at))
        self.column[node] = best
        return best != here

    def _length(self, node: int, at: int) -> int:
        """Of the wires at the node, if it stood at a column."""
        here, self.column[node] = self.column[node], at
        length = self._bus(node) + sum(self._bus(source) for source in set(self.sources[node]))
        self.column[node] = here
        return length

    def _bus(self, node: int) -> int:
        users = self.users[node]
        if not users or (not self.sources[node] and len(set(users)) == 1):
            return 0
        return max(self.column[user] for user in users) - self.start(node)
