"""Forward, backward, kinks, blocked ways and faults."""

from __future__ import annotations

import math

import pytest

import backtrace
from backtrace.formula.parser import parse
from backtrace.gates import GATES
from backtrace.graph import Graph, Node
from backtrace.graph.record import Edge

pytestmark = pytest.mark.small


def trace(formula: str, **point: float) -> backtrace.Trace:
    return backtrace.trace(formula, point, check=False)


def test_every_edge_keeps_upstream_local_and_downstream() -> None:
    t = trace("(x+y)*z", x=-2, y=5, z=-4)
    assert t.edges == (
        Edge(gate=3, input=0, operand=0, upstream=-4, local=1, downstream=-4),
        Edge(gate=3, input=1, operand=1, upstream=-4, local=1, downstream=-4),
        Edge(gate=4, input=3, operand=0, upstream=1, local=-4, downstream=-4),
        Edge(gate=4, input=2, operand=1, upstream=1, local=3, downstream=3),
    )


def test_a_square_has_two_edges_from_one_input() -> None:
    t = trace("x*x", x=3)
    assert [(e.input, e.operand, e.downstream) for e in t.edges] == [(0, 0, 3), (0, 1, 3)]
    assert t.gradients == {"x": 6}


def test_forks_are_kept_term_by_term() -> None:
    t = trace("(x+y)*max(y,z)", x=1, y=2, z=0)
    [(node, edges)] = t.forks()
    assert t.graph.nodes[node].name == "y"
    assert [e.downstream for e in edges] == [2, 3]
    assert t.gradients["y"] == 5


def test_constants_get_no_gradient_and_no_edge() -> None:
    t = trace("2*x + pi", x=3)
    assert len(t.edges) == 2
    assert t.nodes[1].gradient == 1


KINKS = [
    ("max(x, y)", {"x": 2, "y": 2}, {"x": 0.5, "y": 0.5}),
    ("max(x, y, z)", {"x": 2, "y": 2, "z": 2}, {"x": 1 / 3, "y": 1 / 3, "z": 1 / 3}),
    ("max(x, y, z)", {"x": 2, "y": 2, "z": 1}, {"x": 0.5, "y": 0.5, "z": 0}),
    ("max(x, x)", {"x": 2}, {"x": 1}),
    ("min(x, y)", {"x": -1, "y": -1}, {"x": 0.5, "y": 0.5}),
    ("max(x, 0)", {"x": 0}, {"x": 0}),
    ("max(0, x, y)", {"x": 0, "y": 0}, {"x": 0, "y": 0}),
    ("relu(x)", {"x": 0}, {"x": 0}),
    ("leaky_relu(x)", {"x": 0}, {"x": 0.01}),
    ("leaky_relu(x, -1)", {"x": 0}, {"x": 0}),
    ("selu(x)", {"x": 0}, {"x": 1.0507009873554805}),
    ("hardtanh(x)", {"x": 1}, {"x": 0}),
    ("|x|", {"x": 0}, {"x": 0}),
    ("sign(x)", {"x": 0}, {"x": 0}),
    ("floor(x)", {"x": 2}, {"x": 0}),
    ("ceil(x)", {"x": -1}, {"x": 0}),
    ("where(x >= 0, 3x, 5x)", {"x": 0}, {"x": 3}),
    ("where(x > 0, 3x, 5x)", {"x": 0}, {"x": 5}),
    ("hypot(x, y)", {"x": 0, "y": 0}, {"x": 0, "y": 0}),
    ("atan2(y, x)", {"x": 0, "y": 0}, {"x": 0, "y": 0}),
]


@pytest.mark.parametrize(("formula", "point", "gradients"), KINKS, ids=[f"{k[0]}" for k in KINKS])
def test_the_convention_at_a_kink(formula: str, point: dict, gradients: dict) -> None:
    t = backtrace.trace(formula, point, check=False)
    assert t.gradients == pytest.approx(gradients)
    assert [note.kind for note in t.notes] == ["kink"]
    assert ("minimum-norm" in t.notes[0].text) is (not formula.startswith("where"))
    assert t.ok


def test_a_kink_is_a_verdict_of_its_own() -> None:
    t = backtrace.trace("max(x, y) + z", {"x": 1, "y": 1, "z": 3})
    verdicts = {name: check.verdict for name, check in t.checks.items()}
    assert verdicts == {"x": "kink", "y": "kink", "z": "agree"}
    assert t.ok


def test_x_to_the_zero() -> None:
    t = trace("x^y", x=0, y=0)
    assert t.value == 1
    assert t.gradients["x"] == 0
    assert trace("x^0", x=0).gradients == {"x": 0}


def test_a_negative_base_with_a_whole_exponent() -> None:
    t = trace("x^3", x=-2)
    assert (t.value, t.gradients["x"], t.ok) == (-8, 12, True)
    variable = trace("x^y", x=-2, y=3)
    assert (variable.value, variable.gradients["x"]) == (-8, 12)
    assert not variable.ok
    assert variable.fault is not None
    assert (variable.fault.direction, variable.fault.operand) == ("backward", 1)


@pytest.mark.parametrize(
    ("formula", "x", "gradient"),
    [
        ("where(x > 0, sqrt(x), 0)", 0.0, 0.0),
        ("where(x > 0, log(x), x)", -1.0, 1.0),
        ("where(x > 0, x, 1/x)", 5.0, 1.0),
        ("relu(sqrt(x) - 1)", 0.0, 0.0),
        ("max(sqrt(x), 1)", 0.0, 0.0),
        ("min(exp(x), 5)", 1000.0, 0.0),
    ],
)
def test_a_blocked_way_stays_exactly_zero(formula: str, x: float, gradient: float) -> None:
    """The branch not taken gets 0, never 0*nan."""
    t = trace(formula, x=x)
    assert t.gradients["x"] == gradient
    assert t.ok


def test_the_first_bad_gate_forward_and_its_chain() -> None:
    t = trace("q = exp(x); r = q*y; r + y", x=1000, y=2)
    assert t.fault is not None
    assert (t.fault.direction, t.fault.node) == ("forward", 2)
    assert t.fault.chain == (2, 3, 4)
    assert t.values[4] == math.inf
    assert not t.ok


def test_the_first_bad_edge_backward_and_its_chain() -> None:
    t = trace("sqrt(x*y)*z", x=0, y=1, z=3)
    assert t.fault is not None
    assert (t.fault.direction, t.fault.node, t.fault.operand) == ("backward", 4, 0)
    assert t.fault.chain == (4, 3, 0)
    assert t.fault.cure.startswith("write sqrt(x*y) as where(x*y > 0, sqrt(x*y), 0)")
    assert "norm" in t.fault.advice


def test_an_infinity_that_heals_is_a_note() -> None:
    t = trace("min(exp(x), 5) + x", x=1000)
    assert t.ok
    assert [note.kind for note in t.notes] == ["overflow"]


def test_a_stage_that_nothing_uses_has_gradient_zero() -> None:
    t = trace("q = log(x); x^2", x=-1)
    assert t.ok
    assert t.gradients == {"x": -2}


def test_a_graph_refuses_nodes_out_of_order() -> None:
    x = Node(None, (), "x")
    with pytest.raises(ValueError, match="not before it"):
        Graph((x, Node(GATES["neg"], (1,))), 1)
    with pytest.raises(ValueError, match="is no node"):
        Graph((x,), 3)


def test_ancestors_and_consumers() -> None:
    graph = parse("q = x*y; r = y + 1; q*z")
    assert graph.ancestors(graph.output) == {0, 1, 2, 3, 5}
    assert graph.consumers[1] == ((3, 1), (4, 0))


def test_what_heals_is_not_blamed() -> None:
    """The exp overflows, and min heals it; the log is what spoils the sum."""
    t = trace("min(exp(x), 5) + log(-x)", x=1000)
    assert t.fault is not None
    assert t.fault.what == "log(-1000) is nan: log needs x > 0"


def test_what_is_blocked_is_not_blamed() -> None:
    t = trace("sqrt(y) + sqrt(relu(x))", x=-1, y=0)
    assert t.fault is not None
    assert t.graph.nodes[t.fault.chain[-1]].name == "y"


def test_a_sum_at_a_fork_that_overflows() -> None:
    t = trace("(x + x)*1e308", x=0.1)
    assert t.fault is not None
    assert "their sum is not" in t.fault.what
    assert not t.ok


def test_only_what_is_asked_for_can_be_at_fault() -> None:
    assert backtrace.trace("x^y", {"x": -2, "y": 3}, wrt=["x"], check=False).ok


def test_own_gates() -> None:
    t = backtrace.trace(
        "swish(a) = a*sigmoid(a); g(u, v) = swish(u)*v; g(w*x, b)", {"w": 2, "x": 0.5, "b": 3}
    )
    assert [gate.name for _, _, gate in t.graph.gates()] == ["mul", "g"]
    assert t.ok
    assert t.checks["w"].symbolic == pytest.approx(t.gradients["w"], rel=1e-12)
    plain = trace("w*x*sigmoid(w*x)*b", w=2, x=0.5, b=3)
    assert t.gradients == pytest.approx(dict(plain.gradients))


def test_an_own_gate_at_a_kink() -> None:
    t = trace("g(a) = |a| + a; g(x)", x=0)
    assert t.gradients == {"x": 1}
    assert [note.kind for note in t.notes] == ["kink"]


def test_definitions_from_a_text() -> None:
    from backtrace.formula.parser import parse_definitions

    own = parse_definitions("swish2(a) = a*sigmoid(a) # mine\ncube(a) = a^3")
    assert list(own) == ["swish2", "cube"]
    assert parse("cube(x)", own=own).gate_count == 1
