"""Where cancellation has spoilt printed digits of the output: a pass with 30 digits from the same
floats shows which gate lost most of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backtrace.algebra.digits import Digits
from backtrace.algebra.floats import FLOATS
from backtrace.checks.deadline import OutOfTime, within
from backtrace.checks.subject import Subject
from backtrace.formula.printer import application, label
from backtrace.gates import Role
from backtrace.graph import Graph
from backtrace.notation import number
from backtrace.record import Note

_SHOWN = 4  # digits that are printed unasked
_MOST_COMPARED = 2000  # gates
_MANY, _DOUBLE = 30, 16.0
_TINY = 1e-290


def accuracy_notes(subject: Subject, seconds: float) -> list[Note]:
    """The note, if there is one to give and it is found in time."""
    if subject.graph.gate_count > _MOST_COMPARED:
        return []
    try:
        return within(seconds, lambda: list(_notes(subject.graph, subject.point, subject.values)))
    except OutOfTime:
        return []


def _notes(graph: Graph, point: Mapping[str, float], values: Sequence[float]) -> Iterator[Note]:
    m = Digits(_MANY)
    exact = graph.evaluate(m, {name: m.from_float(value) for name, value in point.items()})
    lost = [_lost(value, true) for value, true in zip(values, exact, strict=True)]
    output = graph.output
    if _DOUBLE - lost[output] >= _SHOWN:
        return
    here = output
    while True:  # up to the gate whose inputs are still good
        worst = max(graph.inputs_of[here], key=lost.__getitem__, default=None)
        if worst is None or lost[worst] < lost[here] / 2:
            break
        here = worst
    node = graph.nodes[here]
    gate = node.gate
    if gate is None:
        return
    applied = application(gate, [number(v, 17) for v in node.operand_values(values, m=FLOATS)])
    how = "cancels" if gate.role is Role.DISTRIBUTOR else "magnifies what its input has lost"
    right = max(0, math.floor(_DOUBLE - lost[output]))
    whole = f"{right} right digit{'s' * (right != 1)}" if right else "no right digit"
    true = number(float(exact[output]), _SHOWN + 2)
    yield Note(
        "accuracy",
        f"{label(node)} #{here} loses {min(lost[here], _DOUBLE):.0f} of 16 digits: {applied} "
        f"{how}; {graph.output_name} has {whole} (with {_MANY} digits it is {true})",
        here,
    )


def _lost(value: float, true: Any) -> float:
    """How many of a float's 16 digits are not right. (What underflows has no digits to lose.)"""
    if not math.isfinite(value) or value == true or max(abs(value), abs(true)) < _TINY:
        return 0.0
    error = abs(true - value)
    scale = abs(true) or error
    return float(max(0.0, _DOUBLE + math.log10(float(error / scale) or 1e-300)))
