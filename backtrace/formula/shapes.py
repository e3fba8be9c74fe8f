"""Gives every node of a graph its shape, with the shapes of the point in hand.

What depends on shapes is settled here: max(v) of one array is the largest of its entries, an own
gate's inner gates learn what they work on. Shapes that do not fit are errors, with the caret on the
operator and, where a transpose or an axis would help, a hint that says so.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from backtrace.errors import FormulaError, Span
from backtrace.formula.printer import expressions
from backtrace.formula.tokens import tokenize
from backtrace.gates import GATES, Gate
from backtrace.gates.shapes import Shape, ShapeError, say
from backtrace.graph import Constant, Graph, Node

Refused = Callable[..., FormulaError]
_LONGEST = 30  # characters of an operand that a hint writes out


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


def _reducing(node: Node) -> Node:
    assert node.gate is not None
    axis = Constant("", (), node.span, (None,))
    return node._replace(gate=GATES[node.gate.reduction], operands=(*node.operands, axis))


def with_shapes(graph: Graph, shapes: Mapping[str, Shape]) -> tuple[Graph, tuple[Shape, ...]]:
    """The graph with its gates as these shapes ask for, and every node's shape. Raises
    FormulaError where shapes do not fit."""
    nodes: list[Node] = []
    found: list[Shape] = []

    def refused(error: ShapeError, node: Node, is_constant: bool = False) -> FormulaError:
        if is_constant:
            return FormulaError(error.what, text=graph.text, span=node.span, hint=error.hint)
        return _refusal(error, graph, node, found)

    for node in graph.nodes:
        settled, shape = _settled(node, shapes, found, refused)
        nodes.append(settled)
        found.append(shape)
    return replace(graph, nodes=tuple(nodes)), tuple(found)


def _settled(
    node: Node,
    shapes: Mapping[str, Shape],
    found: Sequence[Shape],
    refused: Refused,
) -> tuple[Node, Shape]:
    """The node with the gate its operands' shapes ask for, and its own shape."""
    if node.is_input:
        return node, shapes[node.name]
    operands = tuple(
        _settled_constant(o, refused) if isinstance(o, Constant) else o for o in node.operands
    )
    node = node._replace(operands=operands)
    given = [_shape_of(operand, found, refused) for operand in operands]
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
        raise refused(error, node) from None


def _settled_constant(constant: Constant, refused: Refused) -> Constant:
    nodes = _inside(constant, functools.partial(refused, is_constant=True))
    return constant._replace(nodes=tuple(node for node, _ in nodes))


def _inside(constant: Constant, refused: Refused) -> list[tuple[Node, Shape]]:
    """What a constant is computed by, settled, with its shapes."""
    found: list[Shape] = []
    nodes: list[Node] = []
    for node in constant.nodes:
        settled, shape = _settled(node, {}, found, refused)
        nodes.append(settled)
        found.append(shape)
    return list(zip(nodes, found, strict=True))


def with_shapes_of(constant: Constant) -> list[Shape]:
    """The shapes of what a constant's gates compute, one by one."""
    return [shape for node, shape in _inside(constant, _never) if node.gate is not None]


def _never(error: ShapeError, *_: object, **__: object) -> FormulaError:
    return FormulaError(error.what, hint=error.hint)


def _shape_of(
    operand: int | Constant,
    found: Sequence[Shape],
    refused: Refused,
) -> Any:
    """The operand's shape; what is no operand (an axis) is itself."""
    if not isinstance(operand, Constant):
        return found[operand]
    if operand.fixed is not None:
        return operand.fixed[0]
    return _inside(operand, refused)[-1][1] if operand.nodes else ()


def _refusal(error: ShapeError, graph: Graph, node: Node, found: Sequence[Shape]) -> FormulaError:
    hint = error.hint
    operands = node.operands
    if not hint and len(operands) == 2 and all(isinstance(o, int) for o in operands):
        hint = _what_would_fit(graph, node, [found[o] for o in node.inputs])
    return FormulaError(error.what, text=graph.text, span=_place(graph, node), hint=hint)


def _what_would_fit(graph: Graph, node: Node, shapes: list[Shape]) -> str:
    """`W.T@x fits: 3x2 and 2`, where a transpose or a new axis does it."""
    gate = node.gate
    assert gate is not None
    texts = expressions(graph, _LONGEST)
    names = [graph.nodes[i].name or texts[i] for i in node.inputs]
    changes = [_transposed, _as_column] if gate.operator == "@" else [_as_column, _transposed]
    for change, k in itertools.product(changes, (0, 1)):
        name, shape = change(names[k], shapes[k])
        changed = [*shapes[:k], shape, *shapes[k + 1 :]]
        if shape != shapes[k] and len(name) <= _LONGEST and _fits(gate, changed):
            words = [*names[:k], name, *names[k + 1 :]]
            joined = f"{gate.operator if gate.binding > 2 else f' {gate.operator} '}".join(words)
            return f"{joined} fits: {say(changed[0])} and {say(changed[1])}"
    return ""


def _transposed(name: str, shape: Shape) -> tuple[str, Shape]:
    simple = name.isidentifier()
    return (f"{name}.T" if simple else f"({name}).T"), shape[::-1]


def _as_column(name: str, shape: Shape) -> tuple[str, Shape]:
    if len(shape) != 1:
        return name, shape
    return f"reshape({name}, {shape[0]}, 1)", (*shape, 1)


def _fits(gate: Gate, shapes: Sequence[Shape]) -> bool:
    try:
        gate.shape(*shapes)
    except ShapeError:
        return False
    return bool(gate.operator)


def _place(graph: Graph, node: Node) -> Span:
    """The operator between its operands, or the whole call."""
    gate = node.gate
    if gate is None or not gate.operator or len(node.operands) != 2:
        return node.span
    left, right = (graph.nodes[o].span if isinstance(o, int) else o.span for o in node.operands)
    start, end = node.span
    for token in tokenize(graph.text):
        is_between = left[1] <= token.start and token.end <= right[0]
        if token.kind == gate.operator and start <= token.start < end and is_between:
            return (token.start, token.end)
    return node.span
