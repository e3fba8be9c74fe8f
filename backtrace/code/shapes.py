"""The shape of what code has computed so far: that of the formula up to here."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from backtrace.code.values import CannotRead, Data, Formula, Known
from backtrace.errors import BacktraceError
from backtrace.formula import read
from backtrace.formula.values import read_value

if TYPE_CHECKING:
    from backtrace.code.expressions import Expressions, Stage


def shape_of(machine: Expressions, value: Any, node: ast.AST) -> tuple[int, ...]:
    """Raises CannotRead where an input has no value yet."""
    try:
        if isinstance(value, Data):
            return _of_text(value.text)
        if isinstance(value, Known) and isinstance(value.value, list):
            return _of_text(repr(value.value))
        if isinstance(value, Formula):
            inner = [stage.text for stage in needed(machine.stages, value.node)]
            shapes = {name: _of_text(text) for name, text in machine.point.items()}
            shapes |= machine.given
            graph = read("; ".join([*inner, ast.unparse(value.node)]), shapes)
            if graph.inputs.keys() <= shapes.keys():
                return graph.shapes[graph.output] if graph.shapes else ()
    except BacktraceError:
        pass
    hint = "give the arrays on the command line: X=randn(3,4)"
    raise CannotRead("the shape is not known", node, hint)


def needed(stages: list[Stage], node: ast.AST) -> list[Stage]:
    """The stages that an expression depends on, in order."""
    wanted = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    found: list[Stage] = []
    for stage in reversed(stages):
        if stage.name in wanted:
            found.append(stage)
            wanted |= {n.id for n in ast.walk(stage.node) if isinstance(n, ast.Name)}
    return found[::-1]


def _of_text(text: str) -> tuple[int, ...]:
    return tuple(getattr(read_value(text, text, 0), "shape", ()))
