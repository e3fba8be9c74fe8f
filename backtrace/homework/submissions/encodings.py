"""Lines of text out of the bytes that a spreadsheet wrote: UTF-8, UTF-16, cp1252, cp949.

A byte order mark tells; then UTF-8, where all is valid. What is left is cp1252 (Western Europe) or
cp949 (Korea): most bytes are something in both, so that the text has to be words in one, and in the
other none. Where it is in both, the lines that it concerns are refused with both.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from backtrace.files import InputFile
from backtrace.homework.submissions.submission import short
from backtrace.language import tell

LONGEST_LINE = 1_000_000
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_PUNCTUATION = frozenset("’‘“”–—…°²³·×±«»\u00a0€")
_OUTSIDE_ASCII = re.compile(r"[^\x00-\x7f]+")
_ALONE = re.compile(r"(?<![^\W\d_])(?<![^\x00-\x7f–—])[½¼¾÷§¿¡](?![^\x00-\x7f])")
"""Signs of cp1252 that stand by themselves; beside letters they are those of another encoding."""
_QUOTED_INSIDE = re.compile(r"[^\W\d_][“”«»][^\W\d_]")


@dataclass(frozen=True, slots=True)
class Encoding:
    """`name` as Python has it; `others` are readings that are as good. `note` says a guess."""

    name: str
    others: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """What is to be said of a guess."""
        guessed = self.name in ("cp1252", "cp949") and not self.others
        return tell("it is no UTF-8, and was read as {name}", name=self.name) if guessed else ""


def encoding_of(head: bytes) -> Encoding:
    """How the file is written that begins so."""
    for mark, name in _MARKS.items():
        if head.startswith(mark):
            return Encoding(name)
    if len(head) >= 4 and head[0] and head[2] and not head[1] and not head[3]:
        return Encoding("utf-16-le")
    if len(head) >= 4 and head[1] and head[3] and not head[0] and not head[2]:
        return Encoding("utf-16-be")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        fitting = [name for name, fits in (("cp1252", _western), ("cp949", _korean)) if fits(head)]
        if fitting:
            return Encoding(fitting[0], tuple(fitting[1:]))
    return Encoding("utf-8")


def _decoded(head: bytes, name: str) -> str | None:
    try:
        return codecs.getincrementaldecoder(name)().decode(head)
    except UnicodeDecodeError:
        return None


def _western(head: bytes) -> bool:
    """Letters and a few signs; no word is made of accented letters alone (ÀÌ is cp949's 이)."""
    text = _decoded(head, "cp1252")
    if text is None:
        return False
    if _QUOTED_INSIDE.search(text):
        return False
    text = _ALONE.sub("", text)
    signs = {c for c in text if c > "\x7f" and not c.isalpha()} | {c for c in text if c in "ªº"}
    words = (word for word in _LETTERS.findall(text))
    return signs <= _PUNCTUATION and all(any(c.isascii() for c in word) for word in words)


def _korean(head: bytes) -> bool:
    """Common Hangul and nothing else outside ASCII."""
    text = _decoded(head, "euc_kr")
    if text is None:
        return False
    return all("\uac00" <= c <= "\ud7a3" for run in _OUTSIDE_ASCII.findall(text) for c in run)


@dataclass(frozen=True, slots=True)
class Line:
    """`reason` is why it cannot be read; its text then holds what can."""

    number: int
    text: str
    reason: str = ""


def lines(
    file: InputFile, encoding: Encoding, tick: Callable[[int], None]
) -> Generator[Line, None, None]:
    """Every line of the file, without its end, one by one; `tick` is told about how many bytes."""
    width = 2 if encoding.name.startswith("utf-16") else 1
    errors = "replace" if width == 2 else "surrogateescape"
    reader = io.TextIOWrapper(file, encoding.name, errors)
    try:
        for number, (text, reason) in enumerate(_texts(reader, lambda n: tick(n * width)), 1):
            yield Line(number, text, reason or _undecoded(text, encoding))
    finally:
        reader.detach()  # who opened the file closes it


def _texts(reader: io.TextIOWrapper, tick: Callable[[int], None]) -> Iterator[tuple[str, str]]:
    """Lines, and why one of them is none; of what is too long only the beginning is held."""
    while text := reader.readline(LONGEST_LINE):
        tick(len(text))
        reason = ""
        if len(text) == LONGEST_LINE and not text.endswith("\n"):
            reason = tell("longer than {longest_line:,} characters", longest_line=LONGEST_LINE)
            while (rest := reader.readline(LONGEST_LINE)) and not rest.endswith("\n"):
                tick(len(rest))
            tick(len(rest))
        yield text.rstrip("\r\n"), reason


def _undecoded(text: str, encoding: Encoding) -> str:
    """Why a line is no text in this encoding, or is as good a text in another."""
    if text.isascii():
        return ""
    for place, character in enumerate(text, 1):
        if "\udc80" <= character <= "\udcff":
            byte = f"0x{ord(character) - 0xDC00:02x}"
            return tell(
                "not {name} text: {byte} at character {place}",
                name=encoding.name.upper(),
                byte=byte,
                place=place,
            )
        if character == "\ufffd":
            return tell(
                "not {name} text at character {place}", name=encoding.name.upper(), place=place
            )
    if encoding.others:
        raw = (_OUTSIDE_ASCII.search(text) or [""])[0]
        other = raw.encode(encoding.name).decode(encoding.others[0], "replace")
        names = tell("{name} and {other}", name=encoding.name, other=encoding.others[0])
        return tell(
            "text in {names}, '{short}' or '{other_short}': save it as CSV UTF-8",
            names=names,
            short=short(raw),
            other_short=short(other),
        )
    return ""
