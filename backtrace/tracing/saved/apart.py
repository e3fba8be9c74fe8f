"""The arrays of a saved trace that stand in a file of their own (`--arrays npz`), and whether they
are its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from backtrace.errors import UsageError
from backtrace.language import marked, tell

_KEY = re.compile("array[0-9]{1,9}")
_OTHERS = marked("the arrays beside this trace (.npz) are not those it was saved with")
_HINT = marked("keep FILE.json and FILE.npz of one run together, under one name")


class Apart:
    """The arrays beside the JSON; each is read when the JSON names it."""

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        self._arrays = arrays
        self._used: dict[str, Any] = {}

    def put_in(self, described: dict[str, Any]) -> Any:
        """The array for {"npz": "array0", "shape": [...]}; any other object as it is (npz and shape
        may be somebody's variables). Raises UsageError."""
        if described.keys() != {"npz", "shape"} or not _KEY.fullmatch(str(described["npz"])):
            return described
        array = self._array(described["npz"])
        if described["shape"] != list(array.shape):
            raise UsageError(tell(_OTHERS), hint=tell(_HINT))
        return array

    def hold(self, expected: object) -> None:
        """Arrays of another run would be drawn beside numbers that they are not of. A trace that
        was saved before there were digests has none. Raises UsageError."""
        if expected is None or not self._used:
            return
        from backtrace.files.numpyfiles import digest

        if digest(self._used) != expected:
            raise UsageError(tell(_OTHERS), hint=tell(_HINT))

    def _array(self, name: str) -> Any:
        if name not in self._used:
            self._used[name] = self._read(name)
        return self._used[name]

    def _read(self, name: str) -> Any:
        try:
            array = self._arrays.get(name)
        except (UsageError, MemoryError):
            raise
        except Exception as error:  # numpy.load reads only now, and raises what zipfile raises
            what = tell(
                "the array '{name}' of this trace cannot be read: {error}", name=name, error=error
            )
            raise UsageError(what) from None
        if array is None:
            what = tell("the large arrays of this trace are in another file (.npz)")
            raise UsageError(what, hint=tell(_HINT))
        if getattr(getattr(array, "dtype", None), "kind", "") not in tuple("fiub"):
            raise UsageError(
                tell(
                    "the array '{name}' of this trace holds something that is no number", name=name
                )
            )
        return array


__all__ = ["Apart"]
