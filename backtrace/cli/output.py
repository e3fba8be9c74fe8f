"""Where text goes: data to standard output or a file, everything else to standard error."""

from __future__ import annotations

import codecs
import os
import shutil
import sys
from typing import TYPE_CHECKING, NamedTuple

import click

from backtrace.errors import BacktraceError
from backtrace.language import marked, tell

if TYPE_CHECKING:
    from backtrace.render import View
    from backtrace.tracing.trace import Trace

_WRONG = {
    "disagree": marked("the cross-check disagrees about {what}"),
    "lost digits": marked("the cross-check finds digits lost in {what}"),
    "wrong at kink": marked(
        "the cross-check finds another derivative on both sides of a kink for {what}"
    ),
}
_STYLED = {marked("error: {error}"): "red", marked("hint: {hint}"): "cyan"}


class Look(NamedTuple):
    """The options every printing command shares: how its output is to look."""

    color: str = "auto"
    ascii: bool = False
    width: int | None = None
    digits: int = 4

    def view(self, to_file: bool) -> View:
        """The view these options ask for, as the terminal, the pipe or the file allows."""
        from backtrace.render import View

        stream = sys.stdout
        is_terminal = stream.isatty() and not to_file
        encoding = "utf-8" if to_file else (stream.encoding or "ascii")
        return View(
            width=self.width or (shutil.get_terminal_size((80, 24)).columns if is_terminal else 80),
            digits=self.digits,
            color=_wants_color(self.color, is_terminal) and not (to_file and self.color == "auto"),
            ascii=self.ascii or not _can_encode(encoding),
        )


def _wants_color(choice: str, is_terminal: bool) -> bool:
    """--color first, then NO_COLOR (https://no-color.org), FORCE_COLOR, and what the stream is."""
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return is_terminal and os.environ.get("TERM") != "dumb"


def _can_encode(encoding: str) -> bool:
    try:
        "∂×─│└✓…".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def say(text: str) -> None:
    """Data, to standard output. What its encoding cannot hold is escaped, never an exception."""
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding), nl=False, color=True)


def say_utf8(text: bytes) -> None:
    """As `say`, without copies where standard output takes it as it is."""
    taker = getattr(sys.stdout, "buffer", None)  # a notebook's has none
    is_utf8 = codecs.lookup(sys.stdout.encoding or "utf-8").name == "utf-8"
    if taker is None or not is_utf8 or os.linesep != "\n":
        say(text.decode("utf-8"))
        return
    sys.stdout.flush()
    taker.write(text)
    sys.stdout.flush()


def complain(error: BacktraceError, color: str) -> None:
    """An error, to standard error: what, the line with its caret, the hint."""
    coloured = _wants_color(color, sys.stderr.isatty())
    styles = {tell(word).partition("{")[0].rstrip(): style for word, style in _STYLED.items()}
    lines = tell("error: {error}", error=error).split("\n")
    for line in lines:
        word = line.partition(" ")[0]
        if coloured and word in styles:
            line = click.style(word, fg=styles[word], bold=True) + line[len(word) :]
        click.echo(line, err=True, color=coloured)


def note(text: str, color: str) -> None:
    """What is to be known of the input, to standard error."""
    coloured = _wants_color(color, sys.stderr.isatty())
    said = tell("note") + ":"
    word = click.style(said, bold=True) if coloured else said
    click.echo(f"{word} {text}", err=True, color=coloured)


def problem_of(traced: Trace) -> BacktraceError | None:
    """What is wrong with the numbers, for standard error; None when nothing is."""
    graph = traced.graph
    if traced.fault is not None:
        span = graph.nodes[traced.fault.node].span
        way = tell("forward") if traced.fault.direction == "forward" else tell("backward")
        what = f"{way}: {traced.fault.what}"
        return BacktraceError(what, text=traced.formula, span=span, hint=traced.fault.hint)
    for name, check in traced.disagreements.items():
        what = tell("the gradient of {name}", name=name) if name else tell("the output")
        place = graph.nodes[check.gate].span if check.gate is not None else None
        what = tell(
            "the cross-check disagrees about {what}: {reason}", what=what, reason=check.reason
        )
        return BacktraceError(what, text=traced.formula, span=place)
    for name, check in traced.lost.items():
        what = tell("the gradient of {name}", name=name) if name else tell("the output")
        place = graph.nodes[check.gate].span if check.gate is not None else None
        return BacktraceError(
            tell("{what} has lost digits: {reason}", what=what, reason=check.reason),
            text=traced.formula,
            span=place,
            hint=next((note.text for note in traced.notes if note.kind == "cure"), ""),
        )
    for name, check in traced.wrong_at_kinks.items():
        place = graph.nodes[check.gate].span if check.gate is not None else None
        what = tell(
            "the gradient of {name} is not the derivative: {reason}", name=name, reason=check.reason
        )
        return BacktraceError(what, text=traced.formula, span=place)
    if traced.asked.descent is not None and not traced.ok:
        name = graph.nodes[graph.output].name or tell("the output")
        what = tell(
            "after {count:,} steps {name} is not finite",
            count=len(traced.asked.descent.outputs) - 1,
            name=name,
        )
        return BacktraceError(what, hint=tell("a smaller --step, or fewer --steps"))
    for what, verdict, reason in traced.asked.verdicts:
        if verdict in _WRONG:
            words = tell(_WRONG[verdict], what=what)
            return BacktraceError(f"{words}: {reason}" if reason else words)
    return None
