"""Attention: every row of Q asks the rows of K, and gets their rows of V by how well they fit.

(Vaswani et al., "Attention is all you need", 2017, section 3.2.1: scaled dot-product attention.)
"""

from __future__ import annotations

from typing import Any

from backtrace.algebra import Value
from backtrace.gates.gate import Domain, Gate, Role
from backtrace.gates.linear import flipped
from backtrace.gates.shapes import Shape, ShapeError, broadcast, say, size
from backtrace.language import marked, tell

_SAYS = marked("a mask of 1 and 0, with a 1 for every row of Q")
_HINT = marked("Q of nxd, K of mxd, V of mxe, and the same axes in front of all")


def _shape(Q: Shape, K: Shape, V: Shape, *others: Any) -> Shape:
    *mask, causal = others
    shapes = tell("{q}, {k} and {v}", q=say(Q), k=say(K), v=say(V))
    if len(Q) < 2 or not Q[:-2] == K[:-2] == V[:-2] or min(len(K), len(V)) < 2:
        raise ShapeError(
            tell("attention does not take shapes {shapes}", shapes=shapes), tell(_HINT)
        )
    if Q[-1] != K[-1]:
        words = tell("rows of Q have {q} entries, rows of K {k}", q=Q[-1], k=K[-1])
        raise ShapeError(
            tell("shapes {shapes} do not fit: {words}", shapes=shapes, words=words), tell(_HINT)
        )
    if K[-2] != V[-2]:
        raise ShapeError(
            tell(
                "shapes {shapes} do not fit: K has {k} rows, V {v}", shapes=shapes, k=K[-2], v=V[-2]
            ),
            tell(_HINT),
        )
    if causal not in (0, 1):
        words = tell("causal is 1 (a row asks only those up to it) or 0")
        raise ShapeError(words, "attention(Q, K, V, causal=1)")
    scores = (*Q[:-1], K[-2])
    if mask and not _is_repeated(mask[0], scores):
        words = tell(
            "a mask of shape {mask} is not repeated to the scores, {scores}",
            mask=say(mask[0]),
            scores=say(scores),
        )
        raise ShapeError(words, tell("a 1 or a 0 for every row of Q and of K"))
    return (*Q[:-1], V[-1])


def _is_repeated(mask: Shape, scores: Shape) -> bool:
    try:
        return broadcast(scores, mask) == scores
    except ShapeError:
        return False


def _forward(m: Any, Q: Value, K: Value, V: Value, *others: Any) -> Value:
    *mask, causal = others
    return m.attended(Q, K, V, causal, *mask)


def _back(m: Any, k: int, u: Value, f: Value, Q: Value, K: Value, V: Value, *others: Any) -> Value:
    *mask, causal = others
    if k == 3:  # who may ask whom is no quantity: it has no slope
        return 0.0 * mask[0]
    if k == 2:
        return m.matmul(flipped(m, m.attention_weights(f, Q, K, causal, *mask)), u)
    scores = m.to_scores(u, f, Q, K, V, causal, *mask)
    return m.matmul(scores, K) if k == 0 else m.matmul(flipped(m, scores), Q)


def _is_spelled(Q: Shape, K: Shape, V: Shape, *others: Any) -> bool:
    return others == (0,) and Q[:-2] == K[:-2] == V[:-2] and len(Q) >= 2


def _said(m: Any, Q: Value, *others: Any) -> str:
    *mask, causal = others
    turned = "K.T" if len(m.shape(Q)) == 2 else "K.mT"
    where = tell(", each row up to its own place") * causal + tell(", where mask is 1") * bool(mask)
    return f"softmax(Q@{turned}/sqrt(d)){where}"


def _asks_somebody(Q: Value, K: Value, V: Value, *others: Any) -> bool:  # noqa: ARG001
    *mask, causal = others
    if not mask:
        return True
    import numpy as np

    given = np.asarray(mask[0], dtype=float)
    scores = (*np.shape(Q)[:-1], np.shape(K)[-2])
    open_ = np.broadcast_to(given, scores) * (np.tri(*scores[-2:]) if causal else 1)
    return bool(np.isin(given, (0, 1)).all() and open_.any(-1).all())


ATTENTION = Gate(
    name="attention",
    summary=marked(
        "softmax(Q@K.T/sqrt(d))@V, of each of a batch; causal=1: none asks later rows; a mask"
    ),
    parameters=("Q", "K", "V", "mask", "causal"),
    role=Role.SCALER,
    forward=_forward,
    local=(),
    formula="softmax(Q@swapaxes(K, -2, -1)/s)@V",
    spellings=(
        "softmax(Q@swapaxes(K, -2, -1)*t)@V",
        "softmax((Q/s)@swapaxes(K, -2, -1))@V",
        "softmax((Q*t)@swapaxes(K, -2, -1))@V",
    ),
    numbers={
        "s": lambda Q, K, V, *_: f"sqrt({Q[-1]})",
        "t": lambda Q, K, V, *_: f"1/sqrt({Q[-1]})",
    },
    pullback=_back,
    rules=("g @ K/sqrt(d)", "g.T @ Q/sqrt(d)", "p.T @ upstream", marked("0: a mask")),
    terms={
        "g": lambda m, f, Q, K, V, *others: (
            tell(
                "is p*(r - sum(p*r)) by rows, r = upstream@V.T, p = {said}",
                said=_said(m, Q, *others),
            ),
            None,
        ),
        "p": lambda m, f, Q, K, V, *others: (
            _said(m, Q, *others),
            m.attention_weights(f, Q, K, others[-1], *others[:-1]),
        ),
        "d": lambda m, f, Q, K, V, *_: (tell("the length of a row of Q"), m.shape(Q)[-1]),
    },
    shape=_shape,
    fixed=("causal",),
    by_name=True,
    optional=("mask",),
    defaults={"causal": "0"},
    domain=Domain(says=_SAYS, holds=_asks_somebody),
    cure=marked(
        "a mask is 1 where a row of Q may ask a row of K; what is added to the scores is none"
    ),
    products=lambda Q, K, V, *_: size(Q[:-1]) * K[-2] * (Q[-1] + V[-1]),
    spells=_is_spelled,
)

ROWS = (ATTENTION,)
