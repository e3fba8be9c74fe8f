"""Windows that slide over arrays, and attention, drawn at random; and the same in NumPy (window by
window, row by row), PyTorch and JAX."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np

from tests.gates.step import Step

Shape = tuple[int, ...]


class NumPyWindows:
    @staticmethod
    def _windows(x: Any, sizes: Shape, strides: Shape, padding: Shape, fill: float) -> Any:
        front = [(0, 0)] * (x.ndim - len(sizes))
        padded = np.pad(x, [*front, *((p, p) for p in padding)], constant_values=fill)
        lengths = zip(padded.shape[-len(sizes) :], sizes, strides, strict=True)
        counts = [(n - size) // step + 1 for n, size, step in lengths]
        for place in itertools.product(*map(range, counts)):
            ends = zip(place, strides, sizes, strict=True)
            yield padded[(..., *(slice(k * s, k * s + n) for k, s, n in ends))]

    @classmethod
    def conv(cls, x: Any, w: Any, strides: Shape, padding: Shape) -> Any:
        axes, letters = len(strides), "hw"[: len(strides)]
        windows = list(cls._windows(x, w.shape[2:], strides, padding, 0.0))
        found = [np.einsum(f"...c{letters},fc{letters}->...f", v, w) for v in windows]
        counts = [
            (n + 2 * p - k) // s + 1
            for n, p, k, s in zip(x.shape[-axes:], padding, w.shape[2:], strides, strict=True)
        ]
        return np.stack(found, -1).reshape(*found[0].shape, *counts)

    @classmethod
    def pool(cls, name: str, x: Any, sizes: Shape, strides: Shape, padding: Shape) -> Any:
        fill, reduce = (-np.inf, np.max) if name == "max" else (0.0, np.mean)
        last = tuple(range(-len(sizes), 0))
        found = [reduce(v, last) for v in cls._windows(x, sizes, strides, padding, fill)]
        counts = [
            (n + 2 * p - k) // s + 1
            for n, p, k, s in zip(x.shape[-len(sizes) :], padding, sizes, strides, strict=True)
        ]
        return np.stack(found, -1).reshape(*found[0].shape, *counts)

    @classmethod
    def attention(cls, q: Any, k: Any, v: Any, causal: bool) -> Any:
        if q.ndim > 2:
            return np.stack([cls.attention(*rows, causal) for rows in zip(q, k, v, strict=True)])
        found = []
        for place, row in enumerate(q):
            seen = slice(0, place + 1 if causal else None)
            powers = np.exp(k[seen] @ row / np.sqrt(len(row)))
            found.append(powers / powers.sum() @ v[seen])
        return np.stack(found)


class TorchWindows:
    @staticmethod
    def attention(q: Any, k: Any, v: Any, causal: bool) -> Any:
        import torch

        function = torch.nn.functional.scaled_dot_product_attention
        given = (value.reshape(1, -1, *value.shape[-2:]) for value in (q, k, v))
        return function(*given, is_causal=causal).reshape(*q.shape[:-1], v.shape[-1])

    @staticmethod
    def conv(x: Any, w: Any, strides: Shape, padding: Shape) -> Any:
        import torch

        function = getattr(torch.nn.functional, f"conv{len(strides)}d")
        return function(torch.as_tensor(x), torch.as_tensor(w), None, strides, padding)

    @staticmethod
    def pool(name: str, x: Any, sizes: Shape, strides: Shape, padding: Shape) -> Any:
        import torch

        axes = len(sizes)
        function = getattr(torch.nn.functional, f"{name}_pool{axes}d")
        found = function(x.reshape(1, -1, *x.shape[-axes:]), sizes, strides, padding)
        return found.reshape(*x.shape[:-axes], *found.shape[-axes:])


class JaxWindows:
    @staticmethod
    def attention(q: Any, k: Any, v: Any, causal: bool) -> Any:
        import jax

        scores = q @ jax.numpy.swapaxes(k, -2, -1) / np.sqrt(q.shape[-1])
        if causal:
            scores = jax.numpy.where(np.tri(*scores.shape[-2:], dtype=bool), scores, -np.inf)
        return jax.nn.softmax(scores, -1) @ v

    @staticmethod
    def conv(x: Any, w: Any, strides: Shape, padding: Shape) -> Any:
        import jax

        axes = len(strides)
        images = jax.numpy.asarray(x).reshape(-1, *x.shape[-axes - 1 :])
        pairs = [(p, p) for p in padding]
        kernels = jax.numpy.asarray(w)
        found = jax.lax.conv_general_dilated(images, kernels, strides, pairs)
        return found.reshape(*x.shape[: -axes - 1], *found.shape[1:])

    @staticmethod
    def pool(name: str, x: Any, sizes: Shape, strides: Shape, padding: Shape) -> Any:
        import jax

        ones = (1,) * (x.ndim - len(sizes))
        start, reduce = (-np.inf, jax.lax.max) if name == "max" else (0.0, jax.lax.add)
        pairs = [*((0, 0) for _ in ones), *((p, p) for p in padding)]
        told = (start, reduce, (*ones, *sizes), (*ones, *strides), pairs)
        found = jax.lax.reduce_window(x, *told)
        return found if name == "max" else found / np.prod(sizes)


def windowed(chance: random.Random, shape: Shape) -> list[Step]:
    """A pooling, and the convolutions and attention that an array of this shape can be part of."""
    steps = [_pooled(chance, shape)]
    if len(shape) > 1:
        causal = chance.random() < 0.5
        steps.append(
            Step(
                f"attention({{0}}, {{0}}, {{0}}{', causal=1' * causal})",
                lambda m, a: m.attention(a, a, a, causal),
            )
        )
    for axes in (1, 2):
        if len(shape) in (axes + 1, axes + 2):
            steps.append(_convolved(chance, shape, axes))
        if len(shape) == axes + 2:
            steps.append(_with_kernels(chance, shape, axes))
    return steps


def _pooled(chance: random.Random, shape: Shape) -> Step:
    name, axes = chance.choice(("max", "avg")), chance.randint(1, min(2, len(shape)))
    sizes = tuple(chance.randint(1, n) for n in shape[-axes:])
    strides = tuple(chance.randint(1, 3) for _ in sizes) if chance.random() < 0.6 else None
    padding = tuple(chance.randint(0, n // 2) for n in sizes)
    told = f", stride={strides}" * (strides is not None) + f", padding={padding}" * any(padding)
    return Step(
        f"{name}_pool({{0}}, {sizes}{told})",
        lambda m, a: m.pool(name, a, sizes, strides or sizes, padding),
    )


def _drawn(chance: random.Random, shape: Shape) -> Any:
    entries = [chance.randint(-9, 9) / 10 for _ in range(int(np.prod(shape)))]
    return np.array(entries).reshape(shape)


def _told(chance: random.Random, axes: int) -> tuple[Shape, Shape, str]:
    strides = tuple(chance.randint(1, 2) for _ in range(axes))
    padding = tuple(chance.randint(0, 1) for _ in range(axes))
    return strides, padding, f"stride={strides}, padding={padding}"


def _convolved(chance: random.Random, shape: Shape, axes: int) -> Step:
    strides, padding, told = _told(chance, axes)
    lengths = zip(shape[-axes:], padding, strict=True)
    sizes = [chance.randint(1, min(3, n + 2 * p)) for n, p in lengths]
    w = _drawn(chance, (chance.randint(1, 2), shape[-axes - 1], *sizes))
    b = _drawn(chance, (len(w),))
    return Step(
        f"conv{axes}d({{0}}, {w.tolist()}, {b.tolist()}, {told})",
        lambda m, a: m.conv(a, w, strides, padding) + m.array(b.reshape(-1, *(1,) * axes)),
    )


def _with_kernels(chance: random.Random, shape: Shape, axes: int) -> Step:
    strides, padding, told = _told(chance, axes)
    lengths = [chance.randint(n, n + 1) for n in shape[-axes:]]
    x = _drawn(chance, (chance.randint(1, 2), shape[1], *lengths))
    return Step(
        f"conv{axes}d({x.tolist()}, {{0}}, {told})", lambda m, a: m.conv(x, a, strides, padding)
    )
