"""NumPy's files, .npy and .npz, from anybody: what a file declares is held against what it is, and
against a limit, before anything of it is read; pickled objects are never loaded.

The formats: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import hashlib
import io
import math
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, BinaryIO

import numpy as np

from backtrace.errors import UsageError, by_system
from backtrace.files import memory
from backtrace.language import tell

_FREE = 256 << 20  # bytes that any file may unpack to
_MOST_TIMES = 100  # its own size that a larger one may
_MOST_MEMBERS = 100_000
_DAMAGE = (
    ValueError,
    OSError,
    MemoryError,
    EOFError,
    TypeError,
    KeyError,
    SyntaxError,
    RecursionError,
)


def read_npy(file: BinaryIO, size: int, what: str) -> Any:
    """The array in a .npy file of `size` bytes. Raises UsageError."""
    try:
        version = np.lib.format.read_magic(file)
        readers = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        if version not in readers:
            raise UsageError(
                tell(
                    "{what} is a .npy of version {version}.{version_version}, not 1.0 or 2.0",
                    what=what,
                    version=version[0],
                    version_version=version[1],
                )
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python 2 wrote it: (40L,)
            shape, is_fortran, dtype = readers[version](file)
    except UsageError:
        raise
    except Exception:  # a damaged header raises whatever Python's parser does
        raise UsageError(
            tell("{what} is a damaged .npy file", what=what), hint=tell("numpy.save makes one")
        ) from None
    if dtype.hasobject:
        raise UsageError(tell("{what} holds pickled objects, which are not loaded", what=what))
    declared, there = math.prod(shape) * dtype.itemsize, size - file.tell()
    if declared != there or min(shape, default=0) < 0:  # what follows is another array: whose?
        said = tell(
            "{what} is a damaged .npy file: it declares {declared:,} bytes and has {there:,}",
            what=what,
            declared=declared,
            there=there,
        )
        raise UsageError(said, hint=tell("numpy.save makes one"))
    data = file.read(declared)
    if len(data) < declared:
        raise UsageError(tell("{what} is a damaged .npy file: it ends early", what=what))
    if not declared:
        return np.zeros(shape, dtype)
    flat = np.frombuffer(data, dtype)
    return flat.reshape(shape[::-1]).T if is_fortran else flat.reshape(shape)


class Archive(Mapping[str, Any]):
    """The arrays of a .npz file by name. The file is opened when it is first asked for something,
    and an array read when it is asked for. `open` gives its bytes; every error is a UsageError."""

    def __init__(self, open_file: Callable[[], BinaryIO], what: str) -> None:
        self._open = open_file
        self._what = what
        self._file: BinaryIO | None = None

    def __getitem__(self, name: str) -> Any:
        member = self._members[name]
        what = tell("'{name}' of {what}", name=name, what=self._what)
        try:
            with self._zip.open(member) as file:
                found = read_npy(_Exactly(file), member.file_size, what)  # type: ignore[arg-type]
                file.read(1)  # to its end: the checksum has been held against it
                return found
        except UsageError:
            raise
        except (*_DAMAGE, *_OF_ZIPS) as error:
            raise self._damaged(error) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    @cached_property
    def _zip(self) -> zipfile.ZipFile:
        try:
            self._file = self._open()
            return zipfile.ZipFile(self._file)
        except OSError as error:
            said = tell(
                "cannot read {what}: {strerror}", what=self._what, strerror=by_system(error)
            )
            raise UsageError(said) from None
        except (*_DAMAGE, *_OF_ZIPS) as error:
            raise self._damaged(error) from None

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    @cached_property
    def _members(self) -> dict[str, zipfile.ZipInfo]:
        infos, file = self._zip.infolist(), self._zip.fp
        assert file is not None
        size = file.seek(0, io.SEEK_END)
        if len(infos) > _MOST_MEMBERS:
            raise UsageError(
                tell(
                    "{what} holds {count:,} files, {most_members:,} at most",
                    what=self._what,
                    count=len(infos),
                    most_members=_MOST_MEMBERS,
                )
            )
        declared = sum(info.file_size for info in infos)
        if declared > min(max(_FREE, _MOST_TIMES * size), memory() / 2):
            said = tell(
                "{what} has {size:,} bytes and would unpack to {declared:,}",
                what=self._what,
                size=size,
                declared=declared,
            )
            raise UsageError(said, hint=tell("numpy.savez writes arrays as they are"))
        for info in infos:
            if info.flag_bits & 1:
                raise UsageError(
                    tell("{what} is encrypted", what=self._what),
                    hint=tell("numpy.savez makes a plain one"),
                )
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise UsageError(
                    tell("{what} is packed in a way that NumPy does not write", what=self._what)
                )
        members = {info.filename.removesuffix(".npy"): info for info in infos}
        if len(members) < len(infos):
            raise UsageError(tell("{what} holds two arrays of one name", what=self._what))
        return members

    def _damaged(self, error: BaseException) -> UsageError:
        return UsageError(
            tell("{what} is a damaged .npz file: {error}", what=self._what, error=error),
            hint=tell("numpy.savez makes one"),
        )


_OF_ZIPS = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OverflowError)


class _Exactly:
    """A stream that knows where it is; zipfile's own walks through the data to say it."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._at = 0

    def read(self, count: int = -1) -> bytes:
        data: bytes = self._file.read(count)
        self._at += len(data)
        return data

    def tell(self) -> int:
        return self._at


def digest(arrays: Mapping[str, Any]) -> str:
    """What ties arrays to the JSON they belong to: a SHA-256 of their names, shapes and numbers."""
    found = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name], dtype="<f8")
        found.update(f"{name} {np.shape(arrays[name])}\n".encode())
        found.update(array.tobytes())
    return found.hexdigest()


__all__ = ["Archive", "digest", "read_npy"]
