"""Folders that are written whole or not at all.

    with new_folder("feedback") as folder:
        folder.write("ada.html", text)

All files are written beside the folder that is meant, in one of another name, which takes its place
at the end. A folder that was made so before is replaced; one that holds anything else is refused.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator

from backtrace.errors import UsageError, by_system
from backtrace.files import as_path
from backtrace.language import tell

_LIST = ".made-by-backtrace"
"""The file that lists what was written, so that nothing else is ever deleted."""


class NewFolder:
    """What is written into it is nowhere to be seen before all of it is there."""

    def __init__(self, path: str, beside: str) -> None:
        self._path = path
        self._beside = beside
        self._names: list[str] = []

    def write(self, name: str, text: str) -> None:
        """Raises UsageError; `name` is a name of a file and no path."""
        assert name == os.path.basename(name)
        assert name not in self._names
        try:
            with open(
                os.path.join(self._beside, name), "x", encoding="utf-8", newline="\n"
            ) as file:
                file.write(text)
        except OSError as error:
            raise _cannot(self._path, error) from None
        self._names.append(name)

    def close(self) -> None:
        self.write(_LIST, "".join(f"{name}\n" for name in self._names))


@contextlib.contextmanager
def new_folder(path: str) -> Iterator[NewFolder]:
    """Raises UsageError, at once, where the folder cannot be replaced."""
    target = os.path.realpath(as_path(path))
    _refuse_foreign(path, target)
    try:
        beside = tempfile.mkdtemp(prefix=".backtrace-", dir=os.path.dirname(target))
    except OSError as error:
        raise _cannot(path, error) from None
    try:
        folder = NewFolder(path, beside)
        yield folder
        folder.close()
        _refuse_foreign(path, target)
        _put(path, beside, target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _refuse_foreign(path: str, target: str) -> None:
    """Raises UsageError for what is no folder, and for one with files that we have not made."""
    try:
        found = set(os.listdir(target))
    except FileNotFoundError:
        return
    except OSError as error:
        raise _cannot(path, error) from None
    try:
        with open(os.path.join(target, _LIST), encoding="utf-8") as file:
            made = {_LIST, *file.read().splitlines()}
    except (OSError, UnicodeDecodeError):
        made = set()
    if foreign := sorted(found - made):
        what = tell("'{path}' holds other files: {foreign}", path=path, foreign=foreign[0][:40])
        raise UsageError(what, hint=tell("name a folder that is not there yet"))


def _put(path: str, beside: str, target: str) -> None:
    """The new folder in the place of the old one, which comes back where that fails."""
    mask = os.umask(0)
    os.umask(mask)
    old = f"{beside}.old"
    try:
        os.chmod(beside, 0o777 & ~mask)
        is_there = os.path.isdir(target)
        if is_there:
            os.rename(target, old)
        try:
            os.rename(beside, target)
        except OSError:
            if is_there:
                os.rename(old, target)
            raise
    except OSError as error:
        raise _cannot(path, error) from None
    shutil.rmtree(old, ignore_errors=True)


def _cannot(path: str, error: OSError) -> UsageError:
    return UsageError(
        tell("cannot write '{path}': {strerror}", path=path, strerror=by_system(error))
    )
