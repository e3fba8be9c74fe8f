"""Special functions beyond a calculus course: erfc, the gamma function's logarithm, sinc."""

from __future__ import annotations

import math

from backtrace.algebra import Algebra, Value
from backtrace.gates.gate import Domain, Gate, Role

ERFC = Gate(
    name="erfc",
    summary="1 less the error function, with its digits where that is nearly 1",
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.erfc(x),
    local=(lambda m, f, x: m.divide(-2 * m.exp(-m.square(x)), m.sqrt(m.number("pi"))),),
    accurate=lambda m, k, f, x: m.divide(-2 * m.gaussian(x, 1), m.sqrt(m.number("pi"))),
    formula="erfc(x)",
    sympy="erfc",
)

_NO_POLE = Domain(
    says="x is no whole number at or below 0",
    holds=lambda x: x > 0 or x != math.floor(x),
)
_POLE_CURE = "keep the argument above 0: x^2 + 1, exp(x) or softplus(x) in its place"

LGAMMA = Gate(
    name="lgamma",
    summary="the logarithm of the gamma function's size, ln|gamma(x)|: of n + 1 that of n!",
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.lgamma(x),
    local=(lambda m, f, x: m.digamma(x),),
    formula="lgamma(x)",
    sympy="lgamma",
    domain=_NO_POLE,
    cure=_POLE_CURE,
)

DIGAMMA = Gate(
    name="digamma",
    summary="the slope of lgamma, also called psi",
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.digamma(x),
    local=(lambda m, f, x: m.trigamma(x),),
    formula="digamma(x)",
    sympy="digamma",
    domain=_NO_POLE,
    cure=_POLE_CURE,
)

TRIGAMMA = Gate(
    name="trigamma",
    summary="the slope of digamma, also called polygamma(1, x)",
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.trigamma(x),
    local=(lambda m, f, x: m.polygamma(2, x),),
    formula="trigamma(x)",
    sympy="trigamma",
    domain=_NO_POLE,
    cure=_POLE_CURE,
)


def _sinc_slope(m: Algebra, f: Value, x: Value) -> Value:
    is_zero = m.equal(x, 0)
    change = m.cos(m.number("pi") * x) - f
    return m.where(is_zero, 0, m.divide(change, m.where(is_zero, 1, x)))


SINC = Gate(
    name="sinc",
    summary="sin(pi*x)/(pi*x), and 1 at 0: NumPy's, with pi",
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.sinc(x),
    local=(lambda m, f, x: _sinc_slope(m, f, x),),
    accurate=lambda m, k, f, x: m.sinc_slope(x),
    rules=("(cos(pi*x) - f)/x, and 0 at 0",),
    formula="where(x == 0, 1, sin(pi*x)/(pi*x))",
)

ROWS = (ERFC, LGAMMA, DIGAMMA, TRIGAMMA, SINC)
