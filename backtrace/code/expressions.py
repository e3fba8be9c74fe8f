"""Expressions of the code: what is known is computed, what depends on inputs is rebuilt in the
names of the formula's own stages."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping, Sequence
from typing import Any

from backtrace.code import known
from backtrace.code.stages import Shape, Stages
from backtrace.code.values import (
    Array,
    Builtin,
    CannotRead,
    Class,
    Dictionary,
    Function,
    Instance,
    Known,
    Scope,
    Several,
    TooMuch,
    Unreadable,
    Value,
)
from backtrace.code.words import CONSTANTS, IMPLIED, MAKERS, WITHOUT_PREFIX

MOST_STEPS = 200_000
_OPERATORS = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "truediv",
    ast.Pow: "pow",
    ast.MatMult: "matmul",
}
_HINT = "write it out: numbers, arrays, calls of NumPy or PyTorch"


class Expressions(Stages):
    """What expressions are worth. `Calls` adds what is called, `Machine` walks statements."""

    def __init__(self, given: Mapping[str, Shape]) -> None:
        super().__init__(given)
        self.module = Scope()
        self.libraries: set[str] = set()  # numpy, torch: which the code is written for
        self.steps = 0
        self.depth = 0  # how many functions are open

    def step(self, node: ast.AST) -> None:
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise TooMuch(f"more than {MOST_STEPS:,} steps", node, "fewer rounds of a loop")

    def value(self, node: ast.expr, scope: Scope) -> Value:
        """What an expression is worth. Raises CannotRead."""
        self.step(node)
        match node:
            case ast.Constant():
                return Known(node.value)
            case ast.Name():
                return self.of_name(node, scope)
            case ast.List() | ast.Tuple() | ast.Set():
                items = self._elements(node.elts, scope)
                return Several(items, is_tuple=isinstance(node, ast.Tuple))
            case ast.Dict():
                return self._dictionary(node, scope)
            case ast.UnaryOp():
                return self._unary(node, scope)
            case ast.BinOp():
                return self._binary(node, scope)
            case ast.Call():
                return self.call(node, scope)
            case ast.Attribute():
                return self._attribute(node, scope)
            case ast.Subscript():
                return self.subscript(node, scope)
            case ast.Compare():
                return self._comparison(node, scope)
            case ast.IfExp():
                chosen = node.body if self.truth(node.test, scope) else node.orelse
                return self.value(chosen, scope)
            case ast.BoolOp():
                return self._either(node, scope)
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
                return Several([self.value(node.elt, s) for s in self._rounds(node, scope)])
            case ast.DictComp():
                rounds = self._rounds(node, scope)
                pairs = [(self.key(node.key, s), self.value(node.value, s)) for s in rounds]
                return Dictionary(dict(pairs))
            case ast.Lambda():
                return self.defined(node, scope)
            case ast.JoinedStr():
                return self._text(node, scope)
            case ast.NamedExpr(target=ast.Name(id=name)):
                value = self.value(node.value, scope)
                scope.bind(name, value)
                return value
        raise CannotRead(f"'{type(node).__name__}' is not read here", node, _HINT)

    def of_name(self, node: ast.Name, scope: Scope) -> Value:
        found = scope.find(node.id)
        if found is None:
            found = self._not_bound(node)
        if isinstance(found, Unreadable):
            raise found.error
        if isinstance(found, Array) and found.error is not None:
            raise found.error
        return found

    def _not_bound(self, node: ast.Name) -> Value:
        """A value that is given besides, a name of Python's own, or of a library."""
        name = node.id
        if name in self.given:
            self.taken.add(name)
            array = Array(ast.Name(name))
            self.module.names[name] = array
            return array
        if name in known.BUILTINS:
            return Builtin(name)
        if name in IMPLIED:
            return Builtin(IMPLIED[name])
        if name in WITHOUT_PREFIX:
            return Builtin(name)
        if hasattr(builtins, name):
            raise CannotRead(f"'{name}' is not read", node, _HINT)
        raise CannotRead(f"'{name}' has no value", node, f"give it one: {name}=[1, 2]")

    begins = False  # whether values are still given to what is to be trained

    def _elements(self, nodes: Sequence[ast.expr], scope: Scope) -> list[Value]:
        items: list[Value] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                items += self.items(self.value(node.value, scope), node)
            else:
                items.append(self.value(node, scope))
        return items

    def _dictionary(self, node: ast.Dict, scope: Scope) -> Dictionary:
        found: dict[Any, Value] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                inner = self.value(value, scope)
                if not isinstance(inner, Dictionary):
                    raise CannotRead("a dictionary is due", value)
                found |= inner.items
            else:
                found[self.key(key, scope)] = self.value(value, scope)
        return Dictionary(found)

    def key(self, node: ast.expr, scope: Scope) -> Any:
        """The key of a dictionary: a text, a number, a tuple of them."""
        return self._hashable(self.value(node, scope), node)

    def _hashable(self, value: Value, node: ast.AST) -> Any:
        if isinstance(value, Known) and not isinstance(value.value, list | range):
            return value.value
        if isinstance(value, Several) and value.is_tuple:
            return tuple(self._hashable(item, node) for item in value.items)
        if isinstance(value, Several | Dictionary | Unreadable):
            raise CannotRead("this is no key of a dictionary", node)
        return value  # an object, by which it is

    def _rounds(
        self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp, scope: Scope
    ) -> list[Scope]:
        """A scope for every round of a comprehension."""
        rounds = [Scope(scope)]
        for part in node.generators:
            found: list[Scope] = []
            for one in rounds:
                for item in self.items(self.value(part.iter, one), part.iter):
                    self.step(node)
                    inner = Scope(one)
                    self.unpack(part.target, item, inner)
                    if all(self.truth(test, inner) for test in part.ifs):
                        found.append(inner)
            rounds = found
        return rounds

    def _text(self, node: ast.JoinedStr, scope: Scope) -> Known:
        parts: list[str] = []
        for part in node.values:
            if isinstance(part, ast.Constant):
                parts.append(str(part.value))
                continue
            assert isinstance(part, ast.FormattedValue)
            value = self.value(part.value, scope)
            if not isinstance(value, Known) or part.format_spec is not None:
                raise CannotRead("this text depends on numbers", node)
            parts.append(str(value.value))
        return Known("".join(parts))

    def truth(self, node: ast.expr, scope: Scope) -> bool:
        """Whether a condition holds. Raises CannotRead where that depends on inputs."""
        value = self.value(node, scope)
        match value:
            case Known():
                return bool(value.value)
            case Several():
                return bool(value.items)
            case Dictionary():
                return bool(value.items)
            case Function() | Class() | Instance() | Builtin():
                return True
        hint = "a choice between numbers is np.where(x > 0, a, b)"
        raise CannotRead("the condition is not known", node, hint)

    def _either(self, node: ast.BoolOp, scope: Scope) -> Value:
        is_and = isinstance(node.op, ast.And)
        for part in node.values[:-1]:
            if self.truth(part, scope) != is_and:
                return self.value(part, scope)
        return self.value(node.values[-1], scope)

    def items(self, value: Value, node: ast.AST) -> list[Value]:
        """What a loop goes through. Raises CannotRead where that is not known."""
        match value:
            case Several():
                return list(value.items)
            case Dictionary():
                return [Known(k) if not isinstance(k, Instance) else k for k in value.items]
            case Known(value=range() | list() | tuple() | str() as held):
                if len(held) > MOST_STEPS:
                    raise TooMuch(f"a loop of {len(held):,} rounds", node, "fewer rounds")
                return [Known(item, value.measured) for item in held]
            case Array():
                shape = self.shape(value, node)
                if shape:
                    return [self.entry(value, ast.Constant(k)) for k in range(shape[0])]
        raise CannotRead("this cannot be gone through", node, "range(3), a list, an array")

    def entry(self, value: Array, place: ast.expr) -> Array:
        """A part of an array, by an index of whole numbers and slices."""
        node = ast.Subscript(value.node, place)
        kind = "number" if value.kind else ""
        return Array(node, value.is_data, value.library, kind, value.is_mask, part_of=value)

    # operators

    def _unary(self, node: ast.UnaryOp, scope: Scope) -> Value:
        if isinstance(node.op, ast.Not):
            return Known(not self.truth(node.operand, scope))
        inner = self.value(node.operand, scope)
        if isinstance(inner, Known):
            return Known(known.unary(node, inner.value), inner.measured)
        if isinstance(inner, Instance):
            return self.operated(inner, "neg", None, node)
        array = self.array(inner, node)
        if isinstance(node.op, ast.Invert):
            if not array.is_mask:
                raise CannotRead("'~' is read of yes and no only", node, "~(x > 0)")
            not_so = ast.Compare(as_number(array).node, [ast.Lt()], [ast.Constant(1)])
            return self._made_of(not_so, [array], node, is_mask=True)
        self.refuse_list(array, node)
        array = as_number(array)
        sign = ast.copy_location(ast.UnaryOp(node.op, array.node), node)
        return self._made_of(sign, [array], node)

    def _binary(self, node: ast.BinOp, scope: Scope) -> Value:
        left, right = self.value(node.left, scope), self.value(node.right, scope)
        return self.binary(node.op, left, right, node)

    def binary(self, op: ast.operator, left: Value, right: Value, node: ast.AST) -> Value:
        """Two values with an operator between them."""
        if isinstance(left, Known) and isinstance(right, Known):
            if isinstance(left.value, tuple) and isinstance(op, ast.Add):
                return Several([*self.items(left, node), *self.items(right, node)], is_tuple=True)
            is_measured = left.measured or right.measured
            return Known(known.binary(op, left.value, right.value, node), is_measured)
        if isinstance(left, Instance):
            return self.operated(left, _OPERATORS.get(type(op), "?"), right, node)
        if isinstance(right, Instance):
            return self.operated(right, "r" + _OPERATORS.get(type(op), "?"), left, node)
        if isinstance(left, Several) or isinstance(right, Several):
            joined = self._joined(op, left, right, node)
            if joined is not None:
                return joined
        first, second = self.array(left, node), self.array(right, node)
        if "list" in (first.kind, second.kind):
            self._refuse_lists(first, second, node)
        if isinstance(op, ast.BitAnd | ast.BitOr | ast.BitXor | ast.LShift | ast.RShift):
            return self._of_bits(op, [first, second], node)
        if not isinstance(op, ast.Mult) or (first.is_mask and second.is_mask):
            first, second = as_number(first), as_number(second)
        nodes = self.nodes([first, second])
        made = ast.copy_location(ast.BinOp(nodes[0], op, nodes[1]), node)
        return self._made_of(made, [first, second], node)

    def _joined(self, op: ast.operator, left: Value, right: Value, node: ast.AST) -> Several | None:
        """Lists are joined by +, and repeated by *; beside an array they are arrays (None)."""
        if isinstance(op, ast.Add) and not (isinstance(left, Array) or isinstance(right, Array)):
            both = [*self.items(left, node), *self.items(right, node)]
            return Several(both, isinstance(left, Several) and left.is_tuple)
        if isinstance(left, Several) and isinstance(right, Known) and isinstance(op, ast.Mult):
            if type(right.value) is not int or len(left.items) * right.value > known.LONGEST:
                raise CannotRead("a list is repeated by a whole number", node)
            return Several(left.items * right.value, left.is_tuple)
        if isinstance(right, Several) and isinstance(left, Known):
            return self._joined(op, right, left, node)
        return None

    def _refuse_lists(self, left: Array, right: Array, node: ast.AST) -> None:
        """A list of Python's own: beside an array of NumPy it is one, alone it joins or fails."""
        is_beside_array = any(not part.kind for part in (left, right))
        if not is_beside_array:
            hint = "np.array(x) makes an array of it"
            raise CannotRead("a list of numbers does not add up, it is joined", node, hint)

    def refuse_list(self, array: Array, node: ast.AST) -> None:
        if array.kind == "list":
            hint = "np.array(x) makes an array of it"
            raise CannotRead("a list of numbers is no array", node, hint)

    def _of_bits(self, op: ast.operator, of: list[Array], node: ast.AST) -> Array:
        """& and | of yes and no; of numbers they are not what they look like."""
        if not all(part.is_mask for part in of):
            is_power = isinstance(op, ast.BitXor)
            hint = "a power is x**2 in Python" if is_power else "(x > 0) & (x < 1)"
            what = "'^' is no power here" if is_power else "bits of numbers are not read"
            raise CannotRead(what, node, hint)
        first, second = self.nodes([as_number(part) for part in of])
        both: ast.expr = ast.BinOp(first, ast.Mult(), second)
        if isinstance(op, ast.BitOr):
            both = ast.Call(ast.Name("max"), [first, second], [])
        elif isinstance(op, ast.BitXor):
            both = ast.BinOp(ast.BinOp(first, ast.Sub(), second), ast.Pow(), ast.Constant(2))
        yes = ast.Compare(both, [ast.Gt()], [ast.Constant(0)])
        return self._made_of(yes, of, node, is_mask=True)

    def _comparison(self, node: ast.Compare, scope: Scope) -> Value:
        parts = [self.value(part, scope) for part in (node.left, *node.comparators)]
        if all(isinstance(part, Known) for part in parts):
            return Known(known.compared(node, [p.value for p in parts if isinstance(p, Known)]))
        first, second = parts[0], parts[-1]
        if len(parts) == 2:
            decided = self._decided(node.ops[0], first, second, node)
            if decided is not None:
                return Known(decided)
        arrays = [self.array(part, node) for part in parts]
        if any(array.kind == "list" for array in arrays) and all(a.kind for a in arrays):
            raise CannotRead(
                "lists are compared as wholes", node, "np.array(x) makes an array of it"
            )
        if len(parts) > 2 and any(self.shape(a, node) for a in arrays):
            hint = "(0 < x) & (x < 1)"
            raise CannotRead("arrays are compared two at a time", node, hint)
        nodes = self.nodes([as_number(array) for array in arrays])
        made = ast.copy_location(ast.Compare(nodes[0], node.ops, nodes[1:]), node)
        return self._made_of(made, arrays, node, is_mask=True)

    def _decided(self, op: ast.cmpop, first: Value, second: Value, node: ast.AST) -> bool | None:
        """Comparisons that no number decides: is None, in, == of a text."""
        if isinstance(op, ast.In | ast.NotIn):
            inside = self._is_in(first, second, node)
            return inside == isinstance(op, ast.In)
        if isinstance(op, ast.Is | ast.IsNot):
            same = first is second or (isinstance(first, Known) and first == second)
            return same == isinstance(op, ast.Is)
        is_other = any(
            isinstance(v, Known) and (v.value is None or isinstance(v.value, str))
            for v in (first, second)
        )
        if is_other and isinstance(op, ast.Eq | ast.NotEq):
            return isinstance(op, ast.NotEq)
        if all(isinstance(v, Several | Known) for v in (first, second)):
            items = [self.items(v, node) for v in (first, second)]
            if all(isinstance(v, Known) for part in items for v in part) and isinstance(
                op, ast.Eq | ast.NotEq
            ):
                return (items[0] == items[1]) == isinstance(op, ast.Eq)
        if any(isinstance(v, Class | Builtin | Function) for v in (first, second)):
            return (first is second or first == second) == isinstance(op, ast.Eq)
        return None

    def _is_in(self, first: Value, second: Value, node: ast.AST) -> bool:
        if isinstance(second, Dictionary):
            return self._hashable(first, node) in second.items
        if isinstance(second, Known) and isinstance(second.value, str) and isinstance(first, Known):
            return str(first.value) in second.value
        held = self.items(second, node)
        if isinstance(second, Array) or (isinstance(first, Array) and not first.name):
            raise CannotRead("whether it is in there is not known", node)
        return any(item is first or (isinstance(item, Known) and item == first) for item in held)

    # attributes

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Value:
        inner = self.value(node.value, scope)
        if isinstance(inner, Builtin):
            path = f"{inner.path}.{node.attr}"
            return Known(CONSTANTS[path]) if path in CONSTANTS else Builtin(path)
        found = self.attribute(inner, node.attr, node)
        if isinstance(found, Unreadable):
            raise found.error
        return found

    def attribute(self, inner: Value, name: str, node: ast.AST) -> Value:
        if isinstance(inner, Instance | Class):
            return self.member(inner, name, node)
        if name == "shape":
            return Known(self.shape(self.array(inner, node), node), measured=True)
        if name == "ndim":
            return Known(len(self.shape(self.array(inner, node), node)), measured=True)
        if isinstance(inner, Array):
            if name == "size" and self.library_of(inner) != "torch":
                length = 1
                for part in self.shape(inner, node):
                    length *= part
                return Known(length, measured=True)
            if name in ("T", "mT"):
                turned = ast.copy_location(ast.Attribute(inner.node, "T"), node)
                return self._made_of(turned, [inner], node, inner.is_mask, part_of=inner)
            if name == "data":
                return inner if self.begins else self.detached(inner, node)
            if name in ("dtype", "device", "requires_grad"):
                return Known(name)
        if isinstance(inner, Several) and inner.is_tuple and name in ("values", "indices"):
            return inner.items[name == "indices"]
        raise CannotRead(f"'.{name}' is not read", node, ".T and .shape are")

    # what a value is in the formula

    def array(self, value: Value, node: ast.AST) -> Array:
        """A value as an array or a number of the formula. Raises CannotRead for what is none."""
        match value:
            case Array():
                if value.error is not None:
                    raise value.error
                return value
            case Known(value=bool() | int() | float() as number):
                constant = ast.Constant(int(number) if isinstance(number, bool) else number)
                made: ast.expr = ast.copy_location(constant, node)
                return Array(made, is_data=True, kind="number")
            case Known(value=range() | list() | tuple() as held):
                return self.array(Several([Known(item) for item in held]), node)
            case Several():
                parts = [self.array(item, node) for item in value.items]
                if not parts:
                    raise CannotRead("an empty list is no array", node)
                is_data = all(part.is_data for part in parts)
                return Array(ast.List(self.nodes(parts)), is_data, kind="list")
            case Unreadable():
                raise value.error
        raise CannotRead("a number or an array is due", node)

    def nodes(self, arrays: Sequence[Array]) -> list[ast.expr]:
        """Their nodes in one expression: beside what depends on inputs, what is made of random
        numbers is an input of its own, and numbers that are written out are constants."""
        if all(array.is_data for array in arrays):
            return [array.node for array in arrays]
        for array in arrays:
            if array.is_data and is_made(array.node):
                array.node = self.add_input(array, "made")
                array.is_data = False
        return [array.node for array in arrays]

    def _made_of(
        self,
        made: ast.expr,
        parts: Sequence[Array],
        node: ast.AST,
        is_mask: bool = False,
        part_of: Array | None = None,
    ) -> Array:
        """The result of an operation on arrays."""
        ast.copy_location(made, node)
        is_number = all(part.kind == "number" for part in parts)
        libraries = {part.library for part in parts if part.library}
        library = libraries.pop() if len(libraries) == 1 else ""
        is_data = all(part.is_data for part in parts)
        return Array(made, is_data, library, "number" * is_number, is_mask, part_of)

    def library_of(self, array: Array) -> str:
        """numpy or torch; "" where the code may mean both."""
        if array.library or len(self.libraries) != 1:
            return array.library
        return next(iter(self.libraries))

    # what other modules have

    def call(self, node: ast.Call, scope: Scope) -> Value:
        raise NotImplementedError

    def defined(self, node: ast.FunctionDef | ast.Lambda, scope: Scope) -> Function:
        raise NotImplementedError

    def operated(self, on: Instance, name: str, other: Value | None, node: ast.AST) -> Value:
        raise NotImplementedError

    def member(self, of: Instance | Class, name: str, node: ast.AST) -> Value:
        raise NotImplementedError

    def subscript(self, node: ast.Subscript, scope: Scope) -> Value:
        raise NotImplementedError

    def detached(self, of: Array, node: ast.AST) -> Array:
        """The same numbers, through which no gradient goes."""
        if of.is_data:
            return of
        called = ast.Call(ast.Name("detach"), [as_number(of).node], [])
        return self._made_of(called, [of], node)

    def unpack(self, target: ast.expr, value: Value, scope: Scope, is_loop: bool = True) -> None:
        raise NotImplementedError


def as_number(array: Array) -> Array:
    """Yes and no as 1 and 0."""
    if not array.is_mask:
        return array
    made = ast.Call(ast.Name("where"), [array.node, ast.Constant(1), ast.Constant(0)], [])
    return Array(made, array.is_data, array.library, array.kind)


def is_made(node: ast.expr) -> bool:
    """Whether it is made of random numbers, zeros or ones, which a formula has no word for."""
    return any(isinstance(n, ast.Name) and n.id in MAKERS for n in ast.walk(node))
