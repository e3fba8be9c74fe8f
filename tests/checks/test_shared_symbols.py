"""SymPy's numbers of arrays, part by part, are those of its derivatives written out; they are there
where these are too long to be written, too; and time ends everywhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy

import backtrace
from backtrace.algebra.values import is_finite
from backtrace.checks import arrayanswers, arrayquestions, arrayslopes
from backtrace.checks.crosscheck import Budget
from backtrace.checks.evaluated import ByParts, value_of
from backtrace.checks.sharedsymbols import length
from backtrace.checks.symbolicarrays import ArrayReading
from backtrace.graph.record import AGREE
from tests.conftest import PATIENT

ENTRYWISE = (
    "X", "-X", "X^2", "X^-3", "2^X", "X^Y", "sqrt(X)", "exp(X)", "ln(X)", "sin(X)*cos(Y)",
    "tanh(X)",
    "sigmoid(X)", "relu(X - 0.5)", "max(X, Y)", "min(X, 2*Y, 0.4)", "abs(X - Y)", "atan2(X, Y)",
    "where(X > Y, X*Y, exp(X))", "where(X > 2, 1/(X - X), X)", "erf(X)", "lgamma(X)", "sinc(X)",
    "X % 0.3", "floor(3*X)*Y", "detach(X)*X",
    "softplus(X)", "gelu(X)", "pi*X", "sqrt(2)*X/sqrt(3)",
)  # fmt: skip
AROUND = (
    "sum({})", "mean({}^2)", "sum(tanh(({})@V))", "norm({})", "sum(softmax({})*Y)", "max({})",
    "sum(layer_norm({})*Y)", "logsumexp({})", "prod({} + 1)", "sum(sort({})*Y)", "trace(({})@Y.T)",
    "sum(cumprod({}, axis=1))", "var({})", "sum(inv(({})@Y.T + 3*eye(2)))",
)  # fmt: skip
NETS = {
    "two layers": ("h = max(0, X@V + b); cross_entropy(h@W + c, y)", (3, 2), (2, 4), (4,), (4, 3)),
    "softmax written out": (
        "z = max(0, X@V + b)@W + c; s = exp(z)/sum(exp(z), axis=1, keepdims=true); -sum(log(s)*z)",
        (3, 2), (2, 4), (4,), (4, 3),
    ),
    "attention": ("sum(attention(X, V, W)^2)", (4, 3), (5, 3), (), (5, 2)),
    "max of max": ("h = max(X@V, X); g = max(h@V, h); sum(max(g@V, g)^2)", (2, 3), (3, 3), (), ()),
    "deep relu": (
        "h = relu(X@V); h2 = relu(h@V); h3 = relu(h2@V); h4 = relu(h3@V); sum(relu(h4@V)^2)",
        (2, 3), (3, 3), (), (),
    ),
}  # fmt: skip


def point(text: str, low: float = 0.1) -> dict[str, Any]:
    chance = np.random.default_rng(len(text))
    shapes = {"X": (2, 3), "Y": (2, 3), "V": (3, 2)}
    return {n: chance.uniform(low, 0.9, s) for n, s in shapes.items() if n in text}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("inner", ENTRYWISE)
def test_slopes_by_parts_are_those_of_the_derivatives_written_out(inner: str, around: str) -> None:
    text = around.format(f"({inner})")
    at = point(text)
    trace = backtrace.trace(text, at, check=False)
    numbers = (trace.value, *trace.gradients.values())
    if any(note.kind == "kink" for note in trace.notes) or not all(map(is_finite, numbers)):
        pytest.skip("nothing is compared there")
    of_parts = ArrayReading(trace.graph.read_as or text, at, has_stand_ins=True)
    written = ArrayReading(trace.graph.read_as or text, at, has_stand_ins=False)
    seed = -0.75
    slopes = of_parts.slopes(seed, list(at))
    assert of_parts.values(of_parts.output) == pytest.approx(written.values(written.output), 1e-13)
    for name in at:
        own = written.values(np.asarray(written.derivatives(name, seed), dtype=object))
        np.testing.assert_allclose(slopes(name), own, rtol=1e-13, atol=1e-30)


@pytest.mark.parametrize("kind", NETS)
def test_small_nets_have_sympys_numbers_in_the_usual_time(kind: str) -> None:
    text, *shapes = NETS[kind]
    chance = np.random.default_rng(1)
    sizes = dict(zip("XVbW", shapes, strict=True)) | {"c": (3,)}
    at = {n: chance.uniform(-0.3, 0.9, s) for n, s in sizes.items() if n in text and s}
    if "y" in text.split("(")[-1]:
        at["y"] = np.array([0.0, 2.0, 1.0])
    trace = backtrace.trace(text, at)
    assert trace.output_check is not None
    for check in (trace.output_check, *trace.checks.values()):
        assert check.verdict == AGREE
        assert check.symbolic is not None
        np.testing.assert_allclose(check.symbolic, check.backprop, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("kind", ["a tower", "a sum", "a choice", "exact", "none"])
def test_values_by_parts_are_sympys(kind: str) -> None:
    x, y = sympy.symbols("x y", real=True)
    found = {
        "a tower": sympy.exp(sympy.sin(x * y) ** 2) ** sympy.Rational(1, 3),
        "a sum": sum(sympy.sqrt(2) * k * x**k - sympy.log(y + k) for k in range(1, 20)),
        "a choice": sympy.Piecewise((x, x > y), (y**2, True)) + sympy.Max(x, y),
        "exact": sympy.Rational(1, 3) + 0 * x,
        "none": (x + y) - (y + x),
    }[kind]
    at = {x: 0.3, y: 1.7}
    assert ByParts(at).value(found + 0 * x) == pytest.approx(value_of(found, at), rel=1e-15)


def test_what_a_symbol_stands_for_is_counted_where_it_is_used() -> None:
    x, part = sympy.Symbol("x", real=True), sympy.Dummy(real=True)
    meanings = {part: sympy.sin(x) + 1}
    whole = part * sympy.exp(part)
    written = whole.xreplace(meanings)
    assert length([whole], meanings) == 2 + sum(1 for _ in sympy.preorder_traversal(written))
    at = ByParts({x: 0.4}, meanings)
    assert at.value(whole) == pytest.approx(ByParts({x: 0.4}).value(written), rel=1e-15)


def asked(longest: int = 35_000, seconds: float = 30.0) -> dict[str, Any]:
    return arrayanswers.ask("sum(tanh(W@x))", AT, 1.0, ["W", "x"], longest, seconds)


AT = {"W": np.array([[1.0, -0.5], [0.25, 2.0]]), "x": np.array([0.5, -1.0])}


def test_what_has_no_walk_is_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    right = asked()

    def fails(*_: Any) -> Any:
        raise NotImplementedError

    monkeypatch.setattr(ArrayReading, "slopes", lambda *_: fails)
    for name, answer in asked().items():
        np.testing.assert_allclose(answer.value, right[name].value, rtol=1e-14)
        assert (answer.formula, answer.reason) == (right[name].formula, "")


def test_formulas_that_are_left_out_are_named() -> None:
    trace = backtrace.trace("sum(tanh(W@x))", AT, budget=PATIENT._replace(symbolic_work=10))
    said = "written out entry by entry, SymPy's formula is too long"
    for check in trace.checks.values():
        assert (check.verdict, check.derivative, check.reason) == (AGREE, None, said)
        np.testing.assert_allclose(check.symbolic, check.backprop, rtol=1e-12)
    nobody_wants_them = PATIENT._replace(symbolic_work=0)
    trace = backtrace.trace("sum(tanh(W@x))", AT, budget=nobody_wants_them)
    assert [(c.derivative, c.reason) for c in trace.checks.values()] == [(None, "")] * 2


def forever(*_: Any) -> Any:
    while True:
        time.process_time()


@pytest.mark.parametrize(
    ("where", "said"),
    [("derivatives", "SymPy's formula needs more than 0.3 s"), ("slopes", "SymPy needs more than")],
)
def test_time_ends_wherever_sympy_is(
    monkeypatch: pytest.MonkeyPatch, where: str, said: str
) -> None:
    monkeypatch.setattr(ArrayReading, where, forever)
    began = time.process_time()
    answers = asked(seconds=0.3)
    assert time.process_time() - began < 1.5
    assert answers[""].value is not None
    assert {answers[name].value is not None for name in AT} == {where == "derivatives"}
    assert all(answers[name].reason.startswith(said) for name in AT)


def test_a_slope_that_takes_forever_is_left_for_directions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(arrayslopes.Prober, "_each_entry", forever)
    check = backtrace.trace("sum(tanh(W@x))", AT, budget=Budget(slope_seconds=0.2)).checks["x"]
    assert check.verdict == AGREE
    assert "random directions" in check.reason


def test_small_copies_are_asked_about_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order: list[str] = []

    def noted(what: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def also(*given: Any, **keywords: Any) -> Any:
            order.append(what)
            return function(*given, **keywords)

        return also

    monkeypatch.setattr(arrayquestions.questions, "ask", noted("ask", arrayquestions.questions.ask))
    measure = noted("measure", arrayslopes.Prober.measure)
    monkeypatch.setattr(arrayslopes.Prober, "measure", measure)
    trace = backtrace.trace("sum(tanh(W@x))", {"W": np.ones((20, 20)), "x": np.ones(20)})
    assert order == ["ask", "measure", "measure"]
    assert "SymPy agrees on the first entries" in trace.checks["W"].reason
