"""Which gate is wrong: each is tested alone, where it stands, in evaluation order."""

from __future__ import annotations

import math
from typing import NamedTuple

from backtrace.algebra.digits import Digits
from backtrace.algebra.floats import FLOATS
from backtrace.checks import gate_values, numeric
from backtrace.checks.deadline import Clock
from backtrace.checks.traced import TOLERANCE, UNDERFLOW, Subject
from backtrace.gates import Gate

_ULP = 2.0**-52
_MARGIN = 64.0
_DIGITS = 50  # to begin with


class Searched(NamedTuple):
    """The gate that is wrong; None where none is, or where time was up before all were
    looked at."""

    gate: int | None
    is_done: bool = True


def wrong_local(subject: Subject, seconds: float) -> Searched:
    """The first gate whose local gradient is not the measured slope of its own forward. Gates at a
    kink have no slope to measure."""
    clock = Clock(seconds)
    m = Digits(_DIGITS)
    for index, node, gate in subject.graph.gates():
        operands = node.operand_values(subject.values, FLOATS)
        value = subject.values[index]
        at_kink = gate.kink is not None and gate.kink.at(FLOATS, value, *operands)
        if at_kink or not all(map(math.isfinite, (value, *operands))):
            continue
        if clock.is_over:
            return Searched(None, is_done=False)
        free = [k for k, operand in enumerate(node.operands) if isinstance(operand, int)]
        locals_ = dict(zip(free, subject.locals[index], strict=True))
        for k, slope in numeric.local_slopes(m, gate, value, operands, locals_).items():
            if slope is None or not _differ(locals_[k], slope, 0.0):
                continue
            if not _differ(locals_[k], slope, _reach(gate, k, value, operands)):
                continue
            if gate.is_own and not _differ(_precise_slope(gate, k, operands), slope, 0.0):
                continue  # its rule is right, and digits cancel inside it
            return Searched(index)
    return Searched(None)


def _reach(gate: Gate, k: int, value: float, operands: list[float]) -> float:
    """How far the last bit of a gate's output and inputs can move its local gradient: s*(1 - s) at
    s = 1 can be 0 or 2e-16."""
    if gate.blocks:
        return 0.0  # a choice is not a matter of digits
    right = gate.slope(FLOATS, k, value, operands)
    moved = [gate.slope(FLOATS, k, value * (1 + sign * _ULP), operands) for sign in (1, -1)]
    for j, operand in enumerate(operands):
        others = [*operands[:j], operand * (1 + _ULP), *operands[j + 1 :]]
        if operand != int(operand):
            moved.append(gate.slope(FLOATS, k, value, others))
    distances = [abs(slope - right) for slope in moved]
    reach: float = max(d for d in (0.0, *distances) if math.isfinite(d))
    return _MARGIN * reach


def _precise_slope(gate: Gate, k: int, operands: list[float]) -> float:
    """An own gate's local gradient by its own rule, with many digits."""
    m = numeric.algebra_for(max(1.0, *map(abs, operands)), 1.0, [1.0])
    given = [m.from_float(operand) for operand in operands]
    return float(gate.slope(m, k, gate.forward(m, *given), given))


def wrong_value(subject: Subject, seconds: float) -> Searched:
    """The first gate whose value is not what its formula gives."""
    clock = Clock(seconds)
    for index, node, gate in subject.graph.gates():
        if gate.is_own:
            continue  # its inner gates are not here
        if clock.is_over:
            return Searched(None, is_done=False)
        applied = gate_values.Applied(gate.name, tuple(node.operand_values(subject.values, FLOATS)))
        [expected] = gate_values.values([applied], Clock(seconds))
        if expected is not None and gate_values.differs(subject.values[index], expected):
            return Searched(index)
    return Searched(None)


def _differ(a: float, b: float, reach: float) -> bool:
    return not abs(a - b) <= max(TOLERANCE * max(abs(a), abs(b)), reach, UNDERFLOW)
