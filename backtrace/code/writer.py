"""An expression of Python's `ast` as text, with the places that its parts come from.

As `ast.unparse`, which keeps no places; a chain of operators may be as long as it likes.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

_SIGNS: dict[type, tuple[str, int]] = {
    ast.Add: ("+", 4),
    ast.Sub: ("-", 4),
    ast.Mult: ("*", 5),
    ast.Div: ("/", 5),
    ast.FloorDiv: ("//", 5),
    ast.Mod: ("%", 5),
    ast.MatMult: ("@", 5),
    ast.Pow: ("**", 7),
}
_RELATIONS: dict[type, str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
_LOOSEST, _RELATION, _SIGN, _ATOM = 0, 3, 6, 9


class Place(NamedTuple):
    """A part of the text, from `start` to `end`, and where in the file it comes from; `call` is the
    number of the call whose lines made it, from 1, 0 outside all functions."""

    start: int
    end: int
    line: int
    column: int
    end_line: int
    end_column: int
    call: int = 0


def written(
    node: ast.expr, called: Mapping[str, str] = MappingProxyType({})
) -> tuple[str, tuple[Place, ...]]:
    """The text, and its parts whose places in the file are known, the inner before the outer;
    `called` has the names that are written otherwise."""
    writer = _Writer(called)
    writer.write(node, _LOOSEST)
    return "".join(writer.parts), tuple(writer.places)


class _Writer:
    def __init__(self, called: Mapping[str, str]) -> None:
        self.called = called
        self.parts: list[str] = []
        self.places: list[Place] = []
        self.length = 0

    def add(self, text: str) -> None:
        self.parts.append(text)
        self.length += len(text)

    def write(self, node: ast.expr, binding: int) -> None:
        """The node, in brackets where it binds more loosely than `binding`."""
        start = self.length
        match node:
            case ast.Name():
                self.add(self.called.get(node.id, node.id))
            case ast.Constant(value=int() | float() as number):
                is_signed = repr(number).startswith("-")
                self._open(_SIGN if is_signed else _ATOM, binding)
                self.add(repr(number).replace("inf", "1e309"))
                self._close(_SIGN if is_signed else _ATOM, binding)
            case ast.Constant():
                self.add("..." if node.value is ... else repr(node.value))
            case ast.BinOp():
                self._binary(node, binding)
            case ast.UnaryOp():
                self._open(_SIGN, binding)
                self.add("-" if isinstance(node.op, ast.USub) else "+")
                self.write(node.operand, _SIGN)
                self._close(_SIGN, binding)
            case ast.Compare():
                self._open(_RELATION, binding)
                self.write(node.left, _RELATION + 1)
                for sign, right in zip(node.ops, node.comparators, strict=True):
                    self.add(f" {_RELATIONS[type(sign)]} ")
                    self.write(right, _RELATION + 1)
                self._close(_RELATION, binding)
            case ast.Call():
                self.write(node.func, _ATOM)
                self.add("(")
                parts: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
                self._listed(parts)
                self.add(")")
            case ast.Attribute():
                is_number = isinstance(node.value, ast.Constant)  # 3.real is no Python
                self.write(node.value, _ATOM + is_number)
                self.add(f".{node.attr}")
            case ast.Subscript():
                self.write(node.value, _ATOM)
                self.add("[")
                if isinstance(node.slice, ast.Tuple):
                    self._listed(node.slice.elts)
                else:
                    self.write(node.slice, _LOOSEST)
                self.add("]")
            case ast.Slice():
                self._slice(node)
            case ast.List() | ast.Tuple():
                self.add("[" if isinstance(node, ast.List) else "(")
                self._listed(node.elts)
                self.add("]" if isinstance(node, ast.List) else ")")
            case _:
                raise TypeError(type(node).__name__)
        self._placed(node, start)

    def _placed(self, node: ast.expr, start: int) -> None:
        line = getattr(node, "lineno", None)
        end_line = getattr(node, "end_lineno", None)
        if line is not None and end_line is not None:
            end = (line, node.col_offset, end_line, node.end_col_offset or 0)
            self.places.append(Place(start, self.length, *end, getattr(node, "call", 0)))

    def _binary(self, node: ast.BinOp, binding: int) -> None:
        """Down the left side in a loop: sums are long. A power groups to the right."""
        chain = [(node, binding)]
        starts: list[int] = []
        while True:
            inner, outer = chain[-1]
            _, own = _SIGNS[type(inner.op)]
            below = own + 1 if isinstance(inner.op, ast.Pow) else own
            starts.append(self.length)
            self._open(own, outer)
            if not isinstance(inner.left, ast.BinOp):
                break
            chain.append((inner.left, below))
        self.write(chain[-1][0].left, below)
        for (inner, outer), start in zip(reversed(chain), reversed(starts), strict=True):
            sign, own = _SIGNS[type(inner.op)]
            self.add(f" {sign} ")
            self.write(inner.right, _SIGN if isinstance(inner.op, ast.Pow) else own + 1)
            self._close(own, outer)
            if inner is not node:
                self._placed(inner, start)

    def _slice(self, node: ast.Slice) -> None:
        if node.lower is not None:
            self.write(node.lower, _LOOSEST)
        self.add(":")
        if node.upper is not None:
            self.write(node.upper, _LOOSEST)
        if node.step is not None:
            self.add(":")
            self.write(node.step, _LOOSEST)

    def _listed(self, items: Sequence[ast.expr | ast.keyword]) -> None:
        for number, item in enumerate(items):
            if number:
                self.add(", ")
            if isinstance(item, ast.keyword):
                self.add(f"{item.arg}=")
                item = item.value
            self.write(item, _LOOSEST)

    def _open(self, own: int, binding: int) -> None:
        if own < binding:
            self.add("(")

    def _close(self, own: int, binding: int) -> None:
        if own < binding:
            self.add(")")
