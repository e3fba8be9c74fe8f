"""The drawings of a page: all boxes folded, each box open with those around it, every gate. The
script shows one of them at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from backtrace.graph.record import Record
from backtrace.language import tell
from backtrace.render._at_first import closed_at_first
from backtrace.render._boxes import Box, boxes
from backtrace.render._folding import folded
from backtrace.render._packing import packed
from backtrace.render._scene import Scene, placed, with_open
from backtrace.render._view import View
from backtrace.render.svg import OnPage, description, draw

_MOST = 66_000  # characters of all drawings, packed but the first; of more none has a box open
_MOST_BOXES = 24  # drawings that are made at all


def _buttons() -> str:
    every, fold = tell("Every gate"), tell("Fold")
    return (
        f'<p class="boxes"><button id="unfold" type="button">{every}</button> '
        f'<button id="fold" type="button" disabled>{fold}</button></p>'
    )


class Drawings(NamedTuple):
    """`markup` has the one that is shown first, `name` is what the classes of all begin with;
    `told` says of each what its ids begin with, which box is open (by its last gate, or "all"), and
    in which node's sign those nodes stand that have none of their own; `others` has the markup of
    the rest, packed, a NUL between two."""

    markup: str
    name: str
    told: list[dict[str, Any]]
    others: str


def drawings(record: Record, view: View, is_live: bool = False) -> Drawings:
    """One, where the picture starts open; else the folded one first, and every gate last. Of a page
    that `is_live` the script describes them in words. Raises UsageError for a graph that no picture
    can show."""
    every = boxes(record)
    closed = closed_at_first(record, view, every)
    whole = placed(folded(record, []), view, has_title=False)
    name = "p"  # of the one picture of a page: short, as it is written at every line
    if not closed:
        words = "" if is_live else description(whole, view)
        markup = draw(whole, name, words, OnPage(name))
        return Drawings(markup, name, [{"ids": name}], "")
    found = _from(every, closed)
    first = placed(folded(record, [b for b in found if b.parent is None]), view, has_title=False)
    opens = {box: place + 1 for place, box in enumerate(found)}
    folds = {box: 0 if box.parent is None else box.parent + 1 for box in found}
    told_by = None if is_live else view
    scenes: list[Scene] = [first, whole]
    shown = list(_drawn(scenes, name, told_by, dict.fromkeys(found, 1), {}))
    others = packed(shown[1])
    if len(found) <= _MOST_BOXES:
        between = [with_open(record, view, found, place, False) for place in range(len(found))]
        all_scenes = [first, *between, whole]
        all_shown = list(_drawn(all_scenes, name, told_by, opens, folds))
        all_others = packed("\0".join(all_shown[1:]))
        if len(all_shown[0]) + len(all_others) <= _MOST:
            scenes, shown, others = all_scenes, all_shown, all_others
    opens_here = [None, *(box.output for box in found), "all"] if len(scenes) > 2 else [None, "all"]
    told = [
        {"ids": _ids(name, k), "home": _homes(scene), "opens": which}
        for k, (scene, which) in enumerate(zip(scenes, opens_here, strict=True))
    ]
    markup = f'<div class="drawing">\n{shown[0]}</div>\n'
    return Drawings(_buttons() + markup, name, told, others)


def _from(every: Sequence[Box], closed: Sequence[Box]) -> list[Box]:
    """The boxes that are folded at first, as the outermost, and those inside them."""
    place: dict[int, int] = {}
    found: list[Box] = []
    for index, box in enumerate(every):
        if box in closed or box.parent in place:
            place[index] = len(found)
            parent = None if box.parent is None else place.get(box.parent)
            found.append(Box(box.name, box.members, parent))
    return found


def _drawn(
    scenes: Sequence[Scene],
    name: str,
    view: View | None,
    opens: dict[Box, int],
    folds: dict[Box, int],
) -> Iterator[str]:
    """The markup of each, described in words if there is a view."""
    for k, scene in enumerate(scenes):
        page = OnPage(_ids(name, k), opens, folds, k == 0)
        yield draw(scene, name, description(scene, view) if view else "", page)


def _ids(name: str, k: int) -> str:
    """What the ids of a drawing begin with."""
    return f"{name}x{k}" if k else name


def _homes(scene: Scene) -> dict[int, int]:
    return {
        member: sign.index
        for sign in scene.signs
        if sign.box is not None
        for member in sign.box.members[:-1]
    }
