"""The machine that walks the code, statement by statement. Nothing is executed.

A statement that cannot be read leaves its names unreadable: an error where one of them is needed,
and nowhere else.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from backtrace.code.calls import Returned
from backtrace.code.changes import base_name
from backtrace.code.counts import counts
from backtrace.code.effects import called_names, changed_names, stored_names
from backtrace.code.gradients import Gradients
from backtrace.code.imports import bound_names, libraries
from backtrace.code.stages import Shape, Stage
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
from backtrace.code.words import PURE, reserved_names


class Break(Exception):
    """A loop ends here."""


class Continue(Exception):
    """A round of a loop ends here."""


class Machine(Gradients):
    """Reads a file, or one function of it, as stages."""

    def __init__(self, given: Mapping[str, Shape]) -> None:
        super().__init__(given)
        self.counts: set[str] = set()
        self.added: set[str] = set()
        self.backward: set[str] = set()
        self.goes_back = False
        self.updates = 0
        self.training = 0  # how many training loops are open
        self.begins = False
        self.output: Value | None = None  # what .backward() is called on, what is returned
        self.last: tuple[str, Value, ast.AST] | None = None  # the last assignment that goes forward
        self.open_scopes = [self.module]
        self.replaced: set[str] = set()  # the given names whose lines have been met

    def read(self, tree: ast.Module, name: str, of: str) -> tuple[list[Stage], dict[str, str]]:
        """The stages of the formula, the last its result, and the values of its inputs."""
        self.counts, self.added = counts(tree)
        self.libraries = libraries(tree)
        self.reserved = reserved_names(called_names(tree))
        if name:
            self._function_alone(tree, name)
        else:
            self.block(tree.body, self.module)
        result = self._result(of, tree)
        return self.needed(result), self.point

    # the result

    def _result(self, of: str, tree: ast.Module) -> str:
        if of:
            found = self._named_result(of, tree)
            return self._as_result(found, of, tree)
        if self.output is not None:
            return self._as_result(self.output, "f", tree)
        if self.last is not None:
            name, value, node = self.last
            return self._as_result(value, name, node)
        raise CannotRead(
            "nothing is computed here", tree.body[0] if tree.body else tree, self._all()
        )

    def _named_result(self, of: str, tree: ast.AST) -> Value:
        found = self.module.find(of)
        if found is None:
            scopes = [scope for scope in self.open_scopes if of in scope.names]
            found = scopes[-1].names[of] if scopes else None
        if found is None:
            names = [n for n, _, _ in self.stages if n.partition("_v")[0] == of]
            if names:
                return Array(ast.Name(names[-1]))
            raise CannotRead(f"'{of}' is not computed here", tree, self._all())
        return found

    def _all(self) -> str:
        """What there is to ask for."""
        names = [n for n, v in self.module.names.items() if isinstance(v, Function)]
        for name, value in self.module.names.items():
            if isinstance(value, Class):
                names += [f"{name}.{m}" for m in value.names if not m.startswith("_")]
        if names:
            return f"FILE.py:NAME traces a function: there is {', '.join(names[:6])}"
        return "h = np.tanh(W @ x)"

    def _as_result(self, value: Value, name: str, node: ast.AST) -> str:
        if isinstance(value, Several) and value.items:
            value = value.items[0]
        if isinstance(value, Instance):
            value = value.names.get("data", value)
        if isinstance(value, Unreadable):
            raise value.error
        if not isinstance(value, Array) or value.is_data:
            raise CannotRead("the result does not depend on any input", node)
        if not self.is_stage(value.name):
            return self.add_stage(value, name, node).id
        return value.name

    # one function

    def _function_alone(self, tree: ast.Module, name: str) -> None:
        """A function, or the method of a class: its parameters are the inputs."""
        for node in tree.body:  # what stands beside it, as far as it can be read
            if not isinstance(node, ast.Expr):
                self.statement(node, self.module)
        found, owner = self._function(name, tree)
        self.last = None
        scope = Scope(found.scope, found.name)
        if found.of is not None:
            scope.names["__class__"] = found.of
        scope.names |= self._parameters(found, owner)
        self.open_scopes.append(scope)
        assert isinstance(found.node, ast.FunctionDef)
        self.depth = 1
        try:
            self.block(found.node.body, scope)
        except Returned as returned:
            self.output = returned.value

    def _function(self, name: str, tree: ast.Module) -> tuple[Function, Instance | None]:
        first, _, method = name.partition(".")
        found = self.module.names.get(first)
        if isinstance(found, Class) and isinstance(
            inner := found.find(method or "forward"), Function
        ):
            owner = Instance(found)
            start = found.find("__init__")
            if isinstance(start, Function):
                values = [*self._parameters(start, owner).values()][1:]
                self.inlined(
                    Function(start.node, start.scope, {}, owner, start.of), values, {}, tree
                )
            return inner, owner
        if not isinstance(found, Function) or method:
            raise CannotRead(f"there is no function '{name}'", tree, self._all())
        return found, None

    def _parameters(self, function: Function, owner: Instance | None) -> dict[str, Value]:
        """Parameters are inputs; those with a number for a default have it, or are counts."""
        arguments = function.node.args
        found: dict[str, Value] = {}
        for part in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            name = part.arg
            default = function.defaults.get(name)
            if owner is not None and not found:
                found[name] = owner
                continue
            if default is not None and name not in self.given:
                is_number = isinstance(default, Known) and type(default.value) in (int, float)
                if not is_number or name in self.counts:
                    found[name] = default
                    continue
                assert isinstance(default, Known)
                self.point[name] = repr(default.value)
            self.taken.add(name)
            self.replaced.add(name)
            found[name] = Array(ast.Name(name))
        return found

    # statements

    def block(self, body: Sequence[ast.stmt], scope: Scope) -> None:
        self.open_scopes.append(scope)
        try:
            for node in body:
                self.statement(node, scope)
        finally:
            self.open_scopes.pop()

    def statement(self, node: ast.stmt, scope: Scope) -> None:
        self.step(node)
        try:
            self._statement(node, scope)
        except TooMuch:
            raise
        except CannotRead as error:
            self._give_up(node, error, scope)

    def _statement(self, node: ast.stmt, scope: Scope) -> None:
        match node:
            case ast.Import() | ast.ImportFrom():
                for name, path in bound_names(node):
                    scope.bind(name, Builtin(path))
            case ast.Pass() | ast.Assert():
                pass
            case ast.Global() | ast.Nonlocal():
                self._elsewhere(node, scope)
            case ast.FunctionDef():
                scope.bind(node.name, self.defined(node, scope))
            case ast.ClassDef():
                self._class(node, scope)
            case ast.Assign():
                self._assignment(node, scope)
            case ast.AnnAssign(value=ast.expr() as value):
                self._assign(node.target, value, scope)
            case ast.AnnAssign():
                pass
            case ast.AugAssign():
                self._augmented(node, scope)
            case ast.Expr():
                self._expression(node.value, scope)
            case ast.For() | ast.While():
                self._loop(node, scope)
            case ast.If():
                self.block(node.body if self.truth(node.test, scope) else node.orelse, scope)
            case ast.With():
                self._with(node, scope)
            case ast.Try():
                self.block([*node.body, *node.orelse, *node.finalbody], scope)
            case ast.Return():
                if not self.depth:
                    raise TooMuch("'return' stands in no function", node)
                raise Returned(self._returned(node.value, scope))
            case ast.Break():
                raise Break
            case ast.Continue():
                raise Continue
            case ast.Delete():
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        scope.names.pop(target.id, None)
            case ast.Raise():
                raise TooMuch("the code ends here with an error of its own", node)
            case _:
                what = f"'{type(node).__name__.lower()}' is not read"
                raise CannotRead(what, node, "assignments, for, if, def and return are")

    def _with(self, node: ast.With, scope: Scope) -> None:
        """no_grad before anything goes back gives values to what is trained; after it, it is no
        part of the formula."""
        if not any("no_grad" in ast.unparse(item.context_expr) for item in node.items):
            self.block(node.body, scope)
        elif self.is_early:
            self.begins = True
            self.block(node.body, scope)
            self.begins = False
        else:
            hint = "what no_grad holds is no part of what is trained"
            self._leave_out(node, CannotRead("this stands in a no_grad block", node, hint), scope)

    def _give_up(self, node: ast.stmt, error: CannotRead, scope: Scope) -> None:
        """What a statement would have bound or changed is unreadable from here on."""
        parts = [*ast.walk(node)]
        if any(isinstance(part, ast.Return) for part in parts):
            raise Returned(Unreadable(error))
        if any(isinstance(part, ast.Break | ast.Continue) for part in parts) and not self.training:
            raise _hard(error)
        self._leave_out(node, error, scope)

    def _leave_out(self, node: ast.stmt, error: CannotRead, scope: Scope) -> None:
        for name in changed_names(node, scope.find):
            found = scope.find(name)
            if isinstance(found, Array):
                found.error = error
            elif isinstance(found, Several | Dictionary | Instance):
                scope.bind(name, Unreadable(error))
        for name in stored_names(node):
            scope.bind(name, Unreadable(error))
            if not self.goes_back and not self.depth:
                self.last = (name, Unreadable(error), node)

    @staticmethod
    def _elsewhere(node: ast.Global | ast.Nonlocal, scope: Scope) -> None:
        for name in node.names:
            reach = scope.outer if isinstance(node, ast.Nonlocal) else scope.module
            while reach is not None and name not in reach.names and reach.outer is not None:
                reach = reach.outer
            if reach is not None and reach is not scope:
                scope.elsewhere[name] = reach

    def _class(self, node: ast.ClassDef, scope: Scope) -> None:
        bases = [b for base in node.bases if isinstance(b := self.readable(base, scope), Class)]
        made = Class(node.name, bases)
        for inner in node.body:
            if isinstance(inner, ast.FunctionDef):
                function = self.defined(inner, scope)
                function.of = made
                made.names[inner.name] = function
            elif isinstance(inner, ast.Assign):
                for target in inner.targets:
                    if isinstance(target, ast.Name):
                        made.names[target.id] = self.readable(inner.value, scope)
        scope.bind(node.name, made)

    # assignments

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
        if self.is_of_gradients(target, scope) or self.is_made_of_gradients(target, value, scope):
            return
        if isinstance(target, ast.Name) and self._is_replaced(target.id, scope):
            return
        self.begins = isinstance(target, ast.Attribute) and target.attr == "data"
        try:
            found = self.value(value, scope)
        finally:
            self.begins = False
        self._put_into(target, found, scope, value)

    def _is_replaced(self, name: str, scope: Scope) -> bool:
        """Whether this line is what a value that is given besides stands for."""
        if name not in self.given or name in self.replaced or scope is not self.module:
            return False
        self.replaced.add(name)
        self.taken.add(name)
        scope.names[name] = Array(ast.Name(name))
        return True

    def _several(self, target: ast.Tuple | ast.List, value: ast.expr, scope: Scope) -> None:
        """a, b = 1, 2: one by one where both sides have as many; all values before all names."""
        if all(self.is_of_gradients(one, scope) for one in target.elts):
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
                if not (isinstance(one, ast.Name) and self._is_replaced(one.id, scope)):
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
        items = self.items(value, target)
        stars = [k for k, one in enumerate(target.elts) if isinstance(one, ast.Starred)]
        if stars and len(items) >= len(target.elts) - 1:
            k, after = stars[0], len(target.elts) - stars[0] - 1
            middle = Several(items[k : len(items) - after])
            items = [*items[:k], middle, *items[len(items) - after :]]
        if len(items) != len(target.elts):
            raise CannotRead(f"{len(items)} values for {len(target.elts)} names", target)
        for one, item in zip(target.elts, items, strict=True):
            inner = one.value if isinstance(one, ast.Starred) else one
            self.unpack(inner, item, scope, is_loop)

    def _put_into(self, target: ast.expr, found: Value, scope: Scope, node: ast.AST) -> None:
        match target:
            case ast.Name():
                value = self.bind(target.id, self._bound(target.id, found, node), scope, node)
                if isinstance(value, Array) and value.name:
                    self.call_it(value.name, target.id)
                is_result = isinstance(value, Array | Instance | Unreadable)
                if is_result and not self.goes_back and not self.depth:
                    self.last = (target.id, value, node)
            case ast.Attribute(attr="data") if isinstance(
                of := self.value(target.value, scope), Array
            ):
                self._revalue(of, found, base_name(target.value), scope, node)
            case ast.Attribute():
                owner = self.value(target.value, scope)
                if not isinstance(owner, Instance | Class):
                    raise CannotRead(f"'.{target.attr}' is not set", target)
                owner.names[target.attr] = self.named(found, target.attr, scope, node)
            case ast.Subscript():
                self.set_entry(target, found, scope, node)
            case _:
                raise CannotRead("names are due", target)

    def _bound(self, name: str, found: Value, node: ast.AST) -> Value:
        """Numbers, and lists of them, are inputs, unless they count something."""
        is_number = isinstance(found, Known) and type(found.value) in (int, float)
        is_listed = isinstance(found, Several) and not found.is_tuple and _is_numeric(found)
        if not (is_number or is_listed):
            return found
        number = found.value if isinstance(found, Known) else None
        is_whole = is_listed or type(number) is int
        begins = name in self.added and (is_whole or number == 0)
        is_count = (name in self.counts and is_whole) or begins
        is_measured = isinstance(found, Known) and found.measured
        return found if is_count or is_measured else self.array(found, node)

    def _revalue(self, of: Array, found: Value, name: str, scope: Scope, node: ast.AST) -> None:
        """W.data = W*0.1, before anything goes back."""
        self.begins = True
        self.change(of, self.array(found, node), name, scope, node)
        self.begins = False

    def _augmented(self, node: ast.AugAssign, scope: Scope) -> None:
        target = node.target
        if self.is_of_gradients(target, scope):
            return
        if self.is_made_of_gradients(target, node.value, scope):
            self.updates += not isinstance(target, ast.Name)
            return
        if isinstance(target, ast.Attribute) and target.attr == "data":
            self._put_into(
                target, self.binary(node.op, *self._pair(node, scope), node), scope, node
            )
            return
        loaded = ast.copy_location(_loaded(target), target)
        old = self.value(loaded, scope)
        added = self.value(node.value, scope)
        if isinstance(old, Several) and isinstance(node.op, ast.Add) and not old.is_tuple:
            old.items += self.items(added, node)
            return
        if isinstance(old, Array) and old.kind == "list":
            raise CannotRead("a list of numbers does not add up, it is joined", node)
        new = self.binary(node.op, old, added, node)
        is_entry = isinstance(target, ast.Subscript) and isinstance(
            self.value(target.value, scope), Array
        )
        if is_entry or not self.is_changed_in_place(old, node):
            self._put_into(target, new, scope, node)
            return
        assert isinstance(old, Array)
        name = base_name(target)
        self.change(old, self.array(new, node), name, scope, node)
        if not self.goes_back and not self.depth:
            self.last = (name, old, node)

    def _pair(self, node: ast.AugAssign, scope: Scope) -> tuple[Value, Value]:
        assert isinstance(node.target, ast.Attribute)
        return self.value(node.target.value, scope), self.value(node.value, scope)

    def _returned(self, node: ast.expr | None, scope: Scope) -> Value:
        """What a function gives back; of gradients nothing."""
        if node is None:
            return Known(None)
        parts = node.elts if isinstance(node, ast.Tuple) else [node]
        values = [
            Known(None)
            if self.is_made_of_gradients(node, part, scope)
            else self.readable(part, scope)
            for part in parts
        ]
        return Several(values, is_tuple=True) if isinstance(node, ast.Tuple) else values[0]

    # calls alone, and loops

    def _expression(self, node: ast.expr, scope: Scope) -> None:
        """A call alone: .append() and .backward() matter, prints and plots do not."""
        if isinstance(node, ast.Constant):
            return
        if not isinstance(node, ast.Call):
            self.value(node, scope)
            return
        if isinstance(node.func, ast.Attribute) and node.func.attr == "backward":
            found = self.value(node.func.value, scope)
            if self.output is None and isinstance(found, Array | Instance):
                self.output = found
            return
        name = ast.unparse(node.func)
        if (
            _is_bookkeeping(ast.Expr(node))
            or PURE.match(name.rpartition(".")[2])
            or PURE.match(name)
        ):
            return
        self.value(node, scope)

    def _loop(self, node: ast.For | ast.While, scope: Scope) -> None:
        if all(map(_is_bookkeeping, node.body)):
            return
        is_training = any(
            isinstance(inner, ast.Attribute) and inner.attr in ("backward", "step", "zero_grad")
            for inner in ast.walk(node)
        )
        before = self.updates
        self.training += is_training
        for item in self._rounds_of(node, scope, is_training):
            self.step(node)
            if isinstance(node, ast.For):
                assert item is not None
                self.unpack(node.target, item, scope)
            try:
                self.block(node.body, scope)
            except Break:
                break
            except Continue:
                pass
            if is_training or self.updates > before:
                break
        self.training -= is_training

    def _rounds_of(
        self, node: ast.For | ast.While, scope: Scope, is_training: bool
    ) -> Sequence[Value | None] | _While:
        if isinstance(node, ast.While):
            return _While(self, node, scope)
        found = self.value(node.iter, scope)
        if is_training and isinstance(found, Known) and isinstance(found.value, range):
            return [Known(v) for v in found.value[:1]]
        return self.items(found, node.iter)


def _hard(error: CannotRead) -> TooMuch:
    """An error that ends the walk, at the same place."""
    hard = TooMuch(error.what, ast.Pass(), error.hint)
    hard.line, hard.column, hard.end = error.line, error.column, error.end
    return hard


def _is_numeric(value: Value) -> bool:
    """A number, or a list of such: what an input can be."""
    if isinstance(value, Several):
        return bool(value.items) and all(map(_is_numeric, value.items))
    return isinstance(value, Known) and type(value.value) in (int, float)


def _loaded(target: ast.expr) -> ast.expr:
    """What is assigned to, as it is read: a name, x[0], self.W."""
    match target:
        case ast.Name():
            return ast.Name(target.id, ast.Load())
        case ast.Attribute():
            return ast.copy_location(ast.Attribute(target.value, target.attr, ast.Load()), target)
        case ast.Subscript():
            return ast.copy_location(ast.Subscript(target.value, target.slice, ast.Load()), target)
    raise CannotRead("names are due", target)


def _is_bookkeeping(node: ast.stmt) -> bool:
    """Whether a statement only looks after gradients: p.grad = None, t.retain_grad(), a print."""
    match node:
        case ast.Assign(targets=[ast.Attribute(attr="grad" | "data" | "requires_grad")]):
            return True
        case ast.AugAssign(target=ast.Attribute(attr="grad" | "data")):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Attribute(attr="grad")))):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name))):
            return name in ("retain_grad", "zero_grad", "requires_grad_", "step")
        case ast.Expr(value=ast.Call(func=ast.Name(id="print"))):
            return True
    return isinstance(node, ast.Pass)


class _While:
    """The rounds of a while loop, as long as its condition holds."""

    def __init__(self, machine: Machine, node: ast.While, scope: Scope) -> None:
        self.machine, self.node, self.scope = machine, node, scope

    def __iter__(self) -> _While:
        return self

    def __next__(self) -> None:
        if not self.machine.truth(self.node.test, self.scope):
            raise StopIteration
