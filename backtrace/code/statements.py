"""Statements, one after the other. Nothing is executed.

A statement that cannot be read leaves its names unreadable: an error where one of them is needed,
and nowhere else.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Sequence

from backtrace.code.branches import Branches, continued_as_branch
from backtrace.code.calls import Returned
from backtrace.code.effects import changed_names, parts, stored_names
from backtrace.code.imports import bound_names
from backtrace.code.operands import MOST_STEPS
from backtrace.code.stages import MOST_STAGES
from backtrace.code.training import is_descent, is_trained, is_update, updates_only
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
    ToDo,
    TooMuch,
    Unreadable,
    Value,
)
from backtrace.code.words import PURE
from backtrace.language import tell

_COST = 100  # steps that a statement takes that cannot be read


class Break(Exception):
    """A loop ends here."""


class Continue(Exception):
    """A round of a loop ends here."""


class Statements(Branches):
    """Walks statements; loops over what is known are unrolled."""

    def block(self, body: Sequence[ast.stmt], scope: Scope) -> None:
        self.open_scopes.append(scope)
        try:
            for node in body:
                self.statement(node, scope)
        finally:
            self.open_scopes.pop()

    def statement(self, node: ast.stmt, scope: Scope) -> None:
        self.step(node)
        if self.names_tell and self.goes_back and _is_entry(node) and is_update(node):
            self.updates += 1
            return
        try:
            self._statement(node, scope)
        except TooMuch:
            raise
        except CannotRead as error:
            self.give_up(node, error, scope)

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
                self.branch(node, scope)
            case ast.With():
                self._with(node, scope)
            case ast.Try():
                self.block([*node.body, *node.orelse, *node.finalbody], scope)
            case ast.Return():
                if not self.depth:
                    raise TooMuch(tell("'return' stands in no function"), node)
                raise Returned(self._returned(node.value, scope))
            case ast.Break():
                raise Break
            case ast.Continue():
                raise Continue
            case ast.Delete():
                for target in node.targets:
                    self._delete(target, scope)
            case ast.Raise():
                raise TooMuch(tell("the code ends here with an error of its own"), node)
            case _:
                what = tell("'{name}' is not read", name=type(node).__name__.lower())
                raise CannotRead(what, node, tell("assignments, for, if, def and return are"))

    def _delete(self, target: ast.expr, scope: Scope) -> None:
        """del x, del rows[0]."""
        if isinstance(target, ast.Name):
            scope.names.pop(target.id, None)
            return
        if isinstance(target, ast.Subscript):
            of = self.value(target.value, scope)
            if isinstance(of, Dictionary):
                of.items.pop(self.key(target.slice, scope), None)
                return
            place = self.value(target.slice, scope) if isinstance(of, Several) else None
            at = place.value if isinstance(place, Known) and type(place.value) is int else None
            if isinstance(of, Several) and at is not None and -len(of.items) <= at < len(of.items):
                del of.items[at]
                return
        raise CannotRead(tell("this is not taken away"), target)

    def _with(self, node: ast.With, scope: Scope) -> None:
        """no_grad before anything goes back gives values to what is trained; after it, it is no
        part of the formula."""
        for item in node.items:
            if item.optional_vars is not None:
                error = CannotRead(tell("what 'with' gives is not read"), item.optional_vars)
                for name in stored_names(item.optional_vars):
                    scope.bind(name, Unreadable(error))
        if not any("no_grad" in ast.unparse(item.context_expr) for item in node.items):
            self.block(node.body, scope)
        elif self.is_early:
            before = self.without_gradient
            self.begins = self.without_gradient = True
            try:
                self.block(node.body, scope)
            finally:
                self.begins, self.without_gradient = False, before
        else:
            hint = tell("what no_grad holds is no part of what is trained")
            self._leave_out(
                node, CannotRead(tell("this stands in a no_grad block"), node, hint), scope
            )

    def give_up(self, node: ast.stmt, error: CannotRead, scope: Scope) -> None:
        """What a statement would have bound or changed is unreadable from here on."""
        self.steps += _COST
        if isinstance(error, ToDo):
            error = CannotRead(error.what, node, error.hint)  # here it is needed
        inside = parts(node)
        self.updates += self.goes_back and any(map(_is_update, inside))
        if self.depth and any(isinstance(part, ast.Return) for part in inside):
            raise Returned(Unreadable(error))
        if any(isinstance(part, ast.Break | ast.Continue) for part in inside) and not self.training:
            raise _hard(error)
        self._leave_out(node, error, scope)

    def _leave_out(self, node: ast.stmt, error: CannotRead, scope: Scope) -> None:
        if isinstance(node, ast.Assign) and self._attributes_left(node, error, scope):
            return
        for name in changed_names(node, scope.find):
            found = scope.find(name)
            if isinstance(found, Array):
                found.error = error
            elif isinstance(found, Several | Dictionary | Instance | Module):
                scope.bind(name, Unreadable(error))
        for name in stored_names(node):
            scope.bind(name, Unreadable(error))
            if not self.goes_back and not self.depth:
                self.last = (name, Unreadable(error), node)

    @staticmethod
    def _attributes_left(node: ast.Assign, error: CannotRead, scope: Scope) -> bool:
        """Whether attributes of objects are all that a statement would set: self.x = ..., of which
        the rest of the object stays what it is."""
        if changed_names(ast.Expr(node.value), scope.find):
            return False
        found: list[tuple[Instance, str]] = []
        for target in node.targets:
            owner = target.value if isinstance(target, ast.Attribute) else None
            held = scope.find(owner.id) if isinstance(owner, ast.Name) else None
            if not isinstance(held, Instance) or not isinstance(target, ast.Attribute):
                return False
            found.append((held, target.attr))
        for of, name in found:
            of.names[name] = Unreadable(error)
        return True

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

    def _returned(self, node: ast.expr | None, scope: Scope) -> Value:
        """What a function gives back; of gradients nothing."""
        if node is None:
            return Known(None)
        parts = node.elts if isinstance(node, ast.Tuple) else [node]
        self.updates += self.names_tell and any(map(is_descent, parts))
        values = [
            Known(None)
            if self.is_made_of_gradients(node, part, scope)
            else self.readable(part, scope)
            for part in parts
        ]
        if self.without_gradient:
            values = [self.detached(v, node) if isinstance(v, Array) else v for v in values]
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
            if isinstance(found, Instance) and _is_layer(found.of, node):
                if self.keeps_gradients:  # worked out by hand, in lines of the code's own
                    self.value(node, scope)
            elif self.output is None and isinstance(found, Array | Instance):
                self.output = found
            return
        name = ast.unparse(node.func)
        if self._is_of_own_object(node, scope):
            self.value(node, scope)
            return
        if name in ("np.add.at", "numpy.add.at") and len(node.args) == 3:
            self.add_at(node, scope)
            return
        if name == "exec" and scope.find(name) is None:
            self._executed(node, scope)
            return
        if name in ("print", "display") and not self.depth:
            self._printed(node, scope)
        if (
            _is_bookkeeping(ast.Expr(node))
            or PURE.match(name.rpartition(".")[2])
            or PURE.match(name)
        ):
            return
        if not self._is_clipped_gradient(node, scope):
            self.value(node, scope)

    def _is_clipped_gradient(self, node: ast.expr, scope: Scope) -> bool:
        """np.clip(dW, -5, 5, out=dW): a step of the training, before which dW is judged."""
        match node:
            case ast.Call(
                func=ast.Attribute(attr="clip"),
                args=[ast.Name(id=name), *_],
                keywords=[*_, ast.keyword(arg="out", value=ast.Name(id=into))],
            ) if name == into and self.keeps_gradients:
                of = self.readable(node.args[0], scope)
                if any(one.goes_back and one.array is of for one in self.bound):
                    said = tell("gradients are judged before they are clipped")
                    self.notes += [said] * (said not in self.notes)
                    return True
        return False

    def _is_of_own_object(self, node: ast.Call, scope: Scope) -> bool:
        """Whether it is a method of an object whose class stands in the code: net.step()."""
        if not isinstance(node.func, ast.Attribute):
            return False
        if any(isinstance(part, ast.Call) for part in ast.walk(node.func.value)):
            return False  # asked twice, a call would change twice
        of = self.readable(node.func.value, scope)
        return isinstance(of, Instance) and isinstance(of.of.find(node.func.attr), Function)

    def _executed(self, node: ast.Call, scope: Scope) -> None:
        """exec(text) is not run, and may give any name another value."""
        hint = tell("what is given besides stands: NAME=VALUE")
        error = CannotRead(tell("'exec' may have changed it, and is not run"), node, hint)
        for name, value in scope.names.items():
            if name not in self.given and not isinstance(value, Builtin):
                scope.names[name] = Unreadable(error)

    def _printed(self, node: ast.Call, scope: Scope) -> None:
        """What is printed is the result where nothing else is."""
        for part in ast.walk(node):
            if part is not node and isinstance(part, ast.Call | ast.BinOp):
                value = self.readable(part, scope)
                if isinstance(value, Array) and not value.is_data and not self.goes_back:
                    self.printed = (value, part)
                    return

    def _loop(self, node: ast.For | ast.While, scope: Scope) -> None:
        if self.names_tell and self.goes_back and (is_update(node) or updates_only(node.body)):
            self.updates += 1
            return
        if self.names_tell and all(map(_is_bookkeeping, node.body)):
            self.updates += self.goes_back and any(map(_is_update, node.body))
            return
        is_training = self.names_tell and self._trains(node)
        self.training += is_training
        try:
            found = self._rounds_of(node, scope, is_training)
            is_training |= _is_endless(node)
            for done, item in enumerate(found):
                before = (self.updates, len(self.stages), self.steps)
                self._round(node, item, scope)
                if is_training or self.updates > before[0]:
                    self._note_once()
                    break
                if not done and isinstance(found, list):
                    self._refuse_long(node, len(found), before)
        except Break:
            pass
        else:
            self.block(node.orelse, scope)
        finally:
            self.training -= is_training

    def _trains(self, node: ast.For | ast.While) -> bool:
        """Whether a loop has loss.backward(), a step or an update by gradients in it; dout =
        layer.backward(dout) is read where gradients are."""
        inside = parts(node)
        layers = [
            part.func
            for part in inside
            if self.keeps_gradients and isinstance(part, ast.Call) and part.args
        ]
        return is_trained(inside) or any(
            isinstance(part, ast.Attribute)
            and part.attr in ("backward", "step", "zero_grad")
            and part not in layers
            for part in inside
        )

    def _round(self, node: ast.For | ast.While, item: Value | None, scope: Scope) -> None:
        self.step(node)
        if isinstance(node, ast.For):
            assert item is not None
            self.unpack(node.target, item, scope)
        body = node.body if self.training else continued_as_branch(node.body)
        with contextlib.suppress(Continue):
            self.block(body, scope)

    def _note_once(self) -> None:
        said = tell("a loop that trains, or has no end, is read once")
        if said not in self.notes:
            self.notes.append(said)

    def _refuse_long(
        self, node: ast.For | ast.While, rounds: int, before: tuple[int, int, int]
    ) -> None:
        """Said after the first round, and not after all that can be walked."""
        stages, steps = len(self.stages) - before[1], self.steps - before[2]
        if rounds * stages > MOST_STAGES:
            what = tell(
                "{rounds:,} rounds of {stages:,} lines are more than {most_stages:,} stages",
                rounds=rounds,
                stages=stages,
                most_stages=MOST_STAGES,
            )
        elif rounds * steps > MOST_STEPS:
            what = tell(
                "{rounds:,} rounds of {steps:,} steps are more than {most_steps:,} steps",
                rounds=rounds,
                steps=steps,
                most_steps=MOST_STEPS,
            )
        else:
            return
        parts = ast.walk(node.iter) if isinstance(node, ast.For) else iter(())
        names = [part.id for part in parts if isinstance(part, ast.Name)]
        name = next((name for name in names if name != "range"), "")
        hint = tell("fewer rounds: {name}=1", name=name) if name else tell("fewer rounds of a loop")
        raise TooMuch(what, node, hint)

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


def _is_layer(of: Class, node: ast.Call) -> bool:
    """Whether x.backward(...) goes through a layer of the code's own, and not from a result."""
    has_own = isinstance(of.find("backward"), Function)
    return has_own and bool(node.args or of.find("forward") or of.find("__call__"))


def _is_update(node: ast.AST) -> bool:
    """p.data += ..., whatever of."""
    return isinstance(node, ast.AugAssign | ast.Assign) and any(
        isinstance(target, ast.Attribute) and target.attr == "data"
        for target in ([node.target] if isinstance(node, ast.AugAssign) else node.targets)
    )


def _is_entry(node: ast.stmt) -> bool:
    """Whether it gives an entry or an attribute what it holds: params["W"] -= ..., self.W -= ..."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return isinstance(targets[0], ast.Subscript | ast.Attribute)


def _is_endless(node: ast.For | ast.While) -> bool:
    """while True, without a break: it is read once, as what trains is."""
    is_true = isinstance(node, ast.While) and isinstance(node.test, ast.Constant)
    return is_true and not any(isinstance(part, ast.Break) for part in parts(node))


class _While:
    """The rounds of a while loop, as long as its condition holds."""

    def __init__(self, machine: Statements, node: ast.While, scope: Scope) -> None:
        self.machine, self.node, self.scope = machine, node, scope

    def __iter__(self) -> _While:
        return self

    def __next__(self) -> None:
        if not self.machine.truth(self.node.test, self.scope):
            raise StopIteration
