"""The conversation of a quiz: prints what is asked, reads a line, prints the verdict.

On a terminal the wires are drawn anew with every number that is found; in a pipe at the end of each
pass, and what was read is written behind its prompt, so that the text reads as a terminal's.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from rich.text import Text

from backtrace.cli.quiz_round import DONE, INTERRUPTED, Round
from backtrace.errors import UsageError, visible
from backtrace.language import tell

if TYPE_CHECKING:
    from backtrace.homework.practice import Quiz
    from backtrace.homework.practice.summary import Summary
    from backtrace.render import View

_PIECE = 1 << 16  # bytes of a line that are read at once
_LONGEST = 1 << 26
_MOST_NAMES = 12


class Talk:
    """`is_quiet`: the record goes to standard output, and the conversation to standard error, where
    that is a terminal."""

    def __init__(self, view: View, is_quiet: bool) -> None:
        self._view = view
        self._is_quiet = is_quiet
        self._is_heard = not is_quiet or sys.stderr.isatty()
        self._reads_keys = sys.stdin.isatty()
        is_screen = sys.stdout.isatty() and self._reads_keys and not is_quiet
        self._redraws = is_screen and os.environ.get("TERM", "dumb") != "dumb"
        self._is_screen = is_screen
        if is_screen:
            with contextlib.suppress(ImportError):
                import readline  # noqa: F401 - arrow keys in input()

    def run(self, quizzes: Sequence[Quiz], notes: Sequence[str]) -> str:
        """Asks everything; how it ended."""
        try:
            for note in notes:
                self._say(note, "quiet")
            self._say(tell("? is a hint, an empty line skips, q ends"), "quiet")
            self._say("")
            for position, quiz in enumerate(quizzes):
                if len(quizzes) > 1:
                    self._say("" if position else None)
                    self._say(
                        tell(
                            "{title}, problem {n} of {all}",
                            title=quiz.title,
                            n=position + 1,
                            all=len(quizzes),
                        ),
                        "heading",
                    )
                ended = Round(self, quiz, self._view).run()
                if ended != DONE:
                    return ended
        except KeyboardInterrupt:
            self.write("\n")
            return INTERRUPTED
        return DONE

    def close(self, told: Summary) -> None:
        """What was right at once, which slips were made, what to practise next."""
        self.write("\n")
        for outcome, names in told.by_outcome.items():
            count = tell("{n} of {all}", n=len(names), all=told.asked)
            shown = ", ".join(names[:_MOST_NAMES])
            more = tell(", … ({n} more)", n=len(names) - _MOST_NAMES) * (len(names) > _MOST_NAMES)
            self._say(f"{tell(outcome)}: {count} ({shown}{more})")
        if told.slips:
            self._say("")
        for slip in told.slips[:_MOST_NAMES]:
            several = "" if slip.is_alone else tell(", or another that fits")
            where = ", ".join(slip.names[:_MOST_NAMES])
            self._say(
                tell(
                    "{names}: {code} at {gate}: {says}",
                    names=where,
                    code=slip.code,
                    gate=slip.gate,
                    says=tell(slip.says),
                )
                + several
            )
        self._say("")
        self._say(tell("practise next:"))
        self.write(f"  {self._view.text(told.command)}\n")

    def say(self, text: str | None, style: str = "") -> None:
        self._say(text, style)

    def _say(self, text: str | None, style: str = "") -> None:
        """A line, wrapped to the width."""
        if text is None:
            return
        from backtrace.render._terminal import paint

        self.write(paint(self._view, Text(self._view.text(text), style=style)) if text else "\n")

    def write(self, text: str) -> None:
        """To the reader, whose encoding may know less than ours."""
        if not self._is_heard:
            return
        stream = sys.stderr if self._is_quiet else sys.stdout
        encoding = stream.encoding or "utf-8"
        safe = text.encode(encoding, "backslashreplace").decode(encoding)
        click.echo(safe, nl=False, color=True, err=self._is_quiet)

    @property
    def redraws(self) -> bool:
        return self._redraws

    def line(self, prompt: str) -> str | None:
        """The next line that is typed; None at the end of all. Raises UsageError for an endless
        one."""
        prompt = self._view.text(prompt)
        if self._is_screen:
            try:
                return input(prompt)
            except EOFError:
                self.write("\n")
                return None
            except UnicodeDecodeError:
                return "\ufffd"
        self.write(prompt)
        text = _line_of_input()
        if not self._reads_keys:
            self.write(f"{visible((text or '')[:200])}\n")
        return text


def _line_of_input() -> str | None:
    """A line of standard input, cut where it is too long for any answer."""
    stream = sys.stdin.buffer if hasattr(sys.stdin, "buffer") else None
    if stream is None:
        return sys.stdin.readline() or None
    sys.stdout.flush()
    piece = stream.readline(_PIECE)
    if not piece:
        return None
    left, read = piece, len(piece)
    while left and not left.endswith(b"\n"):
        left = stream.readline(_PIECE)
        read += len(left)
        if read > _LONGEST:
            raise UsageError(tell("standard input is no lines with answers"))
    return piece.decode("utf-8", "replace").rstrip("\r\n")
