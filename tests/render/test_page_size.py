"""A page of 60 gates, with practice, is under 200 kB, whatever kind of formula it is of; and it has
only the functions that it needs."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

import backtrace
from backtrace.homework.page_practice import practice_of
from backtrace.render import View, draw
from tests.benchmarks.pictures import formula
from tests.render.test_folding import LAYERS, LSTM

GATES = 60
Ops = Callable[[random.Random, str, str], str]


def grown(seed: int, operation: Ops, is_near: bool) -> tuple[str, dict[str, float]]:
    """Stages of one gate each, of what stood near before or anywhere."""
    chance = random.Random(seed)
    names = ["x", "y", "z", "s0", "s1"]
    stages = ["s0 = x*y", "s1 = s0 - z"]
    for k in range(2, GATES - 1):
        a = chance.choice(names[-6:] if is_near else names)
        b = names[-1] if is_near else chance.choice(names)
        stages.append(f"s{k} = {operation(chance, a, b)}")
        names.append(f"s{k}")
    return f"{'; '.join(stages)}; s58*s57", {"x": 0.123456, "y": -1.23456, "z": 0.987654}


def sums(chance: random.Random, a: str, b: str) -> str:
    return f"{a} {chance.choice('+-*')} {b}"


def functions(chance: random.Random, a: str, b: str) -> str:
    one = [f"{name}({b})" for name in ("tanh", "sigmoid", "sin", "cos", "softplus", "erf")]
    two = [f"{name}({a}, {b})" for name in ("max", "atan2", "hypot", "logaddexp")]
    return chance.choice([*one, *two, f"{b}^2"])


def kinks(chance: random.Random, a: str, b: str) -> str:
    return chance.choice([f"max({a}, {b})", f"min({a}, {b})", f"relu({b})", f"abs({b})"])


def numbered(names: str, count: int) -> dict[str, float]:
    return {f"{name}{k}": round(0.1 + 0.137 * k, 3) for name in names for k in range(count)}


def units(text: str, count: int) -> str:
    return "; ".join(f"h{k} = {text.format(k=k)}" for k in range(count))


def weighed(count: int) -> str:
    return " + ".join(f"v{k}*h{k}" for k in range(count))


KINDS = {
    "near": formula(GATES),
    "far": grown(1, sums, False),
    "functions": grown(2, functions, True),
    "kinks": grown(3, kinks, False),
    "inputs": (" + ".join(f"a{k}*b{k}" for k in range(30)), numbered("ab", 30)),
    "net": (
        f"{units('sigmoid(a{k}*x + b{k}*y + c{k})', 8)}; L = ({weighed(8)} - t)^2",
        numbered("abcv", 8) | {"x": 0.7, "y": -0.3, "t": 1.5},
    ),
    "neurons": (
        f"{units('1/(1+exp(-(a{k}*x + b{k}*y + c{k})))', 6)}; L = {weighed(6)}",
        numbered("abcv", 6) | {"x": 0.7, "y": -0.3},
    ),
    "lstm": LSTM,
    "layers": LAYERS,
}


@pytest.mark.parametrize("fold", ["auto", "none"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_page_of_sixty_gates_is_under_200_kb(kind: str, fold: str) -> None:
    trace = backtrace.trace(*KINDS[kind], check=kind == "inputs")  # whose table is the longest
    assert GATES - 3 <= trace.graph.gate_count <= GATES or kind in ("lstm", "layers")
    practice = practice_of(trace)
    assert practice is not None
    page = draw(
        replace(trace, asked=trace.asked._replace(practice=practice)), "html", View(fold=fold)
    )
    assert len(page.encode()) < 200_000


@pytest.mark.parametrize(
    ("text", "point", "has"),
    [
        ("x*y + tanh(x)", {"x": 1, "y": 2}, False),
        ("lgamma(x)*y", {"x": 1, "y": 2}, False),
        ("sin(x)*y", {"x": [1, 2], "y": [3, 4]}, False),
        ("sum(W@x)", {"W": [[1, 2]], "x": [3, 4]}, True),
        ("softmax(x)[0]", {"x": [3, 4]}, True),
        ("logdet(W)", {"W": [[1, 2], [-3, 4]]}, True),
    ],
)
def test_a_page_has_the_functions_of_arrays_only_where_it_calls_them(
    text: str, point: dict[str, object], has: bool
) -> None:
    page = backtrace.trace(text, point, check=False).show("html")
    assert (re.search(r"^const einsum = ", page, re.MULTILINE) is not None) == has
