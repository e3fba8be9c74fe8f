"""trace(): the program's table of contents. Parse, forward, backward, check, record.

>>> t = trace("(x+y)*z", {"x": -2, "y": 5, "z": -4})
>>> t.value, t.gradients["x"]
(-12.0, -4.0)
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

from backtrace import engine, faults, notes, passes, render
from backtrace.algebra.floats import FLOATS
from backtrace.besides import Besides
from backtrace.checks.crosscheck import Budget, Findings, Subject, cross_check, skip_all
from backtrace.entries import is_finite, kept
from backtrace.errors import UsageError, ValueGivenError
from backtrace.formula.point import Given, known_variables, match_point, read_mapping, shapes
from backtrace.fusion import graph_of
from backtrace.gates import CONVENTIONS
from backtrace.graph import Graph
from backtrace.record import (
    Fault,
    Granularity,
    Group,
    Note,
    Record,
)
from backtrace.render import View
from backtrace.request import Request

_MOST_DRAWN = 300  # nodes, in a notebook


class Trace(Record):
    """A record that can show itself."""

    def show(self, format: str = "table", view: View | None = None) -> str:
        """The trace as text in one of `backtrace.render.formats()`."""
        return render.draw(self, format, view or View())

    def to_json(self) -> str:
        """The object that `backtrace --json` prints (schema backtrace.trace/1)."""
        return self.show("json")

    @classmethod
    def from_json(cls, text: str, arrays: Mapping[str, Any] | None = None) -> Trace:
        """A trace that `to_json` wrote; `arrays` is the .npz file beside it, if there is one (what
        `numpy.load` gives). Raises UsageError where it is damaged."""
        from backtrace import saved

        trace = cls(**saved.read(text, arrays or {}))
        try:  # what the schema cannot say: every number where a number is due
            for format in render.PLAIN:
                trace.show(format)
        except (ArithmeticError, AttributeError, KeyError, IndexError, TypeError, ValueError) as e:
            raise UsageError(f"the saved trace is damaged: {type(e).__name__} {e}") from None
        return trace

    def save(self, path: str | os.PathLike[str], view: View | None = None) -> None:
        """Writes the trace to a file, in the format of its suffix. Whole or not at all."""
        name = os.fspath(path)
        from backtrace import files

        files.write(name, render.data(self, render.format_of(name), view or View()))

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """In a notebook: the picture, or the table where it cannot be shown or would not help."""
        found = {"text/plain": self.show("table").rstrip("\n")}
        if len(self.graph.nodes) <= _MOST_DRAWN:
            found |= {"image/svg+xml": self._repr_svg_(), "text/html": self._repr_html_()}
        return found

    def _repr_svg_(self) -> str:
        return self.show("svg")

    def _repr_html_(self) -> str:
        """The picture; and the page that steps forward and backward, to be opened below it."""
        from backtrace.render._notebook import framed

        return framed(self.show("svg"), self.show("html"))

    def _repr_latex_(self) -> str:
        """The gradients, each with its formula's value."""
        from backtrace.render._notebook import gradients_in_latex

        return gradients_in_latex(self, View())


def trace(
    formula: str,
    point: Mapping[str, object] | None = None,
    *,
    wrt: Sequence[str] | None = None,
    fuse: bool | Sequence[str] = False,
    expand: bool = False,
    gates: str = "",
    kink: str = CONVENTIONS[0],
    symbolic: bool = False,
    exact: bool = False,
    precision: int | None = None,
    order: int = 1,
    upstream: object = None,
    jacobian: bool = False,
    rate: float | None = None,
    steps: int = 1,
    seed: int = 0,
    check: bool = True,
    budget: Budget | None = None,
) -> Trace:
    """Traces a formula at a point, gate by gate.

    point   a number or an array for every variable (or its text: "1/3", "[1, 2]", "randn(3)")
    wrt     the variables whose gradients are asked for; all of them when it is None
    fuse    whether groups that spell out a bigger gate become it: all, or those named
    expand  whether gates that are made of others are opened, before anything is fused
    gates   definitions, `swish(a) = a*sigmoid(a)`, that the formula may use
    kink    what a gate does where it has no derivative: one of gates.CONVENTIONS
    symbolic, exact, precision   the same trace as formulas, exactly, to so many digits: `wordings`.
            A formula that is given no value at all is traced as formulas
    order   2 for second derivatives as well: `seconds`
    upstream  the gradient that arrives at the output, a number or an array in its shape: 1
    jacobian  whether Jacobians are formed, of every gate and of the output: `jacobians`
    rate, steps  gradient descent by so many steps of this size: `descent`
    seed    for the random arrays among the texts of the point
    check   whether SymPy and measured slopes are asked too; `budget` limits what that costs

    Raises FormulaError, ValueGivenError or UsageError (all BacktraceError), with the place.
    Whatever the numbers do, the trace comes back: see `ok`, `fault` and `checks`.
    """
    names = None if isinstance(fuse, bool) else tuple(fuse)
    granularity = Granularity(expand, bool(fuse), names, gates, kink)
    request = Request(
        granularity=granularity,
        wrt=wrt,
        symbolic=symbolic,
        exact=exact,
        precision=precision,
        order=order,
        upstream=None
        if upstream is None
        else read_mapping({"upstream": upstream})["upstream"].value,
        jacobian=jacobian,
        rate=rate,
        steps=steps,
        check=check,
        budget=budget or Budget(),
    )
    return trace_given(formula, read_mapping(point or {}, seed), request)


def trace_given(formula: str, given: Mapping[str, Given], request: Request) -> Trace:
    """As `trace`, for values that know where they were written."""
    if request.order not in (1, 2):
        raise UsageError(f"--order is 1 or 2, not {request.order}")
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
    if fault is not None and m is FLOATS:
        fault = _cured(fault, graph, point, asked, granularity.kink)
    subject = Subject(
        m,
        granularity.with_definitions(formula),
        graph,
        point,
        values,
        flow,
        asked,
        passed.backward,
    )
    found = _check(subject, fault, request.budget) if request.check else None
    remarks = list(notes.kink_notes(graph, values, flow, granularity.kink, m))
    if request.upstream is None:
        remarks += notes.seed_note(graph, values)
    if fault is None:
        remarks += notes.healed_notes(graph, values, m)
    beside = Besides(graph, given, request, asked)
    wordings, words = beside.wordings([*values, *flow.upstreams])
    remarks += [Note("exact", text) for text in words]
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
        wordings=tuple(wordings),
        seconds=beside.seconds(subject) if fault is None else (),
        jacobians=beside.jacobians(passed),
        descent=beside.descent(point, values[graph.output]),
    )


def _cured(
    fault: Fault, graph: Graph, point: Mapping[str, Any], asked: Sequence[str], kink: str
) -> Fault:
    """The fault, with what was tried and helps."""
    from backtrace import cures

    return fault._replace(cure=cures.cure(graph, point, asked, kink) or fault.cure)


def _without_point(
    formula: str, graph: Graph, groups: tuple[Group, ...], request: Request
) -> Trace:
    """The trace of a formula that is given no value: as formulas, with no numbers."""
    if graph.uses_arrays:
        name, index = next(iter(graph.inputs.items()))
        hint = f"add {name}=[1, 2] or {name}=randn(3) to the command"
        span = graph.nodes[index].span
        raise ValueGivenError(
            f"'{name}' has no value, and arrays are not traced as formulas",
            text=graph.text,
            span=span,
            hint=hint,
        )
    if request.exact or request.precision is not None:
        name = next(iter(graph.inputs))
        raise ValueGivenError(f"'{name}' has no value", hint=f"add {name}=... to the command")
    asked = _asked(graph, request.wrt)
    text = request.granularity.with_definitions(formula)
    beside = Besides(graph, {}, request, asked)
    nothing = (math.nan,) * len(graph.nodes)
    edges = tuple((math.nan,) * len(sources) for sources in graph.inputs_of)
    return Trace(
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
        wordings=(beside.as_formulas(),),
        seconds=beside.seconds(
            Subject(FLOATS, text, graph, {}, (), engine.NOTHING, asked, engine.backward)
        ),
    )


def _asked(graph: Graph, wrt: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(graph.inputs) if wrt is None else known_variables(graph, wrt)


def _check(subject: Subject, fault: Fault | None, budget: Budget) -> Findings:
    needed = subject.graph.ancestors(subject.graph.output)
    if fault or not all(is_finite(subject.values[index]) for index in needed):
        return skip_all(subject, "not checked: a value is not finite")
    return cross_check(subject, budget)
