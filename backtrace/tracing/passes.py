"""Both passes of a formula at a point: on floats, or, where a value is an array, on arrays."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from backtrace.algebra import Algebra
from backtrace.algebra.floats import FLOATS
from backtrace.algebra.values import at, first_bad, is_finite, shape_of
from backtrace.checks.traced import Subject
from backtrace.errors import UsageError, ValueGivenError
from backtrace.files import memory
from backtrace.formula.printer import spell_constant
from backtrace.gates.shapes import Shape, say, size
from backtrace.graph import Constant, Graph, backprop
from backtrace.graph.backprop import Backward
from backtrace.language import tell
from backtrace.tracing.request import Request

_COPIES = 4  # a value, its gradient, and what an edge carries


class Passes(NamedTuple):
    """Every node's value, what flowed back, and the algebra of both; `backward` is the second pass
    alone, to be asked again for other values."""

    m: Algebra
    values: list[Any]
    flow: Backward
    backward: Callable[..., Backward]


def run(graph: Graph, point: Mapping[str, Any], request: Request) -> Passes:
    """Forward, then backward. Raises UsageError for an upstream that does not fit, and for what
    needs more memory than there is."""
    if request.upstream is not None or graph.shapes is not None:
        return on_arrays(graph, point, request)
    backward = functools.partial(backprop.backward, convention=request.granularity.kink)
    values = [float(value) for value in graph.evaluate(FLOATS, point)]
    return Passes(FLOATS, values, backward(graph, values, FLOATS), backward)


def on_arrays(graph: Graph, point: Mapping[str, Any], request: Request) -> Passes:
    """As `run`, on arrays also where all are numbers."""
    of_nodes: tuple[Shape, ...] = graph.shapes or ((),) * len(graph.nodes)
    _refuse_too_large(of_nodes)
    from backtrace.algebra.arrays import ARRAYS, quiet

    seed = _seed(request.upstream, of_nodes[graph.output])
    backward = functools.partial(backprop.backward, convention=request.granularity.kink, seed=seed)
    with quiet():
        values = graph.evaluate(ARRAYS, point)
        return Passes(ARRAYS, values, backward(graph, values, ARRAYS), backward)


def subject(
    passed: Passes,
    text: str,
    graph: Graph,
    point: Mapping[str, Any],
    wrt: Sequence[str],
    request: Request,
) -> Subject:
    """What the check's witnesses are asked about; SymPy reads the `text`."""
    m, values, flow, backward = passed
    return Subject(m, text, graph, point, values, flow, wrt, backward, request.digits)


def constant_value(constant: Constant) -> Any:
    """The number that a constant is, or the array."""
    if not constant.holds_arrays:
        return constant.value(FLOATS)
    from backtrace.algebra.arrays import ARRAYS, quiet

    with quiet():
        return constant.value(ARRAYS)


def refuse_bad_constants(graph: Graph) -> None:
    """A constant that is not finite (9**9**9, 1/0) is a fault of the text, not of the point."""
    for node in graph.nodes:
        for constant in node.constants:
            value = constant_value(constant)
            if not is_finite(value):
                bad = at(value, first_bad(value) or ())
                raise ValueGivenError(
                    tell(
                        "the constant {text} is {bad}", text=spell_constant(constant).text, bad=bad
                    ),
                    text=graph.text,
                    span=constant.span,
                    hint=tell("it overflows a 64-bit float, divides by 0, or is not a real number"),
                )


def _seed(upstream: Any, output: Shape) -> Any:
    if upstream is None:
        return 1.0
    shape = shape_of(upstream)
    if shape and shape != output:
        given = (
            tell("shape {output}", output=say(output))
            if output
            else tell("no shape: it is a number")
        )
        what = tell(
            "the upstream has shape {shape}, and the output has {given}",
            shape=say(shape),
            given=given,
        )
        raise UsageError(what, hint=tell("a number stands for every entry"))
    return upstream


def _refuse_too_large(shapes: tuple[Shape, ...]) -> None:
    needed = 8.0 * _COPIES * sum(map(size, shapes))
    if needed > memory():
        largest = max(shapes, key=size)
        what = tell(
            "the trace needs {needed:,.0f} GB of memory; the largest gate is {largest}",
            needed=needed / 1e9,
            largest=say(largest),
        )
        raise UsageError(what)
