"""`if` on numbers: held against the same code run by Python, its slopes measured."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import backtrace
from backtrace.code import read_code
from backtrace.errors import BacktraceError
from backtrace.homework.backward import check_code

CONDITIONS = [
    "a > b",
    "a*b < 1",
    "not a > b",
    "a > 0 and b > 0",
    "a < 0 or b > 1",
    "0 < 1 and a > b",
]
BODIES = [
    "y = a\nif {c}:\n    y = a*b",
    "y = a\nif {c}:\n    y += b**2",
    "y = a\nif {c}:\n    y *= b\nelse:\n    y -= a",
    "if {c}:\n    y = np.sin(a)\nelse:\n    y = np.cos(b)",
    "if {c}:\n    y = a\nelif a > 0.5:\n    y = a*a\nelse:\n    y = b",
    "y = b\nif {c}:\n    if b > 0.4:\n        y = a*y\n    else:\n        y = 3*a",
    "y = a\nif {c}:\n    h = a*b\n    y = h + y",
    "y = a\nif {c}:\n    a = 2*b\n    y = y*a\ny += a",
    "v = np.array([a, b])\nif {c}:\n    v *= a\n    v[0] += b\ny = v.sum()",
    "v = np.array([a, b])\nif {c}:\n    v = v**2\ny = (v*v).sum()",
    "if {c}:\n    y = a\nelse:\n    a = 2*b\n    y = a*a\ny += a",
    "y = 1.0\nfor x in (a, b, a*b):\n    if x < 0.3 and {c}:\n        continue\n    y *= x + 2",
    "n = 0\nfor x in (a, b):\n    if {c}:\n        n += 1\ny = n*a*b",
]
POINTS = [(0.7, 0.2), (-0.4, 1.3), (0.35, 0.9), (-1.1, -0.6)]


def run(code: str, a: float, b: float) -> float:
    names: dict[str, object] = {"np": np, "a": a, "b": b}
    exec(code, names)  # the tests' own lines
    return float(names["y"])  # type: ignore[arg-type]


@pytest.mark.parametrize("body", BODIES)
def test_both_branches_are_what_python_makes_of_them(body: str) -> None:
    for condition, (a, b) in itertools.product(CONDITIONS, POINTS):
        code = body.format(c=condition)
        program = read_code(f"import numpy as np\na = {a}\nb = {b}\n{code}", "net.py", of="y")
        found = backtrace.trace(program.formula, program.point)
        assert found.value == pytest.approx(run(code, a, b), abs=1e-12), code
        step = 1e-6
        slopes = {
            "a": (run(code, a + step, b) - run(code, a - step, b)) / (2 * step),
            "b": (run(code, a, b + step) - run(code, a, b - step)) / (2 * step),
        }
        for name, slope in slopes.items():
            got = found.gradients.get(name, 0.0)
            assert got == pytest.approx(slope, abs=1e-6), (code, name)


def test_a_branch_that_is_not_taken_makes_no_nan() -> None:
    program = read_code(
        "import numpy as np\nx = -2.0\ny = x\nif x > 0:\n    y += np.log(x)", "net.py"
    )
    found = backtrace.trace(program.formula, program.point)
    assert found.value == -2.0
    assert math.isclose(found.gradients["x"], 1.0)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("x = 2.0\nif x > 1:\n    y = x\nz = y*x", "'y' has a value in one branch only"),
        (
            "x = 2.0\ny = 1.0\nif x > 1:\n    y = y**x\n    y **= 2\nz = y*x",
            "condition is not known",
        ),
        ("x = 2.0\ny = x\nif x > 1:\n    y = np.array([x, x])\nz = y*x", "condition is not known"),
        ("x = np.ones(2)\ny = 1.0\nif x > 1:\n    y = 2.0\nz = y*x", "condition is not known"),
        ("x = 2.0\nr = []\nif x > 1:\n    r.append(x)\nz = sum(r)*x", "condition is not known"),
    ],
)
def test_what_is_more_than_a_choice_of_values_is_refused(code: str, words: str) -> None:
    with pytest.raises(BacktraceError, match=words):
        read_code(f"import numpy as np\n{code}", "net.py", of="z")


HINGE = """import numpy as np
def hinge(W, X, y, reg):
    dW = np.zeros(W.shape)
    loss = 0.0
    for i in range(X.shape[0]):
        s = X[i].dot(W)
        wrong = 0
        for j in range(W.shape[1]):
            if j == y[i]:
                continue
            m = s[j] - s[y[i]] + 1
            if m > 0:
                wrong += 1
                loss += m
                dW[:, j] += X[i]
        dW[:, y[i]] {turn}= wrong * X[i]
    loss = loss / len(X) + reg * np.sum(W * W)
    dW = dW / len(X) + 2 * reg * W
    return loss, dW
"""
GIVEN: dict[str, object] = {"W": "randn(4,3)", "X": "randn(5,4)", "y": "[0,1,2,0,1]", "reg": "0.1"}


@pytest.mark.parametrize(("turn", "verdict"), [("-", "ok"), ("+", "wrong")])
def test_a_hinge_loss_in_loops_is_judged(turn: str, verdict: str) -> None:
    judged = check_code(HINGE.replace("{turn}", turn), "net.py", "hinge", GIVEN)
    assert [v.verdict for v in judged.verdicts] == [verdict]


LAST = """import numpy as np
def f(W, X):
    dW = 2 * X.T.dot(X.dot(W))
    s = np.dot(X, W)
    loss = np.sum(s * s)
    {line}
    return loss, dW
"""


@pytest.mark.parametrize(
    "line", ["dW = X.T.dot(np.lexsort(s))", "dW = unheard_of(dW)", "dW += unheard_of(dW)"]
)
def test_an_earlier_line_is_not_judged_for_a_later_one_that_cannot_be_read(line: str) -> None:
    given = {"W": "randn(4,3)", "X": "randn(5,4)"}
    judged = check_code(LAST.replace("{line}", line), "net.py", "f", given)
    assert [v.verdict for v in judged.verdicts] == ["not judged"]


@pytest.mark.parametrize("yes", ["(m > 0) + 0", "(m > 0) * 1", "(m > 0).astype(int)"])
@pytest.mark.parametrize("rows", ["np.arange(len(k))", "range(5)", "places"])
@pytest.mark.parametrize("turn", ["-np.sum(k, axis=1)", "-k.sum(1)", "-np.maximum(k.sum(1), 0)"])
def test_whole_numbers_stay_whole_where_they_are_added_up(yes: str, rows: str, turn: str) -> None:
    text = f"""import numpy as np
def f(W, X, y):
    places = np.arange(5)
    s = X @ W
    m = np.maximum(s - s[places, y][:, None] + 1, 0)
    m[{rows.replace("k", "m")}, y] = 0
    loss = m.sum()
    k = {yes}
    k[{rows}, y] = {turn}
    dW = X.T @ k
    return loss, dW
"""
    judged = check_code(text, "net.py", "f", {n: GIVEN[n] for n in "WXy"})
    assert [v.verdict for v in judged.verdicts] == ["ok"]
