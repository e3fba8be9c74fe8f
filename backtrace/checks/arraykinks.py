"""Which entries of an array a kink reaches: moved by themselves, they move what stands at it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from backtrace.algebra.arrays import ARRAYS
from backtrace.algebra.digits import Digits
from backtrace.algebra.lifted import convert, lifted
from backtrace.checks.traced import Subject
from backtrace.gates import Gate, Role

_DIGITS = 100


def entries_at_kinks(subject: Subject, gates: Iterable[int]) -> dict[str, Any]:
    """For each variable that is asked for the entries that one of these gates, which stand at
    kinks, hears of: an array of bool."""
    graph, at_kink = subject.graph, set(gates)
    chance = np.random.default_rng(0)
    heard: list[Any] = [np.False_] * len(graph.nodes)
    for index in range(graph.output, -1, -1):
        node, gate = graph.nodes[index], graph.nodes[index].gate
        if gate is None:
            continue
        operands = node.operand_values(subject.values, ARRAYS)
        here = heard[index]
        if index in at_kink:
            here = here | _stands(gate, subject.values[index], operands)
        if not np.any(here):
            continue
        weights = chance.uniform(0.5, 1.0, np.shape(subject.values[index]))
        for k, source in enumerate(node.operands):
            if isinstance(source, int):
                shape = np.shape(subject.values[source])
                below = _below(gate, k, here * weights, subject.values[index], operands, shape)
                heard[source] = heard[source] | below
    found = {name: heard[graph.inputs[name]] for name in subject.wrt}
    return {
        name: np.broadcast_to(mask, np.shape(subject.point[name])) for name, mask in found.items()
    }


def _stands(gate: Gate, value: Any, operands: list[Any]) -> Any:
    """Which entries of a gate stand at a kink; of a gate that has none itself, but takes a branch
    that more digits may not take, all."""
    if gate.kink is None or gate.is_own:
        return np.True_
    at = np.asarray(gate.kink.at(ARRAYS, value, *operands), dtype=bool)
    return at if at.any() else np.True_


def _below(
    gate: Gate, k: int, heard: Any, value: Any, operands: list[Any], shape: tuple[int, ...]
) -> Any:
    """The entries of operand `k` that some of these entries of a gate hear of. (What is linear,
    or chooses, says it itself: what relu blocks is moved in vain. Elsewhere a slope of 0 is no
    silence: x^2 moves, too, at 0.)"""
    if gate.pullback is None:
        if gate.blocks:
            heard = np.where(_passes(gate, k, value, operands), heard, 0.0)
        return ARRAYS.summed_to(np.broadcast_to(heard, np.shape(value)) * 1.0, shape) != 0
    is_linear = gate.role in (Role.DISTRIBUTOR, Role.SWITCHER) and not gate.kink
    if gate.is_own or not (is_linear or gate.role is Role.ROUTER):
        return np.True_
    return np.asarray(gate.pullback(ARRAYS, k, heard, value, *operands)) != 0


def _passes(gate: Gate, k: int, value: Any, operands: list[Any]) -> Any:
    """At which entries a gate that blocks moves with operand `k`, or may."""
    slope = np.not_equal(gate.slope(ARRAYS, k, value, operands), 0)
    if gate.kink is None:
        return slope
    at = np.asarray(gate.kink.at(ARRAYS, value, *operands), dtype=bool)
    return np.logical_or(slope, at)


def are_kinks(subject: Subject) -> bool:
    """Whether what stands at a kink in floats does so with many digits too."""
    m = Digits(_DIGITS)
    many, graph = lifted(m), subject.graph
    values = graph.evaluate(many, {name: convert(m, x) for name, x in subject.point.items()})
    return all(_is_kink(subject, index, values, many) for index in subject.kinks)


def _is_kink(subject: Subject, index: int, values: list[Any], many: Any) -> bool:
    node = subject.graph.nodes[index]
    if node.gate is None or node.gate.kink is None:
        return False
    at, operands = node.gate.kink.at, node.operand_values(subject.values, ARRAYS)
    floats = np.asarray(at(ARRAYS, subject.values[index], *operands), dtype=bool)
    digits = at(many, values[index], *node.operand_values(values, many))
    return bool(np.all(np.asarray(digits, dtype=bool) | ~floats))
