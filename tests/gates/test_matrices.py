"""Linear algebra: NumPy's numbers, matrices without an inverse, batches, sizes that only random
directions can speak for; and arrays that a formula makes by their shape."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backtrace
from backtrace.algebra.arrays import ARRAYS
from backtrace.algebra.complexstep import COMPLEX_STEP, STEP
from backtrace.errors import BacktraceError
from backtrace.formula import read
from backtrace.formula.printer import source
from tests.conftest import Command

SINGULAR: list[Any] = [
    [[1.0, 2.0], [2.0, 4.0]],
    [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]],
    [[0.1, 0.2], [0.3, 0.6]],
    [[0.0]],
    [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
    (np.arange(400).reshape(20, 20) % 7 * 1.0).tolist(),
]


@pytest.mark.parametrize("A", SINGULAR)
@pytest.mark.parametrize("formula", ["sum(inv(A))", "sum(solve(A, b))", "logdet(A)"])
def test_a_matrix_without_an_inverse_is_named(
    formula: str, A: Any, backtrace_command: Command
) -> None:
    """Also where rounding has left a determinant of 1e-17, whose inverse would be all noise."""
    words = [formula, f"A={A}"]
    words += [f"b={[1.0] * len(A)}"] if "b" in formula else []
    ended = backtrace_command(*words)
    assert ended.status == 1
    gate = formula.removeprefix("sum(").split("(")[0]
    assert f"{gate} gives" in ended.err
    assert "^^^^^" in ended.err
    assert "hint: " in ended.err
    needs = "a determinant above 0" if gate == "logdet" else "a matrix that has an inverse"
    assert needs in ended.err


def test_what_is_only_scaled_badly_has_an_inverse() -> None:
    A = np.diag([1.0, 1e-20, 1e15]) + np.triu(np.full((3, 3), 1e-21), 1)
    trace = backtrace.trace("sum(inv(A))", {"A": A})
    np.testing.assert_allclose(trace.value, np.sum(np.linalg.inv(A)), rtol=1e-13)
    assert trace.ok


@pytest.mark.parametrize("A", SINGULAR)
def test_the_determinant_has_a_slope_where_there_is_no_inverse(A: Any) -> None:
    """The cofactors: of a matrix of rank n - 2 they are 0."""
    trace = backtrace.trace("det(A)", {"A": A})
    matrix = np.array(A)
    for i, j in np.ndindex(matrix.shape):
        minor = np.delete(np.delete(matrix, i, 0), j, 1)
        expected = (-1) ** (i + j) * (np.linalg.det(minor) if minor.size else 1.0)
        assert trace.gradients["A"][i, j] == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert trace.checks["A"].verdict == "agree"


def test_one_matrix_of_a_batch_has_no_inverse() -> None:
    """The others have."""
    batch = np.array([np.eye(2), [[1.0, 2.0], [2.0, 4.0]], [[1.0, 1.0], [0.0, 2.0]]])
    found = ARRAYS.inv(batch)
    assert ARRAYS.is_singular(batch).tolist() == [False, True, False]
    np.testing.assert_allclose(found[[0, 2]], np.linalg.inv(batch[[0, 2]]))
    assert np.isnan(found[1]).all()
    assert np.isnan(ARRAYS.solve(batch, np.ones(2))).any(-1).tolist() == [False, True, False]
    trace = backtrace.trace("sum(det(A))", {"A": batch})
    np.testing.assert_allclose(trace.gradients["A"][1], [[4, -2], [-2, 1]], atol=1e-14)
    assert trace.checks["A"].verdict == "agree"


@given(st.integers(1, 6), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_numpys_values_and_measured_slopes(n: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    A = chance.normal(size=(n, n)) + 2 * np.diag(chance.choice([-1, 1], n))
    b = chance.normal(size=(n, 2))
    for text, expected in (
        ("sum(inv(A)*A.T)", n),
        ("det(A)", np.linalg.det(A)),
        ("logdet(A@A.T)", np.linalg.slogdet(A)[1] * 2),
        ("sum(solve(A, b)^2)", np.sum(np.linalg.solve(A, b) ** 2)),
        ("sum(kron(A, b)^2)", np.sum(np.kron(A, b) ** 2)),
    ):
        point = {"A": A, "b": b} if "b" in text else {"A": A}
        trace = backtrace.trace(text, point, check=False)
        noise = np.linalg.cond(A) * 1e-13
        assert trace.value == pytest.approx(expected, rel=noise, abs=noise)
        along = chance.uniform(-1, 1, A.shape)
        moved = {**point, "A": A + 1j * STEP * along}
        values = read(text, {n: np.shape(v) for n, v in point.items()}).evaluate(
            COMPLEX_STEP, moved
        )
        slope = float(np.imag(values[-1])) / STEP
        size = float(np.sum(np.abs(trace.gradients["A"] * along)))
        found = float(np.sum(trace.gradients["A"] * along))
        assert found == pytest.approx(slope, rel=1e-9, abs=1e-9 * size + noise)


@pytest.mark.parametrize(
    ("formula", "shapes"),
    [
        ("sum(inv(A)^2)", {"A": (60, 60)}),
        ("logdet(A@A.T)", {"A": (60, 60)}),
        ("sum(solve(A, b)^2)", {"A": (100, 100), "b": (100,)}),
        ("sum(kron(A, b)^2)", {"A": (20, 30), "b": (10, 5)}),
    ],
)
def test_large_matrices_are_checked_along_directions(
    formula: str, shapes: dict[str, tuple[int, ...]]
) -> None:
    chance = np.random.default_rng(3)
    trace = backtrace.trace(formula, {n: chance.normal(size=s) for n, s in shapes.items()})
    assert trace.ok
    assert {check.verdict for check in trace.checks.values()} == {"agree"}


@pytest.mark.parametrize(
    ("formula", "fused"),
    [
        ("sum(inv(A)@b)", "sum(solve(A, b))"),
        ("ln(det(A))", "logdet(A)"),
        ("2*log(det(A))", "2*logdet(A)"),
    ],
)
def test_what_is_spelled_out_is_one_gate_and_opens_again(formula: str, fused: str) -> None:
    values = {"A": [[2.0, 1.0], [0.5, 3.0]], "b": [1.0, 2.0]}
    point = {n: v for n, v in values.items() if n in formula}
    plain = backtrace.trace(formula, point)
    other = backtrace.trace(formula, point, fuse=True)
    assert source(other.graph) == fused
    assert other.value == pytest.approx(plain.value)
    np.testing.assert_allclose(other.gradients["A"], plain.gradients["A"])
    opened = backtrace.trace(fused, point, expand=True)
    np.testing.assert_allclose(opened.gradients["A"], plain.gradients["A"])


@pytest.mark.parametrize(
    ("formula", "what"),
    [
        ("inv(X)", "it takes a square matrix, not shape 2x3"),
        ("det(v)", "it takes a square matrix, not shape 3"),
        ("logdet(s)", "it takes a square matrix, not shape number"),
        ("solve(X, v)", "it takes a square matrix, not shape 2x3"),
        ("solve(A, v)", "as many rows on the right, not 3 for 2x2"),
        ("solve(A, s)", "as many rows on the right, not number for 2x2"),
        ("solve(T, A)", "one matrix to NumPy and a batch of vectors to PyTorch"),
        ("kron(X, v)", "kron takes two matrices or two vectors, not shapes 2x3 and 3"),
        ("kron(s, v)", "kron takes two matrices or two vectors"),
        ("ones(0)", "an array of shape 0 has no entries"),
        ("zeros(2, -1)", "an array of shape 2x-1 has no entries"),
        ("ones(v)", "a shape is made of whole numbers"),
        ("ones(1.5)", "a shape is made of whole numbers"),
        ("eye(2, 2, 2)", "eye makes matrices"),
        ("full(v, 2)", "shapes 3 and 2 do not fit"),
        ("full(X, 3)", "shape 2x3 is not repeated to 3"),
        ("ones(100000, 100000)*s", "100000x100000 is too large"),
        ("ones()", "ones takes 1 argument, not 0"),
    ],
)
def test_shapes_that_do_not_fit(formula: str, what: str) -> None:
    values = {"X": np.ones((2, 3)), "v": np.ones(3), "s": 2.0, "A": np.ones((2, 2))}
    values["T"] = np.ones((2, 2, 2))
    point = {n: v for n, v in values.items() if n in formula.split("(", 1)[1]}
    with pytest.raises(BacktraceError, match=what):
        backtrace.trace(formula, {**point, "s": 2.0})


@given(st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_constant_arrays_are_printed_as_they_are_typed_and_read_again(seed: int) -> None:
    chance = random.Random(seed)
    shape = ", ".join(str(chance.randint(1, 3)) for _ in range(chance.randint(1, 3)))
    side = chance.randint(1, 4)
    text = f"sum(ones({shape})*x) + sum(zeros({shape}) - full(x, {shape})) + trace(eye({side}))*x"
    graph = read(text, {"x": ()})
    assert source(graph) == text
    assert source(read(source(graph), {"x": ()})) == source(graph)
    trace = backtrace.trace(text, {"x": 2.0})
    assert trace.gradients["x"] == pytest.approx(side)
    assert trace.ok
