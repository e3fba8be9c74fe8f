"""Which variables pass a gate that stands at a kink; and whether there is a derivative all the
same, because both sides have one slope: relu(x) - relu(-x) at 0."""

from __future__ import annotations

import math

from backtrace.algebra.floats import FLOATS
from backtrace.algebra.values import is_finite
from backtrace.checks.traced import TOLERANCE, Subject
from backtrace.formula.printer import label
from backtrace.graph import Constant
from backtrace.language import tell
from backtrace.numbers import number

_FINEST = 2.0**20


def _is_rounded(constant: Constant) -> bool:
    """Whether its float is likely not what is written: 0.1, 1/3, pi; not 0.5 or 2."""
    if constant.holds_arrays:
        return True
    value: float = constant.value(FLOATS) * _FINEST
    return not value.is_integer()


def gates_at_kinks(subject: Subject) -> set[int]:
    """The gates that stand at a kink, or take the branch that one has decided on."""
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
    return at_kink & needed


def at_kinks(subject: Subject) -> dict[str, int]:
    """The variables whose way to the output passes a gate at a kink, and which gate that is."""
    graph = subject.graph
    needed = graph.ancestors(graph.output)
    at_kink = gates_at_kinks(subject)
    return _reached(subject, needed, at_kink)


def not_finite(subject: Subject) -> dict[str, str]:
    """The variables whose way to the output passes a value that is not finite, in a branch that is
    not taken; and which gate that is, in words."""
    graph = subject.graph
    needed = graph.ancestors(graph.output)
    bad = {index for index in needed if not is_finite(subject.values[index])}
    return {
        name: tell(
            "not checked: {label} (#{gate}) is not finite",
            label=label(graph.nodes[gate]),
            gate=gate,
        )
        for name, gate in _reached(subject, needed, bad).items()
    }


def _reached(subject: Subject, needed: set[int], gates: set[int]) -> dict[str, int]:
    """The variables with a way to the output through one of these gates, and which gate that is."""
    graph = subject.graph
    passed: dict[int, int] = {}  # for each node the gate its gradient came by
    for index in range(graph.output, -1, -1) if gates else ():
        gate = index if index in gates else passed.get(index)
        if gate is not None and index in needed:
            for source in graph.inputs_of[index]:
                passed.setdefault(source, gate)
    return {
        name: passed[index]
        for name, index in graph.inputs.items()
        if index in passed and name in subject.wrt
    }


def stands(subject: Subject, gate: int) -> str:
    """Which gate stands at a kink."""
    return tell("{label} (#{gate}) is at a kink", label=label(subject.graph.nodes[gate]), gate=gate)


def derivative(left: float, right: float) -> float | None:
    """The slope that both sides have; None where they differ, or where one has none."""
    if not (math.isfinite(left) and math.isfinite(right)):
        return None
    is_one = abs(left - right) <= TOLERANCE * max(abs(left), abs(right))
    return left if is_one else None


def side_text(slope: float) -> str:
    """The slope on one side, as `numeric.one_sided` has it."""
    if math.isinf(slope):
        return tell("it jumps")
    return tell("it has none") if math.isnan(slope) else number(slope)
