"""Where numbers go bad: the origin, in a corpus of formulas that people write; digits
that are lost."""

from __future__ import annotations

import json

import pytest

import backtrace
from tests.conftest import DATA

FAULTS = json.loads((DATA / "faults.json").read_text("utf-8"))


def test_the_corpus_is_large() -> None:
    assert len(FAULTS) >= 40
    assert sum(bool(case["cure"]) for case in FAULTS) >= 25


@pytest.mark.parametrize("case", FAULTS, ids=lambda case: case["formula"])
def test_the_origin_is_found(case: dict) -> None:
    trace = backtrace.trace(case["formula"], case["point"], check=False)
    fault = trace.fault
    assert fault is not None
    assert not trace.ok
    start, end = trace.graph.nodes[fault.node].span
    assert (fault.direction, case["formula"][start:end]) == (case["direction"], case["at"])
    assert (fault.operand if fault.direction == "backward" else 0) == case["operand"]
    assert fault.cure.startswith(case["cure"])


@pytest.mark.parametrize(
    ("formula", "point", "words"),
    [
        ("(1+x)-1", {"x": 1e-13}, "-1 #2 loses 13 of 16 digits: 1.0000000000000999 - 1 cancels"),
        ("(1-cos(x))/x^2", {"x": 1e-8}, "0 in 64-bit floats, 0.5 is right; 1-x #2 loses"),
        ("log(1+x)/x", {"x": 1e-14}, "magnifies what its input has lost"),
        ("sqrt(x+1)-sqrt(x)", {"x": 1e14}, "5e-8 is right; sub #4"),
    ],
)
def test_lost_digits_are_told_with_their_gate(formula: str, point: dict, words: str) -> None:
    check = backtrace.trace(formula, point).output_check
    assert check is not None
    assert check.verdict == "lost digits"
    assert words in check.reason


@pytest.mark.parametrize(
    "formula", ["(x+y)*z", "1/(1+exp(-x*y*z))", "x-y", "sqrt(x*x+1)-z", "sigmoid(500*x)"]
)
def test_where_nothing_is_lost_nothing_is_said(formula: str) -> None:
    trace = backtrace.trace(
        formula, {n: v for n, v in {"x": -2, "y": 5, "z": -4}.items() if n in formula}
    )
    assert not trace.lost


def test_a_tie_inside_a_condition_is_a_kink() -> None:
    """The inner choice moves the outer one: the formula jumps here."""
    trace = backtrace.trace("where(x < where(x < y, x, 2), x, -x)", {"x": 1, "y": 1})
    assert trace.checks["x"].verdict == "kink"
