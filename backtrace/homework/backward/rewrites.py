"""Slips that no single expression tells, undone in the code itself, which is then read once more:
a loop that starts or ends one off, // between counts, shapes that fit nothing.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from backtrace.homework.backward.codes import CODES
from backtrace.homework.backward.nodes import changed
from backtrace.homework.backward.trees import called, expression, replaced

_FIRST = ("transposed", "factors-swapped", "entry-product")


class Rewrite(NamedTuple):
    """A slip of the code: what it is, the part of the code that is told, what was meant there, and
    the whole code with that."""

    code: str
    says: str
    node: ast.expr
    meant: str
    tree: ast.Module


def rewrites(tree: ast.Module, rows: Collection[int]) -> Iterator[Rewrite]:
    """Those of the lines, and of the loops around them."""
    for statement in _statements(tree):
        if _rows(statement).intersection(rows):
            yield from _divisions(tree, statement)
    for loop in reversed([n for n in ast.walk(tree) if isinstance(n, ast.For)]):
        if _rows(loop).intersection(rows):
            yield from _bounds(tree, loop)


def reshaped(tree: ast.Module, row: int) -> Iterator[Rewrite]:
    """A line whose shapes fit nothing, with its products otherwise."""
    for statement in _statements(tree):
        if row in _rows(statement):
            meant = expression(ast.unparse(statement.value))
            for place, part in enumerate(ast.walk(meant)):
                for code, says, new in changed(part):
                    if code in _FIRST:
                        made = replaced(meant, place, new)
                        yield _rewrite(tree, statement.value, made, code, says)


_Statement = ast.Assign | ast.AugAssign


def _statements(tree: ast.Module) -> list[_Statement]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Assign | ast.AugAssign)]


def _rows(node: ast.stmt) -> set[int]:
    return {*range(node.lineno, (node.end_lineno or node.lineno) + 1)}


def _divisions(tree: ast.Module, statement: _Statement) -> Iterator[Rewrite]:
    says = "divides by // where / is due: what is behind the point is lost"
    for node in ast.walk(statement):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.FloorDiv):
            made = ast.BinOp(node.left, ast.Div(), node.right)
            yield _rewrite(tree, node, made, "floor-division", says, statement.value)


def _bounds(tree: ast.Module, loop: ast.For) -> Iterator[Rewrite]:
    for node in ast.walk(loop.iter):
        if isinstance(node, ast.Call) and called(node) == "range" and not node.keywords:
            for says, arguments in _ranges(node):
                made = ast.Call(node.func, arguments, [])
                yield _rewrite(tree, node, made, "loop-bounds", says, loop.iter)


def _ranges(node: ast.Call) -> Iterator[tuple[str, list[ast.expr]]]:
    """The arguments of a range that starts or ends one before or after."""
    start: ast.expr = ast.Constant(0)
    rest: list[ast.expr] = []
    if len(node.args) == 1:
        end = node.args[0]
    else:
        start, end, *rest = node.args
    later: tuple[tuple[str, Callable[[ast.expr], ast.expr]], ...] = (
        ("early", lambda n: ast.BinOp(n, ast.Add(), ast.Constant(1))),
        ("late", lambda n: ast.BinOp(n, ast.Sub(), ast.Constant(1))),
    )
    for word, moved in later:
        yield f"ends one too {word}", [start, moved(end), *rest]
    for word, moved in later:
        yield f"starts one too {word}", [moved(start), end, *rest]


def _rewrite(
    tree: ast.Module,
    node: ast.expr,
    made: ast.expr,
    code: str,
    says: str,
    told: ast.expr | None = None,
) -> Rewrite:
    """A copy of the code with another node in the place of one."""
    assert code in CODES
    memo: dict[int, object] = {id(node): ast.copy_location(copy.deepcopy(made), node)}
    found = copy.deepcopy(tree, memo)
    ast.fix_missing_locations(found)
    for part in ast.walk(found):
        part.__dict__.pop("every_part_of_it", None)
    whole = told or node
    shown = copy.deepcopy(whole, {id(node): made}) if whole is not node else made
    return Rewrite(code, says, whole, ast.unparse(shown), found)
