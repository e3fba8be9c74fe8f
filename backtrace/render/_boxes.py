"""Which gates of a trace belong together: those of a stage, of a gate that was opened, of a
function of the code, of a group that could be fused. A picture may fold each to one box."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from backtrace.graph import Graph
from backtrace.graph.record import Record

_FEWEST = 2  # gates; one is its own box
_PARTS = ("index", "take")
_CALLED = re.compile(r"([^\W\d]\w*)\(")


@dataclass(frozen=True, slots=True)
class Box:
    """Gates of which only the last, `output`, is used by others: folded to one they make no cycle.

    name     of the stage, the gate or the function
    members  its gates in evaluation order; those of the boxes inside it are among them
    parent   the place of the box that it is in, among all; None for an outermost one
    """

    name: str
    members: tuple[int, ...]
    parent: int | None = None

    @property
    def output(self) -> int:
        return self.members[-1]


def boxes(record: Record) -> tuple[Box, ...]:
    """Every box of a trace, outer ones before those inside them. Two are apart, or one holds the
    other: what would lie across another is left out, and so is one that holds all the gates."""
    graph = record.graph
    chosen: list[tuple[str, tuple[int, ...]]] = []
    around: list[list[int]] = [[] for _ in graph.nodes]
    for name, members in _candidates(record):
        if not _FEWEST <= len(members) < graph.gate_count or not name:
            continue
        if _crosses(members, chosen, around):
            continue
        for member in members:
            around[member].append(len(chosen))
        chosen.append((name, members))
    return tuple(_nested(chosen, len(graph.nodes)))


def _candidates(record: Record) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Those that are to be had rather come first."""
    graph = record.graph
    for call in record.calls:
        if _exit(graph, call.members) is not None:
            yield call.name, _with_parts(graph, call.members)
    for output, members in _stages(graph).items():
        yield graph.nodes[output].name, tuple(members)
    if record.granularity.expand:
        yield from _opened(graph)
    for group in record.open_groups:
        yield group.gate, _closed(graph, group.members)


def _with_parts(graph: Graph, members: Collection[int]) -> tuple[int, ...]:
    """These gates, and those that only hand them a part of an input: `W[k]` of a layer's call."""
    inside = set(members)
    sources = {source for gate in members for source in graph.inputs_of[gate]} - inside
    for source in sources:
        gate, users = graph.nodes[source].gate, {user for user, _ in graph.consumers[source]}
        of_input = all(graph.nodes[k].gate is None for k in graph.inputs_of[source])
        if gate is not None and gate.name in _PARTS and of_input and users <= set(members):
            inside.add(source)
    return tuple(sorted(inside))


def _stages(graph: Graph) -> dict[int, list[int]]:
    """By the named gate the gates that only it uses, itself the last."""
    owner: list[int | None] = [None] * len(graph.nodes)
    for index in range(len(graph.nodes) - 1, -1, -1):
        node = graph.nodes[index]
        if node.gate is None:
            continue
        if node.name:
            owner[index] = index
        elif index != graph.output:
            users = {owner[gate] for gate, _ in graph.consumers[index]}
            owner[index] = users.pop() if len(users) == 1 else None
    found: dict[int, list[int]] = {}
    for index, stage in enumerate(owner):
        if stage is not None:
            found.setdefault(stage, []).append(index)
    return found


def _opened(graph: Graph) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The gates that another was opened to: all of them have its place in the text."""
    runs: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for index, node, _ in graph.gates():
        runs[node.span].append(index)
    for (start, end), members in runs.items():
        called = _CALLED.match(graph.text, start, end)
        if called and len(members) >= _FEWEST:
            yield called[1], _closed(graph, members)


def _closed(graph: Graph, members: Collection[int]) -> tuple[int, ...]:
    """Of these gates the last, and those that only they use."""
    inside: set[int] = set()
    for index in sorted(members, reverse=True):
        users = {gate for gate, _ in graph.consumers[index]}
        if not inside or (users and users <= inside and index != graph.output):
            inside.add(index)
    return tuple(sorted(inside))


def _exit(graph: Graph, members: Collection[int]) -> int | None:
    """The gate that others use; None where there are several, or something is used by nobody."""
    inside = set(members)
    exits = [
        index
        for index in members
        if index == graph.output
        or not graph.consumers[index]
        or any(gate not in inside for gate, _ in graph.consumers[index])
    ]
    return exits[0] if len(exits) == 1 else None


def _crosses(
    members: tuple[int, ...], chosen: list[tuple[str, tuple[int, ...]]], around: list[list[int]]
) -> bool:
    """Whether a box lies across one that was chosen, or is the same."""
    shared = Counter(place for member in members for place in around[member])
    for place, count in shared.items():
        other = len(chosen[place][1])
        if count not in (other, len(members)) or other == len(members):
            return True
    return False


def _nested(chosen: list[tuple[str, tuple[int, ...]]], count: int) -> Iterator[Box]:
    """The larger first; each says which it is in."""
    home: list[int | None] = [None] * count
    by_size = sorted(chosen, key=lambda box: (-len(box[1]), box[1][-1]))
    for place, (name, members) in enumerate(by_size):
        yield Box(name, members, home[members[-1]])
        for member in members:
            home[member] = place
