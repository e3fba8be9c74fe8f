"""Shapes: what an array's axes are long, and which fit together.

() is a number, (3,) a vector, (2, 3) a matrix of 2 rows and 3 columns. Written 3 and 2x3.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from backtrace.language import tell

Shape = tuple[int, ...]
Axis = int | tuple[int, ...] | None
"""What a sum goes along: one axis, several, or all."""

MOST_AXES = 32
_has_limits: ContextVar[bool] = ContextVar("has_limits", default=True)


class ShapeError(Exception):
    """Shapes that do not fit: `what` says which, `hint` what would fit ("" if nothing obvious)."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


@contextmanager
def without_limits() -> Iterator[None]:
    """While lengths stand for letters, no array is too large: it is never made."""
    token = _has_limits.set(False)
    try:
        yield
    finally:
        _has_limits.reset(token)


def is_too_large(entries: int, most: int) -> bool:
    return entries > most and _has_limits.get()


def say(shape: Shape) -> str:
    """2x3; `number` for no axis at all."""
    return "x".join(map(str, shape)) if shape else tell("number")


def size(shape: Shape) -> int:
    """How many entries."""
    return math.prod(shape)


def broadcast(*shapes: Shape) -> Shape:
    """The shape that all are repeated to: axes are aligned at their ends, and an axis of length 1
    is repeated (https://numpy.org/doc/stable/user/basics.broadcasting.html). Raises ShapeError.
    """
    result = shapes[0]
    for shape in shapes[1:]:
        if shape == result or not shape:
            continue
        longer, shorter = (result, shape) if len(result) >= len(shape) else (shape, result)
        head = len(longer) - len(shorter)
        merged = list(longer[:head])
        for a, b in zip(longer[head:], shorter, strict=True):
            if a != b and 1 not in (a, b):
                raise ShapeError(
                    tell(
                        "shapes {result} and {shape} do not fit",
                        result=say(result),
                        shape=say(shape),
                    )
                )
            merged.append(b if a == 1 else a)
        result = tuple(merged)
    return result


def axis_of(shape: Shape, axis: int) -> int:
    """The axis counted from the front. Raises ShapeError where there is none such."""
    if isinstance(axis, tuple):
        raise ShapeError(tell("it goes along one axis, not several"))
    if not -len(shape) <= axis < len(shape):
        last = len(shape) - 1
        hint = tell("its axes are 0 to {last}", last=last) if last else tell("its only axis is 0")
        hint = hint if shape else tell("a number has no axes")
        raise ShapeError(
            tell("there is no axis {axis} in shape {shape}", axis=axis, shape=say(shape)), hint
        )
    return axis % len(shape)


def without(shape: Shape, axis: Axis) -> Shape:
    """What is left of a shape when it is reduced along an axis, several, or all (None)."""
    if axis is None:
        return ()
    places = places_of(shape, axis)
    return tuple(n for place, n in enumerate(shape) if place not in places)


def places_of(shape: Shape, axis: int | tuple[int, ...]) -> tuple[int, ...]:
    """One axis or several, counted from the front. Raises ShapeError."""
    places = tuple(axis_of(shape, a) for a in (axis if isinstance(axis, tuple) else (axis,)))
    if len(set(places)) < len(places):
        raise ShapeError(tell("an axis of shape {shape} is named twice", shape=say(shape)))
    return places


def matrix_product(x: Shape, y: Shape) -> Shape:
    """The shape of x @ y: a vector on the left is a row, on the right a column; further axes in
    front are a batch. Raises ShapeError."""
    for shape in (x, y):
        if not shape:
            raise ShapeError(
                tell("@ multiplies matrices and vectors, not a number"), tell("a product is *")
            )
    inner = y[0] if len(y) == 1 else y[-2]
    if x[-1] != inner:
        words = tell(
            "shapes {x} and {y} do not fit: {x_x} columns on the left of @",
            x=say(x),
            y=say(y),
            x_x=x[-1],
        )
        raise ShapeError(tell("{words}, {inner} rows on its right", words=words, inner=inner))
    batch = broadcast(x[:-2], y[:-2])
    return batch + x[-2:-1] + (y[-1:] if len(y) > 1 else ())


def with_axis(shape: Shape, axis: int | tuple[int, ...]) -> Shape:
    axes = axis if isinstance(axis, tuple) else (axis,)
    count = len(shape) + len(axes)
    places = {place % count for place in axes if -count <= place < count}
    if count > MOST_AXES or len(places) < len(axes):
        raise ShapeError(
            tell(
                "there is no place {axis} for a new axis in shape {shape}",
                axis=axis,
                shape=say(shape),
            )
        )
    old = iter(shape)
    return tuple(1 if place in places else next(old) for place in range(count))


def without_axis(shape: Shape, axis: Axis) -> Shape:
    """Without an axis of length 1, or several, or all of them (None)."""
    if axis is None:
        return tuple(n for n in shape if n != 1)
    places = places_of(shape, axis)
    if any(shape[place] != 1 for place in places):
        words = tell("shape {shape} has no axis {axis} of length 1", shape=say(shape), axis=axis)
        raise ShapeError(words, tell("reshape(x, ...) makes any other shape"))
    return tuple(n for place, n in enumerate(shape) if place not in places)


def picked_shape(shape: Shape, index: tuple[Any, ...]) -> Shape:
    """What is left of the axes; None is a new one, ... stands for all that are not said."""
    said = sum(part is not None and part is not ... for part in index)
    if said > len(shape):
        words = tell(
            "shape {shape} has {count} axes, and the index {said}",
            shape=say(shape),
            count=len(shape),
            said=said,
        )
        raise ShapeError(tell("a number has no entries") if not shape else words)
    rest = len(shape) - said
    result: list[int] = []
    lengths = iter(shape)
    for part in index if ... in index else (*index, ...):
        if part is ...:
            result += [next(lengths) for _ in range(rest)]
        else:
            result += [1] if part is None else _left_of(next(lengths), part)
    if len(result) > MOST_AXES:
        raise ShapeError(
            tell(
                "an array has at most {most_axes} axes, not {count}",
                most_axes=MOST_AXES,
                count=len(result),
            )
        )
    return tuple(result)


def _left_of(length: int, part: Any) -> list[int]:
    """What a slice leaves of an axis; an entry leaves nothing."""
    if isinstance(part, tuple):
        count = len(range(length)[slice(*part)])
        if not count:
            raise ShapeError(tell("the slice takes nothing of an axis of {length}", length=length))
        return [count]
    if not -length <= part < length:
        raise ShapeError(
            tell("there is no entry {part} in an axis of {length}", part=part, length=length),
            tell("its entries are 0 to {length}", length=length - 1),
        )
    return []
