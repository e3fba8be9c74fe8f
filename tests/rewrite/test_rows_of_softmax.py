"""softmax, log_softmax and cross_entropy of rows, spelled out as NumPy code writes them; and what
looks like them and is not."""

from __future__ import annotations

import numpy as np
import pytest

import backtrace
from backtrace.tracing.trace import Trace

POINT = {"Z": [[0.1, -0.4, 1.2], [2.0, 0.3, -1.0], [0.5, 0.5, 0.1]], "y": [0, 2, 1]}
SPELLED = {
    "sum(exp(Z)/sum(exp(Z), axis=1, keepdims=True)*Z)": "softmax",
    "sum(exp(Z)/sum(exp(Z), axis=-1, keepdims=True)*Z)": "softmax",
    "sum(exp(Z)/sum(exp(Z), axis=0, keepdims=True)*Z)": "softmax",
    "E = exp(Z); sum(E/sum(E, axis=1, keepdims=True)*Z)": "softmax",
    "sum(log(softmax(Z, axis=0))*Z)": "log_softmax",
    "sum((Z - log(sum(exp(Z), axis=1, keepdims=True)))*Z)": "log_softmax",
    "-mean(log(pick(softmax(Z), y)))": "cross_entropy",
    "mean(-log(pick(softmax(Z), y)))": "cross_entropy",
    "-mean(pick(log_softmax(Z), y))": "cross_entropy",
    "mean(-pick(log_softmax(Z), y))": "cross_entropy",
    "P = exp(Z)/sum(exp(Z), axis=1, keepdims=True); -mean(log(pick(P, y)))": "cross_entropy",
    "log(softmax(Z[0]))[1]": "log_softmax",
}
OTHERS = (
    "sum(exp(Z)/sum(exp(Z))*Z)",  # over all entries
    "sum(exp(Z)/sum(exp(Z), axis=1)*Z)",  # divides columns by what rows sum to
    "sum(exp(Z)/sum(exp(Z.T), axis=1, keepdims=True)*Z)",
    "sum((Z - log(sum(exp(Z))))*Z)",
    "-mean(sum(y*log_softmax(Z), axis=1))",  # y weighs columns
    "-mean(pick(log_softmax(Z, axis=0), y))",
    "-mean(log(pick(Z**2 + 1, y)))",
)


def traced(formula: str, **more: object) -> Trace:
    used = {name: value for name, value in POINT.items() if name in formula}
    return backtrace.trace(formula, used, check=False, **more)  # type: ignore[arg-type]


def gates_of(trace: Trace) -> set[str]:
    return {gate.name for _, _, gate in trace.graph.gates()}


@pytest.mark.small
@pytest.mark.parametrize(("formula", "gate"), SPELLED.items())
def test_what_rows_spell_out_is_found(formula: str, gate: str) -> None:
    written, fused = traced(formula), traced(formula, fuse=True)
    assert gate in gates_of(fused)
    assert gate not in gates_of(written)
    np.testing.assert_allclose(fused.value, written.value, rtol=1e-12)
    np.testing.assert_allclose(fused.gradients["Z"], written.gradients["Z"], atol=1e-12)


@pytest.mark.small
@pytest.mark.parametrize("formula", OTHERS)
def test_what_only_looks_like_it_is_left_alone(formula: str) -> None:
    written, fused = traced(formula), traced(formula, fuse=True)
    assert not gates_of(fused) - gates_of(written) & {"softmax", "cross_entropy"}
    np.testing.assert_allclose(fused.value, written.value, rtol=1e-12)
    np.testing.assert_allclose(fused.gradients["Z"], written.gradients["Z"], atol=1e-12)


@pytest.mark.small
@pytest.mark.parametrize("formula", ["softmax(Z)", "softmax(Z, axis=0)", "log_softmax(Z, axis=0)"])
def test_what_is_opened_is_the_same(formula: str) -> None:
    """A sum over all entries is no sum of each row."""
    whole = f"sum({formula}*Z)"
    written, opened = traced(whole), traced(whole, expand=True)
    np.testing.assert_allclose(opened.value, written.value, rtol=1e-12)
    np.testing.assert_allclose(opened.gradients["Z"], written.gradients["Z"], atol=1e-12)


def test_numpy_code_of_a_net() -> None:
    """As CS231n writes it: it breaks far out, and fused it does not."""
    code = """
import numpy as np
X = np.array([[1.0, 2.0], [3.0, -1.0]])
W = np.array([[0.1, 0.2, 0.3], [-0.1, 0.4, 0.2]])
y = np.array([2, 0])
scores = X @ W
exp_scores = np.exp(scores)
probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
loss = np.mean(-np.log(probs[range(2), y]))
"""
    trace = backtrace.from_source(code, fuse=True)
    assert "cross_entropy" in gates_of(trace)
    assert {trace.checks[name].verdict for name in ("X", "W")} == {"agree"}
