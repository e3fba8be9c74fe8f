"""A progress bar on standard error, when that is a terminal and the work is long."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

_FEWEST = 20


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
