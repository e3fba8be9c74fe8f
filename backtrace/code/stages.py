"""The formula as it is written down while the code is walked: stages, inputs with their values,
names that are free, and the shape of each."""

from __future__ import annotations

import ast
import copy
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from backtrace.code.trees import children
from backtrace.code.values import Array, CannotRead, Scope, TooMuch
from backtrace.code.writer import Place, written
from backtrace.errors import BacktraceError
from backtrace.formula.spellings import LIBRARIES
from backtrace.language import tell

MOST_STAGES = 20_000
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """A statement of the formula: `text` is `name = expression`, `line` where the code has it, and
    `places` where its parts come from."""

    name: str
    text: str
    line: int
    places: tuple[Place, ...] = ()

    @property
    def expression(self) -> str:
        return self.text.removeprefix(f"{self.name} = ")


class _Replaced(ast.NodeTransformer):
    """Names by what they stand for."""

    def __init__(self, found: Mapping[str, ast.expr]) -> None:
        self.found = found

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.found.get(node.id, node)


def shape_of(value: object) -> Shape:
    """The shape of a number, an array or nested lists."""
    shape = getattr(value, "shape", ())
    while isinstance(value, list | tuple) and value:
        shape, value = (*shape, len(value)), value[0]
    return tuple(shape)


def _numbers(mask: Array) -> ast.expr:
    """Yes and no as 1 and 0."""
    return ast.Call(ast.Name("where"), [mask.node, ast.Constant(1), ast.Constant(0)], [])


def mark(node: ast.AST, call: int) -> None:
    """Notes which call made an expression, and its parts that nobody has noted yet."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if not hasattr(part, "call"):
            part.call = call  # type: ignore[attr-defined]
            for name in part._fields:  # as ast.iter_child_nodes, which takes twice as long
                held = getattr(part, name, None)
                if isinstance(held, ast.expr):
                    waiting.append(held)
                elif type(held) is list:
                    waiting += [item for item in held if isinstance(item, ast.AST)]


class Stages:
    """`given` has the values that are given besides: numbers, arrays, texts."""

    def __init__(self, given: Mapping[str, object]) -> None:
        self.given = given
        self.notes: list[str] = []
        self.stages: list[tuple[str, ast.expr, int]] = []  # name, expression, line
        self.calls: list[tuple[str, int]] = []  # of functions: the name, and the call around it
        self.calling = 0  # the one that is being walked: its place, from 1
        self.point: dict[str, str] = {}
        self.inputs: set[str] = set()  # what the result needs
        self.outside: dict[str, object] = {}  # inputs that have a value where the code runs
        self.taken: set[str] = set()
        self.reserved: frozenset[str] = LIBRARIES  # what would be read as a function
        self.versions: dict[str, int] = {}
        self._owners: dict[str, int] = {}  # which scope a name was first taken by
        self._places: dict[str, int] = {}  # a stage's place in the formula
        self._shapes: dict[str, Shape] = {}
        self._data: dict[str, ast.expr] = {}  # what the code gives its inputs
        self._inner: set[str] = set()  # stages that a function made, under its own names
        self._called: dict[str, str] = {}  # what they are called outside

    def fresh(self, name: str, scope: Scope | None = None) -> str:
        """h, then h_v2, h_v3: every version has a name of its own. A name that another function
        has is told apart by its function: relu_x."""
        is_of_others = self._owners.get(name) not in (None, id(scope))
        if name in self.taken and scope is not None and scope.label and is_of_others:
            name = f"{scope.label}_{name}"
        fresh = f"{name}_" if name in self.reserved else name
        while fresh in self.taken:
            self.versions[name] = self.versions.get(name, 1) + 1
            fresh = f"{name}_v{self.versions[name]}"
        self.taken.add(fresh)
        self._owners.setdefault(name, id(scope))
        return fresh

    def add_stage(
        self, value: Array, name: str, node: ast.AST, scope: Scope | None = None
    ) -> ast.Name:
        """The value under a name that is free, for good."""
        if len(self.stages) >= MOST_STAGES:
            raise TooMuch(
                tell("more than {most_stages:,} stages", most_stages=MOST_STAGES),
                node,
                tell("fewer rounds of a loop"),
            )
        fresh = self.fresh(name, scope)
        self._places[fresh] = len(self.stages)
        if self.calls:  # code without functions of its own has nothing to tell apart
            mark(value.node, self.calling)
        self.stages.append((fresh, value.node, getattr(node, "lineno", 1)))
        if scope is not None and scope.label:
            self._inner.add(fresh)
        return ast.Name(fresh)

    def call_it(self, stage: str, name: str) -> None:
        """What a function gave back goes by the name that the caller has for it."""
        if stage in self._inner and name not in self.taken and name not in self.reserved:
            self._inner.discard(stage)
            self.taken.add(name)
            self._owners[name] = 0
            self._called[stage] = name

    def add_input(self, value: Array, name: str, scope: Scope | None = None) -> ast.Name:
        """Data under a name: an input that has a value."""
        fresh = self.fresh(name, scope)
        self.point[fresh] = written(value.node)[0]
        self._data[fresh] = value.node
        return ast.Name(fresh)

    def expression_of(self, stage: str) -> ast.expr | None:
        """What a stage is."""
        place = self._places.get(stage)
        return self.stages[place][1] if place is not None else None

    def data_of(self, name: str) -> ast.expr | None:
        """What the code gives an input."""
        return self._data.get(name)

    def revalued(self, name: str, node: ast.expr) -> bool:
        """Gives an input another value, worked out from what it was: W.data *= 0.1. Whether it is
        an input, and the value depends on nothing but data."""
        if name not in self._data or not self._names(node) <= self._data.keys():
            return False
        self._data[name] = _Replaced(self._data).visit(copy.deepcopy(node))
        self.point[name] = written(self._data[name])[0]
        self._shapes.pop(name, None)
        return True

    def is_used(self, name: str) -> bool:
        """Whether a stage is made of it."""
        return any(name in self._names(node) for _, node, _ in self.stages)

    # shapes

    def shape(self, value: Array, node: ast.AST) -> Shape:
        """The shape of what is computed so far. Raises CannotRead where it is not known."""
        try:
            return self._shape(_numbers(value) if value.is_mask else value.node, value.is_data)
        except BacktraceError as error:
            raise CannotRead(
                tell("the shape is not known: {what}", what=error.what), node, error.hint
            ) from None

    def _shape(self, node: ast.expr, is_data: bool) -> Shape:
        from backtrace.formula.values import shape_of_value

        if is_data:
            return shape_of_value(written(node)[0])
        if isinstance(node, ast.Name) and node.id not in self._places:
            return self._shape_of_input(node.id)
        for name, inner in self._unsettled(node):
            try:
                self._shapes[name] = self._settled(inner)
            except BacktraceError as error:  # said at the line whose shapes do not fit
                what = tell("the shape is not known: {what}", what=error.what)
                raise CannotRead(what, inner, error.hint) from None
        return self._settled(node)

    def _settled(self, node: ast.expr) -> Shape:
        """The shape of an expression of which the names have shapes."""
        from backtrace.formula.kept import read_once

        if isinstance(node, ast.Name):
            return self._shape_of(node.id)
        graph = read_once(
            written(node)[0], {name: self._shape_of(name) for name in self._names(node)}
        )
        return graph.shapes[graph.output] if graph.shapes else ()

    def _unsettled(self, node: ast.expr) -> list[tuple[str, ast.expr]]:
        """The stages that a shape asks for and that have none yet, in order."""
        found: set[int] = set()
        waiting = [node]
        while waiting:
            for name in self._names(waiting.pop()):
                place = self._places.get(name)
                if place is not None and name not in self._shapes and place not in found:
                    found.add(place)
                    waiting.append(self.stages[place][1])
        return [self.stages[place][:2] for place in sorted(found)]

    def _shape_of(self, name: str) -> Shape:
        return self._shapes[name] if name in self._places else self._shape_of_input(name)

    def _shape_of_input(self, name: str) -> Shape:
        from backtrace.formula.values import shape_of_value

        if name not in self._shapes:
            if name not in self.given and name not in self.point:
                hint = tell("give the arrays on the command line: X=randn(3,4)")
                raise BacktraceError(tell("'{name}' has no value", name=name), hint=hint)
            is_given = name in self.given
            self._shapes[name] = (
                shape_of(self.given[name]) if is_given else shape_of_value(self.point[name])
            )
        return self._shapes[name]

    # what the result needs

    def needed(self, result: str) -> list[Stage]:
        """The stages that lead to a stage, which stands last, and no input that they do without."""
        wanted = self._leading_to({result})
        self._keep(wanted)
        return self._of(wanted)

    def stages_of(self, results: Collection[str]) -> list[Stage]:
        """The stages that lead to others, and these, in order."""
        return self._of(self._leading_to(results))

    def keep_point(self, results: Collection[str]) -> None:
        """Leaves out the inputs that these do without."""
        self._keep(self._leading_to(results))

    def _of(self, wanted: Collection[str]) -> list[Stage]:
        return [self._written(*stage) for stage in self.stages if stage[0] in wanted]

    def _keep(self, wanted: set[str]) -> None:
        self.inputs = wanted - self._places.keys()
        self.point = {name: text for name, text in self.point.items() if name in wanted}

    def _leading_to(self, results: Collection[str]) -> set[str]:
        wanted = set(results)
        last = max((self._places.get(name, -1) for name in results), default=-1)
        for name, node, _ in reversed(self.stages[: last + 1]):
            if name in wanted:
                wanted |= self._names(node)
        return wanted

    def _written(self, name: str, node: ast.expr, line: int) -> Stage:
        shown = self._called.get(name, name)
        text, places = written(node, self._called)
        begin = len(shown) + len(" = ")
        moved = [p._replace(start=p.start + begin, end=p.end + begin) for p in places]
        return Stage(shown, f"{shown} = {text}", line, tuple(moved))

    def inputs_of(self, result: str) -> set[str]:
        """The inputs that lead to a stage, or the input itself."""
        return {name for name in self._leading_to({result}) if name not in self._places}

    def called(self, stage: str) -> str:
        """The name that a stage is shown under."""
        return self._called.get(stage, stage)

    def is_stage(self, name: str) -> bool:
        return name in self._places

    def _names(self, node: ast.AST) -> set[str]:
        """The inputs and stages in an expression, and no names of functions."""
        found: set[str] = set()
        waiting = [node]
        while waiting:
            part = waiting.pop()
            if isinstance(part, ast.Name):
                found.add(part.id)
            elif isinstance(part, ast.Call) and self._is_function(part.func):
                waiting += [*part.args, *part.keywords]
            else:
                waiting += children(part)
        return found

    def _is_function(self, called: ast.expr) -> bool:
        """Whether it is exp or np.exp, and no method of what is computed."""
        if isinstance(called, ast.Name):
            return True
        while isinstance(called, ast.Attribute):
            called = called.value
        return (
            isinstance(called, ast.Name) and called.id in LIBRARIES and called.id not in self.taken
        )
