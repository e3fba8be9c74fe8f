"""Gates that choose: max, min, where and its comparisons, abs, sign, floor, ceil."""

from __future__ import annotations

from collections.abc import Callable

from backtrace.algebra import Algebra, Value
from backtrace.algebra.spelling import Binding
from backtrace.gates.gate import Gate, Kink, Role
from backtrace.language import marked


def _tied(m: Algebra, f: Value, *x: Value) -> Value:
    if len(x) == 2:
        return m.equal(*x)
    return m.greater(sum(m.equal(value, f) for value in x), 1)


def _share(m: Algebra, k: int, f: Value, x: list[Value], constant: list[bool]) -> Value:
    """1/n to each of n tied inputs; nothing when a constant is among the tied."""
    hits = [m.equal(value, f) for value in x]
    fixed = sum(hit for hit, is_constant in zip(hits, constant, strict=True) if is_constant)
    return m.where(m.greater(fixed, 0), 0, m.divide(hits[k], sum(hits)))


def _split(m: Algebra, k: int, f: Value, x: list[Value], _: list[bool]) -> Value:
    """1/n to each of n tied operands, constants among them."""
    hits = [m.equal(value, f) for value in x]
    return m.divide(hits[k], sum(hits))


def _tie(left: int, right: int) -> Kink:
    """A tie of max or min; from the left and the right a tied input loses or wins."""
    return Kink(
        at=_tied,
        local=_share,
        says=marked(
            "n tied inputs get 1/n each; a tied constant takes it all, and the inputs get 0"
        ),
        others={
            "left": lambda m, k, f, x, constant: left * m.equal(x[k], f),
            "right": lambda m, k, f, x, constant: right * m.equal(x[k], f),
            "split": _split,
            "torch": _split,
            "jax": _split,
        },
    )


def flat_at(where: Callable[..., Value], says: str, **others: float) -> Kink:
    """A kink whose minimum-norm slope is 0; `others` are the slopes of other conventions."""

    def constant_rule(slope: float) -> Callable[..., Value]:
        return lambda m, k, f, x, constant: slope

    rules = {convention: constant_rule(slope) for convention, slope in others.items()}
    return Kink(at=where, local=constant_rule(0), says=says, others=rules)


MAX = Gate(
    name="max",
    commutes=True,
    summary=marked("the largest input: the gradient router"),
    parameters=("x", "y"),
    variadic=True,
    role=Role.ROUTER,
    forward=lambda m, *x: m.maximum(*x),
    local=(lambda m, f, x: m.where(m.equal(x, f), 1, 0),),
    formula="max(x, y)",
    sympy="Max",
    reduction="reduce_max",
    kink=_tie(left=0, right=1),
)

MIN = Gate(
    name="min",
    commutes=True,
    summary=marked("the smallest input: a gradient router too"),
    parameters=("x", "y"),
    variadic=True,
    role=Role.ROUTER,
    forward=lambda m, *x: m.minimum(*x),
    local=(lambda m, f, x: m.where(m.equal(x, f), 1, 0),),
    formula="min(x, y)",
    sympy="Min",
    reduction="reduce_min",
    kink=_tie(left=1, right=0),
)

WHERE = Gate(
    name="where",
    summary=marked("a where the condition holds, else b; the branch not taken gets exactly 0"),
    parameters=("condition", "a", "b"),
    role=Role.ROUTER,
    forward=lambda m, condition, a, b: m.where(condition, a, b),
    local=(
        lambda m, f, condition, a, b: 0,
        lambda m, f, condition, a, b: m.where(condition, 1, 0),
        lambda m, f, condition, a, b: m.where(condition, 0, 1),
    ),
    formula="where(condition, a, b)",
    sympy="where",
)


def _comparison(symbol: str, name: str, summary: str) -> Gate:
    """A comparison: 1 where it holds, else 0; flat on both sides of its jump."""
    return Gate(
        name=name,
        summary=summary,
        parameters=("x", "y"),
        role=Role.ROUTER,
        forward=lambda m, x, y: getattr(m, name)(x, y),
        local=(
            lambda m, f, x, y: 0,
            lambda m, f, x, y: 0,
        ),
        formula=f"x {symbol} y",
        operator=symbol,
        binding=Binding.COMPARISON,
        kink=flat_at(
            lambda m, f, x, y: m.equal(x, y),
            says=marked("the two sides are equal: where() takes the branch its condition says"),
        ),
    )


COMPARISONS = (
    _comparison("<", "less", marked("1 where x is less than y, else 0; only inside where()")),
    _comparison("<=", "less_equal", marked("1 where x is at most y, else 0; only inside where()")),
    _comparison(">", "greater", marked("1 where x is greater than y, else 0; only inside where()")),
    _comparison(
        ">=", "greater_equal", marked("1 where x is at least y, else 0; only inside where()")
    ),
    _comparison("==", "equal", marked("1 where x is equal to y, else 0; only inside where()")),
    _comparison(
        "!=", "not_equal", marked("1 where x is different from y, else 0; only inside where()")
    ),
)

ABS = Gate(
    name="abs",
    summary=marked("absolute value, also written |x|"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.abs(x),
    local=(lambda m, f, x: m.sign(x),),
    formula="abs(x)",
    sympy="Abs",
    kink=flat_at(
        lambda m, f, x: m.equal(x, 0),
        says=marked("at 0 the slope is taken as 0"),
        left=-1,
        right=1,
        jax=1,
    ),
)

SIGN = Gate(
    name="sign",
    summary=marked("-1, 0 or 1"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.sign(x),
    local=(lambda m, f, x: 0,),
    formula="sign(x)",
    sympy="sign",
    is_flat=True,
    kink=flat_at(lambda m, f, x: m.equal(x, 0), says=marked("at the jump the slope is taken as 0")),
)

FLOOR = Gate(
    name="floor",
    summary=marked("the whole number at or below"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.floor(x),
    local=(lambda m, f, x: 0,),
    formula="floor(x)",
    sympy="floor",
    is_flat=True,
    kink=flat_at(lambda m, f, x: m.equal(x, f), says=marked("at the jump the slope is taken as 0")),
)

CEIL = Gate(
    name="ceil",
    summary=marked("the whole number at or above"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.ceil(x),
    local=(lambda m, f, x: 0,),
    formula="ceil(x)",
    sympy="ceiling",
    is_flat=True,
    kink=flat_at(lambda m, f, x: m.equal(x, f), says=marked("at the jump the slope is taken as 0")),
)

ROWS = (MAX, MIN, WHERE, *COMPARISONS, ABS, SIGN, FLOOR, CEIL)
