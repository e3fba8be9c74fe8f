"""A gradient that is a list of numbers is judged as the array that it stands for."""

from __future__ import annotations

import pytest

from backtrace.errors import BacktraceError
from backtrace.homework.backward import check_code

SCRIPT = """
import numpy as np
w = np.array([1.5, 2.0])
x = np.array([3.5, 4.0])
loss = np.sum(w * w * x)
dx = w * w
dw = {}
"""
PAIR = """
def loss_of(x, w):
    loss = (x * w).sum()
    dx = w
    dw = {}
    return loss, dx, dw
"""
LAYER = """
class Scale:
    def __init__(self, w):
        self.w = w

    def forward(self, x):
        self.x = x
        return x * self.w

    def backward(self, dout):
        self.dw = {}
        return dout * self.w
"""
LOOP = """
x = [1.0, 2.0, 3.0]
w = [0.5, -1.0, 2.0]
f = 0
for i in range(3):
    f += x[i] * w[i] * w[i]
dx = [0.0] * 3
dw = [0.0, 0.0, 0.0]
for i in range(3):
    dx[i] = w[i] ** 2
    dw[i] += {} * x[i] * w[i]
"""


def verdicts(text: str, name: str = "", **given: object) -> dict[str, tuple[str, int]]:
    judged = check_code(text, "a.py", name, given)
    return {v.gradient.name: (v.verdict, v.row) for v in judged.verdicts}


@pytest.mark.parametrize("numbers", ["[3.0, 9.0]", "(3.0, 9.0)", "[6, 16, 1]", "[[6.0, 16.0]] * 2"])
def test_wrong_numbers_in_a_list_are_wrong(numbers: str) -> None:
    assert verdicts(SCRIPT.format(numbers)) == {"dx": ("ok", 6), "dw": ("wrong", 7)}


def test_right_numbers_in_a_list_are_right_at_these_numbers() -> None:
    found = verdicts(SCRIPT.format("[10.5, 16.0]"))
    assert found["dw"] == ("right at these numbers only", 7)
    assert verdicts(SCRIPT.format("[2*w[0]*x[0], 2*w[1]*x[1]]"))["dw"] == ("ok", 7)
    assert verdicts(SCRIPT.format("[1.0, 2.0]\ndw = 2 * w * x"))["dw"] == ("ok", 8)


def test_lists_in_functions_and_layers_are_judged() -> None:
    given = {"x": "randn(2)", "w": "randn(2)"}
    assert verdicts(PAIR.format("[3.0, 9.0]"), "loss_of", **given)["dw"] == ("wrong", 5)
    assert verdicts(LAYER.format("[3.0, 9.0]"), "Scale", **given)["dw"] == ("wrong", 11)


@pytest.mark.parametrize(("factor", "verdict"), [("2", "ok"), ("3", "wrong")])
def test_lists_whose_entries_are_set_are_judged(factor: str, verdict: str) -> None:
    found = verdicts(LOOP.format(factor))
    assert {name: said for name, (said, _) in found.items()} == {"dx": "ok", "dw": verdict}


def test_a_list_of_gradients_of_others_is_none_of_its_own() -> None:
    text = SCRIPT.format("2 * w * x") + "dws = [dw, dw]\ngrads = [dw, dx]\n"
    assert verdicts(text).keys() == {"dx", "dw"}


CLIPPED = """
import numpy as np
x = np.random.randn(3)
w = np.random.randn(3)
h = w * w
loss = np.sum(h * x)
dw = {} * w * x
dx = h
for g in [dw, dx]:
    np.clip(g, -5, 5, out=g)
"""


def test_gradients_are_judged_before_they_are_clipped() -> None:
    assert verdicts(CLIPPED.format("2")) == {"dw": ("ok", 7), "dx": ("ok", 8)}
    assert verdicts(CLIPPED.format("3"))["dw"] == ("wrong", 7)
    notes = check_code(CLIPPED.format("2"), "a.py").code.notes
    assert "gradients are judged before they are clipped" in notes
    forward = CLIPPED.format("2").replace("loss =", "np.clip(h, -5, 5, out=h)\nloss =")
    with pytest.raises(BacktraceError, match="changes a value where it stands"):
        check_code(forward, "a.py")
