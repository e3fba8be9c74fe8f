"""Every error a user can cause: what is wrong, where it is, and the remedy.

An error carries the text it speaks of and the place in it, and draws its own caret:

    error: 'x' has no value
      (x+y)*z
       ^
    hint: add x=... to the command

Raised by the library, printed only by the command (`backtrace.cli`).
"""

from __future__ import annotations

import os
import unicodedata

from backtrace.language import cells, marked, tell

Span = tuple[int, int]

_LONGEST_REPORT = 200  # characters of what went wrong inside
_LONGEST_LINE = 74  # characters of a quoted line; two more are the indent


class BacktraceError(Exception):
    """An input that cannot be used.

    Attributes: `what` (one line, lower case), `text` (the user's own text, "" when the error has
    no place), `span` ([start, end) in `text`), `hint` (the remedy, "" when there is none).
    """

    def __init__(
        self, what: str, *, text: str = "", span: Span | None = None, hint: str = ""
    ) -> None:
        self.what = visible(what)
        self.text = text
        self.span = span
        self.hint = visible(hint)
        super().__init__(self.what)

    def __str__(self) -> str:
        lines = [self.what]
        if self.span is not None and self.text:
            lines += quote(self.text, self.span)
        if self.hint:
            lines.append(tell("hint: {hint}", hint=self.hint))
        return "\n".join(lines)


class FormulaError(BacktraceError):
    """The formula cannot be read."""


class ValueGivenError(BacktraceError):
    """A NAME=VALUE cannot be used: not a number, not finite, twice, missing, or never used."""


class UsageError(BacktraceError):
    """The command line, an option or a file cannot be used."""


def our_error(error: Exception) -> str:
    """An error of ours in one line, for a report: which, where in our files, and what to send."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    what = visible(f"{type(error).__name__}{place}: {error}"[:_LONGEST_REPORT])
    return tell("an error in backtrace ({what}); please report this line and the input", what=what)


_BY_SYSTEM = (
    marked("No such file or directory"),
    marked("Permission denied"),
    marked("Operation not permitted"),
    marked("Is a directory"),
    marked("Not a directory"),
    marked("Directory not empty"),
    marked("File exists"),
    marked("File name too long"),
    marked("No space left on device"),
    marked("Read-only file system"),
    marked("Too many open files"),
    marked("Too many levels of symbolic links"),
    marked("Input/output error"),
)
"""What systems say most: anything else is told as they say it."""


def by_system(error: OSError) -> str:
    """What the system says went wrong."""
    return tell(str(error.strerror or error))


def visible(text: str) -> str:
    """`text` with nothing in it that a terminal would obey: controls and marks as escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Zs" or character == "\t":
        return " "
    if character.isprintable() and not category.startswith("M"):
        return character
    return ascii(character)[1:-1]


def quote(text: str, span: Span) -> list[str]:
    """The line of `text` that `span` begins in, and a run of carets under the span's characters.

    A text of several lines names the line; a long line is cut around the caret.
    """
    start = min(span[0], len(text))
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", start)
    last = len(text) if last < 0 else last
    end = min(max(span[1], start + 1), max(last, start + 1))
    before, marked, after = text[first:start], text[start:end], text[end:last]

    room = _LONGEST_LINE - 6
    if len(marked) > room // 2:
        marked, after = marked[: room // 2] + "...", ""
    if len(before) + len(marked) + len(after) > _LONGEST_LINE:
        keep = max(room - len(marked), 0)
        left = min(len(before), max(keep - len(after), keep // 2))
        before = before if left == len(before) else "..." + before[len(before) - left :]
        after = after if len(after) <= keep - left else after[: keep - left] + "..."

    before, marked = visible(before), visible(marked)
    lines = [f"  {before}{marked}{visible(after)}".rstrip()]
    lines.append(" " * (2 + cells(before)) + "^" * max(cells(marked), 1))
    if "\n" in text.rstrip("\n"):
        number = text.count("\n", 0, first) + 1
        lines.insert(0, tell("  line {number}:", number=number))
    return lines


def near_misses(name: str, known: list[str]) -> list[str]:
    """Known names that `name` is probably a misspelling of, the nearest first."""
    import difflib  # only a mistake needs it

    same_but_case = [k for k in known if k.lower() == name.lower()]
    return same_but_case or difflib.get_close_matches(name, known, n=2, cutoff=0.66)
