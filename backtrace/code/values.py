"""What the machine holds while it walks the code: objects, which names share as in Python."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any

from backtrace.language import tell


class CannotRead(Exception):
    """What cannot be read, where, and what can."""

    def __init__(self, what: str, node: ast.AST, hint: str = "") -> None:
        self.what = what
        self.hint = hint
        self.line = getattr(node, "lineno", 1)
        self.column = getattr(node, "col_offset", 0)
        same_line = getattr(node, "end_lineno", None) == self.line
        self.end = getattr(node, "end_col_offset", None) if same_line else None


class NoValue(CannotRead):
    """A name that nothing is known of."""


class TooMuch(CannotRead):
    """A limit of steps, stages or nesting: the walk ends here."""


class ToDo(CannotRead):
    """A gradient whose line is still to be written: dW = ..., dW = None."""

    def __init__(self, name: str, node: ast.AST) -> None:
        super().__init__(
            tell("{name} is still to do", name=name), node, tell("write what {name} is", name=name)
        )
        self.name = name


@dataclass(frozen=True, slots=True)
class Known:
    """A number, a text, None, a range: what is computed while the code is read. What a shape or a
    length tells is `measured`, and no input."""

    value: Any
    measured: bool = field(default=False, compare=False)


@dataclass(eq=False, slots=True)
class Array:
    """A number or an array that depends on inputs, or is data for one. Names share it: what is
    changed in place is changed under all of them.

    node      an expression in the names of inputs and stages, or of numbers and random numbers
    is_data   whether it depends on no input: a name that is bound to it becomes one
    library   whose array it is: numpy, torch; "" where that is not known
    kind      "number" for a number of Python's own, "list" for a list of them; neither adds up, nor
              is changed in place, as arrays do
    is_mask   whether its entries say yes or no
    is_whole  whether it holds whole numbers only, as NumPy's arrays of int do
    part_of   the array that it shows a part of, or shows in another shape
    error     why it cannot be read any more, after a change that cannot
    """

    node: ast.expr
    is_data: bool = False
    library: str = ""
    kind: str = ""
    is_mask: bool = False
    part_of: Array | None = None
    error: CannotRead | None = None
    is_whole: bool = False

    @property
    def name(self) -> str:
        """The stage or the input that it is; "" for what has no name yet."""
        return self.node.id if isinstance(self.node, ast.Name) else ""


def whole_of(array: Array) -> Array:
    """The array that one shows a part of, or shows in another shape; else itself."""
    while array.part_of is not None:
        array = array.part_of
    return array


@dataclass(eq=False, slots=True)
class Several:
    """A list or a tuple."""

    items: list[Value] = field(default_factory=list)
    is_tuple: bool = False


@dataclass(eq=False, slots=True)
class Dictionary:
    items: dict[Any, Value] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Scope:
    """The names of a module, of a call, of a comprehension."""

    outer: Scope | None = None
    label: str = ""  # the function that is called
    is_round: bool = False  # of a comprehension
    names: dict[str, Value] = field(default_factory=dict)
    elsewhere: dict[str, Scope] = field(default_factory=dict)  # global and nonlocal names

    def find(self, name: str) -> Value | None:
        scope: Scope | None = self.elsewhere.get(name, self)
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        return None

    def bind(self, name: str, value: Value) -> None:
        self.elsewhere.get(name, self).names[name] = value

    @property
    def around(self) -> Scope:
        """Where `:=` gives a name a value: outside of comprehensions."""
        scope = self
        while scope.is_round and scope.outer is not None:
            scope = scope.outer
        return scope

    @property
    def module(self) -> Scope:
        scope = self
        while scope.outer is not None:
            scope = scope.outer
        return scope


@dataclass(eq=False, slots=True)
class Function:
    """A def or a lambda of the code's own, and where it was met; of a method its object."""

    node: ast.FunctionDef | ast.Lambda
    scope: Scope
    defaults: dict[str, Value] = field(default_factory=dict)
    owner: Instance | Class | None = None  # of a class method its class
    of: Class | None = None  # the class that it stands in

    @property
    def name(self) -> str:
        return self.node.name if isinstance(self.node, ast.FunctionDef) else "lambda"

    @property
    def label(self) -> str:
        """What tells its names from those of others: relu_x, Value_data."""
        if self.of is not None and self.name.startswith("__"):
            return self.of.name
        return self.name if isinstance(self.node, ast.FunctionDef) else ""


@dataclass(eq=False, slots=True)
class Class:
    name: str
    bases: list[Class] = field(default_factory=list)
    names: dict[str, Value] = field(default_factory=dict)

    def find(self, name: str) -> Value | None:
        return next((one.names[name] for one in self.order() if name in one.names), None)

    def order(self) -> list[Class]:
        """The class and those above it, in the order that Python asks them in: each before its
        bases, and these as they are written (https://docs.python.org/3/howto/mro.html)."""
        waiting = [base.order() for base in self.bases] + [list(self.bases)]
        found: list[Class] = [self]
        while waiting := [one for one in waiting if one]:
            later = [one for line in waiting for one in line[1:]]
            heads = [line[0] for line in waiting]
            first = next((head for head in heads if head not in later), heads[0])
            found.append(first)
            waiting = [[one for one in line if one is not first] for line in waiting]
        return found

    def is_a(self, other: Class) -> bool:
        return self is other or any(base.is_a(other) for base in self.bases)


@dataclass(eq=False, slots=True)
class Instance:
    """An object of a class of the code's own."""

    of: Class
    names: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bound:
    """What a line has given a name: `name` as it is written, the array, and the statement's part
    that makes it; `adds` says that it was added to what the name had, `entry` that a part of it
    was set; `instead` is what adding up rows would have made, where an array tells them."""

    name: str
    array: Array
    stage: str
    node: ast.AST
    goes_back: bool
    adds: bool = False
    entry: bool = False
    instead: ast.expr | None = None


@dataclass(eq=False, slots=True)
class Module:
    """A layer of PyTorch's, with its weights; of several layers these, by their numbers."""

    kind: str
    names: dict[Any, Value] = field(default_factory=dict)
    settings: dict[str, ast.expr] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What could not be read: an error where it is needed, and nowhere else."""

    error: CannotRead


@dataclass(frozen=True, slots=True)
class Builtin:
    """A name of Python's own, or of a module, with its dots: np.linalg.norm, len."""

    path: str


Value = (
    Known
    | Array
    | Several
    | Dictionary
    | Function
    | Class
    | Instance
    | Module
    | Unreadable
    | Builtin
)
