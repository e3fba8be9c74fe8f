"""Routes of formulas in letters: each adds a formula, and their sum is backprop's number."""

from __future__ import annotations

import json
import re

import pytest

from backtrace.formula.lettered_routes import LetteredRoutes, lettered_routes
from backtrace.formula.letters import in_letters
from backtrace.tracing.witnesses import witnessed
from tests.algebra.test_matrices import FORMULAS
from tests.conftest import Command
from tests.render.test_lettered_steps import NET, shapes_of


def routes_of(formula: str, name: str, *shapes: str, most: int = 8) -> LetteredRoutes:
    return lettered_routes(in_letters(formula, shapes_of(*shapes)), name, most)


@pytest.mark.parametrize("line", FORMULAS, ids=lambda line: line[0])
def test_the_sum_over_all_routes_is_the_gradient(line: re.Match[str]) -> None:
    found = in_letters(line[1], shapes_of(*line[2].split()))
    for name in found.gradients:
        routes = lettered_routes(found, name, most=64)
        assert len(routes.shown) == routes.in_all
        verdict = witnessed(found, check=False, texts={name: routes.total})[name]
        assert verdict.verdict == "agree", (name, routes, verdict)


@pytest.mark.small
def test_the_two_routes_of_a_quadratic_form() -> None:
    routes = routes_of("x@A@x", "x", "x:n", "A:n,n")
    assert [route.carried for route in routes.shown] == ["A.T@x", "A@x"]
    assert [route.gates for route in routes.shown] == [(3,), (2, 3)]
    assert routes.total == "(A.T@x) + (A@x)"


@pytest.mark.small
def test_a_wrong_sum_is_told() -> None:
    """The witness itself: one of two routes is not the gradient."""
    found = in_letters("x@A@x", shapes_of("x:n", "A:n,n"))
    assert witnessed(found, check=False, texts={"x": "A@x"})["x"].verdict == "disagree"


@pytest.mark.small
def test_what_is_stopped_and_what_is_not_reached() -> None:
    routes = routes_of("detach(x)@x + sum(where(x > 0, x, y))", "x", "x:n", "y:n")
    assert "zeros(n)" in {route.carried for route in routes.shown}
    assert routes_of("a = sum(x); sum(y)", "x", "x:n", "y:n") == ((), 0)
    assert routes_of("x", "x", "x:") == ((), 0)


@pytest.mark.small
def test_many_routes_are_counted_and_a_few_shown() -> None:
    stages = "; ".join(f"q{k} = sin(q{k - 1}) + q{k - 1}" for k in range(1, 12))
    routes = routes_of(f"q0 = 2*x; {stages}; sum(q11)", "x", "x:n", most=5)
    assert routes.in_all == 2**11
    assert len(routes.shown) == 5


def test_the_command(backtrace_command: Command) -> None:
    ended = backtrace_command("x@A@x + norm(x)", "x:n", "A:n,n", "--paths", "x,A")
    for words in (
        "x -> matmul -> matmul -> add: A@x",
        "sum over all 3 routes = x/norm(x) + A.T@x + A@x, the gradient",
        "sum over the one route = outer(x, x), the gradient",
    ):
        assert words in ended.out
    refused = backtrace_command("x@x", "x:n", "--paths", "q")
    assert "no variable 'q'" in refused.err
    refused = backtrace_command("x@x", "x:n", "--paths", "x", "--format", "svg")
    assert refused.err.startswith("error: --paths has no place in svg")


def test_the_command_on_a_net(backtrace_command: Command) -> None:
    described = json.loads(backtrace_command(*NET, "--paths", "W1", "--json").out)
    assert described["paths"]["W1"]["verdict"] == "agree"
    assert described["paths"]["W1"]["shown"][0]["gates"] == [6, 7, 8, 9, 10, 11]


@pytest.mark.slow
def test_the_command_tells_how_many_more_there_are(backtrace_command: Command) -> None:
    many = "sum(exp(x) + sin(x) + cos(x) + x^2 + x^3 + tanh(x) + sqrt(x) + log(x) + x)"
    ended = backtrace_command(many, "x:n", "--paths", "x")
    assert "... and 1 more route; all of them together: " in ended.out
