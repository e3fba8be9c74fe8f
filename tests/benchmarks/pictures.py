"""How big every format is, and how long it takes to draw, at 5, 60 and 1,000 gates.

Beside the trace itself without its check, and beside Graphviz drawing the same graph, where it is
installed.

    python -m tests.benchmarks.pictures
"""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections.abc import Callable

import backtrace
from backtrace.render import View, data, formats
from tests.benchmarks.figures import Figures, table, told

SIZES = (5, 60, 1000)
ROUNDS = 5


def formula(gates: int) -> tuple[str, dict[str, float]]:
    """Sums and products of what is near, as formulas have them."""
    chance = random.Random(gates)
    names = ["x", "y", "z", "s0", "s1"]
    stages = ["s0 = x*y", "s1 = s0 + z"]
    while len(stages) < gates:
        near = names[-6:]
        name = f"s{len(stages)}"
        stages.append(f"{name} = {chance.choice(near)} {chance.choice('-*')} {near[-1]}")
        names.append(name)
    return "; ".join(stages), {"x": 0.9, "y": 1.1, "z": 0.7}


def quickest(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> Figures:
    cases = [formula(gates) for gates in SIZES]
    traces = [backtrace.trace(*case, check=False) for case in cases]
    own = [quickest(lambda case=case: backtrace.trace(*case, check=False)) for case in cases]
    rows = [["the trace, no check", *map(told, own)]]
    found: Figures = {}
    for format in formats():
        cells = []
        for gates, trace, traced in zip(SIZES, traces, own, strict=True):
            try:
                size = len(data(trace, format, View()))
                taken = quickest(lambda trace=trace, format=format: data(trace, format, View()))
                cells.append(f"{_kilobytes(size)}, {told(taken)}")
                found[f"{format} of {gates:,} gates / the trace"] = taken / traced
                found[f"{format} of {gates:,} gates, kB"] = size / 1000
            except backtrace.BacktraceError as refused:
                cells.append(str(refused).splitlines()[0])
        rows.append([format, *cells])
    if shutil.which("dot"):
        rows.append(["`dot -Tsvg`, the peer", *map(_graphviz, traces)])
    table(["", *(f"{gates:,} gates" for gates in SIZES)], rows)
    return found


def _kilobytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1000:.3g} kB"


def _graphviz(trace: backtrace.Trace) -> str:
    text = data(trace, "dot", View())
    start = time.perf_counter()
    try:
        subprocess.run(["dot", "-Tsvg"], input=text, capture_output=True, timeout=120)
    except subprocess.TimeoutExpired:
        return "over 120 s"
    return told(time.perf_counter() - start)


if __name__ == "__main__":
    main()
