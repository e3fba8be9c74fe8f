"""Arrays that a formula writes by their shape: ones(3), zeros(2, 3), eye(3), full(a, 2, 3).

What has no operand has no gradient; `full` hands its number the sum over all it was repeated to.
"""

from __future__ import annotations

from backtrace.gates.gate import Gate, Role
from backtrace.gates.shapes import MOST_AXES, Shape, ShapeError, broadcast, is_too_large, say, size

_MOST = 10**8  # entries


def _of_shape(shape: Shape) -> Shape:
    if len(shape) > MOST_AXES:
        raise ShapeError(f"an array has at most {MOST_AXES} axes, not {len(shape)}")
    if min(shape, default=1) < 1:
        raise ShapeError(f"an array of shape {say(shape)} has no entries")
    if is_too_large(size(shape), _MOST):
        raise ShapeError(f"{say(shape)} is too large")
    return shape


def _of_one_number(name: str, summary: str, number: int) -> Gate:
    return Gate(
        name=name,
        summary=summary,
        parameters=("shape",),
        role=Role.ROUTER,
        forward=lambda m, shape: m.full(number, shape),
        local=(),
        formula=f"{name}(shape)",
        pullback=lambda m, k, u, f, *x: u,  # it has no input to be asked for
        shape=_of_shape,
        fixed=("shape",),
    )


ONES = _of_one_number("ones", "an array of ones: ones(3), ones(2, 3)", 1)
ZEROS = _of_one_number("zeros", "an array of zeros: zeros(3), zeros(2, 3)", 0)


def _of_a_matrix(shape: Shape) -> Shape:
    if len(shape) > 2:
        raise ShapeError("eye makes matrices", "eye(3) or eye(2, 3)")
    return _of_shape(shape * 2 if len(shape) == 1 else shape)


EYE = Gate(
    name="eye",
    summary="the identity matrix: eye(3); eye(2, 3) has a row less",
    parameters=("shape",),
    role=Role.ROUTER,
    forward=lambda m, shape: m.identity(_of_a_matrix(shape)),
    local=(),
    formula="eye(shape)",
    pullback=lambda m, k, u, f, *x: u,
    shape=lambda shape: _of_a_matrix(shape),
    fixed=("shape",),
)


def _repeated(a: Shape, shape: Shape) -> Shape:
    if broadcast(a, _of_shape(shape)) != shape:
        raise ShapeError(f"shape {say(a)} is not repeated to {say(shape)}")
    return shape


FULL = Gate(
    name="full",
    summary="a number, or an array, repeated to a shape: full(a, 2, 3)",
    parameters=("a", "shape"),
    role=Role.DISTRIBUTOR,
    forward=lambda m, a, shape: m.full(a, shape),
    local=(),
    formula="full(a, shape)",
    pullback=lambda m, k, u, f, a, shape: m.summed_to(u, m.shape(a)),
    rules=("the sum of upstream over all that a was repeated to",),
    shape=_repeated,
    fixed=("shape",),
)

ROWS = (ONES, ZEROS, EYE, FULL)
