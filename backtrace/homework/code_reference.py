"""Gradients that are right for a forward pass that is not: which of them the slip has spoiled."""

from __future__ import annotations

from typing import Any, NamedTuple

from backtrace.algebra.arrays import quiet
from backtrace.algebra.values import shape_of
from backtrace.formula.kept import read_once
from backtrace.gates.shapes import Shape
from backtrace.graph import Graph
from backtrace.homework.backward.figures import agree, own_point
from backtrace.homework.backward.judging import OK, Judged
from backtrace.homework.questions import CodeQuestion
from backtrace.tracing import passes
from backtrace.tracing.request import Request


class Forward(NamedTuple):
    """Names of gradients, where the forward lines are wrong.

    spoiled  right for the code's own forward lines, and for the formula not, in order of the lines
    right    right for the formula, whatever the code's own forward lines are
    """

    spoiled: tuple[str, ...] = ()
    right: frozenset[str] = frozenset()


def held_against(judged: Judged, question: CodeQuestion) -> Forward:
    """Nothing where the forward lines compute the formula, or none is given. Raises BacktraceError
    where the formula has no gradients at the code's point."""
    if not any(verdict.about == "value" for verdict in judged.verdicts) or not question.against:
        return Forward()
    due = _gradients(judged, question)
    verdicts = sorted(judged.verdicts, key=lambda verdict: verdict.row)
    known = [v for v in verdicts if v.about == "gradient" and v.of in due]
    right = {v.gradient.name for v in known if agree(v.given, due[v.of])}
    spoiled = [v.gradient.name for v in known if v.verdict == OK]
    return Forward(tuple(name for name in spoiled if name not in right), frozenset(right))


def _gradients(judged: Judged, question: CodeQuestion) -> dict[str, Any]:
    """The gradient of every input of the formula, at the code's own point."""
    values = {n: v for n, v in question.point.items() if not isinstance(v, str)}
    point = own_point(judged.code, values, question.seed)
    graph = read_once(question.against, {name: shape_of(value) for name, value in point.items()})
    upstream = point[judged.code.upstream] if judged.code.upstream else None
    if upstream is not None and shape_of(upstream) != _shape_of_result(graph):
        return {}
    own = {name: point[name] for name in graph.inputs}
    with quiet():
        passed = passes.on_arrays(graph, own, Request(upstream=upstream))
    return {name: passed.flow.upstreams[node] for name, node in graph.inputs.items()}


def _shape_of_result(graph: Graph) -> Shape:
    return tuple(graph.shapes[graph.output]) if graph.shapes else ()
