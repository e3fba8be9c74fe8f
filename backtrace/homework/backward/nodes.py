"""Edits of one node of an expression where it stands: .T, factors swapped, * for @, a sign."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from backtrace.homework.backward.slopes import of_diagonal, of_sigmoid, of_tanh
from backtrace.homework.backward.trees import MODULES, call, called, product, times, turned
from backtrace.language import marked, tell

Made = Iterator[ast.expr]


class Change(NamedTuple):
    """A row of the table: what somebody did to an operation, and what was meant, of its parts."""

    operation: type[ast.operator]
    code: str
    says: str
    meant: Callable[[ast.expr, ast.expr], Made]


def _quotient(a: ast.expr, b: ast.expr) -> Made:
    yield ast.BinOp(a, ast.Div(), b)


def _quotients(a: ast.expr, b: ast.expr) -> Made:
    yield ast.BinOp(a, ast.Div(), b)
    yield ast.BinOp(b, ast.Div(), a)


def _products(a: ast.expr, b: ast.expr) -> Made:
    for left, right in ((a, b), (turned(a), b), (a, turned(b)), (b, a)):
        yield product(left, right)
    yield product(b, turned(a))
    yield product(turned(b), a)


def _softmax(p: ast.expr, u: ast.expr) -> Made:
    """p*(u - sum(p*u)): softmax's Jacobian, applied to u."""
    for a, b in ((p, u), (u, p)):
        total = call("sum", times(a, b), axis=-1, keepdims=True)
        yield times(a, ast.BinOp(b, ast.Sub(), total))


def _squared_below(a: ast.expr, b: ast.expr) -> Made:
    yield ast.BinOp(a, ast.Div(), ast.BinOp(b, ast.Pow(), ast.Constant(2)))


def _swapped(a: ast.expr, b: ast.expr) -> Made:
    for left, right in ((b, a), (turned(b), a), (b, turned(a)), (turned(b), turned(a))):
        yield product(left, right)


_CHANGES = (
    Change(
        ast.MatMult,
        "transposed",
        marked("lacks a .T on the first factor, or has one too many"),
        lambda a, b: iter([product(turned(a), b)]),
    ),
    Change(
        ast.MatMult,
        "transposed",
        marked("lacks a .T on the second factor, or has one too many"),
        lambda a, b: iter([product(a, turned(b))]),
    ),
    Change(ast.MatMult, "factors-swapped", marked("has its factors in the wrong order"), _swapped),
    Change(
        ast.MatMult,
        "transposed",
        marked("is transposed"),
        lambda a, b: iter([product(turned(a), turned(b))]),
    ),
    Change(
        ast.MatMult,
        "matrix-product",
        marked("multiplies matrices where entry by entry is due"),
        lambda a, b: iter([times(a, b)]),
    ),
    Change(
        ast.Mult, "entry-product", marked("multiplies entry by entry where @ is due"), _products
    ),
    Change(ast.Mult, "inverted", marked("multiplies where dividing is due"), _quotients),
    Change(
        ast.Mult,
        "softmax-diagonal",
        marked("takes the diagonal of softmax's Jacobian alone"),
        _softmax,
    ),
    Change(
        ast.Mult,
        "softmax-diagonal",
        marked("takes the diagonal of softmax's Jacobian alone"),
        of_diagonal,
    ),
    Change(
        ast.Mult,
        "other-derivative",
        marked("has sigmoid's derivative where tanh's is due"),
        of_tanh,
    ),
    Change(
        ast.Div,
        "inverted",
        marked("divides where multiplying is due"),
        lambda a, b: iter([times(a, b)]),
    ),
    Change(ast.Div, "div-rule", marked("lacks the square below the line"), _squared_below),
    Change(ast.FloorDiv, "floor-division", marked("divides by // where / is due"), _quotient),
    Change(
        ast.Add,
        "sign",
        marked("has a + where - is due"),
        lambda a, b: iter([ast.BinOp(a, ast.Sub(), b)]),
    ),
    Change(
        ast.Sub,
        "sign",
        marked("has a - where + is due"),
        lambda a, b: iter([ast.BinOp(a, ast.Add(), b)]),
    ),
    Change(
        ast.Sub,
        "sign",
        marked("has the difference the wrong way round"),
        lambda a, b: iter([ast.BinOp(b, ast.Sub(), a)]),
    ),
)


def changed(node: ast.AST) -> Iterator[tuple[str, str, ast.expr]]:
    """What may have been meant by one node, with the code and the words of the slip."""
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            for row in _CHANGES:
                if isinstance(op, row.operation):
                    yield from ((row.code, tell(row.says), made) for made in row.meant(left, right))
            yield from _powers(node)
            if (slope := of_sigmoid(node)) is not None:
                says = tell("has tanh's derivative where sigmoid's is due")
                yield "other-derivative", says, slope
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            yield "sign", tell("has a minus too many"), inner
        case ast.Compare():
            yield from _masks(node)
        case ast.Name(id=name, ctx=ast.Load()) if name not in MODULES:
            yield from _names(node)
        case ast.Attribute(value=inner, attr="T"):
            yield "transposed", tell("has a .T too many"), inner
        case ast.Call():
            yield from _calls(node)


def _powers(node: ast.BinOp) -> Iterator[tuple[str, str, ast.expr]]:
    """x^n for n*x^(n - 1): the exponent, or the factor, or both."""
    match node:
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int() | float() as n)):
            for other in (n - 1, n + 1, -n):
                made = ast.BinOp(left, ast.Pow(), ast.Constant(other))
                yield "pow-rule", tell("has the wrong exponent"), made
            says = tell("lacks the factor {number:g} that the exponent was", number=n + 1)
            yield "pow-rule", says, times(ast.Constant(n + 1), node)
            lower = ast.BinOp(left, ast.Pow(), ast.Constant(n - 1))
            says = tell(
                "leaves x^{number:g} as it is: {number:g}*x^{other_number:g} is due",
                number=n,
                other_number=n - 1,
            )
            yield "pow-rule", says, times(ast.Constant(n), lower)


def _names(node: ast.Name) -> Iterator[tuple[str, str, ast.expr]]:
    """t for t^2, or for 1/t."""
    squared = ast.BinOp(node, ast.Pow(), ast.Constant(2))
    yield "pow-rule", tell("has {id} where its square is due", id=node.id), squared
    inverse = ast.BinOp(ast.Constant(1), ast.Div(), node)
    yield "pow-rule", tell("has {id} where 1/{id} is due", id=node.id), inverse


def _masks(node: ast.Compare) -> Iterator[tuple[str, str, ast.expr]]:
    says = tell("has its mask the wrong way round, or at the wrong entries")
    for new in (ast.Gt, ast.Lt, ast.GtE, ast.LtE):
        if not isinstance(node.ops[0], new):
            yield "wrong-mask", says, ast.Compare(node.left, [new()], node.comparators)


def _calls(node: ast.Call) -> Iterator[tuple[str, str, ast.expr]]:
    match node:
        case ast.Call(func=ast.Attribute(value=inner, attr="t"), args=[]):
            yield "transposed", tell("has a .t() too many"), inner
        case ast.Call(args=[a, b]) if called(node) == "outer":
            says = tell("has its factors in the wrong order")
            yield "factors-swapped", says, ast.Call(node.func, [b, a], node.keywords)
        case ast.Call(args=[ast.Constant(value=str() as letters), *_]) if called(node) == "einsum":
            for other in _turned_letters(letters):
                says = tell("has the letters {own} where {other} is due", own=letters, other=other)
                made = ast.Call(node.func, [ast.Constant(other), *node.args[1:]], node.keywords)
                yield "transposed", says, made
        case ast.Call(func=ast.Name(id="where"), args=[condition, a, b]):
            says = tell("has its mask the wrong way round")
            yield "wrong-mask", says, call("where", condition, b, a)
            if isinstance(a, ast.Constant) and a.value == 0:
                yield "extra-factor", tell("has a mask that no forward line has"), b
                return
            says = tell("sets what a mask tells with = where += is due")
            yield "fork-lost", says, call("where", condition, ast.BinOp(b, ast.Add(), a), b)
        case ast.Call(func=ast.Name(id="put"), args=[whole, new, ast.Constant(value=str() as at)]):
            part = ast.Subscript(whole, ast.parse(f"x[{at}]", mode="eval").body.slice)  # type: ignore[attr-defined]
            says = tell("sets entries with = where += is due: what they held is lost")
            added = ast.BinOp(part, ast.Add(), new)
            yield "fork-lost", says, call("put", whole, added, ast.Constant(at))
            if isinstance(new, ast.BinOp) and isinstance(new.op, ast.Add):
                says = tell("adds to entries with += where = is due")
                yield "added-twice", says, call("put", whole, new.right, ast.Constant(at))


def _turned_letters(letters: str) -> Iterator[str]:
    """An einsum's letters, with two of one operand, or of the result, in the other order."""
    parts = re.split(r"(,|->)", letters.replace(" ", ""))
    for place, part in enumerate(parts):
        for i, j in itertools.combinations(range(len(part)), 2):
            if part.isalpha():
                turned_part = [*part]
                turned_part[i], turned_part[j] = part[j], part[i]
                yield "".join([*parts[:place], *turned_part, *parts[place + 1 :]])
