"""Answers held against the trace: verdicts, the first fault, the slips that fit."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

from backtrace import trace
from backtrace.errors import BacktraceError
from backtrace.formula.point import read_mapping
from backtrace.graph.record import Granularity
from backtrace.homework import points
from backtrace.homework.answers import from_mapping
from backtrace.homework.assignment import read_assignment
from backtrace.homework.checking import check, hold
from backtrace.homework.exercise import exercise
from backtrace.homework.mistakes import MISTAKES
from backtrace.homework.problem import ALL_WIRES, problem_of
from backtrace.tracing.worksheet import blanked
from tests.benchmarks.diagnosis import alarms, measure, problems
from tests.conftest import Command, published, published_arrays

POINT = {"x": -2, "y": 5, "z": -4}


def verdicts(formula: str, point: dict, **answers: str) -> list[str]:
    return [v.verdict for v in check(formula, point, answers).verdicts]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"dx": "-4", "dy": "-4", "dz": "3", "f": "-12"}, ["ok"] * 4),
        ({"dx": "-4.0", "dz": "3e0"}, ["ok", "ok"]),
        ({"dz": "x+y", "dx": "z"}, ["ok", "ok"]),
        ({"dz": "x-y"}, ["wrong"]),
        ({"dz": "sqrt((x+y)^2)"}, ["wrong"]),  # the same here, not everywhere
        ({"dx": "4", "dy": "4", "dz": "-3"}, ["sign convention"] * 3),
        ({"dx": "4", "dz": "3"}, ["wrong", "ok"]),
    ],
    ids=str,
)
def test_verdicts(answers: dict, expected: list) -> None:
    assert verdicts("(x+y)*z", POINT, **answers) == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("0.3932", "ok"),  # the exact number is 0.39322...
        ("0.393", "ok"),
        ("0.39", "ok"),
        ("0.4", "ok"),  # rounded to one digit
        ("0.40", "ok, rounded early"),  # the slides round on the way
        ("0.36", "wrong"),
        ("0", "wrong"),  # a whole number is meant as it is
        ("1", "wrong"),
        ("0.3942", "wrong"),
    ],
)
def test_the_digits_that_were_typed_set_the_tolerance(typed: str, expected: str) -> None:
    neuron = "1/(1+exp(-(w0*x0+w1*x1+w2)))"
    point = {"w0": 2, "x0": -1, "w1": -3, "x1": -2, "w2": -3}
    assert verdicts(neuron, point, dx0=typed) == [expected]


def test_a_cascade_is_not_punished() -> None:
    """dq is wrong; dx and dy are what it leads to."""
    report = check("q = x + y; f = q*z", POINT, {"dq": "3", "dx": "3", "dy": "3", "dz": "3"})
    kinds = [v.verdict for v in report.verdicts]
    assert kinds == ["wrong", *["follows from an earlier slip"] * 2, "ok"]
    assert report.fault is not None
    assert report.fault.answer.name == "dq"
    assert report.fits[0].code == "mul-not-swapped"
    assert not report.ok


def test_a_wrong_value_is_followed_too() -> None:
    report = check("q = x + y; f = q*z", POINT, {"q": "7", "f": "-28", "dz": "7", "dx": "-4"})
    follows = "follows from an earlier slip"
    assert [v.verdict for v in report.verdicts] == ["wrong", follows, follows, "ok"]
    assert report.fault is not None
    assert report.fault.answer.name == "q"


def test_between_the_slopes_at_a_kink() -> None:
    assert verdicts("relu(x)*3", {"x": 0}, dx="3") == ["kink"]
    assert verdicts("relu(x)*3", {"x": 0}, dx="0") == ["ok"]
    assert verdicts("relu(x)*3", {"x": 0}, dx="4") == ["wrong"]


SLIPS = [
    ("fork-lost", "x*y + x", {"x": 2, "y": 3}, {"dx": "3", "dy": "2"}),
    ("mul-not-swapped", "x*y + z", {"x": 2, "y": 7, "z": 3}, {"dx": "2", "dy": "2", "dz": "1"}),
    ("max-loser", "3*max(x, y)", {"x": 2, "y": 7}, {"dx": "3", "dy": "0"}),
    ("max-both", "3*max(x, y)", {"x": 2, "y": 7}, {"dx": "3", "dy": "3"}),
    ("add-split", "5*(x + y)", {"x": 2, "y": 7}, {"dx": "2.5", "dy": "5"}),
    ("act-at-input", "3*sigmoid(x)", {"x": 0.3}, {"dx": "0.63"}),
    ("pow-rule", "x^3", {"x": 1.7}, {"dx": "2.89"}),
    ("exp-as-power", "2*exp(x)", {"x": 1.3}, {"dx": "3.510"}),
    ("log-base", "2*ln(x)", {"x": 1.3}, {"dx": "0.6681"}),
    ("degrees", "2*sin(x)", {"x": 1.3}, {"dx": "1.999"}),
    ("div-rule", "x/y", {"x": 1.3, "y": 2.2}, {"dx": "0.4545", "dy": "-0.5909"}),
    ("dropped-constant", "(x - 0.4)^2", {"x": 1.3}, {"dx": "0.900"}),
    ("sign", "5*x - y", {"x": 2, "y": 7}, {"dx": "5", "dy": "1"}),
    ("swapped-label", "x*y", {"x": 2.5, "y": 7.1}, {"dx": "2.5", "dy": "7.1"}),
    (
        "transposed",
        "sum((W@x)^2)",
        {"W": [[0.1, 0.5], [-0.3, 0.8]], "x": [0.2, 0.4]},
        {"dW": "[[0.088, 0.104], [0.176, 0.208]]"},
    ),
    ("exp-as-power", "3^x", {"x": 2}, {"dx": "6"}),
    ("power-as-exp", "x^3", {"x": 2}, {"dx": "5.545"}),
    ("exp-as-power", "sum(3^x)", {"x": [2, 1.5]}, {"dx": "[6, 2.598]"}),
    ("power-as-exp", "sum(x^3)", {"x": [2, 1.5]}, {"dx": "[5.545, 1.368]"}),
    (
        "softmax-diagonal",
        "p=softmax(x); -sum(y*log(p))",
        {"x": [1, 2, 3], "y": [0, 0, 1]},
        {"dp": "[0, 0, -1.5032]", "dx": "[0, 0, -0.3348]"},
    ),
    (
        "label-kept",
        "p=softmax(x); -sum(y*log(p))",
        {"x": [1, 2, 3], "y": [0, 0, 1]},
        {"dp": "[0, 0, -1.5032]", "dx": "[0.09003, 0.2447, 0.6652]"},
    ),
    ("label-kept", "cross_entropy(x, 2)", {"x": [1, 2, 3]}, {"dx": "[0.09003, 0.2447, 0.6652]"}),
    (
        "upstream-twice",
        "mean(min(max(x,0),1))",
        {"x": [0.2, 0.4, 0.6, 0.9]},
        {"dx": "[0.0625, 0.0625, 0.0625, 0.0625]"},
    ),
    ("upstream-twice", "3*sin(x)", {"x": 0.4}, {"dx": "8.290"}),
    ("output-as-upstream", "3*sin(x)", {"x": 0.4}, {"dx": "0.3587"}),
    ("output-as-upstream", "sum(3*sin(x))", {"x": [0.4, 1.1]}, {"dx": "[0.3587, 0.4042]"}),
    ("factor-two", "0.05*sum(W^2)", {"W": [[0.3, 0.7]]}, {"dW": "[[0.06, 0.14]]"}),
    (
        "scaled",
        "(a*b+c)*f",
        {"a": 2, "b": -3, "c": 10, "f": -2},
        {"da": "12", "db": "-8", "dc": "-4", "df": "8"},
    ),
    (
        "scaled",
        "sum(W@x + b)",
        {"W": [[0.1, 0.5], [-0.3, 0.8]], "x": [0.2, 0.4], "b": [1, 2]},
        {"dW": "[[0.4, 0.8], [0.4, 0.8]]", "dx": "[-0.4, 2.6]", "db": "[2, 2]"},
    ),
    (
        "held-constant",
        "h = tanh(w*a); k = tanh(w*c + u*h); k^2",
        {"w": 0.7, "a": 1.3, "c": 0.4, "u": 0.9},
        {"dw": "0.2727"},
    ),
    ("held-constant", "x*y", {"x": 2.5, "y": 7.1}, {"dx": "0", "dy": "2.5"}),
    ("no-upstream", "(x+y)*z", {"x": -2, "y": 5, "z": -4}, {"dx": "1", "dy": "1", "dz": "3"}),
    *(
        (code, "sum((X + b)^2)", {"X": [[1, 2], [3, 5]], "b": [0.3, 0.7]}, {"db": answer})
        for code, answer in (
            ("mean-for-sum", "[4.6, 8.4]"),
            ("reduction", "[[2.6, 5.4], [6.6, 11.4]]"),
        )
    ),
]


@pytest.mark.parametrize(
    ("code", "formula", "point", "answers"),
    SLIPS,
    ids=[f"{slip[0]} {slip[1][:20]}" for slip in SLIPS],
)
def test_the_slip_that_fits_is_named(code: str, formula: str, point: dict, answers: dict) -> None:
    report = check(formula, point, answers)
    assert not report.ok
    assert code in [name for fit in report.fits[:3] for name in (fit.code, *fit.also)]


BATCH_NORM = "m = mean(x); v = mean((x - m)^2); n = (x - m)/sqrt(v + 0.001); sum(n*w)"


@pytest.mark.parametrize("held", [("m", "v"), ("m",), ("v",)])
def test_statistics_held_constant_are_named(held: tuple[str, ...]) -> None:
    """The gradient of a batch norm by the direct path alone, computed here by NumPy."""
    x, w = np.array([1.2, 0.3, 2.5, -0.7]), np.array([0.3, -0.7, 1.4, 0.5])
    s = np.sqrt(x.var() + 0.001)
    of_variance = -(w @ (x - x.mean())) / s**3 * (x - x.mean()) / len(x)
    direct = w / s + (0 if "v" in held else of_variance)
    dx = direct if "m" in held else direct - w.sum() / s / len(x)
    report = check(BATCH_NORM, {"x": x.tolist(), "w": w.tolist()}, {"dx": np.round(dx, 5).tolist()})
    assert not report.ok
    assert "held-constant" in [c for fit in report.fits[:3] for c in (fit.code, *fit.also)]


def test_twins_are_shown_as_one(backtrace_command: Command) -> None:
    words = ("check", "(x+y)*z", "x=-2", "y=5", "z=-4", "dx=1", "dy=1", "dz=3")
    shown = backtrace_command(*words)
    assert shown.status == 1
    assert "it first goes wrong at dx and dy" in shown.out
    assert "the same slip as dy" in shown.out
    assert "no-local at #4 mul" in shown.out
    assert "no-upstream at #3 add" in shown.out
    found = json.loads(backtrace_command(*words, "--json").out)
    assert (found["first_fault"], found["twins"]) == ("dy", ["dx"])
    plain = json.loads(backtrace_command(*words, "--json", "--hint-level", "0").out)
    assert plain["twins"] == []
    assert "slip" not in backtrace_command(*words, "--hint-level", "0").out


def test_every_mistake_has_a_code_of_its_own() -> None:
    codes = [mistake.code for mistake in MISTAKES]
    assert len(codes) == len(set(codes))


@pytest.mark.slow
def test_planted_mistakes_are_found() -> None:
    """A fast piece of tests/benchmarks/diagnosis.py: some mistakes of every case."""
    found = measure(problems([*published(), *published_arrays()]), per_case=4)
    trace, inputs = found["full trace"], found["all inputs"]
    assert min(trace.planted, inputs.planted) > 100
    assert trace.place >= 0.99 * trace.planted
    assert trace.unique >= 0.92 * trace.planted
    assert trace.top >= 0.99 * trace.planted
    assert inputs.unique >= 0.70 * inputs.planted
    assert inputs.top >= 0.98 * inputs.planted


@pytest.mark.slow
def test_right_answers_in_few_digits_raise_no_alarm() -> None:
    """Rounded at the end, or at every step; and few wrong ones pass."""
    for digits, found in alarms(problems([*published(), *published_arrays()]), 4).items():
        assert found.called_wrong == 0, digits
        assert found.right > 80
        assert found.let_through <= {2: 0.06, 3: 0.04, 4: 0.03}[digits] * found.wrong


def test_two_mistakes_at_once_are_both_wrong() -> None:
    """The first is named; the second is wrong too, given the first; the rest follows."""
    point = {"x": 1.3, "y": 0.7, "z": -2.1}
    answers = {"d#4": "-2.1", "d#3": "0.4297", "dx": "0.5586", "dy": "0.5586", "dz": "0.7130"}
    report = check("sigmoid(x*y)*z", point, answers)
    follows = "follows from an earlier slip"
    assert [v.verdict for v in report.verdicts] == ["ok", "wrong", "wrong", follows, "ok"]
    assert report.fault is not None
    assert report.fault.answer.name == "d#3"
    assert [fit.code for fit in report.fits] == ["sign"]


# the command


def test_the_command_and_its_exit_status(backtrace_command: Command) -> None:
    words = ("check", "(x+y)*z", "x=-2", "y=5", "z=-4")
    assert backtrace_command(*words, "dx=-4", "dz=3").status == 0
    wrong = backtrace_command(*words, "dx=-4", "dy=1", "dz=3")
    assert wrong.status == 1
    assert "it first goes wrong at dy" in wrong.out
    assert "no-upstream" in wrong.out
    assert wrong.err == ""
    assert "it first" not in backtrace_command(*words, "dy=1", "--hint-level", "0").out
    assert "no-upstream" not in backtrace_command(*words, "dy=1", "--hint-level", "1").out
    whole = backtrace_command(*words, "dy=1", "--hint-level", "3").out
    assert "from #3 add: -4 × 1 = -4" in whole
    assert backtrace_command(*words).status == 2
    assert backtrace_command(*words, "dy=1", "dy=2").status == 2
    described = json.loads(backtrace_command(*words, "dy=1", "--json").out)
    assert described["schema"] == "backtrace.check/1"
    assert described["first_fault"] == "dy"
    assert described["answers"][0]["exact"] == -4
    assert backtrace_command(*words, "dy=1", "--format", "markdown").out.startswith("| answer |")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mine.json", '{"dx": -4, "q": "3", "dq": -4.0}'),
        ("mine.toml", 'dx = -4\nq = 3\ndq = "-4"\n'),
        ("mine.csv", "name,answer\ndx,-4\nq,3\ndq,-4\n"),
    ],
)
def test_answers_from_files(
    name: str, text: str, tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    (tmp_path / name).write_text(text)
    words = ("check", "q = x + y; f = q*z", "x=-2", "y=5", "z=-4")
    ended = backtrace_command(*words, "--answers", str(tmp_path / name))
    assert ended.status == 0, ended
    assert "all right" in ended.out


HOSTILE = [
    "{\"dx\": \"__import__('os').system('true')\"}",
    '{"dx": NaN}',
    '{"dx": [1, [2]]}',
    '{"dx": {"a": 1}}',
    '{"nope": 1}',
    "[1, 2]",
    "{",
    '{"dx": "' + "9" * 5000 + '"}',
    '{"dx": null}',
    '{"dx": "[/bold]"}',
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:24])
def test_hostile_answers_are_errors_with_words(
    text: str, tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    (tmp_path / "mine.json").write_text(text)
    words = ("check", "(x+y)*z", "x=-2", "y=5", "z=-4")
    ended = backtrace_command(*words, "--answers", str(tmp_path / "mine.json"))
    assert ended.status == 2
    assert ended.err.startswith("error: ")


def test_the_output_is_called_l_where_f_is_a_variable(backtrace_command: Command) -> None:
    ended = backtrace_command("check", "f*x", "f=2", "x=3", "L=6", "df=3")
    assert ended.status == 0, ended


def test_there_must_be_an_answer_at_the_point() -> None:
    with pytest.raises(BacktraceError, match="there is no answer at this point"):
        check("ln(x)", {"x": -1}, {"dx": "1"})
    with pytest.raises(BacktraceError, match="has no value"):
        check("x*y", {}, {"dx": "1"})


# points, worksheets, exercises


def test_a_suggested_point_tells_more_than_a_nice_one() -> None:
    given = read_mapping({"x": 1, "y": 1})
    found, own = points.suggest("ln(x)*sqrt(y)", {}, 0, given)
    assert own is not None
    assert (own.hidden > 5, found.hidden) == (True, 0)
    assert found.apart > 2 * own.apart
    assert found == points.suggest("ln(x)*sqrt(y)", {}, 0)[0]
    for value in found.point.values():
        assert value not in (0, 1)
        assert len(repr(value)) <= 4


def test_the_count_of_what_a_point_hides_is_the_check_s_own() -> None:
    """Every slip that a point is said to show makes some right answer wrong."""
    point = points.suggest("x*y + max(x, z)", {}, 3)[0].point
    problem = problem_of("x*y + max(x, z)", read_mapping(point), Granularity())
    graph = problem.record.graph
    shown = 0
    counted = [plant for plant in problem.plants if plant.key[1] != ALL_WIRES]
    for plant in counted:
        texts = {f"d{n}": f"{plant.gradients[i]:.6g}" for n, i in graph.inputs.items()}
        report = hold(problem, from_mapping(texts, graph, graph.output_name))
        shown += not report.ok
    told = points.suggest("x*y + max(x, z)", {}, 3)[0]
    assert shown == told.mistakes - told.hidden


@pytest.mark.slow
def test_no_point_is_an_error() -> None:
    """As it is of `ln(x-5)*y`, which is given up sooner."""
    with pytest.raises(BacktraceError):
        points.suggest("sqrt(-x^2 - 1)", {})


def test_without_variables_there_is_no_point() -> None:
    with pytest.raises(BacktraceError, match="no variables"):
        points.suggest("1 + 2", {})


VALUES, GRADIENTS = ("5.33", "-0.8153", "-0.1153"), ("0.5791", "2.374", "0.7528")


@pytest.mark.parametrize("kind", ["gradients", "values", "all"])
@pytest.mark.parametrize("format", ["table", "tree", "markdown"])
def test_a_worksheet_gives_nothing_away(kind: str, format: str, backtrace_command: Command) -> None:
    """None of the left-out numbers is in it, and all of the others are."""
    words = ("sin(x*y) + z", "x=1.3", "y=4.1", "z=0.7")
    whole = backtrace_command(*words, "--format", format).out
    shown = backtrace_command(*words, "--blank", kind, "--format", format)
    assert (shown.status, shown.err) == (0, "")
    for number in VALUES:
        assert number in whole
        assert (number in shown.out) == (kind == "gradients"), number
    for number in GRADIENTS:
        assert number in whole
        assert (number in shown.out) == (kind == "values"), number
    assert "____" in shown.out or r"\_\_\_\_" in shown.out
    assert "agree" not in shown.out


def test_a_worksheet_as_json(backtrace_command: Command) -> None:
    found = json.loads(backtrace_command("x*y", "x=1.3", "y=4.1", "--blank", "all", "--json").out)
    assert [node["value"] for node in found["nodes"]] == [1.3, 4.1, None]
    assert found["gradients"] == {"x": None, "y": None}
    assert found["ok"] is True


def test_a_worksheet_of_arrays(backtrace_command: Command) -> None:
    words = ("sum((W@x + b)^2)", "W=ones(3,9)", "x=ones(9)", "b=3", "--blank", "all")
    for more in ((), ("--full",), ("--format", "tree"), ("--json",), ("--format", "markdown")):
        assert backtrace_command(*words, *more).status == 0
    assert backtrace_command(*words, "--symbolic").status == 2
    assert backtrace_command(*words, "--explain").status == 2


def test_a_worksheet_is_read_back() -> None:
    found = blanked(trace("x*y", {"x": 1, "y": 2}), "all")
    again = type(found).from_json(found.to_json())
    assert again.show() == found.show()
    assert "____" in again.show()


@pytest.mark.slow
def test_an_exercise_is_made_of_its_gates() -> None:
    names = ["add", "mul", "max", "sigmoid", "pow", "div", "mul"]
    for seed in range(12):
        made = exercise(names, 1, str(seed))
        graph = made.trace.graph
        assert sorted(g.name for _, _, g in graph.gates()) == sorted(names)
        assert sum(len(graph.consumers[i]) == 2 for i in graph.inputs.values()) == 1
        assert made.trace.ok
        assert check(made.trace.formula, dict(made.trace.point), made.answers).ok


def test_an_exercise_is_the_same_for_the_same_seed(backtrace_command: Command) -> None:
    words = ("exercise", "--gates", "add,mul,max", "--forks", "1", "--seed")
    sheets = {backtrace_command(*words, seed).out for seed in ("ada", "ada", "ben", "7")}
    assert len(sheets) == 3
    key = json.loads(backtrace_command(*words, "ada", "--format", "json").out)
    checked = check(key["formula"], key["point"], key["key"])
    assert checked.ok
    assert backtrace_command(*words, "ada", "--key").status == 0
    problem = backtrace_command(*words, "ada", "--format", "toml").out
    assert read_assignment(problem).worth == len(key["ask"])


@pytest.mark.parametrize(
    "words", [("--gates", "ad"), ("--gates", "matmul"), ("--gates", ""), ("--forks", "9")]
)
def test_an_exercise_that_cannot_be(words: tuple[str, ...], backtrace_command: Command) -> None:
    ended = backtrace_command("exercise", *words)
    assert ended.status == 2
    assert ended.err.startswith("error: ")


def test_an_answer_reads_no_file(tmp_path: pathlib.Path) -> None:
    for text in (f"@{tmp_path}/x.csv", "randn(3)", "open(1)"):
        with pytest.raises(BacktraceError):
            check("x*y", {"x": 1, "y": 2}, {"dx": text})


# what fresh eyes have found

FOLLOWS = "follows from an earlier slip"
NEURON = "1/(1+exp(-(w0*x0+w1*x1+w2)))"
NEURON_POINT = {"w0": 2, "x0": -1, "w1": -3, "x1": -2, "w2": -3}
FOUND = {
    "a formula of arrays": ("sum(x*y)", {"x": [1, 2], "y": [3, 4]}, {"dx": "y"}, ["ok"], ""),
    "a formula with stages": (
        "q=x*y; f=q*z",
        {"x": 1, "y": 2, "z": 3},
        {"dz": "q", "dq": "z+1"},
        ["ok", "wrong"],
        "",
    ),
    "a formula's cascade": (
        "q = sin(x*y); f = q*z",
        {"x": 1.2, "y": 0.7, "z": 2.3},
        {"dq": "2*z", "dx": "2*z*cos(x*y)*y"},
        ["wrong", FOLLOWS],
        "",
    ),
    "formulas with the other sign": (
        "(x+y)*z",
        POINT,
        {"dx": "-z", "dy": "-z", "dz": "-x-y"},
        ["sign convention"] * 3,
        "sign",
    ),
    "a formula's slip": (
        "x*y+sigmoid(x)",
        {"x": 0.6, "y": -1.4},
        {"dx": "y+x*(1-x)"},
        ["wrong"],
        "act-at-input",
    ),
    "the quotient's other form": (
        "a=x/y; d=ln(a)",
        {"x": 2.2, "y": 1.7},
        {"a": "1.0800", "da": "0.9259", "dx": "0.5446", "dy": "-0.7048"},
        ["wrong", FOLLOWS, FOLLOWS, FOLLOWS],
        "",
    ),
    "a kink with a carried error": (
        "q=max(x,y); f=q*z",
        {"x": 2, "y": 2, "z": 3},
        {"dq": "5", "dx": "5", "dy": "0"},
        ["wrong", FOLLOWS, "kink"],
        "",
    ),
    "both at a tie": (
        "max(x,y)",
        {"x": 2, "y": 2},
        {"dx": "1", "dy": "1"},
        [FOLLOWS, "wrong"],
        "max-both",
    ),
    "one at a tie": ("max(x,y)", {"x": 2, "y": 2}, {"dx": "1", "dy": "0"}, ["kink"] * 2, ""),
    "log10 both ways": (
        "ln(x)*y",
        {"x": 1.3, "y": 0.7},
        {"dx": "0.2339", "dy": "0.1139"},
        [FOLLOWS, "wrong"],
        "log-base",
    ),
    "degrees both ways": (
        "sin(x)*y",
        {"x": 1.3, "y": -2.1},
        {"dx": "-2.0995", "dy": "0.0227"},
        [FOLLOWS, "wrong"],
        "degrees",
    ),
    "the other sign at two decimals": (
        NEURON,
        NEURON_POINT,
        {"dw0": "0.20", "dx0": "-0.40", "dw1": "0.40", "dx1": "0.60", "dw2": "-0.20"},
        ["sign convention"] * 5,
        "sign",
    ),
    "the output's own gradient gives no slack": (
        "f=x*y*z",
        {"x": 1.21, "y": 0.7, "z": 2.3},
        {"df": "1.0", "dx": "1.6800"},
        ["ok", "wrong"],
        "",
    ),
    "a number in brackets": ("(x+y)*z", POINT, {"dx": "[-4]"}, ["ok"], ""),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_fresh_eyes_have_found(name: str) -> None:
    formula, point, answers, expected, code = FOUND[name]
    report = check(formula, point, answers)
    assert [v.verdict for v in report.verdicts] == expected
    named = [c for fit in report.fits[:3] for c in (fit.code, *fit.also)]
    assert not code or code in named


def test_the_forgotten_mean_of_a_loss_is_one_slip() -> None:
    point = {"X": [[0.3, -0.7], [1.2, 0.4], [0.9, 1.1]], "V": [[0.7, 0.1], [-0.4, 0.6]]}
    formula = "H=relu(X); S=H@V; L=cross_entropy(S,y)"
    right = trace(formula, {**point, "y": [0, 1, 0]}, check=False)
    answers = {f"d{n}": (3 * right.gradients[n]).round(4).tolist() for n in ("V", "X")}
    report = check(formula, {**point, "y": [0, 1, 0]}, answers)
    assert sorted(v.verdict for v in report.verdicts) == [FOLLOWS, "wrong"]
    assert report.fits[0].code == "dropped-constant"


def test_formulas_need_no_point(backtrace_command: Command) -> None:
    assert backtrace_command("check", "(x+y)*z", "dx=z", "dz=x+y").status == 0
    assert backtrace_command("check", "(x+y)*z", "dx=z", "dz=x-y").status == 1


def test_what_each_level_tells(backtrace_command: Command) -> None:
    words = ("check", NEURON, *(f"{n}={v}" for n, v in NEURON_POINT.items()))
    words += ("dx0=0.40", "dw0=0.20", "dw1=-0.39", "--json", "--hint-level")
    told = [json.loads(backtrace_command(*words, str(level)).out) for level in range(4)]
    assert all("exact" not in answer for answer in told[0]["answers"])
    assert {answer["verdict"] for answer in told[0]["answers"]} == {"ok", "wrong"}
    assert [bool(each["first_fault"]) for each in told] == [False, True, True, True]
    assert [bool(each["fits"]) for each in told] == [False, False, True, True]


@pytest.mark.parametrize("answers", ['{"dx": null}', '{"dx": true}', '{"dx": 1, "dx": 2}', "[1]"])
def test_an_answer_file_that_makes_no_sense(
    answers: str, backtrace_command: Command, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "a.json"
    path.write_text(answers)
    ended = backtrace_command("check", "x*y", "x=1", "y=2", "--answers", str(path))
    assert ended.status == 2
    assert ended.err.startswith("error: ")


def test_a_point_near_the_given_one_where_others_have_none() -> None:
    found, own = points.suggest("ln(x-5)*y", {}, 0, read_mapping({"x": 7.3, "y": 2.1}))
    assert own is not None
    assert found.point["x"] > 5
    with pytest.raises(BacktraceError, match="no point was found"):
        points.suggest("ln(x-5)*y", {})


@pytest.mark.slow
def test_no_point_is_looked_for_where_that_is_too_much() -> None:
    with pytest.raises(BacktraceError, match="too much"):
        points.suggest("+".join(f"exp(x{k})*y{k}" for k in range(300)), {})


@pytest.mark.parametrize("seed", range(8))
def test_no_exercise_stands_at_a_kink(seed: int) -> None:
    assert not exercise(["abs", "min", "max"], 1, str(seed)).trace.notes


@pytest.mark.parametrize("answer", ["exp(1000*z*z)", "log(x)", "1/(x+2)", "z*1e308*10"])
def test_an_answer_that_is_no_finite_number_is_wrong_and_quiet(answer: str) -> None:
    """Found by fuzzing: a warning of NumPy's stood on standard error."""
    checked = check("(x+y)*z", {"x": -2, "y": 5, "z": -4}, {"dx": answer})
    assert [verdict.verdict for verdict in checked.verdicts] == ["wrong"]


def test_json_hides_nothing_and_loses_nothing(backtrace_command: Command) -> None:
    """A seed with a control character and one that turns the direction of writing: escapes in the
    JSON, and itself again when it is read. (Found by fuzzing.)"""
    seed = "a\x7f\x9b\u202eé"
    shown = backtrace_command("exercise", "--seed", seed, "--format", "json")
    assert shown.status == 0
    assert '"a\\u007f\\u009b\\u202eé"' in shown.out
    assert json.loads(shown.out)["seed"] == seed
