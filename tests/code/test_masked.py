"""z[mask] = f(x[mask]) is where(mask, f(x), z), where f is worked out entry by entry."""

from __future__ import annotations

import numpy as np
import pytest

import backtrace
from backtrace.code import read_code
from backtrace.errors import BacktraceError
from backtrace.homework.backward import check_code

X = np.array([[1.5, -2.0, 0.25], [-0.75, 3.0, -1.25]])
BODIES = {
    "a stable sigmoid": """
    pos = (x >= 0)
    neg = (x < 0)
    z = np.zeros_like(x)
    z[pos] = np.exp(-x[pos])
    z[neg] = np.exp(x[neg])
    top = np.ones_like(x)
    top[neg] = z[neg]
    return np.sum(top / (1 + z) * w)""",
    "a slope below 0": """
    out = x.copy()
    out[x < 0] = 0.1 * x[x < 0]
    return np.sum(out * w)""",
    "two arrays": """
    m = x > 0.5
    out = x * 1.0
    out[m] = x[m] * w[m] - np.tanh(w[m])
    return np.sum(out)""",
}
W = np.array([[0.5, 1.5, -1.0], [2.0, -0.5, 1.25]])


def by_numpy(body: str, x: np.ndarray) -> float:
    names: dict[str, object] = {"np": np}
    exec(f"def f(x, w):{body}", names)
    return float(names["f"](x, W))  # type: ignore[operator]


@pytest.mark.parametrize("body", BODIES)
def test_it_is_what_numpy_does(body: str) -> None:
    text = f"import numpy as np\ndef f(x, w):{BODIES[body]}\n"
    program = read_code(text, "f.py", "f", {"x": X, "w": W})
    trace = backtrace.trace(program.formula, {"x": X, "w": W, **program.point}, check=False)
    assert float(trace.value) == pytest.approx(by_numpy(BODIES[body], X))
    for at in np.ndindex(X.shape):
        step = np.zeros_like(X)
        step[at] = 1e-6
        up, down = (by_numpy(BODIES[body], X + s) for s in (step, -step))
        assert trace.gradients["x"][at] == pytest.approx((up - down) / 2e-6, rel=1e-5)


@pytest.mark.parametrize(
    "line",
    [
        "out[x > 0] = x[x < 1]",
        "out[x > 0] = np.sum(x[x > 0]) * x[x > 0]",
        "out[x > 0] = w",
        "out[x > 0] = w * x[x > 0]",
        "out[x > 0] = np.cumsum(x[x > 0])",
    ],
)
def test_anything_else_is_refused(line: str) -> None:
    text = (
        f"import numpy as np\ndef f(x, w):\n    out = x * 1.0\n    {line}\n    return np.sum(out)\n"
    )
    with pytest.raises(BacktraceError):
        read_code(text, "f.py", "f", {"x": X, "w": W})


@pytest.mark.parametrize(
    ("line", "ok"),
    [
        ("dx[x > 0] = dout[x > 0]", True),
        ("dx[x > 0] = 1.0 * dout[x > 0]", True),
        ("dx[x < 0] = dout[x < 0]", False),
        ("dx[x > 0] = -dout[x > 0]", False),
    ],
)
def test_backward_through_relu(line: str, ok: bool) -> None:
    text = f"""
import numpy as np
def relu_forward(x):
    return np.maximum(0, x), x
def relu_backward(dout, cache):
    x = cache
    dx = np.zeros_like(dout)
    {line}
    return dx
"""
    assert check_code(text, "relu.py", "relu", {"x": X}).ok is ok
