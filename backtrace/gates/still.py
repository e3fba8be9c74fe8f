"""Gates that backprop passes by: detach, and what has only the shape of its input."""

from __future__ import annotations

from backtrace.gates.gate import Gate, Role
from backtrace.language import marked

DETACH = Gate(
    name="detach",
    summary=marked("x itself, and no gradient: by definition, not by calculus (stop_gradient)"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.detach(x),
    local=(lambda m, f, x: 0,),
    formula="detach(x)",
    rules=(marked("0: by definition"),),
    sympy="detach",
    is_flat=True,
)

ZEROS_LIKE = Gate(
    name="zeros_like",
    summary=marked("0 in the shape of x"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.filled(x, 0),
    local=(lambda m, f, x: 0,),
    formula="zeros_like(x)",
    sympy="zeros_like",
    is_flat=True,
)

ONES_LIKE = Gate(
    name="ones_like",
    summary=marked("1 in the shape of x"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.filled(x, 1),
    local=(lambda m, f, x: 0,),
    formula="ones_like(x)",
    sympy="ones_like",
    is_flat=True,
)

FULL_LIKE = Gate(
    name="full_like",
    summary=marked("the number a in the shape of x"),
    parameters=("x", "a"),
    role=Role.ROUTER,
    forward=lambda m, x, a: m.filled(x, a),
    local=(
        lambda m, f, x, a: 0,
        lambda m, f, x, a: 1,
    ),
    formula="full_like(x, a)",
    sympy="full_like",
)

ROWS = (DETACH, ZEROS_LIKE, ONES_LIKE, FULL_LIKE)
