"""What is known while code is read: numbers, lists, shapes; computed here, within limits."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from backtrace.code.values import CannotRead, Data, Known, Several, Value
from backtrace.formula.spellings import LIBRARIES, TEMPLATES
from backtrace.gates import GATES

_LARGEST = 10**12
_LONGEST = 100_000
SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
_OPERATIONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
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
}
CONSTANTS = {
    f"{library}.{name}": value
    for library in ("np", "numpy", "math", "torch")
    for name, value in (("pi", math.pi), ("e", math.e))
} | {f"{library}.newaxis": None for library in ("np", "numpy")}
BUILTINS = frozenset(
    (
        *("len", "range", "enumerate", "zip", "reversed", "list", "tuple", "int", "float"),
        *("abs", "max", "min", "sum", "round"),
    )
)
CALLED = frozenset((*GATES, *TEMPLATES, "abs", "max", "min", "sum"))


def counts(tree: ast.AST) -> set[str]:
    """The names that serve somewhere as a count, an axis, a shape or an index, or begin what is
    added up later (loss = 0): these are no inputs."""
    found = {
        node.target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)
    }

    def names(node: ast.AST) -> None:
        found.update(n.id for n in ast.walk(node) if isinstance(n, ast.Name))

    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr == "append":
                names(node.func.value)
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            name = name or (node.func.id if isinstance(node.func, ast.Name) else "")
            if name in _SHAPED:
                for part in node.args:
                    names(part)
            for keyword in node.keywords:
                if keyword.arg in ("axis", "dim", "size", "shape"):
                    names(keyword.value)
        elif isinstance(node, ast.Subscript):
            names(node.slice)
    return found


_SHAPED = (
    *("range", "zeros", "ones", "eye", "randn", "rand", "randint", "arange", "empty"),
    *("reshape", "view", "transpose", "expand", "one_hot"),
)


def is_of_numbers(value: Any) -> bool:
    """A number, or a list of such: what an input can be."""
    if isinstance(value, list):
        return bool(value) and all(map(is_of_numbers, value))
    return type(value) in (int, float)


def listed(values: list[Value]) -> Value:
    if all(isinstance(value, Known) for value in values):
        return Known([value.value for value in values if isinstance(value, Known)])
    return Several(values)


def _refused(what: str, node: ast.AST) -> Exception:
    return CannotRead(what, node)


def unary(node: ast.UnaryOp, value: Any) -> Any:
    if isinstance(node.op, ast.Not):
        return not value
    if type(value) not in (int, float, bool):
        raise _refused("a number is due", node)
    return -value if isinstance(node.op, ast.USub) else +value


def binary(node: ast.BinOp, left: Any, right: Any) -> Any:
    """Raises CannotRead where there is no such number, or none of a size that is computed."""
    is_number = type(left) in (int, float, bool) and type(right) in (int, float, bool)
    is_list = isinstance(left, list) and (isinstance(right, list) or type(right) is int)
    is_list = is_list and isinstance(node.op, ast.Add | ast.Mult)
    if not is_number and not is_list:
        raise _refused("numbers are due", node)
    if is_list and isinstance(node.op, ast.Mult) and len(left) * abs(right) > _LONGEST:
        raise _refused("the list is too long", node)
    try:
        if isinstance(node.op, ast.Pow):
            if abs(right) > 1_000 or abs(left) > _LARGEST:
                return float(left) ** float(right)
            found = left**right
        else:
            found = _OPERATIONS[type(node.op)](left, right)
    except (ArithmeticError, KeyError, TypeError, ValueError):
        raise _refused("this cannot be computed", node) from None
    if isinstance(found, complex) or (type(found) is int and abs(found) > _LARGEST):
        raise _refused("the number is too large", node)
    return found


def compared(node: ast.Compare, values: Sequence[Any]) -> bool:
    try:
        pairs = zip(values, node.ops, values[1:], strict=False)
        return all(_RELATIONS[type(op)](a, b) for a, op, b in pairs)
    except (KeyError, TypeError):
        raise _refused("this comparison is not read", node) from None


def called(name: str, values: list[Any], node: ast.AST) -> Any:
    """A built-in function of what is known."""
    functions: dict[str, Callable[..., Any]] = {
        "int": int,
        "float": float,
        "abs": abs,
        "max": max,
        "min": min,
        "sum": sum,
        "round": round,
        "range": range,
    }
    try:
        return functions[name](*values)
    except (ArithmeticError, KeyError, TypeError, ValueError):
        raise _refused(f"{name}() of this is not read", node) from None


def as_data(value: Value, node: ast.AST) -> Value:
    """np.array([...]): a value for an input, as text."""
    if not isinstance(value, Known):
        return value
    if isinstance(value.value, bool) or not isinstance(value.value, int | float | list | tuple):
        raise _refused("numbers in brackets are due", node)
    if isinstance(value.value, int | float):
        return Data(repr(value.value))
    return Data(_nested(value.value, node))


def _nested(values: Any, node: ast.AST) -> str:
    if isinstance(values, list | tuple):
        return f"[{', '.join(_nested(item, node) for item in values)}]"
    if type(values) not in (int, float):
        raise _refused("numbers in brackets are due", node)
    return repr(values)


def made(name: str, shape: list[int], node: ast.AST) -> str:
    """zeros(3, 4) and the like, as a formula's values are written."""
    if name == "arange":
        return _nested(list(range(*shape))[:_LONGEST], node)
    if name == "eye" and len(shape) == 1:
        return f"eye({shape[0]})"
    if not shape:
        return "0" if name.startswith(("zeros", "empty")) else "1"
    if any(length < 1 for length in shape) or math.prod(shape) > 10**9:
        raise _refused("the shape is too large, or empty", node)
    word = {"zeros_like": "zeros", "ones_like": "ones", "empty": "zeros"}.get(name, name)
    return f"{word}({', '.join(map(str, shape))})"


__all__ = ["LIBRARIES", "as_data", "binary", "called", "compared", "counts", "made", "unary"]
