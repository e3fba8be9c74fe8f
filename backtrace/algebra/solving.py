"""Linear algebra of square matrices, one or a batch of them: determinants, inverses, systems.

Floats are LAPACK's, through NumPy; numbers of any other kind are eliminated (Gauss, with the
largest pivot of its column). A matrix that has no inverse gives nan; so does one whose inverse has
not one right digit in 64-bit floats.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from backtrace.algebra import Value

_FEW_ROWS = 16


class Solving:
    """Of arrays of 64-bit floats."""

    @staticmethod
    def det(x: Value) -> Value:
        """nan where an entry is not finite: what elimination makes of that depends on its order."""
        return np.where(_are_finite(x), np.linalg.det(x), np.nan)[()]

    @classmethod
    def logdet(cls, x: Value) -> Value:
        """-inf where there is no inverse, nan where the determinant is below 0 or an entry is not
        finite."""
        sign, size = np.linalg.slogdet(x)
        found = np.where(sign > 0, size, np.where(sign < 0, np.nan, -np.inf))
        none = np.where(_are_finite(x), -np.inf, np.nan)
        return np.where(cls.is_singular(x), none, found)[()]

    @classmethod
    def inv(cls, x: Value) -> Value:
        return _inverse_and_loss(np.asarray(x, dtype=float))[0]

    @classmethod
    def solve(cls, a: Value, b: Value) -> Value:
        """x of a@x = b, where b is a vector or the columns of a matrix."""
        columns = np.expand_dims(b, -1) if np.ndim(b) == 1 else b
        shape = np.broadcast_shapes(np.shape(a)[:-2], np.shape(columns)[:-2])
        whole = np.broadcast_to(a, (*shape, *np.shape(a)[-2:]))
        columns = np.broadcast_to(columns, (*shape, *np.shape(columns)[-2:]))
        found = cls._solved(whole, columns)
        return found[..., 0] if np.ndim(b) == 1 else found

    @classmethod
    def _solved(cls, a: Value, b: Value) -> Value:
        singular = cls.is_singular(a)
        usable = np.where(singular[..., None, None], np.eye(np.shape(a)[-1]), a)
        return np.where(singular[..., None, None], np.nan, np.linalg.solve(usable, b))

    @staticmethod
    def is_singular(x: Value) -> Any:
        """Whether a matrix has no inverse, or none in floats; of a batch for each."""
        lost = _inverse_and_loss(np.asarray(x, dtype=float))[1]
        return ~(lost * np.shape(x)[-1] * np.finfo(float).eps < 1)

    @classmethod
    def cofactors(cls, x: Value) -> Value:
        """The slope of the determinant, also where there is no inverse: the minors; of many rows by
        U, the products of all other singular values, and V, with the sign of the two turns."""
        if np.shape(x)[-1] <= _FEW_ROWS:
            return _minors(np.asarray(x, dtype=float), cls.det)
        is_known = np.expand_dims(_are_finite(x), (-2, -1))
        u, sizes, v = np.linalg.svd(np.where(is_known, x, 0.0))
        ones = np.ones_like(sizes[..., :1])
        before = np.cumprod(np.concatenate([ones, sizes[..., :-1]], -1), -1)
        after = np.cumprod(np.concatenate([ones, sizes[..., :0:-1]], -1), -1)[..., ::-1]
        sign = np.linalg.det(u) * np.linalg.det(v)
        found = sign[..., None, None] * ((u * (before * after)[..., None, :]) @ v)
        return np.where(is_known, found, np.nan)


def _are_finite(x: Value) -> Any:
    """Whether every entry of a matrix is; of a batch for each."""
    return np.isfinite(x).all((-2, -1))


def _inverse_and_loss(x: Any) -> tuple[Any, Any]:
    """The inverse, and how many times the rounding of an entry it can have been moved by: the
    largest entry on the diagonal of |inverse| |x|, which no scaling of a row or column changes."""
    with np.errstate(all="ignore"):
        try:
            found = np.linalg.inv(x)
        except np.linalg.LinAlgError:  # one of a batch is enough
            found = np.full(x.shape, np.nan)
            for place in np.ndindex(x.shape[:-2]):
                found[place] = _inverse_or_nan(x[place])
        lost = np.einsum("...ji,...ij->...j", np.abs(found), np.abs(x)).max(-1)
        has_none = ~(lost * x.shape[-1] * np.finfo(float).eps < 1)
        return np.where(has_none[..., None, None], np.nan, found), lost


def _minors(x: Any, det: Callable[[Value], Value]) -> Any:
    found = np.ones(x.shape, x.dtype)
    if x.shape[-1] > 1:
        for i, j in np.ndindex(x.shape[-2:]):
            minor = np.delete(np.delete(x, i, -2), j, -1)
            found[..., i, j] = (-1) ** (i + j) * det(minor)
    return found


def _inverse_or_nan(x: Any) -> Any:
    try:
        return np.linalg.inv(x)
    except np.linalg.LinAlgError:
        return np.full(x.shape, np.nan)


class Eliminating:
    """The same of arrays of any numbers: of many digits, or that carry a step along."""

    @classmethod
    def det(cls, x: Value) -> Value:
        return _of_each(x, lambda matrix: _product(*cls._pivots(matrix)[1:]), ())

    @classmethod
    def logdet(cls, x: Value) -> Value:
        return cls.log(cls.det(x))  # type: ignore[attr-defined]

    @classmethod
    def inv(cls, x: Value) -> Value:
        one = np.eye(np.shape(x)[-1])
        return _of_each(x, lambda matrix: cls._eliminated(matrix, one), np.shape(x)[-2:])

    @classmethod
    def cofactors(cls, x: Value) -> Value:
        """The slope of the determinant, also where there is no inverse: the minors."""
        return _minors(np.asarray(x), cls.det)

    @classmethod
    def _solved(cls, a: Value, b: Value) -> Value:
        found = np.empty(np.shape(b), np.result_type(a, b))
        for place in np.ndindex(np.shape(a)[:-2]):
            found[place] = cls._eliminated(a[place], b[place])
        return found

    @classmethod
    def _pivots(cls, matrix: Value, columns: Value = None) -> tuple[Value, Value, int]:
        """The matrix as a triangle beside its columns, the diagonal, and the sign of the order in
        which the rows were taken."""
        beside = [matrix] if columns is None else [matrix, columns]
        rows, count, sign = np.concatenate(beside, -1), len(matrix), 1
        for k in range(count):
            sizes = np.abs(cls.real(rows[k:, k]))  # type: ignore[attr-defined]
            best = k + int(np.argmax(sizes))
            if best != k:
                rows[[k, best]] = rows[[best, k]]
                sign = -sign
            if rows[k, k] != 0:
                factors = rows[k + 1 :, k] / rows[k, k]
                rows[k + 1 :, k:] = rows[k + 1 :, k:] - np.multiply.outer(factors, rows[k, k:])
        return rows, np.diagonal(rows[:, :count]), sign

    @classmethod
    def _eliminated(cls, matrix: Value, columns: Value) -> Value:
        """The solution of matrix @ x = columns; nan where there is none."""
        rows, diagonal, _ = cls._pivots(matrix, columns)
        count = len(matrix)
        found = np.full(np.shape(columns), np.nan, rows.dtype)
        if any(pivot == 0 for pivot in diagonal):
            return found
        for k in range(count - 1, -1, -1):
            known = rows[k, k + 1 : count] @ found[k + 1 :] if k + 1 < count else 0
            found[k] = (rows[k, count:] - known) / rows[k, k]
        return found


def _product(diagonal: Value, sign: int) -> Value:
    return sign * np.multiply.reduce(diagonal)


def _of_each(x: Value, function: Any, shape: tuple[int, ...]) -> Value:
    """What a function makes of every matrix of a batch."""
    found = np.empty((*np.shape(x)[:-2], *shape), np.asarray(x).dtype)
    for place in np.ndindex(np.shape(x)[:-2]):
        found[place] = function(x[place])
    return found[()]
