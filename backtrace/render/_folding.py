"""A trace as it is drawn: with boxes in place of the gates that they hold.

What comes out is a record once more, of a smaller graph, so that no picture knows two kinds: a box
is a gate of it, whose value is that of the last gate inside, and which hands back to each input
what the gates inside hand back to it, added up.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

from backtrace.algebra.values import Value
from backtrace.formula.printer import expressions
from backtrace.gates import GATES, Gate
from backtrace.graph import Graph, Node
from backtrace.graph.record import Group, Record
from backtrace.numbers import Blank
from backtrace.render._boxes import Box

Way = tuple[int, int]
"""(gate, which of its inputs)."""


@dataclass(frozen=True, eq=False)
class Drawing(Record):
    """nodes_of  the trace's node behind each: a box's is the last of its gates
    texts     what each computes, in the trace's own words
    folded    the boxes that are drawn as gates, by their places here
    ways      by node the ways of the trace behind each of its wires: of a box there may be several
    at_point  whether there are numbers
    ports     the places of what comes in from outside, where this is the inside of a box
    """

    nodes_of: tuple[int, ...] = ()
    texts: tuple[str, ...] = ()
    folded: Mapping[int, Box] = field(default_factory=dict)
    ways: tuple[tuple[tuple[Way, ...], ...], ...] = ()
    at_point: bool = True
    ports: frozenset[int] | None = None

    @property
    def has_point(self) -> bool:
        return self.at_point


def folded(
    record: Record,
    closed: Collection[Box],
    orders: Mapping[int, Sequence[int]] = MappingProxyType({}),
) -> Drawing:
    """The trace with these boxes as gates: none of them holds another. Of boxes in `orders`, by the
    last of their gates, the inputs are taken in this order."""
    graph = record.graph
    home: dict[int, Box] = {member: box for box in closed for member in box.members}
    kept = [k for k in range(len(graph.nodes)) if k not in home or home[k].output == k]
    place = {index: position for position, index in enumerate(kept)}
    inputs = [_inputs(graph, home[k], orders.get(k)) if k in home else None for k in kept]
    nodes: list[Node] = []
    ways: list[tuple[tuple[Way, ...], ...]] = []
    for index, behind in zip(kept, inputs, strict=True):
        node = graph.nodes[index]
        if behind is None:
            nodes.append(_moved(node, place))
            ways.append(tuple(((index, k),) for k in range(len(node.inputs))))
        else:
            nodes.append(_as_gate(node, home[index], [place[source] for source in behind]))
            ways.append(tuple(tuple(way) for way in behind.values()))
    parts = {f.name: getattr(record, f.name) for f in fields(Record)}
    downstreams = [tuple(_added(record, way) for way in own) for own in ways]
    parts |= {
        "graph": replace(graph, nodes=tuple(nodes), output=place[graph.output], shapes=None),
        "values": _at(record.values, kept),
        "upstreams": _at(record.upstreams, kept),
        "locals": tuple((None,) * len(own) for own in ways),
        "downstreams": tuple(downstreams),
        "lines": _at(record.lines, kept) if record.lines else (),
        "groups": tuple(_group(g, place) for g in record.open_groups if _is_seen(g, home)),
        "calls": (),
    }
    texts = expressions(graph)
    return Drawing(
        **parts,
        nodes_of=tuple(kept),
        texts=tuple(texts[index] for index in kept),
        folded={place[box.output]: box for box in closed},
        ways=tuple(ways),
        at_point=record.has_point,
    )


def inside(
    record: Record,
    box: Box,
    closed: Collection[Box],
    orders: Mapping[int, Sequence[int]] = MappingProxyType({}),
) -> Drawing:
    """What is in a box, with these boxes in it as gates; what comes in from outside are inputs."""
    whole = folded(record, closed, orders)
    members = set(box.members)
    kept = [k for k, node in enumerate(whole.nodes_of) if node in members]
    sources = {source for k in kept for source in whole.graph.inputs_of[k]} - set(kept)
    kept = sorted(sources | set(kept))
    place = {index: position for position, index in enumerate(kept)}
    nodes = tuple(
        Node(None, (), f"#{k}") if k in sources else _moved(whole.graph.nodes[k], place)
        for k in kept
    )
    graph = replace(whole.graph, nodes=nodes, output=len(nodes) - 1, shapes=None)
    groups = (g for g in whole.groups if {whole.nodes_of[m] for m in g.members} < members)
    return replace(
        whole,
        graph=graph,
        values=_at(whole.values, kept),
        upstreams=_at(whole.upstreams, kept),
        locals=tuple(() if k in sources else whole.locals[k] for k in kept),
        downstreams=tuple(() if k in sources else whole.downstreams[k] for k in kept),
        lines=_at(whole.lines, kept) if whole.lines else (),
        groups=tuple(_group(g, place) for g in groups),
        nodes_of=_at(whole.nodes_of, kept),
        texts=_at(whole.texts, kept),
        folded={place[k]: b for k, b in whole.folded.items() if k in place and k not in sources},
        ways=tuple(() if k in sources else whole.ways[k] for k in kept),
        ports=frozenset(place[k] for k in sources),
    )


def _inputs(graph: Graph, box: Box, order: Sequence[int] | None) -> dict[int, list[Way]]:
    """What comes into a box, in reading order if in no other: from each node the ways that it takes
    inside."""
    inside = set(box.members)
    found: dict[int, list[Way]] = {}
    for member in box.members:
        for k, source in enumerate(graph.inputs_of[member]):
            if source not in inside:
                found.setdefault(source, []).append((member, k))
    return found if order is None else {source: found[source] for source in order}


def _added(record: Record, ways: Sequence[Way]) -> Value:
    """What comes back along these, added up in the order in which it comes."""
    values = [record.downstreams[gate][k] for gate, k in reversed(ways)]
    blank = next((value for value in values if isinstance(value, Blank)), None)
    if blank is not None:
        return blank
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


def _as_gate(node: Node, box: Box, inputs: list[int]) -> Node:
    """The node that a box is; its stage's name beside the wire, where that is not its own."""
    gate = _gate(box.name)
    return node._replace(
        gate=gate, operands=tuple(inputs), name=node.name if node.name != box.name else ""
    )


def _gate(name: str) -> Gate:
    return replace(
        GATES["identity"], name=name, summary="a box of gates", variadic=True, commutes=True
    )


def _moved(node: Node, place: Mapping[int, int]) -> Node:
    operands = tuple(place[o] if isinstance(o, int) else o for o in node.operands)
    return node._replace(operands=operands)


def _at(values: Sequence[Any], kept: Sequence[int]) -> tuple[Any, ...]:
    return tuple(values[index] for index in kept)


def _is_seen(group: Group, home: Mapping[int, Box]) -> bool:
    """Whether the gates of a group all stand in the picture."""
    return not any(member in home for member in group.members)


def _group(group: Group, place: Mapping[int, int]) -> Group:
    members = tuple(place[member] for member in group.members)
    return group._replace(node=members[-1], members=members)
