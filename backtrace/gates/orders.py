"""Gates that put entries in another order: sort, flip, roll. Each is a permutation, and what comes
back goes to where the entries stood."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backtrace.algebra import Value
from backtrace.gates.gate import Gate, Kink, Role
from backtrace.gates.shapes import Axis, Shape, ShapeError, axis_of, places_of
from backtrace.language import marked, tell


def _sorted_shape(shape: Shape, axis: int) -> Shape:
    if not shape:
        raise ShapeError(tell("a number is in order already"), tell("stack(a, b) makes a vector"))
    axis_of(shape, axis)
    return shape


def _sort_pullback(ties: str) -> Callable[..., Value]:
    """An entry of several that are equal is the first of them where it moves to the left, and the
    last where it moves to the right."""
    return lambda m, k, u, f, x, axis: m.back_in_place(u, x, axis, ties)


SORT = Gate(
    name="sort",
    summary=marked("the entries along an axis (the last) in order, the smallest first"),
    parameters=("x", "axis"),
    role=Role.ROUTER,
    forward=lambda m, x, axis: m.in_order(x, axis),
    local=(),
    formula="sort(x)",
    pullback=_sort_pullback("mean"),
    pullbacks={
        "left": _sort_pullback("first"),
        "right": _sort_pullback("last"),
        "torch": _sort_pullback("each"),
        "jax": _sort_pullback("each"),
    },
    rules=(marked("upstream, each to where its entry stood"),),
    shape=_sorted_shape,
    fixed=("axis",),
    defaults={"axis": "-1"},
    kink=Kink(
        at=lambda m, f, x, axis: m.has_ties(x, axis),
        local=lambda m, k, f, x, constant: 0,
        says=marked("n tied entries get the mean of what comes to them"),
    ),
)


def _flipped_shape(shape: Shape, axis: Axis) -> Shape:
    if not shape:
        raise ShapeError(tell("a number has no order to be turned round"))
    if axis is not None:
        places_of(shape, axis)
    return shape


FLIP = Gate(
    name="flip",
    summary=marked("the entries along an axis (all axes) from the last to the first"),
    parameters=("x", "axis"),
    role=Role.DISTRIBUTOR,
    forward=lambda m, x, axis: m.flip(x, axis),
    local=(),
    formula="flip(x)",
    pullback=lambda m, k, u, f, x, axis: m.flip(u, axis),
    rules=(marked("upstream, turned round again"),),
    shape=_flipped_shape,
    fixed=("axis",),
    defaults={"axis": ""},
)


def _rolled_shape(shape: Shape, _: int, axis: int | None) -> Shape:
    if not shape:
        raise ShapeError(tell("a number has no entries to be moved on"))
    if axis is not None:
        axis_of(shape, axis)
    return shape


def _rolled(m: Any, x: Value, shift: int, axis: int | None) -> Value:
    return m.roll(x, shift, axis)


ROLL = Gate(
    name="roll",
    summary=marked(
        "the entries moved on by so many places, what falls off the end comes in at the front"
    ),
    parameters=("x", "shift", "axis"),
    role=Role.DISTRIBUTOR,
    forward=_rolled,
    local=(),
    formula="roll(x, shift)",
    pullback=lambda m, k, u, f, x, shift, axis: _rolled(m, u, -shift, axis),
    rules=(marked("upstream, moved back by so many places"),),
    shape=_rolled_shape,
    fixed=("shift", "axis"),
    defaults={"axis": ""},
)

ROWS = (SORT, FLIP, ROLL)
