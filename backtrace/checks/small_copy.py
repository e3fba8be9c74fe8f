"""The same formula on the first few entries of every array: small enough for SymPy.

Axes of equal length stay equal, so whatever fits still fits; lengths become 2 and 3 in turn, so
that a transpose that is missing is seen; 2, 3, 4 and 5 where a power would be of a square matrix
only here, and mean something else. What SymPy says of the small formula it says of the text, of the
gates and of their rules, which are those of the large one.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np

from backtrace.algebra.arrays import ARRAYS, is_finite
from backtrace.checks.traced import Subject
from backtrace.errors import FormulaError
from backtrace.gates import GATES
from backtrace.gates.shapes import say
from backtrace.graph.shapes import settled

_SMALL = (2, 3)
_DISTINCT = (2, 3, 4, 5)


def stand_in(subject: Subject) -> Subject | None:
    """The trace of the small formula, with an upstream of 1; None where the formula itself speaks
    of lengths (an index, a reshape, a number that stands for one), or where there is nothing to
    compare: at a kink, or where a number is not finite."""
    if not _are_called(subject):
        return None
    lengths = {n for value in subject.point.values() for n in np.shape(value) if n > 1}
    by_size = sorted(lengths, reverse=True)
    short = {n: _SMALL[k % 2] for k, n in enumerate(by_size)}
    if _has_new_squares(subject, short):
        if len(by_size) > len(_DISTINCT):
            return None
        short = dict(zip(by_size, _DISTINCT, strict=False))
    point = {name: _cut(value, short) for name, value in subject.point.items()}
    try:
        graph = settled(subject.graph, {n: np.shape(v) for n, v in point.items()})
    except FormulaError:
        return None
    values = graph.evaluate(ARRAYS, point)
    flow = subject.flow_of(graph, values, ARRAYS, seed=1.0)
    small = replace(subject, graph=graph, point=point, values=values, flow=flow)
    usable = all(map(is_finite, values)) and all(map(is_finite, small.gradients.values()))
    return small if usable and not flow.kinks else None


def _are_called(subject: Subject) -> bool:
    """Whether the gates that go by a length (attention, by the square root of one) are those that
    the text calls. Where one was fused or opened, a number in the text or in the graph stands for
    that length, and is no longer right on a few entries."""
    by_length = [gate for gate in GATES.values() if gate.numbers]
    found = [gate.name for _, _, gate in subject.graph.gates()]
    return all(
        found.count(gate.name) == len(re.findall(rf"\b{gate.word}\s*\(", subject.text))
        for gate in by_length
    )


def _has_new_squares(subject: Subject, short: dict[int, int]) -> bool:
    """Whether a power of a matrix that is not square would be of one that is."""
    for _, node, gate in subject.graph.gates():
        if gate.name == "pow":
            for source in node.inputs:
                rows, columns = (1, 1, *np.shape(subject.values[source]))[-2:]
                if rows != columns and short.get(rows, rows) == short.get(columns, columns):
                    return True
    return False


def _cut(value: Any, short: dict[int, int]) -> Any:
    """The first entries. Classes, whole numbers from 0, stay below the fewest there can be."""
    if not np.ndim(value):
        return value
    small = np.asarray(value)[tuple(slice(short.get(n, n)) for n in np.shape(value))]
    is_classes = np.all(value == np.floor(value)) and np.all(value >= 0)
    return small % min(_SMALL) if is_classes else small


def describe(small: Subject) -> str:
    """W 2x3, x 3."""
    shapes = [f"{n} {say(np.shape(v))}" for n, v in small.point.items() if np.ndim(v)]
    return ", ".join(shapes[:4]) + (", ..." if len(shapes) > 4 else "")
