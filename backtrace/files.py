"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import stat

from backtrace.errors import UsageError


def write(path: str, text: str | bytes) -> None:
    """Writes beside the file first and renames, so that it is never half written. What a link
    points to is written, and a pipe or a device is written to. Raises UsageError."""
    import tempfile  # slow to load, and seldom needed

    target = os.path.realpath(path)
    data = text if isinstance(text, bytes) else text.encode("utf-8")
    try:
        if os.path.exists(target) and not stat.S_ISREG(os.stat(target).st_mode):
            with open(target, "wb") as file:
                file.write(data)
            return
        handle, beside = tempfile.mkstemp(prefix=".backtrace-", dir=os.path.dirname(target))
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(beside, _usual_mode(target))
            os.replace(beside, target)
        except BaseException:
            os.unlink(beside)
            raise
    except OSError as error:
        raise UsageError(f"cannot write '{path}': {error.strerror or error}") from None


def _usual_mode(path: str) -> int:
    """The permissions the file has, or those a new file would get."""
    if os.path.exists(path):
        return os.stat(path).st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
