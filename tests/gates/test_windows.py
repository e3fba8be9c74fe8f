"""Convolutions and pooling: what is said where shapes do not fit, ties, which window an output
looks at. Their numbers are in test_array_gates and test_arranged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import backtrace
from backtrace.errors import FormulaError
from backtrace.gates import GATES
from tests.conftest import Command

CHANCE = np.random.default_rng(0)
POINT: dict[str, Any] = {
    "x": CHANCE.uniform(-1, 1, (2, 3, 5, 6)),
    "w": CHANCE.uniform(-1, 1, (4, 3, 3, 2)),
    "b": CHANCE.uniform(-1, 1, 4),
}
MESSAGES = [
    (
        "sum(conv2d(x, b))",
        "conv2d does not take shapes 2x3x5x6 and 4",
        "x of CxHxW or NxCxHxW, w of FxCxKHxKW, a bias of F",
    ),
    (
        "sum(conv2d(w, x))",
        "a window of 5x6 does not fit into 3x2",
        "a smaller window, or padding=1",
    ),
    (
        "sum(conv2d(x, w[:, 0:2]))",
        "shapes 2x3x5x6 and 4x2x3x2 do not fit: x has 3 channels, w is of 2",
        "x of CxHxW or NxCxHxW, w of FxCxKHxKW, a bias of F",
    ),
    (
        "sum(conv2d(x, w, b[0:3]))",
        "the bias is 3, and there are 4 kernels",
        "4 entries, one for each; a stride is given by its name, stride=2",
    ),
    (
        "sum(conv2d(x, w, b, 2))",
        "conv2d takes 2 or 3 arguments, not 4",
        "it is written conv2d(x, w, b, stride=1, padding=0)",
    ),
    ("sum(conv2d(x, w, stride=0))", "stride is a whole number from 1", ""),
    (
        "sum(conv2d(x, w, padding=(1, 1, 1)))",
        "padding is one number or 2, one for each axis that windows slide along: not 3",
        "",
    ),
    (
        "sum(conv1d(x[0], w, b))",
        "conv1d does not take shapes 3x5x6 and 4x3x3x2",
        "x of CxL or NxCxL, w of FxCxK, a bias of F",
    ),
    (
        "sum(max_pool(x))",
        "max_pool takes 2 to 4 arguments, not 1",
        "it is written max_pool(x, size, stride=..., padding=0)",
    ),
    (
        "sum(max_pool(b, 2))",
        "windows of 2x2 slide along 2 axes, and shape 4 has 1",
        "along the last axis alone: a size of (2,)",
    ),
    (
        "sum(avg_pool(x, 2, padding=2))",
        "padding is at most half of a window, which is 2x2: more would be padding alone",
        "",
    ),
    (
        "sum(max_pool(x, 7))",
        "a window of 7x7 does not fit into 5x6",
        "a smaller window, or padding=1",
    ),
]


@pytest.mark.parametrize(("formula", "what", "hint"), MESSAGES)
def test_what_does_not_fit_is_said_at_the_call(formula: str, what: str, hint: str) -> None:
    with pytest.raises(FormulaError) as refused:
        backtrace.trace(formula, {n: v for n, v in POINT.items() if n in formula}, check=False)
    assert (refused.value.what, refused.value.hint) == (what, hint)
    assert refused.value.span is not None
    assert formula[slice(*refused.value.span)] == formula[4:-1]


def test_windows_beyond_all_memory_are_refused() -> None:
    for formula in ("sum(conv2d(x, w, padding=90000))", "sum(max_pool(x, 99999, padding=49999))"):
        with pytest.raises(FormulaError, match="too large"):
            backtrace.trace(formula, {"x": POINT["x"], "w": POINT["w"]}, check=False)


TIES = {"x": [[0.0, 0.0, 2.0], [0.0, 1.0, 2.0]]}
CONVENTIONS = {
    "minimum-norm": [[0, 0, 0.5], [0, 0, 0.5]],
    "split": [[0, 0, 0.5], [0, 0, 0.5]],
    "torch": [[0, 0, 1], [0, 0, 0]],
    "jax": [[0, 0, 1], [0, 0, 0]],
}


@pytest.mark.parametrize(("convention", "expected"), CONVENTIONS.items())
def test_tied_entries_share_or_the_first_has_all(convention: str, expected: Any) -> None:
    trace = backtrace.trace("sum(max_pool(x, 2, stride=2) + max_pool(x[:, 1:], 2) - x[1, 1])", TIES)
    assert trace.checks["x"].verdict == "kink"
    kink = backtrace.trace("sum(max_pool(x[:, 1:], 2))", TIES, kink=convention)
    np.testing.assert_array_equal(kink.gradients["x"], expected)


NETS = {
    "few": (
        {"x": (1, 1, 4, 4), "w": (2, 1, 2, 2), "b": (2,)},
        "sum(max_pool(relu(c), 2, stride=1))",
    ),
    "many": ({"x": (4, 3, 9, 9), "w": (8, 3, 3, 3), "b": (8,)}, "sum(max_pool(relu(c), 2)^2)"),
    "rows": ({"x": (1, 6, 5), "w": (3, 6, 2), "b": (3,)}, "sum(max(relu(c), axis=1)^2)"),
}


@pytest.mark.parametrize(("shapes", "ending"), NETS.values(), ids=list(NETS))
@pytest.mark.parametrize("is_planted", [False, True])
def test_a_tie_of_what_relu_blocks_is_no_kink_of_the_whole(
    shapes: dict[str, Any], ending: str, is_planted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In every net there are windows where relu lets nothing through: all entries are tied at 0,
    and none of them moves. The derivative is checked there as anywhere."""
    chance = np.random.default_rng(9)
    point = {name: chance.standard_normal(shape) for name, shape in shapes.items()}
    formula = f"c = conv{len(shapes['w']) - 2}d(x, w, b - 2); {ending}"
    name = "max_pool" if "pool" in ending else "reduce_max"
    row = GATES[name]
    assert row.pullback is not None
    if is_planted:
        wrong = replace(row, pullback=lambda m, *given: 1.001 * row.pullback(m, *given))
        monkeypatch.setitem(GATES, name, wrong)
    trace = backtrace.trace(formula, point)
    assert any(note.kind == "kink" for note in trace.notes)
    verdicts = {check.verdict for check in trace.checks.values()}
    assert verdicts == ({"disagree"} if is_planted else {"agree"})


def test_a_tie_that_moves_stays_a_kink() -> None:
    point = {"x": [[-1.0, -2, 3, 1], [-1, -3, 2, 3]]}
    trace = backtrace.trace("sum(max_pool(relu(x), 2))", point)
    assert trace.checks["x"].verdict == "kink"
    sides = [note.text for note in trace.notes if note.kind == "sides"]
    assert sides == [
        "∂f/∂x at [0, 2]: measured from the left 0, from the right 1 (2 entries have two slopes)"
    ]


def test_padding_is_never_the_largest() -> None:
    trace = backtrace.trace("sum(max_pool(x, 2, padding=1))", {"x": [[-3.0, -1.0], [-2.0, -5.0]]})
    assert trace.value == -11.0
    assert trace.ok
    np.testing.assert_array_equal(trace.gradients["x"], np.ones((2, 2)))


def test_one_image_is_a_batch_of_one() -> None:
    many = backtrace.trace("sum(conv2d(x, w, b, stride=2, padding=1)^2)", POINT, check=False)
    alone = [
        backtrace.trace(
            "sum(conv2d(x, w, b, stride=2, padding=1)^2)", {**POINT, "x": image}, check=False
        )
        for image in POINT["x"]
    ]
    assert many.value == pytest.approx(sum(trace.value for trace in alone), rel=1e-14)
    images = np.stack([trace.gradients["x"] for trace in alone])
    np.testing.assert_allclose(many.gradients["x"], images, rtol=1e-13)
    kernels = sum(trace.gradients["w"] for trace in alone)
    np.testing.assert_allclose(many.gradients["w"], kernels, rtol=1e-12)


SAID = [
    ("conv1d(x, w, stride=2, padding=1)", "1,9", "are [2i-1:2i+2] for [i], with zeros around"),
    ("conv1d(x, w, stride=3)", "1,7", "are [0:3] for [0], [3:6] for [1]"),
]


@pytest.mark.parametrize("option", ["--no-check", "--explain"])
@pytest.mark.parametrize(("formula", "shape", "said"), SAID)
def test_which_window_an_output_looks_at_is_said(
    formula: str, shape: str, said: str, option: str, backtrace_command: Command
) -> None:
    ended = backtrace_command(f"sum({formula})", f"x=ones({shape})", "w=ones(1,1,3)", option)
    assert f"where windows {said}" in " ".join(ended.out.split())


@pytest.mark.bench
@pytest.mark.parametrize("seed", range(40))
def test_pytorchs_own_numbers_for_random_windows(seed: int) -> None:
    """Values and all gradients in 64 bits, at strides, paddings and ties of any kind."""
    torch = pytest.importorskip("torch")
    chance = np.random.default_rng(seed)

    def draw(least: int, most: int) -> int:
        return int(chance.integers(least, most + 1))

    axes = draw(1, 2)
    lengths, sizes = [draw(3, 9) for _ in range(axes)], [draw(1, 4) for _ in range(axes)]
    strides = tuple(draw(1, 3) for _ in range(axes))
    padding = tuple(draw(size // 3, size // 2) for size in sizes)
    sizes = [min(s, n + 2 * p) for s, n, p in zip(sizes, lengths, padding, strict=True)]
    padding = tuple(min(p, s // 2) for p, s in zip(padding, sizes, strict=True))
    channels, kernels, batch = draw(1, 4), draw(1, 4), [draw(1, 3)] * draw(0, 1)
    point = {
        "x": np.round(chance.uniform(-2, 2, (*batch, channels, *lengths)), draw(0, 6)) + 0.0,
        "w": chance.uniform(-1, 1, (kernels, channels, *sizes)),
        "b": chance.uniform(-1, 1, kernels),
    }
    told = f"stride={strides}, padding={padding}"
    formulas = {
        f"F.conv{axes}d(x, w, b, {told})": point,
        f"F.max_pool{axes}d(x, {tuple(sizes)}, {told})": {"x": point["x"]},
        f"F.avg_pool{axes}d(x, {tuple(sizes)}, {told})": {"x": point["x"]},
    }
    for formula, given in formulas.items():
        leaves = {n: torch.tensor(v, requires_grad=True) for n, v in given.items()}
        theirs = eval(formula, {**leaves, "F": torch.nn.functional})
        upstream = chance.uniform(-1, 1, tuple(theirs.shape))
        theirs.backward(torch.tensor(upstream))
        trace = backtrace.trace(formula, given, upstream=upstream, kink="torch", check=False)
        np.testing.assert_allclose(trace.value, theirs.detach().numpy(), rtol=1e-12, atol=1e-14)
        for name, leaf in leaves.items():
            found = trace.gradients[name]
            np.testing.assert_allclose(found, leaf.grad.numpy(), rtol=1e-11, atol=1e-13)
