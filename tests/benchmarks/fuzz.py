"""Coverage-guided fuzzing with atheris (pip install atheris): bytes become a formula and values, an
answer file, points, or a saved trace; anything but a result or a BacktraceError is a find.

    python -m tests.benchmarks.fuzz CORPUS_FOLDER [-max_total_time=600]
"""

from __future__ import annotations

import contextlib
import importlib
import io
import pkgutil
import sys
import time

import atheris

with atheris.instrument_imports(include=["backtrace"]):
    import backtrace
    from backtrace.errors import BacktraceError
    from backtrace.many.columns import opened

    for module in pkgutil.walk_packages(backtrace.__path__, "backtrace."):
        if not module.name.endswith(("__main__", ".torch", ".png", ".notebook")):
            importlib.import_module(module.name)  # all of it, so that all of it is seen

_SLOW = 4.0  # seconds: this machine is instrumented and shared


def formula_and_values(text: str) -> None:
    formula, _, rest = text.partition("\x1e")
    values = rest.split("\x1e")
    point = {name: value for name, value in zip("xyz", values, strict=False) if value}
    trace = backtrace.trace(formula, point, check=False)
    for format in ("table", "tree", "json", "svg", "latex"):
        trace.show(format)


def saved(text: str) -> None:
    trace = backtrace.Trace.from_json(text)
    trace.show("table")


def answers(text: str) -> None:
    backtrace.check(
        "(x+y)*z",
        {"x": -2, "y": 5, "z": -4},
        dict(zip(["dx", "x+y", "f"], text.split("\x1e"), strict=False)),
    )


def points(text: str) -> None:
    for suffix in (".csv", ".jsonl", ""):
        source = opened(io.BytesIO(text.encode("utf-8", "replace")), suffix, ["x"], lambda _: None)
        for chunk in source.chunks:
            source.read(chunk)


KINDS = (formula_and_values, formula_and_values, formula_and_values, saved, answers, points)


def one(data: bytes) -> None:
    if not data:
        return
    text = data[1:].decode("utf-8", "replace")
    began = time.perf_counter()
    with contextlib.suppress(BacktraceError):
        KINDS[data[0] % len(KINDS)](text)
    if time.perf_counter() - began > _SLOW:
        raise RuntimeError("too slow")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
