"""Formulas of arrays at many points: every row has the numbers of a trace of that row alone, of a
few rows to the last digit, of many to rounding (test_stacks): their sums are in another order."""

from __future__ import annotations

import json
import pathlib
import random
from typing import Any

import numpy as np
import pytest

import backtrace
from backtrace.errors import BacktraceError, UsageError
from backtrace.gates import CONVENTIONS
from tests.conftest import Command
from tests.gates.test_array_gates import CASES, Shapes, arrays

NET = "h = max(0, X@W1 + b1); L = cross_entropy(h@W2 + b2, y)"
NET_POINT = {
    "X": np.linspace(-1, 1, 12).reshape(4, 3),
    "W1": np.linspace(-0.5, 0.7, 15).reshape(3, 5),
    "b1": np.linspace(-0.1, 0.1, 5),
    "W2": np.linspace(0.4, -0.6, 10).reshape(5, 2),
    "b2": np.zeros(2),
    "y": np.array([0.0, 1.0, 1.0, 0.0]),
}


def compare(
    formula: str, rows: list[dict[str, Any]], over: list[str], kink: str = CONVENTIONS[0]
) -> None:
    """Rows differ in the names of `over` alone."""
    made = backtrace.vectorize(formula, over=over, kink=kink)
    columns = {n: np.array([row[n] for row in rows]) if n in over else rows[0][n] for n in rows[0]}
    found = made(columns)
    for k, row in enumerate(rows):
        trace = backtrace.trace(formula, row, check=False, kink=kink)
        expected = [trace.value, *trace.gradients.values()]
        for name, value in zip(made.results, expected, strict=True):
            assert found[name][k].shape == np.shape(value)
            np.testing.assert_array_equal(found[name][k], np.asarray(value, dtype=float))


def rows_of(point: dict[str, Any], over: list[str], count: int) -> list[dict[str, Any]]:
    return [
        {n: v * (1 - k / 16) if n in over else v for n, v in point.items()} for k in range(count)
    ]


@pytest.mark.parametrize(("formula", "shapes"), CASES[::4], ids=str)
def test_every_gate_of_arrays(formula: str, shapes: Shapes) -> None:
    point = arrays(shapes)
    used = [name for name in point if name in backtrace.vectorize(formula, over=[]).names]
    point = {name: point[name] for name in used}
    over = random.Random(formula).sample(used, max(1, len(used) // 2))
    compare(formula, rows_of(point, over, 3), over)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
@pytest.mark.parametrize("over", [["X"], ["W1"], ["b1", "W2"], ["X", "W1", "b1", "W2", "b2"]])
def test_a_net_by_any_of_its_arrays(over: list[str], count: int) -> None:
    if count:
        for kink in CONVENTIONS:
            compare(NET, rows_of(NET_POINT, over, count), over, kink)
        return
    given = {n: np.empty((0, *v.shape)) if n in over else v for n, v in NET_POINT.items()}
    found = backtrace.vectorize(NET, over=over)(given)
    assert found["L"].shape == (0,)
    assert found["dL/dW1"].shape == (0, 3, 5)


def test_fused_opened_and_own_gates() -> None:
    point = {"x": np.array([[0.5, -1.0], [2.0, 0.1]]), "w": np.array([1.5, -0.5])}
    plain = backtrace.vectorize("sum(1/(1+exp(-w*x)))", over=["x"])
    fused = backtrace.vectorize("sum(1/(1+exp(-w*x)))", over=["x"], fuse=True)
    own = backtrace.vectorize("sum(gate(w*x))", over=["x"], gates="gate(a) = 1/(1+exp(-a))")
    for made in (fused, own):
        for name, column in made(point).items():
            assert np.allclose(column, plain(point)[name], rtol=1e-12)


def test_what_does_not_fit_is_refused_in_words() -> None:
    made = backtrace.vectorize("sum((W@x)^2)", over=["x"])
    W = np.ones((2, 3))
    for given, words in (
        ({"W": W}, "'x' has no column"),
        ({"W": W, "x": 1.0}, "'x' has no row for every point"),
        ({"W": W, "x": np.ones((4, 2))}, "2x3"),
    ):
        with pytest.raises(BacktraceError, match=words):
            made(given)
    with pytest.raises(UsageError, match="no variable 'q'"):
        backtrace.vectorize("sum(x)", over=["q"])
    with pytest.raises(UsageError, match="which have a row for every point"):
        backtrace.vectorize("sum((W@x)^2)")
    both = backtrace.vectorize("sum(x*y)", over=["x", "y"])
    with pytest.raises(UsageError, match="differ in length"):
        both({"x": np.ones((2, 3)), "y": np.ones((3, 3))})
    no_class = backtrace.vectorize("cross_entropy(s, y)", over=["y"])
    losses = no_class({"s": np.ones((1, 2)), "y": np.array([[0], [7]])})["f"]
    assert np.isnan(losses).tolist() == [False, True]
    with pytest.raises(UsageError, match="has an array in every row"):
        backtrace.vectorize("x^2")({"x": np.ones((3, 2))})


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("out", ["npz", "jsonl"])
def test_the_command(
    jobs: str, out: str, tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    chance = np.random.default_rng(1)
    xs, ys = chance.normal(size=(200, 3)), chance.normal(size=200)
    np.savez(tmp_path / "points.npz", x=xs, y=ys)
    words = ["sum((W@x)^2)*y", "W=[[1,2,3],[4,5,6]]", "--points", str(tmp_path / "points.npz")]
    target = tmp_path / f"out.{out}"
    ended = backtrace_command(*words, "--jobs", jobs, "-o", str(target))
    assert (ended.status, ended.err) == (0, "")
    for k in (0, 7, 199):
        point = {"W": [[1, 2, 3], [4, 5, 6]], "x": xs[k], "y": ys[k]}
        trace = backtrace.trace("sum((W@x)^2)*y", point, check=False)
        if out == "npz":
            found = np.load(target)
            assert found["f"][k] == pytest.approx(trace.value, rel=1e-14)
            np.testing.assert_allclose(found["df/dW"][k], trace.gradients["W"], rtol=1e-14)
        else:
            row = json.loads(target.read_text().splitlines()[k])
            assert row["value"] == pytest.approx(trace.value, rel=1e-14)
            np.testing.assert_allclose(row["gradients"]["W"], trace.gradients["W"], rtol=1e-14)


def test_rows_that_are_not_finite_and_formats_without_room(
    tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    xs = np.ones((4, 2))
    xs[2, 1] = np.nan
    np.savez(tmp_path / "points.npz", x=xs)
    words = ["sum(w*x)", "w=[1,2]", "--points", str(tmp_path / "points.npz")]
    ended = backtrace_command(*words, "-o", str(tmp_path / "out.npz"))
    assert ended.status == 1
    assert "line 3 of the points: a value is not finite" in ended.err
    found = np.load(tmp_path / "out.npz")["df/dw"]
    assert np.isnan(found[2]).all()
    assert (found[[0, 1, 3]] == 1).all()
    for format in ("csv", "parquet", "arrow"):
        ended = backtrace_command(*words, "--format", format)
        assert ended.status == 2
        assert "has one number in a cell" in ended.err


@pytest.mark.parametrize("out", ["csv", "jsonl", "parquet"])
def test_numbers_made_of_arrays_have_room_in_every_format(
    out: str, tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    """What counts is what comes out: a norm of two columns is a number."""
    (tmp_path / "points.csv").write_text("x,y\n3,4\n1,0\n")
    words = ["norm([x, y])", "--points", str(tmp_path / "points.csv")]
    ended = backtrace_command(*words, "-o", str(tmp_path / f"out.{out}"))
    assert ended.status == 0, ended.err
    if out == "csv":
        text = (tmp_path / "out.csv").read_text()
        assert text == "f,df/dx,df/dy\n5.0,0.6,0.8\n1.0,1.0,0.0\n"
    ended = backtrace_command("norm([x, y])*[1, 2]", *words[1:], "--format", "csv")
    assert (ended.status, ended.out) == (2, "")
    assert "has one number in a cell" in ended.err
