"""NumPy and PyTorch in formulas: NumPy's own number, and the same graph in our own grammar."""

from __future__ import annotations

import ast
import inspect
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backtrace
from backtrace.errors import BacktraceError, FormulaError
from backtrace.formula import read
from backtrace.formula.parser import parse
from backtrace.formula.printer import source
from backtrace.formula.spellings import TEMPLATES
from backtrace.gates import GATES

X = np.array([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7]])
POINT: dict[str, Any] = {
    "X": X,
    "W": X.T + 0.1,
    "x": np.array([0.4, -0.2, 0.9]),
    "b": np.array([0.1, 0.2]),
    "w": np.array([1.0, -1.0, 0.5]),
    "a": 0.7,
    "c": -1.3,
    "y": np.array([1.0, 2.0, -1.0]),
    "h": np.array([1.0, -1.0, 0.2]),
    "dh": np.array([2.0, 3.0, 4.0]),
    "p": np.array([0.2, 0.8]),
    "q": np.array([0.0, 1.0]),
    "k": np.array([1, 0]),
}
OF_NUMPY: list[Callable[..., Any]] = [
    lambda X, W, b: np.maximum(0, X.dot(W) + b),
    lambda X, x: np.tanh(np.dot(X, x)).sum(),
    lambda X: X.sum(axis=0),
    lambda X: X.sum(0),
    lambda X: X.sum(axis=1),
    lambda X: X.sum(),
    lambda X: np.sum(X, axis=0),
    lambda X: X.mean(axis=0),
    lambda X: X.mean(),
    lambda X: np.mean(X, axis=1),
    lambda X: np.max(X, axis=1),
    lambda X: X.max(),
    lambda X: X.min(axis=0),
    lambda X: np.var(X),
    lambda X: np.var(X, axis=0),
    lambda X: np.std(X, axis=0),
    lambda X: X.prod(),
    lambda X: X.T,
    lambda X: X.transpose(),
    lambda X: np.transpose(X),
    lambda X: X.reshape(3, 2),
    lambda X: X.reshape((3, 2)),
    lambda X: X.reshape(3, -1).T,
    lambda X: np.reshape(X, (3, 2)),
    lambda X: X.ravel(),
    lambda X, W: X @ W,
    lambda X, W: np.matmul(X, W),
    lambda X, W: X.dot(W),
    lambda x, w: x.dot(w),
    lambda x, w: np.dot(x, w),
    lambda x, w: np.inner(x, w),
    lambda x, w: np.outer(x, w),
    lambda X, x: X.T.dot(X.dot(x)),
    lambda x: np.exp(x) / np.sum(np.exp(x)),
    lambda x: np.exp(x - np.max(x)),
    lambda x: 1 / (1 + np.exp(-x)),
    lambda x, w, c: np.log(1 + np.exp(-c * x.dot(w))),
    lambda x: np.linalg.norm(x),
    lambda x: np.sqrt(np.sum(x**2)),
    lambda x: np.square(x).sum(),
    lambda x: np.power(x, 2),
    lambda a: np.pi * a**2,
    lambda a: np.e**a,
    lambda a: np.sin(a) + np.cos(a) * np.tan(a),
    lambda a: np.arctan(a) + np.arcsin(a) - np.arccos(a),
    lambda a, c: np.arctan2(a, c),
    lambda a: np.log1p(a) + np.expm1(a),
    lambda a: np.log2(a) + np.log10(a),
    lambda x: np.abs(x) + np.absolute(x) + np.fabs(x),
    lambda x: np.sign(x) * np.floor(x) + np.ceil(x),
    lambda x, y: np.add(x, y) - np.subtract(x, y) * np.multiply(x, y) / np.divide(x, y),
    lambda x: np.negative(x) + np.reciprocal(x),
    lambda x, y: np.maximum(x, y) - np.minimum(x, y),
    lambda x: np.clip(x, 0, 0.5),
    lambda x: x.clip(-0.1, 0.5),
    lambda x: np.where(x > 0, x, 0.1 * x),
    lambda h, dh: (h > 0) * dh,
    lambda h, dh: dh * (h <= 0),
    lambda x, y: np.concatenate([x, y]),
    lambda x, y: np.concatenate((x, y), axis=0).sum(),
    lambda x, y: np.stack([x, y]),
    lambda x: x.copy() + np.array(x),
    lambda X, x, y: ((y[:2] - X.dot(x)) ** 2).mean(),
    lambda p, q: -np.mean(q * np.log(p) + (1 - q) * np.log(1 - p)),
    lambda X: (X - X.mean(axis=0)) / np.sqrt(X.var(axis=0, ddof=0) + 1e-5),
    lambda x: x[0] + x[-1] * x[1:].sum(),
    lambda x, y: np.hypot(x, y) + np.cbrt(x),
    lambda X: X - X.max(axis=1, keepdims=True),
    lambda X: np.exp(X) / np.exp(X).sum(1, keepdims=True),
    lambda X: np.sum(X, axis=0, keepdims=True) * X,
    lambda X: (X - X.mean(0, keepdims=True)) / np.std(X, axis=0, keepdims=True),
    lambda X, b: X * b[:, None],
    lambda X, x: X * x[None, :],
    lambda x: x[None],
    lambda X, b: X + b[:, np.newaxis],
    lambda x: np.expand_dims(x, 1) * np.expand_dims(x, axis=0),
    lambda X, k: X[k],
    lambda x, k: (x[k] ** 2).sum(),
    lambda X, k: X[range(2), k],
    lambda X, k: -np.log(np.abs(X)[np.arange(2), k]).mean(),
    lambda X, k: X[1 - k] * 2,
    lambda X, y: np.mod(X, y) + X % 2 - X // 0.4,
    lambda x, y: (x + 3) % 2 - 5 // (y + 2.5),
    lambda x: np.full_like(x, 3) * np.ones_like(x) + np.zeros_like(x),
]
OURS = [  # what PyTorch writes, and moved hints: the same graph
    ("torch.relu(x @ X + b)", "relu(x@X + b)"),
    ("torch.log_softmax(X, dim=1)[0, 1]", "log_softmax(X, axis=1)[0, 1]"),
    ("F.softmax(X, dim=-1)", "softmax(X, axis=-1)"),
    ("F.cross_entropy(X, q)", "cross_entropy(X, q)"),
    ("x.pow(2).sum().sqrt()", "sqrt(sum(x**2))"),
    ("torch.nn.functional.gelu(x)", "gelu(x)"),
    ("torch.sigmoid(x)*torch.tanh(y)", "sigmoid(x)*tanh(y)"),
    ("torch.mm(X, W)", "X@W"),
    ("X.t() @ X", "X.T@X"),
    ("X.max(1).values", "max(X, axis=1)"),
    ("X.mean(dim=0)", "mean(X, axis=0)"),
    ("torch.cat((x, y), dim=0)", "concatenate(x, y, axis=0)"),
    ("torch.clamp(x, 0, 1)", "clip(x, 0, 1)"),
    ("x.clamp(0, 1)", "clip(x, 0, 1)"),
    ("torch.remainder(x, y)", "x % y"),
    ("np.floor_divide(x, y)", "x // y"),
    ("jax.lax.stop_gradient(x)*x", "detach(x)*x"),
    ("x.detach() + torch.zeros_like(x)", "detach(x) + zeros_like(x)"),
    ("x.clamp(min=0)", "max(x, 0)"),
    ("x.clamp(max=1)", "min(x, 1)"),
    ("F.mse_loss(x, y)", "mean((x - y)**2)"),
    ("F.l1_loss(x, y)", "mean(abs(x - y))"),
    ("F.linear(X, X, b)", "X@X.T + b"),
    ("F.leaky_relu(x)", "leaky_relu(x)"),
    ("(h > 0).float()*dh", "where(h > 0, 1, 0)*dh"),
    ("torch.rsqrt(p)", "1/sqrt(p)"),
    ("X.view(-1)", "reshape(X, -1)"),
    ("math.sqrt(a) + math.pi", "sqrt(a) + pi"),
    ("h = torch.tanh(X @ W + b); loss = (h**2).mean()", "h = tanh(X@W + b); loss = mean(h**2)"),
    ("f(x) = np.exp(-x); f(a)", "f(x) = exp(-x); f(a)"),
    ("sigmoid(x).sum()", "sum(sigmoid(x))"),
    ("W.dot(x)", "W·x"),
    ("(x + y).T.dot(z)", "(x + y).T·z"),
    ("x.T.sum()", "sum(x.T)"),
    ("x.mean(axis=0)", "mean(x, axis=0)"),
    ("x.mean(dim=0)", "mean(x, axis=0)"),
    ("x.reshape(2, 1)", "reshape(x, 2, 1)"),
    ("x.reshape((2, 1))", "reshape(x, 2, 1)"),
    ("x[0].exp()", "exp(x[0])"),
    ("x.pow(3)", "x**3"),
    ("np.sum(x)", "sum(x)"),
    ("np.maximum(0, x)", "max(0, x)"),
    ("np.linalg.norm(x)", "norm(x)"),
    ("torch.nn.functional.relu(x + 1)", "relu(x + 1)"),
    ("arctan(x)", "atan(x)"),
    ("rsqrt(x + 1)", "1/sqrt(x + 1)"),
]


def typed_in(case: Callable[..., Any]) -> str:
    """The text of a lambda of OF_NUMPY, out of this file."""
    return TYPED[OF_NUMPY.index(case)]


def _typed() -> list[str]:
    text = pathlib.Path(__file__).read_text("utf-8")
    lambdas = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Lambda)]
    lambdas.sort(key=lambda node: (node.lineno, node.col_offset))
    lines = text.splitlines()
    bodies = [node.body for node in lambdas[: len(OF_NUMPY)]]
    return [lines[body.lineno - 1][body.col_offset : body.end_col_offset] for body in bodies]


TYPED = _typed()


@pytest.mark.parametrize("case", OF_NUMPY, ids=typed_in)
def test_numpys_own_number(case: Callable[..., Any]) -> None:
    names = list(inspect.signature(case).parameters)
    point = {name: POINT[name] for name in names}
    trace = backtrace.trace(typed_in(case), point)
    np.testing.assert_allclose(trace.value, case(*point.values()), rtol=1e-12, atol=1e-15)
    assert trace.ok, {name: check.reason for name, check in trace.checks.items()}
    if trace.graph.read_as:
        again = read(trace.graph.read_as, {n: np.shape(v) for n, v in point.items()})
        assert source(again) == source(trace.graph)


@pytest.mark.parametrize(("typed", "ours"), OURS, ids=[typed for typed, _ in OURS])
def test_the_same_graph(typed: str, ours: str) -> None:
    found, meant = parse(typed, POINT), parse(ours, POINT)
    assert source(found) == source(meant)
    if not found.own:
        assert found == meant
    for node in found.nodes:
        start, end = node.span
        assert 0 <= start <= end <= len(typed)


@pytest.mark.parametrize(
    ("typed", "what", "at"),
    [
        ("X.var()", "'.var' divides by n or by n - 1", "X.var"),
        ("X.foo()", "'foo' is not read", "X.foo"),
        ("np.foo(X)", "'foo' is not read", "foo"),
        ("np.float64", "'np.float64' is not read", "float64"),
        ("np.vstack([x, y])", "'vstack' depends on shapes", "vstack"),
        ("np.clip(x)", "clip takes bounds", "clip"),
        ("np.fmod(x, y)", "fmod has the sign of x, as in C", "fmod"),
        ("F.mse_loss(x)", "mse_loss takes 2 arguments here", "mse_loss"),
        ("np.sum(x", "'(' is never closed", "("),
        ("x.sum(axis=0", "'(' is never closed", "("),
        ("x.", "unexpected '.'", "."),
        ("x.shape", "unexpected '.'", "."),
        (".sum()", "unexpected '.'", "."),
    ],
)
def test_what_is_refused(typed: str, what: str, at: str) -> None:
    with pytest.raises(FormulaError) as refused:
        parse(typed, POINT)
    assert refused.value.what == what
    assert typed[slice(*refused.value.span or (0, 0))] == at


def test_a_variable_wins_over_a_librarys_name() -> None:
    assert backtrace.trace("F*2", {"F": 3}, check=False).value == 6
    assert backtrace.trace("math + e", {"math": 1, "e": 2}, check=False).value == 3


def test_very_many_calls_are_refused_soon() -> None:
    with pytest.raises(FormulaError, match="more than 2,000 calls"):
        parse("x" + ".sum()" * 5_000, ("x",))


CALLS = st.sampled_from(
    [*(f".{name}()" for name in [*GATES, *TEMPLATES]), ".T", "[0]", "+y", "(", ")", ", ", "np."]
)


@given(st.lists(CALLS, max_size=8), st.sampled_from(["x", "np.exp(x)", "(x + 1)"]))
@settings(max_examples=300, deadline=None)
def test_anything_is_read_or_refused_with_its_place(pieces: list[str], begun: str) -> None:
    text = begun + "".join(pieces)
    try:
        backtrace.trace(text, {"x": [0.5, 1.5], "y": 2}, check=False)
    except BacktraceError as error:
        start, end = error.span or (0, 0)
        is_inside = error.text != text or 0 <= start <= end <= len(text) + 1
    else:
        is_inside = True
    assert is_inside
