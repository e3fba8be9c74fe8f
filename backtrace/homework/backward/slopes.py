"""Derivatives of activations as they are written in terms of their values, told apart by form:
sigmoid's s*(1 - s), tanh's 1 - t**2, and softmax's, which has more than a diagonal."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator

from backtrace.homework.backward.trees import call, called, times


def of_tanh(left: ast.expr, right: ast.expr) -> Iterator[ast.expr]:
    """1 - s**2 for s*(1 - s), which may stand among other factors."""
    for value, others in _bent(left, right):
        yield functools.reduce(times, [*others, _one_less(_square(value))])


def of_diagonal(left: ast.expr, right: ast.expr) -> Iterator[ast.expr]:
    """p*(u - sum(p*u)) for u*p*(1 - p): softmax's Jacobian, applied to u."""
    for value, others in _bent(left, right):
        if others:
            upstream = functools.reduce(times, others)
            total = call("sum", times(value, upstream), axis=-1, keepdims=True)
            yield times(value, ast.BinOp(upstream, ast.Sub(), total))


def of_sigmoid(node: ast.BinOp) -> ast.expr | None:
    """s*(1 - s) for 1 - s**2, however the square is written; None for what is no such thing."""
    if not (isinstance(node.op, ast.Sub) and _is_one(node.left)):
        return None
    value = _squared(node.right)
    return times(value, _one_less(value)) if value is not None else None


def _bent(left: ast.expr, right: ast.expr) -> Iterator[tuple[ast.expr, list[ast.expr]]]:
    """s of a product in which s and 1 - s stand, and its other factors."""
    factors = [*_factors(left), *_factors(right)]
    for bend in factors:
        if isinstance(bend, ast.BinOp) and isinstance(bend.op, ast.Sub) and _is_one(bend.left):
            written = ast.unparse(bend.right)
            same = [f for f in factors if ast.unparse(f) == written]
            if same:
                yield same[0], [f for f in factors if f is not bend and f is not same[0]]


def _factors(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return [*_factors(node.left), *_factors(node.right)]
    return [node]


def _squared(node: ast.expr) -> ast.expr | None:
    """t of t**2, t*t, np.square(t), np.power(t, 2)."""
    match node:
        case ast.BinOp(left=value, op=ast.Pow(), right=ast.Constant(value=2)):
            return value
        case ast.BinOp(left=a, op=ast.Mult(), right=b) if ast.unparse(a) == ast.unparse(b):
            return a
        case ast.Call(args=[value]) if called(node) == "square":
            return value
        case ast.Call(args=[value, ast.Constant(value=2)]) if called(node) in ("power", "pow"):
            return value
    return None


def _is_one(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 1


def _square(value: ast.expr) -> ast.expr:
    return ast.BinOp(value, ast.Pow(), ast.Constant(2))


def _one_less(value: ast.expr) -> ast.expr:
    return ast.BinOp(ast.Constant(1), ast.Sub(), value)
