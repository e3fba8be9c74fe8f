"""Every node's shape, and the gates that depend on shapes settled for them.

max(v) of one array is the largest of its entries; an own gate's inner gates learn what they work
on. Only shapes are needed, no text: whoever reads or rewrites a graph settles what it makes here.
What does not fit is handed to `refused`, which makes the error to be raised.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from backtrace.errors import FormulaError
from backtrace.gates import GATES
from backtrace.gates.shapes import Shape, ShapeError
from backtrace.graph import Constant, Graph, Node

Refused = Callable[..., FormulaError]
"""From the error, the node, the shapes found so far, and whether it is in a constant."""


def is_of_numbers(graph: Graph, shapes: Mapping[str, Shape]) -> bool:
    """Whether every node is a number: no array is given, and no gate is for arrays."""
    return not any(shapes.values()) and not graph.uses_arrays


def as_of_arrays(graph: Graph) -> Graph:
    """The graph with max(x), min(x) and logsumexp(x) of one operand as reductions of an array."""
    nodes = tuple(
        _reducing(node) if node.gate and node.gate.reduction and len(node.operands) == 1 else node
        for node in graph.nodes
    )
    return replace(graph, nodes=nodes)


def settled(graph: Graph, shapes: Mapping[str, Shape], refused: Refused | None = None) -> Graph:
    """The graph with its gates as the shapes of its inputs ask for, and every node's shape in
    `shapes`. Raises FormulaError where shapes do not fit."""
    nodes: list[Node] = []
    found: list[Shape] = []
    for node in graph.nodes:
        now, shape = settled_node(node, shapes, found, refused or plainly_refused)
        nodes.append(now)
        found.append(shape)
    return replace(graph, nodes=tuple(nodes), shapes=tuple(found))


def settled_node(
    node: Node, shapes: Mapping[str, Shape], found: Sequence[Shape], refused: Refused
) -> tuple[Node, Shape]:
    """The node with the gate its operands' shapes ask for, and its own shape; `found` are those of
    the nodes before it."""
    if node.is_input:
        return node, shapes[node.name]
    operands = tuple(
        _settled_constant(o, refused) if isinstance(o, Constant) else o for o in node.operands
    )
    node = node._replace(operands=operands)
    given = [shape_of_operand(operand, found, refused) for operand in operands]
    gate = node.gate
    if gate is None:
        return node, given[0]
    if gate.reduction and len(given) == 1 and given[0]:
        node, gate, given = _reducing(node), GATES[gate.reduction], [given[0], None]
    try:
        if gate.of_shapes is not None:
            gate = gate.of_shapes(tuple(given))
            node = node._replace(gate=gate)
        return node, gate.shape(*given)
    except ShapeError as error:
        raise refused(error, node, found) from None


def shape_of_operand(operand: int | Constant, found: Sequence[Shape], refused: Refused) -> Any:
    """The operand's shape; what is no operand (an axis) is itself."""
    if not isinstance(operand, Constant):
        return found[operand]
    if operand.fixed is not None:
        return operand.fixed[0]
    return _inside(operand, refused)[-1][1] if operand.nodes else ()


def shapes_inside(constant: Constant) -> list[Shape]:
    """The shapes of what a constant's gates compute, one by one."""
    return [shape for node, shape in _inside(constant, plainly_refused) if node.gate is not None]


def _reducing(node: Node) -> Node:
    assert node.gate is not None
    axis = Constant("", (), node.span, (None,))
    return node._replace(gate=GATES[node.gate.reduction], operands=(*node.operands, axis))


def _settled_constant(constant: Constant, refused: Refused) -> Constant:
    nodes = _inside(constant, functools.partial(refused, is_constant=True))
    return constant._replace(nodes=tuple(node for node, _ in nodes))


def _inside(constant: Constant, refused: Refused) -> list[tuple[Node, Shape]]:
    """What a constant is computed by, settled, with its shapes."""
    found: list[Shape] = []
    nodes: list[Node] = []
    for node in constant.nodes:
        now, shape = settled_node(node, {}, found, refused)
        nodes.append(now)
        found.append(shape)
    return list(zip(nodes, found, strict=True))


def plainly_refused(error: ShapeError, *_: object, **__: object) -> FormulaError:
    return FormulaError(error.what, hint=error.hint)
