"""Jacobians that are too large to form: what is said of them by their products holds of the whole
matrix, at sizes where that can be formed."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from typing import Any

import numpy as np
import pytest

import backtrace
from backtrace.errors import BacktraceError
from backtrace.graph.record import Jacobian
from backtrace.tracing import jacobians as formed
from backtrace.tracing import sketches
from backtrace.tracing.trace import Trace
from tests.conftest import Command
from tests.gates.random_arrays import random_formula, random_point, settled


def whole_and_sketched(
    formula: str, point: dict[str, Any], monkeypatch: pytest.MonkeyPatch, **more: Any
) -> list[tuple[Jacobian, Jacobian]]:
    """Every Jacobian of a trace, formed and told by products."""
    trace = backtrace.trace(formula, point, check=False, **more)
    whole = trace.jacobians()
    with monkeypatch.context() as patch:
        patch.setattr(formed, "MOST_ROWS", 0)
        told = Trace.from_json(trace.to_json()).jacobians()
    assert all(jacobian.entries is not None for jacobian in whole)
    assert all(j.entries is None and j.products for j in told)
    return list(zip(whole, told, strict=True))


def labels_of(words: str, shapes: tuple[Any, Any]) -> tuple[Any, Any, int] | None:
    """The labels of rows and columns outside whose pairs all is said to be 0."""
    rows, columns = (int(np.prod(shape)) for shape in shapes)
    if found := re.search(r"block diagonal: ([\d,]+) blocks", words):
        count = int(found[1].replace(",", ""))
        return np.arange(rows) * count // rows, np.arange(columns) * count // columns, count
    if found := re.search(r"([\d,]+) scattered .* of axis (\d) .* of axis (\d) alone", words):
        axes = int(found[2]), int(found[3])
        indices = (
            np.indices(shape)[axis].reshape(-1) for shape, axis in zip(shapes, axes, strict=True)
        )
        return *indices, int(found[1].replace(",", ""))
    return None


def hold(words: str, matrix: Any, shapes: tuple[Any, Any]) -> None:
    """Everything that is said, of all rows: at these sizes all of them were looked at."""
    used = matrix != 0
    if words == "zero, but for rounding":
        assert np.abs(matrix).max() < 1e-12
        return
    if words in ("zero", "the identity"):
        assert words == formed.structure(matrix)
        return
    if words in ("one row", "one column"):
        assert matrix.shape[words == "one column"] == 1
        return
    if words.startswith("diagonal"):
        assert formed.structure(matrix) == "diagonal"
        number = re.search(r"([\d,]+) entries", words)
        count = len(matrix) if number is None else int(number[1])
        assert np.count_nonzero(matrix) == count
        return
    if labels := labels_of(words, shapes):
        apart = labels[0][:, None] != labels[1][None, :]
        assert not used[apart].any()
    if "one-hot" in words:
        assert (used.sum(1) == 1).all()
        assert (matrix[used] == 1).all()
    if "are the same" in words:
        np.testing.assert_allclose(matrix, np.broadcast_to(matrix[0], matrix.shape), rtol=1e-9)
    if "are dense" in words:
        assert used.all()
    if found := re.search(r"looked at ([\d.e-]+)% is not 0", words):
        assert float(found[1]) == pytest.approx(100 * used.mean(), rel=0.06)
    if found := re.search(r"rank (at least )?(\d+)", words):
        rank = np.linalg.matrix_rank(matrix, tol=1e-10 * np.linalg.norm(matrix, 2))
        assert int(found[2]) <= rank if found[1] else int(found[2]) == rank


@pytest.mark.slow
def test_random_formulas_of_all_gates(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(11)
    said: Counter[str] = Counter()
    for _ in range(120):
        stages = random_formula(chance, settled).text.rsplit("; ", 1)[0]
        point = random_point(chance)
        point = {name: x for name, x in point.items() if re.search(rf"\b{name}\b", stages)}
        if not point:
            continue
        try:
            trace = backtrace.trace(stages, point, check=False)
        except BacktraceError:  # a product that has two readings
            continue
        if trace.graph.shapes is None or not trace.ok:
            continue
        values = trace.values
        for whole, told in whole_and_sketched(stages, point, monkeypatch):
            of = values[trace.graph.output if whole.gate is None else whole.gate]
            shapes = np.shape(of), np.shape(values[whole.input])
            try:
                hold(told.structure, whole.entries, shapes)
            except AssertionError:
                raise AssertionError(f"{stages}: {told} of {whole}") from None
            blocks = whole.structure.split(":")[0] == "block diagonal"
            if blocks:
                assert told.structure.startswith(whole.structure), stages
            said.update(re.sub(r"\d[\d.,]*", "N", told.structure).split("; "))
    for words in ("zero", "diagonal", "the identity", "one row", "rank N", "rank at least N"):
        assert said[words], words
    for words in ("block diagonal", "scattered", "one-hot", "dense", "is not N", "same"):
        assert any(words in key for key in said), words


LARGE: list[tuple[str, dict[str, Any], str]] = [
    ("max(0, x)", {"x": np.arange(-2000.0, 3000)}, "diagonal, 2,999 entries are not 0"),
    ("x + 1", {"x": "randn(5000)"}, "the identity"),
    ("2*x", {"x": "randn(5000)"}, "diagonal"),
    ("x - x", {"x": "randn(5000)"}, "zero"),
    ("softmax(x)", {"x": "randn(60, 100)"}, "block diagonal: 60 blocks of 100 x 100"),
    (
        "softmax(x, axis=0)",
        {"x": "randn(60, 100)"},
        "100 scattered blocks of 60 x 60: index i of axis 1 depends on index i of axis 1 alone",
    ),
    ("sum(x, axis=1)", {"x": "randn(5000, 3)"}, "block diagonal: 5,000 blocks of 1 x 3"),
    ("x[::-1]", {"x": "randn(5000)"}, "the 32 rows looked at are one-hot"),
    ("sum(x)*ones(5000)", {"x": "randn(20)"}, "the 32 rows looked at are the same"),
    (
        "A@ones(3, 9)@x",
        {"x": "randn(9)", "A": "randn(5000, 3)"},
        "the 32 rows looked at are dense; rank 1",
    ),
    ("A@(A.T@x)", {"x": "randn(5000)", "A": "randn(5000, 3)"}, "rank 3"),
    ("A@x", {"x": "randn(40)", "A": "randn(5000, 40)"}, "rank at least"),
    ("x*sum(x)", {"x": "randn(5000)"}, "the 32 rows looked at are dense; rank at least 32"),
    ("cumsum(x)", {"x": "randn(5000)"}, "% is not 0; rank at least 32"),
    ("sort(x)", {"x": "randn(5000)"}, "one-hot"),
    ("x[0]*ones(5000)", {"x": "randn(1)"}, "one column"),
]


@pytest.mark.parametrize(("formula", "point", "words"), LARGE)
def test_large_ones(formula: str, point: dict[str, Any], words: str) -> None:
    found = backtrace.trace(formula, point, check=False).jacobian("x")
    assert found.entries is None
    assert words in found.structure
    assert 1 <= found.products <= 150


@pytest.mark.parametrize(("row", "column"), [(0, 4999), (2500, 3), (4999, 4998), (1, 0)])
def test_one_entry_outside_the_blocks_is_seen(row: int, column: int) -> None:
    """Of 25 million, wherever it is."""
    weights = np.zeros(5000)
    weights[row] = 1e-30
    point = {"x": np.arange(1.0, 5001), "w": weights}
    found = backtrace.trace(f"x**2 + w*x[{column}]", point, check=False).jacobian("x")
    assert not found.structure.startswith("diagonal")
    alone = backtrace.trace("x**2 + w*x", point, check=False).jacobian("x")
    assert alone.structure == "diagonal"


def test_what_is_not_finite_is_not_told() -> None:
    products = sketches.Products(5000, [3], lambda u: [np.full(3, np.nan)], 1)
    found = sketches.look(products, 0, (5000,), (3,))
    assert sketches.told(found) == "not told: its products are not finite"


def test_no_more_products_than_are_worth_their_time() -> None:
    """Of a costly pass fewer rows are looked at, and blocks are not claimed."""
    costly = 300_000_000
    products = sketches.Products(8192, [8192], lambda u: [u], costly)
    words = sketches.told(sketches.look(products, 0, (8192,), (8192,)))
    assert products.made <= 8
    assert words == "the 2 rows looked at are one-hot"


def test_a_convention_at_kinks_goes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """Formed gates went by the minimum norm, whatever was asked for."""
    for kink, slopes in (("left", [0, 0]), ("right", [1, 1]), ("split", [0.5, 0.5])):
        pairs = whole_and_sketched("max(x)", {"x": [3.0, 3.0]}, monkeypatch, kink=kink)
        for whole, told in pairs:
            assert whole.entries.tolist() == [slopes]
            assert told.structure == ("zero" if kink == "left" else "one row")


@pytest.mark.slow
def test_small_ones_are_formed_beside_large_ones() -> None:
    trace = backtrace.trace(
        "sum(W@x)*b", {"W": "randn(300, 4000)", "x": "randn(4000)", "b": "randn(2)"}, check=False
    )
    by = {trace.graph.nodes[j.input].name: j for j in trace.jacobians() if j.gate is None}
    assert by["W"].entries is None
    assert by["W"].structure == "the 2 rows looked at are dense; rank 1"
    assert by["x"].entries.shape == (2, 4000)
    assert by["b"].structure == "diagonal"


@pytest.mark.slow
def test_in_every_format(backtrace_command: Command) -> None:
    words = ("max(2, x)", "x=3*ones(50, 100)", "--jacobian", "--no-check")
    shown = " ".join(backtrace_command(*words).out.split())
    assert "#1 max by x: 5,000 x 5,000, the identity (not formed: by 91 products" in shown
    assert backtrace_command(*words, "--ascii").out.replace("x=", "").isascii()
    described = json.loads(backtrace_command(*words, "--json").out)["jacobians"]
    assert [j["entries"] for j in described] == [None, None]
    assert all(j["products"] > 64 for j in described)
    trace = backtrace.trace("max(0, x)", {"x": "randn(50, 100)"}, check=False)
    shown = trace.showing(trace.jacobians())
    assert Trace.from_json(shown.to_json()).asked == shown.asked
    with pytest.raises(BacktraceError, match="no variable 'q'"):
        trace.jacobian("q")
