"""What a trace of arrays is told to answer beyond the gradient: how its nodes move along a
direction, second derivatives whole, and second derivatives along a direction. Frozen values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from backtrace.algebra.values import Value

Shape = tuple[int, ...]


class ForwardMode(NamedTuple):
    """Tangents: how every node changes per step that one variable makes along a direction v.

    variable, along  what moves, and v, in its shape; `is_chosen` is False where v is all ones
                     because none was given
    tangents         one a node, in the node's shape and the graph's order; the output's is Jv
    by_tangents      u . Jv, for the upstream u that arrives at the output (1)
    by_gradients     v . J.T u, the gradient along v: the same number, by backprop
    measured         the slope of u . output along v, by the gates' forward rules alone
    verdict, reason  on the three, as those of a `record.Check`
    """

    variable: str
    along: Value
    is_chosen: bool
    tangents: tuple[Value, ...]
    by_tangents: float
    by_gradients: float
    measured: float | None
    verdict: str
    reason: str = ""


class Hessian(NamedTuple):
    """All second derivatives of the output (of an array: of its sum, weighed by the upstream) by
    some variables, as one matrix.

    variables, shapes  whose entries, row by row, the rows and columns are, in this order
    entries            (n, n) for n entries in all
    structure          what it looks like: diagonal, blocks
    parts              the same of each variable's own block; () of one variable
    definiteness       what its eigenvalues say: "positive definite"; "" where there are none
    eigenvalues        from the smallest to the largest, of (H + H.T)/2; what rounding does not tell
                       from 0 is 0; () where not finite
    measured           how it was measured: "" where it was not
    verdict, reason    on it and the measured slope of the gradient
    """

    variables: tuple[str, ...]
    shapes: tuple[Shape, ...]
    entries: Any
    structure: str
    parts: tuple[str, ...]
    definiteness: str
    eigenvalues: tuple[float, ...]
    measured: str
    verdict: str
    reason: str = ""


class HessianProduct(NamedTuple):
    """The Hessian times a direction v, which needs no Hessian: how the gradient changes per step
    along v.

    along            v: an array in its shape for every variable that moves; `is_chosen` is False
                     where it is all ones because none was given
    product          Hv: by every variable that was asked for an array in its shape
    measured         the same as the measured slope of the gradient; None where there is none
    curvature        v . Hv, the second derivative of the output along v
    bend             the same measured by the gates' forward rules alone; None where it is not
    verdict, reason  on all these
    """

    along: Mapping[str, Value]
    is_chosen: bool
    product: Mapping[str, Value]
    measured: Mapping[str, Value] | None
    curvature: float
    bend: float | None
    verdict: str
    reason: str = ""
