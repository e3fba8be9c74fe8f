"""JSON lines: a head, then every node, every edge and the checks, an object a line"""

from __future__ import annotations

from backtrace.graph.record import Record
from backtrace.render._ascii import in_json
from backtrace.render._json_objects import edge_objects, head, node_objects, tail
from backtrace.render._json_text import object_writer, writer
from backtrace.render._sections import objects
from backtrace.render._view import View

SUFFIX = ".jsonl"
IN_ASCII = in_json


def render(record: Record, view: View) -> str:
    """Each object says what it is in `record`: trace, node, edge or result."""
    line = writer()
    of_object = object_writer(line)
    rows = [line({"record": "trace", **head(record)})]
    rows += [of_object({"record": "node", **node}) for node in node_objects(record)]
    rows += [of_object({"record": "edge", **edge}) for edge in edge_objects(record)]
    rows.append(line({"record": "result", **tail(record), **objects(record, view)}))
    return "\n".join(rows) + "\n"
