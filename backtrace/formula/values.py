"""One value of a point: a number, a constant formula, an array, a random array, a file.

5    -1e-3    1/3    pi/2    [1, 2]    [[1, 2], [3, 4]]    0.01*randn(100, 784)    @data.csv
"""

from __future__ import annotations

import math
import re
import zlib
from numbers import Complex, Real
from typing import Any

from backtrace.algebra.floats import FLOATS
from backtrace.errors import BacktraceError, FormulaError, UsageError, ValueGivenError
from backtrace.files import memory
from backtrace.formula.call_slips import MAKERS
from backtrace.formula.parser import parse
from backtrace.formula.shapes import with_shapes
from backtrace.gates import Gate, Role
from backtrace.gates.shapes import MOST_AXES, Shape, ShapeError, say, size
from backtrace.graph import Graph
from backtrace.graph.shapes import is_of_numbers, shapes_inside
from backtrace.language import marked, tell

PLAIN_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_PLAIN_ARRAY = re.compile(r"\s*\[[-+0-9eE.,\s\[\]]*\]\s*")
_HINT = marked("a value is a number, a constant formula, [1, 2], randn(3, 4) or @file.npy")


def read_value(value: str, text: str, offset: int, name: str = "", seed: int = 0) -> Any:
    """The value that is written in `text` from `offset` on: a float, or an array of floats.

    Random entries depend on the seed and on the variable's name, so that the order in which values
    are given changes nothing. Raises ValueGivenError.
    """
    span = (offset, len(text))
    if seed < 0:
        raise UsageError(tell("--seed is {seed}, and a seed is a whole number from 0", seed=seed))
    try:
        found = _read(value, text, offset, name, seed)
    except MemoryError:
        raise ValueGivenError(tell("it does not fit in memory"), text=text, span=span) from None
    if isinstance(found, float) and not math.isfinite(found):
        what = tell("the value is {found}, and a value must be a finite number", found=found)
        raise ValueGivenError(what, text=text, span=span)
    return found


def _read(value: str, text: str, offset: int, name: str, seed: int) -> Any:
    if PLAIN_NUMBER.fullmatch(value):
        return float(value)
    span = (offset, len(text))
    if value.startswith("@"):
        from backtrace.formula.arrayfiles import read_array

        return _placed(lambda: read_array(value[1:]), text, span)
    if _PLAIN_ARRAY.fullmatch(value) and len(value) > 2:
        array = _plain_array(value)
        if array is not None:
            return array
    return _constant(value, text, offset, name, seed)


def shape_of_value(text: str) -> Shape:
    """The shape of a value as it is written, made of nothing random. Raises BacktraceError."""
    if PLAIN_NUMBER.fullmatch(text):
        return ()
    if text.startswith("@") or _PLAIN_ARRAY.fullmatch(text):
        return tuple(getattr(read_value(text, text, 0), "shape", ()))
    graph = parse(text, own=_makers("", 0))
    if graph.inputs:
        raise _not_constant(graph, text, text, 0)
    if is_of_numbers(graph, {}):
        return ()
    graph = with_shapes(graph, {})
    return graph.shapes[graph.output] if graph.shapes else ()


def from_python(value: object, name: str) -> Any:
    """A value given from Python: a number, nested lists or an array. Raises ValueGivenError."""
    if hasattr(value, "__len__"):
        from backtrace.formula.arrayfiles import as_array

        return _placed(lambda: as_array(value, name), "", None)
    try:
        if isinstance(value, Complex) and not isinstance(value, Real):
            raise TypeError
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise ValueGivenError(
            tell("{name} is not a number: {type_name}", name=name, type_name=type(value).__name__)
        ) from None
    if not math.isfinite(number):
        raise ValueGivenError(
            tell(
                "{name} is {number}, and a value must be a finite number", name=name, number=number
            )
        )
    return number


def _placed(read: Any, text: str, span: Any) -> Any:
    from backtrace.formula.arrayfiles import Unreadable

    try:
        return read()
    except Unreadable as error:
        raise ValueGivenError(error.what, text=text, span=span, hint=error.hint) from None


def _plain_array(value: str) -> Any:
    """The quick way for numbers in brackets; None where something is to be said of them."""
    from backtrace.formula.arrayfiles import Unreadable, as_array

    try:
        import json

        return as_array(json.loads(value), tell("the array"))
    except (ValueError, RecursionError, Unreadable):
        return None


def _constant(value: str, text: str, offset: int, name: str, seed: int) -> Any:
    if value.strip().lower().lstrip("+-") in ("nan", "inf", "infinity"):
        what = tell("{value} is not a value: a value must be a finite number", value=value.strip())
        raise ValueGivenError(what, text=text, span=(offset, len(text)))
    try:
        graph = parse(value, own=_makers(name, seed))
        if not graph.inputs:
            return _evaluated(graph)
    except FormulaError as error:
        start, end = error.span or (0, len(value))
        span = (start + offset, end + offset)
        raise ValueGivenError(error.what, text=text, span=span, hint=error.hint) from None
    raise _not_constant(graph, value, text, offset)


def _evaluated(graph: Graph) -> Any:
    if is_of_numbers(graph, {}):
        return float(graph.evaluate(FLOATS, {})[graph.output])
    from backtrace.algebra.arrays import ARRAYS, quiet
    from backtrace.formula.arrayfiles import Unreadable, as_array

    graph = with_shapes(graph, {})
    inner = [shapes_inside(constant) for node in graph.nodes for constant in node.constants]
    entries = sum(
        map(size, [*(graph.shapes or ()), *(shape for shapes in inner for shape in shapes)])
    )
    if entries * 8 > memory() / 2:
        raise MemoryError
    with quiet():
        result = graph.evaluate(ARRAYS, {})[graph.output]
    try:
        return as_array(result, tell("the value"))
    except Unreadable as error:
        raise FormulaError(error.what, hint=error.hint) from None


def _not_constant(graph: Graph, value: str, text: str, offset: int) -> BacktraceError:
    name, index = next(iter(graph.inputs.items()))
    start, end = graph.nodes[index].span
    before = value[:start].rstrip()
    hint = tell(_HINT)
    if PLAIN_NUMBER.fullmatch(before):
        hint = tell(
            "a space missing? {text}{before} {name}=...",
            text=text[:offset],
            before=before,
            name=name,
        )
    span = (start + offset, end + offset)
    return ValueGivenError(
        tell("'{name}' is not a number", name=name), text=text, span=span, hint=hint
    )


def _makers(name: str, seed: int) -> dict[str, Gate]:
    """randn, rand, randint, zeros, ones and eye as gates that a value may use."""

    chance: Any = None

    def make(maker: str, shape: Shape) -> Any:
        import numpy as np

        nonlocal chance

        if maker in ("zeros", "ones"):
            return np.full(shape, float(maker == "ones"))
        if maker == "eye":
            return np.eye(shape[0], shape[-1])
        if chance is None:
            chance = np.random.default_rng([seed, zlib.crc32(name.encode())])
        if maker == "randint":
            low, high, *of = shape
            return chance.integers(low, high, of).astype(float)
        return chance.standard_normal(shape) if maker == "randn" else chance.random(shape)

    def row(maker: str) -> Gate:
        return Gate(
            name=maker,
            summary=tell("makes an array"),
            parameters=("shape",),
            role=Role.ROUTER,
            forward=lambda m, shape: make(maker, shape),
            local=(),
            formula=f"{maker}(shape)",
            pullback=lambda *_: None,
            shape=lambda shape: _made_shape(maker, shape),
            fixed=("shape",),
        )

    return {maker: row(maker) for maker in MAKERS}


def _made_shape(maker: str, shape: Shape) -> Shape:
    if maker == "randint":
        if len(shape) < 2 or shape[0] >= shape[1]:
            what = tell("randint takes a lowest number, one above the highest, and a shape")
            raise ShapeError(what, tell("randint(0, 27, 32, 3): 32x3 whole numbers from 0 to 26"))
        shape = shape[2:]
    if len(shape) > MOST_AXES:
        raise ShapeError(
            tell(
                "an array has at most {most_axes} axes, not {count}",
                most_axes=MOST_AXES,
                count=len(shape),
            )
        )
    if min(shape, default=1) < 1:
        raise ShapeError(tell("an array of shape {shape} has no entries", shape=say(shape)))
    if maker == "eye":
        if len(shape) > 2:
            raise ShapeError(tell("eye makes matrices"), tell("eye(3) or eye(2, 3)"))
        shape = shape * 2 if len(shape) == 1 else shape
    if size(shape) * 8 > memory() / 2:
        raise ShapeError(
            tell(
                "{shape} does not fit in memory: {size:,.0f} GB",
                shape=say(shape),
                size=size(shape) * 8 / 1e9,
            )
        )
    return shape
