"""Gates of arrays where they have no derivative: from the left and the right each entry has the
slope of its own side, and PyTorch's and JAX's conventions are what they do themselves."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import backtrace
from backtrace.gates import CONVENTIONS, GATES

KINKS: dict[str, tuple[str, list[Any]]] = {
    "max": ("max(x)", [2, 5, 5, 1]),
    "one max": ("max(x)", [2, 5, 4, 1]),
    "min": ("min(x)", [[1, 5], [1, 1]]),
    "max by rows": ("dot(max(x, axis=1), [2, -3])", [[2, 5, 5], [1, 1, 0]]),
    "min by columns": ("dot(min(x, axis=0), [2, -3, 1])", [[2, 1, 5], [1, 1, 5]]),
    "max of planes": ("dot(max(x, axis=(0, 2)), [2, -3])", [[[1, 2], [0, 1]], [[2, 1], [1, 1]]]),
    "norm": ("3*norm(x)", [0, 0, 0]),
    "norm by rows": ("dot(norm(x, axis=1), [2, -3])", [[0, 0], [3, 4]]),
    "std": ("std(x)", [2, 2, 2]),
    "std of a sample": ("dot(std(x, axis=0, ddof=1), [1, -2])", [[2, 1], [2, 4], [2, 1]]),
    "std of one": ("std(x)", [2]),
    "norm1": ("norm1(x)", [2, 0, -2]),
    "norm_inf": ("norm_inf(x)", [2, 0, -2]),
    "norm_inf of one": ("norm_inf(x)", [2, 0, 1]),
    "norm_inf at 0": ("norm_inf(x)", [0, 0]),
    "norm_inf by rows": ("dot(norm_inf(x, axis=1), [1, -2])", [[3, 3, -3], [0, -1, 0]]),
    "sort": ("dot(sort(x), [1, 10, 100, 1000, 5])", [3, 1, 3, 1, 2]),
    "sort by columns": ("sum(sort(x, axis=0)*[[1, 10], [100, 1000]])", [[1, 2], [1, 0]]),
    "max_pool": ("sum(max_pool(x, 2)*[[1, -10]])", [[1, 1, 0, 2], [1, 0, 1, 1]]),
    "windows that overlap": ("sum(max_pool(x, 2, stride=1)*[[1, 10]])", [[1, 1, 1], [0, 1, 0]]),
    "relu_layer": ("sum(relu_layer([[1, -1], [1, 1]], x, [0, 1]))", [2, 2]),
    "l1": ("l1(x, [1, 2, 3])", [1, 2, 5]),
    "l1 of targets": ('sum(l1([1, 2], x, reduction="none")*[1, -5])', [1, 3]),
}
BY_PARTS = {"relu_layer", "l1 of targets"}
"""Their sides are those of W@x + b and of p - t, not of x."""


def sides(formula: str, x: Any) -> tuple[Any, Any]:
    """Measured from the left and from the right, one entry at a time."""
    h = 1e-6
    here = backtrace.trace(formula, {"x": x}, check=False).value
    found = []
    for step in (-h, h):
        slopes = np.zeros(np.shape(x))
        for place in np.ndindex(slopes.shape):
            moved = np.array(x, dtype=float)
            moved[place] += step
            slopes[place] = (
                backtrace.trace(formula, {"x": moved}, check=False).value - here
            ) / step
        found.append(slopes)
    return found[0], found[1]


def gradient(formula: str, x: Any, kink: str) -> Any:
    return backtrace.trace(formula, {"x": x}, kink=kink, check=False).gradients["x"]


def test_no_gate_is_left_out() -> None:
    rows = {row.name for row in GATES.values() if row.is_of_arrays and row.kink is not None}
    met: set[str] = set()
    for formula, x in KINKS.values():
        graph = backtrace.trace(formula, {"x": x}, check=False).graph
        met.update(gate.name for _, _, gate in graph.gates())
    assert rows <= met


@pytest.mark.parametrize("kind", KINKS)
def test_left_and_right_are_the_slopes_of_their_sides(kind: str) -> None:
    """And what the other conventions give lies between them."""
    formula, x = KINKS[kind]
    left, right = sides(formula, x)
    low, high = np.minimum(left, right) - 1e-5, np.maximum(left, right) + 1e-5
    for kink in ("minimum-norm", "split", "torch"):
        found = gradient(formula, x, kink)
        assert np.all((low <= found) & (found <= high)), kink
    if kind in BY_PARTS:
        return
    for kink, slopes in (("left", left), ("right", right)):
        np.testing.assert_allclose(gradient(formula, x, kink), slopes, atol=1e-5, err_msg=kink)


LIBRARIES: dict[str, tuple[str, list[Any], list[Any], list[Any]]] = {
    "max": ("max(x)", [2, 5, 5, 1], [0, 0.5, 0.5, 0], [0, 0.5, 0.5, 0]),
    "min": ("min(x)", [1, 1, 3], [0.5, 0.5, 0], [0.5, 0.5, 0]),
    "rows": ("sum(max(x, axis=1))", [[5, 5], [1, 0]], [[0.5, 0.5], [1, 0]], [[0.5, 0.5], [1, 0]]),
    "norm": ("norm(x)", [0, 0, 0], [0, 0, 0], [np.nan] * 3),
    "std": ("std(x)", [2, 2, 2], [0, 0, 0], [np.nan] * 3),
    "norm1": ("norm1(x)", [0, 1, -1], [0, 1, -1], [1, 1, -1]),
    "inf at 0": ("norm_inf(x)", [0, 0, 0], [0, 0, 0], [1 / 6, 1 / 6, 1 / 6]),
    "inf": ("norm_inf(x)", [3, -3, 1], [0.5, -0.5, 0], [0.5, -0.5, 0]),
    "sort": ("dot(sort(x), [1, 10, 100, 1000])", [2, 5, 5, 1], *[[10, 100, 1000, 1]] * 2),
    "l1": ("l1(x, [0, 0])", [0, 0], [0, 0], [0.5, 0.5]),
    "pool": ("sum(max_pool(x, (2,)))", [5, 5, 1, 1], *[[1, 0, 1, 0]] * 2),
}
"""(formula, x, PyTorch's gradient, JAX's), as measured with PyTorch 2.13 and JAX 0.10."""


@pytest.mark.parametrize("name", LIBRARIES)
def test_conventions_of_the_libraries(name: str) -> None:
    formula, x, torch, jax = LIBRARIES[name]
    np.testing.assert_allclose(gradient(formula, x, "torch"), torch)
    np.testing.assert_allclose(gradient(formula, x, "jax"), jax)


@pytest.mark.bench
@pytest.mark.parametrize("name", LIBRARIES)
def test_the_libraries_do_so_themselves(name: str) -> None:
    t, j = pytest.importorskip("torch"), pytest.importorskip("jax")
    _, x, torch, jax = LIBRARIES[name]
    F, jnp, size = t.nn.functional, j.numpy, t.linalg.vector_norm
    weights = np.array([1.0, 10.0, 100.0, 1000.0])
    theirs: dict[str, tuple[Any, Any]] = {
        "max": (t.amax, jnp.max),
        "min": (t.amin, jnp.min),
        "rows": (lambda v: t.amax(v, 1), lambda v: jnp.max(v, 1)),
        "norm": (size, jnp.linalg.norm),
        "std": (lambda v: t.std(v, correction=0), jnp.std),
        "norm1": (lambda v: size(v, 1), lambda v: jnp.linalg.norm(v, 1)),
        "inf": (lambda v: size(v, float("inf")), lambda v: jnp.linalg.norm(v, jnp.inf)),
        "sort": (lambda v: t.sort(v).values * t.tensor(weights), lambda v: jnp.sort(v) * weights),
        "l1": (lambda v: F.l1_loss(v, 0 * v.detach()), lambda v: jnp.mean(jnp.abs(v))),
        "pool": (
            lambda v: F.max_pool1d(v.reshape(1, 1, -1), 2),
            lambda v: j.lax.reduce_window(v, -jnp.inf, j.lax.max, (2,), (2,), "VALID"),
        ),
    }
    by_torch, by_jax = theirs[name.removesuffix(" at 0")]
    leaf = t.tensor(x, dtype=t.float64, requires_grad=True)
    np.testing.assert_allclose(t.autograd.grad(by_torch(leaf).sum(), leaf)[0].numpy(), torch)
    found = j.grad(lambda v: jnp.sum(by_jax(v)))(jnp.asarray(x, dtype=float))
    np.testing.assert_allclose(found, jax, rtol=1e-6)


@pytest.mark.parametrize("kind", ["max", "std", "norm_inf", "sort", "max_pool", "norm by rows"])
def test_what_is_said_at_a_kink(kind: str) -> None:
    """The convention by what it hands on, and the slopes on either side, entry by entry."""
    formula, x = KINKS[kind]
    left, right = sides(formula, x)
    for kink in CONVENTIONS:
        trace = backtrace.trace(formula, {"x": x}, kink=kink)
        told = {note.kind: note.text for note in trace.notes}
        assert f"({kink} convention)" in told["kink"]
        gate = trace.graph.nodes[next(n.node for n in trace.notes if n.kind == "kink") or 0].gate
        assert gate is not None
        assert ("it hands on" in told["kink"]) == (kink in gate.pullbacks)
        if trace.fault is not None:  # nan, JAX's own
            assert kink == "jax"
            continue
        assert trace.checks["x"].verdict == "kink"
        words = told["sides"].split("measured from the left ")[1]
        if np.size(x) <= 6:
            shown = [np.array(json.loads(text)) for text in words.split(", from the right ")]
            np.testing.assert_allclose(shown[0], left, atol=1e-3)
            np.testing.assert_allclose(shown[1], right, atol=1e-3)
        else:
            assert "entries have two slopes" in words


@pytest.mark.parametrize("kind", [k for k in KINKS if k not in ("l1 of targets", "relu_layer")])
def test_scripts_go_by_the_convention_too(kind: str) -> None:
    """A script says what is due, and fails where it is not."""
    formula, x = KINKS[kind]
    traces = (backtrace.trace(formula, {"x": x}, kink=k, check=False) for k in CONVENTIONS)
    whole = "\n".join(trace.show("python") for trace in traces)
    subprocess.run([sys.executable, "-c", whole], check=True, capture_output=True)
