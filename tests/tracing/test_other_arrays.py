"""Arrays exactly and with many digits: every entry beside the float that it is to be."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import backtrace
from backtrace.algebra.digits import Digits
from backtrace.algebra.lifted import lifted
from backtrace.errors import BacktraceError
from backtrace.formula.parser import parse

W, X = [[0.1, -2.0], [3.0, 0.5]], [1.0, -0.25]
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "product": ("sum((W@x)^2)", {"W": W, "x": X}),
    "vector out": ("W@x", {"W": W, "x": X}),
    "net": ("sum((W2@relu(W1@x + b))^2)", {"W1": W, "W2": W, "x": X, "b": [0.5, 0.25]}),
    "softmax": ("sum(softmax(W)*W)", {"W": W}),
    "classes": ("cross_entropy(W@W.T, y)", {"W": W, "y": [0, 1]}),
    "axes": ("sum(mean(W, axis=0)*var(W, axis=1))", {"W": W}),
    "norm": ("norm(W) + norm(x)", {"W": W, "x": [3.0, 4.0]}),
    "choice": ("sum(where(x > 0, x^2, 3*x))", {"x": X}),
    "joined": ("sum(concatenate(x, W[0])^2)", {"W": W, "x": X}),
    "many axes": ("sum(A@A)", {"A": np.arange(8.0).reshape(2, 2, 2).tolist()}),
}


def _numbers(text: str) -> np.ndarray:
    """What is written, as floats."""
    graph = parse(text)
    found = graph.evaluate(lifted(Digits(40)), {})[graph.output]
    return np.asarray(found, dtype=float)


@pytest.mark.parametrize("kind", KINDS)
def test_every_entry_is_the_float_to_its_last_digits(kind: str) -> None:
    trace = backtrace.trace(*KINDS[kind], check=False)
    for wording in (trace.to_digits(30), trace.exactly()):
        for texts, floats in (
            (wording.values, trace.values),
            (wording.upstreams, trace.upstreams),
        ):
            for text, number in zip(texts, floats, strict=True):
                found = _numbers(text)
                assert found.shape == np.shape(number)
                assert found == pytest.approx(np.asarray(number, float), rel=1e-13, abs=1e-15)
    assert "agree" in trace.exactly().remark


def test_entries_are_read_as_they_are_written() -> None:
    trace = backtrace.trace("sum(x*x)", {"x": "[1/3, 0.1]"}, check=False)
    assert trace.exactly().upstreams[0] == "[2/3, 1/5]"
    assert trace.to_digits(25).upstreams[0] == "[0.6666666666666666666666667, 0.2]"
    value = Fraction(1, 9) + Fraction(1, 100)
    assert trace.exactly().values[-1] == f"{value.numerator}/{value.denominator}"


@pytest.mark.parametrize(
    ("formula", "point", "words"),
    [
        ("sum(x)", {"x": "randn(2000)"}, "writes out every entry"),
        ("sum(log(x))", {"x": [0.0, 1.0]}, "not finite"),
    ],
)
def test_what_has_no_exact_entries_is_told(formula: str, point: dict, words: str) -> None:
    trace = backtrace.trace(formula, point, check=False)
    with pytest.raises(BacktraceError, match=words):
        trace.exactly()
