"""What can be asked of a trace: each is the command's own answer, kept, and of every kind of
formula; what has no answer is refused in words."""

from __future__ import annotations

import contextlib
import doctest
import inspect
from typing import Any

import numpy as np
import pytest

import backtrace
from backtrace.errors import BacktraceError
from backtrace.tracing import trace as trace_module
from backtrace.tracing import tracer
from backtrace.tracing.trace import Trace
from tests.conftest import Command

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "number": ("(x+y)*z", {"x": -2, "y": 5, "z": -4}),
    "one gate": ("exp(x)", {"x": "1/3"}),
    "no gate": ("x", {"x": 2}),
    "stages": ("q = x + y; f = q*q", {"x": 1, "y": 2}),
    "own gate": ("swish(a) = a*sigmoid(a); swish(x)*y", {"x": 1, "y": 2}),
    "kink": ("max(x, 0)*y", {"x": 0, "y": 1}),
    "nan": ("ln(x)*y", {"x": -1, "y": 2}),
    "many gates": ("+".join(["sin(x)*y"] * 300), {"x": 0.3, "y": 0.2}),
    "vector": ("sum(w*x)", {"w": [1, 2], "x": [3, 4]}),
    "net": (
        "h = relu(X@W1 + b1); mean((h@W2)^2)",
        {"X": "randn(3, 2)", "W1": "randn(2, 4)", "b1": "randn(4)", "W2": "randn(4, 2)"},
    ),
    "array out": ("softmax(x)", {"x": [1, 2, 3]}),
}
QUESTIONS: dict[str, Any] = {
    "formulas": lambda t: t.formulas(),
    "exactly": lambda t: t.exactly(),
    "to_digits": lambda t: t.to_digits(30),
    "hessian": lambda t: t.hessian(),
    "hessian_product": lambda t: t.hessian_product(),
    "second_derivatives": lambda t: t.second_derivatives(),
    "forward_mode": lambda t: t.forward_mode(next(iter(t.graph.inputs))),
    "jacobians": lambda t: t.jacobians(),
    "jacobian": lambda t: t.jacobian(next(iter(t.graph.inputs))),
    "tangents": lambda t: t.tangents(next(iter(t.graph.inputs))),
    "paths": lambda t: t.paths(next(iter(t.graph.inputs))),
    "descend": lambda t: t.descend(0.01, steps=2),
    "explain": lambda t: t.explain(),
    "cost": lambda t: t.cost(),
}
ANYWHERE = {"jacobians", "jacobian", "explain", "paths", "cost"}
ANYWHERE |= {"hessian", "hessian_product", "tangents", "second_derivatives", "forward_mode"}
SOMETIMES = {("exactly", "many gates")}
"""Whether there is an answer depends on the machine's speed."""
SHOWN = ("formulas", "exactly", "to_digits", "hessian", "jacobians", "descend", "cost")
SHOWN += ("hessian_product", "second_derivatives", "forward_mode")


@pytest.fixture(scope="module")
def traces() -> dict[str, Trace]:
    return {kind: backtrace.trace(*given, check=False) for kind, given in KINDS.items()}


def _case(question: str, kind: str) -> Any:
    is_long = kind == "many gates" and question in ("hessian", "descend")
    return pytest.param(question, kind, marks=[pytest.mark.slow] if is_long else [])


@pytest.mark.parametrize(
    ("question", "kind"), [_case(question, kind) for question in QUESTIONS for kind in KINDS]
)
def test_an_answer_or_a_refusal_in_words(
    question: str, kind: str, traces: dict[str, Trace]
) -> None:
    trace = traces[kind]
    if (question, kind) in SOMETIMES:
        with contextlib.suppress(BacktraceError):
            QUESTIONS[question](trace)
        return
    answered = {*ANYWHERE, "descend", "formulas", "exactly", "to_digits"}
    is_of_arrays = trace.graph.shapes is not None and question not in answered
    if is_of_arrays or (question in ("descend", "formulas") and kind == "array out"):
        with pytest.raises(BacktraceError, match=r"array|the result has shape"):
            QUESTIONS[question](trace)
        return
    answer = QUESTIONS[question](trace)
    assert QUESTIONS[question](trace) is answer, "an answer is kept"
    if question in SHOWN:
        shown = trace.showing(answer)
        assert Trace.from_json(shown.to_json()).to_json() == shown.to_json()
        for format in ("table", "tree", "markdown", "jsonl"):
            assert len(shown.show(format)) >= len(trace.show(format))
        assert trace.asked == Trace.from_json(trace.to_json()).asked, "the trace itself stays"


@pytest.mark.parametrize("kind", [k for k, (_, p) in KINDS.items() if k != "nan"])
def test_a_saved_trace_answers_as_the_first_did(kind: str, traces: dict[str, Trace]) -> None:
    trace = traces[kind]
    again = Trace.from_json(trace.to_json())
    asked = ("jacobian", "descend", "paths", "tangents", "hessian", "hessian_product")
    for question in (*asked, "forward_mode", "cost"):
        try:
            first = QUESTIONS[question](trace)
        except BacktraceError:
            with pytest.raises(BacktraceError):
                QUESTIONS[question](again)
            continue
        assert repr(QUESTIONS[question](again)) == repr(first)


@pytest.mark.parametrize("kind", [k for k, (_, p) in KINDS.items() if k not in ("nan", "kink")])
def test_the_answers_are_right(kind: str, traces: dict[str, Trace]) -> None:
    """Rows of the Jacobian, sums over paths, tangents and a step are the gradient."""
    trace = traces[kind]
    for name, gradient in trace.gradients.items():
        rows = trace.jacobian(name).entries
        np.testing.assert_allclose(rows.sum(0), np.ravel(gradient), rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(trace.paths(name).total, gradient, rtol=1e-12, atol=1e-15)
        tangent = trace.tangents(name)[trace.graph.output]
        whole = float(np.sum(tangent)), float(np.sum(gradient))
        np.testing.assert_allclose(*whole, rtol=1e-12, atol=1e-15)
        if np.ndim(trace.value) == 0:
            moved = trace.descend(0.5).point[name]
            np.testing.assert_allclose(moved, trace.point[name] - 0.5 * gradient, rtol=1e-12)


def test_an_upstream_goes_along() -> None:
    trace = backtrace.trace("W@x", {"W": [[1, 2], [3, 4]], "x": [1, 1]}, upstream=[1, 10])
    assert trace.gradients["x"].tolist() == [31, 42]
    assert trace.jacobian("x").entries.tolist() == [[1, 2], [3, 4]]
    weighed = backtrace.trace("x^2", {"x": 3}, upstream=2)
    assert weighed.hessian().entries.tolist() == [[4.0]]
    assert weighed.forward_mode("x", along=3).by_tangents == 36.0
    with pytest.raises(BacktraceError, match="or an upstream"):
        weighed.exactly()


def test_names_are_held() -> None:
    trace = backtrace.trace("x*y", {"x": 1, "y": 2}, wrt=["x"])
    for ask in (trace.tangents, trace.paths, trace.jacobian):
        with pytest.raises(BacktraceError, match="no variable 'q'"):
            ask("q")
    with pytest.raises(BacktraceError, match="not asked for y"):
        trace.jacobian("y")
    assert trace.descend(1).point.keys() == {"x"}


def test_without_a_point_only_formulas_are_answered() -> None:
    trace = backtrace.trace("x^2*y")
    assert trace.formulas().upstreams[0] == "y*(2*x)"
    assert [entry.formula for entry in trace.hessian()] == ["2*y", "2*x", "0"]
    directed = ("hessian_product", "forward_mode")
    for question in ("exactly", "to_digits", "jacobians", "descend", *directed):
        with pytest.raises(BacktraceError, match="'x' has no value"):
            QUESTIONS[question](trace)


@pytest.mark.parametrize(
    ("options", "question"),
    [
        (["--exact"], "exactly"),
        (["--precision", "30"], "to_digits"),
        (["--order", "2"], "hessian"),
        (["--step", "0.01", "--steps", "2"], "descend"),
        (["--symbolic"], "formulas"),
    ],
)
def test_the_command_is_the_same(
    options: list[str], question: str, backtrace_command: Command
) -> None:
    trace = backtrace.trace("x^2*y + x/3", {"x": "1/3", "y": 2})
    ended = backtrace_command("x^2*y + x/3", "x=1/3", "y=2", *options, "--json")
    assert ended.out == trace.showing(QUESTIONS[question](trace)).to_json()


@pytest.mark.parametrize("module", [trace_module, tracer])
def test_the_examples_of_the_docstrings_run(module: Any) -> None:
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0


def test_every_question_has_an_example() -> None:
    for name in QUESTIONS:
        words = inspect.getdoc(getattr(Trace, name)) or ""
        assert ">>>" in words, name
