"""What the quick run holds: something of every module, and with the sweeps everything."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT, with_fewer_inputs


def collected(*words: str) -> set[str]:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n0", *words]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout[-2000:]
    return {line for line in ended.stdout.splitlines() if "::" in line}


def modules(tests: set[str]) -> set[str]:
    return {test.partition("::")[0] for test in tests}


@pytest.mark.slow
def test_every_module_is_in_the_quick_run_and_nothing_is_in_none() -> None:
    whole = collected("-m", "not browser and not bench and not cluster")
    quick, sweeps = collected(), collected("-m", "slow")
    assert modules(quick) == modules(whole)
    assert quick | sweeps == whole
    name = "tests/formula/test_formula.py"
    assert collected(name) > {test for test in quick if test.startswith(f"{name}::")}


@pytest.mark.parametrize(("asked", "few"), [(400, 50), (80, 10), (20, 8), (3, 3)])
def test_the_quick_run_draws_an_eighth_of_random_inputs(asked: int, few: int) -> None:
    drawn = []

    @settings(max_examples=asked, database=None, deadline=None)
    @given(st.integers())
    def test(number: int) -> None:
        drawn.append(number)

    with_fewer_inputs(test)
    test()
    assert len(drawn) == few
