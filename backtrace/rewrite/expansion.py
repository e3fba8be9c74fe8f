"""Gates that are made of others, opened: sigmoid(x) -> 1/(1 + exp(-x)).

Shapes go along: a gate that is opened on arrays has its formula settled for their shapes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from backtrace.formula.literals import spelled
from backtrace.gates import GATES, Gate
from backtrace.gates.shapes import Shape
from backtrace.graph import Constant, Graph, Node
from backtrace.graph.shapes import settled
from backtrace.rewrite.spellings import along, formula_graph, numbers, parameters

Operand = int | Constant
Shapes = Sequence[Shape] | None
"""Every node's shape; None where all are numbers."""


def expand(graph: Graph, only_own: bool = False) -> Graph:
    """Every gate that is made of others (or of them only the user's own) opened, down to gates
    that are not."""
    nodes: list[Node] = []
    shapes: list[Shape] = []
    place: dict[int, int] = {}
    opened: dict[tuple[str, tuple[Shape, ...]], Graph] = {}
    for index, node in enumerate(graph.nodes):
        gate = node.gate
        given = operand_shapes(node.operands, graph.shapes)
        if gate is None or not (_opens(gate, only_own) and gate.is_spelled(gate.formula, given)):
            nodes.append(moved(node, place))
            shapes += [graph.shapes[index]] if graph.shapes else []
        else:
            key = (gate.name, given)
            if key not in opened:
                opened[key] = _opened(gate, given, graph.shapes is not None, only_own)
            _inline(nodes, shapes, moved(node, place), opened[key], numbers(gate, given))
        place[index] = len(nodes) - 1
    known = tuple(shapes) if graph.shapes else None
    return replace(graph, nodes=tuple(nodes), output=place[graph.output], shapes=known)


def _opens(gate: Gate, only_own: bool) -> bool:
    return gate.is_composite and (gate.is_own or not only_own)


def _opened(gate: Gate, given: tuple[Any, ...], is_of_arrays: bool, only_own: bool) -> Graph:
    """The gate's formula for operands of these shapes, opened in its turn."""
    inner = formula_graph(gate, len(given))
    if "axis" in gate.fixed:
        axis = given[gate.parameters.index("axis")]
        inner = along(gate, inner, Constant(spelled(axis), fixed=(axis,)))
    if is_of_arrays:
        names = parameters(gate, len(given))
        inner = settled(
            inner, dict(zip(names, given, strict=True)) | dict.fromkeys(gate.numbers, ())
        )
    return expand(inner, only_own)


def _inline(
    nodes: list[Node],
    shapes: list[Shape],
    node: Node,
    inner: Graph,
    known: Mapping[str, Constant],
) -> None:
    """Appends the inner graph's gates, with the node's operands, and the numbers that are `known`,
    for its inputs; the last takes the node's name."""
    assert node.gate is not None
    names = parameters(node.gate, len(node.operands))
    operands: dict[str, Operand] = {**known, **dict(zip(names, node.operands, strict=True))}
    place: dict[int, Operand] = {}
    for index, part in enumerate(inner.nodes):
        if part.is_input:
            place[index] = operands[part.name]
            continue
        own = tuple(place[o] if isinstance(o, int) else o for o in part.operands)
        nodes.append(Node(part.gate, own, "", node.span))
        shapes += [inner.shapes[index]] if inner.shapes else []
        place[index] = len(nodes) - 1
    last = place[inner.output]
    if last == len(nodes) - 1 and not nodes[-1].name:
        nodes[-1] = nodes[-1]._replace(name=node.name)
    else:  # an own gate that gives back its input, or a constant
        nodes.append(Node(GATES["identity"], (last,), node.name, node.span))
        shapes += [inner.shapes[inner.output]] if inner.shapes else []


def moved(node: Node, place: Mapping[int, int]) -> Node:
    operands = tuple(place[o] if isinstance(o, int) else o for o in node.operands)
    return node._replace(operands=operands)


def operand_shapes(operands: Sequence[Operand], shapes: Shapes) -> tuple[Any, ...]:
    """The operands' shapes; what is no operand (an axis) is itself, and so is a constant array."""
    return tuple(
        (shapes[o] if shapes else ())
        if isinstance(o, int)
        else (() if o.fixed is None else o.fixed[0])
        for o in operands
    )
