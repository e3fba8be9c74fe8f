"""Gradient descent: steps against the gradient, each with both passes of the same graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backtrace.algebra.values import is_finite, kept, shape_of
from backtrace.errors import UsageError
from backtrace.graph import Graph
from backtrace.graph.record import Descent
from backtrace.language import tell
from backtrace.tracing import passes
from backtrace.tracing.request import Request

MOST_STEPS = 1_000_000


def _moved(value: Any, rate: float, gradient: Any) -> Any:
    if not shape_of(value):
        return float(value) - rate * float(gradient)
    from backtrace.algebra.arrays import quiet

    with quiet():
        return value - rate * gradient


def descend(
    graph: Graph,
    point: Mapping[str, Any],
    wrt: Sequence[str],
    request: Request,
    rate: float,
    steps: int,
    tick: Callable[[], None] = lambda: None,
) -> Descent:
    """So many steps of `rate` times the gradient by the variables of `wrt`, from the point; the
    others stay. It ends early where a number is no longer finite. `tick` is called after every
    step. Raises UsageError."""
    if graph.shapes and graph.shapes[graph.output]:
        raise UsageError(
            tell("a step goes down one number, and the output is an array"),
            hint=tell("make it one: sum(...), mean(...)"),
        )
    if not isinstance(steps, int) or not 1 <= steps <= MOST_STEPS:
        raise UsageError(
            tell(
                "--steps takes 1 to {most_steps:,}, not {steps}", most_steps=MOST_STEPS, steps=steps
            )
        )
    if not wrt:
        raise UsageError(tell("there is no variable to step along"))
    here = dict(point)
    at = passes.run(graph, here, request)
    outputs = [float(at.values[graph.output])]
    for _ in range(steps):
        here = {
            name: _moved(value, rate, at.flow.upstreams[graph.inputs[name]])
            if name in wrt
            else value
            for name, value in here.items()
        }
        at = passes.run(graph, here, request)
        outputs.append(float(at.values[graph.output]))
        tick()
        if not is_finite(outputs[-1]) or not all(map(is_finite, here.values())):
            break
    moved = {name: kept(here[name]) for name in wrt}
    return Descent(rate, tuple(outputs), moved)
