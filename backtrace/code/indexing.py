"""Entries of lists, dictionaries and arrays: x[1:3], p[range(n), y], x[x < 0] = 0."""

from __future__ import annotations

import ast
from typing import Any

from backtrace.code.expressions import Expressions
from backtrace.code.operands import part_of_mask
from backtrace.code.trees import located
from backtrace.code.values import (
    Array,
    Builtin,
    CannotRead,
    Dictionary,
    Instance,
    Known,
    Module,
    Scope,
    Several,
    Unreadable,
    Value,
)
from backtrace.language import tell


class Indexing(Expressions):
    """What stands in an index, and what is taken by it."""

    def subscript(self, node: ast.Subscript, scope: Scope) -> Value:
        inner = self.value(node.value, scope)
        match inner:
            case Dictionary():
                key = self.key(node.slice, scope)
                if key not in inner.items:
                    raise CannotRead(tell("there is no {key!r} in it", key=key), node)
                return self._readable(inner.items[key])
            case Several() | Known():
                found = self._of_list(inner, node, scope)
                if found is not None:
                    return self._readable(found)
            case Module(kind="Sequential" | "ModuleList"):
                layers = [*inner.names.values()]
                at = getattr(self.value(node.slice, scope), "value", None)
                if type(at) is not int or not -len(layers) <= at < len(layers):
                    raise CannotRead(tell("there is no such entry"), node)
                return layers[at]
            case Instance():
                return self.operated(inner, "getitem", self.value(node.slice, scope), node)
            case Builtin():
                raise CannotRead(tell("this cannot be read"), node)
        array = self.array(inner, node)
        part = self._of_parameter(array, node, scope)
        if part is not None:
            return part
        picked = self._picked(array, node, scope)
        if picked is not None:
            return picked
        place, is_part = self.place(array, node.slice, scope)
        taken = located(part_of_mask(array, self.nodes([array])[0], place), node)
        kind = "number" if array.kind == "list" and isinstance(place, ast.Constant) else array.kind
        part_of = array if is_part else None
        return Array(taken, array.is_data, array.library, kind, array.is_mask, part_of)

    def _of_parameter(self, array: Array, node: ast.Subscript, scope: Scope) -> Value | None:
        """params['W1'] of a parameter that has no value: an input W1."""
        if isinstance(node.slice, ast.Slice | ast.Tuple) or not self.is_open(array.name):
            return None
        place = self.value(node.slice, scope)
        if not isinstance(place, Known) or not isinstance(place.value, str):
            return None
        name = place.value if place.value.isidentifier() else f"{array.name}_entry"
        held = self.dictionaries.setdefault(array.name, Dictionary())
        if place.value not in held.items:
            held.items[place.value] = self.opened(name)
        return held.items[place.value]

    dictionaries: dict[str, Dictionary]
    looked_into: set[str]  # the given names of which an entry has served as a number
    entries_read: set[str]  # these, and those of the code's own

    def opened(self, name: str) -> Value:
        raise NotImplementedError

    @staticmethod
    def _readable(value: Value) -> Value:
        if isinstance(value, Unreadable):
            raise value.error
        return value

    def _of_list(self, inner: Several | Known, node: ast.Subscript, scope: Scope) -> Value | None:
        """An entry of a list or a part of it; None where an array says which."""
        held = inner.items if isinstance(inner, Several) else inner.value
        if not hasattr(held, "__getitem__"):
            raise CannotRead(tell("this has no entries"), node)
        if isinstance(node.slice, ast.Slice):
            found = held[self._slice(node.slice, scope)]
        else:
            place = self.value(node.slice, scope)
            if not isinstance(place, Known):
                return None
            try:
                found = held[place.value]
            except (IndexError, KeyError, TypeError):
                raise CannotRead(tell("there is no such entry"), node) from None
        if isinstance(inner, Several):
            return Several(found, inner.is_tuple) if isinstance(found, list) else found
        return Known(found, inner.measured)

    def _slice(self, node: ast.Slice, scope: Scope) -> slice:
        ends: list[Any] = []
        for part in (node.lower, node.upper, node.step):
            value = self.value(part, scope) if part is not None else Known(None)
            if not isinstance(value, Known) or not isinstance(value.value, int | None):
                raise CannotRead(tell("an end of a part is a whole number"), part or node)
            ends.append(value.value)
        if ends[2] == 0:
            raise CannotRead(tell("a step of 0"), node)
        return slice(*ends)

    def place(self, of: Array, node: ast.expr, scope: Scope) -> tuple[ast.expr, bool]:
        """An index with what is known put in, and whether it shows a part of the array, which is
        one with it, as whole numbers and slices do."""
        parts = node.elts if isinstance(node, ast.Tuple) else [node]
        found = [self._place(of, part, scope) for part in parts]
        places = [place for place, _ in found]
        is_part = all(plain for _, plain in found)
        if isinstance(node, ast.Tuple):
            return located(ast.Tuple(places), node), is_part
        return places[0], is_part

    def _place(self, of: Array, node: ast.expr, scope: Scope) -> tuple[ast.expr, bool]:
        if isinstance(node, ast.Slice):
            cut = self._slice(node, scope)
            ends = [_whole(end) if end is not None else None for end in (cut.start, cut.stop)]
            step = _whole(cut.step) if cut.step is not None else None
            return ast.Slice(ends[0], ends[1], step), True
        value = self.value(node, scope)
        if isinstance(value, Known) and (value.value is None or value.value is ...):
            return located(ast.Constant(value.value), node), True
        if isinstance(value, Known) and type(value.value) is int:
            return located(_whole(value.value), node), True
        if isinstance(value, Known) and isinstance(value.value, tuple):
            items = [ast.Constant(item) for item in value.value]
            return located(ast.Tuple(list(items)), node), True
        array = self.array(value, node)
        number = self.known_number(array.node)
        if number is not None:
            return located(_whole(number), node), True
        if array.is_mask:
            hint = tell("np.where(mask, x, 0) keeps the shape")
            raise CannotRead(tell("how many entries a mask takes is not known"), node, hint)
        if array.kind == "number" and not array.name:
            raise CannotRead(tell("an index is a whole number"), node)
        return self.nodes([array, of])[0], False

    def known_entry(self, value: Value) -> Value:
        """A label of given or written data as the number that it is: j == y[i]."""
        name = value.name if isinstance(value, Array) else ""
        node = self.expression_of(name) if name else getattr(value, "node", None)
        number = self.known_number(node) if isinstance(node, ast.Subscript) else None
        return value if number is None else Known(number)

    def known_number(self, node: ast.expr) -> int | None:
        """The whole number that an entry of given or written data is: table[index[2]], or a name
        that such an entry has."""
        named = self.expression_of(node.id) if isinstance(node, ast.Name) else None
        node = named or node
        if not isinstance(node, ast.Subscript):
            return None
        held = self.data_in(node)
        is_number = isinstance(held, int | float) and not isinstance(held, bool)
        return int(held) if is_number and float(held).is_integer() else None

    def data_in(self, node: ast.expr) -> Any:
        """What stands in data at an index of whole numbers; None where that is not known."""
        if isinstance(node, ast.Name):
            self.entries_read.add(node.id)
            if node.id in self.given:
                self.looked_into.add(node.id)
                return self.given[node.id]
            made = self.data_of(node.id)
            return self.data_in(made) if made is not None else None
        if isinstance(node, ast.List):
            return [self.data_in(item) for item in node.elts]
        if isinstance(node, ast.Constant):
            return node.value
        if not isinstance(node, ast.Subscript):
            return None
        held = self.data_in(node.value)
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        for part in parts:
            place = self.data_in(part)
            if held is None or type(place) is not int or not hasattr(held, "__getitem__"):
                return None
            if not -len(held) <= place < len(held):
                return None
            held = held[place]
        return held

    def _picked(self, of: Array, node: ast.Subscript, scope: Scope) -> Array | None:
        """p[range(n), y]: one entry of each row; None for any other index."""
        if not (isinstance(node.slice, ast.Tuple) and len(node.slice.elts) == 2):
            return None
        rows, columns = node.slice.elts
        if isinstance(rows, ast.Slice | ast.Constant) or isinstance(columns, ast.Slice):
            return None
        if not self._is_every_row(self.value(rows, scope), of, rows):
            return None
        chosen = self.array(self.value(columns, scope), columns)
        nodes = self.nodes([of, chosen])
        made: ast.expr = ast.Call(ast.Name("pick"), nodes, [])
        return Array(located(made, node), library=of.library)

    def _written_out(self, rows: Array) -> ast.expr | None:
        """The list that an array is, which the code itself gives it."""
        if rows.is_data:
            return rows.node
        return None if rows.name in self.given else self.data_of(rows.name)

    def _is_every_row(self, rows: Value, of: Array, node: ast.AST) -> bool:
        """Whether they are all the rows, in order: range(n), np.arange(n), rows = np.arange(n)."""
        if isinstance(rows, Known) and isinstance(rows.value, range):
            counted: list[object] = list(rows.value)
        elif isinstance(rows, Several) and all(isinstance(r, Known) for r in rows.items):
            counted = [r.value for r in rows.items if isinstance(r, Known)]
        elif isinstance(rows, Array) and isinstance(data := self._written_out(rows), ast.List):
            counted = [getattr(item, "value", None) for item in data.elts]
        else:
            return False
        shape = self.shape(of, node)
        if not shape or counted != list(range(shape[0])):
            raise CannotRead(
                tell("these are not all the rows, in order"), node, "p[range(len(p)), y]"
            )
        return True


def _whole(number: int) -> ast.expr:
    if number < 0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-number))
    return ast.Constant(number)
