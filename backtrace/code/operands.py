"""What a value of the code is in the formula: an array's expression, constants, inputs."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from typing import Any

from backtrace.code.stages import Stages
from backtrace.code.trees import located
from backtrace.code.values import (
    Array,
    CannotRead,
    Dictionary,
    Instance,
    Known,
    Module,
    Several,
    TooMuch,
    Unreadable,
    Value,
)
from backtrace.code.words import MAKERS
from backtrace.language import tell

MOST_STEPS = 200_000


class Operands(Stages):
    """Values as arrays of the formula, and what a loop goes through."""

    parameters: set[str]  # of the function that is asked for
    names_tell = True  # whether names tell what goes backward
    keeps_gradients = False  # whether backward lines are walked too, to be judged
    begins = False  # whether values are still given to what is to be trained
    without_gradient = False  # whether no gradient goes through what is computed: torch.no_grad

    def __init__(self, given: Mapping[str, object]) -> None:
        super().__init__(given)
        self.libraries: set[str] = set()  # numpy, torch: which the code is written for
        self.steps = 0

    def step(self, node: ast.AST) -> None:
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise TooMuch(
                tell("more than {most_steps:,} steps", most_steps=MOST_STEPS),
                node,
                tell("fewer rounds of a loop"),
            )

    def is_open(self, name: str) -> bool:
        """Whether it is a parameter that has no value yet."""
        return name in self.parameters and name not in self.point and name not in self.given

    def items(self, value: Value, node: ast.AST) -> list[Value]:
        """What a loop goes through. Raises CannotRead where that is not known."""
        match value:
            case Several():
                return list(value.items)
            case Module(kind="ModuleList" | "Sequential"):
                return list(value.names.values())
            case Dictionary():
                return [Known(k) if not isinstance(k, Instance) else k for k in value.items]
            case Known(value=range() | list() | tuple() | str() as held):
                if len(held) > MOST_STEPS:
                    raise TooMuch(
                        tell("a loop of {count:,} rounds", count=len(held)),
                        node,
                        tell("fewer rounds"),
                    )
                return [Known(item, value.measured) for item in held]
            case Array():
                shape = self.shape(value, node)
                if shape:
                    return [self.entry(value, ast.Constant(k)) for k in range(shape[0])]
        raise CannotRead(
            tell("this cannot be gone through"), node, tell("range(3), a list, an array")
        )

    def entry(self, value: Array, place: ast.expr) -> Array:
        """A part of an array, by an index of whole numbers and slices."""
        node = part_of_mask(value, value.node, place)
        kind = "number" if value.kind else ""
        return Array(node, value.is_data, value.library, kind, value.is_mask, part_of=value)

    def _hashable(self, value: Value, node: ast.AST) -> Any:
        if isinstance(value, Known) and not isinstance(value.value, list | range):
            return value.value
        if isinstance(value, Several) and value.is_tuple:
            return tuple(self._hashable(item, node) for item in value.items)
        if isinstance(value, Several | Dictionary | Unreadable):
            raise CannotRead(tell("this is no key of a dictionary"), node)
        return value  # an object, by which it is

    def array(self, value: Value, node: ast.AST) -> Array:
        """A value as an array or a number of the formula. Raises CannotRead for what is none."""
        match value:
            case Array():
                if value.error is not None:
                    raise value.error
                return value
            case Known(value=float() as number) if not math.isfinite(number):
                return self._endless(number, node)
            case Known(value=bool() | int() | float() as number):
                constant = ast.Constant(int(number) if isinstance(number, bool) else number)
                made: ast.expr = located(constant, node)
                return Array(made, is_data=True, kind="number")
            case Known(value=range() | list() | tuple() as held):
                return self.array(Several([Known(item) for item in held]), node)
            case Several():
                parts = [self.array(item, node) for item in value.items]
                if not parts:
                    raise CannotRead(tell("an empty list is no array"), node)
                is_data = all(part.is_data for part in parts)
                listed = Array(ast.List(self.nodes(parts)), is_data, kind="list")
                return yes_and_no(listed) if are_yes_or_no(value) else listed
            case Unreadable():
                raise value.error
        raise CannotRead(tell("a number or an array is due"), node)

    def _endless(self, number: float, node: ast.AST) -> Array:
        """Minus infinity, which masks scores before a softmax, as a number that is as good."""
        if not number < 0:
            raise CannotRead(tell("{number} is no number to compute with", number=number), node)
        said = tell("-inf is read as -1e300: after a softmax both are 0")
        if said not in self.notes:
            self.notes.append(said)
        return Array(located(ast.Constant(-1e300), node), is_data=True, kind="number")

    def nodes(self, arrays: Sequence[Array]) -> list[ast.expr]:
        """Their nodes in one expression: beside what depends on inputs, what is made of random
        numbers is an input of its own, and numbers that are written out are constants."""
        if all(array.is_data for array in arrays):
            return [array.node for array in arrays]
        for array in arrays:
            if array.is_data and is_made(array.node):
                made = self.add_input(as_number(array), "made")
                is_yes = ast.Compare(made, [ast.Gt()], [ast.Constant(0.5)])
                array.node, array.is_data = is_yes if array.is_mask else made, False
        return [array.node for array in arrays]

    def made_of(
        self,
        made: ast.expr,
        parts: Sequence[Array],
        node: ast.AST,
        is_mask: bool = False,
        part_of: Array | None = None,
    ) -> Array:
        """The result of an operation on arrays."""
        located(made, node)
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

    def detached(self, of: Array, node: ast.AST) -> Array:
        """The same numbers, through which no gradient goes."""
        if of.is_data:
            return of
        called = ast.Call(ast.Name("detach"), [as_number(of).node], [])
        return self.made_of(called, [of], node, part_of=of)


def as_number(array: Array) -> Array:
    """Yes and no as 1 and 0."""
    if not array.is_mask:
        return array
    made = ast.Call(ast.Name("where"), [array.node, ast.Constant(1), ast.Constant(0)], [])
    return Array(made, array.is_data, array.library, array.kind)


def are_yes_or_no(value: Value) -> bool:
    """Whether it is a list of True and False, or of such lists."""
    if isinstance(value, Several):
        return bool(value.items) and all(map(are_yes_or_no, value.items))
    return isinstance(value, Known) and isinstance(value.value, bool)


def yes_and_no(of: Array) -> Array:
    """Ones and zeros as yes and no."""
    made = ast.Compare(of.node, [ast.Gt()], [ast.Constant(0.5)])
    return Array(made, of.is_data, of.library, of.kind, is_mask=True)


def part_of_mask(of: Array, whole: ast.expr, place: ast.expr) -> ast.expr:
    """An entry or a part; of yes and no, which a formula has as conditions, whether it is 1."""
    if not of.is_mask:
        return ast.Subscript(whole, place)
    made = ast.Subscript(as_number(of).node, place)
    return ast.Compare(made, [ast.Gt()], [ast.Constant(0.5)])


def is_made(node: ast.expr) -> bool:
    """Whether it is made of random numbers, zeros or ones, which a formula has no word for."""
    return any(isinstance(n, ast.Name) and n.id in MAKERS for n in ast.walk(node))
