"""Graph -> Graph: groups of gates that spell out a bigger gate become that gate, and back.

    fuse(parse("1/(1+exp(-x))"))   ->   sigmoid(x)
    expand(parse("sigmoid(x)"))    ->   1/(1 + exp(-x))

The patterns are the gates' own formulas, read by our parser; there is no second list. They match in
any operand order, and where an operation has two spellings (a/b and a*b^-1, x^2 and x*x) in both.
Fusing changes no value and no gradient; it can change what survives, because a gate's own forward
is written not to overflow.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import NamedTuple

from backtrace.errors import UsageError
from backtrace.formula.parser import parse, parse_definitions
from backtrace.formula.shapes import as_of_arrays, is_of_numbers, with_shapes
from backtrace.fusion.patterns import ANY_CLASS, Matcher, Pattern, Shapes, operand_shapes
from backtrace.gates import CONVENTIONS, GATES, Gate
from backtrace.gates.shapes import Shape
from backtrace.graph import Constant, Graph, Node
from backtrace.record import Granularity, Group
from backtrace.suggestions import near_misses

_MOST_SEARCHED = 2000  # gates of a graph that nobody asked to fuse


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
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(table)}"
            known = "made of others" if name in GATES else "known"
            raise UsageError(f"no gate '{name}' that is {known} to fuse to", hint=hint)
    return {name: table[name] for name in names}


def graph_of(
    formula: str, point: Mapping[str, Shape], granularity: Granularity
) -> tuple[Graph, tuple[Group, ...]]:
    """The formula's graph, opened and fused as asked, and its groups: those that were fused, or,
    where nothing was asked, those that could be. `point` has the shape of every value that is
    given. Raises FormulaError or UsageError."""
    if granularity.kink not in CONVENTIONS:
        hint = f"there are {', '.join(CONVENTIONS)}"
        raise UsageError(f"there is no convention '{granularity.kink}'", hint=hint)
    graph = parse(formula, point.keys(), parse_definitions(granularity.gates))
    shapes: Shapes = None
    if graph.inputs.keys() <= point.keys() and not is_of_numbers(graph, point):
        graph, shapes = with_shapes(graph, point)
    if granularity.expand:
        graph = expand(graph, shapes)
        graph, shapes = with_shapes(graph, point) if shapes else (graph, None)
    if granularity.is_fused:
        fused = fuse(graph, granularity.fuse, shapes)
        graph = with_shapes(fused.graph, point)[0] if shapes else fused.graph
        return graph, fused.groups
    if granularity.expand or graph.gate_count > _MOST_SEARCHED:
        return graph, ()
    return graph, tuple(
        group._replace(node=group.members[-1])
        for group in fuse(graph, None, shapes).groups
        if len(group.members) > 1
    )


def fuse(graph: Graph, names: Collection[str] | None = None, shapes: Shapes = None) -> Fused:
    """Every group that spells out one of the gates (all, or those named) fused to it, from the
    inside out. A gate of a group that something else uses stays as well. `shapes` are the nodes',
    where there are arrays."""
    matcher = Matcher(_patterns(tuple(chosen(names, graph.own).values()), graph.own), shapes)
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
            nodes[index] = nodes[index]._replace(gate=found.gate, operands=found.operands)
            matcher.replace(index, nodes[index])
    kept, place = _prune(graph, nodes)
    renumbered = tuple(
        group._replace(node=place[index])
        for index, group in sorted(groups.items())
        if index in place
    )
    return Fused(replace(graph, nodes=kept, output=place[graph.output]), renumbered)


@functools.lru_cache(maxsize=16)
def _patterns(gates: tuple[Gate, ...], own: tuple[Gate, ...]) -> tuple[Pattern, ...]:
    """Every spelling of every gate; with inner gates spelled out too (silu over a spelled-out
    sigmoid, when sigmoid itself is not asked for)."""
    table = {gate.name: gate for gate in own}
    patterns: list[Pattern] = []
    for gate in gates:
        for text in (gate.formula, *gate.spellings):
            written = _with_any_class(gate, parse(text, gate.parameters, table))
            written = as_of_arrays(written) if gate.is_of_arrays else written
            opened = expand(written)
            patterns.append(Pattern(gate, written, text))
            if opened.nodes != written.nodes:
                patterns.append(Pattern(gate, opened, text))
    return tuple(patterns)


def _with_any_class(gate: Gate, spelling: Graph) -> Graph:
    """In a spelling of a gate that takes a class k, z[0] is z[k], whichever that is."""
    if "k" not in gate.parameters:
        return spelling
    wildcard = Constant("k", fixed=ANY_CLASS)
    nodes = tuple(
        node._replace(operands=(node.operands[0], wildcard))
        if node.gate is GATES["index"]
        else node
        for node in spelling.nodes
    )
    return replace(spelling, nodes=nodes)


def _prune(graph: Graph, nodes: list[Node]) -> tuple[tuple[Node, ...], dict[int, int]]:
    """Leaves out what nothing needs any more; inputs, and stages that nothing ever used, stay."""
    unused = set(range(len(nodes))) - graph.ancestors(graph.output)
    inputs = set(graph.inputs.values())
    needed = {graph.output, *inputs, *unused}
    for index in range(len(nodes) - 1, -1, -1):
        if index in needed:
            needed.update(nodes[index].inputs)
    place = {index: position for position, index in enumerate(sorted(needed))}
    return tuple(moved(nodes[index], place) for index in sorted(needed)), place


def moved(node: Node, place: Mapping[int, int]) -> Node:
    operands = tuple(place[o] if isinstance(o, int) else o for o in node.operands)
    return node._replace(operands=operands)


def expand(graph: Graph, shapes: Shapes = None) -> Graph:
    """Every gate that is made of others opened, down to gates that are not."""
    nodes: list[Node] = []
    place: dict[int, int] = {}
    opened: dict[tuple[str, tuple[Shape, ...]], Graph] = {}
    own = {gate.name: gate for gate in graph.own}
    for index, node in enumerate(graph.nodes):
        gate = node.gate
        given = operand_shapes(node.operands, shapes)
        if gate is None or not gate.is_composite or not gate.spells(*given):
            nodes.append(moved(node, place))
        else:
            key = (gate.name, given)
            if key not in opened:
                inner = _formula_graph(gate, len(node.operands), own)
                names = dict(zip(_parameters(gate, len(given)), given, strict=True))
                settled = with_shapes(inner, names) if shapes else (inner, None)
                opened[key] = expand(*settled)
            _inline(nodes, moved(node, place), opened[key])
        place[index] = len(nodes) - 1
    return replace(graph, nodes=tuple(nodes), output=place[graph.output])


def _formula_graph(gate: Gate, count: int, own: Mapping[str, Gate]) -> Graph:
    """The gate's formula as a graph whose inputs stand in the order of its operands."""
    return parse(gate.formula_for(count), _parameters(gate, count), own)


def _parameters(gate: Gate, count: int) -> tuple[str, ...]:
    return tuple(f"x{k}" for k in range(count)) if gate.variadic else gate.parameters


def _inline(nodes: list[Node], node: Node, inner: Graph) -> None:
    """Appends the inner graph's gates, with the node's operands for its inputs; the last takes the
    node's name."""
    assert node.gate is not None
    parameters = _parameters(node.gate, len(node.operands))
    operands = dict(zip(parameters, node.operands, strict=True))
    place: dict[int, int | Constant] = {}
    for index, part in enumerate(inner.nodes):
        if part.is_input:
            place[index] = operands[part.name]
            continue
        own = tuple(place[o] if isinstance(o, int) else o for o in part.operands)
        nodes.append(Node(part.gate, own, "", node.span))
        place[index] = len(nodes) - 1
    last = place[inner.output]
    if last == len(nodes) - 1 and not nodes[-1].name:
        nodes[-1] = nodes[-1]._replace(name=node.name)
    else:  # an own gate that gives back its input, or a constant
        nodes.append(Node(GATES["identity"], (last,), node.name, node.span))
