"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from typing import BinaryIO

from backtrace.errors import UsageError


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
