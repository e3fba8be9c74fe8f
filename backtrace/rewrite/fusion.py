"""Groups of gates that spell out a bigger gate become that gate: 1/(1 + exp(-x)) -> sigmoid(x)."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import NamedTuple

from backtrace.errors import UsageError, near_misses
from backtrace.gates import GATES, Gate
from backtrace.graph import Graph, Node
from backtrace.graph.record import Group
from backtrace.graph.shapes import plainly_refused, settled_node
from backtrace.language import tell
from backtrace.rewrite.expansion import expand, moved
from backtrace.rewrite.patterns import Matcher, Pattern, names_in
from backtrace.rewrite.spellings import as_pattern, called, name_of, spelled, spelling


class Fused(NamedTuple):
    """The new graph, and what was fused in it, in evaluation order."""

    graph: Graph
    groups: tuple[Group, ...]


def fusable(own: Collection[Gate] = ()) -> dict[str, Gate]:
    """The gates that a group can become: those with a formula made of others. Of gates that are one
    and the same (silu, swish) the first."""
    table = {gate.name: gate for gate in GATES.values() if gate.is_composite or gate.spellings}
    first: dict[str, Gate] = {}
    for gate in (*own, *table.values()):
        if not any(gate.forward is other.forward for other in first.values()):
            first[gate.name] = gate
    return first


def chosen(names: Collection[str] | None, own: Collection[Gate] = ()) -> dict[str, Gate]:
    """The gates of these names, or all that can be fused. Raises UsageError."""
    table = {g.name: g for g in (*GATES.values(), *own) if g.is_composite or g.spellings}
    if names is None:
        return fusable(own)
    for name in names:
        if name not in table:
            near = near_misses(name, list(table))
            is_known = name in GATES
            hint = tell("there are {table}", table=", ".join(table))
            hint = tell("did you mean {near}?", near=near[0]) if near and not is_known else hint
            raise UsageError(
                tell("no gate '{name}' that is made of others to fuse to", name=name)
                if is_known
                else tell("no gate '{name}' that is known to fuse to", name=name),
                hint=hint,
            )
    return {name: table[name] for name in names}


def fuse(graph: Graph, names: Collection[str] | None = None) -> Fused:
    """Every group that spells out one of the gates (all, or those named) fused to it, from the
    inside out. A gate of a group that something else uses stays as well. Shapes stay settled.
    Raises UsageError for a name that is none."""
    matcher = Matcher(_patterns(graph, chosen(names, graph.own).values()), graph.shapes)
    nodes: list[Node] = []
    groups: dict[int, Group] = {}
    for index, node in enumerate(graph.nodes):
        nodes.append(node)
        matcher.add(node)
        while (found := matcher.match(index)) is not None:
            members = {index, *found.members}
            for inner in [groups.pop(m) for m in members if m in groups]:
                members.update(inner.members)  # silu takes in the sigmoid it was found over
            groups[index] = Group(found.gate.name, index, tuple(sorted(members)), found.spelling)
            fused = nodes[index]._replace(gate=found.gate, operands=found.operands)
            nodes[index] = _settled(fused, graph)
            matcher.replace(index, nodes[index])
    kept = _needed(graph, nodes)
    place = {index: position for position, index in enumerate(kept)}
    renumbered = tuple(
        group._replace(node=place[index])
        for index, group in sorted(groups.items())
        if index in place
    )
    changed = replace(
        graph,
        nodes=tuple(moved(nodes[index], place) for index in kept),
        output=place[graph.output],
        shapes=tuple(graph.shapes[index] for index in kept) if graph.shapes else None,
    )
    return Fused(changed, renumbered)


def _settled(node: Node, graph: Graph) -> Node:
    """The gate made for the shapes that it works on: those of the group it stands for."""
    if graph.shapes is None:
        return node
    return settled_node(node, {}, graph.shapes, plainly_refused)[0]


def _patterns(graph: Graph, gates: Iterable[Gate]) -> list[Pattern]:
    """The spellings of these gates that may stand in the graph: whose functions all do, or are
    spelled out there. No others are read, which of a small graph takes longest."""
    names = names_in(graph)
    others = list(fusable(graph.own).values())
    while more := [g for g in others if any(called(text) <= names for text in spelled(g))]:
        names |= {name_of(gate) for gate in more}
        others = [gate for gate in others if gate not in more]
    texts = [(gate, text) for gate in gates for text in spelled(gate) if called(text) <= names]
    return [pattern for gate, text in texts for pattern in _of_text(gate, text)]


@functools.lru_cache(maxsize=512)
def _of_text(gate: Gate, text: str) -> tuple[Pattern, ...]:
    """A spelling of a gate; with inner gates spelled out too (silu over a spelled-out sigmoid,
    when sigmoid itself is not asked for)."""
    written = as_pattern(gate, spelling(gate, text))
    opened = expand(written)
    patterns = [Pattern(gate, written, text)]
    if opened.nodes != written.nodes:
        patterns.append(Pattern(gate, opened, text))
    return tuple(patterns)


def _needed(graph: Graph, nodes: list[Node]) -> list[int]:
    """Which nodes something still needs, in order; inputs, and stages that nothing ever used,
    stay."""
    unused = set(range(len(nodes))) - graph.ancestors(graph.output)
    inputs = set(graph.inputs.values())
    needed = {graph.output, *inputs, *unused}
    for index in range(len(nodes) - 1, -1, -1):
        if index in needed:
            needed.update(nodes[index].inputs)
    return sorted(needed)
