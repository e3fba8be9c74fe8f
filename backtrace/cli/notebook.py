"""In a notebook: `%load_ext backtrace`, then `%backtrace (x+y)*z x=-2 y=5 z=-4` traces a formula,
and `%%backtrace --of loss` the code of a cell, which is read and never run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import click

from backtrace.cli import arranged, as_ours
from backtrace.cli.asked import Asked
from backtrace.cli.code import read_with_values
from backtrace.cli.output import complain
from backtrace.cli.showing import practised
from backtrace.cli.trace import of_program, trace, trace_options
from backtrace.errors import BacktraceError, UsageError
from backtrace.language import marked, tell
from backtrace.tracing.trace import Trace

_FORMULA = marked("%backtrace (x+y)*z x=1 y=2 z=3")


_HELP = """Traces a formula, or the code of a cell, gate by gate, without running it.

    %backtrace (x+y)*z x=-2 y=5 z=-4
    %%backtrace --of loss x=[1,2]

The options are those of the command: %backtrace --help lists them."""


@click.command("backtrace", help=_HELP, context_settings={"help_option_names": ["-h", "--help"]})
@trace_options
def _asked(words: tuple[str, ...], **groups: Any) -> tuple[tuple[str, ...], Asked]:
    """What a magic's line asks for."""
    return words, Asked(**groups)


def magic(line: str, cell: str | None = None, names: Mapping[str, object] | None = None) -> Any:
    """The trace of the line's formula, or of a cell's code, with the command's options. `names` are
    those of the notebook: where the cell needs them they have their values. With an option that
    says how it is shown (--format tree, --explain) it is printed, and None comes back. An error is
    printed as the command prints it."""
    try:
        words = arranged(trace, _words(line))
        with _asked.make_context("backtrace", words) as context:
            values, asked = _asked.invoke(context)
        if cell is None:
            return _of_line(values, asked, words)
        return _of_cell(cell, values, asked, names or {})
    except BacktraceError as error:
        complain(error, "never")
    except click.ClickException as error:
        complain(as_ours(error), "never")
    except click.exceptions.Exit:  # after --help
        pass
    return None


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        what = tell("the line cannot be parted: {error}", error=str(error).lower())
        raise UsageError(what, hint=tell("a quote is missing")) from None


def _of_line(words: tuple[str, ...], asked: Asked, typed: Sequence[str]) -> Trace | None:
    from backtrace.cli import run
    from backtrace.cli.source import code_in, formula_and_values, result_named

    if asked.is_for_readers or code_in(words, asked.task.file, asked.task.python) is not None:
        run(["trace", *typed])
        return None
    if not words and asked.task.file is None:
        raise UsageError(tell("a formula is due"), hint=_FORMULA)
    formula, values = formula_and_values(words, asked.task.file)
    if asked.task.of is not None:
        gates = asked.granularity.granularity().gates
        formula, values, note = result_named(asked.task.of, formula, values, gates)
        asked = asked._replace(reading=note)
    return _traced(formula, values, asked)


def _of_cell(
    text: str, values: tuple[str, ...], asked: Asked, names: Mapping[str, object]
) -> Trace | None:
    from backtrace.code import placed
    from backtrace.code.functions import read_cell

    def read(known: Mapping[str, object], of: str) -> Any:
        return read_cell(text, names, known, of)

    if asked.is_for_readers:
        of_program(read, values, asked, asked.granularity.granularity(), "")
        return None
    program, words = read_with_values(read, values, asked.arrays.seed, asked.task.of or "")
    asked = asked._replace(reading="; ".join(program.notes), program=program)
    try:
        return _traced(program.formula, words, asked)
    except BacktraceError as error:
        raise placed(error, program) from None


def _traced(formula: str, values: Sequence[str], asked: Asked) -> Trace:
    from backtrace.tracing.tracer import trace_given

    request = asked.request(asked.granularity.granularity())
    answered = asked.answered(trace_given(formula, asked.given(values), request), lambda: None)
    return practised(answered)


def register(ipython: Any) -> None:
    """Adds the magics to a notebook, whose names they can see."""

    def backtrace(line: str, cell: str | None = None) -> Any:
        return magic(line, cell, getattr(ipython, "user_ns", {}))

    backtrace.__doc__ = _HELP
    # {x} and $x on the line are LaTeX's, and no code to be worked out
    backtrace._ipython_magic_no_var_expand = True  # type: ignore[attr-defined]
    ipython.register_magic_function(backtrace, "line_cell", "backtrace")
