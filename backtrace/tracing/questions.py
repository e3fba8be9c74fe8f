"""What can be asked of a trace, each answer worked out anew: `Trace` keeps them.

Whatever an answer needs is loaded here, when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from backtrace.algebra.values import Value, is_finite, shape_of
from backtrace.errors import UsageError, ValueGivenError
from backtrace.formula.point import known_variables
from backtrace.graph import backprop
from backtrace.graph.directions import ForwardMode, Hessian, HessianProduct
from backtrace.graph.record import Descent, Jacobian, SecondDerivative, Wording
from backtrace.language import tell
from backtrace.numbers import Blank

if TYPE_CHECKING:
    from backtrace.checks.traced import Subject
    from backtrace.graph.costs import Cost
    from backtrace.graph.paths import Routes
    from backtrace.graph.paths_arrays import ArrayRoutes
    from backtrace.tracing.trace import Trace


def of(trace: Trace, name: str) -> Trace:
    from backtrace.formula.point import Given
    from backtrace.formula.results import cut
    from backtrace.graph.record import Note
    from backtrace.tracing.tracer import trace_given

    left = cut(trace.formula, name, trace.point.keys(), trace.granularity.gates)
    written = _written(trace) if trace.has_point else {}
    given = {n: Given(v, written[n]) for n, v in trace.point.items() if n not in left.variables}
    asked = [variable for variable in trace.wrt if variable not in left.variables]
    found = trace_given(left.text, given, trace.origin.request._replace(wrt=asked, upstream=None))
    notes = (Note("reading", left.note),) * bool(left.note)
    if trace.lines:
        nodes = zip(trace.graph.nodes, trace.lines, strict=True)
        lines = {node.span: line for node, line in nodes if not node.is_input}
        own = [
            None if node.is_input else lines.get(left.span_before(node.span))
            for node in found.graph.nodes
        ]
        found = replace(found, lines=tuple(own))
    return replace(found, notes=(*notes, *found.notes))


def formulas(trace: Trace) -> Wording:
    from backtrace.tracing import other_numbers

    request, graph = trace.origin.request, trace.graph
    if _is_of_arrays(trace):
        from backtrace.formula.letters import worded

        return worded(graph)
    _numbers_only(trace, "--symbolic")
    found = other_numbers.as_formulas(graph, trace.granularity.kink)
    if not request.check or graph.gate_count > request.budget.symbolic_gates:
        return found
    text = _text(trace)
    seconds = request.budget.symbolic_seconds
    simpler = other_numbers.simplified(text, trace.point.keys(), trace.wrt, seconds)
    return found._replace(simplified=tuple(simpler.items()))


def exactly(trace: Trace) -> Wording:
    from backtrace.tracing import other_numbers

    if _is_of_arrays(trace):
        from backtrace.tracing import other_arrays

        given = (trace.graph, trace.point, _written(trace), trace.values, trace.upstreams)
        return other_arrays.exactly(*given, trace.granularity.kink)
    _numbers_only(trace, "--exact")
    floats = [*trace.values, *trace.upstreams]
    return other_numbers.exactly(trace.graph, _written(trace), floats, trace.granularity.kink)


def to_digits(trace: Trace, digits: int) -> Wording:
    from backtrace.tracing import other_numbers

    if _is_of_arrays(trace):
        from backtrace.tracing import other_arrays

        given = (trace.graph, trace.point, _written(trace), trace.values, digits)
        return other_arrays.with_digits(*given, trace.granularity.kink)
    _numbers_only(trace, "--precision")
    return other_numbers.with_digits(trace.graph, _written(trace), digits, trace.granularity.kink)


def hessian(trace: Trace) -> tuple[SecondDerivative, ...] | Hessian:
    """Of numbers by the variables that a fault does not concern; none where the output is not
    finite. Of arrays, and from an upstream, as a matrix."""
    if _is_along(trace):
        from backtrace.algebra.arrays import quiet
        from backtrace.tracing import curvature

        given = (trace.granularity.kink, trace.origin.request.budget)
        with quiet():
            return curvature.hessian(_on_arrays(trace), *given)
    from backtrace.checks import second
    from backtrace.checks.crosscheck import sound_part

    subject, budget = _subject(trace), trace.origin.request.budget
    if trace.fault is None:
        return tuple(second.hessian(subject, budget))
    return tuple(second.hessian(sound_part(subject), budget)) if is_finite(trace.value) else ()


def jacobians(trace: Trace) -> tuple[Jacobian, ...]:
    from backtrace.tracing import passes
    from backtrace.tracing.jacobians import jacobians as formed

    needs_point(trace)
    passed = passes.on_arrays(trace.graph, trace.point, trace.origin.request)
    return tuple(formed(trace.graph, passed, trace.wrt, trace.granularity.kink))


def jacobian(trace: Trace, name: str) -> Jacobian:
    index = _variable(trace, name)
    if name not in trace.wrt:
        raise UsageError(
            tell(
                "the trace was not asked for {name}: wrt is {wrt}",
                name=name,
                wrt=", ".join(trace.wrt),
            )
        )
    return next(j for j in trace.jacobians() if j.gate is None and j.input == index)


def has_small_hessian(trace: Trace) -> bool:
    """Whether it can be written out."""
    if not _is_along(trace):
        return True
    from backtrace.tracing import curvature

    return curvature.fits(_on_arrays(trace))


def hessian_product(trace: Trace, along: Mapping[str, object] | None) -> HessianProduct:
    from backtrace.algebra.arrays import quiet
    from backtrace.tracing import curvature

    given = (along, trace.granularity.kink, trace.origin.request.budget)
    with quiet():
        return curvature.product(_on_arrays(trace), *given)


def forward_mode(trace: Trace, name: str, along: object) -> ForwardMode:
    from backtrace.algebra.arrays import quiet
    from backtrace.tracing import curvature

    _variable(trace, name)
    moves = along if along is None or isinstance(along, Mapping) else {name: along}
    given = (name, moves, trace.granularity.kink, trace.origin.request.budget)
    with quiet():
        return curvature.forward_mode(_on_arrays(trace), *given)


def tangents(trace: Trace, name: str, along: object) -> tuple[Value, ...]:
    if along is None and trace.graph.shapes is None:
        return tuple(backprop.tangents(trace.graph, trace.locals, _variable(trace, name)))
    return trace.forward_mode(name, along).tangents


def paths(trace: Trace, name: str, most: int) -> Routes | ArrayRoutes:
    from backtrace.graph.paths import routes_of

    needs_point(trace)
    _variable(trace, name)
    return routes_of(trace, name, most)


def cost(trace: Trace, every: int | None) -> Cost:
    from backtrace.graph.counted import cost_of

    if every is not None and (type(every) is not int or every < 1):
        raise UsageError(
            tell("a checkpoint every {every} gates", every=every),
            hint=tell("a whole number from 1"),
        )
    graph = trace.graph
    shapes = {n: graph.shapes[i] if graph.shapes else () for n, i in graph.inputs.items()}
    return cost_of(graph, shapes, trace.wrt, every)


def descend(trace: Trace, rate: float, steps: int, tick: Callable[[], None]) -> Descent:
    from backtrace.tracing import descent

    needs_point(trace)
    request = trace.origin.request
    return descent.descend(trace.graph, trace.point, trace.wrt, request, rate, steps, tick)


def explain(trace: Trace) -> str:
    from backtrace.render import View
    from backtrace.render._explain import steps

    return "\n".join(steps(trace, View()))


def arrived(trace: Trace) -> Value | None:
    """The gradient that arrived at a saved trace's output, where that is not 1."""
    upstream = trace.upstreams[trace.graph.output]
    if isinstance(upstream, Blank) or not trace.has_point:
        return None
    is_one = upstream == 1 if not shape_of(upstream) else bool((upstream == 1).all())
    return None if is_one else upstream


def _subject(trace: Trace) -> Subject:
    """What the check's witnesses are asked about."""
    from backtrace.algebra.floats import FLOATS
    from backtrace.checks.traced import Subject
    from backtrace.tracing import passes

    text = _text(trace)
    if not trace.has_point:
        nothing = backprop.NOTHING
        flow_of = backprop.backward
        return Subject(FLOATS, text, trace.graph, {}, (), nothing, trace.wrt, flow_of)
    passed = passes.run(trace.graph, trace.point, trace.origin.request)
    return passes.subject(passed, text, trace.graph, trace.point, trace.wrt, trace.origin.request)


def _on_arrays(trace: Trace) -> Subject:
    """The same, in arrays also where all are numbers."""
    from backtrace.tracing import passes

    needs_point(trace)
    request = trace.origin.request
    passed = passes.on_arrays(trace.graph, trace.point, request)
    given = (trace.graph, trace.point, trace.wrt, request)
    return passes.subject(passed, _text(trace), *given)


def _text(trace: Trace) -> str:
    """What SymPy reads."""
    return trace.granularity.with_definitions(trace.graph.read_as or trace.formula)


def _written(trace: Trace) -> Mapping[str, str]:
    """The values as they were written; of a saved trace, as its JSON has them."""
    needs_point(trace)
    return {**{name: repr(value) for name, value in trace.point.items()}, **trace.origin.written}


def _variable(trace: Trace, name: str) -> int:
    known_variables(trace.graph, [name])
    return trace.graph.inputs[name]


def needs_point(trace: Trace) -> None:
    """Raises ValueGivenError where there are formulas only."""
    if not trace.has_point:
        name = next(iter(trace.graph.inputs))
        raise ValueGivenError(
            tell("'{name}' has no value", name=name),
            hint=tell("add {name}=... to the command", name=name),
        )


def _is_of_arrays(trace: Trace) -> bool:
    """Whether it is of arrays, from their values and from an upstream of 1."""
    return trace.graph.shapes is not None and trace.origin.request.upstream is None


def _is_along(trace: Trace) -> bool:
    """Whether it is of arrays, or goes back from an upstream."""
    return trace.graph.shapes is not None or trace.origin.request.upstream is not None


def _numbers_only(trace: Trace, what: str) -> None:
    """Raises UsageError for what is made of numbers, one by one."""
    if not trace.has_point and trace.graph.shapes is None and _is_along(trace):
        what = tell("formulas without a point begin with 1, and --upstream is a number")
        raise UsageError(what, hint=tell("give every input a value"))
    if _is_along(trace):
        words = tell(
            "{what} is for formulas of numbers, and here are arrays (or an upstream)", what=what
        )
        raise UsageError(words, hint=tell("write one entry out: w0*x0 + w1*x1"))
