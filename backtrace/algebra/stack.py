"""One array for every point, stacked along a first axis that nobody sees (as jax.vmap has it).

NumPy's functions work on every point's array by itself: those below for all points at once, every
other one point by point (NEP 13 and 18 are how NumPy asks). A stack has the shape of one array;
what would ask for all of its numbers as one array, or for one truth, is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin


class NotStacked(TypeError):
    """This can be asked of the array of one point only."""


class Stack(NDArrayOperatorsMixin):
    """`whole[k]` is the array of point k."""

    __slots__ = ("whole",)

    def __init__(self, whole: Any) -> None:
        self.whole = whole

    def __repr__(self) -> str:
        return f"<Stack of {len(self.whole)}: {self.shape}>"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.whole.shape[1:]  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        return self.whole.ndim - 1  # type: ignore[no-any-return]

    @property
    def dtype(self) -> Any:
        return self.whole.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __bool__(self) -> bool:
        raise NotStacked

    def __float__(self) -> float:
        raise NotStacked

    def __iter__(self) -> Any:
        raise NotStacked

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise NotStacked

    def __getitem__(self, index: Any) -> Stack:
        """Of whole numbers, slices, `...` and None."""
        parts = index if isinstance(index, tuple) else (index,)
        if not all(part is None or isinstance(part, int | slice | type(...)) for part in parts):
            raise NotStacked
        return Stack(self.whole[(slice(None), *parts)])

    def astype(self, kind: Any) -> Stack:
        return Stack(self.whole.astype(kind))

    def raised(self, ndim: int) -> Any:
        """All arrays, each with axes of length 1 in front until it has as many."""
        return _with_axes(self.whole, 1, ndim - self.ndim)

    def __array_ufunc__(self, function: Any, method: str, *given: Any, **told: Any) -> Any:
        if function is np.matmul and method == "__call__" and not told:
            return _product(*given)
        if method == "reduce" and set(told) <= {"axis"} and isinstance(given[0], Stack):
            return _along(function.reduce, given[0], told.get("axis", 0))
        if method == "outer" and not told:
            return Stack(_outer(function, *given))
        if method != "__call__" or told or function.signature is not None:
            raise NotStacked
        return Stack(function(*together(given)))

    def __array_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        given: Sequence[Any],
        told: Mapping[str, Any],
    ) -> Any:
        known = _FUNCTIONS.get(function)
        if known is None:
            return point_by_point(function, *given, **told)
        return known(*given, **told)


def together(values: Sequence[Any]) -> list[Any]:
    """Arrays that NumPy repeats to fit as it would those of one point."""
    stacks = [isinstance(value, Stack) for value in values]
    most = max([v.ndim if s else np.ndim(v) for v, s in zip(values, stacks, strict=True)])
    return [v.raised(most) if s else v for v, s in zip(values, stacks, strict=True)]


def point_by_point(function: Callable[..., Any], *given: Any, **told: Any) -> Stack:
    """A function of the arrays of each point, one after another, which all give the same shape."""
    count = next(len(v.whole) for v in _flat((given, told)) if isinstance(v, Stack))
    found = [function(*_at(given, k), **_at(told, k)) for k in range(count)]
    if any(isinstance(value, tuple | list) for value in found):
        raise NotStacked
    whole = np.array(found)
    if whole.dtype == object:
        raise NotStacked
    return Stack(whole)


def _flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    return (
        [v for part in value for v in _flat(part)] if isinstance(value, list | tuple) else [value]
    )


def _at(value: Any, k: int) -> Any:
    """What point k has in place of each stack; a number is one."""
    if isinstance(value, Stack):
        return value.whole[k]
    if isinstance(value, dict):
        return {name: _at(v, k) for name, v in value.items()}
    return type(value)([_at(v, k) for v in value]) if type(value) in (list, tuple) else value


def _with_axes(whole: Any, at: int, count: int) -> Any:
    """With `count` axes of length 1 from the axis `at` on."""
    shape = whole.shape
    return whole.reshape((*shape[:at], *(1,) * count, *shape[at:])) if count else whole


def _behind(axis: Any, ndim: int) -> Any:
    """The axis of one array as the axis of all of them."""
    if isinstance(axis, tuple | list):
        return tuple(_behind(part, ndim) for part in axis)
    return axis + 1 if axis >= 0 else axis % ndim + 1


def _along(function: Callable[..., Any], x: Stack, axis: Any) -> Stack:
    """A reduction, whose axis None is all axes of one array."""
    axes = tuple(range(x.ndim)) if axis is None else axis
    return Stack(function(x.whole, axis=_behind(axes, x.ndim)))


def _reducing(function: Callable[..., Any]) -> Callable[..., Stack]:
    return lambda x, axis=None: _along(function, x, axis)


def _outer(function: Any, x: Any, y: Any) -> Any:
    after = np.ndim(y)
    whole = x.whole if isinstance(x, Stack) else np.asarray(x)
    left = _with_axes(whole, whole.ndim, after)
    return function(left, y.raised(np.ndim(x) + after) if isinstance(y, Stack) else y)


def _product(x: Any, y: Any) -> Stack:
    """x @ y. With one matrix for all points it is one product, of all rows of the other or of its
    vectors as rows; and no sum where each entry is one product."""
    if not isinstance(y, Stack) and np.ndim(y) <= 2 and x.ndim:
        rows = x.whole.reshape(-1, x.shape[-1])
        return Stack((rows @ y).reshape((*x.whole.shape[:-1], *np.shape(y)[1:])))
    is_row, is_column = np.ndim(x) == 1, np.ndim(y) == 1
    left = x[None, :] if is_row else x
    right = y[:, None] if is_column else y
    if not isinstance(left, Stack) and np.ndim(left) == 2 and right.shape[1:] == (1,):
        found = (right.whole[..., 0] @ np.transpose(left))[..., None]
    else:
        times = np.multiply if left.shape[-1] == right.shape[-2] == 1 else np.matmul
        found = times(*together((left, right)))
    if is_row:
        found = found[..., 0, :]
    return Stack(found[..., 0] if is_column else found)


def _stacks(values: Sequence[Any]) -> list[Any]:
    """All of them as stacks' arrays."""
    count = next(len(v.whole) for v in values if isinstance(v, Stack))
    return [
        v.whole if isinstance(v, Stack) else np.broadcast_to(v, (count, *np.shape(v)))
        for v in values
    ]


def _concatenate(values: Sequence[Any], axis: int = 0) -> Stack:
    return Stack(np.concatenate(_stacks(values), _behind(axis, np.ndim(values[0]))))


def _stack(values: Sequence[Any], axis: int = 0) -> Stack:
    return Stack(np.stack(_stacks(values), _behind(axis, np.ndim(values[0]) + 1)))


def _reshape(x: Stack, shape: Any) -> Stack:
    new = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    if -1 in new:  # of no points, too
        others = -int(np.prod(new))
        new = tuple(int(np.prod(x.shape)) // max(1, others) if n == -1 else n for n in new)
    return Stack(x.whole.reshape((len(x.whole), *new)))


def _transpose(x: Stack, axes: Any = None) -> Stack:
    order = tuple(range(x.ndim))[::-1] if axes is None else tuple(axes)
    return Stack(x.whole.transpose((0, *(_behind(order, x.ndim)))))


def _expand_dims(x: Stack, axis: Any) -> Stack:
    axes = axis if isinstance(axis, tuple) else (axis,)
    return Stack(np.expand_dims(x.whole, _behind(axes, x.ndim + len(axes))))


def _moveaxis(x: Stack, source: Any, target: Any) -> Stack:
    return Stack(np.moveaxis(x.whole, _behind(source, x.ndim), _behind(target, x.ndim)))


def _broadcast_to(x: Any, shape: tuple[int, ...]) -> Stack:
    return Stack(np.broadcast_to(x.raised(len(shape)), (len(x.whole), *shape)))


def _broadcast_arrays(*values: Any) -> list[Any]:
    shape = np.broadcast_shapes(*map(np.shape, values))
    return [np.broadcast_to(value, shape) for value in values]


def _where(condition: Any, *branches: Any) -> Stack:
    return Stack(np.where(*together((condition, *branches))))


def _running(function: Callable[..., Any]) -> Callable[..., Stack]:
    return lambda x, axis: Stack(function(x.whole, _behind(axis, x.ndim)))


def _flip(x: Stack, axis: Any = None) -> Stack:
    axes = tuple(range(x.ndim)) if axis is None else axis
    return Stack(np.flip(x.whole, _behind(axes, x.ndim)))


def _diagonal(x: Stack, offset: int = 0) -> Stack:
    return Stack(np.diagonal(x.whole, offset, 1, 2))


def _triangle(function: Callable[..., Any]) -> Callable[..., Stack]:
    def found(x: Stack, k: int = 0) -> Stack:
        return Stack(function(x.whole, k)) if x.ndim > 1 else point_by_point(function, x, k)

    return found


_FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
    np.real: lambda x: Stack(np.real(x.whole)),
    np.transpose: _transpose,
    np.reshape: _reshape,
    np.expand_dims: _expand_dims,
    np.moveaxis: _moveaxis,
    np.broadcast_to: _broadcast_to,
    np.broadcast_arrays: _broadcast_arrays,
    np.concatenate: _concatenate,
    np.stack: _stack,
    np.where: _where,
    np.max: _reducing(np.max),
    np.min: _reducing(np.min),
    np.flip: _flip,
    np.cumsum: _running(np.cumsum),
    np.cumprod: _running(np.cumprod),
    np.diagonal: _diagonal,
    np.tril: _triangle(np.tril),
    np.triu: _triangle(np.triu),
}
