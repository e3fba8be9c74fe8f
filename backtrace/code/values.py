"""What the machine holds: what is known, values that inputs can have, and parts of the formula."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any


class CannotRead(Exception):
    """What cannot be read, where, and what can."""

    def __init__(self, what: str, node: ast.AST, hint: str = "") -> None:
        self.what = what
        self.hint = hint
        self.line = getattr(node, "lineno", 1)
        self.column = getattr(node, "col_offset", 0)
        same_line = getattr(node, "end_lineno", None) == self.line
        self.end = getattr(node, "end_col_offset", None) if same_line else None


@dataclass(frozen=True, slots=True)
class Known:
    """A number, a text, a list, a range: what is computed while the code is read."""

    value: Any


@dataclass(frozen=True, slots=True)
class Data:
    """A value that an input can have, as text: [[1, 2]], randn(3, 4)*0.1; `node` for its place."""

    text: str


@dataclass(frozen=True, slots=True)
class Formula:
    """What depends on inputs, as an expression of the formula's own names."""

    node: ast.expr


@dataclass(frozen=True, slots=True)
class Several:
    """A list or a tuple, of such values."""

    items: list[Value] = field(default_factory=list)


Value = Known | Data | Formula | Several
