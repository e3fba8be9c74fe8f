"""What names are worth in a running Python: its numbers and arrays are inputs with a value, its
functions are read where they are called, its modules are what they are. Nothing is called.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping
from types import FunctionType, MethodType, ModuleType
from typing import Any

from backtrace.code.counts import counts
from backtrace.code.effects import called_names
from backtrace.code.function_sources import Reader
from backtrace.code.imports import FAMILIES, libraries
from backtrace.code.known import is_of_numbers
from backtrace.code.machine import Machine
from backtrace.code.program import Source
from backtrace.code.python_objects import (
    LIBRARIES,
    NOWHERE,
    as_known,
    as_value,
    attributes,
    defaults,
    is_array,
    is_number,
    is_of_user,
    nowhere,
    path_of,
    undecorated,
    unmangled,
)
from backtrace.code.stages import Shape, Stage, shape_of
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
    Unreadable,
    Value,
)
from backtrace.code.words import reserved_names
from backtrace.errors import BacktraceError
from backtrace.language import tell

_OF_MODULES = ("_parameters", "_buffers", "_modules")


class Names(dict[str, Value]):
    """Names whose values are looked up when they are first asked for."""

    def __init__(self, look: Callable[[str], Value | None]) -> None:
        super().__init__()
        self._look = look
        self._asked: set[str] = set()

    def __contains__(self, name: object) -> bool:
        if not super().__contains__(name) and isinstance(name, str) and name not in self._asked:
            self._asked.add(name)
            found = self._look(name)
            if found is not None:
                self[name] = found
        return super().__contains__(name)

    def __missing__(self, name: str) -> Value:
        if name in self:
            return self[name]
        raise KeyError(name)

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if self.__contains__(name) else default


def _ask(scope: Scope, node: ast.AST) -> None:
    """Looks up what the code reads and never binds, so that it has its name before others do."""
    inside = [*ast.walk(node)]
    names = [part for part in inside if isinstance(part, ast.Name)]
    bound = {part.id for part in names if not isinstance(part.ctx, ast.Load)}
    bound |= {part.arg for part in inside if isinstance(part, ast.arg)}
    bound |= {p.name for p in inside if isinstance(p, ast.FunctionDef | ast.ClassDef)}
    for part in names:
        if part.id not in bound:
            scope.find(part.id)


def _placed(error: CannotRead, node: ast.AST) -> CannotRead:
    """The error, where the code has what it is of."""
    return CannotRead(error.what, node, error.hint) if error.line == NOWHERE else error


class NamespaceMachine(Machine):
    """Reads code with the values that its names have in a running Python."""

    def __init__(self, given: Mapping[str, object], forward: Collection[str] = frozenset()) -> None:
        super().__init__(given, forward)
        self.reader = Reader(self._met)
        self._own: set[str] = set()  # the parameters of the function that is traced
        self._kept: dict[int, tuple[object, Value]] = {}  # one object is one value
        self._memory: dict[int, tuple[object, Array, str]] = {}  # arrays that views are of
        self._roots: dict[int, Scope] = {}

    # what is read

    def read_cell(
        self, source: Source, tree: ast.Module, of: str, names: Mapping[str, object]
    ) -> list[Stage]:
        """The stages of code that is typed where these names have values."""
        self.reader.begin(source)
        self.module.names = Names(lambda name: self._of_namespace(names, name))
        self._know_libraries(tree, names)
        _ask(self.module, tree)
        return self.read(tree, "", of)

    def read_function(self, function: FunctionType | MethodType, of: str) -> list[Stage]:
        """The stages of a function. Its parameters are inputs."""
        called = function.__func__ if isinstance(function, MethodType) else function
        assert isinstance(called, FunctionType)
        code = called.__code__
        self._own = {*code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]}
        self.taken |= self._own
        found = self._function_of(called, is_main=True)
        _ask(found.scope, found.node)
        held = getattr(function, "__self__", None)
        owner = self.value_of(held, "self") if called is not function else None
        if isinstance(owner, Unreadable):
            raise CannotRead(owner.error.what, found.node, owner.error.hint)
        self.walk_alone(found, owner if isinstance(owner, Instance | Class) else None)
        node = found.node
        part = ast.copy_location(ast.Expr(node), node) if isinstance(node, ast.Lambda) else node
        return self.needed(self._result(of, ast.Module([part], [])))

    def needed(self, result: str) -> list[Stage]:
        found = super().needed(result)
        self.outside = {name: v for name, v in self.outside.items() if name in self.inputs}
        return found

    def _met(self, tree: ast.Module) -> None:
        """What a text as a whole says of its names."""
        found, added = counts(tree)
        self.counts |= found
        self.added |= added
        self.libraries |= libraries(tree)
        self.reserved |= reserved_names(called_names(tree))

    def _know_libraries(self, node: ast.AST, names: Mapping[str, object]) -> None:
        """Which libraries the names of a text are, by what they are bound to."""
        used = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        modules = [names[name] for name in used if isinstance(names.get(name), ModuleType)]
        roots = {str(module.__name__).partition(".")[0] for module in modules}  # type: ignore[attr-defined]
        self.libraries |= {FAMILIES[root] for root in roots if root in FAMILIES}

    # names

    def value(self, node: ast.expr, scope: Scope) -> Value:
        try:
            return super().value(node, scope)
        except CannotRead as error:
            raise _placed(error, node) from None

    def _statement(self, node: ast.stmt, scope: Scope) -> None:
        try:
            super()._statement(node, scope)
        except CannotRead as error:
            raise _placed(error, node) from None

    def _shape_of_input(self, name: str) -> Shape:
        if name in self.outside and name not in self.given:
            return shape_of(self.outside[name])
        return super()._shape_of_input(name)

    def _of_namespace(self, names: Mapping[str, object], name: str) -> Value | None:
        if name in self.given and name not in self._own:
            return self.given_value(name)
        return self.value_of(names[name], name) if name in names else None

    def _root(self, names: dict[str, Any]) -> Scope:
        """The scope of a module, of which names are looked up when they are needed."""
        if id(names) not in self._roots:
            found = Scope()
            found.names = Names(lambda name: self._of_namespace(names, name))
            self._roots[id(names)] = found
        return self._roots[id(names)]

    # values

    def value_of(self, value: Any, name: str) -> Value:
        """What an object is to code that has it under a name."""
        if type(value) is bool or value is None or value is ... or type(value) in (str, range):
            return Known(value)
        if issubclass(type(value), ModuleType):
            return Builtin(value.__name__)
        if id(value) in self._kept and type(value) not in (int, float):
            return self._kept[id(value)][1]
        try:
            found = self._value_of(value, name)
        except BacktraceError as error:
            found = Unreadable(nowhere(error.what, error.hint))
        self._kept[id(value)] = value, found
        return found

    def _value_of(self, value: Any, name: str) -> Value:
        kind = type(value)
        if path := path_of(value):
            return Builtin(path)
        if kind is FunctionType:
            return self._function_of(value)
        if kind is MethodType:
            found, owner = (
                self.value_of(value.__func__, name),
                self.value_of(value.__self__, "self"),
            )
            if isinstance(found, Function) and isinstance(owner, Instance):
                return Function(found.node, found.scope, found.defaults, owner, owner.of)
        if issubclass(kind, type):
            return self._class_of(value)
        if kind in (list, tuple, dict):
            return self._container(value, name)
        if is_number(value) or is_array(value):
            return self._input(value, name)
        if kind.__module__.partition(".")[0] not in LIBRARIES and hasattr(kind, "__dict__"):
            return self._instance(value)
        return Unreadable(
            nowhere(
                tell(
                    "'{name}' is a {kind_name}, which is not read",
                    name=name,
                    kind_name=kind.__name__,
                )
            )
        )

    def _input(self, value: Any, name: str) -> Value:
        if is_number(value):
            is_count = name in self.counts and float(value).is_integer()
            if is_count or float(value) in (float("inf"), float("-inf")) or value != value:
                return Known(int(value) if is_count else float(value))
        fresh = self.fresh(name)
        self.outside[fresh] = as_value(value)
        kind = "number" if type(value) in (int, float) else ""
        root = type(value).__module__.partition(".")[0]
        library = FAMILIES.get(root, "") if not kind else ""
        is_mask = str(getattr(value, "dtype", "")) in ("bool", "torch.bool")
        found = Array(ast.Name(fresh), library=library, kind=kind, is_mask=is_mask)
        found.part_of = self._shares_memory(value, found)
        return found

    def _shares_memory(self, value: Any, made: Array) -> Array | None:
        """The array that came before and has the same memory, of a view."""
        base = value
        while getattr(base, "base", None) is not None and is_array(base):
            base = base.base
        if not is_array(base):
            return None
        _, first, name = self._memory.setdefault(id(base), (base, made, made.name))
        if first.name != name or first.error is not None:
            raise BacktraceError(
                tell("it has the memory of '{name}', which was changed", name=name)
            )
        return first if first is not made else None

    def _container(self, value: Any, name: str) -> Value:
        if type(value) is list and is_of_numbers(value):
            if name in self.counts:
                return as_known(value)
            fresh = self.fresh(name)
            self.outside[fresh] = value
            return Array(ast.Name(fresh), kind="list")
        if type(value) is dict:
            made = Dictionary()
            self._kept[id(value)] = value, made
            for key, item in value.items():
                if type(key) in (str, int, float, bool, tuple):
                    inner = key if isinstance(key, str) and key.isidentifier() else f"{name}_{key}"
                    made.items[key] = self._item(item, inner)
            return made
        several = Several(is_tuple=type(value) is tuple)
        self._kept[id(value)] = value, several
        several.items += [self._item(item, f"{name}_{k}") for k, item in enumerate(value)]
        return several

    def _item(self, value: Any, name: str) -> Value:
        """What a list or a dictionary holds: its numbers are known, as those of a file's are."""
        if type(value) in (int, float):
            return Known(value)
        return self.value_of(value, name if name.isidentifier() else "value")

    # functions and objects

    def _function_of(self, function: FunctionType, is_main: bool = False) -> Function:
        node = undecorated(self.reader.node(function.__code__))
        self._know_libraries(node, function.__globals__)
        root = self._root(function.__globals__)
        scope = root
        if function.__closure__:
            cells = dict(zip(function.__code__.co_freevars, function.__closure__, strict=True))
            scope = Scope(root)
            scope.names = Names(lambda name: self._of_cell(cells, name))
        made = Function(node, scope)
        self._kept[id(function)] = function, made
        for name, value in defaults(function).items():
            if is_main:
                self.taken.discard(name)  # the array that is the default goes by its name
            is_plain = type(value) in (int, float)
            made.defaults[name] = Known(value) if is_plain else self.value_of(value, name)
        if is_main:
            self.taken |= self._own
        return made

    def _of_cell(self, cells: Mapping[str, Any], name: str) -> Value | None:
        if name not in cells:
            return None
        try:
            held = cells[name].cell_contents
        except ValueError:  # it is bound later
            return None
        if name == "__class__":
            return self._class_of(held)
        return self._of_namespace({name: held}, name)

    def _class_of(self, value: type) -> Value:
        if id(value) in self._kept:
            return self._kept[id(value)][1]
        made = Class(value.__name__)
        self._kept[id(value)] = value, made
        above = [self._class_of(base) for base in value.__bases__ if is_of_user(base)]
        made.bases = [base for base in above if isinstance(base, Class)]
        made.names = Names(lambda name: self._of_class(value, made, name))
        return made

    def _of_class(self, value: type, made: Class, name: str) -> Value | None:
        held = vars(value).get(unmangled(vars(value).keys(), name))
        if isinstance(held, property):
            held = held.fget
        elif isinstance(held, staticmethod | classmethod):
            held = held.__func__
        if held is None:
            return None
        found = self.value_of(held, name)
        if isinstance(found, Function):
            found.of = made
        return found

    def _instance(self, value: object) -> Value:
        of = self._class_of(type(value))
        if not isinstance(of, Class):
            return of
        made = Instance(of)
        held: dict[str, Any] = {}
        own = attributes(value)
        for part in _OF_MODULES:
            inner = own.get(part)
            held |= inner if type(inner) is dict else {}
        held |= own
        made.names = Names(lambda name: self._of_attribute(held, name))
        return made

    def _of_attribute(self, held: Mapping[str, Any], name: str) -> Value | None:
        found = unmangled(held.keys(), name)
        return self._of_namespace({name: held[found]}, name) if found in held else None
