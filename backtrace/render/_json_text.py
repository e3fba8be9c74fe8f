"""Objects of a trace as lines of JSON: numbers as JSON has them, arrays as nested lists, each once
however often it is met.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from backtrace.numbers import Blank, json_array, json_encoder, json_number, shown_signs

_LARGE = 100  # entries; what has more can be written beside the JSON
_PART = 10_000  # numbers


def number_texts(values: Iterable[Any]) -> Iterator[str]:
    """Numbers as JSON, null where one is left out; where there are many, many at a time."""
    rest = iter(values)
    while part := list(islice(rest, _PART)):
        if len(part) == _PART and all(type(value) is float for value in part):
            import numpy as np  # where it is worth its loading

            yield from json_array(np.array(part))[1:-1].split(", ")
        else:
            yield from map(_number_text, part)


def _number_text(value: Any) -> str:
    if type(value) is float:
        return json_number(value)
    return "null" if isinstance(value, Blank) else json_number(float(value))


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
    pieces = piece_writer(store)
    return lambda value: "".join(pieces(value))


def piece_writer(store: Store | None = None) -> Callable[[Any], Iterator[str]]:
    """As `writer`, piece by piece: the text of a large array is not copied into longer ones."""
    encode = json_encoder(_refuse)
    known: dict[tuple[tuple[int, ...], bytes], str] = {}

    def array_text(array: Any) -> str:
        if store is not None and array.size > _LARGE:
            return encode({"npz": store.key(array), "shape": list(array.shape)})
        key = (array.shape, array.astype(float).tobytes())
        if key not in known:
            known[key] = json_array(array)
        return known[key]

    def pieces(value: Any) -> Iterator[str]:
        try:
            yield shown_signs(encode(value))
        except _HasArrays:
            if isinstance(value, dict):
                before = "{"
                for name, one in value.items():
                    yield f"{before}{shown_signs(encode(name))}: "
                    yield from pieces(one)
                    before = ", "
                yield "}"
            elif isinstance(value, list | tuple):
                before = "["
                for one in value:
                    yield before
                    yield from pieces(one)
                    before = ", "
                yield "]"
            else:
                yield array_text(value)

    return pieces


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
