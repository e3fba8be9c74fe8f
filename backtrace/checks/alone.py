"""A gate's value by its own formula: by Python where it compares or chooses, by SymPy elsewhere.

It is the only witness for values that nothing hears of: in a branch that is not taken, behind a
flat relu, beside numbers a million times as large. They are printed too.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

from backtrace.algebra.floats import FLOATS
from backtrace.checks.deadline import OutOfTime, within
from backtrace.checks.subject import TOLERANCE, Subject
from backtrace.gates import GATES, Gate

_AUDIBLE = 1e-6  # of the output: a gate that adds so little could be wrong by a thousandth unheard
_MOST_OF_A_KIND = 5
_COMPARED = {
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "equal": operator.eq,
    "not_equal": operator.ne,
}


class Applied(NamedTuple):
    """A gate of the table, applied to numbers; a plain value, for another process."""

    gate: str
    operands: tuple[float, ...]


def unheard(subject: Subject) -> dict[int, Applied]:
    """The gates whose value hardly moves the output at this point: a few of each kind."""
    enough = _AUDIBLE * abs(subject.value)
    found: dict[int, Applied] = {}
    count: dict[str, int] = {}
    for index, node, gate in subject.graph.gates():
        heard = abs(subject.upstreams[index] * (subject.values[index] or 1.0))
        if heard > enough or gate.is_own or count.get(gate.name, 0) >= _MOST_OF_A_KIND:
            continue
        count[gate.name] = count.get(gate.name, 0) + 1
        operands = node.operand_values(subject.values, FLOATS)
        found[index] = Applied(gate.name, tuple(operands))
    return found


def values(applied: Sequence[Applied], seconds: float) -> list[float | None]:
    """The value of each, as far as there is one in so many seconds."""
    found: list[float | None] = [None] * len(applied)

    def work() -> None:
        for k, (name, operands) in enumerate(applied):
            found[k] = _value(GATES[name], operands)

    try:
        within(seconds, work)
    except OutOfTime:
        return list(found)  # a worker that was left behind may still write
    return found


def differs(value: float, expected: float | None) -> bool:
    """Whether a gate's value is not what its formula gives; False where that is not known."""
    if expected is None:
        return False
    return not abs(value - expected) <= TOLERANCE * max(abs(value), abs(expected))


def testify(
    question: tuple[Any, ...] | None, applied: Sequence[Applied], seconds: float
) -> tuple[dict[str, Any], list[float | None]]:
    """What SymPy says of the whole formula (`symbolic.ask`), and of gates alone."""
    from backtrace.checks.symbolic import ask

    alone = values(applied, seconds) if applied else []
    return (ask(*question) if question else {}), alone


def _value(gate: Gate, operands: Sequence[float]) -> float | None:
    if gate.name in _COMPARED:
        return float(_COMPARED[gate.name](*operands))
    if gate.name == "where":
        return operands[1] if operands[0] else operands[2]
    names, text = gate.parameters, gate.formula
    if gate.variadic:
        names = tuple(f"x{k}" for k in range(len(operands)))
        text = f"{gate.name}({', '.join(names)})"
    try:
        reading = _reading(text, names)
        value: float = reading.value(reading.expression, dict(zip(names, operands, strict=True)))
    except Exception:  # whatever SymPy raises, it is no witness then
        return None
    return value


@functools.cache
def _reading(text: str, names: tuple[str, ...]) -> Any:
    from backtrace.checks.symbolic import Reading

    return Reading(text, names)
