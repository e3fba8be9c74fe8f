"""Gradients in formulas of arrays of three axes and more: batches of matrices, lookups."""

from __future__ import annotations

import functools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtrace.errors import UsageError
from backtrace.formula.letters import in_letters
from backtrace.tracing.witnesses import witnessed
from tests.conftest import Command

Dims = tuple[str, ...]


def _shapes(text: str) -> dict[str, Dims]:
    pairs = (word.split(":") for word in text.split())
    return {name: tuple(d for d in dims.split(",") if d) for name, dims in pairs}


DERIVED = [
    ("sum((X@W)^2)", "X:b,n,d W:d,k", "X", "2*X@W@W.T"),
    ("sum((X@W)^2)", "X:b,n,d W:d,k", "W", "2*sum(X.mT@X@W, axis=0)"),
    ("mean((X@W + c)^2)", "X:b,n,d W:d,k c:k", "c", "2*mean(X@W + c, axis=(0, 1))/k"),
    ("sum((A@X)^2)", "A:m,n X:b,n,k", "A", "2*sum(A@X@X.mT, axis=0)"),
    ("sum((A@X)^2)", "A:m,n X:b,n,k", "X", "2*A.T@A@X"),
    ("sum(A@v)", "A:b,m,n v:n", "A", "v[None, :]*ones(b, m, n)"),
    ("sum(A@v)", "A:b,m,n v:n", "v", "sum(A, axis=(0, 1))"),
    ("sum(X*g)", "X:b,n,d g:b,1,1", "g", "sum(X, axis=(1, 2))[:, None, None]"),
    ("sum(X@X.mT)", "X:b,n,d", "X", "2*ones(b, n, n)@X"),
    ("sum(permute(X, 2, 0, 1)*Y)", "X:m,n,k Y:k,m,n", "X", "permute(Y, 1, 2, 0)"),
    ("sum(swapaxes(X, 0, 2)^2)", "X:m,n,k", "X", "2*X"),
    ("sum(E[i]^2)", "E:v,d i:n", "E", "2*one_hot(i, v).T@E[i]"),
    ("sum(P[arange(n), y])", "P:n,k y:n", "P", "one_hot(y, k)"),
    ("nll(log_softmax(z), y)", "z:n,k y:n", "z", "(softmax(z) - one_hot(y, k))/n"),
    ("-mean(log(pick(softmax(z), y)))", "z:n,k y:n", "z", "(softmax(z) - one_hot(y, k))/n"),
    ("-mean(log(softmax(z)[arange(n), y]))", "z:n,k y:n", "z", "(softmax(z) - one_hot(y, k))/n"),
    ("sum(stack(x, y)^2)", "x:n y:n", "y", "2*y"),
    ("sum(stack(x, y)[1, 2:]*y[2:])", "x:n y:n", "x", None),
    (
        'sum(einsum("bij,bjk->bik", A, B)*C)',
        "A:b,m,n B:b,n,k C:b,m,k",
        "A",
        'einsum("bik,bjk->bij", C, B)',
    ),
    ('einsum("ij,ij->", A, A)', "A:m,n", "A", None),
    (
        "sum(attention(Q, K, V)*Y)",
        "Q:b,t,d K:b,s,d V:b,s,k Y:b,t,k",
        "V",
        "softmax(Q@K.mT/sqrt(d)).mT@Y",
    ),
    (
        "sum(attention(Q, K, V)*Y)",
        "Q:t,d K:s,d V:s,k Y:t,k",
        "Q",
        "(softmax(Q@K.T/sqrt(d))*(Y@V.T - sum(softmax(Q@K.T/sqrt(d))*(Y@V.T), axis=1)[:, None]))"
        "@K/sqrt(d)",
    ),
    ("sum(layer_norm(X)*Y)", "X:n,d Y:n,d", "X", None),
    ("sum(batch_norm(X)*Y)", "X:n,d Y:n,d", "X", None),
    ("cross_entropy(E[i]@W, y)", "E:v,d i:n W:d,k y:n", "W", None),
    ("sum((E[i]@W)^2)", "E:v,d i:b,t W:d,k", "E", None),
    ("sum((softmax(Q@K.mT/sqrt(d))@V)^2)", "Q:b,t,d K:b,s,d V:b,s,p", "K", None),
    ("sum(P*(softmax(Q@K.mT)@V))", "Q:b,h,t,d K:b,h,t,d V:b,h,t,d P:b,h,t,d", "Q", None),
]


@pytest.mark.parametrize(("formula", "shapes", "name", "book"), DERIVED)
def test_batches_and_lookups(formula: str, shapes: str, name: str, book: str | None) -> None:
    found = in_letters(formula, _shapes(shapes))
    for variable, verdict in witnessed(found, check=False).items():
        assert verdict.verdict == "agree", (variable, found.gradients[variable], verdict)
    if book is not None:
        assert found.gradients[name] == book


@pytest.mark.parametrize(("formula", "shapes"), [row[:2] for row in DERIVED])
@pytest.mark.parametrize("format", ["table", "json", "markdown", "latex"])
def test_every_format_writes_them(
    formula: str, shapes: str, format: str, backtrace_command: Command
) -> None:
    ended = backtrace_command(formula, *shapes.split(), "--format", format, "--no-check")
    assert (ended.status, ended.err) == (0, "")
    assert not re.search(r"\d{4}", ended.out)


def test_some_entries_and_shapes_in_latex(backtrace_command: Command) -> None:
    def of(formula: str, *shapes: str) -> str:
        return backtrace_command(formula, *shapes, "--format", "latex", "--no-check").out

    assert r"2\,\operatorname{put}_{1:3}(x_{1:3})" in of("sum(x[1:3]^2)", "x:n")
    assert r"\operatorname{reshape}_{bt \times v}" in of("sum(E[i]@W)", "E:v,d", "i:b,t", "W:d,k")
    assert r"E_{i}" in of("sum(E[i]^2)", "E:v,d", "i:n")


def test_sizes_are_large_enough_for_what_is_picked() -> None:
    found = in_letters("sum(x[3:]^3)", _shapes("x:n"))
    assert witnessed(found, check=False)["x"].verdict == "agree"


def test_a_letter_is_no_stage() -> None:
    with pytest.raises(UsageError, match="'h' is a length, and a stage"):
        in_letters("h = tanh(X@W); sum(h)", _shapes("X:n,d W:d,h"))


SHAPES = _shapes("X:b,n,d Y:b,n,d Z:b,d,n W:d,d v:d c:n,d g:b,1,1 E:m,d i:n")
_LEAVES = {
    ("b", "n", "d"): ["X", "Y", "Z.mT", "permute(Z, 0, 2, 1)", "c", "g", "v"],
    ("b", "d", "n"): ["Z", "X.mT", "swapaxes(Y, 1, 2)"],
    ("n", "d"): ["c", "E[i]", "sum(X, axis=0)"],
}


@functools.cache
def _of(dims: Dims, depth: int) -> st.SearchStrategy[str]:
    """Formulas that may be added to an array of this shape."""
    leaves = st.sampled_from(_LEAVES[dims])
    if not depth:
        return leaves

    def inner(of: Dims) -> st.SearchStrategy[str]:
        return st.deferred(lambda: _of(of, depth - 1))

    ways = [leaves, st.builds("tanh({})".format, inner(dims))]
    ways.append(st.builds("({} + {})".format, inner(dims), inner(dims)))
    ways.append(st.builds("({}*{})".format, inner(dims), inner(dims)))
    if dims == ("b", "n", "d"):
        ways.append(st.builds("((X*{})@W)".format, inner(dims)))
        ways.append(st.builds("(softmax(X@{})@Y)".format, inner(("b", "d", "n"))))
        ways.append(st.builds("sum(X*{}, axis=1)[:, None, :]".format, inner(dims)))
        ways.append(st.builds("(X + {})".format, inner(("n", "d"))))
    if dims == ("b", "d", "n"):
        ways.append(st.builds("((Y*{}).mT)".format, inner(("b", "n", "d"))))
        ways.append(st.builds("(W@(Z*{}))".format, inner(dims)))
    if dims == ("n", "d"):
        ways.append(st.builds("({}@W)".format, inner(dims)))
        ways.append(st.builds("mean(Y*{}, axis=0)".format, inner(("b", "n", "d"))))
    return st.one_of(ways)


@given(_of(("b", "n", "d"), 3))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_random_formulas_of_batches_are_backprop_s_numbers(a: str) -> None:
    formula = f"sum(X*{a})"
    used = set(re.findall(r"[A-Za-z]+", formula))
    found = in_letters(formula, {n: d for n, d in SHAPES.items() if n in used})
    assert found.gradients
    for name, verdict in witnessed(found, check=False).items():
        assert verdict.verdict == "agree", (formula, name, found.gradients[name], verdict)


def _deep(layers: int) -> tuple[str, dict[str, Dims]]:
    stages = [f"h{k} = tanh(W{k}@{f'h{k - 1}' if k else 'x'})" for k in range(layers)]
    shapes: dict[str, Dims] = {f"W{k}": ("n", "n") for k in range(layers)}
    return "; ".join([*stages, f"L = sum(h{layers - 1}^2)"]), {**shapes, "x": ("n",)}


def test_long_gradients_of_stages_have_names(backtrace_command: Command) -> None:
    formula, shapes = _deep(9)
    found = in_letters(formula, shapes)
    assert found.gradients["x"] == "W0.T@(dh0*(1 - h0^2))"
    assert found.stages["dh0"] == "W1.T@(dh1*(1 - h1^2))"
    for name, verdict in witnessed(found, check=False).items():
        assert verdict.verdict == "agree", (name, verdict)
    words = (formula, *(f"{n}:{','.join(dims)}" for n, dims in shapes.items()), "--no-check")
    assert "  upstream dh0 = W1.T@(dh1*(1 - h1^2))" in backtrace_command(*words).out
    markdown = backtrace_command(*words, "--format", "markdown", "--explain").out
    assert "| dh0 | n | `W1.T@(dh1*(1 - h1^2))` | |" in markdown
    latex = backtrace_command(*words, "--format", "latex").out
    assert r"\mathit{dh}_{0} &= W_{1}^\top\,(\mathit{dh}_{1} \odot (1 - h_{1}^{2}))" in latex


def test_a_gradient_takes_no_name_that_there_is() -> None:
    formula, shapes = _deep(9)
    formula = formula.replace("L =", "dh0 = norm2(x); L = dh0 +")
    found = in_letters(formula, shapes)
    assert found.stages["dh0"] == "sum(x^2)"
    assert found.stages["dh0_"] == "W1.T@(dh1*(1 - h1^2))"
    assert {v.verdict for v in witnessed(found, check=False).values()} == {"agree"}


def test_gradients_grow_with_the_layers_and_not_with_their_square() -> None:
    sizes = []
    for layers in (20, 40):
        found = in_letters(*_deep(layers))
        sizes.append(sum(map(len, [*found.gradients.values(), *found.stages.values()])))
    assert sizes[1] < 2.3 * sizes[0]
