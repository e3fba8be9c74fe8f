"""The way back in words, of formulas in letters."""

from __future__ import annotations

import json
import re

import pytest

from backtrace.formula.letters import in_letters
from backtrace.render._lettered_record import as_record
from backtrace.render._lettered_steps import lettered_steps
from backtrace.tracing.witnesses import witnessed
from tests.algebra.test_matrices import FORMULAS
from tests.conftest import Command

NET = ("h = relu(X@W1 + b1); s = h@W2 + b2; L = cross_entropy(s, y)",)
NET += ("X:n,d", "W1:d,k", "b1:k", "W2:k,c", "b2:c", "y:n")


def shapes_of(*shapes: str) -> dict[str, tuple[str, ...]]:
    """W:m,n as the command reads it."""
    parts = (shape.partition(":") for shape in shapes)
    return {name: tuple(filter(None, dims.split(","))) for name, _, dims in parts}


def steps_of(formula: str, *shapes: str) -> list[str]:
    return list(lettered_steps(in_letters(formula, shapes_of(*shapes))))


@pytest.mark.parametrize("line", FORMULAS, ids=lambda line: line[0])
def test_every_kind_of_gate_is_told(line: re.Match[str]) -> None:
    """Each gate, each of its inputs with what it gets, and no prime for a letter."""
    steps = steps_of(line[1], *line[2].split())
    declared = shapes_of(*line[2].split())
    found = in_letters(line[1], declared)
    graph = found.graph
    text = "\n".join(steps)
    for index in graph.ancestors(graph.output):
        node = graph.nodes[index]
        if node.gate is None:
            continue
        head = next(k for k, step in enumerate(steps) if step.startswith(f"#{index} "))
        own = steps[head + 1 :]
        ends = [k for k, step in enumerate(own) if not step.startswith("  ")]
        own = own[: ends[0]] if ends else own
        told = [step for step in own if step.startswith("  to ")]
        assert len(told) == len(node.inputs)
        for step, down in zip(told, found.downstreams[index], strict=True):
            assert step.endswith(f" = {found.text(down)}")
    for prime in found.letters.primes:
        assert not re.search(rf"\b{prime}\b", text)


@pytest.mark.small
def test_a_net_says_what_is_repeated_and_where_gradients_add() -> None:
    steps = steps_of(*NET)
    assert "  b1 was repeated n times, and gradients add" in steps
    assert any("to #7: upstream * where(X@W1 + b1 > 0, 1, 0) = " in step for step in steps)
    twice = steps_of("x@A@x + sum(x)", "x:n", "A:n,n")
    assert twice[-2] == "x is used 3 times, and gradients add where a value branches:"
    assert twice[-1] == "  A@x + A.T@x + ones(n) = A.T@x + A@x + 1"


@pytest.mark.small
def test_a_long_gradient_that_has_a_name_is_told_once() -> None:
    layers = "; ".join(f"h{k} = relu(h{k - 1}@W{k} + b{k})" for k in range(1, 7))
    shapes = [f"{n}{k}:{d}" for k in range(1, 7) for n, d in (("W", "d,d"), ("b", "d"))]
    formula = f"h0 = 2*x; {layers}; mean((h6 - y)^2)"
    found = in_letters(formula, shapes_of("x:n,d", "y:n,d", *shapes))
    assert found.long
    steps = list(lettered_steps(found))
    pictured = as_record(found, {})
    for index, gradient in found.long.items():
        told = f"{found.text(found.upstreams[index])} = {found.text(gradient)}"
        assert steps.count(f"  upstream = {told}") == 1
        assert pictured.upstreams[index].text == told


@pytest.mark.small
def test_stages_that_nothing_needs_are_left_out() -> None:
    steps = steps_of("a = sum(x^2); sum(x)", "x:n")
    assert not any("x^2" in step for step in steps)
    assert steps_of("x", "x:") == ["There is no gate to go back through."]


@pytest.mark.small
@pytest.mark.parametrize(
    ("formula", "shapes"),
    [
        ("f(a) = a*sigmoid(a); sum(f(x)*max(x, 0))", ("x:n",)),
        ("f(a, b) = a@b + sum(a); f(x, W)@x", ("x:n", "W:n,n")),
        ("g(a) = a^2; f(a) = g(a)*sum(a); sum(f(x))", ("x:n",)),
        ("f(a, b) = sin(a); sum(f(x, y)*y)", ("x:n", "y:n")),
        ("q(w) = sum(w*w); mean((X@w - y)^2) + q(w)", ("X:m,n", "w:n", "y:m")),
    ],
)
def test_own_gates_have_formulas_too(formula: str, shapes: tuple[str, ...]) -> None:
    """They ended in a traceback."""
    found = in_letters(formula, shapes_of(*shapes))
    assert {v.verdict for v in witnessed(found).values()} == {"agree"}
    assert "backprop through its own gates" in "\n".join(lettered_steps(found))


def test_the_command(backtrace_command: Command) -> None:
    words = ("sum((W@x - y)^2)", "W:m,n", "x:n", "y:m", "--explain")
    plain = backtrace_command(*words, "--ascii").out
    assert plain.isascii()
    assert "step by step" in plain
    assert max(map(len, plain.splitlines())) <= 80
    described = json.loads(backtrace_command(*words, "--json").out)
    assert described["explain"][0].startswith("We go back")
    assert "- \\#6 sum" in backtrace_command(*words, "--format", "markdown").out
    refused = backtrace_command(*words, "--format", "latex")
    assert refused.err.startswith("error: --explain has no place in latex")
    for option in ("--forward=x", "--exact", "--jacobian"):
        refused = backtrace_command(*words, "--symbolic", option)
        assert refused.status == 2
        assert "is for values, and here are shapes" in refused.err
