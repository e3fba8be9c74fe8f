"""Calls of Python's own functions: len, zip, sum, isinstance."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from backtrace.code import known
from backtrace.code.expressions import different
from backtrace.code.library import Library
from backtrace.code.operands import as_number
from backtrace.code.values import (
    Array,
    Builtin,
    CannotRead,
    Class,
    Dictionary,
    Function,
    Instance,
    Known,
    Module,
    Scope,
    Several,
    Value,
)
from backtrace.language import tell


class BuiltinCalls(Library):
    """What `known.BUILTINS` lists."""

    identified: Sequence[Value] = ()  # the objects that id() was asked of, in order

    def inlined(
        self,
        function: Function,
        placed: Sequence[Value],
        named: dict[str, Value],
        node: ast.AST,
    ) -> Value:
        raise NotImplementedError

    def builtin(self, path: str, node: ast.Call, scope: Scope) -> Value:
        if path == "print":
            return Known(None)
        values, named = self.arguments(node, scope)
        if path in ("dict",):
            return Dictionary({**_pairs(values, self, node), **named})
        if path in ("isinstance", "hasattr", "getattr", "type", "callable"):
            return self._asked(path, values, node)
        if not values and path in ("list", "tuple", "set"):
            return Several([], path == "tuple")
        if not values:
            raise CannotRead(tell("{path}() of nothing", path=path), node)
        if path == "id":
            return self._identity(values[0])
        if path == "len":
            return Known(self._length(values[0], node), measured=True)
        if path in ("enumerate", "zip", "reversed", "list", "tuple", "set", "map", "sorted"):
            return self._listed(path, values, named, node)
        flat = self.items(values[0], node) if len(values) == 1 and _is_list(values[0]) else values
        if path in ("sum", "max", "min", "any", "all") and all(isinstance(v, Known) for v in flat):
            numbers = [v.value for v in flat if isinstance(v, Known)]
            return Known(known.called(path, [numbers], node))
        if all(isinstance(v, Known) for v in values):
            is_measured = any(v.measured for v in values if isinstance(v, Known))
            numbers = [v.value for v in values if isinstance(v, Known)]
            return Known(known.called(path, numbers, node), is_measured)
        if path in ("sum", "max", "min"):
            return self._folded(path, values, node)
        if path in ("abs", "float", "pow") and not isinstance(values[0], Instance):
            if path == "pow":
                return self.binary(ast.Pow(), values[0], values[1], node)
            array = self.array(values[0], node)
            if path == "float":  # a number of Python's own, through which PyTorch has no gradient
                return self.detached(array, node) if self.library_of(array) == "torch" else array
            self.refuse_list(array, node)
            return self.made_of(ast.Call(ast.Name("abs"), [array.node], []), [array], node)
        raise CannotRead(tell("'{path}' of what is not known", path=path), node)

    def _identity(self, value: Value) -> Known:
        """id(n): a number that the object alone has."""
        place = next((k for k, one in enumerate(self.identified) if one is value), None)
        if place is None:
            place = len(self.identified)
            self.identified = [*self.identified, value]
        return Known(place, measured=True)

    def _length(self, value: Value, node: ast.AST) -> int:
        if isinstance(value, Several | Dictionary):
            return len(value.items)
        if isinstance(value, Module) and value.kind in ("Sequential", "ModuleList"):
            return len(value.names)
        if isinstance(value, Known):
            return len(self.items(value, node))
        shape = self.shape(self.array(value, node), node)
        if not shape:
            raise CannotRead(tell("a number has no length"), node)
        return shape[0]

    def _listed(
        self, path: str, values: list[Value], named: dict[str, Value], node: ast.AST
    ) -> Value:
        if path == "map":
            function = values.pop(0)
            if not isinstance(function, Function):
                raise CannotRead(tell("'map' is read of functions of the code's own"), node)
            lists = [self.items(value, node) for value in values]
            rounds = zip(*lists, strict=False)
            return Several([self.inlined(function, list(round), {}, node) for round in rounds])
        lists = [self.items(value, node) for value in values]
        if path == "enumerate":
            first = named.get("start", Known(0))
            start = first.value if isinstance(first, Known) else 0
            pairs = enumerate(lists[0], start)
            return Several([Several([Known(k), item], is_tuple=True) for k, item in pairs])
        if path == "zip":
            rounds = zip(*lists, strict=False)
            return Several([Several(list(round), is_tuple=True) for round in rounds])
        if path == "sorted" and not named and all(isinstance(v, Known) for v in lists[0]):
            try:
                ordered = sorted(v.value for v in lists[0] if isinstance(v, Known))
            except TypeError:
                raise CannotRead(tell("these have no order"), node) from None
            return Several([Known(v) for v in ordered])
        if path == "sorted":
            raise CannotRead(tell("the order depends on numbers"), node)
        if path == "set":
            return Several(different(lists[0]))
        ordered_list = lists[0][::-1] if path == "reversed" else lists[0]
        return Several(list(ordered_list), is_tuple=path == "tuple")

    def _folded(self, path: str, values: list[Value], node: ast.AST) -> Value:
        """sum(list), max(a, b): Python's own go along the first axis, one after the other."""
        items = values if len(values) > 1 and path != "sum" else self.items(values[0], node)
        if path == "sum" and len(values) > 1:
            items = [values[1], *items]
        items = [i for i in items if not (path == "sum" and i == Known(0))] or [Known(0)]
        if path == "sum":  # which begins with the number 0: yes and no are counted
            items = [as_number(item) if isinstance(item, Array) else item for item in items]
            total = items[0]
            for item in items[1:]:
                total = self.binary(ast.Add(), total, item, node)
            return total
        if any(isinstance(item, Instance) for item in items):
            raise CannotRead(tell("'{path}' of objects is not read", path=path), node)
        arrays = [self.array(item, node) for item in items]
        for array in arrays:
            if array.kind != "number" and self.shape(array, node):
                raise CannotRead(
                    tell("'{path}' of arrays is not known", path=path), node, "np.maximum(a, b)"
                )
        called = ast.Call(ast.Name(path), self.nodes(arrays), [])
        return self.made_of(called, arrays, node) if len(arrays) > 1 else arrays[0]

    def _asked(self, path: str, values: list[Value], node: ast.AST) -> Value:
        """isinstance, hasattr, getattr, type, callable."""
        first = values[0]
        if path == "callable":
            return Known(isinstance(first, Function | Class | Builtin))
        if path == "type":
            return first.of if isinstance(first, Instance) else Known(type(first).__name__)
        second = values[1] if len(values) > 1 else Known(None)
        if path == "isinstance":
            kinds = second.items if isinstance(second, Several) else [second]
            return Known(any(self._is_of_kind(first, kind, node) for kind in kinds))
        name = str(second.value) if isinstance(second, Known) else ""
        try:
            found = self.attribute(first, name, node)
        except CannotRead:
            if path == "hasattr":
                return Known(False)
            if len(values) < 3:
                raise
            return values[2]
        return Known(True) if path == "hasattr" else found

    def _is_of_kind(self, value: Value, kind: Value, node: ast.AST) -> bool:
        if isinstance(kind, Class):
            return isinstance(value, Instance) and value.of.is_a(kind)
        if not isinstance(kind, Builtin):
            raise CannotRead(tell("what kind it is is not known"), node)
        kinds = {"int": int, "float": float, "str": str, "bool": bool}
        if kind.path in kinds and isinstance(value, Known):
            return isinstance(value.value, kinds[kind.path])
        if kind.path == "float" and isinstance(value, Array) and value.kind == "number":
            return True
        if kind.path in ("list", "tuple") and isinstance(value, Several):
            return value.is_tuple == (kind.path == "tuple")
        is_array = kind.path.rpartition(".")[2] in ("ndarray", "Tensor")
        return is_array and isinstance(value, Array) and not value.kind


def _is_list(value: Value) -> bool:
    is_held = isinstance(value, Known) and isinstance(value.value, list | tuple | range)
    return isinstance(value, Several) or is_held


def _pairs(values: list[Value], of: BuiltinCalls, node: ast.AST) -> dict[Any, Value]:
    found: dict[Any, Value] = {}
    for value in values:
        if isinstance(value, Dictionary):
            found |= value.items
            continue
        for pair in of.items(value, node):
            key, item = of.items(pair, node)
            if not isinstance(key, Known):
                raise CannotRead(tell("this is no key of a dictionary"), node)
            found[key.value] = item
    return found
