"""Whole rows and tracks: where the wires of a drawing made of characters run.

Between two columns every wire goes across its row, then up or down on a track, then across to its
place: https://en.wikipedia.org/wiki/Channel_router, without doglegs.
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from itertools import count

from backtrace.layout import Layout


def whole_rows(layout: Layout, nodes: int) -> list[int]:
    """Whole rows, each column in its order, with room for the numbers."""
    rows = [0] * len(layout.column)
    for column in layout.order:
        last, last_is_node = -1, False
        for k, place in enumerate(column):
            is_node = place < nodes
            room = 1 + is_node + last_is_node if k else 1
            row = round(layout.y[place])
            rows[place] = row if k == 0 else max(row, last + room)
            last, last_is_node = rows[place], is_node
    return rows


def from_the_top(rows: list[int], nodes: int) -> list[int]:
    top = min(row - (place < nodes) for place, row in enumerate(rows))
    return [row - top for row in rows]


def tracks_of(targets: dict[int, set[int]], rows: list[int]) -> dict[int, int] | None:
    """A track for every wire that is not straight, from the left, so that none lie over each other.
    What goes to one place only shares its track with the others that do. A wire leaves its row
    before another comes into it; where two ask that of each other there are no tracks."""
    bent = {s: places for s, places in targets.items() if any(rows[p] != rows[s] for p in places)}
    together: dict[object, list[int]] = {}
    for source in sorted(bent, key=lambda source: (rows[source], source)):
        places = bent[source]
        key = ("to", *places) if len(places) == 1 else source
        together.setdefault(key, []).append(source)
    groups = list(together.values())
    home = {source: k for k, sources in enumerate(groups) for source in sources}
    leaves = {rows[source]: k for source, k in home.items()}
    first: dict[int, set[int]] = {k: set() for k in range(len(groups))}
    for source, k in home.items():
        first[k] |= {leaves[rows[p]] for p in bent[source] if rows[p] in leaves} - {k}
    try:
        order = list(TopologicalSorter(first).static_order())
    except CycleError:
        return None
    reached = [{rows[p] for s in sources for p in (s, *bent[s])} for sources in groups]
    track = _packed(order, first, [(min(found), max(found)) for found in reached])
    return {source: track[k] for source, k in home.items()}


def _packed(
    order: list[int], first: dict[int, set[int]], spans: list[tuple[int, int]]
) -> dict[int, int]:
    """The leftmost free track for every span of rows, right of those that come first."""
    track: dict[int, int] = {}
    for k in order:
        low, high = spans[k]
        taken = {track[j] for j in track if spans[j][0] <= high and low <= spans[j][1]}
        after = max((track[j] + 1 for j in first[k]), default=0)
        track[k] = next(t for t in count(after) if t not in taken)
    return track
