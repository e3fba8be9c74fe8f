"""Forward mode and second derivatives of arrays: tangents, dot-product tests, Hessians and their
products, each against another way to the same number; what is wrong is told, and what has no
answer."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import backtrace
from backtrace.algebra.arrays import quiet
from backtrace.algebra.digits import Digits
from backtrace.algebra.lifted import convert, lifted
from backtrace.algebra.values import identical
from backtrace.checks.held import evaluator
from backtrace.errors import BacktraceError
from backtrace.gates import GATES
from backtrace.graph import backprop
from backtrace.render import View
from backtrace.tracing.trace import Trace
from tests.conftest import Command
from tests.gates.random_arrays import SHAPES, random_formula, random_point, settled

NET = "h = tanh(X@W1 + b1); cross_entropy(h@W2 + b2, k)"
POINT: dict[str, Any] = {
    "X": "randn(5, 4)",
    "W1": "randn(4, 6)",
    "b1": "randn(6)",
    "W2": "randn(6, 3)",
    "b2": "randn(3)",
    "k": [0, 2, 1, 1, 0],
}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "vector": ("sum(x^2*y)", {"x": [1, 2], "y": [3, 4]}),
    "matrix": ("sum((W@x - y)^2)", {"W": [[1, 2], [3, 4]], "x": [1, -1], "y": [0, 1]}),
    "batch": ("mean(softplus(X@w + b))", {"X": "randn(6, 3)", "w": [1, 2, 3], "b": 0.5}),
    "net": (NET, POINT),
    "own gate": ("swish(a) = a*sigmoid(a); sum(swish(W@x))", {"W": [[1, 2]], "x": [1, 0.5]}),
    "array out": ("softmax(x)*y", {"x": [1, 2, 3], "y": 2}),
    "relu": ("sum(relu(W@x)^2)", {"W": [[1, 2], [3, -4]], "x": [1, 2]}),
    "attention": (
        "sum(attention(Q, K, V)^2)",
        {"Q": "randn(2, 3)", "K": "randn(4, 3)", "V": "randn(4, 2)"},
    ),
    "convolution": ("sum(conv2d(x, w)^2)", {"x": "randn(1, 4, 4)", "w": "randn(2, 1, 3, 3)"}),
    "singular": ("det(X)", {"X": [[1, 2], [2, 4]]}),
    "norms": ("sum(layer_norm(X)*X^2)", {"X": "randn(2, 3)"}),
}


def traced(kind: str, **options: Any) -> Trace:
    return backtrace.trace(*KINDS[kind], check=False, **options)


def slope_of_gradient(trace: Trace, along: dict[str, Any]) -> dict[str, Any]:
    """By central differences of the backward pass with 150 digits."""
    m = Digits(150)
    many, graph = lifted(m), trace.graph
    point = {name: convert(m, x) for name, x in trace.point.items()}
    values_at, h = evaluator(graph, many, point), m.context.mpf(10) ** -30

    def gradients(t: Any) -> list[Any]:
        values = values_at({n: x + t * convert(m, along[n]) for n, x in point.items()})
        return backprop.backward(graph, values, many).upstreams

    ahead, behind = gradients(h), gradients(-h)
    return {
        name: np.asarray((ahead[k] - behind[k]) / (2 * h), dtype=float)
        for name, k in graph.inputs.items()
    }


def is_at_kink(trace: Trace) -> bool:
    return any(note.kind == "kink" for note in trace.notes)


def random_traces(count: int, seed: int) -> list[Trace]:
    chance, found = random.Random(seed), []
    while len(found) < count:
        text = random_formula(chance, settled).text
        trace = backtrace.trace(text, random_point(chance), check=False)
        if trace.ok and not is_at_kink(trace):
            found.append(trace)
    return found


def held(trace: Trace, chance: random.Random) -> None:
    """The dot-product identity, and Hessian-vector products against the slope of the gradient."""
    along = random_point(chance)
    assert along.keys() == SHAPES.keys()
    for name, direction in along.items():
        found = trace.forward_mode(name, direction)
        terms = np.abs(direction * trace.gradients[name])
        gap = abs(found.by_tangents - float(np.sum(direction * trace.gradients[name])))
        assert gap <= 1e-9 * float(np.sum(terms)) + 1e-12, (name, trace.formula)
    product = trace.hessian_product(along).product
    with quiet():
        slope = slope_of_gradient(trace, along)
    size = max(float(np.max(np.abs(entries))) for entries in slope.values())
    for name, entries in slope.items():
        gap = np.max(np.abs(product[name] - entries))
        assert gap <= 1e-8 * size + 1e-12, (name, trace.formula)


@pytest.mark.slow
def test_random_formulas_of_all_gates() -> None:
    chance = random.Random(0)
    for trace in random_traces(60, seed=1):
        held(trace, chance)


@pytest.mark.slow
def test_many_random_formulas_meet_every_gate() -> None:
    chance, met = random.Random(0), Counter[str]()
    for trace in random_traces(1000, seed=2):
        held(trace, chance)
        met.update(gate.name for _, _, gate in trace.graph.gates())
        constants = [c for node in trace.graph.nodes for c in node.constants]
        met.update(node.gate.name for c in constants for node in c.nodes if node.gate is not None)
    print(f"1000 formulas, {len(met)} kinds of gate")
    missing = {gate.name for gate in GATES.values() if gate.is_of_arrays} - set(met)
    assert missing <= {"affine", "relu_layer", "permute"}, missing  # by --fuse alone; too rare


@pytest.mark.slow
def test_hessians_of_random_formulas_are_symmetric_and_measured() -> None:
    for trace in random_traces(20, seed=3):
        found = trace.hessian()
        assert (found.verdict, found.reason) == ("agree", ""), trace.formula
        size = np.max(np.abs(found.entries))
        np.testing.assert_allclose(found.entries, found.entries.T, rtol=0, atol=1e-9 * size + 1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_agrees_in_every_way(kind: str) -> None:
    trace = traced(kind)
    names = [name for name in trace.point if name != "k"]
    for name in names:
        found = trace.forward_mode(name)
        assert (found.verdict, found.reason) == ("agree", ""), name
        assert len(found.tangents) == len(trace.graph.nodes)
        for tangent, value in zip(found.tangents, trace.values, strict=True):
            assert np.shape(tangent) == np.shape(value)
        assert trace.tangents(name)[-1] is found.tangents[-1]
    product = trace.hessian_product()
    assert (product.verdict, product.reason) == ("agree", "")
    hessian = replace(trace, wrt=tuple(names)).hessian()
    assert (hessian.verdict, hessian.reason) == ("agree", "")
    assert hessian.entries.shape == (sum(np.size(trace.point[n]) for n in names),) * 2
    whole = np.concatenate([np.ravel(product.product[name]) for name in names])
    np.testing.assert_allclose(hessian.entries.sum(1), whole, rtol=1e-9, atol=1e-12)


def test_known_hessians() -> None:
    """∂²/∂W² of |Wx - y|² is 2 x xᵀ for each row, ∂²/∂x² is 2 WᵀW; of a logistic loss
    s(1 - s) x xᵀ (the blackboard's)."""
    weights = np.array([[1.0, 2.0], [3.0, 4.0]])
    trace = backtrace.trace(*KINDS["matrix"], check=False, wrt=["W"])
    found = trace.hessian()
    np.testing.assert_allclose(found.entries, np.kron(np.eye(2), 2 * np.outer([1, -1], [1, -1])))
    assert found.structure == "block diagonal: 2 blocks of 2 x 2, one for each row of W, symmetric"
    assert found.definiteness == "positive semidefinite: 2 of 4 eigenvalues are 0"
    by_x = backtrace.trace(*KINDS["matrix"], check=False, wrt=["x"]).hessian()
    np.testing.assert_allclose(by_x.entries, 2 * weights.T @ weights)
    assert by_x.definiteness == "positive definite"
    x, w = np.array([1.0, 2.0]), np.array([0.3, -0.1])
    s = 1 / (1 + math.exp(-x @ w))
    logistic = backtrace.trace("-ln(sigmoid(dot(x, w)))", {"x": x, "w": w}, wrt=["w"], check=False)
    np.testing.assert_allclose(logistic.hessian().entries, s * (1 - s) * np.outer(x, x))


@pytest.mark.parametrize(
    ("formula", "point", "structure", "definiteness"),
    [
        ("sum(x^2)/2", {"x": [1, 2]}, "the identity", "positive definite"),
        ("sum(x^2)", {"x": [1, 2]}, "a multiple of the identity", "positive definite"),
        ("-sum(x^4)", {"x": [1, 2]}, "diagonal", "negative definite"),
        ("sum(3*x)", {"x": [1, 2]}, "zero", ""),
        ("sum(x)^2", {"x": [1, 2]}, "dense, symmetric", "positive semidefinite: 1 of 2"),
        ("x[0]*x[1]", {"x": [1, 2]}, "2 of 4 entries are not 0, symmetric", "indefinite: 1 of 2"),
        ("sum(x^2) + y^2", {"x": [1, 2], "y": 3}, "a multiple of the identity", "positive"),
        (
            "sum(x)^2 + sum(y)^2",
            {"x": [1, 2], "y": [3, 4]},
            "block diagonal, a block for each of x, y",
            "positive semi",
        ),
        ("sum(x^3)", {"x": [2]}, "one number", "positive definite"),
        ("sum([1, 2])*3", {}, "zero", ""),
    ],
)
def test_what_it_looks_like_is_named(
    formula: str, point: dict[str, Any], structure: str, definiteness: str
) -> None:
    found = backtrace.trace(formula, point, check=False).hessian()
    assert found.structure == structure
    assert found.definiteness.startswith(definiteness)
    assert bool(found.definiteness) == bool(definiteness)


def test_each_variables_own_block_is_named() -> None:
    found = traced("matrix").hessian()
    assert found.parts == (
        "block diagonal: 2 blocks of 2 x 2, one for each row of W, symmetric",
        "dense, symmetric",
        "a multiple of the identity",
    )


def test_an_output_that_is_an_array_counts_as_its_weighed_sum() -> None:
    formula, point = KINDS["array out"]
    weighed = backtrace.trace(formula, point, upstream=[1, 10, 100], check=False)
    summed = backtrace.trace(f"sum(({formula})*[1, 10, 100])", point, check=False)
    np.testing.assert_allclose(weighed.hessian().entries, summed.hessian().entries, atol=1e-12)
    mine, other = weighed.forward_mode("x", [1, 0, 0]), summed.forward_mode("x", [1, 0, 0])
    assert mine.by_tangents == pytest.approx(other.by_tangents)
    assert mine.verdict == "agree"
    assert "weighed by the upstream" in weighed.showing(weighed.hessian()).show()


# what is wrong is told


def _twice(trace: Trace, gate: str, **changes: Any) -> Trace:
    """The trace with another row for every gate of a name."""
    nodes = tuple(
        node._replace(gate=replace(node.gate, **changes))
        if node.gate is not None and node.gate.name == gate
        else node
        for node in trace.graph.nodes
    )
    graph = replace(trace.graph, nodes=nodes)
    return replace(trace, graph=graph)


def test_a_wrong_pullback_fails_the_dot_product_test() -> None:
    right = traced("matrix")
    row = GATES["matmul"]
    wrong = _twice(right, "matmul", pullback=lambda m, k, *o: 1.001 * row.pullback(m, k, *o))
    found = wrong.forward_mode("x", [1, 2])
    assert found.verdict == "disagree"
    assert "by tangents" in found.reason
    assert not wrong.showing(found).ok
    assert right.forward_mode("x", [1, 2]).verdict == "agree"


def test_a_wrong_local_gradient_is_no_measured_slope() -> None:
    """Tangents and gradients go by the same wrong number; the forward rules know better."""
    wrong = _twice(traced("net"), "tanh", local=(lambda m, f, x: 1.1 - f * f,), accurate=None)
    wrong = replace(wrong, locals=_locals(wrong))
    found = wrong.forward_mode("W1")
    assert found.verdict == "disagree"
    assert "measured" in found.reason
    for second in (wrong.hessian_product({"W1": 1}), replace(wrong, wrt=("W1",)).hessian()):
        assert second.verdict == "disagree", second
        assert not wrong.showing(second).ok


def _locals(trace: Trace) -> tuple[tuple[Any, ...], ...]:
    from backtrace.algebra.arrays import ARRAYS

    return tuple(map(tuple, backprop.backward(trace.graph, trace.values, ARRAYS).locals))


def test_a_pullback_that_is_no_gradient_bends_otherwise() -> None:
    """Right at the point, and with another slope: only second derivatives can tell."""
    right = backtrace.trace("sum((A@x)^2)", {"A": [[1, 2], [3, 4]], "x": [1, 1]}, check=False)
    row = GATES["matmul"]

    def frozen(m: Any, k: int, u: Any, f: Any, a: Any, b: Any) -> Any:
        return row.pullback(m, k, u, f, m.real(a), b)

    wrong = _twice(right, "matmul", pullback=frozen)
    assert wrong.forward_mode("x").verdict == "agree"
    assert wrong.hessian().verdict == "disagree"


# what has no answer, or only some


@pytest.mark.parametrize(
    ("formula", "point", "verdict", "words"),
    [
        ("sum(relu(x))", {"x": [0, 1]}, "kink", "relu #1 is at a kink"),
        ("sum(relu(x)^2)", {"x": [0, 1]}, "kink", "relu #1 is at a kink"),
        ("sum(relu(x)^3)", {"x": [0, 1]}, "agree", ""),
        ("max(x)*sum(x)", {"x": [1, 1]}, "kink", "max #1 is at a kink"),
        ("norm(x)", {"x": [0, 0]}, "kink", "norm #1 is at a kink"),
        ("sum(x^1.5)", {"x": [0, 1]}, "skipped", "edge of a domain"),
        ("sum(ln(x))", {"x": [-1, 1]}, "skipped", "not finite"),
        ("sum(1e200*x*x)", {"x": [1e200, 1]}, "skipped", "not finite"),
        ("sum((1 - cos(x))/x^2)", {"x": [1e-5, 1]}, "lost digits", "the measured slope"),
        ("sum(detach(x)*x)", {"x": [1, 2]}, "agree", ""),
        ("sum(where(x > 0, ln(x), 0))", {"x": [-1, 2]}, "agree", ""),
        ("sum(x*1e-200*x)", {"x": [1e-100, 1e-200]}, "agree", ""),
        ("sum(floor(x)*x)", {"x": [0.5, 1.5]}, "agree", ""),
        ("sum(x^4)", {"x": [0, 0]}, "agree", ""),
        ("sum(sinc(x))", {"x": [0.5, -0.5]}, "agree", ""),
        ("sum(trigamma(x))", {"x": [0.5, 2]}, "agree", ""),
        ("sum(elu(x, 1))", {"x": [0, 1]}, "kink", "turns here"),
        ("sum(x^4*y)", {"x": [0, 1e-20], "y": 0}, "agree", ""),
        ("sum((1 + w^2)^z)", {"w": [1, 2], "z": 0}, "agree", ""),
        ("sum(w^z)", {"w": [1, 2], "z": [0, 0]}, "agree", ""),
    ],
)
def test_where_there_is_no_second_derivative_it_is_said(
    formula: str, point: dict[str, Any], verdict: str, words: str
) -> None:
    found = backtrace.trace(formula, point, check=False).hessian()
    assert found.verdict == verdict
    assert words in found.reason
    if verdict == "kink":
        assert (found.definiteness, found.eigenvalues) == ("", ())


@pytest.mark.parametrize(
    ("formula", "point", "verdict"),
    [
        ("sum(abs(x))", {"x": [0, 1]}, "kink"),
        ("sum(relu(x) - relu(-x))", {"x": [0, 1]}, "wrong at kink"),
        ("sum(relu(x)^2)", {"x": [0, 1]}, "agree"),
        ("max(x)", {"x": [1, 1]}, "agree"),
        ("sum(sqrt(x))", {"x": [0, 1]}, "skipped"),
        ("sum(ln(x))", {"x": [-1, 2]}, "skipped"),
    ],
)
def test_tangents_at_kinks_and_edges(formula: str, point: dict[str, Any], verdict: str) -> None:
    trace = backtrace.trace(formula, point, check=False)
    found = trace.forward_mode("x")
    assert found.verdict == verdict
    assert trace.showing(found).show("tree").count("forward mode") == 1


@pytest.mark.parametrize("kink", ["minimum-norm", "left", "right", "split", "torch", "jax"])
@pytest.mark.parametrize(
    "formula",
    [
        "sum(max(X, axis=1)*[1, 2])",
        "sum(max_pool(X, 2)*3)",
        "sum(sort(X)*[[1, 2], [3, 4]])",
        "norm(X - [[1, 1], [0, 2]]) + sum(norm1(X, axis=0))",
        "sum(relu(X)*[1, 2])",
        "up(a) = max(a, 0); sum(up(X)*[1, 2])",
        "up(a) = max(a, axis=0); sum(up(X)*[1, 2])",
    ],
)
def test_tangents_go_by_the_convention_that_gradients_go_by(formula: str, kink: str) -> None:
    trace = backtrace.trace(formula, {"X": [[1, 1], [0, 2]]}, kink=kink, check=False)
    found = trace.forward_mode("X", [[1, 0], [2, 3]])
    both = pytest.approx(found.by_gradients, rel=1e-14, nan_ok=True)  # JAX has nan at norm(0)
    assert found.by_tangents == both


def test_what_is_not_finite_is_no_warning() -> None:
    """(Warnings are errors here.) Both in the trace's own notes and along directions."""
    trace = backtrace.trace("sum(x % y)", {"x": [1, 2], "y": [0, 1]}, check=False)
    assert trace.fault is not None
    assert trace.forward_mode("x").verdict == "skipped"
    assert trace.hessian().verdict == "skipped"


def test_indices_and_classes_move_nothing() -> None:
    trace = backtrace.trace("sum(take(x, k)^2*take(x, [0]))", {"x": [1, 2], "k": [0, 1, 1]})
    assert [*trace.hessian_product().along] == ["x"]
    for found in (trace.hessian_product(), trace.hessian_product({"k": 1}), trace.hessian()):
        assert (found.verdict, found.reason) == ("agree", "")
    along_k = trace.forward_mode("k")
    assert (along_k.by_tangents, along_k.measured, along_k.verdict) == (0, 0, "agree")
    rows = {"z": [[1, 2], [3, 1]], "p": [[0.5, 0.5], [0.1, 0.9]]}
    probabilities = backtrace.trace("cross_entropy(z, p)", rows, check=False)
    assert [*probabilities.hessian_product().along] == ["z", "p"]
    assert probabilities.hessian_product({"p": [[1, 0], [0, 0]]}).verdict == "agree"


def test_too_large_a_hessian_is_refused_and_its_product_is_not() -> None:
    trace = backtrace.trace("sum((W@x)^2)", {"W": "randn(20, 10)", "x": "randn(10)"}, check=False)
    with pytest.raises(BacktraceError, match=r"by W, x is 210 x 210: too large"):
        trace.hessian()
    assert replace(trace, wrt=("x",)).hessian().verdict == "agree"
    assert trace.second_derivatives().verdict == "agree"
    assert [*trace.second_derivatives().along] == ["W", "x"]


def test_large_arrays_are_measured_in_floats() -> None:
    names = {"X": "randn(64, 300)", "W1": "randn(300, 50)", "W2": "randn(50, 10)"}
    trace = backtrace.trace(
        "cross_entropy(relu(X@W1/20)@W2/10, k)", {**names, "k": "zeros(64)"}, check=False
    )
    found = trace.hessian_product({"W1": "randn(300, 50)", "W2": 0.1})
    assert (found.verdict, found.reason) == ("agree", "")
    assert found.measured is not None
    assert found.bend is None
    assert trace.forward_mode("W1").verdict == "agree"


@pytest.mark.parametrize(
    ("formula", "point", "verdict"),
    [
        ("sum(relu(X)^2)", {"X": "zeros(300, 200)"}, "kink"),
        ("sum(X)", {"X": "randn(300, 300)"}, "agree"),
        ("sum((X@w)^4)", {"X": "1e6*randn(300, 200)", "w": "1e6*randn(200)"}, "agree"),
        ("1e-12*sum((X@w)^2)", {"X": "1e-6*randn(300, 200)", "w": "1e-6*randn(200)"}, "agree"),
        ("logdet(A@A.T + eye(40))", {"A": "randn(40, 40)"}, "agree"),
        ("sum(cumsum(sort(x))*x)", {"x": "randn(9000)"}, "agree"),
    ],
)
def test_large_arrays_of_all_sizes(formula: str, point: dict[str, str], verdict: str) -> None:
    trace = backtrace.trace(formula, point, check=False)
    assert trace.hessian_product().verdict == verdict
    assert trace.forward_mode(next(iter(point))).verdict == verdict


@pytest.mark.slow
def test_hundreds_of_gates() -> None:
    stages = "; ".join(f"h{k} = sin(h{k - 1} + x)" for k in range(1, 200))
    trace = backtrace.trace(f"h0 = x; {stages}; sum(h199)", {"x": [0.1, 0.2, 0.3]}, check=False)
    assert trace.forward_mode("x").verdict == "agree"
    found = trace.hessian()
    assert (found.verdict, found.structure) == ("agree", "diagonal")
    text = trace.showing(trace.forward_mode("x")).show("tree")
    assert "... 81 more" in text or "more" in text.split("forward mode")[1]


# as it is asked for


@pytest.mark.parametrize(
    ("along", "words"),
    [
        ({"x": [1, 2, 3]}, "the direction of x has shape 3, and x has shape 2"),
        ({"q": 1}, "no variable 'q'"),
        ({"x": math.inf}, "must be a finite number"),
        ({"x": "[1, 2"}, "never closed"),
        ({"x": "hello"}, "hello"),
    ],
)
def test_directions_that_do_not_fit(along: dict[str, Any], words: str) -> None:
    trace = traced("matrix")
    for ask in (trace.hessian_product, lambda a: trace.forward_mode("x", a)):
        with pytest.raises(BacktraceError, match=words.replace("[", r"\[")):
            ask(along)


def test_a_direction_is_a_number_an_array_or_a_text() -> None:
    trace = traced("matrix")
    for along in ([1, 1], np.ones(2), 1, "[1, 1]", "1", {"x": [1, 1]}):
        found = trace.forward_mode("x", along)
        assert (found.along.tolist(), found.is_chosen) == ([1.0, 1.0], True)
        assert found.by_tangents == trace.forward_mode("x").by_tangents
    assert not trace.forward_mode("x").is_chosen
    with pytest.raises(BacktraceError, match="moves W, and the tangents are by x"):
        trace.forward_mode("x", {"W": 1})
    assert trace.forward_mode("x", 0).by_tangents == 0
    assert trace.hessian_product({"x": 0}).curvature == 0


def test_what_moves_need_not_be_asked_for() -> None:
    trace = replace(traced("matrix"), wrt=("x",))
    found = trace.hessian_product({"W": [[1, 0], [0, 0]]})
    assert [*found.product] == ["x"]
    assert found.measured is not None
    assert [*found.measured] == ["x"]
    whole = traced("matrix").hessian_product({"W": [[1, 0], [0, 0]]})
    np.testing.assert_array_equal(found.product["x"], whole.product["x"])
    assert found.curvature == whole.curvature


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_shows_it_and_a_saved_trace_has_it(kind: str) -> None:
    trace = traced(kind)
    name = next(iter(trace.point))
    wrt = trace.wrt if kind != "net" else ("b1",)
    small = replace(trace, wrt=wrt)
    shown = small.showing(
        small.forward_mode(name), small.hessian(), small.hessian_product({name: 1})
    )
    again = Trace.from_json(shown.to_json())
    assert identical(again.asked, shown.asked)
    assert again.to_json() == shown.to_json()
    for format in ("table", "tree", "markdown"):
        for view in (View(), View(ascii=True)):
            text = shown.show(format, view)
            assert "dot-product test" in text
            assert "Hv, the Hessian" in text.replace("\\", "")
            assert view.ascii <= text.isascii()
            if format != "markdown":
                assert max(map(len, text.splitlines())) <= 80
    result = json.loads(shown.show("jsonl").splitlines()[-1])
    assert result["hessian"]["verdict"] == "agree"


def test_the_command_is_the_same(backtrace_command: Command) -> None:
    formula, _ = KINDS["matrix"]
    words = ["W=[[1,2],[3,4]]", "x=[1,-1]", "y=[0,1]", "--no-check", "--json"]
    trace = traced("matrix")
    ended = backtrace_command(formula, *words, "--order", "2", "--wrt", "x")
    asked = replace(trace, wrt=("x",))
    assert ended.out == asked.showing(asked.hessian()).to_json()
    ended = backtrace_command(formula, *words, "--order", "2", "--along", "W=1")
    assert ended.out == trace.showing(trace.hessian_product({"W": 1})).to_json()
    ended = backtrace_command(formula, *words, "--forward", "W,x", "--along", "x=[1,0]")
    forward = (trace.forward_mode("W"), trace.forward_mode("x", [1, 0]))
    assert ended.out == trace.showing(*forward).to_json()
    ended = backtrace_command("x^2*y", "x=1", "y=2", "--forward", "x", "--along", "x=3", "--json")
    assert json.loads(ended.out)["tangents"] == {"x": [3, 0, 6, 12]}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--along", "x=1"], "nothing is asked along it"),
        (["--forward", "x", "--along", "W=1"], "--along moves W, and --forward is by x"),
        (["--forward", "x", "--along", "q=1"], "no variable 'q'"),
        (["--forward", "q"], "no variable 'q'"),
        (["--order", "2", "--along", "x"], "is not NAME=VALUE"),
        (["--order", "2", "--along", "x=1", "--along", "x=2"], "given twice"),
        (["--order", "2", "--format", "svg"], "--order 2 has no place in svg"),
        (["--order", "3"], "--order is 1 or 2"),
    ],
)
def test_what_cannot_be_asked(options: list[str], words: str, backtrace_command: Command) -> None:
    ended = backtrace_command("sum(W@x)", "W=[[1,2]]", "x=[1,2]", *options)
    assert (ended.status, ended.out) == (2, "")
    assert words in ended.err


def test_a_wrong_second_derivative_ends_in_an_error(backtrace_command: Command) -> None:
    ended = backtrace_command("sum((1 - cos(x))/x^2)", "x=[1e-5,1]", "--order", "2", "--no-check")
    assert ended.status == 1
    assert "finds digits lost in the second derivatives: at x[0]" in ended.err
