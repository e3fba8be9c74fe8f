"""Losses and normalizations: what is spelled out is found, opens again and has the same numbers;
where they are kinks, faults, and right to the last digits."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backtrace
from backtrace.errors import BacktraceError
from backtrace.formula.parser import parse
from backtrace.formula.printer import source

CHANCE = np.random.default_rng(4)
VALUES: dict[str, Any] = {
    "p": CHANCE.uniform(0.2, 0.8, 3),
    "t": CHANCE.uniform(0.2, 0.8, 3),
    "z": CHANCE.normal(size=3),
    "X": CHANCE.normal(size=(4, 3)),
    "g": CHANCE.uniform(0.5, 1.5, 3),
    "b": CHANCE.normal(size=3),
    "eps": 1e-3,
    "d": 0.3,
    "Y": CHANCE.normal(size=(3, 3)),
}
KEPT = "keepdims=True"
FUSED = [
    ("mean((p - t)^2)", "mse(p, t)"),
    ("sum((p - t)^2)", "norm2(p - t)"),
    ("mean(abs(p - t))", "l1(p, t)"),
    ("mean(where(abs(p - t) <= d, (p - t)^2/2, d*(abs(p - t) - d/2)))", "huber(p, t, d)"),
    ("-mean(t*ln(p) + (1 - t)*ln(1 - p))", "bce(p, t)"),
    ("-mean(t*ln(sigmoid(z)) + (1 - t)*ln(1 - sigmoid(z)))", "bce_with_logits(z, t)"),
    ("mean(max(z, 0) - z*t + log1p(exp(-abs(z))))", "bce_with_logits(z, t)"),
    ("mean(softplus(z) - t*z)", "bce_with_logits(z, t)"),
    (
        f"g*(X - mean(X, axis=-1, {KEPT}))/sqrt(var(X, axis=-1, {KEPT}) + eps) + b",
        "layer_norm(X, g, b, eps)",
    ),
    (
        f"g*((X - X.mean(-1, {KEPT}))/sqrt(var(X, axis=-1, {KEPT}) + 1e-5)) + b",
        "layer_norm(X, g, b)",
    ),
    (
        f"(X - mean(X, axis=-1, {KEPT}))/sqrt(var(X, axis=-1, {KEPT}) + 0.1)",
        "layer_norm(X, eps=0.1)",
    ),
    ("g*(X - mean(X, axis=0))/sqrt(var(X, axis=0) + eps) + b", "batch_norm(X, g, b, eps)"),
    (
        "m = X.mean(axis=0); v = np.var(X, axis=0); h = (X - m)/np.sqrt(v + eps); g*h + b",
        "batch_norm(X, g, b, eps)",
    ),
    (
        f"(X - mean(X, axis=1, {KEPT}))/sqrt(var(X, axis=1, {KEPT}) + eps)",
        "layer_norm(X, eps=eps, axis=1)",
    ),
    (
        f"g*(X - mean(X, axis=0, {KEPT}))/sqrt(var(X, axis=0, {KEPT}) + eps) + b",
        "batch_norm(X, g, b, eps)",
    ),
    (
        "m = X.mean(axis=0); v = np.mean((X - m)**2, axis=0); g*(X - m)/np.sqrt(v + eps) + b",
        "batch_norm(X, g, b, eps)",
    ),
    (
        f"m = X.mean(1, {KEPT}); h = (X - m)/sqrt(mean((X - m)^2, axis=1, {KEPT}) + eps); g*h + b",
        "layer_norm(X, g, b, eps, axis=1)",
    ),
    (f"X/sqrt(mean(X^2, axis=0, {KEPT}) + eps)", "rms_norm(X, eps=eps, axis=0)"),
    (f"g*X/sqrt(mean(X^2, axis=-1, {KEPT}) + 1e-6)", "rms_norm(X, g)"),
    ("sum(p*t)/(max(norm(p), eps)*max(norm(t), eps))", "cosine_similarity(p, t, eps)"),
]


def _case(formula: str, fused: str) -> Any:
    """SymPy takes its whole time for a norm along an axis."""
    is_long = fused.startswith(("layer_norm", "batch_norm"))
    return pytest.param(formula, fused, marks=[pytest.mark.slow] if is_long else [])


@pytest.mark.parametrize(("formula", "fused"), [_case(*case) for case in FUSED])
def test_what_is_spelled_out_is_one_gate_and_opens_again(formula: str, fused: str) -> None:
    plain = backtrace.trace(formula, _point(formula))
    other = backtrace.trace(formula, plain.point, fuse=True)
    assert source(other.graph).split("; ")[-1] == fused
    np.testing.assert_allclose(other.value, plain.value, rtol=1e-12)
    opened = backtrace.trace(fused, _point(fused), expand=True)
    assert other.ok
    for name, gradient in plain.gradients.items():
        np.testing.assert_allclose(other.gradients[name], gradient, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(opened.gradients[name], gradient, rtol=1e-9, atol=1e-12)


def _point(formula: str) -> dict[str, Any]:
    names = parse(formula, VALUES).inputs
    return {name: VALUES[name] for name in names}


@pytest.mark.parametrize(
    "formula",
    [
        "mean((p + t)^2)",
        "mean((p - t)^3)",
        "(p - t)^2",
        "g*(X - mean(X, axis=0))/sqrt(var(g*X, axis=0) + eps) + b",
        "g*(X - mean(X, axis=0))/sqrt(var(X, axis=0)) + b",
        "(X - mean(X))/sqrt(var(X) + eps)",
        "p*(Y[0] - mean(Y[0], axis=0))/sqrt(var(Y[0], axis=0) + eps) + X",
        "p*(Y - mean(Y, axis=0))/sqrt(var(Y, axis=0) + z) + p",
        "(Y - mean(Y, axis=1))/sqrt(var(Y, axis=1) + eps)",
        f"(Y - mean(Y, axis=1, {KEPT}))/sqrt(var(Y, axis=0, {KEPT}) + eps)",
        f"(Y - mean(Y, axis=1, {KEPT}))/sqrt(var(Y, axis=1) + eps)",
        "-mean(t*ln(p) + (1 - p)*ln(1 - t))",
        "mean(softplus(z) - t*p)",
        "sum(p*t)/(norm(p)*norm(t))",
        "X/sqrt(mean(X^2) + eps)",
    ],
)
def test_what_is_none_of_them(formula: str) -> None:
    trace = backtrace.trace(formula, _point(formula), fuse=True, check=False)
    names = {gate.name for _, _, gate in trace.graph.gates()}
    assert names.isdisjoint(
        ("mse", "bce", "bce_with_logits", "layer_norm", "batch_norm", "rms_norm")
    )
    assert "cosine_similarity" not in names


@given(st.lists(st.floats(-40, 40), min_size=1, max_size=4), st.sampled_from([0.0, 1.0, 0.25]))
@settings(max_examples=80, deadline=None)
def test_the_logits_keep_their_digits(z: list[float], t: float) -> None:
    """Where sigmoid(z) is 1 in floats, its slope is not 0: -e^-z, against 40 digits."""
    trace = backtrace.trace('bce_with_logits(z, t, reduction="sum")', {"z": z, "t": t}, check=False)
    with mpmath.workdps(40):
        slopes = [float(1 / (1 + mpmath.exp(-mpmath.mpf(v))) - t) for v in z]
    np.testing.assert_allclose(trace.gradients["z"], slopes, rtol=1e-13)


@pytest.mark.parametrize(
    ("formula", "point", "needs"),
    [
        ("bce(p, [1, 0])", {"p": [0.0, 0.5]}, "bce gives inf: it needs probabilities between"),
        ("bce(p, [1, 0])", {"p": [1.5, 0.5]}, "bce gives nan: it needs probabilities between"),
        ("nll(z, [3])", {"z": [[1.0, 2.0, 3.0]]}, "nll gives nan: it needs every k to be a class"),
        ("nll(z, [0.5])", {"z": [[1.0, 2.0, 3.0]]}, "it needs every k to be a class"),
        ("layer_norm(x, eps=0)", {"x": [2.0, 2.0]}, "entries that differ, or an eps above 0"),
        ("rms_norm(x, eps=0)", {"x": [0.0, 0.0]}, "or an eps above 0"),
        ("cosine_similarity(x, y, 0)", {"x": [0.0, 0.0], "y": [1.0, 2.0]}, "vectors that are not"),
    ],
)
def test_where_there_is_no_number_the_reason_is_said(
    formula: str, point: dict[str, Any], needs: str
) -> None:
    trace = backtrace.trace(formula, point)
    assert trace.fault is not None
    assert needs in trace.fault.what
    assert trace.fault.advice


def test_a_target_of_0_beside_a_probability_of_0_costs_nothing() -> None:
    trace = backtrace.trace("bce(p, [0, 1])", {"p": [0.0, 1.0]}, check=False)
    assert trace.value == 0.0
    np.testing.assert_allclose(trace.gradients["p"], [0.5, -0.5])


@pytest.mark.parametrize(
    ("kink", "slope"), [("minimum-norm", 0.0), ("torch", 0.0), ("left", -0.5), ("right", 0.5)]
)
def test_the_absolute_error_has_a_kink_where_it_is_0(kink: str, slope: float) -> None:
    trace = backtrace.trace("l1(p, t)", {"p": [1.0, 2.0], "t": [1.0, 5.0]}, kink=kink)
    np.testing.assert_allclose(trace.gradients["p"], [slope, -0.5])
    np.testing.assert_allclose(trace.gradients["t"], [-slope, 0.5])
    assert trace.checks["p"].verdict == trace.checks["t"].verdict == "kink"


@pytest.mark.parametrize(
    ("formula", "what"),
    [
        ('mse(X, p, reduction="max")', "there is no reduction 'max'"),
        ("mse(X, w)", "shapes 4x3 and 2 do not fit"),
        ("nll(X, p)", "a class for each row: 4x3 and 3 do not fit"),
        ("layer_norm(s)", "layer_norm is of an array"),
        ("layer_norm(X, w)", "do not fit"),
        ("layer_norm(p, X)", "shape 4x3 is not repeated to 3"),
        ("layer_norm(X, eps=p)", "eps is a number"),
        ("batch_norm(X, axis=2)", "there is no axis 2"),
        ("cosine_similarity(s, s)", "cosine_similarity is of arrays"),
        ("cosine_similarity(X, p, axis=(0, 1))", "it goes along one axis"),
        ("layer_norm(X, 1, 0, 1e-5, -1)", "the axis of layer_norm is given by its name"),
        ("layer_norm(X, h=2)", "layer_norm has no 'h='"),
        ("layer_norm(X, 2, g=2)", "'g' is given twice"),
        ("layer_norm()", "layer_norm takes"),
        ('mse(p, t, "sum")', "mse takes"),
    ],
)
def test_what_does_not_fit(formula: str, what: str) -> None:
    values: dict[str, Any] = {**VALUES, "s": 2.0, "w": np.ones(2)}
    with pytest.raises(BacktraceError, match=what):
        backtrace.trace(formula, {n: v for n, v in values.items() if n in formula.split("(")[1]})


@pytest.mark.parametrize(
    ("formula", "printed"),
    [
        ("layer_norm(X, 1, 0)", "layer_norm(X)"),
        ("layer_norm(X, b=b)", "layer_norm(X, b=b)"),
        ("layer_norm(X, g, eps=(eps + 1)*2)", "layer_norm(X, g, eps=(eps + 1)*2)"),
        ("layer_norm(X, g, b, eps=eps, axis=(0, 1))", "layer_norm(X, g, b, eps, axis=(0, 1))"),
        ('huber(p, t, delta=2, reduction="sum")', 'huber(p, t, 2, reduction="sum")'),
        ("huber(p, t, 1)", "huber(p, t)"),
    ],
)
def test_operands_that_may_be_left_out_are_printed_as_they_are_read(
    formula: str, printed: str
) -> None:
    graph = parse(formula, VALUES)
    assert source(graph) == printed
    assert source(parse(printed, VALUES)) == printed


def test_channels_of_images_are_normalized_together() -> None:
    """As PyTorch's: over the batch and both axes of the picture."""
    images = CHANCE.normal(size=(2, 3, 4, 5))
    trace = backtrace.trace("batch_norm(x, g, b)", {"x": images, "g": [1.0, 2.0, 3.0], "b": 0.5})
    means = np.mean(trace.value - 0.5, axis=(0, 2, 3))
    np.testing.assert_allclose(means, 0, atol=1e-12)
    np.testing.assert_allclose(np.std(trace.value, axis=(0, 2, 3)), [1, 2, 3], rtol=1e-4)
    assert trace.ok
