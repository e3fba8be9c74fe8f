r"""What is written on blackboards and in LaTeX, beside the same in our own grammar: the same graph,
the same value, carets in what was typed; and what is refused, word for word."""

from __future__ import annotations

import json
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
from tests.conftest import DATA
from tests.project.test_architecture import RUN, loaded_after

NUMBERS = {
    "x": 0.7,
    "y": -1.3,
    "z": 2.1,
    "a": 0.4,
    "b": 1.9,
    "c": -0.6,
    "t": 1.2,
    "o": 0.3,
    "w0": 2,
    "w1": -3,
    "w2": -3,
    "x0": -1,
    "x1": -2,
    "N": 4,
    "q": 1.1,
    "y_hat": 0.8,
    "x_bar": 0.1,
    "θ": 0.9,
    "α": 1.5,
    "β": -0.2,
    "λ": 0.3,
    "η": 0.1,
    "W_hh": 2,
    "v": 1.7,
    "n": 3,
    "p": 0.25,
    "L": 2.0,
    "theta_0": 0.6,
    "손실": 1.0,
    "예측": 3.0,
    "정답": 1.0,
}
ARRAYS = {
    "x": [0.5, -1.0],
    "y": [0.0, 1.0],
    "p": [0.25, 0.75],
    "z": [0.1, 0.9],
    "b": [0.2, -0.3],
    "W": [[1.0, 2.0], [3.0, 4.0]],
    "A": [[2.0, 0.5], [1.0, 3.0]],
    "W1": [[0.3, 1.0], [-2.0, 0.7]],
    "W2": [[1.0, -1.0]],
    "w": [0.4, 0.6],
    "a": [1.5, 2.5],
    "h": [0.3, 0.4],
    "N": 2,
    "λ": 0.5,
    "y_hat": [0.4, 0.6],
    "W_hh": [[0.1, 0.2], [0.3, 0.4]],
    "W_xh": [[1.0, 0.0], [0.5, 1.0]],
}
OF_NUMBERS = [  # typed, ours
    ("f(x,y,z) = (x+y)z", "f = (x + y)*z"),
    ("g(a, b) = a*b + sin(a)", "g = a*b + sin(a)"),
    ("u(a) = a^2; f(x) = u(x) + 1", "u(a) = a^2; f = u(x) + 1"),
    ("x y", "x*y"),
    ("2 x y", "2*x*y"),
    ("x y z + a", "x*y*z + a"),
    ("x sin(y)", "x*sin(y)"),
    ("sin x", "sin(x)"),
    ("sin x + cos y", "sin(x) + cos(y)"),
    ("log 2 + x", "log(2) + x"),
    ("exp x - 1", "exp(x) - 1"),
    ("sin^2(x)", "sin(x)^2"),
    ("sin²(x)", "sin(x)^2"),
    ("cos^3(x + y)", "cos(x + y)^3"),
    ("tanh^2(x)*y", "tanh(x)^2*y"),
    ("σ(x)", "sigmoid(x)"),
    ("σ(x)(1 - σ(x))", "sigmoid(x)*(1 - sigmoid(x))"),
    ("w_0 x_0", "w0*x0"),
    ("w₀x₀ + w_1", "w0*x0 + w1"),
    ("w_0 + w0", "w0 + w0"),
    ("손실 = (예측 - 정답)^2", "손실 = (예측 - 정답)^2"),
    ("예측 정답", "예측*정답"),
    (r"\frac{1}{2} + x", "1/2 + x"),
    (r"\frac{x}{y}", "x/y"),
    (r"\dfrac{x}{y}", "x/y"),
    (r"\tfrac{x}{y}", "x/y"),
    (r"\frac12 x", "1/2*x"),
    (r"\frac{x+1}{y-1}", "(x + 1)/(y - 1)"),
    (r"\frac{\frac{x}{y}}{z}", "x/y/z"),
    (r"x\frac{y}{z}", "x*(y/z)"),
    (r"2\frac{x}{y}", "2*(x/y)"),
    (r"\frac{x}{y}\frac{a}{b}", "x/y*(a/b)"),
    (r"\left(\frac{x}{y}\right)^2", "(x/y)^2"),
    (r"\frac{1}{1+e^{-x}}", "1/(1 + e^(-x))"),
    (r"\frac{1}{1+e^{-(w_{0}x_{0}+w_{1}x_{1}+w_2)}}", "1/(1 + e^(-(w0*x0 + w1*x1 + w2)))"),
    (r"\frac{1}{1+\exp(-x)}", "1/(1 + exp(-x))"),
    (r"\frac{1}{2}\left(t - o\right)^{2}", "1/2*(t - o)^2"),
    (r"\frac{x^2+1}{2y}", "(x^2 + 1)/(2*y)"),
    (r"\sqrt{z}", "sqrt(z)"),
    (r"\sqrt{x^2+y^2}", "sqrt(x^2 + y^2)"),
    (r"\sqrt[3]{x}", "cbrt(x)"),
    (r"\sqrt[4]{z}", "z^(1/4)"),
    (r"\sqrt z", "sqrt(z)"),
    (r"a\sqrt{z}b", "a*sqrt(z)*b"),
    (r"x \cdot y", "x*y"),
    (r"x \times y", "x*y"),
    (r"x \div y", "x/y"),
    (r"x\,y", "x*y"),
    (r"x\;y\quad z", "x*y*z"),
    (r"$qz$", "q*z"),
    (r"$xyz$", "x*y*z"),
    (r"$2xy^2$", "2*x*y^2"),
    (r"x^{2}", "x^2"),
    (r"z^{y+1}", "z^(y + 1)"),
    (r"$x^2y$", "x^2*y"),
    (r"e^{x}", "e^x"),
    (r"e^{-x^2}", "e^(-x^2)"),
    (r"e^{x+y}", "e^(x + y)"),
    (r"x^{-1}", "x^(-1)"),
    (r"\left(x+y\right)z", "(x + y)*z"),
    (r"(x+y)(a-b)", "(x + y)*(a - b)"),
    (r"\left[x+y\right]z", "(x + y)*z"),
    (r"\max(0, x)", "max(0, x)"),
    (r"\max\left(0, 1 - y\,v\right)", "max(0, 1 - y*v)"),
    (r"\max\{x, y\}", "max(x, y)"),
    (r"\max\left\{x, y\right\}", "max(x, y)"),
    (r"\min(x, y)", "min(x, y)"),
    (r"\exp(x)", "exp(x)"),
    (r"\exp{x}", "exp(x)"),
    (r"\exp x", "exp(x)"),
    (r"\exp\left(-\frac{x^2}{2}\right)", "exp(-(x^2/2))"),
    (r"\log z", "log(z)"),
    (r"\ln(1+e^{x})", "ln(1 + e^x)"),
    (r"y \log p", "y*log(p)"),
    (r"-y\log p - (1-y)\log(1-p)", "-y*log(p) - (1 - y)*log(1 - p)"),
    (r"\sin x", "sin(x)"),
    (r"\sin(x)\cos(y)", "sin(x)*cos(y)"),
    (r"\sin^2 x + \cos^2 x", "sin(x)^2 + cos(x)^2"),
    (r"\sin^2(x)", "sin(x)^2"),
    (r"\sin \frac{x}{2}", "sin(x/2)"),
    (r"\tanh(x)", "tanh(x)"),
    (r"1 - \tanh^2(x)", "1 - tanh(x)^2"),
    (r"\arctan(x)", "atan(x)"),
    (r"\sinh x + \cosh x", "sinh(x) + cosh(x)"),
    (r"\sigma(x)", "sigmoid(x)"),
    (r"\sigma(x)\left(1-\sigma(x)\right)", "sigmoid(x)*(1 - sigmoid(x))"),
    (r"\mathrm{sigmoid}(x)", "sigmoid(x)"),
    (r"\operatorname{relu}(x)", "relu(x)"),
    (r"\text{ReLU}(x)", "relu(x)"),
    (r"\mathrm{softplus}(x)", "softplus(x)"),
    (r"\mathbf{x} y", "x*y"),
    (r"\mathcal{L} x", "L*x"),
    (r"|x|", "abs(x)"),
    (r"\left|x\right|y", "abs(x)*y"),
    (r"\lvert x \rvert", "abs(x)"),
    (r"\theta x", "θ*x"),
    (r"\alpha x + \beta", "α*x + β"),
    (r"\frac{\lambda}{2} w_0^2", "λ/2*w0^2"),
    (r"\theta_0 x", "theta_0*x"),
    (r"\hat{y} - y", "y_hat - y"),
    (r"(y - \hat y)^2", "(y - y_hat)^2"),
    (r"x - \bar{x}", "x - x_bar"),
    (r"W_{hh} x", "W_hh*x"),
    (r"\pi z^2", "pi*z^2"),
    (r"2\pi z", "2*pi*z"),
    (r"$x + y$", "x + y"),
    (r"$$x + y$$", "x + y"),
    (r"\[x + y\]", "x + y"),
    (r"\(x + y\)", "x + y"),
    (r"$q = x + y, f = qz$", "q = x + y; f = q*z"),
    (r"q = x + y \\ f = q z", "q = x + y; f = q*z"),
    (r"\begin{align} q &= x + y \\ f &= q z \end{align}", "q = x + y; f = q*z"),
    (r"\begin{equation} x y \end{equation}", "x*y"),
    (r"f(x,y) = \frac{x}{y}", "f = x/y"),
    (r"f(a,x,b) = \sigma(ax+b)", "f = sigmoid(a*x + b)"),
    (r"x_{1} + w_{0}", "x1 + w0"),
    (r"\frac{1}{n}\left(x+y\right)", "1/n*(x + y)"),
    (r"{(x+y)}^{2}", "(x + y)^2"),
    (r"1.5x", "1.5*x"),
    (r".5x^2", ".5*x^2"),
    (r"-x^2", "-x^2"),
    (r"x - -y", "x - -y"),
    (r"\frac{-x}{y}", "-x/y"),
]
OF_ARRAYS = [
    ("W x + b", "W@x + b"),
    ("W_2 max(0, W_1 x)", "W2@max(0, W1@x)"),
    ("x^T W x", "dot(x.T@W, x)"),
    ("w^T x", "dot(w.T, x)"),
    ("||x||^2", "norm(x)^2"),
    ("x/||x||", "x/norm(x)"),
    ("‖W‖_F", "norm(W)"),
    ("W·x", "W@x"),
    ("w·x", "dot(w, x)"),
    ("w⊙x", "w*x"),
    (r"W x + b", "W@x + b"),
    (r"$Wx + b$", "W@x + b"),
    (r"W_2 \max(0, W_1 x)", "W2@max(0, W1@x)"),
    (r"W_{2}\max\left(0, W_{1}x\right)", "W2@max(0, W1@x)"),
    (r"\sigma(Wx + b)", "sigmoid(W@x + b)"),
    (r"w^T x", "dot(w.T, x)"),
    (r"w^{T}x", "dot(w.T, x)"),
    (r"w^\top x", "dot(w.T, x)"),
    (r"\mathbf{w}^\top\mathbf{x}", "dot(w.T, x)"),
    (r"x^\top A x", "dot(x.T@A, x)"),
    (r"W \cdot x", "W@x"),
    (r"w \cdot x", "dot(w, x)"),
    (r"a \odot h", "a*h"),
    (r"a \circ h", "a*h"),
    (r"\|x\|", "norm(x)"),
    (r"\|x\|^2", "norm(x)^2"),
    (r"\|x\|_2^2", "norm(x)^2"),
    (r"\|x\|_1", "sum(abs(x))"),
    (r"\lVert x \rVert", "norm(x)"),
    (r"\lVert W \rVert_F", "norm(W)"),
    (r"\left\| x \right\|_2", "norm(x)"),
    (r"\frac{x}{\|x\|}", "x/norm(x)"),
    (r"\frac{\lambda}{2}\|w\|^2", "λ/2*norm(w)^2"),
    (r"\mathrm{softmax}(z)", "softmax(z)"),
    (r"\log(\mathrm{softmax}(z))", "log(softmax(z))"),
    (r"-\sum_i y_i \log p_i", "-sum(y*log(p))"),
    (r"-\sum_{i} y_{i}\log(p_{i})", "-sum(y*log(p))"),
    (r"\sum_i a_i h_i", "sum(a*h)"),
    (r"\sum_i (a_i - h_i)^2", "sum((a - h)^2)"),
    (r"\sum_{i=1}^{N} x_i", "sum(x)"),
    (r"\sum_i x_i + N", "sum(x) + N"),
    (r"\frac{1}{N}\sum_{i=1}^N (y_i - \hat{y}_i)^2", "1/N*sum((y - y_hat)^2)"),
    (r"\log\left(\sum_j e^{z_j}\right)", "log(sum(e^z))"),
    (r"\log\left(\sum_j e^{z_j}\right)", "log(sum(e^z))"),
    (r"\begin{bmatrix}1 & 2\\3 & 4\end{bmatrix} x", "[[1, 2], [3, 4]]@x"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}\cdot x", "dot([1, 2], x)"),
    (r"\begin{bmatrix}1 & 2\end{bmatrix} x", "[[1, 2]]@x"),
    (r"\tanh(W_{hh}h + W_{xh}x)", "tanh(W_hh@h + W_xh@x)"),
    (r"\frac{1}{2}\|Wx - y\|^2", "1/2*norm(W@x - y)^2"),
    (r"q = Wx \\ f = \|q\|^2", "q = W@x; f = norm(q)^2"),
    (r"\text{softmax}(Wx+b)", "softmax(W@x + b)"),
    (r"$(Wx)^T y$", "dot((W@x).T, y)"),
]


def shapes_of(point: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: np.shape(value) for name, value in point.items()}


def same(typed: str, ours: str, values: dict[str, Any]) -> None:
    """One graph; what is told reads as that graph again; and the trace is right."""
    shapes = shapes_of(values)
    found, meant = read(typed, shapes), read(ours, shapes)
    assert source(found) == source(meant)
    if list(found.inputs) == list(meant.inputs) and not found.own:
        assert found == meant
    point = {name: values[name] for name in found.inputs}
    trace = backtrace.trace(typed, point)
    expected = backtrace.trace(ours, {n: values[n] for n in meant.inputs}, check=False)
    np.testing.assert_allclose(trace.value, expected.value, rtol=1e-12)
    assert trace.ok, (typed, trace.graph.read_as, trace.checks)
    if trace.graph.read_as:
        assert f"read as {trace.graph.read_as}" in " ".join(trace.show().split())
        again = read(trace.graph.read_as, shapes_of(point))
        assert source(again) == source(trace.graph)
    spans = [node.span for node in found.nodes]
    assert all(0 <= start <= end <= len(typed) for start, end in spans)
    for node in found.nodes:
        if node.is_input and node.name.isascii() and len(node.name) == 1:
            assert node.name in typed[slice(*node.span)]


@pytest.mark.parametrize(("typed", "ours"), [c for c in OF_NUMBERS if c[1]], ids=lambda t: str(t))
def test_of_numbers(typed: str, ours: str) -> None:
    same(typed, ours, NUMBERS)


@pytest.mark.parametrize(("typed", "ours"), [c for c in OF_ARRAYS if c[1]], ids=lambda t: str(t))
def test_of_arrays(typed: str, ours: str) -> None:
    same(typed, ours, ARRAYS)


def test_there_are_many() -> None:
    assert len([c for c in OF_NUMBERS + OF_ARRAYS if c[1]]) >= 150


REFUSED = json.loads((DATA / "refused.json").read_text("utf-8"))


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["typed"])
def test_what_is_refused_is_told_word_for_word(case: dict[str, Any]) -> None:
    with pytest.raises(BacktraceError) as refused:
        backtrace.trace(case["typed"], case["point"])
    error = refused.value
    assert (error.what, error.hint) == (case["what"], case["hint"])
    assert error.text[slice(*error.span or (0, 0))] == case["at"]


def test_at_least_sixty_are_refused() -> None:
    assert len(REFUSED) >= 60
    assert all(case["hint"] or "\\" in case["what"] or case["at"] for case in REFUSED)


# a formula drawn at random, written in both ways

LEAVES = st.sampled_from([("x", "x"), ("y", "y"), ("2", "2"), ("w_{0}", "w0"), (r"\theta", "θ")])


def _grown(inner: st.SearchStrategy[tuple[str, str]]) -> st.SearchStrategy[tuple[str, str]]:
    def both(latex: str, ours: str) -> Any:
        return lambda *parts: (
            latex % tuple(p[0] for p in parts),
            ours % tuple(p[1] for p in parts),
        )

    two = [
        (r"\frac{%s}{%s}", "((%s)/(%s))"),
        (r"\left({%s} + {%s}\right)", "((%s) + (%s))"),
        (r"{%s} \cdot {%s}", "(%s)*(%s)"),
        (r"\left(%s\right)\left(%s\right)", "(%s)*(%s)"),
        (r"\max(%s, %s)", "max(%s, %s)"),
        (r"{%s} - {%s}", "(%s) - (%s)"),
    ]
    one = [
        (r"e^{%s}", "e^(%s)"),
        (r"\tanh(%s)", "tanh(%s)"),
        (r"\sigma\left(%s\right)", "sigmoid(%s)"),
        (r"\left|%s\right|", "abs(%s)"),
        (r"\left(%s\right)^{2}", "(%s)^2"),
        (r"\sqrt{\left(%s\right)^2 + 1}", "sqrt((%s)^2 + 1)"),
    ]
    return st.one_of(
        *(st.builds(both(*pair), inner) for pair in one),
        *(st.builds(both(*pair), inner, inner) for pair in two),
    )


@given(st.recursive(LEAVES, _grown, max_leaves=12))
@settings(max_examples=150, deadline=None)
def test_random_formulas_are_one_graph_in_both_ways(pair: tuple[str, str]) -> None:
    typed, ours = pair
    names = ("x", "y", "w0", "θ")
    assert parse(f"${typed}$", names).nodes == parse(ours, names).nodes


@given(st.text(alphabet=r"\{}[]()^_$&xyfrac12+-*/,. ²½₀|'~%#", max_size=40) | st.text(max_size=20))
@settings(max_examples=300, deadline=None)
def test_anything_is_read_or_refused_with_its_place(text: str) -> None:
    try:
        graph = parse(f"\\{text}", ("x",))
    except FormulaError as error:
        start, end = error.span or (0, 0)
        assert 0 <= start <= end <= len(text) + 1
    else:
        assert graph.read_as


PIECES = st.sampled_from(
    r"""\frac|\sqrt|\sum|_i|^|{|}|(|)|[|]|\||\left|\right|\max|\log|\sin|\hat|\mathbf|x|y|W|1|2.5
    |\mathrm{softmax}|+|-|*|/|=|,|;|\\|&|$|\begin{bmatrix}|\end{bmatrix}|\cdot|\theta|_{0}|^T|'|²
    |½|₀|np.|.sum(|.T|axis=0|dim=1|torch.relu(|max(|[0]|f(x)=|q=|where(|>|==|손|~|%|#|!|\{|\}|\,
    |\text{a}|\operatorname{relu}|.values|.reshape(|(2,-1)|clip(|concatenate(|1e5|.|..""".replace(
        "\n    |", "|"
    ).split("|")
)


@given(st.lists(PIECES, max_size=14))
@settings(max_examples=400, deadline=None)
def test_any_pieces_are_read_or_refused(pieces: list[str]) -> None:
    text = "".join(pieces)
    try:
        graph = parse(text, ("x", "y", "W"))
    except FormulaError as error:
        start, end = error.span or (0, 0)
        assert 0 <= start <= end <= len(text) + 1
    else:
        assert graph.nodes


@pytest.mark.parametrize("open_", ["{", r"\frac{", r"\sqrt{", "(", r"\left(", "e^{"])
def test_deep_nesting_ends_in_words(open_: str) -> None:
    close = r"\right)" if "left" in open_ else ")" if open_ == "(" else "}"
    text = "\\alpha" + open_ * 3000 + "x" + close * 3000
    with pytest.raises(FormulaError):
        parse(text, ("x",))


def test_plain_formulas_load_no_latex() -> None:
    assert "pylatexenc" not in loaded_after(RUN.format(words=["x*y", "x=1", "y=2", "--no-check"]))
    loaded = loaded_after(RUN.format(words=[r"\frac{x}{y}", "x=1", "y=2", "--no-check"]))
    assert "pylatexenc" in loaded


BESIDE_BARS = {
    "λ‖w‖": 10,
    "λ||w||^2 + c": 53,
    "‖w‖ + λ‖w‖₁": 19,
    "c|x|y": 24,
    "c + x|y|": -5,
    r"\|w\|_2^2 + \lambda\|w\|_F^2": 75,
    r"\frac{1}{2}\lambda\|w\|^2 - c\lVert w\rVert": 10,
}


@pytest.mark.parametrize("formula", BESIDE_BARS)
def test_a_name_before_bars_is_a_factor(formula: str) -> None:
    values: dict[str, Any] = {"λ": 2, "w": [3, 4], "c": 3, "x": -4, "y": 2}
    used = {name: value for name, value in values.items() if name in formula.replace(r"\l", "λ")}
    used = {n: v for n, v in used.items() if n != "c" or "c" in formula.replace("frac", "")}
    assert backtrace.trace(formula, used, check=False).value == pytest.approx(BESIDE_BARS[formula])


@pytest.mark.parametrize("formula", ["|x|y|c|", "‖w‖c‖w‖", "exp|x|"])
def test_bars_with_two_readings_are_refused(formula: str) -> None:
    with pytest.raises(FormulaError, match=r"an operator is missing|needs brackets"):
        backtrace.trace(formula, {"x": 1, "y": 2, "c": 3, "w": [1, 2]})
