"""Exercises that others published, to their exact numbers and to the digits they printed."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

import pytest

import backtrace
from backtrace.formula.parser import parse
from backtrace.formula.printer import expressions
from tests.conftest import PATIENT, published

CASES = [pytest.param(case, id=case["id"]) for case in published()]


def fits(value: float, printed: str) -> bool:
    """Whether `value`, rounded or cut to as many digits as were printed, is what was printed."""
    shown, exact = Decimal(printed), Decimal(value)
    unit = Decimal(1).scaleb(int(shown.as_tuple().exponent))
    is_cut = exact.quantize(unit, ROUND_DOWN) == shown
    slack = unit / 2 + abs(exact) * Decimal("1e-14")  # 15 digits printed are a float's own noise
    return is_cut or abs(exact - shown) <= slack


def test_fits_can_fail() -> None:
    assert fits(0.3932, "0.39")
    assert fits(0.7071, "0.7071")
    assert not fits(0.3932, "0.40")
    assert not fits(-8.1, "-8.00")


@pytest.mark.parametrize("case", CASES)
def test_value_gradients_and_check(case: dict) -> None:
    trace = backtrace.trace(case["formula"], case["point"], budget=PATIENT)
    assert trace.value == pytest.approx(case["exact"]["value"], rel=1e-12)
    for name, gradient in case["exact"]["gradients"].items():
        assert trace.gradients[name] == pytest.approx(gradient, rel=1e-12, abs=1e-15)
    assert trace.ok
    assert {check.verdict for check in trace.checks.values()} == {"agree"}
    assert all(check.symbolic is not None for check in trace.checks.values())


@pytest.mark.parametrize("case", CASES)
def test_printed_digits(case: dict) -> None:
    if case["source_issue"]:
        pytest.skip("its authors rounded on the way")
    trace = backtrace.trace(case["formula"], case["point"], check=False)
    if case["printed"]["value"] is not None:
        assert fits(trace.value, case["printed"]["value"])
    for name, printed in case["printed"]["gradients"].items():
        assert fits(trace.gradients[name], printed), (name, trace.gradients[name], printed)


@pytest.mark.parametrize("case", [c for c in CASES if c.values[0].get("intermediates")])
def test_intermediates(case: dict) -> None:
    """Every inner value and gradient that was printed stands at a gate of the graph."""
    trace = backtrace.trace(case["formula"], case["point"], check=False)
    places: dict[str, list[int]] = {name: [index] for name, index in trace.graph.stages.items()}
    for index, text in enumerate(expressions(trace.graph)):
        places.setdefault(text, []).append(index)
    for inner in case["intermediates"]:
        wanted = inner["expr"].replace("**", "^")
        graph = parse(wanted, case["point"].keys())
        found = places.get(wanted) or places[expressions(graph)[graph.output]]
        if inner.get("exact_value") is not None:
            values = [trace.values[index] for index in found]
            assert values == pytest.approx([inner["exact_value"]] * len(found), rel=1e-9)
        if inner.get("exact_grad") is not None:
            gradients = [trace.upstreams[index] for index in found]
            # written twice, it is two gates; its author may have had one, with their sum
            assert any(
                gradient == pytest.approx(inner["exact_grad"], rel=1e-9)
                for gradient in (*gradients, sum(gradients))
            )
