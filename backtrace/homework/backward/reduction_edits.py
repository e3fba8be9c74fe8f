"""Slips of sums and means: one that is missing, too many, along another axis, a mean for a sum."""

from __future__ import annotations

import ast

from backtrace.homework.backward.edit import Around, Found, Makes
from backtrace.homework.backward.trees import (
    axis_of,
    call,
    called,
    operand,
    replaced,
)
from backtrace.language import tell


def of_reductions(tree: ast.expr, _: Around) -> Makes:
    """A sum over the batch that is missing, too many, over another axis, or a mean."""
    for place, node in enumerate(ast.walk(tree)):
        if isinstance(node, ast.BinOp | ast.Name) or called(node) not in ("", "sum", "mean"):
            assert isinstance(node, ast.expr)
            yield from _summed(tree, place, node)
        name = called(node)
        if not isinstance(node, ast.Call) or name not in ("sum", "mean"):
            continue
        inner = operand(node)
        if inner is None:
            continue
        other = "mean" if name == "sum" else "sum"
        made: ast.expr = ast.Call(ast.Name(other), [inner, *_after(node)], node.keywords)
        says = tell("takes a {name} where a {other} is due", name=name, other=other)
        yield Found("mean-for-sum", says, replaced(tree, place, made), place)
        for found in _along(name, node, inner):
            yield found._replace(tree=replaced(tree, place, found.tree), place=place)
        says = tell("takes a {name} where none is due", name=name)
        yield Found("summed", says, replaced(tree, place, inner), place)


def _after(node: ast.Call) -> list[ast.expr]:
    """The arguments of a sum after what is summed."""
    return node.args if operand(node) not in node.args[:1] else node.args[1:]


def _along(name: str, node: ast.Call, inner: ast.expr) -> Makes:
    """The same sum along another axis, and with its axis kept or not."""
    written, keeps = axis_of(node)
    if written:
        says = tell("keeps the axis of its sum") if keeps else tell("lacks keepdims=True")
        axis = int(written) if _is_int(written) else 0
        yield Found("keepdims", says, _sum(name, inner, axis, not keeps))
    for other in (0, 1, 2, None, -1):
        if str(other) != written:
            says = (
                tell("sums over one axis only")
                if other is None
                else tell("sums over the wrong axis")
            )
            for kept in (keeps, not keeps):
                more = 0.25 * (kept != keeps and bool(written))
                yield Found("wrong-axis", says, _sum(name, inner, other, kept), 0, more)


def _is_int(text: str) -> bool:
    return text.lstrip("-").isdigit()


def _sum(name: str, inner: ast.expr, axis: int | None, keeps: bool) -> ast.expr:
    given = {} if axis is None else {"axis": axis}
    return call(name, inner, **given, **({"keepdims": True} if keeps else {}))


def _summed(tree: ast.expr, place: int, node: ast.expr) -> Makes:
    says = tell("is not summed over the batch, as what is repeated has to be")
    for keeps in (False, True):
        for axis in (0, 1, (0, 1), None):
            given = {} if axis is None else {"axis": axis}
            made = call("sum", node, **given, **({"keepdims": True} if keeps else {}))
            more = 0.25 * (place > 0) + 0.25 * keeps
            yield Found("reduction", says, replaced(tree, place, made), place, more)
