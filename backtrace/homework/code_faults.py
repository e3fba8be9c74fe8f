"""A faulty line of code as a value: where it is, what is said of it, and the step of the formula
whose gradient it works out."""

from __future__ import annotations

import ast
import re

from backtrace.code.program import Source
from backtrace.homework.backward import report
from backtrace.homework.backward.figures import leading
from backtrace.homework.backward.judging import Judged, LineVerdict
from backtrace.homework.gate_pictures import alone
from backtrace.homework.report import MISTAKE
from backtrace.homework.rows import CodeFault

_VERSION = re.compile(r"(?<=\w)_v\d+\Z")
_LONGEST_LINE = 200


def code_fault(judged: Judged, verdict: LineVerdict, level: int) -> CodeFault:
    """A verdict that is not right, told as far as `level` goes."""
    source = judged.code.source
    line, first, _, _ = report.place(verdict)
    at = source.place(line)
    of = _VERSION.sub("", verdict.of if verdict.of and verdict.of[0] != "#" else "")
    is_told = level >= MISTAKE
    is_value = verdict.about == "value"
    gate, shapes = _gate(judged, verdict.of) if not is_value else ("", ())
    return CodeFault(
        f"d{of}" if of and not is_value else verdict.gradient.name,
        verdict.fits[0].code if verdict.fits and is_told else "",
        tuple(report.sentences(verdict, level)),
        source.path,
        at.line,
        source.column(line, first) + 1,
        at.cell or 0,
        _statement(source, line),
        gate,
        shapes,
        is_value,
    )


def _statement(source: Source, line: int) -> str:
    """The statement that a line is of, as Python writes it: without comments."""
    found = ""
    for node in ast.walk(ast.parse("\n".join(source.lines))):
        if not isinstance(node, ast.stmt) or hasattr(node, "body"):
            continue
        if node.lineno <= line <= (node.end_lineno or node.lineno):
            found = ast.unparse(node).partition("\n")[0]
    return found if len(found) <= _LONGEST_LINE else f"{found[:_LONGEST_LINE]}…"


def leading_to(judged: Judged, verdict: LineVerdict) -> set[str]:
    """The stages that a gradient's numbers come from."""
    stages = {stage.name: stage.expression for stage in judged.code.stages}
    return leading(stages).get(verdict.gradient.final, set())


def _gate(judged: Judged, of: str) -> tuple[str, tuple[tuple[str, tuple[int, ...]], ...]]:
    """The first gate that uses a forward value, as a formula of its own in names, and the shapes
    of its operands; "" where none does."""
    graph = judged.graph
    if graph is None:
        return "", ()
    names = {**graph.inputs, **graph.stages}
    node = int(of[1:]) if of.startswith("#") else names.get(of)
    if node is None:
        return "", ()
    text, operands = alone(graph, node, lambda name: _VERSION.sub("", name))
    shapes = graph.shapes or ((),) * len(graph.nodes)  # none are kept where all are numbers
    return text, tuple((name, shapes[index]) for name, index in operands.items())
