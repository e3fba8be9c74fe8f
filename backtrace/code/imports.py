"""What names mean that code imports: np is numpy, F is torch.nn.functional."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from backtrace.code.trees import every_part
from backtrace.code.words import IMPLIED

FAMILIES = {
    "numpy": "numpy",
    "autograd": "numpy",
    "cupy": "numpy",
    "jax": "numpy",
    "torch": "torch",
    "micrograd": "torch",
}


_HIDDEN = ("sum", "max", "min", "abs", "round", "any", "all")
"""Functions of Python's own that `from numpy import *` puts others for."""


def bound_names(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """The names that an import binds, each with the path that it stands for."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if alias.name != "*":
                yield alias.asname or alias.name, f"{module}.{alias.name}"
            elif module in ("numpy", "torch", "jax.numpy", "autograd.numpy"):
                yield from ((name, f"{module}.{name}") for name in _HIDDEN)
        elif alias.asname:
            yield alias.asname, alias.name
        else:
            yield alias.name.partition(".")[0], alias.name.partition(".")[0]


def libraries(tree: ast.AST) -> set[str]:
    """numpy, torch: which of them the code is written for. Without imports, by np. and torch."""
    roots = {
        part.partition(".")[0]
        for node in every_part(tree)
        for part in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    found = {FAMILIES[root] for root in roots if root in FAMILIES}
    if found:
        return found
    used = {
        IMPLIED[node.value.id].partition(".")[0]
        for node in every_part(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in IMPLIED
    }
    return {FAMILIES[root] for root in used if root in FAMILIES}
