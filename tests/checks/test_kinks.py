"""At kinks the rules are held against slopes measured on one side at a time: mutation testing found
that nothing else did."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import backtrace
from backtrace.algebra.floats import FLOATS
from backtrace.checks.numeric import sides
from backtrace.checks.traced import Subject
from backtrace.formula.parser import parse
from backtrace.gates import GATES
from backtrace.graph.backprop import backward
from tests.conftest import usage

CANDIDATES = (-6.0, -3.0, -1.0, 0.0, 1.0, 2.0, 3.0, 6.0)
WITH_KINKS = [g for g in GATES.values() if g.kink and not g.is_of_arrays and not g.is_comparison]
WITH_CONSTANTS = (
    "max(x, 2)",
    "min(x, 2)",
    "max(2, x, y)",
    "min(y, 2, x)",
    "max(x, x)",
    "leaky_relu(x, 0.3)",
)


def measured(formula: str, point: dict[str, float]) -> dict[str, tuple[float, float]]:
    """Every variable's slope from the left and from the right; through the forward pass alone."""
    graph = parse(formula, point)
    values = graph.evaluate(FLOATS, point)
    flow = backward(graph, values, FLOATS)
    names = tuple(graph.inputs)
    rest = (flow, names, backward)
    return sides(Subject(FLOATS, formula, graph, point, values, *rest), names)


def at_kinks(formula: str) -> list[dict[str, float]]:
    names = list(parse(formula).inputs)
    points = (
        dict(zip(names, v, strict=True)) for v in itertools.product(CANDIDATES, repeat=len(names))
    )
    traces = ((p, backtrace.trace(formula, p, check=False)) for p in points)
    return [p for p, t in traces if t.ok and any(n.kind == "kink" for n in t.notes)][:12]


@pytest.mark.parametrize("formula", [*map(usage, WITH_KINKS), *WITH_CONSTANTS])
def test_rules_at_a_kink_lie_between_the_one_sided_slopes(formula: str) -> None:
    points = at_kinks(formula)
    assert points, "no kink is found"
    for point in points:
        for name, both in measured(formula, point).items():
            if not all(map(math.isfinite, both)):
                continue  # a jump: the slope is taken as 0
            low, high = min(both), max(both)
            for kink in ("minimum-norm", "torch", "split"):
                slope = backtrace.trace(formula, point, check=False, kink=kink).gradients[name]
                if kink == "torch" and math.isnan(slope):
                    continue  # PyTorch itself has nan there: hypot at the origin
                if kink == "torch" and "clip" in formula and len(set(point.values())) == 1:
                    continue  # PyTorch itself lets x pass between two bounds that are one
                assert low - 1e-12 <= slope <= high + 1e-12, (point, name, kink)
            if len(point) == 1:
                least = backtrace.trace(formula, point, check=False).gradients[name]
                nearest = 0.0 if low <= 0 <= high else min(both, key=abs)
                assert least == pytest.approx(nearest, abs=1e-12), (point, name)


@pytest.mark.parametrize("formula", [*map(usage, WITH_KINKS), *WITH_CONSTANTS])
def test_left_and_right_are_the_slopes_of_their_sides(formula: str) -> None:
    for point in at_kinks(formula):
        if formula == "max(x, x)" or usage(GATES["atan2"]) == formula:
            continue  # both inputs move at once; no one side at the origin
        for name, both in measured(formula, point).items():
            for kink, slope in zip(("left", "right"), both, strict=True):
                if math.isfinite(slope):
                    found = backtrace.trace(formula, point, check=False, kink=kink).gradients[name]
                    assert found == pytest.approx(slope, abs=1e-12), (point, name, kink)


def test_a_distribution_over_classes_has_its_gradient_too() -> None:
    """Of one row, where the classes lie along the only axis."""
    z, k = np.array([1.0, 2.0, 0.5]), np.array([0.2, 0.5, 0.3])
    trace = backtrace.trace("cross_entropy(z, k)", {"z": z, "k": k})
    assert trace.ok
    assert trace.gradients["k"] == pytest.approx(-(z - np.log(np.exp(z).sum())))


@pytest.mark.parametrize(
    "gate", [g for g in WITH_KINKS if len(g.parameters) == 1 and not g.variadic]
)
def test_kinks_are_reported_where_they_are(gate: object) -> None:
    """And nowhere else: where the two sides differ, or one of them jumps."""
    formula = usage(gate)
    (name,) = parse(formula).inputs
    for x in (*CANDIDATES, -2.5, -0.5, 0.25, 0.5, 1.5, 4.0):
        point = {name: x}
        trace = backtrace.trace(formula, point, check=False)
        left, right = measured(formula, point)[name]
        is_one = math.isinf(left) or left != pytest.approx(right, abs=1e-9)
        assert any(note.kind == "kink" for note in trace.notes) is is_one, (x, left, right)


def test_a_class_has_no_gradient() -> None:
    for z, k in (([1.0, 2.0, 0.5], 2), ([[1.0, 2.0], [0.5, 0.1]], [0, 1])):
        trace = backtrace.trace("cross_entropy(z, k)", {"z": z, "k": k})
        assert trace.ok
        assert np.all(trace.gradients["k"] == 0)
