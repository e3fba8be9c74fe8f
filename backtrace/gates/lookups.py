"""Gates that look entries up by whole numbers: C[i] (rows, an embedding), p[range(n), k].

An index is no quantity: it has no slope. Where an entry is looked up several times its gradients
add up. An index that is no whole number from 0 below the length gives nan, and is a fault.
"""

from __future__ import annotations

from typing import Any

from backtrace.algebra import Value
from backtrace.gates.gate import Domain, Gate, Role
from backtrace.gates.shapes import MOST_AXES, Shape, ShapeError, say, size

_SAYS = "every index to be a whole number from 0, below the length of what it is looked up in"
_CURE = "entries are counted from 0: of 3 they are 0, 1 and 2"


def _is_valid(m: Any, targets: Value) -> bool:
    return not m.truth(m.not_equal(m.sum(targets * 1.0, -1), 1))


def _holds(count: int, i: Value) -> bool:
    from backtrace.algebra.arrays import ARRAYS

    return _is_valid(ARRAYS, ARRAYS.one_hot(i, count))


def _rows_of(x: Shape, i: Shape) -> Shape:
    if len(x) not in (1, 2) or len(i) > MOST_AXES - 1:
        hint = "x is a vector or a matrix, i holds whole numbers"
        raise ShapeError(f"{say(x)} is not looked up by {say(i)}", hint)
    return (*i, *x[1:])


def _as_matrix(m: Any, x: Value, i: Value) -> Value:
    """A row for every index, with a 1 where it looks: what is taken is this times x."""
    count = m.shape(x)[0]
    return m.reshape(m.one_hot(i, count) * 1.0, (size(m.shape(i)), count))


def _take(m: Any, x: Value, i: Value) -> Value:
    targets = _as_matrix(m, x, i)
    found = m.reshape(m.matmul(targets, x), (*m.shape(i), *m.shape(x)[1:]))
    return found if _is_valid(m, targets) else found * float("nan")


def _take_back(m: Any, k: int, u: Value, _: Value, x: Value, i: Value) -> Value:
    if k == 1:
        return 0.0 * i
    rows = m.reshape(u, (size(m.shape(i)), *m.shape(x)[1:]))
    return m.matmul(m.transpose(_as_matrix(m, x, i)), rows)


TAKE = Gate(
    name="take",
    summary="rows of an array by an array of whole numbers, C[i]: an embedding",
    parameters=("x", "i"),
    role=Role.ROUTER,
    forward=_take,
    local=(),
    formula="take(x, i)",
    pullback=_take_back,
    rules=("upstream added up at the rows that were taken, 0 at the rest", "0: an index"),
    shape=_rows_of,
    domain=Domain(says=_SAYS, holds=lambda x, i: _holds(len(x), i)),
    cure=_CURE,
)


def _one_of_each_row(x: Shape, k: Shape) -> Shape:
    if len(x) not in (1, 2) or k != x[:-1]:
        hint = "of a matrix with 4 rows 4 whole numbers, one for each"
        raise ShapeError(f"of {say(x)} one entry of each row is not looked up by {say(k)}", hint)
    return k


def _pick(m: Any, x: Value, k: Value) -> Value:
    targets = m.one_hot(k, m.shape(x)[-1])
    found = m.sum(m.where(targets, x, 0.0), -1)
    return found if _is_valid(m, targets) else found * float("nan")


def _pick_back(m: Any, place: int, u: Value, _: Value, x: Value, k: Value) -> Value:
    if place == 1:
        return 0.0 * k
    return m.where(m.one_hot(k, m.shape(x)[-1]), m.aligned(u, -1), 0.0)


PICK = Gate(
    name="pick",
    summary="one entry of each row, by the whole numbers k: x[range(n), k]",
    parameters=("x", "k"),
    role=Role.ROUTER,
    forward=_pick,
    local=(),
    formula="pick(x, k)",
    pullback=_pick_back,
    rules=("upstream at the entry of each row, 0 at the rest", "0: an index"),
    shape=_one_of_each_row,
    domain=Domain(says=_SAYS, holds=lambda x, k: _holds(x.shape[-1], k)),
    cure=_CURE,
)

ROWS = (TAKE, PICK)
