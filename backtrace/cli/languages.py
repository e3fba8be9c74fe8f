"""--lang, and what the environment says: which language a run of the command speaks."""

from __future__ import annotations

import contextlib
import gettext
import os
from collections.abc import Iterator, Sequence

import click

from backtrace import language
from backtrace.errors import UsageError
from backtrace.language import marked, marked_many, tell

OPTION = "--lang"

_BY_CLICK = (
    marked("Usage:"),
    marked("Show this message and exit."),
    marked("Invalid value: {message}"),
    marked("Invalid value for {param_hint}: {message}"),
    marked("{value!r} is not a valid {number_type}."),
    marked("{value} is not in the range {range}."),
    marked_many("{value!r} is not {choice}.", "{value!r} is not one of {choices}."),
    marked("Missing argument"),
    marked("Missing option"),
    marked("No such option {name!r}."),
    marked("Option {name!r} does not take a value."),
    marked_many(
        "Option {name!r} requires an argument.", "Option {name!r} requires {nargs} arguments."
    ),
    marked_many(
        "Got unexpected extra argument ({args})", "Got unexpected extra arguments ({args})"
    ),
)
"""What click says itself: it asks gettext for these."""

_LETTERS = _BY_CLICK[:2]


def asked(words: Sequence[str]) -> str:
    """The language that a command line speaks: --lang, or LANGUAGE, LC_ALL, LC_MESSAGES, LANG.
    Raises UsageError for one that --lang names and that there is not."""
    if "_BACKTRACE_COMPLETE" in os.environ:
        return language.SOURCE  # what could come next is the same everywhere
    named = _named(words)
    if named is None:
        return language.of_environment(os.environ)
    found = language.named(named)
    if not found:
        *most, last = language.known()
        raise UsageError(
            tell("there is no language '{language}'", language=named),
            hint=tell("{most} or {last}", most=", ".join(f"--lang {k}" for k in most), last=last),
        )
    return found


def as_written(name: str, words: Sequence[str], *encodings: str | None) -> tuple[str, str]:
    """The language in which output of these encodings is written: English where one of them has not
    the letters; and what is to be said of that, to somebody who named the language: else ""."""
    with language.speaking(name):
        letters = "".join(tell(word) for word in _LETTERS)
    lacking = next((e for e in encodings if e and not _has(e, letters)), None)
    if name == language.SOURCE or lacking is None:
        return name, ""
    if _named(words) is None:
        return language.SOURCE, ""
    return language.SOURCE, (  # in English, as all that follows
        f"the output's encoding, {lacking}, has no letters for --lang {name}: it is in English "
        "(PYTHONIOENCODING=utf-8 gives it an encoding that has)"
    )


def _has(encoding: str, letters: str) -> bool:
    try:
        letters.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _named(words: Sequence[str]) -> str | None:
    """What stands behind the last --lang, before a --."""
    found = None
    for position, word in enumerate(words):
        if word == "--":
            break
        if word == OPTION and position + 1 < len(words):
            found = words[position + 1]
        elif word.startswith(f"{OPTION}="):
            found = word.partition("=")[2]
    return found


def complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in language.known() if name.startswith(incomplete)]


@contextlib.contextmanager
def spoken(name: str) -> Iterator[None]:
    """A run of the command in that language; also what click says, which asks gettext's own
    domain and variables."""
    before = language.chosen()
    language.choose(name)
    if name == language.SOURCE:
        try:
            yield
        finally:
            language.choose(before)
        return
    variable, domain = os.environ.get("LANGUAGE"), gettext.textdomain()
    os.environ["LANGUAGE"] = name
    gettext.bindtextdomain(language.DOMAIN, language.FOLDER)
    gettext.textdomain(language.DOMAIN)
    try:
        yield
    finally:
        language.choose(before)
        gettext.textdomain(domain)
        if variable is None:
            del os.environ["LANGUAGE"]
        else:
            os.environ["LANGUAGE"] = variable
