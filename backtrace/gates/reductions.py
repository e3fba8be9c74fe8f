"""Gates that make few numbers of many: sums, norms, the largest, softmax and its losses.

`axis` is the axis that is summed over (its entries are counted from 0, from the end with -1);
without one it is all of them. `p` in a rule is softmax(x); `n` the number of entries reduced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backtrace.algebra import Value
from backtrace.gates.gate import Domain, Gate, Kink, Role
from backtrace.gates.shapes import Shape, ShapeError, axis_of, say, size, without

_ALL = {"axis": ""}  # no axis: over all entries


def _count(m: Any, x: Value, axis: int | None) -> int:
    shape = m.shape(x)
    return size(shape) if axis is None else shape[axis]


def _mean(m: Any, x: Value, axis: int | None) -> Value:
    return m.divide(m.sum(x, axis), _count(m, x, axis))


def _deviations(m: Any, x: Value, axis: int | None) -> Value:
    return x - m.aligned(_mean(m, x, axis), axis)


def _variance(m: Any, x: Value, axis: int | None) -> Value:
    return _mean(m, m.square(_deviations(m, x, axis)), axis)


def _over(m: Any, u: Value, f: Value) -> Value:
    """u/f, and 0 where f is 0: the minimum-norm slope of a norm at 0."""
    zero = m.equal(f, 0)
    return m.where(zero, 0.0, m.divide(u, m.where(zero, 1.0, f)))


def _zero_norm(says: str) -> Kink:
    return Kink(
        at=lambda m, f, x, axis: m.equal(f, 0),
        local=lambda m, k, f, x, constant: 0,
        says=says,
    )


def _reduction(
    name: str,
    summary: str,
    role: Role,
    forward: Callable[..., Value],
    pullback: Callable[..., Value],
    rule: str,
    *,
    called: str = "",
    formula: str = "",
    spellings: tuple[str, ...] = (),
    kink: Kink | None = None,
) -> Gate:
    return Gate(
        name=name,
        summary=summary,
        parameters=("x", "axis"),
        role=role,
        forward=forward,
        local=(),
        formula=formula or f"{called or name}(x)",
        pullback=lambda m, k, u, f, x, axis: pullback(m, u, f, x, axis),
        rules=(rule,),
        shape=lambda shape, axis: without(shape, axis),
        fixed=("axis",),
        defaults=_ALL,
        called=called,
        spellings=spellings,
        spells=lambda shape, axis: axis is None,
        kink=kink,
    )


SUM = _reduction(
    "sum",
    "the sum of the entries: distributes to every one",
    Role.DISTRIBUTOR,
    forward=lambda m, x, axis: m.sum(x, axis),
    pullback=lambda m, u, f, x, axis: m.spread(u, x, axis),
    rule="upstream, to every entry",
)

MEAN = _reduction(
    "mean",
    "the mean of the entries",
    Role.SCALER,
    forward=_mean,
    pullback=lambda m, u, f, x, axis: m.spread(m.divide(u, _count(m, x, axis)), x, axis),
    rule="upstream/n, to every entry",
)

PROD = _reduction(
    "prod",
    "the product of the entries",
    Role.SWITCHER,
    forward=lambda m, x, axis: m.product(x, axis),
    pullback=lambda m, u, f, x, axis: m.aligned(u, axis) * m.others(x, axis),
    rule="upstream*(the product of all other entries)",
)

VAR = _reduction(
    "var",
    "the variance of the entries: the mean square distance from their mean (divided by n)",
    Role.SCALER,
    forward=_variance,
    pullback=lambda m, u, f, x, axis: (
        m.aligned(m.divide(2 * u, _count(m, x, axis)), axis) * _deviations(m, x, axis)
    ),
    rule="upstream*2*(x - mean(x))/n",
)

STD = _reduction(
    "std",
    "the standard deviation: the square root of the variance",
    Role.SCALER,
    forward=lambda m, x, axis: m.divide(
        m.norm(_deviations(m, x, axis), axis), _count(m, x, axis) ** 0.5
    ),
    pullback=lambda m, u, f, x, axis: (
        m.aligned(m.divide(_over(m, u, f), _count(m, x, axis)), axis) * _deviations(m, x, axis)
    ),
    rule="upstream*(x - mean(x))/(n*f)",
    kink=_zero_norm("all entries are equal: the slope is taken as 0"),
)

NORM = _reduction(
    "norm",
    "the Euclidean norm: the square root of the sum of squares",
    Role.SCALER,
    forward=lambda m, x, axis: m.norm(x, axis),
    pullback=lambda m, u, f, x, axis: m.aligned(_over(m, u, f), axis) * x,
    rule="upstream*x/f",
    formula="sqrt(sum(x^2))",
    spellings=("sqrt(norm2(x))",),
    kink=_zero_norm("at 0 the slope is taken as 0"),
)

NORM2 = _reduction(
    "norm2",
    "the squared norm ||x||^2: the sum of squares",
    Role.SCALER,
    forward=lambda m, x, axis: m.sum(m.square(x), axis),
    pullback=lambda m, u, f, x, axis: m.aligned(2 * u, axis) * x,
    rule="upstream*2*x",
    formula="sum(x^2)",
)


def _winners(m: Any, u: Value, f: Value, x: Value, axis: int | None) -> Value:
    """The upstream to the winning entry, split among the tied."""
    hits = m.equal(x, m.aligned(f, axis))
    return m.aligned(m.divide(u, m.sum(hits * 1.0, axis)), axis) * hits


def _tied(m: Any, f: Value, x: Value, axis: int | None) -> Value:
    return m.greater(m.sum(m.equal(x, m.aligned(f, axis)) * 1.0, axis), 1)


_TIES = Kink(
    at=_tied,
    local=lambda m, k, f, x, constant: 0,
    says="n tied entries get 1/n each",
)

REDUCE_MAX = _reduction(
    "reduce_max",
    "the largest entry: routes to the winner",
    Role.ROUTER,
    forward=lambda m, x, axis: m.largest(x, axis),
    pullback=_winners,
    rule="upstream to the largest entry, 0 to the rest",
    called="max",
    kink=_TIES,
)

REDUCE_MIN = _reduction(
    "reduce_min",
    "the smallest entry: routes to the winner",
    Role.ROUTER,
    forward=lambda m, x, axis: m.smallest(x, axis),
    pullback=_winners,
    rule="upstream to the smallest entry, 0 to the rest",
    called="min",
    kink=_TIES,
)

REDUCE_LOGSUMEXP = _reduction(
    "reduce_logsumexp",
    "the logarithm of the sum of the entries' exponentials",
    Role.SCALER,
    forward=lambda m, x, axis: m.logsumexp_along(x, axis),
    pullback=lambda m, u, f, x, axis: m.aligned(u, axis) * m.softmax(x, axis),
    rule="upstream*p",
    called="logsumexp",
    formula="ln(sum(exp(x)))",
)


def _along(shape: Shape, axis: int) -> Shape:
    if not shape:
        raise ShapeError("softmax is of an array, not a number", "stack(a, b) makes a vector")
    axis_of(shape, axis)
    return shape


def _softmax_pullback(m: Any, u: Value, f: Value, _: Value, axis: int) -> Value:
    weighted = u * f
    return weighted - f * m.aligned(m.sum(weighted, axis), axis)


def _log_softmax_pullback(m: Any, u: Value, f: Value, _: Value, axis: int) -> Value:
    return u - m.exp(f) * m.aligned(m.sum(u, axis), axis)


def _softmax_like(
    name: str, summary: str, pullback: Callable[..., Value], rule: str, formula: str
) -> Gate:
    return Gate(
        name=name,
        summary=summary,
        parameters=("x", "axis"),
        role=Role.SCALER,
        forward=lambda m, x, axis: getattr(m, name)(x, axis),
        local=(),
        formula=formula,
        pullback=lambda m, k, u, f, x, axis: pullback(m, u, f, x, axis),
        rules=(rule,),
        shape=_along,
        fixed=("axis",),
        defaults={"axis": "-1"},
        # ln(softmax(x)) goes along the last axis too; a sum without an axis is over all
        spells=lambda shape, axis: len(shape) == 1 or (axis == -1 and "softmax" in formula),
    )


SOFTMAX = _softmax_like(
    "softmax",
    "e^x over its sum along an axis (the last): probabilities",
    _softmax_pullback,
    "f*(upstream - sum(upstream*f))",
    "exp(x)/sum(exp(x))",
)

LOG_SOFTMAX = _softmax_like(
    "log_softmax",
    "the logarithm of softmax, without its overflow",
    _log_softmax_pullback,
    "upstream - p*sum(upstream)",
    "ln(softmax(x))",
)


def _loss_shape(z: Shape, k: Shape) -> Shape:
    if len(z) not in (1, 2) or k not in (z, z[:-1]):
        words = f"cross_entropy takes scores, and a class or a distribution for each row: {say(z)}"
        hint = "scores 3 and a number, 100x3 and 100; or two of one shape"
        raise ShapeError(f"{words} and {say(k)} do not fit", hint)
    return ()


def _targets(m: Any, z: Value, k: Value) -> Value:
    """A distribution over the classes for each row: as given, or all on one class."""
    return k if m.shape(k) == m.shape(z) else m.one_hot(k, m.shape(z)[-1])


def _rows(m: Any, z: Value) -> int:
    return size(m.shape(z)[:-1])


def _cross_entropy(m: Any, z: Value, k: Value) -> Value:
    targets = _targets(m, z, k)
    if m.shape(k) == m.shape(z):
        return m.divide(-m.sum(k * m.log_softmax(z, -1), None), _rows(m, z))
    if m.truth(m.not_equal(m.sum(targets, -1), 1)):
        return float("nan")  # some k is no class
    picked = m.sum(m.where(targets, z, 0.0), None)
    return m.divide(m.sum(m.logsumexp_along(z, -1), None) - picked, _rows(m, z))


def _cross_entropy_pullback(m: Any, i: int, u: Value, _: Value, z: Value, k: Value) -> Value:
    share, is_class = m.divide(u, _rows(m, z)), m.shape(k) != m.shape(z)
    if i == 1:  # a class is no quantity: it has no slope
        return 0.0 * k if is_class else -share * m.log_softmax(z, -1)
    p, targets = m.softmax(z, -1), _targets(m, z, k)
    if not is_class:
        p = p * m.aligned(m.sum(k, -1), -1)
    return share * (p - targets)


CROSS_ENTROPY = Gate(
    name="cross_entropy",
    summary="-ln(softmax(z)[k]), the mean over the rows; k is a class from 0, or a distribution",
    parameters=("z", "k"),
    role=Role.SCALER,
    forward=_cross_entropy,
    local=(),
    formula="cross_entropy(z, k)",
    pullback=_cross_entropy_pullback,
    rules=("upstream*(p - one_hot(k))/n", "0 for a class, else -upstream*ln(p)/n"),
    shape=_loss_shape,
    domain=Domain(
        says="every k to be a class: a whole number from 0, below the number of scores",
        holds=lambda z, k: _is_class(z, k),
    ),
    spellings=(
        "-ln(softmax(z)[0])",
        "-log_softmax(z)[0]",
        "logsumexp(z) - z[0]",
        "-mean(sum(k*log_softmax(z), axis=1))",
        "-mean(sum(k*ln(softmax(z)), axis=1))",
    ),
    spells=lambda z, k: (len(z), len(k)) in ((1, 0), (2, 2)),
)


def _is_class(z: Value, k: Value) -> bool:
    from backtrace.algebra.arrays import ARRAYS

    return not ARRAYS.truth(ARRAYS.not_equal(ARRAYS.sum(_targets(ARRAYS, z, k), -1), 1))


ROWS = (
    SUM,
    MEAN,
    PROD,
    VAR,
    STD,
    NORM,
    NORM2,
    REDUCE_MAX,
    REDUCE_MIN,
    SOFTMAX,
    LOG_SOFTMAX,
    REDUCE_LOGSUMEXP,
    CROSS_ENTROPY,
)
