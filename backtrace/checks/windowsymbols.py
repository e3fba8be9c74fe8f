"""What slides a window over an array, and attention, said once more for SymPy's witness: every
window and row is looked at by itself, entry by entry. Nothing here is the table's.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import sympy

Told = Any
"""A number for every axis, or one for all."""


def _each(told: Told, axes: int) -> list[int]:
    if isinstance(told, tuple | sympy.Tuple):
        return [int(n) for n in told]
    return [int(told)] * axes


def _windows(
    shape: Sequence[int], sizes: list[int], strides: list[int], zeros: list[int]
) -> Iterator[tuple[tuple[int, ...], list[tuple[tuple[int, ...], tuple[int, ...]]]]]:
    """For every output its place, and the places in its window that are inside the array: where
    they are in the window, where in the array."""
    counts = [
        (n + 2 * z - size) // step + 1
        for n, size, step, z in zip(shape, sizes, strides, zeros, strict=True)
    ]
    for output in itertools.product(*map(range, counts)):
        found = []
        for inside in itertools.product(*map(range, sizes)):
            ends = zip(output, strides, inside, zeros, strict=True)
            at = tuple(k * step + i - z for k, step, i, z in ends)
            if all(0 <= a < n for a, n in zip(at, shape, strict=True)):
                found.append((inside, at))
        yield output, found


def _convolution(axes: int) -> Callable[..., Any]:
    def convolved(
        _: Any, x: Any, w: Any, b: Any = None, p_stride: Told = 1, p_padding: Told = 0
    ) -> Any:
        x, w = np.asarray(x, dtype=object), np.asarray(w, dtype=object)
        if x.ndim == axes + 2:
            return np.stack([convolved(_, image, w, b, p_stride, p_padding) for image in x])
        entries: dict[tuple[int, ...], Any] = {}
        told = _each(p_stride, axes), _each(p_padding, axes)
        for output, places in _windows(x.shape[1:], list(w.shape[2:]), *told):
            for kernel, channel in itertools.product(range(len(w)), range(len(x))):
                place = (kernel, *output)
                entries.setdefault(place, sympy.Integer(0) if b is None else b[kernel])
                for inside, at in places:
                    entries[place] += w[(kernel, channel, *inside)] * x[(channel, *at)]
        return _array(entries)

    return convolved


def _array(entries: dict[tuple[int, ...], Any]) -> Any:
    found = np.empty([1 + max(along) for along in zip(*entries, strict=True)], dtype=object)
    for place, entry in entries.items():
        found[place] = entry
    return found


def _pooled(
    reduce: Callable[[list[Any], int], Any], x: Any, size: Told, stride: Told, padding: Told
) -> Any:
    x = np.asarray(x, dtype=object)
    sizes = _each(size, 2)
    axes = len(sizes)
    if x.ndim > axes:
        return np.stack([_pooled(reduce, part, size, stride, padding) for part in x])
    strides = sizes if stride is None else _each(stride, axes)
    entries = {
        output: reduce([x[at] for _, at in places], int(np.prod(sizes)))
        for output, places in _windows(x.shape, sizes, strides, _each(padding, axes))
    }
    return _array(entries)


def _said(free: tuple[Any, ...], p_size: Told, p_stride: Told, p_padding: Told) -> list[Told]:
    """Size, stride and padding, by place or by name."""
    named = (p_size, p_stride, p_padding)
    return [*free, *named[len(free) :]]


def _largest(
    value: Callable[[Any], float],
    x: Any,
    *free: Told,
    p_size: Told = None,
    p_stride: Told = None,
    p_padding: Told = 0,
) -> Any:
    told = _said(free, p_size, p_stride, p_padding)
    return _pooled(lambda entries, _: max(entries, key=value), x, *told)


def _average(
    _: Any, x: Any, *free: Told, p_size: Told = None, p_stride: Told = None, p_padding: Told = 0
) -> Any:
    told = _said(free, p_size, p_stride, p_padding)
    return _pooled(lambda entries, n: sum(entries, sympy.Integer(0)) / n, x, *told)


def _attention(
    value: Callable[[Any], Any],
    Q: Any,
    K: Any,
    V: Any,
    mask: Any = None,
    p_causal: Any = 0,
    p_mask: Any = None,
) -> Any:
    """Row by row: the scores of its keys, their exponentials over the sum of these."""
    mask = p_mask if mask is None else mask
    if mask is not None:
        mask = np.broadcast_to(mask, (*np.shape(Q)[:-1], np.shape(K)[-2]))
    if np.ndim(Q) > 2:
        masks = [None] * len(Q) if mask is None else mask
        rows = zip(Q, K, V, masks, strict=True)
        return np.stack([_attention(value, q, k, v, m, p_causal) for q, k, v, m in rows])
    found = []
    for place, q in enumerate(np.asarray(Q, dtype=object)):
        count = min(place + 1, len(K)) if p_causal else len(K)
        asked = [k for k in range(count) if mask is None or value(mask[place][k]) != 0]
        powers = [sympy.exp(np.dot(q, K[k]) / sympy.sqrt(len(q))) for k in asked]
        total = sum(powers, sympy.Integer(0))
        found.append(sum(power / total * V[k] for power, k in zip(powers, asked, strict=True)))
    return np.array(found, dtype=object)


OF_VALUES: dict[str, Callable[..., Any]] = {"max_pool": _largest, "attention": _attention}
"""Functions that are handed what an entry's value is: which is larger is a matter of that."""

WINDOWED: dict[str, Callable[..., Any]] = {
    "conv1d": _convolution(1),
    "conv2d": _convolution(2),
    "avg_pool": _average,
}
"""Functions of whole arrays, each handed the entry-by-entry meaning of its name first."""
