"""The picture of one gate: its operands by their names, and what is known of them.

Of a formula that all have at one point, the numbers of the trace; of a line of code, whose numbers
are each one's own, the shapes alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backtrace.errors import BacktraceError
from backtrace.formula.printer import application, spell_constant
from backtrace.graph import Constant, Graph
from backtrace.graph.record import Record
from backtrace.homework.rows import CodeFault
from backtrace.render import View
from backtrace.render._scene import scene
from backtrace.render.svg import description, draw, name_of
from backtrace.tracing.tracer import trace

_MOST_GATES = 12  # of a formula that is drawn as a whole


@dataclass(frozen=True, slots=True)
class Gate:
    """`text` is the gate as a formula of its own, `point` its operands; `upstream` is what comes
    back to it, None where no numbers are shown. `whole` is the trace that is drawn instead, where
    one gate does not show it."""

    text: str
    point: Mapping[str, Any]
    upstream: Any = None
    whole: Record | None = None


def alone(
    graph: Graph, node: int, called: Callable[[str], str] = str
) -> tuple[str, dict[str, int]]:
    """The first gate that uses a node, as a formula of its own, and which node each of its names
    is; `called` is what a node's name is on paper. "" where no gate does, or two of its operands
    have one name."""
    if not graph.consumers[node]:
        return "", {}
    gate = graph.nodes[graph.consumers[node][0][0]]
    if gate.gate is None:
        return "", {}
    names: dict[str, int] = {}
    texts = []
    for operand in gate.operands:
        if isinstance(operand, Constant):
            texts.append(spell_constant(operand).text)
            continue
        known = [name for name, index in names.items() if index == operand]
        name = known[0] if known else called(graph.nodes[operand].name) or _free(names)
        if names.setdefault(name, operand) != operand:
            return "", {}
        texts.append(name)
    return application(gate.gate, texts), names


def _free(taken: Collection[str]) -> str:
    """A name for an operand that has none."""
    return next(name for name in ("u", "v", *map("u{}".format, range(99))) if name not in taken)


def gate_of_line(fault: CodeFault) -> Gate | None:
    """The gate whose gradient a line of code works out."""
    point = {name: np.ones(shape) if shape else 1.0 for name, shape in fault.shapes}
    return Gate(fault.gate, point) if fault.gate else None


def gate_of_answer(name: str, record: Record) -> Gate | None:
    """The gate that an answer is about: dx is where x is used, q where q is; where it branches, all
    of a small formula."""
    graph = record.graph
    names = {**graph.inputs, **graph.stages}
    node = names.get(name.removeprefix("d"), names.get(name))
    if node is None:
        return None
    text, operands = alone(graph, node)
    if not text:
        return None
    if len(graph.consumers[node]) > 1 and graph.gate_count <= _MOST_GATES:
        return Gate(text, {}, whole=record)
    used_by = graph.consumers[node][0][0]
    point = {name: record.values[index] for name, index in operands.items()}
    return Gate(text, point, record.upstreams[used_by])


def picture(gate: Gate, view: View) -> str:
    """The drawing, as SVG; "" where the gate cannot be drawn alone."""
    point = dict(gate.point)
    try:
        record = gate.whole or trace(gate.text, point, upstream=gate.upstream, check=False)
        drawn = scene(record, view)
    except BacktraceError:
        return ""
    has_numbers = gate.upstream is not None or gate.whole is not None
    if not has_numbers:
        signs = tuple(replace(sign, value="", gradient="") for sign in drawn.signs)
        lines = tuple(replace(line, gradient="") for line in drawn.lines)
        drawn = replace(drawn, signs=signs, lines=lines, note="")
    told = description(drawn, view) if has_numbers else gate.text
    return draw(drawn, name_of(drawn), told)
