"""In a notebook: `%load_ext backtrace`, then `%backtrace (x+y)*z x=-2 y=5 z=-4`."""

from __future__ import annotations

import shlex
from typing import Any

from backtrace.cli.output import complain
from backtrace.errors import BacktraceError
from backtrace.formula.point import read_words
from backtrace.tracing.request import Request
from backtrace.tracing.trace import Trace
from backtrace.tracing.tracer import trace_given


def magic(line: str) -> Trace | None:
    """The trace of a line: the formula (in quotes, where it has spaces), then NAME=VALUE words. An
    error is printed as the command prints it."""
    try:
        formula, *words = shlex.split(line)
        return trace_given(formula, read_words(words), Request())
    except BacktraceError as error:
        complain(error, "never")
    except ValueError:
        complain(BacktraceError("a formula is due", hint="%backtrace (x+y)*z x=1 y=2 z=3"), "never")
    return None


def register(ipython: Any) -> None:
    ipython.register_magic_function(magic, "line", "backtrace")
