"""What a careful teacher would say beside the numbers: ties at kinks, infinities that healed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from backtrace.algebra import Algebra
from backtrace.algebra.values import all_at, at, first_bad, is_finite, place_text, shape_of, size_of
from backtrace.formula.printer import application, label
from backtrace.gates import CONVENTIONS, Gate
from backtrace.gates.gate import EVERYWHERE, Kink
from backtrace.gates.shapes import say
from backtrace.graph import Graph
from backtrace.graph.backprop import Backward
from backtrace.graph.record import Note
from backtrace.numbers import array, number


def kink_notes(
    graph: Graph, values: Sequence[Any], flow: Backward, convention: str, m: Algebra
) -> Iterator[Note]:
    """Every gate that stands at a kink, with the convention that was used."""
    for index in flow.kinks:
        node = graph.nodes[index]
        if node.gate is None or node.gate.kink is None:
            continue
        operands = node.operand_values(values, m)
        stands = _stands(node.gate.kink, values[index], operands, m)
        where, place = _where(stands, values[index])
        at_kink = f"{node.gate.word} of shape {say(shape_of(operands[0]))}{where}"
        if node.gate.pullback is None:
            at_kink = application(node.gate, [number(v) for v in all_at(operands, place)]) + where
        words = f"{at_kink} is at a kink: {node.gate.kink.says}"
        if convention in node.gate.kink.others and node.gate.pullback is None:
            slopes = ", ".join(number(at(local, place)) for local in flow.locals[index])
            words = f"{at_kink} is at a kink: its local gradients are {slopes}"
            words += f" ({convention} convention, gate by gate)"
        elif convention in node.gate.pullbacks and convention != CONVENTIONS[0]:
            carried = ", ".join(map(array, flow.downstreams[index]))
            words = f"{at_kink} is at a kink: of {array(flow.upstreams[index])} it hands on "
            words += f"{carried} ({convention} convention)"
        elif not node.gate.is_comparison:
            words += f" ({convention} convention)"
        yield Note("kink", words, index)


def _stands(kink: Kink, value: Any, operands: Sequence[Any], m: Algebra) -> Any:
    """Which entries stand at it; what is not finite on the way (1 % 0) is no warning."""
    if not m.of_arrays:
        return kink.at(m, value, *operands)
    from backtrace.algebra.arrays import quiet  # with NumPy, which numbers do not need

    with quiet():
        return kink.at(m, value, *operands)


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
        advice = _advice(gate, () if gate.pullback else all_at(operands, place))
        words = f"{label(node)}{of} is {found}{place_text(place)}; it does not reach the result"
        yield Note("overflow", words + advice, index)


def _advice(gate: Gate, inputs: Sequence[float]) -> str:
    """What is said in general, but of a domain only where it is left."""
    is_of_domain = gate.domain is not EVERYWHERE
    left = gate.pullback is None and not gate.domain.holds(*inputs)
    return f" ({gate.cure})" if gate.cure and (left or not is_of_domain) else ""


def seed_note(graph: Graph, values: Sequence[Any]) -> Iterator[Note]:
    """An output that is an array has no gradient; its sum has."""
    shape = shape_of(values[graph.output])
    if shape:
        text = f"the output has shape {say(shape)}: with an upstream of 1 for every entry the "
        text += "gradients are those of its sum (--upstream gives another)"
        yield Note("upstream", text, graph.output)
