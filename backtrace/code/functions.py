"""A function, or a cell, of a running Python as a formula: read, and never called."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType
from typing import Any

from backtrace.code.namespaces import NamespaceMachine
from backtrace.code.program import Program, parsed, walked
from backtrace.code.python_objects import LIBRARIES, is_of_user
from backtrace.errors import UsageError
from backtrace.language import marked, tell

_WHAT = marked("a def, a lambda or a method is traced")


def read_function(
    function: object, given: Mapping[str, object] = MappingProxyType({}), of: str = ""
) -> Program:
    """What a function, a method or an object that is called computes. Its parameters are inputs;
    what it reads from outside has the value that it has now. Raises BacktraceError where there is
    no source, and for what cannot be read."""
    found = _function(function)
    return walked(
        lambda forward: NamespaceMachine(given, forward),
        lambda machine: machine.read_function(found, of),
        lambda machine: machine.reader.source(),
    )


def read_cell(
    text: str,
    names: Mapping[str, object],
    given: Mapping[str, object] = MappingProxyType({}),
    of: str = "",
    path: str = "",
) -> Program:
    """What code computes where `names` have their values. Raises as `read_code`."""
    source, tree = parsed(text, path, is_cell=True)
    return walked(
        lambda forward: NamespaceMachine(given, forward),
        lambda machine: machine.read_cell(source, tree, of, names),
        lambda machine: machine.reader.source(),
    )


def called(function: Any) -> str:
    """What a function is called; nothing is asked of an object but its class."""
    kind = type(function)
    is_plain = kind in (FunctionType, MethodType, BuiltinFunctionType) or issubclass(kind, type)
    if is_plain or kind.__module__.partition(".")[0] in LIBRARIES:
        name = getattr(function, "__qualname__", getattr(function, "__name__", ""))
        return str(name or kind.__name__).rpartition("<locals>.")[2]
    return kind.__qualname__.rpartition("<locals>.")[2]


def _function(function: object) -> FunctionType | MethodType:
    """The function that would run. Raises UsageError."""
    kind = type(function)
    if kind is FunctionType or kind is MethodType:
        wrapped = getattr(function, "__wrapped__", None)
        if wrapped is not None:
            what = tell("'{getattr}' is decorated", getattr=getattr(function, "__name__", ""))
            raise UsageError(what, hint=tell("trace what was decorated: f.__wrapped__"))
        if kind is FunctionType and is_of_user(function):
            return function  # type: ignore[return-value]
        if kind is MethodType and type(function.__func__) is FunctionType:  # type: ignore[attr-defined]
            return function  # type: ignore[return-value]
    if kind is functools.partial:
        hint = tell("trace its function, and give the arguments as values")
        raise UsageError(tell("a partial is not traced"), hint=hint)
    if issubclass(kind, type):
        name = function.__name__  # type: ignore[attr-defined]
        raise UsageError(
            tell("{name} is a class", name=name),
            hint=tell("trace a method of an object: {name}(...).forward", name=name),
        )
    for name in ("__call__", "forward"):  # a module of PyTorch calls its forward
        found = next((vars(c)[name] for c in kind.__mro__ if name in vars(c)), None)
        if type(found) is FunctionType and is_of_user(found):
            return MethodType(found, function)
    if not callable(function):
        raise UsageError(tell("a formula or a function is traced, not {name}", name=kind.__name__))
    name = called(function)
    hint = f"{tell(_WHAT)}: lambda x: {name}(x)"
    raise UsageError(tell("'{name}' has no source in Python", name=name), hint=hint)
