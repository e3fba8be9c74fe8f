"""What a careful teacher would say beside the numbers: ties at kinks, infinities that healed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from backtrace.algebra.floats import FLOATS
from backtrace.engine import Backward
from backtrace.formula.printer import application, label
from backtrace.graph import Graph
from backtrace.notation import number
from backtrace.record import Note


def kink_notes(
    graph: Graph, values: Sequence[float], flow: Backward, convention: str
) -> Iterator[Note]:
    """Every gate that stands at a kink, with the convention that was used."""
    for index in flow.kinks:
        node = graph.nodes[index]
        if node.gate is None or node.gate.kink is None:
            continue
        operands = [number(v) for v in node.operand_values(values, FLOATS)]
        at = application(node.gate, operands)
        words = f"{at} is at a kink: {node.gate.kink.says}"
        if convention in node.gate.kink.others:
            slopes = ", ".join(map(number, flow.locals[index]))
            words = f"{at} is at a kink: its local gradients are {slopes}"
            words += f" ({convention} convention, gate by gate)"
        elif not node.gate.is_comparison:
            words += " (minimum-norm convention)"
        yield Note("kink", words, index)


def healed_notes(graph: Graph, values: Sequence[float]) -> Iterator[Note]:
    """A value that is not finite, and yet the output and its gradients are."""
    for index, node, gate in graph.gates():
        operands = node.operand_values(values, FLOATS)
        if not math.isfinite(values[index]) and all(map(math.isfinite, operands)):
            yield Note(
                "overflow",
                f"{label(node)} of {', '.join(map(number, operands))} is {number(values[index])}; "
                f"it does not reach the result" + (f" ({gate.cure})" if gate.cure else ""),
                index,
            )
