"""No row of a block knows of the others: together they give what each gives alone, whatever stands
in the rows beside it."""

from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import backtrace
from backtrace.batch import program
from backtrace.batch.program import BLOCK
from backtrace.errors import BacktraceError
from backtrace.gates import CONVENTIONS, Gate
from tests.conftest import ROWS, inputs, usage
from tests.tracing.test_properties import EXTREME, FORMULAS, QUIET, VARIABLES

AWKWARD = (np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1e300, -1e300, 720.0, -720.0, 800.0, -800.0)
VALUES = EXTREME | st.floats(-3, 3) | st.sampled_from(AWKWARD)
COUNT = 6
TABLES = st.fixed_dictionaries(
    dict.fromkeys(VARIABLES, st.lists(VALUES, min_size=COUNT, max_size=COUNT))
)


def same_alone(made: program.Program, table: dict[str, np.ndarray]) -> None:
    together = made(table)
    count = len(next(iter(table.values())))
    for k in range(count):
        alone = made({name: column[k : k + 1] for name, column in table.items()})
        for name, column in together.items():
            at = f"{name} in row {k} of {table}"
            np.testing.assert_allclose(column[k], alone[name][0], rtol=1e-13, atol=0, err_msg=at)


@given(FORMULAS, TABLES, st.booleans(), st.booleans(), st.sampled_from(CONVENTIONS))
@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
def test_formulas(
    formula: str, table: dict[str, list[float]], fuse: bool, compiled: bool, kink: str
) -> None:
    try:
        made = backtrace.vectorize(formula, fuse=fuse, kink=kink, compiled=compiled)
    except BacktraceError:
        assume(False)
        raise
    assume(made.names)
    same_alone(made, {name: np.array(table[name]) for name in made.names})


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("gate", ROWS)
def test_gates(gate: Gate, compiled: bool) -> None:
    """At every pair of awkward numbers; of finite ones it is also what a trace has there."""
    names, formula = inputs(gate), usage(gate)
    grid = np.array(list(itertools.product((*AWKWARD, 0.3, -2.5), repeat=min(2, len(names)))))
    table = {name: grid[:, k % 2] for k, name in enumerate(names)}
    made = backtrace.vectorize(formula, compiled=compiled)
    same_alone(made, {name: column[:40] for name, column in table.items()})
    found = made(table)
    for k in np.flatnonzero(np.isfinite(grid).all(axis=1)):
        if gate.name == "pow" and abs(grid[k, 1]) >= 2**53:
            continue  # y - 1 is y in floats: whether it is odd, a block does not ask
        row = grid[k].tolist()
        point = {name: row[i % 2] for i, name in enumerate(names)}
        trace = backtrace.trace(formula, point, check=False)
        wanted = [trace.value, *(trace.gradients[name] for name in names)]
        got = [column[k] for column in found.values()]
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=0, err_msg=f"{formula} {point}")


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("jobs", [2, 3, 7])
@pytest.mark.parametrize("count", [BLOCK + 1, 3 * BLOCK + 5, 10 * BLOCK])
def test_threads_leave_no_row_out(
    count: int, jobs: int, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever takes which block, and where a block has rows that the quick steps are not for."""
    table = {"x": np.linspace(-3, 3, count), "y": np.linspace(1, 2, count)}
    table["x"][[0, BLOCK, count - 1]] = -800.0
    made = backtrace.vectorize("sigmoid(x)*y", compiled=compiled)
    wanted = made(table)
    monkeypatch.setattr(program, "_WORTH_THREADS", 0.0)
    monkeypatch.setattr(program, "_SHARED", BLOCK // 2)
    found = made(table, jobs=jobs, out={name: np.full(count, 7.0) for name in wanted})
    for name, column in wanted.items():
        np.testing.assert_allclose(found[name], column, rtol=1e-15, err_msg=name)


def test_what_a_thread_raises_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    made = backtrace.vectorize("x*y")
    monkeypatch.setattr(program, "_WORTH_THREADS", 0.0)
    caller, has_raised, is_first = threading.get_ident(), threading.Event(), [True]

    def failing(_: object) -> None:
        if threading.get_ident() != caller:
            has_raised.set()
            raise MemoryError
        assert is_first.pop() if is_first else has_raised.wait(60)

    monkeypatch.setattr(made.plan, "_run", failing)
    table = {name: np.ones(40 * BLOCK) for name in "xy"}
    with pytest.raises(MemoryError):
        made(table, jobs=2)
