"""Every array gate along directions: its tangents, its second derivatives; and a wrong pullback
fails the dot-product test."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import backtrace
from backtrace.formula.parser import parse
from backtrace.gates import GATES, Gate
from tests.conftest import ROWS, points, usage
from tests.gates.test_array_gates import CASES, PLANTED, PLANTS, Shapes, arrays, output_of


@pytest.mark.parametrize(("formula", "shapes"), CASES, ids=str)
def test_tangents_and_hessian_products_are_measured(formula: str, shapes: Shapes) -> None:
    """With a random upstream, so that what adds up to a constant (softmax) bends too."""
    point, chance = arrays(shapes), np.random.default_rng(1)
    upstream = chance.uniform(-1, 1, np.shape(output_of(formula, point)))
    trace = backtrace.trace(formula, point, upstream=upstream, check=False)
    along = {name: chance.uniform(-1, 1, np.shape(value)) for name, value in point.items()}
    for name, direction in along.items():
        found = trace.forward_mode(name, direction)
        assert (found.verdict, found.reason) == ("agree", "")
        gradient = np.sum(direction * trace.gradients[name])
        assert found.by_tangents == pytest.approx(float(gradient), rel=1e-9, abs=1e-12)
    product = trace.hessian_product(along)
    assert (product.verdict, product.reason) == ("agree", "")
    assert product.bend == pytest.approx(product.curvature, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("gate", ROWS)
def test_second_derivatives_of_every_gate_of_numbers(gate: Gate) -> None:
    """At points of its domain, on arrays of two; also where a rule has a case of its own."""
    told = set()
    for point in (*points(gate, count=6), dict.fromkeys(points(gate, count=1)[0], 1.0)):
        given = {name: [value, value] for name, value in point.items()}
        trace = backtrace.trace(f"sum({usage(gate)})", given, check=False)
        if not trace.ok:
            continue
        found = trace.hessian()
        told.add(found.verdict)
        known = ("agree", "kink", "wrong at kink") if trace.graph.gate_count else ()
        assert found.verdict in known, (point, found.reason)
    assert "agree" in told


@pytest.mark.parametrize(("formula", "shapes"), PLANTED, ids=str)
def test_wrong_pullbacks_fail_the_dot_product_test(
    formula: str, shapes: Shapes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What changes no number is not wrong."""
    point = {n: v for n, v in arrays(shapes, seed=2).items() if n in parse(formula).inputs}
    right = backtrace.trace(formula, point, check=False)
    row = next(gate for _, _, gate in right.graph.gates() if gate.is_of_arrays)
    chance, caught = np.random.default_rng(3), 0
    along = {name: chance.uniform(0.5, 1, np.shape(value)) for name, value in point.items()}
    assert {right.forward_mode(n, v).verdict for n, v in along.items()} == {"agree"}
    for plant in PLANTS.values():
        monkeypatch.setitem(GATES, row.name, replace(row, pullback=plant(row.pullback)))
        wrong = backtrace.trace(formula, point, check=False)
        verdicts = {n: wrong.forward_mode(n, v).verdict for n, v in along.items()}
        monkeypatch.setitem(GATES, row.name, row)
        for name, verdict in verdicts.items():
            if not np.array_equal(right.gradients[name], wrong.gradients[name]):
                assert verdict == "disagree", name
                caught += 1
    assert caught >= 1
