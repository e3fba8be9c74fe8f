"""Gates that look entries up by whole numbers: C[i] (rows, an embedding), x[i, j], p[range(n), k].

An index is no quantity: it has no slope. Where an entry is looked up several times its gradients
add up. Below 0 it counts from the end. One that is no whole number, or beyond either end, gives
nan, and is a fault.
"""

from __future__ import annotations

from typing import Any

from backtrace.algebra import Value
from backtrace.gates.gate import Domain, Gate, Role
from backtrace.gates.shapes import MOST_AXES, Shape, ShapeError, axis_of, broadcast, say
from backtrace.language import marked, tell

_SAYS = marked("every index to be a whole number below the length of what it is looked up in")
_CURE = marked("entries are counted from 0, from the end with -1: of 3 they are 0, 1 and 2")


def _are_places(i: Value, count: int) -> bool:
    from backtrace.algebra.arrays import ARRAYS

    return ARRAYS.places(i, count) is not None


def _taken_shape(x: Shape, i: Shape, axis: int) -> Shape:
    if not x:
        raise ShapeError(
            tell("{x} is not looked up by {i}", x=say(x), i=say(i)), tell("a number has no entries")
        )
    place = axis_of(x, axis)
    found = (*x[:place], *i, *x[place + 1 :])
    if len(found) > MOST_AXES:
        raise ShapeError(
            tell(
                "an array has at most {most_axes} axes, not {count}",
                most_axes=MOST_AXES,
                count=len(found),
            )
        )
    return found


def _take_back(m: Any, k: int, u: Value, x: Value, i: Value, axis: int) -> Value:
    return 0.0 * i if k else m.added_up(u, m.shape(x), axis % len(m.shape(x)), i)


TAKE = Gate(
    name="take",
    summary=marked("rows of an array by an array of whole numbers, C[i]: an embedding"),
    parameters=("x", "i", "axis"),
    role=Role.ROUTER,
    forward=lambda m, x, i, axis: m.looked_up(x, axis % len(m.shape(x)), i),
    local=(),
    formula="take(x, i)",
    pullback=lambda m, k, u, f, x, i, axis: _take_back(m, k, u, x, i, axis),
    rules=(
        marked("upstream added up at the rows that were taken, 0 at the rest"),
        marked("0: an index"),
    ),
    shape=_taken_shape,
    fixed=("axis",),
    defaults={"axis": "0"},
    domain=Domain(says=_SAYS, holds=lambda x, i, axis: _are_places(i, x.shape[axis])),
    cure=_CURE,
)


def _looked_up_shape(x: Shape, *operands: Any) -> Shape:
    *indices, axis = operands
    if not x or not indices:
        raise ShapeError(
            tell("{x} is not looked up", x=say(x)), tell("x[i, j]: an array and its indices")
        )
    place = axis_of(x, axis)
    if place + len(indices) > len(x):
        raise ShapeError(
            tell(
                "shape {x} has {count} axes, not {place}",
                x=say(x),
                count=len(x),
                place=place + len(indices),
            )
        )
    return (*x[:place], *broadcast(*indices), *x[place + len(indices) :])


def _looked_up(m: Any, x: Value, *operands: Any) -> Value:
    *indices, axis = operands
    return m.looked_up(x, axis % len(m.shape(x)), *indices)


def _looked_up_back(m: Any, k: int, u: Value, _: Value, x: Value, *operands: Any) -> Value:
    *indices, axis = operands
    if k:
        return 0.0 * indices[k - 1]
    return m.added_up(u, m.shape(x), axis % len(m.shape(x)), *indices)


def _are_all_places(x: Value, *operands: Any) -> bool:
    *indices, axis = operands
    return all(_are_places(i, x.shape[axis + k]) for k, i in enumerate(indices))


LOOKUP = Gate(
    name="lookup",
    summary=marked("entries by several arrays of whole numbers, one for each axis: x[i, j]"),
    parameters=("x", "i", "axis"),
    variadic=True,
    role=Role.ROUTER,
    forward=_looked_up,
    local=(),
    formula="lookup(x, i)",
    pullback=_looked_up_back,
    rules=(
        marked("upstream added up at the entries that were taken, 0 at the rest"),
        marked("0: an index"),
    ),
    shape=_looked_up_shape,
    fixed=("axis",),
    defaults={"axis": "0"},
    domain=Domain(says=_SAYS, holds=_are_all_places),
    cure=_CURE,
)


def _one_of_each_row(x: Shape, k: Shape) -> Shape:
    if not x or k != x[:-1]:
        hint = tell("of a matrix with 4 rows 4 whole numbers, one for each")
        raise ShapeError(
            tell("of {x} one entry of each row is not looked up by {k}", x=say(x), k=say(k)), hint
        )
    return k


def _targets(m: Any, x: Value, k: Value) -> Value:
    """A 1 in every row at its entry."""
    count = m.shape(x)[-1]
    return m.one_hot(m.where(m.less(m.real(k), 0), k + count, k), count)


def _pick(m: Any, x: Value, k: Value) -> Value:
    targets = _targets(m, x, k)
    found = m.sum(m.where(targets, x, 0.0), -1)
    is_bad = m.truth(m.not_equal(m.sum(targets * 1.0, -1), 1))
    return found * float("nan") if is_bad else found


def _pick_back(m: Any, place: int, u: Value, _: Value, x: Value, k: Value) -> Value:
    return 0.0 * k if place == 1 else m.where(_targets(m, x, k), m.aligned(u, -1), 0.0)


PICK = Gate(
    name="pick",
    summary=marked("one entry of each row, by the whole numbers k: x[range(n), k]"),
    parameters=("x", "k"),
    role=Role.ROUTER,
    forward=_pick,
    local=(),
    formula="pick(x, k)",
    pullback=_pick_back,
    rules=(marked("upstream at the entry of each row, 0 at the rest"), marked("0: an index")),
    shape=_one_of_each_row,
    domain=Domain(says=_SAYS, holds=lambda x, k: _are_places(k, x.shape[-1])),
    cure=_CURE,
)


def _with_classes(i: Shape, n: int) -> Shape:
    if n < 1 or len(i) >= MOST_AXES:
        raise ShapeError(tell("there are no {number} classes", number=n), "one_hot(i, 3)")
    return (*i, n)


def _one_hot(m: Any, i: Value, n: int) -> Value:
    targets = m.one_hot(i, n)
    is_bad = m.truth(m.not_equal(m.sum(targets * 1.0, -1), 1))
    return targets * float("nan") if is_bad else m.where(targets, 1.0, 0.0)


ONE_HOT = Gate(
    name="one_hot",
    summary=marked("a 1 at the class i, 0 at the others of n; a class has no slope"),
    parameters=("i", "n"),
    role=Role.ROUTER,
    forward=_one_hot,
    local=(),
    formula="one_hot(i, n)",
    pullback=lambda m, k, u, f, i, n: 0.0 * i,
    rules=(marked("0: a class"),),
    shape=_with_classes,
    fixed=("n",),
    domain=Domain(
        says=marked("every i to be a class: a whole number from 0, below n"),
        holds=lambda i, n: _are_places(i, n) and bool((i >= 0).all()),
    ),
    cure=marked("classes are counted from 0: of 3 they are 0, 1 and 2"),
)

ROWS = (TAKE, LOOKUP, PICK, ONE_HOT)
