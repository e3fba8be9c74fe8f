"""Losses: of predictions and targets, the mean over the entries, their sum, or each (`reduction`).

Operands are repeated to a common shape, as everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from backtrace.algebra import Value
from backtrace.gates.gate import EVERYWHERE, Domain, Gate, Kink, Role
from backtrace.gates.shapes import Shape, ShapeError, broadcast, say, size
from backtrace.language import marked, tell

Rule = Callable[..., Value]
"""(m, *operands) -> what it is at every entry."""


def _whole(shape: Shape, reduction: str) -> Shape:
    if reduction not in ("mean", "sum", "none"):
        raise ShapeError(
            tell("there is no reduction '{reduction}'", reduction=reduction),
            tell("there are mean, sum and none"),
        )
    return shape if reduction == "none" else ()


def _reduced(m: Any, entries: Value, reduction: str) -> Value:
    shape = m.shape(entries)
    if reduction == "none" or not shape:
        return entries
    total = m.sum(entries, None)
    return m.divide(total, size(shape)) if reduction == "mean" else total


def _share(m: Any, u: Value, shape: Shape, reduction: str) -> Value:
    """What comes to every entry."""
    return m.divide(u, size(shape)) if reduction == "mean" and size(shape) > 1 else u


def _pullback(slopes: tuple[Rule, ...]) -> Callable[..., Value]:
    def pullback(m: Any, k: int, u: Value, _: Value, *operands: Any) -> Value:
        *given, reduction = operands
        shape = broadcast(*map(m.shape, given))
        found = _share(m, u, shape, reduction) * slopes[k](m, *given)
        return m.summed_to(m.full(found, shape), m.shape(given[k]))

    return pullback


def _count(m: Any, *operands: Any) -> tuple[str, Value]:
    *given, reduction = operands
    if reduction != "mean":
        return tell("reduction is {reduction}", reduction=reduction), 1
    return tell("the number of entries"), size(broadcast(*map(m.shape, given)))


def _loss(
    name: str,
    summary: str,
    parameters: tuple[str, ...],
    entries: Rule,
    slopes: tuple[Rule, ...],
    rules: tuple[str, ...],
    formula: str,
    *,
    defaults: Mapping[str, str] = MappingProxyType({}),
    at_kink: Mapping[str, tuple[Rule, ...]] = MappingProxyType({}),
    spellings: tuple[str, ...] = (),
    kink: Kink | None = None,
    domain: Domain = EVERYWHERE,
    cure: str = "",
) -> Gate:
    return Gate(
        name=name,
        summary=summary,
        parameters=(*parameters, "reduction"),
        role=Role.SCALER,
        forward=lambda m, *x: _reduced(m, entries(m, *x[:-1]), x[-1]),
        local=(),
        formula=formula,
        pullback=_pullback(slopes),
        pullbacks={name: _pullback(rules) for name, rules in at_kink.items()},
        rules=rules,
        terms={"n": lambda m, f, *x: _count(m, *x)},
        shape=lambda *x: _whole(broadcast(*x[:-1]), x[-1]),
        fixed=("reduction",),
        by_name=True,
        defaults={**defaults, "reduction": '"mean"'},
        spellings=spellings,
        spells=lambda *x: x[-1] == "mean" and bool(broadcast(*x[:-1])),
        kink=kink,
        domain=domain,
        cure=cure,
    )


MSE = _loss(
    "mse",
    marked("the squared error of predictions p against targets t"),
    ("p", "t"),
    entries=lambda m, p, t: m.square(p - t),
    slopes=(lambda m, p, t: 2 * (p - t), lambda m, p, t: -2 * (p - t)),
    rules=("upstream*2*(p - t)/n", "-upstream*2*(p - t)/n"),
    formula="mean((p - t)^2)",
)


def _anywhere(m: Any, condition: Value) -> Value:
    return m.greater(m.sum(condition * 1.0, None), 0)


def _holds_nowhere(compare: str, value: Value, bound: float) -> bool:
    from backtrace.algebra.arrays import ARRAYS

    return not ARRAYS.truth(getattr(ARRAYS, compare)(value, bound))


def _signs(at_zero: int) -> tuple[Rule, ...]:
    def sign(m: Any, p: Value, t: Value) -> Value:
        found = m.sign(p - t)
        return m.where(m.equal(p, t), at_zero, found) if at_zero else found

    return sign, lambda m, p, t: -sign(m, p, t)


L1 = _loss(
    "l1",
    marked("the absolute error of predictions p against targets t"),
    ("p", "t"),
    entries=lambda m, p, t: m.abs(p - t),
    slopes=_signs(0),
    rules=("upstream*sign(p - t)/n", "-upstream*sign(p - t)/n"),
    formula="mean(abs(p - t))",
    at_kink={"left": _signs(-1), "right": _signs(1), "jax": _signs(1)},
    kink=Kink(
        at=lambda m, f, p, t, reduction: (
            m.equal(p, t) if reduction == "none" else _anywhere(m, m.equal(p, t))
        ),
        local=lambda m, k, f, x, constant: 0,
        says=marked("where p is t the slope is taken as 0"),
    ),
)


def _huber(m: Any, p: Value, t: Value, delta: Value) -> Value:
    size = m.abs(p - t)
    far = delta * (size - m.divide(delta, 2))
    return m.where(m.less_equal(size, delta), m.divide(m.square(p - t), 2), far)


def _clipped(m: Any, p: Value, t: Value, delta: Value) -> Value:
    return m.maximum(-delta, m.minimum(p - t, delta))


HUBER = _loss(
    "huber",
    marked("half the squared error up to delta, and a straight line beyond"),
    ("p", "t", "delta"),
    entries=_huber,
    slopes=(
        _clipped,
        lambda m, p, t, delta: -_clipped(m, p, t, delta),
        lambda m, p, t, delta: m.maximum(m.abs(p - t) - delta, 0),
    ),
    rules=(
        "upstream*clip(p - t, -delta, delta)/n",
        "-upstream*clip(p - t, -delta, delta)/n",
        "upstream*max(abs(p - t) - delta, 0)/n",
    ),
    formula="mean(where(abs(p - t) <= delta, (p - t)^2/2, delta*(abs(p - t) - delta/2)))",
    defaults={"delta": "1"},
    domain=Domain(
        says=marked("a delta above 0"),
        holds=lambda p, t, delta, _: _holds_nowhere("less_equal", delta, 0),
    ),
)


def _bce_with_logits_slope(m: Any, z: Value, t: Value) -> Value:
    """sigmoid(z) - t, with both sigmoid(z) and 1 - sigmoid(z) as they are near 0."""
    return m.sigmoid(z) * (1 - t) - t * m.sigmoid(-z)


BCE_WITH_LOGITS = _loss(
    "bce_with_logits",
    marked("the binary cross-entropy of sigmoid(z) and targets t, without its overflow"),
    ("z", "t"),
    entries=lambda m, z, t: m.softplus(z) - t * z,
    slopes=(_bce_with_logits_slope, lambda m, z, t: -z),
    rules=("upstream*(sigmoid(z) - t)/n", "-upstream*z/n"),
    formula="mean(softplus(z) - t*z)",
    spellings=(
        "mean(max(z, 0) - z*t + ln(1 + exp(-abs(z))))",
        "mean(max(z, 0) - z*t + log1p(exp(-abs(z))))",
        "mean(relu(z) - z*t + softplus(-abs(z)))",
        "-mean(t*ln(sigmoid(z)) + (1 - t)*ln(1 - sigmoid(z)))",
        "mean(-t*ln(sigmoid(z)) - (1 - t)*ln(1 - sigmoid(z)))",
        "bce(sigmoid(z), t)",
    ),
)


def _part(m: Any, t: Value, value: Value) -> Value:
    """t*value, and 0 where t is 0 and the value infinite."""
    if m.as_written:
        return t * value
    is_none = m.where(m.equal(t, 0), m.equal(m.abs(value), math.inf), 0.0)
    return m.where(is_none, 0.0, t * m.where(is_none, 0.0, value))


BCE = _loss(
    "bce",
    marked("the binary cross-entropy of probabilities p and targets t"),
    ("p", "t"),
    entries=lambda m, p, t: -_part(m, t, m.log(p)) - _part(m, 1 - t, m.log1p(-p)),
    slopes=(
        lambda m, p, t: _part(m, 1 - t, m.divide(1, 1 - p)) - _part(m, t, m.divide(1, p)),
        lambda m, p, t: m.log1p(-p) - m.log(p),
    ),
    rules=("upstream*((1 - t)/(1 - p) - t/p)/n", "upstream*(log(1 - p) - log(p))/n"),
    formula="-mean(t*ln(p) + (1 - t)*ln(1 - p))",
    spellings=("mean(-t*ln(p) - (1 - t)*ln(1 - p))", "mean(-(t*ln(p) + (1 - t)*ln(1 - p)))"),
    domain=Domain(
        says=marked("probabilities between 0 and 1"),
        holds=lambda p, t, _: (
            _holds_nowhere("less_equal", p, 0) and _holds_nowhere("greater_equal", p, 1)
        ),
    ),
    cure=marked("of scores z bce_with_logits(z, t) is the same without taking a logarithm of 0"),
)


def _class_shape(z: Shape, k: Shape, reduction: str) -> Shape:
    if not z or k != z[:-1]:
        words = tell(
            "nll takes log-probabilities and a class for each row: {z} and {k}", z=say(z), k=say(k)
        )
        raise ShapeError(
            tell("{words} do not fit", words=words), tell("2x3 and 2: classes from 0 to 2")
        )
    return _whole(k, reduction)


def _nll(m: Any, z: Value, k: Value, reduction: str) -> Value:
    targets = m.one_hot(k, m.shape(z)[-1])
    if m.truth(m.not_equal(m.sum(targets * 1.0, -1), 1)):
        return m.sum(z * float("nan"), -1 if reduction == "none" else None)  # some k is no class
    return _reduced(m, -m.sum(m.where(targets, z, 0.0), -1), reduction)


def _nll_pullback(m: Any, i: int, u: Value, _: Value, z: Value, k: Value, reduction: str) -> Value:
    if i == 1:  # a class is no quantity: it has no slope
        return 0.0 * k
    share = _share(m, u, m.shape(k), reduction)
    share = m.aligned(share, -1) if reduction == "none" else share
    return -share * (m.one_hot(k, m.shape(z)[-1]) * 1.0)


def _are_classes(z: Value, k: Value, _: str) -> bool:
    from backtrace.algebra.arrays import ARRAYS

    hits = ARRAYS.sum(ARRAYS.one_hot(k, z.shape[-1]) * 1.0, -1)
    return not ARRAYS.truth(ARRAYS.not_equal(hits, 1))


NLL = Gate(
    name="nll",
    summary=marked(
        "the negative log-likelihood: -z[k] of log-probabilities z, k is a class from 0"
    ),
    parameters=("z", "k", "reduction"),
    role=Role.SCALER,
    forward=_nll,
    local=(),
    formula="-mean(pick(z, k))",
    pullback=_nll_pullback,
    rules=("-upstream*one_hot(k)/n", marked("0: a class")),
    terms={
        "one_hot(k)": lambda m, f, z, k, reduction: (
            "",
            m.one_hot(k, m.shape(z)[-1]) * 1.0,
        ),
        "n": lambda m, f, z, k, reduction: _count(m, k, reduction),
    },
    shape=_class_shape,
    fixed=("reduction",),
    by_name=True,
    defaults={"reduction": '"mean"'},
    domain=Domain(
        says=marked("every k to be a class: a whole number from 0, below the number of scores"),
        holds=_are_classes,
    ),
    cure=marked("classes are counted from 0: with 3 scores they are 0, 1 and 2"),
    spells=lambda z, k, reduction: reduction == "mean" and len(z) == 2,
)

ROWS = (MSE, L1, HUBER, BCE, BCE_WITH_LOGITS, NLL)
