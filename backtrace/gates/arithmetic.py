"""The operators: + - * / ^, the sign, and the copy that a stage `q = x` makes."""

from __future__ import annotations

from backtrace.algebra import Algebra, Value
from backtrace.algebra.spelling import Binding
from backtrace.gates.gate import Domain, Gate, Role
from backtrace.language import marked

ADD = Gate(
    name="add",
    commutes=True,
    summary=marked("addition: the gradient distributor"),
    parameters=("x", "y"),
    role=Role.DISTRIBUTOR,
    forward=lambda m, x, y: x + y,
    local=(
        lambda m, f, x, y: 1,
        lambda m, f, x, y: 1,
    ),
    formula="x + y",
    operator="+",
    binding=Binding.SUM,
)

SUB = Gate(
    name="sub",
    summary=marked("subtraction: distributes, with the sign turned for the second input"),
    parameters=("x", "y"),
    role=Role.DISTRIBUTOR,
    forward=lambda m, x, y: x - y,
    local=(
        lambda m, f, x, y: 1,
        lambda m, f, x, y: -1,
    ),
    formula="x - y",
    operator="-",
    binding=Binding.SUM,
)

MUL = Gate(
    name="mul",
    commutes=True,
    summary=marked("multiplication: the gradient switcher"),
    parameters=("x", "y"),
    role=Role.SWITCHER,
    forward=lambda m, x, y: x * y,
    local=(
        lambda m, f, x, y: y,
        lambda m, f, x, y: x,
    ),
    formula="x*y",
    operator="*",
    binding=Binding.PRODUCT,
)

DIV = Gate(
    name="div",
    summary=marked("division"),
    parameters=("x", "y"),
    role=Role.SCALER,
    forward=lambda m, x, y: m.divide(x, y),
    local=(
        lambda m, f, x, y: m.divide(1, y),
        lambda m, f, x, y: m.divide(-f, y),
    ),
    formula="x/y",
    operator="/",
    binding=Binding.PRODUCT,
    domain=Domain(says=marked("y is not 0"), holds=lambda x, y: y != 0),
    cure=marked("keep the divisor away from 0: where(y == 0, ..., x/y)"),
)

NEG = Gate(
    name="neg",
    summary=marked("the sign turned: *-1 on the slides"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: -x,
    local=(lambda m, f, x: -1,),
    formula="-x",
    operator="-",
    binding=Binding.SIGN,
)


def _power_slope(m: Algebra, f: Value, x: Value, y: Value) -> Value:
    """y*x^(y - 1), and what y - 1 is rounded off by (Knuth's two-sum) made up for by a factor; of
    a y so large that y - 1 is y in floats, y*f/x. At y = 0 it is 0, by where() only where 0 times
    0^-1 would be nan: elsewhere the slope goes on changing with y."""
    less = y - 1
    part = less - y
    off = (y - (less - part)) + (-1 - part)
    slope = y * m.power(x, less)
    slope = m.where(m.equal(y, 0) * m.not_equal(slope, slope), 0, slope)
    is_off = m.not_equal(off, 0) * m.not_equal(x, 0)
    if not m.truth(is_off):
        return slope
    factor = m.exp(off * m.log(m.abs(m.where(is_off, x, 1.0))))
    made_up = m.where(m.equal(less, y), y * m.divide(f, x), slope * factor)
    return m.where(is_off, made_up, slope)


def _exponential_slope(m: Algebra, f: Value, x: Value, y: Value) -> Value:
    """x^y*ln(x); at x = 0 its limit from the right, for y > 0."""
    at_zero = m.where(m.greater(y, 0), 0, m.log(x))
    return m.where(m.equal(x, 0), at_zero, f * m.log(x))


POW = Gate(
    name="pow",
    summary=marked("power"),
    parameters=("x", "y"),
    role=Role.SCALER,
    forward=lambda m, x, y: m.power(x, y),
    local=(
        # x^0 is 1 everywhere, also at 0: its slope is 0 and not 0 * 0^-1
        lambda m, f, x, y: m.where(m.equal(y, 0), 0, y * m.power(x, y - 1)),
        lambda m, f, x, y: _exponential_slope(m, f, x, y),
    ),
    accurate=lambda m, k, f, x, y: (_exponential_slope if k else _power_slope)(m, f, x, y),
    formula="x^y",
    operator="^",
    binding=Binding.POWER,
    domain=Domain(
        says=marked("x > 0, or x = 0 and y >= 0, or y whole"),
        holds=lambda x, y: x > 0 or (x == 0 and y >= 0) or (x != 0 and y % 1 == 0),
    ),
    cure=marked("keep the base positive, or the exponent a whole constant"),
)

SQUARE = Gate(
    name="square",
    summary=marked("x times itself, as one gate"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.square(x),
    local=(lambda m, f, x: 2 * x,),
    formula="x*x",
    spellings=("x^2",),
)

IDENTITY = Gate(
    name="identity",
    summary=marked("a copy: what a stage `q = x` is"),
    parameters=("x",),
    role=Role.DISTRIBUTOR,
    forward=lambda m, x: x,
    local=(lambda m, f, x: 1,),
    formula="x",
)

ROWS = (ADD, SUB, MUL, DIV, NEG, POW, SQUARE, IDENTITY)
