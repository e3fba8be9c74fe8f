"""put: an array with other entries at some places, x[0, 1:3] = v as code has it.

put(x, v, "0, 1:3")      whole numbers and slices, as between the brackets of an index
"""

from __future__ import annotations

import re
from typing import Any

from backtrace.algebra import Value
from backtrace.algebra.spelling import Spelled
from backtrace.gates.gate import Gate, Role
from backtrace.gates.shapes import Shape, ShapeError, broadcast, picked_shape, say
from backtrace.language import marked, tell

_HINT = marked('put(x, v, "0, 1:3"): whole numbers and slices, as in x[0, 1:3]')
_PART = re.compile(r"(-?\d{1,9})|(-?\d{0,9}):(-?\d{0,9})(?::(-?\d{1,9}))?|(\.\.\.)")
_ALL = (None, None, None)

Part = int | tuple[int | None, int | None, int | None]


def _index(at: str, axes: int) -> tuple[Part, ...]:
    """The parts of an index from its text; `...` is all axes that are left. Raises ShapeError."""
    found: list[Part | None] = []
    for text in at.split(","):
        match = _PART.fullmatch(text.strip())
        if match is None or match[4] == "0":
            raise ShapeError(tell("'{at}' is not read as an index", at=at), tell(_HINT))
        if match[5]:
            found.append(None)
        elif match[1]:
            found.append(int(match[1]))
        else:
            start, stop, step = (int(end) if end else None for end in match.group(2, 3, 4))
            found.append((start, stop, step))
    if found.count(None) > 1:
        raise ShapeError(tell("'...' stands there twice"), tell(_HINT))
    if None in found:
        place = found.index(None)
        found[place : place + 1] = [_ALL] * (axes - len(found) + 1)
    return tuple(part for part in found if part is not None)


def _shape(x: Shape, v: Shape, at: str) -> Shape:
    taken = picked_shape(x, _index(at, len(x)))
    if broadcast(taken, v) != taken:
        raise ShapeError(
            tell(
                "{v} does not fit into the places '{at}', which are {taken}",
                v=say(v),
                at=at,
                taken=say(taken),
            )
        )
    return x


def _here(m: Any, x: Value, at: str) -> Value:
    """1 where the entries are put, 0 elsewhere."""
    index = _index(at, len(m.shape(x)))
    return m.equal(m.put(m.filled(m.pick(x, index), 1), index, m.shape(x)), 1)


def _forward(m: Any, x: Value, v: Value, at: str) -> Value:
    index = _index(at, len(m.shape(x)))
    entries = m.filled(m.pick(x, index), 0) + v
    return m.where(_here(m, x, at), m.put(entries, index, m.shape(x)), x)


def _back(m: Any, k: int, u: Value, _: Value, x: Value, v: Value, at: str) -> Value:
    if k == 1:
        return m.summed_to(m.pick(u, _index(at, len(m.shape(x)))), m.shape(v))
    return m.where(_here(m, x, at), 0.0, u)


def _written(operands: list[Spelled]) -> Spelled:
    x, v, at = (operand.text for operand in operands)
    return Spelled(f"put({x}, {v}, {at})")


PUT = Gate(
    name="put",
    summary=marked(
        'x with other entries at some places: put(x, v, "0, 1:3") is x[0, 1:3] = v in code'
    ),
    parameters=("x", "v", "at"),
    role=Role.ROUTER,
    forward=_forward,
    local=(),
    formula="put(x, v, at)",
    pullback=_back,
    rules=(
        marked("upstream where x has kept its entries, 0 at the places"),
        marked("upstream at the places"),
    ),
    shape=_shape,
    fixed=("at",),
    notation=_written,
)

ROWS = (PUT,)
