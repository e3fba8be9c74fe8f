"""Formulas of arrays at many points, an x or a W for each: microseconds a point, against the same
lines by hand on arrays with one axis more, JAX's compiled vmap and PyTorch's.

    python -m tests.benchmarks.rows

By hand means: batched products, einsum for the gradient of a matrix at each point, in blocks of
rows as large as backtrace's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import backtrace
from tests.benchmarks.figures import Figures, in_turn, table

COUNT, BLOCK, ROUNDS = 20_000, 1_000, 5
Columns = dict[str, Any]


class Case(NamedTuple):
    """`by_hand` gives the value and the gradients by all inputs, at some rows."""

    name: str
    formula: str
    over: tuple[str, ...]
    columns: Columns
    by_hand: Callable[..., tuple[Any, ...]]
    peer: Callable[..., Any]  # of jax.numpy or torch


def _quadratic(W: Any, x: Any) -> tuple[Any, ...]:
    y = x @ W.T
    u = 2 * y
    return np.square(y).sum(1), np.einsum("ni,nj->nij", u, x), u @ W


def _of_a_matrix_each(W: Any, x: Any) -> tuple[Any, ...]:
    y = np.matmul(W, x[:, :, None])[..., 0]
    u = 2 * y
    return np.square(y).sum(1), np.einsum("ni,nj->nij", u, x), np.einsum("ni,nij->nj", u, W)


def _net(V: Any, W: Any, b: Any, c: Any, x: Any, y: Any) -> tuple[Any, ...]:
    a = x @ W.T + b
    h = np.maximum(0, a)
    z = h @ V.T + c
    z -= z.max(1, keepdims=True)
    p = np.exp(z)
    total = p.sum(1)
    rows, right = np.arange(len(x)), y.astype(int)
    loss = np.log(total) - z[rows, right]
    p /= total[:, None]
    p[rows, right] -= 1
    da = (p @ V) * (a > 0)
    dV, dW = np.einsum("ni,nj->nij", p, h), np.einsum("ni,nj->nij", da, x)
    return loss, dV, dW, da, p, da @ W


def cases() -> Iterator[Case]:
    chance = np.random.default_rng(0)
    W, x = chance.normal(size=(4, 3)), chance.normal(size=(COUNT, 3))
    quadratic = "sum((W@x)^2)"
    yield Case(
        "`sum((W@x)^2)`, an x at each",
        quadratic,
        ("x",),
        {"W": W, "x": x},
        _quadratic,
        lambda m, W, x: ((W @ x) ** 2).sum(),
    )
    each = chance.normal(size=(COUNT, 4, 3))
    yield Case(
        "`sum((W@x)^2)`, a W and an x at each",
        quadratic,
        ("W", "x"),
        {"W": each, "x": x},
        _of_a_matrix_each,
        lambda m, W, x: ((W @ x) ** 2).sum(),
    )
    columns = {
        "V": chance.normal(size=(3, 8)),
        "W": chance.normal(size=(8, 4)),
        "b": chance.normal(size=8),
        "c": np.zeros(3),
        "x": chance.normal(size=(COUNT, 4)),
        "y": chance.integers(0, 3, COUNT).astype(float),
    }

    def loss(m: Any, V: Any, W: Any, b: Any, c: Any, x: Any, y: Any) -> Any:
        z = V @ m.maximum(W @ x + b, 0 * b) + c
        classes = m.arange(3)
        return m.log(m.exp(z).sum()) - m.where(classes == y, z, 0 * z).sum()

    yield Case(
        "two layers and cross-entropy, an x and a class at each",
        "cross_entropy(V@max(0, W@x + b) + c, y)",
        ("x", "y"),
        columns,
        _net,
        loss,
    )


def in_blocks(case: Case) -> Callable[[], list[Any]]:
    def work() -> list[Any]:
        found: list[Any] = []
        for start in range(0, COUNT, BLOCK):
            part = slice(start, start + BLOCK)
            given = {n: c[part] if n in case.over else c for n, c in case.columns.items()}
            results = case.by_hand(**given)
            found = found or [np.empty((COUNT, *np.shape(r)[1:])) for r in results]
            for column, result in zip(found, results, strict=True):
                column[part] = result
        return found

    return work


def jax_peer(case: Case) -> Callable[[], Any]:
    import jax

    jax.config.update("jax_enable_x64", True)
    names = list(case.columns)
    wanted = tuple(k for k, name in enumerate(names) if name != "y")
    axes = tuple(0 if name in case.over else None for name in names)
    one = jax.value_and_grad(lambda *given: case.peer(jax.numpy, *given), argnums=wanted)
    both = jax.jit(jax.vmap(one, in_axes=axes))
    given = [jax.numpy.asarray(case.columns[name]) for name in names]
    jax.block_until_ready(both(*given))  # without its compile
    return lambda: jax.block_until_ready(both(*given))


def torch_peer(case: Case) -> Callable[[], Any]:
    import torch

    torch.set_num_threads(1)
    names = list(case.columns)
    wanted = tuple(k for k, name in enumerate(names) if name != "y")
    axes = tuple(0 if name in case.over else None for name in names)
    one = torch.func.grad_and_value(lambda *given: case.peer(torch, *given), argnums=wanted)
    both = torch.func.vmap(one, in_dims=axes)
    given = [torch.tensor(case.columns[name]) for name in names]
    return lambda: both(*given)


def held_together(case: Case, made: Any) -> None:
    """A benchmark of wrong numbers measures nothing."""
    ours = list(made(case.columns).values())
    for mine, hand in zip(ours, in_blocks(case)(), strict=False):
        np.testing.assert_allclose(mine, hand, rtol=1e-9, atol=1e-12)


def main() -> Figures:
    found, rows, missing = {}, [], set()
    for case in cases():
        made = backtrace.vectorize(case.formula, over=case.over, wrt=list(case.columns))
        held_together(case, made)
        works: dict[str, Callable[[], Any]] = {
            "hand": in_blocks(case),
            "ours": lambda made=made, case=case: made(case.columns),
        }
        for name, peer in (("jax", jax_peer), ("torch", torch_peer)):
            try:
                works[name] = peer(case)
            except ImportError:
                missing.add(name)
        best = in_turn(works, ROUNDS)
        floor = best["hand"]
        row = [case.name, f"{floor / COUNT * 1e6:.2f} µs"]
        for name in ("ours", "jax", "torch"):
            row.append(f"{best[name] / floor:.2f}x" if name in best else "-")
        rows.append(row)
        found[f"{case.name} / NumPy by hand"] = best["ours"] / floor
    if missing:
        print(f"{', '.join(sorted(missing))}: not installed\n")
    table(["at each of 20,000 points", "NumPy by hand", "backtrace", "JAX", "PyTorch"], rows)
    return found


if __name__ == "__main__":
    main()
