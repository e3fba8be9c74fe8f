"""Forward and backward with every edge kept, as ratios to the same lines written by hand in NumPy.

    python -m tests.benchmarks.arrays

The peers run in the same process, turn by turn; a ratio is of the quickest rounds, since
what disturbs makes nothing quicker. PyTorch's is measured beside
them where it is installed (its graph, retained gradients, one thread count).
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from backtrace.algebra.arrays import ARRAYS, quiet
from backtrace.formula.parser import parse
from backtrace.formula.shapes import with_shapes
from backtrace.graph import Graph
from backtrace.graph.backprop import backward
from tests.benchmarks.figures import Figures, table

_ROUNDS = 101


def relu(point: dict[str, Any]) -> list[Any]:
    x = point["x"]
    h = np.maximum(0, x)
    f = h.sum()
    df = 1.0
    dh = np.full(h.shape, df)
    dx = dh * (x > 0)
    return [f, h, dh, dx]


def network(point: dict[str, Any]) -> list[Any]:
    X, W1, b1, W2, b2, y = (point[n] for n in ("X", "W1", "b1", "W2", "b2", "y"))
    z = X @ W1
    a = z + b1
    h = np.maximum(0, a)
    t = h @ W2
    s = t + b2
    shifted = s - s.max(1, keepdims=True)
    e = np.exp(shifted)
    p = e / e.sum(1, keepdims=True)
    rows = np.arange(len(y))
    k = y.astype(int)
    f = -np.log(p[rows, k]).mean()
    ds = p.copy()
    ds[rows, k] -= 1
    ds /= len(y)
    db2 = ds.sum(0)
    dW2 = h.T @ ds
    dh = ds @ W2.T
    da = dh * (a > 0)
    db1 = da.sum(0)
    dW1 = X.T @ da
    dX = da @ W1.T
    return [f, z, a, h, t, s, ds, db2, dW2, dh, da, db1, dW1, dX]


def norm(point: dict[str, Any]) -> list[Any]:
    W, x = point["W"], point["x"]
    q = W @ x
    square = q**2
    f = square.sum()
    dsquare = np.ones_like(square)
    dq = 2 * q * dsquare
    dW = np.outer(dq, x)
    dx = W.T @ dq
    return [f, q, square, dq, dW, dx]


def cases() -> dict[str, tuple[str, dict[str, Any], Callable[..., Any]]]:
    chance = np.random.default_rng(0)
    draw = chance.standard_normal
    net = {
        "X": draw((128, 784)),
        "W1": 0.01 * draw((784, 100)),
        "b1": np.zeros(100),
        "W2": 0.01 * draw((100, 10)),
        "b2": np.zeros(10),
        "y": chance.integers(0, 10, 128).astype(float),
    }
    deep = "h = max(0, X@W1 + b1); s = h@W2 + b2; L = cross_entropy(s, y)"
    return {
        "relu 100 x 4096": ("sum(max(0, x))", {"x": draw((100, 4096))}, relu),
        "784-100-10, batch 128": (deep, net, network),
        "||Wx||^2, 2048": ("sum((W@x)^2)", {"W": draw((2048, 2048)), "x": draw(2048)}, norm),
    }


def with_torch(formula: str, point: dict[str, Any]) -> Callable[[], Any] | None:
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(2)
    given = {name: torch.tensor(value, requires_grad=name != "y") for name, value in point.items()}

    def forward() -> Any:
        if "max(0, x)" in formula:
            return torch.relu(given["x"]).sum()
        if "X@W1" in formula:
            h = torch.relu(given["X"] @ given["W1"] + given["b1"])
            s = h @ given["W2"] + given["b2"]
            return torch.nn.functional.cross_entropy(s, given["y"].long())
        return ((given["W"] @ given["x"]) ** 2).sum()

    def run() -> Any:
        for tensor in given.values():
            tensor.grad = None
        forward().backward()
        return [tensor.grad for tensor in given.values()]

    return run


def both_passes(graph: Graph, point: dict[str, Any]) -> Any:
    with quiet():
        values = graph.evaluate(ARRAYS, point)
        return values, backward(graph, values, ARRAYS)


def ratios(rounds: int = _ROUNDS) -> dict[str, tuple[float, float, float | None]]:
    """By case: milliseconds by hand, ours as a ratio to that, PyTorch's as a ratio."""
    found = {}
    for name, (formula, point, by_hand) in cases().items():
        shapes = {n: np.shape(v) for n, v in point.items()}
        graph = with_shapes(parse(formula, shapes), shapes)
        runs: list[Callable[[], Any]] = [
            functools.partial(by_hand, point),
            functools.partial(both_passes, graph, point),
        ]
        torch_run = with_torch(formula, point)
        runs += [torch_run] if torch_run else []
        times: list[list[float]] = [[] for _ in runs]
        for _ in range(rounds):
            for run, collected in zip(runs, times, strict=True):
                start = time.perf_counter()
                run()
                collected.append(time.perf_counter() - start)
        quickest = [min(t[1:]) for t in times]
        torch_ratio = quickest[2] / quickest[0] if torch_run else None
        found[name] = (quickest[0] * 1e3, quickest[1] / quickest[0], torch_ratio)
    return found


def main() -> Figures:
    found, rows = {}, []
    for name, (by_hand, ours, torch_ratio) in ratios().items():
        peer = f"{torch_ratio:.2f}x" if torch_ratio else "-"
        rows.append([name, f"{by_hand:.2f} ms", f"{ours:.2f}x", peer])
        found[f"{name} / NumPy by hand"] = ours
        if torch_ratio:
            found[f"{name} / PyTorch"] = ours / torch_ratio
    table(["case", "NumPy by hand", "backtrace", "PyTorch, two threads"], rows)
    return found


if __name__ == "__main__":
    main()
