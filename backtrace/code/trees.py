"""All parts of a tree of Python's `ast`, listed once: what asks something of the code as a whole
shares the list."""

from __future__ import annotations

import ast


def every_part(tree: ast.AST) -> list[ast.AST]:
    """As `ast.walk`, kept with the tree."""
    kept: list[ast.AST] | None = getattr(tree, "every_part_of_it", None)
    if kept is None:
        kept = [tree]
        for part in kept:  # which grows
            for name in part._fields:
                held = getattr(part, name, None)
                if isinstance(held, ast.AST):
                    kept.append(held)
                elif type(held) is list:
                    kept += [item for item in held if isinstance(item, ast.AST)]
        tree.every_part_of_it = kept  # type: ignore[attr-defined]
    return kept
