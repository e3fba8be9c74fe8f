"""What is asked of a trace: the values of its gates as they are evaluated, then the gradients, from
the output back: what flows out of each gate, when all that flows into a node has been asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from backtrace.algebra.values import shape_of, size_of
from backtrace.formula.printer import label, short_expressions
from backtrace.gates.shapes import Shape
from backtrace.graph import Graph
from backtrace.graph.record import Record
from backtrace.homework.answers import is_answer_name
from backtrace.homework.points import class_inputs
from backtrace.language import tell

MOST_ENTRIES = 12
"""A larger array is given, and not asked for."""
KINDS = ("gradients", "values", "all")
_MOST_USES = 3
_LONGEST = 48  # characters of what a gate computes


@dataclass(frozen=True, slots=True)
class Ask:
    """One number or array that is asked for.

    name         what `backtrace check` calls it: q, dq, #3, d#3
    node         its number in the trace; `is_gradient` whether its gradient is meant or its value
    shape        of the answer; () for a number
    says         of a value what it computes, `q = x + y`; of a gradient which gates the node goes
                 into, `q goes into f = q*z`
    """

    name: str
    node: int
    is_gradient: bool
    shape: Shape
    says: str


def asks_of(record: Record, kind: str) -> tuple[tuple[Ask, ...], tuple[str, ...]]:
    """What is asked, in order, and the names of the arrays that are too large for it."""
    steps = step_texts(record.graph)
    asked: list[Ask] = []
    if kind != "gradients":
        asked += [_value(record, node, steps) for node in _gates(record.graph)]
    if kind != "values":
        asked += [_gradient(record, node, steps) for node in _backward(record)]
    small = tuple(ask for ask in asked if _size(record, ask) <= MOST_ENTRIES)
    return small, tuple(ask.name for ask in asked if ask not in small)


def _size(record: Record, ask: Ask) -> int:
    return size_of(record.values[ask.node])


def step_texts(graph: Graph) -> list[str]:
    """What every node computes of the nodes before it, by name or number: q = x + y, #4 = #3*z."""
    texts = short_expressions(graph, 0)
    found = []
    for index, (node, text) in enumerate(zip(graph.nodes, texts, strict=True)):
        if node.gate is not None and not node.name:
            text = f"{short_name(graph, index)} = {text}"
        room = _LONGEST + len(short_name(graph, index))
        found.append(text if len(text) <= room else text[: room - 1] + "…")
    return found


def short_name(graph: Graph, index: int) -> str:
    """q, x, #3; f for an output that has no name."""
    node = graph.nodes[index]
    return node.name or (graph.output_name if index == graph.output else f"#{index}")


def answer_name(graph: Graph, index: int, is_gradient: bool) -> str:
    """What an answer is called: by its number where its name could be read in two ways."""
    name = "d" * is_gradient + short_name(graph, index)
    return name if is_answer_name(name, graph) else f"{'d' * is_gradient}#{index}"


def _gates(graph: Graph) -> Iterator[int]:
    """The gates that the output needs, and that compute something of an input."""
    needed = graph.ancestors(graph.output)
    for index, node, _ in graph.gates():
        if index in needed and node.inputs:
            yield index


def _backward(record: Record) -> Iterator[int]:
    """The nodes whose gradient is asked for: not the output's, where it begins, and none of a
    condition or a class, which have no slope."""
    graph = record.graph
    gates = set(_gates(graph))
    classes = set(class_inputs(graph))
    waiting = [sum(gate in gates for gate, _ in uses) for uses in graph.consumers]
    for gate in sorted(gates, reverse=True):
        for source in graph.inputs_of[gate]:
            waiting[source] -= 1
            node = graph.nodes[source]
            if waiting[source] or source == graph.output:
                continue
            is_class = node.name in classes and not np.any(record.upstreams[source])
            if source in gates:
                is_class = _is_condition(graph, source)
            if (node.is_input or source in gates) and not is_class:
                yield source


def _is_condition(graph: Graph, index: int) -> bool:
    gate = graph.nodes[index].gate
    return gate is not None and gate.is_comparison


def _value(record: Record, index: int, steps: list[str]) -> Ask:
    name = answer_name(record.graph, index, False)
    return Ask(name, index, False, shape_of(record.values[index]), steps[index])


def _gradient(record: Record, index: int, steps: list[str]) -> Ask:
    graph = record.graph
    needed = graph.ancestors(graph.output)
    users = dict.fromkeys(gate for gate, _ in graph.consumers[index] if gate in needed)
    uses = [steps[gate] for gate in users]
    if len(uses) > _MOST_USES:
        uses[_MOST_USES:] = [tell("{n} gates more", n=len(uses) - _MOST_USES)]
    says = tell(
        "{name} goes into {gates}", name=short_name(graph, index), gates=tell(" and ").join(uses)
    )
    name = answer_name(graph, index, True)
    return Ask(name, index, True, shape_of(record.values[index]), says)


def gate_words(graph: Graph, index: int) -> str:
    """#4 mul."""
    return f"#{index} {label(graph.nodes[index])}"
