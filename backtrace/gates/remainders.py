"""Gates that cut numbers to size: clip, the remainder x % y, the whole quotient x // y."""

from __future__ import annotations

from collections.abc import Callable

from backtrace.algebra import Algebra, Value
from backtrace.algebra.spelling import Binding
from backtrace.gates.choices import MAX, MIN, flat_at
from backtrace.gates.gate import CONVENTIONS, Domain, Gate, Kink, Role
from backtrace.language import marked


def _side(gate: Gate, convention: str) -> Callable[..., Value]:
    """What max or min hands to operand k, by a convention where two are tied."""
    assert gate.kink is not None
    rule = gate.kink.rule(convention)

    def slope(m: Algebra, k: int, f: Value, x: list[Value], constant: list[bool]) -> Value:
        tied = rule(m, k, f, x, constant)
        return m.where(m.equal(*x), tied, m.where(m.equal(x[k], f), 1, 0))

    return slope


def _clip_at_kink(convention: str) -> Callable[..., Value]:
    """By the chain rule of min(max(x, lo), hi)."""
    inside, outside = _side(MAX, convention), _side(MIN, convention)

    def rule(m: Algebra, k: int, f: Value, x: list[Value], constant: list[bool]) -> Value:
        raised, hi = m.maximum(*x[:2]), x[2]
        is_fixed = [all(constant[:2]), constant[2]]
        if k == 2:
            return outside(m, 1, f, [raised, hi], is_fixed)
        passed = outside(m, 0, f, [raised, hi], is_fixed)
        slope = passed * inside(m, k, raised, x[:2], constant[:2])
        none = m.where(m.equal(x[1], hi), m.equal(x[0], hi), 0)  # neither can move between them
        return m.where(none, 0, slope)

    return rule


def _within(m: Algebra, k: int, _: Value, x: list[Value], __: list[bool]) -> Value:
    """PyTorch's: x passes where it is not outside its bounds, these where x is."""
    value, lo, hi = x
    inside = m.where(m.less(value, lo), 0, m.where(m.greater(value, hi), 0, 1))
    raised = m.where(m.less(value, lo), m.where(m.less(lo, hi), 1, 0), 0)
    above = m.where(m.greater(value, hi), 1, m.where(m.less(hi, lo), 1, 0))
    return (inside, raised, above)[k]


def _is_at_bound(m: Algebra, _: Value, x: Value, lo: Value, hi: Value) -> Value:
    raised = m.maximum(x, lo)
    at_low = m.where(m.less(hi, lo), 0, m.equal(x, lo))
    return m.where(m.equal(raised, hi), 1, at_low)


CLIP = Gate(
    name="clip",
    summary=marked("x cut to between lo and hi: min(max(x, lo), hi)"),
    parameters=("x", "lo", "hi"),
    role=Role.ROUTER,
    forward=lambda m, x, lo, hi: m.minimum(m.maximum(x, lo), hi),
    local=(
        lambda m, f, x, lo, hi: m.where(m.greater(x, lo), m.where(m.less(x, hi), 1, 0), 0),
        lambda m, f, x, lo, hi: m.where(m.less(x, lo), m.where(m.less(lo, hi), 1, 0), 0),
        lambda m, f, x, lo, hi: m.where(m.less(m.maximum(x, lo), hi), 0, 1),
    ),
    formula="min(max(x, lo), hi)",
    kink=Kink(
        at=_is_at_bound,
        local=_clip_at_kink(CONVENTIONS[0]),
        says=marked(
            "at a bound the slope is taken as 0; of a bound that is a variable as 1/2 each"
        ),
        others={
            **{name: _clip_at_kink(name) for name in ("left", "right", "split")},
            "torch": _within,
            "jax": _clip_at_kink("split"),
        },
    ),
)


def _is_multiple(m: Algebra, _: Value, x: Value, y: Value) -> Value:
    whole = m.divide(x, y)
    return m.equal(whole, m.floor(whole))


_NOT_ZERO = Domain(says=marked("y is not 0"), holds=lambda x, y: y != 0)


def _mod_slope(m: Algebra, k: int, _: Value, x: Value, y: Value) -> Value:
    return 1 if k == 0 else -m.floor_divide(x, y)


MOD = Gate(
    name="mod",
    summary=marked(
        "what is left of x when whole y are taken off, x - y*floor(x/y): has the sign of y"
    ),
    parameters=("x", "y"),
    role=Role.SCALER,
    forward=lambda m, x, y: m.mod(x, y),
    local=(
        lambda m, f, x, y: 1,
        lambda m, f, x, y: -m.floor(m.divide(x, y)),
    ),
    accurate=_mod_slope,
    formula="x % y",
    operator="%",
    binding=Binding.PRODUCT,
    domain=_NOT_ZERO,
    kink=Kink(
        at=_is_multiple,
        local=lambda m, k, f, x, constant: _mod_slope(m, k, f, *x),
        says=marked("at the jump, where x is a multiple of y, the slopes are those on its right"),
    ),
)

FLOORDIV = Gate(
    name="floordiv",
    summary=marked("how many whole y there are in x: floor(x/y)"),
    parameters=("x", "y"),
    role=Role.SCALER,
    forward=lambda m, x, y: m.floor_divide(x, y),
    local=(
        lambda m, f, x, y: 0,
        lambda m, f, x, y: 0,
    ),
    formula="x // y",
    operator="//",
    binding=Binding.PRODUCT,
    is_flat=True,
    domain=_NOT_ZERO,
    kink=flat_at(_is_multiple, says=marked("at the jump the slope is taken as 0")),
)

ROWS = (CLIP, MOD, FLOORDIV)
