"""Trees of Python's `ast`, as the edits need them: a part replaced, products and sums told."""

from __future__ import annotations

import ast
import copy
from typing import Any

MODULES = ("np", "numpy", "torch", "jnp")
_PRODUCTS = ("dot", "matmul", "mm")


def expression(text: str) -> ast.expr:
    """The tree of an expression, with a.dot(b), np.matmul(a, b) as a @ b, np.multiply as *, and
    np.where as where."""
    tree: ast.expr = _Products().visit(ast.parse(text, mode="eval").body)
    is_plain = isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.UAdd)
    return tree.operand if is_plain and isinstance(tree, ast.UnaryOp) else tree


class _Products(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=module), attr=name), args=[left, right]
            ) if module in MODULES:
                if name in _PRODUCTS:
                    return product(left, right)
                if name == "multiply":
                    return ast.BinOp(left, ast.Mult(), right)
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=module), attr="where"), args=[_, _, _]
            ) if module in MODULES:
                return ast.Call(ast.Name("where"), node.args, [])
            case ast.Call(func=ast.Attribute(value=left, attr=name), args=[right]) if (
                name in _PRODUCTS
            ):
                return product(left, right)
        return node


def replaced(tree: ast.expr, place: int, new: ast.expr) -> ast.expr:
    """The tree with another node at a place, as ast.walk counts them. The nodes above it are
    copies; all others are the tree's own, and nothing changes them."""
    nodes: list[ast.AST] = [tree]
    above: list[tuple[int, str, int]] = [(-1, "", -1)]  # its parent, the field, and where in a list
    at = 0
    while len(nodes) <= place:
        for field, value in ast.iter_fields(nodes[at]):
            inner = enumerate(value) if isinstance(value, list) else [(-1, value)]
            for index, node in inner:
                if isinstance(node, ast.AST):
                    nodes.append(node)
                    above.append((at, field, index))
        at += 1
    made: Any = new
    parent, field, index = above[place]
    while parent >= 0:
        whole = copy.copy(nodes[parent])
        if index >= 0:
            items = [*getattr(whole, field)]
            items[index], made = made, items
        setattr(whole, field, made)
        made = whole
        parent, field, index = above[parent]
    found: ast.expr = made
    return found


def renamed(tree: ast.expr, name: str, other: str) -> ast.expr:
    """The tree with one name for another, wherever it stands; a copy."""
    made: ast.expr = copy.deepcopy(tree)
    for node in ast.walk(made):
        if isinstance(node, ast.Name) and node.id == name:
            node.id = other
    return made


def product(left: ast.expr, right: ast.expr) -> ast.expr:
    return ast.BinOp(left, ast.MatMult(), right)


def times(left: ast.expr, right: ast.expr) -> ast.expr:
    return ast.BinOp(left, ast.Mult(), right)


def call(name: str, *arguments: ast.expr, **keywords: object) -> ast.expr:
    given = [ast.keyword(key, ast.Constant(value)) for key, value in keywords.items()]  # type: ignore[arg-type]
    return ast.Call(ast.Name(name), [*arguments], given)


def turned(node: ast.expr) -> ast.expr:
    """With .T, or without the one that it has."""
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return node.value
    match node:
        case ast.Call(func=ast.Attribute(value=inner, attr="t"), args=[]):
            return inner
    return ast.Attribute(node, "T")


def called(node: ast.AST) -> str:
    """The name of the function or method that is called; "" for what is no call."""
    if not isinstance(node, ast.Call):
        return ""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def operand(node: ast.Call) -> ast.expr | None:
    """What a sum is taken of: np.sum(x, axis=0), x.sum(0)."""
    if _is_method(node):
        assert isinstance(node.func, ast.Attribute)
        return node.func.value
    return node.args[0] if node.args else None


def axis_of(node: ast.Call) -> tuple[str, bool]:
    """Along which axis a sum is taken, as it is written ("" for all), and whether it keeps it."""
    given = {keyword.arg: keyword.value for keyword in node.keywords}
    rest = node.args if _is_method(node) else node.args[1:]
    axis = given.get("axis", given.get("dim", rest[0] if rest else None))
    kept = given.get("keepdims", given.get("keepdim"))
    keeps = isinstance(kept, ast.Constant) and kept.value is True
    return ast.unparse(axis) if axis is not None else "", keeps


def _is_method(node: ast.Call) -> bool:
    base = node.func.value if isinstance(node.func, ast.Attribute) else None
    return base is not None and not (isinstance(base, ast.Name) and base.id in MODULES)
