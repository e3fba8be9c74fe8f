"""Which gate is wrong: each is tested alone, where it stands, in evaluation order."""

from __future__ import annotations

from backtrace.algebra.floats import FLOATS
from backtrace.checks import numeric
from backtrace.checks.subject import Subject
from backtrace.gates import Gate

_TOLERANCE = 1e-6
_FLOOR = 1e-12  # below this a difference may be cancellation within the gate
_SECONDS = 2.0


def wrong_local(subject: Subject) -> int | None:
    """The first gate whose local gradient is not the measured slope of its own forward; None when
    each is right on its own. Gates at a kink have no slope to measure."""
    graph = subject.graph
    at_kink = set(subject.kinks)
    m = numeric.enough_digits(subject.values)
    for index, _, _ in graph.gates():
        if index not in at_kink:
            slopes = numeric.local_slopes(graph, m, subject.values, index)
            if any(map(_differ, subject.locals[index], slopes)):
                return index
    return None


def wrong_value(subject: Subject) -> int | None:
    """The first gate whose value is not what SymPy makes of its formula; None when each is."""
    for index, node, gate in subject.graph.gates():
        if gate.is_comparison or gate.name == "where":
            continue  # conditions are no numbers to SymPy
        operands = node.operand_values(subject.values, FLOATS)
        expected = _by_formula(gate, operands)
        if expected is not None and _differ(expected, subject.values[index]):
            return index
    return None


def _by_formula(gate: Gate, operands: list[float]) -> float | None:
    from backtrace.checks.symbolic import ask

    names = [f"x{k}" for k in range(len(operands))] if gate.variadic else list(gate.parameters)
    text = f"{gate.name}({', '.join(names)})" if gate.variadic else gate.formula
    return ask(text, names, dict(zip(names, operands, strict=True)), (), _SECONDS)[""].value


def _differ(a: float, b: float) -> bool:
    return abs(a - b) > max(_TOLERANCE * max(abs(a), abs(b)), _FLOOR)
