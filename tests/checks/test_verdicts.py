"""`agree` means that the digits shown agree: where 64-bit floats lost them the verdict says so, and
what is only the rounding of terms that cancel to 0 is no alarm."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backtrace
from backtrace.checks.arrayslopes import Measured, Prober
from backtrace.checks.traced import Budget
from backtrace.formula.point import read_mapping
from backtrace.homework.checking import check
from backtrace.numbers import number
from backtrace.render import View
from backtrace.tracing.comparison import compare, show
from backtrace.tracing.request import Request
from backtrace.tracing.tracer import trace_given

CANCELLING = [  # formula, point, f, df/dx where many digits are kept
    ("(1-cos(x))/x^2", 1e-8, 0.5, -8.333333333e-10),
    ("sqrt(x+1)-sqrt(x)", 1e15, 1.581138830e-8, -7.905694150e-24),
    ("(x+1)-x", 1e17, 1.0, 0.0),
    ("(exp(x)-1)/x", 1e-12, 1.0, 0.5),
    ("log(1+x)/x", 1e-14, 1.0, -0.5),
    ("x^2-2*x+1", 1.00000001, 9.99999988e-17, 1.999999988e-8),
    ("(exp(x)-exp(-x))/2 - x", 1e-6, 1.666666667e-19, 5e-13),
]


@pytest.mark.parametrize(("formula", "x", "f", "slope"), CANCELLING)
def test_cancellation_is_lost_digits(formula: str, x: float, f: float, slope: float) -> None:
    trace = backtrace.trace(formula, {"x": x})
    assert not trace.ok
    assert not trace.disagreements
    assert trace.output_check is not None
    for found, right in ((trace.output_check, f), (trace.checks["x"], slope)):
        alike = number(found.backprop) == number(right)
        assert found.verdict == ("agree" if alike else "lost digits")
        if not alike:
            assert found.right == pytest.approx(right, rel=1e-6)
            assert number(found.right) in found.reason


@pytest.mark.parametrize(("formula", "x", "slope"), [(f, x, s) for f, x, _, s in CANCELLING])
@pytest.mark.parametrize("times", [1, 3])
def test_of_arrays_too(formula: str, x: float, slope: float, times: int) -> None:
    trace = backtrace.trace(formula, {"x": [x] + [2.0] * times})
    found = trace.checks["x"]
    if number(found.backprop[0]) != number(slope):
        assert found.verdict == "lost digits"
        assert found.right[0] == pytest.approx(slope, rel=1e-6)
        assert "at [0]" in found.reason
    assert not trace.ok


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([-14, -12, -10, -7, -3, 0]), st.floats(1, 9.9))
def test_however_it_is_written_the_verdict_is_the_same(order: int, mantissa: float) -> None:
    """Written out, as a gate of one's own, in stages, fused."""
    x = {"x": mantissa * 10.0**order}
    spellings = (
        "(exp(x)-1)/x",
        "q(a)=(exp(a)-1)/a; q(x)",
        "e(a)=exp(a)-1; e(x)/x",
        "p=exp(x); q=p-1; q/x",
    )
    traces = [backtrace.trace(spelling, x) for spelling in spellings]
    traces.append(backtrace.trace(spellings[0], x, gates="e(a)=exp(a)-1", fuse=True))
    assert next(gate.name for _, _, gate in traces[-1].graph.gates()) == "e"
    for trace in traces[1:]:
        assert trace.checks["x"].verdict == traces[0].checks["x"].verdict
        assert trace.output_check.verdict == traces[0].output_check.verdict  # type: ignore[union-attr]


NETS = {
    "batch norm": "z=X@W+b; n=(z-mean(z,axis=0))/sqrt(var(z,axis=0)+1e-5); sum(relu(n)@V)",
    "two layers": "cross_entropy(relu(X@W+b)@V, [0,1,2,0])",
    "softmax": "-sum(log(softmax(tanh(X@W+b)@V, axis=1)))",
    "attention": "q=X@W; k=X@W+b; sum((softmax(q@k.T/sqrt(3), axis=1)@q)^2)",
    "residual": "h=X@W; r=h+relu(h+b); sum(sigmoid(r@V))",
    "layer norm": "h=(X@W+b).T; n=(h-mean(h,axis=0))/sqrt(var(h,axis=0)+1e-5); sum(sin(n.T@V))",
}


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("seed", [1, 2, 3, 0])  # the quick ones first
def test_everyday_nets_lose_nothing(name: str, seed: int) -> None:
    chance = np.random.default_rng(seed)
    shapes = {"X": (4, 3), "W": (3, 3), "b": (3,), "V": (3, 3)}
    point = {n: chance.normal(size=s) for n, s in shapes.items() if n in NETS[name]}
    budget = Budget(symbolic_seconds=2.0 if seed == 0 else 0.3)  # SymPy has its turn once
    trace = backtrace.trace(NETS[name], point, budget=budget)
    assert trace.ok, (trace.lost, trace.disagreements, trace.fault)


def test_a_bias_before_batch_norm_is_0_to_rounding() -> None:
    chance = np.random.default_rng(1)
    point = {"X": chance.normal(size=(4, 3)), "W": chance.normal(size=(3, 2)), "b": [0.1, 0.3]}
    net = "z=X@W+b; sum(((z-mean(z,axis=0))/sqrt(var(z,axis=0)+1e-5))^3)"
    found = backtrace.trace(net, point, budget=Budget(symbolic_seconds=0.3)).checks["b"]
    assert found.verdict == "agree"
    assert found.reason == "0 to rounding"


@pytest.mark.parametrize(
    ("formula", "point"),
    [
        ("0.1*x-y", {"x": 3, "y": 0.3}),
        ("x*y-z", {"x": 1.1, "y": 1.1, "z": 1.21}),
        # an even gate: the last bit up and the last bit down give one number
        ("(x*10-1)^2", {"x": 0.1}),
        ("(x*10-1)^4+cosh(x*10-1)", {"x": 0.1}),
        ("cos(x*10-1)-1", {"x": 0.1}),
        ("exp(-(x*10-1)^2)", {"x": 0.1}),
        ("sum((x*10-1)^2)", {"x": [0.1, 0.1]}),
        ("norm2(x*10-1)", {"x": [0.1, 0.3]}),
    ],
)
def test_what_is_0_but_for_the_last_bits_of_the_inputs_is_no_alarm(
    formula: str, point: dict
) -> None:
    assert backtrace.trace(formula, point).ok


@pytest.mark.parametrize("formula", ["where(x^2/x <= x, x, y)", "where(x < x^2/x, y, x)"])
def test_a_comparison_that_rounding_decides_is_lost_digits(formula: str) -> None:
    trace = backtrace.trace(formula, {"x": 0.1, "y": 1.0})
    assert trace.output_check is not None
    assert not trace.disagreements
    assert trace.output_check.verdict == "lost digits"
    assert trace.output_check.right == pytest.approx(0.1)
    assert not trace.ok


def test_the_right_number_is_in_json_and_comes_back() -> None:
    trace = backtrace.trace("(exp(x)-1)/x", {"x": 1e-12})
    found = json.loads(trace.to_json())["checks"]["x"]
    assert found["verdict"] == "lost digits"
    assert found["right"] == pytest.approx(0.5)
    assert backtrace.Trace.from_json(trace.to_json()) == trace
    assert "lost digits" in trace.show("markdown")
    assert "lost digits" in trace.show("html")


LOST_ANSWERS = [  # formula, point, right answers, what 64-bit floats have instead
    ("(1-cos(x))/x^2", {"x": "1e-8"}, {"dx": "-8.333e-10", "f": "0.5"}, {"dx": "1e8", "f": "0"}),
    (
        "sqrt(x+1)-sqrt(x)",
        {"x": "1e15"},
        {"f": "1.581e-8", "dx": "-7.906e-24"},
        {"f": "1.863e-8", "dx": "-6.617e-24"},
    ),
    ("q=1-cos(x); q/x^2", {"x": "1e-8"}, {"q": "5e-17", "dq": "1e16"}, {"q": "0"}),
    (
        "(1-cos(x))/x^2",
        {"x": "[1e-8, 1]"},
        {"dx": "[-8.333e-10, -0.07792]"},
        {"dx": "[1e8, -0.07792]"},
    ),
]


@pytest.mark.parametrize(("formula", "point", "right", "wrong"), LOST_ANSWERS)
def test_answers_are_held_against_many_digits(
    formula: str, point: dict, right: dict, wrong: dict
) -> None:
    together = check(formula, point, right)
    assert together.ok, together.verdicts
    for name, text in right.items():
        assert check(formula, point, {name: text}).ok
    for name, text in wrong.items():
        assert not check(formula, point, {name: text}).ok
        assert not check(formula, point, {**right, name: text}).ok
    given = check(formula, point, wrong)
    assert all(not verdict.passes for verdict in given.verdicts)


def test_a_formula_for_an_answer_is_evaluated_to_all_digits() -> None:
    slope = "sin(x)/x^2 - 2*(1-cos(x))/x^3"
    assert check("(1-cos(x))/x^2", {"x": 1e-8}, {"dx": slope}).ok
    assert not check("(1-cos(x))/x^2", {"x": 1e-8}, {"dx": "sin(x)/x^2"}).ok


def test_what_is_due_is_the_right_number() -> None:
    report = check("(1-cos(x))/x^2", {"x": 1e-8}, {"dx": "7"})
    assert report.verdicts[0].exact == pytest.approx(-8.333333e-10)


def test_exact_numbers_are_written_in_their_own_decimals() -> None:
    trace = backtrace.trace("(x+1)-x/3", {"x": "1e17"}, check=False)
    shown = trace.showing(trace.exactly()).show()
    assert "= 6.667e16" in shown
    trace = backtrace.trace("(x+1)-x", {"x": "1e17"}, check=False)
    shown = trace.showing(trace.exactly()).show()
    assert "1 = 0" not in shown
    assert "#2 sub: 1\n" in shown


@pytest.mark.parametrize(
    ("formula", "point", "words"),
    [
        (
            "acos(sum(a*b)/(norm(a)*norm(b)))",
            {"a": [1, 2, 3], "b": [1, 2, 3]},
            "acos(1.0000000000000002)",
        ),
        ("asin(x)", {"x": -1.0000001}, "asin(-1.0000001)"),
        ("log(x - 1)", {"x": 0.99999999}, "log(-1e-8)"),
        ("acos(x)", {"x": 2.34567}, "acos(2.346)"),
        ("x^0.5", {"x": -1e-9}, "-1e-9"),
    ],
)
def test_the_digits_of_a_fault_show_its_cause(formula: str, point: dict, words: str) -> None:
    fault = backtrace.trace(formula, point).fault
    assert fault is not None
    assert words in fault.what


@pytest.mark.parametrize(
    ("x", "shown"),
    [(1.0000001, "1.0000001"), (0.99999999, "0.99999999"), (38.234567, "38.23"), (1.5, "1.5")],
)
def test_the_point_is_not_written_as_a_whole_number_that_it_is_not(x: float, shown: str) -> None:
    assert f"at x = {shown}\n" in backtrace.trace("x^2", {"x": x}).show()


def test_the_comparison_says_which_side_lost_digits(capsys: pytest.CaptureFixture[str]) -> None:
    formula = "e(a)=exp(a)-1; (1-cos(x))/x^2"
    found = compare(formula, read_mapping({"x": 1e-8}), Request())
    assert "both lose digits" in show(found, View())
    good = compare("1/(1+exp(-x))", read_mapping({"x": 3}), Request())
    assert "the same gradients" in show(good, View())
    assert not capsys.readouterr().out


def test_more_digits_that_are_shown_must_agree_too() -> None:
    point = read_mapping({"x": 1e-9})
    words = "log(1+x)/x"
    few = trace_given(words, point, Request())
    many = trace_given(words, point, Request(digits=9))
    assert few.output_check is not None
    assert many.output_check is not None
    assert few.output_check.verdict == "agree"
    assert many.output_check.verdict == "lost digits"


def test_what_is_not_known_in_time_is_no_alarm() -> None:
    """A perfect fit: the output is the rounding of its inputs, which takes long to find."""
    chance = np.random.default_rng(3)
    X, w = chance.standard_normal((300, 40)), chance.standard_normal(40)
    hurried = Budget(culprit_seconds=0.01)
    assert backtrace.trace("norm2(X@w - y)", {"X": X, "w": w, "y": X @ w}, budget=hurried).ok


ENDS = [  # formulas of x and t that have no value beyond an end of x, where they stand
    ("bce(x, t)", "[0, 1, 0.5]", "[0, 1, 1]"),
    ('sum(bce(x, t, reduction="sum"))', "[0, 0.25]", "[0, 1]"),
    ("sum(x^1.5*t)", "[0, 4]", "[1, 2]"),
    ("sum((1 - x)^2.5 + t)", "[1, 1]", "[1, 2]"),
    ("bce(x, t)", "0", "0"),
]


@pytest.mark.parametrize(("formula", "x", "t"), ENDS)
def test_at_the_end_of_a_domain_a_slope_is_that_of_one_side(formula: str, x: str, t: str) -> None:
    found = backtrace.trace(formula, {"x": x, "t": t}, wrt=["x"]).checks["x"]
    assert found.verdict == "agree"
    assert found.numeric == pytest.approx(found.backprop)  # nan, which nobody saw, is not


def test_what_no_witness_has_a_number_for_does_not_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Prober, "measure", lambda *_: Measured(np.full(2, np.nan)))
    mute = Budget()._replace(symbolic_entries=0)  # nor is SymPy asked
    found = backtrace.trace("sum(x^2)", {"x": "[1, 2]"}, budget=mute).checks["x"]
    assert found.verdict == "skipped"


OVERFLOWING = [  # their value is finite in floats and wrong: a number on the way is no float
    ("a/(b*c)", {"a": 1e300, "b": 1e200, "c": 1e200}, 1e-100, "mul #3 overflows"),
    ("x/sqrt(x^2 + 1)", {"x": 1e200}, 1.0, "^2 #1 overflows"),
    ("x/(1 + x^2)", {"x": 1e200}, 1e-200, "^2 #1 overflows"),
    ("sum(a/(b*c))", {"a": [1e300, 1.0], "b": 1e200, "c": 1e200}, 1e-100, "mul #3 overflows"),
    ("sum(x/norm2(x))", {"x": [1e200, 1e200]}, 1e-200, "norm2 #1 overflows"),
    ("sum(rms_norm(x))", {"x": [1e200, 1e200]}, 2.0, "rms_norm #1 loses 16 of 16 digits"),
    ("sum(x*y)/z", {"x": [1e-200, 1e-200], "y": 1e-200, "z": 1e-300}, 2e-100, " of 16 digits"),
    ("prod(x)", {"x": [1e-200, 1e-200, 1e300]}, 1e-100, "prod #1 loses 16 of 16 digits"),
]


@pytest.mark.parametrize(("formula", "point", "right", "words"), OVERFLOWING)
def test_what_leaves_the_range_on_the_way_is_lost_digits_and_no_wrong_gate(
    formula: str, point: dict, right: float, words: str
) -> None:
    trace = backtrace.trace(formula, point)
    found = trace.output_check
    assert found is not None
    assert (found.verdict, trace.ok) == ("lost digits", False)
    assert found.right == pytest.approx(right)
    assert words in found.reason
    assert check(formula, point, {"f": f"{right:g}"}).ok
    assert not check(formula, point, {"f": "0"}).ok


@pytest.mark.parametrize("formula", ["exp(-x^2)", "min(x^2, 3)", "1/(1 + x^2)", "sigmoid(x*x)"])
def test_an_overflow_that_changes_nothing_is_no_alarm(formula: str) -> None:
    for point in ({"x": 1e200}, {"x": [1e200, 1e200]}):
        found = backtrace.trace(formula, point).output_check
        assert found is not None
        assert found.verdict == "agree"
