"""What a careful teacher would say beside the numbers: ties at kinks, infinities that healed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from backtrace.algebra import Algebra
from backtrace.algebra.values import (
    all_at,
    at,
    bracketed,
    first_bad,
    is_finite,
    place_text,
    shape_of,
    size_of,
)
from backtrace.formula.printer import application, label
from backtrace.gates import CONVENTIONS, Gate
from backtrace.gates.gate import EVERYWHERE, Kink
from backtrace.gates.shapes import say
from backtrace.graph import Graph
from backtrace.graph.backprop import Backward
from backtrace.graph.record import Note
from backtrace.language import tell
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
        at_kink = tell(
            "{word} of shape {shape_of}{where}",
            word=node.gate.word,
            shape_of=say(shape_of(operands[0])),
            where=where,
        )
        if node.gate.pullback is None:
            at_kink = application(node.gate, [number(v) for v in all_at(operands, place)]) + where
        words = tell(
            "{at_kink} is at a kink: {says}", at_kink=at_kink, says=tell(node.gate.kink.says)
        )
        if convention in node.gate.kink.others and node.gate.pullback is None:
            slopes = ", ".join(number(at(local, place)) for local in flow.locals[index])
            words = tell(
                "{at_kink} is at a kink: its local gradients are {slopes}",
                at_kink=at_kink,
                slopes=slopes,
            )
            words += tell(" ({convention} convention, gate by gate)", convention=convention)
        elif convention in node.gate.pullbacks and convention != CONVENTIONS[0]:
            carried = ", ".join(map(array, flow.downstreams[index]))
            words = tell(
                "{at_kink} is at a kink: of {array} it hands on ",
                at_kink=at_kink,
                array=array(flow.upstreams[index]),
            )
            words += tell(
                "{carried} ({convention} convention)", carried=carried, convention=convention
            )
        elif not node.gate.is_comparison:
            words += tell(" ({convention} convention)", convention=convention)
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
    many = tell(
        " ({count:,} of {size_of:,} entries, the first at {first})",
        count=count,
        size_of=size_of(mask),
        first=bracketed(place),
    )
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
        of = (
            ""
            if gate.pullback
            else tell(" of {all_at}", all_at=", ".join(map(number, all_at(operands, place))))
        )
        advice = _advice(gate, () if gate.pullback else all_at(operands, place))
        words = tell(
            "{label}{of} is {found}{place_text}; it does not reach the result",
            label=label(node),
            of=of,
            found=found,
            place_text=place_text(place),
        )
        yield Note("overflow", words + advice, index)


def _advice(gate: Gate, inputs: Sequence[float]) -> str:
    """What is said in general, but of a domain only where it is left."""
    is_of_domain = gate.domain is not EVERYWHERE
    left = gate.pullback is None and not gate.domain.holds(*inputs)
    return f" ({tell(gate.cure)})" if gate.cure and (left or not is_of_domain) else ""


def seed_note(graph: Graph, values: Sequence[Any]) -> Iterator[Note]:
    """An output that is an array has no gradient; its sum has."""
    shape = shape_of(values[graph.output])
    if shape:
        text = tell(
            "the output has shape {shape}: with an upstream of 1 for every entry the ",
            shape=say(shape),
        )
        text += tell("gradients are those of its sum (--upstream gives another)")
        yield Note("upstream", text, graph.output)
