"""Steps in words, routes and tangents."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import assume, given, settings

import backtrace
from backtrace.errors import BacktraceError
from backtrace.graph.backprop import tangents
from backtrace.graph.paths import routes
from backtrace.render import View, draw
from tests.conftest import Command, published
from tests.tracing.test_properties import FORMULAS, POINTS, QUIET

CASES = [pytest.param(case, id=case["id"]) for case in published()]


@pytest.mark.small
@pytest.mark.parametrize("case", CASES)
def test_the_routes_add_up_to_the_gradient(case: dict) -> None:
    trace = backtrace.trace(case["formula"], case["point"], check=False)
    for name, gradient in trace.gradients.items():
        found = routes(trace, name, most=10_000)
        assert found.total == pytest.approx(gradient, rel=1e-9, abs=1e-12)
        assert len(found.shown) == found.in_all
        assert math.fsum(r.product for r in found.shown) == pytest.approx(gradient, rel=1e-9)
        sizes = [abs(route.product) for route in found.shown]
        assert sizes == sorted(sizes, reverse=True)


@pytest.mark.small
@pytest.mark.parametrize("case", CASES)
def test_tangents_give_the_gradients_too(case: dict) -> None:
    """Forward mode, one pass an input, against backward mode, one pass for all."""
    trace = backtrace.trace(case["formula"], case["point"], check=False)
    for name, start in trace.graph.inputs.items():
        tangent = tangents(trace.graph, trace.locals, start)[trace.graph.output]
        assert tangent == pytest.approx(trace.gradients[name], rel=1e-9, abs=1e-12)


@given(FORMULAS, POINTS)
@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
def test_backward_forward_and_routes_agree(formula: str, point: dict[str, float]) -> None:
    try:
        trace = backtrace.trace(
            formula,
            {n: v for n, v in point.items() if n in formula.replace("exp", "")},
            check=False,
        )
    except BacktraceError:
        assume(False)
        raise
    assume(trace.ok and not trace.notes)
    for name, start in trace.graph.inputs.items():
        tangent = tangents(trace.graph, trace.locals, start)[trace.graph.output]
        size = max([1e-9, *(abs(r.product) for r in routes(trace, name).shown)])
        assert tangent == pytest.approx(trace.gradients[name], rel=1e-6, abs=1e-9 * size)
        assert routes(trace, name).total == pytest.approx(tangent, rel=1e-6, abs=1e-9 * size)


@pytest.mark.small
def test_many_routes_are_counted_and_the_largest_listed() -> None:
    """2^200 routes: counted exactly, and not walked."""
    stages = "; ".join(f"q{i} = q{i - 1} + 2*q{i - 1}" for i in range(1, 201))
    trace = backtrace.trace(f"q0 = x; {stages}", {"x": 1}, check=False)
    found = routes(trace, "x")
    assert found.in_all == 2**200
    assert found.shown[0].product == 2.0**200
    assert found.total == pytest.approx(3.0**200)
    text = trace.show("tree", View(paths=("x",)))
    assert "more routes, all smaller" in text


@pytest.mark.small
def test_what_stops_the_flow_is_named() -> None:
    dead = backtrace.trace("relu(x*y) + x", {"x": -2, "y": 3}, check=False)
    text = dead.show("tree", View(paths=("x",)))
    assert "relu #3 stops the flow: its local gradient is 0" in text
    saturated = backtrace.trace("sigmoid(x)", {"x": 20}, check=False)
    text = saturated.show("tree", View(paths=("x",)))
    assert "sigmoid #1 lets next to nothing through" in text


@pytest.mark.small
def test_the_steps_say_rule_formula_and_numbers() -> None:
    trace = backtrace.trace("(x+y)*max(y,z)", {"x": 1, "y": 2, "z": 0}, check=False)
    text = " ".join(trace.show("table", View(explain=True, width=200)).split())
    for words in (
        "f changes as f does: its gradient is 1",
        "A mul gate switches",
        "to #3: upstream x local = 1 x #4 = 1 x 2 = 2",
        "A max gate routes",
        "An add gate distributes",
        "y is used twice, and gradients add where a value branches: 3 + 2 = 5",
    ):
        assert words in text or words.replace("3 + 2", "2 + 3") in text, words


@pytest.mark.parametrize("case", CASES)
def test_every_format_takes_every_section(case: dict) -> None:
    trace = backtrace.trace(case["formula"], case["point"], check=False)
    names = tuple(trace.graph.inputs)[:2]
    view = View(explain=True, paths=names, forward=names, ascii=True)
    for name in ("table", "tree", "markdown"):
        text = draw(trace, name, view)
        assert text.isascii()
        assert "step by step" in text
        assert "forward mode" in text
        assert "routes from" in text
    described = json.loads(draw(trace, "json", view))
    assert list(described["paths"]) == list(names)
    assert set(described["tangents"]) == set(names)
    assert described["explain"][0].startswith("We go back")


@pytest.mark.small
def test_large_graphs_are_explained_in_part() -> None:
    trace = backtrace.trace("+".join(["x"] * 3000), {"x": 1}, check=False)
    text = trace.show("tree", View(explain=True, forward=("x",), paths=("x",)))
    assert "gates before these, in the same way" in text
    assert len(text) < 150_000


@pytest.mark.small
@pytest.mark.parametrize("option", ["--paths", "--forward"])
def test_unknown_variables_are_refused(option: str, backtrace_command: Command) -> None:
    ended = backtrace_command("x*y", "x=1", "y=2", option, "z")
    assert (ended.status, ended.err.splitlines()[0]) == (
        2,
        "error: the formula has no variable 'z'",
    )


@pytest.mark.small
def test_markdown_escapes_what_is_typed() -> None:
    trace = backtrace.trace("|x|*y_1 # <b>*`", {"x": 1, "y_1": 2}, check=False)
    text = trace.show("markdown", View(explain=True))
    assert "y\\_1" in text
    for row in text.splitlines():
        if row.startswith("| "):
            assert row.replace("\\|", "").count("|") == 9 or "gradient" in row or "∂" in row
