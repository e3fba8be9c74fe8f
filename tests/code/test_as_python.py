"""What Python does with names, loops, classes and yes and no is what is read: each text is run by
Python and by NumPy beside it. Values of PyTorch's layers are held against NumPy's."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import pytest

import backtrace
from backtrace.errors import BacktraceError

RUN = {
    "else of a for": "for i in range(2):\n    x = x*2\nelse:\n    x = x + 1\nz = x.sum()",
    "else behind a break": """
        for i in range(3):
            x = x*2
            if i == 1:
                break
        else:
            x = x + 1
        z = x.sum()
    """,
    "else of a while": """
        i = 0
        while i < 2:
            x = x*2
            i += 1
        else:
            x = x + 1
        z = x.sum()
    """,
    "else behind continue": """
        for i in range(3):
            if i == 1:
                continue
            x = x*2
        else:
            x = x + 1
        z = x.sum()
    """,
    "late names in a list": "f = [lambda a: a*k for k in range(1, 4)]\nz = f[0](x).sum()",
    "late names of two loops": """
        f = [lambda a: a*i + j for i in range(2) for j in range(1, 4)]
        z = (f[0](x) + 10*f[4](x)).sum()
    """,
    "late names behind a condition": """
        f = [lambda a: a*k for k in range(5) if k < 3]
        z = f[0](x).sum()
    """,
    "a default keeps the name": "f = [lambda a, k=k: a*k for k in range(1, 4)]\nz = f[0](x).sum()",
    "at once": "z = sum((lambda a: a*k)(x).sum() for k in range(4))",
    "a walrus in a list": "acc = 0.5\nh = [(acc := acc*2 + v) for v in x]\nz = acc + h[0]",
    "a set": "z = x.sum()*len({1, 1, 2, 2.0})*len({k % 2 for k in range(5)})",
    "a diamond of classes": """
        class A:
            def g(self, x): return x
        class B(A):
            def g(self, x): return super().g(x) + 1
        class C(A):
            def g(self, x): return super().g(x)*10
        class D(B, C):
            pass
        z = D().g(x).sum()
    """,
    "what a class above has": """
        class A:
            def f(self, x): return self.g(x)*2
            def g(self, x): return x
        class B(A): pass
        class C(A):
            def g(self, x): return super().g(x)*x
        class D(B, C): pass
        z = D().f(x).sum()
    """,
    "a class method": """
        class Scale:
            def __init__(self, w): self.w = w
            @classmethod
            def twice(cls, w): return cls(w*2)
            def times(self, x): return self.w*x
        z = Scale.twice(3.0).times(x).sum() + Scale(2.0).twice(x).w.sum()
    """,
    "either of two": "m = (x > 0) + (x < 1)\nz = (m*x**2).sum()",
    "both of two": "m = (x > 0)*(x < 1)\nz = (m*x**2).sum()",
    "yes is counted": "z = sum(x > 0)*x[0] + sum([v > 0 for v in x])*x[1]",
    "either of two entries": "m = x > 0\nz = (m[0] + m[2])*x.sum()",
    "yes and no by each other": "z = ((x > 0)/(1 + (x < 1))).sum()*x.sum()",
    "a value by itself": "x = x*2\nx = x + 1\nz = x.sum()",
    "values by themselves": "x, y = x*2, x + 1\nz = (x*y).sum()",
    "yes and no written out": """
        m = np.array([True, False, True])
        z = (x*m).sum() + np.where(m, x, -x).sum() + (m + m).sum() + (~m).sum()*x[0]
    """,
    "filled": "b = np.zeros(3)\nb.fill(3.0)\nz = (x*b).sum()",
}


def read(text: str, **values: Any) -> backtrace.Trace:
    return backtrace.from_source(textwrap.dedent(text), values)


@pytest.mark.parametrize("name", RUN)
def test_what_python_makes_of_it(name: str) -> None:
    text = textwrap.dedent(RUN[name])
    x = np.array([0.5, -1.5, 2.0])
    names: dict[str, Any] = {"np": np, "x": x}
    exec(compile(text, name, "exec"), names)
    found = read(text, x=x)
    np.testing.assert_allclose(found.value, names["z"], rtol=1e-12)
    assert found.ok


REFUSED = {
    "y = -(x > 0)": "'-' is not read of yes and no",
    "y = (x > 0) - (x < 1)": "'-' of yes and no is not what it is of numbers",
    "y = (x > 0) @ (x < 1)": "'@' of yes and no is not what it is of numbers",
    "y = np.dot(x > 0, x < 1)": "'dot' of yes and no is not what it is of numbers",
    "y = x[np.array([True, False])]": "how many entries a mask takes is not known",
    "y = x[[True, False]]": "how many entries a mask takes is not known",
    "exec('x = 5')\ny = x*2": "'exec' may have changed it, and is not run",
    "with thing(5.0) as x:\n    y = x*2": "what 'with' gives is not read",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_has_another_meaning_is_refused(text: str) -> None:
    with pytest.raises(BacktraceError, match=r"\d:\d+: ") as caught:
        read(f"import numpy as np\nx = np.array([1.0, -2.0])\n{text}\nz = y.sum()\n")
    assert REFUSED[text] in caught.value.what


W = np.array([[0.1, 0.2, 0.3], [-0.3, 0.4, 0.2]])
X = np.array([[0.5, -1.0, 2.0], [1.0, 0.3, -0.7]])
GIVEN = {"w": W, "b": np.array([0.1, -0.1])}
FULL = np.full((2, 3), 0.25)
WEIGHTS: list[tuple[str, Any, Any]] = [
    ("net.weight = nn.Parameter(w)\nnet.bias = nn.Parameter(b)", W, GIVEN["b"]),
    ("net.weight = nn.Parameter(w)\nnet.bias = None", W, 0),
    ("with torch.no_grad():\n    net.weight.copy_(w)\n    net.bias.copy_(b)", W, GIVEN["b"]),
    ("net.weight.data = w\nnet.bias.data = b", W, GIVEN["b"]),
    ("net.weight.data.copy_(w)\nnet.bias.data.zero_()", W, 0),
    ("nn.init.constant_(net.weight, 0.25)\nnn.init.zeros_(net.bias)", FULL, 0),
    ("torch.nn.init.ones_(net.weight)\nnet.bias.data.fill_(2)", np.ones((2, 3)), 2),
    ("nn.init.eye_(net.weight)\nnn.init.constant_(net.bias, val=-1)", np.eye(2, 3), -1),
    ("for p in net.parameters():\n    nn.init.constant_(p, 0.25)", FULL, 0.25),
    ("net.weight.data = w\nnet.weight.data.mul_(2).sub_(1)\nnet.bias.data.zero_()", 2 * W - 1, 0),
    ("net.weight.data = w\nnet.weight.data *= 3\nnn.init.zeros_(net.bias)", 3 * W, 0),
    ("net.weight = nn.Parameter(w)\nnet.bias.data.zero_()\nnet.note = 1\nnet.train()", W, 0),
]


@pytest.mark.parametrize(("lines", "w", "b"), WEIGHTS, ids=[lines for lines, _, _ in WEIGHTS])
@pytest.mark.parametrize(
    "layer", ["net = nn.Linear(3, 2)", "seq = nn.Sequential(nn.Linear(3, 2))\nnet = seq[0]"]
)
def test_a_layer_has_the_weights_that_it_is_given(layer: str, lines: str, w: Any, b: Any) -> None:
    text = f"import torch\nimport torch.nn as nn\n{layer}\n{lines}\nz = torch.tanh(net(x)).sum()\n"
    named = [name for name in "wb" if f"({name})" in lines or f"= {name}" in lines]
    found = read(text, x=X, **{name: GIVEN[name] for name in named})
    np.testing.assert_allclose(found.value, np.tanh(X @ w.T + b).sum(), rtol=1e-12)
    assert found.ok


LAYER = "import torch\nimport torch.nn as nn\nnet = nn.Linear(3, 2)\n"


@pytest.mark.parametrize(
    "line",
    [
        "net.load_state_dict(held)",
        "net.apply(init)",
        "net.out_features = 5",
        "strange(net)",
        "for p in net.named_parameters():\n    p[1].data.zero_()",
        "nn.init.orthogonal_(net.weight)",
        "net.weight.data.resize_(3, 2)",
    ],
)
def test_a_layer_that_a_line_may_have_changed_is_not_guessed(line: str) -> None:
    with pytest.raises(BacktraceError) as caught:
        read(f"{LAYER}{line}\nz = net(x).sum()\n", x=X)
    assert caught.value.text == line.partition("\n")[0]


IN_PLACE = {
    "h = x*2\nh.add_(1)\nz = (h**2).sum()": ((2 * X + 1) ** 2).sum(),
    "h = x*2\nh.mul_(3).sub_(1)\nz = (h**2).sum()": ((6 * X - 1) ** 2).sum(),
    "h = x*2\ng = h\nh.div_(4)\nz = (g**2).sum()": ((X / 2) ** 2).sum(),
    "h = x*2\nh.zero_()\nz = (h + x**2).sum()": (X**2).sum(),
    "h = x*2\nh.clamp_(min=0)\nz = (h**2).sum()": (np.maximum(2 * X, 0) ** 2).sum(),
    "h = x*2\ntorch.relu_(h)\nz = (h**2).sum()": (np.maximum(2 * X, 0) ** 2).sum(),
    "v = torch.ones(2, 3)\ny = v*2\nv.zero_()\nz = (v*y + y + x).sum()": X.sum() + 12,
    "v = torch.ones(2, 3)\ny = v.clone()\nv.data *= 0.5\nz = (v*y + x).sum()": X.sum() + 3,
    "v = torch.ones(2, 3)\ny = v*2\nv.data *= 0.5\nz = (v*y + x).sum()": X.sum() + 6,
    "v = torch.ones(2, 3)\nv.copy_(x)\nu = v*2\nv.fill_(3)\nz = (u*v).sum()": (6 * X).sum(),
}


@pytest.mark.parametrize("text", IN_PLACE)
def test_what_changes_in_place_changes_what_comes_after(text: str) -> None:
    found = read(f"import torch\n{text}\n", x=X)
    np.testing.assert_allclose(found.value, IN_PLACE[text], rtol=1e-12)
    assert found.ok


PARTS_NUMPY = [
    "a, b, c = np.split(x*2, 3, axis=1)\nz = (a*b).sum() + c.sum()",
    "a, b = np.split(x, [1], axis=-1)\nz = a.sum()*(b**2).sum()",
    "a, b = np.split(x, 2)\nz = (a*b).sum()",
    "a = np.hsplit(x, 3)\nz = (a[0]*a[-1]).sum()*len(a)",
]
PARTS_TORCH = {
    "a, b = x.split(2, dim=1)\nz = (a**2).sum()*b.sum()": (X[:, :2] ** 2).sum() * X[:, 2].sum(),
    "a, b = torch.split(x, [1, 2], 1)\nz = (a*b).sum()": (X[:, :1] * X[:, 1:]).sum(),
    "a, b = x.chunk(2, dim=-1)\nz = a.sum()*b.sum()": X[:, :2].sum() * X[:, 2].sum(),
    "a, b = torch.unbind(x)\nz = (a*b).sum()": (X[0] * X[1]).sum(),
    "m = torch.triu(torch.ones(2, 3), diagonal=1).bool()\nz = (x.masked_fill(m, 0)**2).sum()": (
        np.tril(X) ** 2
    ).sum(),
    "z = (x.masked_fill(torch.tril(torch.ones(2, 3)) == 0, 0)**2).sum()": (np.tril(X) ** 2).sum(),
    "m = torch.tril(torch.ones(2, 3)) == 0\nz = (x.masked_fill(m, 0)**2).sum()": (
        np.tril(X) ** 2
    ).sum(),
    "z = nn.MSELoss(reduction='sum')(x, 2*x)": (X**2).sum(),
}


@pytest.mark.parametrize("text", PARTS_NUMPY)
def test_arrays_are_cut_as_numpy_cuts_them(text: str) -> None:
    names: dict[str, Any] = {"np": np, "x": X}
    exec(compile(text, "parts", "exec"), names)
    found = read(f"import numpy as np\n{text}", x=X)
    np.testing.assert_allclose(found.value, names["z"], rtol=1e-12)
    assert found.ok


@pytest.mark.parametrize("text", PARTS_TORCH)
def test_arrays_are_cut_and_masked_as_pytorch_has_it(text: str) -> None:
    found = read(f"import torch\nimport torch.nn as nn\n{text}\n", x=X)
    np.testing.assert_allclose(found.value, PARTS_TORCH[text], rtol=1e-12)
    assert found.ok


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("import numpy as np\na = np.split(x, 4, axis=1)\nz = a[0].sum()", "3 entries are not cut"),
        ("import torch\na = torch.split(x, [1, 1], 1)\nz = a[0].sum()", "3 entries are not cut"),
        ("import numpy as np\na, b = np.split(x, 2)\na += 1\nz = x.sum()", "are one array"),
        ("import numpy as np\nz = x*len([0]*10**9)", "the list is too long"),
        ("import numpy as np\nz = x*len('%1000000000d' % 3)", "the text is too long"),
        ("import numpy as np\nz = x*(1 << 10**9)", "the number is too large"),
    ],
)
def test_what_is_not_cut_and_what_is_too_long(text: str, what: str) -> None:
    with pytest.raises(BacktraceError, match=what):
        read(text, x=X)


def test_what_a_module_registers_it_has() -> None:
    text = """
        import torch
        import torch.nn as nn
        class Head(nn.Module):
            def __init__(self):
                super().__init__()
                self.register_buffer("tril", torch.tril(torch.ones(4, 4)))
            def forward(self, x):
                return x.masked_fill(self.tril[:2, :3] == 0, 0)
        z = (Head()(x.type(torch.FloatTensor))**2).sum()
    """
    np.testing.assert_allclose(read(text, x=X).value, (np.tril(X) ** 2).sum(), rtol=1e-12)


def test_numbers_that_a_type_cuts_off_are_refused() -> None:
    with pytest.raises(BacktraceError, match="cut off to whole ones"):
        read("import torch\nz = x.type(torch.LongTensor).sum()", x=X)


@pytest.mark.parametrize(
    "lines",
    [
        "with torch.no_grad():\n    g = y*3",
        "with torch.no_grad():\n    g = y*2\n    g = g + y",
        "@torch.no_grad()\ndef f(a):\n    return a*3\ng = f(y)",
        "@torch.no_grad()\ndef f(a):\n    h = a*2\n    return h + a\ng = f(y)",
        "def f(a):\n    with torch.no_grad():\n        return a*3\ng = f(y)",
        "g = (y*3).detach()",
        "g = (y*3).data",
        "g = torch.stack([torch.stack([float(v)*torch.tensor(3.0) for v in row]) for row in y])",
    ],
)
def test_no_gradient_goes_through_what_pytorch_holds_still(lines: str) -> None:
    found = read(f"import torch\ny = x**2\n{lines}\nz = (y + g*x).sum()\n", x=X)
    np.testing.assert_allclose(found.value, (X**2 + 3 * X**3).sum(), rtol=1e-12)
    np.testing.assert_allclose(found.gradients["x"], 2 * X + 3 * X**2, rtol=1e-12)
    assert found.ok
