"""Slopes of arrays, measured with complex steps: of the whole graph, and of each gate alone.

A step goes through the gates' forwards only: for every entry by itself where that is cheap, else
along random directions, each of which speaks for every entry at once (a wrong entry would have to
be orthogonal to it).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from backtrace.algebra.arrays import ARRAYS
from backtrace.algebra.complexstep import COMPLEX_STEP, STEP
from backtrace.checks.subject import Budget, Subject

TOLERANCE = 1e-9
ULP = 2.0**-52
MARGIN = 64.0
_DIRECTIONS = 2
_MOST_WORK = 2_000_000_000  # numbers computed; beyond it no direction is measured


@dataclass(frozen=True, slots=True)
class Measured:
    """The slope by every entry, and how far rounding can have moved it; or, along random
    directions, (by backprop, measured, how far the two may be apart)."""

    slopes: Any = None
    noise: Any = 0.0
    directions: tuple[tuple[float, float, float], ...] = ()
    reason: str = ""


def measure(subject: Subject, name: str, budget: Budget) -> Measured:
    """The measured slope of the output by one variable."""
    value = np.asarray(subject.point[name], dtype=float)
    work = _work(subject)
    if value.size * work <= budget.entry_work:
        slopes, noise = np.empty(value.shape), np.empty(value.shape)
        for place in np.ndindex(value.shape):
            direction = np.zeros(value.shape)
            direction[place] = step = abs(value[place]) or 1.0
            entry, reach = slope_along(subject, name, direction)
            slopes[place], noise[place] = entry / step, reach / step
        return Measured(slopes, noise) if slopes.shape else Measured(float(slopes), float(noise))
    if work > _MOST_WORK:
        return Measured(reason=f"no slope measured: a pass takes {work:,} multiplications")
    chance = np.random.default_rng(0)
    found = []
    gradient = subject.gradients[name]
    for _ in range(_DIRECTIONS):
        direction = chance.uniform(-1, 1, value.shape) * np.where(value == 0, 1.0, np.abs(value))
        terms = gradient * direction
        slope, moved = slope_along(subject, name, direction)
        reach = TOLERANCE * float(np.sqrt(np.sum(np.square(terms)))) + moved
        found.append((float(np.sum(terms)), slope, reach))
    reason = f"slopes along {_DIRECTIONS} random directions speak for every entry"
    return Measured(directions=tuple(found), reason=reason)


def slope_along(subject: Subject, name: str, direction: Any) -> tuple[float, float]:
    """The derivative of the sum of seed*output at the point, along a direction of one variable; and
    how far rounding can have moved it: by a bit of every node's own slope, to first order."""
    graph = subject.graph
    point = {**subject.point, name: subject.point[name] + 1j * (STEP * direction)}
    values = graph.evaluate(COMPLEX_STEP, point)
    seed = subject.upstreams[graph.output]
    slope = float(np.sum(seed * np.imag(values[graph.output]))) / STEP
    moved = sum(
        float(np.sum(np.abs(np.imag(value) * upstream)))
        for value, upstream in zip(values, subject.upstreams, strict=True)
        if np.iscomplexobj(value)
    )
    noise = MARGIN * ULP * moved / STEP
    return slope, noise if np.isfinite(noise) else 0.0


def _work(subject: Subject) -> int:
    """How many numbers one forward pass computes, products of matrices counted in full."""
    total = 0
    for index, sources in enumerate(subject.graph.inputs_of):
        gate = subject.graph.nodes[index].gate
        inner = 1
        if gate is not None and "@" in gate.formula and sources:
            inner = max(np.shape(subject.values[sources[0]])[-1:] or (1,))
        total += int(np.size(subject.values[index])) * inner + 100
        total += sum(int(np.size(subject.values[source])) for source in sources)
    return total


def wrong_gate(subject: Subject) -> int | None:
    """The first gate whose gradient is not the slope of its own forward, along random directions;
    None when each is right on its own. Gates at a kink have no slope to measure."""
    graph = subject.graph
    chance = np.random.default_rng(0)
    for index, node, gate in graph.gates():
        value = subject.values[index]
        operands = node.operand_values(subject.values, ARRAYS)
        if gate.kink is not None and ARRAYS.truth(gate.kink.at(ARRAYS, value, *operands)):
            continue
        upstream = chance.uniform(0.5, 1, np.shape(value))
        slots = [k for k, operand in enumerate(node.operands) if isinstance(operand, int)]
        for slot, k in enumerate(slots):
            at = np.asarray(operands[k], dtype=float)
            direction = chance.uniform(0.5, 1, at.shape) * np.where(at == 0, 1.0, np.abs(at))
            moved = [*operands[:k], at + 1j * (STEP * direction), *operands[k + 1 :]]
            slope = np.imag(gate.forward(COMPLEX_STEP, *moved)) / STEP
            if gate.pullback is not None:
                terms = gate.pullback(ARRAYS, k, upstream, value, *operands) * direction
            else:
                terms = upstream * subject.locals[index][slot] * direction
            size = float(np.sum(np.abs(terms))) + float(np.sum(np.abs(upstream * slope)))
            if not abs(np.sum(terms) - np.sum(upstream * slope)) <= _reach(size):
                return index
    return None


def _reach(size: float) -> float:
    return TOLERANCE * size + 1e-300
