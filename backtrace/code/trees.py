"""All parts of a tree of Python's `ast`, listed once: what asks something of the code as a whole
shares the list."""

from __future__ import annotations

import ast


def every_part(tree: ast.AST) -> list[ast.AST]:
    """As `ast.walk`, kept with the tree."""
    kept: list[ast.AST] | None = getattr(tree, "every_part_of_it", None)
    if kept is None:
        kept = parts(tree)
        tree.every_part_of_it = kept  # type: ignore[attr-defined]
    return kept


def parts(tree: ast.AST) -> list[ast.AST]:
    """As `ast.walk`, in half the time."""
    found = [tree]
    for part in found:  # which grows
        for name in part._fields:
            held = getattr(part, name, None)
            if isinstance(held, ast.AST):
                found.append(held)
            elif type(held) is list:
                found += [item for item in held if isinstance(item, ast.AST)]
    return found
