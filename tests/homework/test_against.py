"""A forward pass held against the assignment's formula, over all programs that are right."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from backtrace.code import read_code
from backtrace.errors import BacktraceError
from backtrace.homework.backward import check_code

HERE = Path(__file__).parent.parent / "data" / "code" / "backward"
EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def _is_script(path: Path) -> bool:
    """Whether it computes anything but functions and classes, which are asked for by name."""
    return any(isinstance(s, ast.Assign) for s in ast.parse(path.read_text("utf-8")).body)


SCRIPTS = [path for path in sorted(HERE.glob("*.py")) if _is_script(path)]
FEW_STAGES = ("logistic", "regression")


def test_there_are_programs_to_try() -> None:
    assert len(SCRIPTS) >= 3


@pytest.mark.parametrize(
    "path",
    [
        path if path.stem in FEW_STAGES else pytest.param(path, marks=pytest.mark.slow)
        for path in SCRIPTS
    ],
    ids=lambda path: path.name,
)
def test_its_own_formula_is_no_fault_and_any_other_is(path: Path) -> None:
    name, text = path.name, path.read_text("utf-8")
    formula = read_code(text, name).formula
    assert check_code(text, name, against=formula).ok
    stages = formula.split("; ")
    for k, stage in enumerate(stages):
        stage_name, _, expression = stage.partition(" = ")
        other = [*stages[:k], f"{stage_name} = 1.5*({expression})", *stages[k + 1 :]]
        judged = check_code(text, name, against="; ".join(other))
        if judged.ok:  # a factor that the result does without: a softmax's, a norm's
            continue
        first = judged.verdicts[0]
        assert (first.about, first.gradient.name) == ("value", stage_name)
        assert judged.fault is not None
        assert judged.fault_name == stage_name
        assert all(verdict.passes for verdict in judged.verdicts[1:])  # right for what is written
    assert not check_code(text, name, against="; ".join([*stages, "other_ = 2*" + stage_name])).ok


def test_the_slip_of_a_forward_line_is_named() -> None:
    text = (EXAMPLES / "slip.py").read_text("utf-8")
    summed = text.replace(").mean()", ").sum()")
    judged = check_code(summed, "slip.py", against="cross_entropy(relu(X@W1)@W2, y)")
    first = judged.verdicts[0]
    assert (first.gradient.name, first.row, first.about) == ("loss", 11, "value")
    assert "no-mean" in {edit.code for edit in first.fits}


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("X@W1 + bias", "the formula has bias, which the code has not"),
        ("W1@W1", "do not fit"),
        ("(X@W1", "')'"),
    ],
)
def test_a_formula_that_does_not_fit_is_said(formula: str, words: str) -> None:
    text = (EXAMPLES / "slip.py").read_text("utf-8")
    with pytest.raises(BacktraceError) as error:
        check_code(text, "slip.py", against=formula)
    assert words in str(error.value)
