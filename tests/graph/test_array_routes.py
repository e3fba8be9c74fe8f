"""Routes of arrays: together they carry the gradient, whatever the formula; each alone is what is
left of the gradient where all other ways are shut; what stops the flow is counted by entries."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import numpy as np
import pytest

import backtrace
from backtrace.errors import BacktraceError
from backtrace.gates import GATES
from backtrace.graph import paths_arrays
from backtrace.render import View
from backtrace.render._routes import route_lines
from backtrace.tracing.trace import Trace
from tests.conftest import Command
from tests.gates.random_arrays import random_formula, random_point, settled

NET: tuple[str, dict[str, Any]] = (
    "h = relu(X@W1 + b1); L = cross_entropy(h@W2 + b2, y)",
    {
        "X": "randn(6, 4)",
        "W1": "randn(4, 5)",
        "b1": "zeros(5)",
        "W2": "randn(5, 3)",
        "b2": "zeros(3)",
        "y": [0, 1, 2, 2, 1, 0],
    },
)


def text_of(trace: Trace, name: str, **options: Any) -> str:
    """The routes from a variable, as the table has them, in one line."""
    text = trace.show("table", View(paths=(name,), width=200, **options))
    return " ".join(text[text.index("routes from") :].split())


@pytest.mark.parametrize(
    ("count", "gates_met"), [(30, 30), pytest.param(250, 55, marks=pytest.mark.slow)]
)
def test_random_formulas_of_all_gates(count: int, gates_met: int) -> None:
    """The sum over all routes is the gradient, to rounding; shares add up to 1."""
    chance = random.Random(5)
    gates: Counter[str] = Counter()
    for _ in range(count):
        formula = random_formula(chance, settled)
        try:
            trace = backtrace.trace(formula.text, random_point(chance), check=False)
        except BacktraceError:  # a product that has two readings
            continue
        gates.update(gate.name for _, _, gate in trace.graph.gates())
        for name, gradient in trace.gradients.items():
            if not np.isfinite(gradient).all():
                continue
            found = trace.paths(name, most=4)
            assert found.gap < 1e-9, formula.text
            assert np.shape(found.total) == np.shape(gradient)
            assert len(found.shown) <= min(4, found.in_all)
            sizes = [route.norm for route in found.shown]
            assert sizes == sorted(sizes, reverse=True)
            shares = [route.share for route in found.shown]
            if found.in_all <= 4 and None not in shares and shares:
                scale = max(1.0, sum(map(abs, shares)))
                assert sum(shares) == pytest.approx(1, abs=1e-9 * scale), formula.text
            lines = list(route_lines(trace, View(), name))
            assert len(lines) >= 1
            assert not any("they differ by" in line for line in lines), formula.text
    met = {name for name, row in GATES.items() if row.is_of_arrays and gates[name]}
    assert len(met) > gates_met, f"only {sorted(met)}"


@pytest.mark.small
def test_each_route_is_the_gradient_where_the_others_are_shut() -> None:
    """x reaches the output by three ways; a detach in two of them leaves the third."""
    point = {"W": [[1, 2], [3, -4]], "x": [0.5, -1]}
    parts = ("sum((W@{0})^2)", "sum({0}*exp({0}))", "norm({0})")
    trace = backtrace.trace(" + ".join(parts).replace("{0}", "x"), point, check=False)
    found = trace.paths("x")
    alone = []
    for open_part in parts:
        texts = [part.format("x" if part == open_part else "detach(x)") for part in parts]
        alone.append(backtrace.trace(" + ".join(texts), point, check=False).gradients["x"])
    carried = [route.carried for route in found.shown]
    assert found.in_all == 4, "x*exp(x) has two"
    by_size = sorted(alone, key=lambda gradient: -float(np.linalg.norm(gradient)))
    np.testing.assert_allclose(carried[0], by_size[0])
    np.testing.assert_allclose(sum(carried), trace.gradients["x"])


@pytest.mark.small
def test_norms_are_those_of_what_arrives() -> None:
    trace = backtrace.trace("q = W@x; sum(q^2)", {"W": [[0.1, 0.5], [-0.3, 0.8]], "x": [0.2, 0.4]})
    (route,) = trace.paths("W").shown
    for norm, index in zip(route.norms, (0, 2, 3, 4), strict=True):
        assert norm == pytest.approx(float(np.linalg.norm(trace.upstreams[index])))
    assert route.share == pytest.approx(1)
    assert [edge.gate for edge in route.edges] == [2, 3, 4]


@pytest.mark.parametrize(
    ("most", "gates"),
    [(8, 60), *(pytest.param(most, 200, marks=pytest.mark.slow) for most in (1, 8, 40))],
)
def test_exponentially_many_routes_are_counted_and_summed(most: int, gates: int) -> None:
    """2^200 of them: counted exactly, the largest followed, all others as one sum."""
    stages = "; ".join(f"q{i} = tanh(q{i - 1}) + q{i - 1}/3" for i in range(1, gates + 1))
    trace = backtrace.trace(f"q0 = x; {stages}; sum(q{gates})", {"x": [0.3, 0.1, 0.2]}, check=False)
    found = trace.paths("x", most)
    assert found.in_all == 2**gates
    assert len(found.shown) == most
    assert found.followed == max(most, paths_arrays.FOLLOWED)
    assert found.gap < 1e-12
    np.testing.assert_allclose(found.total, trace.gradients["x"], rtol=1e-10)
    shown = sum((route.carried for route in found.shown), start=found.rest)
    np.testing.assert_allclose(shown, found.total)
    assert "more routes, summed on their way" in text_of(trace, "x")


@pytest.mark.small
@pytest.mark.parametrize(
    ("value", "stages", "count"), [(1e-300, 15_000, "2.8e4515"), ([1, 2], 99, "6.3e29")]
)
@pytest.mark.slow
def test_more_routes_than_digits_are_said_in_powers_of_ten(
    value: Any, stages: int, count: str
) -> None:
    """A text of 4,516 digits is refused by Python, and was a traceback."""
    doubled = "; ".join(f"q{i} = q{i - 1} + q{i - 1}" for i in range(1, stages + 1))
    trace = backtrace.trace(f"q0 = x; {doubled}", {"x": value}, check=False)
    assert f"all {count} routes" in " ".join(route_lines(trace, View(), "x"))
    shown = trace.show("json", View(paths=("x",)))
    assert json.loads(shown)["paths"]["x"]["count"] == count


@pytest.mark.slow
def test_thousands_of_gates_take_seconds() -> None:
    doubled = "; ".join(f"q{i} = q{i - 1} + q{i - 1}" for i in range(1, 3001))
    trace = backtrace.trace(f"q0 = x; {doubled}", {"x": [1e-300, 0.0]}, check=False)
    found = trace.paths("x")
    assert found.in_all == 2**3000
    assert found.followed == 8, "where there are many gates, only those that are shown"


@pytest.mark.small
def test_where_routes_cancel_rounding_is_left() -> None:
    trace = backtrace.trace("sum(1e10*x - 1e10*x + x/3)", {"x": [1.0, 3.0]}, check=False)
    text = text_of(trace, "x")
    assert "e10 times the gradient (against it)" in text
    assert "the routes cancel, and what is left of them is rounding" in text
    assert trace.paths("x").gap < 1e-9


STOPS: list[tuple[str, dict[str, Any], str, str]] = [
    ("sum(relu(x))", {"x": [-1, 2, -3, 4]}, "x", "relu #1 stops 50% of its entries (2 of 4): they"),
    ("sum(max(0, x))", {"x": [-1, 2, -3, 4]}, "x", "max #1 stops 50% of its entries (2 of 4)"),
    ("sum(max(x, y))", {"x": [1, 2], "y": [0, 3]}, "x", "another is larger there"),
    ("sum(min(x, y))", {"x": [1, 2, 3], "y": [0, 3, 4]}, "y", "another is smaller there"),
    ("sum(where(x > 0, x, 2*x))", {"x": [1, -1, 2]}, "x", "the other branch is taken there"),
    ("sum(where(x > 0, x, 2*x))", {"x": [1, -1, 2]}, "x", "a condition has no gradient"),
    (
        "sum(clip(x, 0, 1))",
        {"x": [-1, 0.5, 2, 3]},
        "x",
        "75% of its entries (3 of 4): they are out",
    ),
    ("sum(detach(x)*x)", {"x": [1, 2]}, "x", "detach #1 stops the flow: by definition"),
    ("sum(x*m)", {"x": [1, 2, 3], "m": [0, 2, 0]}, "x", "they are multiplied by 0"),
    ("sum(sigmoid(x))", {"x": [50, 0, 0]}, "x", "next to nothing through at 33% of its entries"),
    ("max(x)", {"x": [1, 5, 2]}, "x", "max #1 hands on to 1 of the 3 entries of x"),
    ("sum(x[1:])", {"x": [1, 5, 2]}, "x", "hands on to 2 of the 3 entries of x"),
    ("sum(max_pool(x, 2))", {"x": np.arange(16.0).reshape(4, 4)}, "x", "hands on to 4 of the 16"),
    ("sum(sort(x))", {"x": [3, 1, 2]}, "x", "sum over the one route: norm 1.732, the gradient"),
    ("sum(relu_layer(W, x, b))", {"W": [[1], [-1]], "x": [1], "b": [0, 0]}, "x", "they are dead"),
    ("sum(x^0.5)", {"x": [0, 4]}, "x", "is not finite, so the sum proves nothing"),
    ("sum(z)", {"z": [1, 2]}, "z", "100% of the gradient"),
    ("sum(x - 3*x)", {"x": [1, 2]}, "x", "-50% of the gradient (against it)"),
    ("y[0]", {"y": [1, 2]}, "y", "hands on to 1 of the 2"),
]


@pytest.mark.small
@pytest.mark.parametrize(("formula", "point", "name", "words"), STOPS)
def test_what_stops_the_flow_is_said_by_entries(
    formula: str, point: dict[str, Any], name: str, words: str
) -> None:
    trace = backtrace.trace(formula, point, check=False)
    assert words in text_of(trace, name)


def test_a_network_in_every_format() -> None:
    trace = backtrace.trace(*NET, check=False)
    names = tuple(trace.graph.inputs)
    for format in ("table", "tree", "markdown"):
        text = trace.show(format, View(paths=names, ascii=True))
        assert text.isascii()
        assert text.count("routes from") == len(names)
    described = json.loads(trace.show("json", View(paths=names)))["paths"]
    assert list(described) == list(names)
    for name in names:
        np.testing.assert_allclose(described[name]["sum"], trace.gradients[name], atol=1e-15)
        assert described[name]["gap"] < 1e-12
    dead = np.count_nonzero(trace.values[trace.graph.stages["h"]] == 0)
    assert f"({dead} of 30): they are dead" in text_of(trace, "W1")
    fused = backtrace.trace(*NET, check=False, fuse=True)
    assert f"({dead} of 30): they are dead" in text_of(fused, "W1")


@pytest.mark.small
def test_an_upstream_an_own_gate_and_a_kink_go_along() -> None:
    point = {"x": [1.0, 2.0, 2.0]}
    trace = backtrace.trace("x^2", point, upstream=[1, 10, 0], check=False)
    assert trace.paths("x").total.tolist() == [2, 40, 0]
    number = backtrace.trace("x^2 + x", {"x": 3.0}, upstream=2, check=False)
    assert number.paths("x").total == 14
    own = backtrace.trace("f(a) = a*sigmoid(a); sum(f(x)*x)", point, check=False)
    assert own.paths("x").gap < 1e-15
    for kink in ("minimum-norm", "torch", "right"):
        tied = backtrace.trace("max(x) + sum(relu(x - 2))", point, check=False, kink=kink)
        np.testing.assert_allclose(tied.paths("x").total, tied.gradients["x"])


@pytest.mark.small
def test_what_the_variable_does_not_reach() -> None:
    trace = backtrace.trace("a = sum(x); sum(y)", {"x": [1, 2], "y": [3, 4]}, check=False)
    found = trace.paths("x")
    assert (found.in_all, found.shown) == (0, ())
    assert "there is none: f does not depend on x by any gate" in text_of(trace, "x")
    with pytest.raises(BacktraceError, match="no variable 'q'"):
        trace.paths("q")


@pytest.mark.small
def test_the_command(backtrace_command: Command) -> None:
    """Without values it said that nan is the gradient."""
    ended = backtrace_command("x*y", "--paths", "x")
    assert ended.status == 2
    assert "'x' has no value" in ended.err
    ended = backtrace_command("sum((W@x)^2)", "W=eye(2)", "x=[1, 2]", "--paths", "W,x", "--json")
    assert ended.status == 0
    assert set(json.loads(ended.out)["paths"]) == {"W", "x"}
    ended = backtrace_command("sum(x)", "x=[1, 2]", "--paths", "q")
    assert ended.status == 2
    assert "no variable 'q'" in ended.err
