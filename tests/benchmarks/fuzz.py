"""Coverage-guided fuzzing with atheris (pip install atheris) of every door in tests/fuzzing.py:

    python -m tests.benchmarks.fuzz FOLDER [-max_total_time=600]    finds go to FOLDER
    python -m tests.benchmarks.fuzz SMALL FOLDER -merge=1           what of them sees more
    python -m tests.benchmarks.fuzz --keep SMALL                    into tests/data

The first byte chooses the door. tests/data/fuzz.json is where a run begins, and the suite reads it.
"""

from __future__ import annotations

import importlib
import json
import pathlib
import pkgutil
import sys
import time

import atheris

_MEMORY = 1e9  # so that an array that a large machine would make is refused

with atheris.instrument_imports(include=["backtrace"]):
    import backtrace
    from backtrace.formula import values
    from tests.fuzzing import DOORS

    for module in pkgutil.walk_packages(backtrace.__path__, "backtrace."):
        if not module.name.endswith(("__main__", ".torch", ".png", ".notebook")):
            importlib.import_module(module.name)  # all of it, so that all of it is seen

_SLOW = 6.0  # seconds of this process: what is instrumented takes three times as long
_MOST = 400  # texts that are kept, of at most so many bytes:
_LONGEST = 1500
_CORPUS = pathlib.Path(__file__).parent.parent / "data" / "fuzz.json"
_NAMES = list(DOORS)


def one(data: bytes) -> None:
    if not data:
        return
    began = time.process_time()
    DOORS[_NAMES[data[0] % len(_NAMES)]](data[1:].decode("utf-8", "replace"))
    if time.process_time() - began > _SLOW:
        raise RuntimeError("too slow")


def plant(folder: pathlib.Path) -> None:
    """The corpus of the suite, as files for the fuzzer to begin with."""
    for k, (door, text) in enumerate(json.loads(_CORPUS.read_text("utf-8"))):
        data = bytes([_NAMES.index(door)]) + text.encode("utf-8", "replace")
        (folder / f"suite-{k}").write_bytes(data)


def keep(folder: pathlib.Path) -> None:
    """Of a folder (made smaller by -merge=1), the short ones, as the suite reads them."""
    kept = []
    for path in sorted(folder.iterdir(), key=lambda path: path.stat().st_size)[:_MOST]:
        data = path.read_bytes()
        if 1 < len(data) <= _LONGEST:
            kept.append([_NAMES[data[0] % len(_NAMES)], data[1:].decode("utf-8", "replace")])
    _CORPUS.write_text(json.dumps(sorted(kept), indent=0) + "\n", "utf-8")


if __name__ == "__main__":
    if sys.argv[1] == "--keep":
        keep(pathlib.Path(sys.argv[2]))
    else:
        values.memory = lambda: _MEMORY
        plant(pathlib.Path(sys.argv[1]))
        atheris.Setup(sys.argv, one)
        atheris.Fuzz()
