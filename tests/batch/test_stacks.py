"""Rows of arrays worked out at once are those of a trace of each row: for every gate, at kinks,
where a row has no number, in blocks; and what a stack gets wrong is not believed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

import backtrace
from backtrace.algebra import stack
from backtrace.algebra.stacked import Stacked
from backtrace.batch import array_program
from backtrace.errors import FormulaError
from backtrace.formula import read
from backtrace.gates import CONVENTIONS, Gate
from tests.batch.test_array_program import NET, NET_POINT
from tests.conftest import ROWS, inputs, points, usage
from tests.gates.random_arrays import SHAPES, random_formula, random_point, settled
from tests.gates.test_array_gates import CASES, Shapes, arrays
from tests.gates.test_array_kinks import KINKS

Columns = dict[str, Any]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether stacks were believed, time by time."""
    answers: list[bool] = []
    really = array_program._Rows._is_stackable

    def watched(*given: Any) -> bool:
        answers.append(really(*given))
        return answers[-1]

    monkeypatch.setattr(array_program._Rows, "_is_stackable", watched)
    return answers


def one_by_one(formula: str, columns: Columns, over: list[str], **told: Any) -> Columns:
    """The same without stacks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(array_program, "_FEW", 10**9)
        return backtrace.vectorize(formula, over=over, **told)(columns)


def assert_same(found: Columns, expected: Columns) -> None:
    """To rounding, of each row's own size; sums are in another order."""
    for name, column in expected.items():
        assert found[name].shape == column.shape
        for mine, row in zip(found[name], column, strict=True):
            size = np.abs(row[np.isfinite(row)]).max(initial=1.0)
            np.testing.assert_allclose(mine, row, rtol=1e-9, atol=1e-12 * size)


def columns_of(point: Columns, over: list[str], count: int, seed: int = 0) -> Columns:
    """Every row a little other than the first."""
    chance = np.random.default_rng(seed)
    return {
        name: value * chance.uniform(0.5, 1.0, (count, *np.shape(value))) if name in over else value
        for name, value in point.items()
    }


@pytest.mark.parametrize(("formula", "shapes"), CASES, ids=str)
def test_every_gate_of_arrays(formula: str, shapes: Shapes, asked: list[bool]) -> None:
    names = backtrace.vectorize(formula, over=[]).names
    point = {name: value for name, value in arrays(shapes).items() if name in names}
    used = list(point)
    for over in {tuple(used), (used[0],), (used[-1],)}:
        columns = columns_of(point, list(over), 6)
        found = backtrace.vectorize(formula, over=over)(columns)
        assert asked.pop()
        assert_same(found, one_by_one(formula, columns, list(over)))


@pytest.mark.parametrize("gate", ROWS)
def test_every_gate_of_numbers(gate: Gate, asked: list[bool]) -> None:
    """Of vectors and numbers, and of numbers alone."""
    rows = points(gate, 12)
    for shape in ((2,), ()):
        columns = {name: np.array([row[name] for row in rows[:6]]) for name in inputs(gate)}
        first = inputs(gate)[0]
        columns[first] = np.array([row[first] for row in rows[: 6 * np.prod(shape, dtype=int)]])
        columns[first] = columns[first].reshape(6, *shape)
        formula = f"sum({usage(gate)})"
        found = backtrace.vectorize(formula, over=list(columns))(columns)
        assert asked.pop()
        assert_same(found, one_by_one(formula, columns, list(columns)))


AWKWARD = (0.0, 0.0, 1.0, 1.0, -1.0, 0.5, 2.0, -0.0, np.inf, -np.inf, np.nan, 1e200, 1e-200)


@settings(max_examples=400)
@given(st.integers(0, 10**9))
def test_any_formula_at_rows_of_any_kind(seed: int) -> None:
    """Ties, kinks, overflow, inf and nan in some rows, beside rows that have none of these."""
    chance = random.Random(seed)
    formula = random_formula(chance, settled)
    try:
        read(formula.text, SHAPES)
    except FormulaError:  # it has two readings
        reject()
    point = random_point(chance)
    used = backtrace.vectorize(formula.text, over=[]).names
    over = chance.sample(used, chance.randint(1, len(used)))
    columns = columns_of({name: point[name] for name in used}, over, 9, seed)
    for name in over:
        for k in chance.sample(range(9), 4):
            kinds = AWKWARD if chance.random() < 0.5 else AWKWARD[:8]
            flat = columns[name][k].reshape(-1)
            for place in range(len(flat)):
                if chance.random() < 0.7:
                    flat[place] = chance.choice(kinds)
    told: dict[str, Any] = {"kink": chance.choice(CONVENTIONS), "fuse": chance.random() < 0.5}
    found = backtrace.vectorize(formula.text, over=over, **told)(columns)
    assert_same(found, one_by_one(formula.text, columns, over, **told))


@pytest.mark.parametrize("kink", CONVENTIONS)
@pytest.mark.parametrize("name", KINKS)
def test_rows_at_kinks_beside_rows_that_are_not(name: str, kink: str) -> None:
    formula, value = KINKS[name]
    at = np.array(value, dtype=float)
    off = at + np.linspace(0.1, 0.4, at.size).reshape(at.shape)
    columns = {"x": np.array([off, at, at, off, 2 * at, off])}
    found = backtrace.vectorize(formula, over=["x"], kink=kink)(columns)
    assert_same(found, one_by_one(formula, columns, ["x"], kink=kink))


@pytest.mark.parametrize("block", [4 * 15, 7 * 15, 1000 * 15])
@pytest.mark.parametrize("over", [["X"], ["W1"], ["y"], ["X", "W1", "b1", "W2", "b2"]])
def test_a_net_in_blocks(
    over: list[str], block: int, monkeypatch: pytest.MonkeyPatch, asked: list[bool]
) -> None:
    """Whose last one is short; the traces of some rows are the witness."""
    monkeypatch.setattr(array_program, "_BLOCK", 2 * block)
    columns = columns_of(NET_POINT, over, 31)
    if "y" in over:
        columns["y"] = np.random.default_rng(0).integers(0, 2, (31, 4)).astype(float)
    found = backtrace.vectorize(NET, over=over)(columns)
    assert asked == [True]
    for k in (0, 3, 4, 30):
        row = {name: value[k] if name in over else value for name, value in columns.items()}
        trace = backtrace.trace(NET, row, check=False)
        mine = {name: column[k : k + 1] for name, column in found.items()}
        whole = dict(zip(found, [trace.value, *trace.gradients.values()], strict=True))
        assert_same(mine, {name: np.array([value]) for name, value in whole.items()})


def test_a_class_that_is_none_spoils_its_own_row_alone() -> None:
    columns = {"s": np.array([0.3, -1.0, 2.0]), "y": np.array([0, 1, 7, 2, -9, 0.5, 1])}
    found = backtrace.vectorize("cross_entropy(s, y)", over=["y"])(columns)
    assert np.isnan(found["f"]).tolist() == [False, False, True, False, True, True, False]
    assert_same(found, one_by_one("cross_entropy(s, y)", columns, ["y"]))


def _twice(x: Any, _: Any) -> Any:
    return stack.Stack(2 * np.max(x.whole, -1))


def _refused(*_: Any) -> Any:
    raise stack.NotStacked


@pytest.mark.parametrize("slip", [_twice, _refused])
def test_a_wrong_stack_is_not_believed(
    slip: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, asked: list[bool]
) -> None:
    """The first row, worked out both ways, shows it; then all rows go one by one."""
    columns = columns_of({"x": np.array([1.0, 3.0, 2.0])}, ["x"], 8)
    right = one_by_one("max(x)^2", columns, ["x"])
    monkeypatch.setattr(Stacked, "largest", staticmethod(slip))
    found = backtrace.vectorize("max(x)^2", over=["x"])(columns)
    assert asked == [False]
    assert_same(found, right)


@pytest.mark.parametrize("error", [stack.NotStacked, ValueError])
def test_rows_that_cannot_be_stacked_among_others_go_alone(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one block meets costs nobody a row."""
    columns = columns_of({"x": np.array([1.0, 3.0, 2.0])}, ["x"], 40)
    columns["x"][17, 1] = 1000.0
    right = one_by_one("max(x)^2", columns, ["x"])
    really = Stacked.largest

    def largest(x: Any, axis: Any) -> Any:
        if isinstance(x, stack.Stack) and (x.whole == 1000).any():
            raise error
        return really(x, axis)

    monkeypatch.setattr(Stacked, "largest", staticmethod(largest))
    monkeypatch.setattr(array_program, "_BLOCK", 24)
    assert_same(backtrace.vectorize("max(x)^2", over=["x"])(columns), right)


def test_functions_that_know_no_stacks_go_point_by_point() -> None:
    """NumPy's own, of every kind of argument; one that cannot be is refused."""
    whole = np.arange(24.0).reshape(4, 3, 2) ** 2
    given = stack.Stack(whole)
    for name, told in (("median", {"axis": 0}), ("ptp", {"axis": -1}), ("rot90", {})):
        function = getattr(np, name)
        found = function(given, **told)
        assert (found.whole == [function(one, **told) for one in whole]).all()
    assert (np.vstack([given, whole[0]]).whole[2] == np.vstack([whole[2], whole[0]])).all()
    for wrong in (
        lambda: bool(given > 1),
        lambda: float(given),
        lambda: np.asarray(given),
        lambda: list(given),
        lambda: given[np.array([0, 1])],
        lambda: np.linalg.slogdet(given[:2]),
        lambda: np.add.accumulate(given),
        lambda: np.add(given, 1, out=whole),
    ):
        with pytest.raises(stack.NotStacked):
            wrong()
