"""Whole commands: pictures and tables of 1,000 gates, the JSON of 100,000 gates and of an array of
a million entries, with the memory that they take at their peak.

    python -m tests.benchmarks.commands

Of 1,000 gates what is told is the whole command less its start-up, which is the same command with
(x+y)*z: reading, tracing, laying out and writing are in it; with the check and without. What is
asked is 0.3 s. The JSON is held against `import sympy` as a command of its own (asked: under ten of
it, and 300 MB, for 100,000 gates) and, of the array, against Python writing the same numbers: the
`repr` of a list for each of the arrays in it that are not alike (three).
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial

from tests.benchmarks import pictures, scalars
from tests.benchmarks.figures import Figures, in_turn, table, told
from tests.benchmarks.startup import BACKTRACE

GATES, MANY, ENTRIES = 1_000, 100_000, 1_000_000
FORMATS = ("table", "tree", "svg")
SYMPY = [sys.executable, "-c", "import sympy"]
_MEGABYTE = 1024 if sys.platform != "darwin" else 1024 * 1024  # of ru_maxrss
_STARTED = [
    sys.executable,
    "-c",
    "import resource, subprocess, sys; "
    "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)",
]
"""A small process starts the command, for a process is counted as large as what it began as a copy
of. It adds its own start, `python -c "pass"`."""

_WRITTEN = f"""
import numpy as np
x = np.random.default_rng(0).standard_normal({ENTRIES})
text = "".join(repr(v.tolist()) for v in (x, x**2, 2 * x))
open(FILE, "w").write(text)
"""


def run(words: Sequence[str]) -> float:
    """Runs a command to its end; the megabytes that it took at its peak, and what it started, the
    largest of them."""
    ended = subprocess.run([*_STARTED, *words], stdout=subprocess.PIPE, check=True)
    return float(ended.stdout) / _MEGABYTE


def drawn(folder: pathlib.Path, rounds: int) -> Figures:
    """1,000 gates in some formats."""
    text, point = pictures.formula(GATES)
    file = folder / "thousand.txt"
    file.write_text(text)
    given = [f"{name}={value}" for name, value in point.items()]
    words = {"checked": [], "no check": ["--no-check"]}
    rows, found = [], {}
    for format in FORMATS:
        cells = []
        for name, more in words.items():
            ending = ["--format", format, "-o", str(folder / "out"), *more]
            commands = {
                "whole": [*BACKTRACE, "--file", str(file), *given, *ending],
                "start": [*BACKTRACE, "(x+y)*z", *given, *ending],
            }
            taken = in_turn({n: partial(run, c) for n, c in commands.items()}, rounds)
            spent = taken["whole"] - taken["start"]
            found[f"{format} of {GATES:,} gates, {name}, s"] = spent
            cells.append(f"{told(spent)} of {told(taken['whole'])}")
        rows.append([format, *cells])
    table([f"{GATES:,} gates, less start-up", "checked", "`--no-check`"], rows)
    return found


def many(folder: pathlib.Path, rounds: int) -> Figures:
    """From text to JSON."""
    file, out = folder / "many.txt", str(folder / "out.json")
    file.write_text(scalars.dag(MANY))
    given = [f"{name}={value}" for name, value in scalars.POINT.items()]
    whole = [*BACKTRACE, "--file", str(file), *given, "--json", "-o", out]
    array = [*BACKTRACE, "sum(x^2)", f"x=randn({ENTRIES})", "--json", "-o", out]
    by_hand = [sys.executable, "-c", _WRITTEN.replace("FILE", repr(out))]
    commands = {
        "`import sympy`": SYMPY,
        f"JSON of {MANY:,} gates, `--no-check`": [*whole, "--no-check"],
        f"JSON of {MANY:,} gates, checked": whole,
        f"JSON of {ENTRIES:,} entries, `--no-check`": [*array, "--no-check"],
        f"{ENTRIES:,} entries by `repr`, thrice": by_hand,
    }
    memory: dict[str, float] = {}

    def kept(name: str) -> Callable[[], None]:
        return lambda: memory.update({name: run(commands[name])})

    taken = in_turn({name: kept(name) for name in commands}, rounds)
    floor = taken["`import sympy`"]
    table(
        ["", "quickest", "of `import sympy`", "memory"],
        [
            [name, told(seconds), f"{seconds / floor:.1f}x", f"{memory[name]:.0f} MB"]
            for name, seconds in taken.items()
        ],
    )
    found = {}
    for name, seconds in taken.items():
        plain = name.replace("`", "")
        found |= {f"{plain}, s": seconds, f"{plain}, MB": memory[name]}
        if name != "`import sympy`":
            found[f"{plain} / import sympy"] = seconds / floor
    *_, ours, theirs = taken.values()
    print(f"\nThe array's JSON takes {ours / theirs:.1f}x what `repr` takes.")
    return found | {f"JSON of {ENTRIES:,} entries / repr": ours / theirs}


def main(rounds: int = 3) -> Figures:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        found = drawn(folder, rounds)
        print()
        return found | many(folder, rounds)


if __name__ == "__main__":
    main()
