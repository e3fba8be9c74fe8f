r"""\sum_i \sum_j: read as the sum that is written, or refused; held against loops."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backtrace
from backtrace.errors import BacktraceError, FormulaError
from backtrace.formula import read

SIZES = {"i": 3, "j": 3, "k": 3}
POINT: dict[str, Any] = {
    "A": np.array([[1.0, 2.0, -3.0], [0.5, -1.0, 2.0], [1.0, 0.25, 4.0]]),
    "B": np.array([[0.5, 1.5, 2.0], [3.0, 0.75, 1.0], [0.1, 0.2, 0.3]]),
    "x": np.array([2.0, -1.0, 0.5]),
    "y": np.array([0.3, 0.6, 1.1]),
    "c": np.array(-1.25),
}
AXES = {"A": 2, "B": 2, "x": 1, "y": 1, "c": 0}
Written = tuple[str, Any]
"""LaTeX, and what it is: a function of the indices {i: 0}."""


@st.composite
def entries(draw: st.DrawFn) -> Written:
    name = draw(st.sampled_from(list(POINT)))
    index = "".join(draw(st.permutations("ijk"))[: AXES[name]])
    written = draw(st.sampled_from([index, ",".join(index)]))
    power = draw(st.sampled_from([1, 1, 2, 3]))
    text = f"{name}_{{{written}}}" if index else name
    text += f"^{power}" if power > 1 else ""
    return text, lambda at: POINT[name][tuple(at[i] for i in index)] ** power


@st.composite
def of_one_index(draw: st.DrawFn) -> Written:
    """All entries have the same two indices: any formula of numbers."""
    index = draw(st.sampled_from(["ij", "ji", "kj"]))
    left, right = (
        draw(st.sampled_from(["A", "B", "c"])),
        draw(st.sampled_from(["A", "B", "c", "2"])),
    )

    def entry(name: str) -> Written:
        if name == "2":
            return name, lambda at: 2.0
        places = index if AXES[name] else ""
        text = f"{name}_{{{places}}}" if places else name
        return text, lambda at: POINT[name][tuple(at[i] for i in places)]

    (a, f), (b, g) = entry(left), entry(right)
    ways: dict[str, Written] = {
        "square": (rf"({a} - {b})^2", lambda at: (f(at) - g(at)) ** 2),
        "product": (rf"{a} \cdot {b}", lambda at: f(at) * g(at)),
        "quotient": (rf"\frac{{{a}}}{{1 + {b}^2}}", lambda at: f(at) / (1 + g(at) ** 2)),
        "function": (rf"{a} \sin({b})", lambda at: f(at) * np.sin(g(at))),
        "bars": (rf"\left|{a} - {b}\right|", lambda at: abs(f(at) - g(at))),
        "braces": (r"\tanh\left({" + a + rf"}} + {b}\right)", lambda at: np.tanh(f(at) + g(at))),
    }
    return ways[draw(st.sampled_from(sorted(ways)))]


@st.composite
def products(draw: st.DrawFn) -> Written:
    factors = draw(st.lists(entries(), min_size=1, max_size=4))
    sign = draw(st.sampled_from([" ", r" \cdot ", r"\,"]))
    return sign.join(t for t, _ in factors), lambda at: np.prod([f(at) for _, f in factors])


@st.composite
def sums(draw: st.DrawFn) -> Written:
    body, value = draw(st.one_of(of_one_index(), products()))
    used = sorted({*"".join(re.findall(r"_\{(.*?)\}", body))} - {","})
    are_those = len(used) > 1 and draw(st.integers(0, 5))
    letters = draw(st.permutations(used if are_those else "ijk"))[:3]
    limits = draw(st.sampled_from(["", "^3", "=1^{3}", "=0^{2}"]))
    one_by_one = [
        rf"\sum_{{{i}{limits[:2]}}}{limits[2:]}" if limits[:1] == "=" else rf"\sum_{{{i}}}{limits}"
        for i in letters
    ]
    at_once = draw(st.sampled_from([rf"\sum_{{{s.join(letters)}}}" for s in ("", ",", ", ")]))
    head = draw(st.sampled_from(["".join(one_by_one), " ".join(one_by_one), at_once]))

    def total(_: object) -> float:
        ranges = [range(SIZES[i]) for i in letters]
        return sum(value(dict(zip(letters, at, strict=True))) for at in itertools.product(*ranges))

    before = draw(st.sampled_from(["", r"\frac{1}{2} ", "-"]))
    factor = {"": 1.0, "-": -1.0}.get(before, 0.5)
    return f"{before}{head} {body} + c", lambda at: factor * total(at) + POINT["c"]


@given(sums())
def test_it_is_the_sum_that_is_written(written: Written) -> None:
    text, value = written
    letters = re.findall(r"(?<![a-zA-Z\\])[a-zA-Z](?![a-zA-Z])", re.sub(r"\\[a-z]+", " ", text))
    point = {name: POINT[name].tolist() for name in POINT if name in letters}
    try:
        trace = backtrace.trace(text, point, check=False)
    except BacktraceError:
        return
    try:
        expected = value({})
    except KeyError:  # an index that no sum is over
        pytest.fail(f"read without its index: {text}")
    np.testing.assert_allclose(float(trace.value), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        (r"\lambda \sum_k \sum_l W_{k,l}^2", "λ*sum(W^2)"),
        (r"\sum_{i=1}^{3}\sum_{j=1}^{2} W_{ij}^2", "sum(W^2)"),
        (r"-\sum_n \sum_k T_{nk} \log Y_{nk}", "-sum(T*log(Y))"),
        (r"\frac{1}{2}\sum_{i,j} (Y_{ij} - T_{ij})^2", "1/2*sum((Y - T)^2)"),
        (r"\sum_i \sum_j u_i W_{ij} v_j", 'einsum("i,ij,j->", u, W, v)'),
        (r"\sum_{ij} W_{ij} V_{ji}", 'einsum("ij,ji->", W, V)'),
        (r"\sum_i \sum_j u_i v_j u_i", 'einsum("i,j->", u*u, v)'),
        (r"\sum_i \sum_j 2 u_i^2 v_j", 'einsum("i,j->", u^2, v)*2'),
        (r"\sum_{i}\sum_{j} \theta_{ij} v_j", 'einsum("ij,j->", θ, v)'),
    ],
)
def test_what_is_written_of_it(text: str, read_as: str) -> None:
    shapes = {"W": (3, 2), "V": (2, 3), "u": (3,), "v": (2,), "θ": (3, 2), "λ": ()}
    shapes |= dict.fromkeys("TY", (3, 2))
    graph = read(text, {n: s for n, s in shapes.items() if n in text or n in "θλ"})
    assert graph.read_as == read_as


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        (r"\sum_i \sum_j x_i", "j", "has the index j"),
        (r"\sum_{i,j} \exp(x_i + W_{ij})", r"\exp", "in products alone"),
        (r"\sum_i \sum_j W_{ii} x_j", "W_{ii}", "stands twice"),
        (r"\sum_i \sum_j x_{ij} x_j", "x_{ij}", "has 1 axes, and here 2 indices"),
        (r"\sum_i \sum_j W_{ij} x", "x", "a whole array"),
        (r"\sum_{i<j} W_{ij}", "{i<j}", "limits"),
        (r"\sum_i x_i \sum_j W_{ij} x_j", "W_{ij}", "several indices"),
    ],
)
def test_what_is_refused(text: str, place: str, what: str) -> None:
    with pytest.raises(FormulaError) as caught:
        read(text, {"W": (2, 2), "x": (2,)})
    assert what in caught.value.what
    start, end = caught.value.span
    assert text[start:end] == place
