"""Every gate's value and slopes against 60 digits, over the whole range of 64-bit floats.

The reference takes the rules as the table shows them (`Gate.local`), with so many digits that more
of them change nothing; what is held against it are the forms that numbers come by, on floats, on
arrays and in `--points`. The unit is the distance of two neighbouring floats (ulp) at the right
number or, where a slope is a sum whose terms cancel (near the minimum of silu, gelu, mish), at the
larger of its terms. `python -m tests.algebra.test_digits` prints the table of docs/digits.md.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
import pytest

import backtrace
from backtrace.algebra.arrays import ARRAYS, quiet
from backtrace.algebra.digits import Digits
from backtrace.algebra.floats import FLOATS
from backtrace.gates import GATES
from backtrace.gates.gate import Gate
from tests.conftest import inputs

MOST = 4.0
"""Units in the last place."""

NUMBERS = [
    gate
    for gate in GATES.values()
    if gate.pullback is None and not gate.is_comparison and gate.name != "where"
]

# the larger term where one cancels the other: of a slope, and of the value
_TERMS: dict[str, Callable[..., Any]] = {
    "silu": lambda m, x: m.sigmoid(x),
    "swish": lambda m, x: m.sigmoid(x),
    "gelu": lambda m, x: m.normal_cdf(x),
    "gelu_tanh": lambda m, x: m.tanh_cdf(x),
    "mish": lambda m, x: m.tanh(m.softplus(x)),
    "sinc": lambda m, x: m.divide(m.sinc(x), x),
    "lgamma": lambda m, x: 0 if x > 0 else m.digamma(1 - x),
    "digamma": lambda m, x: 0 if x > 0 else m.trigamma(1 - x),
    "trigamma": lambda m, x: 0 if x > 0 else m.polygamma(2, 1 - x),
    "polygamma": lambda m, x, n: 0 if x > 0 else (-1) ** n * m.polygamma(n + 1, 1 - x),
}
_TERMS_OF_VALUES: dict[str, Callable[..., Any]] = {
    "lgamma": lambda m, x: 0 if x > 0 else m.lgamma(1 - x),
    "digamma": lambda m, x: 0 if x > 0 else m.digamma(1 - x),
    "polygamma": lambda m, x, n: 0 if x > 0 else m.polygamma(n, 1 - x),
}
_PRECISIONS = (60, 130, 300, 700, 1500)


class Reference(Digits):
    """Literals are the floats that they are in a trace; pi in a gate's own rule is pi."""

    def number(self, text: str) -> Any:
        return self.pi() if text == "pi" else super().number(text)


def right(rule: Callable[[Digits], Any], largest: float = 1.0) -> Any:
    """What the rule gives when more digits change its first 40 no more; with so many that y - 1
    is not y for the largest number given."""
    last, orders = None, max(0, math.ceil(math.log10(largest or 1.0)))
    for digits in _PRECISIONS:
        m = Reference(digits + orders)
        found = m.context.mpf(rule(m))
        is_settled = last is not None and (
            found == last == 0 and digits == _PRECISIONS[-1]
            if not found
            else found != found or found == last or abs(found - last) < abs(found) * 1e-40
        )
        if is_settled:
            return found
        last = found
    return last


def apart(found: float, expected: Any, at: Any) -> float:
    """In units of the last place at the number `at`."""
    nearest = float(expected)
    if math.isnan(nearest) or math.isinf(nearest):
        largest = math.copysign(1.7976931348623157e308, nearest)
        is_right = math.isnan(found) if math.isnan(nearest) else found in (nearest, largest)
        return 0.0 if is_right else math.inf
    if not math.isfinite(found):
        return math.inf
    with mpmath.workdps(60):
        unit = math.ulp(float(max(abs(expected), abs(at))))
        return float(abs(mpmath.mpf(found) - mpmath.mpf(expected)) / mpmath.mpf(unit))


def points(gate: Gate, count: int, seed: int = 0) -> Iterator[tuple[float, ...]]:
    """Operands of all sizes, and near where gates bend and saturate."""
    chance = random.Random(f"{gate.name} {seed}")

    def one(kind: int) -> float:
        sign = chance.choice((-1, 1))
        if kind == 0:
            return float(sign * 10.0 ** chance.uniform(-300, 300))
        if kind == 1:
            return float(sign * 10.0 ** chance.uniform(-4, 3.2))
        if kind == 2:
            return chance.uniform(-50, 50)
        near = chance.choice((0.0, 1.0, -1.0, -1.278, -0.75, -1.19, 0.5, -37.5, 40.0, -745.0))
        return near + sign * 10.0 ** chance.uniform(-17, 0)

    for number in range(count):
        given = [one(number % 4) for _ in inputs(gate)]
        if len(given) > 1 and number % 3 == 0:
            given[1] = given[0] * (1 + chance.uniform(-1e-9, 1e-9))
        orders = [
            min(int(1.5 ** chance.uniform(0, 13)), max(gate.order or (0,))) for _ in gate.fixed
        ]
        if gate.domain.holds(*given, *orders):
            yield (*given, *orders)


def worst(gate: Gate, count: int, seed: int = 0) -> tuple[float, float, str]:
    """The furthest off that a value and a slope of the gate are, on floats or arrays, and where."""
    value_off = slope_off = 0.0
    where = ""
    for x in points(gate, count, seed):
        largest = max(map(abs, x))
        value = right(lambda m, x=x: gate.forward(m, *map(m.from_float, x)), largest)
        with quiet():
            single = gate.forward(FLOATS, *x)
            arrays = [np.array([entry]) for entry in x]
            many = gate.forward(ARRAYS, *arrays)
        found = [float(single), float(np.ravel(many)[0] * 1.0)]
        at = largest if gate.name in ("add", "sub", "logsumexp") else 0.0
        if gate.name in _TERMS_OF_VALUES:
            at = right(lambda m, x=x: _TERMS_OF_VALUES[gate.name](m, m.from_float(x[0]), *x[1:]))
        off = max(apart(entry, value, at) for entry in found)
        if off > value_off:
            value_off, where = off, f"{where} value at {x}"
        if off == math.inf or (gate.kink and gate.kink.at(FLOATS, single, *x)):
            continue
        for k in range(len(inputs(gate))):
            slope = right(lambda m, x=x, k=k: _slope(gate, m, k, [*map(m.from_float, x)]), largest)
            term = (
                right(lambda m, x=x: _TERMS[gate.name](m, m.from_float(x[0]), *x[1:]))
                if gate.name in _TERMS
                else 0
            )
            with quiet():
                found = [
                    float(gate.slope(FLOATS, k, single, list(x))),
                    float(np.ravel(gate.slope(ARRAYS, k, many, list(arrays)) * 1.0)[0]),
                ]
            term = max(abs(term), abs(slope - term)) if term else 0
            off = max(apart(entry, slope, term) for entry in found)
            if off > slope_off:
                slope_off, where = off, f"{where} slope {k} at {x}"
    return value_off, slope_off, where


def _slope(gate: Gate, m: Digits, k: int, x: list[Any]) -> Any:
    return gate.slope_as_written(m, k, gate.forward(m, *x), x)


QUICK = [
    *("sigmoid", "tanh", "erf", "silu", "gelu", "gelu_tanh", "mish", "softplus"),
    *("cbrt", "pow", "logsumexp", "hypot", "atan2"),
]


@pytest.mark.parametrize("name", QUICK)
def test_values_and_slopes_are_good_to_the_last_digits(name: str) -> None:
    value, slope, where = worst(GATES[name], 24, seed=1)
    assert max(value, slope) <= MOST, where


@pytest.mark.slow
@pytest.mark.parametrize("gate", NUMBERS, ids=lambda gate: gate.name)
def test_two_thousand_points_of_every_gate(gate: Gate) -> None:
    count = 100 if gate.order else 2000  # of high orders mpmath takes its time
    value, slope, where = worst(gate, count)
    assert max(value, slope) <= MOST, where


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "erf", "logsumexp", "pow", "cbrt"])
def test_the_sweep_can_fail(name: str) -> None:
    """What it found before: 1 - t^2 has no digit left, e^(-x^2) is off by 300 units."""
    _, slope, _ = worst(replace(GATES[name], accurate=None), 60)
    assert slope > MOST


@pytest.mark.parametrize("gate", [g for g in GATES.values() if g.accurate], ids=lambda g: g.name)
def test_what_is_shown_and_what_is_computed_are_the_same_function(gate: Gate) -> None:
    m, compared = Reference(60), 0
    for x in points(gate, 40):
        if max(map(abs, x)) > 8 or min(map(abs, x)) < 1e-6:
            continue
        given = [*map(m.from_float, x)]
        f = gate.forward(m, *given)
        for k in range(len(x)):
            shown, computed = gate.slope_as_written(m, k, f, given), gate.slope(m, k, f, given)
            assert abs(shown - computed) <= abs(shown) * 1e-30, (x, k)
            compared += 1
    assert compared >= 5


@pytest.mark.parametrize(
    ("formula", "point", "expected"),
    [
        ("sigmoid(x)", {"x": 38.23}, {"x": math.exp(-38.23)}),
        ("sigmoid(x)", {"x": [40.0, -40.0]}, {"x": [math.exp(-40)] * 2}),
        ("tanh(x)", {"x": 34.0}, {"x": 4 * math.exp(-68)}),
        ("logsumexp(x, y)", {"x": 1e16, "y": 1e16}, {"x": 0.5, "y": 0.5}),
        ("logsumexp(x, x)", {"x": 1e50}, {"x": 1.0}),
        ("sum(tanh(W@x))", {"W": [[20.0, 3.0]], "x": [1.0, 1.0]}, {"W": [[4 * math.exp(-46)] * 2]}),
        ("gelu_tanh(x)", {"x": 1e160}, {"x": 1.0}),
    ],
)
def test_saturated_gates_keep_their_slope(formula: str, point: Any, expected: Any) -> None:
    total = f"sum({formula})" if isinstance(point["x"], list) and "sum" not in formula else formula
    trace = backtrace.trace(total, point)
    assert trace.ok, trace.check
    for name, slope in expected.items():
        assert np.allclose(trace.gradients[name], slope, rtol=1e-12, atol=0)


def test_many_points_keep_them_too() -> None:
    columns = backtrace.vectorize("sigmoid(x) + tanh(x) + logsumexp(x, y)")
    found = columns({"x": np.array([40.0, 1e16]), "y": np.array([-800.0, 1e16])})
    assert np.allclose(found["df/dx"], [1.0, 0.5], rtol=1e-12, atol=0)
    found = backtrace.vectorize("sigmoid(x)")({"x": np.array([40.0, 800.0])})
    assert np.allclose(found["df/dx"], [math.exp(-40), 0.0], rtol=1e-12, atol=0)


if __name__ == "__main__":
    for gate in sorted(NUMBERS, key=lambda gate: gate.name):
        value, slope, _ = worst(gate, 2000)
        print(f"| {gate.name} | {value:.1f} | {slope:.1f} |", flush=True)
