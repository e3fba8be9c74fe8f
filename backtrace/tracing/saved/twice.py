"""What a saved trace says twice must be the same twice: a gradient, the output, a shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backtrace.algebra.values import shape_of, size_of
from backtrace.graph import Graph
from backtrace.language import tell
from backtrace.numbers import Blank
from backtrace.tracing.saved.numbers import value_of


def hold(saved: Mapping[str, Any], graph: Graph, fields: Mapping[str, Any]) -> None:
    """Holds the copies in the JSON against the numbers that were read. Raises ValueError, KeyError
    or TypeError."""
    values, upstreams = fields["values"], fields["upstreams"]
    for name, index in graph.inputs.items():
        if name in fields["point"]:
            _same(fields["point"][name], values[index], tell("the value of {name}", name=name))
    if saved["output"]["node"] != graph.output:
        raise ValueError(tell("the output is not that of the formula"))
    _same(value_of(saved["output"]["value"]), values[graph.output], tell("the output"))
    for name, gradient in saved["gradients"].items():
        _same(
            value_of(gradient),
            upstreams[graph.inputs[name]],
            tell("the gradient of {name}", name=name),
        )
    for edge in saved["edges"]:
        _same(
            value_of(edge["upstream"]),
            upstreams[edge["gate"]],
            tell("the upstream of #{edge}", edge=edge["gate"]),
        )
    for jacobian in fields["asked"].jacobians:
        of = values[graph.output if jacobian.gate is None else jacobian.gate]
        shape = (size_of(of), size_of(values[jacobian.input]))
        is_there = jacobian.entries is not None
        if (jacobian.rows, jacobian.columns) != shape or (
            is_there and shape_of(jacobian.entries) != shape
        ):
            raise ValueError(tell("a Jacobian has another shape than what it is of"))
    _hold_shapes(graph, values, upstreams, fields["downstreams"])


def _hold_shapes(
    graph: Graph, values: Sequence[Any], upstreams: Sequence[Any], downstreams: Sequence[Any]
) -> None:
    """A gradient has the shape of what it is by."""
    for index, sources in enumerate(graph.inputs_of):
        pairs = [(values[index], upstreams[index])]
        pairs += [(values[s], d) for s, d in zip(sources, downstreams[index], strict=True)]
        for of, gradient in pairs:
            if not _is_blank(of, gradient) and shape_of(of) != shape_of(gradient):
                raise ValueError(
                    tell("a gradient at #{index} has another shape than what it is by", index=index)
                )


def _same(first: Any, second: Any, what: str) -> None:
    if not _is_blank(first, second) and not _are_equal(first, second):
        raise ValueError(tell("{what} is told twice, and differs", what=what))


def _are_equal(first: Any, second: Any) -> bool:
    """Also where both are nan."""
    if shape_of(first) != shape_of(second):
        return False
    if not shape_of(first):
        return bool(first == second or (first != first and second != second))
    import numpy as np

    return bool(np.array_equal(first, second, equal_nan=True))


def _is_blank(*values: Any) -> bool:
    return any(isinstance(value, Blank) for value in values)


__all__ = ["hold"]
