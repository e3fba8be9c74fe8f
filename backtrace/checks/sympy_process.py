"""A process beside this one, that loads SymPy while this one reads, traces and measures.

Loading SymPy is most of a checked run. The command starts this helper first of all, sends it a
question, goes on, and fetches the answer when everything else is done; then it may ask another.
Where there is no fork, or no second processor, or the helper fails, the question is answered here,
later.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # nothing is loaded before the helper runs
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, NoReturn

_LOADING = 60.0  # seconds that loading SymPy may take before it is loaded here
_GRACE = 1.0  # beyond its time the helper stops by itself; what does not is killed
_QUIET = {"--no-check", "--help", "-h", "--version", "--json-schema", "--points"}
_OTHERS = {"check", "exercise", "gates", "grade", "quiz", "render"}


class _Helper:
    """The process, and the pipes to it and from it."""

    def __init__(self, process: int, questions: int, answers: int) -> None:
        self.process = process
        self.questions = questions
        self.answers = answers
        self.is_busy = False

    def fetch(self, seconds: float) -> Any:
        """The answer. Raises OSError or EOFError where there is none, TimeoutError where it takes
        too long."""
        if not self._has_answered(_LOADING) or not os.read(self.answers, 1):
            raise EOFError
        if not self._has_answered(seconds + _GRACE):
            raise TimeoutError
        import pickle

        with open(self.answers, "rb", closefd=False) as file:
            answer = pickle.load(file)
        self.is_busy = False
        return answer

    def _has_answered(self, seconds: float) -> bool:
        """Whether something comes, or the helper ends, within so many seconds."""
        import select

        return bool(select.select([self.answers], [], [], seconds)[0])


_helper: _Helper | None = None


def start(words: Sequence[str], module: str) -> None:
    """Starts the helper, if these words of a command line will need it; it loads `module`."""
    global _helper
    is_needed = words and words[0] not in _OTHERS and not _QUIET & set(words)
    if not is_needed or "_BACKTRACE_COMPLETE" in os.environ or not _can_run_beside():
        return
    ours, theirs = os.pipe(), os.pipe()
    try:
        process = os.fork()
    except OSError:  # too many processes
        for end in (*ours, *theirs):
            os.close(end)
        return
    if process == 0:
        _serve(ours[0], theirs[1], module)
    os.close(ours[0])
    os.close(theirs[1])
    _helper = _Helper(process, ours[1], theirs[0])


def _can_run_beside() -> bool:
    return (
        hasattr(os, "fork")
        and hasattr(os, "sched_getaffinity")
        and len(os.sched_getaffinity(0)) > 1
    )


def ask(
    module: str, function: str, arguments: tuple[Any, ...], seconds: float
) -> Callable[[], Any]:
    """Asks for `module.function(*arguments)`; what is returned fetches the answer. That is what the
    function returns, or TimeoutError: then it took longer than `seconds`."""

    import pickle

    from backtrace.language import current

    def here() -> Any:
        return _call(module, function, arguments)

    helper = _helper
    if helper is None or helper.is_busy:
        return here
    helper.is_busy = True
    try:
        with open(helper.questions, "wb", closefd=False) as file:
            pickle.dump((current(), module, function, arguments), file)
    except (OSError, pickle.PicklingError, TypeError, AttributeError):
        return here

    def fetched() -> Any:
        try:
            return helper.fetch(seconds)
        except TimeoutError:
            raise
        except (OSError, EOFError, pickle.UnpicklingError):
            return here()

    return fetched


def is_running() -> bool:
    """Whether this process has time to spare."""
    return _helper is not None


def end() -> None:
    """The helper is not needed any more."""
    global _helper
    if _helper is not None:
        import signal

        os.kill(_helper.process, signal.SIGKILL)
        os.waitpid(_helper.process, 0)
        _helper = None


def _serve(questions: int, answers: int, module: str) -> NoReturn:
    """The helper's whole life. It holds none of this process's streams: whoever reads its output
    must not wait for the helper; and Ctrl-C is for the other process to handle."""
    try:
        import gc
        import signal

        gc.disable()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        low, high = sorted((questions, answers))
        for first, last in ((3, low), (low + 1, high), (high + 1, 256)):
            os.closerange(first, last)
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - for its whole life
        import importlib
        import pickle

        importlib.import_module(module)
        from backtrace.language import choose

        with open(questions, "rb") as asked, open(answers, "wb") as answered:
            while True:  # until the other process ends
                language, *question = pickle.load(asked)
                choose(language)
                os.write(answers, b"!")
                pickle.dump(_call(*question), answered)
                answered.flush()
    finally:
        os._exit(0)


def _call(module: str, function: str, arguments: tuple[Any, ...]) -> Any:
    import importlib

    return getattr(importlib.import_module(module), function)(*arguments)
