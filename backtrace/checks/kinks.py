"""Which variables have no derivative to compare, because a gate on the way stands at a kink."""

from __future__ import annotations

from backtrace.checks.subject import Subject
from backtrace.formula.printer import label


def at_kinks(subject: Subject) -> dict[str, str]:
    """The variables whose gradient passes a gate at a kink, and which gate that is."""
    graph = subject.graph
    needed = graph.ancestors(graph.output)
    at_kink = set(subject.kinks) & needed
    for index in subject.kinks:  # a tie of computed numbers may be none with more digits
        computed = any(graph.nodes[i].gate for i in graph.inputs_of[index])
        gate = graph.nodes[index].gate
        if gate is not None and gate.is_comparison and computed:
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
