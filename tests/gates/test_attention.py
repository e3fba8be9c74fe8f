"""Attention as one gate: spelled out and fused, opened again, its digits, what is kept for the way
back. Its numbers are in test_array_gates and test_arranged."""

from __future__ import annotations

import copy
import gc
import weakref
from typing import Any

import mpmath
import numpy as np
import pytest

import backtrace
from backtrace.algebra.arrays import ARRAYS
from backtrace.errors import FormulaError
from backtrace.gates import GATES

CHANCE = np.random.default_rng(0)
MATRICES = {n: CHANCE.uniform(-1, 1, s) for n, s in (("Q", (3, 4)), ("K", (5, 4)), ("V", (5, 2)))}
CUBES = {n: CHANCE.uniform(-1, 1, (4, 4, 4)) for n in "QKV"}

SPELLED = [
    *("softmax(Q@K.T/sqrt(4))@V", "softmax(Q@K.T/2)@V", "softmax(Q@K.T/4^0.5, axis=1)@V"),
    *("softmax(Q@swapaxes(K, 0, 1)/2)@V", "softmax(Q@K.T*0.5)@V", "softmax((1/2)*(Q@K.T))@V"),
    *("softmax((Q/sqrt(4))@K.T)@V", "A = Q@K.T/2; P = softmax(A); P@V"),
    "F.softmax(torch.matmul(Q, K.mT)/math.sqrt(4), dim=-1) @ V",
]
NOT_SPELLED = [
    *("softmax(Q@K.T)@V", "softmax(Q@K.T/4)@V", "softmax(Q@K.T/2, axis=0)@V"),
    *("softmax(Q@K.T*2)@V", "softmax(Q@K.T/2 + 1)@V", "softmax(Q@K.T/2.000001)@V"),
]
OF_CUBES = [
    *("softmax(Q@K.mT/2)@V", "softmax(Q@swapaxes(K, 1, 2)/2)@V", "softmax(Q@K.mT*0.5)@V"),
    *("softmax(Q@permute(K, 0, 2, 1)/2, axis=2)@V", "softmax(Q@K.transpose(2, 1)/2)@V"),
]
NOT_OF_CUBES = [
    *("softmax(Q@K.T/2)@V", "softmax(Q@swapaxes(K, 0, 2)/2)@V", "softmax(Q@K.mT/2, axis=1)@V"),
    *("softmax(Q@permute(K, 0, 1, 2)/2)@V", "softmax(Q@permute(K, 2, 0, 1)/2)@V"),
]


def fused(formula: str, point: dict[str, Any]) -> Any:
    return backtrace.trace(formula, point, fuse=True, check=False)


def gates_of(trace: Any) -> list[str]:
    return [gate.name for _, _, gate in trace.graph.gates()]


@pytest.mark.parametrize(
    ("formula", "point"),
    [*((f, MATRICES) for f in SPELLED), *((f, CUBES) for f in OF_CUBES)],
)
def test_what_spells_attention_out_is_fused(formula: str, point: dict[str, Any]) -> None:
    one, many = fused(formula, point), backtrace.trace(formula, point, check=False)
    assert gates_of(one) == ["attention"]
    np.testing.assert_allclose(one.value, many.value, rtol=1e-13)
    for name in "QKV":
        np.testing.assert_allclose(
            one.gradients[name], many.gradients[name], rtol=1e-11, atol=1e-15
        )


@pytest.mark.parametrize(
    ("formula", "point"),
    [*((f, MATRICES) for f in NOT_SPELLED), *((f, CUBES) for f in NOT_OF_CUBES)],
)
def test_what_is_nearly_attention_is_not_fused(formula: str, point: dict[str, Any]) -> None:
    assert "attention" not in gates_of(fused(formula, point))


@pytest.mark.parametrize("point", [MATRICES, CUBES])
def test_opened_it_is_what_it_is_made_of(point: dict[str, Any]) -> None:
    opened = backtrace.trace("attention(Q, K, V)", point, expand=True, check=False)
    assert gates_of(opened) == ["swapaxes", "matmul", "div", "softmax", "matmul"]
    closed = backtrace.trace("attention(Q, K, V)", point, check=False)
    np.testing.assert_allclose(opened.value, closed.value, rtol=1e-13)
    assert gates_of(fused(opened.formula, point)) == ["attention"]


@pytest.mark.parametrize(
    ("formula", "options"),
    [
        ("sum((softmax(Q@K.T/sqrt(8))@V)^2)", {"fuse": True}),
        ("sum(attention(Q, K, V)^2)", {"expand": True}),
        ("a = attention(Q, K, V); sum((softmax(a@K[:, 0:5].T/sqrt(5))@V)^2)", {"fuse": True}),
        ("sum(attention(Q, K, V, causal=1)^2)", {}),
    ],
)
def test_the_check_knows_which_numbers_stand_for_lengths(
    formula: str, options: dict[str, bool]
) -> None:
    """Where it is asked on a few entries instead, sqrt(8) would be the square root of another."""
    point = {n: CHANCE.uniform(-1, 1, s) for n, s in (("Q", (6, 8)), ("K", (6, 8)), ("V", (6, 5)))}
    trace = backtrace.trace(formula, point, **options)
    assert trace.ok
    assert {check.verdict for check in trace.checks.values()} == {"agree"}


MESSAGES = [
    ("attention(Q, K, V[0:4])", "shapes 3x4, 5x4 and 4x2 do not fit: K has 5 rows, V 4"),
    (
        "attention(Q[:, 0:3], K, V)",
        "shapes 3x3, 5x4 and 5x2 do not fit: rows of Q have 3 entries, rows of K 4",
    ),
    ("attention(Q[0], K, V)", "attention does not take shapes 4, 5x4 and 5x2"),
    ("attention(Q[None], K, V)", "attention does not take shapes 1x3x4, 5x4 and 5x2"),
    ("attention(Q, K, V, causal=2)", "causal is 1 (a row asks only those up to it) or 0"),
    ("attention(Q, K)", "attention takes 3 or 4 arguments, not 2"),
    ("attention(Q, K, V, Q)", "a mask of shape 3x4 is not repeated to the scores, 3x5"),
]


@pytest.mark.parametrize(("formula", "what"), MESSAGES)
def test_what_does_not_fit_is_said_at_the_call(formula: str, what: str) -> None:
    with pytest.raises(FormulaError) as refused:
        backtrace.trace(formula, {n: v for n, v in MATRICES.items() if n in formula}, check=False)
    assert refused.value.what == what
    assert refused.value.hint
    assert refused.value.span == (0, len(formula))


def test_no_digits_are_lost_where_a_row_asks_one_alone() -> None:
    """p is 1 - 1e-13 there: what comes back is the others' share, by mpmath with 60 digits."""
    trace = backtrace.trace(
        "attention(q, k, v)",
        {"q": [[1.0]], "k": [[30.0], [0.0]], "v": [[3.0], [5.0]]},
        check=False,
    )
    with mpmath.workdps(60):
        share = 1 / (1 + mpmath.exp(-30))
        due = float(30 * share * (1 - share) * (3 - 5))
    assert trace.gradients["q"][0, 0] == pytest.approx(due, rel=1e-13)


def test_what_is_kept_for_the_way_back_is_that_of_the_very_arrays() -> None:
    """Whatever was attended to in between, and once the arrays themselves have changed."""
    row = GATES["attention"]
    q, k, v = (CHANCE.uniform(-1, 1, (3, 3)) for _ in "qkv")
    u = np.ones((3, 3))

    def back(f: Any, *given: Any) -> list[Any]:
        return [row.pullback(ARRAYS, n, u, f, *given, 0) for n in range(3)]

    f = row.forward(ARRAYS, q, k, v, 0)
    right = back(f, q, k, v)
    other = row.forward(ARRAYS, k, v, q, 0)
    for found, due in zip(back(f, q, k, v), right, strict=True):
        np.testing.assert_allclose(found, due, rtol=1e-12, atol=1e-16)
    assert not np.allclose(back(other, k, v, q)[0], right[0])
    moved = copy.deepcopy(q)
    moved += 1.0
    q += 1.0
    again = row.forward(ARRAYS, q, k, v, 0)
    for found, due in zip(
        back(again, q, k, v), back(row.forward(ARRAYS, moved, k, v, 0), moved, k, v), strict=True
    ):
        np.testing.assert_allclose(found, due, rtol=1e-12, atol=1e-16)


def test_nothing_is_kept_when_the_result_is_gone() -> None:
    row = GATES["attention"]
    q = CHANCE.uniform(-1, 1, (2, 2))
    f = row.forward(ARRAYS, q, q, q, 0)
    weights = weakref.ref(ARRAYS.attention_weights(f, q, q, 0))
    assert weights() is not None
    del f
    gc.collect()
    assert weights() is None


@pytest.mark.bench
@pytest.mark.parametrize("seed", range(20))
def test_pytorchs_own_numbers(seed: int) -> None:
    torch = pytest.importorskip("torch")
    chance = np.random.default_rng(seed)
    n, m, d, e, *front = (int(k) for k in chance.integers(1, 7, 4 + seed % 3))
    shapes = {"Q": (*front, n, d), "K": (*front, m, d), "V": (*front, m, e)}
    point = {name: 3 * chance.standard_normal(shape) for name, shape in shapes.items()}
    for causal in (False, True):
        formula = f"F.scaled_dot_product_attention(Q, K, V, is_causal={causal})"
        leaves = {k: torch.tensor(v, requires_grad=True) for k, v in point.items()}
        theirs = eval(formula, {**leaves, "F": torch.nn.functional})
        upstream = chance.uniform(-1, 1, tuple(theirs.shape))
        theirs.backward(torch.tensor(upstream))
        trace = backtrace.trace(formula, point, upstream=upstream, check=False)
        np.testing.assert_allclose(trace.value, theirs.detach().numpy(), rtol=1e-11, atol=1e-13)
        for name, leaf in leaves.items():
            found = trace.gradients[name]
            np.testing.assert_allclose(found, leaf.grad.numpy(), rtol=1e-9, atol=1e-12)
