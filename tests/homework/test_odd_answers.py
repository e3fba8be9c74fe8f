"""Answers of every shape to formulas of every kind: a verdict or a refusal with words, never
another exception. And what a two-layer net's classic mistakes are called."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backtrace
from backtrace.errors import BacktraceError
from backtrace.formula import read
from backtrace.formula.point import read_mapping
from backtrace.gates import GATES
from backtrace.graph import Constant
from backtrace.graph.record import Granularity
from backtrace.homework.answers import from_mapping
from backtrace.homework.checking import check, hold
from backtrace.homework.problem import Problem, problem_of
from backtrace.homework.verdicts import OK, VERDICTS
from tests.conftest import inputs, usage
from tests.gates.test_array_gates import CASES, arrays

NET = "h = relu(X@W1 + b1); s = h@W2 + b2; L = cross_entropy(s, y)"
NET_POINT = {
    "X": [[1, 2], [0, -1], [2, 1]],
    "W1": [[0.5, -0.2], [0.3, 0.8]],
    "b1": [0.1, 0.7],
    "W2": [[1, -1, 0.5], [0.2, 0.3, -0.4]],
    "b2": [0.1, 0, -0.2],
    "y": [0, 2, 1],
}
LARGER: list[tuple[str, dict[str, Any]]] = [
    (NET, NET_POINT),
    (
        "m = mean(x, axis=0); v = mean((x - m)^2, axis=0); n = (x - m)/sqrt(v + 0.001); "
        "sum((g*n + b)*w)",
        {
            "x": [[1.2, 0.4], [0.3, -1.1], [2.5, 0.9]],
            "g": [1.1, 0.7],
            "b": [0.2, -0.3],
            "w": [[0.3, -0.7], [1.4, 0.5], [-0.6, 0.2]],
        },
    ),
    (
        "A = softmax(Q@K.T/sqrt(2)); O = A@V; sum(O^2)",
        {
            "Q": [[0.1, 0.7], [-0.4, 0.2]],
            "K": [[0.5, -0.3], [0.8, 0.6], [-0.2, 0.4]],
            "V": [[1.1, 0.3], [-0.5, 0.9], [0.2, -0.8]],
        },
    ),
    ("mean(max(x, 0)*w)", {"x": [0, 1.5, -2, 0], "w": [1.3, 2.1, 0.4, -0.7]}),
    (
        "h = tanh(w*a + u*z); k = tanh(w*c + u*h); k^2",
        {"w": 0.7, "u": -0.4, "a": 1, "c": 2, "z": 0},
    ),
    ("max(0, 1 - y*s)*2", {"y": 1, "s": 1}),
    (
        "sum((A + eye(2))@x*ones(2) + zeros(2))",
        {"A": [[0.4, -1.2], [0.9, 0.3]], "x": [0.7, -0.2]},
    ),
]


def _elementwise() -> list[tuple[str, dict[str, Any]]]:
    """Every row of numbers, on vectors."""
    found = []
    for gate in GATES.values():
        if not gate.is_of_arrays:
            names = [p for p in ("x", "y") if gate.is_comparison] or list(inputs(gate))
            point = {n: [0.3 + 0.1 * k, 0.7, 0.45] for k, n in enumerate(names)}
            found.append((f"sum({usage(gate)})", point))
    return found


def _of_arrays() -> list[tuple[str, dict[str, Any]]]:
    """Every row of arrays, one shape of each formula."""
    return [(_scalar(formula), arrays(shapes)) for formula, shapes in dict(CASES).items()]


def _scalar(formula: str) -> str:
    """One number of whatever it gives."""
    *before, last = formula.split("; ")
    return "; ".join([*before, f"t = {last}", "sum(t*t)"])


PROBLEMS = [*LARGER, *_elementwise(), *_of_arrays()]
"""Formulas with their points: each test reads its own, none is read while tests are collected."""
EACH = pytest.mark.parametrize(("formula", "point"), PROBLEMS, ids=lambda v: _first(v))


def _first(value: Any) -> str:
    return value[:40] if isinstance(value, str) else ""


def _problem(formula: str, point: dict[str, Any]) -> Problem:
    return problem_of(formula, read_mapping(point), Granularity())


def _odd(value: Any, how: str) -> str:
    array = np.asarray(value, float)
    shaped = {
        "right": lambda: array,
        "scaled": lambda: 2 * array,
        "zero": lambda: 0 * array,
        "transposed": lambda: array.T,
        "summed": lambda: array.sum(),
        "rows": lambda: array.sum(0) if array.ndim else array,
        "flat": lambda: array.reshape(-1),
        "longer": lambda: np.concatenate([array.reshape(-1), [1.0]]),
        "deeper": lambda: array[None, None],
        "huge": lambda: array * 1e300 * 1e7 if np.all(np.abs(array) < 1) else array * 1e200,
        "tiled": lambda: np.stack([array, array]),
        "odd": lambda: array + np.arange(array.size).reshape(array.shape) - 0.5,
        "negative": lambda: -array - 1,
    }
    if how in shaped:
        return json.dumps(np.asarray(shaped[how]()).tolist())
    return {"ragged": "[[1, 2], [3]]", "empty": "[]", "hollow": "[[], []]", "text": "x@x"}[how]


HOWS = "right scaled zero transposed summed rows flat longer deeper huge tiled odd negative "
ODD = [*HOWS.split(), "ragged", "empty", "hollow", "text"]


@EACH
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_a_verdict_or_a_refusal(formula: str, point: dict[str, Any], data: st.DataObject) -> None:
    """Any answers to any of a formula's numbers, values and gradients alike."""
    problem = _problem(formula, point)
    record, graph = problem.record, problem.record.graph
    names = [f"{d}#{node}" for node in range(len(graph.nodes)) for d in ("", "d")]
    asked = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=5, unique=True))
    answers = {}
    for name in asked:
        numbers = record.upstreams if name.startswith("d") else record.values
        value = numbers[int(name.partition("#")[2])]
        answers[name] = _odd(value, data.draw(st.sampled_from(ODD)))
    try:
        report = hold(problem, from_mapping(answers, graph, graph.output_name))
    except BacktraceError as error:
        report = None
        refusal = error.what
    if report is None:
        assert refusal
        return
    assert [v.answer.name for v in report.verdicts] == asked
    assert {v.verdict for v in report.verdicts} <= set(VERDICTS)


def test_the_property_meets_every_row() -> None:
    graphs = [read(f, {n: np.shape(v) for n, v in point.items()}) for f, point in PROBLEMS]
    nodes = [node for graph in graphs for _, node, _ in graph.gates()]
    constants = [o for node in nodes for o in node.operands if isinstance(o, Constant)]
    nodes += [node for constant in constants for node in constant.nodes]  # eye(2) is a constant
    met = {node.gate.name for node in nodes if node.gate is not None}
    assert set(GATES) - met == set()


@EACH
def test_right_answers_are_right_whatever_the_formula(formula: str, point: dict[str, Any]) -> None:
    problem = _problem(formula, point)
    graph = problem.record.graph
    right = {
        f"d{n}": np.asarray(problem.record.upstreams[i]).tolist() for n, i in graph.inputs.items()
    }
    report = hold(problem, from_mapping(right, graph, graph.output_name))
    assert {v.verdict for v in report.verdicts} == {OK}


def _softmax(z: Any) -> Any:
    powers = np.exp(z - z.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def _classics() -> dict[str, tuple[str, dict[str, Any]]]:
    """NumPy's own net, with one line wrong each: (the code that is due, what is handed in)."""
    X, W1, b1, W2, b2 = (np.asarray(NET_POINT[n], float) for n in ("X", "W1", "b1", "W2", "b2"))
    a = X @ W1 + b1
    h = np.maximum(a, 0)
    p = _softmax(h @ W2 + b2)
    Y = np.eye(3)[NET_POINT["y"]]

    def handed_in(ds: Any = None, masked: bool = True, rows: str = "sum") -> dict[str, Any]:
        ds = (p - Y) / 3 if ds is None else ds
        dh = ds @ W2.T
        da = dh * (a > 0) if masked else dh
        together = {"sum": lambda u: u.sum(0), "mean": lambda u: u.mean(0), "none": lambda u: u}
        over = together[rows]
        return {"dW2": h.T @ ds, "db2": over(ds), "dW1": X.T @ da, "db1": over(da)}

    right = handed_in()
    return {
        "missing 1/N": ("dropped-constant", handed_in(p - Y)),
        "no mask": ("no-local", handed_in(masked=False)),
        "mean over the batch": ("mean-for-sum", handed_in(rows="mean")),
        "bias not summed": ("reduction", handed_in(rows="none")),
        "no -1 at the label": ("label-kept", handed_in(p / 3)),
        "transposed": ("transposed", {**right, "dW1": right["dW1"].T}),
        "transposed, another shape": ("transposed", {**right, "dW2": right["dW2"].T}),
        "the other sign of p - y": ("sign", handed_in((Y - p) / 3)),
    }


@pytest.mark.parametrize("name", _classics())
def test_classic_mistakes_of_a_net_are_told_apart(name: str) -> None:
    """By the gradients of the weights alone, and by one that is spoiled alone."""
    code, numbers = _classics()[name]
    answers = {n: json.dumps(np.round(v, 5).tolist()) for n, v in numbers.items()}
    report = check(NET, NET_POINT, answers)
    assert not report.ok
    assert code in [c for fit in report.fits[:3] for c in (fit.code, *fit.also)], report.fits
    wrong = report.fault.answer.name if report.fault else "dW2"
    alone = check(NET, NET_POINT, {wrong: answers[wrong]})
    assert code in [c for fit in alone.fits[:3] for c in (fit.code, *fit.also)], alone.fits


def test_the_classics_lead_to_different_first_names() -> None:
    """No other classic's code stands first."""
    for name, (code, numbers) in _classics().items():
        answers = {n: json.dumps(np.round(v, 5).tolist()) for n, v in numbers.items()}
        fits = check(NET, NET_POINT, answers).fits
        assert code in (fits[0].code, *fits[0].also), (name, fits)


@pytest.mark.parametrize("square", ["{}^2", "{0}*{0}"])
@pytest.mark.parametrize(("times", "code"), [(2, "factor-two"), (0, "fork-lost")])
@pytest.mark.parametrize("asked", [["dW2"], ["dW1", "dW2"], ["dW1", "db1", "dW2", "db2"]])
def test_a_regulariser_of_both_layers(
    square: str, times: float, code: str, asked: list[str]
) -> None:
    """The same slip in two places, each of which spoils one answer alone."""
    plain = "h = relu(X@W1 + b1); s = h@W2 + b2; L = cross_entropy(s, y)"
    squares = [square.format(name) for name in ("W1", "W2")]
    formula = plain + "".join(f" + 0.5*0.1*sum({s})" for s in squares)
    gradients = backtrace.trace(plain, NET_POINT, check=False).gradients
    answers = {}
    for name in asked:
        slipped = gradients[name[1:]]
        if "W" in name:
            slipped = slipped + times * 0.1 * np.asarray(NET_POINT[name[1:]], float)
        answers[name] = json.dumps(np.round(slipped, 6).tolist())
    report = check(formula, NET_POINT, answers)
    wrong = [v.answer.name for v in report.verdicts if v.verdict != OK]
    assert wrong == [name for name in asked if "W" in name]
    assert code in [c for fit in report.fits[:2] for c in (fit.code, *fit.also)], report.fits


LOSS = "h = relu(X@W1 + b1); s = h@W2 + b2; cross_entropy(s, y) + {}*sum(W2^2)"


@pytest.mark.parametrize(
    ("factor", "times", "code"),
    [
        ("0.05", 2, "factor-two"),  # 2*reg*W where reg*W is due
        ("0.1", 0.5, "dropped-constant"),  # reg*W where 2*reg*W is due
        ("0.1", 0, "fork-lost"),
    ],
)
def test_a_regulariser_forgotten_or_twice(factor: str, times: float, code: str) -> None:
    formula = LOSS.format(f"0.5*{factor}" if times == 2 else factor)
    plain = check(LOSS.format("0"), NET_POINT, {"dW2": "[[0,0,0],[0,0,0]]"}).verdicts[0].exact
    full = check(formula, NET_POINT, {"dW2": "[[0,0,0],[0,0,0]]"}).verdicts[0].exact
    answer = json.dumps(np.round(plain + times * (full - plain), 6).tolist())
    report = check(formula, NET_POINT, {"dW2": answer})
    assert [v.verdict for v in report.verdicts] == ["wrong"]
    assert code in [c for fit in report.fits[:3] for c in (fit.code, *fit.also)], report.fits


@pytest.mark.parametrize(
    ("formula", "point", "answers", "verdicts"),
    [
        ("max(x,0)", {"x": 0}, {"dx": "1"}, ["kink"]),
        ("max(x,0)", {"x": 0}, {"dx": "0.5"}, ["kink"]),
        ("max(x,0)", {"x": 0}, {"dx": "0"}, ["ok"]),
        ("max(x,0)", {"x": 0}, {"dx": "2"}, ["wrong"]),
        ("max(x,0)", {"x": 0}, {"dx": "-0.1"}, ["wrong"]),
        ("min(x,1)", {"x": 1}, {"dx": "1"}, ["kink"]),
        ("where(x>0,x,0)", {"x": 0}, {"dx": "1"}, ["kink"]),
        ("where(x<=0,0,x)", {"x": 0}, {"dx": "0.5"}, ["kink"]),
        ("where(x>0,x,0)", {"x": 0}, {"dx": "1.5"}, ["wrong"]),
        ("where(x>0,x+1,0)", {"x": 0}, {"dx": "1"}, ["wrong"]),  # a jump has no slopes
        ("where(x==0,0,x)", {"x": 0}, {"dx": "0.5"}, ["wrong"]),  # there is a derivative
        ("sum(where(x>0,x,0.1*x))", {"x": [0, 1, -1]}, {"dx": "[1,1,0.1]"}, ["kink"]),
        ("sum(where(x>0,x,0.1*x))", {"x": [0, 1, -1]}, {"dx": "[1,1,1]"}, ["wrong"]),
        ("y*where(x>=1,2*x-1,x)", {"x": 1, "y": 3}, {"dx": "3", "dy": "1"}, ["kink", "ok"]),
        ("max(0,1-y*s)", {"y": 1, "s": 1}, {"ds": "-1", "dy": "-1"}, ["kink", "kink"]),
        ("max(0,1-y*s)", {"y": 1, "s": 1}, {"ds": "1"}, ["wrong"]),
        ("sum(max(x,0)*3.14159)", {"x": [0, 1, -1]}, {"dx": "[3.14, 3.14, 0]"}, ["kink"]),
        ("sum(max(x,0)*3.14159)", {"x": [0, 1, -1]}, {"dx": "[3.14, 3.14, 1]"}, ["wrong"]),
        ("sum(relu(x))", {"x": [[0, 1], [-1, 0]]}, {"dx": "[[0.5, 1], [0, 1]]"}, ["kink"]),
        ("sum(relu(x))", {"x": [[0, 1], [-1, 0]]}, {"dx": "[[0.5, 1], [1, 1]]"}, ["wrong"]),
        ("sum(min(x, 1))", {"x": [1, 2, 0]}, {"dx": "[1, 0, 1]"}, ["kink"]),
        ("max(x,y)", {"x": 2, "y": 2}, {"dx": "1", "dy": "0"}, ["kink", "kink"]),
        ("sum(max(x,y))", {"x": [1, 2], "y": [1, 3]}, {"dx": "[1,0]", "dy": "[0,1]"}, ["kink"] * 2),
        (
            "sum(max(x,y))",
            {"x": [1, 2], "y": [1, 3]},
            {"dx": "[1,0]", "dy": "[1,1]"},
            ["wrong"] * 2,
        ),
        ("max(x,y,0)", {"x": 0, "y": 0}, {"dx": "0.5", "dy": "0.5"}, ["kink", "kink"]),
        ("3*max(x)", {"x": [2, 2, 1]}, {"dx": "[3, 0, 0]"}, ["kink"]),
        ("3*max(x)", {"x": [2, 2, 1]}, {"dx": "[1.5, 1.5, 0]"}, ["ok"]),
        ("3*max(x)", {"x": [2, 2, 1]}, {"dx": "[3, 3, 0]"}, ["wrong"]),
        ("3*max(x)", {"x": [2, 2, 1]}, {"dx": "[2, 0, 1]"}, ["wrong"]),
        ("sum(min(x, axis=1))", {"x": [[2, 2], [1, 3]]}, {"dx": "[[1, 0], [1, 0]]"}, ["kink"]),
        ("sum(min(x, axis=1))", {"x": [[2, 2], [1, 3]]}, {"dx": "[[1, 1], [1, 0]]"}, ["wrong"]),
        (
            "sum(relu_layer(X, w, b))",
            {"X": [1, 2], "w": [[1], [-0.5]], "b": [0]},
            {"db": "1"},
            ["kink"],
        ),
        ("sum(|x|)", {"x": [0, 1, -1]}, {"dx": "[-1, 1, -1]"}, ["kink"]),
    ],
    ids=str,
)
def test_at_a_tie_what_lies_between_the_slopes_is_accepted(
    formula: str, point: dict[str, Any], answers: dict[str, str], verdicts: list[str]
) -> None:
    assert [v.verdict for v in check(formula, point, answers).verdicts] == verdicts


def test_more_than_all_of_a_tie_is_too_much() -> None:
    report = check("max(x,y,0)", {"x": 0, "y": 0}, {"dx": "1", "dy": "1"})
    assert not report.ok
