"""zeros, randn, arange and what is like them: arrays that code makes, as values of a formula are
written."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from backtrace.code.known import LONGEST
from backtrace.code.values import Array, CannotRead, Known, Several, Value
from backtrace.language import tell

if TYPE_CHECKING:
    from backtrace.code.library import Library

_LARGEST = 10**9


def made_value(
    machine: Library,
    name: str,
    placed: Sequence[Value],
    named: Mapping[str, Value],
    node: ast.AST,
) -> Array:
    """What a maker makes, as data. Raises CannotRead where its shape is not known."""
    if name.endswith("_like"):
        like = [*machine.shape(machine.array(placed[0], node), node)]
        return _of_shape(machine, name.removesuffix("_like"), like, placed[1:], named, node)
    if name in ("arange", "linspace"):
        return _counted(name, placed, node)
    if name in ("randint", "integers"):
        return _whole_numbers(placed, named, node)
    if name in ("normal", "gauss", "uniform"):
        return _spread(machine, name, placed, named, node)
    shaped = named.get("size", named.get("shape"))
    if name in ("full", "identity", "eye"):
        shaped = placed[0] if placed else shaped
        shape = _lengths([shaped] if shaped is not None else [], node)
        if name == "eye" and len(placed) > 1:
            shape = _lengths(placed[:2], node)
        return _of_shape(machine, name, shape, placed[1:], named, node)
    shape = _lengths([shaped] if shaped is not None else placed, node)
    return _of_shape(machine, name, shape, (), named, node)


def _of_shape(
    machine: Library,
    name: str,
    shape: list[int],
    rest: Sequence[Value],
    named: Mapping[str, Value],
    node: ast.AST,
) -> Array:
    word = {
        "empty": "zeros",
        "identity": "eye",
        "standard_normal": "randn",
        "random": "rand",
        "random_sample": "rand",
    }.get(name, name)
    if any(length < 1 for length in shape) or math.prod(shape) > _LARGEST:
        raise CannotRead(tell("the shape is too large, or empty"), node)
    if word == "full":
        filled = machine.array(named.get("fill_value", rest[0] if rest else Known(0)), node)
        if not filled.is_data:
            raise CannotRead(tell("it is filled with what depends on inputs"), node, "v*np.ones(3)")
        if not shape:
            return Array(filled.node, is_data=True)
        made = ast.BinOp(filled.node, ast.Mult(), _call("ones", shape))
        return Array(made, is_data=True)
    if not shape and word in ("zeros", "ones"):
        return Array(ast.Constant(float(word == "ones")), is_data=True)
    if not shape:
        return Array(ast.Call(ast.Name("sum"), [_call(word, [1])], []), is_data=True)
    return Array(_call(word, shape), is_data=True)


def _call(word: str, shape: Sequence[int]) -> ast.expr:
    return ast.Call(ast.Name(word), [ast.Constant(length) for length in shape], [])


def _lengths(values: Sequence[Value], node: ast.AST) -> list[int]:
    """zeros(3, 4), zeros((3, 4)), zeros(x.shape)."""
    found: list[int] = []
    for value in values:
        match value:
            case Known(value=int() as length) if not isinstance(length, bool):
                found.append(length)
            case Known(value=tuple() as lengths):
                found += lengths
            case Several():
                found += _lengths(value.items, node)
            case _:
                raise CannotRead(tell("the shape is not known"), node, tell("whole numbers are"))
    return found


def _numbers(values: Sequence[Value], node: ast.AST) -> list[float]:
    found = [v.value for v in values if isinstance(v, Known) and type(v.value) in (int, float)]
    if len(found) != len(values):
        raise CannotRead(tell("a number is due that is known"), node)
    return found


def _counted(name: str, placed: Sequence[Value], node: ast.AST) -> Array:
    """arange(3), arange(0, 1, 0.1), linspace(0, 1, 5)."""
    numbers = _numbers(placed, node)
    if name == "linspace":
        if len(numbers) < 2:
            raise CannotRead(tell("linspace takes two ends and a count"), node)
        first, last, *count = numbers
        steps = int(count[0]) if count else 50
        if not 1 <= steps <= LONGEST:
            raise CannotRead(tell("the array is too long, or empty"), node)
        entries: list[float] = [
            first + (last - first) * k / max(1, steps - 1) for k in range(steps)
        ]
    else:
        first, last, step = (0, *numbers, 1) if len(numbers) == 1 else (*numbers, 1)[:3]
        if not numbers or step == 0 or (last - first) / step > LONGEST:
            raise CannotRead(tell("the array is too long, or empty"), node)
        count_of = max(0, math.ceil((last - first) / step))
        entries = [first + step * k for k in range(count_of)]
    if not entries:
        raise CannotRead(tell("the array is empty"), node)
    return Array(ast.List([_constant(entry) for entry in entries]), is_data=True)


def _constant(number: float) -> ast.expr:
    return ast.Constant(number)


def _whole_numbers(placed: Sequence[Value], named: Mapping[str, Value], node: ast.AST) -> Array:
    """np.random.randint(0, 10, size=5), torch.randint(0, 27, (32,))."""
    values = [*placed]
    for word in ("low", "high"):
        if word in named:
            values.append(named[word])
    size = named.get("size")
    if size is None and len(values) > 1 and _is_shape(values):
        size = values.pop()
    bounds = [int(number) for number in _numbers(values, node)]
    low, high = (0, bounds[0]) if len(bounds) == 1 else (bounds[0], bounds[1])
    shape = _lengths([size], node) if size is not None else []
    return Array(_call("randint", [low, high, *shape]), is_data=True)


def _is_shape(values: Sequence[Value]) -> bool:
    """Whether the last argument is a shape."""
    last = values[-1]
    is_tuple = isinstance(last, Known) and isinstance(last.value, tuple)
    return len(values) == 3 or isinstance(last, Several) or is_tuple


def _spread(
    machine: Library,
    name: str,
    placed: Sequence[Value],
    named: Mapping[str, Value],
    node: ast.AST,
) -> Array:
    """normal(mean, deviation, size), uniform(low, high, size)."""
    words = {"normal": ("loc", "scale"), "gauss": ("mu", "sigma"), "uniform": ("low", "high")}[name]
    defaults = (0, 1)
    values = list(placed)
    size = named.get("size") or (values.pop(2) if len(values) > 2 else None)
    ends = []
    for place, (word, default) in enumerate(zip(words, defaults, strict=True)):
        given = values[place] if place < len(values) else named.get(word, Known(default))
        array = machine.array(given, node)
        if not array.is_data:
            raise CannotRead(
                tell("it is drawn around what depends on inputs"), node, "m + s*randn(3)"
            )
        ends.append(array.node)
    shape = _lengths([size], node) if size is not None else []
    base = _of_shape(machine, "randn" if name != "uniform" else "rand", shape, (), {}, node).node
    first, second = ends
    width = ast.BinOp(second, ast.Sub(), first) if name == "uniform" else second
    scaled: ast.expr = ast.BinOp(base, ast.Mult(), width)
    if not (isinstance(first, ast.Constant) and first.value == 0):
        scaled = ast.BinOp(first, ast.Add(), scaled)
    return Array(scaled, is_data=True)
