"""Special functions beyond a calculus course: erfc, the gamma function's logarithm, sinc."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backtrace.algebra import Algebra, Value
from backtrace.gates.gate import Domain, Gate, Role
from backtrace.language import marked

ERFC = Gate(
    name="erfc",
    summary=marked("1 less the error function, with its digits where that is nearly 1"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.erfc(x),
    local=(lambda m, f, x: m.divide(-2 * m.exp(-m.square(x)), m.sqrt(m.number("pi"))),),
    accurate=lambda m, k, f, x: m.divide(-2 * m.gaussian(x, 1), m.sqrt(m.number("pi"))),
    formula="erfc(x)",
    sympy="erfc",
)

_NO_POLE = Domain(
    says=marked("x to be no whole number at or below 0"),
    holds=lambda x, *_: x > 0 or x % 1 != 0,
)


def _of_gamma(
    name: str,
    summary: str,
    forward: Callable[..., Value],
    slope: Callable[..., Value],
    **order: Any,
) -> Gate:
    """A row of the gamma function's logarithm or of its slopes, which share their poles; `order` is
    what the row of any slope has beside these."""
    return Gate(
        name=name,
        summary=summary,
        role=Role.SCALER,
        forward=forward,
        local=(lambda m, f, *x: slope(m, *x),),
        sympy=name,
        domain=_NO_POLE,
        cure=marked("keep the argument above 0: x^2 + 1, exp(x) or softplus(x) in its place"),
        **({"parameters": ("x",), "formula": f"{name}(x)"} | order),
    )


LGAMMA = _of_gamma(
    "lgamma",
    marked("the logarithm of the gamma function's size, ln|gamma(x)|: of n + 1 that of n!"),
    lambda m, x: m.lgamma(x),
    lambda m, x: m.digamma(x),
)
DIGAMMA = _of_gamma(
    "digamma",
    marked("the slope of lgamma, also called psi"),
    lambda m, x: m.digamma(x),
    lambda m, x: m.trigamma(x),
)
TRIGAMMA = _of_gamma(
    "trigamma",
    marked("the slope of digamma, also called polygamma(1, x)"),
    lambda m, x: m.trigamma(x),
    lambda m, x: m.polygamma(2, x),
)
POLYGAMMA = _of_gamma(
    "polygamma",
    marked("the n-th slope of digamma, for a fixed n: polygamma(2, x) is that of trigamma"),
    lambda m, x, n: m.polygamma(n, x),
    lambda m, x, n: m.polygamma(n + 1, x),
    parameters=("x", "n"),
    formula="polygamma(n, x)",
    fixed=("n",),
    order=range(151),
    shape=lambda x, n: x,
)


def _sinc_slope(m: Algebra, f: Value, x: Value) -> Value:
    is_zero = m.equal(x, 0)
    change = m.cos(m.number("pi") * x) - f
    return m.where(is_zero, 0, m.divide(change, m.where(is_zero, 1, x)))


SINC = Gate(
    name="sinc",
    summary=marked("sin(pi*x)/(pi*x), and 1 at 0: NumPy's, with pi"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.sinc(x),
    local=(lambda m, f, x: _sinc_slope(m, f, x),),
    accurate=lambda m, k, f, x: m.sinc_slope(x),
    rules=(marked("(cos(pi*x) - f)/x, and 0 at 0"),),
    formula="where(x == 0, 1, sin(pi*x)/(pi*x))",
)

ROWS = (ERFC, LGAMMA, DIGAMMA, TRIGAMMA, POLYGAMMA, SINC)
