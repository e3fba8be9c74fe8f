"""Every gate that sets entries out in another way, on arrays of 1 to 4 axes, axes of length 1 and
indices that repeat among them: NumPy's own value, and measured slopes."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import backtrace
from backtrace.gates import FAMILIES
from tests.gates.drawn import arranged
from tests.gates.windowed import NumPyWindows


class NumPy(NumPyWindows):
    swapaxes, permute, tril, triu = np.swapaxes, np.transpose, np.tril, np.triu
    diag, trace, cumsum, cumprod = np.diag, np.trace, np.cumsum, np.cumprod
    einsum, matmul, array, pad = np.einsum, np.matmul, np.asarray, np.pad
    concatenate, full_like = np.concatenate, np.full_like


SHAPES = st.lists(st.integers(1, 3), min_size=1, max_size=4).map(tuple)


@given(SHAPES, st.integers(0, 10**6))
@settings(max_examples=300, deadline=None)
def test_values_are_numpys_and_gradients_measured_slopes(shape: tuple[int, ...], seed: int) -> None:
    step = arranged(random.Random(seed), shape)
    chance = np.random.default_rng(seed)
    x = chance.uniform(-1, 1, shape)
    expected = np.asarray(step.apply(NumPy, x))
    upstream = chance.uniform(0.5, 1, expected.shape)
    trace = backtrace.trace(step.text.format("x"), {"x": x}, upstream=upstream, check=False)
    assert np.shape(trace.value) == expected.shape
    np.testing.assert_allclose(trace.value, expected, rtol=1e-13, atol=1e-15)
    for place in np.ndindex(shape):
        ends = []
        for h in (1e-6, -1e-6):
            moved = x.copy()
            moved[place] += h
            ends.append(np.sum(upstream * step.apply(NumPy, moved)))
        slope = (ends[0] - ends[1]) / 2e-6
        assert np.isclose(trace.gradients["x"][place], slope, rtol=1e-6, atol=1e-7)


@given(SHAPES, st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_every_witness_agrees(shape: tuple[int, ...], seed: int) -> None:
    step = arranged(random.Random(seed), shape)
    x = np.random.default_rng(seed).uniform(-1, 1, shape)
    trace = backtrace.trace(step.text.format("x"), {"x": x})
    assert trace.checks["x"].verdict == "agree", (step.text, trace.checks)


def test_every_such_gate_is_drawn() -> None:
    drawn = set()
    for seed in range(600):
        chance = random.Random(seed)
        shape = tuple(chance.randint(1, 3) for _ in range(chance.randint(1, 4)))
        drawn.add(arranged(chance, shape).text.split("(")[0])
    names = {
        gate.name
        for family in ("arrangement", "lookups", "einsums", "entries", "windows", "attention")
        for gate in FAMILIES[family]
    }
    assert names <= drawn
