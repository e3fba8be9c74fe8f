"""Groups that spell out a gate, and what must be left alone."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings

import backtrace
from backtrace.algebra.digits import Digits
from backtrace.algebra.floats import FLOATS
from backtrace.errors import BacktraceError
from backtrace.formula.parser import parse
from backtrace.formula.printer import source
from backtrace.gates import CONVENTIONS, GATES, Gate
from backtrace.graph.backprop import backward
from backtrace.rewrite import expand, fusable, fuse
from backtrace.rewrite.fusion import _patterns
from backtrace.rewrite.spellings import spelled, spelling
from tests.tracing.test_properties import FORMULAS, POINTS, QUIET


@pytest.mark.small
@pytest.mark.parametrize(
    "formula",
    [
        "1/(2 + exp(-x))",
        "1/(1 + exp(-x)*y)",
        "1/(1 - exp(-x))",
        "2/(1 + exp(-x))",
        "max(x, 1)",
        "max(x, y)",
        "min(0, x)",
        "ln(1 + exp(x) + y)",
        "ln(2 + exp(x))",
        "ln(exp(x) + y)",
        "exp(x)/(1 + exp(y))",
        "x*y",
        "x^3",
        "sqrt(x^3 + y)",
        "sqrt(x + y)",
        "x*sigmoid(y)",
        "where(x > 1, x, 0)",
        "where(x >= 0, x, 0)",
        "where(x > 0, y, 0)",
        "(exp(x) - exp(-y))/(exp(x) + exp(-x))",
        "expm1(3*x)/(exp(2*x) + 1)",
        "ln(x)/ln(3)",
        "max(-2, min(1, x))",
    ],
)
def test_what_must_not_fuse(formula: str) -> None:
    graph = parse(formula)
    assert fuse(graph).groups == ()
    assert fuse(graph).graph == graph


@pytest.mark.small
@pytest.mark.parametrize(
    ("formula", "fused"),
    [
        ("1/(1+exp(-x))", "sigmoid(x)"),
        ("1/(exp(-x)+1)", "sigmoid(x)"),
        ("(1+exp(-x))^-1", "sigmoid(x)"),
        ("exp(x)/(1+exp(x))", "sigmoid(x)"),
        ("e^x/(e^x+1)", "sigmoid(x)"),
        ("1/(1+exp(-1*x))", "sigmoid(x)"),
        ("1/(1+exp(-(w*x+b)))", "sigmoid(w*x + b)"),
        ("(exp(x)-exp(-x))/(exp(-x)+exp(x))", "tanh(x)"),
        ("n = w*x; e2 = exp(2*n); (e2-1)*(e2+1)^-1", "n = w*x; tanh(n)"),
        ("(exp(2*x)-1)/(1+exp(2*x))", "tanh(x)"),
        ("2*sigmoid(2*x)-1", "tanh(x)"),
        ("log(exp(x)+1)", "softplus(x)"),
        ("max(x, 0)", "relu(x)"),
        ("where(0 < x, x, 0)", "relu(x)"),
        ("max(0.01*x, x)", "leaky_relu(x)"),
        ("where(x > 0, x, 0.2*x)", "leaky_relu(x, 0.2)"),
        ("x*(1/(1+exp(-x)))", "silu(x)"),
        ("x/(1+exp(-x))", "silu(x)"),
        ("x*tanh(ln(1+exp(x)))", "mish(x)"),
        ("0.5*x*(1+erf(x/sqrt(2)))", "gelu(x)"),
        ("min(max(x, -1), 1)", "hardtanh(x)"),
        ("x*x", "square(x)"),
        ("x^2", "square(x)"),
        ("ln(x)/ln(2)", "log2(x)"),
        ("ln(exp(x)+exp(y)+exp(z))", "logsumexp(x, y, z)"),
        ("ln(exp(x)+(exp(y)+exp(z)))", "logsumexp(x, y, z)"),
        ("sqrt(x^2+y*y)", "hypot(x, y)"),
        ("sqrt(x^2+y^2+z^2)", "hypot(x, y, z)"),
        ("q = 1+exp(-x); 1/q + q", "q = 1 + exp(-x); sigmoid(x) + q"),
        ("s = 1/(1+exp(-x)); s*(1-s)", "s = sigmoid(x); s*(1 - s)"),
        ("sw(a) = a*sigmoid(a); y*sigmoid(y)", "sw(y)"),
        ("(exp(3*x) - 1)/(exp(2*x) + 1)", "expm1(3*x)/(exp(2*x) + 1)"),
        ("log(1 + x^2)*(exp(y) - 1)", "log1p(square(x))*expm1(y)"),
        ("log(exp(x) + 1)", "softplus(x)"),
    ],
)
def test_what_fuses(formula: str, fused: str) -> None:
    assert source(fuse(parse(formula)).graph) == fused


@pytest.mark.small
def test_only_the_gates_that_are_named() -> None:
    graph = parse("x*(1/(1+exp(-x))) + max(0, y)")
    assert source(fuse(graph, ["relu"]).graph) == "x*(1/(1 + exp(-x))) + relu(y)"
    assert source(fuse(graph, ["sigmoid"]).graph) == "x*sigmoid(x) + max(0, y)"
    assert source(fuse(graph, ["silu"]).graph) == "silu(x) + max(0, y)"


COMPOSITE = [
    pytest.param(gate, id=gate.name) for gate in fusable().values() if not gate.is_of_arrays
]


@pytest.mark.small
@pytest.mark.parametrize("gate", COMPOSITE)
def test_fusing_what_was_expanded_gives_the_gate_again(gate: Gate) -> None:
    counts = (2, 3, 5) if gate.variadic else (len(gate.parameters) - len(gate.defaults),)
    for count in counts:
        names = [f"v{k}" for k in range(count)]
        graph = parse(f"{gate.name}({', '.join(names)})")
        opened = expand(graph)
        assert all(not g.is_composite for _, _, g in opened.gates())
        assert fuse(opened).graph == graph


@pytest.mark.small
@pytest.mark.parametrize("gate", COMPOSITE)
def test_every_spelling_is_the_gate(gate: Gate) -> None:
    for text in gate.spellings:
        graph = parse(text, gate.parameters)
        opened = expand(graph)
        for value in (-1.3, 0.4, 2.0):
            point = dict.fromkeys(graph.inputs, value)
            if "a" in point:
                point["a"] = 0.3
            operands = [point.get(p, float(gate.defaults.get(p, 0))) for p in gate.parameters]
            expected = gate.forward(FLOATS, *operands)
            assert opened.evaluate(FLOATS, point)[opened.output] == pytest.approx(expected)


@pytest.mark.parametrize("gate", fusable().values(), ids=lambda gate: gate.name)
def test_every_spelling_is_read_where_it_stands(gate: Gate) -> None:
    """Opened too: a spelling is left out only of graphs without the functions that it calls."""
    for text in spelled(gate):
        graph = spelling(gate, text)
        for there in (graph, expand(graph)):
            assert text in {pattern.text for pattern in _patterns(there, [gate])}


def test_a_formula_without_functions_reads_few_spellings() -> None:
    every = {text for gate in fusable().values() for text in spelled(gate)}
    read = {pattern.text for pattern in _patterns(parse("(x+y)*z"), fusable().values())}
    assert read <= every
    assert len(read) < len(every) / 10


def test_the_sum_of_a_diagonal_is_the_trace_of_a_matrix_alone() -> None:
    """diag(v) of a vector is a matrix, whose sum is no trace of v."""
    matrix = backtrace.trace("sum(diag(M))", {"M": [[1, 2], [3, 4]]}, fuse=True)
    assert source(matrix.graph) == "trace(M)"
    vector = backtrace.trace("sum(diag(v))", {"v": [1, 2]}, fuse=True)
    assert source(vector.graph) == "sum(diag(v))"
    assert vector.value == 3


@pytest.mark.parametrize("gate", COMPOSITE)
def test_every_spelling_is_the_gate_to_fifty_digits(gate: Gate) -> None:
    """Values and gradients of gate, formula and spellings: the same function, not a near one."""
    m = Digits(60, decimal=True)
    call = f"{gate.name}({', '.join(gate.parameters)})"
    for text in (gate.formula, *gate.spellings):
        spelled = expand(parse(text, gate.parameters))
        names = [n for n in gate.parameters if n in spelled.inputs]
        whole = parse(call if len(names) == len(gate.parameters) else f"{gate.name}(x)")
        for number in ("-1.37", "0.41", "2.03"):
            if not gate.domain.holds(*[float(number)] * len(gate.parameters)):
                continue
            point = {n: m.number(number) for n in whole.inputs}
            point |= {"a": m.number("0.3")} if "a" in point else {}
            point |= {"lo": m.number("-3"), "hi": m.number("2")} if "lo" in point else {}
            sides = []
            for graph in (whole, spelled):
                values = graph.evaluate(m, point)
                flow = backward(graph, values, m)
                slopes = [flow.upstreams[graph.inputs[n]] for n in names]
                sides.append([values[graph.output], *slopes])
            for a, b in zip(*sides, strict=True):
                assert a == b or abs(a - b) < m.number("1e-45") * max(abs(a), abs(b), 1)


@given(FORMULAS, POINTS)
@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
def test_fusing_and_expanding_change_no_value_and_no_gradient(
    formula: str, point: dict[str, float]
) -> None:
    try:
        graph = parse(formula, point)
        point = {name: point[name] for name in graph.inputs}
        plain = backtrace.trace(formula, point, check=False)
    except BacktraceError:
        assume(False)
        raise
    assume(plain.ok and not plain.notes and all(abs(v) < 1e6 for v in plain.values))
    for shape in ({"fuse": True}, {"expand": True}, {"expand": True, "fuse": True}):
        other = backtrace.trace(formula, point, check=False, **shape)
        assume(other.ok and not other.notes)
        assert other.value == pytest.approx(plain.value, rel=1e-6, abs=1e-9)
        assert other.gradients == pytest.approx(plain.gradients, rel=1e-5, abs=1e-7)


@pytest.mark.small
def test_where_only_the_fused_gate_survives() -> None:
    plain = backtrace.trace("1/(1+exp(-x))", {"x": -1000}, check=False)
    fused = backtrace.trace("1/(1+exp(-x))", {"x": -1000}, check=False, fuse=True)
    assert not plain.ok
    assert fused.ok
    assert fused.gradients == {"x": 0}


def test_a_fused_trace_is_checked_against_the_formula_as_written() -> None:
    t = backtrace.trace("x/(1+exp(-x)) + sqrt(y^2 + 9*z^2)", {"x": 2, "y": 3, "z": 1}, fuse=True)
    assert t.ok
    assert {c.verdict for c in t.checks.values()} == {"agree"}
    assert all(c.symbolic is not None for c in t.checks.values())
    assert backtrace.Trace.from_json(t.to_json()) == t


@pytest.mark.small
def test_definitions_given_beside_the_formula() -> None:
    library = "cube(a) = a^3\nsw(a) = a*sigmoid(a)\n"
    t = backtrace.trace("cube(x) + x*sigmoid(x)", {"x": 2}, gates=library, fuse=["sw"], check=False)
    assert [gate.name for _, _, gate in t.graph.gates()] == ["cube", "sw", "add"]
    opened = backtrace.trace("cube(x)", {"x": 2}, gates=library, expand=True, check=False)
    assert [gate.name for _, _, gate in opened.graph.gates()] == ["pow"]


MEASURED = {
    # what torch 2.13.0 and jax 0.10.2 gave on the CPU, in 64-bit floats, on 2026-11-21
    ("max(x, y)", 2.0): {"torch": 0.5, "jax": 0.5, "left": 0, "right": 1, "split": 0.5},
    ("min(x, y)", 2.0): {"torch": 0.5, "jax": 0.5, "left": 1, "right": 0, "split": 0.5},
    ("max(x, 0)", 0.0): {"torch": 0.5, "jax": 0.5, "left": 0, "right": 1, "split": 0.5},
    ("relu(x)", 0.0): {"torch": 0, "jax": 0, "left": 0, "right": 1, "split": 0.5},
    ("leaky_relu(x)", 0.0): {"torch": 0.01, "jax": 1, "left": 0.01, "right": 1, "split": 0.505},
    ("elu(x, 2)", 0.0): {"torch": 2, "jax": 2, "left": 2, "right": 1, "split": 1.5},
    ("selu(x)", 0.0): {"torch": 1.7580993408473766, "jax": 1.7580993408473766},
    ("hardtanh(x)", 1.0): {"torch": 0, "jax": 1, "left": 1, "right": 0, "split": 0.5},
    ("hardtanh(x)", -1.0): {"torch": 0, "jax": 1, "left": 0, "right": 1, "split": 0.5},
    ("|x|", 0.0): {"torch": 0, "jax": 1, "left": -1, "right": 1, "split": 0},
    ("sign(x)", 0.0): {"torch": 0, "jax": 0, "left": 0, "right": 0, "split": 0},
    ("hypot(x, y)", 0.0): {"torch": float("nan"), "jax": 0.5, "left": -1, "right": 1},
    ("atan2(x, y)", 0.0): {"torch": 0, "jax": float("nan")},
    ("g(a) = |a|; g(x)", 0.0): {"jax": 1, "left": -1, "right": 1, "split": 0},
}


@pytest.mark.small
@pytest.mark.parametrize(("formula", "x"), MEASURED)
def test_the_conventions_at_kinks(formula: str, x: float) -> None:
    point = {"x": x, **({"y": x} if ", y" in formula else {})}
    for convention, slope in MEASURED[formula, x].items():
        trace = backtrace.trace(formula, point, check=False, kink=convention)
        assert trace.gradients["x"] == pytest.approx(slope, nan_ok=True), convention


@pytest.mark.small
def test_every_convention_is_known_to_every_kink() -> None:
    for gate in GATES.values():
        if gate.kink is not None:
            assert set(gate.kink.others) <= set(CONVENTIONS)
    with pytest.raises(BacktraceError, match="no convention 'middle'"):
        backtrace.trace("x", {"x": 1}, kink="middle")
