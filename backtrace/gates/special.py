"""Special functions beyond a calculus course: erfc."""

from __future__ import annotations

from backtrace.gates.gate import Gate, Role

ERFC = Gate(
    name="erfc",
    summary="1 less the error function, with its digits where that is nearly 1",
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.erfc(x),
    local=(lambda m, f, x: m.divide(-2 * m.exp(-m.square(x)), m.sqrt(m.number("pi"))),),
    accurate=lambda m, k, f, x: m.divide(-2 * m.gaussian(x, 1), m.sqrt(m.number("pi"))),
    formula="erfc(x)",
    sympy="erfc",
)

ROWS = (ERFC,)
