"""Work in several processes, results in order, with few pieces under way at any time."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any

from backtrace.language import choose, current

_inherited: list[Callable[[Any], Any]] = []


def in_order(work: Callable[[Any], Any], chunks: Iterable[Any], jobs: int) -> Iterator[Any]:
    """`map(work, chunks)`, in so many processes that have begun as copies of this one (where there
    is no fork, in this one)."""
    if jobs < 2 or "fork" not in multiprocessing.get_all_start_methods():
        yield from map(work, chunks)
        return
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(jobs, context, _begin, (work, current())) as pool:
        under_way: deque[Future[Any]] = deque()
        for chunk in chunks:
            under_way.append(pool.submit(_call, chunk))
            if len(under_way) > 2 * jobs:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def _begin(work: Callable[[Any], Any], language: str) -> None:
    """In a new process, which inherits the work: nothing of it is pickled."""
    _inherited[:] = [work]
    choose(language)


def _call(chunk: Any) -> Any:
    return _inherited[0](chunk)
