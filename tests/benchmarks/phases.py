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
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial

from backtrace.formula.parser import parse
from tests.benchmarks import scalars, startup
from tests.benchmarks.figures import ROOT, Figures, in_turn, table, told

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


def medians(words: list[str], folder: pathlib.Path, rounds: int) -> dict[str, float]:
    """By phase; a run before them is not counted."""
    runs = [watched(words, folder) for _ in range(rounds + 1)][1:]
    names = {name: None for run in runs for name in run}
    return {name: statistics.median(run.get(name, 0.0) for run in runs) for name in names}


def shown(title: str, spent: dict[str, float], floor: str, seconds: float) -> Figures:
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
        floor = in_turn({"sympy": partial(startup.seconds, sympy)}, rounds)["sympy"]
        spent = medians(startup.POINT, folder, rounds)
        found = shown('`backtrace "(x+y)*z" x=-2 y=5 z=-4`', spent, "`import sympy`", floor)
        text = scalars.dag(MANY)
        file = folder / "many.txt"
        file.write_text(text)
        tape = scalars.tape(parse(text, scalars.POINT))
        floor = in_turn({"tape": tape}, rounds_of_many)["tape"]
        given = [f"{name}={value}" for name, value in scalars.POINT.items()]
        words = ["--file", str(file), *given, "--json", "-o", str(folder / "out.json")]
        for title, more in {", `--no-check`": ["--no-check"], ", checked": []}.items():
            spent = medians([*words, *more], folder, rounds_of_many)
            found |= shown(f"JSON of {MANY:,} gates{title}", spent, "the flat tape", floor)
    return found


if __name__ == "__main__":
    main()
