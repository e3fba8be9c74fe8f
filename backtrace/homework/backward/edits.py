"""What a slip makes of a line, undone: every single edit of an expression that somebody may have
meant to write. An edit that makes the line right names the slip.

    X @ dh    ->  X.T @ dh    transposed: the .T is missing
"""

from __future__ import annotations

import ast
import collections
import re
from collections.abc import Callable, Collection, Iterator

from backtrace.homework.backward.codes import CODES
from backtrace.homework.backward.edit import Around, Edit, Found, Makes
from backtrace.homework.backward.factor_edits import (
    of_factors,
    of_labels,
    of_lost,
    of_terms,
    of_upstream,
    of_whole,
)
from backtrace.homework.backward.nodes import changed
from backtrace.homework.backward.reduction_edits import of_reductions
from backtrace.homework.backward.trees import (
    expression,
    renamed,
    replaced,
)
from backtrace.language import tell

_MOST = 1500  # edits of one line
_TWO = 0.1  # how much less likely than one name is two
_VERSION = re.compile(r"_v\d+$")
_ROUND = re.compile(r"(_v\d+|_m?\d+)+$")


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


def _of_assignment(tree: ast.expr, around: Around) -> Makes:
    """= where += is due, the other way round, and a line that spoils what was right."""
    before = ast.Name(around.before)
    if around.added_up:
        says = tell("sets rows of which some are named twice: np.add.at is due, which adds up")
        yield Found("repeated-index", says, expression(around.added_up))
    if around.before and not around.adds:
        says = tell("is set with = where += is due: what came back on the other way is lost")
        yield Found("fork-lost", says, ast.BinOp(before, ast.Add(), tree))
    if around.before:
        says = tell("changes in place what was right before")
        yield Found("changed-in-place", says, before)
    if around.adds and isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add):
        yield Found("added-twice", tell("is added with += where = is due"), tree.right)


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
    yield from (
        ("wrong-count", tell("has the wrong count"), c) for c in counts if is_count and c != n
    )
    for size in around.sizes if is_count else ():
        if size > n and size % n == 0 and size != 2 * n:
            says = tell(
                "divides by {number:g} where the mean is over all {size} entries",
                number=n,
                size=size,
            )
            yield "wrong-count", says, size
    for other in (n - 1, n + 1):
        is_factor = {n, other} == {1, 2}  # 2 for 1 is a factor of 2
        if (n in counts or other in counts) and not is_factor:
            yield (
                "n-or-less",
                tell("has {number:g} where {other:g} is due: n or n - 1", number=n, other=other),
                other,
            )
    others = [c for c in counts if c not in (n, 2 * n, n / 2)]  # which is a factor of 2
    yield from (("wrong-count", tell("has the wrong count"), c) for c in others)
    for other in (2 * n, n / 2):
        yield (
            "factor-two",
            tell("has {number:g} where {other:g} is due: a factor of 2", number=n, other=other),
            other,
        )
    for other in (0, n + 1, n - 1, -n):
        yield (
            "wrong-number",
            tell("has {number:g} where {other:g} is due", number=n, other=other),
            other,
        )


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
            is_mask = id(node) in inside
            if is_mask and around.shape(node.id) != around.shape(other):
                continue  # a mask of another shape lets all through, or nothing
            code, says, more = _renamed(node.id, other, around, is_mask)
            more += 0.5 * (around.adds and node.id == around.before)  # += writes it by itself
            yield Found(code, says, replaced(tree, place, ast.Name(other)), place, more, other)
    yield from _throughout(tree, around, names)


def _throughout(tree: ast.expr, around: Around, others: Collection[str]) -> Makes:
    """One name for another wherever it stands in the line: z*(1 - z) for s*(1 - s)."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    counts = collections.Counter(node.id for node in nodes)
    for place, own in enumerate(name for name, count in counts.items() if count > 1):
        for other in others if own in around.values else ():
            if other == own or other not in around.values:
                continue
            code, says, more = _renamed(own, other, around, False)
            yield Found(code, says, renamed(tree, own, other), place, more + _TWO, other)


def _renamed(own: str, other: str, around: Around, is_mask: bool) -> tuple[str, str, float]:
    """What it is to have written one name for another, and how unlikely."""
    shown = family(own)[0] if _VERSION.search(own) else own
    more = 0.25 * (around.shape(own) != around.shape(other))
    if around.ends.get(own) == other:
        return (
            "deriv-at-output",
            tell("uses {own}, the value, where {other} is due", own=own, other=other),
            more,
        )
    if around.ends.get(other) == own:
        return (
            "act-at-input",
            tell("uses {own}, the pre-activation, where {other} is due", own=own, other=other),
            more,
        )
    if _VERSION.sub("", own) == _VERSION.sub("", other):
        return (
            "changed-in-place",
            tell("uses {shown} after it has been changed in place", shown=shown),
            more,
        )
    if family(own)[0].rstrip("0123456789") != family(other)[0].rstrip("0123456789"):
        more += 0.25 + 0.25 * ((own in around.forward) != (other in around.forward))
    if is_mask:
        return (
            "wrong-mask",
            tell("has its mask on {own} where {other} is due", own=own, other=other),
            more,
        )
    return "wrong-variable", tell("uses {own} where {other} is due", own=own, other=other), more


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


_NEAR: tuple[Callable[[ast.expr, Around], Makes], ...] = (
    _of_assignment,
    _of_nodes,
    _of_numbers,
    of_reductions,
    _of_names,
    of_upstream,
    of_labels,
    of_whole,
)
_FAR = (of_factors, of_lost, of_terms)
