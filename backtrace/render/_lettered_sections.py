"""What stands beside the gradients of formulas in letters: routes, and the steps in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from backtrace.formula.lettered_routes import LetteredRoutes
from backtrace.formula.letters import InLetters, Witnessed
from backtrace.language import tell
from backtrace.render._lettered_steps import lettered_steps
from backtrace.render._route_words import more_routes, plain_count, routes_in_all, walk

Routes = Mapping[str, tuple[LetteredRoutes, Witnessed]]
"""By input its routes, and what came of holding their sum against the gradient."""


class Beside(NamedTuple):
    """Sections of lines under their titles, and the same for JSON by its keys."""

    sections: tuple[tuple[str, tuple[str, ...]], ...] = ()
    objects: Mapping[str, Any] = MappingProxyType({})


NOTHING = Beside()


def beside(found: InLetters, routes: Routes, explain: bool) -> Beside:
    """What is asked for."""
    output = found.graph.output_name
    sections = [
        (
            tell("routes from {name} to {output}", name=name, output=output),
            tuple(route_lines(found, name, *told)),
        )
        for name, told in routes.items()
    ]
    objects: dict[str, Any] = {}
    if routes:
        objects["paths"] = route_objects(found, routes)
    if explain:
        steps = tuple(lettered_steps(found))
        sections.append((tell("step by step"), steps))
        objects["explain"] = list(steps)
    return Beside(tuple(sections), objects)


def route_lines(
    found: InLetters, name: str, routes: LetteredRoutes, sums: Witnessed
) -> Iterator[str]:
    output = found.graph.output_name
    if not routes.shown:
        yield tell(
            "there is none: {output} does not depend on {name} by any gate",
            output=output,
            name=name,
        )
        return
    for route in routes.shown:
        way = found.letters.told(walk(found.graph, route.gates, name))
        yield f"{way}: {route.carried}"
    left = routes.in_all - len(routes.shown)
    gradient = found.text(found.upstreams[found.graph.inputs[name]])
    if left:
        yield tell(
            "... and {more_routes}; all of them together: {gradient}",
            more_routes=more_routes(left),
            gradient=gradient,
        )
        return
    words = tell(
        "sum over {routes_in_all} = {gradient}, the gradient",
        routes_in_all=routes_in_all(routes.in_all),
        gradient=gradient,
    )
    yield words if sums.verdict == "agree" else f"{words} ({sums.verdict}: {sums.reason})"


def route_objects(found: InLetters, asked: Routes) -> dict[str, Any]:
    return {
        name: {
            "count": plain_count(routes.in_all),
            "sum": found.text(found.upstreams[found.graph.inputs[name]]),
            "verdict": sums.verdict,
            "shown": [{"gates": list(r.gates), "carried": r.carried} for r in routes.shown],
        }
        for name, (routes, sums) in asked.items()
    }
