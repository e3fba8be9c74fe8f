"""Collects a formula's operations as the parser meets them, and lays them out as a Graph.

The parser emits in postfix order, so a constant subexpression (`1/3`, `2*pi`) is one unbroken run
of emissions: it becomes one Constant operand of the gate that uses it, computed but with no
gradient. Inputs are moved to the front, in the order they were first written.
"""

from __future__ import annotations

from typing import Any

from backtrace.errors import Span
from backtrace.gates import Gate
from backtrace.graph import Constant, Graph, Node


class Builder:
    """Emissions are numbered from 0; `finish` renumbers them into a graph."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.inputs: dict[str, int] = {}
        self._gates: list[Gate | None] = []
        self._operands: list[tuple[int, ...]] = []
        self._words: list[str] = []  # a number as written, an input's or a stage's name
        self._spans: list[Span] = []
        self._first: list[int] = []  # where a constant's run begins; -1 for what is not constant
        self._fixed: dict[int, tuple[Any, ...]] = {}  # what is no number: an axis, an index

    def input(self, name: str, span: Span) -> int:
        if name not in self.inputs:
            self.inputs[name] = self._emit(None, (), name, span, first=-1)
        return self.inputs[name]

    def number(self, text: str, span: Span) -> int:
        return self._emit(None, (), text, span, first=len(self._gates))

    def fixed(self, what: object, text: str, span: Span) -> int:
        """An argument that is no number, and how it is written."""
        emission = self.number(text, span)
        self._fixed[emission] = (what,)
        return emission

    def constant(self, emission: int) -> Constant | None:
        """The emission as a constant; None where it depends on a variable."""
        return self._constant(emission) if self._first[emission] >= 0 else None

    def gate(self, gate: Gate, operands: tuple[int, ...], span: Span) -> int:
        firsts = [self._first[operand] for operand in operands]
        first = min(firsts) if firsts else -1
        if gate.name == "neg" and self._is_unsigned_number(operands[0]):
            self._words[-1] = "-" + self._words[-1]  # -1 is a number, not a gate on 1
            self._spans[-1] = span
            return operands[0]
        return self._emit(gate, operands, "", span, first)

    def stage(self, emission: int, name: str, copy: Gate, span: Span) -> int:
        """Names a result. What has a name already (an input, a stage) is copied by a gate."""
        if self._words[emission] and self._first[emission] < 0:
            emission = self._emit(copy, (emission,), name, span, first=-1)
        elif self._first[emission] >= 0:
            emission = self._emit(None, (emission,), name, span, first=-1)
        self._words[emission] = name
        return emission

    def is_comparison(self, emission: int) -> bool:
        gate = self._gates[emission]
        return gate is not None and gate.is_comparison

    def finish(self, output: int, own: tuple[Gate, ...] = ()) -> Graph:
        if self._first[output] >= 0:
            output = self._emit(None, (output,), "", self._spans[output], first=-1)
        order = list(self.inputs.values())
        order += [
            emission
            for emission in range(len(self._gates))
            if self._first[emission] < 0 and not self._is_input(emission)
        ]
        place = {emission: index for index, emission in enumerate(order)}
        nodes = tuple(
            Node(
                self._gates[emission],
                tuple(
                    self._constant(operand) if self._first[operand] >= 0 else place[operand]
                    for operand in self._operands[emission]
                ),
                self._words[emission],
                self._spans[emission],
            )
            for emission in order
        )
        return Graph(nodes, place[output], self.text, own)

    def _emit(
        self, gate: Gate | None, operands: tuple[int, ...], word: str, span: Span, first: int
    ) -> int:
        self._gates.append(gate)
        self._operands.append(operands)
        self._words.append(word)
        self._spans.append(span)
        self._first.append(first)
        return len(self._gates) - 1

    def _is_input(self, emission: int) -> bool:
        return self._gates[emission] is None and not self._operands[emission]

    def _is_unsigned_number(self, emission: int) -> bool:
        is_last_number = self._first[emission] == emission == len(self._gates) - 1
        return is_last_number and self._words[emission][:1] in tuple("0123456789.")

    def _constant(self, emission: int) -> Constant:
        span = self._spans[emission]
        first = self._first[emission]
        if self._gates[emission] is None:
            return Constant(self._words[emission], (), span, self._fixed.get(emission))
        return Constant("", tuple(self._inner(e, first) for e in range(first, emission + 1)), span)

    def _inner(self, emission: int, first: int) -> Node:
        gate, span = self._gates[emission], self._spans[emission]
        if gate is None:
            return Node(None, (self._constant(emission),), "", span)
        return Node(gate, tuple(o - first for o in self._operands[emission]), "", span)
