"""Python code as a formula: the numbers of NumPy run by hand, and nothing of the file is run."""

from __future__ import annotations

import json
import pathlib
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backtrace
from backtrace.code import read_code
from backtrace.errors import BacktraceError
from tests.conftest import DATA, Command

CODE = DATA / "code"
rng = np.random.default_rng(0)
X, W1, W2 = rng.normal(size=(4, 3)), rng.normal(size=(3, 5)), rng.normal(size=(5, 3))
b1, b2 = rng.normal(size=5), rng.normal(size=3)
GIVEN: dict[str, Any] = {"X": X, "W1": W1, "W2": W2, "b1": b1, "b2": b2, "y": [0, 2, 1, 2]}


def traced(text: str, name: str = "", of: str = "", **values: Any) -> backtrace.Trace:
    text = textwrap.dedent(text)
    program = read_code(text, "net.py", name, values, of)
    given = {key: value for key, value in values.items() if key not in program.settled}
    return backtrace.trace(program.formula, {**program.point, **given})


def two_layers() -> Any:
    h = np.maximum(0, X @ W1 + b1)
    s = h @ W2 + b2
    p = np.exp(s) / np.exp(s).sum(axis=1)[:, None]
    return -np.log(p[range(4), [0, 2, 1, 2]]).mean()


def batch_norm() -> Any:
    z = X @ W1 + b1
    return (((z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-5)) ** 3).sum()


def recurrent() -> Any:
    h = np.zeros(3)
    for x in X:
        h = np.tanh(x + h @ W2[:3] * 0.5)
    return h.sum()


PROGRAMS: list[tuple[str, Callable[[], Any]]] = [
    (
        """
        import numpy as np
        h = np.maximum(0, X.dot(W1) + b1)
        scores = h.dot(W2) + b2
        loss = F.cross_entropy(scores, y)
        """,
        two_layers,
    ),
    (
        """
        import torch, torch.nn.functional as F
        h = torch.relu(X @ W1 + b1)          # a comment
        logits = h @ W2 + b2
        loss = F.cross_entropy(logits, y)
        loss.backward()
        print(f"loss {loss.item()}")
        """,
        two_layers,
    ),
    (
        """
        scores = np.maximum(0, X @ W1 + b1) @ W2 + b2
        scores = scores - np.max(scores, axis=1).reshape(-1, 1)
        p = np.exp(scores) / np.sum(np.exp(scores), axis=1).reshape(-1, 1)
        loss = -np.log(p[range(X.shape[0]), y]).mean()
        dscores = p
        """,
        two_layers,
    ),
    (
        """
        def affine(x, w, b):
            '''x @ w + b'''
            return x.dot(w) + b

        def relu(x):
            return np.maximum(0, x)

        loss = cross_entropy(affine(relu(affine(X, W1, b1)), W2, b2), y)
        dW1 = X.T.dot(loss)
        """,
        two_layers,
    ),
    (
        """
        eps = 1e-5
        z = X @ W1 + b1
        n = z.shape[0]
        mu = z.sum(axis=0) / n
        var = ((z - mu)**2).sum(axis=0) / n
        out = (z - mu) / np.sqrt(var + eps)
        loss = (out**3).sum()
        """,
        batch_norm,
    ),
    (
        """
        h = np.zeros(3)
        for t in range(len(X)):
            h = np.tanh(X[t] + h @ W2[0:3] * 0.5)
        loss = h.sum()
        """,
        recurrent,
    ),
    (
        """
        hs = [np.zeros(3)]
        for x in X:
            hs.append(np.tanh(x + hs[-1] @ W2[0:3] * 0.5))
        loss = np.sum(hs[-1])
        dW2 = np.zeros_like(W2)
        for t in reversed(range(4)):
            dW2[t] += hs[t]
        back = 2*hs[-1]
        """,
        recurrent,
    ),
    (
        """
        total = 0
        for i, x in enumerate(X):
            if i % 2 == 0:
                total += (x**2).sum()
            else:
                total -= x.sum() * (3 if i > 1 else 2)
        """,
        lambda: (X[0] ** 2).sum() - 2 * X[1].sum() + (X[2] ** 2).sum() - 3 * X[3].sum(),
    ),
]


@pytest.mark.parametrize(("text", "by_hand"), PROGRAMS)
def test_numpys_number(text: str, by_hand: Callable[[], Any]) -> None:
    names = {word for word in GIVEN if word in text}
    trace = traced(text, **{name: GIVEN[name] for name in names})
    np.testing.assert_allclose(trace.value, by_hand(), rtol=1e-12)
    assert trace.ok, {n: c.reason for n, c in trace.checks.items()}


def test_the_samples() -> None:
    cost = read_code((CODE / "unit.py").read_text(), "unit.py")
    assert cost.point == {"a": "0.8", "b": "-1.1", "c": "0.4", "u": "1.5", "v": "2.0"}
    out = 1 / (1 + np.exp(-(0.8 * 1.5 - 1.1 * 2.0 + 0.4)))
    trace = backtrace.trace(cost.formula, cost.point)
    assert trace.value == pytest.approx((out - 1) ** 2 / 2)
    assert trace.gradients["a"] == pytest.approx(1.5 * (out - 1) * out * (1 - out))
    values = read_code((CODE / "values.py").read_text(), "values.py")
    trace = backtrace.trace(values.formula, values.point)
    assert trace.value == pytest.approx((1.25 * -0.5 + 1.25 + 2) ** 2 / -0.5)
    look = read_code((CODE / "embed.py").read_text(), "embed.py")
    trace = backtrace.trace(look.formula, look.point)
    table = np.array([[0.2, -0.4], [0.7, 0.1], [-0.3, 0.9]])
    logit = table[[2, 0, 2]] @ np.array([[0.5, -1.0], [0.25, 0.75]])
    losses = np.log(np.exp(logit).sum(1)) - logit[range(3), [1, 0, 1]]
    assert trace.value == pytest.approx(losses.mean())
    assert trace.ok
    assert trace.gradients["table"][1].tolist() == [0, 0]
    net = read_code((CODE / "recurrent.py").read_text(), "recurrent.py")
    assert net.formula.endswith("loss = np.sum(states_3 ** 2)")
    assert backtrace.trace(net.formula, net.point).ok


def test_a_function_alone_has_its_parameters_for_inputs() -> None:
    text = (CODE / "standardise.py").read_text()
    z, scale, offset = X, np.ones(3) * 2, np.array([0.1, 0.2, 0.3])
    trace = traced(text, "standardise_forward", z=z, scale=scale, offset=offset)
    expected = scale * (z - z.mean(0)) / np.sqrt(z.var(0) + 1e-5) + offset
    np.testing.assert_allclose(trace.value, expected)
    assert "eps" in trace.gradients
    with pytest.raises(BacktraceError, match="there is no function 'forward'"):
        read_code(text, "standardise.py", "forward")


def test_versions_and_the_result_that_is_asked_for() -> None:
    text = "h = X @ W1\nh = np.tanh(h)\nh = h * 2\nloss = h.sum()\n"
    assert list(traced(text, X=X, W1=W1).graph.stages) == ["h", "h_v2", "h_v3", "loss"]
    assert traced(text, of="h", X=X, W1=W1).graph.output_name == "h_v3"


def test_a_notebook(tmp_path: pathlib.Path, backtrace_command: Command) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# a net"]},
        {
            "cell_type": "code",
            "source": ["%matplotlib inline\n", "import numpy as np\n", "x = 3.0"],
        },
        {"cell_type": "code", "source": "y = np.tanh(x)**2"},
    ]
    path = tmp_path / "net.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    ended = backtrace_command(str(path), "--json", "--no-check")
    described = json.loads(ended.out)
    assert described["output"]["value"] == pytest.approx(np.tanh(3.0) ** 2)
    assert any("read from" in note["text"] for note in described["notes"])
    path.write_text("{")
    assert "is no notebook" in backtrace_command(str(path)).err


LONG = "x = 1.0\nk = 0\nwhile k < 50_000:\n    k += 1\n    x = x + 1"
REFUSED = [  # code, the place that is told, words
    pytest.param(LONG, "5:9", "more than 200,000 steps", marks=pytest.mark.slow),
    ("x = 1.0\nwhile x > 0:\n    x = x - 1", "2:7", "the condition is not known"),
    ("x = 1.0\nfor i in range(10**9):\n    x = x + 1", "2:10", "a loop of"),
    ("x = 2.0\ny = x ^ 2", "2:5", "'^' is no power here"),
    ("a = np.array([1, 2])\na[0] = 2.5\ny = a*1.0", "2:8", "keeps whole ones only"),
    ("a = np.array([1, 2])\no = np.zeros_like(a)\no += 0.5\ny = o*1.0", "3:1", "keeps whole ones"),
    ("x = np.ones((2, 2))\nt = np.array([0, 1])\nx[t == 1] = 0\ny = x*2", "3:13", "another shape"),
    ("a = np.ones((2, 2, 2))\ny = np.dot(a, a)", "2:5", "dot of more than two axes"),
    ("a = np.ones(2)\nl = [3.0, 2.0]\nl.reverse()\ny = l[0]*a", "3:1", "is not read"),
    ("x = np.array([1.0, 2.0])\ny = x[0:1]\ny += 1\nz = x*2", "3:1", "y and x are one array"),
    ("x = np.array([1.0, 2.0])\ny = x.T\nx += 1\nz = y*2", "3:1", "x and y are one array"),
    ("x = [1.0, 2.0]\ny = [3.0, 4.0]\nz = x * y", "3:5", "it is joined"),
    ("x = randn(3)\ny = x.std()*torch.ones(1)*np.pi", "2:5", "divides by n or by n - 1"),
    ("from mine import softmax\nx = np.array([1.0])\ny = softmax(x)", "3:5", "is not read"),
    ("from mine import f\nx = np.array([1.0])\nf(x)\ny = x*2", "3:1", "is not read"),
    ("x = np.array([2.0])\nx.sort()\ny = x*2", "2:1", "changes a value"),
    ("x = np.array([2.0])\nnp.exp(x, out=x)\ny = x*2", "2:1", "changes a value"),
    ("x = np.array([2.5])\ny = x.astype(int)*x", "2:5", "cut off"),
    ("x = 2.0\nif x > 1:\n    del x\ny = x*x", "2:4", "the condition is not known"),
    (
        "def f(a):\n    if a > 0:\n        return a\n    return 2*a\nx = 1.0\ny = f(x)",
        "2:8",
        "not known",
    ),
    ("x = 2.0\nraise ValueError\ny = x*x", "2:1", "an error of its own"),
    ("x = np.array([1.0, 2.0])\ny = x[x > 1]", "2:7", "how many entries a mask takes"),
    ("x = np.array([1.0, 2.0])\ny = np.argmax(x)", "2:5", "'argmax' is not read"),
    ("x = np.array([1.0])\nx.resize_(2)\ny = x.sum()", "2:1", "'resize_' changes a value"),
    ("x = 2.0\nif x > 1:\n    y = x\nz = x*y", "2:1", "'y' has a value in one branch only"),
    ("y = open('f').read()", "1:5", "'open' is not read"),
    ("y = x + 1", "1:5", "'x' has no value"),
    ("def f(a):\n    return f(a)\ny = f(2.0)", "2:12", "nested more than"),
    ("@cache\ndef f(a):\n    return a\ny = f(2.0)", "4:5", "is decorated"),
    ("x = 1.0\ny = f'{x}'\nz = y + x", "2:5", "this text depends on numbers"),
    ("x = 9**9**9\ny = x*2.0", "1:5", ""),
    ("x = 1.0\ny = np.linalg.pinv(x)", "2:5", "'pinv' is not read"),
    ("X = randn(3, 4)\nW = randn(3, 4)\ny = X @ W", "3:7", "do not fit"),
    ("p = np.array([[1.0, 2.0], [3.0, 4.0]])\ny = p[range(1), [0]]", "2:7", "not all the rows"),
    ("x = 1.0\ny = x +\n", "2:8", "invalid syntax"),
    ("", "1:1", "nothing is computed"),
    ("import os\nos.remove('f')", "1:1", "nothing is computed"),
]


def test_a_long_loop_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backtrace.code.operands.MOST_STEPS", 2000)
    with pytest.raises(BacktraceError, match="more than 2,000 steps"):
        read_code(LONG, "net.py")


@pytest.mark.parametrize(("text", "place", "words"), REFUSED)
def test_what_cannot_be_read_is_told_with_its_place(
    text: str, place: str, words: str, tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    path = tmp_path / "net.py"
    path.write_text(text)
    ended = backtrace_command(str(path))
    assert (ended.status, ended.out) == (2, "")
    assert f"net.py:{place}: " in ended.err
    assert words in ended.err
    assert "in backtrace (" not in ended.err


def test_nothing_is_run(tmp_path: pathlib.Path, backtrace_command: Command) -> None:
    marker = tmp_path / "marker"
    act = f"open({str(marker)!r}, 'w').write('run')"
    plants = [
        act,
        f"x = {act}",
        f"import os; {act}",
        f"x = [({act}) for _ in range(1)]",
        f"f = lambda: {act}\nf()",
        f"@({act})\ndef f(): pass\nf()",
        f"def f(a={act}): return a\ny = f()",
        f"x: ({act}) = 1.0",
        f"x = f'{{{act}}}'",
        f"(x := {act})",
        f"exec({act!r})",
        f"eval({act!r})",
        f"class A:\n    y = {act}\nA()",
        f"class A:\n    def __add__(self, o): {act}\nx = A() + 1",
        f"assert {act}",
        f"print({act})",
        f"x = 1.0 if ({act}) else 2.0",
        f"with {act} as g:\n    x = 1.0",
        f"try:\n    {act}\nexcept Exception:\n    pass",
        f"x = np.array([{act}])",
        f"for i in {act}:\n    pass",
        f"x = {{'a': {act}}}['a']",
        f"del {act.partition('(')[0]}",
        f"raise {act}",
        f"__import__('os').system('touch {marker}')",
        f"from os import *\nsystem('touch {marker}')",
    ]
    for plant in plants:
        path = tmp_path / "net.py"
        path.write_text(f"y = 2.0\nz = y*y\n{plant}\n")
        ended = backtrace_command(str(path), "--no-check")
        assert "in backtrace (" not in ended.err, plant
        assert not marker.exists(), plant


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "(" * 5000 + "1" + ")" * 5000,
        "x = 1.0\ny = " + "+".join(["x"] * 20_000),
        "x = 1.0\ny = " + "-" * 5000 + "x",
        "x = " + "[" * 300 + "]" * 300,
    ],
    ids=["brackets", "terms", "signs", "lists"],
)
def test_what_is_huge_ends_in_words_or_a_trace(text: str) -> None:
    try:
        program = read_code(text, "net.py")
    except BacktraceError:
        return
    backtrace.trace(program.formula, program.point, check=False)


PIECES = st.sampled_from(
    """x = 1.0|y = x*2|y += x|for i in range(3):|    y = y + i|h = [x]|h.append(y)|z = h[-1]
    |def f(a, b=2):|    return a*b|y = f(x)|x, y = y, x|z = np.exp(y)|if 1 > 0:|w = np.zeros((2, 2))
    |v = w @ w|return y|    return|a, b = x, 3|x: float = 2.0|n = w.shape[0]|y = y.sum()|pass
    |h = 2""".replace("\n    |", "|").split("|")
)


@given(st.lists(PIECES, max_size=10))
@settings(max_examples=200, deadline=None)
def test_any_lines_are_read_or_refused(lines: list[str]) -> None:
    try:
        program = read_code("\n".join(lines), "net.py")
        trace = backtrace.trace(program.formula, program.point, check=False)
    except BacktraceError:
        return
    assert trace.graph.nodes


def test_standard_input(backtrace_command: Command, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "code.txt"
    path.write_text("x = 3.0\ny = x**2\n")
    described = json.loads(
        backtrace_command("--file", str(path), "--python", "--json", "--no-check").out
    )
    assert described["gradients"] == {"x": 6}
    described = json.loads(
        backtrace_command("--file", str(path), "--python", "x=5", "--json", "--no-check").out
    )
    assert described["gradients"] == {"x": 10}
