"""All parts of a tree of Python's `ast`, listed once: what asks something of the code as a whole
shares the list."""

from __future__ import annotations

import ast
from typing import TypeVar

_Node = TypeVar("_Node", bound=ast.AST)


def every_part(tree: ast.AST) -> list[ast.AST]:
    """As `ast.walk`, kept with the tree."""
    kept: list[ast.AST] | None = getattr(tree, "every_part_of_it", None)
    if kept is None:
        kept = parts(tree)
        tree.every_part_of_it = kept  # type: ignore[attr-defined]
    return kept


def parts(tree: ast.AST) -> list[ast.AST]:
    """As `ast.walk`, in a third of the time, without what `children` leaves out."""
    found = [tree]
    for part in found:  # which grows
        found += children(part)
    return found


def children(node: ast.AST) -> list[ast.AST]:
    """As `ast.iter_child_nodes`, without operators and whether a name is read or stored."""
    found: list[ast.AST] = []
    for name in _fields(type(node)):
        held = getattr(node, name, None)
        if isinstance(held, ast.AST):
            found.append(held)
        elif type(held) is list:
            found += [item for item in held if isinstance(item, ast.AST)]
    return found


def located(made: _Node, node: ast.AST) -> _Node:
    """A new node where another stands, as `ast.copy_location`."""
    for name in ("lineno", "col_offset", "end_lineno", "end_col_offset"):
        where = getattr(node, name, None)
        if where is not None:
            setattr(made, name, where)
    return made


def _fields(kind: type[ast.AST]) -> tuple[str, ...]:
    """The fields of a node in which there can be others."""
    found = _KNOWN.get(kind)
    if found is None:
        found = _KNOWN[kind] = tuple(f for f in kind._fields if f not in _WORDS)
    return found


_WORDS = ("ctx", "op", "ops", "id", "attr", "arg", "kind", "type_comment")
_KNOWN: dict[type[ast.AST], tuple[str, ...]] = {ast.Constant: ()}
