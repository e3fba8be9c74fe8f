"""Losses and normalizations once more for SymPy's witness, each as its paper writes it.
Nothing here is the table's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy

from backtrace.checks.arrangedsymbols import numbers


def _entrywise(function: Callable[..., Any], *values: Any) -> Any:
    return np.frompyfunc(function, len(values), 1)(*values)


def _reduced(losses: Any, reduction: Sequence[Any]) -> Any:
    """The mean, unless it is said; a word comes as its characters' numbers."""
    word = "".join(chr(int(character)) for character in reduction) or "mean"
    if word == "none":
        return losses
    total = np.sum(np.asarray(losses, dtype=object))
    return total / np.size(losses) if word == "mean" else total


def _loss(function: Callable[..., Any]) -> Callable[..., Any]:
    def loss(_: Any, *values: Any, p_reduction: Sequence[Any] = (), **more: Any) -> Any:
        given = [np.asarray(value, dtype=object) for value in (*values, *more.values())]
        return _reduced(_entrywise(function, *given), p_reduction)

    return loss


def _huber(p: Any, t: Any, delta: Any = 1) -> Any:
    size = sympy.Abs(p - t)
    return sympy.Piecewise(
        ((p - t) ** 2 / 2, size <= delta), (delta * (size - sympy.Rational(1, 2) * delta), True)
    )


def _cross_entropy(p: Any, t: Any) -> Any:
    """What is none of it takes no logarithm of 0."""
    parts = (0 if share == 0 else share * sympy.log(of) for share, of in ((t, p), (1 - t, 1 - p)))
    return -sum(parts, sympy.Integer(0))


def _nll(value: Callable[[Any], float], z: Any, k: Any, p_reduction: Sequence[Any] = ()) -> Any:
    classes = np.frompyfunc(lambda entry: round(value(entry)), 1, 1)(np.asarray(k, dtype=object))
    rows = np.asarray(classes, dtype=int)[..., None]
    taken = np.take_along_axis(np.asarray(z), rows, -1)[..., 0]
    return _reduced(-taken, p_reduction)


def _centre(x: Any, axes: Any) -> Any:
    count = sympy.Integer(np.size(x) // np.size(np.sum(x, axis=axes)))
    return np.sum(x, axis=axes, keepdims=True) * (1 / count)


def _over_root(x: Any, of: Any, eps: Any, axes: Any) -> Any:
    return x / _entrywise(sympy.sqrt, _centre(of * of, axes) + eps)


def _axes(axis: Any) -> Any:
    return numbers(axis) if isinstance(axis, tuple) else int(axis)


def _layer_norm(
    _: Any, x: Any, g: Any = 1, b: Any = 0, eps: Any = None, p_axis: Any = -1, **named: Any
) -> Any:
    g, b = named.get("p_g", g), named.get("p_b", b)
    eps = named.get("p_eps", sympy.Rational(1, 10**5) if eps is None else eps)
    x = np.asarray(x, dtype=object)
    apart = x - _centre(x, _axes(p_axis))
    return _over_root(apart, apart, eps, _axes(p_axis)) * g + b


def _batch_norm(
    _: Any, x: Any, g: Any = 1, b: Any = 0, eps: Any = None, p_axis: Any = None, **named: Any
) -> Any:
    """Over all axes but the second, on which g and b have an entry a channel."""
    g, b = named.get("p_g", g), named.get("p_b", b)
    x = np.asarray(x, dtype=object)
    if p_axis is None:
        p_axis = tuple(k for k in range(x.ndim) if k != 1)
        tail = (1,) * (x.ndim - 2)
        g, b = (np.reshape(v, (*np.shape(v), *tail)) if np.ndim(v) == 1 else v for v in (g, b))
    return _layer_norm(None, x, g, b, eps, p_axis, **{k: v for k, v in named.items() if "eps" in k})


def _rms_norm(_: Any, x: Any, g: Any = 1, eps: Any = None, p_axis: Any = -1, **named: Any) -> Any:
    g = named.get("p_g", g)
    eps = named.get("p_eps", sympy.Rational(1, 10**6) if eps is None else eps)
    x = np.asarray(x, dtype=object)
    return _over_root(x, x, eps, _axes(p_axis)) * g


def _cosine(_: Any, x: Any, y: Any, eps: Any = None, p_axis: Any = -1, p_eps: Any = None) -> Any:
    eps = sympy.Rational(1, 10**8) if eps is None else eps
    eps = eps if p_eps is None else p_eps
    x, y = (np.array(v, dtype=object) for v in np.broadcast_arrays(x, y))
    axis = int(p_axis)
    x_size, y_size = (
        _entrywise(lambda s: sympy.Max(sympy.sqrt(s), eps), np.sum(v * v, axis)) for v in (x, y)
    )
    return np.sum(x * y, axis) / (x_size * y_size)


NETWORKS: dict[str, Callable[..., Any]] = {
    "mse": _loss(lambda p, t: (p - t) ** 2),
    "l1": _loss(lambda p, t: sympy.Abs(p - t)),
    "huber": _loss(_huber),
    "bce": _loss(_cross_entropy),
    "bce_with_logits": _loss(lambda z, t: sympy.log(1 + sympy.exp(z)) - t * z),
    "layer_norm": _layer_norm,
    "batch_norm": _batch_norm,
    "rms_norm": _rms_norm,
    "cosine_similarity": _cosine,
}
"""Each handed the entry-by-entry meaning of its name first."""

OF_CLASSES: dict[str, Callable[..., Any]] = {"nll": _nll}
"""Functions that are handed what an entry's value is: classes are no quantities."""
