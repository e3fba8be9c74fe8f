"""The conversation of a quiz: prints what is asked, reads a line, prints the verdict.

On a terminal the wires are drawn anew with every number that is found; in a pipe at the end of each
pass, and what was read is written behind its prompt, so that the text reads as a terminal's.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from rich.text import Text

from backtrace.algebra.values import shape_of, size_of
from backtrace.errors import BacktraceError, UsageError, visible
from backtrace.numbers import SHORT

if TYPE_CHECKING:
    from backtrace.graph.record import Record
    from backtrace.homework.practice import Ask, Judged, Quiz
    from backtrace.homework.practice.summary import Summary
    from backtrace.render import View

DONE, STOPPED, END, INTERRUPTED = "done", "q", "end of input", "interrupted"
_PIECE = 1 << 16  # bytes of a line that are read at once
_LONGEST = 1 << 26
_MOST_NAMES = 12
_MOST_ENTRIES = 200  # of a point that is written out
_ROOM = 12  # rows that are kept for what is asked
_HOME = "\x1b[H\x1b[J"


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
            self._say("? is a hint, an empty line skips, q ends", "quiet")
            self._say("")
            for position, quiz in enumerate(quizzes):
                if len(quizzes) > 1:
                    self._say("" if position else None)
                    self._say(f"{quiz.title}, problem {position + 1} of {len(quizzes)}", "heading")
                ended = _Round(self, quiz, self._view).run()
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
            count = f"{len(names)} of {told.asked}"
            shown = ", ".join(names[:_MOST_NAMES])
            more = f", … ({len(names) - _MOST_NAMES} more)" * (len(names) > _MOST_NAMES)
            self._say(f"{outcome}: {count} ({shown}{more})")
        if told.slips:
            self._say("")
        for slip in told.slips[:_MOST_NAMES]:
            several = "" if slip.is_alone else ", or another that fits"
            where = ", ".join(slip.names[:_MOST_NAMES])
            self._say(f"{where}: {slip.code} at {slip.gate}: {slip.says}{several}")
        self._say("")
        self._say("practise next:")
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
            raise UsageError("standard input is no lines with answers")
    return piece.decode("utf-8", "replace").rstrip("\r\n")


class _Round:
    """One quiz, from its heading to its last answer."""

    def __init__(self, talk: Talk, quiz: Quiz, view: View) -> None:
        self.talk = talk
        self.quiz = quiz
        self.view = view
        height = self._height()
        self._is_drawn_anew = talk.redraws and 0 < height <= _rows() - _ROOM
        self._says_numbers = not height or _has_long(quiz.problem.record)
        self._told: list[tuple[str, str]] = []

    @property
    def _full(self) -> View:
        """For the point: who is to work with it needs every entry."""
        sizes = [size_of(value) for value in self.quiz.problem.record.point.values()]
        return self.view._replace(full=sum(sizes) <= _MOST_ENTRIES)

    def run(self) -> str:
        from backtrace.render._terminal import heading, paint

        record = self.quiz.problem.record
        if self._is_drawn_anew:
            self.talk.write("\n" * _rows())
        else:
            self.talk.write(paint(self.view, heading(record, self._full)) + "\n")
            self._beside()
        before: Ask | None = None
        while (ask := self.quiz.current) is not None:
            if before is None or before.is_gradient != ask.is_gradient:
                self._begin(ask, before)
            if self._is_drawn_anew and ask is not before:
                self._draw(ask)
            if self._says_numbers and ask is not before:
                self.talk.say(", ".join(self.quiz.known_numbers(self.view)), "quiet")
            before = ask
            ended = self._one(ask)
            if ended:
                return ended
        self._end()
        return DONE

    def _one(self, ask: Ask) -> str:
        """One line of one ask; how it ended, where it did."""
        line = self.talk.line(self._prompt(ask))
        if line is None:
            return END
        typed = line.strip()
        if typed == "q":
            return STOPPED
        if typed == "?":
            degree = self.quiz.turns[self.quiz.place].hints
            for text in self.quiz.hint(None, self.view):
                self._tell(f"  {text}", "quiet", now=True)
            if degree == 2:
                self._tell("  (that is all there is to hint at)", "quiet", now=True)
        elif not typed:
            number = self.quiz.skip()
            self._tell(f"  skipped: {ask.name} = {self.view.value(number)}", "note")
        else:
            self._judge(typed)
        return ""

    def _judge(self, typed: str) -> None:
        turn = self.quiz.turns[self.quiz.place]
        try:
            judged = self.quiz.judge(typed)
        except BacktraceError as error:
            for text in str(error).split("\n"):
                self._tell(f"  {text}", "note", now=True)
            self._tell("  this counts as no answer", "quiet", now=True)
            return
        if judged.passes:
            self._tell(f"  {_praise(judged, self.view)}", "agree")
            return
        self._tell("  not right", "disagree", now=not judged.is_last)
        for text in self._reasons(judged):
            self._tell(f"  {text}", "", now=not judged.is_last)
        if not judged.is_last:
            self._tell("  once more (? is a hint)", "quiet", now=True)
            return
        for text in self.quiz.arithmetic(turn, self.view):
            self._tell(f"  {text}", "note")

    def _reasons(self, judged: Judged) -> list[str]:
        from backtrace.homework.report import what_fits

        if judged.follows:
            return [f"it follows from what you answered for {judged.follows}, which was not right"]
        return what_fits(self.quiz.problem.record, judged.verdict, judged.fits)

    def _tell(self, text: str, style: str, now: bool = False) -> None:
        """At once; or, where the wires are drawn before the next ask, under them."""
        if self._is_drawn_anew and not now:
            self._told.append((text, style))
        else:
            self.talk.say(text, style)

    def _prompt(self, ask: Ask) -> str:
        from backtrace.render._rules import shape_note
        from backtrace.render._words import line_words

        place = f"{self.quiz.place + 1}/{len(self.quiz.turns)}"
        line = line_words(self.quiz.problem.record, ask.node)
        told = [f"{ask.says}"] if ask.is_gradient else []
        told += [line] if line and not ask.is_gradient else []
        beside = f" ({', '.join(told)})" if told else ""
        name = ask.name if ask.is_gradient else ask.says
        return f"{place}  {name}{shape_note(ask.shape)}{beside} = "

    def _begin(self, ask: Ask, before: Ask | None) -> None:
        """The heading of a pass, after the picture of the one before it."""
        if (before is not None or ask.is_gradient) and not self._is_drawn_anew:
            if before is not None:
                self.talk.write("\n")
            self._picture()
            self.talk.write("\n")
        if not self._is_drawn_anew:
            self.talk.say(self._heading(ask), "heading")

    def _heading(self, ask: Ask) -> str:
        if not ask.is_gradient:
            return "values, forward"
        graph = self.quiz.problem.record.graph
        seed = self.quiz.problem.record.upstreams[graph.output]
        name = graph.output_name
        return f"gradients, from the output back: that of {name} is {self.view.value(seed)}"

    def _draw(self, ask: Ask) -> None:
        """The screen anew: the wires, the last verdict, the heading of the pass."""
        from backtrace.render._terminal import heading, paint

        self.talk.write(_HOME + paint(self.view, heading(self.quiz.problem.record, self._full)))
        self.talk.write("\n")
        self._picture()
        self.talk.write("\n")
        self._beside()
        for text, style in self._told:
            self.talk.say(text, style)
        self._told.clear()
        self.talk.say(self._heading(ask), "heading")

    def _end(self) -> None:
        if self._is_drawn_anew:
            self.talk.write(_HOME)
        else:
            self.talk.write("\n")
        self._picture()
        for text, style in self._told:
            self.talk.say(text, style)

    def _beside(self) -> None:
        names = self.quiz.given
        if names:
            few = ", ".join(names[:_MOST_NAMES]) + ", …" * (len(names) > _MOST_NAMES)
            self.talk.say(f"too many entries to type, so given: {few}", "quiet")

    def _picture(self) -> None:
        """The wires; a tree where they do not fit and it is no forest."""
        from backtrace.render.wires import picture

        record = self.quiz.picture()
        drawn = picture(record, self.view)
        if drawn:
            self.talk.write(drawn)

    def _height(self) -> int:
        from backtrace.render.wires import picture

        drawn = picture(self.quiz.picture(), self.view)
        return drawn.count("\n")


def _has_long(record: Record) -> bool:
    """Whether some array is not written out in a picture."""
    return any(size_of(value) > SHORT for value in record.values if shape_of(value))


def _praise(judged: Judged, view: View) -> str:
    from backtrace.homework.verdicts import KINK, ROUNDED

    if judged.verdict.verdict == KINK:
        return "right: here is a kink, and what lies between its slopes will do"
    if judged.verdict.verdict == ROUNDED:
        return f"right, rounded early: exactly {view.value(judged.exact)}"
    return "right"


def _rows() -> int:
    return shutil.get_terminal_size((80, 24)).lines
