"""The other norms of vectors: the sum of absolute values, the largest of them.

Of a matrix the 1-norm is its largest column sum, and over all entries another number: without an
axis a matrix is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backtrace.algebra import Value
from backtrace.gates.gate import Gate, Kink, Role
from backtrace.gates.shapes import Axis, Shape, ShapeError, say, without
from backtrace.language import marked, tell


def _of_vectors(matrix: str, entries: str) -> Callable[[Shape, Axis], Shape]:
    def shape(x: Shape, axis: Axis) -> Shape:
        if not x:
            raise ShapeError(tell("a number has no entries"), tell("abs(x) is its size"))
        if not isinstance(axis, int) and len(x) > 1:
            what = tell(
                "of a matrix this norm is the largest {matrix} sum; this has shape {x}",
                matrix=matrix,
                x=say(x),
            )
            raise ShapeError(
                what, tell("over all entries {entries}, of each row axis=-1", entries=entries)
            )
        return without(x, axis)

    return shape


def _signs(m: Any, x: Value, at_zero: int) -> Value:
    return m.where(m.equal(x, 0), at_zero, m.sign(x)) if at_zero else m.sign(x)


def _to_every(at_zero: int) -> Callable[..., Value]:
    return lambda m, k, u, f, x, axis: m.aligned(u, axis) * _signs(m, x, at_zero)


def _anywhere(m: Any, condition: Value, axis: Axis) -> Value:
    return m.greater(m.sum(condition * 1.0, axis), 0)


NORM1 = Gate(
    name="norm1",
    summary=marked("the sum of a vector's absolute values, also written norm(x, ord=1)"),
    parameters=("x", "axis"),
    role=Role.SCALER,
    forward=lambda m, x, axis: m.sum(m.abs(x), axis),
    local=(),
    formula="norm1(x)",
    pullback=_to_every(0),
    pullbacks={"left": _to_every(-1), "right": _to_every(1), "jax": _to_every(1)},
    rules=("upstream*sign(x)",),
    shape=_of_vectors("column", "sum(abs(x))"),
    fixed=("axis",),
    by_name=True,
    defaults={"axis": ""},
    kink=Kink(
        at=lambda m, f, x, axis: _anywhere(m, m.equal(x, 0), axis),
        local=lambda m, k, f, x, constant: 0,
        says=marked("at an entry of 0 the slope is taken as 0"),
    ),
)


def _hits(m: Any, f: Value, x: Value, axis: Axis) -> Value:
    return m.equal(m.abs(x), m.aligned(f, axis))


def _to_the_largest(m: Any, u: Value, f: Value, x: Value, axis: Axis) -> Value:
    hits = _hits(m, f, x, axis)
    share = m.divide(u, m.sum(hits * 1.0, axis))
    return m.aligned(share, axis) * (hits * m.sign(x))


def _beside(side: int) -> Callable[..., Value]:
    """From the right (1) or the left (-1): an entry of largest size that moves outward takes all
    with it; one that moves inward loses nothing where another is as large."""

    def pullback(m: Any, _: int, u: Value, f: Value, x: Value, axis: Axis) -> Value:
        hits = _hits(m, f, x, axis)
        is_alone = m.aligned(m.equal(m.sum(hits * 1.0, axis), 1), axis)
        outward = m.where(m.equal(x, 0), 1, m.equal(m.sign(x), side))
        sign = m.where(m.equal(x, 0), side, m.sign(x))
        return m.aligned(u, axis) * (hits * m.where(is_alone, 1, outward) * sign)

    return pullback


def _as_jax(m: Any, _: int, u: Value, f: Value, x: Value, axis: Axis) -> Value:
    """At 0 its maximum is tied with the 0 that it starts from, which takes half."""
    hits = _hits(m, f, x, axis)
    at_zero = m.aligned(m.divide(u, 2 * m.sum(hits * 1.0, axis)), axis) * hits
    found = _to_the_largest(m, u, f, x, axis)
    return m.where(m.aligned(m.equal(f, 0), axis), at_zero, found)


def _is_tied(m: Any, f: Value, x: Value, axis: Axis) -> Value:
    several = m.greater(m.sum(_hits(m, f, x, axis) * 1.0, axis), 1)
    return m.where(m.equal(f, 0), 1, several)


NORM_INF = Gate(
    name="norm_inf",
    summary=marked("the largest of a vector's absolute values, also written norm(x, ord=inf)"),
    parameters=("x", "axis"),
    role=Role.ROUTER,
    forward=lambda m, x, axis: m.largest(m.abs(x), axis),
    local=(),
    formula="norm_inf(x)",
    pullback=lambda m, k, u, f, x, axis: _to_the_largest(m, u, f, x, axis),
    pullbacks={"left": _beside(-1), "right": _beside(1), "jax": _as_jax},
    rules=(marked("upstream*sign(x) to the entry of largest size, 0 to the rest"),),
    shape=_of_vectors("row", "max(abs(x))"),
    fixed=("axis",),
    by_name=True,
    defaults={"axis": ""},
    kink=Kink(
        at=_is_tied,
        local=lambda m, k, f, x, constant: 0,
        says=marked("n tied entries get 1/n each, and at 0 the slope is taken as 0"),
    ),
)

ROWS = (NORM1, NORM_INF)
