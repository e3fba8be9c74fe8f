"""Compiled, a formula at many points gives the same numbers, to the last bit; what cannot be
compiled is refused in words."""

from __future__ import annotations

import gc
import pathlib
import sys

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import backtrace
from backtrace.batch.program import BLOCK
from backtrace.errors import BacktraceError, UsageError
from backtrace.gates import CONVENTIONS
from tests.conftest import Command
from tests.tracing.test_properties import EXTREME, FORMULAS, QUIET, VARIABLES

VALUES = EXTREME | st.floats(-3, 3) | st.sampled_from([np.inf, -np.inf, np.nan, -0.0, 1e300])
TABLES = st.fixed_dictionaries(
    dict.fromkeys(VARIABLES, st.lists(VALUES, min_size=5, max_size=5) | VALUES)
)


@given(FORMULAS, TABLES, st.booleans(), st.sampled_from(CONVENTIONS))
@settings(max_examples=80, deadline=None, suppress_health_check=QUIET)
def test_the_same_numbers_to_the_last_bit(
    formula: str, table: dict[str, object], fuse: bool, kink: str
) -> None:
    try:
        made, compiled = (
            backtrace.vectorize(formula, fuse=fuse, kink=kink, compiled=c) for c in (False, True)
        )
    except BacktraceError:
        assume(False)
        raise
    given_ = {name: table[name] for name in made.names}
    found, again = made(given_, length=3), compiled(given_, length=3)
    for name, column in found.items():
        np.testing.assert_array_equal(again[name], column, f"{formula}: {name}")


@pytest.mark.parametrize("gates", [1, 30, 300])
def test_long_formulas_of_arithmetic(gates: int) -> None:
    chance = np.random.default_rng(gates)
    stages = ["s0 = x*y"]
    for k in range(1, gates):
        a, b = (f"s{i}" if i >= 0 else "xy"[-i - 1] for i in chance.integers(-2, k, 2))
        sign = chance.choice(["+", "-", "*"])
        stages.append(f"s{k} = 0.9*({a} {sign} {b})" + " + exp(-s0^2)" * (k % 7 == 0))
    formula = "; ".join(stages)
    made, compiled = (backtrace.vectorize(formula, compiled=c) for c in (False, True))
    table = {name: chance.uniform(-1, 1, BLOCK + 5) for name in made.names}
    for name, column in made(table).items():
        np.testing.assert_array_equal(compiled(table, jobs=2)[name], column, name)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("count", [5, BLOCK + 5])
def test_results_arrive_in_arrays_of_any_kind(count: int, compiled: bool) -> None:
    """Strided, of 32 bits, of another byte order, the inputs themselves: no other is touched."""
    made = backtrace.vectorize("x*y + exp(x)", compiled=compiled)
    table = {name: np.linspace(-1, 1, count) + k for k, name in enumerate(made.names)}
    wanted = made(table)
    strided, single = np.full((count, 2), 7.0), np.full(count + 1, 7.0, dtype="f4")
    out = {"f": strided[:, 0], "df/dx": single[:count], "df/dy": np.empty(count, dtype=">f8")}
    made(table, out=out)
    for name, column in wanted.items():
        np.testing.assert_allclose(out[name], column, rtol=1e-6)
    assert (strided[:, 1] == 7).all()
    assert single[-1] == 7
    same = {name: column.copy() for name, column in table.items()}
    made(same, out={"f": same["x"], "df/dx": same["y"], "df/dy": np.empty(count)})
    assert (same["x"] == wanted["f"]).all()
    assert (same["y"] == wanted["df/dx"]).all()


@pytest.mark.parametrize("compiled", [False, True])
def test_results_that_do_not_fit_are_refused(compiled: bool) -> None:
    made = backtrace.vectorize("x*x", compiled=compiled)
    xs = np.ones(100)
    for out in (np.empty(3), np.empty((100, 1)), np.empty(101)):
        with pytest.raises(UsageError, match="differ in length"):
            made({"x": xs}, out={"f": out, "df/dx": np.empty(100)})
    frozen = np.zeros(100)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        made({"x": xs}, out={"f": frozen, "df/dx": np.empty(100)})
    assert (frozen == 0).all()


def test_the_code_stays_as_long_as_its_program() -> None:
    programs = [backtrace.vectorize(f"x*{k} + exp(x)", compiled=True) for k in range(20)]
    gc.collect()
    found = [made({"x": np.ones(3)})["df/dx"][0] for made in programs]
    assert found == [k + np.e for k in range(20)]


def test_the_command(tmp_path: pathlib.Path, backtrace_command: Command) -> None:
    source = tmp_path / "points.csv"
    source.write_text("x,y\n1,2\n0.5,\n-3,0.25\n")
    words = ["x*y + exp(-x)", "--points", str(source)]
    plain, compiled = backtrace_command(*words), backtrace_command(*words, "--compiled")
    assert plain.out == compiled.out != ""
    assert plain.status == compiled.status == 1


@pytest.mark.parametrize("option", [["--compiled"], ["--jobs", "2"]])
def test_of_one_point_nothing_is_compiled(option: list[str], backtrace_command: Command) -> None:
    ended = backtrace_command("x*y", "x=1", "y=2", *option)
    assert ended.status == 2
    assert f"{option[0]} is of many points" in ended.err


def test_without_llvmlite_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    with pytest.raises(UsageError, match="llvmlite") as caught:
        backtrace.vectorize("x*y", compiled=True)
    assert caught.value.hint == 'pip install "backtrace-autodiff[compiled]"'


def test_arrays_are_not_compiled() -> None:
    with pytest.raises(UsageError, match="arrays are not compiled"):
        backtrace.vectorize("sum(W@x)", over=["x"], compiled=True)
