"""What is known while code is read: numbers, texts, lists of them; computed here, within limits."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

from backtrace.code.values import CannotRead
from backtrace.language import tell

_LARGEST = 10**12
LONGEST = 100_000
_MOST_BITS = 40
_WIDE = re.compile(r"%[^a-zA-Z%]*(\d{4}|\*)")  # "%1000000d" is as long as it says
_OPERATIONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.LShift: lambda a, b: operator.lshift(a, b) if b <= _MOST_BITS else None,
    ast.RShift: operator.rshift,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}
_RELATIONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "int": int,
    "float": float,
    "str": str,
    "bool": bool,
    "abs": abs,
    "max": max,
    "min": min,
    "sum": sum,
    "round": round,
    "range": range,
    "pow": pow,
    "divmod": divmod,
    "any": any,
    "all": all,
    "repr": repr,
}
MATHEMATICS: dict[str, Callable[..., Any]] = {
    name: getattr(math, name)
    for name in (
        "sqrt",
        "exp",
        "log",
        "sin",
        "cos",
        "tan",
        "tanh",
        "floor",
        "ceil",
        "log2",
        "log10",
    )
}
"""Functions of numbers alone that are computed: np.sqrt(2.0/n) is a number."""


def is_of_numbers(value: Any) -> bool:
    """A number, or a list of such: what an input can be."""
    if isinstance(value, list):
        return bool(value) and all(map(is_of_numbers, value))
    return type(value) in (int, float)


def _is_short(value: Any) -> bool:
    return not isinstance(value, str | list | tuple | range) or len(value) <= LONGEST


def _refused(what: str, node: ast.AST) -> CannotRead:
    return CannotRead(what, node)


def unary(node: ast.UnaryOp, value: Any) -> Any:
    if isinstance(node.op, ast.Not):
        return not value
    if type(value) not in (int, float, bool) or (
        isinstance(node.op, ast.Invert) and value != int(value)
    ):
        raise _refused(tell("a number is due"), node)
    if isinstance(node.op, ast.Invert):
        return ~int(value)
    return -value if isinstance(node.op, ast.USub) else +value


def binary(op: ast.operator, left: Any, right: Any, node: ast.AST) -> Any:
    """Raises CannotRead where there is no such number, or none of a size that is computed."""
    is_number = type(left) in (int, float, bool) and type(right) in (int, float, bool)
    is_text = isinstance(left, str) and isinstance(op, ast.Add | ast.Mult | ast.Mod)
    if not is_number and not is_text:
        raise _refused(tell("numbers are due"), node)
    if is_text and isinstance(op, ast.Mult) and len(left) * abs(int(right)) > LONGEST:
        raise _refused(tell("the text is too long"), node)
    if is_text and isinstance(op, ast.Mod) and _WIDE.search(left):
        raise _refused(tell("the text is too long"), node)
    try:
        if isinstance(op, ast.Pow):
            if abs(right) > 1_000 or abs(left) > _LARGEST:
                return float(left) ** float(right)
            found = left**right
        else:
            found = _OPERATIONS[type(op)](left, right)
    except (ArithmeticError, KeyError, TypeError, ValueError):
        raise _refused(tell("this cannot be computed"), node) from None
    if (
        found is None
        or isinstance(found, complex)
        or (type(found) is int and abs(found) > _LARGEST)
    ):
        raise _refused(tell("the number is too large"), node)
    if not _is_short(found):
        raise _refused(tell("the text is too long"), node)
    return found


def compared(node: ast.Compare, values: Sequence[Any]) -> bool:
    try:
        pairs = zip(values, node.ops, values[1:], strict=False)
        return all(_RELATIONS[type(op)](a, b) for a, op, b in pairs)
    except (KeyError, TypeError):
        raise _refused(tell("this comparison is not read"), node) from None


def called(name: str, values: list[Any], node: ast.AST) -> Any:
    """A function of what is known, Python's own or of numbers."""
    function = _FUNCTIONS.get(name) or MATHEMATICS[name]
    try:
        if name == "pow":
            return binary(ast.Pow(), values[0], values[1], node)
        return function(*values)
    except (ArithmeticError, TypeError, ValueError, IndexError):
        raise _refused(tell("{name}() of this is not read", name=name), node) from None


def of_text(text: str, name: str, given: list[Any], node: ast.AST) -> Any:
    """A method of a text: ", ".join(names), key.startswith("W")."""
    if name not in _TEXT_METHODS:
        raise _refused(tell("'.{name}()' of a text is not read", name=name), node)
    try:
        found = getattr(text, name)(*given)
    except (ValueError, TypeError, LookupError):
        raise _refused(tell(".{name}() of this is not read", name=name), node) from None
    if not _is_short(found):
        raise _refused(tell("the text is too long"), node)
    return found


_TEXT_METHODS = (
    *("join", "split", "lower", "upper", "strip", "startswith", "endswith", "replace"),
    *("isdigit", "count", "find", "splitlines", "title"),
)

BUILTINS = frozenset(
    (
        *_FUNCTIONS,
        *(
            "id",
            "len",
            "enumerate",
            "zip",
            "reversed",
            "list",
            "tuple",
            "dict",
            "set",
            "sorted",
            "map",
        ),
        *("isinstance", "hasattr", "getattr", "type", "print", "super", "callable"),
    )
)
