"""Which variables have no derivative to compare, because a gate on the way stands at a kink."""

from __future__ import annotations

from backtrace.algebra.floats import FLOATS
from backtrace.checks.subject import Subject
from backtrace.formula.printer import label
from backtrace.graph import Constant

_FINEST = 2.0**20


def _is_rounded(constant: Constant) -> bool:
    """Whether its float is likely not what is written: 0.1, 1/3, pi; not 0.5 or 2."""
    if constant.holds_arrays:
        return True
    value: float = constant.value(FLOATS) * _FINEST
    return not value.is_integer()


def at_kinks(subject: Subject) -> dict[str, str]:
    """The variables whose gradient passes a gate at a kink, and which gate that is."""
    graph = subject.graph
    needed = graph.ancestors(graph.output)
    at_kink = set(subject.kinks) & needed
    for index in subject.kinks:  # a tie of rounded numbers may be none with more digits
        node, gate = graph.nodes[index], graph.nodes[index].gate
        rounded = any(graph.nodes[i].gate for i in node.inputs) or any(
            map(_is_rounded, node.constants)
        )
        if gate is not None and gate.is_comparison and rounded:
            at_kink.update(user for user, _ in graph.consumers[index])
    passed: dict[int, int] = {}  # for each node the kink its gradient came by
    for index in range(graph.output, -1, -1):
        kink = index if index in at_kink else passed.get(index)
        if kink is not None and index in needed:
            for source in graph.inputs_of[index]:
                passed.setdefault(source, kink)
    return {
        name: f"{label(graph.nodes[passed[index]])} (#{passed[index]}) is at a kink: "
        "no derivative to compare"
        for name, index in graph.inputs.items()
        if index in passed and name in subject.wrt
    }
