"""z[mask] = np.exp(x[mask]): what is done to the entries that one mask tells, entry by entry, is
done to all, and the mask says which are kept."""

from __future__ import annotations

import ast
import copy
from typing import NamedTuple

_ENTRYWISE = frozenset(
    (
        *(
            "exp",
            "log",
            "log1p",
            "expm1",
            "sqrt",
            "tanh",
            "sin",
            "cos",
            "abs",
            "absolute",
            "square",
        ),
        *("negative", "reciprocal", "sigmoid", "maximum", "minimum", "power", "copy", "clone"),
    )
)
_MODULES = ("np", "numpy", "torch", "jnp")


class Whole(NamedTuple):
    """An expression of whole arrays, and the names in it that stand without the mask."""

    value: ast.expr
    alone: tuple[str, ...]


def of_whole_arrays(target: ast.expr, value: ast.expr) -> Whole | None:
    """The value with x for every x[mask], where the target is an array at the same mask; None for
    what is not worked out entry by entry, or has no x[mask]."""
    if not isinstance(target, ast.Subscript) or isinstance(target.slice, ast.Constant | ast.Slice):
        return None
    mask = ast.dump(target.slice)
    found = _Unmasked(mask)
    made = found.visit(copy.deepcopy(value))
    if not found.count or not all(map(_is_entrywise, ast.walk(made))):
        return None
    inside = {n.id for n in ast.walk(made) if isinstance(n, ast.Name)}
    return Whole(made, tuple(sorted(inside - found.masked - {*_MODULES})))


class _Unmasked(ast.NodeTransformer):
    def __init__(self, mask: str) -> None:
        self.mask = mask
        self.count = 0
        self.masked: set[str] = set()

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        if ast.dump(node.slice) != self.mask or not isinstance(node.value, ast.Name):
            return node
        self.count += 1
        self.masked.add(node.value.id)
        return node.value


def _is_entrywise(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name), keywords=[]):
            return name in _ENTRYWISE
        case ast.BinOp(op=op):
            return isinstance(op, ast.Add | ast.Sub | ast.Mult | ast.Div | ast.Pow)
        case ast.UnaryOp(op=op):
            return isinstance(op, ast.USub | ast.UAdd)
        case ast.Attribute(value=ast.Name(id=module)):
            return module in _MODULES or node.attr in _ENTRYWISE
    return isinstance(
        node,
        ast.Name | ast.Constant | ast.operator | ast.unaryop | ast.expr_context | ast.Attribute,
    )
