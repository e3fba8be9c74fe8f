"""`if` on what is computed: both branches are read, by where(), and are what Python runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backtrace
from backtrace.errors import BacktraceError
from backtrace.homework.backward import check_code

BRANCHES = {
    "set": "if C:\n    y = 3*x\nelse:\n    y = x*x\n",
    "set over": "y = x*x\nif C:\n    y = 3*x\n",
    "added": "y = x*x\nif C:\n    y += 3*x\n",
    "taken off": "y = x*x\nif C:\n    pass\nelse:\n    y -= x\n    y += 2*x*y\n",
    "one after the other": "y = x\nif C:\n    y = y*y\n    y = y*x\nelse:\n    y += 1\n",
    "inside": "y = x\nif C:\n    if y > 2:\n        y = y*y\n    else:\n        y += x\n",
    "elif": "y = x\nif C:\n    y = 2*x\nelif x < -1:\n    y = x**3\nelse:\n    y = 5*x\n",
    "entries": "a = np.zeros(2)\nif C:\n    a[0] = x\nelse:\n    a[1] += x*x\ny = np.sum(a*a)\n",
    "arrays": "v = np.array([1.0, 2.0])*x\nif C:\n    v = v*v\ny = np.sum(v)\n",
    "the condition's own": "y = x*x\nif C:\n    x = x + 1\n    y = y*x\n",
}
CONDITIONS = ("x > 0", "x*x <= 1", "not x > 0", "abs(x) > 2")


def ran(text: str, x: float) -> float:
    space: dict[str, Any] = {"np": np, "x": x}
    exec(text, space)  # our own text
    return float(space["y"])


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("branch", BRANCHES)
def test_a_branch_is_what_python_runs(branch: str, condition: str) -> None:
    text = BRANCHES[branch].replace("C", condition)
    for x in (-2.3, -0.7, 0.4, 1.6, 2.9):
        trace = backtrace.from_source(f"import numpy as np\n{text}", {"x": x}, of="y")
        assert np.isclose(trace.value, ran(text, x))
        slope = (ran(text, x + 1e-6) - ran(text, x - 1e-6)) / 2e-6
        assert np.isclose(trace.gradients["x"], slope, rtol=1e-4), (x, text)


@pytest.mark.parametrize("body", ["return x", "y = z = x", "for i in range(2):\n            y = x"])
def test_a_branch_that_does_more_is_refused(body: str) -> None:
    text = (
        f"def f(x):\n    y = 2*x\n    if x > 1:\n        {body}\n    return y\nw = 2.0\nq = f(w)\n"
    )
    with pytest.raises(BacktraceError, match="the condition is not known"):
        backtrace.from_source(text, {})


HINGE = """
import numpy as np

def hinge(W, X, y, reg):
    dW = np.zeros(W.shape)
    loss = 0.0
    for i in range(X.shape[0]):
        s = X[i] @ W
        for j in range(W.shape[1]):
            if j == y[i]:
                continue
            margin = s[j] - s[y[i]] + 1
            if margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    loss = loss / X.shape[0] + reg * np.sum(W * W)
    dW = dW / X.shape[0] + 2 * reg * W
    return loss, dW
"""
GIVEN: dict[str, object] = {"W": "randn(3,3)", "X": "randn(3,3)", "y": "[0,2,1]", "reg": "0.1"}


def test_a_loop_over_margins_is_judged() -> None:
    assert check_code(HINGE, "hinge.py", "hinge", GIVEN).ok


@pytest.mark.parametrize(
    ("due", "there"),
    [
        ("dW[:, j] += X[i]", "dW[:, j] -= X[i]"),
        ("dW[:, y[i]] -= X[i]", "dW[:, y[i]] += X[i]"),
        ("dW[:, y[i]] -= X[i]", "dW[:, y[i]] = -X[i]"),
        ("2 * reg * W", "reg * W"),
    ],
)
def test_slips_in_a_branch_are_found(due: str, there: str) -> None:
    text = HINGE.replace(due, there)
    judged = check_code(text, "hinge.py", "hinge", GIVEN)
    assert not judged.ok
    assert judged.fault is not None
    assert judged.fault.row == text[: text.index(there)].count("\n") + 1
