"""The machine that reads `if x > 0:` where x is computed: what both branches do to names is chosen
by where(), as long as they do nothing else.

    if margin > 0:            loss += where(margin > 0, margin, 0)
        loss += margin        dW[:, j] += where(margin > 0, x, 0)
        dW[:, j] += x
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from backtrace.code.assignments import Assignments
from backtrace.code.operands import as_number
from backtrace.code.values import Array, Scope


class Branches(Assignments):
    """Takes both branches where a condition is of computed numbers, else the one that is due."""

    def statement(self, node: ast.stmt, scope: Scope) -> None:
        raise NotImplementedError

    def block(self, body: Sequence[ast.stmt], scope: Scope) -> None:
        raise NotImplementedError

    def branch(self, node: ast.If, scope: Scope) -> None:
        """if, else. Raises CannotRead where a condition is not known and a branch does more than
        to give names and entries that have a value another one."""
        if isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not):
            turned = ast.If(node.test.operand, node.orelse or [ast.Pass()], node.body)
            node = ast.copy_location(turned, node)
        test = self.value(node.test, scope)
        is_open = isinstance(test, Array) and test.is_mask and not self.shape(as_number(test), node)
        made = _chosen(node, f"{node.lineno} if", scope) if is_open else None
        if made is None:
            self.block(node.body if self.truth(node.test, scope) else node.orelse, scope)
            return
        scope.names[f"{node.lineno} if"] = test
        for one in made:
            self.statement(one, scope)


def _chosen(node: ast.If, test: str, scope: Scope) -> list[ast.stmt] | None:
    """The statements of both branches, each doing what it does only where its branch is taken;
    None where one of them cannot be told so."""
    bound = [n for n in _names(node.orelse) if n in _names(node.body)]
    found: list[ast.stmt] = []
    whole: ast.stmt
    for body, is_else in ((node.body, False), (node.orelse, True)):
        for one in body:
            match one:
                case ast.Pass() | ast.Expr(value=ast.Constant()):
                    continue
                case ast.If():
                    inner = [_inside(test, part, is_else, scope) for part in (one.body, one.orelse)]
                    if inner[0] is None or inner[1] is None:
                        return None
                    whole = ast.If(one.test, inner[0] or [ast.Pass()], inner[1])
                case ast.AugAssign(target=target, op=ast.Add() | ast.Sub(), value=value):
                    other: ast.expr = ast.copy_location(ast.Constant(0), value)
                    whole = ast.AugAssign(target, one.op, _either(test, value, other, is_else))
                case ast.Assign(targets=[ast.Name(id=name) as target], value=value) if (
                    scope.find(name) is None
                ):
                    if name not in bound:
                        return None
                    if is_else:
                        continue
                    other = _last(node.orelse, name)
                    whole = ast.Assign([target], _either(test, value, other, False))
                case ast.Assign(targets=[ast.Name() | ast.Subscript() as target], value=value):
                    other = _loaded(target)
                    whole = ast.Assign([target], _either(test, value, other, is_else))
                case _:
                    return None
            found.append(ast.copy_location(whole, one))
    return found


def _inside(test: str, body: list[ast.stmt], is_else: bool, scope: Scope) -> list[ast.stmt] | None:
    """What stands in an if inside of a branch, told so of the branch too."""
    branches = ([ast.Pass()], body) if is_else else (body, [])
    return _chosen(ast.If(ast.Name(test), *branches), test, scope)


def _either(test: str, value: ast.expr, other: ast.expr, is_else: bool) -> ast.expr:
    parts = (other, value) if is_else else (value, other)
    made = ast.IfExp(ast.copy_location(ast.Name(test, ast.Load()), value), *parts)
    made.fills = True  # type: ignore[attr-defined]  # 0 is as many zeros as there are entries
    return ast.copy_location(made, value)


def _loaded(target: ast.Name | ast.Subscript) -> ast.expr:
    if isinstance(target, ast.Name):
        return ast.copy_location(ast.Name(target.id, ast.Load()), target)
    made = ast.Subscript(target.value, target.slice, ast.Load())
    return ast.copy_location(made, target)


def _names(body: Sequence[ast.stmt]) -> list[str]:
    """The names that are given a value once, by a line of their own."""
    found = [
        target.id
        for one in body
        if isinstance(one, ast.Assign)
        for target in one.targets
        if isinstance(target, ast.Name)
    ]
    return [name for name in found if found.count(name) == 1]


def _last(body: Sequence[ast.stmt], name: str) -> ast.expr:
    """What a line of the body gives a name."""
    return next(
        one.value
        for one in body
        if isinstance(one, ast.Assign)
        and isinstance(one.targets[0], ast.Name)
        and one.targets[0].id == name
    )
