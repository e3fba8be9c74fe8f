"""What to say where a number is too large for a 64-bit float: how large it is, and what fits.

The logarithm that is told was worked out in floats and agrees with that of the number itself, which
many digits have. An overflow is no error of domain: nothing was asked of a gate that it cannot do.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

from backtrace.advice.stable_forms.edits import instantiated, text_of
from backtrace.advice.stable_forms.trial import AGREES, Setting
from backtrace.algebra.floats import FLOATS
from backtrace.algebra.values import all_at, at, first_bad
from backtrace.formula.parser import parse
from backtrace.gates import Gate
from backtrace.graph import Graph, Node
from backtrace.graph.record import Fault
from backtrace.language import marked, tell
from backtrace.numbers import number

_LARGEST = marked("64-bit floats end at 1.798e308")
_LONGEST = 30  # characters of an operand

LOGARITHMS = {
    "exp": "a",
    "pow": "b*log(a)",
    "mul": "log(abs(a)) + log(abs(b))",
    "div": "log(abs(a)) - log(abs(b))",
    "square": "2*log(abs(a))",
    "sinh": "abs(a) - log(2)",
    "cosh": "abs(a) - log(2)",
}
"""The logarithm of a gate's size, of its operands, where the gate itself is too large."""


def overflows(gate: Gate, value: Any, operands: Sequence[Any]) -> bool:
    """Whether a value is not finite though the gate is defined there."""
    place = first_bad(value)
    if place is None:
        return False
    if gate.is_own:
        return math.isinf(at(value, place))
    if gate.pullback is not None:
        return gate.domain.holds(*operands)
    return math.isinf(at(value, place)) and gate.domain.holds(*all_at(operands, place))


def advice(setting: Setting, values: Sequence[Any], fault: Fault, m: Any) -> str:
    """What helps where the fault is an overflow; "" where it is something else."""
    node = setting.graph.nodes[fault.node]
    if node.gate is None or (fault.direction == "backward" and not _is_too_large(values, fault)):
        is_sum = node.gate is None or "overflows" in fault.what
        return (
            tell("{largest}: divide the formula by a constant first", largest=tell(_LARGEST))
            if is_sum
            else ""
        )
    operands = node.operand_values(values, m)
    if not overflows(node.gate, values[fault.node], operands):
        return ""
    place = first_bad(values[fault.node]) or ()
    true = setting.magnitude(fault.node, place)
    size = _size(true)
    if node.gate.is_own and not size:  # it may divide by 0 inside
        return ""
    words = (
        tell("{largest}, and this is about {size}", largest=tell(_LARGEST), size=size)
        if size
        else tell(_LARGEST)
    )
    logarithm = ""
    if node.gate.pullback is None:
        whose = (
            tell("its logarithm")
            if at(values[fault.node], place) > 0
            else tell("the logarithm of its size")
        )
        logarithm = _logarithm(setting.graph, node, all_at(operands, place), true, whose)
    helps = logarithm or tell("divide what goes in by a constant first, or take logarithms")
    return f"{words}: {helps}"


def _is_too_large(values: Sequence[Any], fault: Fault) -> bool:
    return first_bad(values[fault.node]) is not None


def _size(true: float | None) -> str:
    """A number as a power of 10, given its natural logarithm."""
    if true is None or not math.isfinite(true):
        return ""
    exponent = round(true / math.log(10))
    return f"1e{exponent:,}".replace(",", "") if exponent > 308 else ""


def _logarithm(
    graph: Graph, node: Node, operands: list[float], true: float | None, whose: str
) -> str:
    """`work with its logarithm, 200*log(x) = 1382`, if that is what it is."""
    assert node.gate is not None
    template = LOGARITHMS.get(node.gate.name)
    texts = [text_of(graph, operand, graph.text != "") for operand in node.operands]
    if template is None or true is None or any(not 0 < len(t) <= _LONGEST for t in texts):
        return ""
    given = dict(zip("ab", operands, strict=False))
    small = _small(template)
    try:
        found = small.evaluate(FLOATS, given)[small.output]
    except (ArithmeticError, ValueError):
        return ""
    if not abs(found - true) <= AGREES * abs(true):
        return ""
    text = instantiated(template, dict(zip("ab", texts, strict=False)))
    return tell(
        "work with {whose}, {text} = {number}", whose=whose, text=text, number=number(found)
    )


@functools.cache
def _small(template: str) -> Graph:
    return parse(template, ("a", "b"))
