"""A nan in a branch that is not taken concerns the variables whose ways pass it, and no others."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import backtrace

CASES: list[tuple[str, dict[str, Any]]] = [
    ("x^2 + where(y > 0, log(y), 0)", {"x": 3, "y": -1}),
    ("sin(x)*where(y > 0, sqrt(y), 2)", {"x": 3, "y": -1}),
    ("q = where(y > 0, log(y), y); exp(x) + q", {"x": 1, "y": -2}),
    ("l(a) = where(a > 0, log(a), 0); x^2 + l(y)", {"x": 3, "y": -1}),
    ("max(x, 0)*where(y > 0, 1/y, 1)", {"x": 3, "y": 0}),
    ("sum(x^2) + sum(where(y > 0, log(y), 0))", {"x": [3, 1], "y": [-1, 2]}),
    ("sum((W@x)^2) + where(y > 0, log(y), 0)", {"W": [[1, 2], [3, 4]], "x": [1, -1], "y": -1}),
    (
        "mean(tanh(x@W)) + sum(where(y > 0, sqrt(y), 0))",
        {"x": [[1, 2]], "W": [[1], [2]], "y": [-4]},
    ),
]


@pytest.mark.parametrize(("formula", "point"), CASES)
def test_the_others_are_checked(formula: str, point: dict[str, Any]) -> None:
    trace = backtrace.trace(formula, point)
    assert trace.ok
    own_gates = "l(a)" in formula  # whose inside is no branch of this graph
    for name, check in trace.checks.items():
        if name != "y":
            assert check.verdict == "agree", (name, check)
            assert check.numeric is not None or check.symbolic is not None
        elif not own_gates:
            assert check.verdict == "skipped"
            assert "is not finite" in check.reason


def test_a_wrong_gradient_beside_a_nan_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from backtrace.gates import GATES

    row = GATES["sin"]
    wrong = replace(row, local=(lambda m, f, x: 1.01 * m.cos(x),))
    monkeypatch.setitem(GATES, "sin", wrong)
    for formula, point in CASES[:2]:
        trace = backtrace.trace(f"{formula} + sin(x)", point)
        assert trace.checks["x"].verdict == "disagree"


def test_random_formulas_beside_a_nan_agree() -> None:
    chance = random.Random(5)
    for _ in range(25):
        left = chance.choice(["x*z", "tanh(x)*z", "exp(x/4) - z", "relu(x + 5)*z", "x/(z + 9)"])
        bad = chance.choice(["log(y)", "sqrt(y)", "y^0.5", "asin(y - 3)", "log(y)*z"])
        trace = backtrace.trace(
            f"{left} + where(y > 0, {bad}, y)",
            {"x": chance.uniform(-2, 2), "z": chance.uniform(1, 2), "y": -chance.uniform(1, 2)},
        )
        assert trace.ok
        assert trace.checks["x"].verdict == "agree"
        assert trace.checks["z"].verdict == ("skipped" if "z" in bad else "agree")
        assert np.isfinite(trace.gradients["y"])
