"""Which gate is wrong: each is tested alone, its local gradients and its value, in order."""

from __future__ import annotations

from collections.abc import Sequence

from backtrace.algebra.floats import FLOATS
from backtrace.checks import numeric, symbolic
from backtrace.gates import Gate
from backtrace.graph import Graph

_TOLERANCE = 1e-6
_FLOOR = 1e-12  # below this a difference may be cancellation within the gate
_SECONDS = 2.0


def first_wrong_gate(
    graph: Graph, values: Sequence[float], locals_: Sequence[Sequence[float]], skip: Sequence[int]
) -> int | None:
    """The first gate, in evaluation order, whose local gradient is not the measured slope of its
    own forward, or whose forward is not its formula; None when each is right on its own.

    `skip` are gates at a kink, which have no slope to measure.
    """
    needed = graph.ancestors(graph.output)
    m = numeric.enough_digits(values)
    for index, node, gate in graph.gates():
        if index not in needed or index in skip:
            continue
        slopes = numeric.local_slopes(graph, m, values, index)
        operands = node.operand_values(values, FLOATS)
        if any(map(_differ, locals_[index], slopes)) or _wrong_value(gate, values[index], operands):
            return index
    return None


def _wrong_value(gate: Gate, value: float, operands: list[float]) -> bool:
    if gate.is_comparison or gate.name == "where":
        return False  # conditions are no numbers to SymPy
    names = [f"x{k}" for k in range(len(operands))] if gate.variadic else list(gate.parameters)
    text = f"{gate.name}({', '.join(names)})" if gate.variadic else gate.formula
    answer = symbolic.ask(text, names, dict(zip(names, operands, strict=True)), (), _SECONDS)[""]
    return answer.value is not None and _differ(answer.value, value)


def _differ(a: float, b: float) -> bool:
    return abs(a - b) > max(_TOLERANCE * max(abs(a), abs(b)), _FLOOR)
