"""Views of a record: one file, one format.

A module here whose name has no underscore before it is a format: it has `render(record, view)`
that returns text (bytes, with `IS_BINARY`), `SUFFIX` (".json") and a docstring whose first line
says what it shows; `IN_ASCII` where its characters can be written in 7 bits. Help, completion,
`-o out.json` and the tests find it by listing the folder.
"""

from __future__ import annotations

import functools
import importlib
import os
import pkgutil
from types import ModuleType

from backtrace.errors import UsageError, near_misses
from backtrace.graph.record import Record
from backtrace.language import tell
from backtrace.render._view import View


@functools.cache
def formats() -> tuple[str, ...]:
    """The names of all formats, in alphabetical order."""
    names = (m.name for m in pkgutil.iter_modules(__path__))
    return tuple(sorted(name for name in names if not name.startswith("_")))


def load(format: str) -> None:
    """Loads what a format needs: while SymPy loads beside, that costs nothing."""
    _module(format)


def draw(record: Record, format: str, view: View) -> str:
    """The record as text in a format, ending with a line's end. Raises UsageError."""
    if not is_text(format):
        raise UsageError(
            tell("{format} is no text", format=format),
            hint=tell("-o picture{suffix}", suffix=_module(format).SUFFIX),
        )
    module = _module(format)
    text: str = module.render(record, view)
    if view.ascii and hasattr(module, "IN_ASCII"):
        text = module.IN_ASCII(text)
    return text if text.endswith("\n") else text + "\n"


def data(record: Record, format: str, view: View) -> bytes:
    """The record in any format, as what a file holds. Raises UsageError."""
    module = _module(format)
    if not is_text(format):
        found: bytes = module.render(record, view)
    elif hasattr(module, "encoded") and not view.ascii:
        found = module.encoded(record, view)
    else:
        found = draw(record, format, view).encode("utf-8")
    return found


def is_text(format: str) -> bool:
    """Whether a format is text (all but pictures of pixels)."""
    return not getattr(_module(format), "IS_BINARY", False)


def summary(format: str) -> str:
    """What a format shows, in one line."""
    return (_module(format).__doc__ or "").partition("\n")[0]


def format_of(path: str) -> str:
    """The format that a file's suffix asks for. Raises UsageError."""
    suffix = os.path.splitext(path)[1].lower()
    suffixes = {_module(name).SUFFIX: name for name in formats()}
    if suffix not in suffixes:
        what = (
            tell("no format has the suffix '{suffix}'", suffix=suffix)
            if suffix
            else tell("'{path}' has no suffix", path=path)
        )
        raise UsageError(
            what,
            hint=tell(
                "choose one with --format, or a suffix of {suffixes}", suffixes=", ".join(suffixes)
            ),
        )
    return suffixes[suffix]


def known(format: str) -> str:
    """The format's name, if there is such a format. Raises UsageError."""
    names = formats()
    if format not in names:
        near = near_misses(format, list(names))
        hint = (
            tell("did you mean {near}?", near=near[0])
            if near
            else tell("there are {names}", names=", ".join(names))
        )
        raise UsageError(tell("there is no format '{format}'", format=format), hint=hint)
    return format


def _module(format: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{known(format)}")


PLAIN = ("json", "jsonl", "markdown", "table", "tree")
"""The formats that show every record: those that say what is in it, not how it looks."""

__all__ = ["PLAIN", "View", "data", "draw", "format_of", "formats", "is_text", "known", "summary"]
