"""Files: read as one moment left them, written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
import stat
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

from backtrace.errors import UsageError, by_system
from backtrace.language import tell


def as_path(name: str) -> str:
    """A file's name, also where the locale is C, and knows ASCII only: names are UTF-8 then."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return os.fsdecode(name.encode("utf-8"))
    return name


class Changed(OSError):
    """A file was written to while it was read: what was read may be of neither state."""

    def __init__(self) -> None:
        super().__init__(errno.EAGAIN, tell("it changed while it was read; run this again"))


BUFFER = 1 << 17
"""Bytes that are read at a time."""


class InputFile(io.BufferedReader):
    """A file's bytes. Every read raises Changed once the file is no longer as it was when it was
    opened (its size, its time); pipes and devices have no such state. Raises OSError."""

    def __init__(self, path: str) -> None:
        self._watched = _Watched(as_path(path))
        super().__init__(self._watched, BUFFER)

    def check(self) -> None:
        """For what is read behind Python's back, as NumPy does. Raises Changed."""
        self._watched.check()


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


def memory() -> float:
    """This machine's memory in bytes, as far as it tells."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):
        return 8e9


def write(path: str, text: str | bytes) -> None:
    """Writes a file. Raises UsageError."""
    write_pieces(path, [text])


def write_pieces(path: str, pieces: Iterable[str | bytes]) -> None:
    """Writes beside the file first and renames, so that it is never half written, also when the
    pieces end in an error. What a link points to is written, and a pipe or a device is written to;
    a file that has other names (hard links) or another owner keeps them: it is written over, when
    all is there. One that is protected from writing is left alone. Raises UsageError."""
    write_together([(path, pieces)])


def write_together(files: Sequence[tuple[str, Iterable[str | bytes]]]) -> None:
    """Writes several files, each as `write_pieces` does; none is touched before all are there.
    Raises UsageError."""
    staged: list[_Staged] = []
    try:
        for path, pieces in files:
            staged += _staged(path, pieces)
        while staged:
            staged[0].put()
            staged.pop(0)
    finally:
        for file in staged:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(file.beside)


class _Staged(NamedTuple):
    """What is to be in `target` is in `beside`; `path` is how the user called it."""

    path: str
    beside: str
    target: str

    def put(self) -> None:
        """The new file in the place of the old."""
        with _cannot_write(self.path):
            if _is_only_ours(self.target):
                os.chmod(self.beside, _usual_mode(self.target))
                os.replace(self.beside, self.target)
                return
            _make_room(self.beside, self.target)
        try:
            _write_over(self.beside, self.target)
        except OSError as error:  # a broken disk: what was to be there must not be lost as well
            kept = f"{self.beside}.kept"
            os.replace(self.beside, kept)
            what = tell(
                "cannot write '{path}' to its end: {strerror}",
                path=self.path,
                strerror=by_system(error),
            )
            raise UsageError(
                what, hint=tell("what was to be in it is in '{kept}'", kept=kept)
            ) from None
        os.unlink(self.beside)


def _staged(path: str, pieces: Iterable[str | bytes]) -> list[_Staged]:
    """The pieces in a file beside the one that is meant; a pipe or a device is written to."""
    import tempfile  # slow to load, and seldom needed

    target = os.path.realpath(as_path(path))
    with _cannot_write(path):
        status = _status(target)
        if status is not None and not stat.S_ISREG(status.st_mode):
            with open(target, "wb") as file:
                _write_all(file, pieces)
            return []
        _refuse_protected(target)
        handle, beside = tempfile.mkstemp(prefix=".backtrace-", dir=os.path.dirname(target))
        try:
            with os.fdopen(handle, "wb") as file:
                _write_all(file, pieces)
        except BaseException:
            os.unlink(beside)
            raise
    return [_Staged(path, beside, target)]


@contextlib.contextmanager
def _cannot_write(path: str) -> Iterator[None]:
    """What the system says, as a UsageError."""
    try:
        yield
    except Changed:  # what the pieces are made from
        raise
    except OSError as error:
        raise UsageError(
            tell("cannot write '{path}': {strerror}", path=path, strerror=by_system(error))
        ) from None


def _status(path: str) -> os.stat_result | None:
    """None where there is no file. Raises OSError, also for links that lead in a circle."""
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _is_only_ours(path: str) -> bool:
    """Whether another file can take its place, and nobody would miss the old one."""
    status = _status(path)
    if status is None:
        return True
    is_owned = not hasattr(os, "geteuid") or status.st_uid == os.geteuid()
    return status.st_nlink == 1 and is_owned


def _make_room(beside: str, target: str) -> None:
    """A full disk is found out while nothing is lost yet. Raises OSError."""
    size, before = os.stat(beside).st_size, os.stat(target).st_size
    if not size or not hasattr(os, "posix_fallocate"):
        return
    with open(target, "r+b") as old:
        try:
            os.posix_fallocate(old.fileno(), 0, size)
        except OSError:
            old.truncate(before)
            raise


def _write_over(beside: str, target: str) -> None:
    """In place, for which there is room; a signal comes before or after it. Raises OSError."""
    import shutil

    def copy() -> None:
        with open(beside, "rb") as new, open(target, "r+b") as old:
            shutil.copyfileobj(new, old)
            old.truncate()

    with _undisturbed():
        try:
            copy()
        except OSError:
            raise
        except BaseException:  # half is the worst of all
            copy()
            raise


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Without signals, where there is a way to hold them back."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    held = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _refuse_protected(target: str) -> None:
    """A rename asks nobody whether the file it replaces may be written. (To root all may be; what
    the owner may not write is meant to stay.)"""
    if _status(target) is not None:
        may_write = os.access(target, os.W_OK) and os.stat(target).st_mode & stat.S_IWUSR
        if not may_write:
            name = os.path.basename(target)
            what = tell("cannot write '{name}': it is protected from writing", name=name)
            raise UsageError(
                what, hint=tell("chmod u+w '{name}', or another name after -o", name=name)
            )


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
