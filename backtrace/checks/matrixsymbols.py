"""Linear algebra once more for SymPy's witness: determinants by Laplace's expansion, inverses by
cofactors, systems by Cramer's rule. Nothing is eliminated, and nothing here is the table's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy


def _det(x: Any) -> Any:
    """Along the first row."""
    if len(x) == 1:
        return x[0, 0]
    terms = ((-1) ** j * x[0, j] * _det(_minor(x, 0, j)) for j in range(len(x)))
    return sum(terms, sympy.Integer(0))


def _minor(x: Any, i: int, j: int) -> Any:
    return np.delete(np.delete(x, i, 0), j, 1)


def _inverse(x: Any) -> Any:
    found, whole = np.empty(x.shape, dtype=object), 1 / _det(x)
    for i, j in np.ndindex(x.shape):
        found[j, i] = (-1) ** (i + j) * whole * (_det(_minor(x, i, j)) if len(x) > 1 else 1)
    return found


def _of_each(function: Callable[[Any], Any]) -> Callable[..., Any]:
    """Of every matrix of a batch."""

    def over(_: Any, x: Any) -> Any:
        x = np.asarray(x, dtype=object)
        if x.ndim == 2:
            return function(x)
        found = [function(x[place]) for place in np.ndindex(x.shape[:-2])]
        whole = np.empty((len(found), *np.shape(found[0])), dtype=object)
        for place, value in enumerate(found):
            whole[place] = value
        return whole.reshape(*x.shape[:-2], *np.shape(found[0]))

    return over


def _solve(_: Any, a: Any, b: Any) -> Any:
    """A column of the matrix exchanged for the right side, over the determinant."""
    a, b = np.asarray(a, dtype=object), np.asarray(b, dtype=object)
    columns = b[:, None] if b.ndim == 1 else b
    shape = np.broadcast_shapes(a.shape[:-2], columns.shape[:-2])
    found = np.empty((*shape, *columns.shape[-2:]), dtype=object)
    matrices = np.broadcast_to(a, (*shape, *a.shape[-2:]))
    columns = np.broadcast_to(columns, found.shape)
    for place in np.ndindex(found.shape):
        *at, row, column = place
        matrix = matrices[tuple(at)]
        changed = matrix.copy()
        changed[:, row] = columns[tuple(at)][:, column]
        found[place] = _det(changed) / _det(matrix)
    return found[..., 0] if b.ndim == 1 else found


def _kron(_: Any, x: Any, y: Any) -> Any:
    """Entry by entry, by where it is: x[i//n]*y[i%n]."""
    shape = tuple(a * b for a, b in zip(np.shape(x), np.shape(y), strict=True))
    found = np.empty(shape, dtype=object)
    for place in np.ndindex(shape):
        block = tuple(k // n for k, n in zip(place, np.shape(y), strict=True))
        inside = tuple(k % n for k, n in zip(place, np.shape(y), strict=True))
        found[place] = x[block] * y[inside]
    return found


MATRICES: dict[str, Callable[..., Any]] = {
    "det": _of_each(_det),
    "logdet": _of_each(lambda x: sympy.log(_det(x))),
    "inv": _of_each(_inverse),
    "solve": _solve,
    "kron": _kron,
}
"""Each handed the entry-by-entry meaning of its name first."""
