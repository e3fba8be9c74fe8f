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
from backtrace.language import marked, tell
from backtrace.numbers import SHORT, plain
from backtrace.render._route_words import (
    more_routes,
    plain_count,
    routes_in_all,
    shortened,
    walk,
)
from backtrace.render._view import View

_EXACT = 1e-9  # relative: rounding explains so much of what a sum over routes is beside
_MANY = 0.1  # a share of the entries that is worth a line, where something gets through
_MOST_STOPS = 8
_LARGE = 100  # a share of the gradient that is said in times

_REASONS = {
    "relu": marked("they are dead"),
    "relu_layer": marked("they are dead"),
    "where": marked("the other branch is taken there"),
    "clip": marked("they are outside its bounds"),
    "detach": marked("by definition"),
    "mul": marked("they are multiplied by 0"),
}
_CHOICES = {"max": "larger", "min": "smaller"}


def lines(record: Record, view: View, name: str, found: ArrayRoutes) -> Iterator[str]:
    """A line for each route, below it what arrives on its way; the sum; what stops the flow."""
    for route in found.shown:
        way = walk(record.graph, [edge.gate for edge in route.edges], name)
        yield f"{way}: {_carried(view, route)}"
        if route.edges:
            norms = [view.number(norm) for norm in route.norms]
            yield tell("  norms on the way back: {names}", names=" <- ".join(shortened(norms)))
    left = found.in_all - len(found.shown)
    if left:
        together = tell("norm {norm_of}", norm_of=view.number(norm_of(found.rest)))
        smaller = (
            tell(", all smaller")
            if found.followed == found.in_all
            else tell(", summed on their way")
        )
        yield tell(
            "... and {more_routes}{smaller}: together {together}",
            more_routes=more_routes(left),
            smaller=smaller,
            together=together,
        )
    yield _sum(record, view, name, found)
    stops = [stop for stop in found.stops if stop.stopped or stop.faint >= _MANY * stop.entries]
    stops.sort(key=lambda stop: -(stop.stopped + stop.faint) / stop.entries)
    for stop in stops[:_MOST_STOPS]:
        yield _stopped(record, stop)
    if len(stops) > _MOST_STOPS:
        yield tell("... and {count:,} more gates stop less", count=len(stops) - _MOST_STOPS)


def _carried(view: View, route: ArrayRoute) -> str:
    shown = f"{view.value(route.carried)}, " if size_of(route.carried) <= SHORT else ""
    told = tell("{shown}norm {norm}", shown=shown, norm=view.number(route.norm))
    if route.share is None or not route.norm:
        return told
    against = tell(" (against it)") if route.share < 0 else ""
    times = (
        tell("{share} times", share=view.number(route.share)) if abs(route.share) > _LARGE else ""
    )
    return tell(
        "{told}, {times} the gradient{against}",
        told=told,
        times=times or tell("{percent} of", percent=_percent(route.share)),
        against=against,
    )


def _sum(record: Record, view: View, name: str, found: ArrayRoutes) -> str:
    """Rounding is of what the largest route carries: where routes cancel, a small gradient is lost
    in it."""
    gradient = record.upstreams[record.graph.inputs[name]]
    title, norm = f"∂{record.graph.output_name}/∂{name}", norm_of(gradient)
    summed = tell(
        "sum over {routes_in_all}: norm {norm_of}",
        routes_in_all=routes_in_all(found.in_all),
        norm_of=view.number(norm_of(found.total)),
    )
    if not math.isfinite(found.gap):
        return tell(
            "{summed}; {title} is not finite, so the sum proves nothing", summed=summed, title=title
        )
    difference = norm_of(found.total - gradient)
    if difference <= _EXACT * norm:
        return tell("{summed}, the gradient", summed=summed)
    beside = tell(
        "{summed}; {title} has norm {norm}", summed=summed, title=title, norm=view.number(norm)
    )
    if found.gap <= _EXACT:
        return tell(
            "{beside}: the routes cancel, and what is left of them is rounding", beside=beside
        )
    return tell(
        "{beside}: they differ by {gap} of the largest", beside=beside, gap=view.number(found.gap)
    )


def _stopped(record: Record, stop: Stop) -> str:
    """relu #3 stops 73% of its entries (1,460 of 2,000): they are dead."""
    graph = record.graph
    node = graph.nodes[stop.gate]
    source = graph.inputs_of[stop.gate][stop.slot]
    to = graph.nodes[source].name or f"#{source}"
    gate = f"{label(node)} #{stop.gate}"
    if stop.moves and stop.stopped < stop.entries:
        reached = stop.entries - stop.stopped
        return tell(
            "{gate} hands on to {reached:,} of the {entries:,} entries of {to}",
            gate=gate,
            reached=reached,
            entries=stop.entries,
            to=to,
        )
    if len(graph.inputs_of[stop.gate]) > 1:
        gate += tell(", to {to},", to=to)
    if not stop.stopped:
        faint = _share(stop.faint, stop.entries)
        return tell(
            "{gate} lets next to nothing through at {faint}: slopes below 0.001",
            gate=gate,
            faint=faint,
        )
    reason = _reason(record, stop)
    if stop.stopped == stop.entries:
        return tell("{gate} stops the flow: {reason}", gate=gate, reason=reason)
    faint = tell("; at {faint:,} more slopes are below 0.001", faint=stop.faint)
    told = tell(
        "{gate} stops {share}: {reason}",
        gate=gate,
        share=_share(stop.stopped, stop.entries),
        reason=reason,
    )
    return told + faint * (stop.faint > _MANY * stop.entries)


def _reason(record: Record, stop: Stop) -> str:
    node = record.graph.nodes[stop.gate]
    gate = node.gate
    assert gate is not None
    if gate.is_comparison:
        return tell("a comparison is flat")
    if gate.name == "where" and stop.slot == 0 and type(node.operands[0]) is int:
        return tell("a condition has no gradient")
    if gate.name in _CHOICES:
        by_zero = [constant.text for constant in node.constants] == ["0"]
        return (
            tell("they are dead")
            if by_zero
            else tell("another is {choice} there", choice=_CHOICES[gate.name])
        )
    if stop.moves:
        return tell("what it hands on is 0")
    is_all = stop.stopped == stop.entries
    if gate.name in _REASONS:
        return tell(_REASONS[gate.name])
    return tell("the local gradient is 0") if is_all else tell("the local gradient is 0 there")


def _share(part: int, whole: int) -> str:
    """73% of its entries (1,460 of 2,000)."""
    return tell(
        "{percent} of its entries ({part:,} of {whole:,})",
        percent=_percent(part / whole),
        part=part,
        whole=whole,
    )


def _percent(share: float) -> str:
    """All and nothing are only what is all or nothing."""
    rounded = round(100 * share)
    if rounded == 100 and share != 1 and abs(share - 1) > 1e-9:
        return tell("over 99%") if share < 1 else tell("over 100%")
    if rounded == 0 and share:
        return tell("less than 1%")
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
