"""A trace of the main command as what is written: with its numbers, as a worksheet, compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from backtrace.cli.asked import Asked
from backtrace.cli.groups import names_in
from backtrace.errors import UsageError
from backtrace.language import tell

if TYPE_CHECKING:
    from backtrace.formula.point import Given
    from backtrace.render import View
    from backtrace.tracing.request import Request
    from backtrace.tracing.trace import Trace


class Shown(NamedTuple):
    """The text, the trace it is of, whether that is right; and what is written beside it."""

    text: str | bytes
    trace: Trace
    is_right: bool
    beside: Mapping[str, bytes] = MappingProxyType({})


class Showing(NamedTuple):
    """How the trace is to be shown, and which file its large arrays go to ("": none)."""

    format: str
    view: View
    asked: Asked
    arrays_file: str
    tick: Callable[[], None]

    def answered(self, traced: Trace) -> Trace:
        return self.asked.answered(traced, self.tick)

    def view_of(self, traced: Trace) -> View:
        """The view, with what it is to show of this trace. Raises UsageError."""
        from backtrace.formula.point import known_variables
        from backtrace.tracing.questions import needs_point

        beside = self.asked.beside
        tangents = () if traced.asked.forward else names_in(beside.forward)
        if beside.paths:
            needs_point(traced)
        return self.view._replace(
            explain=beside.explain,
            paths=known_variables(traced.graph, names_in(beside.paths)),
            forward=known_variables(traced.graph, tangents),
        )


def _without_arrays(traced: Trace, view: View, arrays_file: str) -> Shown:
    """The JSON, its large arrays in a file of their own."""
    import io
    import os

    import numpy as np

    from backtrace.render.json import with_store

    text, arrays = with_store(traced, view, os.path.basename(arrays_file))
    data = io.BytesIO()
    np.savez(data, **arrays)
    return Shown(text, traced, traced.ok, {arrays_file: data.getvalue()})


def as_numbers(
    formula: str, given: Mapping[str, Given], request: Request, showing: Showing
) -> Shown:
    from backtrace import render
    from backtrace.tracing.tracer import trace_given

    traced = showing.answered(trace_given(formula, given, request))
    view = showing.view_of(traced)
    if showing.arrays_file:
        return _without_arrays(traced, view, showing.arrays_file)
    if showing.format == "html":
        traced = practised(traced)
    return Shown(render.data(traced, showing.format, view), traced, traced.ok)


def practised(traced: Trace) -> Trace:
    """A page asks for its numbers, and names slips."""
    from dataclasses import replace

    from backtrace.homework.page_practice import practice_of

    return replace(traced, asked=traced.asked._replace(practice=practice_of(traced)))


def as_worksheet(
    formula: str, given: Mapping[str, Given], request: Request, showing: Showing
) -> Shown:
    """--blank: the same without its numbers."""
    from backtrace import render
    from backtrace.tracing.tracer import trace_given
    from backtrace.tracing.worksheet import blanked

    traced = showing.answered(trace_given(formula, given, request))
    sheet = blanked(traced, showing.asked.task.blank or "")
    return Shown(render.data(sheet, showing.format, showing.view), traced, traced.ok)


def as_comparison(
    formula: str, given: Mapping[str, Given], request: Request, showing: Showing
) -> Shown:
    """--compare: one table, or one JSON object."""
    from backtrace.tracing import comparison

    if showing.arrays_file:
        raise UsageError(
            tell("--compare keeps its arrays in the JSON"), hint=tell("leave --arrays out")
        )
    if showing.format not in ("table", "json"):
        what = tell("--compare has no format {format}", format=showing.format)
        raise UsageError(what, hint=tell("--compare --json, or neither"))
    found = comparison.compare(formula, given, request, showing.answered)
    if showing.format == "json":
        from backtrace.render._ascii import in_json
        from backtrace.render.json import writer

        view = showing.view_of(found.written)
        text = writer()(comparison.as_object(found, view)) + "\n"
        return Shown(in_json(text) if view.ascii else text, found.fused, found.ok)
    return Shown(comparison.show(found, showing.view), found.fused, found.ok)
