"""Three witnesses for every row of the table: forward = formula, local = SymPy's derivative of the
formula, local = measured slope. A new gate is tested by existing."""

from __future__ import annotations

import math

import pytest

from backtrace.algebra.digits import Digits
from backtrace.algebra.floats import FLOATS
from backtrace.checks import numeric
from backtrace.checks.reading import Reading
from backtrace.formula.parser import parse
from backtrace.gates import FAMILIES, GATES, Gate, Role
from tests.conftest import ROWS, fixed, inputs, points, usage
from tests.oracles import central_difference


@pytest.mark.parametrize("gate", ROWS)
def test_forward_is_the_formula_and_local_is_its_derivative(gate: Gate) -> None:
    if gate.is_comparison or gate.name == "where":
        text = usage(gate)
        graph = parse(text)
        for point in points(gate):
            reading = Reading(text, set(point))
            value = graph.evaluate(FLOATS, point)[graph.output]
            assert value == pytest.approx(reading.value(reading.expression, point), rel=1e-13)
        return
    reading = Reading(usage(gate) if gate.fixed else gate.formula, inputs(gate))
    for point in points(gate):
        operands = [*point.values(), *fixed(gate)]
        value = gate.forward(FLOATS, *operands)
        assert value == pytest.approx(reading.value(reading.expression, point), rel=1e-13)
        for k, name in enumerate(inputs(gate)):
            expected = reading.value(reading.derivative(name), point)
            slope = gate.slope(FLOATS, k, value, operands)
            assert slope == pytest.approx(expected, rel=1e-11, abs=1e-15), (point, name)


@pytest.mark.parametrize("gate", ROWS)
def test_local_is_the_measured_slope(gate: Gate) -> None:
    if gate.name == "detach":
        return  # its slope is 0 by definition
    m = Digits(60)
    h = m.context.mpf("1e-20")
    for point in points(gate):
        x = [m.from_float(v) for v in point.values()]
        x += fixed(gate)
        f = gate.forward(m, *x)
        for k in range(len(point)):
            slope = central_difference(
                lambda at, x=x, k=k: gate.forward(m, *x[:k], at, *x[k + 1 :]), x[k], h
            )
            found = float(gate.slope(m, k, f, x))
            assert found == pytest.approx(float(slope), rel=1e-15, abs=1e-30)


@pytest.mark.parametrize("gate", ROWS)
def test_floats_and_digits_agree(gate: Gate) -> None:
    """One row, two algebras."""
    m = Digits(40)
    for point in points(gate):
        x = list(point.values())
        f = gate.forward(FLOATS, *x, *fixed(gate))
        exact = gate.forward(m, *map(m.from_float, x), *fixed(gate))
        assert f == pytest.approx(float(exact), rel=1e-13)


@pytest.mark.small
@pytest.mark.parametrize("gate", ROWS)
def test_a_row_is_complete(gate: Gate) -> None:
    assert len(gate.local) == (1 if gate.variadic else len(inputs(gate)))
    assert gate.summary
    assert gate.sympy or gate.operator or gate.formula != usage(gate)
    assert all(gate.local_rule(k) for k in range(len(gate.local)))
    assert set(gate.defaults) <= set(gate.parameters)


@pytest.mark.small
def test_the_table_has_every_function_of_the_language() -> None:
    functions = (
        *("exp log ln log2 log10 sqrt cbrt abs sign floor ceil erf", "sin cos tan asin acos atan"),
        *("atan2 sinh cosh tanh max min where hypot", "relu leaky_relu elu selu sigmoid softplus"),
        *("silu swish gelu gelu_tanh mish hardtanh", "add sub mul div neg pow"),
    )
    promised = " ".join(functions).split()
    assert set(promised) <= set(GATES)
    assert sum(map(len, FAMILIES.values())) == len(GATES)


@pytest.mark.small
@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("add", Role.DISTRIBUTOR),
        ("mul", Role.SWITCHER),
        ("max", Role.ROUTER),
        ("relu", Role.ROUTER),
        ("exp", Role.SCALER),
        ("sigmoid", Role.SCALER),
    ],
)
def test_roles_are_the_lectures(name: str, role: Role) -> None:
    assert GATES[name].role is role


@pytest.mark.small
@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("sigmoid", "s*(1 - s)"),
        ("tanh", "1 - t^2"),
        ("exp", "f"),
        ("div", "1/y"),
        ("softplus", "sigmoid(x)"),
    ],
)
def test_the_local_rule_as_text_comes_from_the_rule(name: str, rule: str) -> None:
    assert GATES[name].local_rule(0) == rule


@pytest.mark.small
@pytest.mark.parametrize(
    ("name", "x", "value", "slope"),
    [
        ("sigmoid", -1000.0, 0.0, 0.0),
        ("sigmoid", 1000.0, 1.0, 0.0),
        ("softplus", 1000.0, 1000.0, 1.0),
        ("softplus", -1000.0, 0.0, 0.0),
        ("silu", -1000.0, 0.0, 0.0),
        ("tanh", 1000.0, 1.0, 0.0),
        ("mish", 1000.0, 1000.0, 1.0),
        ("gelu", 1000.0, 1000.0, 1.0),
    ],
)
def test_activations_survive_where_their_formulas_overflow(
    name: str, x: float, value: float, slope: float
) -> None:
    gate = GATES[name]
    f = gate.forward(FLOATS, x)
    assert f == pytest.approx(value)
    assert gate.slope(FLOATS, 0, f, [x]) == pytest.approx(slope, abs=1e-300)


@pytest.mark.small
def test_floats_follow_ieee_754() -> None:
    inf, m = math.inf, FLOATS
    assert (m.divide(1, 0.0), m.divide(-1, 0.0), m.divide(1, -0.0)) == (inf, -inf, -inf)
    assert math.isnan(m.divide(0, 0.0))
    assert (m.exp(1000), m.log(0.0), m.sinh(-1000.0)) == (inf, -inf, -inf)
    assert (m.log1p(-1.0), m.expm1(1000.0), m.cosh(-1000.0)) == (-inf, inf, inf)
    assert math.isnan(m.log(-1.0))
    assert math.isnan(m.sqrt(-1.0))
    assert math.isnan(m.sin(inf))
    assert (m.power(0.0, -1.0), m.power(-2.0, 3.0), m.power(0.0, 0.0)) == (inf, -8.0, 1.0)
    assert (m.power(10.0, 400.0), m.power(-10.0, 401.0)) == (inf, -inf)
    assert math.isnan(m.power(-2.0, 0.5))
    assert math.isnan(m.maximum(1.0, math.nan))


def test_numeric_slope_agrees_to_twelve_digits() -> None:
    graph = parse("sin(x)*exp(y)/x")
    m = Digits(100)

    def output(t: object) -> object:
        return graph.evaluate(m, {"x": m.from_float(0.7) + t, "y": m.from_float(-1.3)})[-1]

    slope = numeric.central_difference(m, output, numeric.step(m, 0.7), wobble=1.0)
    exact = math.exp(-1.3) * (math.cos(0.7) / 0.7 - math.sin(0.7) / 0.49)
    assert slope == pytest.approx(exact, rel=1e-14)
