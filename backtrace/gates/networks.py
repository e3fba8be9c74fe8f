"""What networks are made of: linear layers, softmax, the cross-entropy of a class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backtrace.algebra import Value
from backtrace.gates.gate import Domain, Gate, Kink, Role
from backtrace.gates.linear import matmul_pullback
from backtrace.gates.shapes import Shape, ShapeError, axis_of, broadcast, matrix_product, say, size
from backtrace.language import marked, tell


def _layer(W: Shape, x: Shape, b: Shape) -> Shape:
    return broadcast(matrix_product(W, x), b)


def _affine_pullback(m: Any, k: int, u: Value, f: Value, W: Value, x: Value, b: Value) -> Value:
    if k == 2:
        return m.summed_to(u, m.shape(b))
    return matmul_pullback(m, k, m.summed_to(u, matrix_product(m.shape(W), m.shape(x))), f, W, x)


AFFINE = Gate(
    name="affine",
    summary=marked("a linear layer: a matrix product and a bias"),
    parameters=("W", "x", "b"),
    role=Role.SWITCHER,
    forward=lambda m, W, x, b: m.matmul(W, x) + b,
    local=(),
    formula="W@x + b",
    pullback=_affine_pullback,
    rules=("upstream @ x.T", "W.T @ upstream", "upstream"),
    shape=_layer,
)


def _relu_layer_pullback(at_kink: float) -> Callable[..., Value]:
    """The upstream passes where f > 0, and by `at_kink` of it where W@x + b is 0."""

    def pullback(m: Any, k: int, u: Value, f: Value, W: Value, x: Value, b: Value) -> Value:
        passed = m.where(m.greater(f, 0), u, 0.0)
        if at_kink:
            passed = m.where(m.equal(m.matmul(W, x) + b, 0), at_kink * u, passed)
        return _affine_pullback(m, k, passed, f, W, x, b)

    return pullback


RELU_LAYER = Gate(
    name="relu_layer",
    summary=marked("a linear layer and the relu on it"),
    parameters=("W", "x", "b"),
    role=Role.SWITCHER,
    forward=lambda m, W, x, b: m.maximum(0, m.matmul(W, x) + b),
    local=(),
    formula="max(0, W@x + b)",
    pullback=_relu_layer_pullback(0.0),
    pullbacks={"right": _relu_layer_pullback(1.0), "split": _relu_layer_pullback(0.5)},
    kink=Kink(
        at=lambda m, f, W, x, b: m.equal(m.matmul(W, x) + b, 0),
        local=lambda m, k, f, x, constant: 0,
        says=marked("where W@x + b is 0 the slope is taken as 0"),
    ),
    rules=(
        "(upstream*(f > 0)) @ x.T",
        "W.T @ (upstream*(f > 0))",
        "upstream*(f > 0)",
    ),
    dead=lambda m, f, W, x, b: m.less_equal(f, 0),
    shape=_layer,
    spellings=("relu(W@x + b)", "relu(affine(W, x, b))"),
)


def _along(shape: Shape, axis: int) -> Shape:
    if not shape:
        raise ShapeError(
            tell("softmax is of an array, not a number"), tell("stack(a, b) makes a vector")
        )
    axis_of(shape, axis)
    return shape


def _softmax_pullback(m: Any, u: Value, f: Value, _: Value, axis: int) -> Value:
    """f*(u - sum(u*f)), with 1 - f as the sum of the others, so that none is lost near 1."""
    return f * (u * m.sum_of_others(f, axis) - m.sum_of_others(u * f, axis))


def _log_softmax_pullback(m: Any, u: Value, f: Value, _: Value, axis: int) -> Value:
    """u - p*sum(u), in the same way."""
    p = m.exp(f)
    return u * m.sum_of_others(p, axis) - p * m.sum_of_others(u, axis)


def _softmax_like(
    name: str,
    summary: str,
    pullback: Callable[..., Value],
    rule: str,
    formula: str,
    *by_axis: str,
) -> Gate:
    """`formula` is of a vector; `by_axis` are spellings along any axis."""
    return Gate(
        name=name,
        summary=summary,
        parameters=("x", "axis"),
        role=Role.SCALER,
        forward=lambda m, x, axis: getattr(m, name)(x, axis),
        local=(),
        formula=formula,
        pullback=lambda m, k, u, f, x, axis: pullback(m, u, f, x, axis),
        rules=(rule,),
        terms={
            "p": lambda m, f, x, axis: ("exp(f)", m.exp(f)),
            "sum": lambda m, f, x, axis: (
                tell("along axis {axis}", axis=axis) * (len(m.shape(x)) > 1),
                None,
            ),
        },
        shape=_along,
        fixed=("axis",),
        by_name=True,
        defaults={"axis": "-1"},
        spellings=by_axis,
        # a sum without an axis is over all entries
        only={formula: lambda shape, axis: len(shape) == 1 or "softmax" in formula},
    )


SOFTMAX = _softmax_like(
    "softmax",
    marked("e^x over its sum along an axis (the last): probabilities"),
    _softmax_pullback,
    "f*(upstream - sum(upstream*f))",
    "exp(x)/sum(exp(x))",
    "exp(x)/sum(exp(x), axis=-1, keepdims=True)",
)

LOG_SOFTMAX = _softmax_like(
    "log_softmax",
    marked("the logarithm of softmax, without its overflow"),
    _log_softmax_pullback,
    "upstream - p*sum(upstream)",
    "ln(softmax(x))",
    "x - ln(sum(exp(x), axis=-1, keepdims=True))",
)


def _loss_shape(z: Shape, k: Shape, reduction: str) -> Shape:
    if len(z) not in (1, 2) or k not in (z, z[:-1]):
        words = tell(
            "cross_entropy takes scores, and a class or a distribution for each row: {z}", z=say(z)
        )
        hint = tell("scores 3 and a number, 100x3 and 100; or two of one shape")
        raise ShapeError(tell("{words} and {k} do not fit", words=words, k=say(k)), hint)
    if reduction not in ("mean", "sum", "none"):
        raise ShapeError(
            tell("there is no reduction '{reduction}'", reduction=reduction),
            tell("there are mean, sum and none"),
        )
    return z[:-1] if reduction == "none" else ()


def _targets(m: Any, z: Value, k: Value) -> Value:
    """A distribution over the classes for each row: as given, or all on one class."""
    return k if m.shape(k) == m.shape(z) else m.one_hot(k, m.shape(z)[-1])


def _rows(m: Any, z: Value, reduction: str = "mean") -> int:
    """What the sum over the rows is divided by."""
    return size(m.shape(z)[:-1]) if reduction == "mean" else 1


def _cross_entropy(m: Any, z: Value, k: Value, reduction: str) -> Value:
    targets = _targets(m, z, k)
    if m.shape(k) == m.shape(z):
        terms = k * m.log_softmax(z, -1)
    elif m.truth(m.not_equal(m.sum(targets, -1), 1)):
        return m.sum(z * float("nan"), -1 if reduction == "none" else None)  # some k is no class
    else:
        terms = m.where(targets, m.log_softmax(z, -1), 0.0)
    if reduction == "none":
        return -m.sum(terms, -1)
    total = -m.sum(terms, None)
    return m.divide(total, _rows(m, z)) if reduction == "mean" else total


def _cross_entropy_pullback(
    m: Any, i: int, u: Value, _: Value, z: Value, k: Value, reduction: str
) -> Value:
    is_class = m.shape(k) != m.shape(z)
    share = m.divide(u, _rows(m, z)) if reduction == "mean" else u
    share = m.aligned(share, -1) if reduction == "none" else share
    if i == 1:  # a class is no quantity: it has no slope
        return 0.0 * k if is_class else -share * m.log_softmax(z, -1)
    p, targets = m.softmax(z, -1), _targets(m, z, k)
    if not is_class:
        return share * (p * m.aligned(m.sum(k, -1), -1) - targets)
    others = m.where(targets, 0.0, p)  # p - 1 at the class is what the others are together
    return share * (others - targets * m.aligned(m.sum(others, -1), -1))


_OF_ONE = ("-ln(softmax(z)[0])", "-log_softmax(z)[0]", "logsumexp(z) - z[0]")
_OF_DISTRIBUTIONS = (
    "-mean(sum(k*log_softmax(z), axis=1))",
    "-mean(sum(k*ln(softmax(z)), axis=1))",
)
_OF_CLASSES = (
    "-mean(ln(pick(softmax(z), k)))",
    "mean(-ln(pick(softmax(z), k)))",
    "-mean(pick(log_softmax(z), k))",
    "mean(-pick(log_softmax(z), k))",
)

CROSS_ENTROPY = Gate(
    name="cross_entropy",
    summary=marked(
        "-ln(softmax(z)[k]), the mean over the rows; k is a class from 0, or a distribution"
    ),
    parameters=("z", "k", "reduction"),
    role=Role.SCALER,
    forward=_cross_entropy,
    local=(),
    formula="cross_entropy(z, k)",
    pullback=_cross_entropy_pullback,
    rules=("upstream*(p - one_hot(k))/n", marked("0 for a class, else -upstream*log_softmax(z)/n")),
    terms={
        "p": lambda m, f, z, k, reduction: _weighted(m, z, k),
        "one_hot(k)": lambda m, f, z, k, reduction: (
            tell("k, a distribution") if m.shape(k) == m.shape(z) else "",
            _targets(m, z, k) * 1.0,
        ),
        "n": lambda m, f, z, k, reduction: (
            tell("the number of rows")
            if reduction == "mean"
            else tell("reduction is {reduction}", reduction=reduction),
            _rows(m, z, reduction),
        ),
    },
    shape=_loss_shape,
    fixed=("reduction",),
    by_name=True,
    defaults={"reduction": '"mean"'},
    domain=Domain(
        says=marked("every k to be a class: a whole number from 0, below the number of scores"),
        holds=lambda z, k, reduction: _is_class(z, k),
    ),
    cure=marked("classes are counted from 0: with 3 scores they are 0, 1 and 2"),
    spellings=(
        *_OF_ONE,
        *_OF_DISTRIBUTIONS,
        *_OF_CLASSES,
    ),
    spells=lambda z, k, reduction: reduction == "mean" and len(z) in (1, 2),
    only={
        **dict.fromkeys(_OF_ONE, lambda z, k, reduction: (len(z), len(k)) == (1, 0)),
        **dict.fromkeys(_OF_DISTRIBUTIONS, lambda z, k, reduction: len(z) == 2 and z == k),
        **dict.fromkeys(_OF_CLASSES, lambda z, k, reduction: len(z) == 2 and k == z[:1]),
    },
)


def _weighted(m: Any, z: Value, k: Value) -> tuple[str, Value]:
    """What stands for p: softmax, of weights that do not sum to 1 as often as they do."""
    p = m.softmax(z, -1)
    total = m.sum(_targets(m, z, k) * 1.0, -1)
    if not m.truth(m.not_equal(total, 1)):
        return "softmax(z)", p
    return tell("softmax(z)*(the sum of k)"), p * m.aligned(total, -1)


def _is_class(z: Value, k: Value) -> bool:
    from backtrace.algebra.arrays import ARRAYS

    return not ARRAYS.truth(ARRAYS.not_equal(ARRAYS.sum(_targets(ARRAYS, z, k), -1), 1))


ROWS = (AFFINE, RELU_LAYER, SOFTMAX, LOG_SOFTMAX, CROSS_ENTROPY)
