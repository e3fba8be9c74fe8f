"""one JSON object, the whole trace (schema backtrace.trace/1)"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from backtrace.graph.record import Record
from backtrace.render._ascii import in_json
from backtrace.render._json_lines import Line, edge_lines, node_lines
from backtrace.render._json_objects import head, payload, tail
from backtrace.render._json_text import Store, piece_writer, writer
from backtrace.render._sections import objects
from backtrace.render._view import View

__all__ = ["SUFFIX", "encoded", "payload", "render", "with_store", "writer"]

SUFFIX = ".json"
IN_ASCII = in_json


def render(record: Record, view: View) -> str:
    """One object; each node and each edge on a line of its own."""
    return "".join(_lines(record, objects(record, view)))


def encoded(record: Record, view: View) -> bytes:
    """As `render`, in UTF-8: the text is never there as a whole, which of many gates is a part of
    the memory that one sees."""
    out = io.BytesIO()
    for part in _lines(record, objects(record, view)):
        out.write(part.encode("utf-8"))
    return out.getvalue()


def with_store(record: Record, view: View, name: str) -> tuple[str, dict[str, Any]]:
    """As `render`, but with large arrays apart, for a .npz file called `name`."""
    from backtrace.files.numpyfiles import digest

    store = Store()
    more = {
        "arrays": name,
        **objects(record, view),
        "arrays_sha256": lambda: digest(store.arrays),  # by then all of them are known
    }
    text = "".join(_lines(record, more, store))
    return in_json(text) if view.ascii else text, store.arrays


def _lines(record: Record, more: Mapping[str, Any], store: Store | None = None) -> Iterator[str]:
    """Readable and fast: a line for every member of the large lists, and for every other key. The
    text comes in pieces, and a line may be several."""
    line, pieces = writer(store), piece_writer(store)
    lists = {"nodes": node_lines(record, pieces), "edges": edge_lines(record, pieces)}
    before = "{\n"
    for key, value in {**head(record), **lists, **tail(record), **more}.items():
        yield f"{before}  {line(key)}: "
        if key in lists:
            yield from _put("[]", value)
        elif isinstance(value, list):
            yield from _put("[]", map(line, value))
        elif key == "checks" and value:
            yield from _put("{}", (f"{line(name)}: {line(one)}" for name, one in value.items()))
        else:
            yield from pieces(value() if callable(value) else value)
        before = ",\n"
    yield "\n}\n"


def _put(brackets: str, members: Iterable[Line]) -> Iterator[str]:
    """A list, or an object, a line for every member."""
    before, after = brackets[0], brackets[1]
    for member in members:
        if isinstance(member, str):
            yield f"{before}\n    {member}"
        else:
            yield f"{before}\n    "
            yield from member
        before, after = ",", f"\n  {brackets[1]}"
    yield before + after if before != "," else after
