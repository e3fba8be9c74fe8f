"""What sets the entries of arrays out in another way, whatever numbers they are: lookups,
triangles, diagonals, running sums, einsum. Part of the algebra of arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from backtrace.algebra import Value


class Arranged:
    real: Any
    equal: Any

    @staticmethod
    def places(i: Value, count: int) -> Any:
        """Indices as whole numbers; None where one is none, or beyond an end."""
        given = np.asarray(np.real(i), dtype=float)
        if np.any(given != np.floor(given)) or np.any(given >= count) or np.any(given < -count):
            return None
        return given.astype(int)

    @classmethod
    def looked_up(cls, x: Value, axis: int, *indices: Value) -> Value:
        """The entries along the axes from `axis` on, paired as NumPy pairs index arrays."""
        index = cls._index_of(np.shape(x), axis, indices)
        if index is not None:
            return x[index]
        shape = (*np.shape(x)[:axis], *np.broadcast_shapes(*map(np.shape, indices)))
        return np.full((*shape, *np.shape(x)[axis + len(indices) :]), np.nan)[()]

    @classmethod
    def added_up(cls, u: Value, shape: tuple[int, ...], axis: int, *indices: Value) -> Value:
        """Zeros of `shape`, to which u is added at the entries that were looked up."""
        index = cls._index_of(shape, axis, indices)
        if index is None:
            return np.full(shape, np.nan)
        result = np.zeros(shape, np.asarray(u).dtype)
        np.add.at(result, index, u)
        return result

    @classmethod
    def _index_of(cls, shape: tuple[int, ...], axis: int, indices: tuple[Value, ...]) -> Any:
        found = [cls.places(i, shape[axis + k]) for k, i in enumerate(indices)]
        if any(places is None for places in found):
            return None
        return (*(slice(None),) * axis, *found)

    flip = staticmethod(np.flip)
    roll = staticmethod(np.roll)
    tril = staticmethod(np.tril)
    triu = staticmethod(np.triu)
    cumsum = staticmethod(np.cumsum)
    cumprod = staticmethod(np.cumprod)
    diagonal = staticmethod(np.diagonal)

    @classmethod
    def in_order(cls, x: Value, axis: int) -> Value:
        """The entries along an axis, the smallest first."""
        return np.take_along_axis(np.asarray(x), cls._order(x, axis), axis)

    @classmethod
    def _order(cls, x: Value, axis: int) -> Any:
        return np.argsort(cls.real(x), axis, kind="stable")

    @classmethod
    def back_in_place(cls, u: Value, x: Value, axis: int, ties: str) -> Value:
        """What came to the entries of x in their order, to each where it stood. Entries that are
        equal get, by `ties`, the "mean" of what came to them, all the "first" of it or the "last";
        or "each" its own, in the order in which they stood."""
        order = cls._order(x, axis)
        ups, given = np.asarray(u), cls.in_order(x, axis)
        if ties != "each":
            rows, rests = (np.moveaxis(v, axis, -1) for v in (given, ups))
            is_new = np.ones(rows.shape, dtype=bool)
            is_new[..., 1:] = rows[..., 1:] != rows[..., :-1]
            if not is_new.all():
                ups = np.moveaxis(_by_groups(rests, is_new, ties), -1, axis)
        found = np.empty_like(ups)
        np.put_along_axis(found, order, ups, axis)
        return found

    @classmethod
    def has_ties(cls, x: Value, axis: int) -> Value:
        """At every entry in order whether the one before or behind it is equal."""
        rows = np.moveaxis(cls.in_order(x, axis), axis, -1)
        same = np.asarray(cls.equal(rows[..., 1:], rows[..., :-1]), dtype=bool)
        found = np.zeros(rows.shape, dtype=bool)
        found[..., 1:] |= same
        found[..., :-1] |= same
        return np.moveaxis(found, -1, axis)

    @staticmethod
    def on_diagonal(u: Value, shape: tuple[int, ...], k: int) -> Value:
        """Zeros of `shape`, with u on the diagonal k."""
        result = np.zeros(shape, np.asarray(u).dtype)
        places = np.arange(len(u))
        result[places + max(-k, 0), places + max(k, 0)] = u
        return result

    @staticmethod
    def identity(shape: tuple[int, ...]) -> Value:
        return np.eye(shape[0], shape[1])

    @staticmethod
    def cumsum_back(u: Value, axis: int) -> Value:
        """The sums from each entry to the last."""
        return np.flip(np.cumsum(np.flip(u, axis), axis), axis)

    @staticmethod
    def cumprod_back(u: Value, x: Value, axis: int) -> Value:
        """For every entry j the sum over all from it on of u times the product without x[j]."""
        rows, ups = (np.moveaxis(np.asarray(v), axis, -1) for v in (x, u))
        count = rows.shape[-1]
        without = np.where(np.eye(count, dtype=bool), 1, rows[..., None, :])
        terms = np.where(np.tri(count, dtype=bool).T, np.cumprod(without, -1), 0)
        return np.moveaxis(np.add.reduce(terms * ups[..., None, :], -1), -1, axis)

    @staticmethod
    def ones(shape: tuple[int, ...]) -> Value:
        return np.ones(shape)

    @staticmethod
    def full(a: Value, shape: tuple[int, ...]) -> Value:
        """a, repeated to a shape."""
        return np.broadcast_to(float(a) if isinstance(a, int) else a, shape)

    @staticmethod
    def einsum(subscripts: str, *values: Value) -> Value:
        arrays = [np.asarray(value) for value in values]
        of_floats = all(array.dtype != object for array in arrays)
        found = np.einsum(subscripts, *arrays, optimize=of_floats and len(arrays) > 2)
        return found[()] if isinstance(found, np.ndarray) else found


def _by_groups(u: Any, is_new: Any, ties: str) -> Any:
    """For every entry what its group gets: a group begins where one is new."""
    starts = np.flatnonzero(is_new)
    group = (np.cumsum(is_new.reshape(-1)) - 1).reshape(is_new.shape)
    flat = np.reshape(u, -1)
    if ties == "first":
        return flat[starts][group]
    ends = np.append(starts[1:], flat.size)
    if ties == "last":
        return flat[ends - 1][group]
    return (np.add.reduceat(flat, starts) / (ends - starts))[group]
