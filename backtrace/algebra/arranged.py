"""What sets the entries of arrays out in another way, whatever numbers they are: lookups,
triangles, diagonals, running sums, einsum. Part of the algebra of arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from backtrace.algebra import Value


class Arranged:
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

    tril = staticmethod(np.tril)
    triu = staticmethod(np.triu)
    cumsum = staticmethod(np.cumsum)
    cumprod = staticmethod(np.cumprod)
    diagonal = staticmethod(np.diagonal)

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
    def einsum(subscripts: str, *values: Value) -> Value:
        arrays = [np.asarray(value) for value in values]
        of_floats = all(array.dtype != object for array in arrays)
        found = np.einsum(subscripts, *arrays, optimize=of_floats and len(arrays) > 2)
        return found[()] if isinstance(found, np.ndarray) else found
