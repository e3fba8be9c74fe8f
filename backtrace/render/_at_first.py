"""How a picture opens: which boxes are folded before anybody has asked for any."""

from __future__ import annotations

from collections.abc import Sequence

from backtrace.graph.record import Record
from backtrace.layout import arrange
from backtrace.layout.layers import columns
from backtrace.render._boxes import Box, boxes
from backtrace.render._folding import Drawing, folded
from backtrace.render._measures import CURVED, STRAIGHT, Measures, heights, routing, wiring
from backtrace.render._view import View

FOLDS_FROM = 40  # gates; a picture of more is folded unasked
WIDEST = 1200.0  # pixels; so is one that is wider,
SMALL = 10  # if it has more gates than these, which are still looked at one by one
_FEWEST = 4  # gates of a picture; one that would have fewer shows what is in its boxes


def drawing(record: Record, view: View) -> Drawing:
    """The trace as a picture shows it at first."""
    return folded(record, closed_at_first(record, view, boxes(record)))


def closed_at_first(record: Record, view: View, found: Sequence[Box]) -> list[Box]:
    """The boxes that are folded when nobody has opened any: the outermost; of few, those inside."""
    gates = record.graph.gate_count
    if view.fold == "none" or not found:
        return []
    if view.fold == "auto" and not _is_large(record, view):
        return []
    inside: dict[int | None, list[int]] = {}
    for place, box in enumerate(found):
        inside.setdefault(box.parent, []).append(place)
    level = inside.get(None, [])
    while _seen(gates, found, level) < _FEWEST:
        inner = [deeper for place in level for deeper in inside.get(place, [place])]
        if inner == level or _seen(gates, found, inner) > FOLDS_FROM:
            break
        level = inner
    return [found[place] for place in level]


def _seen(gates: int, found: Sequence[Box], closed: Sequence[int]) -> int:
    """How many gates a picture has with these boxes folded."""
    return gates - sum(len(found[place].members) - 1 for place in closed)


def _is_large(record: Record, view: View) -> bool:
    gates = record.graph.gate_count
    return gates > FOLDS_FROM or (gates > SMALL and _is_wide(record, view))


def _is_wide(record: Record, view: View) -> bool:
    """Whether the drawing of every gate is wider than WIDEST. Widths are those of columns, which
    need no heights; only where the room for curved wires decides are heights worked out too."""
    drawn = folded(record, [])
    graph = drawn.graph
    measures = Measures(drawn, view)
    wires, is_free = wiring(graph)
    column = columns(len(graph.nodes), wires)

    def width(room: Sequence[float]) -> float:
        return measures.width(measures.columns(column, room))

    most = [CURVED] * (max(column, default=0) + 1)
    if width(most) <= WIDEST:
        return False
    least = [STRAIGHT] * len(most)
    for gate, sources in enumerate(graph.inputs_of):
        if len(sources) > 1:  # they enter at different heights
            least[column[gate]] = CURVED
    if width(least) > WIDEST:
        return True
    return width(routing(arrange(heights(drawn), wires, is_free))) > WIDEST
