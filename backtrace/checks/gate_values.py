"""A gate's value by its own formula: by Python where it compares or chooses, by SymPy elsewhere.

It is the only witness for values that nothing hears of: in a branch that is not taken, behind a
flat relu, beside numbers a million times as large. They are printed too.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

from backtrace.algebra.values import Place, Value, all_at, at, place_text, shape_of
from backtrace.checks.contradiction import Contradicted
from backtrace.checks.deadline import Clock, OutOfTime
from backtrace.checks.traced import TOLERANCE, UNDERFLOW, Subject
from backtrace.formula.printer import label
from backtrace.gates import GATES, Gate
from backtrace.language import tell
from backtrace.numbers import number

_AUDIBLE = 1e-6  # of the output: a gate that adds so little could be wrong by a thousandth unheard
_MOST_OF_A_KIND, _MOST_OF_A_GATE = 5, 2
_MARGIN, _ULP = 64.0, 2.0**-52
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


class Unheard(NamedTuple):
    """An entry of a gate's value that hardly moves the output (of a number the place is ())."""

    node: int
    place: Place
    applied: Applied


class Silence(NamedTuple):
    """What nothing hears of at a point."""

    subject: Subject
    entries: list[Unheard]


def unheard(subject: Subject) -> Silence:
    """A few entries of each kind of gate. Gates that are only of arrays are left out: their formula
    is no formula of numbers."""
    graph = subject.graph
    enough = _AUDIBLE * _largest(subject.value)
    found: list[Unheard] = []
    count: dict[str, int] = {}
    for index, node, gate in graph.gates():
        room = _MOST_OF_A_KIND - count.get(gate.name, 0)
        if gate.is_own or gate.is_of_arrays or room <= 0:
            continue
        value, upstream = subject.values[index], subject.upstreams[index]
        places = _quiet_places(value, upstream, enough)[:room]
        operands = node.operand_values(subject.values, subject.m) if places else []
        for place in places:
            applied = Applied(gate.name, tuple(all_at(operands, place)))
            found.append(Unheard(index, place, applied))
        count[gate.name] = count.get(gate.name, 0) + len(places)
    return Silence(subject, found)


def _largest(value: Value) -> float:
    return float(abs(value).max()) if shape_of(value) else abs(value)


def _quiet_places(value: Value, upstream: Value, enough: float) -> list[Place]:
    """The first of them. (An infinite value that nothing needs is none: inf * 0 is not below.)"""
    if not shape_of(value):
        return [()] if abs(upstream * (value or 1.0)) <= enough else []
    import numpy as np

    heard = np.abs(upstream * np.where(value == 0, 1.0, value))
    first = np.flatnonzero(np.broadcast_to(heard <= enough, value.shape))[:_MOST_OF_A_GATE]
    return [tuple(map(int, np.unravel_index(k, value.shape))) for k in first]


def contradicted(silence: Silence, expected: Sequence[float | None]) -> Contradicted | None:
    """The first entry that is not what its gate's formula gives, where that is known."""
    subject = silence.subject
    for (node, place, _), value in zip(silence.entries, expected, strict=True):
        found = at(subject.values[node], place)
        if value is not None and differs(found, value, _reach(subject, node, place)):
            where = f"{label(subject.graph.nodes[node])} (#{node}){place_text(place)}"
            words = tell(
                "is {number}, and by its formula {value_number}",
                number=number(found, 10),
                value_number=number(value, 10),
            )
            return Contradicted(node, tell("the gate {where} {words}", where=where, words=words))
    return None


def _reach(subject: Subject, index: int, place: Place) -> float:
    """How far the last bits of what a gate is handed move its value: ln(0.1 + 0.9) is 0 but for
    those."""
    inputs = all_at([subject.values[i] for i in subject.graph.inputs_of[index]], place)
    slopes = all_at(subject.locals[index], place)
    parts = [abs(x * slope) for x, slope in zip(inputs, slopes, strict=True)]
    return _MARGIN * _ULP * sum(part for part in parts if math.isfinite(part))


def values(applied: Sequence[Applied], clock: Clock) -> list[float | None]:
    """The value of each, as far as there is one in time."""
    found: list[float | None] = [None] * len(applied)

    def work() -> None:
        for k, (name, operands) in enumerate(applied):
            found[k] = _value(GATES[name], operands)

    try:
        clock.within(work)
    except OutOfTime:
        return list(found)  # a worker that was left behind may still write
    return found


def differs(value: float, expected: float, reach: float = 0.0) -> bool:
    """Whether a gate's value is not what its formula gives."""
    reach += TOLERANCE * max(abs(value), abs(expected)) + UNDERFLOW
    return not abs(value - expected) <= reach


def _value(gate: Gate, operands: Sequence[float]) -> float | None:
    if gate.name in _COMPARED:
        return float(_COMPARED[gate.name](*operands))
    if gate.name == "where":
        return operands[1] if operands[0] else operands[2]
    if any(x == 0 and math.copysign(1.0, x) < 0 for x in operands):
        return None  # SymPy has one zero; atan2 tells them apart
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
    from backtrace.checks.reading import Reading

    return Reading(text, names)
