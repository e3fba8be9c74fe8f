"""Objects of a trace as lines of JSON: numbers as JSON has them, arrays as nested lists, each once
however often it is met.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from backtrace.numbers import json_array, json_encoder, json_number, shown_signs

_LARGE = 100  # entries; what has more can be written beside the JSON


def object_writer(other: Callable[[Any], str]) -> Callable[[Mapping[str, Any]], str]:
    """Writes the objects of which a trace has many, those of nodes and edges: numbers (whole ones
    whole), texts and lists of indices at once, and by `other` what they hold beside."""
    from json.encoder import encode_basestring  # where it is used: most commands do not write it

    def of_list(value: list[Any]) -> str:
        return repr(value) if all(type(entry) is int for entry in value) else other(value)

    known: dict[type, Callable[[Any], str]] = {
        float: json_number,
        int: repr,
        str: encode_basestring,
        list: of_list,
    }

    def written(described: Mapping[str, Any]) -> str:
        members = [f'"{name}": {known.get(type(v), other)(v)}' for name, v in described.items()]
        return shown_signs(f"{{{', '.join(members)}}}")

    return written


class _HasArrays(Exception):
    """JSON's own encoder met an array."""


def writer(store: Store | None = None) -> Callable[[Any], str]:
    """Writes an object on one line; arrays as nested lists, each once however often it is met, or,
    large ones, put into `store`."""
    encode = json_encoder(_refuse)
    known: dict[tuple[tuple[int, ...], bytes], str] = {}

    def array_text(array: Any) -> str:
        if store is not None and array.size > _LARGE:
            return encode({"npz": store.key(array), "shape": list(array.shape)})
        key = (array.shape, array.astype(float).tobytes())
        if key not in known:
            known[key] = json_array(array)
        return known[key]

    def written(value: Any) -> str:
        try:
            return shown_signs(encode(value))
        except _HasArrays:
            if isinstance(value, dict):
                members = (f"{written(name)}: {written(one)}" for name, one in value.items())
                return f"{{{', '.join(members)}}}"
            if isinstance(value, list | tuple):
                return f"[{', '.join(map(written, value))}]"
            return array_text(value)

    return written


def _refuse(_: Any) -> Any:
    raise _HasArrays


class Store:
    """Large arrays that are written beside the JSON; the same array has one key."""

    def __init__(self) -> None:
        self.arrays: dict[str, Any] = {}
        self._keys: dict[int, str] = {}

    def key(self, array: Any) -> str:
        if id(array) not in self._keys:
            self._keys[id(array)] = f"array{len(self.arrays)}"
            self.arrays[self._keys[id(array)]] = array
        return self._keys[id(array)]
