"""sort where entries are equal: each gets the mean of what comes to them; PyTorch and JAX hand it
on in the order in which they stood."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backtrace
from backtrace.errors import BacktraceError

TIED = [3.0, 1.0, 3.0, 1.0, 2.0]
WEIGHTS = [1.0, 2.0, 4.0, 8.0, 16.0]


@pytest.mark.parametrize(
    ("kink", "expected"),
    [
        ("minimum-norm", [12.0, 1.5, 12.0, 1.5, 4.0]),
        ("torch", [8.0, 1.0, 16.0, 2.0, 4.0]),
        ("jax", [8.0, 1.0, 16.0, 2.0, 4.0]),
    ],
)
def test_ties(kink: str, expected: list[float]) -> None:
    trace = backtrace.trace("dot(sort(x), w)", {"x": TIED, "w": WEIGHTS}, kink=kink)
    assert trace.gradients["x"].tolist() == expected
    assert any(note.kind == "kink" for note in trace.notes)
    assert trace.checks["x"].verdict == "kink"
    assert trace.checks["w"].verdict == "agree"


def test_ties_whose_weights_are_equal_are_no_kink() -> None:
    """The sum of all that is sorted is the sum."""
    trace = backtrace.trace("sum(sort(x)^2)", {"x": TIED})
    np.testing.assert_allclose(trace.gradients["x"], 2 * np.array(TIED))
    assert trace.checks["x"].verdict == "agree"


def test_ties_in_one_row_leave_the_others_alone() -> None:
    X = [[1.0, 1.0, 0.0], [1.0, 0.0, 2.0], [2.0, 0.0, 1.0]]
    trace = backtrace.trace("sum(sort(X)*w)", {"X": X, "w": [1.0, 2.0, 4.0]})
    np.testing.assert_array_equal(trace.gradients["X"], [[3, 3, 1], [2, 1, 4], [4, 1, 2]])
    rows: Any = backtrace.trace("sum(sort(X, axis=0)*w)", {"X": X, "w": [1.0, 1.0, 1.0]})
    np.testing.assert_array_equal(rows.gradients["X"], np.ones((3, 3)))


@pytest.mark.parametrize(
    ("formula", "what"),
    [
        ("sort(s)", "a number is in order already"),
        ("flip(s)", "a number has no order"),
        ("roll(s, 1)", "a number has no entries"),
        ("sort(v, axis=1)", "there is no axis 1 in shape 3"),
        ("sort(X, axis=(0, 1))", "it goes along one axis, not several"),
        ("flip(X, axis=2)", "there is no axis 2"),
        ("flip(X, axis=(0, 0))", "named twice"),
        ("roll(v, 1.5)", "shift is a whole number"),
        ("roll(v)", "roll takes"),
        ("roll(v, v)", "shift is a whole number"),
        ("roll(X, 1, axis=-3)", "there is no axis -3"),
    ],
)
def test_what_has_no_order(formula: str, what: str) -> None:
    values: dict[str, Any] = {"X": np.ones((2, 3)), "v": np.ones(3), "s": 2.0}
    with pytest.raises(BacktraceError, match=what):
        backtrace.trace(f"{formula}", {n: v for n, v in values.items() if f"({n}" in formula})


@pytest.mark.parametrize("format", ["python", "torch"])
@pytest.mark.parametrize("formula", ["sum(sort(X)*X)", "sum(flip(X, 0)*roll(X, 1)*ones(3))"])
def test_scripts_have_the_same_numbers(formula: str, format: str) -> None:
    """Scripts of every gate are run elsewhere; these hold what the rows' own functions say."""
    trace = backtrace.trace(formula, {"X": [[1.0, 3.0, 2.0], [0.5, 0.1, 0.4]]})
    if format == "torch":
        assert "torch.sort(" in trace.show(format) or "torch.flip(" in trace.show(format)
        return
    known: dict[str, Any] = {}
    exec(trace.show("python"), known)
    np.testing.assert_allclose(known["dX"], trace.gradients["X"])


@pytest.mark.parametrize(
    ("formula", "kink", "expected"),
    [
        ("norm1(x)", "minimum-norm", [1.0, 0.0, -1.0]),
        ("norm1(x)", "left", [1.0, -1.0, -1.0]),
        ("norm1(x)", "right", [1.0, 1.0, -1.0]),
        ("norm_inf(x)", "minimum-norm", [0.5, 0.0, -0.5]),
    ],
)
def test_norms_at_their_kinks(formula: str, kink: str, expected: list[float]) -> None:
    trace = backtrace.trace(formula, {"x": [2.0, 0.0, -2.0]}, kink=kink)
    assert trace.gradients["x"].tolist() == expected
    assert trace.checks["x"].verdict == "kink"
    assert any(note.kind == "kink" for note in trace.notes)
