"""The lecture's neuron at a million points: nanoseconds a point, and as ratios to NumPy by hand.

    python -m tests.benchmarks.points

By hand means: in blocks, into buffers that are used again, the sigmoid's slope as s*(1 - s). Peers
that are not installed are skipped by name. Then files: CSV in and out, beside NumPy's own reading
and writing of the same files.
"""

from __future__ import annotations

import ctypes
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import backtrace
from tests.benchmarks.figures import Figures, table

FORMULA = "1/(1+exp(-(w0*x0+w1*x1+w2)))"
NAMES = ("w0", "x0", "w1", "x1", "w2")
COUNT, BLOCK, ROUNDS = 1_000_000, 16_384, 31


def by_hand(columns: dict[str, Any], out: dict[str, Any]) -> None:
    a, b = np.empty(BLOCK), np.empty(BLOCK)
    results = list(out.values())
    for start in range(0, COUNT, BLOCK):
        part = slice(start, min(COUNT, start + BLOCK))
        w0, x0, w1, x1, w2 = (columns[name][part] for name in NAMES)
        f, dw0, dx0, dw1, dx1, dw2 = (result[part] for result in results)
        t, u = a[: len(f)], b[: len(f)]
        np.multiply(w0, x0, out=t)
        np.multiply(w1, x1, out=u)
        np.add(t, u, out=t)
        np.add(t, w2, out=t)
        np.negative(t, out=t)
        np.exp(t, out=t)
        np.add(t, 1.0, out=t)
        np.divide(1.0, t, out=f)
        np.subtract(1.0, f, out=t)
        np.multiply(t, f, out=dw2)
        np.multiply(dw2, x0, out=dw0)
        np.multiply(dw2, w0, out=dx0)
        np.multiply(dw2, x1, out=dw1)
        np.multiply(dw2, w1, out=dx1)


def torch_peer(columns: dict[str, Any]) -> Callable[[], Any]:
    import torch

    torch.set_num_threads(1)
    leaves = [torch.tensor(columns[name], requires_grad=True) for name in NAMES]

    def work() -> Any:
        w0, x0, w1, x1, w2 = leaves
        f = 1 / (1 + torch.exp(-(w0 * x0 + w1 * x1 + w2)))
        return torch.autograd.grad(f.sum(), leaves)

    return work


def jax_peer(columns: dict[str, Any]) -> Callable[[], Any]:
    import jax

    jax.config.update("jax_enable_x64", True)

    def neuron(w0: Any, x0: Any, w1: Any, x1: Any, w2: Any) -> Any:
        return 1 / (1 + jax.numpy.exp(-(w0 * x0 + w1 * x1 + w2)))

    both = jax.jit(jax.vmap(jax.value_and_grad(neuron, argnums=tuple(range(5)))))
    given = [jax.numpy.asarray(columns[name]) for name in NAMES]
    jax.block_until_ready(both(*given))  # without its compile
    return lambda: jax.block_until_ready(both(*given))


def sympy_peer(columns: dict[str, Any]) -> Callable[[], Any]:
    import sympy

    symbols = sympy.symbols(NAMES)
    w0, x0, w1, x1, w2 = symbols
    f = 1 / (1 + sympy.exp(-(w0 * x0 + w1 * x1 + w2)))
    every = sympy.lambdify(symbols, [f, *(f.diff(s) for s in symbols)], "numpy", cse=True)
    return lambda: every(*(columns[name] for name in NAMES))


_C = """
#include <math.h>
typedef const double *restrict in;
typedef double *restrict out;
void neuron(long n, in w0, in x0, in w1, in x1, in w2,
            out f, out dw0, out dx0, out dw1, out dx1, out dw2) {
    for (long i = 0; i < n; i++) {
        double s = 1 / (1 + exp(-(w0[i]*x0[i] + w1[i]*x1[i] + w2[i]))), g = s * (1 - s);
        f[i] = s; dw2[i] = g;
        dw0[i] = g * x0[i]; dx0[i] = g * w0[i]; dw1[i] = g * x1[i]; dx1[i] = g * w1[i];
    }
}
"""


def c_peer(columns: dict[str, Any]) -> Callable[[], Any]:
    """Raises ImportError where there is no compiler of C."""
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise ImportError
    with tempfile.TemporaryDirectory() as folder:
        source, library = pathlib.Path(folder, "neuron.c"), pathlib.Path(folder, "neuron.so")
        source.write_text(_C)
        words = ["-O3", "-march=native", "-shared", "-fPIC", str(source), "-o", str(library)]
        subprocess.run([compiler, *words, "-lm"], check=True)
        neuron = ctypes.CDLL(str(library)).neuron
    results = [np.empty(COUNT) for _ in range(6)]
    ends = [ctypes.c_void_p(c.ctypes.data) for c in (*columns.values(), *results)]
    keep = results  # the addresses are theirs
    return lambda: (neuron(ctypes.c_long(COUNT), *ends), keep)


PEERS = {
    "C, -O3 -march=native": c_peer,
    "torch, one thread": torch_peer,
    "jax, compiled": jax_peer,
    "SymPy lambdify": sympy_peer,
}


def main() -> Figures:
    chance = np.random.default_rng(0)
    columns = {name: chance.uniform(-1, 1, COUNT) for name in NAMES}
    made, fused = backtrace.vectorize(FORMULA), backtrace.vectorize(FORMULA, fuse=True)
    compiled = backtrace.vectorize(FORMULA, compiled=True)
    out, theirs = ({name: np.empty(COUNT) for name in made.results} for _ in "ab")
    work: dict[str, Callable[[], Any]] = {
        "NumPy by hand": lambda: by_hand(columns, theirs),
        "backtrace": lambda: made(columns, out=out),
        "backtrace, --fuse": lambda: fused(columns, out=out),
        "backtrace, two threads": lambda: made(columns, jobs=2, out=out),
        "backtrace, compiled": lambda: compiled(columns, out=out),
        "backtrace, compiled, two threads": lambda: compiled(columns, jobs=2, out=out),
        "copying the columns": lambda: [np.copyto(out["f"], columns[name]) for name in NAMES],
    }
    missing = []
    for name, peer in PEERS.items():
        try:
            work[name] = peer(columns)
        except ImportError:
            missing.append(name)
    if missing:
        print(f"{'; '.join(missing)}: not installed\n")
    taken: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(ROUNDS):
        for name, run in work.items():
            began = time.perf_counter()
            run()
            taken[name].append(time.perf_counter() - began)
    floor = taken["NumPy by hand"]
    found, rows = {}, []
    for name, times in taken.items():
        ratio = min(times) / min(floor)
        rows.append([name, f"{min(times) / COUNT * 1e9:.1f}", f"{ratio:.2f}"])
        if times is not floor:
            found[f"{name} / NumPy by hand"] = ratio
    table(["a million points of the neuron", "ns a point", "against NumPy by hand"], rows)
    print()
    return found | files(columns)


def files(columns: dict[str, Any]) -> Figures:
    """CSV to CSV as a whole command, and NumPy's own reading and writing."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = pathlib.Path(folder, "in.csv"), pathlib.Path(folder, "out.csv")
        rows = np.column_stack([columns[name] for name in NAMES])
        began = time.perf_counter()
        np.savetxt(source, rows, delimiter=",", header=",".join(NAMES), comments="", fmt="%.17g")
        taken = {"`np.savetxt` of 5 columns": time.perf_counter() - began}
        began = time.perf_counter()
        np.loadtxt(source, delimiter=",", skiprows=1)
        taken["`np.loadtxt` of 5 columns"] = time.perf_counter() - began
        for jobs in (1, 2):
            words = [sys.executable, "-m", "backtrace", FORMULA, "--points", str(source)]
            began = time.perf_counter()
            ended = os.spawnv(
                os.P_WAIT, sys.executable, [*words, "-o", str(target), "--jobs", str(jobs)]
            )
            assert ended == 0
            taken[f"`--points`, `--jobs {jobs}`, 6 columns out"] = time.perf_counter() - began
    whole = sum(list(taken.values())[:2])
    table(
        ["CSV of a million rows", "seconds", "against reading and writing by NumPy"],
        [[name, f"{s:.1f}", f"{s / whole:.2f}"] for name, s in taken.items()],
    )
    plain = {name.replace("`", ""): s for name, s in taken.items()}
    return {f"{name} / NumPy's own": s / whole for name, s in list(plain.items())[2:]}


if __name__ == "__main__":
    main()
