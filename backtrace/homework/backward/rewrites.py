"""Slips that no single expression tells, undone in the code itself, which is then read once more:
a loop that starts or ends one off, // between counts, shapes that fit nothing.
"""

from __future__ import annotations

import ast
import copy
import itertools
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from backtrace.code.words import differentiated
from backtrace.homework.backward.codes import CODES
from backtrace.homework.backward.nodes import changed
from backtrace.homework.backward.trees import axis_of, called, expression, operand
from backtrace.language import tell

_Statement = ast.Assign | ast.AugAssign
_Node = ast.expr | ast.stmt
_MOST_NAMES = 40  # tried in the place of others in one line
_FIRST = ("transposed", "factors-swapped", "entry-product")


class Rewrite(NamedTuple):
    """A slip of the code: what it is, the part of the code that is told, what was meant there, and
    the whole code with that."""

    code: str
    says: str
    node: _Node
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
            yield from _sums(tree, loop, rows)


def reshaped(tree: ast.Module, row: int) -> Iterator[Rewrite]:
    """A line whose shapes fit nothing: not in place, with its products and sums otherwise, of
    other names, first gradients for gradients, the nearest ones."""
    for statement in _statements(tree):
        if row in _rows(statement):
            if isinstance(statement, ast.AugAssign):
                yield from _not_in_place(tree, statement)
            for node in ast.walk(statement.value):
                yield from _of_products(tree, statement, node)
            for node in ast.walk(statement.value):
                yield from _of_sums(tree, statement, node)
            yield from itertools.islice(_of_names(tree, statement), _MOST_NAMES)


def _of_products(tree: ast.Module, statement: _Statement, node: ast.AST) -> Iterator[Rewrite]:
    if isinstance(node, ast.expr):
        for code, says, new in changed(expression(ast.unparse(node))):
            if code in _FIRST:
                yield _rewrite(tree, node, _loaded(new), code, says, statement.value)


def _of_sums(tree: ast.Module, statement: _Statement, node: ast.AST) -> Iterator[Rewrite]:
    """A sum that keeps its axis, or not; along another one; one that is missing."""
    whole = statement.value
    if isinstance(node, ast.Call) and called(node) in ("sum", "mean", "max"):
        axis, keeps = axis_of(node)
        plain = [word for word in node.keywords if word.arg not in ("keepdims", "keepdim")]
        kept = ast.keyword("keepdims", ast.Constant(True))
        says = tell("keeps the axis of its sum") if keeps else tell("lacks keepdims=True")
        made = ast.Call(node.func, node.args, plain if keeps else [*plain, kept])
        yield _rewrite(tree, node, made, "keepdims", says, whole)
        other = ast.keyword("axis", ast.Constant(0 if axis == "1" else 1))
        along = [word for word in node.keywords if word.arg not in ("axis", "dim")]
        made = ast.Call(node.func, node.args[: _is_function(node)], [*along, other])
        yield _rewrite(tree, node, made, "wrong-axis", tell("sums over the wrong axis"), whole)
    elif isinstance(node, ast.BinOp | ast.Compare | ast.Name):
        says = tell("is not summed over the batch, as what is repeated has to be")
        for axis_ in (0, 1):
            given = [ast.keyword("axis", ast.Constant(axis_))]
            made = ast.Call(ast.Attribute(node, "sum", ast.Load()), [], given)
            yield _rewrite(tree, node, made, "reduction", says, whole)


def _is_function(node: ast.Call) -> bool:
    """np.sum(x), where x.sum() is a method."""
    return operand(node) in node.args[:1]


def _of_names(tree: ast.Module, statement: _Statement) -> Iterator[Rewrite]:
    """Every other name in the place of one, of those that are like it the nearest first."""
    rows = _bound_at(tree)
    near = sorted(rows, key=lambda name: min(abs(statement.lineno - at) for at in rows[name]))
    target = statement.target if isinstance(statement, ast.AugAssign) else statement.targets[0]
    used = [
        (node, whole)
        for whole in (statement.value, target)
        for node in ast.walk(whole)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in rows
    ]
    masks = {id(name) for name in _in_comparisons(statement)}
    for is_like in (True, False):
        for other in near:
            for node, whole in used:
                alike = bool(differentiated(node.id)) == bool(differentiated(other))
                if node.id == other or alike != is_like:
                    continue
                is_mask = id(node) in masks
                code = "wrong-mask" if is_mask else "wrong-variable"
                has = (
                    tell("has its mask on {id}", id=node.id)
                    if is_mask
                    else tell("uses {id}", id=node.id)
                )
                made = ast.Name(other, ast.Load())
                yield _rewrite(
                    tree,
                    node,
                    made,
                    code,
                    tell("{has} where {other} is due", has=has, other=other),
                    whole,
                )


def _in_comparisons(statement: ast.stmt) -> Iterator[ast.AST]:
    for node in ast.walk(statement):
        if isinstance(node, ast.Compare):
            yield from ast.walk(node)


def _bound_at(tree: ast.Module) -> dict[str, list[int]]:
    """The names that lines bind, and where."""
    found: dict[str, list[int]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.setdefault(node.id, []).append(node.lineno)
        elif isinstance(node, ast.arg):
            found.setdefault(node.arg, []).append(node.lineno)
    return found


def _not_in_place(tree: ast.Module, statement: ast.AugAssign) -> Iterator[Rewrite]:
    """h = h*dout for h *= dout: an array of its own, which may be longer."""
    if isinstance(statement.target, ast.Name):
        name = statement.target.id
        whole = ast.BinOp(ast.Name(name, ast.Load()), statement.op, statement.value)
        plain = ast.Assign([ast.Name(name, ast.Store())], whole)
        says = tell("changes {name} in place, which cannot hold it", name=name)
        meant = ast.unparse(whole)
        found = _copied(tree, statement, plain)
        yield Rewrite("changed-in-place", says, statement, meant, found)


def _statements(tree: ast.Module) -> list[_Statement]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Assign | ast.AugAssign)]


def _rows(node: ast.stmt) -> set[int]:
    return {*range(node.lineno, (node.end_lineno or node.lineno) + 1)}


def _divisions(tree: ast.Module, statement: _Statement) -> Iterator[Rewrite]:
    says = tell("divides by // where / is due: what is behind the point is lost")
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


def _sums(tree: ast.Module, loop: ast.For, rows: Collection[int]) -> Iterator[Rewrite]:
    """dby += dy in a loop, where dby = dy keeps the last round alone."""
    for node in ast.walk(loop):
        if isinstance(node, ast.Assign) and _rows(node).intersection(rows):
            target = node.targets[0]
            if isinstance(target, ast.Name):
                made = ast.AugAssign(ast.Name(target.id, ast.Store()), ast.Add(), node.value)
                says = tell("is set with = where += is due: every round's but the last is lost")
                meant = f"{target.id} + {ast.unparse(node.value)}"
                yield Rewrite("fork-lost", says, node.value, meant, _copied(tree, node, made))


def _ranges(node: ast.Call) -> Iterator[tuple[str, list[ast.expr]]]:
    """The arguments of a range that starts or ends one before or after."""
    start: ast.expr = ast.Constant(0)
    rest: list[ast.expr] = []
    if len(node.args) == 1:
        end = node.args[0]
    else:
        start, end, *rest = node.args
    later: tuple[tuple[bool, Callable[[ast.expr], ast.expr]], ...] = (
        (True, lambda n: ast.BinOp(n, ast.Add(), ast.Constant(1))),
        (False, lambda n: ast.BinOp(n, ast.Sub(), ast.Constant(1))),
    )
    for is_early, moved in later:
        says = tell("ends one too early") if is_early else tell("ends one too late")
        yield says, [start, moved(end), *rest]
    for is_early, moved in later:
        says = tell("starts one too early") if is_early else tell("starts one too late")
        yield says, [moved(start), end, *rest]


def _loaded(made: ast.expr) -> ast.expr:
    """The same expression, every part of it as Python's own parser makes it."""
    return ast.parse(ast.unparse(made), mode="eval").body


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
    whole = told or node
    shown = copy.deepcopy(whole, {id(node): made}) if whole is not node else made
    return Rewrite(code, says, whole, ast.unparse(shown), _copied(tree, node, made))


def _copied(tree: ast.Module, node: _Node, made: _Node) -> ast.Module:
    memo: dict[int, object] = {id(node): ast.copy_location(copy.deepcopy(made), node)}
    found = copy.deepcopy(tree, memo)
    ast.fix_missing_locations(found)
    for part in ast.walk(found):
        part.__dict__.pop("every_part_of_it", None)
    return found
