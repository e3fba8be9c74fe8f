"""Where a number goes bad first: the origin, not the victim.

Forward, from the bad output back along values that are not finite, to the first gate whose inputs
all are. Backward, from the bad gradient up along edges that are not finite, to the edge whose
upstream still is (or to a fork where finite gradients add up to too much). What goes bad elsewhere
and heals is not blamed.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from typing import Any

from backtrace.algebra import Algebra
from backtrace.algebra.floats import FLOATS
from backtrace.algebra.values import all_at, at, first_bad, is_finite, place_text
from backtrace.formula.printer import application, label
from backtrace.gates import Gate
from backtrace.graph import Graph
from backtrace.graph.backprop import Backward
from backtrace.graph.record import Fault
from backtrace.language import tell
from backtrace.numbers import DIGITS, number

_ALL_DIGITS = 17  # what tells every float from its neighbours


def forward_fault(graph: Graph, values: Sequence[Any], m: Algebra) -> Fault | None:
    """Why the output is not finite: the first gate, in evaluation order, of those it got that from;
    None where the output is finite."""
    if is_finite(values[graph.output]):
        return None
    origin, tainted = _origin(graph, values)
    node = graph.nodes[origin]
    assert node.gate is not None
    operands = node.operand_values(values, m)
    what = _forward_words(node.gate, values[origin], operands, m)
    chain = [origin]
    while chain[-1] != graph.output:
        chain.append(next(g for g, _ in graph.consumers[chain[-1]] if g in tainted))
    return Fault("forward", origin, 0, what, tuple(chain), advice=tell(node.gate.cure))


def _origin(graph: Graph, values: Sequence[Any]) -> tuple[int, set[int]]:
    """The first node of those that the output got a value from which is not finite; and all."""
    tainted = {graph.output}
    origin = graph.output
    for index in range(graph.output, -1, -1):
        if index in tainted:
            bad = [i for i in graph.inputs_of[index] if not is_finite(values[i])]
            tainted.update(bad)
            origin = origin if bad else index
    return origin, tainted


def backward_fault(
    graph: Graph, values: Sequence[Any], flow: Backward, asked: Sequence[str], m: Algebra
) -> Fault | None:
    """Why a gradient that was asked for is not finite: the first edge, walking back from the
    output, of those it got that from; None where all are finite."""
    tainted = {
        graph.inputs[name] for name in asked if not is_finite(flow.upstreams[graph.inputs[name]])
    }
    if not tainted:
        return None
    origin, operand = -1, -1
    for index in range(len(graph.nodes)):
        if index not in tainted:
            continue
        bad = [
            (gate, position)
            for gate, position in graph.consumers[index]
            if not is_finite(flow.downstreams[gate][position])
        ]
        if not bad and index > origin:
            origin, operand = index, -1  # finite gradients, whose sum is not
        for gate, position in bad:
            if not is_finite(flow.upstreams[gate]):
                tainted.add(gate)
            elif gate > origin:
                origin, operand = gate, position
    chain = _to_a_variable(graph, flow, tainted, origin, operand)
    if operand < 0:
        name = graph.nodes[origin].name or label(graph.nodes[origin])
        what = tell(
            "the gradients that add up at {name} are finite, their sum is not: it overflows",
            name=name,
        )
        return Fault("backward", origin, 0, what, chain)
    gate_row = graph.nodes[origin].gate
    assert gate_row is not None
    what = _backward_words(graph, values, flow, origin, operand, m)
    return Fault("backward", origin, operand, what, chain, advice=tell(gate_row.cure))


def _to_a_variable(
    graph: Graph, flow: Backward, tainted: set[int], origin: int, operand: int
) -> tuple[int, ...]:
    """From the origin along edges that are not finite to a variable that was asked for."""
    chain = [origin] if operand < 0 else [origin, graph.inputs_of[origin][operand]]
    while True:
        below = zip(graph.inputs_of[chain[-1]], flow.downstreams[chain[-1]], strict=False)
        following = [i for i, g in below if i in tainted and not is_finite(g)]
        if not following:
            return tuple(chain)
        chain.append(following[0])


def _forward_words(gate: Gate, value: Any, operands: list[Any], m: Algebra) -> str:
    place = first_bad(value) or ()
    if gate.is_own:
        whole = tell("{word} gives", word=gate.word)
        if gate.pullback is None:
            whole = tell(
                "{application} is",
                application=application(gate, [number(v) for v in all_at(operands, place)]),
            )
        inside = _inside(gate, operands, m)
        return tell(
            "{whole} {number}{place_text}: inside, {inside}",
            whole=whole,
            number=number(at(value, place)),
            place_text=place_text(place),
            inside=inside,
        )
    if gate.pullback is not None:
        found = tell(
            "{word} gives {number}{place_text}",
            word=gate.word,
            number=number(at(value, place)),
            place_text=place_text(place),
        )
        if not gate.domain.holds(*operands):
            return tell("{found}: it needs {says}", found=found, says=tell(gate.domain.says))
        return tell("{found}: it overflows a 64-bit float", found=found)
    inputs, entry = all_at(operands, place), at(value, place)
    applied = application(gate, _telling(gate, inputs))
    found = tell(
        "{applied} is {number}{place_text}",
        applied=applied,
        number=number(entry),
        place_text=place_text(place),
    )
    if not gate.domain.holds(*inputs):
        return tell(
            "{found}: {name} needs {says}", found=found, name=gate.name, says=tell(gate.domain.says)
        )
    reason = (
        tell("it overflows a 64-bit float")
        if math.isinf(entry)
        else tell("it is not a real number")
    )
    return f"{found}: {reason}"


def _inside(gate: Gate, operands: list[Any], m: Algebra) -> str:
    """Where a number goes bad in a gate of the user's own, or in one that stands in it."""
    from backtrace.algebra.arrays import quiet  # only a fault needs it

    while True:
        inner, given = gate.inner, dict(zip(gate.parameters, operands, strict=True))
        with quiet() if m.of_arrays else contextlib.nullcontext():
            values = inner.evaluate(m, given)
        origin, _ = _origin(inner, values)
        node = inner.nodes[origin]
        gate, operands = node.gate, node.operand_values(values, m)
        if not gate.is_own:
            return _forward_words(gate, values[origin], operands, m)


def _telling(gate: Gate, inputs: list[float]) -> list[str]:
    """A gate's inputs with as many digits as show why it has no value, or no slope: those that are
    as far out of its domain, on one side of its bounds, as the numbers themselves are."""
    inside, infinite = gate.domain.holds(*inputs), _has_no_value(gate, inputs)
    for digits in range(DIGITS, _ALL_DIGITS):
        texts = [number(value, digits) for value in inputs]
        shown = [float(text) for text in texts]
        if gate.domain.holds(*shown) == inside and _has_no_value(gate, shown) == infinite:
            return texts
    return [number(value, _ALL_DIGITS) for value in inputs]


def _has_no_value(gate: Gate, inputs: list[float]) -> bool:
    return not math.isfinite(gate.forward(FLOATS, *inputs))


def _backward_words(
    graph: Graph, values: Sequence[Any], flow: Backward, index: int, operand: int, m: Algebra
) -> str:
    node = graph.nodes[index]
    assert node.gate is not None
    local, carried = flow.locals[index][operand], flow.downstreams[index][operand]
    if local is None:
        place = first_bad(carried) or ()
        return tell(
            "the pullback of {word} gives {number}",
            word=node.gate.word,
            number=number(at(carried, place)),
        ) + place_text(place)
    found = _bad_product(flow.upstreams[index], local)
    if found is None:
        bad = first_bad(carried) or ()
        words = tell(
            "{word} was handed an operand that it repeats, and the sum over that",
            word=node.gate.word,
        )
        return tell(
            "{words} overflows: {number}{place_text}",
            words=words,
            number=number(at(carried, bad)),
            place_text=place_text(bad),
        )
    place = found
    slope, upstream = all_at([local, flow.upstreams[index]], place)
    product = f"{number(upstream)} x {number(slope)} = {number(upstream * slope)}"
    inputs = all_at(node.operand_values(values, m), place)
    applied = application(node.gate, _telling(node.gate, inputs))
    which = tell(" by its input {operand}", operand=operand + 1) if len(node.inputs) > 1 else ""
    words = tell(
        "the local gradient of {applied}{which} is {number}{place_text}",
        applied=applied,
        which=which,
        number=number(slope),
        place_text=place_text(place),
    )
    before = at(values[graph.inputs_of[index][operand]], place)
    if math.isfinite(slope):
        words = tell(
            "upstream x local overflows at {label}{place_text}",
            label=label(node),
            place_text=place_text(place),
        )
    if math.isfinite(before) and not math.isfinite(at(values[index], place)):
        words = tell(
            "{applied} overflowed{place_text}, so its local gradient is {number}",
            applied=applied,
            place_text=place_text(place),
            number=number(slope),
        )
    return f"{words}: {product}"


def _bad_product(upstream: Any, local: Any) -> tuple[int, ...] | None:
    """Where upstream x local is first not finite."""
    from backtrace.algebra.arrays import quiet  # only a fault needs it

    with quiet():
        return first_bad(upstream * local)
