"""Grading by several processes, each of which reads the assignment once; in order, and with only a
few submissions held at a time. A process that is killed costs one row: that of the submission it
was at."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context

from backtrace.homework.assignment import read_assignment
from backtrace.homework.grading import Grader, not_graded
from backtrace.homework.rows import Row
from backtrace.homework.submissions import Submission
from backtrace.language import choose, current, marked, tell

_CHUNK = 64
_KILLED = marked("the process that graded it was killed, or had no memory left; please report this")


_grader: Grader


def _begin(language: str, text: str, hint_level: int | None, folder: str) -> None:
    global _grader
    choose(language)
    _grader = Grader(read_assignment(text, folder), hint_level)


def _grade_many(submissions: Sequence[Submission]) -> list[Row]:
    return [_grader(submission) for submission in submissions]


def grade_in_processes(
    text: str,
    submissions: Iterator[Submission],
    jobs: int,
    hint_level: int | None = None,
    folder: str = "",
) -> Iterator[Row]:
    """As `grade`; the assignment is its text, and the folder of the files that it names."""
    workers = _Workers(text, jobs, hint_level, folder)
    waiting: deque[tuple[list[Submission], Future[list[Row]]]] = deque()
    try:
        while chunk := list(islice(submissions, _CHUNK)):
            waiting.append((chunk, workers.submit(chunk)))
            if len(waiting) > 2 * jobs:
                yield from workers.rows(*waiting.popleft())
        while waiting:
            yield from workers.rows(*waiting.popleft())
    finally:
        workers.close()


class _Workers:
    """A pool of processes, and another one where it breaks."""

    def __init__(self, text: str, jobs: int, hint_level: int | None, folder: str) -> None:
        self._given = (current(), text, hint_level, folder)
        self._jobs = jobs
        self._pool = self._fresh(jobs)

    def _fresh(self, jobs: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            jobs, get_context("spawn"), initializer=_begin, initargs=self._given
        )

    def submit(self, chunk: list[Submission]) -> Future[list[Row]]:
        try:
            return self._pool.submit(_grade_many, chunk)
        except BrokenExecutor:
            self._pool = self._fresh(self._jobs)
            return self._pool.submit(_grade_many, chunk)

    def rows(self, chunk: list[Submission], future: Future[list[Row]]) -> list[Row]:
        """What a process found; where it, or one beside it, has been killed, the halves of the
        chunk by processes of their own, down to the submission that ends them."""
        try:
            return future.result()
        except BrokenExecutor:
            return self._again(chunk)

    def _again(self, chunk: list[Submission]) -> list[Row]:
        """Raises BrokenExecutor where a process cannot even begin: no submission is to blame."""
        pool = self._fresh(1)
        pool.submit(_grade_many, []).result()
        try:
            return pool.submit(_grade_many, chunk).result()
        except BrokenExecutor:
            if len(chunk) == 1:
                [one] = chunk
                return [not_graded(one, tell(_KILLED))]
            middle = len(chunk) // 2
            return self._again(chunk[:middle]) + self._again(chunk[middle:])
        finally:
            pool.shutdown(cancel_futures=True)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
