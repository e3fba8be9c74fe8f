"""Expressions of the code: what is known is computed, what depends on inputs is rebuilt in the
names of the formula's own stages."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from backtrace.code import known
from backtrace.code.values import CannotRead, Data, Formula, Known, Several, Value
from backtrace.code.words import DATA, MAKERS, PASSED_OVER, SAME, dotted

MOST_STEPS = 200_000
_MOST_STAGES = 20_000
_DEEPEST = 40


class Stage(NamedTuple):
    """A statement of the formula, and the line that it comes from."""

    name: str
    text: str
    line: int
    node: ast.expr


class Returned(Exception):
    def __init__(self, value: Value) -> None:
        self.value = value


class Expressions:
    """`given` has the shapes of the values that are given besides."""

    def __init__(self, given: Mapping[str, tuple[int, ...]]) -> None:
        self.given = given
        self.made: dict[int, tuple[Data, str]] = {}
        self.stages: list[Stage] = []
        self.point: dict[str, str] = {}
        self.functions: dict[str, ast.FunctionDef] = {}
        self.counts: set[str] = set()
        self.taken: set[str] = set()
        self.output = ""
        self.last = ""
        self.backward: set[str] = set()  # the names of gradients
        self.goes_back = False  # whether gradients have begun: what follows is no result
        self.steps = 0
        self.depth = 0  # how many functions are open

    def _fresh(self, name: str) -> str:
        """h, then h_v2, h_v3: every version has a name of its own."""
        fresh, number = name, 1
        while fresh in self.taken:
            number += 1
            fresh = f"{name}_v{number}"
        self.taken.add(fresh)
        return fresh

    def _as_stage(self, value: Value, name: str, node: ast.AST) -> str:
        if not isinstance(value, Formula):
            raise CannotRead("the result does not depend on any input", node)
        fresh = self._fresh(name)
        text = f"{fresh} = {ast.unparse(value.node)}"
        if len(self.stages) >= _MOST_STAGES:
            raise CannotRead(f"more than {_MOST_STAGES:,} stages", node)
        self.stages.append(Stage(fresh, text, getattr(node, "lineno", 1), value.node))
        return fresh

    def _items(self, value: Value, node: ast.AST) -> list[Value]:
        if isinstance(value, Several):
            return value.items
        if isinstance(value, Known) and isinstance(value.value, range | list | tuple):
            if len(value.value) > MOST_STEPS:
                raise CannotRead(f"a loop of {len(value.value):,} rounds", node, "fewer rounds")
            return [Known(item) for item in value.value]
        if isinstance(value, Formula):
            shape = self._shape(value, node)
            if shape:
                place = [ast.Constant(k) for k in range(shape[0])]
                return [Formula(ast.Subscript(value.node, k)) for k in place]
        raise CannotRead("this cannot be gone through", node, "range(3), a list, an array")

    def _value(self, node: ast.expr, scope: dict[str, Value]) -> Value:
        match node:
            case ast.Constant():
                return Known(node.value)
            case ast.Name():
                return self._of_name(node, scope)
            case ast.List() | ast.Tuple():
                return known.listed([self._value(item, scope) for item in node.elts])
            case ast.UnaryOp():
                return self._unary(node, scope)
            case ast.BinOp():
                return self._binary(node, scope)
            case ast.Call():
                return self._call(node, scope)
            case ast.Attribute():
                return self._attribute(node, scope)
            case ast.Subscript():
                return self._subscript(node, scope)
            case ast.Compare():
                return self._comparison(node, scope)
            case ast.IfExp():
                condition = self._value(node.test, scope)
                if not isinstance(condition, Known):
                    hint = "np.where(x > 0, a, b)"
                    raise CannotRead("the condition is not known", node.test, hint)
                return self._value(node.body if condition.value else node.orelse, scope)
            case ast.BoolOp():
                parts = [self._value(part, scope) for part in node.values]
                if all(isinstance(part, Known) for part in parts):
                    truths = [bool(part.value) for part in parts if isinstance(part, Known)]
                    return Known(all(truths) if isinstance(node.op, ast.And) else any(truths))
        what = f"'{type(node).__name__}' is not read here"
        raise CannotRead(what, node, "write it out: numbers, arrays, calls of NumPy or PyTorch")

    def _of_name(self, node: ast.Name, scope: dict[str, Value]) -> Value:
        if node.id in scope:
            return scope[node.id]
        if node.id in self.given:
            self.taken.add(node.id)
            scope[node.id] = Formula(ast.Name(node.id))
            return scope[node.id]
        hint = f"give it one: {node.id}=[1, 2]"
        raise CannotRead(f"'{node.id}' has no value", node, hint)

    def _unary(self, node: ast.UnaryOp, scope: dict[str, Value]) -> Value:
        inner = self._value(node.operand, scope)
        if isinstance(inner, Known):
            return Known(known.unary(node, inner.value))
        if isinstance(inner, Data):
            return Data(f"-({inner.text})" if isinstance(node.op, ast.USub) else inner.text)
        return Formula(ast.UnaryOp(node.op, self._node(inner, node)))

    def _binary(self, node: ast.BinOp, scope: dict[str, Value]) -> Value:
        left, right = self._value(node.left, scope), self._value(node.right, scope)
        if isinstance(left, Known) and isinstance(right, Known):
            return Known(known.binary(node, left.value, right.value))
        if (
            isinstance(left, Several)
            and isinstance(right, Several)
            and isinstance(node.op, ast.Add)
        ):
            return Several([*left.items, *right.items])
        if isinstance(node.op, ast.FloorDiv | ast.Mod):
            raise CannotRead("the remainder of an array is not read", node, "x - y*np.floor(x/y)")
        is_data = all(isinstance(part, Data | Known) for part in (left, right))
        if is_data and not isinstance(node.op, ast.MatMult):
            first, second = (p.text if isinstance(p, Data) else _literal(p) for p in (left, right))
            return Data(f"({first}) {known.SIGNS[type(node.op)]} ({second})")
        return Formula(ast.BinOp(self._node(left, node), node.op, self._node(right, node)))

    def _comparison(self, node: ast.Compare, scope: dict[str, Value]) -> Value:
        parts = [self._value(part, scope) for part in (node.left, *node.comparators)]
        if all(isinstance(part, Known) for part in parts):
            return Known(known.compared(node, [p.value for p in parts if isinstance(p, Known)]))
        nodes = [self._node(part, node) for part in parts]
        return Formula(ast.Compare(nodes[0], node.ops, nodes[1:]))

    def _attribute(self, node: ast.Attribute, scope: dict[str, Value]) -> Value:
        if (path := dotted(node)) in known.CONSTANTS:
            return Known(known.CONSTANTS[path])
        inner = self._value(node.value, scope)
        if node.attr == "shape":
            return Known(self._shape(inner, node))
        if node.attr == "values":
            return inner
        if node.attr in ("T", "mT"):
            return Formula(ast.Attribute(self._node(inner, node), "T"))
        raise CannotRead(f"'.{node.attr}' is not read", node, ".T and .shape are")

    def _subscript(self, node: ast.Subscript, scope: dict[str, Value]) -> Value:
        inner = self._value(node.value, scope)
        if isinstance(inner, Known | Several):
            held = inner.items if isinstance(inner, Several) else inner.value
            place = (
                self._value(node.slice, scope) if not isinstance(node.slice, ast.Slice) else None
            )
            if isinstance(place, Known):
                try:
                    found = held[place.value]
                except (IndexError, KeyError, TypeError):
                    raise CannotRead("there is no such entry", node) from None
                value: Value = found if isinstance(inner, Several) else Known(found)
                return value
        if isinstance(node.slice, ast.Tuple) and len(node.slice.elts) == 2:
            rows, k = node.slice.elts
            if not isinstance(rows, ast.Slice | ast.Constant) and self._is_every_row(
                self._value(rows, scope), inner, rows
            ):
                places = self._node(self._value(k, scope), k)
                return Formula(ast.Call(ast.Name("pick"), [self._node(inner, node), places], []))
        return Formula(ast.Subscript(self._node(inner, node), self._index(node.slice, scope)))

    def _is_every_row(self, rows: Value, of: Value, node: ast.AST) -> bool:
        """Whether p[range(n), y] takes one entry of every row."""
        if isinstance(rows, Known) and isinstance(rows.value, range):
            text = repr(list(rows.value))
        elif isinstance(rows, Data):
            text = rows.text
        else:
            return False
        shape = self._shape(of, node)
        if not shape or text != repr(list(range(shape[0]))):
            raise CannotRead("these are not all the rows, in order", node, "p[range(len(p)), y]")
        return True

    def _index(self, node: ast.expr, scope: dict[str, Value]) -> ast.expr:
        """An index of whole numbers and slices, with what is known put in."""
        if isinstance(node, ast.Tuple):
            return ast.Tuple([self._index(part, scope) for part in node.elts])
        if isinstance(node, ast.Slice):
            ends = [
                self._index(part, scope) if part is not None else None
                for part in (node.lower, node.upper, node.step)
            ]
            return ast.Slice(*ends)
        value = self._value(node, scope)
        if isinstance(value, Known) and type(value.value) is int:
            return ast.parse(repr(value.value), mode="eval").body
        return self._node(value, node)

    def _call(self, node: ast.Call, scope: dict[str, Value]) -> Value:
        path = dotted(node.func)
        name = path.rpartition(".")[2]
        if not path:
            raise CannotRead("a function without a name is not called", node, "def f(x): ...")
        if path in self.functions:
            return self._inlined(self.functions[path], node, scope)
        if path in known.BUILTINS:
            return self._builtin(path, node, scope)
        if name in SAME and path != name and len(node.args) >= 1:
            found = self._value(node.args[0], scope)
            return known.as_data(found, node) if name in DATA else found
        if name in DATA and node.args:
            return known.as_data(self._value(node.args[0], scope), node)
        if name in MAKERS and (path != name or name not in scope):
            return self._made(name, node, scope)
        if isinstance(node.func, ast.Attribute) and path.partition(".")[0] not in known.LIBRARIES:
            return self._method(node, scope)
        return Formula(self._rebuilt(node, node.func, scope))

    def _method(self, node: ast.Call, scope: dict[str, Value]) -> Value:
        assert isinstance(node.func, ast.Attribute)
        inner = self._value(node.func.value, scope)
        if node.func.attr == "size":
            shape = self._shape(inner, node)
            where = self._value(node.args[0], scope) if node.args else None
            return Known(shape[where.value] if isinstance(where, Known) else shape)
        if node.func.attr in ("transpose", "swapaxes", "permute") and node.args:
            if len(self._shape(inner, node)) != 2:
                raise CannotRead("axes are swapped of matrices only", node, "x.T")
            return Formula(ast.Attribute(self._node(inner, node), "T"))
        if node.func.attr in SAME and not node.args and not isinstance(inner, Formula):
            return inner
        function = ast.Attribute(self._node(inner, node), node.func.attr)
        return Formula(self._rebuilt(node, function, scope))

    def _rebuilt(self, node: ast.Call, function: ast.expr, scope: dict[str, Value]) -> ast.Call:
        """The call with the formula's own names in it."""
        if isinstance(function, ast.Name) and function.id not in known.CALLED:
            hint = "functions of the file, of NumPy and of PyTorch are"
            raise CannotRead(f"'{function.id}' is not read", node, hint)
        arguments = [self._node(self._value(part, scope), part) for part in node.args]
        keywords = [
            ast.keyword(k.arg, self._node(self._value(k.value, scope), k.value))
            for k in node.keywords
            if k.arg not in PASSED_OVER
        ]
        return ast.Call(function, arguments, keywords)

    def _inlined(self, function: ast.FunctionDef, node: ast.Call, scope: dict[str, Value]) -> Value:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise CannotRead(f"calls are nested more than {_DEEPEST} deep", node)
        if function.decorator_list or function.args.vararg or function.args.kwarg:
            raise CannotRead(f"'{function.name}' is decorated, or takes any arguments", node)
        names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
        inner: dict[str, Value] = {}
        defaults = function.args.defaults
        for name, default in zip(names[len(names) - len(defaults) :], defaults, strict=True):
            inner[name] = self._value(default, {})
        for name, argument in zip(names, node.args, strict=False):
            inner[name] = self._value(argument, scope)
        for keyword in node.keywords:
            if keyword.arg:
                inner[keyword.arg] = self._value(keyword.value, scope)
        missing = [name for name in names if name not in inner]
        if missing or len(node.args) > len(names):
            raise CannotRead(f"{function.name} takes {len(names)} arguments", node)
        outer = {k: v for k, v in scope.items() if k not in inner}
        try:
            self._block(function.body, {**outer, **inner})
        except Returned as returned:
            return returned.value
        finally:
            self.depth -= 1
        return Known(None)

    def _builtin(self, path: str, node: ast.Call, scope: dict[str, Value]) -> Value:
        values = [self._value(part, scope) for part in node.args]
        if path == "len" and len(values) == 1:
            held = values[0]
            if isinstance(held, Several):
                return Known(len(held.items))
            if isinstance(held, Known):
                return Known(len(held.value))
            return Known(self._shape(held, node)[0])
        if path in ("enumerate", "zip", "reversed", "list", "tuple"):
            lists = [self._items(value, node) for value in values]
            if path == "enumerate":
                return Several([Several([Known(k), item]) for k, item in enumerate(lists[0])])
            if path == "zip":
                return Several([Several(list(pair)) for pair in zip(*lists, strict=False)])
            return Several(lists[0][::-1] if path == "reversed" else list(lists[0]))
        if all(isinstance(value, Known) for value in values):
            return Known(
                known.called(path, [v.value for v in values if isinstance(v, Known)], node)
            )
        if path in ("abs", "max", "min", "sum", "float"):
            nodes = [self._node(value, node) for value in values]
            return Formula(nodes[0] if path == "float" else ast.Call(ast.Name(path), nodes, []))
        raise CannotRead(f"'{path}' of what is not known", node)

    def _made(self, name: str, node: ast.Call, scope: dict[str, Value]) -> Value:
        """zeros(3, 4), randn(3, 4), zeros_like(x): a value for an input."""
        values = [self._value(part, scope) for part in node.args]
        if name.endswith("_like"):
            shape: Any = self._shape(values[0], node)
        else:
            parts = [v.value if isinstance(v, Known) else None for v in values]
            shape = parts[0] if len(parts) == 1 and isinstance(parts[0], tuple | list) else parts
            if len(values) == 1 and isinstance(values[0], Several):
                shape = [v.value for v in values[0].items if isinstance(v, Known)]
        if any(type(length) is not int for length in shape):
            raise CannotRead("the shape is not known", node, "whole numbers are")
        return Data(known.made(name, list(shape), node))

    def _node(self, value: Value, node: ast.AST) -> ast.expr:
        if isinstance(value, Formula):
            return value.node
        if isinstance(value, Known):
            if isinstance(value.value, list | tuple):
                return ast.List([self._node(Known(item), node) for item in value.value])
            if value.value is None or isinstance(value.value, bool | int | float | str):
                return ast.parse(repr(value.value), mode="eval").body
            raise CannotRead("this is no number", node)
        if isinstance(value, Several):
            return ast.List([self._node(item, node) for item in value.items])
        if not value.text.startswith(("[", "(")) and "(" in value.text:
            return ast.Name(self._constant_input(value))
        return ast.parse(value.text, mode="eval").body

    def _constant_input(self, value: Data) -> str:
        """An array that is made on the way is an input of its own."""
        if id(value) not in self.made:
            fresh = self._fresh("made")
            self.point[fresh] = value.text
            self.made[id(value)] = (value, fresh)
        return self.made[id(value)][1]

    def _shape(self, value: Value, node: ast.AST) -> tuple[int, ...]:
        """The shape of what is computed so far, as the formula up to here has it."""
        from backtrace.code.shapes import shape_of

        return shape_of(self, value, node)

    def _block(self, body: Sequence[ast.stmt], scope: dict[str, Value]) -> None:
        """Statements, one after the other; `Machine` has it."""
        raise NotImplementedError


def _literal(value: Value) -> str:
    return repr(value.value) if isinstance(value, Known) else ""
