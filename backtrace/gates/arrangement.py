"""Gates that set the entries of an array out in another way: axes in another order, zeros around
it, its lower triangle, its diagonal; and sums from the first entry to each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backtrace.algebra import Value
from backtrace.gates.gate import Gate, Role
from backtrace.gates.shapes import Shape, ShapeError, axis_of, is_too_large, say, size
from backtrace.language import marked, tell

Widths = int | tuple[Any, ...]


def _swapped(count: int, a: int, b: int) -> tuple[int, ...]:
    axes = list(range(count))
    axes[a], axes[b] = axes[b], axes[a]
    return tuple(axes)


def _swap(m: Any, x: Value, a: int, b: int) -> Value:
    return m.transpose(x, _swapped(len(m.shape(x)), a, b))


def _swapped_shape(shape: Shape, a: int, b: int) -> Shape:
    axis_of(shape, a), axis_of(shape, b)
    return tuple(shape[axis] for axis in _swapped(len(shape), a, b))


SWAPAXES = Gate(
    name="swapaxes",
    summary=marked("two axes change places"),
    parameters=("x", "a", "b"),
    role=Role.DISTRIBUTOR,
    forward=_swap,
    local=(),
    formula="swapaxes(x, a, b)",
    pullback=lambda m, k, u, f, x, a, b: _swap(m, u, a, b),
    rules=("swapaxes(upstream, a, b)",),
    shape=_swapped_shape,
    fixed=("a", "b"),
)


def _order(shape: Shape, axes: tuple[int, ...]) -> tuple[int, ...]:
    """Every axis in its new place. Of two for an array of more axes, these are swapped."""
    places = tuple(axis_of(shape, axis) for axis in axes)
    if len(places) == 2 and len(shape) > 2:
        return _swapped(len(shape), *places)
    if sorted(places) != list(range(len(shape))):
        words = tell(
            "of shape {shape} the axes 0 to {count} are put in another order",
            shape=say(shape),
            count=len(shape) - 1,
        )
        raise ShapeError(
            tell("{words}, each once", words=words), tell("of two axes, these are swapped")
        )
    if len(places) == 2 and places == (0, 1):
        words = tell(
            "transpose(0, 1) of a matrix: NumPy leaves it as it is, PyTorch swaps its axes"
        )
        raise ShapeError(words, tell("write x, or x.T"))
    return places


def _permuted_back(m: Any, u: Value, axes: tuple[int, ...]) -> Value:
    order = _order(m.shape(u), axes) if len(axes) == 2 else tuple(a % len(axes) for a in axes)
    return m.transpose(u, tuple(order.index(k) for k in range(len(order))))


PERMUTE = Gate(
    name="permute",
    summary=marked("the axes in another order: permute(x, 0, 2, 1); two of more axes are swapped"),
    parameters=("x", "axes"),
    role=Role.DISTRIBUTOR,
    forward=lambda m, x, axes: m.transpose(x, _order(m.shape(x), axes)),
    local=(),
    formula="permute(x, axes)",
    pullback=lambda m, k, u, f, x, axes: _permuted_back(m, u, axes),
    rules=(marked("upstream, its axes put back in their places"),),
    shape=lambda shape, axes: tuple(shape[axis] for axis in _order(shape, axes)),
    fixed=("axes",),
)


def _flat(shape: Shape, start: int, end: int) -> Shape:
    if not shape:
        raise ShapeError(tell("a number has no axes to flatten"), tell("x[None] has one"))
    first, last = axis_of(shape, start), axis_of(shape, end)
    if first > last:
        raise ShapeError(
            tell(
                "axis {start} of shape {shape} is behind axis {end}",
                start=start,
                shape=say(shape),
                end=end,
            )
        )
    return (*shape[:first], size(shape[first : last + 1]), *shape[last + 1 :])


FLATTEN = Gate(
    name="flatten",
    summary=marked(
        "the same entries with the axes from start to end as one: flatten(x), flatten(x, 1)"
    ),
    parameters=("x", "start", "end"),
    role=Role.DISTRIBUTOR,
    forward=lambda m, x, start, end: m.reshape(x, _flat(m.shape(x), start, end)),
    local=(),
    formula="flatten(x)",
    pullback=lambda m, k, u, f, x, start, end: m.reshape(u, m.shape(x)),
    rules=(marked("upstream, in the shape of x"),),
    shape=_flat,
    fixed=("start", "end"),
    defaults={"start": "0", "end": "-1"},
)


def _pairs(shape: Shape, widths: Widths, last: int) -> list[tuple[int, int]]:
    """How many zeros before and behind every axis: of a number, of a pair for all, of pairs; with
    `last` these are of the last axes."""
    if not shape:
        raise ShapeError(tell("a number has no ends to pad"))
    if isinstance(widths, int):
        widths = (widths, widths)
    if all(isinstance(width, int) for width in widths):
        widths = (widths,)
    pairs = [pair * 2 if len(pair) == 1 else pair for pair in map(_as_tuple, widths)]
    if last and len(pairs) < len(shape):
        pairs = [(0, 0)] * (len(shape) - len(pairs)) + pairs
    pairs = pairs * len(shape) if len(pairs) == 1 else pairs
    if len(pairs) != len(shape) or any(len(pair) != 2 for pair in pairs):
        hint = tell(
            "({shape}): before and behind each axis", shape=", ".join("(1, 1)" for _ in shape)
        )
        raise ShapeError(
            tell("shape {shape} has {count} axes to pad", shape=say(shape), count=len(shape)), hint
        )
    if any(type(width) is not int or width < 0 for pair in pairs for width in pair):
        raise ShapeError(tell("how many zeros is a whole number from 0"))
    return pairs


def _as_tuple(part: Widths) -> tuple[Any, ...]:
    return part if isinstance(part, tuple) else (part,)


def _padded(shape: Shape, widths: Widths, last: int) -> Shape:
    pairs = _pairs(shape, widths, last)
    found = tuple(n + before + behind for n, (before, behind) in zip(shape, pairs, strict=True))
    if is_too_large(size(found), 10**9):
        raise ShapeError(tell("{found} is too large", found=say(found)))
    return found


def _inside(shape: Shape, widths: Widths, last: int) -> tuple[Any, ...]:
    pairs = _pairs(shape, widths, last)
    return tuple((before, before + n, None) for n, (before, _) in zip(shape, pairs, strict=True))


PAD = Gate(
    name="pad",
    summary=marked(
        "zeros around an array: pad(x, 1), pad(x, ((0, 0), (1, 2))), a pair for every axis"
    ),
    parameters=("x", "widths", "last"),
    role=Role.ROUTER,
    forward=lambda m, x, *told: m.put(x, _inside(m.shape(x), *told), _padded(m.shape(x), *told)),
    local=(),
    formula="pad(x, widths)",
    pullback=lambda m, k, u, f, x, *told: m.pick(u, _inside(m.shape(x), *told)),
    rules=(marked("the part of upstream that is x"),),
    shape=_padded,
    fixed=("widths", "last"),
    defaults={"last": "0"},
)


def _of_matrices(shape: Shape, _: int) -> Shape:
    if len(shape) < 2:
        raise ShapeError(
            tell("a triangle is that of a matrix, not of shape {shape}", shape=say(shape))
        )
    return shape


def _triangle(name: str, summary: str) -> Gate:
    def cut(m: Any, x: Value, k: int) -> Value:
        return getattr(m, name)(x, k)

    return Gate(
        name=name,
        summary=summary,
        parameters=("x", "k"),
        role=Role.ROUTER,
        forward=cut,
        local=(),
        formula=f"{name}(x)",
        pullback=lambda m, i, u, f, x, k: cut(m, u, k),
        rules=(f"{name}(upstream)",),
        shape=_of_matrices,
        fixed=("k",),
        defaults={"k": "0"},
    )


TRIL = _triangle("tril", marked("a matrix with 0 above its diagonal (k=1: the one above it)"))
TRIU = _triangle("triu", marked("a matrix with 0 below its diagonal (k=1: the one above it)"))


def _diagonal_shape(shape: Shape, k: int) -> Shape:
    if len(shape) == 1:
        return (shape[0] + abs(k),) * 2
    if len(shape) != 2:
        raise ShapeError(
            tell("diag takes a vector or a matrix, not shape {shape}", shape=say(shape))
        )
    count = min(shape[0] + min(k, 0), shape[1] - max(k, 0))
    if count < 1:
        raise ShapeError(tell("a matrix of {shape} has no diagonal {k}", shape=say(shape), k=k))
    return (count,)


def _diag_back(m: Any, u: Value, x: Value, k: int) -> Value:
    shape = m.shape(x)
    return m.diagonal(u, k) if len(shape) == 1 else m.on_diagonal(u, shape, k)


def _diag(m: Any, x: Value, k: int) -> Value:
    shape = m.shape(x)
    return m.on_diagonal(x, _diagonal_shape(shape, k), k) if len(shape) == 1 else m.diagonal(x, k)


DIAG = Gate(
    name="diag",
    summary=marked(
        "a vector on the diagonal of a matrix; of a matrix the diagonal (k=1: that above it)"
    ),
    parameters=("x", "k"),
    role=Role.ROUTER,
    forward=_diag,
    local=(),
    formula="diag(x)",
    pullback=lambda m, i, u, f, x, k: _diag_back(m, u, x, k),
    rules=(marked("diag(upstream): the part on the diagonal, 0 elsewhere"),),
    shape=_diagonal_shape,
    fixed=("k",),
    defaults={"k": "0"},
)


def _trace_shape(shape: Shape) -> Shape:
    if len(shape) != 2:
        raise ShapeError(tell("trace takes a matrix, not shape {shape}", shape=say(shape)))
    return ()


TRACE = Gate(
    name="trace",
    summary=marked("the sum of a matrix's diagonal"),
    parameters=("x",),
    role=Role.ROUTER,
    forward=lambda m, x: m.sum(m.diagonal(x, 0), None),
    local=(),
    formula="sum(diag(x))",
    pullback=lambda m, k, u, f, x: u * m.identity(m.shape(x)),
    rules=(marked("upstream on the diagonal, 0 elsewhere"),),
    shape=_trace_shape,
    spells=lambda x: len(x) == 2,
)


def _along_one(shape: Shape, axis: int | None) -> Shape:
    if not shape:
        raise ShapeError(tell("it goes along an axis, and a number has none"))
    if axis is None and len(shape) > 1:
        words = tell(
            "along which axis of shape {shape}? NumPy goes over all entries, row by row",
            shape=say(shape),
        )
        raise ShapeError(words, tell("axis=0 goes down every column; reshape(x, -1) is flat"))
    axis_of(shape, axis or 0)
    return shape


def _running(
    name: str, summary: str, role: Role, pullback: Callable[..., Value], rule: str
) -> Gate:
    return Gate(
        name=name,
        summary=summary,
        parameters=("x", "axis"),
        role=role,
        forward=lambda m, x, axis: getattr(m, name)(x, axis or 0),
        local=(),
        formula=f"{name}(x)",
        pullback=lambda m, k, u, f, x, axis: pullback(m, u, x, axis or 0),
        rules=(rule,),
        shape=_along_one,
        fixed=("axis",),
        defaults={"axis": ""},
    )


CUMSUM = _running(
    "cumsum",
    marked("the sums of the entries up to each, along an axis"),
    Role.DISTRIBUTOR,
    pullback=lambda m, u, x, axis: m.cumsum_back(u, axis),
    rule=marked("upstream added up from each entry to the last"),
)

CUMPROD = _running(
    "cumprod",
    marked("the products of the entries up to each, along an axis"),
    Role.SWITCHER,
    pullback=lambda m, u, x, axis: m.cumprod_back(u, x, axis),
    rule=marked(
        "the sum, from each entry to the last, of upstream*(the product without that entry)"
    ),
)

ROWS = (SWAPAXES, PERMUTE, FLATTEN, PAD, TRIL, TRIU, DIAG, TRACE, CUMSUM, CUMPROD)
