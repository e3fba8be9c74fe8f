"""Which gate lost the digits of a number: from where they are missing back to where they were still
there, in a trace held against the same one with many digits."""

from __future__ import annotations

import math
from typing import Any

from backtrace.algebra.values import is_finite, shape_of
from backtrace.checks.precise import Precise
from backtrace.checks.traced import Subject
from backtrace.formula.printer import application, label
from backtrace.gates import Role
from backtrace.language import tell
from backtrace.numbers import number

_DOUBLE = 16.0
_TINY = 1e-290


class Losses:
    """What a subject's numbers have lost, and where."""

    def __init__(self, subject: Subject, precise: Precise) -> None:
        self.subject = subject
        self.precise = precise

    def of_value(self, node: int) -> tuple[int, str]:
        """The gate that lost the digits of a value; and that in words."""
        graph, values = self.subject.graph, self.subject.values
        lost = [_lost(a, b) for a, b in zip(values, self.precise.values, strict=True)]
        here = node
        while True:  # up to the gate whose inputs are still good
            if (overflowed := self._overflowed(here)) is not None:
                name = label(graph.nodes[overflowed])
                return overflowed, tell("{name} #{gate} overflows", name=name, gate=overflowed)
            worst = max(graph.inputs_of[here], key=lost.__getitem__, default=None)
            if worst is None or not lost[here] or lost[worst] < lost[here] / 2:
                break
            here = worst
        return here, self._words(here, min(lost[here], _DOUBLE))

    def _overflowed(self, node: int) -> int | None:
        """The gate where a number first became infinite that goes into this one."""
        found = None
        while (gate := self.subject.graph.nodes[node].gate) is None or not gate.blocks:
            inputs = self.subject.graph.inputs_of[node]
            bad = [k for k in inputs if not is_finite(self.subject.values[k])]
            if not bad:
                return found
            node = found = bad[0]
        return found

    def _words(self, index: int, digits: float) -> str:
        node = self.subject.graph.nodes[index]
        gate = node.gate
        if gate is None or not digits:
            return tell("on the way to it a number underflows")
        operands = node.operand_values(self.subject.values, self.subject.m)
        said = tell(
            "{label} #{index} loses {digits:.0f} of 16 digits",
            label=label(node),
            index=index,
            digits=digits,
        )
        if any(map(shape_of, operands)) or gate.is_of_arrays:
            return said
        applied = application(gate, [number(float(v), 17) for v in operands])
        how = (
            tell("cancels")
            if gate.role is Role.DISTRIBUTOR
            else tell("magnifies what its input has lost")
        )
        return f"{said}: {applied} {how}"

    def of_gradient(self, node: int) -> tuple[int, str]:
        """The same of a node's gradient, up along the edges that carried it."""
        graph, flow, right = self.subject.graph, self.subject.flow, self.precise
        while True:
            here = _lost(flow.upstreams[node], right.upstreams[node])
            losses = [
                (_lost(flow.downstreams[g][k], right.downstreams[g][k]), g, k)
                for g, k in graph.consumers[node]
            ]
            digits, gate, slot = max(losses, default=(0.0, node, 0))
            if digits < max(here / 2, 1.0):
                name = graph.nodes[node].name or f"#{node}"
                return node, tell("the gradients that add up at {name} cancel", name=name)
            if _lost(flow.upstreams[gate], right.upstreams[gate]) < digits / 2:
                return self._of_local(gate, slot, digits)
            node = gate

    def _of_local(self, gate: int, slot: int, digits: float) -> tuple[int, str]:
        """Who lost the digits of a local gradient: what the gate was handed, what it gave, or its
        own rule."""
        graph, values = self.subject.graph, self.subject.values
        near = (*graph.inputs_of[gate], gate)
        losses = {k: _lost(values[k], self.precise.values[k]) for k in near}
        worst = max(losses, key=losses.__getitem__)
        if losses[worst] >= digits / 2:
            return self.of_value(worst)
        node, row = graph.nodes[gate], graph.nodes[gate].gate
        assert row is not None
        name = f"{label(node)} #{gate}"
        if row.is_own:
            return gate, tell("inside {name} digits cancel", name=name)
        operand = [k for k, o in enumerate(node.operands) if type(o) is int][slot]
        return gate, tell(
            "the rule of {name}, {local_rule}, loses them",
            name=name,
            local_rule=row.local_rule(operand),
        )


def _lost(value: Any, true: Any) -> float:
    """How many of a float's 16 digits are not right; of an array, at the worst entry. (What
    underflows has no digits to lose, and 0 none but what cancelled.)"""
    if value is None or true is None:
        return 0.0
    if shape_of(value) or shape_of(true):
        import numpy as np

        both = np.broadcast_arrays(value, true)
        return max(map(_lost, *(array.ravel().tolist() for array in both)), default=0.0)
    value, true = float(value), float(true)
    if not math.isfinite(value - true) or value == true or max(abs(value), abs(true)) < _TINY:
        return 0.0
    scale = abs(true) or abs(value)
    return max(0.0, _DOUBLE + math.log10(abs(true - value) / scale or 1e-300))
