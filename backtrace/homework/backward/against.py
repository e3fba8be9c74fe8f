"""A forward pass, held against the formula of the assignment: gradients that are right for another
formula are no answer, so a forward pass that is itself wrong is said first."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from backtrace.algebra.arrays import ARRAYS, quiet
from backtrace.algebra.values import shape_of
from backtrace.code.backward_pass import Gradient, Line
from backtrace.code.program import Source
from backtrace.code.stages import Stage
from backtrace.errors import UsageError
from backtrace.formula import read
from backtrace.homework.backward.edit import Around, Edit
from backtrace.homework.backward.edits import edits
from backtrace.homework.backward.figures import agree
from backtrace.homework.backward.judging import MOST_FITS, WRONG, Court, LineVerdict, of_shapes
from backtrace.language import tell

_MOST_STAGES = 40  # that an edit is looked for in, where no name tells which


def forward_fault(court: Court, formula: str) -> LineVerdict | None:
    """The verdict on the first value that differs from the formula's, at any of the court's points;
    None where the result is the same. A stage is held against that of the same name. Raises
    UsageError where the formula has an input that the code lacks, BacktraceError where it cannot
    be read."""
    due = _values(court, formula)
    result = court.code.result
    last = list(due[0])[-1]
    if all(agree(f.own.get(result), d[last]) for f, d in zip(court.figures, due, strict=True)):
        return None
    for stage in court.code.forward:
        if stage.name in due[0] and stage.name != result and not _is_same(court, stage.name, due):
            return _verdict(court, stage, stage.name, due)
    return _verdict(court, court.code.forward[-1], last, due)


def _values(court: Court, formula: str) -> list[dict[str, Any]]:
    """The formula's stages at each point, the result last."""
    point = court.figures[0].point
    graph = read(formula, {name: shape_of(value) for name, value in point.items()})
    missing = [name for name in graph.inputs if name not in point]
    if missing:
        known = ", ".join(court.graphs.forward.inputs)
        what = tell("the formula has {missing}, which the code has not", missing=missing[0])
        raise UsageError(what, hint=tell("the code's inputs are {known}", known=known))
    found = []
    for figures in court.figures:
        with quiet():
            values = graph.evaluate(ARRAYS, {name: figures.point[name] for name in graph.inputs})
        named = {name: values[node] for name, node in graph.stages.items() if node != graph.output}
        found.append({**named, graph.output_name: values[graph.output]})
    return found


def _is_same(court: Court, name: str, due: list[dict[str, Any]]) -> bool:
    return all(agree(f.own.get(name), d[name]) for f, d in zip(court.figures, due, strict=True))


def _verdict(court: Court, stage: Stage, name: str, due: list[dict[str, Any]]) -> LineVerdict:
    exact = [values[name] for values in due]
    is_result = stage.name == court.code.result
    tried = list(court.code.forward)[-_MOST_STAGES:][::-1] if is_result else [stage]
    fits: tuple[Edit, ...] = ()
    for one in tried:
        fits = _fits(court, one, stage.name, exact)
        if fits:
            stage = one
            break
    given = court.figures[0].own.get(stage.name)
    shown = exact[0] if stage.name in (name, court.code.result) else None
    shapes = of_shapes(given, shown, stage.name, tell("the formula's")) if shown is not None else ""
    note = shapes or tell("it is not the formula's value")
    gradient = Gradient(stage.name, (), (_line(court.code.source, stage),))
    line = gradient.lines[0]
    return LineVerdict(gradient, stage.name, WRONG, line, fits, given, shown, note, "value")


def _fits(court: Court, stage: Stage, name: str, exact: list[Any]) -> tuple[Edit, ...]:
    """The single edits of a stage that give the value that is due under a name."""
    names = [*court.graphs.forward.inputs]
    names += [s.name for s in court.code.forward if s.name != stage.name]
    found: dict[str, Edit] = {}
    around = Around(court.figures[0].own, names, [])
    tried = [*edits(stage.expression, around), *edits(stage.expression, around, far=True)]
    for edit in sorted(tried, key=lambda edit: edit.cost):
        if edit.code in found:
            continue
        values = (_with(court, k, stage.name, edit.text) for k in range(len(court.figures)))
        if all(agree(v.get(name), e) for v, e in zip(values, exact, strict=True)):
            found[edit.code] = edit
            if len(found) == MOST_FITS:
                break
    return tuple(found.values())


def _with(court: Court, k: int, name: str, text: str) -> Mapping[str, Any]:
    """The forward stages at a point, with another expression for one of them."""
    values = dict(court.figures[k].point)
    for stage in court.code.forward:
        value = court.graphs.value(text if stage.name == name else stage.expression, values)
        if value is None:
            return values
        values[stage.name] = value
    return values


def _line(source: Source, stage: Stage) -> Line:
    """The line of the file that a stage is of."""
    text = source.text(stage.line)
    begin = len(text[: len(text) - len(text.lstrip())].encode())
    node = ast.Name(stage.name, lineno=stage.line, col_offset=begin)
    node.end_lineno, node.end_col_offset = stage.line, len(text.rstrip().encode())
    return Line(stage.name, node)
