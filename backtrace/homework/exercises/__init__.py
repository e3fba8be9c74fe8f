"""Exercises as learning platforms and editors take them: one file, one format.

A module here whose name has no underscore before it is a format: it has `write(sheet, with_key)`
that returns text, `SUFFIX`, and may have `package(sheet)` that returns the bytes of a zip file.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from types import ModuleType

from backtrace.errors import UsageError
from backtrace.homework.exercises._sheet import Sheet, of_code, of_gates
from backtrace.language import tell

__all__ = ["Sheet", "formats", "of_code", "of_gates", "package", "written"]


@functools.cache
def formats() -> tuple[str, ...]:
    """The names of all formats, in alphabetical order."""
    names = (m.name for m in pkgutil.iter_modules(__path__))
    return tuple(sorted(name for name in names if not name.startswith("_")))


def written(sheet: Sheet, format: str, with_key: bool = False) -> str:
    """The exercise as text. Raises UsageError for an exercise that the format cannot hold."""
    text: str = _module(format).write(sheet, with_key)
    return text


def package(sheet: Sheet, format: str) -> bytes:
    """The exercise as a zip file that holds it whole. Raises UsageError."""
    packed = getattr(_module(format), "package", None)
    if packed is None:
        suffix = _module(format).SUFFIX
        raise UsageError(
            tell("{format} is one file, and no package", format=format),
            hint=tell("-o exercise{suffix}", suffix=suffix),
        )
    data: bytes = packed(sheet)
    return data


def _module(format: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{format}")
