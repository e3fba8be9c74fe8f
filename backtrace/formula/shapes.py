"""A formula's graph with the shapes of the point: signs get the meaning that shapes decide, and
every node its shape (`graph.shapes`).

Shapes that do not fit are errors, with the caret on the operator and, where a transpose or an axis
would help, a hint that says so.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

from backtrace.errors import FormulaError, Span
from backtrace.formula.meanings import OF_NUMBERS, Meanings
from backtrace.formula.printer import expressions, source
from backtrace.formula.tokens import tokenize
from backtrace.gates import Gate
from backtrace.gates.shapes import Shape, ShapeError, say
from backtrace.graph import Constant, Graph, Node
from backtrace.graph.record import READ_AS
from backtrace.graph.shapes import settled, settled_node, shape_of_operand
from backtrace.language import tell

_LONGEST = 30  # characters of an operand that a hint writes out


def with_shapes(graph: Graph, shapes: Mapping[str, Shape], is_whole: bool = True) -> Graph:
    """The graph with its signs and gates as these shapes ask for, and every node's shape;
    `is_whole` says that it is not inside another. Raises FormulaError where shapes do not fit."""
    if graph.signs:
        graph = _with_meanings(graph, shapes, is_whole)
    return settled(graph, shapes, functools.partial(_refused, graph))


def _refused(
    graph: Graph, error: ShapeError, node: Node, found: Sequence[Shape], is_constant: bool = False
) -> FormulaError:
    """Shapes that do not fit: the caret on the operator, and what would."""
    if is_constant:
        return FormulaError(error.what, text=graph.text, span=node.span, hint=error.hint)
    return _refusal(error, graph, node, found)


def _with_meanings(graph: Graph, shapes: Mapping[str, Shape], is_whole: bool) -> Graph:
    """The graph with every sign read as these shapes ask for."""
    read = Meanings(graph, graph.nodes, shapes, is_whole)
    nodes, place = _read(graph, graph.nodes, read, shapes)
    result = replace(graph, nodes=nodes, output=place[graph.output], signs={})
    readings = (*graph.readings, *read.sentences)
    if read.is_rewritten:
        readings = (tell(READ_AS, formula=source(result, powers=False)), *readings)
    return replace(result, readings=readings)


def _read(
    graph: Graph,
    written: Sequence[Node],
    read: Meanings,
    shapes: Mapping[str, Shape],
) -> tuple[tuple[Node, ...], list[int]]:
    """The nodes that these stand for, and which of them each has become."""
    nodes: list[Node] = []
    found: list[Shape] = []
    place: list[int] = []

    def refused(error: ShapeError, node: Node, *_: object, **place: bool) -> FormulaError:
        so_far = replace(graph, nodes=(*nodes, node), output=len(nodes))
        return _refused(so_far, error, node, found, **place)

    def constant(operand: Constant) -> Constant:
        if not operand.nodes:
            return operand
        inner = Meanings(graph, operand.nodes, {}, is_whole=False)
        result = operand._replace(nodes=_read(graph, operand.nodes, inner, {})[0])
        read.is_rewritten |= inner.is_rewritten
        return result

    for index, node in enumerate(written):
        operands = [constant(o) if isinstance(o, Constant) else place[o] for o in node.operands]
        moved = node._replace(operands=tuple(operands))
        steps = [moved]
        if node.gate is not None:
            given = [shape_of_operand(operand, found, refused) for operand in operands]
            try:
                read_as = read.steps(index, moved, given, len(nodes))
            except ShapeError as error:
                what, hint = error.what, error.hint
                raise FormulaError(what, text=graph.text, span=node.span, hint=hint) from None
            steps = [moved._replace(gate=g, operands=o, name="") for g, o in read_as]
            steps[-1] = steps[-1]._replace(name=node.name)
        for step in steps:
            found.append(settled_node(step, shapes, found, refused)[1])
            nodes.append(step)
        place.append(len(nodes) - 1)
    return tuple(nodes), place


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
            return tell(
                "{joined} fits: {changed} and {changed_changed}",
                joined=joined,
                changed=say(changed[0]),
                changed_changed=say(changed[1]),
            )
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
    if gate is None or not gate.operator or len(node.operands) != 2 or graph.read_as:
        return node.span
    left, right = (graph.nodes[o].span if isinstance(o, int) else o.span for o in node.operands)
    start, end = node.span
    for token in tokenize(graph.text):
        is_between = left[1] <= token.start and token.end <= right[0]
        if token.kind in (gate.operator, *OF_NUMBERS) and start <= token.start < end and is_between:
            return (token.start, token.end)
    return node.span
