"""Gates whose outputs each look at a window of the input: convolutions, pooling.

An image has its channels in front, (C, H, W), a batch of them one more axis, (N, C, H, W), as in
PyTorch; a kernel w is (F, C, KH, KW), and what is called a convolution does not turn it round. A
window moves by `stride`; `padding` zeros stand around the image. (Dumoulin and Visin, "A guide to
convolution arithmetic for deep learning", 2016: the shapes, and that the way back is the
transpose.)
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

from backtrace.algebra import Value
from backtrace.gates.gate import Gate, Kink, Role
from backtrace.gates.shapes import MOST_AXES, Shape, ShapeError, is_too_large, say, size
from backtrace.language import marked, tell

Told = int | tuple[int, ...] | None
"""A number for every axis that windows slide along, or one for all."""

_MOST = 2 * 10**8  # entries of all windows together
_SHOWN = 6  # windows that are written out
_LETTERS = "ijk"


def _each(told: Told, count: int, what: str, least: int) -> Shape:
    """`told` for every one of `count` axes. Raises ShapeError."""
    found = told if isinstance(told, tuple) else (told,) * count
    if len(found) != count:
        words = tell(
            "{what} is one number or {count}, one for each axis that windows slide along",
            what=what,
            count=count,
        )
        raise ShapeError(tell("{words}: not {count}", words=words, count=len(found)))
    if any(type(n) is not int or n < least for n in found):
        raise ShapeError(tell("{what} is a whole number from {least}", what=what, least=least))
    return tuple(n for n in found if n is not None)


def _counts(lengths: Shape, sizes: Shape, strides: Shape, padding: Shape) -> Shape:
    """How many windows fit along each axis. Raises ShapeError where none does."""
    found = []
    for n, size_, stride, zeros in zip(lengths, sizes, strides, padding, strict=True):
        if size_ > n + 2 * zeros:
            around = tell(" with {zeros} zeros on both sides", zeros=zeros) * bool(zeros)
            words = tell(
                "a window of {sizes} does not fit into {lengths}{around}",
                sizes=say(sizes),
                lengths=say(lengths),
                around=around,
            )
            raise ShapeError(words, tell("a smaller window, or padding=1"))
        found.append((n + 2 * zeros - size_) // stride + 1)
    return tuple(found)


def _too_many(*lengths: Shape) -> None:
    count = math.prod(map(size, lengths))
    if is_too_large(count, _MOST):
        raise ShapeError(
            tell("all windows together have {count:,} entries: that is too large", count=count)
        )


# convolutions


def _convolved_shape(axes: int) -> Callable[..., Shape]:
    """The shape of a convolution whose windows slide along so many axes."""
    letters = ("CxL", "CxHxW")[axes - 1]
    kernel = ("FxCxK", "FxCxKHxKW")[axes - 1]

    def shape(*operands: Any) -> Shape:
        *given, stride, padding = operands
        hint = tell(
            "x of {letters} or Nx{letters}, w of {kernel}, a bias of F",
            letters=letters,
            kernel=kernel,
        )
        x, w = given[:2]
        if len(x) not in (axes + 1, axes + 2) or len(w) != axes + 2:
            raise ShapeError(
                tell("conv{axes}d does not take shapes {x} and {w}", axes=axes, x=say(x), w=say(w)),
                hint,
            )
        if x[-axes - 1] != w[1]:
            words = tell("shapes {x} and {w} do not fit", x=say(x), w=say(w))
            raise ShapeError(
                tell(
                    "{words}: x has {x} channels, w is of {w}", words=words, x=x[-axes - 1], w=w[1]
                ),
                hint,
            )
        if len(given) == 3 and given[2] != w[:1]:
            words = tell("the bias is {a}, and there are {w} kernels", a=_a(given[2]), w=w[0])
            hint = tell(
                "{w} entries, one for each; a stride is given by its name, stride=2", w=w[0]
            )
            raise ShapeError(words, hint)
        strides, zeros = _each(stride, axes, "stride", 1), _each(padding, axes, "padding", 0)
        counts = _counts(x[-axes:], w[2:], strides, zeros)
        _too_many(w[1:], counts, x[: -axes - 1])
        _too_many(tuple(n + 2 * z for n, z in zip(x[-axes:], zeros, strict=True)), x[:-axes])
        return (*x[: -axes - 1], w[0], *counts)

    return shape


def _a(shape: Shape) -> str:
    return say(shape) if shape else tell("a number")


def _told(axes: int, stride: Told, padding: Told) -> tuple[Shape, Shape]:
    return _each(stride, axes, "stride", 1), _each(padding, axes, "padding", 0)


def _bias_axes(count: int, axes: int) -> tuple[int, ...]:
    """All but that of the kernels, of an array of `count` axes."""
    return tuple(k for k in range(count) if k != count - axes - 1)


def _convolved(axes: int) -> Callable[..., Value]:
    def forward(m: Any, *operands: Any) -> Value:
        x, w, *bias, stride, padding = operands
        found = m.convolved(x, w, *_told(axes, stride, padding))
        return found + m.reshape(bias[0], (-1, *(1,) * axes)) if bias else found

    return forward


def _convolved_back(axes: int) -> Callable[..., Value]:
    def pullback(m: Any, k: int, u: Value, _: Value, *operands: Any) -> Value:
        x, w, *_bias, stride, padding = operands
        told = _told(axes, stride, padding)
        if k == 0:
            return m.to_convolved(u, w, m.shape(x), *told)
        if k == 1:
            return m.to_kernels(u, x, m.shape(w), *told)
        return m.sum(u, _bias_axes(len(m.shape(u)), axes))

    return pullback


def _convolved_products(axes: int) -> Callable[..., int]:
    shape = _convolved_shape(axes)

    def products(*operands: Any) -> int:
        return size(shape(*operands)) * size(operands[1][1:])

    return products


def _convolution(axes: int, summary: str) -> Gate:
    return Gate(
        name=f"conv{axes}d",
        summary=summary,
        parameters=("x", "w", "b", "stride", "padding"),
        role=Role.SWITCHER,
        forward=_convolved(axes),
        local=(),
        formula=f"conv{axes}d(x, w, b)",
        pullback=_convolved_back(axes),
        rules=(
            marked("upstream*w at each of the windows, added up where they overlap"),
            marked("for each kernel the sum of upstream*(what it saw of x)"),
            marked("upstream, summed over all but the kernels"),
        ),
        terms={
            "windows": lambda m, f, *operands: (
                tell(
                    "are {said}",
                    said=_said(
                        m.shape(operands[0]), m.shape(operands[1])[2:], *_told(axes, *operands[-2:])
                    ),
                ),
                None,
            )
        },
        shape=_convolved_shape(axes),
        fixed=("stride", "padding"),
        by_name=True,
        optional=("b",),
        defaults={"stride": "1", "padding": "0"},
        products=_convolved_products(axes),
    )


# which window an output looks at


def _said(shape: Shape, sizes: Shape, strides: Shape, padding: Shape) -> str:
    """Which window of the last axes each output looks at: one by one where they are few,
    [0:2,0:2] for [0,0], else by letters, [2i-1:2i+2] for [i]."""
    counts = _counts(shape[-len(sizes) :], sizes, strides, padding)
    if size(counts) <= _SHOWN and not any(padding):
        parts = []
        for place in itertools.product(*map(range, counts)):
            starts = [stride * k for stride, k in zip(strides, place, strict=True)]
            ends = zip(starts, sizes, strict=True)
            inside = ",".join(f"{start}:{start + length}" for start, length in ends)
            parts.append(
                tell("[{inside}] for [{place}]", inside=inside, place=",".join(map(str, place)))
            )
        return ", ".join(parts)
    letters = _LETTERS[: len(counts)]
    inside = ",".join(map(_slice, letters, sizes, strides, padding))
    said = tell("[{inside}] for [{place}]", inside=inside, place=",".join(letters))
    return said + tell(", with zeros around") * any(padding)


def _slice(letter: str, length: int, stride: int, padding: int) -> str:
    """2i-1:2i+2, from where a window begins to where it ends."""
    step = f"{stride}{letter}" if stride > 1 else letter

    def at(offset: int) -> str:
        return f"{step}{offset:+d}" if offset else step

    return f"{at(-padding)}:{at(length - padding)}"


# pooling


def _pool_told(length: Told, stride: Told, padding: Told) -> tuple[Shape, Shape, Shape]:
    """The size of a window, how far it moves (its own size), the padding: for every axis."""
    axes = len(length) if isinstance(length, tuple) else 2
    sizes = _each(length, axes, "size", 1)
    strides = sizes if stride is None else _each(stride, axes, "stride", 1)
    return sizes, strides, _each(padding, axes, "padding", 0)


def _pooled_shape(x: Shape, *told: Told) -> Shape:
    sizes, strides, padding = _pool_told(*told)
    axes = len(sizes)
    if len(x) < axes or axes > MOST_AXES:
        words = tell(
            "windows of {sizes} slide along {axes} axes, and shape {x} has {count}",
            sizes=say(sizes),
            axes=axes,
            x=say(x),
            count=len(x),
        )
        raise ShapeError(words, tell("along the last axis alone: a size of (2,)"))
    if any(2 * zeros > n for n, zeros in zip(sizes, padding, strict=True)):
        words = tell("padding is at most half of a window, which is {sizes}", sizes=say(sizes))
        raise ShapeError(tell("{words}: more would be padding alone", words=words))
    counts = _counts(x[-axes:], sizes, strides, padding)
    _too_many(counts, sizes, x[:-axes])
    return (*x[:-axes], *counts)


def _pool(
    name: str,
    summary: str,
    role: Role,
    forward: Callable[..., Value],
    pullback: Callable[..., Value],
    rule: str,
    **more: Any,
) -> Gate:
    return Gate(
        name=name,
        summary=summary,
        parameters=("x", "size", "stride", "padding"),
        role=role,
        forward=lambda m, x, *told: forward(m, x, *_pool_told(*told)),
        local=(),
        formula=f"{name}(x, size)",
        pullback=lambda m, k, u, f, x, *told: pullback(m, u, f, x, *_pool_told(*told)),
        rules=(rule,),
        terms={
            "window": lambda m, f, x, *told: (
                tell("is {said}", said=_said(m.shape(x), *_pool_told(*told))),
                None,
            ),
            "n": lambda m, f, x, *told: (
                tell("the entries of a window"),
                size(_pool_told(*told)[0]),
            ),
        },
        shape=_pooled_shape,
        fixed=("size", "stride", "padding"),
        defaults={"stride": "", "padding": "0"},
        products=lambda x, *told: size(_pooled_shape(x, *told)) * size(_pool_told(*told)[0]),
        **more,
    )


def _tied(ties: str) -> Callable[..., Value]:
    def pullback(m: Any, _: int, u: Value, f: Value, x: Value, *told: Told) -> Value:
        return m.to_window_max(u, f, x, *_pool_told(*told), ties=ties)

    return pullback


MAX_POOL = _pool(
    "max_pool",
    marked("the largest entry of each window: routes to the winner; its windows lie side by side"),
    Role.ROUTER,
    forward=lambda m, x, *told: m.window_max(x, *told),
    pullback=lambda m, u, f, x, *told: m.to_window_max(u, f, x, *told),
    rule=marked("upstream to the largest entry of each window, 0 to the rest"),
    pullbacks={
        "left": _tied("none"),
        "right": _tied("all"),
        "torch": _tied("first"),
        "jax": _tied("first"),
    },
    kink=Kink(
        at=lambda m, f, x, *told: m.greater(m.window_ties(f, x, *_pool_told(*told)), 1),
        local=lambda m, k, f, x, constant: 0,
        says=marked("n tied entries get 1/n each"),
    ),
)

AVG_POOL = _pool(
    "avg_pool",
    marked("the mean of each window; its windows lie side by side"),
    Role.SCALER,
    forward=lambda m, x, sizes, *told: m.divide(m.window_sum(x, sizes, *told), size(sizes)),
    pullback=lambda m, u, f, x, sizes, *told: m.to_window_sum(
        m.divide(u, size(sizes)), m.shape(x), sizes, *told
    ),
    rule=marked("upstream/n to every entry of each window, added up where they overlap"),
)

ROWS = (
    _convolution(
        1, marked("every kernel of w times every window of a signal, and a bias if there is one")
    ),
    _convolution(
        2, marked("every kernel of w times every window of an image, and a bias if there is one")
    ),
    MAX_POOL,
    AVG_POOL,
)
