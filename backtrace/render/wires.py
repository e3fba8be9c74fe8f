"""the lecture's drawing in the terminal: values above the wires, gradients below"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from rich.cells import cell_len
from rich.text import Text

from backtrace.algebra.values import shape_of
from backtrace.formula.printer import label
from backtrace.graph.record import Record
from backtrace.language import tell
from backtrace.layout import arrange
from backtrace.render import tree
from backtrace.render._grid import DOWN, LEFT, RIGHT, UP, Grid
from backtrace.render._measures import wiring
from backtrace.render._routing import from_the_top, tracks_of, whole_rows
from backtrace.render._rules import shown_products
from backtrace.render._terminal import (
    fork_sums,
    gradient_lines,
    heading,
    node_name,
    paint,
    remarks,
    rounding_remark,
    side_by_side,
)
from backtrace.render._view import View
from backtrace.render._words import line_words, symbol

SUFFIX = ".wires"

_MOST_NODES = 200
_MOST_OF_A_TREE = 40  # gates
_ROWS = 3.0  # value, wire, gradient


def render(record: Record, view: View) -> str:
    reason = _too_much(record)
    if not reason:
        drawing = Drawing(record, view)
        reason = drawing.reason
    if reason:
        why = Text(view.text(tell("(no wires: {reason}; a tree)", reason=reason)), style="quiet")
        return paint(view, why) + "\n" + tree.render(record, view)
    parts = [heading(record, view), Text(), *drawing.grid.lines()]
    parts += _code_lines(record, view)
    sums = list(fork_sums(record, view))
    if sums:
        parts += [Text(), *sums]
    if record.wrt and record.checks:
        parts += [Text(), *gradient_lines(record, view)]
    closing = [*remarks(record, view)]
    shown = [p for edge in record.edges for p in shown_products(edge, view)]
    closing += rounding_remark(view, shown)
    if closing:
        parts += [Text(), *closing]
    return paint(view, *parts)


def drawing(record: Record, view: View) -> str:
    """The drawing alone; "" where it has no room."""
    if _too_much(record):
        return ""
    drawn = Drawing(record, view)
    return "" if drawn.reason else paint(view, *drawn.grid.lines())


def picture(record: Record, view: View) -> str:
    """The same; of not many gates a tree of the numbers, where it has no room."""
    found = drawing(record, view)
    if found or record.graph.gate_count > _MOST_OF_A_TREE:
        return found
    return paint(view, tree.of_numbers(record, view))


def _code_lines(record: Record, view: View) -> list[Text]:
    """Under the drawing, where in the code its stages are."""
    stages = [(k, node.name) for k, node, _ in record.graph.gates() if node.name]
    found = [f"{name}: {words}" for k, name in stages if (words := line_words(record, k))]
    return [Text(), *side_by_side(found, view)] if found else []


def _too_much(record: Record) -> str:
    if not record.has_point:
        return tell("there is no point")
    if len(record.graph.nodes) > _MOST_NODES:
        return tell("{count:,} nodes", count=len(record.graph.nodes))
    if record.graph.gate_count == 0:
        return tell("there is no gate")
    return ""


class Drawing:
    """`reason` says why it cannot be drawn here, "" where it can."""

    def __init__(self, record: Record, view: View) -> None:
        self.record = record
        self.view = view
        graph = record.graph
        sizes = [_ROWS] * len(graph.nodes)
        self.layout = arrange(sizes, *wiring(graph), gap=0.0, port=0.0, passage=1.0)
        self.rows = whole_rows(self.layout, len(graph.nodes))
        self.grid = Grid(view.ascii)
        self._names = [self._name(index) for index in range(len(graph.nodes))]
        self._numbers = [self._stub(index) for index in range(len(graph.nodes))]
        tracks = list(self._all_tracks())
        self.rows = from_the_top(self.rows, len(graph.nodes))
        self.reason = (
            "" if all(t is not None for t in tracks) else tell("two wires would be read as one")
        )
        self._tracks = [t or {} for t in tracks]
        ways = {pair for chain in self.layout.chains for pair in pairwise(chain)}
        self._branches = Counter(source for source, _ in ways)
        self._left, self._stubs, self._end = self._columns()
        self.reason = self.reason or self._refusal()
        if not self.reason:
            self._draw()

    def _refusal(self) -> str:
        width = self._end[-1] + 1
        if width > self.view.width:
            return tell(
                "they are {width} columns wide, and here are {view_width}",
                width=width,
                view_width=self.view.width,
            )
        for index, node, gate in self.record.graph.gates():
            rows = [self._row_before(chain) for chain in self._chains_to(index)]
            if not gate.commutes and len(node.inputs) > 1 and rows != sorted(rows):
                return tell("the operands would change places")
        return ""

    def _chains_to(self, gate: int) -> list[list[int]]:
        return [chain for chain in self.layout.chains if chain[-1] == gate]

    def _row_before(self, chain: list[int]) -> int:
        return self.rows[chain[-2]]

    def _name(self, index: int) -> str:
        node = self.record.graph.nodes[index]
        if node.gate is None:
            return self.view.text(node_name(self.record, index))
        text = label(node)
        return f"({self.view.text(text if self.view.ascii else symbol(text))})"

    def _stub(self, index: int) -> tuple[str, str]:
        """What is above and below a node's wire."""
        node, view = self.record.graph.nodes[index], self.view
        name = f"{view.text(node.name)} = " if node.gate is not None and node.name else ""
        value, gradient = self.record.values[index], self.record.upstreams[index]
        return name + self._short(value), self._short(gradient)

    def _short(self, value: object) -> str:
        text = self.view.value(value)
        if len(text) > 14 and shape_of(value):
            return self.view.sized(value).rpartition("  ")[2]
        return text

    def _all_tracks(self) -> Iterator[dict[int, int] | None]:
        """Before every column, which upright each place's wire takes; none where it is straight.
        Where there are none, this column and all after it move up or down a little."""
        reach: list[dict[int, set[int]]] = [{} for _ in self.layout.order]
        for chain in self.layout.chains:
            for source, place in pairwise(chain):
                reach[self.layout.column[place]].setdefault(source, set()).add(place)
        for column, targets in enumerate(reach):
            rows = self.rows
            for step in (0, 1, -1, 2, -2):
                later = [step * (at >= column) for at in self.layout.column]
                self.rows = [row + s for row, s in zip(rows, later, strict=True)]
                tracks = tracks_of(targets, self.rows)
                if tracks is not None:
                    break
            yield tracks

    def _columns(self) -> tuple[list[int], list[int], list[int]]:
        """Where every column's names, and its stubs, begin and end."""
        left, stubs, end = [], [], []
        x = 0
        for column, places in enumerate(self.layout.order):
            nodes = [place for place in places if place < len(self._names)]
            tracks = max(self._tracks[column].values(), default=-1) + 1
            x += tracks + 2 if column else 0
            left.append(x)
            x += max((cell_len(self._names[n]) for n in nodes), default=0)
            stubs.append(x)
            x += max((max(map(cell_len, self._numbers[n])) for n in nodes), default=0) + 1
            end.append(x)
        return left, stubs, end

    def _draw(self) -> None:
        for chain in self.layout.chains:
            for source, place in pairwise(chain):
                self._wire(source, place, chain[0])
        for gate, sources in enumerate(self.record.graph.inputs_of):
            if len(set(sources)) > 1:
                self._meet(gate)
        for index in range(len(self._names)):
            self._sign(index)
        count = len(self._names)
        for place in range(count, len(self.rows)):
            column = self.layout.column[place]
            source = next(c[0] for c in self.layout.chains if place in c)
            self.grid.across(self.rows[place], self._left[column] - 1, self._end[column], source)

    def _wire(self, source: int, place: int, first: int) -> None:
        """From a stub's end to the left of the next place: across, upright, across."""
        column = self.layout.column[place]
        start, stop = self._end[self.layout.column[source]], self._left[column] - 1
        here, there = self.rows[source], self.rows[place]
        track = self._tracks[column].get(source)
        if track is None:
            self.grid.across(here, start, stop, first)
            return
        bend = start + 1 + track
        self.grid.across(here, start, bend, first)
        self.grid.upright(bend, here, there, first)
        self.grid.across(there, bend, stop, first)
        if self._branches[source] > 1:
            self.grid.dot(here, bend)

    def _meet(self, gate: int) -> None:
        """Several wires come along a gate's own row: from the first upright on they are one."""
        column = self.layout.column[gate]
        row = self.rows[gate]
        joints: dict[int, int] = {}
        for source in {chain[-2] for chain in self._chains_to(gate)}:
            at = self._end[self.layout.column[source]]
            track = self._tracks[column].get(source)
            at += 0 if track is None else 1 + track
            step = self.rows[source] - row
            joints[at] = joints.get(at, RIGHT) | (UP if step < 0 else DOWN if step else LEFT)
            if step:
                self.grid.join(self.rows[source], at, LEFT | (DOWN if step < 0 else UP))
        first = min(joints)
        for at, ways in joints.items():
            self.grid.join(row, at, ways | (LEFT if at > first else 0))

    def name(self, index: int) -> str:
        return self._names[index]

    def place(self, index: int) -> tuple[int, int]:
        """The row and column where a node's name begins."""
        column = self.layout.column[index]
        is_gate = self.record.graph.nodes[index].gate is not None
        left = self._stubs[column] - cell_len(self._names[index])
        return self.rows[index], self._left[column] if is_gate else left

    def _sign(self, index: int) -> None:
        column = self.layout.column[index]
        row, start = self.place(index)
        name = self._names[index]
        is_gate = self.record.graph.nodes[index].gate is not None
        self.grid.across(row, start + cell_len(name), self._end[column], index)
        if is_gate:
            self.grid.across(row, self._left[column] - 1, self._left[column], index)
        self.grid.write(row, start, name, "gate" if is_gate else "name")
        value, gradient = self._numbers[index]
        right = self._end[column]
        self.grid.write(row - 1, right - cell_len(value), value, "value")
        self.grid.write(row + 1, right - cell_len(gradient), gradient, "gradient")
