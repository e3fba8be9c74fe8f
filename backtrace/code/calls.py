"""Calls: functions and classes of the code are walked where they are called, Python's own are
computed; `library` has those of NumPy and PyTorch."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from backtrace.code import known
from backtrace.code.builtincalls import BuiltinCalls
from backtrace.code.modules import applied, weights_of
from backtrace.code.stages import mark
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
    TooMuch,
    Unreadable,
    Value,
)
from backtrace.language import tell, tell_many

_DEEPEST = 40
_MOST_INPUTS = 64  # of a torch.autograd.Function


class Returned(Exception):
    def __init__(self, value: Value) -> None:
        self.value = value


class Calls(BuiltinCalls):
    """Calls of what the code defines itself, and of Python's own."""

    def call(self, node: ast.Call, scope: Scope) -> Value:
        if isinstance(node.func, ast.Attribute) and _is_super(node.func.value):
            return self._inherited(node.func.attr, node, scope)
        if isinstance(node.func, ast.Attribute):
            of = self.before_dot(node.func, scope)
            if not isinstance(of, Builtin | Instance | Class | Module):
                return self.method(of, node.func.attr, node, scope)
            found = self._of_layers(of, node.func.attr, node, scope)
            if found is not None:
                return found
        return self.apply(self._function_named(node.func, scope), node, scope)

    def _of_layers(self, of: Value, name: str, node: ast.Call, scope: Scope) -> Value | None:
        """net.parameters(), net.eval(), net.to(device): what every layer of PyTorch's has; None for
        the methods of the code's own."""
        if name == "apply" and isinstance(of, Class) and of.find(name) is None:
            return self._of_function(of, node, scope)
        is_own = isinstance(of, Instance) and of.of.find(name) is not None
        if not isinstance(of, Instance | Module) or is_own:
            return None
        if name in ("train", "eval", "to", "cpu", "cuda", "float", "double"):
            return of
        if name in ("register_buffer", "register_parameter") and isinstance(of, Instance):
            placed, _ = self.arguments(node, scope)
            if len(placed) >= 2 and isinstance(placed[0], Known):
                of.names[str(placed[0].value)] = placed[1]
                return Known(None)
        if name in ("save_for_backward", "mark_non_differentiable") and isinstance(of, Instance):
            placed, _ = self.arguments(node, scope)
            if name == "save_for_backward":
                of.names["saved_tensors"] = Several(placed, is_tuple=True)
            return Known(None)
        if name == "parameters":
            return Several(weights_of(of, node))
        return Known(None) if name == "zero_grad" else None

    def _of_function(self, of: Class, node: ast.Call, scope: Scope) -> Value | None:
        """Square.apply(x) of a torch.autograd.Function: its forward, with a context of its own."""
        forward = of.find("forward")
        if not isinstance(forward, Function) or "staticmethod" not in _decorators(forward):
            return None
        placed, named = self.arguments(node, scope)
        return self.inlined(forward, [Instance(of), *placed], named, node)

    def _function_named(self, node: ast.expr, scope: Scope) -> Value:
        try:
            return self.value(node, scope)
        except CannotRead as error:
            if not isinstance(node, ast.Name) or not isinstance(error, NoValue):
                raise
            hint = tell("functions of the file, of NumPy and of PyTorch are")
            raise CannotRead(tell("'{id}' is not read", id=node.id), node, hint) from None

    def apply(self, called: Value, node: ast.Call, scope: Scope) -> Value:
        match called:
            case Function():
                return self.inlined(called, *self.arguments(node, scope), node)
            case Class():
                return self.made_object(called, *self.arguments(node, scope), node)
            case Instance() | Module():
                placed, named = self.arguments(node, scope)
                if not named or isinstance(called, Instance):
                    return self.called_with(called, placed, node, named)
            case Builtin(path="collections.OrderedDict"):
                return self.builtin("dict", node, scope)
            case Builtin(path=path) if path in known.BUILTINS:
                return self.builtin(path, node, scope)
            case Builtin():
                return self.library(called.path, node, scope)
        raise CannotRead(tell("this cannot be called"), node, "def f(x): ...")

    def called_with(
        self,
        called: Value,
        placed: list[Value],
        node: ast.AST,
        named: dict[str, Value] | None = None,
    ) -> Value:
        """An object, a layer or a function called with values."""
        match called:
            case Module():
                return applied(self, called, placed, node)
            case Function():
                return self.inlined(called, placed, named or {}, node)
            case Instance():
                method = called.of.find("__call__") or called.of.find("forward")
                if isinstance(method, Function):
                    return self.inlined(bound(method, called), placed, named or {}, node)
        raise CannotRead(tell("this cannot be called"), node, "def f(x): ...")

    def arguments(self, node: ast.Call, scope: Scope) -> tuple[list[Value], dict[str, Value]]:
        """The values that a call gives, by their places and by their names."""
        placed: list[Value] = []
        for part in node.args:
            if isinstance(part, ast.Starred):
                placed += self.items(self.value(part.value, scope), part)
            else:
                placed.append(self.value(part, scope))
        named: dict[str, Value] = {}
        for keyword in node.keywords:
            value = self.value(keyword.value, scope)
            if keyword.arg is not None:
                named[keyword.arg] = value
            elif isinstance(value, Dictionary):
                named |= {str(key): item for key, item in value.items.items()}
        return placed, named

    # functions

    def defined(self, node: ast.FunctionDef | ast.Lambda, scope: Scope) -> Function:
        """A function, and its defaults, which are worked out where it is defined."""
        function = Function(node, scope)
        arguments = node.args
        names = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
        last = names[len(names) - len(arguments.defaults) :]
        pairs = [*zip(last, arguments.defaults, strict=True)]
        pairs += [
            (a.arg, default)
            for a, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
            if default is not None
        ]
        for name, default in pairs:
            function.defaults[name] = self.readable(default, scope)
        return function

    def readable(self, node: ast.expr, scope: Scope) -> Value:
        """The value, or the error that it is where it is needed."""
        try:
            return self.value(node, scope)
        except TooMuch:
            raise
        except CannotRead as error:
            return Unreadable(error)

    def inlined(
        self,
        function: Function,
        placed: Sequence[Value],
        named: dict[str, Value],
        node: ast.AST,
    ) -> Value:
        """The function's own lines, with these arguments."""
        self.step(node)
        if isinstance(function.node, ast.FunctionDef):
            self._refuse_decorated(function.node, node)
        if function.owner is not None:
            placed = [function.owner, *placed]
        inner = Scope(function.scope, function.label)
        if function.of is not None:
            inner.names["__class__"] = function.of
        for name, value in self._matched(function, placed, named, node).items():
            inner.names[name] = self._parameter(function, name, value, node, inner)
        for value in (*placed, *named.values()):
            self._mark(value)
        outer, before = self.calling, self.without_gradient
        self.without_gradient |= "torch.no_grad()" in _decorators(function)
        self.calls.append((function.label, outer))
        self.calling = len(self.calls)
        self.depth += 1
        if self.depth > _DEEPEST:
            raise TooMuch(tell("calls are nested more than {deepest} deep", deepest=_DEEPEST), node)
        try:
            if isinstance(function.node, ast.Lambda):
                return self._mark(self.value(function.node.body, inner))
            self.block(function.node.body, inner)
        except Returned as returned:
            return self._mark(returned.value)
        finally:
            self.depth -= 1
            self.calling, self.without_gradient = outer, before
        return Known(None)

    def _mark(self, value: Value) -> Value:
        """Notes that the call which is being walked has made this."""
        waiting = [value]
        while waiting:
            match waiting.pop():
                case Array() as array:
                    mark(array.node, self.calling)
                case Several(items=items):
                    waiting += items
                case Dictionary(items=named):
                    waiting += named.values()
        return value

    def _refuse_decorated(self, function: ast.FunctionDef, node: ast.AST) -> None:
        words = ("staticmethod", "classmethod", "property", "torch.no_grad()", "abstractmethod")
        for decorator in function.decorator_list:
            if ast.unparse(decorator) not in words:
                raise CannotRead(
                    tell("'{name}' is decorated", name=function.name), node, tell("call it without")
                )

    def _matched(
        self,
        function: Function,
        placed: Sequence[Value],
        named: dict[str, Value],
        node: ast.AST,
    ) -> dict[str, Value]:
        """Which argument is whose, as Python has it."""
        of = function.node.args
        names = [a.arg for a in (*of.posonlyargs, *of.args)]
        found = dict(zip(names, placed, strict=False))
        known_names = {*names, *(a.arg for a in of.kwonlyargs)}
        rest = {name: value for name, value in named.items() if name not in known_names}
        is_wrong = len(placed) > len(names) and of.vararg is None
        is_wrong = is_wrong or bool(rest and of.kwarg is None) or bool(named.keys() & found.keys())
        found |= {name: value for name, value in named.items() if name in known_names}
        if of.vararg is not None:
            found[of.vararg.arg] = Several(list(placed[len(names) :]), is_tuple=True)
        if of.kwarg is not None:
            found[of.kwarg.arg] = Dictionary(dict(rest))
        found = {**function.defaults, **found}
        missing = [name for name in known_names if name not in found]
        if missing or is_wrong:
            count = len(names) - (function.owner is not None)
            what = tell_many(
                "{name} takes {n} argument",
                "{name} takes {n} arguments",
                n=count,
                name=function.name,
            )
            hint = tell("{names} is missing", names=", ".join(sorted(missing))) if missing else ""
            raise CannotRead(what, node, hint)
        return found

    def _parameter(
        self, function: Function, name: str, value: Value, node: ast.AST, scope: Scope
    ) -> Value:
        """An argument under the name that it has inside: a stage of its own where it is used more
        than once, so that it is worked out once."""
        if not isinstance(value, Array) or value.name:
            return value
        if value.is_data:  # f(np.array([1.0, 2.0])): the parameter is the input
            value.node, value.is_data = self.add_input(value, name, scope), False
            return value
        uses = sum(
            isinstance(part, ast.Name) and part.id == name for part in ast.walk(function.node)
        )
        is_repeated = any(
            isinstance(part, ast.For | ast.While | ast.comprehension)
            for part in ast.walk(function.node)
        )
        if (uses > 1 or is_repeated) and value.kind != "list" and not value.is_mask:
            value.node = self.add_stage(value, name, node, scope)
        return value

    # classes

    def made_object(
        self, of: Class, placed: Sequence[Value], named: dict[str, Value], node: ast.AST
    ) -> Instance:
        made = Instance(of)
        start = of.find("__init__")
        if isinstance(start, Function):
            self.inlined(bound(start, made), placed, named, node)
        elif placed or named:
            raise CannotRead(tell("{name} takes no arguments", name=of.name), node)
        return made

    def member(self, of: Instance | Class, name: str, node: ast.AST) -> Value:
        if isinstance(of, Instance) and name in of.names:
            return of.names[name]
        kind = of.of if isinstance(of, Instance) else of
        found = kind.find(name)
        if found is None and name == "needs_input_grad":  # of a context: all are asked for
            return Several([Known(True)] * _MOST_INPUTS, is_tuple=True)
        if found is None:
            raise CannotRead(
                tell("there is no '{name}' in {kind_name}", name=name, kind_name=kind.name), node
            )
        words = _decorators(found) if isinstance(found, Function) else []
        if not isinstance(found, Function) or not (
            isinstance(of, Instance) or "classmethod" in words
        ):
            return found
        if "staticmethod" in words:
            return found
        if "classmethod" in words:
            return bound(found, kind)
        if "property" in words:
            return self.inlined(bound(found, of), [], {}, node)
        return bound(found, of)

    def operated(self, on: Instance, name: str, other: Value | None, node: ast.AST) -> Value:
        """a + b of objects whose class says what that is."""
        method = on.of.find(f"__{name}__")
        if not isinstance(method, Function):
            raise CannotRead(
                tell("{name} has no __{other_name}__", name=on.of.name, other_name=name), node
            )
        return self.inlined(bound(method, on), [other] if other is not None else [], {}, node)

    def _inherited(self, name: str, node: ast.Call, scope: Scope) -> Value:
        """super().__init__(...): the method of the class above; nn.Module has nothing to do."""
        owner, of = scope.find("self"), scope.find("__class__")
        if not isinstance(owner, Instance) or not isinstance(of, Class):
            raise CannotRead(tell("'super' stands in no method"), node)
        order = owner.of.order()
        above = order[order.index(of) + 1 :] if of in order else []
        method = next((base.names[name] for base in above if name in base.names), None)
        if isinstance(method, Function):
            return self.inlined(bound(method, owner), *self.arguments(node, scope), node)
        if name == "__init__":
            return Known(None)
        raise CannotRead(tell("'super().{name}' is not read", name=name), node)

    # what `Machine` has

    def block(self, body: Sequence[ast.stmt], scope: Scope) -> None:
        raise NotImplementedError


def bound(method: Function, owner: Instance | Class) -> Function:
    return Function(method.node, method.scope, method.defaults, owner, method.of)


def _decorators(function: Function) -> list[str]:
    if isinstance(function.node, ast.Lambda):
        return []
    return [ast.unparse(decorator) for decorator in function.node.decorator_list]


def _is_super(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"
    )
