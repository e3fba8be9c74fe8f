"""Assignments: what goes to names, to attributes and into entries; and what is an input by it."""

from __future__ import annotations

import ast

from backtrace.code.changes import base_name, held_in
from backtrace.code.gradients import Gradients
from backtrace.code.modules import is_set
from backtrace.code.operands import as_number
from backtrace.code.trees import every_part
from backtrace.code.values import (
    Array,
    Bound,
    CannotRead,
    Class,
    Instance,
    Known,
    Module,
    Scope,
    Several,
    ToDo,
    Unreadable,
    Value,
)
from backtrace.code.words import is_gradient
from backtrace.language import tell


class Assignments(Gradients):
    """`name = value` in all its forms."""

    counts: set[str]
    added: set[str]
    replaced: set[str]  # the given names whose lines have been met
    settled: set[str]  # those of them that are no inputs
    last: tuple[str, Value, ast.AST] | None
    bound: list[Bound]
    printed: tuple[Value, ast.AST] | None = None  # what is printed last
    to_do: dict[str, ToDo]  # the gradients whose lines are still to be written

    def _assignment(self, node: ast.Assign, scope: Scope) -> None:
        if len(node.targets) == 1:
            self._assign(node.targets[0], node.value, scope)
            return
        found = self.value(node.value, scope)
        for target in node.targets:
            if not self.is_of_gradients(target, scope):
                self._put_into(target, found, scope, node.value)

    def _assign(self, target: ast.expr, value: ast.expr, scope: Scope) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            self._several(target, value, scope)
            return
        if isinstance(target, ast.Name) and self._is_replaced(target.id, scope, value):
            return
        if isinstance(target, ast.Name) and self._is_size(value, scope):
            self.forward |= {target.id}  # dk = k.shape[-1], dx = 0.01
        if isinstance(target, ast.Name) and _is_empty(value):  # grads = {}: nothing goes back yet
            self._put_into(target, self.value(value, scope), scope, value)
            return
        if self.is_of_gradients(target, scope) or self.is_made_of_gradients(target, value, scope):
            return
        if isinstance(target, ast.Subscript) and self.set_where(target, value, scope):
            return
        self.begins = isinstance(target, ast.Attribute) and target.attr == "data"
        try:
            found = self.value(value, scope)
        finally:
            self.begins = False
        self._put_into(target, found, scope, value)

    def _is_size(self, value: ast.expr, scope: Scope) -> bool:
        """Whether it is a number and no gradient: a length, a step; 1 begins a backward pass."""
        inside = every_part(value)
        is_plain = not any(isinstance(p, _OF_MANY_KINDS) for p in inside)
        calls = [p for p in inside if isinstance(p, ast.Call)]
        if not is_plain or any(not _is_length(call) for call in calls):
            return False
        found = self.readable(value, scope)
        if not isinstance(found, Known) or type(found.value) not in (int, float):
            return False
        return found.measured or not self._is_as_gradient(found.value)

    def _is_as_gradient(self, number: float) -> bool:
        """Whether a number that is written out may be a gradient: 1 begins a backward pass; after
        it dx = 2.7 is one, and dx = 0.001 a step."""
        has_begun = self.keeps_gradients and self.goes_back
        return number == 1 or (has_begun and (number == 0 or abs(number) > _LONGEST_STEP))

    def _is_replaced(self, name: str, scope: Scope, value: ast.expr) -> bool:
        """Whether this line is what a value that is given besides stands for; x = x*2 needs it."""
        if name not in self.given or name in self.replaced or scope is not self.module:
            return False
        is_bound = scope.find(name) is not None
        if not is_bound and any(
            isinstance(p, ast.Name) and p.id == name for p in every_part(value)
        ):
            return False
        scope.names[name] = self.given_value(name)
        return True

    def given_value(self, name: str) -> Value:
        """What is given besides under a name: an input; a count or a text is known."""
        given = self.given[name]
        self.replaced.add(name)
        is_whole = isinstance(given, int | float) and float(given).is_integer()
        if isinstance(given, str | bool) or given is None or (is_whole and name in self.counts):
            self.settled.add(name)
            return Known(int(given) if isinstance(given, float) else given)
        self.taken.add(name)
        return Array(ast.Name(name))

    def _several(self, target: ast.Tuple | ast.List, value: ast.expr, scope: Scope) -> None:
        """a, b = 1, 2: one by one where both sides have as many; all values before all names."""
        if all(self.is_of_gradients(one, scope) for one in target.elts):
            return
        names = [one.id for one in target.elts if isinstance(one, ast.Name)]
        given = {name for name in names if self._is_replaced(name, scope, value)}
        if len(given) == len(target.elts):
            return
        is_even = isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts)
        if is_even and isinstance(value, ast.Tuple | ast.List):
            pairs = [*zip(target.elts, value.elts, strict=True)]
            pairs = [
                (one, part)
                for one, part in pairs
                if not (
                    self.is_of_gradients(one, scope) or self.is_made_of_gradients(one, part, scope)
                )
            ]
            values = [self.readable(part, scope) for _, part in pairs]
            for (one, part), found in zip(pairs, values, strict=True):
                if not (isinstance(one, ast.Name) and one.id in given):
                    self._put_into(one, found, scope, part)
            return
        self.unpack(target, self.value(value, scope), scope, is_loop=False)

    def unpack(self, target: ast.expr, value: Value, scope: Scope, is_loop: bool = True) -> None:
        """What a loop or a list gives goes to names; a loop's own numbers stay what they are."""
        if not isinstance(target, ast.Tuple | ast.List):
            if self.is_of_gradients(target, scope):
                return
            if is_loop and isinstance(target, ast.Name):
                self.bind(target.id, value, scope, target)
                return
            self._put_into(target, value, scope, target)
            return
        items = self._parts_of(value, target)
        stars = [k for k, one in enumerate(target.elts) if isinstance(one, ast.Starred)]
        if stars and len(items) >= len(target.elts) - 1:
            k, after = stars[0], len(target.elts) - stars[0] - 1
            middle = Several(items[k : len(items) - after])
            items = [*items[:k], middle, *items[len(items) - after :]]
        if len(items) != len(target.elts):
            raise CannotRead(
                tell(
                    "{count} values for {elts_count} names",
                    count=len(items),
                    elts_count=len(target.elts),
                ),
                target,
            )
        first = None  # of several, what a function gives back first is its result
        for one, item in zip(target.elts, items, strict=True):
            inner = one.value if isinstance(one, ast.Starred) else one
            before = self.last
            self.unpack(inner, item, scope, is_loop)
            first = first or (self.last if self.last is not before else None)
        self.last = first or self.last

    def _parts_of(self, value: Value, target: ast.Tuple | ast.List) -> list[Value]:
        """What is unpacked; of a parameter without a value all are inputs: W, b = params."""
        names = [one.id for one in target.elts if isinstance(one, ast.Name)]
        is_parameter = isinstance(value, Array) and self.is_open(value.name)
        if is_parameter and len(names) == len(target.elts):
            return [self.opened(name) for name in names]
        return self.items(value, target)

    def opened(self, name: str) -> Value:
        """An input that is a part of a parameter without a value: params['W1']."""
        if name in self.given:
            return self.given_value(name)
        self.taken.add(name)
        self.parameters.add(name)
        return Array(ast.Name(name))

    def _put_into(self, target: ast.expr, found: Value, scope: Scope, node: ast.AST) -> None:
        match target:
            case ast.Name():
                if self.keeps_gradients and target.id in self.backward:
                    found = self.due(target.id, found, node)
                    if is_gradient(target.id, self._forward_names(scope)):
                        found = self._as_written(target.id, found, node)
                value = self.bind(target.id, self._bound(target.id, found, node), scope, node)
                if isinstance(value, Array) and value.name:
                    self.call_it(value.name, target.id)
                    self.log(target.id, value, node)
                if self._is_result(value) and not self.goes_back and not self.depth:
                    self.last = (target.id, value, node)
            case ast.Attribute(attr="data") if isinstance(
                of := self.value(target.value, scope), Array
            ):
                self._revalue(of, found, base_name(target.value), scope, node)
            case ast.Attribute(attr="label" | "name" | "requires_grad"):
                pass
            case ast.Attribute():
                owner = self.value(target.value, scope)
                if isinstance(owner, Module):
                    weight = f"{base_name(target.value)}_{target.attr}"
                    if is_set(owner, target.attr, found, target):
                        owner.names[target.attr] = self.named(found, weight, scope, node)
                    return
                if not isinstance(owner, Instance | Class):
                    raise CannotRead(tell("'.{attr}' is not set", attr=target.attr), target)
                value = owner.names[target.attr] = self.named(found, target.attr, scope, node)
                if isinstance(owner, Instance):
                    self.note_owner(owner)
                if isinstance(value, Array):
                    self.log(target.attr, value, node)
            case ast.Subscript():
                self.set_entry(target, found, scope, node)
            case _:
                raise CannotRead(tell("names are due"), target)

    def _bound(self, name: str, found: Value, node: ast.AST) -> Value:
        """Numbers, and lists of them, are inputs, unless they count something."""
        is_number = isinstance(found, Known) and type(found.value) in (int, float)
        is_listed = isinstance(found, Several) and not found.is_tuple and _is_numeric(found)
        if not (is_number or is_listed):
            return found
        number = found.value if isinstance(found, Known) else None
        is_whole = is_listed or type(number) is int
        begins = name in self.added and (is_whole or number == 0)
        is_count = (name in self.counts and is_whole) or begins or name in self.backward
        is_measured = isinstance(found, Known) and found.measured
        return found if is_count or is_measured else self.array(found, node)

    def note_owner(self, owner: Instance) -> None:
        """An attribute of an object of the code's own has been set."""

    def due(self, name: str, found: Value, node: ast.AST) -> Value:
        """What a gradient is; `...` and None stand for what is still to be written."""
        if not (isinstance(found, Known) and (found.value is None or found.value is ...)):
            return found
        self.backward.add(name)
        self.to_do[name] = ToDo(name, node)
        return Unreadable(self.to_do[name])

    def _as_written(self, name: str, found: Value, node: ast.AST) -> Value:
        """A gradient that is a number, or relu's mask alone, is judged as others are; not one that
        begins a sum."""
        if isinstance(found, Array):
            return as_number(found)
        if not isinstance(found, Known) or type(found.value) not in (int, float):
            return found
        if name in self.added:
            return found
        number = ast.copy_location(ast.Constant(found.value), node)
        return Array(ast.copy_location(ast.UnaryOp(ast.UAdd(), number), node), kind="number")

    def log_gradient(self, name: str, array: Array, node: ast.AST) -> None:
        """grads['W1'] = dW1: the gradient of W1."""
        self.backward.add(name)
        self.log(name, array, node)

    def log(
        self,
        name: str,
        array: Array,
        node: ast.AST,
        adds: bool = False,
        entry: bool = False,
        instead: ast.expr | None = None,
    ) -> None:
        """Remembers which line has given a name what it holds."""
        back = name in self.backward
        self.to_do.pop(name, None)
        self.bound.append(Bound(name, array, array.name, node, back, adds, entry, instead))

    def _is_result(self, value: Value) -> bool:
        """Whether it is worked out, or should have been; an input is given."""
        if isinstance(value, Instance):
            value = next((value.names[w] for w in held_in(value.of) if w in value.names), value)
        if isinstance(value, Array):
            return self.is_stage(value.name) or not value.name
        return isinstance(value, Unreadable)

    def _revalue(self, of: Array, found: Value, name: str, scope: Scope, node: ast.AST) -> None:
        """W.data = W*0.1, before anything goes back."""
        self.begins = True
        self.change(of, self.array(found, node), name, scope, node)
        self.begins = False

    def _augmented(self, node: ast.AugAssign, scope: Scope) -> None:
        target = node.target
        if self.is_of_gradients(target, scope):
            return
        may_train = isinstance(node.op, ast.Add | ast.Sub) or not self.keeps_gradients
        if may_train and self.is_made_of_gradients(target, node.value, scope):
            self.updates += not isinstance(target, ast.Name)
            return
        if isinstance(target, ast.Attribute) and target.attr == "data":
            self._put_into(
                target, self.binary(node.op, *self._pair(node, scope), node), scope, node
            )
            return
        if isinstance(target, ast.Subscript) and self._of_mask(target, node, scope):
            return
        old = self.value(ast.copy_location(loaded(target), target), scope)
        added = self.value(node.value, scope)
        if isinstance(old, Several) and isinstance(node.op, ast.Add) and not old.is_tuple:
            old.items += self.items(added, node)
            return
        if isinstance(old, Array) and old.kind == "list":
            raise CannotRead(tell("a list of numbers does not add up, it is joined"), node)
        new = self.binary(node.op, old, added, node)
        is_entry = isinstance(target, ast.Subscript) and isinstance(
            self.value(target.value, scope), Array
        )
        if is_entry or not self.is_changed_in_place(old, node):
            self.is_adding = isinstance(node.op, ast.Add)
            self._put_into(target, new, scope, node)
            self.is_adding = False
            return
        assert isinstance(old, Array)
        name = self.gradient_in(target, scope) or base_name(target)
        array = self.array(new, node)
        if name not in self.backward:  # a gradient's shape is judged
            self.refuse_other_shape(old, array, node)
        self.change(old, array, name, scope, node)
        self.log(name, old, node, adds=True)
        if not self.goes_back and not self.depth:
            self.last = (name, old, node)

    def _of_mask(self, target: ast.Subscript, node: ast.AugAssign, scope: Scope) -> bool:
        """x[x < 0] *= 0.1: the whole array times 0.1, where the mask says yes; whether it is so."""
        of = self.readable(target.value, scope)
        mask = self.mask(target.slice, scope) if isinstance(of, Array) else None
        added = self.value(node.value, scope) if mask is not None else None
        if mask is None or not isinstance(of, Array) or not isinstance(added, Known | Array):
            return False
        if isinstance(added, Array) and self.shape(added, node):
            return False  # as many entries as the mask takes, which is not known
        new = self.array(self.binary(node.op, of, added, node), node)
        nodes = self.nodes([mask, new, of])
        made: ast.expr = ast.Call(ast.Name("where"), nodes, [])
        name = base_name(target)
        self.change(of, self.made_of(made, [mask, new, of], node), name, scope, node)
        self.log(name, of, node, entry=True)
        return True

    def _pair(self, node: ast.AugAssign, scope: Scope) -> tuple[Value, Value]:
        assert isinstance(node.target, ast.Attribute)
        return self.value(node.target.value, scope), self.value(node.value, scope)


_LONGEST_STEP = 0.01
_OF_MANY_KINDS = (ast.Lambda, ast.ListComp, ast.GeneratorExp, ast.Await, ast.Yield, ast.Compare)


def _is_length(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id in ("len", "int", "float")


def _is_numeric(value: Value) -> bool:
    """A number, or a list of such: what an input can be."""
    if isinstance(value, Several):
        return bool(value.items) and all(map(_is_numeric, value.items))
    return isinstance(value, Known) and type(value.value) in (int, float)


def loaded(target: ast.expr) -> ast.expr:
    """What is assigned to, as it is read: a name, x[0], self.W."""
    match target:
        case ast.Name():
            return ast.Name(target.id, ast.Load())
        case ast.Attribute():
            return ast.copy_location(ast.Attribute(target.value, target.attr, ast.Load()), target)
        case ast.Subscript():
            return ast.copy_location(ast.Subscript(target.value, target.slice, ast.Load()), target)
    raise CannotRead(tell("names are due"), target)


def _is_empty(value: ast.expr) -> bool:
    """Whether it is a dictionary that holds nothing: {}, dict()."""
    match value:
        case ast.Dict(keys=[]):
            return True
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=[]):
            return True
    return False
