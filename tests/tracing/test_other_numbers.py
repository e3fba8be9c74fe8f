"""The same trace as formulas, exactly, to N digits; second derivatives; as written and fused."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import jsonschema
import pytest

import backtrace
from backtrace.algebra.floats import FLOATS
from backtrace.errors import BacktraceError
from backtrace.formula.parser import parse
from backtrace.formula.point import read_mapping
from backtrace.gates import GATES, Gate
from backtrace.graph.record import Wording
from backtrace.render import View
from backtrace.tracing.comparison import compare, show
from backtrace.tracing.tracer import Request
from tests.conftest import ROWS, Command, points, published, usage
from tests.render.test_formats import SCHEMA

CASES = [pytest.param(case, id=case["id"]) for case in published()]


def value_of(text: str, trace: backtrace.Trace) -> float:
    """A formula of the wording, evaluated with the trace's inputs and stages."""
    known = {n.name: v for n, v in zip(trace.graph.nodes, trace.values, strict=True) if n.name}
    graph = parse(text, known, {gate.name: gate for gate in trace.graph.own})
    return float(graph.evaluate(FLOATS, known)[graph.output])


def check_formulas(trace: backtrace.Trace) -> int:
    wording = trace.formulas()
    compared = 0
    for index in range(len(trace.graph.nodes)):
        pairs = [
            (wording.values[index], trace.values[index]),
            (wording.upstreams[index], trace.upstreams[index]),
            *zip(wording.locals[index], trace.locals[index], strict=True),
            *zip(wording.downstreams[index], trace.downstreams[index], strict=True),
        ]
        gate = trace.graph.nodes[index].gate
        if gate is not None and gate.is_comparison:
            pairs[0] = (f"where({pairs[0][0]}, 1, 0)", pairs[0][1])
        for text, number in pairs:
            if "…" not in text:
                compared += 1
                assert value_of(text, trace) == pytest.approx(number, rel=1e-9, abs=1e-12), text
    return compared


@pytest.mark.small
@pytest.mark.parametrize("case", CASES)
def test_every_formula_has_the_number_as_its_value(case: dict) -> None:
    trace = backtrace.trace(case["formula"], case["point"], check=False)
    assert check_formulas(trace) > 0


@pytest.mark.small
@pytest.mark.parametrize("gate", ROWS)
def test_the_formulas_of_every_gate(gate: Gate) -> None:
    for point in points(gate, count=3):
        check_formulas(backtrace.trace(usage(gate), point, check=False))


def formulas(formula: str) -> Wording:
    trace = backtrace.trace(formula, check=False)
    assert not trace.has_point
    return trace.asked.wordings[0]


@pytest.mark.small
@pytest.mark.parametrize(
    ("formula", "gradients"),
    [
        ("(x+y)*z", ["z", "z", "x + y"]),
        ("q = x + y; f = q*z", ["z", "z", "q"]),
        ("x*x", ["x + x"]),
        ("x^3", ["3*x^2"]),
        ("x - y", ["1", "-1"]),
        ("x/y", ["1/y", "-x/y^2"]),
        ("1/(1+exp(-x))", ["exp(-x)/(1 + exp(-x))^2"]),
        ("sigmoid(x)", ["sigmoid(x)*(1 - sigmoid(x))"]),
        ("-x*y", ["-y", "-x"]),
        ("2*x + 0*y", ["2", "0"]),
        ("relu(x)*y", ["y*where(x > 0, 1, 0)", "relu(x)"]),
        ("where(x > 1, y, z)", ["0", "where(x > 1, 1, 0)", "where(x > 1, 0, 1)"]),
        ("ln(x)*sqrt(y)", ["sqrt(y)/x", "ln(x)/(2*sqrt(y))"]),
    ],
)
def test_formulas_are_written_as_a_reader_would(formula: str, gradients: list[str]) -> None:
    graph = parse(formula)
    found = formulas(formula).upstreams
    assert [found[index] for index in graph.inputs.values()] == gradients


def test_a_formula_without_a_point_is_traced_as_formulas(backtrace_command: Command) -> None:
    ended = backtrace_command("q = x + y; f = q*z")
    assert (ended.status, ended.err) == (0, "")
    assert "∂f/∂x = z" in ended.out
    assert "simplified, ∂f/∂z = x + y" in ended.out
    described = json.loads(backtrace_command("(x+y)*z", "--json").out)
    jsonschema.validate(described, SCHEMA)
    assert described["gradients"] == {"x": None, "y": None, "z": None}
    assert described["wordings"][0]["gradients"][0] == "z"
    again = backtrace.Trace.from_json(json.dumps(described))
    assert again.asked.wordings[0].upstreams[0] == "z"
    assert backtrace_command("(x+y)*z", "y=5", "z=-4").status == 2


@pytest.mark.small
def test_long_chains_of_formulas_stay_short() -> None:
    began = time.process_time()
    trace = backtrace.trace("*".join(f"sin(x{i})" for i in range(800)), check=False)
    assert max(map(len, trace.formulas().upstreams)) <= 1100
    assert time.process_time() - began < 10


EXACT = [
    ("x + y", {"x": "1/3", "y": "1/6"}, "1/2"),
    ("0.1 + x", {"x": "0.2"}, "3/10"),
    ("sqrt(x)*sqrt(x)", {"x": "2"}, "2"),
    ("sqrt(x)", {"x": "8"}, "2*sqrt(2)"),
    ("exp(x)", {"x": "1"}, "e"),
    ("e^x", {"x": "2"}, "exp(2)"),
    ("sin(x)", {"x": "pi/6"}, "1/2"),
    ("atan(x)", {"x": "1"}, "pi/4"),
    ("sigmoid(x)", {"x": "0"}, "1/2"),
    ("max(x, y)", {"x": "1/3", "y": "0.333"}, "1/3"),
    ("where(x > 1/3, 1, 2)*y", {"x": "1/3", "y": "1"}, "2"),
    ("|x|", {"x": "-7/2"}, "7/2"),
    ("floor(x)", {"x": "7/2"}, "3"),
    ("hypot(x, y)", {"x": "1", "y": "1"}, "sqrt(2)"),
    ("x^3", {"x": "2/3"}, "8/27"),
]


@pytest.mark.parametrize(("formula", "point", "text"), EXACT, ids=[e[0] for e in EXACT])
def test_exact_numbers(formula: str, point: dict, text: str) -> None:
    trace = backtrace.trace(formula, point, check=False)
    exact = trace.exactly()
    assert exact.values[trace.graph.output] == text
    assert "exact and float agree" in exact.remark
    assert exact.remark in [note.text for note in trace.showing(exact).notes]


@pytest.mark.parametrize("gate", ROWS)
def test_exact_and_digits_agree_with_floats_for_every_gate(gate: Gate) -> None:
    [point] = points(gate, count=1)
    trace = backtrace.trace(usage(gate), point, check=False)
    assert "exact and float agree" in trace.exactly().remark
    digits = trace.to_digits(25)
    assert (trace.exactly().kind, digits.kind) == ("exact", "25 digits")
    for text, number in zip(digits.upstreams, trace.upstreams, strict=True):
        assert float(text) == pytest.approx(number, rel=1e-10, abs=1e-14)


def test_a_wrong_float_is_said_by_the_exact_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = replace(GATES["sin"], forward=lambda m, x: m.sin(x) + (0.01 if m is FLOATS else 0))
    monkeypatch.setitem(GATES, "sin", wrong)
    trace = backtrace.trace("sin(x)", {"x": "1/2"}, check=False)
    assert "exact and float differ" in trace.exactly().remark


def test_exact_arithmetic_gives_up_in_time(backtrace_command: Command) -> None:
    began = time.process_time()
    formula = "; ".join(["q0 = sin(x)"] + [f"q{i} = q{i - 1}^3 + sqrt(2)" for i in range(1, 30)])
    trace = backtrace.trace(formula, {"x": "1/3"}, check=False)
    with pytest.raises(BacktraceError, match="exact arithmetic"):
        trace.exactly()
    assert time.process_time() - began < 12
    with pytest.raises(BacktraceError, match="too large for exact arithmetic"):
        backtrace.trace("x^100000", {"x": "1.0001"}, check=False).exactly()
    ended = backtrace_command("x^100000", "x=1.0001", "--exact", "--no-check")
    assert "note: a power is too large for exact arithmetic" in ended.out


@pytest.mark.small
def test_digits_as_many_as_asked_for() -> None:
    trace = backtrace.trace("x*pi", {"x": "0.1"}, check=False)
    assert trace.to_digits(50).values[-1] == "0.31415926535897932384626433832795028841971693993751"
    for digits in (0, -1, 100_000):
        with pytest.raises(BacktraceError, match="--precision takes 1 to 1000 digits"):
            backtrace.trace("x", {"x": 1}).to_digits(digits)


SECONDS = [
    ("x^2*y + sin(y)", {"x": 2, "y": 0.5}, {("x", "x"): 1, ("x", "y"): 4}),
    ("sigmoid(x)", {"x": 0}, {("x", "x"): 0}),
    ("x*y*z", {"x": 1, "y": 2, "z": 3}, {("x", "y"): 3, ("x", "x"): 0, ("y", "z"): 1}),
    ("exp(x*y)", {"x": 0.5, "y": 2}, {("x", "x"): 4 * 2.718281828459045}),
]


@pytest.mark.parametrize(("formula", "point", "entries"), SECONDS, ids=[s[0] for s in SECONDS])
def test_second_derivatives(formula: str, point: dict, entries: dict) -> None:
    trace = backtrace.trace(formula, point)
    trace = trace.showing(trace.hessian())
    found = {(s.first, s.second): s for s in trace.hessian()}
    assert len(found) == len(point) * (len(point) + 1) // 2
    for pair, value in entries.items():
        assert found[pair].symbolic == pytest.approx(value, abs=1e-15)
    assert {s.verdict for s in trace.hessian()} == {"agree"}
    jsonschema.validate(json.loads(trace.to_json()), SCHEMA)
    assert backtrace.Trace.from_json(trace.to_json()) == trace


def test_a_wrong_rule_shows_in_the_second_derivative(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = replace(GATES["exp"], local=(lambda m, f, x: f * x,))
    monkeypatch.setitem(GATES, "exp", wrong)
    trace = backtrace.trace("exp(x)", {"x": 1})
    assert [s.verdict for s in trace.hessian()] == ["disagree"]
    assert not backtrace.trace("y + 0*x", {"x": 1, "y": 1}).showing(trace.hessian()).ok


@pytest.mark.small
def test_only_orders_one_and_two(backtrace_command: Command) -> None:
    assert "--order is 1 or 2, not 3" in backtrace_command("x", "x=1", "--order", "3").err


def test_as_written_and_fused_side_by_side(backtrace_command: Command) -> None:
    ended = backtrace_command("1/(1+exp(-x))", "x=2", "--compare")
    assert ended.status == 0
    for words in (
        "4 gates as written, 1 fused; the same gradients",
        "s*(1 - s) = 0.105",
        "at x = -1000 only the fused graph survives",
    ):
        assert words in " ".join(ended.out.split())
    described = json.loads(backtrace_command("1/(1+exp(-x))", "x=2", "--compare", "--json").out)
    assert described["schema"] == "backtrace.compare/1"
    assert described["survives"][0]["value"] == -1000
    refused = backtrace_command("x", "x=1", "--compare", "--format", "tree")
    assert refused.err.startswith("error: --compare has no format tree")


def test_a_wrong_fused_gate_shows_in_the_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = replace(GATES["sigmoid"], local=(lambda m, s, x: s,), accurate=None)
    monkeypatch.setitem(GATES, "sigmoid", wrong)
    found = compare("1/(1+exp(-x))", read_mapping({"x": 2}), Request(check=False))
    assert found.differences == ["x"]
    assert not found.ok


def test_at_a_kink_there_is_no_second_derivative() -> None:
    trace = backtrace.trace("abs(x)*relu(x)", {"x": 0})
    assert [s.verdict for s in trace.hessian()] == ["kink"]
    trace = trace.showing(trace.hessian())
    assert trace.ok
    assert "a gate is at a kink, so there is none" in trace.show("table")


@pytest.mark.small
def test_the_comparison_says_what_breaks_and_what_is_convention() -> None:
    def found(formula: str, x: float) -> str:
        comparison = compare(formula, read_mapping({"x": x}), Request(check=False))
        assert comparison.ok
        return " ".join(show(comparison, View()).split())

    assert "as written it breaks here, fused it holds" in found("1/(1+exp(-x))", -1000)
    assert "each gate goes by its own convention" in found("max(0.01*x, x)", 0)
    assert "the same gradients" in found("max(0.01*x, x)", 1)


@pytest.mark.small
def test_the_steps_do_not_state_a_rule_that_a_kink_breaks() -> None:
    trace = backtrace.trace("max(x, y)", {"x": 1, "y": 1}, check=False)
    text = trace.show("table", View(explain=True, width=200))
    assert "It stands at a kink" in text
    assert "the largest input gets all" not in text


@pytest.mark.parametrize("point", [{}, {"x": 2}])
def test_definitions_from_a_file_reach_the_second_derivatives(point: dict) -> None:
    trace = backtrace.trace("cube(x)", point, gates="cube(a) = a^3")
    assert [entry.formula for entry in trace.hessian()] == ["6*x"]
