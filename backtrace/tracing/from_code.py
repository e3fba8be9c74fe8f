"""Python code as a trace: a text, a function, a cell. It is read, and never run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from backtrace.checks.traced import Budget
from backtrace.code import Program, placed, read_code
from backtrace.code.functions import called, read_function
from backtrace.code.python_objects import as_value
from backtrace.errors import BacktraceError
from backtrace.formula.point import Given, read_mapping
from backtrace.gates import CONVENTIONS
from backtrace.graph.record import Note
from backtrace.language import tell
from backtrace.tracing.request import Request
from backtrace.tracing.trace import Trace
from backtrace.tracing.tracer import request_of, trace_given

_NUMBERS = ("pi", "e", "tau", "inf", "nan")


def from_source(
    text: str,
    point: Mapping[str, object] | None = None,
    *,
    name: str = "",
    of: str = "",
    path: str = "",
    wrt: Sequence[str] | None = None,
    fuse: bool | Sequence[str] = False,
    expand: bool = False,
    gates: str = "",
    kink: str = CONVENTIONS[0],
    upstream: object = None,
    seed: int = 0,
    check: bool = True,
    budget: Budget | None = None,
) -> Trace:
    """Traces the text of Python code, of NumPy or PyTorch, as `backtrace FILE.py` does: it is read,
    and never run. Every gate knows its line (`lines`).

    point   values for what the code leaves open, or instead of those that it gives: numbers, arrays
            in the shapes that the code asks for, texts that it compares ("relu")
    name    a function of the code, or a method (`Net.forward`), whose parameters are the inputs
    of      the name whose value is the result: what `.backward()` is called on, or the last
            assignment, where it is ""
    path    the file that the text is of, for messages; one that ends in .ipynb is a notebook

    The rest as for `trace`. Raises BacktraceError, `LINE:COLUMN: what is wrong`, for what cannot
    be read, and where a value is missing or never used.

    >>> import backtrace
    >>> t = backtrace.from_source("w = 0.5\\ny = w*x\\nloss = (y - 1)**2", {"x": 3})
    >>> t.value, t.gradients["w"], [str(line.line) for line in t.lines if line]
    (0.25, 3.0, ['2', '3', '3'])
    """
    request = request_of(wrt, fuse, expand, gates, kink, upstream, check, budget)
    values, words = given_to_code(point or {}, seed)
    known = {**words, **{n: found.value for n, found in values.items()}}
    program = read_code(text, path, name, known, of)
    told = (
        tell("read from {path}{words}{name}", path=path, words=":" * bool(path and name), name=name)
        if path or name
        else ""
    )
    return trace_program(program, values, request, seed, told, of)


def from_function(
    function: Callable[..., object],
    point: Mapping[str, object],
    request: Request,
    of: str = "",
    seed: int = 0,
) -> Trace:
    """The trace of a function that is read, and never called: `trace` says more. Raises
    BacktraceError."""
    values, words = given_to_code(point, seed)
    known = {**words, **{n: found.value for n, found in values.items()}}
    program = read_function(function, known, of)
    name = called(function)
    told = tell("read from {path}:{name}", path=program.source.path, name=name).removesuffix(
        ":<lambda>"
    )
    return trace_program(program, values, request, seed, told, of or name)


def given_to_code(
    point: Mapping[str, object], seed: int
) -> tuple[dict[str, Given], dict[str, object]]:
    """The numbers and arrays of a point, and the texts that code compares: activation="relu"."""
    words = {n: v for n, v in point.items() if v is None or type(v) is bool or _is_word(v)}
    rest = {n: as_value(value) for n, value in point.items() if n not in words}
    return read_mapping(rest, seed), words


def _is_word(value: object) -> bool:
    return isinstance(value, str) and value.isidentifier() and value not in _NUMBERS


def trace_program(
    program: Program, values: Mapping[str, Given], request: Request, seed: int, told: str, of: str
) -> Trace:
    """The trace of code that was read, its values and those that are given, with its lines. Of
    values that only others need than the stage `of`, or a function's result, it is said that they
    are left out."""
    own: dict[str, Any] = {**program.outside, **program.point}
    given = read_mapping({n: v for n, v in own.items() if n not in values}, seed)
    idle = program.idle if of else frozenset()
    given |= {n: value for n, value in values.items() if n not in program.settled | idle}
    try:
        traced = trace_given(program.formula, given, request)
    except BacktraceError as error:
        raise placed(error, program) from None
    without = (
        tell(
            "left out, because {of} does not need it: {names}", of=of, names=", ".join(sorted(idle))
        )
        if idle
        else ""
    )
    notes = [Note("reading", "; ".join(part for part in (told, *program.notes, without) if part))]
    notes = [note for note in notes if note.text]
    lines = program.lines_of(traced.graph)
    calls = program.calls_of(traced.graph)
    return replace(traced, lines=lines, calls=calls, notes=(*notes, *traced.notes))
