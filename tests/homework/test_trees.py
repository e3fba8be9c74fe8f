"""A part of an expression replaced, at every place."""

from __future__ import annotations

import ast
import copy

import pytest

from backtrace.homework.backward.trees import replaced, times

TEXTS = (
    "a + b*c.dot(d)",
    "np.sum(x*(y - z), axis=(0, 1), keepdims=True)",
    "-x[1:, k][None]/(1 + np.exp(-z))",
    "f(a, *b, k=c if d else e)",
    "(a > 0)*[p, q][0]",
)


def expected(tree: ast.expr, place: int, new: ast.expr) -> ast.expr:
    """By a copy of everything."""
    made = copy.deepcopy(tree)
    old = [*ast.walk(made)][place]

    class Replacing(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return new if node is old else self.generic_visit(node)

    found: ast.expr = Replacing().visit(made)
    return found


@pytest.mark.small
@pytest.mark.parametrize("text", TEXTS)
def test_only_what_stands_at_the_place_is_another(text: str) -> None:
    tree = ast.parse(text, mode="eval").body
    before = ast.dump(tree)
    for place, node in enumerate(ast.walk(tree)):
        if isinstance(node, ast.expr):
            new = times(node, ast.Name("w"))
            found = replaced(tree, place, new)
            assert ast.dump(found) == ast.dump(expected(tree, place, new))
            assert ast.dump(tree) == before
