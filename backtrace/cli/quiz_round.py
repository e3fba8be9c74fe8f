"""One quiz in the terminal: its headings, its asks, what is said of each answer, the wires."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from backtrace.algebra.values import shape_of, size_of
from backtrace.errors import BacktraceError
from backtrace.language import tell
from backtrace.numbers import SHORT

if TYPE_CHECKING:
    from backtrace.cli.quiz_talk import Talk
    from backtrace.graph.record import Record
    from backtrace.homework.practice import Ask, Judged, Quiz
    from backtrace.render import View

DONE, STOPPED, END, INTERRUPTED = "done", "q", "end of input", "interrupted"
_MOST_NAMES = 12
_MOST_ENTRIES = 200  # of a point that is written out
_ROOM = 10  # rows that are kept for what is asked
_HOME = "\x1b[H\x1b[J"


class Round:
    """One quiz, from its heading to its last answer."""

    def __init__(self, talk: Talk, quiz: Quiz, view: View) -> None:
        self.talk = talk
        self.quiz = quiz
        self.view = view
        self._full = view._replace(full=True)  # who is to work with a number needs every entry
        self._is_drawn_anew = talk.redraws and _has_room(self._frame())
        self._says_numbers = not self._drawing() or _has_long(quiz.problem.record)
        self._told: list[tuple[str, str]] = []

    def run(self) -> str:
        if self._is_drawn_anew:
            self.talk.write("\n" * rows())
        else:
            self.talk.write(self._title() + "\n")
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
                self._tell(tell("  (that is all there is to hint at)"), "quiet", now=True)
        elif not typed:
            number = self.quiz.skip()
            self._tell(
                tell("  skipped: {name} = {value}", name=ask.name, value=self._full.value(number)),
                "note",
            )
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
            self._tell(tell("  this counts as no answer"), "quiet", now=True)
            return
        if judged.passes:
            self._tell(f"  {_praise(judged, self._full)}", "agree")
            return
        self._tell(tell("  not right"), "disagree", now=not judged.is_last)
        for text in self._reasons(judged):
            self._tell(f"  {text}", "", now=not judged.is_last)
        if not judged.is_last:
            self._tell(tell("  once more (? is a hint)"), "quiet", now=True)
            return
        for text in self.quiz.arithmetic(turn, self.view):
            self._tell(f"  {text}", "note")

    def _reasons(self, judged: Judged) -> list[str]:
        from backtrace.homework.report import what_fits

        if judged.follows:
            return [
                tell(
                    "it follows from what you answered for {name}, which was not right",
                    name=judged.follows,
                )
            ]
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
            return tell("values, forward")
        graph = self.quiz.problem.record.graph
        seed = self.quiz.problem.record.upstreams[graph.output]
        name = graph.output_name
        return tell(
            "gradients, from the output back: that of {name} is {value}",
            name=name,
            value=self.view.value(seed),
        )

    def _draw(self, ask: Ask) -> None:
        """The screen anew: the wires, the last verdict, the heading of the pass. Where the numbers
        have become too long for it, it goes on below from now on."""
        frame = self._frame()
        self._is_drawn_anew = _has_room(frame)
        if self._is_drawn_anew:
            self.talk.write(_HOME + frame + "\n")
            self._beside()
        self._flush()
        self.talk.say(self._heading(ask), "heading")

    def _end(self) -> None:
        frame = self._frame()
        if self._is_drawn_anew and _has_room(frame):
            self.talk.write(_HOME + frame)
        else:
            self.talk.write("\n")
            self._picture()
        self._flush()

    def _flush(self) -> None:
        """What was to be told under the wires."""
        for text, style in self._told:
            self.talk.say(text, style)
        self._told.clear()

    def _title(self) -> str:
        """The formula and its point, every entry of it unless these are too many."""
        from backtrace.render._terminal import heading, paint

        record = self.quiz.problem.record
        is_short = sum(map(size_of, record.point.values())) <= _MOST_ENTRIES
        return paint(self.view, heading(record, self._full if is_short else self.view))

    def _drawing(self) -> str:
        from backtrace.render.wires import drawing

        return drawing(self.quiz.picture(), self.view)

    def _frame(self) -> str:
        """What the screen begins with; "" where the wires cannot be drawn."""
        drawn = self._drawing()
        return f"{self._title()}\n{drawn}" if drawn else ""

    def _beside(self) -> None:
        names = self.quiz.given
        if names:
            few = ", ".join(names[:_MOST_NAMES]) + ", …" * (len(names) > _MOST_NAMES)
            self.talk.say(tell("too many entries to type, so given: {names}", names=few), "quiet")

    def _picture(self) -> None:
        """The wires; where they do not fit, a tree."""
        from backtrace.render.wires import picture

        record = self.quiz.picture()
        drawn = picture(record, self.view)
        if drawn:
            self.talk.write(drawn)


def _has_room(frame: str) -> bool:
    """Whether a screen has room for it, and for what is asked."""
    return 0 < frame.count("\n") <= rows() - _ROOM


def _has_long(record: Record) -> bool:
    """Whether some array is not written out in a picture."""
    return any(size_of(value) > SHORT for value in record.values if shape_of(value))


def _praise(judged: Judged, view: View) -> str:
    from backtrace.homework.verdicts import KINK, ROUNDED

    if judged.verdict.verdict == KINK:
        return tell("right: here is a kink, and what lies between its slopes will do")
    if judged.verdict.verdict == ROUNDED:
        return tell("right, rounded early: exactly {value}", value=view.value(judged.exact))
    return tell("right")


def rows() -> int:
    return shutil.get_terminal_size((80, 24)).lines
