"""Masks: attention that may not ask every row, and the largest of some entries as in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backtrace
from backtrace.errors import BacktraceError

POINT = {name: np.random.default_rng(k).normal(size=(2, 3, 2)) for k, name in enumerate("QKV")}
MASK = np.array([[1, 0, 1], [0, 1, 1], [1, 1, 0]])


def by_hand(mask: Any, causal: bool) -> Any:
    scores = POINT["Q"] @ np.swapaxes(POINT["K"], -1, -2) / np.sqrt(2)
    allowed = np.broadcast_to(mask, scores.shape) * (np.tri(3) if causal else 1)
    powers = np.exp(scores) * allowed
    return powers / powers.sum(-1, keepdims=True) @ POINT["V"]


@pytest.mark.parametrize("causal", [0, 1])
@pytest.mark.parametrize("mask", [MASK | np.eye(3, dtype=int), np.tri(3, dtype=int), [1, 0, 1]])
def test_attention_asks_where_the_mask_is_1(mask: Any, causal: int) -> None:
    formula = f"attention(Q, K, V, M, causal={causal})"
    trace = backtrace.trace(formula, {**POINT, "M": mask}, check=False)
    np.testing.assert_allclose(trace.value, by_hand(mask, bool(causal)), rtol=1e-12)
    assert not np.any(trace.gradients["M"])
    shut = np.flatnonzero(np.broadcast_to(mask, (3, 3)).sum(0) == 0)
    assert not np.any(trace.gradients["V"][:, shut]), "nobody has asked these"


def test_a_causal_mask_is_causal() -> None:
    told = backtrace.trace("sum(attention(Q, K, V, causal=1)^2)", POINT, check=False)
    mask = backtrace.trace("sum(attention(Q, K, V, tril(ones(3, 3)))^2)", POINT, check=False)
    for name in POINT:
        np.testing.assert_allclose(told.gradients[name], mask.gradients[name], rtol=1e-12)


@pytest.mark.parametrize("mask", [np.zeros((3, 3)), [[1, 1, 1], [0, 0, 0], [1, 1, 1]], [0.5, 1, 1]])
def test_a_mask_that_leaves_nobody_or_is_none_is_a_fault(mask: Any) -> None:
    trace = backtrace.trace("sum(attention(Q, K, V, M))", {**POINT, "M": mask}, check=False)
    assert trace.fault is not None or not np.isin(mask, (0, 1)).all()


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("attention(Q, K, V, ones(3, 2))", "is not repeated to the scores"),
        ("attention(Q, K, V, ones(4, 2, 3, 3))", "is not repeated to the scores"),
        ("F.scaled_dot_product_attention(Q, K, V, attn_mask=M)", "added to the scores, or chooses"),
    ],
)
def test_what_is_refused(formula: str, said: str) -> None:
    with pytest.raises(BacktraceError, match=said):
        backtrace.trace(formula, {**POINT, "M": MASK} if "M" in formula else POINT)


def test_pytorchs_mask_that_chooses() -> None:
    mask = MASK | np.eye(3, dtype=int)
    formula = "F.scaled_dot_product_attention(Q, K, V, attn_mask=M > 0.5, is_causal=True)"
    theirs = backtrace.trace(formula, {**POINT, "M": mask}, check=False)
    np.testing.assert_allclose(theirs.value, by_hand(mask, causal=True), rtol=1e-12)


X = np.array([[1.0, -2.0, 5.0], [3.0, 4.0, 0.5]])
M = np.array([[1, 0, 0], [0, 0, 0]])


@pytest.mark.parametrize("name", ["max", "min"])
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("initial", [-9, 0, 9])
def test_the_largest_of_some_is_numpys(name: str, axis: int | None, initial: int) -> None:
    told = "" if axis is None else f", axis={axis}"
    expected = getattr(X, name)(axis=axis, where=M == 1, initial=initial)
    for formula in (
        f"x.{name}(where=m{told}, initial={initial})",
        f"np.{name}(x{told}, where=m == 1, initial={initial})",
        f"np.a{name}(x, initial={initial}, where=m > 0{told})",
    ):
        trace = backtrace.trace(formula, {"x": X, "m": M}, check=False)
        np.testing.assert_array_equal(trace.value, expected)
        assert not np.any(np.asarray(trace.gradients["x"])[M == 0])


def test_an_initial_alone_is_one_more_candidate() -> None:
    assert backtrace.trace("np.max(x, initial=7)", {"x": X}).value == 7
    trace = backtrace.trace("np.max(x, initial=2)", {"x": X})
    assert trace.ok
    assert trace.gradients["x"].tolist() == [[0, 0, 1], [0, 0, 0]]


def test_without_an_initial_numpy_refuses_too() -> None:
    with pytest.raises(BacktraceError, match="needs initial="):
        backtrace.trace("x.max(where=m)", {"x": X, "m": M})
