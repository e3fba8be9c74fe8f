"""Runs a function for at most so many seconds: SymPy may think for an hour about one line."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import threading
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any, TypeVar

T = TypeVar("T")

_TRIES, _GRACE = 20, 0.02  # how often, and how many seconds apart, it is told to stop


class OutOfTime(BaseException):
    """The function did not finish in time. No Exception: a broad `except` would eat it."""


def within(seconds: float, function: Callable[[], T]) -> T:
    """The function's result, or what it raised, or OutOfTime.

    The function runs in a thread of its own, so that this works in any thread and on any system,
    and is interrupted there. One that does not notice (a single long operation in C) is left
    behind and dies with the process.
    """
    outcome: dict[str, Any] = {}

    def target() -> None:
        with contextlib.suppress(OutOfTime):  # told a second time, while it was stopping
            try:
                outcome["result"] = function()
            except BaseException as error:
                outcome["error"] = error

    worker = threading.Thread(target=copy_context().run, args=(target,), daemon=True)
    with _without_collection():
        worker.start()
        worker.join(seconds)
        if worker.is_alive():
            _interrupt(worker)
            raise OutOfTime
    if "error" in outcome:
        raise outcome["error"]
    result: T = outcome["result"]
    return result


_counting = threading.Lock()
_without: list[bool] = []  # for everyone who is inside: whether collection was on before


@contextlib.contextmanager
def _without_collection() -> Iterator[None]:
    """No garbage collection meanwhile: an interrupt that arrives in somebody's collection callback
    is lost there, with a complaint on standard error."""
    with _counting:
        _without.append(gc.isenabled())
        gc.disable()
    try:
        yield
    finally:
        with _counting:
            last = _without.pop()  # the first to come knew; it is the last that is left
            if not _without and last:
                gc.enable()


def _interrupt(worker: threading.Thread) -> None:
    assert worker.ident is not None
    for _ in range(_TRIES):
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(worker.ident), ctypes.py_object(OutOfTime)
        )
        worker.join(_GRACE)
        if not worker.is_alive():
            return
