"""The functions of a calculus course: exp and logarithms, roots, trigonometry, hyperbolics, erf."""

from __future__ import annotations

import math
from dataclasses import replace

from backtrace.algebra import Algebra, Value
from backtrace.gates.choices import flat_at
from backtrace.gates.gate import Domain, Gate, Kink, Role
from backtrace.language import marked

_POSITIVE = Domain(says="x > 0", holds=lambda x: x > 0)
_NOT_NEGATIVE = Domain(says="x >= 0", holds=lambda x: x >= 0)
_UNIT = Domain(says="-1 <= x <= 1", holds=lambda x: -1 <= x <= 1)
_LOG_CURE = marked("keep the argument above 0, or add a small constant to it")
_ROOT_CURE = marked("where(x > 0, sqrt(x), 0), or one gate for the whole: abs, hypot, norm")

EXP = Gate(
    name="exp",
    summary=marked("e^x: its slope is its own output"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.exp(x),
    local=(lambda m, f, x: f,),
    formula="exp(x)",
    sympy="exp",
    cure=marked(
        "exp overflows above 709.78; as one gate (--fuse) sigmoid, tanh, softplus, silu do not"
    ),
)

LOG = Gate(
    name="log",
    summary=marked("natural logarithm, also written ln"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.log(x),
    local=(lambda m, f, x: m.divide(1, x),),
    formula="log(x)",
    sympy="log",
    domain=_POSITIVE,
    cure=_LOG_CURE,
)

LN = replace(LOG, name="ln", summary=marked("natural logarithm, also written log"), formula="ln(x)")

LOG1P = Gate(
    name="log1p",
    summary=marked("ln(1 + x), with all its digits where x is near 0"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.log1p(x),
    local=(lambda m, f, x: m.divide(1, 1 + x),),
    formula="ln(1 + x)",
    domain=Domain(says="x > -1", holds=lambda x: x > -1),
    cure=marked("keep the argument above -1"),
)

EXPM1 = Gate(
    name="expm1",
    summary=marked("e^x - 1, with all its digits where x is near 0"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.expm1(x),
    local=(lambda m, f, x: 1 + f,),
    accurate=lambda m, k, f, x: m.exp(x),
    formula="exp(x) - 1",
    cure=marked("expm1 overflows above 709.78"),
)

LOG2 = Gate(
    name="log2",
    summary=marked("logarithm to base 2"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.log2(x),
    local=(lambda m, f, x: m.divide(1, x * m.log(m.number("2"))),),
    formula="ln(x)/ln(2)",
    domain=_POSITIVE,
    cure=_LOG_CURE,
)

LOG10 = Gate(
    name="log10",
    summary=marked("logarithm to base 10"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.log10(x),
    local=(lambda m, f, x: m.divide(1, x * m.log(m.number("10"))),),
    formula="ln(x)/ln(10)",
    domain=_POSITIVE,
    cure=_LOG_CURE,
)

SQRT = Gate(
    name="sqrt",
    summary=marked("square root, also written √x"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.sqrt(x),
    local=(lambda m, f, x: m.divide(1, 2 * f),),
    formula="sqrt(x)",
    sympy="sqrt",
    domain=_NOT_NEGATIVE,
    cure=_ROOT_CURE,
)


def _cube_root_slope(m: Algebra, f: Value, x: Value) -> Value:
    """f/(3*x), less what f^3 is off from x: no library's cube root is good to its last bit."""
    over = m.divide(f, x)
    off = m.divide(over * f * f - 1, 3)
    is_end = m.equal(x + x, x)  # 0 or infinite
    return m.where(is_end, m.divide(1, m.square(f)), m.divide(over, 3) * (1 - off))


CBRT = Gate(
    name="cbrt",
    summary=marked("cube root, of negative numbers too"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.cbrt(x),
    local=(lambda m, f, x: m.divide(1, 3 * m.square(f)),),
    accurate=lambda m, k, f, x: _cube_root_slope(m, f, x),
    formula="sign(x)*abs(x)^(1/3)",
    cure=marked("the slope of a cube root is infinite at 0"),
)

SIN = Gate(
    name="sin",
    summary=marked("sine (radians)"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.sin(x),
    local=(lambda m, f, x: m.cos(x),),
    formula="sin(x)",
    sympy="sin",
)

COS = Gate(
    name="cos",
    summary=marked("cosine (radians)"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.cos(x),
    local=(lambda m, f, x: -m.sin(x),),
    formula="cos(x)",
    sympy="cos",
)

TAN = Gate(
    name="tan",
    summary=marked("tangent (radians)"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.tan(x),
    local=(lambda m, f, x: 1 + m.square(f),),
    formula="tan(x)",
    sympy="tan",
)

ASIN = Gate(
    name="asin",
    summary=marked("inverse sine, in radians"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.asin(x),
    local=(lambda m, f, x: m.divide(1, m.sqrt((1 - x) * (1 + x))),),
    formula="asin(x)",
    sympy="asin",
    domain=_UNIT,
    cure=marked("the slope of asin is infinite at -1 and 1"),
)

ACOS = Gate(
    name="acos",
    summary=marked("inverse cosine, in radians"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.acos(x),
    local=(lambda m, f, x: m.divide(-1, m.sqrt((1 - x) * (1 + x))),),
    formula="acos(x)",
    sympy="acos",
    domain=_UNIT,
    cure=marked("the slope of acos is infinite at -1 and 1"),
)

ATAN = Gate(
    name="atan",
    summary=marked("inverse tangent, in radians"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.atan(x),
    local=(lambda m, f, x: m.divide(1, 1 + m.square(x)),),
    accurate=lambda m, k, f, x: m.where(
        m.less(m.abs(x), 1e100), m.divide(1, 1 + m.square(x)), m.divide(m.divide(1, x), x)
    ),
    formula="atan(x)",
    sympy="atan",
)


def _angle_slope(m: Algebra, k: int, y: Value, x: Value) -> Value:
    """(x, -y)/(x^2 + y^2), without the square, which could overflow."""
    length = m.hypot(x, y)
    return m.divide(m.divide(-y if k else x, length), length)


ATAN2 = Gate(
    name="atan2",
    summary=marked("the angle of the point (x, y), in radians from -pi to pi"),
    parameters=("y", "x"),
    role=Role.SCALER,
    forward=lambda m, y, x: m.atan2(y, x),
    local=(
        lambda m, f, y, x: _angle_slope(m, 0, y, x),
        lambda m, f, y, x: _angle_slope(m, 1, y, x),
    ),
    formula="atan2(y, x)",
    sympy="atan2",
    kink=Kink(
        at=lambda m, f, y, x: m.where(m.greater(x, 0), 0, m.equal(y, 0)),
        local=lambda m, k, f, x, constant: m.where(
            m.equal(x[1], 0), 0, _angle_slope(m, k, x[0], x[1])
        ),
        says=marked("at (0, 0) the slope is taken as 0; where the angle jumps, from above"),
        others={"jax": lambda m, k, f, x, constant: _angle_slope(m, k, x[0], x[1])},
    ),
)

HYPOT = Gate(
    name="hypot",
    summary=marked("the length of (x, y, ...), without overflow on the way"),
    parameters=("x", "y"),
    variadic=True,
    role=Role.SCALER,
    forward=lambda m, *x: m.hypot(*x),
    local=(lambda m, f, x: m.divide(x, f),),
    formula="sqrt(x^2 + y^2)",
    series=("sqrt(_)", "x^2"),
    kink=flat_at(
        lambda m, f, *x: m.equal(f, 0),
        says=marked("at length 0 the slopes are taken as 0"),
        left=-1,
        right=1,
        torch=math.nan,
        jax=0.5,
    ),
)

SINH = Gate(
    name="sinh",
    summary=marked("hyperbolic sine"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.sinh(x),
    local=(lambda m, f, x: m.cosh(x),),
    formula="sinh(x)",
    sympy="sinh",
)

COSH = Gate(
    name="cosh",
    summary=marked("hyperbolic cosine"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.cosh(x),
    local=(lambda m, f, x: m.sinh(x),),
    formula="cosh(x)",
    sympy="cosh",
)

TANH = Gate(
    name="tanh",
    summary=marked("hyperbolic tangent: a squashing to (-1, 1)"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.tanh(x),
    local=(lambda m, t, x: 1 - m.square(t),),
    accurate=lambda m, k, t, x: 4 * m.logistic_pdf(2 * x),
    formula="(exp(x) - exp(-x))/(exp(x) + exp(-x))",
    spellings=(
        "(exp(2*x) - 1)/(exp(2*x) + 1)",
        "expm1(2*x)/(exp(2*x) + 1)",
        "(1 - exp(-(2*x)))/(1 + exp(-(2*x)))",
        "(1 - exp(-2*x))/(1 + exp(-2*x))",
        "2*sigmoid(2*x) - 1",
        "sinh(x)/cosh(x)",
    ),
    output="t",
)

ERF = Gate(
    name="erf",
    summary=marked("the error function"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.erf(x),
    local=(lambda m, f, x: m.divide(2 * m.exp(-m.square(x)), m.sqrt(m.number("pi"))),),
    accurate=lambda m, k, f, x: m.divide(2 * m.gaussian(x, 1), m.sqrt(m.number("pi"))),
    formula="erf(x)",
    sympy="erf",
)

ROWS = (
    *(EXP, LOG, LN, LOG1P, EXPM1, LOG2, LOG10, SQRT, CBRT),
    *(SIN, COS, TAN, ASIN, ACOS, ATAN, ATAN2, HYPOT),
    *(SINH, COSH, TANH, ERF),
)
