"""Every figure of the docs anew: all benchmarks, one after the other, or those that are named.

    python -m tests.benchmarks [NAME ...]
    python -m tests.benchmarks [NAME ...] --record     writes figures.json, and the docs' tables
    python -m tests.benchmarks [NAME ...] --compare    which moved by more than a tenth since

Peers (`pip install -e ".[bench]"`) that are not installed are skipped by name.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import sys
from typing import Any

from tests.benchmarks import BENCHMARKS, figures


class Copied(io.StringIO):
    """What is printed, kept too."""

    def __init__(self, shown: Any) -> None:
        super().__init__()
        self.shown = shown

    def write(self, text: str) -> int:
        self.shown.write(text)
        self.shown.flush()
        return super().write(text)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--record", action="store_true", help="write figures.json and the docs")
    parser.add_argument("--compare", action="store_true", help="say which moved since")
    asked = parser.parse_args()
    unknown = [name for name in asked.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]}; there are {', '.join(BENCHMARKS)}")
    before, found = figures.recorded(), {}
    for name in asked.names or BENCHMARKS:
        where = figures.machine()
        print(f"\n## {BENCHMARKS[name]}: {name} ({where})\n", flush=True)
        copied = Copied(sys.stdout)
        with contextlib.redirect_stdout(copied):
            found[name] = importlib.import_module(f"tests.benchmarks.{name}").main()
        if asked.record:
            figures.record({name: found[name]})
            for document in figures.write(name, copied.getvalue(), where):
                print(f"\nwritten into {document.relative_to(figures.ROOT)}")
    if asked.compare:
        lines = figures.moved(before, found)
        print(f"\n## Moved by more than a tenth since the record: {len(lines) or 'none'}\n")
        print("\n".join(lines))


if __name__ == "__main__":
    main()
