"""The activation functions of neural networks.

Each forward is written to survive where its formula overflows: sigmoid(-1000) is 0, not nan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from backtrace.algebra import Algebra, Value
from backtrace.gates.choices import flat_at
from backtrace.gates.gate import Gate, Kink, Role
from backtrace.language import marked


def _nearest_to_zero(m: Algebra, a: Value) -> Value:
    """The number between a and 1 that is nearest to zero."""
    return m.where(m.less(a, 0), 0, m.minimum(a, 1))


def _between(rule: Callable[[Algebra, Value], Value]) -> Callable[..., Value]:
    """A rule for the slope at 0 between a (from the left) and 1; the slope by a itself is 0."""
    return lambda m, k, f, x, constant: 0 if k else rule(m, x[1])


_BETWEEN = {
    "left": _between(lambda m, a: a),
    "right": _between(lambda m, a: 1),
    "split": _between(lambda m, a: m.divide(1 + a, 2)),
    "torch": _between(lambda m, a: a),
}


RELU = Gate(
    name="relu",
    summary=marked("max(0, x): passes the gradient where x > 0, blocks it elsewhere"),
    parameters=("x",),
    role=Role.ROUTER,
    forward=lambda m, x: m.maximum(x, 0),
    local=(lambda m, f, x: m.where(m.greater(x, 0), 1, 0),),
    formula="max(0, x)",
    spellings=("where(x > 0, x, 0)",),
    kink=flat_at(
        lambda m, f, x: m.equal(x, 0),
        says=marked("at 0 the slope is taken as 0"),
        right=1,
        split=0.5,
    ),
)

LEAKY_RELU = Gate(
    name="leaky_relu",
    summary=marked("x where x > 0, else a*x"),
    parameters=("x", "a"),
    defaults={"a": "0.01"},
    role=Role.SCALER,
    forward=lambda m, x, a: m.where(m.greater(x, 0), x, a * x),
    local=(
        lambda m, f, x, a: m.where(m.greater(x, 0), 1, a),
        lambda m, f, x, a: m.where(m.greater(x, 0), 0, x),
    ),
    formula="where(x > 0, x, a*x)",
    spellings=("where(x < 0, a*x, x)", "max(0.01*x, x)"),
    kink=Kink(
        at=lambda m, f, x, a: m.equal(x, 0),
        local=lambda m, k, f, x, constant: 0 if k else _nearest_to_zero(m, x[1]),
        says=marked("at 0 the slope between a and 1 that is nearest to 0"),
        others={**_BETWEEN, "jax": _between(lambda m, a: 1)},
    ),
)

ELU = Gate(
    name="elu",
    summary=marked("x where x > 0, else a*(exp(x) - 1)"),
    parameters=("x", "a"),
    defaults={"a": "1"},
    role=Role.SCALER,
    forward=lambda m, x, a: m.where(m.greater(x, 0), x, a * m.expm1(m.minimum(x, 0))),
    local=(
        lambda m, f, x, a: m.where(m.greater(x, 0), 1, a * m.exp(m.minimum(x, 0))),
        lambda m, f, x, a: m.where(m.greater(x, 0), 0, m.expm1(m.minimum(x, 0))),
    ),
    accurate=lambda m, k, f, x, a: (
        m.where(m.greater(x, 0), 0, m.expm1(m.minimum(x, 0)))
        if k
        else m.where(m.greater(x, 0), 1, m.times_exp(a, m.minimum(x, 0)))
    ),
    formula="where(x > 0, x, a*(exp(x) - 1))",
    spellings=(
        "where(x > 0, x, exp(x) - 1)",
        "where(x > 0, x, a*expm1(x))",
        "where(x > 0, x, expm1(x))",
    ),
    kink=Kink(
        at=lambda m, f, x, a: m.equal(x, 0) * m.not_equal(a, 1),
        local=lambda m, k, f, x, constant: 0 if k else _nearest_to_zero(m, x[1]),
        says=marked("at 0 the slope between a and 1 that is nearest to 0"),
        others={**_BETWEEN, "jax": _between(lambda m, a: a)},
    ),
)

_SELU_SCALE = "1.0507009873554804934193349852946"
_SELU_ALPHA = "1.6732632423543772848170429916717"


def _selu(m: Algebra, x: Value) -> Value:
    below = m.number(_SELU_ALPHA) * m.expm1(m.minimum(x, 0))
    return m.number(_SELU_SCALE) * m.where(m.greater(x, 0), x, below)


def _selu_slope(m: Algebra, x: Value) -> Value:
    below = m.number(_SELU_ALPHA) * m.exp(m.minimum(x, 0))
    return m.number(_SELU_SCALE) * m.where(m.greater(x, 0), 1, below)


def _selu_left(m: Algebra) -> Value:
    return m.number(_SELU_SCALE) * m.number(_SELU_ALPHA)


SELU = Gate(
    name="selu",
    summary=marked("the self-normalising elu (Klambauer et al. 2017)"),
    parameters=("x",),
    role=Role.SCALER,
    forward=_selu,
    local=(lambda m, f, x: _selu_slope(m, x),),
    formula=f"{_SELU_SCALE}*where(x > 0, x, {_SELU_ALPHA}*(exp(x) - 1))",
    spellings=(
        f"{_SELU_SCALE}*elu(x, {_SELU_ALPHA})",
        f"{_SELU_SCALE}*where(x > 0, x, {_SELU_ALPHA}*expm1(x))",
    ),
    kink=Kink(
        at=lambda m, f, x: m.equal(x, 0),
        local=lambda m, k, f, x, constant: m.number(_SELU_SCALE),
        says=marked("at 0 the slope from the right, the smaller of the two"),
        others={
            "left": lambda m, k, f, x, constant: _selu_left(m),
            "split": lambda m, k, f, x, constant: m.divide(
                m.number(_SELU_SCALE) + _selu_left(m), 2
            ),
            "torch": lambda m, k, f, x, constant: _selu_left(m),
            "jax": lambda m, k, f, x, constant: _selu_left(m),
        },
    ),
)

SIGMOID = Gate(
    name="sigmoid",
    summary=marked("the logistic function: a squashing to (0, 1)"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.sigmoid(x),
    local=(lambda m, s, x: s * (1 - s),),
    accurate=lambda m, k, s, x: m.logistic_pdf(x),
    formula="1/(1 + exp(-x))",
    spellings=("exp(x)/(1 + exp(x))",),
    output="s",
)

SOFTPLUS = Gate(
    name="softplus",
    summary=marked("a smooth relu, ln(1 + e^x); its slope is sigmoid(x)"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.softplus(x),
    local=(lambda m, f, x: m.sigmoid(x),),
    formula="ln(1 + exp(x))",
    spellings=("log1p(exp(x))",),
)

SILU = Gate(
    name="silu",
    summary=marked("x*sigmoid(x), also called swish"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.silu(x),
    local=(lambda m, f, x: m.sigmoid(x) + f * m.sigmoid(-x),),
    accurate=lambda m, k, f, x: m.silu_slope(x),
    formula="x*sigmoid(x)",
    spellings=("x/(1 + exp(-x))",),
)

SWISH = replace(SILU, name="swish", summary=marked("x*sigmoid(x), also called silu"))


def _share(m: Algebra, k: int, *x: Value) -> Value:
    """The softmax of all operands at k: e^(x - f) loses what f has not of the others."""
    peak = m.maximum(*x)
    powers = [m.difference_exp(value, peak) for value in x]
    return m.divide(powers[k], sum(powers))


LOGSUMEXP = Gate(
    name="logsumexp",
    summary=marked("ln(e^x + e^y + ...), a smooth max; its slopes are the softmax"),
    parameters=("x", "y"),
    variadic=True,
    role=Role.SCALER,
    forward=lambda m, *x: m.logsumexp(*x),
    local=(lambda m, f, x: m.exp(x - f),),
    accurate=lambda m, k, f, *x: _share(m, k, *x),
    formula="ln(exp(x) + exp(y))",
    series=("ln(_)", "exp(x)"),
    reduction="reduce_logsumexp",
)

GELU = Gate(
    name="gelu",
    summary=marked("x times the normal distribution function (Hendrycks and Gimpel 2016)"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.gelu(x),
    local=(lambda m, f, x: m.normal_cdf(x) + x * m.normal_pdf(x),),
    accurate=lambda m, k, f, x: m.gelu_slope(x),
    formula="x*(1 + erf(x/sqrt(2)))/2",
    spellings=("0.5*x*(1 + erf(x/sqrt(2)))", "x*(0.5*(1 + erf(x/sqrt(2))))"),
)


def _gelu_tanh_slope(m: Algebra, x: Value) -> Value:
    cubic = x + m.number("0.044715") * x * x * x
    u = m.sqrt(m.divide(2, m.number("pi"))) * cubic
    s = m.sigmoid(2 * u)  # (1 + tanh(u))/2, without the cancellation
    return s + 2 * x * s * m.sigmoid(-2 * u) * _gelu_tanh_inner_slope(m, x)


def _gelu_tanh_inner_slope(m: Algebra, x: Value) -> Value:
    root = m.sqrt(m.divide(2, m.number("pi")))
    return root * (1 + 3 * m.number("0.044715") * m.square(x))


def _accurate_gelu_tanh_slope(m: Algebra, x: Value) -> Value:
    """The same; beyond 30 s is 0 or 1 in floats, and x^3 may overflow."""
    near = m.maximum(-30.0, m.minimum(x, 30.0))
    s = m.tanh_cdf(near)
    return s + 2 * near * s * m.tanh_cdf(-near) * _gelu_tanh_inner_slope(m, near)


GELU_TANH = Gate(
    name="gelu_tanh",
    summary=marked("the tanh approximation of gelu"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: x * m.tanh_cdf(x),
    local=(lambda m, f, x: _gelu_tanh_slope(m, x),),
    accurate=lambda m, k, f, x: _accurate_gelu_tanh_slope(m, x),
    formula="x*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x^3)))/2",
    spellings=("0.5*x*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x^3)))",),
)


def _mish_slope(m: Algebra, x: Value) -> Value:
    t = m.tanh(m.softplus(x))
    return t + x * (1 - m.square(t)) * m.sigmoid(x)


MISH = Gate(
    name="mish",
    summary="x*tanh(softplus(x)) (Misra 2019)",
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.mish(x),
    local=(lambda m, f, x: _mish_slope(m, x),),
    accurate=lambda m, k, f, x: m.mish_slope(x),
    formula="x*tanh(softplus(x))",
)

HARDTANH = Gate(
    name="hardtanh",
    summary=marked("x cut to between -1 and 1"),
    parameters=("x",),
    role=Role.ROUTER,
    forward=lambda m, x: m.maximum(-1, m.minimum(1, x)),
    local=(lambda m, f, x: m.where(m.less(m.abs(x), 1), 1, 0),),
    formula="max(-1, min(1, x))",
    spellings=("min(1, max(-1, x))",),
    kink=Kink(
        at=lambda m, f, x: m.equal(m.abs(x), 1),
        local=lambda m, k, f, x, constant: 0,
        says=marked("at -1 and 1 the slope is taken as 0"),
        others={
            "left": lambda m, k, f, x, constant: m.greater(x[0], 0),
            "right": lambda m, k, f, x, constant: m.less(x[0], 0),
            "split": lambda m, k, f, x, constant: m.divide(1, 2),
            "jax": lambda m, k, f, x, constant: 1,
        },
    ),
)

ROWS = (
    *(RELU, LEAKY_RELU, ELU, SELU, SIGMOID, SOFTPLUS, LOGSUMEXP),
    *(SILU, SWISH, GELU, GELU_TANH, MISH, HARDTANH),
)
