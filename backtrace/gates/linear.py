"""Gates of whole arrays: products of matrices, and what moves entries about without changing them.

Their Jacobians are never formed: each has a pullback, the rule that takes the upstream gradient to
the downstream one. (Giles, "Collected matrix derivative results for forward and reverse mode
algorithmic differentiation", 2008, section 2.2.)
"""

from __future__ import annotations

from typing import Any

from backtrace.algebra import Value
from backtrace.algebra.spelling import Binding, Spelled
from backtrace.gates.gate import Gate, Role
from backtrace.gates.shapes import (
    MOST_AXES,
    Shape,
    ShapeError,
    axis_of,
    matrix_product,
    picked_shape,
    say,
    size,
    with_axis,
    without_axis,
)
from backtrace.language import marked, tell


def _as_matrices(m: Any, u: Value, x: Value, y: Value) -> tuple[Value, Value, Value]:
    """x @ y with vectors as a row and a column, and the upstream as their product's shape."""
    row, column = len(m.shape(x)) == 1, len(m.shape(y)) == 1
    shape = m.shape(u) + (1,) * (row + column) if row and column else m.shape(u)
    if row != column:
        shape = (*shape[:-1], 1, shape[-1]) if row else (*shape, 1)
    a = m.reshape(x, (1, *m.shape(x))) if row else x
    b = m.reshape(y, (*m.shape(y), 1)) if column else y
    return m.reshape(u, shape), a, b


def flipped(m: Any, x: Value) -> Value:
    """Every matrix of a batch transposed."""
    axes = tuple(range(len(m.shape(x))))
    if len(axes) == 2:
        return m.transpose(x)
    return m.transpose(x, (*axes[:-2], axes[-1], axes[-2]))


def matmul_pullback(m: Any, k: int, u: Value, _: Value, x: Value, y: Value) -> Value:
    """dL/dx = u @ y.T and dL/dy = x.T @ u, summed over a batch that only the other has."""
    if len(m.shape(x)) == len(m.shape(y)) == 2:
        return m.matmul(u, m.transpose(y)) if k == 0 else m.matmul(m.transpose(x), u)
    upstream, a, b = _as_matrices(m, u, x, y)
    whole = m.matmul(upstream, flipped(m, b)) if k == 0 else m.matmul(flipped(m, a), upstream)
    of = a if k == 0 else b
    return m.reshape(m.summed_to(whole, m.shape(of)), m.shape(x if k == 0 else y))


MATMUL = Gate(
    name="matmul",
    summary=marked("matrix product: the gradient switcher, with transposes"),
    parameters=("x", "y"),
    role=Role.SWITCHER,
    forward=lambda m, x, y: m.matmul(x, y),
    local=(),
    formula="x@y",
    operator="@",
    binding=Binding.PRODUCT,
    pullback=matmul_pullback,
    rules=("upstream @ y.T", "x.T @ upstream"),
    shape=matrix_product,
)


def _turned(shape: Shape) -> Shape:
    if not shape:
        raise ShapeError(tell("a number has no transpose"))
    return shape[::-1]


TRANSPOSE = Gate(
    name="transpose",
    summary=marked("rows become columns, written x.T"),
    parameters=("x",),
    role=Role.DISTRIBUTOR,
    forward=lambda m, x: m.transpose(x),
    local=(),
    formula="transpose(x)",
    pullback=lambda m, k, u, f, x: m.transpose(u),
    rules=("upstream.T",),
    shape=_turned,
    notation=lambda operands: Spelled(f"{operands[0].within(Binding.ATOM)}.T"),
)


def _same_length(x: Shape, y: Shape) -> Shape:
    if len(x) != 1 or x != y:
        words = tell(
            "dot takes two vectors of one length, not shapes {x} and {y}", x=say(x), y=say(y)
        )
        raise ShapeError(words, tell("a product of matrices is @"))
    return ()


DOT = Gate(
    name="dot",
    summary=marked("the sum of the products of two vectors' entries"),
    parameters=("x", "y"),
    role=Role.SWITCHER,
    forward=lambda m, x, y: m.matmul(x, y),
    local=(),
    formula="sum(x*y)",
    pullback=lambda m, k, u, f, x, y: u * (y if k == 0 else x),
    rules=("upstream*y", "upstream*x"),
    shape=_same_length,
    spells=lambda x, y: len(x) == 1 and x == y,
)


def _table(x: Shape, y: Shape) -> Shape:
    if len(x) != 1 or len(y) != 1:
        raise ShapeError(
            tell("outer takes two vectors, not shapes {x} and {y}", x=say(x), y=say(y))
        )
    return (*x, *y)


OUTER = Gate(
    name="outer",
    summary=marked("the table of products of two vectors' entries"),
    parameters=("x", "y"),
    role=Role.SWITCHER,
    forward=lambda m, x, y: m.outer(x, y),
    local=(),
    formula="outer(x, y)",
    pullback=lambda m, k, u, f, x, y: m.matmul(u, y) if k == 0 else m.matmul(x, u),
    rules=("upstream @ y", "x @ upstream"),
    shape=_table,
)


def _reshaped(shape: Shape, new: Shape) -> Shape:
    if len(new) > MOST_AXES:
        raise ShapeError(
            tell(
                "an array has at most {most_axes} axes, not {count}",
                most_axes=MOST_AXES,
                count=len(new),
            )
        )
    known = size(tuple(n for n in new if n != -1))
    if new.count(-1) == 1 and known and size(shape) % known == 0:
        new = tuple(size(shape) // known if n == -1 else n for n in new)
    if min(new, default=1) < 1 or size(new) != size(shape):
        words = tell(
            "shape {shape} has {size} entries, and {new} is another number",
            shape=say(shape),
            size=size(shape),
            new=say(new),
        )
        raise ShapeError(words, tell("one length may be -1: what is left over"))
    return new


RESHAPE = Gate(
    name="reshape",
    summary=marked("the same entries, row by row, in another shape: reshape(x, 2, 3)"),
    parameters=("x", "shape"),
    role=Role.DISTRIBUTOR,
    forward=lambda m, x, shape: m.reshape(x, shape),
    local=(),
    formula="reshape(x, shape)",
    pullback=lambda m, k, u, f, x, shape: m.reshape(u, m.shape(x)),
    rules=(marked("upstream, in the shape of x"),),
    shape=_reshaped,
    fixed=("shape",),
)


EXPAND_DIMS = Gate(
    name="expand_dims",
    summary=marked("the same entries with a new axis of length 1: x[:, None], keepdims=True"),
    parameters=("x", "axis"),
    role=Role.DISTRIBUTOR,
    forward=lambda m, x, axis: m.reshape(x, with_axis(m.shape(x), axis)),
    local=(),
    formula="expand_dims(x)",
    pullback=lambda m, k, u, f, x, axis: m.reshape(u, m.shape(x)),
    rules=(marked("upstream, in the shape of x"),),
    shape=with_axis,
    fixed=("axis",),
    defaults={"axis": "0"},
)


SQUEEZE = Gate(
    name="squeeze",
    summary=marked("the same entries without an axis of length 1 (all of these)"),
    parameters=("x", "axis"),
    role=Role.DISTRIBUTOR,
    forward=lambda m, x, axis: m.reshape(x, without_axis(m.shape(x), axis)),
    local=(),
    formula="squeeze(x)",
    pullback=lambda m, k, u, f, x, axis: m.reshape(u, m.shape(x)),
    rules=(marked("upstream, in the shape of x"),),
    shape=without_axis,
    fixed=("axis",),
    defaults={"axis": ""},
)


INDEX = Gate(
    name="index",
    summary=marked("some of an array's entries: x[0], x[1:3], x[:, 0]"),
    parameters=("x", "index"),
    role=Role.ROUTER,
    forward=lambda m, x, index: m.pick(x, index),
    local=(),
    formula="index(x, index)",
    pullback=lambda m, k, u, f, x, index: m.put(u, index, m.shape(x)),
    rules=(marked("upstream at these entries, 0 at the rest"),),
    shape=picked_shape,
    fixed=("index",),
    notation=lambda operands: Spelled(f"{operands[0].within(Binding.ATOM)}[{operands[1].text}]"),
)


def _joined(*operands: Any) -> Shape:
    *shapes, axis = operands
    if not all(shapes):
        raise ShapeError(
            tell("concatenate joins arrays, not numbers"), tell("stack(a, b) makes a vector")
        )
    place = axis_of(shapes[0], axis)
    for shape in shapes[1:]:
        others = shapes[0][:place] + shapes[0][place + 1 :]
        if len(shape) != len(shapes[0]) or shape[:place] + shape[place + 1 :] != others:
            words = tell(
                "shapes {shape} and {shape_shape} do not fit along axis {axis}",
                shape=say(shapes[0]),
                shape_shape=say(shape),
                axis=axis,
            )
            raise ShapeError(words)
    return (*shapes[0][:place], sum(s[place] for s in shapes), *shapes[0][place + 1 :])


def _own_part(m: Any, k: int, u: Value, _: Value, *operands: Any) -> Value:
    *arrays, axis = operands
    place = axis % len(m.shape(u))
    start = sum(m.shape(x)[place] for x in arrays[:k])
    part = (start, start + m.shape(arrays[k])[place], None)
    return m.pick(u, (*((None, None, None),) * place, part))


CONCATENATE = Gate(
    name="concatenate",
    summary=marked("arrays one after the other, along an axis (0)"),
    parameters=("x", "y", "axis"),
    variadic=True,
    role=Role.DISTRIBUTOR,
    forward=lambda m, *x: m.concatenate(x[:-1], x[-1]),
    local=(),
    formula="concatenate(x, y)",
    pullback=_own_part,
    rules=(marked("its own part of the upstream"),),
    shape=_joined,
    fixed=("axis",),
    defaults={"axis": "0"},
)


def _stacked(*operands: Any) -> Shape:
    *shapes, axis = operands
    if len(set(shapes)) > 1:
        place = next(i for i, shape in enumerate(shapes) if shape != shapes[0])
        words = tell(
            "row {place} has shape {shape}, the first {shape_shape}",
            place=place + 1,
            shape=say(shapes[place]),
            shape_shape=say(shapes[0]),
        )
        raise ShapeError(tell("a ragged array: {words}", words=words), tell("rows of one length"))
    axis_of((*shapes[0], 1), axis)
    place = axis % (len(shapes[0]) + 1)
    return (*shapes[0][:place], len(shapes), *shapes[0][place:])


def _own_slice(m: Any, k: int, u: Value, _: Value, *operands: Any) -> Value:
    place = operands[-1] % len(m.shape(u))
    return m.pick(u, (*((None, None, None),) * place, k))


def _as_literal(operands: list[Spelled]) -> Spelled:
    *entries, axis = (operand.text for operand in operands)
    text = ", ".join(entries)
    return Spelled(f"[{text}]" if axis == "0" else f"stack({text}, axis={axis})")


STACK = Gate(
    name="stack",
    summary=marked("arrays or numbers on top of each other, along a new axis; also written [x, y]"),
    parameters=("x", "y", "axis"),
    variadic=True,
    role=Role.DISTRIBUTOR,
    forward=lambda m, *x: m.stack(x[:-1], x[-1]),
    local=(),
    formula="stack(x, y)",
    pullback=_own_slice,
    rules=(marked("its own entry of the upstream"),),
    shape=_stacked,
    fixed=("axis",),
    defaults={"axis": "0"},
    notation=_as_literal,
)


ROWS = (
    MATMUL,
    TRANSPOSE,
    DOT,
    OUTER,
    RESHAPE,
    EXPAND_DIMS,
    SQUEEZE,
    INDEX,
    CONCATENATE,
    STACK,
)
