"""Every gate that sets entries out in another way, linear algebra, losses and normalizations, on
arrays of 1 to 4 axes, axes of length 1 and indices that repeat among them: NumPy's own value, and
measured slopes."""

from __future__ import annotations

import random
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backtrace
from backtrace.errors import FormulaError
from backtrace.gates import FAMILIES
from tests.gates.drawn import arranged, of_matrices, of_networks
from tests.gates.step import Step
from tests.gates.windowed import NumPyWindows
from tests.oracles import measured_gradient


class NumPy(NumPyWindows):
    swapaxes, permute, tril, triu = np.swapaxes, np.transpose, np.tril, np.triu
    diag, trace, cumsum, cumprod = np.diag, np.trace, np.cumsum, np.cumprod
    einsum, matmul, array, pad = np.einsum, np.matmul, np.asarray, np.pad
    concatenate, full_like = np.concatenate, np.full_like
    sort, flip, roll, broadcast_to, kron = np.sort, np.flip, np.roll, np.broadcast_to, np.kron
    det, inv, solve = np.linalg.det, np.linalg.inv, np.linalg.solve

    @staticmethod
    def logdet(a: Any) -> Any:
        return np.linalg.slogdet(a)[1]

    sin, sqrt, abs = np.sin, np.sqrt, np.abs

    @staticmethod
    def sigmoid(a: Any) -> Any:
        return 1 / (1 + np.exp(-a))

    @staticmethod
    def reduce(name: str, a: Any, axis: Any, keeps: bool = False) -> Any:
        return getattr(np, name)(a, axis=axis, keepdims=keeps)

    @staticmethod
    def standardized(a: Any, axis: Any, eps: float) -> Any:
        apart = a - a.mean(axis, keepdims=True)
        return apart / np.sqrt(a.var(axis, keepdims=True) + eps)

    @staticmethod
    def cosine(a: Any, axis: int, eps: float) -> Any:
        other = np.sin(a)
        sizes = (np.maximum(np.sqrt(np.sum(v * v, axis)), eps) for v in (a, other))
        return np.sum(a * other, axis) / np.prod(list(sizes), 0)

    @staticmethod
    def loss(name: str, a: Any, b: Any, how: str) -> Any:
        found = {
            "mse": lambda: (a - b) ** 2,
            "l1": lambda: np.abs(a - b),
            "huber": lambda: np.where(
                np.abs(a - b) <= 0.2, (a - b) ** 2 / 2, 0.2 * (np.abs(a - b) - 0.1)
            ),
            "bce": lambda: -b * np.log(a) - (1 - b) * np.log(1 - a),
            "logits": lambda: np.logaddexp(0, a) - b * a,
            "nll": lambda: -np.take_along_axis(a, b[..., None], -1)[..., 0],
        }[name]()
        return found if how == "none" else getattr(np, how)(found)


def _drawn(shape: tuple[int, ...], seed: int) -> Step:
    draw = (of_matrices if len(shape) > 1 else arranged, of_networks, arranged)[seed % 3]
    return draw(random.Random(f"{seed} {shape}"), shape)


SHAPES = st.lists(st.integers(1, 3), min_size=1, max_size=4).map(tuple)


@given(SHAPES, st.integers(0, 10**6))
@settings(max_examples=300, deadline=None)
def test_values_are_numpys_and_gradients_measured_slopes(shape: tuple[int, ...], seed: int) -> None:
    step = _drawn(shape, seed)
    chance = np.random.default_rng(seed)
    x = chance.uniform(-1, 1, shape)
    expected = np.asarray(step.apply(NumPy, x))
    upstream = chance.uniform(0.5, 1, expected.shape)
    trace = backtrace.trace(step.text.format("x"), {"x": x}, upstream=upstream, check=False)
    assert np.shape(trace.value) == expected.shape
    np.testing.assert_allclose(trace.value, expected, rtol=1e-13, atol=1e-15)
    slopes = measured_gradient(lambda at: np.sum(upstream * step.apply(NumPy, at)), x)
    np.testing.assert_allclose(trace.gradients["x"], slopes, rtol=1e-6, atol=1e-7)


@given(SHAPES, st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
@pytest.mark.slow
def test_every_witness_agrees(shape: tuple[int, ...], seed: int) -> None:
    step = _drawn(shape, seed)
    x = np.random.default_rng(seed).uniform(-1, 1, shape)
    trace = backtrace.trace(step.text.format("x"), {"x": x})
    assert trace.checks["x"].verdict == "agree", (step.text, trace.checks)


def test_every_such_gate_is_drawn() -> None:
    drawn: set[str] = set()
    for seed in range(1800):
        chance = random.Random(seed)
        shape = tuple(chance.randint(1, 3) for _ in range(chance.randint(1, 4)))
        step = _drawn(shape, seed)
        drawn.update(re.findall(r"\w+(?=\()", step.text))
    families = ("arrangement", "lookups", "einsums", "entries", "orders", "matrices", "constants")
    families += ("losses", "normalizations", "norms", "windows", "attention")
    assert {gate.name for family in families for gate in FAMILIES[family]} <= drawn


def test_einsum_of_too_many_arrays_is_refused_at_once() -> None:
    """The order of its products is looked for in the cube of their number."""
    with pytest.raises(FormulaError, match="more than 24 arrays"):
        backtrace.trace(f'einsum("{"i," * 2999}i->", {"x, " * 2999}x)', {"x": [1.0, 2.0]})
