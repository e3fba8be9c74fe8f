"""The machine that walks the code of a file, or of one function of it, into stages."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping, Sequence

from backtrace.code.calls import Returned
from backtrace.code.changes import held_in
from backtrace.code.counts import counts
from backtrace.code.effects import called_names
from backtrace.code.imports import libraries
from backtrace.code.stages import Stage
from backtrace.code.statements import Statements
from backtrace.code.values import (
    Array,
    Bound,
    CannotRead,
    Class,
    Dictionary,
    Function,
    Instance,
    Known,
    Scope,
    Several,
    ToDo,
    TooMuch,
    Unreadable,
    Value,
)
from backtrace.code.words import reserved_names
from backtrace.errors import near_misses
from backtrace.language import tell


class Machine(Statements):
    """Reads a file, or one function of it, as stages."""

    def __init__(self, given: Mapping[str, object], forward: Collection[str] = frozenset()) -> None:
        super().__init__(given)
        self.forward = frozenset(forward)
        self.settled: set[str] = set()
        self.bound: list[Bound] = []
        self.parameters: set[str] = set()
        self.dictionaries: dict[str, Dictionary] = {}
        self.looked_into: set[str] = set()
        self.entries_read: set[str] = set()
        self.places: set[str] = set()
        self.counts: set[str] = set()
        self.added: set[str] = set()
        self.backward: set[str] = set()
        self.to_do: dict[str, ToDo] = {}
        self.goes_back = False
        self.updates = 0
        self.training = 0  # how many training loops are open
        self.begins = False
        self.output: Value | None = None  # what .backward() is called on, what is returned
        self.last: tuple[str, Value, ast.AST] | None = None  # the last assignment that goes forward
        self.open_scopes = [self.module]
        self.replaced: set[str] = set()

    def read(self, tree: ast.Module, name: str, of: str) -> list[Stage]:
        """The stages of the formula, the last its result; the inputs' values are in `point`."""
        self.prepare(tree)
        if name:
            self._function_alone(tree, name)
        else:
            self.block(tree.body, self.module)
        result = self._result(of, tree)
        found = self.needed(result)
        self.settled |= self.looked_into - self.inputs
        return found

    def prepare(self, tree: ast.Module) -> None:
        """What the text as a whole tells."""
        self.counts, self.added = counts(tree)
        self.libraries = libraries(tree)
        self.reserved = reserved_names(called_names(tree))

    # the result

    def _result(self, of: str, tree: ast.Module) -> str:
        if of:
            found = self._named_result(of, tree)
            if isinstance(found, Array) and found.name and not self.is_stage(found.name):
                what = tell("'{of}' is an input, and nothing that is computed", of=of)
                raise CannotRead(what, tree, self._stages_like(of))
            return self._as_result(found, of, tree)
        if self.output is not None:
            return self._as_result(self.output, "f", tree)
        if self.last is not None:
            name, value, node = self.last
            return self._as_result(value, name, node)
        if self.printed is not None:
            return self._as_result(self.printed[0], "f", self.printed[1])
        defined = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
        first = (defined or tree.body or [tree])[0]
        raise CannotRead(tell("nothing is computed here"), first, self._all())

    def _named_result(self, of: str, tree: ast.AST) -> Value:
        found = self.module.find(of)
        if found is None:
            scopes = [scope for scope in self.open_scopes if of in scope.names]
            found = scopes[-1].names[of] if scopes else None
        if found is None:
            names = [n for n, _, _ in self.stages if n.partition("_v")[0] == of]
            if names:
                return Array(ast.Name(names[-1]))
            raise CannotRead(
                tell("'{of}' is not computed here", of=of), tree, self._stages_like(of)
            )
        return found

    def _stages_like(self, of: str) -> str:
        """What else the result may be: names that are like it, else the last that there are."""
        names = list(dict.fromkeys(self.called(name) for name, _, _ in self.stages))
        near = near_misses(of, names) or names[-6:]
        return tell("there is {near}", near=", ".join(near)) if near else self._all()

    def _all(self) -> str:
        """What there is to ask for."""
        names = [n for n, v in self.module.names.items() if isinstance(v, Function)]
        for name, value in self.module.names.items():
            if isinstance(value, Class):
                names += [f"{name}.{m}" for m in value.names if not m.startswith("_")]
        if names:
            return tell(
                "FILE.py:NAME traces a function: there is {names}", names=", ".join(names[:6])
            )
        return tell("give a number or an array a name: x = 2.0")

    def _as_result(self, value: Value, name: str, node: ast.AST) -> str:
        if isinstance(value, Dictionary):
            value = Several([*value.items.values()][::-1], is_tuple=True)
        while isinstance(value, Several):
            value = self._of_several(value, node)
        if isinstance(value, Instance):
            value = next((value.names[w] for w in held_in(value.of) if w in value.names), value)
        if isinstance(value, Unreadable):
            raise value.error
        if not isinstance(value, Array) or value.is_data:
            raise CannotRead(tell("the result does not depend on any input"), node)
        if not self.is_stage(value.name):
            return self.add_stage(value, name, node).id
        return value.name

    def _of_several(self, value: Several, node: ast.AST) -> Value:
        """Of a tuple what a function returns first, of which there is an array, and which needs
        all that is given; a list of arrays is stacked."""
        if not value.is_tuple:
            return self.stacked(value, node)
        arrays = [v for v in value.items if isinstance(v, Array | Several | Unreadable)]
        given = {name for name in self.given if name not in self.settled}
        for item in arrays:
            if isinstance(item, Array) and not item.name and not item.is_data:
                item.node = self.add_stage(item, "f", node)
            if isinstance(item, Array) and given <= self.inputs_of(item.name):
                return self._told(item, arrays)
        return self._told(arrays[0], arrays) if arrays else Known(None)

    def _told(self, value: Value, others: Sequence[Value]) -> Value:
        count = sum(isinstance(other, Array) for other in others)
        if isinstance(value, Array) and count > 1:
            shown = self.called(value.name) or tell("the first")
            self.notes.append(
                tell(
                    "of what is returned, {shown} is traced: --of NAME is for another", shown=shown
                )
            )
        return value

    # one function

    def _function_alone(self, tree: ast.Module, name: str) -> None:
        """A function, or the method of a class: its parameters are the inputs."""
        self.is_part = True
        self._beside(tree)
        found, owner = self._function(name, tree)
        if isinstance(found.node, ast.FunctionDef):
            self._refuse_decorated(found.node, found.node)
        self.walk_alone(found, owner)

    def walk_alone(self, found: Function, owner: Instance | Class | None) -> None:
        """The lines of a function whose parameters are the inputs, all but its `owner`."""
        self.last = None
        self.is_part = True
        scope = Scope(found.scope, found.name if isinstance(found.node, ast.FunctionDef) else "")
        if found.of is not None:
            scope.names["__class__"] = found.of
        scope.names |= self._parameters(found, owner)
        self.open_scopes.append(scope)
        self.depth = 1
        if isinstance(found.node, ast.Lambda):
            self.output = self.value(found.node.body, scope)
            return
        try:
            self.block(found.node.body, scope)
        except Returned as returned:
            self.output = returned.value

    def _beside(self, tree: ast.Module) -> None:
        """What stands beside the function in its file, as far as it can be read."""
        for node in tree.body:
            try:
                if not isinstance(node, ast.Expr | ast.While | ast.For):
                    self.statement(node, self.module)
            except TooMuch:
                continue
        self.goes_back = False
        self.backward.clear()
        self.updates = 0

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
            raise CannotRead(tell("there is no function '{name}'", name=name), tree, self._all())
        return found, None

    def _parameters(self, function: Function, owner: Instance | Class | None) -> dict[str, Value]:
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
            self.parameters.add(name)
            self.replaced.add(name)
            self.taken.add(name)
            found[name] = self.given_value(name) if name in self.given else Array(ast.Name(name))
        for star in (arguments.vararg, arguments.kwarg):
            if star is not None:
                what = tell(
                    "what '{arg}' gathers is told by a call, and none is made", arg=star.arg
                )
                error = CannotRead(what, star, tell("def f(x, w): its parameters are the inputs"))
                found[star.arg] = Unreadable(error)
        return found
