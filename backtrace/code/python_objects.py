"""Objects of a running Python as code sees them: which are numbers, which arrays, which come from a
library. Nothing of theirs is called."""

from __future__ import annotations

import ast
import contextlib
import copy
import sys
from collections.abc import Collection
from fractions import Fraction
from types import BuiltinFunctionType, FunctionType, MemberDescriptorType
from typing import Any

from backtrace.code.function_sources import Written
from backtrace.code.imports import FAMILIES
from backtrace.code.values import CannotRead, Known, Several, Value

LIBRARIES = (*FAMILIES, "math", "scipy", "random", "builtins")
"""Whose functions and classes are read by their names."""

NOWHERE = 0
"""The line of an error that has none: it is that of the name that is read."""

_OF_METHODS = ("staticmethod", "classmethod", "property")


def attributes(value: object) -> dict[str, Any]:
    """What is kept on an object; what its class would work out is not asked for."""
    found: dict[str, Any] = {}
    for kind in type(value).__mro__:
        for name, part in vars(kind).items():
            if type(part) is MemberDescriptorType:  # of __slots__
                with contextlib.suppress(AttributeError):
                    found[name] = part.__get__(value)
    with contextlib.suppress(AttributeError):
        found |= object.__getattribute__(value, "__dict__")
    return found


def unmangled(names: Collection[str], name: str) -> str:
    """A private name, __w, as the one class has it that has it: _Net__w."""
    if not name.startswith("__") or name.endswith("__") or name in names:
        return name
    ends = [one for one in names if one.startswith("_") and one.endswith(name)]
    return ends[0] if len(ends) == 1 else name


def nowhere(what: str, hint: str = "") -> CannotRead:
    error = CannotRead(what, ast.Pass(), hint)
    error.line = NOWHERE
    return error


def undecorated(node: Written) -> Written:
    """Without decorators: what is read is the function that came out of them."""
    if isinstance(node, ast.Lambda) or not node.decorator_list:
        return node
    node = copy.copy(node)
    names = [(part, ast.unparse(part)) for part in node.decorator_list]
    node.decorator_list = [part for part, name in names if name in _OF_METHODS]
    return node


def defaults(function: FunctionType) -> dict[str, object]:
    code = function.__code__
    values = function.__defaults__ or ()
    names = code.co_varnames[code.co_argcount - len(values) : code.co_argcount]
    return {**dict(zip(names, values, strict=True)), **(function.__kwdefaults__ or {})}


def path_of(value: Any) -> str:
    """The path of a function, or a class, of a library; "" for what is none."""
    kind = type(value)
    is_function = kind in (FunctionType, BuiltinFunctionType) or issubclass(kind, type)
    if not is_function and kind.__module__.partition(".")[0] != "numpy":
        return ""
    module, name = getattr(value, "__module__", None), getattr(value, "__name__", None)
    if not isinstance(name, str):
        return ""
    if isinstance(module, str) and module.partition(".")[0] in LIBRARIES:
        return name if module == "builtins" else f"{module}.{name}"
    if module is None and getattr(sys.modules.get("torch"), name, None) is value:
        return f"torch.{name}"
    return ""


def is_of_user(made: Any) -> bool:
    """Whether a function or a class is of no library that is read by its words."""
    return str(made.__module__).partition(".")[0] not in LIBRARIES


def is_number(value: object) -> bool:
    return type(value) in (int, float, Fraction) or (
        _is_of_numpy(value) and not hasattr(value, "__len__") and _is_real(value)
    )


def _is_of_numpy(value: object) -> bool:
    return type(value).__module__.partition(".")[0] == "numpy"


def _is_real(value: object) -> bool:
    return getattr(getattr(value, "dtype", None), "kind", "") in tuple("biuf")


def _is_tensor(value: object) -> bool:
    """Whether it is one of PyTorch, which has been loaded then."""
    tensor = getattr(sys.modules.get("torch"), "Tensor", None)
    return isinstance(tensor, type) and issubclass(type(value), tensor)


def is_array(value: object) -> bool:
    """Whether it is an array of real numbers, of NumPy or PyTorch."""
    return (_is_of_numpy(value) and hasattr(value, "__len__") and _is_real(value)) or _is_tensor(
        value
    )


def as_value(value: Any) -> object:
    """A number or an array as a point takes it."""
    if _is_tensor(value):
        return value.detach().cpu().numpy()
    return value


def as_known(value: Any) -> Value:
    if isinstance(value, list):
        return Several([as_known(item) for item in value])
    return Known(value)
