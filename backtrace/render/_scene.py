"""A trace as a drawing: gates, wires with their numbers, dots where a value branches, boxes round
groups. In the pictures' own units (1 is a pixel of the SVG, 0.02 cm on paper); formats draw it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from backtrace.errors import UsageError
from backtrace.formula.printer import label
from backtrace.graph.record import Record
from backtrace.language import tell
from backtrace.layout import Layout, arrange
from backtrace.render._at_first import drawing
from backtrace.render._boxes import Box
from backtrace.render._folding import Drawing, Way, folded, inside
from backtrace.render._measures import (
    ABOVE,
    FRAME,
    HEIGHT,
    MARGIN,
    PAD,
    PORT,
    RADIUS,
    Measures,
    heights,
    routing,
    tall,
    wiring,
)
from backtrace.render._view import View
from backtrace.render._words import (
    box_label,
    line_label,
    line_words,
    shape_words,
    title_of,
    wrapped,
)

MOST_NODES = 4000
MANY_GATES = 60
CORNER = 8.0  # how round boxes' corners are
_PORT_SIZE = 4.0  # the height of a wire that comes into an open box
TITLE_SIZE, TITLE_LINE = 15.0, 22.0


@dataclass(frozen=True, slots=True)
class Sign:
    """A node: the middle of its shape, and the stub of wire to its right with the numbers on it.

    kind       gate, box, input or constant
    label      in the shape (a gate), or in its place (an input's name)
    width      of the shape, and its height; a circle where both are twice RADIUS
    wire       where the stub begins and ends; numbers where these begin
    value      above the wire; gradient below; a blank is None
    name       of a stage; shape of an array: small, above the value
    line       of the code, at a stage's gate; small, below the shape
    title      what the gate computes, in a line
    box        what is folded here
    """

    index: int
    kind: str
    label: str
    x: float
    y: float
    width: float
    height: float
    wire: tuple[float, float]
    numbers: float
    value: str | None
    gradient: str | None
    name: str
    shape: str
    line: str
    title: str
    box: Box | None = None

    def moved(self, x: float, y: float) -> Sign:
        begin, end = self.wire
        wire = (begin + x, end + x)
        return replace(self, x=self.x + x, y=self.y + y, wire=wire, numbers=self.numbers + x)

    @property
    def is_gate(self) -> bool:
        """Whether it has a shape: a gate, or a box of them."""
        return self.kind in ("gate", "box")

    @property
    def is_circle(self) -> bool:
        return self.kind == "gate" and self.width == self.height == 2 * RADIUS


@dataclass(frozen=True, slots=True)
class Line:
    """A wire from a stub's end to a gate: points, with a curve and a straight piece by turns. Where
    its source branches, `gradient` is what this branch carries back, written at `at`. `ways` are
    the wires of the trace behind it: of a box there may be several. `is_to_frame`: it ends at the
    frame of an open box, and others go on inside."""

    source: int
    gate: int
    operand: int
    points: tuple[tuple[float, float], ...]
    is_branch: bool
    gradient: str | None
    at: tuple[float, float]
    ways: tuple[Way, ...]
    is_to_frame: bool = False

    def moved(self, x: float, y: float) -> Line:
        points = tuple((a + x, b + y) for a, b in self.points)
        return replace(self, points=points, at=(self.at[0] + x, self.at[1] + y))


@dataclass(frozen=True, slots=True)
class Frame:
    """A dashed box round gates that spell out a bigger one, or round those of an open `box`."""

    label: str
    x: float
    y: float
    width: float
    height: float
    box: Box | None = None

    def moved(self, x: float, y: float) -> Frame:
        return replace(self, x=self.x + x, y=self.y + y)


@dataclass(frozen=True, slots=True)
class Scene:
    title: tuple[str, ...]
    width: float
    height: float
    signs: tuple[Sign, ...]
    lines: tuple[Line, ...]
    frames: tuple[Frame, ...]
    dots: tuple[tuple[float, float], ...]
    note: str


def scene(record: Record, view: View, has_title: bool = True) -> Scene:
    """The drawing of a record, under its formula, with boxes folded as the view has it. Raises
    UsageError for a graph that no picture can show."""
    return placed(drawing(record, view), view, has_title)


def placed(record: Drawing, view: View, has_title: bool = True) -> Scene:
    """The same of a record some of whose boxes are folded."""
    graph = record.graph
    if len(graph.nodes) > MOST_NODES:
        what = tell("a picture of {count:,} nodes shows nothing", count=len(graph.nodes))
        raise UsageError(
            what, hint=tell("--fuse, or named gates of your own; --format jsonl has all")
        )
    sizes = heights(record)
    layout = arrange(sizes, *wiring(graph), port=PORT, boxes=record.folded)
    return _Drawing(record, view, layout, sizes, has_title, {}).scene()


@dataclass(frozen=True, slots=True)
class Inside:
    """The drawing of what a box holds, from the frame's left border at x = 0: how high its output
    stands, and by node of the trace, from the top, where what comes in crosses the border."""

    scene: Scene
    output: float
    ports: tuple[tuple[int, float], ...]

    @property
    def height(self) -> float:
        """With as much above the output as below it."""
        return 2 * max(self.output, self.scene.height - self.output)


def with_open(
    record: Record, view: View, found: Sequence[Box], place: int, has_title: bool = True
) -> Scene:
    """The drawing with one of the boxes that were found open, and those around it; a frame stands
    where the box stood. All others are folded."""
    opened: Inside | None = None
    child: Box | None = None
    level: int | None = place
    while True:
        closed = [box for box in found if box.parent == level]
        order = [node for node, _ in opened.ports] if opened else []
        orders = {child.output: order} if child else {}
        box = None if level is None else found[level]
        drawn = inside(record, box, closed, orders) if box else folded(record, closed, orders)
        at = {p: opened for p, b in drawn.folded.items() if b is child and opened is not None}
        shown = _laid_out(drawn, view, has_title and box is None, at)
        if box is None:
            return shown
        opened, child, level = _as_inside(drawn, shown), box, box.parent


def _laid_out(record: Drawing, view: View, has_title: bool, opened: Mapping[int, Inside]) -> Scene:
    """A scene with what is open in it."""
    graph = record.graph
    sizes = heights(record)
    for port in record.ports or ():
        sizes[port] = _PORT_SIZE
    fixed = {}
    for place, inner in opened.items():
        sizes[place] = inner.height + 10.0
        fixed[place] = [y - inner.output for _, y in inner.ports]
    wires, is_free = wiring(graph)
    is_free = [free and place not in opened for place, free in enumerate(is_free)]
    is_inside = record.ports is not None
    closed = record.folded.keys() - opened.keys()
    layout = arrange(
        sizes, wires, is_free, port=PORT, fixed=fixed, from_left=is_inside, boxes=closed
    )
    shown = _Drawing(record, view, layout, sizes, has_title, opened).scene()
    for place, inner in opened.items():
        shown = _put_in(shown, shown.signs[place], inner, record.folded[place])
    return shown


def _as_inside(drawn: Drawing, shown: Scene) -> Inside:
    ports = sorted((shown.signs[port].y, drawn.nodes_of[port]) for port in drawn.ports or ())
    signs = tuple(s for s in shown.signs if s.kind != "port")
    output = next(s for s in signs if s.index == drawn.nodes_of[drawn.graph.output])
    return Inside(replace(shown, signs=signs), output.y, tuple((node, y) for y, node in ports))


def _put_in(shown: Scene, sign: Sign, inner: Inside, box: Box) -> Scene:
    """A scene with what a box holds in its place."""
    x, y = sign.x - inner.scene.width / 2, sign.y - inner.output
    signs = [s for s in shown.signs if s is not sign]
    for part in inner.scene.signs:
        moved = part.moved(x, y)
        if part.index == sign.index:  # the box's output is the gate's, with the numbers outside
            moved = replace(
                moved,
                wire=(moved.wire[0], sign.wire[1]),
                numbers=sign.numbers,
                value=sign.value,
                gradient=sign.gradient,
                name=sign.name,
                shape=sign.shape,
            )
        signs.append(moved)
    frame = Frame(box.name, x, y, inner.scene.width, inner.scene.height, box)
    return replace(
        shown,
        signs=tuple(sorted(signs, key=lambda s: s.index)),
        lines=(*shown.lines, *(line.moved(x, y) for line in inner.scene.lines)),
        frames=(frame, *shown.frames, *(f.moved(x, y) for f in inner.scene.frames)),
        dots=(*shown.dots, *((a + x, b + y) for a, b in inner.scene.dots)),
    )


class _Drawing:
    def __init__(
        self,
        record: Drawing,
        view: View,
        layout: Layout,
        sizes: list[float],
        has_title: bool,
        opened: Mapping[int, Inside],
    ) -> None:
        self.record = record
        self._sizes = sizes
        self.view = view
        self.layout = layout
        self._open = opened
        self._ports = record.ports or frozenset()
        self._is_inside = record.ports is not None
        measures = Measures(record, view, {k: o.scene.width for k, o in opened.items()})
        self._measures = measures
        columns = measures.columns(layout.column, routing(layout))
        self._middle, self._half, self._end, self._lead = columns
        self._width = measures.width(columns)
        room = self._width - 2 * MARGIN
        self._title = (
            wrapped(title_of(record, view), int(room / (TITLE_SIZE * 0.63))) if has_title else []
        )
        self._top = MARGIN + len(self._title) * TITLE_LINE + 8.0
        if self._is_inside:
            self._top = ABOVE
        highest = min((y - self._half_height(k) for k, y in enumerate(layout.y)), default=0.0)
        self._top -= highest

    def scene(self) -> Scene:
        signs = tuple(self._sign(index) for index in range(len(self.record.graph.nodes)))
        lowest = max((y + self._half_height(k) for k, y in enumerate(self.layout.y)), default=0.0)
        low = lowest + self._top + (FRAME if self._is_inside else MARGIN)
        gates = self.record.graph.gate_count
        smaller = (
            tell("--fuse makes")
            if self.record.open_groups
            else tell("gates of your own (g(x) = ...) make")
        )
        note = tell(
            "{gates:,} gates: made to be panned over; {smaller} it smaller",
            gates=gates,
            smaller=smaller,
        )
        has_note = gates > MANY_GATES and not self._is_inside
        return Scene(
            tuple(self._title),
            self._width,
            low + (TITLE_LINE if has_note else 0.0),
            signs,
            tuple(self._lines()),
            tuple(self._frames(signs)),
            self._dots(),
            note if has_note else "",
        )

    def _half_height(self, place: int) -> float:
        return self._sizes[place] / 2 if place < len(self._sizes) else 0.0

    def _sign(self, index: int) -> Sign:
        node = self.record.graph.nodes[index]
        column = self.layout.column[index]
        text, width = self._measures.labels[index]
        kind = "gate" if node.gate is not None else "input" if node.is_input else "constant"
        kind = "box" if index in self.record.folded else kind
        kind = "port" if index in self._ports else kind
        x = self._middle[column]
        if kind not in ("gate", "box"):  # names end where their wires begin
            x += self._half[column] - width / 2
        value, gradient = self._measures.shown[index]
        return Sign(
            self.record.nodes_of[index],
            kind,
            text,
            x,
            self.layout.y[index] + self._top,
            width,
            self._open[index].scene.height if index in self._open else tall(len(node.inputs)),
            (x + width / 2, self._end[column]),
            x + width / 2 + PAD + self._measures.indent(index),
            value,
            gradient,
            self._measures.name(index),
            shape_words(self.record, index),
            self._under(index),
            self._sentence(index),
            self.record.folded.get(index),
        )

    def _under(self, index: int) -> str:
        """How many gates a box holds; the line of a stage's gate."""
        if index in self.record.folded:
            return box_label(self.record, self.record.folded[index], index)
        return line_label(self.record, index)

    def _sentence(self, index: int) -> str:
        """`#3 add: x + y = 3, gradient -4`: what is read out."""
        node, view, record = self.record.graph.nodes[index], self.view, self.record
        what = view.formula(self.record.texts[index])
        head = (
            f"#{self.record.nodes_of[index]} {label(node)}: {what}"
            if node.gate is not None
            else what
        )
        if index in self.record.folded:
            box = self.record.folded[index]
            head = tell(
                "{name}, {count} gates: {what}", name=box.name, count=len(box.members), what=what
            )
        line = f", {words}" if (words := line_words(record, index)) else ""
        if not record.has_point:
            return view.text(f"{head}{line}")
        value, gradient = view.value(record.values[index]), view.value(record.upstreams[index])
        return view.text(
            tell(
                "{head} = {value}, gradient {gradient}{line}",
                head=head,
                value=value,
                gradient=gradient,
                line=line,
            )
        )

    def _lines(self) -> Iterator[Line]:
        consumers = self.record.graph.consumers
        number = 0
        for gate, sources in enumerate(self.record.graph.inputs_of):
            for operand, source in enumerate(sources):
                is_branch = len(consumers[source]) > 1
                points = self._way(number, is_branch)
                text = self._measures.branch(gate, operand) if is_branch else ""
                column = self.layout.column[gate]
                left = self._middle[column] - self._half[column] - self._lead[column]
                at = (left + 2, points[-1][1])
                ends = self.record.nodes_of[source], self.record.nodes_of[gate]
                ways = self.record.ways[gate][operand]
                yield Line(*ends, operand, points, is_branch, text, at, ways, gate in self._open)
                number += 1

    def _way(self, number: int, is_branch: bool) -> tuple[tuple[float, float], ...]:
        """From the stub through the passages to the port; a pair of points is a straight piece."""
        chain = self.layout.chains[number]
        column, y = self.layout.column, self.layout.y
        first, gate = chain[0], chain[-1]
        points = [(self._end[column[first]], y[first] + self._top)]
        for place in chain[1:-1]:
            at = column[place]
            height = y[place] + self._top
            points += [(self._middle[at] - self._half[at], height), (self._end[at], height)]
        port = self.layout.ports[number]
        height = y[gate] + self._top + port
        at = column[gate]
        edge = self._middle[at] - self._half[at]
        _, width = self._measures.labels[gate]
        end = self._middle[at] - width / 2
        is_box = gate in self.record.folded
        if not is_box and width == tall(len(self.record.graph.inputs_of[gate])) == 2 * RADIUS:
            end = self._middle[at] - math.sqrt(RADIUS**2 - port**2)
        is_straight = is_branch or gate in self.record.folded  # past the numbers of branches
        points.append((edge - (self._lead[at] if is_straight else 0.0), height))
        points.append((end, height))
        return tuple(points)

    def _dots(self) -> tuple[tuple[float, float], ...]:
        """Where a wire branches: at a node's stub, or on its way past other gates."""
        ways = {pair for chain in self.layout.chains for pair in pairwise(chain)}
        branches = Counter(place for place, _ in ways)
        branches |= Counter({k: len(uses) for k, uses in enumerate(self.record.graph.consumers)})
        column, y = self.layout.column, self.layout.y
        return tuple(
            (self._end[column[place]], y[place] + self._top)
            for place in sorted(branches)
            if branches[place] > 1
        )

    def _frames(self, signs: tuple[Sign, ...]) -> Iterator[Frame]:
        """Round the groups that could be fused, where nothing else stands inside."""
        for group in self.record.open_groups:
            inside = set(group.members)
            left = min(signs[m].x - signs[m].width / 2 for m in inside) - FRAME
            right = max(signs[m].x + signs[m].width / 2 for m in inside) + FRAME
            top = min(signs[m].y - signs[m].height / 2 for m in inside) - ABOVE
            low = max(signs[m].y + signs[m].height / 2 for m in inside) + ABOVE
            frame = Frame(self.view.text(group.gate), left, top, right - left, low - top)
            if not any(_meets(frame, sign) for k, sign in enumerate(signs) if k not in inside):
                yield frame


def _meets(frame: Frame, sign: Sign) -> bool:
    """Whether a node, its name or its numbers stand in a frame."""
    is_beside = sign.x - sign.width / 2 >= frame.x + frame.width or sign.wire[1] <= frame.x
    half = max(sign.height, HEIGHT) / 2
    is_off = sign.y - half >= frame.y + frame.height or sign.y + half <= frame.y
    return not (is_beside or is_off)
