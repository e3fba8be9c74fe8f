"""Start-up, as ratios against a bare `import sympy` in the same run: whole commands, in turn.

python -m tests.benchmarks.startup [ROUNDS]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

from tests.benchmarks.figures import Figures, table

POINT = ["(x+y)*z", "x=-2", "y=5", "z=-4"]
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # commands are measured as they are installed
BACKTRACE = [sys.executable, "-m", "backtrace"]
COMMANDS = {
    'python -c "import sympy"': [sys.executable, "-c", "import sympy"],
    "backtrace FORMULA (checked)": [*BACKTRACE, *POINT],
    "backtrace FORMULA --no-check": [*BACKTRACE, *POINT, "--no-check"],
    "backtrace --help": [*BACKTRACE, "--help"],
    'python -c "pass"': [sys.executable, "-c", "pass"],
}


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main(rounds: int = 15) -> Figures:
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for command in COMMANDS.values():
        seconds(command)  # compiled files and the disk's cache
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    peer = next(iter(COMMANDS))
    found, rows = {}, []
    for name, taken in times.items():
        ratio = statistics.median(a / b for a, b in zip(taken, times[peer], strict=True))
        rows.append([f"`{name}`", f"{statistics.median(taken) * 1000:.0f} ms", f"{ratio:.2f}"])
        if name != peer:
            found[f"{name} / import sympy"] = ratio
    table(["command", "median", "against `import sympy`, round by round"], rows)
    return found


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
