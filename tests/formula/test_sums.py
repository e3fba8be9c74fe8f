r"""\sum_i: read as the sum that is written, or refused; held against a sum in a loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backtrace
from backtrace.errors import BacktraceError

LENGTH = 3
POINT: dict[str, Any] = {
    "p": np.array([0.2, 0.3, 0.5]),
    "q": np.array([1.5, -2.0, 0.75]),
    "w": np.array([2.0, 1.0, -1.0]),
    "X": np.array([[1.0, 2.0, 3.0], [0.5, -1.0, 2.0], [1.0, 0.0, 4.0]]),
    "b": 0.75,
    "c": -1.25,
    "n": float(LENGTH),
}

Written = tuple[str, Any]
"""LaTeX, and what it is: a function of the indices {i: 0}."""


def _entry(name: str, index: str) -> Written:
    return f"{name}_{index}", lambda at: POINT[name][at[index]]


def _alone(name: str) -> Written:
    return name, lambda at: POINT[name]


def _two(left: Written, right: Written, way: str) -> Written:
    (a, f), (b, g) = left, right
    if way == "+":
        return rf"\left({a} + {b}\right)", lambda at: f(at) + g(at)
    if way == "/":
        return rf"\frac{{{a}}}{{2 + \left({b}\right)^2}}", lambda at: f(at) / (2 + g(at) ** 2)
    return f"{a} {way} {b}", lambda at: _product(f(at), g(at), way)


def _product(a: Any, b: Any, way: str) -> Any:
    """Side by side two vectors have none."""
    if not way and np.ndim(a) == np.ndim(b) == 1:
        raise ValueError("two vectors")
    return a @ b if np.ndim(a) and np.ndim(b) else a * b


def _of_one(inner: Written, way: str) -> Written:
    text, f = inner
    if way == "norm":
        return rf"\|{text}\|", lambda at: np.linalg.norm(f(at))
    if way == "bars":
        return rf"\left|{text}\right|", lambda at: abs(f(at))
    if way == "square":
        return rf"\left({text}\right)^2", lambda at: f(at) ** 2
    return rf"\{way}\left({text}\right)", lambda at: getattr(np, way)(f(at))


def _summed(inner: Written, index: str, limits: str) -> Written:
    text, f = _two(inner, _entry("q", index), r"\cdot")  # a sum without entries is of all there is
    return (
        rf"\left(\sum{limits.replace('K', index)} {text}\right)",
        lambda at: sum(f({**at, index: k}) for k in range(LENGTH)),
    )


LIMITS = ("_K", "_{K}", "_{K=1}^{3}", "_{K=0}^2", "_{K=1}^n", "_{K=0}^{n-1}", "_{K=1}^{N}")
FACTORS = st.one_of(
    st.sampled_from([_entry(name, i) for name in "pq" for i in "ij"]),
    st.sampled_from([_alone("b"), _alone("c"), ("2", lambda at: 2.0)]),
    st.sampled_from([_alone("w"), _alone("X"), _entry("X", "i"), (r"\|w\|", lambda at: 6**0.5)]),
)
BODIES = st.recursive(
    FACTORS,
    lambda inner: st.one_of(
        st.builds(_two, inner, inner, st.sampled_from(["+", "/", "", r"\cdot"])),
        st.builds(_of_one, inner, st.sampled_from(["norm", "bars", "square", "exp", "sin"])),
        st.builds(_summed, inner, st.just("j"), st.sampled_from(LIMITS)),
    ),
    max_leaves=5,
)


def traced(text: str) -> backtrace.Trace | None:
    """None where the formula is refused; with the values that it has a use for."""
    point = dict(POINT)
    while True:
        try:
            return backtrace.trace(text, point, check=False)
        except BacktraceError as error:
            name = error.what.split("'")[1] if "does not occur" in error.what else ""
            if name not in point:
                return None
            del point[name]


@given(BODIES, st.sampled_from(LIMITS))
def test_a_sum_is_the_one_that_is_written_or_refused(body: Written, limits: str) -> None:
    text, meant = _summed(body, "i", limits)
    found = traced(text)
    if found is None:
        return
    try:
        expected = meant({})
    except (ValueError, KeyError):
        pytest.fail(f"{text} is read as {found.graph.read_as}")
    assert np.shape(expected) == np.shape(found.value), (text, found.graph.read_as)
    np.testing.assert_allclose(found.value, expected, rtol=1e-9, atol=1e-12)


READ = [
    (r"\sum_i |p_i - q_i|", "sum(abs(p - q))"),
    (r"\sum_{i} \left| p_i \right|", "sum(abs(p))"),
    (r"\sum_i p_i \left(q_i + b\right)", "sum(p*(q + b))"),
    (r"\sum_i p_i \times q_i", "sum(p*q)"),
    (r"r = X w; \sum_i p_i r_i", "r = X@w; sum(p*r)"),
    (r"r = b c; \sum_i p_i r", "r = b*c; sum(p*r)"),
    (r"r = X w; \sum_i p_i r[0]", "r = X@w; sum(p*r[0])"),
    (r"r = \mathrm{softmax}(w); -\sum p \log r", "r = softmax(w); -sum(p*log(r))"),
    (r"\sum_i p_i |q_i|", "sum(p*abs(q))"),
    (r"\sum_i |p_i| |q_i|", "sum(abs(p)*abs(q))"),
    (r"\left|\sum_i p_i \left|q_i\right|\right|", "abs(sum(p*abs(q)))"),
    (r"|\sum_i p_i q_i| + b", "abs(sum(p*q)) + b"),
    (r"\mathrm{sum}(X, axis=1) + w", "sum(X, axis=1) + w"),
    (r"(X w)[:, None] \odot X", "expand_dims(X@w, axis=1)*X"),
    (r"\log \sum_i e^{q_i}", "log(sum(e^q))"),
    (r"\sum\limits_{i=1}^n p_i", "sum(p)"),
    (r"\sum_{i=1}^{3} p_i q_i", "sum(p*q)"),
    (r"\sum_{i=0}^{n-1} p_i", "sum(p)"),
    (r"\frac{1}{n} \sum_{i=1}^n (p_i - q_i)^2", "1/n*sum((p - q)^2)"),
    (r"\sum_i p_i \|w\|", "sum(p*norm(w))"),
    (r"\sum_i p_i \sum_j q_j", "sum(p*sum(q))"),
    (r"\sum_i X w", "sum(X@w)"),
    (r"-\sum_i p_i \log_2 p_i", "-sum(p*log2(p))"),
    (r"\sum_i \sum_j p_i q_j", 'einsum("i,j->", p, q)'),
    (r"\sum_i p_i \, q_i \; b", "sum(p*q*b)"),
]
REFUSED = [
    (r"\sum_i (q_i - w^T X_i)^2", "is a row"),
    (r"\sum_i X_i", "is a row"),
    (r"\sum_i p_i w", "a whole array"),
    (r"\sum_i p_i X w", "a whole array"),
    (r"\sum_i p_i \|q_i\|", "takes arrays"),
    (r"\sum_i b", "nothing in this sum"),
    (r"\sum_{i=1}^n 1", "nothing in this sum"),
    (r"\sum_i i p_i", "an index is no number"),
    (r"\sum_i b_i p_i", "is a number"),
    (r"r = X X; \sum_i r_i p_i", "is a row"),
    (r"r = X w; \sum_i p_i r", "a whole array"),
    (r"r = X X; \sum_i r p", "a whole array"),
    (r"r = b c; \sum_i r_i p_i", "is a number"),
    (r"\sum_i p_i X[0]", "a whole array"),
    (r"\sum_i \sum_{j=1}^{i} p_i q_j", "these limits"),
    (r"\sum_i \sum_{j=0}^{i-1} X_{ij}", "these limits"),
    (r"\sum_i p_i \sum_{j=1}^{i} q_j", "these limits"),
    (r"\sum_i \sum_{j \ne i} p_i q_j", "these limits"),
    (r"\sum_{k \in S} p_k", "these limits"),
    (r"\sum_{i=1}^{2} p_i", "these limits"),
    (r"\sum_{i=1}^{n-1} p_i", "these limits"),
    (r"\sum_{i=2}^{n} p_i", "these limits"),
    (r"\frac{1}{c} \sum_{i=1}^{c} p_i", "goes over all entries"),
]


@pytest.mark.parametrize(("typed", "ours"), READ, ids=lambda text: text)
def test_what_is_read(typed: str, ours: str) -> None:
    found = traced(typed)
    assert found is not None
    assert found.graph.read_as == ours


@pytest.mark.parametrize(("typed", "what"), REFUSED, ids=lambda text: text)
def test_what_would_be_another_sum_is_refused(typed: str, what: str) -> None:
    point = {name: value for name, value in POINT.items() if name in typed}
    with pytest.raises(BacktraceError) as refused:
        backtrace.trace(typed, point)
    assert what in refused.value.what
    assert refused.value.hint


def test_entries_are_as_many_in_all_arrays() -> None:
    with pytest.raises(BacktraceError, match="not numbered alike"):
        backtrace.trace(r"\sum_i p_i q_i", {"p": [1.0], "q": [1.0, 2.0]})
