"""Where numbers go bad: the origin, in a corpus of formulas that people write; cures that were run;
digits that are lost."""

from __future__ import annotations

import json
import math
import random
import re

import pytest

import backtrace
from backtrace.cures import INSTEAD
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


@pytest.mark.parametrize("case", [c for c in FAULTS if c["cure"]], ids=lambda case: case["formula"])
def test_the_cure_cures(case: dict) -> None:
    """The words are followed to the letter: then all is finite, and the value is the one told."""
    formula, point = case["formula"], case["point"]
    fault = backtrace.trace(formula, point, check=False).fault
    if fault.cure.startswith("--fuse"):
        healed = backtrace.trace(formula, point, fuse=True)
    else:
        before, after = re.fullmatch(r"write (.*) as (.*): then it is .*", fault.cure).groups()
        names = {"p*log(p)": ("q*log(q)", "where(q > 0, q*log(q), 0)")}
        assert before in formula
        changed = formula.replace(before, f"({after})")
        if before in names:  # told once, meant everywhere
            changed = changed.replace(names[before][0], names[before][1])
        healed = backtrace.trace(changed, point)
    assert healed.ok
    told = float(re.search(r"then it is ([-\d.e]+)", fault.cure)[1].rstrip("."))
    assert healed.value == pytest.approx(told, rel=1e-3)


@pytest.mark.parametrize(("written", "instead"), INSTEAD, ids=[pair[0] for pair in INSTEAD])
def test_what_is_offered_instead_is_the_same_function(written: str, instead: str) -> None:
    """Values and gradients agree wherever both are finite and neither is at a kink."""
    chance = random.Random(1)
    compared = 0
    for _ in range(40):
        point = {
            name: chance.uniform(0.2, 3) for name in sorted(set(re.findall(r"\b[abcx]\b", written)))
        }
        one = backtrace.trace(written, point, check=False)
        other = backtrace.trace(instead, point, check=False)
        assert other.value == pytest.approx(one.value, rel=1e-9, abs=1e-12)
        for name, slope in one.gradients.items():
            if name in other.gradients:
                assert other.gradients[name] == pytest.approx(slope, rel=1e-7, abs=1e-9)
            else:
                assert slope == pytest.approx(0, abs=1e-9)
        compared += math.isfinite(one.value)
    assert compared == 40


@pytest.mark.parametrize(
    ("formula", "point", "words"),
    [
        ("(1+x)-1", {"x": 1e-13}, "-1 #2 loses 13 of 16 digits: 1.0000000000000999 - 1 cancels"),
        ("(1-cos(x))/x^2", {"x": 1e-8}, "f has no right digit (with 30 digits it is 0.5)"),
        ("log(1+x)/x", {"x": 1e-14}, "magnifies what its input has lost; f has 3 right digits"),
        ("sqrt(x+1)-sqrt(x)", {"x": 1e14}, "(with 30 digits it is 5e-8)"),
    ],
)
def test_lost_digits_are_a_note_with_their_gate(formula: str, point: dict, words: str) -> None:
    trace = backtrace.trace(formula, point)
    assert any(words in note.text for note in trace.notes if note.kind == "accuracy")


@pytest.mark.parametrize(
    "formula", ["(x+y)*z", "1/(1+exp(-x*y*z))", "x-y", "sqrt(x*x+1)-z", "sigmoid(500*x)"]
)
def test_where_nothing_is_lost_nothing_is_said(formula: str) -> None:
    trace = backtrace.trace(
        formula, {n: v for n, v in {"x": -2, "y": 5, "z": -4}.items() if n in formula}
    )
    assert not [note for note in trace.notes if note.kind == "accuracy"]


def test_a_tie_inside_a_condition_is_a_kink() -> None:
    """The inner choice moves the outer one: the formula jumps here."""
    trace = backtrace.trace("where(x < where(x < y, x, 2), x, -x)", {"x": 1, "y": 1})
    assert trace.checks["x"].verdict == "kink"
