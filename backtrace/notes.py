"""What a careful teacher would say beside the numbers: ties at kinks, infinities that healed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from backtrace.algebra.floats import FLOATS
from backtrace.formula.printer import application, label
from backtrace.graph import Graph
from backtrace.notation import number
from backtrace.record import Note


def kink_notes(graph: Graph, values: Sequence[float], kinks: Sequence[int]) -> Iterator[Note]:
    """Every gate that stands at a kink, with the convention that was used."""
    for index in kinks:
        node = graph.nodes[index]
        if node.gate is None or node.gate.kink is None:
            continue
        operands = [number(v) for v in node.operand_values(values, FLOATS)]
        at = application(node.gate, operands)
        convention = "" if node.gate.is_comparison else " (minimum-norm convention)"
        words = f"{at} is at a kink: {node.gate.kink.says}{convention}"
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
