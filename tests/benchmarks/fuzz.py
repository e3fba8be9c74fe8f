"""Coverage-guided fuzzing with atheris (pip install atheris) of every door in tests/fuzzing.py:

    python -m tests.benchmarks.fuzz FOLDER [-max_total_time=600]    finds go to FOLDER
    python -m tests.benchmarks.fuzz --keep FOLDER                   what sees more, into tests/data

The first byte chooses the door. tests/data/fuzz.json is where a run begins, and the suite reads it.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import os
import pathlib
import pkgutil
import sys
import time
from typing import Any

import atheris

_MEMORY = 1e9  # so that an array that a large machine would make is refused

_KEEPS = "--keep" in sys.argv  # then nothing is guided, and instruments would only be slow

with contextlib.nullcontext() if _KEEPS else atheris.instrument_imports(include=["backtrace"]):
    import backtrace
    from backtrace.formula import values
    from tests.fuzzing import DOORS

    for module in pkgutil.walk_packages(backtrace.__path__, "backtrace."):
        if not module.name.endswith(("__main__", ".torch", ".png", ".notebook")):
            importlib.import_module(module.name)  # all of it, so that all of it is seen

_SLOW = 6.0  # seconds of this process: what is instrumented takes three times as long
_LONGEST, _QUICK = 1500, 0.2  # bytes and seconds of a text that is kept
_CORPUS = pathlib.Path(__file__).parent.parent / "data" / "fuzz.json"
_NAMES = list(DOORS)
values.memory = lambda: _MEMORY


def one(data: bytes, slow: float = _SLOW) -> None:
    if not data:
        return
    began = time.process_time()
    DOORS[_NAMES[data[0] % len(_NAMES)]](data[1:].decode("utf-8", "replace"))
    if time.process_time() - began > slow:
        raise RuntimeError("too slow")


def plant(folder: pathlib.Path) -> None:
    """The corpus of the suite, as files for the fuzzer to begin with."""
    for k, (door, text) in enumerate(json.loads(_CORPUS.read_text("utf-8"))):
        data = bytes([_NAMES.index(door)]) + text.encode("utf-8", "replace")
        (folder / f"suite-{k}").write_bytes(data)


def keep(folder: pathlib.Path) -> None:
    """Of the folder's short and quick texts, the smallest first, those that go from some line to
    another as none before them did."""
    seen: set[tuple[object, int, int]] = set()
    kept = []
    for path in sorted(folder.iterdir(), key=lambda path: path.stat().st_size):
        data = path.read_bytes()
        if not 1 < len(data) <= _LONGEST:
            continue
        began = time.process_time()
        one(data)
        if time.process_time() - began > _QUICK:
            continue
        steps = _steps(data)
        if steps - seen:
            seen |= steps
            kept.append([_NAMES[data[0] % len(_NAMES)], data[1:].decode("utf-8", "replace")])
    _CORPUS.write_text(json.dumps(sorted(kept), indent=0) + "\n", "utf-8")
    print(f"{len(kept)} texts, {len(seen):,} steps")


def _steps(data: bytes) -> set[tuple[object, int, int]]:
    """From which line of backtrace's to which it goes."""
    found: set[tuple[object, int, int]] = set()

    def called(frame: Any, *_: object) -> Any:
        if f"{os.sep}backtrace{os.sep}" not in frame.f_code.co_filename:
            return None
        before = 0

        def line(frame: Any, event: str, _: object) -> Any:
            nonlocal before
            if event == "line":
                found.add((frame.f_code, before, frame.f_lineno))
                before = frame.f_lineno
            return line

        return line

    sys.settrace(called)
    try:
        one(data, math.inf)
    finally:
        sys.settrace(None)
    return found


if __name__ == "__main__":
    if _KEEPS:
        keep(pathlib.Path(sys.argv[2]))
    else:
        plant(pathlib.Path(sys.argv[1]))
        atheris.Setup(sys.argv, one)
        atheris.Fuzz()
