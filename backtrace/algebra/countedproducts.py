"""Products of arrays, counted: matrices, einsum, linear algebra by elimination, windows, attention.
Part of the algebra that counts.
"""

from __future__ import annotations

import math
from typing import Any

from backtrace.algebra import Value
from backtrace.algebra.lengths import over

Shape = tuple[int, ...]


class CountedProducts:
    made: Any
    free: Any
    read: Any
    times: Any
    divide: Any
    add_up: Any
    shape: Any
    sum: Any
    aligned: Any
    softmax: Any
    log: Any
    _view: Any
    _scores: dict[Any, Any]

    # products of matrices

    def matmul(self, a: Value, b: Value) -> Value:
        self.read(a, b)
        x, y = self.shape(a), self.shape(b)
        batch = self._batch(x[:-2], y[:-2])
        shape = (*batch, *(x[-2:-1]), *(y[-1:] if len(y) > 1 else ()))
        self.add_up("multiply", math.prod(shape) * x[-1])
        return self.made(shape)

    def _batch(self, a: Shape, b: Shape) -> Shape:
        return self.free(self.made(a), self.made(b)).shape  # type: ignore[no-any-return]

    def outer(self, x: Value, y: Value) -> Value:
        self.read(x, y)
        shape = (*self.shape(x), *self.shape(y))
        self.add_up("multiply", math.prod(shape))
        return self.made(shape)

    def kron(self, x: Value, y: Value) -> Value:
        self.read(x, y)
        shape = [a * b for a, b in zip(self.shape(x), self.shape(y), strict=True)]
        self.add_up("multiply", math.prod(shape))
        return self.made(shape)

    def einsum(self, subscripts: str, *values: Value) -> Value:
        """Two arrays at a time, in NumPy's order; of masks (an identity) no product is one."""
        self.read(*values)
        inputs, _, output = subscripts.partition("->")
        labels = inputs.split(",")
        lengths: dict[str, int] = {}
        for label, value in zip(labels, values, strict=True):
            lengths.update(zip(label, self.shape(value), strict=True))
        waiting = list(zip(labels, [getattr(v, "is_mask", False) for v in values], strict=True))
        for places in _order(subscripts, [self.shape(v) for v in values]):
            taken = [waiting.pop(place) for place in sorted(places, reverse=True)]
            letters = set("".join(label for label, _ in taken))
            factors = sum(not is_mask for _, is_mask in taken)
            self.add_up("multiply", math.prod(lengths[c] for c in letters) * max(0, factors - 1))
            left = letters & set(output + "".join(label for label, _ in waiting))
            waiting.append(("".join(sorted(left)), not factors))
        return self.made([lengths[c] for c in output])

    # linear algebra, by elimination

    def det(self, x: Value) -> Value:
        """A triangle, and the product of its diagonal."""
        batch, n = self._triangle(x, 0)
        self.add_up("multiply", math.prod(batch) * (n - 1))
        return self.made(batch)

    def logdet(self, x: Value) -> Value:
        return self.log(self.det(x))

    def cofactors(self, x: Value) -> Value:
        raise NotImplementedError  # of a matrix without an inverse alone

    def inv(self, x: Value) -> Value:
        shape = self.shape(x)
        self._eliminated(x, shape[-1])
        return self.made(shape)

    def solve(self, a: Value, b: Value) -> Value:
        self.read(b)
        shape = self.shape(b)
        if len(shape) == 1:
            shape = (*shape, 1)
        batch = self._batch(self.shape(a)[:-2], shape[:-2])
        whole = self._view(a, (*batch, *self.shape(a)[-2:]))
        self._eliminated(whole, shape[-1])
        found = (*batch, *shape[-2:])
        return self.made(found[:-1] if len(self.shape(b)) == 1 else found)

    def _triangle(self, x: Value, columns: int) -> tuple[Shape, int]:
        """x brought to a triangle, with columns beside it that go along: of k rows below the pivot
        each has a quotient, and a product for every entry on its right."""
        self.read(x)
        *batch, n, _ = self.shape(x)
        many = math.prod(batch)
        steps = over(n * (n - 1), 2)
        squares = over((n - 1) * n * (2 * n - 1), 6)
        self.add_up("divide", many * steps)
        self.add_up("multiply", many * (squares + columns * steps))
        return tuple(batch), n

    def _eliminated(self, a: Value, columns: int) -> None:
        """The triangle, and every column put in from the last row to the first."""
        batch, n = self._triangle(a, columns)
        many = math.prod(batch) * columns
        self.add_up("multiply", many * over(n * (n - 1), 2))
        self.add_up("divide", many * n)

    # windows

    def convolved(self, x: Value, w: Value, strides: Shape, padding: Shape) -> Value:
        self.read(x, w)
        counts = _windows(self.shape(x), self.shape(w)[2:], strides, padding)
        kernels = self.shape(w)
        shape = (*self.shape(x)[: -len(kernels) + 1], kernels[0], *counts)
        self.add_up("multiply", math.prod(shape) * math.prod(kernels[1:]))
        return self.made(shape)

    def to_convolved(self, u: Value, w: Value, shape: Shape, *_: Shape) -> Value:
        self.read(u, w)
        self.add_up("multiply", math.prod(self.shape(u)) * math.prod(self.shape(w)[1:]))
        return self.made(shape)

    def to_kernels(self, u: Value, x: Value, shape: Shape, *_: Shape) -> Value:
        self.read(u, x)
        self.add_up("multiply", math.prod(self.shape(u)) * math.prod(shape[1:]))
        return self.made(shape)

    def window_sum(self, x: Value, sizes: Shape, strides: Shape, padding: Shape) -> Value:
        self.read(x)
        counts = _windows(self.shape(x), sizes, strides, padding)
        return self.made([*self.shape(x)[: -len(sizes)], *counts])

    window_max = window_sum

    def to_window_sum(self, u: Value, shape: Shape, *_: Shape) -> Value:
        self.read(u)
        return self.made(shape)

    def to_window_max(self, u: Value, f: Value, x: Value, *_: Shape, **__: str) -> Value:
        self.read(f, x)
        self.divide(u, self.made(self.shape(u)))  # among the tied
        return self.made(self.shape(x))

    # attention: the weights are held from the way forward, the scores from input to input

    def attended(self, Q: Value, K: Value, V: Value, causal: int, *mask: Value) -> Value:  # noqa: ARG002
        scores = self.matmul(self.divide(Q, _root(self.shape(Q)[-1])), self._turned(K))
        weights = self.softmax(scores, -1)
        found = self.matmul(weights, V)
        found.holds = weights
        return found

    def attention_weights(self, f: Value, *_: Value) -> Value:
        return f.holds

    def to_scores(self, u: Value, f: Value, Q: Value, K: Value, V: Value, *others: Value) -> Value:
        kept = self._scores.get(u)
        if kept is None:
            p = self.attention_weights(f, Q, K, *others)
            r = self.matmul(self.divide(u, _root(self.shape(Q)[-1])), self._turned(V))
            kept = self.times(r - self.aligned(self.sum(self.times(p, r), -1), -1), p)
            self._scores[u] = kept
        return kept

    def _turned(self, x: Value) -> Value:
        shape = self.shape(x)
        return self._view(x, [*shape[:-2], shape[-1], shape[-2]])


def _root(n: int) -> float:
    return math.sqrt(n) if n != 1 else 1


def _windows(shape: Shape, sizes: Shape, strides: Shape, padding: Shape) -> list[int]:
    """How many fit along each of the last axes."""
    ends = zip(shape[-len(sizes) :], sizes, strides, padding, strict=True)
    return [
        (n + 2 * zeros - size) // stride + 1 if stride > 1 else n + 2 * zeros - size + 1
        for n, size, stride, zeros in ends
    ]


def _order(subscripts: str, shapes: list[Shape]) -> list[tuple[int, ...]]:
    """Which operands are taken together, one step after the other."""
    if len(shapes) < 3:
        return [tuple(range(len(shapes)))]
    import numpy as np

    views = [np.broadcast_to(0.0, tuple(map(int, shape))) for shape in shapes]
    return list(np.einsum_path(subscripts, *views, optimize="greedy")[0][1:])


__all__ = ["CountedProducts"]
