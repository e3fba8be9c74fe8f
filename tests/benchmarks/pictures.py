"""How big every format is, and how long it takes to draw, at 5, 60 and 1,000 gates.

Beside the trace itself without its check, and beside Graphviz drawing the same graph, where it is
installed.

    python -m tests.benchmarks.pictures
"""

from __future__ import annotations

import random
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable

import backtrace
from backtrace.render import View, data, formats

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


def median(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    cases = [formula(gates) for gates in SIZES]
    traces = [backtrace.trace(*case, check=False) for case in cases]
    print("format    " + "".join(f"{f'{gates:,} gates':>24}" for gates in SIZES))
    for format in formats():
        row = f"{format:<10}"
        for trace in traces:
            try:
                size = len(data(trace, format, View()))
                taken = median(lambda trace=trace, format=format: data(trace, format, View()))
                cell = f"{size / 1000:,.1f} kB {1000 * taken:,.1f} ms"
            except backtrace.BacktraceError as refused:
                cell = str(refused).splitlines()[0][:22]
            row += f"{cell:>24}"
        print(row)
    row = "the trace "
    for case in cases:
        taken = median(lambda case=case: backtrace.trace(*case, check=False))
        row += f"{f'{1000 * taken:,.1f} ms':>24}"
    print(row)
    if shutil.which("dot"):
        row = "dot -Tsvg "
        for trace in traces:
            text = data(trace, "dot", View())
            start = time.perf_counter()
            try:
                subprocess.run(["dot", "-Tsvg"], input=text, capture_output=True, timeout=120)
                cell = f"{1000 * (time.perf_counter() - start):,.0f} ms"
            except subprocess.TimeoutExpired:
                cell = "over 120 s"
            row += f"{cell:>24}"
        print(row)


if __name__ == "__main__":
    main()
