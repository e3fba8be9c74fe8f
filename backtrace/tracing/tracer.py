"""trace(): the program's table of contents. Parse, forward, backward, check, record.

>>> t = trace("(x+y)*z", {"x": -2, "y": 5, "z": -4})
>>> t.value, t.gradients["x"]
(-12.0, -4.0)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from backtrace.advice import faults, notes
from backtrace.algebra import Algebra
from backtrace.algebra.values import kept
from backtrace.checks.traced import Budget, Subject
from backtrace.errors import ValueGivenError
from backtrace.formula.point import Given, known_variables, match_point, read_mapping, shapes
from backtrace.gates import CONVENTIONS
from backtrace.graph import Graph
from backtrace.graph.record import LOST, Fault, Granularity, Group, Note
from backtrace.language import tell
from backtrace.rewrite import graph_of
from backtrace.tracing import passes
from backtrace.tracing.request import Request
from backtrace.tracing.trace import Origin, Trace

if TYPE_CHECKING:
    from backtrace.checks.crosscheck import Findings


def trace(
    formula: str | Callable[..., object],
    point: Mapping[str, object] | None = None,
    *,
    of: str = "",
    wrt: Sequence[str] | None = None,
    fuse: bool | Sequence[str] = False,
    expand: bool = False,
    gates: str = "",
    kink: str = CONVENTIONS[0],
    upstream: object = None,
    seed: int = 0,
    check: bool = True,
    budget: Budget | None = None,
) -> Trace:
    """Traces a formula at a point, gate by gate; or what a function of Python computes.

    A function (a def, a lambda, a method) is read, and never called: its parameters are the inputs,
    and so are the numbers and arrays that it finds outside, at the values that they have now.
    Functions that it calls are read too. Every gate knows its line (`lines`).

    point   a number or an array for every variable (or its text: "1/3", "[1, 2]", "randn(3)")
    of      the stage that is the result, where it is not the last
    wrt     the variables whose gradients are asked for; all of them when it is None
    fuse    whether groups that spell out a bigger gate become it: all, or those named
    expand  whether gates that are made of others are opened, before anything is fused
    gates   definitions, `swish(a) = a*sigmoid(a)`, that the formula may use
    kink    what a gate does where it has no derivative: one of gates.CONVENTIONS
    upstream  the gradient that arrives at the output, a number or an array in its shape: 1
    seed    for the random arrays among the texts of the point
    check   whether SymPy and measured slopes are asked too; `budget` limits what that costs

    A formula that is given no value at all is traced as formulas. Raises FormulaError,
    ValueGivenError or UsageError (all BacktraceError), with the place; UsageError for a function
    that has no source. Whatever the numbers do, the
    trace comes back: see `ok`, `fault` and `checks`. What follows from it is a method: `hessian()`,
    `to_digits(50)`, `descend(0.1)`.
    """
    request = request_of(wrt, fuse, expand, gates, kink, upstream, check, budget)
    if not isinstance(formula, str):
        from backtrace.tracing.from_code import from_function

        return from_function(formula, point or {}, request, of, seed)
    given = read_mapping(point or {}, seed)
    if not of:
        return trace_given(formula, given, request)
    from backtrace.formula.results import cut

    left = cut(formula, of, given, gates)
    given = {name: value for name, value in given.items() if name not in left.variables}
    traced = trace_given(left.text, given, request)
    notes = (Note("reading", left.note),) * bool(left.note)
    return replace(traced, notes=(*notes, *traced.notes))


def request_of(
    wrt: Sequence[str] | None,
    fuse: bool | Sequence[str],
    expand: bool,
    gates: str,
    kink: str,
    upstream: object,
    check: bool,
    budget: Budget | None,
) -> Request:
    """The options of `trace` as one value."""
    names = None if isinstance(fuse, bool) else tuple(fuse)
    granularity = Granularity(expand, bool(fuse), names, gates, kink)
    arriving = None if upstream is None else read_mapping({"upstream": upstream})["upstream"].value
    return Request(granularity, wrt, arriving, check, budget or Budget())


def trace_given(formula: str, given: Mapping[str, Given], request: Request) -> Trace:
    """As `trace`, for values that know where they were written."""
    granularity = request.granularity
    graph, groups = graph_of(formula, shapes(given), granularity)
    if graph.inputs and not given:
        return _without_point(formula, graph, groups, request)
    point = match_point(graph, given)
    asked = _asked(graph, request.wrt)
    passes.refuse_bad_constants(graph)

    passed = passes.run(graph, point, request)
    m, values, flow = passed.m, passed.values, passed.flow
    fault = faults.forward_fault(graph, values, m)
    fault = fault or faults.backward_fault(graph, values, flow, asked, m)
    tried = (formula, granularity, graph, point, asked, passed.backward)
    if fault is not None:
        fault = _cured(fault, tried, values, m)
    text = granularity.with_definitions(graph.read_as or formula)
    subject = passes.subject(passed, text, graph, point, asked, request)
    found = _checked(subject, request.budget) if request.check else None
    remarks = list(notes.kink_notes(graph, values, flow, granularity.kink, m))
    remarks += [Note("reading", text) for text in graph.readings]
    if request.upstream is None:
        remarks += notes.seed_note(graph, values)
    if fault is None:
        remarks += notes.healed_notes(graph, values, m)
    if found is not None:
        remarks += _cure_of_lost(found, tried)
    return Trace(
        formula=formula,
        point={name: kept(value) for name, value in point.items()},
        graph=graph,
        values=tuple(map(kept, values)),
        upstreams=tuple(map(kept, flow.upstreams)),
        locals=tuple(tuple(map(kept, slopes)) for slopes in flow.locals),
        downstreams=tuple(tuple(map(kept, carried)) for carried in flow.downstreams),
        wrt=asked,
        checks=found.checks if found else {},
        output_check=found.output if found else None,
        notes=tuple(remarks + (found.notes if found else [])),
        fault=fault,
        granularity=granularity,
        groups=groups,
        origin=Origin({name: value.written for name, value in given.items()}, request),
    )


def _checked(subject: Subject, budget: Budget) -> Findings:
    from backtrace.checks.crosscheck import cross_check

    return cross_check(subject, budget)


def _cured(fault: Fault, tried: tuple[Any, ...], values: Sequence[Any], m: Algebra) -> Fault:
    """The fault, with what was tried and helps."""
    from backtrace.advice import stable_forms

    setting = stable_forms.setting_of(*tried)
    return stable_forms.cured(fault, setting, values, m) if setting else fault


def _cure_of_lost(found: Findings, tried: tuple[Any, ...]) -> list[Note]:
    """What was tried and brings lost digits back."""
    checks = {"": found.output, **found.checks}
    lost = [name for name, check in checks.items() if check.verdict == LOST]
    if not lost:
        return []
    from backtrace.advice import stable_forms

    setting = stable_forms.setting_of(*tried)
    words = stable_forms.cure_of_lost(setting, lost) if setting else ""
    return [Note("cure", words, checks[lost[0]].gate)] if words else []


def _without_point(
    formula: str, graph: Graph, groups: tuple[Group, ...], request: Request
) -> Trace:
    """The trace of a formula that is given no value: as formulas, with no numbers."""
    if graph.uses_arrays:
        name, index = next(iter(graph.inputs.items()))
        hint = tell(
            "{name}=randn(3,2) is a value; {name}:m,n a shape, which gives formulas", name=name
        )
        span = graph.nodes[index].span
        raise ValueGivenError(
            tell("'{name}' has no value, and arrays need that or a shape", name=name),
            text=graph.text,
            span=span,
            hint=hint,
        )
    asked = _asked(graph, request.wrt)
    nothing = (math.nan,) * len(graph.nodes)
    edges = tuple((math.nan,) * len(sources) for sources in graph.inputs_of)
    found = Trace(
        formula=formula,
        point={},
        graph=graph,
        values=nothing,
        upstreams=nothing,
        locals=edges,
        downstreams=edges,
        wrt=asked,
        checks={},
        output_check=None,
        notes=(),
        fault=None,
        granularity=request.granularity,
        groups=groups,
        origin=Origin({}, request),
    )
    return found.showing(found.formulas())


def _asked(graph: Graph, wrt: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(graph.inputs) if wrt is None else known_variables(graph, wrt)
