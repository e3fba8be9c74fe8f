"""What a page needs for practice: at the trace's own point and at some telling ones, the numbers
that every slip leads to at every wire."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from backtrace.algebra.values import shape_of, size_of
from backtrace.errors import BacktraceError
from backtrace.formula.point import read_mapping
from backtrace.graph import Graph
from backtrace.graph.record import Granularity, Practice, Slip, SlippedPoint
from backtrace.homework.points import class_inputs, telling_points
from backtrace.homework.problem import Problem, problem_of
from backtrace.homework.slip_numbers import wrong_numbers
from backtrace.language import tell
from backtrace.tracing.trace import Trace

MOST_GATES = 60
_POINTS = 3
_MOST_ENTRIES = 12
_PER_WIRE = 8
_DIGITS = 6


def practice_of(trace: Trace) -> Practice | None:
    """None where nothing is to be practised: without a point, where a number is not finite, and
    where there are more gates than anybody asks for."""
    graph = trace.graph
    if not trace.has_point or trace.fault is not None or not 0 < graph.gate_count <= MOST_GATES:
        return None
    granularity = trace.granularity
    own = _problem(trace, dict(trace.point), granularity)
    if own is None:
        return None
    says: dict[str, int] = {}
    points = [SlippedPoint(None, _slips(own, says))]
    if not trace.has_arrays:
        for point in islice(telling_points(trace.formula, graph, dict(trace.point)), _POINTS):
            problem = _problem(trace, point, granularity)
            if problem is not None:
                points.append(SlippedPoint(point, _slips(problem, says)))
    skip = tuple(graph.inputs[name] for name in class_inputs(graph))
    return Practice(tuple(says), tuple(points), skip)


def _problem(trace: Trace, point: Mapping[str, Any], granularity: Granularity) -> Problem | None:
    try:
        given = read_mapping({name: _listed(value) for name, value in point.items()})
        problem = problem_of(trace.formula, given, granularity, is_for_answers=False)
    except BacktraceError:  # outside a domain
        return None
    return problem if _same_graph(problem.record.graph, trace.graph) else None


def _same_graph(one: Graph, other: Graph) -> bool:
    """Node by node; gates that the formula defines itself are made anew each time it is read."""
    return _told(one) == _told(other)


def _told(graph: Graph) -> list[tuple[str, Any, str]]:
    return [(n.gate.name if n.gate else "", n.operands, n.name) for n in graph.nodes]


def _listed(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def _slips(problem: Problem, says: dict[str, int]) -> dict[str, tuple[Slip, ...]]:
    """By wire, as the page names it; `says` collects the sentences."""
    found = {}
    for (node, is_gradient), numbers in wrong_numbers(problem).items():
        if size_of(problem.record.values[node]) <= _MOST_ENTRIES:
            told = tuple(
                (says.setdefault(tell(n.says), len(says)), n.gate, _rounded(n.number))
                for n in numbers[:_PER_WIRE]
            )
            found[f"{'u' if is_gradient else 'v'}{node}"] = told
    return found


def _rounded(number: Any) -> Any:
    """More digits than anybody types in practice."""
    if not shape_of(number):
        return float(f"{number:.{_DIGITS}g}")
    import numpy as np

    flat = [float(f"{entry:.{_DIGITS}g}") for entry in number.ravel().tolist()]
    return np.reshape(flat, number.shape)
