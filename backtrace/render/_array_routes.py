"""The routes of an array, as lines and as JSON: what each carries, and what stops the flow."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from backtrace.algebra.values import shape_of, size_of
from backtrace.formula.printer import label
from backtrace.graph.blocking import Stop
from backtrace.graph.paths_arrays import ArrayRoute, ArrayRoutes, norm_of
from backtrace.graph.record import Record
from backtrace.numbers import SHORT, plain
from backtrace.render._routes import more_routes, plain_count, routes_in_all, shortened, walk
from backtrace.render._view import View

_EXACT = 1e-9  # relative: rounding explains so much of what a sum over routes is beside
_MANY = 0.1  # a share of the entries that is worth a line, where something gets through
_MOST_STOPS = 8
_LARGE = 100  # a share of the gradient that is said in times

_REASONS = {
    "relu": "they are dead",
    "relu_layer": "they are dead",
    "where": "the other branch is taken there",
    "clip": "they are outside its bounds",
    "detach": "by definition",
    "mul": "they are multiplied by 0",
}
_CHOICES = {"max": "larger", "min": "smaller"}


def lines(record: Record, view: View, name: str, found: ArrayRoutes) -> Iterator[str]:
    """A line for each route, below it what arrives on its way; the sum; what stops the flow."""
    for route in found.shown:
        way = walk(record.graph, [edge.gate for edge in route.edges], name)
        yield f"{way}: {_carried(view, route)}"
        if route.edges:
            norms = [view.number(norm) for norm in route.norms]
            yield f"  norms on the way back: {' <- '.join(shortened(norms))}"
    left = found.in_all - len(found.shown)
    if left:
        together = f"norm {view.number(norm_of(found.rest))}"
        smaller = ", all smaller" if found.followed == found.in_all else ", summed on their way"
        yield f"... and {more_routes(left)}{smaller}: together {together}"
    yield _sum(record, view, name, found)
    stops = [stop for stop in found.stops if stop.stopped or stop.faint >= _MANY * stop.entries]
    stops.sort(key=lambda stop: -(stop.stopped + stop.faint) / stop.entries)
    for stop in stops[:_MOST_STOPS]:
        yield _stopped(record, stop)
    if len(stops) > _MOST_STOPS:
        yield f"... and {len(stops) - _MOST_STOPS:,} more gates stop less"


def _carried(view: View, route: ArrayRoute) -> str:
    shown = f"{view.value(route.carried)}, " if size_of(route.carried) <= SHORT else ""
    told = f"{shown}norm {view.number(route.norm)}"
    if route.share is None or not route.norm:
        return told
    against = " (against it)" if route.share < 0 else ""
    times = f"{view.number(route.share)} times" if abs(route.share) > _LARGE else ""
    return f"{told}, {times or _percent(route.share) + ' of'} the gradient{against}"


def _sum(record: Record, view: View, name: str, found: ArrayRoutes) -> str:
    """Rounding is of what the largest route carries: where routes cancel, a small gradient is lost
    in it."""
    gradient = record.upstreams[record.graph.inputs[name]]
    title, norm = f"∂{record.graph.output_name}/∂{name}", norm_of(gradient)
    summed = f"sum over {routes_in_all(found.in_all)}: norm {view.number(norm_of(found.total))}"
    if not math.isfinite(found.gap):
        return f"{summed}; {title} is not finite, so the sum proves nothing"
    difference = norm_of(found.total - gradient)
    if difference <= _EXACT * norm:
        return f"{summed}, the gradient"
    beside = f"{summed}; {title} has norm {view.number(norm)}"
    if found.gap <= _EXACT:
        return f"{beside}: the routes cancel, and what is left of them is rounding"
    return f"{beside}: they differ by {view.number(found.gap)} of the largest"


def _stopped(record: Record, stop: Stop) -> str:
    """relu #3 stops 73% of its entries (1,460 of 2,000): they are dead."""
    graph = record.graph
    node = graph.nodes[stop.gate]
    source = graph.inputs_of[stop.gate][stop.slot]
    to = graph.nodes[source].name or f"#{source}"
    gate = f"{label(node)} #{stop.gate}"
    if stop.moves and stop.stopped < stop.entries:
        reached = stop.entries - stop.stopped
        return f"{gate} hands on to {reached:,} of the {stop.entries:,} entries of {to}"
    if len(graph.inputs_of[stop.gate]) > 1:
        gate += f", to {to},"
    if not stop.stopped:
        faint = _share(stop.faint, stop.entries)
        return f"{gate} lets next to nothing through at {faint}: slopes below 0.001"
    reason = _reason(record, stop)
    if stop.stopped == stop.entries:
        return f"{gate} stops the flow: {reason}"
    faint = f"; at {stop.faint:,} more slopes are below 0.001"
    told = f"{gate} stops {_share(stop.stopped, stop.entries)}: {reason}"
    return told + faint * (stop.faint > _MANY * stop.entries)


def _reason(record: Record, stop: Stop) -> str:
    node = record.graph.nodes[stop.gate]
    gate = node.gate
    assert gate is not None
    if gate.is_comparison:
        return "a comparison is flat"
    if gate.name == "where" and stop.slot == 0 and type(node.operands[0]) is int:
        return "a condition has no gradient"
    if gate.name in _CHOICES:
        by_zero = [constant.text for constant in node.constants] == ["0"]
        return "they are dead" if by_zero else f"another is {_CHOICES[gate.name]} there"
    if stop.moves:
        return "what it hands on is 0"
    is_all = stop.stopped == stop.entries
    return _REASONS.get(gate.name, "the local gradient is 0" + " there" * (not is_all))


def _share(part: int, whole: int) -> str:
    """73% of its entries (1,460 of 2,000)."""
    return f"{_percent(part / whole)} of its entries ({part:,} of {whole:,})"


def _percent(share: float) -> str:
    """All and nothing are only what is all or nothing."""
    rounded = round(100 * share)
    if rounded == 100 and share != 1 and abs(share - 1) > 1e-9:
        return "over 99%" if share < 1 else "over 100%"
    if rounded == 0 and share:
        return "less than 1%"
    return f"{rounded}%"


def as_object(found: ArrayRoutes) -> dict[str, Any]:
    return {
        "count": plain_count(found.in_all),
        "followed": found.followed,
        "sum": found.total if shape_of(found.total) else plain(float(found.total)),
        "gap": plain(found.gap),
        "rest": plain(norm_of(found.rest)),
        "largest": [
            {
                "gates": [edge.gate for edge in route.edges],
                "norms": [plain(norm) for norm in route.norms],
                "norm": plain(route.norm),
                "share": None if route.share is None else plain(route.share),
            }
            for route in found.shown
        ],
        "stops": [stop._asdict() for stop in found.stops],
    }
