"""Arrays brought to one size: layer, batch and RMS normalization, and the cosine of an angle.

Each entry less the mean, over the root of the variance and `eps`, times g and plus b (Ioffe and
Szegedy 2015; Ba, Kiros and Hinton 2016; Zhang and Sennrich 2019). Nothing is remembered from one
call to the next: batch_norm is that of training, without running statistics.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backtrace.algebra import Value
from backtrace.gates.gate import Domain, Gate, Role
from backtrace.gates.shapes import Axis, Shape, ShapeError, broadcast, places_of, say, size, without
from backtrace.language import marked, tell

Axes = Callable[[Shape, Axis], Axis]
"""The axes that a row means, where none is said."""


def _mean(m: Any, x: Value, axis: Axis) -> Value:
    """With the axes at length 1."""
    shape = m.shape(x)
    return m.aligned(m.divide(m.sum(x, axis), size(shape) // size(without(shape, axis))), axis)


def _centred(m: Any, x: Value, axis: Axis) -> Value:
    """Less the mean, twice: no rounding of the mean is left, and equal entries give 0."""
    once = x - _mean(m, x, axis)
    return once - _mean(m, once, axis)


def _is_level(m: Any, g: Value, x: Value, axis: Axis) -> bool:
    """Whether g is one number along the axes."""
    shape, own = m.shape(x), m.shape(g)
    own = (1,) * (len(shape) - len(own)) + own
    places = range(len(shape)) if axis is None else places_of(shape, axis)
    return all(own[place] == 1 for place in places)


def _as_said(_: Shape, axis: Axis) -> Axis:
    return axis


def _but_the_channels(shape: Shape, axis: Axis) -> Axis:
    """All axes but the second, that of the channels: of a matrix the first."""
    if axis is not None or len(shape) < 2:
        return axis if axis is not None else 0
    return 0 if len(shape) == 2 else (0, *range(2, len(shape)))


@dataclass(frozen=True, slots=True)
class _Rules:
    """The rules of one normalization: what it is called, along which axes it goes where none is
    said, and whether the mean is taken off first. Operands are x, g, b (if centred), eps, axis."""

    name: str
    axes: Axes
    centred: bool

    @property
    def is_batch(self) -> bool:
        return self.axes is _but_the_channels

    @property
    def parameters(self) -> tuple[str, ...]:
        return ("x", "g", *["b"] * self.centred, "eps", "axis")

    def forward(self, m: Any, x: Value, *operands: Any) -> Value:
        g, *b, eps, axis = operands
        found = self._of_channels(m, g, x, axis) * self.normalized(m, x, eps, axis)[0]
        return found + self._of_channels(m, b[0], x, axis) if b else found

    def pullback(self, m: Any, k: int, u: Value, _: Value, x: Value, *operands: Any) -> Value:
        g, *b, eps, axis = operands
        along = self.axes(m.shape(x), axis)
        if self.centred and k == 2:
            return self._back_to(m, u, b[0], x, axis)
        h, root = self.normalized(m, x, eps, axis)
        placed = self._of_channels(m, g, x, axis)
        if k == 1:  # h sums to 0: where g is one number the mean of upstream adds nothing
            is_level = self.centred and _is_level(m, placed, x, along)
            return self._back_to(m, (_centred(m, u, along) if is_level else u) * h, g, x, axis)
        upstream = _centred(m, u * placed, along) if self.centred else u * placed
        if k == 0:
            return m.divide(upstream - h * _mean(m, upstream * h, along), root)
        return m.summed_to(m.divide(upstream * h, -2 * m.square(root)), m.shape(eps))

    def shape(self, x: Shape, *operands: Any) -> Shape:
        *others, eps, axis = operands
        if not x:
            raise ShapeError(tell("{name} is of an array, not of a number", name=self.name))
        if eps:
            raise ShapeError(tell("eps is a number"))
        along = self.axes(x, axis)
        if along is not None:
            places_of(x, along)
        for other in others:
            if broadcast(x, self._seen(other, x, axis)) != x:
                raise ShapeError(
                    tell("shape {other} is not repeated to {x}", other=say(other), x=say(x))
                )
        return x

    def fits(self, *operands: Any) -> bool:
        try:
            return bool(self.shape(*operands))
        except ShapeError:
            return False

    def normalized(self, m: Any, x: Value, eps: Value, axis: Axis) -> tuple[Value, Value]:
        """The entries, and the root that they were divided by."""
        along = self.axes(m.shape(x), axis)
        d = _centred(m, x, along) if self.centred else x
        root = m.sqrt(_mean(m, m.square(d), along) + eps)
        return m.divide(d, root), root

    def terms(self) -> dict[str, Callable[..., tuple[str, Value]]]:
        """What the rules name besides the operands: h, s and the mean."""
        entries = "(x - mean(x))/s" if self.centred else "x/s"
        root = "sqrt(var(x) + eps)" if self.centred else "sqrt(mean(x^2) + eps)"
        return {
            "h": lambda m, f, x, *o: (entries, self.normalized(m, x, *o[-2:])[0]),
            "s": lambda m, f, x, *o: (root, self.normalized(m, x, *o[-2:])[1]),
            "mean": lambda m, f, x, *o: (_along(self.axes(m.shape(x), o[-1])), None),
        }

    def _seen(self, g: Shape, x: Shape, axis: Axis) -> Shape:
        """The shape of g beside x: of one number a channel, beside more than two axes."""
        is_a_channel = self.is_batch and len(g) == 1 and axis is None and len(x) > 2
        return (*g, *(1,) * (len(x) - 2)) if is_a_channel else g

    def _of_channels(self, m: Any, g: Value, x: Value, axis: Axis) -> Value:
        shape = self._seen(m.shape(g), m.shape(x), axis)
        return g if shape == m.shape(g) else m.reshape(g, shape)

    def _back_to(self, m: Any, u: Value, operand: Value, x: Value, axis: Axis) -> Value:
        placed, shape = self._seen(m.shape(operand), m.shape(x), axis), m.shape(operand)
        found = m.summed_to(u, placed)
        return found if placed == shape else m.reshape(found, shape)


def _row(
    rules: _Rules,
    summary: str,
    formula: str,
    *,
    axis: str,
    eps: str,
    spellings: tuple[str, ...],
    spells: Callable[..., bool],
) -> Gate:
    to_eps = "-sum(upstream*g*h/(2*s^2))"
    back = (
        marked("upstream*h, summed to g"),
        *[marked("upstream, summed to b")] * rules.centred,
        to_eps,
    )
    return Gate(
        name=rules.name,
        summary=summary,
        parameters=rules.parameters,
        role=Role.SCALER,
        forward=rules.forward,
        local=(),
        formula=formula,
        pullback=rules.pullback,
        rules=(_CENTRED if rules.centred else _AS_IT_IS, *back),
        terms=rules.terms(),
        shape=rules.shape,
        fixed=("axis",),
        by_name=True,
        defaults={"g": "1", **({"b": "0"} if rules.centred else {}), "eps": eps, "axis": axis},
        spellings=spellings,
        spells=lambda *operands: spells(*operands) and rules.fits(*operands),
        domain=Domain(
            says=marked("entries that differ, or an eps above 0"), holds=lambda *x: False
        ),
        cure=marked("an eps above 0 keeps the root from 0"),
    )


def _along(axis: Axis) -> str:
    if axis is None:
        return ""
    if isinstance(axis, tuple):
        return tell("along axes {axes}", axes=", ".join(map(str, axis)))
    return tell("along axis {axis}", axis=axis)


_NOT_ALL_EQUAL = Domain(
    says=marked("entries that differ, or an eps above 0"), holds=lambda *x: False
)
_AS_IT_IS = "(upstream*g - h*mean(upstream*g*h))/s"
_CENTRED = "(upstream*g - mean(upstream*g) - h*mean(upstream*g*h))/s"


def _spelled(told: str) -> tuple[str, ...]:
    """Each way to write it along an axis, with the variance and as the mean of squares."""
    apart = f"(x - mean(x, {told}))"
    found: list[str] = []
    for spread in (f"var(x, {told})", f"mean({apart}^2, {told})"):
        root = f"sqrt({spread} + eps)"
        found += [f"g*{apart}/{root} + b", f"g*({apart}/{root}) + b", f"{apart}/{root}"]
    return tuple(found)


_OF_ROWS = _spelled("axis=-1, keepdims=True")
_OF_COLUMNS = _spelled("axis=0")

LAYER_NORM = _row(
    _Rules("layer_norm", _as_said, centred=True),
    marked("each row less its mean, over the root of its variance, times g and plus b"),
    _OF_ROWS[0],
    axis="-1",
    eps="1e-5",
    spellings=(*_OF_ROWS[1:], "g*layer_norm(x, 1, 0, eps) + b"),
    spells=lambda x, g, b, eps, axis: axis is not None,
)

BATCH_NORM = _row(
    _Rules("batch_norm", _but_the_channels, centred=True),
    marked(
        "each feature less its mean over the batch, over the root of its variance, times g and "
        "plus b"
    ),
    _OF_COLUMNS[0],
    axis="",
    eps="1e-5",
    spellings=(
        *_OF_COLUMNS[1:],
        *_spelled("axis=0, keepdims=True"),
        "g*batch_norm(x, 1, 0, eps) + b",
    ),
    spells=lambda x, g, b, eps, axis: len(x) <= 2 and axis is None,
)

RMS_NORM = _row(
    _Rules("rms_norm", _as_said, centred=False),
    marked("each row over the root of the mean of its squares, times g"),
    "g*x/sqrt(mean(x^2, axis=-1, keepdims=True) + eps)",
    axis="-1",
    eps="1e-6",
    spellings=(
        "g*(x/sqrt(mean(x^2, axis=-1, keepdims=True) + eps))",
        "x/sqrt(mean(x^2, axis=-1, keepdims=True) + eps)",
        "g*rms_norm(x, 1, eps)",
    ),
    spells=lambda x, g, eps, axis: axis is not None,
)


def _lengths(m: Any, x: Value, eps: Value, axis: int) -> tuple[Value, Value]:
    """Of every row: at least eps, and whether it is longer."""
    length = m.aligned(m.norm(x, axis), axis)
    return m.maximum(length, eps), m.greater(length, eps)


def _repeated(m: Any, x: Value, y: Value) -> tuple[Value, Value]:
    shape = broadcast(m.shape(x), m.shape(y))
    return m.full(x, shape), m.full(y, shape)


def _cosine(m: Any, x: Value, y: Value, eps: Value, axis: int) -> Value:
    a, b = _repeated(m, x, y)
    cosines = m.divide(a, _lengths(m, a, eps, axis)[0]) * m.divide(b, _lengths(m, b, eps, axis)[0])
    return m.sum(cosines, axis)


def _cosine_pullback(
    m: Any, k: int, u: Value, f: Value, x: Value, y: Value, eps: Value, axis: int
) -> Value:
    a, b = _repeated(m, x, y)
    (p, p_is_long), (q, q_is_long) = (_lengths(m, v, eps, axis) for v in (a, b))
    upstream, cosine = m.aligned(u, axis), m.aligned(f, axis)
    if k == 2:
        short = m.where(p_is_long, 0.0, 1.0) + m.where(q_is_long, 0.0, 1.0)
        return m.summed_to(-m.divide(upstream * cosine * short, eps), m.shape(eps))
    if k == 1:
        a, b, p, q, p_is_long = b, a, q, p, q_is_long
    own = m.where(p_is_long, m.divide(cosine * a, p), 0.0)
    found = m.divide(upstream * (m.divide(b, q) - own), p)
    return m.summed_to(found, m.shape(y if k == 1 else x))


def _one_a_row(x: Shape, y: Shape, eps: Shape, axis: int) -> Shape:
    shape = broadcast(x, y)
    if not shape:
        raise ShapeError(tell("cosine_similarity is of arrays, not of numbers"))
    if eps:
        raise ShapeError(tell("eps is a number"))
    if not isinstance(axis, int):
        raise ShapeError(tell("it goes along one axis"))
    return without(shape, axis)


COSINE_SIMILARITY = Gate(
    name="cosine_similarity",
    summary=marked(
        "the cosine of the angle between two vectors, or two rows: their product over lengths"
    ),
    parameters=("x", "y", "eps", "axis"),
    role=Role.SCALER,
    forward=_cosine,
    local=(),
    formula="sum(x*y)/(max(norm(x), eps)*max(norm(y), eps))",
    pullback=_cosine_pullback,
    rules=(
        "upstream*(y/(p*q) - f*x/p^2)",
        "upstream*(x/(p*q) - f*y/q^2)",
        marked("0, where both are longer than eps"),
    ),
    terms={
        "p": lambda m, f, x, y, eps, axis: ("norm(x)", _lengths(m, x, eps, axis)[0]),
        "q": lambda m, f, x, y, eps, axis: ("norm(y)", _lengths(m, y, eps, axis)[0]),
    },
    shape=_one_a_row,
    fixed=("axis",),
    by_name=True,
    defaults={"eps": "1e-8", "axis": "-1"},
    spellings=("dot(x, y)/(max(norm(x), eps)*max(norm(y), eps))",),
    spells=lambda x, y, eps, axis: len(x) == len(y) == 1,
    domain=Domain(says=marked("vectors that are not 0, or an eps above 0"), holds=lambda *x: False),
    cure=marked("an eps above 0 gives 0 where a vector is 0"),
)

ROWS = (BATCH_NORM, LAYER_NORM, RMS_NORM, COSINE_SIMILARITY)
