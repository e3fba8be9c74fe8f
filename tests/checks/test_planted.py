"""A check that cannot fail is a defect: wrong rules are planted, and the check must catch them."""

from __future__ import annotations

import inspect
import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import backtrace
from backtrace.formula.expression import ExpressionReader
from backtrace.gates import GATES, Gate
from backtrace.graph import backprop
from tests.conftest import ROWS, points, usage


def _traced(gate: Gate, point: dict[str, float], check: bool = True) -> Any:
    return backtrace.trace(usage(gate), point, check=check)


@pytest.mark.parametrize("gate", ROWS)
def test_the_rows_as_they_are_agree(gate: Gate) -> None:
    for point in both_sides(gate):
        assert _traced(gate, point).ok


PLANTS = {
    "one more": lambda rule: lambda m, f, *x: rule(m, f, *x) + 1,
    "sign": lambda rule: lambda m, f, *x: -rule(m, f, *x),
    "factor": lambda rule: lambda m, f, *x: 1.001 * rule(m, f, *x),
}


def both_sides(gate: Gate) -> list[dict[str, float]]:
    """Two points of the gate's domain, on both sides of its kink if it has one."""
    found = points(gate, count=12)
    first = found[0]
    name = gate.parameters[0]
    other = [point for point in found if (point[name] > 0) != (first[name] > 0)]
    return [first, *other[:1]]


@pytest.mark.slow
def test_wrong_local_gradients_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """In every row, for every input, on both sides of every kink; and the gate is named. What
    changes no printed number (a slope of 0 with another sign) is not wrong, and not counted."""
    planted, missed = 0, []
    rows_planted = set()
    rows = [gate for gate in GATES.values() if not gate.is_of_arrays]
    for gate in rows:
        for k, rule in enumerate(gate.local):
            for plant, alter in PLANTS.items():
                for point in both_sides(gate):
                    right = _traced(gate, point, check=False).locals
                    wrong = (*gate.local[:k], alter(rule), *gate.local[k + 1 :])
                    monkeypatch.setitem(GATES, gate.name, replace(gate, local=wrong, accurate=None))
                    changed = _traced(gate, point, check=False).locals != right
                    trace = _traced(gate, point) if changed else None
                    monkeypatch.setitem(GATES, gate.name, gate)
                    if trace is None:
                        continue
                    planted += 1
                    rows_planted.add(gate.name)
                    guilty = {
                        trace.graph.nodes[c.gate].gate.name
                        for c in trace.disagreements.values()
                        if c.gate is not None
                    }
                    if guilty != {gate.name}:
                        missed.append((gate.name, k, plant, point))
    print(f"wrong local gradients: {planted - len(missed)} of {planted} caught and named")
    assert missed == [], missed
    assert rows_planted == {gate.name for gate in rows}
    assert planted > 250


def test_a_wrong_local_gradient_is_caught_at_the_end_of_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every one of a thousand gates is measured alone in the time that there is; this one stands in
    a branch that is not taken, so that no gradient hears of it."""
    stages = ["s0 = x*y", *(f"s{k} = s{k - 1} {'+-*'[k % 3]} y" for k in range(1, 1000))]
    formula = "; ".join([*stages, "where(x < 0, sin(x), s999)"])
    point = {"x": 1.5, "y": 0.7}
    assert backtrace.trace(formula, point).ok
    sine = GATES["sin"]
    wrong = replace(sine, local=(PLANTS["factor"](sine.local[0]),), accurate=None)
    monkeypatch.setitem(GATES, "sin", wrong)
    trace = backtrace.trace(formula, point)
    [check] = trace.disagreements.values()
    assert check.gate is not None
    assert trace.graph.nodes[check.gate].gate is wrong


@pytest.mark.parametrize("gate", [g for g in ROWS if not g.values[0].is_comparison])
def test_a_wrong_forward_is_caught(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = replace(gate, forward=lambda m, *x: gate.forward(m, *x) * 1.01 + 0.5)
    monkeypatch.setitem(GATES, gate.name, wrong)
    assert not _traced(gate, points(gate, count=1)[0]).ok


NOT_TAKEN, BESIDE = "where(t < 0, {}, t)", "1e13 - ({})"


@pytest.mark.parametrize(
    ("gate", "around"),
    [
        *((g, BESIDE) for g in GATES.values() if not g.is_of_arrays),
        *(
            (g, NOT_TAKEN)
            for g in GATES.values()
            if not g.is_of_arrays and g.name not in ("where", "less")
        ),
    ],
)
def test_a_wrong_value_that_nothing_hears_of_is_caught(
    gate: Gate, around: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a branch that is not taken, or beside a number a million million times as large: it
    changes neither the output nor a gradient, and is printed."""
    point = points(gate, count=1)[0] | ({"t": 1.0} if around == NOT_TAKEN else {})
    formula = around.format(usage(gate))
    assert backtrace.trace(formula, point).ok
    wrong = replace(gate, forward=lambda m, *x: gate.forward(m, *x) + 0.5)
    monkeypatch.setitem(GATES, gate.name, wrong)
    trace = backtrace.trace(formula, point)
    assert not trace.ok
    guilty = {c.gate for c in trace.disagreements.values()}
    assert {trace.graph.nodes[index].gate.name for index in guilty} == {gate.name}


@pytest.mark.parametrize("shape", [(3,), (60, 50)])
def test_a_wrong_entry_that_nothing_hears_of_is_caught(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In small arrays, and in those of which SymPy is asked the first entries only."""
    x = np.linspace(1, 2, math.prod(shape)).reshape(shape)
    formula = "sum(where(x < 0, exp(x), x))"
    assert backtrace.trace(formula, {"x": x}).ok
    row = GATES["exp"]
    monkeypatch.setitem(GATES, "exp", replace(row, forward=lambda m, x: row.forward(m, x) * 1.001))
    trace = backtrace.trace(formula, {"x": x})
    assert not trace.ok
    assert trace.output_check is not None
    assert trace.graph.nodes[trace.output_check.gate].gate.name == "exp"
    assert f"exp (#2) at {[0] * len(shape)} is 2.7" in trace.output_check.reason


@pytest.mark.parametrize(
    ("operator", "binding", "formula"),
    [
        ("add", 4, "x*y + z"),
        ("sub", 4, "x*y - z*x"),
        ("mul", 1, "x + y*z"),
        ("div", 1, "x - y/z"),
        ("pow", 2, "x*y^2"),
        ("pow", 3, "-x^2*y"),
    ],
)
def test_a_wrong_precedence_is_caught(
    operator: str, binding: int, formula: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = {"x": 3.0, "y": -4.0, "z": 2.5}
    point = {name: value for name, value in point.items() if name in formula}
    assert backtrace.trace(formula, point).ok
    monkeypatch.setitem(GATES, operator, replace(GATES[operator], binding=binding))
    trace = backtrace.trace(formula, point)
    assert not trace.ok
    assert any("in two ways" in check.reason for check in trace.disagreements.values())


def test_a_wrong_direction_of_grouping_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """a-b-c read as a-(b-c)."""
    original = ExpressionReader._reduce

    def lazy(self: Any, binding: int) -> None:
        original(self, binding + 1 if binding == 2 else binding)

    monkeypatch.setattr(ExpressionReader, "_reduce", lazy)
    assert not backtrace.trace("x-y-z", {"x": 1, "y": 2, "z": 4}).ok


def test_a_lost_sign_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GATES, "neg", replace(GATES["neg"], forward=lambda m, x: x))
    assert not backtrace.trace("exp(-x)", {"x": 0.5}).ok


@pytest.mark.parametrize("formula", ["x*x", "(x+y)*max(y, x)", "q = x*y; q + q^2"])
def test_a_lost_fork_is_caught(formula: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`=` where `+=` is due: only the last edge's gradient is kept."""
    source = inspect.getsource(backprop)
    wrong = re.sub(r"before \+ (downstream|to_a|to_b)", r"\1", source)
    assert source.count("before + ") == 4
    assert "before + " not in wrong
    namespace = {"__name__": backprop.__name__}
    exec(wrong, namespace)
    monkeypatch.setattr(backprop, "backward", namespace["backward"])
    trace = backtrace.trace(formula, {"x": 3.0, **({"y": -2.0} if "y" in formula else {})})
    assert not trace.ok


@pytest.mark.parametrize("x", [3.0, [3.0, 1.0]])
@pytest.mark.parametrize("what", ["upstreams", "downstreams"])
def test_a_table_that_does_not_add_up_is_caught(
    what: str, x: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One number at one inner gate, by a millionth; the gradients are as they should be."""
    original = backprop.backward

    def wrong(graph: Any, *rest: Any, **options: Any) -> backprop.Backward:
        flow = original(graph, *rest, **options)
        inner = graph.inputs_of[graph.output][0]
        if what == "upstreams":
            flow.upstreams[inner] = flow.upstreams[inner] * 1.000001
        else:
            flow.downstreams[inner] = tuple(d * 1.000001 for d in flow.downstreams[inner])
        return flow

    formula = "sum(exp(sin(x)))" if isinstance(x, list) else "exp(sin(x))"
    assert backtrace.trace(formula, {"x": x}).ok
    monkeypatch.setattr(backprop, "backward", wrong)
    trace = backtrace.trace(formula, {"x": x})
    assert not trace.ok
    assert trace.output_check is not None
    assert re.search("is not (its upstream times|the sum)", trace.output_check.reason)
    assert trace.checks["x"].verdict == "agree"


def test_a_wrong_rule_among_many_variables_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where slopes along random directions speak for all variables."""
    formula = "+".join(f"sin(x{i})*x{i}" for i in range(400))
    point = {f"x{i}": 0.5 + i / 400 for i in range(400)}
    assert backtrace.trace(formula, point).ok
    row = GATES["sin"]
    wrong = replace(row, local=(lambda m, f, x: 1.0001 * m.cos(x),))
    monkeypatch.setitem(GATES, "sin", wrong)
    trace = backtrace.trace(formula, point)
    assert not trace.ok
    assert all(check.gate is not None for check in trace.disagreements.values())
