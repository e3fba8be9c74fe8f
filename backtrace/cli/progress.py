"""A progress bar on standard error, when that is a terminal and the work is long."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence

_FEWEST = 20
_FEWEST_BYTES = 50_000


@contextlib.contextmanager
def ticking(total: int, what: str) -> Iterator[Callable[[], None]]:
    """A function to be called after each of `total` pieces of work."""
    if total < _FEWEST or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = [*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn()]
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)


@contextlib.contextmanager
def reading(paths: Sequence[str], what: str) -> Iterator[Callable[[int], None]]:
    """A function that is told how many bytes of the files have been read."""
    total = sum(os.path.getsize(path) for path in paths if os.path.isfile(path))
    if total < _FEWEST_BYTES or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = [*Progress.get_default_columns()[:3], TransferSpeedColumn(), TimeRemainingColumn()]
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda size: progress.advance(task, size)
