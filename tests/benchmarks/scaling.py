"""How the work grows with the gates: microseconds a gate, and the growth exponent (log-log).

    python -m tests.benchmarks.scaling [ROUNDS]

The formula is a recurrence, `a1 = a0*y + 1` and so on, which no rewriting can shorten. An exponent
of 1 is linear.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable

import backtrace
from backtrace.algebra.floats import FLOATS
from backtrace.formula.parser import parse
from backtrace.graph.backprop import backward
from tests.benchmarks.figures import Figures, table

SIZES = (1_000, 10_000, 100_000)
POINT = {"x": 1.0, "y": 0.5}


def recurrence(gates: int) -> str:
    lines = (f"a{i} = a{i - 1}*y + 1" for i in range(1, gates // 2))
    return "\n".join(["a0 = x*y + 1", *lines])


def stages(gates: int) -> dict[str, Callable[[], object]]:
    text = recurrence(gates)
    graph = parse(text, POINT)
    values = graph.evaluate(FLOATS, POINT)
    trace = backtrace.trace(text, POINT, check=False)
    return {
        "parse": lambda: parse(text, POINT),
        "forward": lambda: graph.evaluate(FLOATS, POINT),
        "backward, every edge": lambda: backward(graph, values, FLOATS),
        "JSON": trace.to_json,
        "table": trace.show,
        "whole trace, checked": lambda: backtrace.trace(text, POINT),
    }


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main(rounds: int = 3) -> Figures:
    quickest: dict[str, list[float]] = {}
    for gates in SIZES:
        for name, work in stages(gates).items():
            taken = min(seconds(work) for _ in range(rounds))
            quickest.setdefault(name, []).append(taken / gates)
    found, rows = {}, []
    for name, taken in quickest.items():
        growth = 1 + math.log(taken[-1] / taken[-2]) / math.log(SIZES[-1] / SIZES[-2])
        rows.append([name, *(f"{t * 1e6:.1f}" for t in taken), f"{growth:.2f}"])
        found[f"{name}, growth exponent"] = growth
        found[f"{name} / forward, {SIZES[-1]:,} gates"] = taken[-1] / quickest["forward"][-1]
    heads = ["microseconds a gate", *(f"{gates:,} gates" for gates in SIZES), "growth exponent"]
    table(heads, rows)
    return found


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
