"""Figures by name: how they are measured in turn, printed, recorded, and found again in the docs.

A benchmark's `main` prints tables in Markdown and returns its figures: ratios to a peer or a floor
of the same run, and the seconds that the docs state ("... , s" in the name), each smaller where it
is better.
"""

from __future__ import annotations

import datetime
import json
import os
import pathlib
import platform
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECORD = pathlib.Path(__file__).with_name("figures.json")
MOVED = 1.1  # times what was recorded, or less than one over it
Figures = dict[str, float]


def in_turn(works: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The seconds of each, the quickest of its rounds: what disturbs makes nothing quicker. All run
    once in every round, so that it meets all; a round before them is not counted."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds + 1):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - began)
    return {name: min(taken[1:]) for name, taken in times.items()}


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a table in Markdown."""
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    for row in rows:
        cells = (cell.replace("|", "\\|") for cell in row)
        print(f"| {' | '.join(cells)} |", flush=True)


def told(seconds: float) -> str:
    """0.42 ms, 12 ms, 1.3 s."""
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} µs"


def rounded(value: float) -> float:
    return float(f"{value:.3g}")


def machine() -> str:
    """When and where, and whether others were at work: the load says how many wanted a core."""
    today = datetime.datetime.now(datetime.UTC).date()
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    python = ".".join(platform.python_version_tuple()[:2])
    return f"{today}, Python {python}, {os.cpu_count()} cores, load {busy:.1f} before it"


def recorded() -> dict[str, Figures]:
    """By benchmark, the figures that were written down."""
    if not RECORD.exists():
        return {}
    found: dict[str, Figures] = json.loads(RECORD.read_text("utf-8"))
    return found


def record(found: Mapping[str, Figures]) -> None:
    """Writes down the figures of these benchmarks; those of others stay."""
    whole = recorded() | {
        name: {of: rounded(value) for of, value in figures.items()}
        for name, figures in found.items()
    }
    text = json.dumps(dict(sorted(whole.items())), indent=2, ensure_ascii=False)
    RECORD.write_text(text + "\n", "utf-8")


def moved(old: Mapping[str, Figures], new: Mapping[str, Figures]) -> list[str]:
    """A line for every figure of `new` that moved by more than a tenth, is new, or is no more."""
    lines = []
    for name, figures in new.items():
        before = old.get(name, {})
        for of in sorted(before.keys() | figures.keys()):
            was, now = before.get(of), figures.get(of)
            if was is None or now is None:
                words = "not recorded" if was is None else "not measured"
                lines.append(f"{words:<13}{name}: {of}")
            elif not was / MOVED <= now <= was * MOVED:
                words = "more" if now > was else "less"
                change = f" ({now / was:.2f}x)" if was else ""
                lines.append(f"{words:<13}{name}: {of}  {was:g} -> {now:.3g}{change}")
    return lines


def begins(name: str) -> str:
    """What stands in a document before the figures of a benchmark."""
    return f"<!-- figures: {name} -->"


ENDS = "<!-- end of figures -->"


def documents() -> list[pathlib.Path]:
    return sorted((ROOT / "docs").rglob("*.md"))


def write(name: str, printed: str, where: str) -> list[pathlib.Path]:
    """Puts what a benchmark printed into the documents that show it, with the command and where it
    was measured; the documents."""
    shown = f"{begins(name)}\n`python -m tests.benchmarks {name}` ({where}):\n\n"
    shown += f"{printed.strip()}\n{ENDS}"
    block = re.compile(f"{re.escape(begins(name))}.*?{re.escape(ENDS)}", re.DOTALL)
    written = []
    for document in documents():
        text = document.read_text("utf-8")
        if begins(name) in text:
            document.write_text(block.sub(lambda _: shown, text), "utf-8")
            written.append(document)
    return written
