"""Cures: every one is followed to the letter, as a reader would, and held against many digits."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp

import backtrace
from backtrace.advice.stable_forms.rows import ROWS, Row
from backtrace.advice.stable_forms.trial import Results, Setting
from backtrace.algebra.values import is_finite
from backtrace.formula.printer import source
from backtrace.graph.backprop import backward
from backtrace.graph.record import AS_WRITTEN
from backtrace.rewrite import graph_of
from tests.conftest import DATA
from tests.oracles import central_difference

FAULTS = json.loads((DATA / "faults.json").read_text("utf-8"))
_VECTORS = re.compile(r"(sum|prod|norm|mean|var|std)\(")


def followed(formula: str, words: str) -> str:
    """The formula with what the words say written in the place of what they name."""
    said = re.fullmatch(r"(?:in \w+ )?write (.*?): then .*", words)
    assert said is not None, words
    for pair in said[1].split(", and "):
        before, after = pair.split(" as ")
        assert before in formula
        formula = formula.replace(before, after)
    return formula


def healed(formula: str, point: dict, words: str) -> backtrace.Trace:
    if words.startswith("--fuse"):
        return backtrace.trace(formula, point, fuse=True)
    return backtrace.trace(followed(formula, words), point)


@pytest.mark.parametrize("case", [c for c in FAULTS if c["cure"]], ids=lambda case: case["formula"])
def test_the_cure_cures(case: dict) -> None:
    """The words are followed to the letter: then all is finite, and the value is the one told."""
    formula, point = case["formula"], case["point"]
    cure = backtrace.trace(formula, point, check=False).fault.cure
    found = healed(formula, point, cure)
    assert found.ok
    told = float(re.search(r"then it is ([-\d.e]+)", cure)[1].rstrip("."))
    assert found.value == pytest.approx(told, rel=1e-3)


def at_point(text: str, point: dict) -> Results:
    """The value and every gradient, by floats."""
    given = {
        name: np.asarray(value, float) if np.shape(value) else float(value)
        for name, value in point.items()
    }
    shapes = {name: np.shape(value) for name, value in given.items()}
    graph, _ = graph_of(text, shapes, AS_WRITTEN)
    found = Setting(text, AS_WRITTEN, graph, given, tuple(point), backward).floats(graph)
    assert found is not None
    return found


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("row", ROWS, ids=[row.written for row in ROWS])
def test_what_is_offered_instead_is_the_same_function(row: Row) -> None:
    """Values and gradients agree wherever both are finite."""
    chance = random.Random(1)
    texts = [
        re.sub(r", axis\b", "", text).replace("[k]", "[1]") for text in (row.written, row.instead)
    ]
    letters = sorted(set(re.findall(r"\b[abcxyz]\b", texts[0])))
    low = 0.2 if row.chooses else -2
    compared = 0
    for _ in range(90):
        point = {
            name: [chance.uniform(0.2, 3) for _ in range(3)]
            if name == "z" or (name in "xyz" and _VECTORS.search(row.written))
            else chance.uniform(low, 3)
            for name in letters
        }
        one, other = (at_point(text, point) for text in texts)
        if not all(is_finite(r) for both in (one, other) for _, r in both.all()):
            continue
        for (_, before), (_, after) in zip(one.all(), other.all(), strict=True):
            tolerance = 1e-3 if row.chooses else 1e-7
            assert np.allclose(after, before, rtol=tolerance, atol=1e-3 * tolerance)
        compared += 1
        if compared == 5:
            return
    pytest.fail("hardly ever finite")


ONE = [1000, 1001, 1002]
NEAR = [1e8, 1e8 + 1, 1e8 + 2]
CLASSICS: list[tuple[str, dict, str, Callable[..., Any]]] = [
    # formula, point, what is to be told, the same function for as many digits as it takes
    ("log(softmax(z)[0])", {"z": [-1000, 0]}, "log_softmax(z)[0]", lambda z: log_p(z, 0)),
    ("log(softmax(z))[1]", {"z": [0, -800]}, "--fuse", lambda z: log_p(z, 1)),
    ("log(exp(z[0])/sum(exp(z)))", {"z": [900, 1]}, "log_softmax(z)[0]", lambda z: log_p(z, 0)),
    ("p = softmax(z); -log(p[2])", {"z": [900, 1, 2]}, "", lambda z: -log_p(z, 2)),
    ("exp(z[0])/sum(exp(z))", {"z": ONE}, "softmax(z)[0]", lambda z: mp.exp(log_p(z, 0))),
    ("log(sigmoid(x))", {"x": -800}, "-softplus(-x)", lambda x: -mp.log1p(mp.exp(-x))),
    ("log(1 - sigmoid(x))", {"x": 800}, "-softplus(x)", lambda x: -mp.log1p(mp.exp(x))),
    ("1 - sigmoid(x)", {"x": 36}, "sigmoid(-x)", lambda x: 1 / (1 + mp.exp(x))),
    ("1 - tanh(x)^2", {"x": 20}, "1/cosh(x)^2", lambda x: 1 / mp.cosh(x) ** 2),
    ("log(prod(x))", {"x": [1e-200, 1e-200]}, "sum(log(x))", lambda x: mp.log(mp.fprod(x))),
    ("log(sum(exp(x)))", {"x": ONE}, "--fuse", lambda x: mp.log(mp.fsum(map(mp.exp, x)))),
    ("log(exp(a) + exp(b))", {"a": 1000, "b": 999}, "--fuse", lambda a, b: log_add(a, b)),
    ("log(exp(a) + exp(b)) + x*log(x)", {"a": 900, "b": 0, "x": 2}, "--fuse", 
     lambda a, b, x: log_add(a, b) + x * mp.log(x)),
    ("sqrt(x^2 + y^2)", {"x": 1e200, "y": 1e200}, "--fuse", lambda x, y: mp.hypot(x, y)),
    ("sqrt(sum(x^2))", {"x": [3e200, 4e200]}, "--fuse", lambda x: mp.norm(x)),
    ("1 - cos(x)", {"x": 1e-8}, "2*sin(x/2)^2", lambda x: 1 - mp.cos(x)),
    ("exp(x) - 1", {"x": 1e-14}, "expm1", lambda x: mp.expm1(x)),
    ("log(1 + x)", {"x": 1e-14}, "log1p", lambda x: mp.log1p(x)),
    ("log(1 + x)/x", {"x": 1e-14}, "log1p", lambda x: mp.log1p(x) / x),
    ("sqrt(1 + x) - 1", {"x": 1e-14}, "x/(sqrt(1 + x) + 1)", lambda x: mp.sqrt(1 + x) - 1),
    ("sqrt(x + 1) - sqrt(x)", {"x": 1e15}, "", lambda x: mp.sqrt(x + 1) - mp.sqrt(x)),
    ("log(1 + exp(x))", {"x": 1000}, "--fuse", lambda x: mp.log1p(mp.exp(x))),
    ("1/(1 + exp(-x))", {"x": -1000}, "--fuse", lambda x: 1 / (1 + mp.exp(-x))),
    ("-log(exp(z[0])/sum(exp(z)))", {"z": [0, 999]}, "", lambda z: -log_p(z, 0)),
    ("-(y*log(sigmoid(x)) + (1-y)*log(1 - sigmoid(x)))", {"x": 800, "y": 0.5}, "-softplus(x)",
     lambda x, y: y * mp.log1p(mp.exp(-x)) + (1 - y) * mp.log1p(mp.exp(x))),
    ("-(y*log(sigmoid(x)) + (1-y)*log(1 - sigmoid(x)))", {"x": 50, "y": 1}, "-softplus(x)",
     lambda x, y: y * mp.log1p(mp.exp(-x)) + (1 - y) * mp.log1p(mp.exp(x))),
    ("p = sigmoid(w*x); -(y*log(p) + (1-y)*log(1 - p))", {"w": 10, "x": 5, "y": 1}, "log(p) as",
     lambda w, x, y: y * mp.log1p(mp.exp(-w * x)) + (1 - y) * mp.log1p(mp.exp(w * x))),
    ("log(mean(exp(x)))", {"x": ONE}, "max(x) + ",
     lambda x: mp.log(mp.fsum(map(mp.exp, x)) / len(x))),
    ("sqrt(x) - sqrt(y)", {"x": 1e16, "y": 1e16 + 2}, "(x - y)/(sqrt(x) + sqrt(y))",
     lambda x, y: mp.sqrt(x) - mp.sqrt(y)),
    ("sin(x)/x", {"x": 1e-9}, "sinc(x/pi)", lambda x: mp.sin(x) / x),
    ("mean(x^2) - mean(x)^2", {"x": NEAR}, "var(x)", lambda x: variance(x)),
    ("(exp(x) - exp(-x))/(exp(x) + exp(-x))", {"x": 800}, "--fuse", lambda x: mp.tanh(x)),
    ("atan(y/x)", {"x": 0, "y": 1}, "atan2(y, x)", lambda x, y: mp.atan2(y, x)),
    ("(-b + sqrt(b^2 - 4*a*c))/(2*a)", {"a": 1, "b": 1e8, "c": 1}, "-2*c/(b + ",
     lambda a, b, c: (-b + mp.sqrt(b * b - 4 * a * c)) / (2 * a)),
    ("(1 + 1/n)^n", {"n": 1e15}, "exp(n*", lambda n: (1 + 1 / n) ** n),
    ("x^a*exp(-x)", {"x": 1000, "a": 200}, "exp(a*log(x) + (-x))",
     lambda x, a: x**a * mp.exp(-x)),
    ("log(cosh(x))", {"x": 1000}, "softplus(2*x) - x", lambda x: mp.log(mp.cosh(x))),
    ("log(1 - exp(x))", {"x": -1e-17}, "x/2 + log(", lambda x: mp.log(-mp.expm1(x))),
    ("a^2 - b^2", {"a": 1e8 + 1, "b": 1e8}, "(a - b)*(a + b)", lambda a, b: a * a - b * b),
    ("sin(x + h) - sin(x)", {"x": 1, "h": 1e-14}, "2*cos(x + h/2)*sin(h/2)",
     lambda x, h: mp.sin(x + h) - mp.sin(x)),
    ("sg(t) = 1/(1 + exp(-t)); log(sg(x))", {"x": -800}, "", lambda x: -mp.log1p(mp.exp(-x))),
    ("f(t) = log(1 - sigmoid(t)); 2*f(x)", {"x": 99}, "", lambda x: -2 * mp.log1p(mp.exp(x))),
    ("q = 1 - cos(x); q/x", {"x": 1e-7}, "sin(x/2)", lambda x: (1 - mp.cos(x)) / x),
]  # fmt: skip
"""Where the numbers are bad, or their digits lost, and a right one exists."""

WITHOUT: list[tuple[str, dict, str, float | list[float]]] = [
    # formula, point, what is to be told, the limit, or what the field writes where there is none
    ("x*log(x)", {"x": 0}, "where(x > 0, x*log(x), 0)", 0),
    ("-(p*log(p) + q*log(q))", {"p": 1, "q": 0}, "where(p > 0, p*log(p), 0)", 0),
    ("sum(x*log(x))", {"x": [0, 1]}, "where(x > 0, x*log(x), 0)", 0),
    ("y*log(p)", {"y": 0, "p": 0}, "where(y == 0, 0, ", 0),
    ("sqrt(x)", {"x": 0}, "where(x > 0, sqrt(x), 0)", 0),
    ("x/x", {"x": 0}, "1 + 0*x", 1),
    ("sin(x)/x", {"x": 0}, "where(x == 0, 1, ", 1),
    ("tanh(x)/x", {"x": 0}, "where(x == 0, 1, ", 1),
    ("(exp(x) - 1)/x", {"x": 0}, "exp(x/2)*where(", 1),
    ("x/(exp(x) - 1)", {"x": 0}, "exp(-x/2)*where(", 1),
    ("x/norm(x)", {"x": [0, 0]}, "x/max(norm(x), 1e-12)", [0, 0]),
    ("x/sqrt(sum(x^2))", {"x": [0, 0]}, "x/max(norm(x), 1e-12)", [0, 0]),
    ("(x - mean(x))/std(x)", {"x": [2, 2]}, "sqrt(var(x) + 1e-5)", [0, 0]),
    ("(x - mean(x))/sqrt(var(x))", {"x": [2, 2]}, "sqrt(var(x) + 1e-5)", [0, 0]),
]  # fmt: skip


def log_p(z: list, k: int) -> Any:
    return z[k] - mp.log(mp.fsum(map(mp.exp, z)))


def log_add(a: Any, b: Any) -> Any:
    return mp.log(mp.exp(a) + mp.exp(b))


def variance(x: list) -> Any:
    mean = mp.fsum(x) / len(x)
    return mp.fsum((v - mean) ** 2 for v in x) / len(x)


def told(formula: str, point: dict) -> tuple[backtrace.Trace, str]:
    """The trace, and the cure that it offers for a number that is bad, or has lost its digits."""
    trace = backtrace.trace(formula, point)
    assert not trace.ok or trace.lost
    if trace.fault is not None:
        return trace, trace.fault.cure
    return trace, next((note.text for note in trace.notes if note.kind == "cure"), "")


@pytest.mark.parametrize(("formula", "point", "instead", "right"), CLASSICS)
def test_a_classic_is_cured(
    formula: str, point: dict, instead: str, right: Callable[..., Any]
) -> None:
    """What is told is right, and once followed gives value and gradients that 50 digits confirm."""
    _, cure = told(formula, point)
    assert cure
    assert instead in cure
    found = at_point(followed_or_fused(formula, point, cure), point)
    with mp.workdps(700):
        exact = {
            name: [mp.mpf(v) for v in value] if isinstance(value, list) else mp.mpf(value)
            for name, value in point.items()
        }
        assert float(found.value) == pytest.approx(float(right(**exact)), rel=1e-9, abs=1e-300)
        for name, slope in found.gradients.items():
            assert np.ravel(slope) == pytest.approx(slopes(right, exact, name), rel=1e-8, abs=1e-30)


def slopes(right: Callable[..., Any], exact: dict, name: str) -> list[float]:
    """By central differences with steps of 1e-150: good to more digits than are looked at."""
    entries = exact[name] if isinstance(exact[name], list) else [exact[name]]
    found = []
    for k, entry in enumerate(entries):

        def at(value: Any, k: int = k) -> Any:
            moved = [*entries[:k], value, *entries[k + 1 :]]
            return right(**{**exact, name: moved if isinstance(exact[name], list) else value})

        step = mp.mpf(10) ** -150 * (abs(entry) or 1)
        found.append(float(central_difference(at, entry, step)))
    return found


def followed_or_fused(formula: str, point: dict, cure: str) -> str:
    """The formula that a cure makes, as text."""
    if not cure.startswith("--fuse"):
        return followed(formula, cure)
    return source(backtrace.trace(formula, point, fuse=True, check=False).graph)


@pytest.mark.parametrize(("formula", "point", "instead", "limit"), WITHOUT)
def test_where_there_is_no_value_the_limit_is_told(
    formula: str, point: dict, instead: str, limit: Any
) -> None:
    _, cure = told(formula, point)
    assert instead in cure
    found = at_point(followed(formula, cure), point)
    assert np.all(np.asarray(found.value) == limit)
    assert all(is_finite(slope) for slope in found.gradients.values())


def test_there_are_classics_enough() -> None:
    assert len(CLASSICS) + len(WITHOUT) >= 50


OVERFLOWS = [
    ("x^200", {"x": 1000}, "1e600: work with its logarithm, 200*log(x) = 1382"),
    ("2^x", {"x": 2000}, "1e602: work with its logarithm, x*log(2) = 1386"),
    ("x^200*y", {"x": 1000, "y": [1, 2]}, "1e600: work with its logarithm, 200*log(x) = 1382"),
    ("x*y", {"x": 1e200, "y": -1e200}, "the logarithm of its size, log(abs(x)) + log(abs(y)) ="),
    ("x/y", {"x": 1, "y": 1e-320}, "1e320: work with its logarithm, log(abs(x)) - log(abs(y)) ="),
    ("q = x + 1; q^300", {"x": 99}, "1e600: work with its logarithm, 300*log(q) = 1382"),
    ("f(t) = t^200; f(x)", {"x": 1000}, "about 1e600"),
    ("x@y", {"x": [1e200, 1], "y": [1e200, 1]}, "about 1e400: divide what goes in"),
    ("sum(x)", {"x": [1.7e308, 1.7e308]}, "about 1e309: divide what goes in"),
    ("exp(exp(x))", {"x": 1000}, "x = 1000"),
]


@pytest.mark.parametrize(("formula", "point", "words"), OVERFLOWS)
def test_an_overflow_has_words_of_its_own(formula: str, point: dict, words: str) -> None:
    fault = backtrace.trace(formula, point, check=False).fault
    assert words in fault.hint
    assert fault.hint.startswith("64-bit floats end at 1.798e308")
    said = re.search(r"logarithm(?: of its size)?, (.*) = ([\d.e]+)$", fault.hint)
    if said and "=" not in formula:  # what it says to work with can be read, and is that number
        found = at_point(said[1], {name: point[name] for name in re.findall(r"\b[xy]\b", said[1])})
        assert np.max(found.value) == pytest.approx(float(said[2]), rel=1e-3)


@pytest.mark.parametrize(
    ("formula", "point"), [("x^0.5", {"x": -1}), ("1/x", {"x": 0}), ("log(x)", {"x": -1})]
)
def test_an_error_of_domain_is_no_overflow(formula: str, point: dict) -> None:
    fault = backtrace.trace(formula, point, check=False).fault
    assert fault.cure == ""
    assert fault.advice
    assert "1.798e308" not in fault.advice


@pytest.mark.parametrize(
    "formula", ["exp(exp(exp(x)))", "sinh(exp(exp(x)))", "sin(x^x^x)", "x^x^x^x"]
)
def test_towers_end(formula: str) -> None:
    """Nobody writes out all digits of e^e^1000."""
    assert not backtrace.trace(formula, {"x": 1000}, check=False).ok


PARTS = [row.written for row in ROWS if not re.search(r"axis|\[k\]", row.written)]


@st.composite
def graphs_of_words(draw: st.DrawFn) -> tuple[str, dict]:
    """A formula in which spellings that go bad stand in stages, in own gates, beside others."""
    parts = [draw(st.sampled_from(PARTS)) for _ in range(2)]
    values = st.sampled_from([0, -1, 1, 0.5, 1000, -1000, 1e200, 1e-9])
    shape = draw(st.sampled_from(["{0}", "q = {0}; q*2 - ({1})", "-({0})", "({0})^2/({1})"]))
    formula = shape.format(*parts)
    letters = sorted(set(re.findall(r"\b[abcxyz]\b", formula)))
    if _VECTORS.search(formula):
        return formula, {n: [draw(values), draw(values)] for n in letters}
    point = {n: draw(values) for n in letters}
    if draw(st.booleans()):
        formula = f"g({', '.join(letters)}) = {parts[0]}; 2*g({', '.join(letters)})"
        point = {n: v for n, v in point.items() if n in re.findall(r"\w+", parts[0])}
        formula = f"g({', '.join(point)}) = {parts[0]}; 2*g({', '.join(point)})"
    return formula, point


@settings(max_examples=25, deadline=None)
@given(graphs_of_words())
def test_every_hint_can_be_followed(case: tuple[str, dict]) -> None:
    """Whatever is told, once followed, is read, and gives what was told."""
    formula, point = case
    trace = backtrace.trace(formula, point, check=False)
    if trace.fault is None or not trace.fault.cure.partition("write ")[1]:
        return
    found = at_point(followed(formula, trace.fault.cure), point)
    assert all(is_finite(result) for _, result in found.all())


@pytest.mark.parametrize(
    ("formula", "point", "words"),
    [
        ("f(t) = log(1 - t); 2*f(x)", {"x": 1}, "f(1) is -inf: inside, log(0) is -inf: log needs"),
        ("g(t) = t^200; f(t) = g(t) + 1; f(x)", {"x": 1000}, "inside, 1000^200 is inf: it overf"),
        ("f(t) = sum(t/t); f(x)", {"x": [1, 0]}, "f gives nan: inside, 0/0 is nan at [1]: div"),
    ],
)
def test_a_fault_inside_an_own_gate_is_named(formula: str, point: dict, words: str) -> None:
    assert words in backtrace.trace(formula, point, check=False).fault.what
