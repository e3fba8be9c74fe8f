"""sinc, lgamma and its slopes: their digits near zeros and poles, what they are called elsewhere,
and where they are refused."""

from __future__ import annotations

import math
import time

import mpmath
import numpy as np
import pytest

import backtrace
from backtrace.algebra import gammas
from backtrace.algebra.digits import Digits
from backtrace.errors import BacktraceError
from backtrace.formula.letters import in_letters
from backtrace.formula.parser import parse
from backtrace.formula.printer import source
from backtrace.gates import GATES


@pytest.mark.parametrize("x", [1 + 1e-9, 2 - 1e-12, 1.25, 1.2800001, 3.5, 1e-300, 170.5, 1e200])
def test_lgamma_is_right_to_the_last_digits(x: float) -> None:
    with mpmath.workdps(60):
        expected = float(mpmath.loggamma(mpmath.mpf(x)))
    assert gammas.lgamma(x) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 10, 21, 50, 150, 151])
@pytest.mark.parametrize(
    "x", [1.4616321449683622, 1.46, 0.01, 16.5, 1700, -0.3, -7.499999, -37.5, -199.9, -0.49999]
)
def test_slopes_of_lgamma(n: int, x: float) -> None:
    with mpmath.workdps(60 + 4 * n):  # left of 0 mpmath adds up, step by step
        expected = float(mpmath.psi(n, mpmath.mpf(x)))
    assert gammas.polygamma(n, x) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("n", [1, 2, 5, 20])
@pytest.mark.parametrize("x", [-1e5 - 0.3, -1e9 - 0.5, -3000.4999, -2e7 - 1e-3])
def test_slopes_far_left_of_0(n: int, x: float) -> None:
    """Against the reflection formula: the n-th slope of pi*cot(pi*x)."""
    with mpmath.workdps(200):
        exact = mpmath.mpf(x)
        off = exact - mpmath.nint(exact)
        periodic = mpmath.diff(lambda t: mpmath.pi * mpmath.cot(mpmath.pi * t), off, n)
        expected = float((-1) ** n * mpmath.psi(n, 1 - exact) - periodic)
    assert gammas.polygamma(n, x) == pytest.approx(expected, rel=1e-13)


def test_orders_whose_powers_no_float_holds() -> None:
    """150! and 1000^-151 are floats of their own only by luck; what comes of both is one."""
    for n, x in ((150, 1000.0), (150, 60.0), (120, 1e4), (150, 1e-2), (149, -1e-3)):
        with mpmath.workdps(60):
            expected = float(mpmath.psi(n, mpmath.mpf(x)))
        assert gammas.polygamma(n, x) == pytest.approx(expected, rel=1e-14)


def test_at_poles_and_ends() -> None:
    inf = math.inf
    assert (gammas.lgamma(0.0), gammas.lgamma(-3.0), gammas.lgamma(-inf)) == (inf, inf, inf)
    assert (gammas.digamma(0.0), gammas.digamma(-0.0), gammas.digamma(inf)) == (-inf, inf, inf)
    assert (gammas.trigamma(-2.0), gammas.trigamma(inf), gammas.trigamma(1e-300)) == (inf, 0, inf)
    assert all(
        map(math.isnan, (gammas.digamma(-1.0), gammas.digamma(-inf), gammas.lgamma(math.nan)))
    )
    assert gammas.lgamma(1e306) == inf or math.isfinite(gammas.lgamma(1e306))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("np.sinc(x)", "sinc(x)"),
        ("torch.sinc(x)", "sinc(x)"),
        ("scipy.special.gammaln(x)", "lgamma(x)"),
        ("math.lgamma(x)", "lgamma(x)"),
        ("torch.lgamma(x)", "lgamma(x)"),
        ("special.psi(x)", "digamma(x)"),
        ("torch.special.digamma(x)", "digamma(x)"),
        ("scipy.special.polygamma(0, x)", "digamma(x)"),
        ("torch.polygamma(1, x)", "trigamma(x)"),
        ("torch.special.polygamma(2, x)", "polygamma(2, x)"),
        ("torch.polygamma(3, input=x)", "polygamma(3, x)"),
        ("jax.scipy.special.polygamma(2, x)", "polygamma(2, x)"),
        ("special.polygamma(n=4, x=x)", "polygamma(4, x)"),
        ("x.polygamma(2)", "polygamma(2, x)"),
        ("(x*x).polygamma(n=3)", "polygamma(3, x*x)"),
    ],
)
def test_what_they_are_called_elsewhere(theirs: str, ours: str) -> None:
    found = backtrace.trace(theirs, {"x": 2.3})
    assert found.ok
    assert found.value == backtrace.trace(ours, {"x": 2.3}).value


@pytest.mark.parametrize("formula", ["psi(x)", "gammaln(x)", "psi(2, x)"])
def test_a_name_that_is_no_librarys_is_no_function(formula: str) -> None:
    """psi(x + y) of a formula would be a product, or nothing."""
    with pytest.raises(BacktraceError):
        backtrace.trace(formula, {"x": 2})


@pytest.mark.parametrize(
    ("formula", "x"),
    [("lgamma(x)", -2.5), ("digamma(x)", -1e300), ("trigamma(x)", -1e12 - 0.5), ("sinc(x)", 1e17)],
)
def test_far_out_it_is_checked_in_time(formula: str, x: float) -> None:
    begun = time.perf_counter()
    backtrace.trace(formula, {"x": x})
    assert time.perf_counter() - begun < 10


def test_sinc_at_0_and_at_whole_numbers() -> None:
    for x, value, slope in (
        (0.0, 1.0, 0.0),
        (1.0, 0.0, -1.0),
        (-2.0, 0.0, -0.5),
        (1e-200, 1.0, 0.0),
    ):
        trace = backtrace.trace("sinc(x)", {"x": x})
        assert trace.ok
        assert trace.value == value
        assert trace.gradients["x"] == pytest.approx(slope, abs=1e-190)


def test_a_pole_is_a_fault_that_is_named() -> None:
    trace = backtrace.trace("lgamma(x)*y", {"x": -2, "y": 3})
    assert trace.fault is not None
    assert "no whole number" in trace.fault.what


def test_exactly_and_once_more_in_our_grammar() -> None:
    trace = backtrace.trace("digamma(x) + lgamma(x)", {"x": 3})
    exact = trace.exactly().values[trace.graph.output]
    assert exact == "digamma(1) + log(2) + 3/2"
    assert backtrace.trace(exact).value == pytest.approx(trace.value, rel=1e-14)
    formulas = dict(trace.formulas().simplified)
    again = backtrace.trace(formulas["x"], {"x": 3})
    assert again.value == pytest.approx(trace.gradients["x"], rel=1e-13)


@pytest.mark.parametrize("x", [0.0, -1.0, -7.0, 0.5, -0.5, 3.0])
@pytest.mark.parametrize("name", ["lgamma", "digamma", "trigamma", "sinc"])
def test_a_comparison_at_a_pole_is_decided(name: str, x: float) -> None:
    for formula in (f"where(x < {name}(x), x, y)", f"where({name}(x) > 1, x, y)"):
        found = backtrace.trace(formula, {"x": x, "y": 2.0})
        assert not found.disagreements, (formula, found.disagreements)


ORDERS = range(9)


@pytest.mark.parametrize("n", [*ORDERS, 149])
def test_the_slope_of_a_slope_is_read_again(n: int) -> None:
    for x in (2.25, 31.0, -0.4 if n < 100 else 0.9):
        trace = backtrace.trace(f"polygamma({n}, x)", {"x": x})
        assert trace.ok, (x, trace.disagreements)
        expected = pytest.approx(trace.gradients["x"], rel=1e-13)
        shown = {GATES["polygamma"].local_rule(0).replace("n + 1", str(n + 1))}
        wording = trace.formulas()
        shown |= {text for pair in wording.locals for text in pair}
        shown |= {text for _, text in wording.simplified} | {trace.checks["x"].derivative}
        assert f"polygamma({n + 1}, x)" in shown
        for text in shown:
            assert backtrace.trace(text, {"x": x}).value == expected, text


def test_the_first_two_orders_have_names() -> None:
    for name, n in (("digamma", 0), ("trigamma", 1)):
        for x in (0.3, 7.0, -2.6, [0.3, -0.7]):
            one, other = (
                backtrace.trace(f"sum({text})", {"x": x}, check=False)
                for text in (f"{name}(x)", f"polygamma({n}, x)")
            )
            assert one.value == other.value
            assert np.array_equal(one.gradients["x"], other.gradients["x"])


@pytest.mark.parametrize(
    "order", ["n", "-1", "2.0", "1+1", "x", "151", "999999999999", "1/2", "pi"]
)
@pytest.mark.parametrize(
    "call", ["polygamma({}, x)", "torch.polygamma({}, x)", "3*x.polygamma({})"]
)
def test_an_order_that_is_not_a_fixed_whole_number_is_refused(order: str, call: str) -> None:
    with pytest.raises(BacktraceError, match="the order of polygamma is a whole number") as caught:
        backtrace.trace(call.format(order), {"x": 2, "n": 2})
    start, end = caught.value.span
    assert call.format(order)[start:end] in order
    assert "polygamma(2, x)" in caught.value.hint


def test_an_order_that_stands_behind_is_said_to_come_first() -> None:
    with pytest.raises(BacktraceError) as caught:
        backtrace.trace("polygamma(x, 2)", {"x": 2})
    assert "the order comes first" in caught.value.hint
    for formula in ("polygamma(x)", "polygamma(2, x, y)", "torch.polygamma(2)", "polygamma()"):
        with pytest.raises(BacktraceError):
            backtrace.trace(formula, {"x": 2, "y": 1})
    with pytest.raises(BacktraceError, match="has no 'n='"):
        backtrace.trace("polygamma(n=2, x)", {"x": 2})


@pytest.mark.parametrize("n", ORDERS)
@pytest.mark.parametrize("x", [0.0, -1.0, -7.0])
def test_poles_of_every_order(n: int, x: float) -> None:
    for formula, point in (
        (f"polygamma({n}, x)*y", {"x": x, "y": 3.0}),
        (f"sum(polygamma({n}, x)*y)", {"x": [2.0, x], "y": 3.0}),
    ):
        trace = backtrace.trace(formula, point)
        assert trace.fault is not None
        assert "no whole number at or below 0" in trace.fault.what
        assert not trace.ok


@pytest.mark.parametrize(
    "n", [n if n == 0 else pytest.param(n, marks=pytest.mark.slow) for n in ORDERS]
)
def test_orders_in_every_kind_of_number(n: int) -> None:
    """Exactly and read once more, with many digits, at many points, on arrays, along directions,
    in definitions, and by letters."""
    formula, x = f"y*polygamma({n}, x*y)", np.array([0.7, 2.0, -1.3])
    single = backtrace.trace(formula, {"x": "3/2", "y": 2})
    assert single.ok
    for wording in (single.exactly(), single.to_digits(30)):
        for text, gradient in zip(wording.upstreams, single.upstreams, strict=True):
            graph = parse(text)  # with many digits: 8394435/8 cancels
            again = float(graph.evaluate(Digits(40, decimal=True), {})[graph.output])
            assert again == pytest.approx(gradient, rel=1e-12), text
    columns = backtrace.vectorize(formula)({"x": x, "y": np.full(3, 2.0)})
    for text in (f"sum({formula})", f"g(a, b) = b*polygamma({n}, a*b); sum(g(x, y))"):
        trace = backtrace.trace(text, {"x": x, "y": 2.0})
        assert trace.ok, trace.disagreements
        np.testing.assert_allclose(trace.gradients["x"], columns["df/dx"], rtol=1e-12)
        assert trace.hessian().verdict == "agree"
        assert trace.forward_mode("x").verdict == "agree"
    found = in_letters(f"sum(polygamma({n}, W@x))", {"W": ("m", "n"), "x": ("n",)})
    assert found.gradients["x"] == f"W.T@polygamma({n + 1}, W@x)"


@pytest.mark.parametrize("order", [0, 2, 7])
def test_orders_are_written_back_in_front(order: int) -> None:
    text = f"2*polygamma({order}, x + 1)^2"
    assert source(backtrace.trace(text, {"x": 1}).graph) == text
