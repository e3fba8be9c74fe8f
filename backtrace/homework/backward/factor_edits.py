"""Slips of factors and terms: the upstream, a local gradient, a mask, a count, a sign, a term that
is missing or too many."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

import numpy as np

from backtrace.homework.backward.edit import Around, Found, Makes
from backtrace.homework.backward.trees import (
    call,
    operand,
    replaced,
    times,
)
from backtrace.language import marked, tell


def of_whole(tree: ast.expr, around: Around) -> Makes:
    """A factor of the whole or of a term: a sign, a 2, the count that a mean divides by."""
    for place, node in _terms(tree):
        for code, says, factor in _factors(around.lengths, around.sizes):
            made = replaced(tree, place, times(node, factor))
            more = 0.25 * (place > 0) + 0.25 * (code == "n-or-less" and not around.lessens)
            is_count = code in ("no-mean", "mean-twice") and _is_two(factor)
            more += 0.5 * (is_count and 2 not in around.rows)  # a square's 2, and no count
            yield Found(code, says, made, place, more)
        made = replaced(tree, place, ast.UnaryOp(ast.USub(), node))
        yield Found("sign", tell("has the other sign"), made, place, 0.25)


def _factors(lengths: Sequence[int], sizes: Sequence[int]) -> Iterator[tuple[str, str, ast.expr]]:
    says = tell("is off by a factor of 2: a square's 2 is lost")
    yield "factor-two", says, ast.Constant(2)
    says = tell("is off by a factor of 2: it is there twice, or a 1/2 is lost")
    yield "factor-two", says, ast.Constant(0.5)
    for n in sizes:
        if n not in lengths:
            yield (
                "no-mean",
                tell("lacks the 1/{number} of a mean over all entries", number=n),
                _ratio(1, n),
            )
    for n in lengths:
        yield "no-mean", tell("lacks the 1/{number} of a mean", number=n), _ratio(1, n)
        yield "mean-twice", tell("divides by {number} twice", number=n), ast.Constant(n)
        for a, b in ((n, n - 1), (n - 1, n)):
            if a > 1 and b > 1:  # 2 for 1 is a factor of 2
                yield (
                    "n-or-less",
                    tell("has {b} where {a} is due: n or n - 1", b=b, a=a),
                    _ratio(b, a),
                )


def _is_two(factor: ast.expr) -> bool:
    """Whether it is 2 or 1/2."""
    return ast.unparse(factor) in ("2", "1 / 2")


def _ratio(above: int, below: int) -> ast.expr:
    return ast.BinOp(ast.Constant(above), ast.Div(), ast.Constant(below))


def _terms(tree: ast.expr) -> Iterator[tuple[int, ast.expr]]:
    """The whole, what is added up, summed, multiplied as matrices, joined or put, with places."""
    inside: set[int] = {id(tree)}
    for node in ast.walk(tree):
        match node:
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.MatMult(), right=right):
                inside |= {id(left), id(right)}
            case ast.Call():
                inside |= {id(part) for part in node.args} | {id(operand(node))}
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                inside |= {id(part) for part in parts}
    for place, node in enumerate(ast.walk(tree)):
        if id(node) in inside and isinstance(node, _VALUES):
            yield place, node


def _numbers_added(tree: ast.expr) -> Iterator[tuple[int, ast.expr]]:
    """The numbers that something is added to: N - dx.sum(), where N*dx is due."""
    added = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)
        for part in (node.left, node.right)
    }
    for place, node in enumerate(ast.walk(tree)):
        if isinstance(node, ast.Constant) and id(node) in added:
            yield place, node


_VALUES = (ast.BinOp, ast.Name, ast.Call, ast.UnaryOp, ast.Attribute, ast.Subscript)


def of_upstream(tree: ast.expr, around: Around) -> Makes:
    """The upstream gradient, which is missing."""
    for place, node in (*_terms(tree), *_numbers_added(tree)):
        for name in (*around.gradients[::-1], *around.others):
            made = replaced(tree, place, times(node, ast.Name(name)))
            says = tell("forgets the upstream gradient: times {name}", name=name)
            yield Found("no-upstream", says, made, place, 0.25 * (place > 0), name)


LOCAL_LOST = marked("forgets a local gradient: times {name}")


def of_factors(tree: ast.expr, around: Around) -> Makes:
    """A factor that is missing or too many: a local gradient, a mask."""
    for place, node in _terms(tree):
        for name in around.forward:
            yield from _with_local(tree, place, node, name)
    for place, part in enumerate(ast.walk(tree)):
        if isinstance(part, ast.Name) and part.id in around.gradients:
            yield from _unmasked(tree, place, part, around)
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Mult | ast.Div):
            says = tell("has a factor too many: {unparse}", unparse=ast.unparse(part.right))
            yield Found("extra-factor", says, replaced(tree, place, part.left), place)
            if isinstance(part.op, ast.Mult):
                says = tell("has a factor too many: {unparse}", unparse=ast.unparse(part.left))
                yield Found("extra-factor", says, replaced(tree, place, part.right), place)


def _unmasked(tree: ast.expr, place: int, node: ast.Name, around: Around) -> Makes:
    """A gradient inside of the line that relu's mask has not been laid over."""
    shape = around.shape(node.id)
    for name in around.forward:
        if shape and around.shape(name) == shape:
            mask = ast.Compare(ast.Name(name), [ast.Gt()], [ast.Constant(0)])
            says = tell("uses {id} without relu's mask: times ({name} > 0)", id=node.id, name=name)
            made = replaced(tree, place, times(node, mask))
            yield Found("no-mask", says, made, place, 0, name)


def _with_local(tree: ast.expr, place: int, node: ast.expr, name: str) -> Makes:
    """Times a local gradient of a step that was left out."""
    stage, one = ast.Name(name), ast.Constant(1)
    mask = ast.Compare(stage, [ast.Gt()], [ast.Constant(0)])
    squared = ast.BinOp(stage, ast.Pow(), ast.Constant(2))
    slope = times(stage, ast.BinOp(one, ast.Sub(), stage))
    locals_ = (
        ("no-mask", tell("lets everything back through relu: times ({name} > 0)", name=name), mask),
        (
            "no-local",
            tell("forgets tanh's 1 - {name}**2", name=name),
            ast.BinOp(one, ast.Sub(), squared),
        ),
        ("no-local", tell("forgets sigmoid's {name}*(1 - {name})", name=name), slope),
        ("no-local", tell(LOCAL_LOST, name=name), stage),
    )
    for code, says, factor in locals_:
        yield Found(code, says, replaced(tree, place, times(node, factor)), place, 0, name)
    made = ast.BinOp(node, ast.Div(), stage)
    says = tell("forgets a local gradient: 1/{name}", name=name)
    yield Found("no-local", says, replaced(tree, place, made), place, 0, name)


def of_labels(tree: ast.expr, around: Around) -> Makes:
    """The probabilities, without the 1 that is taken off at the label."""
    for place, node in enumerate(ast.walk(tree)):
        shape = around.shape(node.id) if isinstance(node, ast.Name) else ()
        if not isinstance(node, ast.Name) or len(shape) != 2:
            continue
        for name in around.forward:
            labels = np.asarray(around.values.get(name, np.nan), float)
            if labels.shape == shape[:1] and np.all(labels == np.round(labels)):
                hot = call("one_hot", ast.Name(name), ast.Constant(shape[1]))
                made = replaced(tree, place, ast.BinOp(node, ast.Sub(), hot))
                says = tell(
                    "keeps the probabilities where p - 1 is due at the label {name}", name=name
                )
                yield Found("label-kept", says, made, place, 0, name)


def of_terms(tree: ast.expr, _: Around) -> Makes:
    """A term of a sum that is too many, or off by a factor of 2."""
    for place, node in enumerate(ast.walk(tree)):
        if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)):
            continue
        for factor in (2, 0.5):
            twice = times(ast.Constant(factor), node.right)
            says = tell("has {unparse} off by a factor of 2", unparse=ast.unparse(node.right)[:40])
            made = replaced(tree, place, ast.BinOp(node.left, node.op, twice))
            yield Found("factor-two", says, made, place)
            twice = times(ast.Constant(factor), node.left)
            says = tell("has {unparse} off by a factor of 2", unparse=ast.unparse(node.left)[:40])
            made = replaced(tree, place, ast.BinOp(twice, node.op, node.right))
            yield Found("factor-two", says, made, place)
        for kept, dropped in ((node.left, node.right), (node.right, node.left)):
            says = tell("has a term too many: {unparse}", unparse=ast.unparse(dropped)[:40])
            yield Found("extra-term", says, replaced(tree, place, kept), place)


def of_lost(tree: ast.expr, around: Around) -> Makes:
    """A term that is missing: a gradient that comes back on another way, a multiple of a forward
    array, as a regulariser's gradient is."""
    if around.missing is None:
        return
    for name in (*around.gradients, *around.forward):
        value = np.asarray(around.values.get(name, np.nan), float)
        if value.shape != around.missing.shape or not np.any(value):
            continue
        factor = float(np.sum(around.missing * value) / np.sum(value * value))
        if factor and np.allclose(factor * value, around.missing, rtol=1e-6, atol=1e-9):
            is_fork = name in around.gradients
            code = "fork-lost" if is_fork else "lost-term"
            for term in _multiples(factor, name, around):
                says = tell("lacks a term: + {term}", term=ast.unparse(term))
                yield Found(code, says, ast.BinOp(tree, ast.Add(), term), 0, 1.5 * is_fork, name)


def _multiples(factor: float, name: str, around: Around) -> Iterator[ast.expr]:
    """A multiple of an array, by a number alone, by a number of the code (2*lam*W), and by that
    over a count."""
    array = ast.Name(name)
    yield times(ast.Constant(round(factor, 9)), array)
    for scale in _numbers(around):
        number = around.values[scale]
        counts: list[tuple[float, ast.expr]] = [(n, ast.Constant(n)) for n in (1, *around.lengths)]
        counts += [(around.values[n], ast.Name(n)) for n in _numbers(around) if n != scale]
        for count, below in counts:
            ratio = round(factor * count / number, 9)
            if ratio and ratio * 2 == int(ratio * 2):
                whole = times(ast.Name(scale), array)
                whole = whole if ratio == 1 else times(ast.Constant(_whole(ratio)), whole)
                yield whole if count == 1 else ast.BinOp(whole, ast.Div(), below)


def _numbers(around: Around) -> list[str]:
    """The numbers of the code that are no arrays, and not 0: lam, m."""
    known = [(name, around.values.get(name)) for name in around.forward]
    return [n for n, value in known if isinstance(value, int | float) and value]


def _whole(ratio: float) -> float:
    """2 for 2.0."""
    return int(ratio) if ratio == int(ratio) else ratio
