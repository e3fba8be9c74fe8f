"""Attention: every row of Q asks the rows of K, and gets their rows of V by how well they fit.

(Vaswani et al., "Attention is all you need", 2017, section 3.2.1: scaled dot-product attention.)
"""

from __future__ import annotations

from typing import Any

from backtrace.algebra import Value
from backtrace.gates.gate import Gate, Role
from backtrace.gates.shapes import Shape, ShapeError, say, size

_HINT = "Q of nxd, K of mxd, V of mxe, and the same axes in front of all"


def _shape(Q: Shape, K: Shape, V: Shape, causal: int) -> Shape:
    shapes = f"{say(Q)}, {say(K)} and {say(V)}"
    if len(Q) < 2 or not Q[:-2] == K[:-2] == V[:-2] or min(len(K), len(V)) < 2:
        raise ShapeError(f"attention does not take shapes {shapes}", _HINT)
    if Q[-1] != K[-1]:
        words = f"rows of Q have {Q[-1]} entries, rows of K {K[-1]}"
        raise ShapeError(f"shapes {shapes} do not fit: {words}", _HINT)
    if K[-2] != V[-2]:
        raise ShapeError(f"shapes {shapes} do not fit: K has {K[-2]} rows, V {V[-2]}", _HINT)
    if causal not in (0, 1):
        words = "causal is 1 (a row asks only those up to it) or 0"
        raise ShapeError(words, "attention(Q, K, V, causal=1)")
    return (*Q[:-1], V[-1])


def _back(m: Any, k: int, u: Value, f: Value, Q: Value, K: Value, V: Value, causal: int) -> Value:
    if k == 2:
        return m.matmul(_turned(m, m.attention_weights(f, Q, K, causal)), u)
    scores = m.to_scores(u, f, Q, K, V, causal)
    return m.matmul(scores, K) if k == 0 else m.matmul(_turned(m, scores), Q)


def _turned(m: Any, x: Value) -> Value:
    """Every matrix of a batch transposed."""
    axes = range(len(m.shape(x)))
    return m.transpose(x, (*axes[:-2], axes[-1], axes[-2]))


def _is_spelled(Q: Shape, K: Shape, V: Shape, causal: int) -> bool:
    return not causal and Q[:-2] == K[:-2] == V[:-2] and len(Q) >= 2


def _said(m: Any, Q: Value, causal: int) -> str:
    turned = "K.T" if len(m.shape(Q)) == 2 else "K.mT"
    return f"softmax(Q@{turned}/sqrt(d)){', each row up to its own place' * causal}"


ATTENTION = Gate(
    name="attention",
    summary="softmax(Q@K.T/sqrt(d))@V, of each matrix of a batch; causal=1: no row asks later ones",
    parameters=("Q", "K", "V", "causal"),
    role=Role.SCALER,
    forward=lambda m, Q, K, V, causal: m.attended(Q, K, V, causal),
    local=(),
    formula="softmax(Q@swapaxes(K, -2, -1)/s)@V",
    spellings=(
        "softmax(Q@swapaxes(K, -2, -1)*t)@V",
        "softmax((Q/s)@swapaxes(K, -2, -1))@V",
        "softmax((Q*t)@swapaxes(K, -2, -1))@V",
    ),
    numbers={
        "s": lambda Q, K, V, causal: f"sqrt({Q[-1]})",
        "t": lambda Q, K, V, causal: f"1/sqrt({Q[-1]})",
    },
    pullback=_back,
    rules=("g @ K/sqrt(d)", "g.T @ Q/sqrt(d)", "p.T @ upstream"),
    terms={
        "g": lambda m, f, Q, K, V, causal: (
            f"is p*(r - sum(p*r)) by rows, r = upstream@V.T, p = {_said(m, Q, causal)}",
            None,
        ),
        "p": lambda m, f, Q, K, V, causal: (
            _said(m, Q, causal),
            m.attention_weights(f, Q, K, causal),
        ),
        "d": lambda m, f, Q, K, V, causal: ("the length of a row of Q", m.shape(Q)[-1]),
    },
    shape=_shape,
    fixed=("causal",),
    by_name=True,
    defaults={"causal": "0"},
    products=lambda Q, K, V, causal: size(Q[:-1]) * K[-2] * (Q[-1] + V[-1]),
    spells=_is_spelled,
)

ROWS = (ATTENTION,)
