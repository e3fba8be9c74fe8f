"""The routes from a variable to the output, in lines and as JSON: of numbers each with its product,
of arrays each with the norm of what it carries, and where the flow is stopped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from backtrace.formula.printer import label
from backtrace.graph.paths import Routes, routes_of
from backtrace.graph.record import Record
from backtrace.language import tell
from backtrace.numbers import plain
from backtrace.render._route_words import more_routes, plain_count, routes_in_all, walk
from backtrace.render._view import View

_SMALL = 1e-3  # a local gradient below it lets next to nothing through


def route_lines(record: Record, view: View, name: str) -> Iterator[str]:
    found = routes_of(record, name)
    if not found.shown:
        yield tell(
            "there is none: {output_name} does not depend on {name} by any gate",
            output_name=record.graph.output_name,
            name=name,
        )
    elif isinstance(found, Routes):
        yield from _of_numbers(record, view, name, found)
    else:
        from backtrace.render._array_routes import lines

        yield from lines(record, view, name, found)


def route_object(record: Record, name: str) -> dict[str, Any]:
    found = routes_of(record, name)
    if not isinstance(found, Routes):
        from backtrace.render._array_routes import as_object

        return as_object(found)
    shown = [
        {
            "gates": [edge.gate for edge in route.edges],
            "locals": [plain(edge.local) for edge in route.edges],
            "product": plain(route.product),
        }
        for route in found.shown
    ]
    return {"count": plain_count(found.in_all), "sum": plain(found.total), "largest": shown}


def _of_numbers(record: Record, view: View, name: str, found: Routes) -> Iterator[str]:
    for position, route in enumerate(found.shown):
        locals_ = " x ".join(view.number(edge.local) for edge in route.edges)
        dominates = tell(", the largest") if position == 0 and len(found.shown) > 1 else ""
        way = walk(record.graph, [edge.gate for edge in route.edges], name)
        yield f"{way}: {locals_} = {view.number(route.product)}{dominates}"
        narrow = route.narrowest
        if abs(narrow.local) < _SMALL:
            gate = f"{label(record.graph.nodes[narrow.gate])} #{narrow.gate}"
            kills = (
                tell("stops the flow")
                if narrow.local == 0
                else tell("lets next to nothing through")
            )
            yield tell(
                "  {gate} {kills}: its local gradient is {local}",
                gate=gate,
                kills=kills,
                local=view.number(narrow.local),
            )
    if found.in_all > len(found.shown):
        yield tell(
            "... and {more_routes}, all smaller",
            more_routes=more_routes(found.in_all - len(found.shown)),
        )
    total = view.number(record.upstreams[record.graph.inputs[name]])
    yield tell(
        "sum over {routes_in_all} = {total}, the gradient",
        routes_in_all=routes_in_all(found.in_all),
        total=total,
    )
