"""Rows of an array at places that another array tells: A[i] = v, np.add.at(A, i, v).

A place that is named twice is written twice by the first, so that the last one stays, and is added
to twice by the second.
"""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of `whole`, an array of `lengths`, at `places`, of the shape `named`."""

    whole: ast.expr
    lengths: Shape
    places: ast.expr
    named: Shape

    @property
    def count(self) -> int:
        return math.prod(self.named)

    @property
    def taken(self) -> ast.expr:
        """What stands there."""
        return ast.Subscript(self.whole, self.places)

    def with_added(self, value: ast.expr) -> ast.expr:
        """The whole array, with a value added as often as a row is named."""
        back = _product(ast.Attribute(self._hot, "T"), self._flat(value))
        return ast.BinOp(self.whole, ast.Add(), _shaped(back, self.lengths))

    def with_set(self, value: ast.expr) -> ast.expr:
        """The whole array, with a value in the rows: of a row that is named twice, the last."""
        last = self._last
        kept = ast.BinOp(ast.Constant(1), ast.Sub(), _along_rows("sum", last, False))
        ones = (self.lengths[0], *(1 for _ in self.lengths[1:]))
        old = ast.BinOp(self.whole, ast.Mult(), _shaped(kept, ones))
        back = _product(ast.Attribute(last, "T"), self._flat(value))
        return ast.BinOp(old, ast.Add(), _shaped(back, self.lengths))

    @property
    def _hot(self) -> ast.expr:
        """Which row each place names: places x rows, 1 where it is."""
        hot = ast.Call(ast.Name("one_hot"), [self.places, ast.Constant(self.lengths[0])], [])
        return _shaped(hot, (self.count, self.lengths[0]))

    @property
    def _last(self) -> ast.expr:
        """The same, for the last place that names a row."""
        turns = ast.List([ast.List([ast.Constant(k + 1)]) for k in range(self.count)])
        turn = ast.BinOp(self._hot, ast.Mult(), turns)
        latest = ast.BinOp(_along_rows("max", turn, True), ast.Sub(), ast.Constant(0.5))
        is_last = ast.Compare(turn, [ast.Gt()], [latest])
        return ast.Call(ast.Name("where"), [is_last, self._hot, ast.Constant(0)], [])

    def _flat(self, value: ast.expr) -> ast.expr:
        """A value of one row for each place, repeated where it is smaller."""
        zeros = ast.BinOp(ast.Constant(0), ast.Mult(), self.taken)
        full = ast.BinOp(value, ast.Add(), zeros)
        return _shaped(full, (self.count, math.prod(self.lengths[1:])))


def _shaped(node: ast.expr, shape: Shape) -> ast.expr:
    return ast.Call(ast.Attribute(node, "reshape"), [ast.Constant(n) for n in shape], [])


def _product(left: ast.expr, right: ast.expr) -> ast.expr:
    return ast.BinOp(left, ast.MatMult(), right)


def _along_rows(name: str, node: ast.expr, keeps: bool) -> ast.expr:
    keywords = [ast.keyword("axis", ast.Constant(0))]
    if keeps:
        keywords.append(ast.keyword("keepdims", ast.Constant(True)))
    return ast.Call(ast.Name(name), [node], keywords)
