"""torch.autograd.Function: a context keeps what backward needs; apply is forward."""

from __future__ import annotations

import numpy as np
import pytest

import backtrace
from backtrace.code import read_code
from backtrace.homework.backward import check_code

LINEAR = """
import torch

class Layer(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, b):
        ctx.save_for_backward(x, w, b)
        out = x.mm(w.t())
        out += b.unsqueeze(0).expand_as(out)
        return out

    @staticmethod
    def backward(ctx, grad_output):
        x, w, b = ctx.saved_tensors
        grad_x = grad_w = grad_b = None
        if ctx.needs_input_grad[0]:
            grad_x = {dx}
        if ctx.needs_input_grad[1]:
            grad_w = {dw}
        if b is not None and ctx.needs_input_grad[2]:
            grad_b = {db}
        return grad_x, grad_w, grad_b
"""
RIGHT = {
    "dx": "grad_output.mm(w)",
    "dw": "grad_output.t().mm(x)",
    "db": "grad_output.sum(0)",
}
WRONG = {"dx": "grad_output.mm(w.t())", "dw": "x.t().mm(grad_output)", "db": "grad_output.mean(0)"}
POINT = {"x": np.ones((3, 2)), "w": np.arange(8.0).reshape(4, 2), "b": np.ones(4)}
KEPT = """
import torch

class Power(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, k):
        {keep}
        return {out}

    @staticmethod
    def backward(ctx, g):
        {take}
        return {back}, None
"""
KEEPING = [
    ("ctx.save_for_backward(x); ctx.k = k", "(x,) = ctx.saved_tensors; k = ctx.k"),
    ("ctx.x, ctx.k = x, k", "x, k = ctx.x, ctx.k"),
    ("ctx.k = k; ctx.save_for_backward(x)", "x, = ctx.saved_tensors; k = ctx.k"),
]


@pytest.mark.parametrize("wrong", ["", "dx", "dw", "db"])
def test_a_layer_is_judged(wrong: str) -> None:
    lines = RIGHT | ({wrong: WRONG[wrong]} if wrong else {})
    found = check_code(LINEAR.format(**lines), "layer.py", "Layer", POINT)
    verdicts = {v.of: v.passes for v in found.verdicts if v.of in POINT}
    assert verdicts == {name: f"d{name}" != wrong for name in POINT}
    assert (found.fault is None) is (not wrong)


@pytest.mark.parametrize(("keep", "take"), KEEPING)
@pytest.mark.parametrize(
    ("out", "back", "ok"),
    [
        ("k * x**3", "g * k * 3 * x**2", True),
        ("k * x**3", "g * 3 * x**2", False),
        ("torch.exp(k * x)", "g * k * torch.exp(k * x)", True),
        ("torch.exp(k * x)", "g * torch.exp(k * x)", False),
    ],
)
def test_what_the_context_keeps(keep: str, take: str, out: str, back: str, ok: bool) -> None:
    text = KEPT.format(keep=keep, take=take, out=out, back=back)
    found = check_code(text, "power.py", "Power", {"x": np.array([0.5, -1.5, 2.0]), "k": 2.5})
    assert found.ok is ok


def test_apply_is_forward() -> None:
    text = KEPT.format(keep="ctx.save_for_backward(x)", take="pass", out="k * x**3", back="g")
    text += "x = torch.tensor([1.0, 2.0])\ny = Power.apply(x, 2.0).sum()\n"
    program = read_code(text, "power.py")
    trace = backtrace.trace(program.formula, {"x": [1.0, 2.0]}, check=False)
    np.testing.assert_allclose(trace.gradients["x"], [6.0, 24.0])
