"""Gates that make few numbers of many: sums, means, norms.

`axis` is the axis that is summed over (axes are counted from 0, from the end with -1); several are
a tuple, without one it is all of them. What a rule names besides its operands is among its row's
terms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from backtrace.algebra import Value
from backtrace.gates.gate import Gate, Kink, Role
from backtrace.gates.shapes import Axis, Shape, ShapeError, places_of, say, size, without
from backtrace.language import marked, tell

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


_N = {"n": lambda m, f, x, axis: (tell("the entries that are averaged"), _count(m, x, axis))}
_MEAN_AND_N: dict[str, Callable[..., tuple[str, Value]]] = {
    "mean(x)": lambda m, f, x, axis, ddof: (_along(axis), _mean(m, x, axis)),
    "n": lambda m, f, x, axis, ddof: (
        tell("the entries that are averaged") + tell(", less {ddof}", ddof=ddof) * bool(ddof),
        _count(m, x, axis) - ddof,
    ),
}


def _along(axis: Axis) -> str:
    if isinstance(axis, tuple):
        return tell("along the axes {axis}", axis=", ".join(map(str, axis)))
    return "" if axis is None else tell("along axis {axis}", axis=axis)


def _zero_norm(says: str) -> Kink:
    return Kink(
        at=lambda m, f, x, *fixed: m.equal(f, 0),
        local=lambda m, k, f, x, constant: 0,
        says=says,
    )


def _of_one(pullback: Callable[..., Value]) -> Callable[..., Value]:
    """The rule of a gate that has one operand."""
    return lambda m, k, u, f, x, *fixed: pullback(m, u, f, x, *fixed)


def reduction(
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
    at_kink: Mapping[str, Callable[..., Value]] = MappingProxyType({}),
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
        pullback=_of_one(pullback),
        pullbacks={convention: _of_one(rule) for convention, rule in at_kink.items()},
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


SUM = reduction(
    "sum",
    marked("the sum of the entries: distributes to every one"),
    Role.DISTRIBUTOR,
    forward=lambda m, x, axis: m.sum(x, axis),
    pullback=lambda m, u, f, x, axis: m.spread(u, x, axis),
    rule=marked("upstream, to every entry"),
)

MEAN = reduction(
    "mean",
    marked("the mean of the entries"),
    Role.SCALER,
    forward=_mean,
    pullback=lambda m, u, f, x, axis: m.spread(m.divide(u, _count(m, x, axis)), x, axis),
    rule=marked("upstream/n, to every entry"),
    terms=_N,
)

PROD = reduction(
    "prod",
    marked("the product of the entries"),
    Role.SWITCHER,
    forward=lambda m, x, axis: m.product(*_merged(m, x, axis)),
    pullback=lambda m, u, f, x, axis: (
        m.aligned(u, axis) * _parted(m, m.others(*_merged(m, x, axis)), x, axis)
    ),
    rule=marked("upstream*(the product of all other entries)"),
)


def _spread_shape(shape: Shape, axis: Axis, ddof: int) -> Shape:
    left = without(shape, axis)
    count = size(shape) // size(left)
    if not 0 <= ddof < count:
        raise ShapeError(
            tell(
                "{count} entries of shape {shape} cannot be divided by n - {ddof}",
                count=count,
                shape=say(shape),
                ddof=ddof,
            )
        )
    return left


def _of_spread(
    name: str,
    summary: str,
    forward: Callable[..., Value],
    pullback: Callable[..., Value],
    rule: str,
    kink: Kink | None = None,
    at_kink: Mapping[str, Callable[..., Value]] = MappingProxyType({}),
) -> Gate:
    """A reduction that divides by n - ddof."""
    row = reduction(
        name,
        summary,
        Role.SCALER,
        forward,
        pullback,
        rule,
        kink=kink,
        at_kink=at_kink,
        terms=_MEAN_AND_N,
    )
    return replace(
        row,
        parameters=("x", "axis", "ddof"),
        fixed=("axis", "ddof"),
        defaults={**_ALL, "ddof": "0"},
        shape=_spread_shape,
        spells=lambda shape, axis, ddof: axis is None and ddof == 0,
    )


VAR = _of_spread(
    "var",
    marked("the variance: the sum of square distances from the mean, over n (ddof=1: over n - 1)"),
    forward=_variance,
    pullback=lambda m, u, f, x, axis, ddof: (
        m.aligned(m.divide(2 * u, _count(m, x, axis) - ddof), axis) * _deviations(m, x, axis)
    ),
    rule="upstream*2*(x - mean(x))/n",
)


def _std_pullback(m: Any, u: Value, f: Value, x: Value, axis: Axis, ddof: int) -> Value:
    return m.aligned(m.divide(_over(m, u, f), _count(m, x, axis) - ddof), axis) * _deviations(
        m, x, axis
    )


def _std_beside(side: float) -> Callable[..., Value]:
    """One of n equal entries moves by t: the deviation is then |t|*sqrt((n - 1)/(n*(n - ddof)))."""

    def pullback(m: Any, u: Value, f: Value, x: Value, axis: Axis, ddof: int) -> Value:
        n = _count(m, x, axis)
        slope = side * ((n - 1) / (n * (n - ddof))) ** 0.5
        return _at_zero(m, u, f, x, axis, slope, _std_pullback(m, u, f, x, axis, ddof))

    return pullback


def _norm_pullback(m: Any, u: Value, f: Value, x: Value, axis: Axis) -> Value:
    return m.aligned(u, axis) * _over(m, x, m.aligned(f, axis))


def _norm_beside(side: float) -> Callable[..., Value]:
    def pullback(m: Any, u: Value, f: Value, x: Value, axis: Axis) -> Value:
        return _at_zero(m, u, f, x, axis, side, _norm_pullback(m, u, f, x, axis))

    return pullback


def _at_zero(
    m: Any, u: Value, f: Value, x: Value, axis: Axis, slope: float, elsewhere: Value
) -> Value:
    """The upstream times this slope to every entry of what is 0."""
    return m.where(m.aligned(m.equal(f, 0), axis), m.spread(u, x, axis) * slope, elsewhere)


STD = _of_spread(
    "std",
    marked("the standard deviation: the square root of the variance"),
    forward=lambda m, x, axis, ddof: m.divide(
        m.norm(_deviations(m, x, axis), axis), (_count(m, x, axis) - ddof) ** 0.5
    ),
    pullback=_std_pullback,
    rule="upstream*(x - mean(x))/(n*f)",
    kink=_zero_norm(marked("all entries are equal: the slope is taken as 0")),
    at_kink={"left": _std_beside(-1), "right": _std_beside(1), "jax": _std_beside(math.nan)},
)

NORM = reduction(
    "norm",
    marked("the Euclidean norm: the square root of the sum of squares"),
    Role.SCALER,
    forward=lambda m, x, axis: m.norm(x, axis),
    pullback=_norm_pullback,
    rule="upstream*x/f",
    formula="sqrt(sum(x^2))",
    spellings=("sqrt(norm2(x))",),
    kink=_zero_norm(marked("at 0 the slope is taken as 0")),
    at_kink={"left": _norm_beside(-1), "right": _norm_beside(1), "jax": _norm_beside(math.nan)},
)

NORM2 = reduction(
    "norm2",
    marked("the squared norm ||x||^2: the sum of squares"),
    Role.SCALER,
    forward=lambda m, x, axis: m.sum(m.square(x), axis),
    pullback=lambda m, u, f, x, axis: m.aligned(2 * u, axis) * x,
    rule="upstream*2*x",
    formula="sum(x^2)",
)


def _shares(m: Any, x: Value, axis: Axis) -> Value:
    return _parted(m, m.softmax(*_merged(m, x, axis)), x, axis)


REDUCE_LOGSUMEXP = reduction(
    "reduce_logsumexp",
    marked("the logarithm of the sum of the entries' exponentials"),
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
    REDUCE_LOGSUMEXP,
)
