"""PyTorch's layers as objects: the numbers are NumPy's at the weights that were drawn."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import backtrace
from backtrace.code import read_code
from backtrace.errors import BacktraceError
from tests.gates.windowed import NumPyWindows

P = Mapping[str, Any]


def losses(z: Any, y: Any) -> Any:
    return np.log(np.exp(z).sum(1)) - z[range(len(z)), y.astype(int)]


def normed(z: Any) -> Any:
    return (z - z.mean(-1, keepdims=True)) / np.sqrt(z.var(-1, keepdims=True) + 1e-5)


NET = """
class Net(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.fc1 = nn.Linear(n_in, n_hidden)
        self.fc2 = nn.Linear(n_hidden, n_out)
        self.act = nn.ReLU()

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))

net = Net(3, 4, 2)
loss_fn = nn.CrossEntropyLoss()
y = torch.tensor([0, 1, 1, 0, 1])
loss = loss_fn(net(x), y)
loss.backward()
"""
NETS: dict[str, tuple[str, Callable[[P], Any]]] = {
    "a class": (
        NET,
        lambda p: losses(
            np.maximum(0, p["x"] @ p["fc1_weight"].T + p["fc1_bias"]) @ p["fc2_weight"].T
            + p["fc2_bias"],
            p["y"],
        ).mean(),
    ),
    "in sequence": (
        """
        m = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.LayerNorm(4), nn.Linear(4, 1, bias=False))
        for step in range(100):
            loss = nn.MSELoss()(m(x), torch.ones(5, 1))
            loss.backward()
        """,
        lambda p: (
            (normed(np.tanh(p["x"] @ p["m_0_weight"].T + p["m_0_bias"])) @ p["m_3_weight"].T - 1)
            ** 2
        ).mean(),
    ),
    "an embedding": (
        """
        look = nn.Embedding(7, 3)
        out = nn.Softmax(dim=-1)(look(torch.tensor([2, 0, 2])) @ x.T).max(1).values.sum()
        """,
        lambda p: np.max(
            np.exp(z := p["look_weight"][[2, 0, 2]] @ p["x"].T) / np.exp(z).sum(-1, keepdims=True),
            axis=1,
        ).sum(),
    ),
    "a list of layers": (
        """
        layers = nn.ModuleList([nn.Linear(3, 3) for _ in range(2)])
        h = x
        for layer in layers:
            h = torch.sigmoid(layer(h))
        """,
        lambda p: sigmoid(
            sigmoid(p["x"] @ p["layers_0_weight"].T + p["layers_0_bias"]) @ p["layers_1_weight"].T
            + p["layers_1_bias"]
        ),
    ),
}


CONVOLUTIONS = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 3, kernel_size=3, padding=1), nn.ReLU())
        self.pool = nn.MaxPool2d(2, stride=None)
        self.conv2 = nn.Conv2d(3, 2, 2, 1, bias=False)

    def forward(self, x):
        h = self.pool(self.features(x))
        return nn.Flatten()(nn.AvgPool2d(2, 1)(self.conv2(h)))

out = Net()(x)
"""


def test_convolutions_and_pooling() -> None:
    head = "import torch\nimport torch.nn as nn\nx = torch.randn(2, 1, 6, 6)\n"
    program = read_code(head + CONVOLUTIONS, "net.py")
    trace = backtrace.trace(program.formula, program.point)
    assert trace.ok
    p = trace.point
    m, ones = NumPyWindows, (1, 1)
    h = m.conv(p["x"], p["features_0_weight"], ones, ones)
    h = np.maximum(0, h + p["features_0_bias"].reshape(-1, 1, 1))
    h = m.conv(m.pool("max", h, (2, 2), (2, 2), (0, 0)), p["conv2_weight"], ones, (0, 0))
    out = m.pool("avg", h, (2, 2), ones, (0, 0)).reshape(2, -1)
    np.testing.assert_allclose(trace.value, out, rtol=1e-12)
    for weight, reach in (("features_0_weight", 9), ("features_0_bias", 9), ("conv2_weight", 12)):
        assert np.abs(p[weight]).max() <= reach**-0.5


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


@pytest.mark.parametrize("net", NETS)
def test_numpys_number(net: str) -> None:
    text, by_hand = NETS[net]
    head = "import torch\nimport torch.nn as nn\nx = torch.randn(5, 3)\n"
    program = read_code(head + textwrap.dedent(text), "net.py")
    trace = backtrace.trace(program.formula, program.point)
    np.testing.assert_allclose(trace.value, by_hand(trace.point), rtol=1e-12)
    assert trace.ok, {n: c.reason for n, c in trace.checks.items()}


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ("nn.Dropout(0.5)", "'nn.Dropout' is not read"),
        ("nn.Conv3d(1, 2, 3)", "'nn.Conv3d' is not read"),
        ("nn.Conv2d(1, 2, 3, dilation=2)", "'nn.Conv2d' with another dilation is not read"),
        ("nn.Conv2d(1, 2, 3, 1, 0, 1, 2)", "'nn.Conv2d' with another groups is not read"),
        ("nn.Conv2d(1, 2, 3, padding='same')", "padding is a number that is known"),
        ("nn.Conv2d(1, 2, 3, padding_mode='reflect')", "with these arguments is not read"),
        ("nn.MaxPool2d(2, ceil_mode=True)", "'nn.MaxPool2d' with another ceil_mode is not read"),
        ("nn.MaxPool2d(2, 2, 0, 1, True)", "with another return_indices is not read"),
        ("nn.AvgPool2d(2, count_include_pad=False)", "with another count_include_pad is not read"),
        ("nn.Linear(3, 4, dilation=1)", "with these arguments is not read"),
        ("nn.Linear(3)", "out_features is a number that is known"),
        ("nn.Linear(3, 4, 5, 6)", "with these arguments is not read"),
        ("nn.CrossEntropyLoss(weight=x)", "with these arguments is not read"),
        ("nn.MSELoss()", "of 1 values is not read"),
    ],
)
def test_what_is_not_read(layer: str, words: str) -> None:
    text = f"import torch.nn as nn\nx = torch.randn(5, 3)\nlayer = {layer}\ny = layer(x)\n"
    with pytest.raises(BacktraceError, match=words):
        read_code(text, "net.py")
