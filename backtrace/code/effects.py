"""What a statement would bind or change, told from its text: for those that cannot be read."""

from __future__ import annotations

import ast
from collections.abc import Callable

from backtrace.code.trees import children, every_part
from backtrace.code.values import Function, Instance, Module, Value
from backtrace.code.words import CHANGERS, PURE, UNTOUCHED

_OF_LISTS = ("append", "extend", "insert", "pop", "remove", "clear", "update", "setdefault")
Find = Callable[[str], Value | None]


def called_names(tree: ast.AST) -> set[str]:
    """The names of all functions and methods that are called somewhere."""
    calls = (node.func for node in every_part(tree) if isinstance(node, ast.Call))
    return {f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "") for f in calls}


def stored_names(node: ast.AST) -> set[str]:
    """The names that a statement binds, those inside of a function's body not among them."""
    inside = parts(node)
    found = {p.id for p in inside if isinstance(p, ast.Name) and isinstance(p.ctx, ast.Store)}
    return found | {p.name for p in inside if isinstance(p, ast.FunctionDef | ast.ClassDef)}


def changed_names(node: ast.AST, find: Find) -> set[str]:
    """The names of what a statement would change in place: arrays, lists, objects."""
    found: set[str] = set()
    for part in parts(node):
        match part:
            case ast.Delete():
                found |= set().union(*map(_base, part.targets))
            case ast.AugAssign():
                found |= _base(part.target)
            case ast.Assign():
                for target in part.targets:
                    found |= set() if isinstance(target, ast.Name) else _bases(target)
            case ast.Call():
                found |= _changed_by(part, find)
    is_alone = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    if is_alone and isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        found |= _given_to_strangers(node.value, find)
        if isinstance(node.value.func, ast.Attribute) and not PURE.match(node.value.func.attr):
            found |= _base(node.value.func.value)
    return found


def _changed_by(node: ast.Call, find: Find) -> set[str]:
    arguments = {n for part in node.args for n in _named(part)}
    found = {n for k in node.keywords if k.arg == "out" for n in _named(k.value)}
    if any(k.arg == "inplace" for k in node.keywords):
        found |= arguments
    if isinstance(node.func, ast.Attribute):
        name = node.func.attr
        is_changed = name.endswith("_") and not name.endswith("__") and name not in UNTOUCHED
        if is_changed or name in CHANGERS or name in _OF_LISTS:
            found |= _base(node.func.value) | arguments
        if any(isinstance(find(base), Instance | Module) for base in _base(node.func.value)):
            found |= _base(node.func.value)
    elif isinstance(node.func, ast.Name):
        called = find(node.func.id)
        if isinstance(called, Function) and changed_names(_body(called), lambda _: None):
            found |= arguments
    return found


def _given_to_strangers(node: ast.Call, find: Find) -> set[str]:
    """What is given to a function that stands nowhere in the file may come back changed."""
    name = ast.unparse(node.func)
    is_ours = isinstance(node.func, ast.Name) and isinstance(find(node.func.id), Function)
    is_pure = PURE.match(name) or PURE.match(name.rpartition(".")[2])
    if is_ours or is_pure:
        return set()
    return {n for part in (*node.args, *node.keywords) for n in _named(part)}


def _body(function: Function) -> ast.AST:
    body = function.node.body
    return ast.Module(body, []) if isinstance(body, list) else body


def parts(node: ast.AST) -> list[ast.AST]:
    """A statement and all in it, functions that it defines left out; kept with the node."""
    kept: list[ast.AST] | None = getattr(node, "parts_of_it", None)
    if kept is not None:
        return kept
    found: list[ast.AST] = []
    waiting = [node]
    while waiting:
        part = waiting.pop()
        found.append(part)
        if not isinstance(part, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            waiting += children(part)
    node.parts_of_it = found  # type: ignore[attr-defined]
    return found


def _bases(target: ast.expr) -> set[str]:
    if isinstance(target, ast.Tuple | ast.List):
        parts = [part for part in target.elts if not isinstance(part, ast.Name)]
        return set().union(*map(_bases, parts)) if parts else set()
    return _base(target)


def _base(node: ast.expr) -> set[str]:
    while isinstance(node, ast.Subscript | ast.Attribute | ast.Starred):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def _named(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
