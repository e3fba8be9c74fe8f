"""Numbers and arrays of numbers alike: is every entry finite, which one is not, what is it there.

A value of a trace is a float, or a NumPy array of floats. NumPy is not loaded for floats.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from backtrace.language import tell

Value = Any
Place = tuple[int, ...]


def shape_of(value: Value) -> tuple[int, ...]:
    return tuple(getattr(value, "shape", ()))


def size_of(value: Value) -> int:
    return math.prod(shape_of(value))


def is_finite(value: Value) -> bool:
    """Whether every entry is."""
    if not shape_of(value):
        return math.isfinite(value)
    from backtrace.algebra.arrays import is_finite as every_entry

    return every_entry(value)


def same(a: Value, b: Value, tolerance: float) -> bool:
    """Whether no entry differs by more than `tolerance`, relative to the larger of the two."""
    if not shape_of(a):
        return not abs(a - b) > tolerance * (abs(a) + abs(b)) / 2
    from backtrace.algebra.arrays import quiet

    with quiet():
        return not (abs(a - b) > tolerance * (abs(a) + abs(b)) / 2).any()


def identical(a: Any, b: Any) -> bool:
    """Whether two values are equal, whatever holds the arrays in them."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(identical(a[key], b[key]) for key in a)
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(identical, a, b))
    if type(a).__name__ == "ndarray" or type(b).__name__ == "ndarray":
        import numpy as np

        return np.array_equal(a, b)
    try:
        return bool(a == b)
    except ValueError:  # a dataclass with arrays in it
        names = [field.name for field in dataclasses.fields(a)]
        return all(identical(getattr(a, name), getattr(b, name)) for name in names)


def first_bad(value: Value) -> Place | None:
    """The place of the first entry that is not finite; () in a number, None where all are."""
    if is_finite(value):
        return None
    if not shape_of(value):
        return ()
    import numpy as np

    return tuple(map(int, np.argwhere(~np.isfinite(value))[0]))


def at(value: Value, place: Place) -> float:
    """The entry of a value at a place of what it is repeated to."""
    shape = shape_of(value)
    if not shape:
        return float(value)
    own = place[len(place) - len(shape) :]
    return float(value[tuple(0 if n == 1 else k for n, k in zip(shape, own, strict=True))])


def all_at(values: Sequence[Value], place: Place) -> list[float]:
    return [at(value, place) for value in values]


def bracketed(place: Place) -> str:
    """`[0, 2]`; nothing for a number."""
    return f"[{', '.join(map(str, place))}]" if place else ""


def place_text(place: Place) -> str:
    """` at [0, 2]`; nothing for a number."""
    return tell(" at [{place}]", place=", ".join(map(str, place))) if place else ""


def kept(value: Value) -> Value:
    """A float, or an array that nobody can write to."""
    if value is None or type(value) is float:
        return value
    if not shape_of(value):
        return float(value)
    array = value if value.dtype == float else value.astype(float)
    base = array
    while base is not None and hasattr(base, "flags"):
        if base.flags.writeable:
            base.flags.writeable = False
        base = base.base
    return array
