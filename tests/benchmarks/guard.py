"""A change that doubles the work is seen: a few ratios, each against a floor or a peer in the same
run, held against those in record.json with a generous limit. No time is compared with a time.

    python -m tests.benchmarks.guard            # exit status 1 where a ratio is above its limit
    python -m tests.benchmarks.guard --record   # writes the ratios down
"""

from __future__ import annotations

import ast
import json
import pathlib
import sys
import time
from collections.abc import Callable

import numpy as np

import backtrace
from backtrace.code import read_code
from backtrace.formula.parser import parse
from tests.benchmarks import parsing, points, scalars, startup, windows

RECORD = pathlib.Path(__file__).with_name("record.json")
LIMIT = 1.7  # times what was recorded
MOST = {
    "code of 1,000 lines / as a formula": 3.0,
    "convolution / im2col by hand": 1.5,
    "attention / NumPy by hand": 1.3,
}
"""What a ratio may be at the very most, whatever was recorded."""
_ROUNDS = 15


def ratio(work: Callable[[], object], floor: Callable[[], object]) -> float:
    """The quickest of some rounds each, in turn: what disturbs makes nothing quicker."""
    best = [float("inf"), float("inf")]
    for _ in range(_ROUNDS):
        for k, run in enumerate((work, floor)):
            began = time.perf_counter()
            run()
            best[k] = min(best[k], time.perf_counter() - began)
    return best[0] / best[1]


def measured() -> dict[str, float]:
    graph = parse(scalars.dag(4_000), scalars.POINT)
    text = scalars.dag(1_000)
    python = text.replace("; ", "\n")
    code = parsing.staged(1_000)
    formula = read_code(code, "staged.py").formula
    trace = backtrace.trace(text, scalars.POINT, check=False)
    chance = np.random.default_rng(0)
    columns = {name: chance.uniform(-1, 1, points.COUNT) for name in points.NAMES}
    made = backtrace.vectorize(points.FORMULA)
    out = {name: np.empty(points.COUNT) for name in made.results}
    commands = {name.split()[-1].strip("()-"): words for name, words in startup.COMMANDS.items()}
    peer = next(iter(startup.COMMANDS.values()))
    found = {
        "forward and backward / a flat tape": ratio(scalars.ours(graph), scalars.tape(graph)),
        "parsing / ast.parse": ratio(lambda: parse(text), lambda: ast.parse(python)),
        "code of 1,000 lines / as a formula": ratio(
            lambda: read_code(code, "staged.py"), lambda: parse(formula)
        ),
        "JSON of a trace / its two passes": ratio(trace.to_json, scalars.ours(trace.graph)),
        "many points / NumPy by hand": ratio(
            lambda: made(columns, out=out), lambda: points.by_hand(columns, out)
        ),
    }
    for name, case in zip(
        ("convolution / im2col", "attention / NumPy"), windows.runs(), strict=True
    ):
        found[f"{name} by hand"] = ratio(*case[:2])
    for name in ("checked", "no-check", "help"):
        found[f"{name} command / import sympy"] = ratio(
            lambda name=name: startup.seconds(commands[name]), lambda: startup.seconds(peer)
        )
    return found


def main(is_recording: bool) -> int:
    found = measured()
    if is_recording:
        rounded = {name: round(value, 2) for name, value in found.items()}
        RECORD.write_text(json.dumps(rounded, indent=2) + "\n", "utf-8")
        return 0
    record = json.loads(RECORD.read_text("utf-8"))
    worse = 0
    for name, value in found.items():
        is_worse = value > min(LIMIT * record[name], MOST.get(name, float("inf")))
        worse += is_worse
        print(
            f"{'WORSE' if is_worse else 'fine ':<6}{name:<40}{value:6.2f}  was {record[name]:.2f}"
        )
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main("--record" in sys.argv))
