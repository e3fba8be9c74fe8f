"""What a careful teacher would say beside the numbers: ties at kinks, infinities that healed,
digits that cancelled."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backtrace.algebra import Algebra
from backtrace.algebra.floats import FLOATS
from backtrace.engine import Backward
from backtrace.entries import all_at, at, first_bad, is_finite, place_text, shape_of, size_of
from backtrace.formula.printer import application, label
from backtrace.gates import Role
from backtrace.gates.shapes import say
from backtrace.graph import Graph
from backtrace.notation import number
from backtrace.record import Note

SHOWN = 4  # digits that are printed unasked
_MOST_COMPARED = 2000  # gates
_MANY, _DOUBLE = 30, 16.0
_TINY = 1e-290


def kink_notes(
    graph: Graph, values: Sequence[Any], flow: Backward, convention: str, m: Algebra
) -> Iterator[Note]:
    """Every gate that stands at a kink, with the convention that was used."""
    for index in flow.kinks:
        node = graph.nodes[index]
        if node.gate is None or node.gate.kink is None:
            continue
        operands = node.operand_values(values, m)
        where, place = _where(node.gate.kink.at(m, values[index], *operands), values[index])
        at_kink = f"{node.gate.word} of shape {say(shape_of(operands[0]))}{where}"
        if node.gate.pullback is None:
            at_kink = application(node.gate, [number(v) for v in all_at(operands, place)]) + where
        words = f"{at_kink} is at a kink: {node.gate.kink.says}"
        if convention in node.gate.kink.others and node.gate.pullback is None:
            slopes = ", ".join(number(at(local, place)) for local in flow.locals[index])
            words = f"{at_kink} is at a kink: its local gradients are {slopes}"
            words += f" ({convention} convention, gate by gate)"
        elif not node.gate.is_comparison:
            words += " (minimum-norm convention)"
        yield Note("kink", words, index)


def _where(mask: Any, value: Any) -> tuple[str, tuple[int, ...]]:
    """In words which entries of a value stand at a kink, and the place of the first."""
    if not shape_of(value):
        return "", ()
    import numpy as np

    mask = np.broadcast_to(mask, shape_of(value))
    count, place = int(np.count_nonzero(mask)), tuple(map(int, np.argwhere(mask)[0]))
    first = place_text(place).removeprefix(" at ")
    many = f" ({count:,} of {size_of(mask):,} entries, the first at {first})"
    return many, place


def healed_notes(graph: Graph, values: Sequence[Any], m: Algebra) -> Iterator[Note]:
    """A value that is not finite, and yet the output and its gradients are."""
    for index, node, gate in graph.gates():
        if is_finite(values[index]):
            continue
        operands = node.operand_values(values, m)
        place = first_bad(values[index]) or ()
        if not all(is_finite(values[source]) for source in node.inputs):
            continue
        found = number(at(values[index], place))
        of = "" if gate.pullback else f" of {', '.join(map(number, all_at(operands, place)))}"
        yield Note(
            "overflow",
            f"{label(node)}{of} is {found}{place_text(place)}; "
            f"it does not reach the result" + (f" ({gate.cure})" if gate.cure else ""),
            index,
        )


def seed_note(graph: Graph, values: Sequence[Any]) -> Iterator[Note]:
    """An output that is an array has no gradient; its sum has."""
    shape = shape_of(values[graph.output])
    if shape:
        text = f"the output has shape {say(shape)}: with an upstream of 1 for every entry the "
        text += "gradients are those of its sum (--upstream gives another)"
        yield Note("upstream", text, graph.output)


def accuracy_notes(
    graph: Graph, point: Mapping[str, float], values: Sequence[float], digits: int = SHOWN
) -> Iterator[Note]:
    """Where cancellation has spoilt printed digits of the output: the gate that lost most of them,
    found by the same pass with 30 digits from the same floats."""
    from backtrace.algebra.digits import Digits  # with mpmath, which a check has loaded

    if graph.gate_count > _MOST_COMPARED:
        return
    m = Digits(_MANY)
    exact = graph.evaluate(m, {name: m.from_float(value) for name, value in point.items()})
    lost = [_lost(value, true) for value, true in zip(values, exact, strict=True)]
    output = graph.output
    if _DOUBLE - lost[output] >= digits:
        return
    here, gate = output, graph.nodes[output].gate
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
    true = number(float(exact[output]), digits + 2)
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
