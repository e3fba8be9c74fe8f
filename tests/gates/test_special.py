"""sinc, lgamma and its slopes: their digits near zeros and poles, what they are called elsewhere,
and where they are refused."""

from __future__ import annotations

import math
import time

import mpmath
import pytest

import backtrace
from backtrace.algebra import gammas
from backtrace.errors import BacktraceError


@pytest.mark.parametrize("x", [1 + 1e-9, 2 - 1e-12, 1.25, 1.2800001, 3.5, 1e-300, 170.5, 1e200])
def test_lgamma_is_right_to_the_last_digits(x: float) -> None:
    with mpmath.workdps(60):
        expected = float(mpmath.loggamma(mpmath.mpf(x)))
    assert gammas.lgamma(x) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
@pytest.mark.parametrize(
    "x", [1.4616321449683622, 1.46, 0.01, -0.3, -7.499999, -1999.9, -1e5 - 0.3]
)
def test_slopes_of_lgamma(n: int, x: float) -> None:
    if n == 3 and x < -100:
        return  # mpmath goes there step by step
    with mpmath.workdps(60):
        expected = float(mpmath.psi(n, mpmath.mpf(x)))
    found = gammas.digamma(x) if n == 0 else gammas.polygamma(n, x)
    assert found == pytest.approx(expected, rel=1e-13)


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
    ],
)
def test_what_they_are_called_elsewhere(theirs: str, ours: str) -> None:
    found = backtrace.trace(theirs, {"x": 2.3})
    assert found.ok
    assert found.value == backtrace.trace(ours, {"x": 2.3}).value


@pytest.mark.parametrize(
    "formula", ["psi(x)", "gammaln(x)", "polygamma(1, x)", "torch.polygamma(2, x)"]
)
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
