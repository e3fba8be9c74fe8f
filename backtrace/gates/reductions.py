"""Gates that make few numbers of many: sums, norms, the largest.

`axis` is the axis that is summed over (axes are counted from 0, from the end with -1); several are
a tuple, without one it is all of them. What a rule names besides its operands is among its row's
terms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from backtrace.algebra import Value
from backtrace.gates.gate import Gate, Kink, Role
from backtrace.gates.shapes import Axis, Shape, ShapeError, places_of, say, size, without

_ALL = {"axis": ""}  # no axis: over all entries


def _count(m: Any, x: Value, axis: Axis) -> int:
    shape = m.shape(x)
    return size(shape) // size(without(shape, axis))


def _mean(m: Any, x: Value, axis: Axis) -> Value:
    return m.divide(m.sum(x, axis), _count(m, x, axis))


def _deviations(m: Any, x: Value, axis: Axis) -> Value:
    """From the mean; taken twice, so that no rounding of the mean is left in them (Chan, Golub and
    LeVeque, "Algorithms for computing the sample variance", 1983): equal entries have none."""
    once = x - m.aligned(_mean(m, x, axis), axis)
    return once - m.aligned(_mean(m, once, axis), axis)


def _variance(m: Any, x: Value, axis: Axis, ddof: int) -> Value:
    total = m.sum(m.square(_deviations(m, x, axis)), axis)
    return m.divide(total, _count(m, x, axis) - ddof)


def _merged(m: Any, x: Value, axis: Axis) -> tuple[Value, int | None]:
    """Where it goes along several axes, these as the last one; and the axis then."""
    if not isinstance(axis, tuple):
        return x, axis
    shape = m.shape(x)
    places, left = places_of(shape, axis), without(shape, axis)
    kept = tuple(place for place in range(len(shape)) if place not in places)
    return m.reshape(m.transpose(x, (*kept, *places)), (*left, size(shape) // size(left))), -1


def _parted(m: Any, u: Value, x: Value, axis: Axis) -> Value:
    """What was merged, as x has it."""
    if not isinstance(axis, tuple):
        return u
    shape = m.shape(x)
    places = places_of(shape, axis)
    order = (*(place for place in range(len(shape)) if place not in places), *places)
    parted = m.reshape(u, tuple(shape[place] for place in order))
    return m.transpose(parted, tuple(order.index(place) for place in range(len(shape))))


def _over(m: Any, u: Value, f: Value) -> Value:
    """u/f, and 0 where f is 0: the minimum-norm slope of a norm at 0."""
    zero = m.equal(f, 0)
    return m.where(zero, 0.0, m.divide(u, m.where(zero, 1.0, f)))


_N = {"n": lambda m, f, x, axis: ("the entries that are averaged", _count(m, x, axis))}
_MEAN_AND_N: dict[str, Callable[..., tuple[str, Value]]] = {
    "mean(x)": lambda m, f, x, axis, ddof: (_along(axis), _mean(m, x, axis)),
    "n": lambda m, f, x, axis, ddof: (
        "the entries that are averaged" + f", less {ddof}" * bool(ddof),
        _count(m, x, axis) - ddof,
    ),
}


def _along(axis: Axis) -> str:
    if isinstance(axis, tuple):
        return f"along the axes {', '.join(map(str, axis))}"
    return "" if axis is None else f"along axis {axis}"


def _zero_norm(says: str) -> Kink:
    return Kink(
        at=lambda m, f, x, *fixed: m.equal(f, 0),
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
    terms: Mapping[str, Callable[..., tuple[str, Value]]] = MappingProxyType({}),
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
        terms=terms,
        shape=lambda shape, axis: without(shape, axis),
        fixed=("axis",),
        by_name=True,
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
    terms=_N,
)

PROD = _reduction(
    "prod",
    "the product of the entries",
    Role.SWITCHER,
    forward=lambda m, x, axis: m.product(*_merged(m, x, axis)),
    pullback=lambda m, u, f, x, axis: (
        m.aligned(u, axis) * _parted(m, m.others(*_merged(m, x, axis)), x, axis)
    ),
    rule="upstream*(the product of all other entries)",
)


def _spread_shape(shape: Shape, axis: Axis, ddof: int) -> Shape:
    left = without(shape, axis)
    count = size(shape) // size(left)
    if not 0 <= ddof < count:
        raise ShapeError(f"{count} entries of shape {say(shape)} cannot be divided by n - {ddof}")
    return left


def _of_spread(
    name: str,
    summary: str,
    forward: Callable[..., Value],
    pullback: Callable[..., Value],
    rule: str,
    kink: Kink | None = None,
) -> Gate:
    """A reduction that divides by n - ddof."""
    row = _reduction(
        name, summary, Role.SCALER, forward, pullback, rule, kink=kink, terms=_MEAN_AND_N
    )
    return replace(
        row,
        parameters=("x", "axis", "ddof"),
        fixed=("axis", "ddof"),
        defaults={**_ALL, "ddof": "0"},
        pullback=lambda m, k, u, f, x, axis, ddof: pullback(m, u, f, x, axis, ddof),
        shape=_spread_shape,
        spells=lambda shape, axis, ddof: axis is None and ddof == 0,
    )


VAR = _of_spread(
    "var",
    "the variance: the sum of square distances from the mean, over n (ddof=1: over n - 1)",
    forward=_variance,
    pullback=lambda m, u, f, x, axis, ddof: (
        m.aligned(m.divide(2 * u, _count(m, x, axis) - ddof), axis) * _deviations(m, x, axis)
    ),
    rule="upstream*2*(x - mean(x))/n",
)

STD = _of_spread(
    "std",
    "the standard deviation: the square root of the variance",
    forward=lambda m, x, axis, ddof: m.divide(
        m.norm(_deviations(m, x, axis), axis), (_count(m, x, axis) - ddof) ** 0.5
    ),
    pullback=lambda m, u, f, x, axis, ddof: (
        m.aligned(m.divide(_over(m, u, f), _count(m, x, axis) - ddof), axis)
        * _deviations(m, x, axis)
    ),
    rule="upstream*(x - mean(x))/(n*f)",
    kink=_zero_norm("all entries are equal: the slope is taken as 0"),
)

NORM = _reduction(
    "norm",
    "the Euclidean norm: the square root of the sum of squares",
    Role.SCALER,
    forward=lambda m, x, axis: m.norm(x, axis),
    pullback=lambda m, u, f, x, axis: m.aligned(u, axis) * _over(m, x, m.aligned(f, axis)),
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


def _winners(m: Any, u: Value, f: Value, x: Value, axis: Axis) -> Value:
    """The upstream to the winning entry, split among the tied."""
    hits = m.equal(x, m.aligned(f, axis))
    return m.aligned(m.divide(u, m.sum(hits * 1.0, axis)), axis) * hits


def _tied(m: Any, f: Value, x: Value, axis: Axis) -> Value:
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


def _shares(m: Any, x: Value, axis: Axis) -> Value:
    return _parted(m, m.softmax(*_merged(m, x, axis)), x, axis)


REDUCE_LOGSUMEXP = _reduction(
    "reduce_logsumexp",
    "the logarithm of the sum of the entries' exponentials",
    Role.SCALER,
    forward=lambda m, x, axis: m.logsumexp_along(*_merged(m, x, axis)),
    pullback=lambda m, u, f, x, axis: m.aligned(u, axis) * _shares(m, x, axis),
    rule="upstream*p",
    terms={"p": lambda m, f, x, axis: ("exp(x - f)", _shares(m, x, axis))},
    called="logsumexp",
    formula="ln(sum(exp(x)))",
)


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
    REDUCE_LOGSUMEXP,
)
