"""The command: the only place that prints or exits. One file per subcommand.

`backtrace FORMULA ...` is `backtrace trace FORMULA ...`. Exit status: 0 right; 1 a number is wrong;
2 the command, the formula, a value or a file could not be used; 3 an error in backtrace itself
(BACKTRACE_DEBUG=1 shows where); 130 after Ctrl-C; 141 when the reader of a pipe has gone; 143 after
SIGTERM.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from backtrace.checks import sympy_process
from backtrace.cli import languages
from backtrace.cli.help import Told
from backtrace.cli.output import complain, note
from backtrace.cli.trace import EXAMPLES, trace
from backtrace.cli.words import arrange
from backtrace.errors import BacktraceError, UsageError, by_system, our_error
from backtrace.language import marked, tell

_OURS, _PIPE_CLOSED, _INTERRUPTED, _TERMINATED = 3, 141, 130, 143
_GLOBAL = ("--help", "-h", "--version")
_COMMANDS = {
    "check": marked("answers held against the trace"),
    "exercise": marked("an exercise, and its key"),
    "gates": marked("the catalogue of gates"),
    "grade": marked("many answers, many people"),
    "quiz": marked("practice: a trace asked for number by number"),
    "render": marked("a saved trace, in any format"),
}
"""The other commands: each has a module of its name, which is loaded when it is asked for."""


class _Commands(Told, click.Group):
    """A group whose first word may be a formula: then the command is `trace`."""

    def list_commands(self, _: click.Context) -> list[str]:
        return ["trace", *_COMMANDS]

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        return _command(name)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if ctx.resilient_parsing:  # the shell asks what could come next
            named = not args or args[0] in self.list_commands(ctx)
            return super().parse_args(ctx, args if named else ["trace", *args])
        names = self.list_commands(ctx)
        if not args or (args[0] not in names and not set(args) & set(_GLOBAL)):
            args = ["trace", *args]
        elif args[0] not in names:
            args = [word for word in args if word in _GLOBAL][:1]
        found = _command(args[0])
        if found is not None:
            args = [args[0], *arranged(found, args[1:])]
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options of `trace`, which is what the group does, then the other commands."""
        trace.format_options(ctx, formatter)
        with formatter.section(tell("Also")):
            formatter.write_dl(
                [
                    ("backtrace check FORMULA ...", tell(_COMMANDS["check"])),
                    ("backtrace grade ASSIGNMENT ...", tell(_COMMANDS["grade"])),
                    ("backtrace exercise", tell(_COMMANDS["exercise"])),
                    ("backtrace quiz [FORMULA ...]", tell(_COMMANDS["quiz"])),
                    ("backtrace render FILE", tell(_COMMANDS["render"])),
                    ("backtrace gates [NAME]", tell(_COMMANDS["gates"])),
                    ("backtrace --version", tell("the version")),
                ]
            )

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        default = trace.shell_complete(ctx, incomplete)
        return super().shell_complete(ctx, incomplete) + default


def _command(name: str) -> click.Command | None:
    if name == "trace":
        return trace
    if name not in _COMMANDS:
        return None
    found: click.Command = getattr(importlib.import_module(f"backtrace.cli.{name}"), name)
    return found


def arranged(command: click.Command, words: list[str]) -> list[str]:
    """The words so that what looks like an option, and is none, is not taken for one."""
    takes_value: dict[str, bool | None] = {"--help": False, "-h": False}
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            optional = parameter.metavar is not None and parameter.metavar.startswith("[")
            takes = None if optional else not parameter.is_flag
            takes_value |= dict.fromkeys(parameter.opts, takes)
    return arrange(words, takes_value)


def _version(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from importlib.metadata import version

        click.echo(tell("backtrace {version}", version=version("backtrace-autodiff")))
        context.exit()


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    help=marked("""Trace a formula gate by gate: what flows forward, what flows back, and why.

    A VALUE is a number or a constant formula: 5, -1e-3, 1/3, pi/2, sqrt(2).
    Every gradient is checked by SymPy and by a measured slope."""),
    options_metavar="",
    epilog=EXAMPLES,
    subcommand_metavar="FORMULA [NAME=VALUE ...] [OPTIONS]",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help=marked("Show the version and exit."),
)
def command() -> None:
    pass


def run(words: Sequence[str]) -> int:
    """Runs the command; returns its exit status. Errors go to standard error."""
    color = _color_asked(words)
    try:
        language = languages.asked(words)
    except UsageError as error:
        complain(error, color)
        return 2
    language, said = languages.as_written(language, words, sys.stdout.encoding, sys.stderr.encoding)
    if said:
        note(said, color)
    with languages.spoken(language):
        return _run(words, color)


def _run(words: Sequence[str], color: str) -> int:
    try:
        status = _invoke(list(words))
        sys.stdout.flush()
        return status
    except BacktraceError as error:
        complain(error, color)
    except click.ClickException as error:
        complain(as_ours(error), color)
    except (KeyboardInterrupt, click.Abort):
        return _INTERRUPTED
    except _Terminated:
        return _TERMINATED
    except BrokenPipeError:
        _forget_stdout()
        return _PIPE_CLOSED
    except OSError as error:
        _forget_stdout()
        complain(
            UsageError(tell("cannot write the output: {strerror}", strerror=by_system(error))),
            color,
        )
    except Exception as error:
        complain(BacktraceError(our_error(error)), color)
        if "BACKTRACE_DEBUG" in os.environ:
            raise
        return _OURS
    return 2


def _invoke(words: list[str]) -> int:
    if "_BACKTRACE_COMPLETE" in os.environ:
        command.main(words, prog_name="backtrace", complete_var="_BACKTRACE_COMPLETE")
    try:
        with command.make_context("backtrace", words) as context:
            status: Any = command.invoke(context)
    except click.exceptions.Exit as ended:  # after --help or --version
        status = ended.exit_code
    return status if isinstance(status, int) else 0


def _color_asked(words: Sequence[str]) -> str:
    for position, word in enumerate(words):
        if word == "--color":
            return next(iter(words[position + 1 : position + 2]), "auto")
        if word.startswith("--color="):
            return word.partition("=")[2]
    return "auto"


def as_ours(error: click.ClickException) -> UsageError:
    """An error of the options, in our own words."""
    message = error.format_message().rstrip(".")
    return UsageError(message[:1].lower() + message[1:])


def _forget_stdout() -> None:
    """The reader of the pipe has gone: what is still buffered must not complain at exit."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())


class _Terminated(BaseException):
    """SIGTERM: as Ctrl-C, so that what is half written is taken away."""


def _terminate(*_: object) -> NoReturn:
    raise _Terminated


def main() -> None:
    """The entry point of the `backtrace` command."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _terminate)
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # the shell closed it: `>&-`
            setattr(sys, name, open(os.devnull, "r+"))  # noqa: SIM115 - for the whole process
    gc.disable()  # a short-lived process; collecting while SymPy loads is a third of the start-up
    status = run([_as_utf_8(word) for word in sys.argv[1:]])
    _end(status)


def _as_utf_8(word: str) -> str:
    """A word as the bytes that were typed say it, also where the locale is C, and knows ASCII."""
    try:
        return os.fsencode(word).decode("utf-8")
    except UnicodeError:
        return word


def _end(status: int) -> NoReturn:
    """Ends the process without taking the interpreter down piece by piece, which with SymPy loaded
    takes a third of a run. Everything is written and flushed by now, or has been complained of."""
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    sympy_process.end()
    os._exit(status)
