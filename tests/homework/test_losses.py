"""Which number the gradients of a script are of: by its name, by what they reach, by what fits."""

from __future__ import annotations

import json

import pytest

from backtrace.errors import BacktraceError
from backtrace.homework.backward import Judged, check_code, page, report, tree
from backtrace.render import View

HEAD = """import numpy as np
X = np.array([[0.5, -1.2], [1.0, 0.4], [-0.2, 0.8]])
y = np.array([0.3, 1.2, -0.7])
w = np.array([0.3, -0.6])
p = X @ w
e = p - y
loss = (e**2).mean()
"""
BACK = """de = 2 * e / 3
dw = X.T @ de
"""
HELPERS = [
    "delta = e",
    "rmse = np.sqrt(loss)",
    "r2 = 1 - (e**2).sum() / ((y - y.mean())**2).sum()",
    "active = e > 0",
    "xT = X.T",
    "step = .1 * loss",
    "norm = np.sqrt((w**2).sum())",
    "acc = ((e > 0) == (y > 0)).mean()",
    "best = sklearn.metrics.r2_score(y, p)",
    "shown = round(loss, 3)",
]
NAMES = ["loss", "cost", "L", "J", "E", "error", "mse", "objective", "손실", "total_loss", "Loss"]


def verdicts(judged: Judged) -> list[tuple[str, str]]:
    return [(v.gradient.name, v.verdict) for v in judged.verdicts]


@pytest.mark.parametrize("helper", HELPERS)
def test_a_line_between_the_loss_and_its_gradients_is_no_loss(helper: str) -> None:
    judged = check_code(f"{HEAD}{helper}\n{BACK}", "net.py")
    assert judged.ok, verdicts(judged)
    assert judged.code.result == "loss"


@pytest.mark.parametrize("helper", HELPERS)
def test_a_slip_is_told_as_ever_behind_such_a_line(helper: str) -> None:
    judged = check_code(f"{HEAD}{helper}\n{BACK.replace(' / 3', '')}", "net.py")
    assert [(v.row, v.fits[0].code) for v in judged.verdicts if v.verdict == "wrong"] == [
        (9, "no-mean")
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_tells_the_loss(name: str) -> None:
    text = HEAD.replace("loss =", f"{name} =") + "half = np.exp(w[0] * e[0])\n" + BACK
    judged = check_code(text, "net.py")
    assert judged.ok, verdicts(judged)
    assert judged.code.result == name


def test_the_parts_of_a_loss_are_none() -> None:
    text = HEAD.replace("loss =", "data_loss =") + "reg_loss = np.sum(w**2)\n"
    text += "loss = data_loss + reg_loss\nratio = np.sqrt(reg_loss)\n" + BACK + "dw += 2 * w\n"
    judged = check_code(text, "net.py")
    assert judged.ok, verdicts(judged)
    lost = check_code(text.replace("dw += 2 * w\n", ""), "net.py")
    assert verdicts(lost) == [("de", "ok"), ("dw", "wrong")]


def test_a_sum_of_losses_is_the_loss_whatever_it_is_called() -> None:
    text = HEAD.replace("loss =", "data_loss =") + "reg_loss = np.sum(w**2)\n"
    text += "total = data_loss + reg_loss\n" + BACK
    assert verdicts(check_code(text, "net.py")) == [("de", "ok"), ("dw", "wrong")]
    assert check_code(text + "dw += 2 * w\n", "net.py").ok


NAMELESS = HEAD.replace("loss =", "m =")


def test_a_number_without_such_a_name_is_the_last_one_unless_another_fits() -> None:
    assert check_code(NAMELESS + BACK, "net.py").ok
    judged = check_code(NAMELESS + "r = np.sqrt(m)\n" + BACK, "net.py")
    assert judged.ok
    assert judged.code.result == "m"
    assert any("those of m, which they fit, and not of r" in note for note in judged.code.notes)
    slip = check_code(NAMELESS + "r = np.sqrt(m)\n" + BACK.replace("X.T", "-X.T"), "net.py")
    assert slip.code.result == "m"
    assert verdicts(slip) == [("de", "ok"), ("dw", "wrong")]


@pytest.mark.parametrize("last", ["f = m / 3", "f = m + np.sum(w**2)", "f = 0.5 * m"])
def test_another_reading_hides_no_slip(last: str) -> None:
    """Gradients of m are those of f without its factor or its term."""
    judged = check_code(f"{NAMELESS}{last}\n{BACK}", "net.py")
    assert judged.code.result == "f"
    assert not judged.ok


def test_a_loss_that_cannot_be_read_is_not_replaced() -> None:
    text = NAMELESS + "loss = odd.library(m)\n" + BACK
    with pytest.raises(BacktraceError, match=r"net\.py:8:8: .*odd"):
        check_code(text, "net.py")


def test_an_array_is_the_result_where_no_number_is() -> None:
    text = "import numpy as np\nx = np.array([1.0, 2.0])\nh = x**2\ndx = 2 * x\n"
    judged = check_code(text, "net.py")
    assert judged.ok
    assert report.remarks(judged, 2)[-1] == "gradients of h, line 3"


DETACHED = [
    "(p - t).pow(2).sum().item()",
    "float((p - t).pow(2).sum())",
    "float((p - t).pow(2).sum().item())",
    "(p - t).pow(2).sum().detach()",
]


@pytest.mark.parametrize("loss", DETACHED)
def test_a_loss_taken_out_of_its_tensor_is_the_loss(loss: str) -> None:
    text = "import torch\np = torch.tensor([0.5, -1.2])\nt = torch.tensor([1.0, 0.2])\n"
    text += f"loss = {loss}\ngrad_p = 2.0 * (p - t)\n"
    assert check_code(text, "net.py").ok
    assert not check_code(text.replace("2.0 *", "-2.0 *"), "net.py").ok


def test_what_is_detached_inside_a_loss_stays_so() -> None:
    text = "import torch\nx = torch.tensor(3.0)\nk = (x * x).detach()\nloss = k * x\ndx = k + 0\n"
    assert check_code(text, "net.py").ok


def test_every_format_says_whose_gradients_they_are() -> None:
    judged = check_code(HEAD + "rmse = np.sqrt(loss)\n" + BACK, "net.py")
    said = "gradients of loss, line 7"
    view = View()
    assert said in report.table(judged, view, 2)
    assert said in report.markdown(judged, 2)
    assert said in tree.tree(judged, view, 2)
    assert said in page.page(judged, view, 2)
    assert json.loads(report.as_json(judged, 2))["result"] == {"name": "loss", "line": 7}


def test_a_notebook_says_its_cell() -> None:
    cells = [
        {
            "cell_type": "code",
            "metadata": {},
            "source": part,
            "outputs": [],
            "execution_count": None,
        }
        for part in (HEAD, "rmse = np.sqrt(loss)\n" + BACK)
    ]
    text = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    judged = check_code(text, "net.ipynb")
    assert judged.ok
    assert "gradients of loss, cell 1, line 7" in report.table(judged, View(), 2)


TRAINED = """import numpy as np
X = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.7]])
y = np.array([1.0, 0.0, 2.0])
params = {"w": np.array([0.1, -0.2]), "b": 0.0}
vw, m, v, rate = np.zeros(2), np.zeros(2), np.zeros(2), 0.1
for epoch in range(200):
    p = X @ params["w"] + params["b"]
    loss = np.mean((p - y) ** 2)
    grads = {}
    dp = 2 * (p - y) / 3
    grads["w"] = X.T @ dp
    grads["b"] = dp.sum()
"""
DIRECT = """import numpy as np
X = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.7]])
y = np.array([1.0, 0.0, 2.0])
w = np.array([0.1, -0.2])
vw, m, v, rate = np.zeros(2), np.zeros(2), np.zeros(2), 0.1
for epoch in range(200):
    p = X @ w
    loss = np.mean((p - y) ** 2)
    dp = 2 * (p - y) / 3
    dw = X.T @ dp
"""
UPDATES = [
    (TRAINED, "    for k in params:\n        params[k] -= rate * grads[k]\n"),
    (TRAINED, "    for k in params.keys():\n        params[k] = params[k] - rate * grads[k]\n"),
    (TRAINED, "    for k, g in grads.items():\n        params[k] -= rate * g\n"),
    (TRAINED, "    params['w'] -= rate * grads['w']\n    params['b'] -= rate * grads['b']\n"),
    (TRAINED, "    params = update_parameters(params, grads, rate)\n"),
    (TRAINED, "    optimizer.update(params, grads)\n"),
    (DIRECT, "    w -= rate * dw\n"),
    (DIRECT, "    w = w - rate * dw\n"),
    (DIRECT, "    vw = 0.9 * vw - rate * dw\n    w += vw\n"),
    (
        DIRECT,
        "    m = 0.9 * m + 0.1 * dw\n    v = 0.99 * v + 0.01 * dw**2\n"
        "    w -= rate * m / (np.sqrt(v) + 1e-8)\n",
    ),
    (DIRECT, "    for a, g in [(w, dw)]:\n        a -= rate * g\n"),
]


@pytest.mark.parametrize(("text", "update"), UPDATES)
def test_a_loop_that_trains_is_read_once(text: str, update: str) -> None:
    judged = check_code(text + update, "net.py")
    assert judged.ok, verdicts(judged)
    assert len(judged.code.forward) <= 3
    slip = check_code(text.replace("X.T @ dp", "-X.T @ dp") + update, "net.py")
    assert [v.row for v in slip.verdicts if v.verdict == "wrong"] == [
        1 + text[: text.index("X.T @ dp")].count("\n")
    ]


ADDED_UP = """import numpy as np
x = np.array([0.3, -0.6, 0.2])
w = np.array([0.5, 0.1, 0.4])
loss = 0.0
for t in range(3):
    loss += np.sin(x[t] * w[t])
dw = np.zeros_like(w)
dx = np.zeros_like(x)
for t in range(3):
    dw[t] += np.cos(x[t] * w[t]) * x[t]
    dx[t] += np.cos(x[t] * w[t]) * w[t]
"""


def test_a_loop_that_adds_up_is_read_round_by_round() -> None:
    judged = check_code(ADDED_UP, "net.py")
    assert judged.ok, verdicts(judged)
    assert not judged.code.notes


COLLECTED = """import numpy as np
X = np.array([[1.0, 2.0], [3.0, -1.0]])
w = np.array([0.1, -0.2])
loss = 0.0
for i in range(2):
    loss += (X[i] @ w) ** 2
total = {"w": np.zeros(2)}
for i in range(2):
    grads = {"w": 2 * (X[i] @ w) * X[i]}
    total["w"] += grads["w"]
dw = total["w"]
"""


def test_gradients_that_are_added_up_are_no_update() -> None:
    judged = check_code(COLLECTED, "net.py")
    assert [v for v in verdicts(judged) if v[0] == "dw"] == [("dw", "ok")], verdicts(judged)


def test_a_dictionary_has_gradients_under_either_name() -> None:
    """grads["dW1"], as one course has it, and grads["W1"], as another."""
    text = """import numpy as np
def propagate(W1, x):
    h = np.tanh(x * W1)
    cost = h * h
    dh = 2 * h
    dW1 = dh * (1 - h**2) * x
    return {"dW1": dW1, "x": dh * (1 - h**2) * W1}, cost
"""
    given: dict[str, object] = {"W1": "0.4", "x": "1.2"}
    for one in (text, text.replace("}, cost", "}").replace("return", "return cost,")):
        judged = check_code(one, "net.py", "propagate", given)
        assert sorted(verdicts(judged)) == [("dW1", "ok"), ("dh", "ok"), ("dx", "ok")]


def test_shapes_that_do_not_fit_are_told_at_their_line() -> None:
    text = HEAD.replace("X @ w", "np.tanh(X.T @ w)") + BACK
    with pytest.raises(BacktraceError) as told:
        check_code(text, "net.py")
    assert told.value.what.startswith("net.py:5:")
    assert told.value.text == "p = np.tanh(X.T @ w)"


def test_a_gradient_that_is_not_judged_has_its_own_line_in_the_table() -> None:
    text = HEAD + "de = odd(e)\nother = de * 2\ndw = X.T @ de\n"
    judged = check_code(text, "net.py")
    rows = [report.row_words(judged, v) for v in judged.verdicts]
    assert sorted(zip([v.gradient.name for v in judged.verdicts], rows, strict=True)) == [
        ("de", "8"),
        ("dw", "10"),
    ]
    assert any("net.py:8:" in line for line in report.remarks(judged, 2))


def test_a_loss_that_cannot_be_read_in_a_function_is_told_at_the_line_that_cannot() -> None:
    text = """def svm(W, X, y):
    loss = 0.0
    dW = 0 * W
    for i in range(3):
        margin = X[i] @ W - y[i]
        while margin > 0:
            loss += margin
            dW += X[i]
            continue
    return loss, dW
"""
    given: dict[str, object] = {"W": "randn(2)", "X": "randn(3,2)", "y": "randn(3)"}
    with pytest.raises(BacktraceError, match=r"net\.py:6:15: the condition is not known"):
        check_code(text, "net.py", "svm", given)


@pytest.mark.parametrize("given_back", ["loss.item(), dp", "float(loss), dp", "loss, dp"])
def test_a_function_may_give_back_its_loss_taken_out(given_back: str) -> None:
    text = "import torch\ndef f(p, t):\n    loss = (p - t).pow(2).sum()\n"
    text += f"    dp = 2.0 * (p - t)\n    return {given_back}\n"
    given: dict[str, object] = {"p": "randn(3)", "t": "randn(3)"}
    assert check_code(text, "net.py", "f", given).ok
    assert not check_code(text.replace("2.0 *", "3.0 *"), "net.py", "f", given).ok


def test_a_step_that_a_function_gives_back_is_taken_once() -> None:
    """After 200 rounds every gradient is 0, and a wrong one is as right as any."""
    text = """import numpy as np
X = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.7]])
y = np.array([1.0, 0.0, 2.0])
w = np.array([0.1, -0.2])
def train(w):
    p = X @ w
    loss = np.sum((p - y) ** 2)
    dw = 2 * X.T @ (p - y)
    return w - 0.1 * dw, loss
for epoch in range(200):
    w, loss = train(w)
"""
    assert check_code(text, "net.py").ok
    slip = check_code(text.replace("2 * X.T", "X.T"), "net.py")
    assert [(v.gradient.name, v.row, v.verdict) for v in slip.verdicts] == [("dw", 8, "wrong")]


BESIDE = """import numpy as np
class Net:
    def __init__(self, n, m):
        self.p = {{"W": np.random.randn(n, m), "b": np.zeros(m)}}

    def guess(self, x):
        return np.tanh(x @ self.p["W"] + self.p["b"])

    def {name}(self, x, t{more}):
        {loss}

    def gradient(self, x, t):
        grads = {{}}
        h = np.tanh(x @ self.p["W"] + self.p["b"])
        da = {da} * (1 - h**2)
        grads["W"] = x.T @ da
        grads["b"] = da.sum(axis=0)
        return grads
"""


@pytest.mark.parametrize("name", ["loss", "cost", "compute_loss"])
@pytest.mark.parametrize("more", ["", ", scale=2"])
@pytest.mark.parametrize(
    ("loss", "da", "ok"),
    [
        ("return 0.5 * np.sum((self.guess(x) - t)**2)", "(h - t)", True),
        ("e = self.guess(x) - t\n        return np.mean(e * e)", "2 * (h - t) / t.size", True),
        ("return 0.5 * np.sum((self.guess(x) - t)**2)", "(t - h)", False),
        ("return np.sum((self.guess(x) - t)**2)", "(h - t)", False),
    ],
)
def test_gradients_are_those_of_the_loss_that_another_method_gives(
    name: str, more: str, loss: str, da: str, ok: bool
) -> None:
    text = BESIDE.format(name=name, more=more, loss=loss, da=da)
    given: dict[str, object] = {"n": "3", "m": "2", "x": "randn(4,3)", "t": "randn(4,2)"}
    judged = check_code(text, "net.py", "Net", given)
    assert judged.ok == ok, verdicts(judged)
    assert {"dW", "db"} <= {v.gradient.name for v in judged.verdicts}


@pytest.mark.parametrize(("kept", "verdict"), [("self.x", "ok"), ("-self.x", "wrong")])
def test_an_input_that_backward_changes_in_place_is_the_input(kept: str, verdict: str) -> None:
    text = f"""import numpy as np
class Rectifier:
    def forward(self, x):
        self.x = x
        return np.maximum(0, x)

    def backward(self, up):
        d = {kept}
        d[d <= 0] = 0
        d[d > 0] = 1
        return d * up
"""
    judged = check_code(text, "net.py", "Rectifier", {"x": "randn(3,4)"})
    assert verdicts(judged) == [("dx", verdict)]
