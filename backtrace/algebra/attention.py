"""Attention, softmax(Q@K.T/sqrt(d))@V, of every matrix of a batch. Part of the algebra of arrays.

The weights of the softmax are most of the work and are needed for the way back: those of the last
forward pass are kept beside its result, and what goes back to the scores beside its upstream. They
are found by the very arrays they were made for, as long as these live; without them they are worked
out again.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from backtrace.algebra import Value


class _Last:
    """What was made last, and the arrays that it was made for."""

    def __init__(self) -> None:
        self._for: tuple[Any, ...] = ()
        self._made: Any = None

    def keep(self, made: Any, *arrays: Any) -> Any:
        self._for, self._made = tuple(weakref.ref(array, self._forget) for array in arrays), made
        return made

    def _forget(self, reference: Any) -> None:
        """Once one of the arrays is gone nobody can ask."""
        if any(reference is kept for kept in self._for):
            self._for, self._made = (), None

    def found(self, *arrays: Any) -> Any:
        """None where something else was made last."""
        made, kept = self._made, self._for
        is_it = len(kept) == len(arrays) and all(
            reference() is array for reference, array in zip(kept, arrays, strict=True)
        )
        return made if is_it else None


_WEIGHTS, _SCORES = _Last(), _Last()


class Attention:
    exp: Any
    sum: Any
    real: Any
    largest: Any
    sqrt: Any
    where: Any
    not_equal: Any

    @classmethod
    def attended(cls, Q: Value, K: Value, V: Value, causal: int, *mask: Value) -> Value:
        """Q (..., n, d), K (..., m, d), V (..., m, e): (..., n, e)."""
        weights = cls._weights(Q, K, causal, *mask)
        found = weights @ V
        _WEIGHTS.keep(weights, found, Q, K)
        return found

    @classmethod
    def attention_weights(cls, f: Value, Q: Value, K: Value, causal: int, *mask: Value) -> Value:
        """How much of every row of V each output f has: rows that add up to 1."""
        kept = _WEIGHTS.found(f, Q, K)
        return kept if kept is not None else cls._weights(Q, K, causal, *mask)

    @classmethod
    def to_scores(
        cls, u: Value, f: Value, Q: Value, K: Value, V: Value, causal: int, *mask: Value
    ) -> Value:
        """What comes back to Q@K.T: p*(r - sum(p*r))/sqrt(d) with r = u@V.T. From every row of r
        its entry at the largest p is taken off first, which changes nothing but that no digits are
        lost where p is nearly 1."""
        kept = _SCORES.found(u, f, Q, K, V)
        if kept is not None:
            return kept
        p = cls.attention_weights(f, Q, K, causal, *mask)
        r = (u / cls.sqrt(np.shape(Q)[-1])) @ np.swapaxes(V, -2, -1)
        r = np.asarray(r, np.result_type(r, p))  # numbers that carry a step, of Q alone
        places = np.expand_dims(np.argmax(p, -1), -1)
        r -= np.take_along_axis(r, places, -1)
        r -= np.expand_dims(np.einsum("...ij,...ij->...i", p, r), -1)
        r *= p
        return _SCORES.keep(r, u, f, Q, K, V)

    @classmethod
    def _weights(cls, Q: Value, K: Value, causal: int, *mask: Value) -> Value:
        scores = (Q / cls.sqrt(np.shape(Q)[-1])) @ np.swapaxes(K, -2, -1)
        if causal:
            scores = cls.where(np.tri(*scores.shape[-2:]) != 0, scores, -np.inf)
        if mask:
            is_open = np.asarray(cls.not_equal(mask[0], 0), dtype=bool)
            scores = cls.where(np.broadcast_to(is_open, scores.shape), scores, -np.inf)
        scores -= np.expand_dims(cls.real(cls.largest(scores, -1)), -1)
        powers = cls.exp(scores)
        powers /= np.expand_dims(cls.sum(powers, -1), -1)
        return powers


__all__ = ["Attention"]
