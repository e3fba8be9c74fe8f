"""Random formulas, built from the table: backprop = SymPy = slope, whatever they are; what is
printed reads as the same graph."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

import backtrace
from backtrace.algebra.floats import FLOATS
from backtrace.checks.crosscheck import Budget
from backtrace.errors import BacktraceError
from backtrace.formula.parser import parse
from backtrace.formula.printer import source
from backtrace.gates import GATES, Gate
from backtrace.graph import Graph, Node
from backtrace.graph.backprop import backward
from tests.conftest import inputs

CALLED = [
    g
    for g in GATES.values()
    if not (g.operator or g.is_of_arrays) and g.name not in ("where", "identity")
]
INFIX = [GATES[name].operator for name in ("add", "sub", "mul", "div", "pow")]
VARIABLES = ("x", "y", "z")
NUMBERS = ("2", "3", "0.5", "1.25", "10", "pi")


def _call(pieces: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def arguments(gate: Gate) -> st.SearchStrategy[str]:
        needed = len(inputs(gate)) - len(gate.defaults)
        most = 4 if gate.variadic else needed
        least = 1 if gate.variadic else needed
        inner = st.lists(pieces, min_size=least, max_size=most)
        order = st.sampled_from([f"{n}, " for n in range(5)] if gate.fixed else [""])
        given = st.tuples(order, inner.map(", ".join))
        return given.map(lambda parts: f"{gate.name}({''.join(parts)})")

    return st.sampled_from(CALLED).flatmap(arguments)


def _extend(pieces: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    comparison = st.sampled_from(["<", "<=", ">", ">="])
    return st.one_of(
        st.builds("{}{}{}".format, pieces, st.sampled_from(INFIX), pieces),
        st.builds("({})".format, pieces),
        st.builds("({}){}({})".format, pieces, st.sampled_from(["*", "/", "-", ""]), pieces),
        st.builds("-{}".format, pieces),
        st.builds("|{}|".format, pieces),
        st.builds("({})²".format, pieces),
        _call(pieces),
        st.builds("where({}{}{}, {}, {})".format, pieces, comparison, pieces, pieces, pieces),
    )


LEAVES = st.one_of(st.sampled_from(VARIABLES), st.sampled_from(VARIABLES), st.sampled_from(NUMBERS))
FORMULAS = st.recursive(LEAVES, _extend, max_leaves=8)
EXTREME = st.sampled_from((0.0, 1.0, -1.0, 1e-40, -1e-9, 1e16, 700.0, -700.0, 0.5))
COORDINATE = st.floats(0.1, 3.0).map(lambda v: round(v, 3)) | st.floats(-3.0, -0.1).map(
    lambda v: round(v, 3)
)
EXTREME_POINTS = st.fixed_dictionaries(dict.fromkeys(VARIABLES, EXTREME))
POINTS = st.fixed_dictionaries(dict.fromkeys(VARIABLES, COORDINATE))
QUIET = (HealthCheck.too_slow, HealthCheck.filter_too_much)
BUDGET = Budget(symbolic_seconds=1.0)


def _is_tied(values: list[float], node: Node) -> bool:
    """Whether the last bits decide a comparison: x^2/x <= x, which stands at its kink."""
    if node.gate is None or not node.gate.is_comparison:
        return False
    a, b = node.operand_values(values, FLOATS)
    return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)


def _stands_alone(graph: Graph, point: dict[str, float], name: str) -> bool:
    """Whether nothing is defined beside the point: x^x at -1 has no slope."""
    beside = [{**point, name: point[name] * (1 + step)} for step in (-1e-7, 1e-7)]
    return not any(all(map(math.isfinite, graph.evaluate(FLOATS, there))) for there in beside)


def traced_where_it_can_be(formula: str, point: dict[str, float]) -> backtrace.Trace:
    """The checked trace; formulas that are refused, overflow or stand at a kink are passed over."""
    try:
        graph = parse(formula, point)
        point = {name: point[name] for name in graph.inputs}
        values = graph.evaluate(FLOATS, point)
        assume(point)
        assume(all(math.isfinite(v) and abs(v) < 1e8 for v in values))
        flow = backward(graph, values, FLOATS)
        assume(all(map(math.isfinite, flow.upstreams)))
        assume(not flow.kinks)
        assume(not any(_is_tied(values, node) for node in graph.nodes))
        assume(not any(_stands_alone(graph, point, name) for name in point))
        return backtrace.trace(formula, point, budget=BUDGET)
    except BacktraceError:
        assume(False)
        raise


@given(FORMULAS, POINTS)
@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
def test_backprop_sympy_and_slope_agree(formula: str, point: dict[str, float]) -> None:
    trace = traced_where_it_can_be(formula, point)
    assert trace.ok, (formula, point, trace.disagreements)
    for check in trace.checks.values():
        assert check.verdict == "agree"
        assert check.numeric is not None
        event("symbolic" if check.symbolic is not None else f"skipped: {check.reason}")
        if check.symbolic is not None and not check.reason:
            assert check.numeric == pytest.approx(check.symbolic, rel=1e-12, abs=1e-25)


@pytest.mark.parametrize("formula", ["sign(x^x)", "(x^x)*0 + 3", "x^x"])
def test_where_nothing_is_defined_beside_the_point_nothing_is_confirmed(formula: str) -> None:
    check = backtrace.trace(formula, {"x": -1.0}).checks["x"]
    assert check.verdict != "agree"


def test_the_symbolic_witness_speaks_for_random_formulas() -> None:
    """A property that every formula could pass by being skipped would say nothing."""
    heard: list[bool] = []

    @given(FORMULAS, POINTS)
    @settings(max_examples=40, deadline=None, suppress_health_check=QUIET, derandomize=True)
    def collect(formula: str, point: dict[str, float]) -> None:
        trace = traced_where_it_can_be(formula, point)
        heard.extend(check.symbolic is not None for check in trace.checks.values())

    collect()
    assert len(heard) >= 40
    assert sum(heard) >= 0.95 * len(heard)


@pytest.mark.slow
@given(FORMULAS, EXTREME_POINTS)
@settings(max_examples=600, deadline=None, suppress_health_check=QUIET)
def test_no_false_alarm_at_extreme_points(formula: str, point: dict[str, float]) -> None:
    try:
        graph = parse(formula, point)
        here = {name: point[name] for name in graph.inputs}
        trace = backtrace.trace(formula, here, budget=BUDGET)
    except BacktraceError:  # also a constant that is not finite: log(-2)
        assume(False)
        raise
    assert not trace.disagreements, (formula, point, trace.disagreements)


@pytest.mark.slow
@given(st.recursive(LEAVES, _extend, max_leaves=16), POINTS)
@settings(max_examples=1500, deadline=None, suppress_health_check=QUIET)
def test_backprop_sympy_and_slope_agree_at_length(formula: str, point: dict[str, float]) -> None:
    trace = traced_where_it_can_be(formula, point)
    assert trace.ok, (formula, point, trace.disagreements)


@given(st.recursive(LEAVES, _extend, max_leaves=20))
@settings(max_examples=400, deadline=None, suppress_health_check=QUIET)
def test_printing_and_reading_again_gives_the_same_graph(formula: str) -> None:
    try:
        graph = parse(formula)
    except BacktraceError:
        assume(False)
        raise
    assert parse(source(graph)) == graph


@given(st.lists(FORMULAS, min_size=1, max_size=4))
@settings(max_examples=150, deadline=None, suppress_health_check=QUIET)
def test_stages_print_and_read_again_too(formulas: list[str]) -> None:
    names = [f"q{i}" for i in range(len(formulas))]
    text = "; ".join(f"{n} = {f}" for n, f in zip(names, formulas, strict=True))
    text += "; " + "+".join(names)
    try:
        graph = parse(text)
    except BacktraceError:
        assume(False)
        raise
    assert parse(source(graph)) == graph


@given(st.text(max_size=30))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_formula_or_an_error_with_a_place(text: str) -> None:
    try:
        parse(text)
    except BacktraceError as error:
        drawn = str(error)
        assert all(c.isprintable() or c == "\n" for c in drawn)


@given(st.text(alphabet="xyz0123456789.+-*/^()|,=<> ²√eE;\n", max_size=40))
@settings(max_examples=500, deadline=None)
def test_near_formulas_too(text: str) -> None:
    try:
        graph = parse(text)
    except BacktraceError as error:
        assert error.what  # noqa: PT017
        return
    assert parse(source(graph)) == graph
