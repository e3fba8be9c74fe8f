"""Arrays that a formula writes by their shape: ones(3), zeros(2, 3), eye(3), full(a, 2, 3).

What has no operand has no gradient; `full` hands its number the sum over all it was repeated to.
"""

from __future__ import annotations

from backtrace.gates.gate import Gate, Role
from backtrace.gates.shapes import MOST_AXES, Shape, ShapeError, broadcast, is_too_large, say, size
from backtrace.language import marked, tell

_MOST = 10**8  # entries


def _of_shape(shape: Shape) -> Shape:
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
    if is_too_large(size(shape), _MOST):
        raise ShapeError(tell("{shape} is too large", shape=say(shape)))
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


ONES = _of_one_number("ones", marked("an array of ones: ones(3), ones(2, 3)"), 1)
ZEROS = _of_one_number("zeros", marked("an array of zeros: zeros(3), zeros(2, 3)"), 0)


def _of_a_matrix(shape: Shape) -> Shape:
    if len(shape) > 2:
        raise ShapeError(tell("eye makes matrices"), tell("eye(3) or eye(2, 3)"))
    return _of_shape(shape * 2 if len(shape) == 1 else shape)


EYE = Gate(
    name="eye",
    summary=marked("the identity matrix: eye(3); eye(2, 3) has a row less"),
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
        raise ShapeError(tell("shape {a} is not repeated to {shape}", a=say(a), shape=say(shape)))
    return shape


FULL = Gate(
    name="full",
    summary=marked("a number, or an array, repeated to a shape: full(a, 2, 3)"),
    parameters=("a", "shape"),
    role=Role.DISTRIBUTOR,
    forward=lambda m, a, shape: m.full(a, shape),
    local=(),
    formula="full(a, shape)",
    pullback=lambda m, k, u, f, a, shape: m.summed_to(u, m.shape(a)),
    rules=(marked("the sum of upstream over all that a was repeated to"),),
    shape=_repeated,
    fixed=("shape",),
)

ROWS = (ONES, ZEROS, EYE, FULL)
