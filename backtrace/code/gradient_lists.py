"""Lists that are gradients: dw = [3.0, 9.0], which is a list while the code is walked (its entries
are set, it is joined) and the array that it stands for when it is judged."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from backtrace.code.values import Array, Several, Value


class GradientLists:
    """The lists that gradients' names were bound to, each with the line that did it."""

    def __init__(self) -> None:
        self._bound: dict[str, tuple[Several, ast.AST]] = {}
        self._arrays: dict[int, tuple[Several, Array]] = {}

    def note(self, name: str, of: Value | None, node: ast.AST) -> None:
        """The name holds this from now on; it is remembered if it is a list."""
        self._bound.pop(name, None)
        if isinstance(of, Several):
            self._bound[name] = of, node

    def open(self) -> Iterator[tuple[str, Several, ast.AST]]:
        """Name, list and line of those that are no arrays yet."""
        for name, (of, node) in [*self._bound.items()]:
            if id(of) not in self._arrays:
                yield name, of, node

    def settle(self, of: Several, array: Array) -> None:
        """The list is this array where it is judged."""
        self._arrays[id(of)] = of, array

    def array_of(self, value: Value) -> Value:
        """The array that a list stands for; what is no such list is itself."""
        return self._arrays[id(value)][1] if id(value) in self._arrays else value


def line_of_attribute(method: ast.AST, name: str) -> ast.AST:
    """What self.NAME is set to in a method, the last time; the method where it is not."""
    found = method
    for node in ast.walk(method):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
            found = node.value if node.targets[0].attr == name else found
    return found
