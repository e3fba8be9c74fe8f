"""Convolutions and attention forward and backward, as ratios to the same lines written by hand in
NumPy.

    python -m tests.benchmarks.windows

The peers run in the same process, turn by turn; a ratio is of the quickest rounds. By hand twice:
as it is written most (every window a row), and with every window a column, which copies less.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from backtrace.formula.parser import parse
from backtrace.formula.shapes import with_shapes
from tests.benchmarks.arrays import both_passes
from tests.benchmarks.figures import Figures, table

_ROUNDS = 101


def in_rows(point: dict[str, Any]) -> list[Any]:
    """im2col and a product of matrices; the columns are kept for the way back."""
    x, w = point["x"], point["w"]
    count, channels, height, width = x.shape
    kernels, size = len(w), w.shape[-1]
    rows, columns = height - size + 1, width - size + 1
    seen = sliding_window_view(x, (size, size), (2, 3)).transpose(0, 2, 3, 1, 4, 5)
    seen = seen.reshape(count * rows * columns, -1)
    f = (seen @ w.reshape(kernels, -1).T).reshape(count, rows, columns, kernels)
    f = f.transpose(0, 3, 1, 2)
    loss = np.sum(f * f)
    u = (2.0 * f).transpose(0, 2, 3, 1).reshape(-1, kernels)
    dw = (u.T @ seen).reshape(w.shape)
    parts = (u @ w.reshape(kernels, -1)).reshape(count, rows, columns, channels, size, size)
    dx = np.zeros_like(x)
    for i in range(size):
        for j in range(size):
            here = parts[..., i, j].transpose(0, 3, 1, 2)
            dx[:, :, i : i + rows, j : j + columns] += here
    return [loss, dw, dx]


def in_columns(point: dict[str, Any]) -> list[Any]:
    x, w = point["x"], point["w"]
    count, channels, height, width = x.shape
    kernels, size = len(w), w.shape[-1]
    rows, columns = height - size + 1, width - size + 1
    seen = sliding_window_view(x, (size, size), (2, 3)).transpose(0, 1, 4, 5, 2, 3)
    seen = seen.reshape(count, channels * size * size, rows * columns)
    f = w.reshape(kernels, -1) @ seen
    loss = np.sum(f * f)
    u = 2.0 * f
    dw = np.matmul(u, seen.transpose(0, 2, 1)).sum(0).reshape(w.shape)
    parts = w.reshape(kernels, -1).T @ u
    parts = parts.reshape(count, channels, size, size, rows, columns)
    dx = np.zeros_like(x)
    for i in range(size):
        for j in range(size):
            dx[:, :, i : i + rows, j : j + columns] += parts[:, :, i, j]
    return [loss, dw, dx]


def attention(point: dict[str, Any]) -> list[Any]:
    """The weights are kept for the way back."""
    Q, K, V = (point[name] for name in "QKV")
    s = Q @ K.transpose(0, 2, 1) / np.sqrt(Q.shape[-1])
    e = np.exp(s - s.max(-1, keepdims=True))
    p = e / e.sum(-1, keepdims=True)
    f = p @ V
    loss = np.sum(f * f)
    u = 2.0 * f
    dV = p.transpose(0, 2, 1) @ u
    dp = u @ V.transpose(0, 2, 1)
    ds = p * (dp - (p * dp).sum(-1, keepdims=True)) / np.sqrt(Q.shape[-1])
    dQ = ds @ K
    dK = ds.transpose(0, 2, 1) @ Q
    return [loss, dQ, dK, dV]


def cases() -> dict[str, tuple[str, dict[str, Any], list[Callable[..., Any]]]]:
    draw = np.random.default_rng(0).standard_normal
    images = {"x": draw((8, 3, 32, 32)), "w": draw((16, 3, 3, 3))}
    heads = {name: draw((8, 128, 64)) for name in "QKV"}
    return {
        "conv 8x3x32x32, 16 of 3x3": ("sum(conv2d(x, w)^2)", images, [in_rows, in_columns]),
        "attention 8 x 128 x 64": ("sum(attention(Q, K, V)^2)", heads, [attention]),
    }


def runs() -> list[list[Callable[[], Any]]]:
    """Of every case ours, and the peers."""
    found = []
    for formula, point, peers in cases().values():
        shapes = {n: np.shape(v) for n, v in point.items()}
        graph = with_shapes(parse(formula, shapes), shapes)
        ours = functools.partial(both_passes, graph, point)
        found.append([ours, *(functools.partial(peer, point) for peer in peers)])
    return found


def ratios(rounds: int = _ROUNDS) -> dict[str, tuple[float, list[float]]]:
    """By case: milliseconds of ours, and its ratio to each peer."""
    found = {}
    for name, case in zip(cases(), runs(), strict=True):
        times: list[list[float]] = [[] for _ in case]
        for _ in range(rounds):
            for run, collected in zip(case, times, strict=True):
                start = time.perf_counter()
                run()
                collected.append(time.perf_counter() - start)
        ours, *theirs = [min(t[1:]) for t in times]
        found[name] = (ours * 1e3, [ours / peer for peer in theirs])
    return found


def main() -> Figures:
    peers = {name: [peer.__name__ for peer in case[2]] for name, case in cases().items()}
    found, rows = {}, []
    for name, (ours, by_peer) in ratios().items():
        for peer, ratio in zip(peers[name], by_peer, strict=True):
            called = "by hand" if peer == name.split()[0] else f"by hand, {peer.replace('_', ' ')}"
            rows.append([name, f"{ours:.2f} ms", called, f"{ratio:.2f}x"])
            found[f"{name} / {called}"] = ratio
    table(["case", "backtrace", "against NumPy", "ratio"], rows)
    return found


if __name__ == "__main__":
    main()
