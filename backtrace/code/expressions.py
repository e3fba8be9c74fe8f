"""Expressions of the code: what is known is computed, what depends on inputs is rebuilt in the
names of the formula's own stages."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping, Sequence
from typing import Any

from backtrace.code import known
from backtrace.code.operands import as_number
from backtrace.code.operators import Operators
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
    NoValue,
    Scope,
    Several,
    Unreadable,
    Value,
)
from backtrace.code.words import CONSTANTS, IMPLIED, WITHOUT_PREFIX
from backtrace.language import marked, tell

_CHOICE = marked("a choice between numbers is np.where(x > 0, a, b)")
_HINT = marked("write it out: numbers, arrays, calls of NumPy or PyTorch")


_Comprehension = ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp


def different(items: Sequence[Value]) -> list[Value]:
    """The items of a set: each once."""
    found: list[Value] = []
    for item in items:
        if item not in found:
            found.append(item)
    return found


class Expressions(Operators):
    """What expressions are worth. `Calls` adds what is called, `Machine` walks statements."""

    def __init__(self, given: Mapping[str, object]) -> None:
        super().__init__(given)
        self.module = Scope()
        self.libraries: set[str] = set()  # numpy, torch: which the code is written for
        self.steps = 0
        self.depth = 0  # how many functions are open

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
                if isinstance(node, ast.Set):
                    items = different(items)
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
                return self._chosen(node, scope)
            case ast.BoolOp():
                return self._either(node, scope)
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp() | ast.DictComp():
                return self._comprehension(node, scope)
            case ast.Lambda():
                return self.defined(node, scope)
            case ast.JoinedStr():
                return self._text(node, scope)
            case ast.NamedExpr(target=ast.Name(id=name)):
                value = self.value(node.value, scope)
                scope.around.bind(name, value)
                return value
        raise CannotRead(
            tell("'{name}' is not read here", name=type(node).__name__), node, tell(_HINT)
        )

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
            self.module.names[name] = found = self.given_value(name)
            return found
        if name == "__name__":
            return Known("" if self.is_part else "__main__")
        if name in known.BUILTINS:
            return Builtin(name)
        if name in IMPLIED:
            return Builtin(IMPLIED[name])
        if name in WITHOUT_PREFIX:
            return Builtin(name)
        if hasattr(builtins, name):
            raise CannotRead(tell("'{name}' is not read", name=name), node, tell(_HINT))
        raise NoValue(
            tell("'{name}' has no value", name=name),
            node,
            tell("give it one: {name}=[1, 2]", name=name),
        )

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
                    raise CannotRead(tell("a dictionary is due"), value)
                found |= inner.items
            else:
                found[self.key(key, scope)] = self.value(value, scope)
        return Dictionary(found)

    def key(self, node: ast.expr, scope: Scope) -> Any:
        """The key of a dictionary: a text, a number, a tuple of them."""
        return self._hashable(self.value(node, scope), node)

    def _comprehension(self, node: _Comprehension, scope: Scope) -> Value:
        entered: list[Scope] = []
        rounds = self._rounds(node, scope, entered)
        if isinstance(node, ast.DictComp):
            pairs = [(self.key(node.key, s), self.value(node.value, s)) for s in rounds]
            made: Value = Dictionary(dict(pairs))
        else:
            items = [self.value(node.elt, s) for s in rounds]
            made = Several(different(items) if isinstance(node, ast.SetComp) else items)
        last = {name: value for one in entered for name, value in one.names.items()}
        for one in entered:  # functions that it made find its names as they are at its end
            one.names |= last
        return made

    def _rounds(self, node: _Comprehension, scope: Scope, entered: list[Scope]) -> list[Scope]:
        """A scope for every round of a comprehension; `entered` gets all, in their order."""
        rounds = [Scope(scope, is_round=True)]
        for part in node.generators:
            found: list[Scope] = []
            for one in rounds:
                for item in self.items(self.value(part.iter, one), part.iter):
                    self.step(node)
                    inner = Scope(one, is_round=True)
                    entered.append(inner)
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
                raise CannotRead(tell("this text depends on numbers"), node)
            parts.append(str(value.value))
        return Known("".join(parts))

    def truth(self, node: ast.expr, scope: Scope) -> bool:
        """Whether a condition holds. Raises CannotRead where that depends on inputs."""
        return self.truth_of(self.value(node, scope), node)

    def truth_of(self, value: Value, node: ast.expr) -> bool:
        """The same of a value that is known already."""
        match value:
            case Known():
                return bool(value.value)
            case Several():
                return bool(value.items)
            case Dictionary():
                return bool(value.items)
            case Function() | Class() | Instance() | Builtin():
                return True
        hint = tell(_CHOICE)
        open_names = [
            n.id for n in ast.walk(node) if isinstance(n, ast.Name) and self.is_open(n.id)
        ]
        if open_names:
            hint = tell("give {open_name} a value: {open_name}=...", open_name=open_names[0])
        raise CannotRead(tell("the condition is not known"), node, hint)

    def _chosen(self, node: ast.IfExp, scope: Scope) -> Value:
        """a if test else b; where the test is of computed numbers, both are read: where()."""
        test = self.value(node.test, scope)
        is_open = isinstance(test, Array) and test.is_mask and not self.shape(as_number(test), node)
        if not isinstance(test, Array) or not is_open:
            return self.value(node.body if self.truth(node.test, scope) else node.orelse, scope)
        parts = [self.array(self.value(p, scope), p) for p in (node.body, node.orelse)]
        shapes = [self.shape(part, node) for part in parts]
        fits = shapes[0] == shapes[1]
        if any(part.kind == "list" for part in parts) or not fits:
            raise CannotRead(tell("the condition is not known"), node.test, tell(_CHOICE))
        made = ast.Call(ast.Name("where"), [test.node, *self.nodes(parts)], [])
        return self.made_of(made, [test, *parts], node)

    def _either(self, node: ast.BoolOp, scope: Scope) -> Value:
        is_and = isinstance(node.op, ast.And)
        for part in node.values[:-1]:
            if self.truth(part, scope) != is_and:
                return self.value(part, scope)
        return self.value(node.values[-1], scope)

    # attributes

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Value:
        inner = self.before_dot(node, scope)
        if isinstance(inner, Builtin):
            path = f"{inner.path}.{node.attr}"
            return Known(CONSTANTS[path]) if path in CONSTANTS else Builtin(path)
        found = self.attribute(inner, node.attr, node)
        if isinstance(found, Unreadable):
            raise found.error
        return found

    def before_dot(self, node: ast.Attribute, scope: Scope) -> Value:
        """What stands before a dot; of a name that nothing is known of, the whole is told."""
        base = node.value
        if isinstance(base, ast.Name) and scope.find(base.id) is None:
            try:
                return self.of_name(base, scope)
            except CannotRead as error:
                if not isinstance(error, NoValue):
                    raise
                what = tell("'{unparse}' is not read", unparse=ast.unparse(node))
                hint = tell("give what is made of it a value, or {id} one", id=base.id)
                raise CannotRead(what, node, hint) from None
        return self.value(base, scope)

    def attribute(self, inner: Value, name: str, node: ast.AST) -> Value:
        if isinstance(inner, Module) and name in inner.names:
            return inner.names[name]
        if isinstance(inner, Module):
            hint = tell("a layer is given its weights by net.weight.data = w")
            raise CannotRead(tell("'.{name}' is not read", name=name), node, hint)
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
                return self.made_of(turned, [inner], node, inner.is_mask, part_of=inner)
            if name == "data":
                return inner if self.begins else self.detached(inner, node)
            if name in ("dtype", "device", "requires_grad"):
                return Known(name)
        if isinstance(inner, Several) and inner.is_tuple and name in ("values", "indices"):
            return inner.items[name == "indices"]
        raise CannotRead(tell("'.{name}' is not read", name=name), node, tell(".T and .shape are"))

    # what other parts of the machine have

    is_part = False  # whether one function is asked for, and not the whole file

    def given_value(self, name: str) -> Value:
        raise NotImplementedError

    def call(self, node: ast.Call, scope: Scope) -> Value:
        raise NotImplementedError

    def defined(self, node: ast.FunctionDef | ast.Lambda, scope: Scope) -> Function:
        raise NotImplementedError

    def member(self, of: Instance | Class, name: str, node: ast.AST) -> Value:
        raise NotImplementedError

    def subscript(self, node: ast.Subscript, scope: Scope) -> Value:
        raise NotImplementedError

    def unpack(self, target: ast.expr, value: Value, scope: Scope, is_loop: bool = True) -> None:
        raise NotImplementedError
