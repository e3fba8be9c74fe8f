"""What is detached stands as it is at the point, while a witness moves the variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from backtrace.algebra import Algebra, Value
from backtrace.graph import Graph, Node
from backtrace.language import tell

Evaluate = Callable[[Mapping[str, Value]], list[Value]]


def evaluator(graph: Graph, m: Algebra, point: Mapping[str, Value]) -> Evaluate:
    """`graph.evaluate` in `m` for points near `point`: every detach(x) keeps the value it has
    there, as an input of its own."""
    names = {
        index: tell("held {index}", index=index)
        for index, _, gate in graph.gates()
        if gate.name == "detach"
    }
    if not names:
        return lambda moved: graph.evaluate(m, moved)
    values = graph.evaluate(m, point)
    held = {name: values[index] for index, name in names.items()}
    nodes = tuple(
        Node(None, (), names[index], node.span) if index in names else node
        for index, node in enumerate(graph.nodes)
    )
    without = replace(graph, nodes=nodes)
    return lambda moved: without.evaluate(m, {**moved, **held})
