"""Reading a formula, against `ast.parse` of the same text (Python's own parser, in C); and reading
staged code of NumPy, against our own grammar reading the same formula (3 times that is the most).

python -m tests.benchmarks.parsing
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable

from backtrace.code import read_code
from backtrace.formula.parser import parse
from tests.benchmarks.figures import Figures, table
from tests.benchmarks.scalars import chain, dag

SIZES = (100, 1_000, 10_000, 100_000)


def staged(lines: int) -> str:
    """A program of so many stages, each a line."""
    begin = ["import numpy as np", "w, b, h0 = 0.5, 0.1, 1.0"]
    rows = (f"h{k + 1} = np.tanh(h{k}*w + b)" for k in range(lines))
    return "\n".join([*begin, *rows])


def microseconds(work: Callable[[], object], gates: int) -> float | None:
    times = []
    for _ in range(5):
        began = time.perf_counter()
        try:
            work()
        except (RecursionError, MemoryError, SyntaxError):
            return None
        times.append(time.perf_counter() - began)
    return min(times) / gates * 1e6


def main() -> Figures:
    found: Figures = {}
    rows = []
    for kind, called in ((chain, "a single long sum"), (dag, "stages")):
        for size in SIZES:
            text = kind(size)
            python = text.replace("; ", "\n")
            theirs = microseconds(lambda python=python: ast.parse(python), size)
            ours = microseconds(lambda text=text: parse(text), size)
            assert ours is not None
            shown = "refused" if theirs is None else f"{theirs:.1f}"
            ratio = "" if theirs is None else f"{ours / theirs:.1f}"
            rows.append([called, f"{size:,}", shown, f"{ours:.1f}", ratio])
            if theirs is not None:
                found[f"{called}, {size:,} gates / ast.parse"] = ours / theirs
    table(["microseconds a gate", "gates", "`ast.parse`", "backtrace", "ratio"], rows)
    print()
    rows = []
    for size in SIZES[:2]:
        text = staged(size)
        formula = read_code(text, "staged.py").formula
        own = microseconds(lambda formula=formula: parse(formula), size)
        code = microseconds(lambda text=text: read_code(text, "staged.py"), size)
        assert own is not None
        assert code is not None
        rows.append(["staged code", f"{size:,}", f"{own:.1f}", f"{code:.1f}", f"{code / own:.1f}"])
        found[f"code of {size:,} lines / as a formula"] = code / own
    table(["microseconds a line", "lines", "as a formula", "code", "ratio"], rows)
    return found


if __name__ == "__main__":
    main()
