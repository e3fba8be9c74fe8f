"""Collects a formula's operations as the parser meets them, and lays them out as a Graph.

The parser emits in postfix order, so a constant subexpression (`1/3`, `2*pi`) is one unbroken run
of emissions: it becomes one Constant operand of the gate that uses it, computed but with no
gradient. Inputs are moved to the front, in the order they were first written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from backtrace.errors import Span
from backtrace.gates import Gate
from backtrace.graph import Constant, Graph, Node

_Row = tuple[Gate | None, tuple[int, ...], str, Span]
"""A gate, what it reads, a number as written or the name of an input or a stage, and its place."""


class Builder:
    """Emissions are numbered from 0; `finish` renumbers them into a graph."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.inputs: dict[str, int] = {}
        self.has_comparisons = False
        self.signs: dict[Span, tuple[str, str]] = {}  # a gate of numbers, and how it was written
        self.is_respelled = False  # whether the text says it in another grammar than ours
        self._rows: list[_Row] = []
        self._first: list[int] = []  # where a constant's run begins; -1 for what is not constant
        self._fixed: dict[int, tuple[Any, ...]] = {}  # what is no number: an axis, an index

    def input(self, name: str, span: Span) -> int:
        if name not in self.inputs:
            self.inputs[name] = self._emit(None, (), name, span, first=-1)
        return self.inputs[name]

    def number(self, text: str, span: Span) -> int:
        return self._emit(None, (), text, span, first=len(self._rows))

    def fixed(self, what: object, text: str, span: Span) -> int:
        """An argument that is no number, and how it is written."""
        emission = self.number(text, span)
        self._fixed[emission] = (what,)
        return emission

    def is_fixed(self, emission: int) -> bool:
        return emission in self._fixed

    def constant(self, emission: int) -> Constant | None:
        """The emission as a constant; None where it depends on a variable."""
        return self._constant(emission) if self._first[emission] >= 0 else None

    def gate(self, gate: Gate, operands: tuple[int, ...], span: Span) -> int:
        starts = self._first
        first = (
            starts[operands[0]]
            if len(operands) == 1
            else min([starts[o] for o in operands], default=-1)
        )
        if gate.name == "neg" and self._is_unsigned_number(operands[0]):
            _, _, word, _ = self._rows[-1]
            self._rows[-1] = (None, (), f"-{word}", span)  # -1 is a number, not a gate on 1
            return operands[0]
        if gate.is_comparison:
            self.has_comparisons = True
        return self._emit(gate, operands, "", span, first)

    def of_two(self, gate: Gate, left: int, right: int, span: Span) -> int:
        """An operator between two operands: nearly all gates of a long formula."""
        rows, first = self._rows, self._first
        one, other = first[left], first[right]
        rows.append((gate, (left, right), "", span))
        first.append(one if one < other else other)
        return len(rows) - 1

    def stage(self, emission: int, name: str, copy: Gate, span: Span) -> int:
        """Names a result. What has a name already (an input, a stage) is copied by a gate."""
        if self._rows[emission][2] and self._first[emission] < 0:
            emission = self._emit(copy, (emission,), name, span, first=-1)
        elif self._first[emission] >= 0:
            emission = self._emit(None, (emission,), name, span, first=-1)
        gate, operands, _, place = self._rows[emission]
        self._rows[emission] = (gate, operands, name, place)
        return emission

    def is_comparison(self, emission: int) -> bool:
        gate = self._rows[emission][0]
        return gate is not None and gate.is_comparison

    def finish(self, output: int, own: tuple[Gate, ...] = ()) -> Graph:
        if self._first[output] >= 0:
            output = self._emit(None, (output,), "", self._rows[output][3], first=-1)
        order = list(self.inputs.values())
        inputs = set(order)
        order += [e for e, first in enumerate(self._first) if first < 0 and e not in inputs]
        place = {emission: index for index, emission in enumerate(order)}
        nodes = tuple(self._laid_out(order, place))
        read_as = self.text if self.is_respelled else ""
        return Graph(nodes, place[output], self.text, own, self.signs, read_as=read_as)

    def _laid_out(self, order: list[int], place: dict[int, int]) -> Iterator[Node]:
        """The nodes, with operands by their places in the graph."""
        first, rows, new = self._first, self._rows, tuple.__new__
        for emission in order:
            gate, operands, word, span = rows[emission]
            if len(operands) == 2:
                a, b = operands
                if first[a] < 0 and first[b] < 0:
                    yield new(Node, (gate, (place[a], place[b]), word, span))
                    continue
            found = [self._constant(o) if first[o] >= 0 else place[o] for o in operands]
            yield Node(gate, tuple(found), word, span)

    def _emit(
        self, gate: Gate | None, operands: tuple[int, ...], word: str, span: Span, first: int
    ) -> int:
        self._rows.append((gate, operands, word, span))
        self._first.append(first)
        return len(self._rows) - 1

    def _is_unsigned_number(self, emission: int) -> bool:
        is_last_number = self._first[emission] == emission == len(self._rows) - 1
        return is_last_number and self._rows[emission][2][:1] in tuple("0123456789.")

    def _constant(self, emission: int) -> Constant:
        gate, _, word, span = self._rows[emission]
        first = self._first[emission]
        if gate is None:
            return Constant(word, (), span, self._fixed.get(emission))
        return Constant("", tuple(self._inner(e, first) for e in range(first, emission + 1)), span)

    def _inner(self, emission: int, first: int) -> Node:
        gate, operands, _, span = self._rows[emission]
        if gate is None:
            return Node(None, (self._constant(emission),), "", span)
        return Node(gate, tuple(o - first for o in operands), "", span)
