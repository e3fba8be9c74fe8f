"""What moves the entries of arrays about, or takes them together along axes, counted. Part of the
algebra that counts.
"""

from __future__ import annotations

import math
from typing import Any

from backtrace.algebra import Value
from backtrace.algebra.lengths import over

Shape = tuple[int, ...]
Axis = Any


class CountedArrays:
    made: Any
    free: Any
    read: Any
    divide: Any
    square: Any
    add_up: Any
    shape: Any
    exp: Any
    log: Any
    sqrt: Any
    length_of: Any

    def _view(self, x: Value, shape: Any) -> Value:
        """The same entries, or some of them: what is read of it is read of x."""
        found = self.made(shape, getattr(x, "source", None))
        found.is_mask = getattr(x, "is_mask", False)
        return found

    def _like(self, x: Value) -> Value:
        return self._view(x, self.shape(x))

    # entries set out in another way

    def transpose(self, x: Value, axes: tuple[int, ...] | None = None) -> Value:
        shape = self.shape(x)
        return self._view(x, shape[::-1] if axes is None else [shape[axis] for axis in axes])

    def reshape(self, x: Value, shape: Any) -> Value:
        known = [self.length_of(n) for n in shape if n != -1]
        left = math.prod(self.shape(x)) // math.prod(known) if -1 in shape else 0
        return self._view(x, [left if n == -1 else n for n in shape])

    def flip(self, x: Value, axis: Axis) -> Value:  # noqa: ARG002
        return self._like(x)

    def roll(self, x: Value, shift: int, axis: Axis) -> Value:  # noqa: ARG002
        return self._like(x)

    def tril(self, x: Value, k: int = 0) -> Value:  # noqa: ARG002
        return self._like(x)

    triu = tril

    def aligned(self, u: Value, axis: Axis) -> Value:
        if axis is None or not self.shape(u):
            return u
        axes = axis if isinstance(axis, tuple) else (axis,)
        count = len(self.shape(u)) + len(axes)
        places = {place % count for place in axes}
        old = iter(self.shape(u))
        return self._view(u, [1 if place in places else next(old) for place in range(count)])

    def spread(self, u: Value, x: Value, axis: Axis) -> Value:  # noqa: ARG002
        return self._view(u, self.shape(x))

    def full(self, a: Value, shape: Shape) -> Value:
        return self._view(a, shape)

    def ones(self, shape: Any) -> Value:
        found = self.made(shape)
        found.is_mask = True
        return found

    identity = ones

    def pick(self, x: Value, index: tuple[Any, ...]) -> Value:
        shape, left = self.shape(x), []
        for n, part in zip(shape, index, strict=False):
            if isinstance(part, tuple):
                left.append(_length_of(n, *part))
        return self._view(x, [*left, *shape[len(index) :]])

    def put(self, u: Value, index: tuple[Any, ...], shape: Shape) -> Value:  # noqa: ARG002
        return self._view(u, shape)

    def concatenate(self, values: Any, axis: int) -> Value:
        self.read(*values)
        shapes = [self.shape(value) for value in values]
        k = axis % len(shapes[0])
        return self.made([*shapes[0][:k], sum(s[k] for s in shapes), *shapes[0][k + 1 :]])

    def stack(self, values: Any, axis: int) -> Value:
        self.read(*values)
        shape = self.free(*values).shape
        k = axis % (len(shape) + 1)
        return self.made([*shape[:k], len(values), *shape[k:]])

    def looked_up(self, x: Value, axis: int, *indices: Value) -> Value:
        self.read(x, *indices)
        shape = self.shape(x)
        found = self.free(*indices).shape
        return self.made([*shape[:axis], *found, *shape[axis + len(indices) :]])

    def added_up(self, u: Value, shape: Shape, axis: int, *indices: Value) -> Value:  # noqa: ARG002
        self.read(u, *indices)
        return self.made(shape)

    def one_hot(self, k: Value, count: int) -> Value:
        self.read(k)
        return self.ones([*self.shape(k), count])

    def diagonal(self, x: Value, k: int) -> Value:
        rows, columns = self.shape(x)
        if not k and rows == columns:
            return self._view(x, [rows])
        return self._view(x, [min(rows + min(k, 0), columns - max(k, 0))])

    def on_diagonal(self, u: Value, shape: Shape, k: int) -> Value:  # noqa: ARG002
        return self._view(u, shape)

    def in_order(self, x: Value, axis: int) -> Value:  # noqa: ARG002
        return self.free(x)

    def back_in_place(self, u: Value, x: Value, axis: int, ties: str) -> Value:  # noqa: ARG002
        """Entries that are equal are not looked for: their mean is left out."""
        return self.free(u, x)

    # sums and products along axes

    def sum(self, x: Value, axis: Axis) -> Value:
        self.read(x)
        shape = self.shape(x)
        if axis is None:
            return self.made(())
        axes = axis if isinstance(axis, tuple) else (axis,)
        gone = {place % len(shape) for place in axes}
        return self.made([n for place, n in enumerate(shape) if place not in gone])

    largest = smallest = sum

    def summed_to(self, u: Value, shape: Shape) -> Value:
        if self.shape(u) == shape:
            return u
        self.read(u)
        return self.made(shape)

    def cumsum(self, x: Value, axis: int) -> Value:  # noqa: ARG002
        return self.free(x)

    cumsum_back = sum_of_others = cumsum

    def norm(self, x: Value, axis: Axis) -> Value:
        return self.sqrt(self.sum(self.square(x), axis))

    def softmax(self, x: Value, axis: Axis) -> Value:
        powers = self.exp(x)
        return self.divide(powers, self.aligned(self.sum(powers, axis), axis))

    def logsumexp_along(self, x: Value, axis: Axis) -> Value:
        return self.log(self.sum(self.exp(x), axis))

    def log_softmax(self, x: Value, axis: Axis) -> Value:
        return x - self.aligned(self.logsumexp_along(x, axis), axis)

    def product(self, x: Value, axis: Axis) -> Value:
        found = self.sum(x, axis)
        lines = math.prod(found.shape)
        self.add_up("multiply", math.prod(self.shape(x)) - lines)
        return found

    def others(self, x: Value, axis: Axis) -> Value:
        """Products up to each entry, and from each on; and the two of every entry together."""
        n, lines = self._lines(x, axis)
        self.add_up("multiply", 3 * lines * (n - 2) if n > 2 else 0)
        return self.free(x) if n > 1 else self.ones(self.shape(x))

    def cumprod(self, x: Value, axis: int) -> Value:
        n, lines = self._lines(x, axis)
        self.add_up("multiply", lines * (n - 1))
        return self.free(x)

    def cumprod_back(self, u: Value, x: Value, axis: int) -> Value:
        """For each entry the products without it, and from it on these times u."""
        n, lines = self._lines(x, axis)
        if n > 1:
            self.add_up("multiply", lines * (n * (n - 2) + over(n * (n + 1), 2) - 1))
        return self.free(u, x)

    def _lines(self, x: Value, axis: Axis) -> tuple[int, int]:
        """How long each line along the axis is, and how many there are."""
        size = math.prod(self.shape(x))
        n = size if axis is None else self.shape(x)[axis]
        return n, size // n


def _length_of(n: int, start: Any, stop: Any, step: Any) -> int:
    if (start, stop, step) == (None, None, None):
        return n
    return len(range(n)[slice(start, stop, step)])


__all__ = ["CountedArrays"]
