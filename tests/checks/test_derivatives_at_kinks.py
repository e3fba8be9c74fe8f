"""Where both sides of a kink have one slope, that is the derivative: backprop is held against it,
of numbers and of arrays."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backtrace
from backtrace.algebra.values import identical
from backtrace.checks.traced import Budget
from backtrace.homework.checking import check
from backtrace.render import View
from backtrace.tracing.trace import Trace

AGREE = [  # formula, point, the derivative that backprop finds although a gate is at a kink
    ("x/(1+abs(x))", {"x": 0}, 1),
    ("max(x, x)", {"x": 2}, 1),
    ("x*abs(x)", {"x": 0}, 0),
    ("relu(x)^2", {"x": 0}, 0),
    ("where(abs(x)<=1, x^2/2, abs(x)-1/2)", {"x": 1}, 1),
    ("where(x==0, 1, sin(x)/where(x==0, 1, x))", {"x": 0}, 0),
    ("where(x>0, x, x)", {"x": 0}, 1),
    ("softsign(a) = a/(1+abs(a)); softsign(x)", {"x": 0}, 1),
]
MISSED = [  # and what it misses
    ("relu(x)-relu(-x)", {"x": 0}, 1),
    ("max(x,0)+min(x,0)", {"x": 0}, 1),
    ("where(x==0,0,x)", {"x": 0}, 1),
    ("p = relu(3*x); q = relu(-3*x); 2*(p - q)", {"x": 0}, 6),
    ("id(a) = relu(a)-relu(-a); id(x)", {"x": 0}, 1),
    ("relu(x-2)-relu(2-x)+x^2", {"x": 2}, 5),
]
NONE = [
    ("abs(x)", {"x": 0}),
    ("sign(x)", {"x": 0}),
    ("where(x>0, sqrt(x), 0)", {"x": 0}),
    ("max(x, 2*x)", {"x": 0}),
    ("relu(0.1*3-x)", {"x": 0.1 * 3}),  # with more digits it is no tie
    ("cbrt(x)*sign(x)^2+floor(x)", {"x": 1}),
]


def in_an_array(point: dict[str, float]) -> dict[str, object]:
    """The point as the first of three entries."""
    return {name: [value, value + 0.3, value - 0.3] for name, value in point.items()}


@pytest.mark.parametrize(("formula", "point", "slope"), AGREE)
def test_a_derivative_that_backprop_finds_agrees(formula: str, point: dict, slope: float) -> None:
    trace = backtrace.trace(formula, point)
    found = trace.checks["x"]
    assert (found.verdict, found.numeric) == ("agree", slope)
    assert "is at a kink, and yet both sides have this slope" in found.reason
    assert trace.ok
    assert trace.output_check is not None
    assert trace.output_check.verdict == "agree"
    many = backtrace.trace(formula, in_an_array(point))
    assert many.checks["x"].verdict == "agree"
    assert many.checks["x"].numeric[0] == slope
    assert many.ok


@pytest.mark.parametrize(("formula", "point", "slope"), MISSED)
def test_a_derivative_that_backprop_misses_is_told(formula: str, point: dict, slope: float) -> None:
    for trace in (backtrace.trace(formula, point), backtrace.trace(formula, in_an_array(point))):
        found = trace.checks["x"]
        assert found.verdict == "wrong at kink"
        right = np.ravel(found.right)[0]
        assert right == np.ravel(found.numeric)[0] == slope
        assert f"the derivative is {slope}" in found.reason
        assert "gate by gate backprop gives" in found.reason
        gate = trace.graph.nodes[found.gate].gate
        assert gate is not None
        assert gate.kink is not None
        assert not trace.ok
        assert not trace.disagreements
        assert identical(Trace.from_json(trace.to_json()).checks, trace.checks)
        for format in ("table", "tree", "markdown", "html"):
            assert "wrong at kink" in trace.show(format, View(width=100))
        assert trace.show("table", View(ascii=True)).isascii()
    # of an array the other entries are what they are
    assert np.allclose(np.ravel(found.right)[1:], trace.gradients["x"][1:])


@pytest.mark.parametrize(("formula", "point"), NONE)
def test_where_the_sides_differ_there_is_none(formula: str, point: dict) -> None:
    for given_ in (point, {"x": [point["x"], point["x"] + 0.3]}):
        trace = backtrace.trace(formula, given_)
        assert trace.checks["x"].verdict == "kink"
        assert trace.ok


def test_a_missed_derivative_is_an_error_of_the_command() -> None:
    words = [sys.executable, "-m", "backtrace", "relu(x)-relu(-x)", "x=0", "--json"]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "the gradient of x is not the derivative" in found.stderr
    check = json.loads(found.stdout)["checks"]["x"]
    assert (check["verdict"], check["right"], check["backprop"]) == ("wrong at kink", 1.0, 0)


@settings(max_examples=12, deadline=None)
@given(
    st.integers(-3, 3),
    st.integers(-3, 3),
    st.sampled_from(["relu(_)", "max(_, 0)", "(abs(_)+_)/2", "where(_>0, _, 0)", "r(_)"]),
    st.sampled_from([0.0, 1.0, -2.5, 1e-9, 1e6]),
)
def test_the_verdict_is_what_the_two_slopes_say(a: int, b: int, ramp: str, c: float) -> None:
    """a*ramp(x - c) + b*ramp(c - x) rises by -b on the left of c, by a on the right."""
    up, down = (f"({ramp})".replace("_", f"({side})") for side in ("x-c", "c-x"))
    formula = f"r(a) = max(0, a); {a}*{up} + {b}*{down} + x/4"
    for x in (c, [c, c + 1]):
        trace = backtrace.trace(formula, {"x": x, "c": c}, wrt=["x"])
        found = trace.checks["x"]
        if a != -b:
            assert found.verdict == "kink"
        elif abs(np.ravel(found.backprop)[0] - (a + 0.25)) < 1e-9:
            assert found.verdict == "agree"
        else:
            assert found.verdict == "wrong at kink"
            assert np.ravel(found.right)[0] == pytest.approx(a + 0.25)


def test_of_an_array_only_the_entries_that_a_kink_reaches_are_spared() -> None:
    """A wrong number beside one is seen."""
    W = [[1.0, 2.0], [1.0, 3.0]]
    trace = backtrace.trace("sum(relu(X@W))", {"X": [[1, -1], [2, 1]], "W": W})
    X = trace.checks["X"]
    assert X.verdict == "kink"
    assert np.isnan(X.numeric[0]).all()
    assert X.numeric[1].tolist() == [3, 4]
    (said, _) = (n.text for n in trace.notes if n.kind == "sides")
    both = "from the left [[0, 0], [3, 4]], from the right [[1, 1], [3, 4]]"
    assert said == f"∂f/∂X: measured {both}"


def test_what_is_too_much_to_measure_is_said() -> None:
    budget = Budget(entry_work=2000)
    trace = backtrace.trace("sum(abs(x)*x)", {"x": np.zeros(200)}, budget=budget)
    assert trace.checks["x"].verdict == "kink"
    (said,) = (n.text for n in trace.notes if n.kind == "sides")
    assert "a kink reaches 200 entries, too many to measure both sides of all" in said
    one = np.where(np.arange(200) == 7, 0.0, 1.0)
    trace = backtrace.trace("sum(abs(x)*x)", {"x": one}, budget=budget)
    assert trace.checks["x"].verdict == "agree"
    assert not [n for n in trace.notes if n.kind == "sides"]
    budget = Budget(entry_work=20_000)
    missed = backtrace.trace("sum(relu(x)-relu(-x))", {"x": np.zeros(200)}, budget=budget)
    assert missed.checks["x"].verdict == "wrong at kink"


@pytest.mark.parametrize("shape", [(), (2,), (2, 3)])
def test_a_norm_squared_is_smooth_at_0(shape: tuple[int, ...]) -> None:
    trace = backtrace.trace("y*sum(norm(x)^2)", {"x": np.zeros(shape), "y": 2})
    assert trace.checks["x"].verdict == "agree"
    assert trace.checks["y"].verdict == "agree"
    assert backtrace.trace("norm(x)", {"x": np.zeros((2, 1))}).checks["x"].verdict == "kink"


@pytest.mark.parametrize(("formula", "point", "slope"), MISSED)
def test_the_derivative_is_the_right_answer(formula: str, point: dict, slope: float) -> None:
    """What the gates' conventions add up to is accepted as that; anything else is not."""
    gradient = backtrace.trace(formula, point, check=False).gradients["x"]
    for given_ in (point, {"x": [point["x"], 3.5]}):
        right = backtrace.trace(formula, given_).checks["x"].right
        beside = backtrace.trace(formula, given_, check=False).gradients["x"]
        for answer, verdict in ((right, "ok"), (beside, "kink"), (right + 40, "wrong")):
            text = json.dumps(np.asarray(answer).tolist())
            (found,) = check(formula, given_, {"dx": text}).verdicts
            assert found.verdict == verdict, text
            assert np.ravel(found.exact)[0] == slope != gradient


SECONDS = [  # formula, point, the entries xx, xy, yy; None where there is none
    ("x^2+abs(y)", {"x": 3, "y": 0}, (2, None, None)),
    ("where(x==0, 1, sin(x)/where(x==0, 1, x))+y", {"x": 0, "y": 1}, (-1 / 3, 0, 0)),
    ("x*abs(x)*y", {"x": 0, "y": 2}, (None, 0, 0)),
    ("relu(x)-relu(-x)+x*y+y^3", {"x": 0, "y": 2}, (0, 1, 12)),
    ("x^2*abs(x)+y^2", {"x": 0, "y": 1}, (0, 0, 2)),
    ("x*y^2+floor(x)", {"x": 1, "y": 3}, (None, None, 2)),
    ("r(a)=relu(a)^3; r(x)*y", {"x": 0, "y": 1}, (0, 0, 0)),
]


@pytest.mark.parametrize(("formula", "point", "entries"), SECONDS)
def test_second_derivatives_beside_a_kink(formula: str, point: dict, entries: tuple) -> None:
    trace = backtrace.trace(formula, point)
    trace = trace.showing(trace.hessian())
    found = {(s.first, s.second): s for s in trace.hessian()}
    assert list(found) == [("x", "x"), ("x", "y"), ("y", "y")]
    for entry, expected in zip(found.values(), entries, strict=True):
        if expected is None:
            assert entry.verdict == "kink"
        else:
            assert entry.verdict == "agree"
            assert entry.numeric == pytest.approx(expected, abs=1e-12)
    assert Trace.from_json(trace.to_json()).asked == trace.asked
    assert trace.show("table")


NAN_BESIDE = [  # formula, point, the variables that are checked, those that are skipped
    ("x^2+where(y>0, log(y), 0)", {"x": 3, "y": -1}, "x", "y"),
    ("x^2+sqrt(y)", {"x": 3, "y": 0}, "x", "y"),
    ("x*z+where(y>0, log(y), 0)+sqrt(w)", {"x": 3, "y": -1, "z": 2, "w": 0}, "xz", "yw"),
    ("u(a)=where(a>0, log(a), 0); x^2+u(y)", {"x": 3, "y": -1}, "xy", ""),
    ("p = log(y); q = where(y>0, p, 0); abs(x)*z+q", {"x": 2, "y": -1, "z": 3}, "xz", "y"),
    ("x+log(y)", {"x": 3, "y": -1}, "", "xy"),  # the output is nan
]


@pytest.mark.parametrize(("formula", "point", "checked", "skipped"), NAN_BESIDE)
def test_a_nan_concerns_the_variables_that_reach_it(
    formula: str, point: dict, checked: str, skipped: str
) -> None:
    for given_ in (point, {n: [v, 2.0] for n, v in point.items()}):
        trace = backtrace.trace(formula, given_)
        assert {n: trace.checks[n].verdict for n in checked} == dict.fromkeys(checked, "agree")
        assert {n: trace.checks[n].verdict for n in skipped} == dict.fromkeys(skipped, "skipped")
        assert list(trace.checks) == list(trace.graph.inputs)
        assert trace.ok is (trace.fault is None)
        assert Trace.from_json(trace.to_json()).checks.keys() == trace.checks.keys()


def test_second_derivatives_beside_a_fault() -> None:
    trace = backtrace.trace("x^2*z+sqrt(y)", {"x": 3, "y": 0, "z": 2})
    assert not trace.ok
    found = {(s.first, s.second): s.numeric for s in trace.hessian()}
    assert found == {("x", "x"): 4, ("x", "z"): 6, ("z", "z"): 0}


@pytest.mark.parametrize(
    ("formula", "x", "dx", "verdict"),
    [
        ("norm(x)", [0, 0], "[0, 0]", "ok"),
        ("norm(x)", [0, 0], "[0.6, -0.8]", "kink"),
        ("norm(x)", [0, 0], "[1, 0]", "kink"),
        ("norm(x)", [0, 0], "[1, 1]", "wrong"),
        ("norm(x)", [0, 0], "[2, 0]", "wrong"),
        ("-3*norm(x)", [0, 0], "[1.8, 2.4]", "kink"),
        ("sum(norm(x, axis=1))", [[0, 0], [3, 4]], "[[0.6, 0.8], [0.6, 0.8]]", "kink"),
        ("sum(norm(x, axis=1))", [[0, 0], [3, 4]], "[[0.6, 0.8], [0.8, 0.6]]", "wrong"),
        ("sum(norm(x, axis=1))", [[0, 0], [3, 4]], "[[1, 0.8], [0.6, 0.8]]", "wrong"),
    ],
)
def test_what_lies_between_the_slopes_of_a_norm_is_accepted(
    formula: str, x: list, dx: str, verdict: str
) -> None:
    assert [v.verdict for v in check(formula, {"x": x}, {"dx": dx}).verdicts] == [verdict]


def test_ties_of_operands_of_different_shapes_lie_between_their_slopes() -> None:
    point = {"x": [[0, 1], [0, 2]], "b": [0, 0]}
    for dx, db, verdicts in (
        ("[[1, 1], [0.3, 1]]", "[0.7, 0]", ["kink", "kink"]),
        ("[[0, 1], [0, 1]]", "[2, 0]", ["kink", "kink"]),
        ("[[1.5, 1], [0, 1]]", "[0.5, 0]", ["wrong", "kink"]),
        ("[[1, 1], [1, 1]]", "[2.5, 0]", ["kink", "wrong"]),
    ):
        found = check("sum(max(x, b))", point, {"dx": dx, "db": db}).verdicts
        assert [v.verdict for v in found] == verdicts
