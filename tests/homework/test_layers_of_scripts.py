"""Nets that a script stacks from layers of its own, and backward passes that helper functions work
out layer by layer: what each layer keeps is judged, and a slip is told inside the layer."""

from __future__ import annotations

import numpy as np
import pytest

from backtrace.homework.backward import Judged, check_code

ACTIVATIONS = {
    "Relu": ("x * (x > 0)", "g * (self.x > 0)"),
    "Sigmoid": ("1 / (1 + np.exp(-x))", "g * self.y * (1 - self.y)"),
    "Tanh": ("np.tanh(x)", "g * (1 - self.y**2)"),
}
KEPT = {
    "list": ("[Dense(3, 4), Bend(), Dense(4, 2)]", "self.layers", "reversed(self.layers)"),
    "dictionary": (
        "{'a': Dense(3, 4), 'b': Bend(), 'c': Dense(4, 2)}",
        "self.layers.values()",
        "reversed(list(self.layers.values()))",
    ),
}
STACKED = """
import numpy as np

class Dense:
    def __init__(self, inputs, outputs):
        self.W = np.random.randn(inputs, outputs)
        self.b = np.zeros(outputs)
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, g):
        self.dW = self.x.T @ g
        self.db = g.sum(axis=0)
        return g @ self.W.T

class Bend:
    def forward(self, x):
        self.x = x
        self.y = FORWARD
        return self.y
    def backward(self, g):
        return BACKWARD

class Net:
    def __init__(self, layers):
        self.layers = layers
    def forward(self, x):
        for layer in EACH:
            x = layer.forward(x)
        return x
    def backward(self, g):
        for layer in BACK:
            g = layer.backward(g)

X = np.random.randn(5, 3)
T = np.random.randn(5, 2)
net = Net(LAYERS)
out = net.forward(X)
loss = np.mean((out - T) ** 2)
net.backward(2 * (out - T) / T.size)
"""
SLIPS = (
    ("self.x.T @ g", "g.T @ self.x"),
    ("self.x.T @ g", "self.x.T @ g / 5"),
    ("g.sum(axis=0)", "g.sum()"),
    ("g.sum(axis=0)", "g.mean(axis=0)"),
    ("2 * (out - T) / T.size", "2 * (out - T) / len(T)"),
    ("2 * (out - T) / T.size", "2 * (T - out) / T.size"),
)


def stacked(activation: str, kept: str) -> str:
    forward, backward = ACTIVATIONS[activation]
    layers, each, back = KEPT[kept]
    words = {"FORWARD": forward, "BACKWARD": backward, "LAYERS": layers, "EACH": each, "BACK": back}
    text = STACKED
    for word, there in words.items():
        text = text.replace(word, there)
    return text


def wrong_rows(judged: Judged) -> set[int]:
    return {
        v.row for v in judged.verdicts if v.verdict not in ("ok", "follows from an earlier slip")
    }


def row_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_what_every_layer_keeps_is_judged(activation: str, kept: str) -> None:
    judged = check_code(stacked(activation, kept), "net.py")
    assert judged.ok, [(v.gradient.name, v.note) for v in judged.verdicts]
    assert sorted(v.row for v in judged.verdicts) == [12, 12, 13, 13]  # two layers: W and b
    assert len({v.gradient.name for v in judged.verdicts}) == 4


@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("due", "there"), SLIPS)
def test_a_layer_that_is_wrong_is_never_called_right(
    due: str, there: str, activation: str, kept: str
) -> None:
    text = stacked(activation, kept).replace(due, there)
    judged = check_code(text, "net.py")
    assert not judged.ok
    if "out" not in due:  # a wrong upstream may be made good behind the next activation
        assert wrong_rows(judged) == {row_of(text, there)}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("there", ["g", "g * self.x * (1 - self.x)", "g * (1 - self.x)"])
def test_an_activation_that_is_wrong_is_never_called_right(there: str, activation: str) -> None:
    text = stacked(activation, "list").replace(ACTIVATIONS[activation][1], there)
    assert not check_code(text, "net.py").ok


DEEP = """
import numpy as np

def affine(A, W, b):
    return W @ A + b, (A, W, b)

def affine_back(dZ, cache):
    A_prev, W, b = cache
    m = A_prev.shape[1]
    dW = dZ @ A_prev.T / m
    db = np.sum(dZ, axis=1, keepdims=True) / m
    dA_prev = W.T @ dZ
    return dA_prev, dW, db

def bend(Z):
    return np.tanh(Z), Z

def bend_back(dA, Z):
    dZ = dA * (1 - np.tanh(Z) ** 2)
    return dZ

def backward(AL, Y, caches):
    grads = {}
    L = len(caches)
    dZ = AL - Y
    for l in reversed(range(L)):
        linear, Z = caches[l]
        if l < L - 1:
            dZ = bend_back(grads[KEY + "A" + str(l + 1)], Z)
        back = affine_back(dZ, linear)
        grads[KEY + "A" + str(l)], grads[KEY + "W" + str(l + 1)], db = back
        grads[KEY + "b" + str(l + 1)] = db
    return grads

sizes = SIZES
np.random.seed(1)
params = {}
for l in range(1, len(sizes)):
    params["W" + str(l)] = np.random.randn(sizes[l], sizes[l - 1]) * 0.5
    params["b" + str(l)] = np.zeros((sizes[l], 1))
X = np.random.randn(sizes[0], 6)
Y = np.array([[0, 1, 1, 0, 1, 0]])
A = X
caches = []
for l in range(1, len(sizes)):
    Z, linear = affine(A, params["W" + str(l)], params["b" + str(l)])
    A = np.tanh(Z) if l < len(sizes) - 1 else 1 / (1 + np.exp(-Z))
    caches.append((linear, Z))
cost = -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / Y.shape[1]
grads = backward(A, Y, caches)
"""
DEEP_SLIPS = (
    ("dW = dZ @ A_prev.T / m", "dW = dZ @ A_prev.T"),
    ("dW = dZ @ A_prev.T / m", "dW = -dZ @ A_prev.T / m"),
    ("axis=1, keepdims=True) / m", "axis=1, keepdims=True)"),
    ("(1 - np.tanh(Z) ** 2)", "(1 - Z ** 2)"),
    ("(1 - np.tanh(Z) ** 2)", "np.tanh(Z) * (1 - np.tanh(Z))"),
    ("dZ = AL - Y", "dZ = Y - AL"),
)


def deep(sizes: list[int], key: str) -> str:
    return DEEP.replace("SIZES", str(sizes)).replace("KEY", repr(key))


@pytest.mark.parametrize("key", ["d", ""])
@pytest.mark.parametrize("sizes", [[3, 4, 1], [4, 4, 4, 1], [3, 4, 3, 1]])
def test_1_over_m_that_comes_with_the_weights_is_right_in_every_layer(
    sizes: list[int], key: str
) -> None:
    judged = check_code(deep(sizes, key), "deep.py")
    assert judged.ok, [(v.gradient.name, v.row, v.note) for v in judged.verdicts]
    of = {v.of for v in judged.verdicts}
    assert {f"{letter}{layer}" for letter in "Wb" for layer in range(1, len(sizes))} <= of


@pytest.mark.parametrize("key", ["d", ""])
@pytest.mark.parametrize(("due", "there"), DEEP_SLIPS)
def test_a_slip_in_a_helper_is_told_where_it_stands(due: str, there: str, key: str) -> None:
    text = deep([3, 4, 3, 1], key)
    assert due in text
    text = text.replace(due, there)
    judged = check_code(text, "deep.py")
    assert not judged.ok
    assert row_of(text, there) in wrong_rows(judged)
    assert judged.fault is not None
    assert judged.fault.fits


# slips that are named, whatever stands around them


def named(lines: str) -> set[str]:
    judged = check_code("import numpy as np\n" + lines, "line.py")
    assert judged.fault is not None
    assert judged.fault.fits, lines
    return {edit.code for edit in judged.fault.fits}


@pytest.mark.parametrize("term", ["lam", "2*lam", "0.5*lam", "lam/m", "lam/(2*m)"])
@pytest.mark.parametrize("data", ["X.T @ e / m", "(X.T @ e) * (1/m)", "np.dot(X.T, e) / m"])
def test_a_regulariser_that_is_forgotten_is_named(data: str, term: str) -> None:
    forward = (
        "X = np.random.randn(5, 3)\ny = np.random.randn(5)\nw = np.random.randn(3)\n"
        "lam = 0.3\nm = 5\n"
        f"e = X @ w - y\nloss = np.sum(e**2) / (2*m) + 0.5*{term} * np.sum(w**2)\n"
    )
    assert check_code(f"import numpy as np\n{forward}dw = {data} + {term}*w\n", "line.py").ok
    assert "lost-term" in named(f"{forward}dw = {data}\n")


SQUASHED = {"1/(1+np.exp(-z))": "{0} * (1 - {0})", "np.tanh(z)": "(1 - {0}**2)"}


@pytest.mark.parametrize("form", ["g * {}", "{} * g", "-(-g) * ({})", "np.multiply(g, {})"])
@pytest.mark.parametrize("of", SQUASHED)
def test_a_derivative_of_the_wrong_thing_is_named(of: str, form: str) -> None:
    forward = (
        "z = np.random.randn(4, 3)\nG = np.random.randn(4, 3)\n"
        f"h = {of}\nloss = np.sum(h*G)\ng = G\n"
    )
    right, other = (SQUASHED[one].format("h") for one in (of, *(SQUASHED.keys() - {of})))
    assert check_code(f"import numpy as np\n{forward}dz = {form.format(right)}\n", "line.py").ok
    at_input = SQUASHED[of].format("z")
    assert "act-at-input" in named(f"{forward}dz = {form.format(at_input)}\n")
    assert "other-derivative" in named(f"{forward}dz = {form.format(other)}\n")


@pytest.mark.parametrize("form", ["u * p * (1 - p)", "p * (1 - p) * u", "(1 - p) * (u * p)"])
@pytest.mark.parametrize("rows", ["", "4, "])
def test_softmax_without_its_other_entries_is_named(rows: str, form: str) -> None:
    forward = (
        f"z = np.random.randn({rows}3)\nu = np.random.randn({rows}3)\ne = np.exp(z)\n"
        "p = e / e.sum(axis=-1, keepdims=True)\nloss = np.sum(p*u)\n"
    )
    assert "softmax-diagonal" in named(f"{forward}dz = {form}\n")


@pytest.mark.parametrize("letters", ["ik,kj->ij", "ijk,ikl->ijl", "bij,bkj->bik"])
def test_letters_of_an_einsum_in_the_wrong_order_are_named(letters: str) -> None:
    left, right = letters.partition("->")[0].split(",")
    out = letters.partition("->")[2]
    shapes = [", ".join("3" for _ in part) for part in (left, right, out)]
    forward = (
        f"a = np.random.randn({shapes[0]})\nb = np.random.randn({shapes[1]})\n"
        f"G = np.random.randn({shapes[2]})\nloss = np.sum(np.einsum('{letters}', a, b) * G)\n"
    )
    right_letters = f"{out},{right}->{left}"
    turned = f"{out},{right}->{left[:-2]}{left[-1]}{left[-2]}"
    line = "da = np.einsum('{}', G, b)\n"
    assert check_code(f"import numpy as np\n{forward}{line.format(right_letters)}", "e.py").ok
    assert "transposed" in named(forward + line.format(turned))


def test_the_factors_of_an_outer_product_are_swapped() -> None:
    forward = (
        "U = np.random.randn(5, 4)\nc = np.random.randn(4)\nG = np.random.randn(5)\n"
        "loss = np.sum((U @ c) * G)\n"
    )
    assert "factors-swapped" in named(f"{forward}dU = np.outer(c, G)\n")
    assert np.outer(np.ones(4), np.ones(5)).shape == (4, 5)
