"""a picture: the lecture's drawing, values above the wires and gradients below, light and dark"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from types import MappingProxyType
from typing import NamedTuple

from backtrace.graph.record import Record
from backtrace.language import tell
from backtrace.render._ascii import in_markup
from backtrace.render._boxes import Box
from backtrace.render._ink import DARK, FONT, LIGHT, NAME_FONT, Ink
from backtrace.render._measures import (
    BLANK,
    BRANCH_SIZE,
    LABEL_SIZE,
    NAME_SIZE,
    NUMBER_SIZE,
    RADIUS,
    text_width,
)
from backtrace.render._scene import (
    CORNER,
    TITLE_LINE,
    TITLE_SIZE,
    Frame,
    Line,
    Scene,
    Sign,
    scene,
)
from backtrace.render._view import View
from backtrace.render._words import subscript

SUFFIX = ".svg"
IN_ASCII = in_markup

_MARGIN = 24.0
_LONGEST_DESCRIPTION = 40  # nodes


class OnPage(NamedTuple):
    """How a drawing stands on a page, where gates can be pointed at: what its ids begin with,
    which drawing opens a box, or folds it, and whether there are others. Then the first has the
    style of all. A node is written from its own middle: it is the same in all, and moved."""

    ids: str
    opens: Mapping[Box, int] = MappingProxyType({})
    folds: Mapping[Box, int] = MappingProxyType({})
    is_first: bool = True


def render(record: Record, view: View) -> str:
    drawn = scene(record, view)
    return draw(drawn, name_of(drawn), description(drawn, view))


def name_of(drawn: Scene) -> str:
    """What ids and classes of a picture begin with, so that two pictures share a page: from what is
    written in it, and its size. (The last digits of the places differ with Python's version.)"""
    signs = [(s.kind, s.label, s.value, s.gradient, s.name, s.shape, s.title) for s in drawn.signs]
    lines = [(line.source, line.gate, line.gradient) for line in drawn.lines]
    size = (number(drawn.width), number(drawn.height))
    written = repr((drawn.title, drawn.note, size, signs, lines, [f.label for f in drawn.frames]))
    return "b" + hashlib.sha256(written.encode()).hexdigest()[:6]


def draw(drawn: Scene, name: str, told: str, page: OnPage | None = None) -> str:
    """The drawing, `told` in words for those who cannot see it. Classes begin with `name`; on a
    page gates and boxes are buttons."""
    width, height = number(drawn.width), number(drawn.height)
    role, ids = ("group", page.ids) if page else ("img", name)
    has_boxes = any(sign.kind == "box" for sign in drawn.signs)
    style = f"<style>{_style(name)}{_box_style(name) * has_boxes}</style>"
    title = " ".join(drawn.title) or tell("the graph")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="{role}" aria-labelledby="{ids}-t {ids}-d">',
        f'<title id="{ids}-t">{escape(title)}</title>',
        f'<desc id="{ids}-d">{escape(told)}</desc>',
        *([style] if page is None or page.is_first else ()),
        f'<rect class="{name}-g" width="100%" height="100%"/>',
        *_title(drawn, name),
        *_frames(drawn.frames, name, page),
        f'<g class="{name}-w">' * bool(page),
        *(_wire(line, name, ids, page) for line in drawn.lines),
        "</g>" * bool(page),
        *(
            f'<circle class="{name}-dot" cx="{number(x)}" cy="{number(y)}" r="3.2"/>'
            for x, y in drawn.dots
        ),
        *(
            _branch(line, name, ids)
            for line in drawn.lines
            if line.is_branch and line.gradient != ""
        ),
        *(_sign(sign, name, page) for sign in drawn.signs),
        "</svg>",
    ]
    return "\n".join(filter(None, parts)) + "\n"


def number(value: float) -> str:
    """At most two decimals: bytes that are the same on every machine."""
    if not value:
        return "0"
    text = f"{value:.2f}"
    if text[-1] == "0":
        text = text.rstrip("0").rstrip(".")
    return text.replace("-0", "0") if value < 0 else text


def description(drawn: Scene, view: View) -> str:
    """Every value, for those who cannot see it."""
    sentences = [sign.title for sign in drawn.signs[:_LONGEST_DESCRIPTION]]
    if len(drawn.signs) > _LONGEST_DESCRIPTION:
        more = len(drawn.signs) - _LONGEST_DESCRIPTION
        sentences.append(tell("and {count:,} more", count=more))
    return view.text("; ".join(sentences))


def _style(name: str) -> str:
    rules = [
        f".{name}-x{{font-family:{FONT};font-size:{number(NUMBER_SIZE)}px}}",
        f".{name}-b{{font-family:{FONT};font-size:{number(BRANCH_SIZE)}px}}",
        f".{name}-l{{font-family:{FONT};font-size:{number(LABEL_SIZE)}px;text-anchor:middle}}",
        f".{name}-n{{font-family:{NAME_FONT};font-size:{number(NAME_SIZE)}px;font-style:italic;"
        "text-anchor:end}",
        f".{name}-h{{font-family:{FONT};font-size:{number(TITLE_SIZE)}px}}",
        f".{name}-w,.{name}-f,.{name}-o,.{name}-e{{fill:none;stroke-width:1.6}}",
        f".{name}-o{{stroke-width:2}}.{name}-f{{stroke-width:1.5;stroke-dasharray:6 4}}",
        f".{name}-i{{text-anchor:middle}}",
        f".{name}-e{{stroke-width:1;stroke-dasharray:2 2}}",
        f".{name}-a{{paint-order:stroke;stroke-width:3;stroke-linejoin:round}}",
        _colours(name, LIGHT),
        f"@media (prefers-color-scheme:dark){{{_colours(name, DARK)}}}",
    ]
    return "".join(rules)


def _box_style(name: str) -> str:
    """Of folded boxes: as the frames of open ones, with a line that is whole."""

    def colours(ink: Ink) -> str:
        return f".{name}-p{{stroke:{ink.frame};fill:{ink.frame_ground};stroke-width:2}}"

    return f"{colours(LIGHT)}@media (prefers-color-scheme:dark){{{colours(DARK)}}}"


def _colours(name: str, ink: Ink) -> str:
    fills = {
        "g": ink.ground,
        "v": ink.value,
        "r": ink.gradient,
        "l": ink.ink,
        "n": ink.ink,
        "h": ink.ink,
        "dot": ink.wire,
        "k": ink.frame,
        "q": ink.quiet,
        "m": ink.ground,
    }
    strokes = {"w": ink.wire, "e": ink.quiet}
    rules = [f".{name}-{part}{{fill:{colour}}}" for part, colour in fills.items()]
    rules += [f".{name}-{part}{{stroke:{colour}}}" for part, colour in strokes.items()]
    rules.append(f".{name}-a{{stroke:{ink.ground}}}")
    rules.append(f".{name}-o{{stroke:{ink.ink};fill:{ink.ground}}}")
    rules.append(f".{name}-f{{stroke:{ink.frame};fill:{ink.frame_ground}}}")
    return "".join(rules)


def _title(drawn: Scene, name: str) -> Iterator[str]:
    y = _MARGIN + TITLE_SIZE
    for line in drawn.title:
        yield _text(f"{name}-h", _MARGIN, y, escape(line))
        y += TITLE_LINE
    if drawn.note:
        yield _text(f"{name}-b {name}-q", _MARGIN, drawn.height - 12, escape(drawn.note))


def _text(classes: str, x: float, y: float, content: str) -> str:
    across = f' x="{number(x)}"' if x else ""
    return f'<text class="{classes}"{across} y="{number(y)}">{content}</text>'


def _box(frame: Frame, name: str) -> str:
    x, y = number(frame.x), number(frame.y)
    size = f'width="{number(frame.width)}" height="{number(frame.height)}"'
    return f'<rect class="{name}-f" x="{x}" y="{y}" {size} rx="12"/>'


def _frames(frames: Sequence[Frame], name: str, page: OnPage | None) -> Iterator[str]:
    """On a page the frame of an open box folds it."""
    opened = [frame for frame in frames if page and frame.box is not None]
    for frame in opened:
        assert page is not None
        assert frame.box is not None
        told = tell("{name}, open: fold it", name=escape(frame.label))
        said = f'aria-expanded="true" aria-label="{told}"'
        which = f'data-fold="{page.folds[frame.box]}" data-box="{frame.box.output}"'
        drawn = _box(frame, name) + _notch(frame, name)
        yield f'<g role="button" tabindex="0" {which} {said}>{drawn}</g>'
    yield from (_box(frame, name) for frame in frames if frame not in opened)
    yield from (_notch(frame, name) for frame in frames if frame not in opened)


def _notch(frame: Frame, name: str) -> str:
    """A label in a notch of the box's top border."""
    width = text_width(frame.label, NUMBER_SIZE) + 10
    notch = f'x="{number(frame.x + 16)}" y="{number(frame.y - 8)}" width="{number(width)}"'
    label = _text(f"{name}-x {name}-k", frame.x + 21, frame.y + 5, escape(frame.label))
    return f'<rect class="{name}-m" {notch} height="16"/>{label}'


def _wire(line: Line, name: str, ids: str, page: OnPage | None) -> str:
    look = "" if page else f' class="{name}-w"'  # on a page the group's
    return f'<path id="{ids}-w{_ways(line)}{look} d="{path(line.points)}"/>'


def _ways(line: Line) -> str:
    """The end of a wire's id, by what it is in the trace; of several ways there all of them."""
    (gate, operand), *others = line.ways
    if not others and not line.is_to_frame:
        return f'{gate}-{operand}"'
    told = " ".join(f"{g}-{k}" for g, k in line.ways)
    return f'{gate}-{operand}{"-o" * line.is_to_frame}" data-ways="{told}"'


def _branch(line: Line, name: str, ids: str) -> str:
    """What a branch carries back, legible where another wire passes."""
    x, y = line.at
    if line.gradient is None:
        shown = _blank(x, y + 3, name, 0.75)
    else:
        shown = _text(f"{name}-b {name}-r {name}-a", x, y + 12, escape(line.gradient))
    return f'<g id="{ids}-t{_ways(line)}>{shown}</g>'


def path(points: tuple[tuple[float, float], ...]) -> str:
    """A curve to every passage and to the gate, a straight line along it."""
    (x, y), *rest = points
    height = number(y)
    pieces = [f"M{number(x)} {height}"]
    for index, (to_x, to_y) in enumerate(rest):
        across, down = number(to_x), number(to_y)
        if down == height:
            pieces.append(f"H{across}")
        elif index % 2 == 1:
            pieces.append(f"L{across} {down}")
        else:
            middle = number((x + to_x) / 2)
            pieces.append(f"C{middle} {height} {middle} {down} {across} {down}")
        x, height = to_x, down
    return "".join(pieces)


def _sign(sign: Sign, name: str, page: OnPage | None) -> str:
    place = ""
    if page:
        place = f' transform="translate({number(sign.x)} {number(sign.y)})"'
        sign = sign.moved(-sign.x, -sign.y)
    begin, end = sign.wire
    button = ""
    if page and sign.box is not None:
        button = f' data-open="{page.opens[sign.box]}" aria-expanded="false"'
    ids = page.ids if page else name
    pieces = [
        f'<g id="{ids}-{sign.index}"{place}{button}><title>{escape(sign.title)}</title>',
        f'<path class="{name}-w" d="M{number(begin)} {number(sign.y)}H{number(end)}"/>',
    ]
    if sign.is_gate:
        pieces.append(_shape(sign, name))
        pieces.append(_text(f"{name}-l", sign.x, sign.y + 5, escape(sign.label)))
        under = f"#{sign.index}" if page and sign.kind == "gate" else sign.line
        if under:
            below = sign.y + sign.height / 2 + 11
            pieces.append(_text(f"{name}-b {name}-q {name}-i", sign.x, below, under))
    else:
        classes = f"{name}-n" if sign.kind == "input" else f"{name}-n {name}-q"
        pieces.append(_text(classes, begin - 4, sign.y + 5, _subscripted(sign.label, page)))
    pieces += _numbers(sign, name, sign.numbers)
    return "".join([*pieces, "</g>"])


def _numbers(sign: Sign, name: str, x: float) -> Iterator[str]:
    """The stage's name, the value and the array's shape above the wire, the gradient below."""
    start = x
    if sign.name:
        yield _text(f"{name}-x {name}-h", x, sign.y - 6, f"{escape(sign.name)} =")
        start += text_width(f"{sign.name} = ", NUMBER_SIZE) + 2
    if sign.value is None:
        yield _blank(start, sign.y - 6 - 13, name)
    elif sign.value:
        yield _text(f"{name}-x {name}-v", start, sign.y - 6, escape(sign.value))
    if sign.shape:
        yield _text(f"{name}-b {name}-q", x, sign.y - 6 - NUMBER_SIZE, escape(sign.shape))
    if sign.gradient is None:
        yield _blank(x, sign.y + 5, name)
    elif sign.gradient:
        yield _text(f"{name}-x {name}-r", x, sign.y + 16, escape(sign.gradient))


def _blank(x: float, y: float, name: str, scale: float = 1.0) -> str:
    """A box to write a number in."""
    width, height = (number(size * scale) for size in BLANK)
    place = f'x="{number(x)}" y="{number(y)}"'
    return f'<rect class="{name}-e" {place} width="{width}" height="{height}" rx="2"/>'


def _shape(sign: Sign, name: str) -> str:
    if sign.is_circle:
        place = f' cx="{number(sign.x)}" cy="{number(sign.y)}"' if sign.x or sign.y else ""
        return f'<circle class="{name}-o"{place} r="{number(RADIUS)}"/>'
    left, top = number(sign.x - sign.width / 2), number(sign.y - sign.height / 2)
    is_box = sign.kind == "box"
    size = f'width="{number(sign.width)}" height="{number(sign.height)}"'
    look = f'class="{name}-{"p" if is_box else "o"}" x="{left}" y="{top}" {size}'
    return f'<rect {look} rx="{number(CORNER if is_box else RADIUS)}"/>'


def _subscripted(text: str, page: OnPage | None) -> str:
    """w0 as w with a subscript; on a page its stylesheet makes it small."""
    name, below = subscript(text)
    if not below:
        return escape(name)
    small = number(NAME_SIZE * 0.7)
    size = "" if page else f' font-size="{small}"'
    return f'{escape(name)}<tspan dy="5"{size}>{below}</tspan>'
