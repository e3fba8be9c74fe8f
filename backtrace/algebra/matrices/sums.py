"""Sums along axes, and some of an array's entries, in formulas of arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from backtrace.algebra.matrices.forms import (
    CALL,
    EYE,
    ONES,
    OUTER,
    PICKED,
    PLACED,
    PRODUCT,
    SHAPED,
    SUM,
    TURNED,
    ZERO,
    Form,
    Index,
    Shape,
    adds_up_along,
    call,
    is_zero,
    number,
    ones,
    product,
    scalars_apart,
    terms_of,
    total,
    weight,
    whole,
    zero,
)
from backtrace.algebra.matrices.products import shaped


def picked(a: Form, index: Index, shape: Shape) -> Form:
    """x[1:3]: some of the entries, which have this shape."""
    before, core = scalars_apart(a)
    if core.kind in (ONES, ZERO):
        return product([before, Form(core.kind, shape) if shape else number(core.kind == ONES)])
    if core.kind == PLACED and core.parts[1] == index:
        return product([before, core.parts[0]])
    is_stack = core.kind == CALL and core.parts[0] == "stack" and not core.parts[2]
    if is_stack and isinstance(index[0], int) and 0 <= index[0] < core.shape[0]:
        part = core.parts[1][index[0]]
        return product([before, part if len(index) == 1 else picked(part, index[1:], shape)])
    if core.kind == CALL and core.parts[0] == "concatenate":
        part = _own_part(core, index)
        if part is not None:
            return product([before, part])
    return product([before, Form(PICKED, shape, (core, index))])


def _own_part(joined: Form, index: Index) -> Form | None:
    """The array that a part of joined arrays is."""
    axis = joined.parts[3]
    if len(index) != axis + 1 or any(part != (None, None, None) for part in index[:axis]):
        return None
    start = 0
    for part in joined.parts[1]:
        end = start + part.shape[axis]
        if index[axis] == (start, end, None):
            return part  # type: ignore[no-any-return]
        start = end
    return None


def placed(u: Form, index: Index, shape: Shape, fill: Form | None = None) -> Form:
    """Zeros of a shape, or as many times `fill`, with u at some entries."""
    if fill is not None:
        return Form(PLACED, shape, (u, index, fill))
    before, core = scalars_apart(u) if u.shape else (u, number(1))
    if is_zero(core):
        return zero(shape)
    return product([before, Form(PLACED, shape, (core, index))])


def summed(a: Form, axis: Any = None) -> Form:
    """The sum along one axis, several or all (None)."""
    count = len(a.shape)
    axes = range(count) if axis is None else (axis,) if isinstance(axis, int) else axis
    gone = sorted({k % count for k in axes}) if count else []
    if not gone:
        return a
    shape = tuple(n for k, n in enumerate(a.shape) if k not in gone)
    before, core = scalars_apart(a)
    if is_zero(core):
        return zero(shape)
    if core.kind == ONES:
        times = Fraction(1)
        for k in gone:
            times *= a.shape[k]
        return product([before, number(times), ones(shape)])
    if core.kind == PRODUCT and (spread := _of_repeated(core, gone, shape)) is not None:
        return product([before, spread])
    if core.kind == SUM:
        parts = total([(k, summed(whole(t, core.shape), axis)) for k, t in core.parts])
        if weight(terms_of(parts)) < len(core.parts):
            return product([before, parts])
    if gone == [adds_up_along(core)]:
        return product([before, ones(shape)])  # they add up to 1
    if core.kind == PRODUCT and not shape and (diagonal := _on_diagonal(core)) is not None:
        return product([before, call("trace", [diagonal], ())])
    if core.kind == OUTER and len(gone) == 1:
        k = gone[0]
        return product([before, summed(core.parts[k]), core.parts[1 - k]])
    if (inner := _moved_inside(core, gone)) is not None:
        return product([before, shaped(inner, shape)])
    after = "" if not shape else f", axis={gone[0]}" if len(gone) == 1 else f", axis={tuple(gone)}"
    made = call("sum", [core], shape, after)
    return product([before, replace(made, parts=(*made.parts, tuple(gone)))])


def _moved_inside(core: Form, gone: Sequence[int]) -> Form | None:
    """A sum of a sum is one sum; of a transpose, it is along the other axis; of what only has axes
    of length 1 more, along those that are left."""
    if core.kind == CALL and core.parts[0] == "sum":
        [inner], axes = core.parts[1], core.parts[3]
        left = [k for k in range(len(inner.shape)) if k not in axes]
        return summed(inner, (*axes, *(left[k] for k in gone)))
    if core.kind == TURNED and len(core.shape) > 2:
        last = len(core.shape) - 1
        other = {last: last - 1, last - 1: last}
        left = [other.get(k, k) for k in range(last + 1) if k not in gone]
        if left == sorted(left):
            return summed(core.parts[0], tuple(other.get(k, k) for k in gone))
    if core.kind == CALL and core.parts[0] == "permute":
        axes = core.parts[3]
        left = [axes[k] for k in range(len(axes)) if k not in gone]
        if left == sorted(left):
            return summed(core.parts[1][0], tuple(axes[k] for k in gone))
    if core.kind == SHAPED:
        inner = core.parts[0]
        places = [k for k, n in enumerate(core.shape) if n != 1]
        if tuple(core.shape[k] for k in places) == inner.shape:
            along = tuple(places.index(k) for k in gone if k in places)
            return summed(inner, along) if along else inner
    return None


def _on_diagonal(core: Form) -> Form | None:
    """What is multiplied by an identity: of sum(A*eye(n)), which is trace(A), the matrix."""
    rest = [(f, p) for f, p in core.parts[1] if f.kind != EYE]
    inner = product(rest)
    return inner if len(rest) < len(core.parts[1]) and inner.shape == core.shape else None


def _of_repeated(core: Form, gone: Sequence[int], shape: Shape) -> Form | None:
    """The sum along axes that an array was only repeated along: n times what it was."""
    inner = product([f for f in core.parts[1] if f[0].kind != ONES])
    lengths = (1,) * (len(core.shape) - len(inner.shape)) + inner.shape
    if inner.shape == core.shape or any(lengths[k] != 1 for k in gone):
        return None
    left = tuple(n for k, n in enumerate(lengths) if k not in gone)
    count = math.prod(core.shape[k] for k in gone)
    while left and left[0] == 1 and shape and len(left) > len(inner.shape):
        left = left[1:]
    return whole(product([number(count), shaped(inner, left)]), shape)


def lengths_of(shape: Shape, index: Index) -> tuple[int | None, ...]:
    """How long every axis is of what an index takes; None: the axis is gone."""
    parts = [_length_of(n, part) for n, part in zip(shape, index, strict=False)]
    return (*parts, *shape[len(index) :])


def with_new_axes(left: tuple[int | None, ...], index: Index) -> Shape:
    """The shape that an index gives, with an axis of length 1 for every None in it."""
    found, rest = [], list(left)
    for part in index:
        found.append(1 if part is None else rest.pop(0))
    return tuple(n for n in (*found, *rest) if n is not None)


def _length_of(n: int, part: Any) -> int | None:
    """How many entries a part of an index leaves of an axis; None: the axis is gone."""
    if isinstance(part, int):
        return None
    return len(range(n)[slice(*part)])
