"""How large the parts of a drawing are: gates, names and the numbers on their wires, and how wide
its columns become of them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

from backtrace.algebra.values import shape_of
from backtrace.formula.printer import label
from backtrace.graph import Graph
from backtrace.language import cells
from backtrace.layout import Layout, Wire
from backtrace.render._folding import Drawing
from backtrace.render._view import View
from backtrace.render._words import number_text, shape_words, symbol

RADIUS, PORT = 22.0, 16.0
MARGIN = 24.0
FRAME, ABOVE = 12.0, 14.0  # from a gate to the frame round it: beside it, above it
NUMBER_SIZE, BRANCH_SIZE, LABEL_SIZE, NAME_SIZE = 14.0, 11.0, 15.0, 18.0
BLANK = 46.0, 15.0  # a box to write in
HEIGHT = 46.0  # of a gate, with the numbers on its wire
PAD = 7.0  # on both sides of a number
CURVED, STRAIGHT = 40.0, 12.0  # between two columns, for curves and for straight wires
LEAST_WIDTH = 320.0
_BOX = 52.0  # the least width of a box
_WIDTHS = {".": 0.32, ",": 0.32, " ": 0.32, "−": 0.84, "(": 0.39, ")": 0.39, "i": 0.28, "l": 0.28}
_WIDTHS |= {"=": 0.84, "+": 0.84, "×": 0.84, "<": 0.84, ">": 0.84, "#": 0.84}
_WIDTHS |= {"m": 0.97, "w": 0.82, "W": 0.99, "M": 0.86, "j": 0.28, "f": 0.35, "t": 0.39, "r": 0.41}
_WIDE = (0.0, 0.63, 1.0)  # by cells of a terminal


def text_width(text: str, size: float) -> float:
    """Of DejaVu Sans or Verdana, about; a wide character is as wide as the letters are high."""
    return size * sum(map(_letter_width, text))


@functools.lru_cache(maxsize=1000)
def _letter_width(c: str) -> float:
    return _WIDTHS.get(c, 0.7 if c.isupper() else _WIDE[cells(c)])


def wiring(graph: Graph) -> tuple[list[Wire], list[bool]]:
    """A graph as `layout` takes it: a wire for every operand, and which gates take theirs in any
    order."""
    wires = [(source, gate) for gate, sources in enumerate(graph.inputs_of) for source in sources]
    return wires, [node.gate is not None and node.gate.commutes for node in graph.nodes]


def tall(inputs: int) -> float:
    """The height of a gate: a circle's, or more where many wires come in."""
    return 2 * RADIUS if inputs <= 2 else PORT * inputs + 10.0


def heights(record: Drawing) -> list[float]:
    """How high every node is, with its numbers."""
    graph = record.graph
    is_tall = any(map(shape_of, record.values)) or any(node.name for _, node, _ in graph.gates())
    found = [max(HEIGHT, tall(len(s)) + 8.0) + 10.0 * is_tall for s in graph.inputs_of]
    for group in record.open_groups:
        for member in group.members:
            framed = tall(len(graph.inputs_of[member])) + 2 * (ABOVE + NUMBER_SIZE / 2)
            found[member] = max(found[member], framed)
    return found


def routing(layout: Layout) -> list[float]:
    """The room before every column: less where all wires come straight."""
    found = [STRAIGHT] * (max(layout.column, default=0) + 1)
    for number, chain in enumerate(layout.chains):
        for source, place in pairwise(chain):
            port = layout.ports[number] if place == chain[-1] else 0.0
            if abs(layout.y[place] + port - layout.y[source]) > 1.0:
                found[layout.column[place]] = CURVED
    return found


class Columns(NamedTuple):
    """The middle of every column's shapes, half their width, where its stubs end, and the room
    before it for what branches carry back."""

    middle: list[float]
    half: list[float]
    end: list[float]
    lead: list[float]


class Measures:
    """`shown` has every node's value and gradient as they are written, None for a blank; `labels`
    what is in its shape, and how wide that is. `opened` are boxes that are open, by their widths.
    """

    def __init__(
        self, record: Drawing, view: View, opened: Mapping[int, float] = MappingProxyType({})
    ) -> None:
        self.record = record
        self.view = view
        self._open = opened
        self._ports = record.ports or frozenset()
        self._is_inside = record.ports is not None
        self._branches: dict[tuple[int, int], str | None] = {}
        self._closing = {max(group.members) for group in record.open_groups}
        nodes = range(len(record.graph.nodes))
        self.shown = [self._numbers(index) for index in nodes]
        self.labels = [self._label(index) for index in nodes]

    def columns(self, column: Sequence[int], routing: Sequence[float]) -> Columns:
        """Where columns stand, with so much room before each for its wires."""
        count = max(column, default=0) + 1
        half, stub, lead = [0.0] * count, [0.0] * count, [0.0] * count
        for index, (_, width) in enumerate(self.labels):
            at = column[index]
            half[at] = max(half[at], width / 2)
            stub[at] = max(stub[at], self._stub(index))
        consumers = self.record.graph.consumers
        for index, sources in enumerate(self.record.graph.inputs_of):
            at = column[index]
            for operand, source in enumerate(sources):
                if len(consumers[source]) > 1:
                    text = self.branch(index, operand)
                    width = text_width(text, BRANCH_SIZE) if text is not None else BLANK[0] * 0.75
                    lead[at] = max(lead[at], width + 10.0)
        middle, end = [], []
        x = 0.0 if self._is_inside else MARGIN
        for at in range(count):
            x += half[at] + (lead[at] + routing[at] if at else 0.0)
            middle.append(x)
            x += half[at] + stub[at]
            end.append(x)
        return Columns(middle, half, end, lead)

    def width(self, columns: Columns) -> float:
        """Of the whole drawing."""
        return columns.end[-1] if self._is_inside else max(columns.end[-1] + MARGIN, LEAST_WIDTH)

    def branch(self, gate: int, operand: int) -> str | None:
        """What a branch carries back."""
        found = self._branches.get((gate, operand), "")
        if found == "" and self.record.has_point:
            found = number_text(self.record.downstreams[gate][operand], self.view)
            self._branches[gate, operand] = found
        return found

    def indent(self, index: int) -> float:
        """How far its numbers are from the gate: outside the frame that it closes."""
        return FRAME if index in self._closing else 0.0

    def name(self, index: int) -> str:
        node = self.record.graph.nodes[index]
        return self.view.text(node.name) if node.gate is not None else ""

    def _numbers(self, index: int) -> tuple[str | None, str | None]:
        record = self.record
        is_outside = self._is_inside and index in (*self._ports, record.graph.output)
        if not record.has_point or is_outside:
            return "", ""
        return (
            number_text(record.values[index], self.view),
            number_text(record.upstreams[index], self.view),
        )

    def _label(self, index: int) -> tuple[str, float]:
        node = self.record.graph.nodes[index]
        if index in self._ports:
            return "", 0.0
        if index in self._open:
            return self.record.folded[index].name, self._open[index]
        if index in self.record.folded:
            text = self.view.text(self.record.folded[index].name)
            return text, max(_BOX, text_width(text, LABEL_SIZE) + 22.0)
        if node.gate is not None:
            text = self.view.text(symbol(label(node)))
            width = text_width(text, LABEL_SIZE)
            return text, 2 * RADIUS if width <= 36.0 else width + 22.0
        text = self.view.text(node.name or self.record.texts[index])
        return text, text_width(text, NAME_SIZE) + 4.0

    def _stub(self, index: int) -> float:
        value, gradient = self.shown[index]
        if index in self._ports:
            return 0.0
        if self._is_inside and index == self.record.graph.output:
            return FRAME
        name = self.name(index)
        above = text_width(value, NUMBER_SIZE) if value is not None else BLANK[0]
        above += text_width(f"{name} = ", NUMBER_SIZE) if name else 0.0
        below = text_width(gradient, NUMBER_SIZE) if gradient is not None else BLANK[0]
        shape = text_width(shape_words(self.record, index), BRANCH_SIZE)
        return max(above, below, shape, 20.0) + 2 * PAD + self.indent(index)
