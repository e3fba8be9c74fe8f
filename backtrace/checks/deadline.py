"""Runs a function for at most so many seconds: SymPy may think for an hour about one line.

Seconds are those of the processor: on a busy machine as much gets done as on a quiet one, and what
a check finds is not a matter of what else is running.
"""

from __future__ import annotations

import contextlib
import gc
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import copy_context
from typing import Any, TypeVar

T = TypeVar("T")

PATIENCE = 4.0
"""How many seconds may pass for each that a thread gets to work."""
_TRIES, _GRACE = 20, 0.02  # how often, and how many seconds apart, it is told to stop


class OutOfTime(BaseException):
    """The function did not finish in time. No Exception: a broad `except` would eat it."""


def within(seconds: float, function: Callable[[], T]) -> T:
    """The function's result, or what it raised, or OutOfTime.

    The seconds are those that the function works; in all it takes no more than PATIENCE times as
    many. It runs in a thread of its own, so that this works in any thread and on any system,
    and is interrupted there. One that does not notice (a single long operation in C) is left
    behind and dies with the process.
    """
    outcome: dict[str, Any] = {}

    def target() -> None:
        with contextlib.suppress(OutOfTime):  # told a second time, while it was stopping
            try:
                outcome["result"] = function()
            except OutOfTime:
                outcome["is_late"] = True
            except BaseException as error:
                outcome["error"] = error

    worker = threading.Thread(target=copy_context().run, args=(target,), daemon=True)
    with _without_collection():
        worker.start()
        _wait(worker, seconds)
        if worker.is_alive():
            _interrupt(worker, outcome)
            gc.freeze()  # collections have crashed on frames that were interrupted
            raise OutOfTime
    if "is_late" in outcome:
        raise OutOfTime
    if "error" in outcome:
        raise outcome.pop("error")
    result: T = outcome["result"]
    return result


class Clock:
    """So many seconds for several things that a thread does one after the other."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._began = time.thread_time(), time.monotonic()
        self._elsewhere = 0.0  # seconds of the threads that worked for this one

    @property
    def spent(self) -> float:
        worked = time.thread_time() - self._began[0] + self._elsewhere
        waited = time.monotonic() - self._began[1]
        return max(worked, waited / PATIENCE)

    @property
    def left(self) -> float:
        return self.seconds - self.spent

    @property
    def is_over(self) -> bool:
        return self.left <= 0

    def within(self, function: Callable[[], T], most: float = math.inf, beyond: float = 0.0) -> T:
        """As `within`, for as long as there is time and so many seconds `beyond`, and for `most`
        seconds of it."""
        took = 0.0

        def work() -> T:
            nonlocal took
            began = time.thread_time()
            try:
                return function()
            finally:
                took = time.thread_time() - began

        seconds = min(most, self.left + beyond)
        try:
            return within(seconds, work)
        except OutOfTime:
            took = max(took, seconds)  # also where the thread is left behind
            raise
        finally:
            self._elsewhere += took


def _wait(worker: threading.Thread, seconds: float) -> None:
    """Until it ends, or has worked for so many seconds."""
    end = time.monotonic() + seconds * PATIENCE
    left = seconds
    while worker.is_alive() and left > 0:
        worker.join(left)
        left = min(seconds - _worked(worker, seconds), end - time.monotonic())


def _worked(worker: threading.Thread, unknown: float) -> float:
    """Its seconds of the processor; where a system does not tell, `unknown`."""
    assert worker.ident is not None
    try:
        return time.clock_gettime(time.pthread_getcpuclockid(worker.ident))
    except (AttributeError, OSError):
        return unknown


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


def _interrupt(worker: threading.Thread, outcome: Mapping[str, Any]) -> None:
    """Until it ends. Where it has come to an end of its own, an interrupt would find nobody."""
    import ctypes  # where time has run out

    assert worker.ident is not None
    for _ in range(_TRIES):
        if outcome:
            return
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(worker.ident), ctypes.py_object(OutOfTime)
        )
        worker.join(_GRACE)
        if not worker.is_alive():
            return
