"""What a slip makes of a line, undone: every single edit of an expression that somebody may have
meant to write. An edit that makes the line right names the slip.

    X @ dh    ->  X.T @ dh    transposed: the .T is missing
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from backtrace.algebra.values import shape_of

_MOST = 600  # edits of one line


class Edit(NamedTuple):
    """code  stable, of the table of mistakes where that has one
    says  what somebody did, as a sentence about the line
    text  the line's expression as it is meant
    rank  how likely edits of its kind are, 0 the likeliest
    """

    code: str
    says: str
    text: str
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Around:
    """What a line may use: the value of every name, the forward names, the gradients' names with
    the right numbers, what the gradient held before this line ("" for nothing), whether the line
    adds to that, and what the gradient lacks in the end."""

    values: Mapping[str, Any]
    forward: Sequence[str]
    gradients: Sequence[str]
    before: str = ""
    adds: bool = False
    missing: Any = None


def edits(text: str, around: Around) -> Iterator[Edit]:
    """All single edits of an expression, the likeliest first, no two of the same text."""
    tree = _Products().visit(ast.parse(text, mode="eval").body)
    seen = {ast.unparse(tree)}
    count = 0
    for rank, maker in enumerate(_MAKERS):
        for code, says, made in maker(tree, around):
            written = ast.unparse(made)
            if written not in seen:
                seen.add(written)
                count += 1
                yield Edit(code, says, written, rank)
            if count >= _MOST:
                return


class _Products(ast.NodeTransformer):
    """a.dot(b), np.matmul(a, b) as a @ b."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=module), attr="dot" | "matmul" | "mm"),
                args=[left, right],
            ) if module in _MODULES:
                return _mat(left, right)
            case ast.Call(
                func=ast.Attribute(value=left, attr="dot" | "matmul" | "mm"), args=[right]
            ):
                return _mat(left, right)
        return node


_MODULES = ("np", "numpy", "torch", "jnp")
Found = Iterator[tuple[str, str, ast.expr]]


def _of_assignment(tree: ast.expr, around: Around) -> Found:
    """= where += is due, and the other way round."""
    if around.before and not around.adds:
        before = ast.Name(around.before)
        said = "is set with = where += is due: what came back on the other way is lost"
        yield "fork-lost", said, ast.BinOp(before, ast.Add(), tree)
    if around.adds and isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add):
        yield "added-twice", "is added with += where = is due", tree.right


def _of_nodes(tree: ast.expr, around: Around) -> Found:
    """One node changed in its place: .T, factors swapped, * for @, <= for <, a number."""
    for place, node in enumerate(ast.walk(tree)):
        for code, says, new in _changed(node, around):
            yield code, says, _replaced(tree, place, new)


def _changed(node: ast.AST, around: Around) -> Found:
    match node:
        case ast.BinOp(left=left, op=ast.MatMult(), right=right):
            yield from _of_product(left, right)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            turned = (_turned(left), right), (left, _turned(right))
            for a, b in ((left, right), *turned, (right, left)):
                yield "entry-product", "multiplies entry by entry where @ is due", _mat(a, b)
            yield "inverted", "multiplies where dividing is due", ast.BinOp(left, ast.Div(), right)
            for p, u in ((left, right), (right, left)):
                yield (
                    "softmax-diagonal",
                    "takes the diagonal of softmax's Jacobian alone",
                    _soft(p, u),
                )
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            yield "inverted", "divides where multiplying is due", ast.BinOp(left, ast.Mult(), right)
            yield (
                "div-rule",
                "lacks the square below the line",
                ast.BinOp(left, ast.Div(), ast.BinOp(right, ast.Pow(), ast.Constant(2))),
            )
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            yield "sign", "has a + where - is due", ast.BinOp(left, ast.Sub(), right)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            yield "sign", "has a - where + is due", ast.BinOp(left, ast.Add(), right)
            yield (
                "sign",
                "has the difference the wrong way round",
                ast.BinOp(right, ast.Sub(), left),
            )
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int() | float() as n)):
            for other in (n - 1, n + 1, -n):
                yield (
                    "pow-rule",
                    "has the wrong exponent",
                    ast.BinOp(left, ast.Pow(), ast.Constant(other)),
                )
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            yield "sign", "has a minus too many", inner
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            for new in (ast.Gt, ast.Lt, ast.GtE, ast.LtE):
                if not isinstance(op, new):
                    says = "has its mask the wrong way round, or at the wrong entries"
                    yield "wrong-mask", says, ast.Compare(left, [new()], [right])
        case ast.Constant(value=int() | float() as n) if not isinstance(n, bool):
            yield from _lengths_for(n, around)
            for other in (0, n + 1, n - 1, 2 * n, n / 2, -n):
                code = "factor-two" if other in (2 * n, n / 2) else "wrong-number"
                yield code, "has the wrong number", ast.Constant(other)
        case ast.Attribute(value=inner, attr="T"):
            yield "transposed", "has a .T too many", inner
        case ast.Call(func=ast.Attribute(value=inner, attr="t"), args=[]):
            yield "transposed", "has a .t() too many", inner
        case ast.Call(func=ast.Name(id="where"), args=[condition, a, b]):
            yield (
                "wrong-mask",
                "has its mask the wrong way round",
                ast.Call(ast.Name("where"), [condition, b, a], []),
            )


def _soft(p: ast.expr, u: ast.expr) -> ast.expr:
    """p*(u - sum(p*u)): softmax's Jacobian, applied to u."""
    along = [ast.keyword("axis", ast.Constant(-1)), ast.keyword("keepdims", ast.Constant(True))]
    total = ast.Call(ast.Name("sum"), [ast.BinOp(p, ast.Mult(), u)], along)
    return ast.BinOp(p, ast.Mult(), ast.BinOp(u, ast.Sub(), total))


def _of_product(left: ast.expr, right: ast.expr) -> Found:
    """Of a matrix product: .T missing or too many, the factors swapped, no product at all."""
    first, second = _turned(left), _turned(right)
    says = "lacks a .T on the first factor, or has one too many"
    yield "transposed", says, _mat(first, right)
    says = "lacks a .T on the second factor, or has one too many"
    yield "transposed", says, _mat(left, second)
    for a, b in ((right, left), (second, left), (right, first), (second, first)):
        yield "factors-swapped", "has its factors in the wrong order", _mat(a, b)
    yield "transposed", "is transposed", _mat(first, second)
    says = "multiplies matrices where entry by entry is due"
    yield "matrix-product", says, ast.BinOp(left, ast.Mult(), right)


def _lengths_for(number: float, around: Around) -> Found:
    """A count that is another array's, or of another axis."""
    for length in sorted({n for value in around.values.values() for n in shape_of(value)}):
        if length not in (number, 1):
            yield "wrong-count", "divides by the wrong count", ast.Constant(length)


def _of_factors(tree: ast.expr, around: Around) -> Found:
    """A factor that is missing or too many: the upstream, a local gradient, a mask."""
    for name in around.gradients:
        made = ast.BinOp(tree, ast.Mult(), ast.Name(name))
        yield "no-upstream", f"forgets the upstream gradient: times {name}", made
    for name in around.forward:
        stage = ast.Name(name)
        yield from _with_local(tree, stage, name)
    for place, node in enumerate(ast.walk(tree)):
        if isinstance(node, ast.Name) and node.id in around.gradients:
            yield from _unmasked(tree, place, node, around)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
            kept = f"has a factor too many: {ast.unparse(node.right)}"
            yield "extra-factor", kept, _replaced(tree, place, node.left)
            if isinstance(node.op, ast.Mult):
                kept = f"has a factor too many: {ast.unparse(node.left)}"
                yield "extra-factor", kept, _replaced(tree, place, node.right)


def _unmasked(tree: ast.expr, place: int, node: ast.Name, around: Around) -> Found:
    """A gradient inside of the line that relu's mask has not been laid over."""
    shape = shape_of(around.values.get(node.id))
    for name in around.forward:
        if shape and shape_of(around.values.get(name)) == shape:
            mask = ast.Compare(ast.Name(name), [ast.Gt()], [ast.Constant(0)])
            says = f"uses {node.id} without relu's mask: times ({name} > 0)"
            yield "no-mask", says, _replaced(tree, place, ast.BinOp(node, ast.Mult(), mask))


def _with_local(tree: ast.expr, stage: ast.expr, name: str) -> Found:
    """Times a local gradient of a step that was left out."""
    one = ast.Constant(1)
    mask = ast.Compare(stage, [ast.Gt()], [ast.Constant(0)])
    squared = ast.BinOp(stage, ast.Pow(), ast.Constant(2))
    locals_ = (
        ("no-mask", f"lets everything back through relu: times ({name} > 0)", mask),
        ("no-local", f"forgets tanh's 1 - {name}**2", ast.BinOp(one, ast.Sub(), squared)),
        (
            "no-local",
            f"forgets sigmoid's {name}*(1 - {name})",
            ast.BinOp(stage, ast.Mult(), ast.BinOp(one, ast.Sub(), stage)),
        ),
        ("no-local", f"forgets a local gradient: times {name}", stage),
    )
    for code, says, factor in locals_:
        yield code, says, ast.BinOp(tree, ast.Mult(), factor)
    yield "no-local", f"forgets a local gradient: 1/{name}", ast.BinOp(tree, ast.Div(), stage)


def _of_labels(tree: ast.expr, around: Around) -> Found:
    """The probabilities, without the 1 that is taken off at the label."""
    for place, node in enumerate(ast.walk(tree)):
        shape = shape_of(around.values.get(node.id)) if isinstance(node, ast.Name) else ()
        if not isinstance(node, ast.Name) or len(shape) != 2:
            continue
        for name in around.forward:
            labels = np.asarray(around.values.get(name, np.nan), float)
            if labels.shape == shape[:1] and np.all(labels == np.round(labels)):
                hot = ast.Call(ast.Name("one_hot"), [ast.Name(name), ast.Constant(shape[1])], [])
                says = f"keeps the probabilities where p - 1 is due at the label {name}"
                yield "label-kept", says, _replaced(tree, place, ast.BinOp(node, ast.Sub(), hot))


def _of_terms(tree: ast.expr, _: Around) -> Found:
    """A term of a sum that is too many, or whose sign is turned."""
    for place, node in enumerate(ast.walk(tree)):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            for factor in (2, 0.5):
                twice = ast.BinOp(ast.Constant(factor), ast.Mult(), node.right)
                says = f"has {ast.unparse(node.right)[:40]} off by a factor of 2"
                new = ast.BinOp(node.left, node.op, twice)
                yield "factor-two", says, _replaced(tree, place, new)
                twice = ast.BinOp(ast.Constant(factor), ast.Mult(), node.left)
                says = f"has {ast.unparse(node.left)[:40]} off by a factor of 2"
                new = ast.BinOp(twice, node.op, node.right)
                yield "factor-two", says, _replaced(tree, place, new)
            for kept, dropped in ((node.left, node.right), (node.right, node.left)):
                says = f"has a term too many: {ast.unparse(dropped)[:40]}"
                yield "extra-term", says, _replaced(tree, place, kept)


def _of_lost(tree: ast.expr, around: Around) -> Found:
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
            term = ast.BinOp(ast.Constant(round(factor, 9)), ast.Mult(), ast.Name(name))
            says = f"lacks a term: + {round(factor, 9):g}*{name}"
            code = "fork-lost" if name in around.gradients else "lost-term"
            yield code, says, ast.BinOp(tree, ast.Add(), term)


def _of_whole(tree: ast.expr, around: Around) -> Found:
    """A factor of the whole: a sign, a 2, the count that a mean divides by."""
    yield "sign", "has the other sign", ast.UnaryOp(ast.USub(), tree)
    for factor, code, says in (
        (2, "factor-two", "is off by a factor of 2: a square's 2 is lost"),
        (0.5, "factor-two", "is off by a factor of 2: it is there twice"),
    ):
        yield code, says, ast.BinOp(tree, ast.Mult(), ast.Constant(factor))
    lengths = {n for value in around.values.values() for n in shape_of(value)} - {1}
    for n in sorted(lengths):
        says = f"lacks the 1/{n} of a mean"
        yield "no-mean", says, ast.BinOp(tree, ast.Div(), ast.Constant(n))
        says = f"divides by {n} twice"
        yield "mean-twice", says, ast.BinOp(tree, ast.Mult(), ast.Constant(n))
        for a, b in ((n, n - 1), (n - 1, n)):
            if b:
                says = f"has {b} where {a} is due: n or n - 1"
                ratio = ast.BinOp(ast.Constant(b), ast.Div(), ast.Constant(a))
                if a:
                    yield "n-or-less", says, ast.BinOp(tree, ast.Mult(), ratio)


def _of_reductions(tree: ast.expr, _: Around) -> Found:
    """A sum over the batch that is missing, too many, over another axis, or a mean."""
    yield from _summed(tree)
    for place, node in enumerate(ast.walk(tree)):
        if not isinstance(node, ast.Call):
            continue
        name = _called(node)
        inner = _operand(node)
        if name not in ("sum", "mean") or inner is None:
            continue
        other = "mean" if name == "sum" else "sum"
        says = f"takes a {name} where a {other} is due"
        keywords = node.keywords
        yield (
            "mean-for-sum",
            says,
            _replaced(tree, place, ast.Call(ast.Name(other), [inner], keywords)),
        )
        for axis in (0, 1, 2, None, -1):
            says = "sums over the wrong axis" if axis is not None else "sums over one axis only"
            for given in _axes(axis):
                call = ast.Call(ast.Name(name), [inner], given)
                yield "wrong-axis", says, _replaced(tree, place, call)
        yield "summed", f"takes a {name} where none is due", _replaced(tree, place, inner)


def _axes(axis: int | None) -> list[list[ast.keyword]]:
    """The keywords of a sum along an axis, without and with keepdims."""
    if axis is None:
        return [[]]
    along = ast.keyword("axis", ast.Constant(axis))
    return [[along], [along, ast.keyword("keepdims", ast.Constant(True))]]


def _summed(tree: ast.expr) -> Found:
    says = "is not summed over the batch, as what is repeated has to be"
    both: ast.expr = ast.Tuple([ast.Constant(0), ast.Constant(1)])
    axes: list[ast.expr | None] = [ast.Constant(0), ast.Constant(1), both, None]
    for axis in axes:
        given = [ast.keyword("axis", axis)] if axis is not None else []
        yield "reduction", says, ast.Call(ast.Name("sum"), [tree], given)


def _of_names(tree: ast.expr, around: Around) -> Found:
    """Another variable of the same shape: a stale one, the value for the pre-activation."""
    names = [*around.forward, *around.gradients]
    for place, node in enumerate(ast.walk(tree)):
        if not isinstance(node, ast.Name) or node.id not in around.values:
            continue
        shape = shape_of(around.values[node.id])
        for other in names:
            is_like = other in around.values and shape_of(around.values[other]) == shape
            if other != node.id and is_like:
                says = f"uses {node.id} where {other} is due"
                yield "wrong-variable", says, _replaced(tree, place, ast.Name(other))


# trees


def _replaced(tree: ast.expr, place: int, new: ast.expr) -> ast.expr:
    """A copy of the tree with another node at a place, as ast.walk counts them."""
    made = copy.deepcopy(tree)
    nodes = [*ast.walk(made)]
    old = nodes[place]
    if place == 0:
        return copy.deepcopy(new)
    for parent in nodes:
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, copy.deepcopy(new))
                return made
            if isinstance(value, list) and any(item is old for item in value):
                value[[item is old for item in value].index(True)] = copy.deepcopy(new)
                return made
    return made


def _mat(left: ast.expr, right: ast.expr) -> ast.expr:
    return ast.BinOp(left, ast.MatMult(), right)


def _turned(node: ast.expr) -> ast.expr:
    """With .T, or without the one that it has."""
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return node.value
    match node:
        case ast.Call(func=ast.Attribute(value=inner, attr="t"), args=[]):
            return inner
    return ast.Attribute(node, "T")


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _operand(node: ast.Call) -> ast.expr | None:
    """What a sum is taken of: np.sum(x, axis=0), x.sum(0)."""
    if isinstance(node.func, ast.Attribute):
        base = node.func.value
        if not (isinstance(base, ast.Name) and base.id in _MODULES):
            return base
    return node.args[0] if node.args else None


_MAKERS: tuple[Callable[[ast.expr, Around], Found], ...] = (
    _of_assignment,
    _of_nodes,
    _of_reductions,
    _of_names,
    _of_factors,
    _of_labels,
    _of_terms,
    _of_lost,
    _of_whole,
)
