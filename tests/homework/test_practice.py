"""Practice, without a terminal: kinds of formulas crossed with kinds of answers."""

from __future__ import annotations

import functools
import random
import shlex
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backtrace import trace
from backtrace.errors import BacktraceError, UsageError
from backtrace.formula.point import read_mapping
from backtrace.gates import Gate
from backtrace.graph.record import Granularity
from backtrace.homework.answers import from_mapping
from backtrace.homework.checking import hold
from backtrace.homework.practice import Ask, Quiz, as_object, summary
from backtrace.homework.practice.quiz import AFTER_HINT, AT_ONCE, MISSED, OPEN, SECOND, SKIPPED
from backtrace.homework.problem import Problem, problem_of
from backtrace.homework.slip_numbers import wrong_numbers
from backtrace.numbers import Blank, nested
from backtrace.render import View
from tests.conftest import ROWS, SCHEMAS, points, usage
from tests.homework.test_odd_answers import LARGER

PLAIN, FUSED = Granularity(), Granularity(is_fused=True)
CHAIN = "; ".join(f"a{k + 1} = tanh(a{k}*y + x)" for k in range(60))
KINDS: dict[str, tuple[str, dict[str, Any], Granularity]] = {
    "number": ("(x+y)*z", {"x": -2, "y": 5, "z": -4}, PLAIN),
    "fork": ("x*y + exp(x)/y", {"x": 0.7, "y": 1.9}, PLAIN),
    "stages": ("q = x + y; r = q*z; f = r^2 + q", {"x": -0.6, "y": 1.7, "z": -1.3}, PLAIN),
    "one gate": ("sigmoid(x)", {"x": 0.4}, PLAIN),
    "own gates": ("sw(a) = a*sigmoid(a); sw(x*y) + sw(x)", {"x": 1.2, "y": -0.7}, PLAIN),
    "fused": ("1/(1+exp(-(w*x+b)))", {"w": 2, "x": -1, "b": -3}, FUSED),
    "constants": ("x^(1/3)/(2/7) - leaky_relu(x - 9, 1/100)", {"x": 2.3}, PLAIN),
    "condition": ("where(x > y, x*y, y^3)", {"x": 1.4, "y": 0.6}, PLAIN),
    "kink": ("3*relu(x*y) + max(u, v)", {"x": 0, "y": 2, "u": 1.5, "v": 1.5}, PLAIN),
    "vector": ("sum(x*y)", {"x": [0.2, -1.3, 0.7], "y": [1.1, 0.4, -2]}, PLAIN),
    "matrix": ("sum((W@x)^2)", {"W": [[0.1, 0.5], [-0.3, 0.8]], "x": [0.2, 0.4]}, PLAIN),
    "batch": (
        "mean((X@W + b - t)^2)",
        {"X": "randn(3,2)", "W": "randn(2,2)", "b": [0.3, -0.4], "t": "randn(3,2)"},
        PLAIN,
    ),
    "net": (
        "h = relu(X@W1 + b); s = h@W2; cross_entropy(s, [0, 1])",
        {"X": "randn(2,2)", "W1": "randn(2,3)", "b": "randn(3)", "W2": "randn(3,2)"},
        PLAIN,
    ),
    "hundreds of gates": (f"a0 = x*y; {CHAIN}", {"x": 0.3, "y": 0.8}, PLAIN),
}
MALFORMED = ["", "  ", "=", "1 2", "x=", "1/0", "nan", "inf", "1e999", "[", "[1, [2]]", "--", "(1"]
MALFORMED += ["import os", "'", "\ufffd", "1,5", "zz", "9" * 5000, "[" * 3000, "-" * 3999]
HUGE = ["1e300", "-1.7e308", "0." + "0" * 300 + "1", "123456789012345678901234567890"]


@functools.cache
def problem(kind: str) -> Problem:
    formula, point, granularity = KINDS[kind]
    return problem_of(formula, read_mapping(point), granularity)


def due(quiz: Quiz, ask: Ask) -> Any:
    record = quiz.problem.record
    return (record.upstreams if ask.is_gradient else record.values)[ask.node]


def text(number: Any, digits: int = 17) -> str:
    return nested(np.asarray(number).tolist(), digits)


def at(kind: str, place: int) -> Quiz:
    """A quiz whose first so many asks have been skipped."""
    quiz = Quiz(problem(kind))
    for _ in range(place):
        quiz.skip()
    return quiz


def passes_check(ask: Ask, kind: str, typed: str) -> bool:
    """Whether `check` lets an answer pass that is given alone."""
    graph = problem(kind).record.graph
    answers = from_mapping({ask.name: typed}, graph, graph.output_name)
    return hold(problem(kind), answers).ok


def places(kind: str, most: int = 12) -> list[int]:
    count = len(Quiz(problem(kind)).turns)
    return (
        list(range(count)) if count <= most else sorted(random.Random(0).sample(range(count), most))
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("digits", [4, 17])
def test_right_answers_are_right_at_once(kind: str, digits: int) -> None:
    quiz = Quiz(problem(kind))
    while (ask := quiz.current) is not None:
        judged = quiz.judge(text(due(quiz, ask), digits))
        assert judged.passes, (ask, judged)
    told = summary([quiz], [], 3)
    assert told.ok
    assert told.by_outcome == {AT_ONCE: tuple(t.ask.name for t in quiz.turns)}
    assert not any(
        isinstance(n, Blank) for n in (*quiz.picture().values, *quiz.picture().upstreams)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_values_come_forward_and_gradients_from_the_output_back(kind: str) -> None:
    quiz = Quiz(problem(kind))
    graph = quiz.problem.record.graph
    values = [t.ask.node for t in quiz.turns if not t.ask.is_gradient]
    gradients = [t.ask.node for t in quiz.turns if t.ask.is_gradient]
    assert [t.ask.is_gradient for t in quiz.turns] == sorted(t.ask.is_gradient for t in quiz.turns)
    assert values == sorted(values)
    assert len(set(gradients)) == len(gradients)
    assert graph.output not in gradients
    for place, node in enumerate(gradients):
        later = set(gradients[place:])
        assert not later & {gate for gate, _ in graph.consumers[node]}
    assert set(gradients) >= set(graph.inputs.values())
    only = [Quiz(problem(kind), which).turns for which in ("values", "gradients")]
    assert [t.ask for turns in only for t in turns] == [t.ask for t in quiz.turns]


@pytest.mark.parametrize("kind", KINDS)
def test_every_slip_is_wrong_and_named(kind: str) -> None:
    slips = Quiz(problem(kind)).slips()
    tried = 0
    for place in places(kind):
        quiz = at(kind, place)
        ask = quiz.turns[place].ask
        for slip in slips.get((ask.node, ask.is_gradient), ()):
            quiz = at(kind, place)
            judged = quiz.judge(text(slip.number))
            if judged.passes:  # between the slopes of a kink; 0 for a rounded 0.0066
                assert passes_check(ask, kind, text(slip.number)), (ask, slip)
                continue
            codes = {code for fit in judged.fits for code in (fit.code, *fit.also)}
            assert slip.code in codes, (ask, slip, judged)
            assert quiz.current == ask
            assert quiz.place == place
            assert quiz.judge(text(due(quiz, ask))).passes
            assert quiz.turns[place].outcome == SECOND
            tried += 1
    assert tried >= 3


@pytest.mark.parametrize("kind", KINDS)
def test_the_wrong_numbers_are_what_the_planted_slip_leads_to(kind: str) -> None:
    """Each is found again by planting: the whole backward pass run with that slip alone."""
    whole = problem(kind)
    told = wrong_numbers(whole)
    if not whole.plants:
        pytest.skip("a graph too large for every slip at every place")
    for plant in whole.plants:
        gate, slot, _ = plant.key
        if slot < 0 or whole.record.graph.inputs_of[gate].count(plant.node) > 1:
            continue
        number, right = plant.gradients[plant.node], whole.record.upstreams[plant.node]
        if not np.all(np.isfinite(number)) or np.allclose(number, right, rtol=1e-8, atol=0):
            continue
        mine = [w for w in told[plant.node, True] if (w.code, w.gate) == (plant.code, gate)]
        assert any(np.allclose(w.number, number, rtol=1e-8) for w in mine), plant


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_answer_counts_as_none(kind: str) -> None:
    for place in places(kind, 4):
        quiz = at(kind, place)
        ask = quiz.current
        for words in MALFORMED:
            with pytest.raises(BacktraceError):
                quiz.judge(words)
            assert (quiz.current, quiz.place, quiz.turns[place].tries) == (ask, place, [])
        assert quiz.judge(text(due(quiz, quiz.turns[place].ask))).passes
        assert quiz.turns[place].outcome == AT_ONCE


@pytest.mark.parametrize("kind", KINDS)
def test_huge_and_tiny_numbers_are_wrong(kind: str) -> None:
    for place in places(kind, 4):
        for number in HUGE:
            quiz = at(kind, place)
            ask = quiz.turns[place].ask
            right = due(quiz, ask)
            if not np.any(right) and number.startswith("0."):
                continue
            shaped = np.full(np.shape(right), float(number)).tolist()
            typed = str(shaped) if np.shape(right) else number
            assert not quiz.judge(typed).passes
            assert not quiz.judge(typed).passes
            assert quiz.turns[place].outcome == MISSED
            assert quiz.place == place + 1
            lines = quiz.arithmetic(quiz.turns[place])
            assert View().value(right) in lines[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_hints_have_three_degrees_and_do_not_tell(kind: str) -> None:
    for place in places(kind):
        quiz = at(kind, place)
        ask = quiz.turns[place].ask
        given = [quiz.hint() for _ in range(4)]
        assert given[2] == given[3]
        assert all(map(all, given))
        assert given[:3] == [quiz.hint(degree) for degree in (1, 2, 3)]
        assert not any(
            f"= {View(full=True).value(due(quiz, ask))}" in "".join(given[2]) for _ in "1"
        )
        quiz.judge(text(due(quiz, ask)))
        assert quiz.turns[place].outcome == AFTER_HINT


def test_a_scalar_hint_of_degree_3_computes_the_number() -> None:
    """The arithmetic is arithmetic: typed in, it is right (of gates of numbers)."""
    for kind in ("number", "fork", "stages", "one gate", "fused", "constants"):
        for place in places(kind):
            quiz = at(kind, place)
            [line] = quiz.hint(3, View(digits=17))
            judged = quiz.judge(line.replace("×", "*").replace("* -", "*-1*"))
            assert judged.passes, (kind, line)


@pytest.mark.parametrize("gate", ROWS)
def test_every_gate_of_numbers_can_be_practised(gate: Gate) -> None:
    """Its hints say something, its value's arithmetic is arithmetic, and what is due is right."""
    found = problem_of(usage(gate), read_mapping(points(gate, 1)[0]), PLAIN)
    quiz = Quiz(found)
    while (ask := quiz.current) is not None:
        assert all(quiz.hint(degree) for degree in (1, 2, 3))
        [line, *_] = quiz.hint(3, View(digits=17))
        if not ask.is_gradient and "where" not in usage(gate):  # whose condition is no number
            worked = trace(line, {}, check=False).value
            assert worked == pytest.approx(due(quiz, ask), rel=1e-9, abs=1e-12)
        assert quiz.judge(text(due(quiz, ask))).passes
        assert (
            View(full=True).value(due(quiz, ask)) in quiz.arithmetic(quiz.turns[quiz.place - 1])[-1]
        )


@pytest.mark.parametrize(("formula", "point"), LARGER, ids=lambda part: str(part)[:20])
def test_nets_and_attention_can_be_practised(formula: str, point: dict[str, Any]) -> None:
    quiz = Quiz(problem_of(formula, read_mapping(point), PLAIN))
    while (ask := quiz.current) is not None:
        assert all(quiz.hint(degree) for degree in (1, 2, 3))
        assert quiz.known_numbers()
        assert quiz.judge(text(due(quiz, ask), 4)).passes, ask


def test_what_was_worked_out_from_a_wrong_number_is_told_so() -> None:
    quiz = at("stages", 0)
    names = {t.ask.name: t.ask for t in quiz.turns}
    while quiz.current != names["dr"]:
        quiz.judge(text(due(quiz, quiz.current)))  # type: ignore[arg-type]
    wrong = 2 * due(quiz, names["dr"])
    quiz.judge(text(wrong))
    quiz.judge(text(wrong))
    z = quiz.problem.record.point["z"]
    while quiz.current != names["dz"]:
        quiz.judge(text(due(quiz, quiz.current)))  # type: ignore[arg-type]
    judged = quiz.judge(text(wrong * due(quiz, names["q"])))
    assert (judged.passes, judged.follows) == (False, "dr"), z


def test_at_a_kink_what_lies_between_is_right_and_the_rest_follows_from_it() -> None:
    quiz = Quiz(problem("kink"), "gradients")
    given = {"d#5": "3", "d#4": "1.5", "dx": "3", "dy": "0", "du": "0.3", "dv": "0.7"}
    while (ask := quiz.current) is not None:
        own = given.get(ask.name)
        judged = quiz.judge(own if own is not None else text(due(quiz, ask)))
        assert judged.passes, (ask, judged)
    assert quiz.picture().upstreams[quiz.problem.record.graph.inputs["u"]] == 0.3


def test_the_shares_of_a_tie_add_up() -> None:
    tie = problem_of("max(u, v)", read_mapping({"u": 2, "v": 2}), PLAIN)
    quiz = Quiz(tie, "gradients")
    assert quiz.judge("0.7").passes
    assert not quiz.judge("0.7").passes
    assert not quiz.judge("0.5").passes
    assert quiz.turns[1].number == pytest.approx(0.3)


def test_names_before_answers() -> None:
    quiz = Quiz(problem("stages"))
    with pytest.raises(BacktraceError, match="q is asked for, not r"):
        quiz.judge("r = 3")
    with pytest.raises(BacktraceError, match="a number is asked for"):
        quiz.judge("x + y")
    assert quiz.judge(" q = 11/10 ").passes
    gradients = Quiz(problem("number"), "gradients")
    assert gradients.judge("d#3 = z").passes  # a formula is a gradient too


@pytest.mark.parametrize(
    ("formula", "point", "what"),
    [
        ("x", {"x": 1}, "no gate"),
        ("X@W", {"X": "randn(9,9)", "W": "randn(9,9)"}, "too many entries"),
        ("ln(x)", {"x": -1}, "no answer at this point"),
    ],
)
def test_nothing_to_ask(formula: str, point: dict[str, Any], what: str) -> None:
    with pytest.raises(UsageError, match=what):
        Quiz(problem_of(formula, read_mapping(point), PLAIN))


def test_large_arrays_are_given() -> None:
    large = problem_of(
        "s = X@w; sum(s^2)", read_mapping({"X": "randn(9,9)", "w": "ones(9)"}), PLAIN
    )
    quiz = Quiz(large)
    assert quiz.given == ("dX",)
    while (ask := quiz.current) is not None:
        assert quiz.judge(text(due(quiz, ask))).passes


MOVES = st.lists(
    st.sampled_from(["right", "rounded", "slip", "wrong", "skip", "hint", "malformed"]), max_size=30
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(kind=st.sampled_from(sorted(KINDS)), moves=MOVES, seed=st.integers(0, 99))
@pytest.mark.slow
def test_whatever_is_typed_the_record_says_so(kind: str, moves: list[str], seed: int) -> None:
    chance = random.Random(seed)
    quiz = Quiz(problem(kind))
    slips = quiz.slips()
    for move in moves:
        ask = quiz.current
        if ask is None:
            break
        before = quiz.place
        right = due(quiz, ask)
        if move == "hint":
            assert quiz.hint()
        elif move == "skip":
            quiz.skip()
        elif move == "malformed":
            with pytest.raises(BacktraceError):
                quiz.judge(chance.choice(MALFORMED))
        elif move in ("right", "rounded"):
            passed = quiz.judge(text(right, 17 if move == "right" else 4)).passes
            assert passed or kind == "kink"
        else:
            known = slips.get((ask.node, ask.is_gradient), ())
            wrong = chance.choice(known).number if move == "slip" and known else right * 1.37 + 5
            judged = quiz.judge(text(wrong))
            assert not judged.passes or passes_check(ask, kind, text(wrong))
        assert quiz.place in (before, before + 1)
        over = [turn.is_over for turn in quiz.turns]
        assert over == [True] * quiz.place + [False] * (len(over) - quiz.place)
        picture = quiz.picture()
        for turn in quiz.turns:
            numbers = picture.upstreams if turn.ask.is_gradient else picture.values
            assert isinstance(numbers[turn.ask.node], Blank) is not turn.is_over
    told = summary([quiz], ["again"], 5)
    described = as_object([quiz], told, "q")
    SCHEMAS["backtrace.quiz/1"].validate(described)
    outcomes = [turn.outcome for turn in quiz.turns]
    assert told.ok is all(outcome == AT_ONCE for outcome in outcomes)
    assert outcomes.count(OPEN) == sum(not t.tries and not t.is_skipped for t in quiz.turns)
    assert (SKIPPED in outcomes) is any(turn.is_skipped for turn in quiz.turns)
    assert shlex.split(told.command)[:2] == ["backtrace", "quiz"]
