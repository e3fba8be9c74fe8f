"""Names that stand beside a function: what they hold is not what the function's own names hold."""

from __future__ import annotations

import pytest

from backtrace.homework.backward import check_code

BESIDE = ["dx = 2.3", "dx = 0.01", "dx = None", "dx = odd()", "dx = np.zeros(3)", "dx, dh = 1, 2.5"]
PAIR = """
def f_forward(x, w):
    h = np.tanh(x)
    return h * w, (h, w)
def f_backward(dout, cache):
    h, w = cache
    dh = dout * w
    dw = dout * h
    dx = dh * (1 - h**2)
    return dx, dw
"""
FUNCTION = """
def loss(x, w):
    h = np.tanh(x)
    cost = h * w
    dh = w
    dw = h
    dx = dh * (1 - h**2)
    return cost, dx, dw
"""
CLASS = """
class f:
    def forward(self, x, w):
        self.h, self.w = np.tanh(x), w
        return self.h * w
    def backward(self, dout):
        dh = dout * self.w
        dw = dout * self.h
        dx = dh * (1 - self.h**2)
        return dx, dw
"""


@pytest.mark.parametrize("beside", BESIDE)
@pytest.mark.parametrize(("text", "name"), [(PAIR, "f"), (FUNCTION, "loss"), (CLASS, "f")])
def test_a_name_beside_a_function_is_not_its_own(text: str, name: str, beside: str) -> None:
    whole = f"import numpy as np\n{beside}\n{text}"
    given: dict[str, object] = {"x": "0.4", "w": "-1.5"}
    judged = check_code(whole, "net.py", name, given)
    found = {v.gradient.name: v.verdict for v in judged.verdicts}
    assert found == dict.fromkeys(found, "ok")
    assert {"dx", "dw"} <= found.keys()
    slip = check_code(whole.replace("dx = dh", "dx = -dh"), "net.py", name, given)
    wrong = [v for v in slip.verdicts if v.verdict == "wrong"]
    assert [v.gradient.name for v in wrong] == ["dx"]
    assert "sign" in [edit.code for edit in wrong[0].fits]
