"""Forward and backward of scalar graphs, every edge kept: microseconds a gate, beside peers.

    python -m tests.benchmarks.scalars

The floor is a flat tape written for nothing but + - * in plain Python. micrograd and PyTorch
(gradients retained at every node, one thread) run in the same process, where they are installed.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from typing import Any

from backtrace.algebra.floats import FLOATS
from backtrace.formula.parser import parse
from backtrace.graph import Graph
from backtrace.graph.backprop import backward
from tests.benchmarks.figures import Figures, table

SIZES = (100, 1_000, 10_000, 100_000)
POINT = {"x": 0.9, "y": 0.8, "z": 0.7}


def chain(gates: int) -> str:
    chance = random.Random(1)
    return " ".join(["x + y*z", *(chance.choice(("+ y", "* z", "- x")) for _ in range(gates - 2))])


def dag(gates: int) -> str:
    """Wide: every gate reads two of the hundred before it; all of them reach the output."""
    chance = random.Random(1)
    names, lines = list(POINT), []
    for k in range(gates // 2):
        a, b = chance.choice(names[-100:]), chance.choice(names[-100:])
        lines.append(f"s{k} = {a} {chance.choice('+-')} {b}")
        names.append(f"s{k}")
    return "; ".join([*lines, "f = " + " + ".join([*POINT, *names[3:]])])


def operations(graph: Graph) -> list[tuple[str, int, int]]:
    return [(g.name, *node.inputs) for _, node, g in graph.gates()]  # type: ignore[misc]


def tape(graph: Graph) -> Callable[[], None]:
    """The floor: nothing is said of what it does."""
    steps, start = operations(graph), list(POINT.values())

    def work() -> None:
        values = list(start)
        for name, a, b in steps:
            x, y = values[a], values[b]
            values.append(x + y if name == "add" else x - y if name == "sub" else x * y)
        up = [0.0] * len(values)
        up[-1] = 1.0
        edges = []
        for k in range(len(steps) - 1, -1, -1):
            name, a, b = steps[k]
            u = up[k + len(start)]
            if name == "mul":
                p, q = values[b], values[a]
            else:
                p, q = 1.0, 1.0 if name == "add" else -1.0
            up[a] += u * p
            up[b] += u * q
            edges.append((p, q, u * p, u * q))

    return work


def ours(graph: Graph) -> Callable[[], None]:
    return lambda: backward(graph, graph.evaluate(FLOATS, POINT), FLOATS) and None


def _by(leaf: Callable[[float], Any], end: Callable[[list[Any]], None]) -> Any:
    def peer(graph: Graph) -> Callable[[], None]:
        steps = operations(graph)

        def work() -> None:
            values = [leaf(value) for value in POINT.values()]
            for name, a, b in steps:
                x, y = values[a], values[b]
                values.append(x + y if name == "add" else x - y if name == "sub" else x * y)
            end(values)

        return work

    return peer


def micrograd() -> Any:
    from micrograd.engine import Value

    sys.setrecursionlimit(10_000)
    return _by(Value, lambda values: values[-1].backward())


def torch() -> Any:
    import torch

    torch.set_num_threads(1)

    def end(values: list[Any]) -> None:
        for value in values[3:]:
            value.retain_grad()
        values[-1].backward()

    return _by(lambda v: torch.tensor(v, dtype=torch.float64, requires_grad=True), end)


def autograd() -> Any:
    import autograd

    def peer(graph: Graph) -> Callable[[], None]:
        steps = operations(graph)

        def function(inputs: Any) -> Any:
            values = list(inputs)
            for name, a, b in steps:
                x, y = values[a], values[b]
                values.append(x + y if name == "add" else x - y if name == "sub" else x * y)
            return values[-1]

        gradient = autograd.grad(function)
        return lambda: gradient(tuple(POINT.values()))

    return peer


def main() -> Figures:
    tools: dict[str, Any] = {"a flat tape": tape, "backtrace": ours}
    missing = []
    for peer in (micrograd, autograd, torch):
        try:
            tools[peer.__name__] = peer()
        except ImportError:
            missing.append(peer.__name__)
    if missing:
        print(f"{', '.join(missing)}: not installed\n")
    found: Figures = {}
    for kind, called in ((chain, "a chain"), (dag, "a wide graph")):
        graphs = [parse(kind(size), POINT) for size in SIZES]
        taken = {name: [_taken(tool, graph) for graph in graphs] for name, tool in tools.items()}
        cells = {name: [_cell(number) for number in row] for name, row in taken.items()}
        heads = [f"{called}, microseconds a gate", *(f"{size:,} gates" for size in SIZES)]
        table(heads, [[name, *row] for name, row in cells.items()])
        print()
        for name, row in taken.items():
            for size, mine, theirs in zip(SIZES, taken["backtrace"], row, strict=True):
                if name != "backtrace" and mine and theirs:
                    found[f"{called}, {size:,} gates / {name}"] = mine / theirs
    return found


def _cell(microseconds: float | None) -> str:
    return "recursion error" if microseconds is None else f"{microseconds:.2f}"


def _taken(tool: Any, graph: Graph) -> float | None:
    """Microseconds a gate; None where it recurses too deep."""
    try:
        work, times = tool(graph), []
        for _ in range(5):
            began = time.perf_counter()
            work()
            times.append(time.perf_counter() - began)
            if times[0] > 5:
                break
    except RecursionError:
        return None
    return min(times) / graph.gate_count * 1e6


if __name__ == "__main__":
    main()
