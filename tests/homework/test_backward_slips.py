"""Right backward passes of every sort are right, by NumPy too; slips planted in them are found."""

from __future__ import annotations

import numpy as np
import pytest

from backtrace.homework.backward import check_code
from backtrace.homework.backward.codes import CODES
from backtrace.homework.mistakes import MISTAKES
from tests.benchmarks.backward import measure
from tests.benchmarks.planting import KINDS
from tests.benchmarks.programs import PROGRAMS, Program, gradients, slopes
from tests.benchmarks.variants import VARIANTS, variant
from tests.conftest import ROOT


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_right_programs_are_right(program: Program) -> None:
    judged = check_code(program.text, program.file, program.name, program.checked_with)
    assert judged.verdicts
    assert judged.ok, [(v.gradient.name, v.verdict, v.note) for v in judged.verdicts]


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_they_are_right_by_numpy(program: Program) -> None:
    own, measured = gradients(program, program.text), slopes(program)
    assert measured
    for name, slope in measured.items():
        assert np.shape(own[name]) == np.shape(slope)
        assert np.allclose(own[name], slope, rtol=1e-5, atol=1e-7), name


@pytest.mark.parametrize("number", range(0, len(VARIANTS), 8))
def test_some_variants_are_right(number: int) -> None:
    _is_right(number)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(VARIANTS)))
def test_variants_are_right(number: int) -> None:
    _is_right(number)


def _is_right(number: int) -> None:
    program, text = variant(number)
    own, right = gradients(program, text), gradients(program, program.text)
    same = [n for n in own if n in right and np.shape(own[n]) == np.shape(right[n])]
    assert all(
        np.allclose(own[n], right[n], rtol=1e-6, atol=1e-9) for n in same if n in slopes(program)
    )
    judged = check_code(text, program.file, program.name, program.checked_with)
    assert judged.ok, [(v.gradient.name, v.verdict, v.note) for v in judged.verdicts]


@pytest.mark.slow
def test_some_planted_slips_are_found() -> None:
    scores = measure(step=80).values()
    planted, found = sum(s.planted for s in scores), sum(s.line for s in scores)
    assert planted >= 10
    assert found >= 0.9 * planted
    assert sum(s.three for s in scores) >= 0.8 * planted
    assert not any(s.missed for s in scores)
    assert sum(s.blamed for s in scores) <= 0.1 * planted


@pytest.mark.slow
def test_planted_slips_are_found() -> None:
    scores = measure()
    assert scores.keys() == KINDS.keys()
    planted = sum(s.planted for s in scores.values())
    assert planted > 1000
    assert sum(s.missed for s in scores.values()) == 0
    assert sum(s.blamed for s in scores.values()) <= 0.02 * planted
    assert sum(s.line for s in scores.values()) >= 0.99 * planted
    assert sum(s.alone for s in scores.values()) >= 0.85 * planted
    assert sum(s.three for s in scores.values()) >= 0.97 * planted


def test_codes_are_one_table() -> None:
    shared = {m.code for m in MISTAKES} & CODES.keys()
    assert {"transposed", "sign", "no-upstream", "label-kept", "reduction"} <= shared
    chapter = (ROOT / "docs" / "guide" / "16-backward.md").read_text()
    for code, row in CODES.items():
        assert f"| `{code}` | {row.is_} |" in chapter
