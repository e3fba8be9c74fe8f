"""The language of everything a person reads: a sentence is formed where it is made.

    tell("{name} has no value", name="x")           x has no value      x에 값이 없습니다
    tell_many("{n} gate", "{n} gates", n=3)         3 gates             게이트 3개
    SAYS = marked("value"), then tell(SAYS)         value               값

English is what the source says, and loads nothing. Another language is one catalogue of gettext,
`locale/<language>/LC_MESSAGES/backtrace.po`: what it does not have is said in English.
Codes, JSON keys and names of gates are no sentences, and are the same in every language.
"""

from __future__ import annotations

import contextlib
import os
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

TYPE_CHECKING = False  # typing's own, without what is loaded for it
if TYPE_CHECKING:
    from gettext import NullTranslations

SOURCE = "en"
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "locale")
DOMAIN = "backtrace"
_VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
_ENGLISH = ("en", "c", "posix")

_chosen = SOURCE  # of the whole process
_within: ContextVar[str | None] = ContextVar("language", default=None)  # of a `with`, in its thread
_catalogues: dict[str, NullTranslations] = {}


def tell(template: str, /, **values: Any) -> str:
    """`template` in the current language, with the values put in (without any, it is as it is)."""
    language = current()
    if language != SOURCE and template:
        template = _catalogue(language).gettext(template)
    return template.format(**values) if values else template


def tell_many(one: str, many: str, /, *, n: int, **values: Any) -> str:
    """`one` where n is 1, else `many`, as the language counts; with `n` and the values put in."""
    language = current()
    if language == SOURCE:
        template = one if n == 1 else many
    else:
        template = _catalogue(language).ngettext(one, many, n)
    return template.format(n=n, **values)


def marked(text: str, /) -> str:
    """`text` itself, which the catalogues are to have: for tables, whose rows are told when they
    are shown."""
    return text


def marked_many(one: str, many: str, /) -> tuple[str, str]:
    """The same of what is counted."""
    return one, many


def current() -> str:
    """The language that is spoken here and now."""
    return _within.get() or _chosen


def chosen() -> str:
    """The language of the whole process."""
    return _chosen


def choose(language: str) -> None:
    """Speaks `language`, in this process: what the command does once, and its workers."""
    global _chosen
    _chosen = language


@contextlib.contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speaks `language` within a `with` block, in this thread."""
    token = _within.set(language)
    try:
        yield
    finally:
        _within.reset(token)


def known() -> list[str]:
    """The languages there are: English, and one for every catalogue."""
    folders = os.listdir(FOLDER) if os.path.isdir(FOLDER) else []
    return [SOURCE, *sorted(name for name in folders if os.path.isdir(_messages(name)))]


def of_environment(environment: Mapping[str, str]) -> str:
    """What LANGUAGE, LC_ALL, LC_MESSAGES or LANG ask for: the first that says anything (gettext's
    order), in which LANGUAGE may name several, the best first. English where none is known."""
    wanted = next((environment[name] for name in _VARIABLES if environment.get(name)), "")
    return next(filter(None, map(named, wanted.split(":"))), SOURCE)


def named(locale: str) -> str:
    """The language of ko, ko_KR.UTF-8 or ko-KR; "" for one that there is no catalogue of."""
    for end in (".", "@"):
        locale = locale.partition(end)[0]
    whole = locale.replace("-", "_").lower()
    language = whole.partition("_")[0]
    if language in _ENGLISH:
        return SOURCE
    return next((k for k in known() if k.lower() in (whole, language)), "")


def cells(text: str) -> int:
    """How many columns of a terminal `text` takes: wide characters take two."""
    if text.isascii():
        return len(text)
    return len(text) + sum(unicodedata.east_asian_width(c) in "WF" for c in text)


def left(text: str, width: int) -> str:
    """`text` at the left of so many columns."""
    return text + " " * (width - cells(text))


def right(text: str, width: int) -> str:
    """`text` at the right of so many columns."""
    return " " * (width - cells(text)) + text


def fitting(text: str, width: int) -> str:
    """As much of the beginning of `text` as so many columns have room for."""
    text = text[: max(width, 0)]
    while cells(text) > width:
        text = text[:-1]
    return text


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A line for each row: its first cell at the left of its column, the others at the right."""
    widths = [max(map(cells, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        rest = map(right, row[1:], widths[1:])
        yield "  ".join([left(row[0], widths[0]), *rest])


def _messages(language: str) -> str:
    return os.path.join(FOLDER, language, "LC_MESSAGES")


def _catalogue(language: str) -> NullTranslations:
    found = _catalogues.get(language)
    if found is None:
        import gettext  # only where it is not English

        found = gettext.translation(DOMAIN, FOLDER, [language], fallback=True)
        _catalogues[language] = found
    return found
