"""Generated scripts are run: NumPy's always, PyTorch's where it is installed."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from typing import Any

import pytest

import backtrace
from backtrace.gates import GATES
from tests.conftest import DATA, points, usage

PUBLISHED = json.loads((DATA / "published.json").read_text("utf-8"))
ARRAYS = {
    "reshape": "sum(reshape(x, 3, 2)*[[1,2],[3,4],[5,6]])",
    "index": "x[1] @ x[0, 0:3]",
    "stack": "sum(stack(v, v, axis=1)^2) + sum([v[0], 2]^2)",
    "concatenate": "sum(concatenate(v, v)^2)",
}
VALUES = {"x": [[0.3, -0.7, 1.1], [0.4, 0.9, -1.3]], "v": [0.5, -1.2, 0.8]}
IMAGES = {
    "x": [[[[0.3, -0.7, 1.1], [0.4, 0.9, -1.3], [-0.2, 0.1, 0.6]]]],
    "w": [[[[0.5, -1.2], [0.8, 0.7]]], [[[0.4, 0.1], [-0.9, 1.5]]]],
    "v": [0.25, -0.75],
}
MORE = [
    ("sum(softmax(x, axis=0)*x)", VALUES),
    ("cross_entropy(x, k)", {"x": VALUES["x"], "k": [0, 2]}),
    ("sum(max(x, axis=1)) + max(v)*min(v)", VALUES),
    ("std(x) + sum(var(x, axis=0)) + norm(v) + prod(v) + logsumexp(v)", VALUES),
    ("sum(x*v + 2) + mean(x, axis=1) @ [1, 2]", VALUES),
    ("x @ v @ [1, 2] + sum(x.T^2) + sum(outer(v, v)) + dot(v, v)", VALUES),
    ("sum(relu(x) + abs(x)*sigmoid(x) - elu(x))", VALUES),
    ("lambda*np + in^2 + print", {"lambda": 2, "np": 3, "in": 4, "print": 5}),
    ("q2 = x; q2*x*x + q", {"x": 2, "q": 3}),
    ("dx + x*df + f", {"dx": 1, "x": 2, "df": 3, "f": 4}),
    ("e^x + pi*tau + 007*x", {"x": 1.5}),
    ("max(x, y) + relu(z)", {"x": 2, "y": 2, "z": 0}),
    ("sum(conv2d(x, w, v, stride=(2, 1), padding=1)^2)", IMAGES),
    ("sum(conv1d(x[0, 0, 0:2], w[0], padding=(1,))*2)", IMAGES),
    ("sum(max_pool(x, (3, 2), stride=2, padding=1)^2) + sum(avg_pool(w, 2, stride=1)^2)", IMAGES),
    ("sum(max_pool(relu(x), 2, stride=1)^2) + sum(avg_pool(v, (2,), padding=(1,))^2)", IMAGES),
    ("sum(attention(x, x, x)^2) + sum(attention(w, w, w, causal=1)*w)", IMAGES),
    ("x", {"x": 3}),
]


def runs(code: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-W", "error::SyntaxWarning", "-"],  # an argument has a longest length
        input=code,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, f"{ended.stderr}\n{code}"
    return ended.stdout


def scripts(format: str) -> list[str]:
    """One for each gate at a plain point, and for every published case, in functions of their own
    names: run in one process."""
    found = []
    for gate in GATES.values():
        if gate.is_of_arrays:
            continue
        point = next(iter(points(gate)))
        found.append((usage(gate), point))
    found += [(ARRAYS[name], VALUES) for name in ARRAYS] + MORE
    found += [(case["formula"], case["point"]) for case in PUBLISHED]
    codes = []
    for formula, point in found:
        trace = backtrace.trace(formula, only(formula, point), check=False)
        codes.append(trace.show(format))
    return codes


def only(formula: str, point: dict[str, Any]) -> dict[str, Any]:
    from backtrace.formula.parser import parse

    names = parse(formula, point.keys()).inputs
    return {name: point[name] for name in names}


def test_the_scripts_for_numpy_pass() -> None:
    runs(
        "\n".join(
            f"exec(compile({code!r}, '{k}', 'exec'), {{}})"
            for k, code in enumerate(scripts("python"))
        )
    )


LINES = (
    *("log(x)", "sqrt(x)", "y/x", "x^-1", "y^2", "x^y", "exp(x)", "atan(y)", "relu(x)*y"),
    *("abs(x)^0.5", "x % y", "sum([x, y])", "max(x, y)", "tanh(x)/y", "hypot(x, y)", "y^3 - x^3"),
)
ENDS = (0, 1, -1, 2.5, -0.0, 1e-300, 1e300, 1e-160, 1e160, 800, -800)


@pytest.mark.parametrize("part", range(4))
def test_scripts_hold_wherever_floats_end_and_stages_lead(part: int) -> None:
    """Stages that reach the result and others that do not, at points where nothing is finite."""
    chance, codes = random.Random(part), []
    for _ in range(60):
        stages = [f"s{k} = {line}" for k, line in enumerate(chance.sample(LINES, 4))]
        last = chance.choice(["s0", "s1*s2", "s3 + x", "y", "2*x"])
        formula = "; ".join([*stages, f"f = {last}"])
        point = {"x": chance.choice(ENDS), "y": chance.choice(ENDS)}
        codes.append(backtrace.trace(formula, point, check=False).show("python"))
    runs("\n".join(f"exec(compile({code!r}, '{k}', 'exec'), {{}})" for k, code in enumerate(codes)))


def test_a_wrong_number_fails() -> None:
    """The asserts can fail."""
    code = backtrace.trace("x*y", {"x": 2, "y": 3}, check=False).show("python")
    wrong = code.replace("dx = df * y", "dx = df * x")
    assert wrong != code
    ended = subprocess.run([sys.executable, "-c", wrong], capture_output=True)
    assert b"AssertionError" in ended.stderr


def test_scripts_are_read_as_the_lecture_writes_them() -> None:
    code = backtrace.trace("q = x + y; f = q*z + x", {"x": -2, "y": 5, "z": -4}, check=False)
    text = code.show("python")
    for line in ("# forward pass", "q = x + y", "# backward pass", "dq = ", "dx += dq"):
        assert line in text
    assert text == code.show("python")


@pytest.mark.slow
def test_the_scripts_for_torch_pass() -> None:
    pytest.importorskip("torch")
    runs(
        "\n".join(
            f"exec(compile({code!r}, '{k}', 'exec'), {{}})"
            for k, code in enumerate(scripts("torch"))
        )
    )
