"""Files: read as one moment left them, written whole or not at all."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterable
from typing import Any, BinaryIO

from backtrace.errors import UsageError


class Changed(OSError):
    """A file was written to while it was read: what was read may be of neither state."""

    def __init__(self) -> None:
        super().__init__(errno.EAGAIN, "it changed while it was read; run this again")


class InputFile(io.BufferedReader):
    """A file's bytes. Every read raises Changed once the file is no longer as it was when it was
    opened (its size, its time); pipes and devices have no such state. Raises OSError."""

    def __init__(self, path: str) -> None:
        self._watched = _Watched(path)
        super().__init__(self._watched, _BUFFER)

    def check(self) -> None:
        """For what is read behind Python's back, as NumPy does. Raises Changed."""
        self._watched.check()


_BUFFER = 1 << 17


class _Watched(io.FileIO):
    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._before = self._state()

    def readinto(self, buffer: Any) -> int | None:
        count = super().readinto(buffer)
        self.check()
        return count

    def readall(self) -> bytes:
        data = super().readall()
        self.check()
        return data

    def check(self) -> None:
        if self._state() != self._before:
            raise Changed

    def _state(self) -> tuple[int, int] | None:
        status = os.fstat(self.fileno())
        return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def write(path: str, text: str | bytes) -> None:
    """Writes a file. Raises UsageError."""
    write_pieces(path, [text])


def write_pieces(path: str, pieces: Iterable[str | bytes]) -> None:
    """Writes beside the file first and renames, so that it is never half written, also when the
    pieces end in an error. What a link points to is written, and a pipe or a device is written to.
    Raises UsageError."""
    import tempfile  # slow to load, and seldom needed

    target = os.path.realpath(path)
    try:
        if os.path.exists(target) and not stat.S_ISREG(os.stat(target).st_mode):
            with open(target, "wb") as file:
                _write_all(file, pieces)
            return
        handle, beside = tempfile.mkstemp(prefix=".backtrace-", dir=os.path.dirname(target))
        try:
            with os.fdopen(handle, "wb") as file:
                _write_all(file, pieces)
            os.chmod(beside, _usual_mode(target))
            os.replace(beside, target)
        except BaseException:
            os.unlink(beside)
            raise
    except Changed:  # what the pieces are made from
        raise
    except OSError as error:
        raise UsageError(f"cannot write '{path}': {error.strerror or error}") from None


def _write_all(file: BinaryIO, pieces: Iterable[str | bytes]) -> None:
    for piece in pieces:
        file.write(piece if isinstance(piece, bytes) else piece.encode("utf-8"))


def _usual_mode(path: str) -> int:
    """The permissions the file has, or those a new file would get."""
    if os.path.exists(path):
        return os.stat(path).st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
