"""What sets the entries of arrays out in another way, said once more for SymPy's witness: lookups,
triangles, diagonals, running sums, einsum. Nothing here is the table's.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy

from backtrace.gates.shapes import Shape


def numbers(shape: Sequence[Any]) -> Shape:
    return tuple(int(n) for n in shape)


def _shape(given: Sequence[Any]) -> Shape:
    """2, 3 or (2, 3)"""
    return numbers(given[0] if isinstance(given[0], tuple) else given)


def _places(value: Callable[[Any], float], k: Any) -> Any:
    """Whole numbers, which stand for their values."""
    return np.frompyfunc(lambda entry: round(value(entry)), 1, 1)(np.asarray(k, dtype=object))


def _take(value: Callable[[Any], float], x: Any, i: Any, p_axis: Any = 0) -> Any:
    return np.take(np.asarray(x), np.asarray(_places(value, i), dtype=int), int(p_axis))


def _lookup(value: Callable[[Any], float], x: Any, *indices: Any, p_axis: Any = 0) -> Any:
    places = [np.asarray(_places(value, i), dtype=int) for i in indices]
    return np.asarray(x)[(slice(None),) * (int(p_axis) % np.ndim(x)) + tuple(places)]


def _one_hot(value: Callable[[Any], float], i: Any, n: Any) -> Any:
    rows = np.eye(int(n), dtype=int).astype(object)
    return rows[np.asarray(_places(value, i), dtype=int)]


def _pick(value: Callable[[Any], float], x: Any, k: Any) -> Any:
    places = np.asarray(_places(value, k), dtype=int)[..., None]
    return np.take_along_axis(np.asarray(x), places, -1)[..., 0]


def _pad(x: Any, widths: Any, is_last: bool) -> Any:
    """Zeros put before and behind, axis by axis; or of the last axes alone."""
    if is_last:
        widths = ((0, 0),) * (np.ndim(x) - len(widths)) + widths
    pairs = np.broadcast_to(np.array(widths, dtype=int), (np.ndim(x), 2))
    for axis, ends in enumerate(pairs):
        zeros = [np.zeros(np.insert(np.delete(x.shape, axis), axis, n), object) for n in ends]
        x = np.concatenate([zeros[0], x, zeros[1]], axis)
    return x


def _flat(shape: Shape, start: int, end: int) -> Shape:
    first, behind = start % len(shape), end % len(shape) + 1
    return (*shape[:first], math.prod(shape[first:behind]), *shape[behind:])


def _put(_: Any, x: Any, v: Any, at: Sequence[Any]) -> Any:
    """The entries set as NumPy sets them; the index comes as its characters' numbers."""
    found = np.array(x, dtype=object)
    parts = "".join(chr(int(character)) for character in at).replace(" ", "").split(",")
    index: list[Any] = []
    for part in parts:
        if part == "...":
            index.append(Ellipsis)
        elif ":" in part:
            index.append(slice(*(int(end) if end else None for end in part.split(":"))))
        else:
            index.append(int(part))
    found[tuple(index)] = v
    return found


def _einsum(_: Any, pattern: Sequence[Any], *arrays: Any) -> Any:
    """Every product written out; the pattern comes as its characters' numbers."""
    text = "".join(chr(int(character)) for character in pattern).replace(" ", "")
    inputs, arrow, output = text.partition("->")
    terms = inputs.split(",")
    given = [np.asarray(array, dtype=object) for array in arrays]
    lengths: dict[str, int] = {}
    for term, array in zip(terms, given, strict=True):
        lengths |= dict(zip(term, array.shape, strict=True))
    if not arrow:
        output = "".join(sorted(c for c in lengths if inputs.count(c) == 1))
    found = np.zeros([lengths[c] for c in output], dtype=object)
    for place in itertools.product(*map(range, lengths.values())):
        at = dict(zip(lengths, place, strict=True))
        factors = [x[tuple(at[c] for c in t)] for t, x in zip(terms, given, strict=True)]
        found[tuple(at[c] for c in output)] += math.prod(factors, start=sympy.Integer(1))
    return found if found.shape else found[()]


def _cumprod(x: Any, axis: int) -> Any:
    return np.multiply.accumulate(np.asarray(x, dtype=object), axis)


def _sort(value: Callable[[Any], float], x: Any, axis: Any = -1, p_axis: Any = -1) -> Any:
    """In the order of the entries' values, row by row."""
    along = int(p_axis if axis == -1 else axis)
    rows = np.moveaxis(np.array(x, dtype=object), along, -1)
    for place in np.ndindex(rows.shape[:-1]):
        rows[place] = sorted(rows[place], key=value)
    return np.moveaxis(rows, -1, along)


def _axes(axis: Any) -> Any:
    return None if axis is None else numbers(axis) if isinstance(axis, tuple) else int(axis)


def _flip(_: Any, x: Any, axis: Any = None, p_axis: Any = None) -> Any:
    return np.flip(np.asarray(x), _axes(p_axis if axis is None else axis))


def _roll(
    _: Any, x: Any, n: Any = 0, axis: Any = None, p_shift: Any = 0, p_axis: Any = None
) -> Any:
    return np.roll(np.asarray(x), int(n or p_shift), _axes(p_axis if axis is None else axis))


LOOKUPS: dict[str, Callable[..., Any]] = {
    "sort": _sort,
    "take": _take,
    "lookup": _lookup,
    "one_hot": _one_hot,
    "pick": _pick,
}
"""Functions that are handed what an entry's value is: indices are no quantities, an order is one
of values."""

ARRANGED: dict[str, Callable[..., Any]] = {
    "swapaxes": lambda _, x, a, b: np.swapaxes(x, int(a), int(b)),
    "permute": lambda _, x, *axes: (
        np.swapaxes(x, *numbers(axes)) if len(axes) < np.ndim(x) else np.transpose(x, numbers(axes))
    ),
    "flatten": lambda _, x, start=0, end=-1, p_start=0, p_end=-1: np.reshape(
        x, _flat(np.shape(x), int(p_start or start), int(p_end if end == -1 else end))
    ),
    "flip": _flip,
    "roll": _roll,
    "ones": lambda _, *shape: np.full(_shape(shape), sympy.Integer(1), dtype=object),
    "zeros": lambda _, *shape: np.full(_shape(shape), sympy.Integer(0), dtype=object),
    "full": lambda _, a, *shape: np.broadcast_to(np.asarray(a, dtype=object), _shape(shape)),
    "eye": lambda _, *shape: np.eye(_shape(shape)[0], _shape(shape)[-1], dtype=int).astype(object),
    "einsum": _einsum,
    "put": _put,
    "pad": lambda _, x, widths, p_last=0: _pad(np.asarray(x), widths, bool(p_last)),
    "tril": lambda _, x, k=0, p_k=0: np.tril(x, int(k or p_k)),
    "triu": lambda _, x, k=0, p_k=0: np.triu(x, int(k or p_k)),
    "diag": lambda _, x, k=0, p_k=0: np.diag(x, int(k or p_k)),
    "trace": lambda _, x: sum(np.diag(x), sympy.Integer(0)),
    "cumsum": lambda _, x, p_axis=0: np.add.accumulate(np.asarray(x), int(p_axis)),
    "cumprod": lambda _, x, p_axis=0: _cumprod(x, int(p_axis)),
}
"""Functions of whole arrays, each handed the entry-by-entry meaning of its name first."""
