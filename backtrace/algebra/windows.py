"""Windows that slide over arrays: convolutions and pooling. Part of the algebra of arrays.

A convolution is one product of matrices: every window's entries are a column (im2col), and what
comes back to them is added up where windows overlap. Windows hold an entry as often as they
overlap, so they are made for a few images at a time, as many as the processor's cache holds.
Pooling goes from place to place in the window, all windows at once. Time is linear in the entries
of all windows together, memory in those of the arrays.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from backtrace.algebra import Value

Lengths = tuple[int, ...]
"""One for each axis that windows slide along, which are an array's last: the size of a window, how
far it moves, how many zeros stand around an array."""

_ENTRIES = 2**15
"""Of windows made at a time: 256 kB in floats, which a core's own cache holds."""


class Windows:
    equal: Any
    divide: Any
    maximum: Any

    @classmethod
    def convolved(cls, x: Value, w: Value, strides: Lengths, padding: Lengths) -> Value:
        """x (..., C, *S) in windows with every kernel of w (F, C, *K): (..., F, *windows)."""
        views, counts = _windows(x, np.shape(w)[1:], strides, padding)
        kernels = np.reshape(w, (len(w), -1))
        rows = math.prod(counts)
        found = np.empty((len(views), len(w), rows), np.result_type(views, kernels))
        for few in _few_at_a_time(len(views), kernels.shape[1] * rows):
            np.matmul(kernels, _columns(views[few], rows), out=found[few])
        return np.reshape(found, (*np.shape(x)[: -np.ndim(w) + 1], len(w), *counts))

    @classmethod
    def to_convolved(
        cls, u: Value, w: Value, shape: Lengths, strides: Lengths, padding: Lengths
    ) -> Value:
        """What comes back to x, which has this shape: w by u at every window, added up."""
        kernel = np.shape(w)[1:]
        counts = np.shape(u)[-len(strides) :]
        rows = np.reshape(u, (-1, len(w), math.prod(counts)))
        kernels = np.swapaxes(np.reshape(w, (len(w), -1)), 0, 1)
        whole = np.zeros(
            (len(rows), kernel[0], *_around(shape, padding)), np.result_type(rows, kernels)
        )
        for few in _few_at_a_time(len(rows), len(kernels) * rows.shape[2]):
            parts = np.reshape(kernels @ rows[few], (-1, *kernel, *counts))
            images = whole[few]
            for place, index in _places(kernel[1:], strides, counts):
                here: tuple[Any, ...] = (slice(None), slice(None), *place)
                images[index] += parts[here]
        return np.reshape(whole[_inside(shape, padding)], shape)

    @classmethod
    def to_kernels(
        cls, u: Value, x: Value, shape: Lengths, strides: Lengths, padding: Lengths
    ) -> Value:
        """What comes back to w, which has this shape: the sum of u times the windows of x."""
        views, counts = _windows(x, shape[1:], strides, padding)
        rows = np.reshape(u, (-1, shape[0], math.prod(counts)))
        found = np.zeros((shape[0], math.prod(shape[1:])), np.result_type(rows, views))
        for few in _few_at_a_time(len(views), found.shape[1] * rows.shape[2]):
            columns = np.swapaxes(_columns(views[few], rows.shape[2]), 1, 2)
            found += np.add.reduce(rows[few] @ columns, 0)
        return np.reshape(found, shape)

    @classmethod
    def window_sum(cls, x: Value, sizes: Lengths, strides: Lengths, padding: Lengths) -> Value:
        return sum(part for _, part in _parts(_padded(x, padding, 0.0), sizes, strides))

    @classmethod
    def to_window_sum(
        cls, u: Value, shape: Lengths, sizes: Lengths, strides: Lengths, padding: Lengths
    ) -> Value:
        """u at every entry of its window, added up where windows overlap."""
        whole = np.zeros(_whole(shape, padding), np.asarray(u).dtype)
        for _, index in _places(sizes, strides, np.shape(u)[-len(sizes) :]):
            whole[index] += u
        return whole[_inside(shape, padding)]

    @classmethod
    def window_max(cls, x: Value, sizes: Lengths, strides: Lengths, padding: Lengths) -> Value:
        """Nothing that stands around x is ever the largest."""
        parts = [part for _, part in _parts(_padded(x, padding, -np.inf), sizes, strides)]
        return cls.maximum(*parts)

    @classmethod
    def window_ties(
        cls, f: Value, x: Value, sizes: Lengths, strides: Lengths, padding: Lengths
    ) -> Value:
        """How many entries of each window are its largest, f."""
        parts = _parts(_padded(x, padding, -np.inf), sizes, strides)
        return sum(cls.equal(part, f) * 1.0 for _, part in parts)

    @classmethod
    def to_window_max(
        cls,
        u: Value,
        f: Value,
        x: Value,
        sizes: Lengths,
        strides: Lengths,
        padding: Lengths,
        ties: str = "share",
    ) -> Value:
        """u at the largest entry of its window; where several are tied they "share" it, or the
        "first" gets it, "all" do or "none" does."""
        around = _padded(x, padding, -np.inf)
        share = u
        if ties in ("share", "none"):
            count = cls.window_ties(f, x, sizes, strides, padding)
            share = cls.divide(u, count) if ties == "share" else u * cls.equal(count, 1)
        whole = np.zeros(np.shape(around), np.result_type(share, around))
        taken: Any = 0.0
        for index, part in _parts(around, sizes, strides):
            hits = cls.equal(part, f) * 1.0
            whole[index] += share * (hits * (1.0 - taken) if ties == "first" else hits)
            taken = np.maximum(taken, hits)
        return whole[_inside(np.shape(x), padding)]


def _around(shape: Lengths, padding: Lengths) -> Lengths:
    """How long the axes that windows slide along are with the zeros around."""
    lengths = zip(shape[-len(padding) :], padding, strict=True)
    return tuple(n + 2 * width for n, width in lengths)


def _whole(shape: Lengths, padding: Lengths) -> Lengths:
    return (*shape[: -len(padding)], *_around(shape, padding))


def _inside(shape: Lengths, padding: Lengths) -> tuple[Any, ...]:
    """Where x stands in what it is padded to."""
    lengths = zip(shape[-len(padding) :], padding, strict=True)
    return (..., *(slice(width, width + n) for n, width in lengths))


def _padded(x: Value, padding: Lengths, fill: float) -> Any:
    if not any(padding):
        return np.asarray(x)
    shape = np.shape(x)
    whole = np.full(_whole(shape, padding), fill, np.asarray(x).dtype)
    whole[_inside(shape, padding)] = x
    return whole


def _windows(x: Value, kernel: Lengths, strides: Lengths, padding: Lengths) -> tuple[Any, Lengths]:
    """Every window of x, a view of (N, C, *K, *windows); and how many windows each axis has."""
    images = np.reshape(x, (-1, *np.shape(x)[-len(kernel) :]))
    axes = tuple(range(2, len(kernel) + 1))
    views = sliding_window_view(_padded(images, padding, 0.0), kernel[1:], axes)
    views = views[(slice(None), slice(None), *(slice(None, None, s) for s in strides))]
    inner = range(len(kernel) + 1, views.ndim)
    return np.transpose(views, (0, 1, *inner, *axes)), views.shape[2 : len(kernel) + 1]


def _columns(views: Any, count: int) -> Any:
    """Every window as a column: (N, C*K, windows)."""
    return np.reshape(views, (len(views), -1, count))


def _few_at_a_time(images: int, entries: int) -> Iterator[slice]:
    """So many images, each with so many entries in its windows, that the cache holds them."""
    few = max(1, _ENTRIES // max(1, entries))
    for start in range(0, images, few):
        yield slice(start, start + few)


def _places(
    sizes: Lengths, strides: Lengths, counts: Lengths
) -> Iterator[tuple[Lengths, tuple[Any, ...]]]:
    """Every place in a window, and where the entries are that all windows have there."""
    for place in itertools.product(*map(range, sizes)):
        ends = zip(place, strides, counts, strict=True)
        yield place, (..., *(slice(k, k + s * (n - 1) + 1, s) for k, s, n in ends))


def _parts(x: Any, sizes: Lengths, strides: Lengths) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Place by place in a window: where it is in x, and what all windows have there."""
    lengths = zip(x.shape[-len(sizes) :], sizes, strides, strict=True)
    counts = tuple((n - size) // stride + 1 for n, size, stride in lengths)
    for _, index in _places(sizes, strides, counts):
        yield index, x[index]


__all__ = ["Windows"]
