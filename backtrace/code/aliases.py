"""Which names may be changed in place: by themselves, or by another name of the same array."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from backtrace.code.trees import every_part

_CHANGED = ("at", "fill", "put", "copyto", "itemset", "fill_diagonal")


def changed_in_place(tree: ast.AST) -> set[str]:
    """dh of `dh *= 2`, of `dh[h <= 0] = 0`, of `np.add.at(dh, i, v)`, of `dh.fill(0)`; and da of
    `da = dh`, which is the same array."""
    found: set[str] = set()
    pairs: list[tuple[str, str]] = []
    for node in every_part(tree):
        match node:
            case ast.AugAssign(target=target):
                found |= _names([target])
            case ast.Subscript(ctx=ast.Store()):
                found |= _names([node.value])
            case ast.Assign(targets=targets, value=ast.Name(id=name)):
                pairs += [(name, t.id) for t in targets if isinstance(t, ast.Name)]
            case ast.Call(func=ast.Attribute(value=owner, attr=name)) if name in _CHANGED:
                found |= _names([owner, *node.args[:1]])
    grown = True
    while grown:
        more = {n for pair in pairs if found.intersection(pair) for n in pair} - found
        found |= more
        grown = bool(more)
    return found


def _names(nodes: Iterable[ast.expr]) -> set[str]:
    """The name that something is a part of: dW of dW[0], W of self.W."""
    found = set()
    for node in nodes:
        while isinstance(node, ast.Subscript):
            node = node.value
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
    return found
