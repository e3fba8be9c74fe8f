"""The cross-check: what each witness says, when it is skipped, and what rounding explains."""

from __future__ import annotations

import gc
import math
import random
import subprocess
import sys
import threading
import time

import pytest

import backtrace
from backtrace.checks.crosscheck import Budget
from backtrace.checks.deadline import PATIENCE, Clock, OutOfTime, within
from backtrace.checks.respell import respell
from backtrace.checks.symbolic import ask
from tests.conftest import PATIENT
from tests.gates.test_agreement import random_formula


def test_three_witnesses() -> None:
    check = backtrace.trace("sigmoid(w*x)", {"w": 2, "x": -0.5}).checks["w"]
    assert check.verdict == "agree"
    assert check.derivative == "x*exp(-w*x)/(1 + exp(-w*x))^2"
    assert check.symbolic == pytest.approx(check.backprop, rel=1e-15)
    assert check.numeric == pytest.approx(check.backprop, rel=1e-15)
    assert check.relative_error is not None
    assert check.relative_error < 1e-14


@pytest.mark.small
@pytest.mark.parametrize(
    ("formula", "statements"),
    [
        ("2x²·sin(y)", [("", "2*v0**(2)*f_sin(v1)")]),
        ("q = |x|y; √q + 2√(q+1)", [("s0", "f_abs(v0)*v1"), ("", "f_sqrt(s0)+2*f_sqrt((s0+1))")]),
        ("leaky_relu(lambda, a=.5)", [("", "f_leaky_relu(v0,p_a=.5)")]),
        ("where(x ≥ 007, pi, e)", [("", "f_where(c_ge(v0,7),c_pi,c_e)")]),
        ("-x^2/3^-y", [("", "-v0**2/3**-v1")]),
        ("(x +\n y)\n", [("", "(v0+v1)")]),
    ],
)
def test_the_second_reading_is_spelled_anew(formula: str, statements: list) -> None:
    assert respell(formula, ()).statements == statements


@pytest.mark.small
def test_no_character_of_the_users_goes_through() -> None:
    respelled = respell("__import__*os + lambda*Θ", ())
    assert respelled.statements == [("", "v0*v1+v2*v3")]


@pytest.mark.parametrize(
    ("formula", "point", "reason"),
    [
        ("+".join(["x"] * 302), {"x": 1}, "301 gates"),
        ("x^1000000", {"x": 1}, "the exponent 1000000 is too large"),
        ("x*1.0000001^1000000000", {"x": 1}, "the exponent 1000000000 is too large"),
    ],
)
def test_what_is_too_much_for_sympy_is_skipped(formula: str, point: dict, reason: str) -> None:
    check = backtrace.trace(formula, point).checks["x"]
    assert check.verdict == "agree"
    assert check.symbolic is None
    assert check.numeric is not None
    assert reason in check.reason


def test_what_is_too_long_written_out_is_skipped_by_its_size() -> None:
    formula = "q0 = x; " + "; ".join(f"q{i} = sin(q{i - 1})*cos(q{i - 1})" for i in range(1, 60))
    check = backtrace.trace(formula, {"x": 0.5}).checks["x"]
    assert check.verdict == "agree"
    assert "written out it is 2.88" in check.reason


def test_a_network_of_many_layers_has_sympys_answer() -> None:
    """evalf alone takes twice as long for every level of what is nested."""
    formula = "x"
    for _ in range(12):
        formula = f"tanh(w*{formula} + b)"
    check = backtrace.trace(formula, {"x": 0.5, "w": 1.1, "b": 0.2}).checks["w"]
    assert check.verdict == "agree"
    assert check.symbolic is not None


def test_a_spent_budget_is_said() -> None:
    formula = "*".join(f"sin(x*x + {k})" for k in range(70))
    began = time.process_time()
    trace = backtrace.trace(formula, {"x": 0.5}, budget=Budget(symbolic_seconds=0.02))
    assert time.process_time() - began < 5
    check = trace.checks["x"]
    assert check.verdict == "agree"
    assert check.reason == "symbolic check skipped: SymPy needs more than 0.02 s"


def test_many_variables_are_covered_by_random_directions() -> None:
    formula = "+".join(f"sin(x{i})*x{(i + 1) % 800}" for i in range(800))
    trace = backtrace.trace(formula, {f"x{i}": 0.5 + i / 800 for i in range(800)})
    assert trace.ok
    assert {check.verdict for check in trace.checks.values()} == {"agree"}
    assert "2 random directions" in trace.checks["x0"].reason


@pytest.mark.parametrize(
    ("formula", "point"),
    [
        ("1 - exp(x)/(1 + exp(x))", {"x": 40}),
        ("(exp(x) - exp(-x))/(exp(x) + exp(-x))", {"x": 25}),
        ("(x + 1) - 1", {"x": 1e-17}),
        ("(1 - cos(x))/x^2", {"x": 1e-7}),
    ],
)
def test_what_rounding_explains_is_no_disagreement(formula: str, point: dict) -> None:
    trace = backtrace.trace(formula, point)
    assert not trace.disagreements
    assert trace.lost
    assert not trace.ok


def test_tiny_gradients_are_measured() -> None:
    """60 sigmoids, one in another: the slope is 1e-37, and is seen."""
    check = backtrace.trace("sigmoid(" * 60 + "x" + ")" * 60, {"x": 1}).checks["x"]
    assert check.numeric == pytest.approx(check.backprop, rel=1e-12)
    assert 0 < check.backprop < 1e-35


def test_not_finite_means_not_checked() -> None:
    trace = backtrace.trace("log(x)", {"x": -1})
    assert trace.checks["x"].verdict == "skipped"
    assert trace.checks["x"].reason == "not checked: a value is not finite"


@pytest.mark.parametrize(
    ("formula", "x", "derivative"),
    [
        ("max(x, 0)", 2.0, "where(x > 0, 1, 0)"),
        ("|x|", 2.0, "sign(x)"),
        ("floor(x) + x", 2.5, "1"),
        ("where(x > 1, x^2, x)", 2.0, "where(x > 1, 2*x, 1)"),
        ("e^x", 0.0, "exp(x)"),
    ],
)
def test_derivatives_are_written_in_the_formula_language(
    formula: str, x: float, derivative: str
) -> None:
    check = backtrace.trace(formula, {"x": x}).checks["x"]
    assert check.derivative == derivative
    again = backtrace.trace(derivative, {"x": x} if "x" in derivative.replace("exp", "") else {})
    assert again.value == pytest.approx(check.backprop)


@pytest.mark.parametrize("formula", ["x - |x|", "sin(x)^2 + cos(x)^2 - 1", "x - sqrt(x)^2"])
def test_what_cancels_to_nothing_is_zero_to_every_witness(formula: str) -> None:
    check = backtrace.trace(formula, {"x": 1.25}).checks["x"]
    assert (check.symbolic, check.numeric, check.verdict) == (0.0, 0.0, "agree")


def test_sympy_is_asked_at_the_floats_own_point() -> None:
    """0.1 is the float 0.1, not one tenth: every witness stands at the same point."""
    answer = ask("floor(x*10)", {"x"}, {"x": 0.1}, ["x"], 2.0)
    assert answer[""].value == 1.0


@pytest.mark.small
def test_interrupts_meet_no_collection_and_it_goes_on_afterwards() -> None:
    """An interrupt inside somebody's collection callback would be lost, with a complaint."""
    met: list[str] = []

    def callback(phase: str, _: dict[str, int]) -> None:
        if threading.current_thread() is not threading.main_thread():
            met.append(phase)

    def forever() -> None:
        while True:
            cycle: list[object] = []
            cycle.append(cycle)

    gc.callbacks.append(callback)
    try:
        assert gc.isenabled()
        with pytest.raises(OutOfTime):
            within(0.05, forever)
    finally:
        gc.callbacks.remove(callback)
    assert gc.isenabled()
    assert met == []


def test_within_gives_results_errors_and_deadlines() -> None:
    assert within(5.0, lambda: 42) == 42
    with pytest.raises(KeyError):
        within(5.0, lambda: {}["x"])

    def forever() -> None:
        while True:
            pass

    began = time.process_time()
    with pytest.raises(OutOfTime):
        within(0.05, forever)
    assert time.process_time() - began < 2


def test_what_waits_is_stopped_too() -> None:
    """Its thread does not work; the time that passes counts as well, if less."""

    def waiting() -> None:
        while True:
            time.sleep(0.005)

    began = time.monotonic()
    with pytest.raises(OutOfTime):
        within(0.05, waiting)
    assert 0.05 * PATIENCE <= time.monotonic() - began < 5


INTERRUPTED = """
import gc
import numpy as np
import backtrace
from backtrace.checks.traced import Budget
net = "q=X@W; k=X@W+b; sum((softmax(q@k.T/sqrt(3), axis=1)@q)^2)"
for seed in range(100):
    chance = np.random.default_rng(seed)
    point = {"X": chance.normal(size=(4, 3)), "W": chance.normal(size=(3, 3)), "b": np.ones(3)}
    backtrace.trace(net, point, budget=Budget(symbolic_seconds=chance.uniform(0.02, 0.2)))
    gc.collect()
"""


@pytest.mark.slow
def test_collections_after_interrupts_do_not_crash() -> None:
    """CPython 3.11 frees a frame too early there now and then, and a collection comes by it."""
    ended = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_a_clock_is_for_all_parts_together() -> None:
    def busy(seconds: float) -> float:
        end = time.thread_time() + seconds
        while time.thread_time() < end:
            pass
        return seconds

    clock = Clock(0.3)
    assert clock.within(lambda: busy(0.1)) == 0.1
    assert 0.05 < clock.left < 0.25
    busy(0.05)  # in this thread
    assert clock.left < 0.2
    with pytest.raises(OutOfTime):
        clock.within(lambda: busy(0.5))
    assert clock.is_over


HARD_POINTS = [
    ("x^1.5", {"x": 0}),
    ("max(sqrt(x), 1)", {"x": 0}),
    ("sqrt(x + 1e-30)", {"x": 0}),
    ("x^3", {"x": 0}),
    ("x - sin(x)", {"x": 0}),
    ("(x-y)^3", {"x": 1, "y": 1}),
    ("x + 1", {"x": 1e-50}),
    ("y - x", {"y": 0.965, "x": 3e-47}),
    ("x + y", {"x": 1e300, "y": 1e-300}),
    ("exp(x)", {"x": 1e-300}),
    ("sigmoid(w*x+b)", {"w": 1e-50, "x": 2, "b": 0.1}),
    ("sin(x)", {"x": 1e16}),
    ("sin(x)", {"x": 1e22}),
    ("asin(x)", {"x": 0.9999999999999999}),
    ("acos(x) - 1e-8", {"x": 0.9999999999999999}),
    ("softplus(x)", {"x": -100}),
    ("tanh(x)", {"x": 1e-300}),
    ("gelu_tanh(x)", {"x": -8}),
    ("gelu(x)", {"x": -1e5}),
    ("gelu(x)", {"x": -1e300}),
    ("sin(tau)*x", {"x": 1}),
    ("tan(pi/2)*x", {"x": 1}),
    ("w - asin(w)", {"w": -4.681e-9}),
    ("tan(y^5)", {"y": -794.4}),
    ("(x^3+8)/(x+2)", {"x": -2.00000000001}),
    ("x*1e-300*1e-300*1e300", {"x": 1}),
    ("where(x == 0, y, 1) + x - x", {"x": 0, "y": 2}),
    ("where(x != 0, x, y)", {"x": 0, "y": 2}),
    ("x^2 + where(x > 0, x, |x - 1|)", {"x": 1}),
    ("q = log(x); x^2", {"x": -1}),
    ("||x\n|+1|", {"x": 3}),
    ("atan2(y, x)", {"y": 0, "x": -1}),
    ("floor(sqrt(x))", {"x": 0}),
    ("exp(x)", {"x": 709.782712893}),
    ("max(" + ",".join(f"x{i}" for i in range(300)) + ")", {f"x{i}": i / 7 for i in range(300)}),
    ("elu((x*1e5)^y, a=2)", {"x": 3, "y": -488.54602320365956}),
]
REALLY_LOST = {"w - asin(w)", "tan(y^5)", "(x^3+8)/(x+2)", "x*1e-300*1e-300*1e300"}


@pytest.mark.parametrize(("formula", "point"), HARD_POINTS, ids=[p[0][:24] for p in HARD_POINTS])
def test_hard_points_are_no_disagreement(formula: str, point: dict) -> None:
    """Edges of domains, tiny and huge numbers, cancellation: no false alarm, no exception, soon."""
    began = time.process_time()
    trace = backtrace.trace(formula, point)
    assert time.process_time() - began < 6
    assert not trace.disagreements
    assert trace.fault is None
    assert bool(trace.lost) == (formula in REALLY_LOST), trace.lost
    trace.to_json()


@pytest.mark.small
def test_equality_is_mathematical_to_sympy_too() -> None:
    [(_, text)] = respell("where((x == y), where(x != 0, 1, 2), 3)", ()).statements
    assert text == "f_where((c_eq(v0,v1)),f_where(c_ne(v0,0),1,2),3)"


@pytest.mark.slow
def test_the_search_for_a_wrong_gate_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from backtrace.gates import GATES

    wrong = replace(GATES["sin"], local=(lambda m, f, x: 2 * m.cos(x),))
    monkeypatch.setitem(GATES, "sin", wrong)
    began = time.process_time()
    text = "a0 = x; " + "; ".join(f"a{i} = a{i - 1}*y + 1" for i in range(1, 4_000))
    trace = backtrace.trace(text + "; sin(a3999)", {"x": 1.0, "y": 0.5})
    assert not trace.ok
    assert time.process_time() - began < 20


def test_thousands_of_kinks_are_no_hang() -> None:
    text = "a0 = x; " + "; ".join(f"a{i} = relu(a{i - 1})" for i in range(1, 4000))
    began = time.process_time()
    trace = backtrace.trace(text, {"x": 0.0})
    assert trace.show("table").count("note: ") == 1
    assert trace.checks["x"].verdict == "kink"
    assert time.process_time() - began < 10


def test_measuring_each_gate_alone_may_run_out_of_time() -> None:
    trace = backtrace.trace("x*y + x", {"x": 1, "y": 2}, budget=Budget(culprit_seconds=-1))
    assert trace.ok


@pytest.mark.parametrize(
    ("formula", "point", "words"),
    [
        ("abs(z)*3", {"z": 0}, "∂f/∂z: measured from the left -3, from the right 3"),
        ("max(x, y)", {"x": 2, "y": 2}, "∂f/∂x: measured from the left 0, from the right 1"),
        ("max(x, x)*x", {"x": 2}, "∂f/∂x: measured from the left 4, from the right 4"),
        (
            "where(x > 1, x, 5)",
            {"x": 1},
            "∂f/∂x: measured from the left 0, from the right it jumps",
        ),
        ("floor(x)*x", {"x": 2}, "∂f/∂x: measured from the left it jumps, from the right 2"),
        ("abs(x)*1e-12", {"x": 0}, "∂f/∂x: measured from the left -1e-12, from the right 1e-12"),
    ],
)
def test_one_sided_slopes_are_measured_at_a_kink(formula: str, point: dict, words: str) -> None:
    trace = backtrace.trace(formula, point)
    assert words in {note.text for note in trace.notes}


@pytest.mark.parametrize("distance", [1e-8, 1e-15, 1e-25, 1e-100, 1e-300])
def test_near_a_kink_the_slope_is_that_of_its_side(distance: float) -> None:
    """The step is 1e-30 of where it stands, so that nothing is crossed."""
    for x, slope in ((distance, 1.0), (-distance, -1.0)):
        check = backtrace.trace("abs(x)", {"x": x}).checks["x"]
        assert (check.verdict, check.numeric) == ("agree", slope)
    check = backtrace.trace("max(x, 1)", {"x": 1 + max(distance, 3e-16)}).checks["x"]
    assert (check.verdict, check.numeric) == ("agree", 1.0)


@pytest.mark.parametrize(
    ("formula", "point"),
    [
        ("cosh(sinh(y)/where(0.1 >= 1e10, -1, y))", {"y": 6.34e-05}),  # a constant condition stays
        ("min(sigmoid(x), y)", {"x": 22.78389054011318, "y": 5}),  # what min gives is not rounded
        ("max(sigmoid(x), 0.5)", {"x": [[22.78389054011318, 1.0]]}),
        ("sum(max(sigmoid(x), axis=0))", {"x": [[22.78389054011318, 1.0], [2, 3]]}),
        ("where(c == min(s, W), 2, 3*c)", {"c": [1e8, 2.0], "s": 0, "W": [[1e-200], [7.0]]}),
        ("atan2(0, 0) + x", {"x": 3.5}),  # no number to SymPy
        ("x + logsumexp(ln(p), ln(1 - p))", {"x": 1, "p": 0.1}),  # 0 but for rounding
        ("x + sum(logsumexp(ln(p), ln(1 - p)))", {"x": 1, "p": [0.1, 0.3]}),
        ("where(x <= 0.1, x^2, y)", {"x": 0.1, "y": 3}),  # 0.1 is no tenth
        ("sum(where(k == 0.3, x, y))", {"k": [0.3, 1], "x": 1, "y": 2}),
        ("1e8*x", {"x": 1e300}),
        ("x + 1e-7*atan2(z, y)", {"x": 3.1, "y": -2, "z": -0.0}),
        ("x*cos(1/1e-8)", {"x": 2}),
        ("sum(sin(x))", {"x": [1e32] * 400}),
        ("mish(x - 1)", {"x": -700}),  # 1 + 1e-304 on the way
        ("mish(x)", {"x": 700}),
        ("(3*sinh(x))^3", {"x": 1e-107}),  # below the smallest normal float
        ("atan(mish(y)) + 1", {"y": 1e160}),
        ("x + where(atan2(x, y) <= 3^0.5, 1, tan(x - 3))", {"x": 1.7, "y": 5e-324}),
        ("sin(where(x >= c, 2, 3))", {"x": [0.0, 1.0], "c": [[1e-160], [1.5]]}),
        ("q = sum(2/s); -1 - 1e-8 + x", {"x": [1.0, 2.0], "s": 0}),  # an inf that nothing needs
        ("sum(silu(x))", {"x": [-745.0, 2.0]}),
        ("sum(logsumexp(x, y))", {"x": [-38.0, 1.0], "y": 1e-300}),
    ],
)
def test_no_false_alarm_at_the_ends_of_the_floats(formula: str, point: dict) -> None:
    trace = backtrace.trace(formula, point, budget=PATIENT)
    assert trace.ok, [(name, c.reason) for name, c in trace.disagreements.items()]
    assert set(trace.checks) == set(point)


@pytest.mark.slow
def test_no_false_alarm_where_functions_saturate() -> None:
    """sigmoid(22.8), tanh(-40), exp(30), ties of whole numbers: random formulas of them."""
    chance, compared = random.Random(3), 0
    while compared < 600:
        formula = f"{random_formula(chance, 4)} + 0*x*y*z"
        point = {
            name: chance.choice(
                [chance.uniform(-2, 2), chance.uniform(-45, 45), float(chance.randint(-3, 30))]
            )
            for name in "xyz"
        }
        try:
            trace = backtrace.trace(formula, point)
        except backtrace.BacktraceError:  # a constant that is not finite
            continue
        assert not trace.disagreements, (formula, point)
        for name, check in trace.lost.items():  # log(1 + 1e-20) is 0 in floats, and said to be lost
            to_digits = backtrace.trace(formula, point, check=False).to_digits(300)
            index = trace.graph.inputs[name] if name else trace.graph.output
            right = float((to_digits.upstreams if name else to_digits.values)[index])
            assert abs(right - check.backprop) > 1e-5 * abs(right), (formula, point, name)
            assert math.isclose(right, check.right, rel_tol=1e-9), (formula, point, name)
        compared += 1
