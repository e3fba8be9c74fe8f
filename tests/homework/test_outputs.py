"""Functions with more than one output: each has an upstream gradient of its own."""

from __future__ import annotations

import pytest

from backtrace.homework.backward import check_code, report

CELL = """import numpy as np
def cell_forward(x, c):
    next_c = c * x
    next_h = np.tanh(next_c)
    return next_h, next_c, (x, c, next_h)
def cell_backward(dnext_h, dnext_c, cache):
    x, c, next_h = cache
    dn = dnext_c + dnext_h * (1 - next_h**2)
    dx = dn * c
    dc = dn * x
    return dx, dc
"""
KEPT = "(x, c, next_h)"
NESTED = CELL.replace(f"next_h, next_c, {KEPT}", f"(next_h, next_c), {KEPT}")
PACKED = NESTED.replace("(dnext_h, dnext_c, cache):", "(dout, cache):").replace(
    "next_h = cache\n", "next_h = cache\n    dnext_h, dnext_c = dout\n"
)
SWAPPED = CELL.replace("(dnext_h, dnext_c, cache)", "(dnext_c, dnext_h, cache)")
LSTM = """import numpy as np
def lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    H = prev_h.shape[1]
    a = x @ Wx + prev_h @ Wh + b
    i = 1 / (1 + np.exp(-a[:, :H]))
    f = 1 / (1 + np.exp(-a[:, H:2*H]))
    o = 1 / (1 + np.exp(-a[:, 2*H:3*H]))
    g = np.tanh(a[:, 3*H:])
    next_c = f * prev_c + i * g
    next_h = o * np.tanh(next_c)
    cache = (x, prev_h, prev_c, Wx, Wh, i, f, o, g, next_c)
    return next_h, next_c, cache
def lstm_step_backward(dnext_h, dnext_c, cache):
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, next_c = cache
    t = np.tanh(next_c)
    do = dnext_h * t
    dc = dnext_c + dnext_h * o * (1 - t**2)
    df, di, dg = dc * prev_c, dc * g, dc * i
    dprev_c = dc * f
    da = np.hstack([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)])
    dx = da @ Wx.T
    dprev_h = da @ Wh.T
    dWx = x.T @ da
    dWh = prev_h.T @ da
    db = da.sum(axis=0)
    return dx, dprev_h, dprev_c, dWx, dWh, db
"""
GRU = """import numpy as np
def gru_forward(x, h, Wz, Wr, Wn):
    z = 1 / (1 + np.exp(-(x @ Wz + h)))
    n = np.tanh(x @ Wn + Wr * h)
    next_h = (1 - z) * n + z * h
    out = np.sin(next_h)
    return out, next_h, (x, h, Wz, Wr, Wn, z, n, next_h)
def gru_backward(dout, dnext_h, cache):
    x, h, Wz, Wr, Wn, z, n, next_h = cache
    d = dnext_h + dout * np.cos(next_h)
    dz = d * (h - n) * z * (1 - z)
    dn = d * (1 - z) * (1 - n**2)
    dx = dz @ Wz.T + dn @ Wn.T
    dh = d * z + dz + dn * Wr
    dWz = x.T @ dz
    dWr = (dn * h).sum(axis=0)
    dWn = x.T @ dn
    return dx, dh, dWz, dWr, dWn
"""
SMALL: dict[str, object] = {"x": "randn(2,3)", "c": "randn(2,3)"}
STEP: dict[str, object] = {
    "x": "randn(3,4)",
    "prev_h": "randn(3,2)",
    "prev_c": "randn(3,2)",
    "Wx": "randn(4,8)",
    "Wh": "randn(2,8)",
    "b": "randn(8)",
}
GATED: dict[str, object] = {
    "x": "randn(3,4)",
    "h": "randn(3,2)",
    "Wz": "randn(4,2)",
    "Wr": "randn(2)",
    "Wn": "randn(4,2)",
}
CASES = [
    (CELL, "cell", SMALL, "dnext_c + dnext_h *", "dnext_h *"),
    (NESTED, "cell", SMALL, "dnext_c + dnext_h *", "dnext_c - dnext_h *"),
    (PACKED, "cell", SMALL, "dn * c", "dn * x"),
    (SWAPPED, "cell", SMALL, "dn * c", "dnext_c * c"),
    (LSTM, "lstm_step", STEP, "dc = dnext_c + ", "dc = "),
    (GRU, "gru", GATED, "d * z + dz", "d * z"),
]


@pytest.mark.parametrize(("text", "name", "given", "old", "new"), CASES)
def test_every_output_has_its_upstream(
    text: str, name: str, given: dict[str, object], old: str, new: str
) -> None:
    judged = check_code(text, "cell.py", name, given)
    assert judged.ok, [(v.gradient.name, v.verdict, v.note) for v in judged.verdicts]
    assert old in text
    slip = check_code(text.replace(old, new), "cell.py", name, given)
    row = 1 + text[: text.index(old)].count("\n")
    assert slip.fault is not None
    assert not slip.ok
    assert slip.fault.row >= row


def test_a_lost_upstream_is_told() -> None:
    judged = check_code(CELL.replace("dnext_c + ", ""), "cell.py", "cell", SMALL)
    assert {v.gradient.name for v in judged.verdicts if v.verdict == "wrong"} == {"dx", "dc"}
    assert "gradients of next_h and next_c, line 5" in report.remarks(judged, 2)


@pytest.mark.parametrize("turned", ["dx.T", "dx.mT"])
@pytest.mark.parametrize(("there", "is_right"), [("dout.T", True), ("2 * dout.T", False)])
def test_what_is_given_back_turned_is_called_as_it_is(
    turned: str, there: str, is_right: bool
) -> None:
    text = (
        "def add_forward(x, b):\n    return x + b, None\n\n"
        f"def add_backward(dout, cache):\n    dx = {there}\n    db = dout.sum(axis=0)\n"
        f"    return {turned}, db\n"
    )
    judged = check_code(text, "add.py", "add", {"x": "randn(4,3)", "b": "randn(3)"})
    assert [v.gradient.name for v in judged.verdicts] in (["dx", "db"], ["db", "dx"])
    assert judged.ok == is_right
