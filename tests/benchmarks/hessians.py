"""Hessians of numbers and of arrays, as `trace.hessian()` gives them: checked, with what they look
like; and of arrays the n columns alone.

    python -m tests.benchmarks.hessians

The floor is n times our own backward pass of the gradient: no way that works with gradients takes
less for n columns. Of numbers SymPy differentiates twice, and the peer is SymPy doing that alone.
PyTorch and JAX (compiled, without its compile), where they are installed, have the entries of the
same Hessians, unchecked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

import backtrace
from backtrace.algebra.arrays import ARRAYS, quiet
from backtrace.algebra.floats import FLOATS
from backtrace.graph.backprop import backward
from tests.benchmarks.figures import Figures, in_turn, table, told

ROUNDS = 7
NUMBERS = ("1/(1+exp(-(w0*x0+w1*x1+w2)))", {"w0": 2, "x0": -1, "w1": -3, "x1": -2, "w2": -3})
ARRAY = "sum(tanh(W@x)^2) + sum(x^4)"
SIZES = (10, 90)


def point(size: int) -> dict[str, Any]:
    """x is asked for; W stands."""
    draw = np.random.default_rng(0).standard_normal
    return {"W": draw((size, size)) / size, "x": draw(size)}


def gradients(trace: backtrace.Trace, columns: int) -> Callable[[], None]:
    """The floor."""
    m = ARRAYS if trace.has_arrays else FLOATS

    def work() -> None:
        with quiet():
            for _ in range(columns):
                backward(trace.graph, trace.values, m)

    return work


def with_sympy() -> Callable[[], Any]:
    import sympy

    _, given = NUMBERS
    names = sympy.symbols(list(given))
    w0, x0, w1, x1, w2 = names
    f = 1 / (1 + sympy.exp(-(w0 * x0 + w1 * x1 + w2)))
    values = dict(zip(names, given.values(), strict=True))

    def work() -> Any:
        sympy.core.cache.clear_cache()  # it would only look up what it found before
        return [f.diff(a, b).evalf(subs=values) for i, a in enumerate(names) for b in names[i:]]

    return work


def with_torch(given: dict[str, Any]) -> Callable[[], Any]:
    import torch

    torch.set_num_threads(1)
    W, x = (torch.tensor(given[name]) for name in "Wx")

    def f(x: Any) -> Any:
        return (torch.tanh(W @ x) ** 2).sum() + (x**4).sum()

    return lambda: torch.autograd.functional.hessian(f, x)


def with_jax(given: dict[str, Any]) -> Callable[[], Any]:
    import jax

    jax.config.update("jax_enable_x64", True)
    W, x = (jax.numpy.asarray(given[name]) for name in "Wx")
    of = jax.jit(jax.hessian(lambda x: (jax.numpy.tanh(W @ x) ** 2).sum() + (x**4).sum()))
    jax.block_until_ready(of(x))
    return lambda: jax.block_until_ready(of(x))


def anew(trace: backtrace.Trace) -> Callable[[], Any]:
    """`hessian()` of a trace that has not been asked before."""
    return lambda: replace(trace).hessian()


def main(rounds: int = ROUNDS) -> Figures:
    cases: dict[str, tuple[backtrace.Trace, int, dict[str, Callable[[], Any]]]] = {}
    of_numbers = backtrace.trace(*NUMBERS, check=False)
    cases["the neuron, 5 numbers"] = (of_numbers, 5, {"SymPy": with_sympy()})
    for size in SIZES:
        given = point(size)
        trace = backtrace.trace(ARRAY, given, wrt=["x"], check=False)
        peers, missing = {}, []
        for name, peer in {"PyTorch": with_torch, "JAX": with_jax}.items():
            try:
                peers[name] = peer(given)
            except ImportError:
                missing.append(name)
        cases[f"`{ARRAY}`, {size} entries of x"] = (trace, size, peers)
    if missing:
        print(f"{', '.join(missing)}: not installed\n")
    rows, found = [], {}
    for name, (trace, count, peers) in cases.items():
        floor = {"floor": gradients(trace, count), "ours": anew(trace)}
        taken = in_turn({**floor, **peers}, rounds)
        ratio = taken["ours"] / taken["floor"]
        short = name.split(", ")[-1]
        found[f"{short} / as many backward passes"] = ratio
        found |= {f"{short} / {peer}": taken["ours"] / taken[peer] for peer in peers}
        others = [told(taken[p]) if p in peers else "-" for p in ("SymPy", "PyTorch", "JAX")]
        rows.append([name, told(taken["floor"]), f"{told(taken['ours'])} ({ratio:.1f}x)", *others])
    table(["", "n backward passes", "`hessian()`", "SymPy", "PyTorch", "JAX"], rows)
    return found


if __name__ == "__main__":
    main()
