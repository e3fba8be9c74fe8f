"""What the time of a command is spent on: phases, and the packages that are loaded, with shares.

    python -m tests.benchmarks.phases

Of the default command, and of 100,000 gates from text to JSON, checked and not. The floor of the
first is `import sympy` as a command of its own, in turn with it; of the second the flat tape of
`scalars`. Loading is told apart from the phases in which it happens. SymPy's process works beside;
it costs the command what it waits for it, and the second core the rest.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial

from backtrace.formula.parser import parse
from tests.benchmarks import scalars, startup
from tests.benchmarks.figures import ROOT, Figures, table, told

MANY = 100_000
_WATCHED = ROOT / "tests" / "benchmarks" / "watched.py"
_GROUPS = {
    "loading": "loading",
    "waiting": "waiting for SymPy",
    "reading": "reading",
    "both passes": "both passes",
    "the check": "the check",
    "the format": "the format and writing",
    "writing": "the format and writing",
}
"""What shares are recorded by; by how the name of a phase begins."""

_LEAST = 0.01  # of the whole; what is less is told together


def watched(words: list[str], folder: pathlib.Path) -> dict[str, float]:
    """Seconds by phase of one run, which is the whole of it; "beside" is SymPy's CPU time."""
    file = folder / "phases.json"
    environment = {**os.environ, "BEGAN": str(time.time())}
    command = [sys.executable, str(_WATCHED), str(file), *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment, cwd=ROOT)
    ended = time.time()
    found = json.loads(file.read_text())
    spent: dict[str, float] = found["spent"]
    return {**spent, "Python's end": ended - found["left"], "beside": found["beside"]}


def quickest(
    words: list[str], folder: pathlib.Path, rounds: int, floor: Callable[[], object]
) -> tuple[dict[str, float], float]:
    """Of the run that took least, since what disturbs makes nothing quicker; and the seconds of the
    floor, its quickest too, in turn with the command."""
    runs, floors = [], []
    for _ in range(rounds):
        began = time.perf_counter()
        floor()
        floors.append(time.perf_counter() - began)
        runs.append(watched(words, folder))
    return min(runs, key=lambda run: sum(run.values()) - run["beside"]), min(floors)


def shown(title: str, floor: str, spent: dict[str, float], seconds: float) -> Figures:
    """The table of a command, and how far it is from its floor."""
    beside = spent.pop("beside")
    whole = sum(spent.values())
    small = {name: s for name, s in spent.items() if s < _LEAST * whole}
    rows = sorted((row for row in spent.items() if row[0] not in small), key=lambda row: -row[1])
    rows.append((f"{len(small)} others, each under 1 %", sum(small.values())))
    print(f"{title}\n")
    lines = [[name, told(s), _share(s / whole)] for name, s in rows]
    lines.append(["**the command**", told(whole), "100 %"])
    if beside:
        lines.append(["SymPy's process beside it, CPU", told(beside), ""])
    lines.append([f"the floor: {floor}", told(seconds), _share(seconds / whole)])
    table(["", "time", "share"], lines)
    print()
    title, floor = title.replace("`", ""), floor.replace("`", "")
    grouped: Figures = {}
    for name, s in spent.items():
        group = next((kind for begin, kind in _GROUPS.items() if name.startswith(begin)), "rest")
        grouped[group] = grouped.get(group, 0.0) + s
    shares = {f"{title}: {kind}, share": s / whole for kind, s in grouped.items()}
    return {f"{title}: the command / {floor}": whole / seconds, **shares}


def _share(of: float) -> str:
    return f"{100 * of:.0f} %" if of >= 0.01 else f"{100 * of:.1g} %"


def main(rounds: int = 9, rounds_of_many: int = 3) -> Figures:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        sympy = next(iter(startup.COMMANDS.values()))
        taken = quickest(startup.POINT, folder, rounds, partial(startup.seconds, sympy))
        found = shown('`backtrace "(x+y)*z" x=-2 y=5 z=-4`', "`import sympy`", *taken)
        text = scalars.dag(MANY)
        file = folder / "many.txt"
        file.write_text(text)
        tape = scalars.tape(parse(text, scalars.POINT))
        given = [f"{name}={value}" for name, value in scalars.POINT.items()]
        words = ["--file", str(file), *given, "--json", "-o", str(folder / "out.json")]
        for title, more in {", `--no-check`": ["--no-check"], ", checked": []}.items():
            taken = quickest([*words, *more], folder, rounds_of_many, tape)
            found |= shown(f"JSON of {MANY:,} gates{title}", "the flat tape", *taken)
    return found


if __name__ == "__main__":
    main()
