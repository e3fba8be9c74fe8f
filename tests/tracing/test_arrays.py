"""Traces of arrays from end to end: published numbers, values and files, random graphs, what the
library gives back, kinks and faults in single entries, Jacobians, steps down the gradient."""

from __future__ import annotations

import json
import math
import os
import pathlib
import pickle
import warnings
from dataclasses import replace
from importlib import resources
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import backtrace
from backtrace.errors import BacktraceError
from backtrace.formula.parser import parse
from backtrace.formula.printer import source
from backtrace.formula.shapes import with_shapes
from backtrace.gates import GATES
from backtrace.render import View, data, formats
from tests.conftest import PATIENT, Command, published, published_arrays
from tests.tracing.test_published import fits

WX = {"W": [[0.1, 0.5], [-0.3, 0.8]], "x": [0.2, 0.4]}


@pytest.mark.parametrize("case", [pytest.param(c, id=c["id"]) for c in published_arrays()])
def test_published_arrays(case: dict) -> None:
    trace = backtrace.trace(case["formula"], case["point"], budget=PATIENT)
    assert trace.ok
    assert trace.value == pytest.approx(case["exact"]["value"], rel=1e-12)
    for name, gradient in case["exact"]["gradients"].items():
        np.testing.assert_allclose(trace.gradients[name], gradient, rtol=1e-12)
        assert trace.checks[name].verdict == "agree"
        assert trace.checks[name].symbolic is not None
    for name, printed in case["printed"]["gradients"].items():
        shown = np.asarray(printed)
        for place in np.ndindex(shown.shape):
            assert fits(float(trace.gradients[name][place]), str(shown[place]))
    for inner in case.get("intermediates") or ():
        values = [v for v in trace.values if np.shape(v) == np.shape(inner["exact_value"])]
        places = (
            [i for i, v in enumerate(trace.values) if np.allclose(v, inner["exact_value"])]
            if (values)
            else []
        )
        gradients = [trace.upstreams[i] for i in places]
        assert any(np.allclose(g, inner["exact_grad"]) for g in gradients)


@pytest.mark.parametrize("case", published(), ids=lambda case: case["id"])
def test_numbers_traced_as_arrays_are_the_same(case: dict[str, Any]) -> None:
    """An upstream of 1 sends a formula of numbers the way of arrays: nothing may change."""
    plain = backtrace.trace(case["formula"], case["point"], check=False)
    other = backtrace.trace(case["formula"], case["point"], upstream=1)
    assert other.ok
    assert other.values == pytest.approx(plain.values, rel=1e-13)
    assert other.upstreams == pytest.approx(plain.upstreams, rel=1e-12, abs=1e-15)
    assert not other.has_arrays


# random graphs

DIMENSIONS = {"A": (2, 3), "B": (2, 3), "r": (3,), "c": (2, 1), "s": (), "M": (3, 3)}
_WRAP = (
    "sigmoid({})",
    "tanh({})",
    "exp(-{}^2)",
    "({})^2",
    "({})**2",
    "mean(|{}|)",
    "||{}||",
    "‖{}‖₁",
    "({})^T",
    "max(0.3, {})",
    "where({} > 0.4, {}, 2)",
    "softplus({})",
    "({}).T",
)
_JOIN = (
    "({} + {})",
    "({} - {})",
    "({}*{})",
    "({}@{})",
    "({}·{})",
    "max({}, {})",
    "({}/(2 + {}^2))",
)
_REDUCE = (
    "sum({})",
    "mean({})",
    "sum({}, axis=0)",
    "mean({}, axis=-1)",
    "norm({})",
    "max({})",
    "logsumexp({})",
    "softmax({})",
    "var({})",
    "({})[0]",
)


def _extend(pieces: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    wrapped = st.builds(
        lambda form, piece: form.replace("{}", piece), st.sampled_from(_WRAP), pieces
    )
    joined = st.builds(lambda form, a, b: form.format(a, b), st.sampled_from(_JOIN), pieces, pieces)
    reduced = st.builds(lambda form, a: form.format(a), st.sampled_from(_REDUCE), pieces)
    return st.one_of(joined, wrapped, joined, reduced)


FORMULAS = st.recursive(st.sampled_from(list(DIMENSIONS)), _extend, max_leaves=5)


@given(FORMULAS, st.integers(0, 5))
@example("((r + M))^2", 0)  # one gate that is multiplied with itself
@example("(r + M)^3 @ M", 0)
@example("(r + M)^2 @ (r + M)", 0)
@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.filter_too_much),
)
@pytest.mark.slow
def test_random_graphs_agree_and_read_back(formula: str, seed: int) -> None:
    """Backprop, SymPy and complex steps agree; fused it is the same; printed and read again it is
    the same graph; NumPy says nothing."""
    chance = np.random.default_rng(seed)
    names = parse(formula, DIMENSIONS).inputs
    point = {name: chance.uniform(0.2, 0.9, DIMENSIONS[name]) for name in names}
    shapes = {name: DIMENSIONS[name] for name in names}
    try:
        graph = with_shapes(parse(formula, names), shapes)
    except BacktraceError as error:
        words = ("fit", "axis", "number", "readings", "one length")
        assert any(word in error.what for word in words)  # noqa: PT017
        return
    again = with_shapes(parse(source(graph)), shapes)
    assert again.nodes == graph.nodes
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trace = backtrace.trace(formula, point)
        fused = backtrace.trace(formula, point, fuse=True, check=False)
    assert trace.ok, {n: c.reason for n, c in trace.checks.items()}
    assert "disagree" not in {check.verdict for check in trace.checks.values()}
    opened = backtrace.trace(formula, point, expand=True, check=False)
    for asked in (trace, fused, opened):
        shapes = tuple(map(np.shape, asked.values))
        assert asked.graph.shapes == (shapes if any(shapes) or graph.uses_arrays else None)
    if any(check.verdict == "kink" for check in trace.checks.values()):
        return
    np.testing.assert_allclose(fused.value, trace.value, rtol=1e-9)
    for name, gradient in trace.gradients.items():
        assert np.shape(gradient) == DIMENSIONS[name]
        np.testing.assert_allclose(fused.gradients[name], gradient, rtol=1e-9, atol=1e-12)


# values


def test_values_of_every_kind(tmp_path: pathlib.Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n3,4\n")
    (tmp_path / "x.txt").write_text("# made by hand\n1 2\n3 4\n")
    (tmp_path / "x.json").write_text("[[1, 2], [3, 4]]")
    np.save(tmp_path / "x.npy", np.array([[1, 2], [3, 4]]))
    values = [
        "[[1,2],[3,4]]",
        "[[1, 2], [1+2, sqrt(16)]]",
        [[1, 2], [3, 4]],
        np.array([[1, 2], [3, 4]]),
    ]
    values += [f"@{tmp_path / name}" for name in ("x.csv", "x.txt", "x.json", "x.npy")]
    for value in values:
        trace = backtrace.trace("sum(x^2)", {"x": value}, check=False)
        assert trace.value == 30
        np.testing.assert_array_equal(trace.gradients["x"], [[2, 4], [6, 8]])


def test_random_arrays_depend_on_seed_and_name_alone() -> None:
    def drawn(seed: int, **point: object) -> Any:
        return backtrace.trace("sum(a*b)", point, seed=seed, check=False).point

    one = drawn(1, a="randn(3)", b="randn(3)")
    turned = drawn(1, b="randn(3)", a="randn(3)")
    other = drawn(2, a="randn(3)", b="randn(3)")
    np.testing.assert_array_equal(one["a"], turned["a"])
    assert not np.array_equal(one["a"], one["b"])
    assert not np.array_equal(one["a"], other["a"])
    scaled = drawn(1, a="0.01*randn(3)", b="rand(3)")
    np.testing.assert_allclose(scaled["a"], 0.01 * one["a"])
    assert np.all((scaled["b"] >= 0) & (scaled["b"] < 1))
    made = backtrace.trace("sum(E@o) + sum(z)", {"E": "eye(2)", "o": "ones(2)", "z": "zeros(3)"})
    assert made.value == 2


def test_an_array_without_axes_is_a_number() -> None:
    for value in (np.array(2.0), np.float32(2), np.int64(2), [2.0][0]):
        trace = backtrace.trace("x^2", {"x": value})
        assert trace.value == 4.0
        assert type(trace.gradients["x"]) is float


def test_the_callers_own_array_is_neither_changed_nor_locked() -> None:
    mine = np.array([1.0, 2.0])
    trace = backtrace.trace("sum(x^2)", {"x": mine}, check=False)
    mine[0] = 5.0
    assert trace.gradients["x"].tolist() == [2, 4]
    with pytest.raises(ValueError, match="read-only"):
        trace.gradients["x"][0] = 1.0


class Evil:
    def __reduce__(self) -> Any:
        return (print, ("executed",))


def test_pickles_are_refused(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "evil.npy", np.array([Evil()], dtype=object), allow_pickle=True)
    (tmp_path / "raw.npy").write_bytes(pickle.dumps(Evil()))
    for name in ("evil.npy", "raw.npy"):
        with pytest.raises(BacktraceError, match=r"pickled|is no \.npy file"):
            backtrace.trace("sum(x)", {"x": f"@{tmp_path / name}"})
    assert capsys.readouterr().out == ""


# kinks, faults, masks


def test_a_tie_in_some_entries_is_said_with_its_place() -> None:
    trace = backtrace.trace("sum(max(0, x))", {"x": [[1.0, -2.0], [0.0, 3.0]]})
    assert trace.gradients["x"].tolist() == [[1, 0], [0, 1]]
    assert trace.checks["x"].verdict == "kink"
    assert "(1 of 4 entries, the first at [1, 0]) is at a kink" in trace.notes[0].text
    split = backtrace.trace("sum(max(y, x))", {"x": [1, 2], "y": [1, 0]}, check=False)
    assert split.gradients["x"].tolist() == [0.5, 1]
    right = backtrace.trace("sum(max(0, x))", {"x": [0, 1]}, kink="right", check=False)
    assert right.gradients["x"].tolist() == [1, 1]


def test_a_branch_that_is_not_taken_is_exactly_zero_behind() -> None:
    """sqrt is nan below 0 and has slope inf at 0; log is -inf: none of it comes through."""
    trace = backtrace.trace(
        "sum(where(x > 0.5, sqrt(x) + ln(x), 0))", {"x": [-1, 0, 4]}, check=False
    )
    assert trace.value == pytest.approx(2 + math.log(4))
    assert trace.gradients["x"].tolist() == [0, 0, 0.5]
    assert trace.ok
    assert [note.kind for note in trace.notes] == ["overflow", "overflow"]


def test_the_origin_of_a_bad_entry_is_named() -> None:
    forward = backtrace.trace("sum(ln(W@x))", {"W": [[1, 1], [1, -2]], "x": [1, 1]})
    assert forward.fault is not None
    assert forward.fault.what == "ln(-1) is nan at [1]: ln needs x > 0"
    assert not forward.ok
    backward = backtrace.trace("sum(sqrt(x))", {"x": [1, 0, 4]})
    assert backward.fault is not None
    assert backward.fault.direction == "backward"
    assert "the local gradient of sqrt(0) is inf at [1]: 1 x inf = inf" in backward.fault.what
    classes = backtrace.trace("cross_entropy(z, k)", {"z": [1, 2], "k": 2})
    assert classes.fault is not None
    assert "it needs every k to be a class" in classes.fault.what


# upstream, Jacobians, descent


def test_an_array_output_takes_an_upstream() -> None:
    ones = backtrace.trace("W@x", WX)
    assert [note.kind for note in ones.notes] == ["upstream"]
    np.testing.assert_allclose(ones.gradients["x"], [-0.2, 1.3])
    given_ = backtrace.trace("W@x", WX, upstream=[1, 2])
    np.testing.assert_allclose(given_.gradients["x"], [-0.5, 2.1])
    assert given_.notes == ()
    assert given_.ok
    with pytest.raises(BacktraceError, match="shape 3, and the output has shape 2"):
        backtrace.trace("W@x", WX, upstream=[1, 2, 3])


JACOBIANS = [
    ("x^2", {"x": [1, 2, 3]}, "diagonal"),
    ("x + 1", {"x": [1, 2, 3]}, "the identity"),
    ("x[1:3]", {"x": [1, 2, 3]}, "one-hot rows"),
    ("x[::-1]", {"x": [1, 2, 3]}, "one-hot rows"),
    ("x.T", {"x": [[1, 2, 3], [4, 5, 6]]}, "one-hot rows"),
    ("sum(x)", {"x": [1, 2, 3]}, "one row"),
    ("x*[1, 2, 3]", {"x": 2}, "one column"),
    ("W@[1, 2]", {"W": [[1, 2], [3, 4], [5, 6]]}, "block diagonal: 3 blocks of 1 x 2"),
    ("softmax(x)", {"x": [[1, 2], [3, 4]]}, "block diagonal: 2 blocks of 2 x 2"),
    ("softmax(x)", {"x": [1, 2, 3]}, "dense"),
    ("x - x", {"x": [1, 2, 3]}, "zero"),
    ("sum(x)*[1, 1]", {"x": [1, 2, 3]}, "every row the same"),
    ("outer(x, [0, 1])", {"x": [1, 2]}, "block diagonal: 2 blocks of 2 x 1"),
    ("[x[0], x[0] + x[1], x[1]]", {"x": [1, 2]}, "4 of 6 entries are not 0"),
]


@pytest.mark.parametrize(("formula", "point", "structure"), JACOBIANS, ids=lambda x: str(x)[:24])
def test_jacobians_and_what_they_look_like(formula: str, point: dict, structure: str) -> None:
    (name,) = point
    ours = backtrace.trace(formula, point).jacobian(name)
    assert ours.structure == structure
    value = np.asarray(point[name], dtype=float)
    for column, place in enumerate(np.ndindex(value.shape)):
        ends = []
        for h in (1e-6, -1e-6):
            moved = value.copy()
            moved[place] += h
            ends.append(backtrace.trace(formula, {name: moved}, check=False).value)
        slope = np.reshape(np.subtract(*ends) / 2e-6, -1)
        np.testing.assert_allclose(ours.entries[:, column], slope, atol=1e-8)


def test_a_jacobian_that_is_too_large_is_told_and_not_formed() -> None:
    (gate, output) = backtrace.trace("max(0, x)", {"x": "3*ones(50, 50)"}).jacobians()
    assert (gate.entries, output.entries) == (None, None)
    assert gate.structure == output.structure == "the identity"
    found = backtrace.trace("sum(max(0, x))", {"x": "3*ones(50, 50)"}).jacobians()
    assert [j.structure for j in found] == ["the identity", "one row", "one row"]
    assert [j.entries is None for j in found] == [True, False, False]


def test_steps_down_the_gradient() -> None:
    trace = backtrace.trace("sum((W@x)^2)", WX, wrt=["W"], check=False)
    descent = trace.descend(0.1)
    np.testing.assert_allclose(
        descent.point["W"], np.asarray(WX["W"]) - 0.1 * trace.gradients["W"], rtol=1e-15
    )
    moved = backtrace.trace("sum((W@x)^2)", {**WX, "W": descent.point["W"]}, check=False)
    assert descent.outputs == (trace.value, moved.value)
    many = backtrace.trace("(x-3)^2", {"x": 0}).descend(0.1, steps=100)
    assert many.point["x"] == pytest.approx(3, abs=1e-8)
    assert len(many.outputs) == 101
    wild = backtrace.trace("x^4", {"x": 3}).descend(1, steps=100)
    assert len(wild.outputs) < 20  # it ends where a number is no longer finite


# the record


def test_every_format_and_the_way_back() -> None:
    trace = backtrace.trace("h = max(0, W@x + b); sum(h^2)", {**WX, "b": [0.1, -0.9]})
    trace = trace.showing(trace.jacobians(), trace.descend(0.1))
    read = backtrace.Trace.from_json(trace.to_json())
    assert read == trace
    assert read.to_json() == trace.to_json()
    for format in formats():
        assert data(read, format, View()) == data(trace, format, View())
    described = json.loads(trace.to_json())
    matmul = described["nodes"][3]
    assert matmul["shape"] == [2]
    assert described["edges"][0]["local"] is None
    assert described["edges"][0]["rule"] == "upstream @ x.T"
    assert described["point"]["x"] == [0.2, 0.4]


def test_large_arrays_beside_the_json(tmp_path: pathlib.Path, backtrace_command: Command) -> None:
    path = tmp_path / "trace.json"
    words = ("sum(max(0, x))", "x=randn(40,50)", "-o", str(path), "--arrays", "npz")
    assert backtrace_command(*words) == (0, "", "")
    assert path.stat().st_size < 5000
    with np.load(tmp_path / "trace.npz") as arrays:
        trace = backtrace.Trace.from_json(path.read_text(), arrays)
    whole = backtrace.trace("sum(max(0, x))", {"x": "randn(40,50)"})
    np.testing.assert_array_equal(trace.gradients["x"], whole.gradients["x"])
    with pytest.raises(BacktraceError, match="in another file"):
        backtrace.Trace.from_json(path.read_text())


def test_arrays_beside_the_json_go_with_the_other_options(
    tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    path = tmp_path / "trace.json"
    words = ("sum(max(0, x))", "x=randn(40,50)", "-o", str(path), "--arrays", "npz")
    assert backtrace_command(*words, "--explain").status == 0
    assert json.loads(path.read_text())["explain"][0].startswith("We go back from the output")
    refused = backtrace_command(*words, "--compare")
    assert refused.status == 2
    assert "--compare keeps its arrays in the JSON" in refused.err


def test_views_of_arrays_keep_to_80_columns() -> None:
    trace = backtrace.trace(
        "h = max(0, W1@x + b); s = W2@h; L = sum(s^2)",
        {"W1": "randn(100,784)", "x": "randn(784)", "W2": "randn(10,100)", "b": "zeros(100)"},
    )
    for format in ("table", "tree"):
        text = trace.show(format)
        assert max(map(len, text.splitlines())) <= 80
        assert len(text) < 6000


@pytest.mark.parametrize("option", [["--symbolic"], ["--exact"], ["--precision", "9"]], ids=str)
def test_options_that_go_back_from_1_refuse_an_upstream(
    option: list[str], backtrace_command: Command
) -> None:
    ended = backtrace_command("sum(x)", "x=[1,2]", "--upstream", "2", *option)
    assert (ended.status, ended.out) == (2, "")
    assert "is for formulas of numbers" in ended.err


SCHEMA = json.loads(resources.files("backtrace.schemas").joinpath("trace-1.json").read_text())


@pytest.mark.parametrize(
    ("formula", "point", "options"),
    [
        ("sum((W@x)^2)", WX, {}),
        ("W@x", WX, {"upstream": [1, 2]}),
        ("sum(max(0, x))", {"x": [0, 1]}, {}),
        ("sum(ln(x))", {"x": [-1, 1]}, {}),
        ("sum(X + b)", {"X": "randn(20, 20)", "b": "ones(20)"}, {"fuse": True}),
    ],
    ids=str,
)
def test_json_follows_its_schema_and_reads_back(formula: str, point: dict, options: dict) -> None:
    trace = backtrace.trace(formula, point, **options)
    described = json.loads(trace.to_json())
    jsonschema.validate(described, SCHEMA)
    assert backtrace.Trace.from_json(trace.to_json()).to_json() == trace.to_json()


def test_a_wrong_forward_in_large_arrays_is_caught_on_a_stand_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No slope can see it, backprop goes with it; SymPy, on the first entries, does not."""
    row = GATES["mean"]
    right = backtrace.trace("mean((X@w)^2)", {"X": "randn(50, 40)", "w": "randn(40)"})
    assert right.ok
    assert right.output_check is not None
    assert right.output_check.verdict == "agree"
    wrong = replace(
        row,
        forward=lambda m, x, axis: 1.01 * row.forward(m, x, axis),
        pullback=lambda m, k, u, f, x, axis: 1.01 * row.pullback(m, k, u, f, x, axis),
    )
    monkeypatch.setitem(GATES, "mean", wrong)
    trace = backtrace.trace("mean((X@w)^2)", {"X": "randn(50, 40)", "w": "randn(40)"})
    assert not trace.ok
    assert "on the first entries (X 2x3, w 3)" in trace.output_check.reason


STEADY = [
    ("cross_entropy(z, 1)", {"z": [0, 50.0]}),
    ("cross_entropy(z, 0)", {"z": [20, 0, 3]}),
    ("-ln(softmax(z)[1])", {"z": [0, 20.0]}),
    ("log_softmax(z)[1]", {"z": [0, 20.0]}),
    ("softmax(z)", {"z": [100, 0, 3]}),
    ("var(x)", {"x": [1e9 + 1, 1e9 + 2, 1e9 + 4]}),
    ("std(x)", {"x": [0.1, 0.1, 0.1]}),
    ("std(x)", {"x": "1e8 + randn(400)"}),
    ("sum(x^3)", {"x": [0.0, 1]}),
    ("sum(x^1.5)", {"x": [0.0, 1]}),
    ("sum((W@x)^3)", {"W": "zeros(40, 30)", "x": "randn(30)"}),
    ("prod(x)", {"x": [0.0, 0, 1]}),
    ("sum(x*y)", {"x": [1e-300, 1], "y": [2.0, 3]}),
    ("sum(exp(x))", {"x": [709.0, 1]}),
    ("sum(x - y)", {"x": [1.7e308] * 4, "y": [1.7e308] * 4}),
    ("sum(softplus(x)^2)", {"x": [-18.0, 1]}),
    ("sum(sigmoid(x))", {"x": [-700, 0]}),
    ("max(x)", {"x": "randn(300)"}),
    ("logsumexp(x)", {"x": [1e308, 1e308]}),
    ("sum(-x)", {"x": [1e308]}),
    (
        "h = relu(W1@x); cross_entropy(W2@h, 5)",
        {"W1": "0.05*randn(100, 784)", "x": "255*rand(784)", "W2": "0.1*randn(10, 100)"},
    ),
]


@pytest.mark.parametrize(("formula", "point"), STEADY, ids=lambda x: str(x)[:30])
def test_rounding_raises_no_false_alarm(formula: str, point: dict) -> None:
    """Saturation, cancellation, zeros, numbers at the edge: what is right is not called wrong."""
    trace = backtrace.trace(formula, point)
    reasons = [c.reason for c in (*trace.checks.values(), trace.output_check)]
    assert trace.ok, reasons


@pytest.mark.parametrize(
    ("formula", "point"),
    [
        ("sum(x*c - x*c + x)", {"x": [1, 2], "c": 1e16}),
        ("sum(1 - x/(x + 1e-17))", {"x": [1, 3]}),
        ("sum(tanh(x))", {"x": [-500, 360, 20]}),
    ],
)
def test_lost_digits_are_no_disagreement(formula: str, point: dict) -> None:
    trace = backtrace.trace(formula, point)
    assert not trace.disagreements
    assert trace.lost or "tanh" in formula


def test_a_perfect_fit_is_no_disagreement() -> None:
    chance = np.random.default_rng(3)
    X, w = chance.standard_normal((300, 40)), chance.standard_normal(40)
    assert backtrace.trace("norm2(X@w - y)", {"X": X, "w": w, "y": X @ w}).ok


BLOCKED = [
    ("log(x)[1]", {"x": [0.0, 1]}, [0, 1]),
    ("max(sqrt(x))", {"x": [0.0, 1]}, [0, 0.5]),
    ("sum(where(x > 0.5, log(x.T).T, 0))", {"x": [0.0, 1, 2]}, [0, 1, 0.5]),
    ("sum(sqrt(relu(x)))", {"x": [-1.0, 4]}, [0, 0.25]),
]


@pytest.mark.parametrize(("formula", "point", "gradient"), BLOCKED, ids=lambda x: str(x)[:30])
def test_what_a_router_blocks_stays_zero(formula: str, point: dict, gradient: list) -> None:
    trace = backtrace.trace(formula, point, check=False)
    assert trace.gradients["x"].tolist() == gradient


def test_conventions_at_kinks_reach_into_own_gates_and_layers() -> None:
    own = backtrace.trace("r(a) = relu(a); sum(r(x))", {"x": [0.0, 1]}, kink="right", check=False)
    assert own.gradients["x"].tolist() == [1, 1]
    point = {"W": [[1.0, 0], [0, 1]], "x": [1.0, 0], "b": [0.0, 0]}
    for fuse in (False, True):
        trace = backtrace.trace("sum(relu(W@x + b))", point, kink="right", fuse=fuse)
        assert trace.gradients["x"].tolist() == [1, 1]
        assert {check.verdict for check in trace.checks.values()} == {"kink"}


def test_a_wrong_slope_beside_a_kink_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """One entry at a kink does not excuse the others."""
    row = GATES["relu"]
    wrong = (lambda m, f, x: m.where(m.greater(x, 0), 3.0, 0.0),)
    monkeypatch.setitem(GATES, "relu", replace(row, local=wrong, accurate=None))
    x = np.random.default_rng(0).standard_normal(1000)
    x[7] = 0.0
    trace = backtrace.trace("sum(relu(x))", {"x": x})
    assert not trace.ok
    assert "relu (#1) is wrong on its own" in trace.output_check.reason


USED_TO_RAISE = [
    ("g(a) = sum([a, 2*a]); g(x)", {"x": 3}),
    ("leaky_relu(x, a)", {"x": [0.0, 1], "a": [[0.1, 0.2], [0.3, 0.4]]}),
    ("sum(1e308*(x + b))", {"x": [0.0, 0], "b": 0}),
    ("-mean(sum(k*log_softmax(z), axis=1))", {"z": [[1.0, 2, 3], [3, 2, 1]], "k": [[0, 1.0, 0]]}),
    ("npz*shape", {"npz": 2, "shape": 3}),
    ("cross_entropy(z, 2*y)", {"z": [1, 2, 3], "y": 1}),
    ("cross_entropy(z, y)", {"z": [1, 2, 3], "y": [0, 0.5, 0.5]}),
]


@pytest.mark.parametrize(("formula", "point"), USED_TO_RAISE, ids=lambda x: str(x)[:30])
def test_every_view_of_what_used_to_raise(formula: str, point: dict) -> None:
    trace = backtrace.trace(formula, point, fuse=True)
    assert backtrace.Trace.from_json(trace.to_json()).to_json() == trace.to_json()


WITH_ERRORS = [
    ("sum(W@x)", {}, "has no value, and arrays need that or a shape"),
    ("softmax(x)", {}, "has no value"),
    ("c = [1/0, 1]; sum(c*x)", {"x": [1.0, 2]}, "the constant .* is inf"),
    ("x", {"x": np.complex128(1 + 2j)}, "not a number: complex128"),
    ("x", {"x": [[1, 2], [3]]}, "row 2 has 1"),
    ("x", {"x": "randn(1" + ",1" * 40 + ")"}, "at most 32 axes"),
    ("x", {"x": "ones(100000,1)@ones(1,100000)"}, "does not fit in memory"),
    ("x", {"x": {1}}, "holds something that is no number"),
    ("x²[0]", {"x": [1]}, "not clear what this belongs to"),
]


@pytest.mark.parametrize(("formula", "point", "words"), WITH_ERRORS, ids=lambda x: str(x)[:30])
def test_errors_and_no_traceback(formula: str, point: dict, words: str) -> None:
    with pytest.raises(BacktraceError, match=words):
        backtrace.trace(formula, point)


def test_an_exponent_that_sympy_would_never_finish_is_not_asked_about() -> None:
    for formula in ("sum(1.0000001^1000000000*x)", "p(a) = a^1000000000; sum(p(x))"):
        trace = backtrace.trace(formula, {"x": [1, 1.0000000001]})
        assert "is too large for SymPy" in trace.checks["x"].reason
        assert trace.ok


def test_two_draws_in_one_value_differ() -> None:
    trace = backtrace.trace("sum(x)", {"x": "randn(3) - randn(3)"}, check=False)
    assert np.all(trace.point["x"] != 0)


@pytest.mark.parametrize("name", ["text.npy", "short.npy", "head.npy", "pipe.csv", "deep.json"])
def test_files_that_are_not_what_they_say(name: str, tmp_path: pathlib.Path) -> None:
    np.save(tmp_path / "whole.npy", np.ones(5))
    whole = (tmp_path / "whole.npy").read_bytes()
    (tmp_path / "text.npy").write_text("1 2 3")
    (tmp_path / "short.npy").write_bytes(whole[:-8])
    (tmp_path / "head.npy").write_bytes(whole[:20] + b"((((" + whole[24:])
    (tmp_path / "deep.json").write_text("[" * 40 + "1" + "]" * 40)
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(BacktraceError):
        backtrace.trace("sum(x)", {"x": f"@{tmp_path / name}"})


def test_a_loss_near_zero_raises_no_alarm() -> None:
    """p[0] is 1 - 2.5e-9: the measured slope loses most of its digits inside softmax."""
    point = {"W1": "randn(40,30)", "x": "randn(30)", "b1": "zeros(40)"}
    point |= {"W2": "randn(3,40)", "b2": "zeros(3)"}
    trace = backtrace.trace("h = relu(W1@x+b1); p = softmax(W2@h+b2); L = -log(p[0])", point)
    assert abs(trace.value) < 1e-8
    assert trace.ok


def test_a_transposed_array_in_memory_is_the_same_array() -> None:
    """Found by chance: what is written through a view of a transposed array was lost."""
    A = [[0.6, 0.3, 0.2], [0.2, 0.7, 0.1]]
    for gate in ("logsumexp", "sum", "max", "norm", "mean", "prod", "var"):
        whole, turned = (backtrace.trace(f"{gate}({a})", {"A": A}) for a in ("A", "A.T"))
        assert turned.ok, gate
        assert turned.value == pytest.approx(whole.value, rel=1e-14), gate
    for gate in ("softmax", "log_softmax"):
        trace = backtrace.trace(f"sum({gate}(A.T, axis=0)*A.T)", {"A": A})
        assert trace.ok
        assert trace.value == pytest.approx(
            backtrace.trace(f"sum({gate}(A, axis=1)*A)", {"A": A}).value, rel=1e-14
        )
