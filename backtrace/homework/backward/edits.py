"""What a slip makes of a line, undone: every single edit of an expression that somebody may have
meant to write. An edit that makes the line right names the slip.

    X @ dh    ->  X.T @ dh    transposed: the .T is missing
"""

from __future__ import annotations

import ast
import collections
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from backtrace.algebra.values import shape_of
from backtrace.homework.backward.codes import CODES
from backtrace.homework.backward.nodes import changed
from backtrace.homework.backward.trees import (
    axis_of,
    call,
    called,
    expression,
    operand,
    replaced,
    times,
)

_MOST = 1500  # edits of one line
_VERSION = re.compile(r"_v\d+$")
_ROUND = re.compile(r"(_v\d+|_m?\d+)+$")


class Edit(NamedTuple):
    """code   of the table `CODES`
    says   what somebody did, as a sentence about the line
    text   the line's expression as it is meant; of what is no expression, the line as written
    cost   how far fetched it is, 0 the likeliest
    key    the same edit in another round of a loop has the same
    name   the name that it brings in, which is another one in another round
    """

    code: str
    says: str
    text: str
    cost: float = 0
    key: tuple[object, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class Around:
    """What a line may use.

    values     of every name, the forward names and, with the right numbers, the gradients
    forward    the names that go forward
    gradients  the names of the gradients before it
    others     what else has been worked out before it: versions, rounds of a loop
    ends       of an activation's value the pre-activation
    before     what the gradient held before this line, "" for nothing
    adds       whether the line adds to that
    missing    what the gradient lacks in the end
    added_up   the line with += where it sets rows that an array names
    lessens    whether the line as it is written takes 1 off something
    """

    values: Mapping[str, Any]
    forward: Sequence[str]
    gradients: Sequence[str]
    others: Sequence[str] = ()
    ends: Mapping[str, str] = field(default_factory=dict)
    before: str = ""
    adds: bool = False
    missing: Any = None
    added_up: str = ""
    lessens: bool = False

    def shape(self, name: str) -> tuple[int, ...]:
        return shape_of(self.values.get(name))

    @property
    def lengths(self) -> list[int]:
        """The counts that there are: how long arrays are along their axes."""
        return sorted({n for value in self.values.values() for n in shape_of(value)} - {1})

    @property
    def sizes(self) -> list[int]:
        """How many entries matrices have: what a mean over all of them divides by."""
        shapes = {shape_of(value) for value in self.values.values()}
        return sorted({math.prod(shape) for shape in shapes if len(shape) > 1} - {0, 1})

    @property
    def rows(self) -> set[int]:
        """How many rows arrays have."""
        return {shape[0] for value in self.values.values() if (shape := shape_of(value))}


class Found(NamedTuple):
    """One edit, as a maker has it: at which node, how much less likely than others of its code,
    and the name that it brings in."""

    code: str
    says: str
    tree: ast.expr
    place: int = 0
    more: float = 0
    name: str = ""


def edits(text: str, around: Around, far: bool = False) -> Iterator[Edit]:
    """All single edits of an expression, no two of the same text; the far fetched ones apart."""
    tree = expression(text)
    seen = {ast.unparse(tree)}
    makers = _FAR if far else _NEAR
    if around.added_up:  # a long expression, of which one part is the line's own
        makers = () if far else (_of_assignment, _of_names)
    for maker in makers:
        counts: collections.Counter[tuple[object, ...]] = collections.Counter()
        for found in maker(tree, around):
            place = (maker.__name__, found.code, found.place)
            counts[(*place, found.name)] += 1
            written = ast.unparse(found.tree)
            if written not in seen:
                seen.add(written)
                cost = CODES[found.code].cost + found.more
                key = (*place, counts[(*place, found.name)])
                yield Edit(found.code, found.says, written, cost, key, found.name)
            if len(seen) > _MOST:
                return


Makes = Iterator[Found]


def _of_assignment(tree: ast.expr, around: Around) -> Makes:
    """= where += is due, the other way round, and a line that spoils what was right."""
    before = ast.Name(around.before)
    if around.added_up:
        says = "sets rows of which some are named twice: np.add.at is due, which adds up"
        yield Found("repeated-index", says, expression(around.added_up))
    if around.before and not around.adds:
        says = "is set with = where += is due: what came back on the other way is lost"
        yield Found("fork-lost", says, ast.BinOp(before, ast.Add(), tree))
    if around.before:
        says = "changes in place what was right before"
        yield Found("changed-in-place", says, before)
    if around.adds and isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add):
        yield Found("added-twice", "is added with += where = is due", tree.right)


def _of_nodes(tree: ast.expr, _: Around) -> Makes:
    """One node changed in its place: .T, factors swapped, * for @, <= for <."""
    masks = [
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        for inner in ast.walk(node)
    ]
    for place, node in enumerate(ast.walk(tree)):
        if isinstance(node, ast.Name) and node in masks:  # which entries, and not how much
            continue
        for code, says, new in changed(node):
            yield Found(code, says, replaced(tree, place, new), place)


def _of_numbers(tree: ast.expr, around: Around) -> Makes:
    """A number in the line: a count, n for n - 1, a factor of 2."""
    for place, node in enumerate(ast.walk(tree)):
        match node:
            case ast.Constant(value=int() | float() as n) if not isinstance(n, bool):
                for code, says, other in _numbers_for(n, around):
                    made = replaced(tree, place, ast.Constant(other))
                    yield Found(code, says, made, place)


def _numbers_for(n: float, around: Around) -> Iterator[tuple[str, str, float]]:
    counts = around.lengths
    is_count = n in counts and not around.lessens
    yield from (("wrong-count", "has the wrong count", c) for c in counts if is_count and c != n)
    for size in around.sizes if is_count else ():
        if size > n and size % n == 0 and size != 2 * n:
            says = f"divides by {n:g} where the mean is over all {size} entries"
            yield "wrong-count", says, size
    for other in (n - 1, n + 1):
        is_factor = {n, other} == {1, 2}  # 2 for 1 is a factor of 2
        if (n in counts or other in counts) and not is_factor:
            yield "n-or-less", f"has {n:g} where {other:g} is due: n or n - 1", other
    others = [c for c in counts if c not in (n, 2 * n, n / 2)]  # which is a factor of 2
    yield from (("wrong-count", "has the wrong count", c) for c in others)
    for other in (2 * n, n / 2):
        yield "factor-two", f"has {n:g} where {other:g} is due: a factor of 2", other
    for other in (0, n + 1, n - 1, -n):
        yield "wrong-number", f"has {n:g} where {other:g} is due", other


def _of_reductions(tree: ast.expr, _: Around) -> Makes:
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
        says = f"takes a {name} where a {other} is due"
        yield Found("mean-for-sum", says, replaced(tree, place, made), place)
        for found in _along(name, node, inner):
            yield found._replace(tree=replaced(tree, place, found.tree), place=place)
        says = f"takes a {name} where none is due"
        yield Found("summed", says, replaced(tree, place, inner), place)


def _after(node: ast.Call) -> list[ast.expr]:
    """The arguments of a sum after what is summed."""
    return node.args if operand(node) not in node.args[:1] else node.args[1:]


def _along(name: str, node: ast.Call, inner: ast.expr) -> Makes:
    """The same sum along another axis, and with its axis kept or not."""
    written, keeps = axis_of(node)
    if written:
        says = "keeps the axis of its sum" if keeps else "lacks keepdims=True"
        axis = int(written) if _is_int(written) else 0
        yield Found("keepdims", says, _sum(name, inner, axis, not keeps))
    for other in (0, 1, 2, None, -1):
        if str(other) != written:
            says = "sums over one axis only" if other is None else "sums over the wrong axis"
            for kept in (keeps, not keeps):
                more = 0.25 * (kept != keeps and bool(written))
                yield Found("wrong-axis", says, _sum(name, inner, other, kept), 0, more)


def _is_int(text: str) -> bool:
    return text.lstrip("-").isdigit()


def _sum(name: str, inner: ast.expr, axis: int | None, keeps: bool) -> ast.expr:
    given = {} if axis is None else {"axis": axis}
    return call(name, inner, **given, **({"keepdims": True} if keeps else {}))


def _summed(tree: ast.expr, place: int, node: ast.expr) -> Makes:
    says = "is not summed over the batch, as what is repeated has to be"
    for keeps in (False, True):
        for axis in (0, 1, (0, 1), None):
            given = {} if axis is None else {"axis": axis}
            made = call("sum", node, **given, **({"keepdims": True} if keeps else {}))
            more = 0.25 * (place > 0) + 0.25 * keeps
            yield Found("reduction", says, replaced(tree, place, made), place, more)


def _of_names(tree: ast.expr, around: Around) -> Makes:
    """Another variable: a stale one, the value for the pre-activation, the wrong array's mask."""
    inside = _in_comparisons(tree)
    names = dict.fromkeys([*around.gradients[::-1], *around.others, *around.forward])
    for place, node in enumerate(ast.walk(tree)):
        if not isinstance(node, ast.Name) or node.id not in around.values:
            continue
        for other in names:
            if other == node.id or other not in around.values:
                continue
            code, says, more = _renamed(node.id, other, around, id(node) in inside)
            more += 0.5 * (around.adds and node.id == around.before)  # += writes it by itself
            yield Found(code, says, replaced(tree, place, ast.Name(other)), place, more, other)


def _renamed(own: str, other: str, around: Around, is_mask: bool) -> tuple[str, str, float]:
    """What it is to have written one name for another, and how unlikely."""
    shown = family(own)[0] if _VERSION.search(own) else own
    more = 0.25 * (around.shape(own) != around.shape(other))
    if around.ends.get(own) == other:
        return "deriv-at-output", f"uses {own}, the value, where {other} is due", more
    if around.ends.get(other) == own:
        return "act-at-input", f"uses {own}, the pre-activation, where {other} is due", more
    if _VERSION.sub("", own) == _VERSION.sub("", other):
        return "changed-in-place", f"uses {shown} after it has been changed in place", more
    if family(own)[0].rstrip("0123456789") != family(other)[0].rstrip("0123456789"):
        more += 0.25 + 0.25 * ((own in around.forward) != (other in around.forward))
    if is_mask:
        return "wrong-mask", f"has its mask on {own} where {other} is due", more
    return "wrong-variable", f"uses {own} where {other} is due", more


def family(name: str) -> tuple[str, bool]:
    """The name without its version and its round, h of h_2_v3; and whether it had one."""
    base = _ROUND.sub("", name)
    return base or name, base != name


def _in_comparisons(tree: ast.expr) -> set[int]:
    return {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        for part in ast.walk(node)
    }


def _of_upstream(tree: ast.expr, around: Around) -> Makes:
    """The upstream gradient, which is missing."""
    for place, node in (*_terms(tree), *_numbers_added(tree)):
        for name in (*around.gradients[::-1], *around.others):
            made = replaced(tree, place, times(node, ast.Name(name)))
            says = f"forgets the upstream gradient: times {name}"
            yield Found("no-upstream", says, made, place, 0.25 * (place > 0), name)


def _of_factors(tree: ast.expr, around: Around) -> Makes:
    """A factor that is missing or too many: a local gradient, a mask."""
    for place, node in _terms(tree):
        for name in around.forward:
            yield from _with_local(tree, place, node, name)
    for place, part in enumerate(ast.walk(tree)):
        if isinstance(part, ast.Name) and part.id in around.gradients:
            yield from _unmasked(tree, place, part, around)
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Mult | ast.Div):
            says = f"has a factor too many: {ast.unparse(part.right)}"
            yield Found("extra-factor", says, replaced(tree, place, part.left), place)
            if isinstance(part.op, ast.Mult):
                says = f"has a factor too many: {ast.unparse(part.left)}"
                yield Found("extra-factor", says, replaced(tree, place, part.right), place)


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


def _unmasked(tree: ast.expr, place: int, node: ast.Name, around: Around) -> Makes:
    """A gradient inside of the line that relu's mask has not been laid over."""
    shape = around.shape(node.id)
    for name in around.forward:
        if shape and around.shape(name) == shape:
            mask = ast.Compare(ast.Name(name), [ast.Gt()], [ast.Constant(0)])
            says = f"uses {node.id} without relu's mask: times ({name} > 0)"
            made = replaced(tree, place, times(node, mask))
            yield Found("no-mask", says, made, place, 0, name)


def _with_local(tree: ast.expr, place: int, node: ast.expr, name: str) -> Makes:
    """Times a local gradient of a step that was left out."""
    stage, one = ast.Name(name), ast.Constant(1)
    mask = ast.Compare(stage, [ast.Gt()], [ast.Constant(0)])
    squared = ast.BinOp(stage, ast.Pow(), ast.Constant(2))
    slope = times(stage, ast.BinOp(one, ast.Sub(), stage))
    forgets = "forgets a local gradient"
    locals_ = (
        ("no-mask", f"lets everything back through relu: times ({name} > 0)", mask),
        ("no-local", f"forgets tanh's 1 - {name}**2", ast.BinOp(one, ast.Sub(), squared)),
        ("no-local", f"forgets sigmoid's {name}*(1 - {name})", slope),
        ("no-local", f"{forgets}: times {name}", stage),
    )
    for code, says, factor in locals_:
        yield Found(code, says, replaced(tree, place, times(node, factor)), place, 0, name)
    made = ast.BinOp(node, ast.Div(), stage)
    yield Found("no-local", f"{forgets}: 1/{name}", replaced(tree, place, made), place, 0, name)


def _of_labels(tree: ast.expr, around: Around) -> Makes:
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
                says = f"keeps the probabilities where p - 1 is due at the label {name}"
                yield Found("label-kept", says, made, place, 0, name)


def _of_terms(tree: ast.expr, _: Around) -> Makes:
    """A term of a sum that is too many, or off by a factor of 2."""
    for place, node in enumerate(ast.walk(tree)):
        if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)):
            continue
        for factor in (2, 0.5):
            twice = times(ast.Constant(factor), node.right)
            says = f"has {ast.unparse(node.right)[:40]} off by a factor of 2"
            made = replaced(tree, place, ast.BinOp(node.left, node.op, twice))
            yield Found("factor-two", says, made, place)
            twice = times(ast.Constant(factor), node.left)
            says = f"has {ast.unparse(node.left)[:40]} off by a factor of 2"
            made = replaced(tree, place, ast.BinOp(twice, node.op, node.right))
            yield Found("factor-two", says, made, place)
        for kept, dropped in ((node.left, node.right), (node.right, node.left)):
            says = f"has a term too many: {ast.unparse(dropped)[:40]}"
            yield Found("extra-term", says, replaced(tree, place, kept), place)


def _of_lost(tree: ast.expr, around: Around) -> Makes:
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
            term = times(ast.Constant(round(factor, 9)), ast.Name(name))
            says = f"lacks a term: + {round(factor, 9):g}*{name}"
            made = ast.BinOp(tree, ast.Add(), term)
            is_fork = name in around.gradients
            code = "fork-lost" if is_fork else "lost-term"
            yield Found(code, says, made, 0, 1.5 * is_fork, name)


def _of_whole(tree: ast.expr, around: Around) -> Makes:
    """A factor of the whole or of a term: a sign, a 2, the count that a mean divides by."""
    for place, node in _terms(tree):
        for code, says, factor in _factors(around.lengths, around.sizes):
            made = replaced(tree, place, times(node, factor))
            more = 0.25 * (place > 0) + 0.25 * (code == "n-or-less" and not around.lessens)
            is_count = code in ("no-mean", "mean-twice") and _is_two(factor)
            more += 0.5 * (is_count and 2 not in around.rows)  # a square's 2, and no count
            yield Found(code, says, made, place, more)
        made = replaced(tree, place, ast.UnaryOp(ast.USub(), node))
        yield Found("sign", "has the other sign", made, place, 0.25)


def _factors(lengths: Sequence[int], sizes: Sequence[int]) -> Iterator[tuple[str, str, ast.expr]]:
    says = "is off by a factor of 2: a square's 2 is lost"
    yield "factor-two", says, ast.Constant(2)
    says = "is off by a factor of 2: it is there twice, or a 1/2 is lost"
    yield "factor-two", says, ast.Constant(0.5)
    for n in sizes:
        if n not in lengths:
            yield "no-mean", f"lacks the 1/{n} of a mean over all entries", _ratio(1, n)
    for n in lengths:
        yield "no-mean", f"lacks the 1/{n} of a mean", _ratio(1, n)
        yield "mean-twice", f"divides by {n} twice", ast.Constant(n)
        for a, b in ((n, n - 1), (n - 1, n)):
            if a > 1 and b > 1:  # 2 for 1 is a factor of 2
                yield "n-or-less", f"has {b} where {a} is due: n or n - 1", _ratio(b, a)


def _is_two(factor: ast.expr) -> bool:
    """Whether it is 2 or 1/2."""
    return ast.unparse(factor) in ("2", "1 / 2")


def _ratio(above: int, below: int) -> ast.expr:
    return ast.BinOp(ast.Constant(above), ast.Div(), ast.Constant(below))


_NEAR: tuple[Callable[[ast.expr, Around], Makes], ...] = (
    _of_assignment,
    _of_nodes,
    _of_numbers,
    _of_reductions,
    _of_names,
    _of_upstream,
    _of_labels,
    _of_whole,
)
_FAR = (_of_factors, _of_lost, _of_terms)
