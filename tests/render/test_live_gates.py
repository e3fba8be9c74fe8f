"""Every gate of the table on the live page: what its JavaScript gives in a real Chromium is what
Python gives, at points of every kind; and both passes where gradients end.
"""

from __future__ import annotations

import functools
import math
import random
import re
from typing import Any

import numpy as np
import pytest

import backtrace
from backtrace.errors import BacktraceError
from backtrace.gates import GATES
from backtrace.render._program import StillError, program, source
from tests.conftest import inputs, usage
from tests.gates.test_array_gates import CASES, PAIRS, Shapes, arrays
from tests.render.conftest import Open
from tests.render.test_live import computed

Point = dict[str, Any]

STILL: dict[str, str] = {}
"""Gates that a page cannot compute anew, and why."""

NUMBERS = [gate for gate in GATES.values() if not gate.is_of_arrays]
USES: list[tuple[str, Shapes, tuple[str, ...]]] = [
    *((text, shapes, tuple("xyz"[: len(shapes)])) for text, shapes in CASES),
    *(
        (usage(gate), tuple([*pair, (3,)][: len(inputs(gate))]), inputs(gate))
        for gate in NUMBERS
        for pair in (PAIRS if len(inputs(gate)) > 1 else [((2, 3), (3,))])
    ),
]
"""Every gate by every form of its parameters: a formula, its inputs' shapes and names."""

USUAL = (0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.5, 3.0, 7.0, 26.5, -40.0, 171.0)
EXTREME = (1e90, -1e90, 1e-90, -1e-90, 800.0, -800.0)
TIES = (-1.0, -0.5, 0.0, 0.5, 1.0)


def close(mine: float, theirs: float, scale: float) -> bool:
    if not (math.isfinite(mine) and math.isfinite(theirs)):
        return mine == theirs or (math.isnan(mine) and math.isnan(theirs))
    return abs(mine - theirs) <= 1e-12 * max(abs(mine), abs(theirs), scale)


def hold(page: Any, formula: str, points: list[Point]) -> None:
    """The page's script has the numbers and the kinks of a trace: each to 1e-12 of itself, entries
    of arrays to 1e-12 of the largest or of 1."""
    for point, found in zip(points, computed(page, formula, points), strict=True):
        trace = backtrace.trace(formula, point, check=False)
        for kind, mine in (("values", trace.values), ("upstreams", trace.upstreams)):
            for index, (value, theirs) in enumerate(zip(mine, found[kind], strict=True)):
                entries = np.ravel(np.asarray(value, float))
                largest = np.abs(entries[np.isfinite(entries)]).max(initial=1.0)
                scale = largest if trace.graph.shapes is not None else 0.0
                pairs = zip(entries.tolist(), map(float, theirs), strict=True)
                assert all(close(*pair, scale) for pair in pairs), (
                    *(formula, point, kind, index),
                    *(entries, theirs),
                )
        kinks = sorted({note.node for note in trace.notes if note.kind == "kink"})
        assert found["kinks"] == kinks, (formula, point)


def drawn(chance: random.Random, like: Any, numbers: tuple[float, ...], share: float) -> Any:
    """The value with some of its entries from `numbers`."""
    entries = [chance.choice(numbers) if chance.random() < share else v for v in np.ravel(like)]
    return np.array(entries).reshape(np.shape(like)) if np.ndim(like) else float(entries[0])


def named(shapes: Shapes, names: tuple[str, ...], seed: int) -> Point:
    values = list(arrays(tuple(shapes[:3]), seed).values())
    values += [np.float64(0.3 + 0.1 * seed)] * (len(names) - len(values))
    return dict(zip(names, values, strict=True))


@pytest.mark.slow
def test_every_gate_is_live_by_all_its_forms() -> None:
    """What is not is listed, with a reason."""
    live, still = {"eye", "ones", "zeros"}, set()  # these have no input: they are constants
    for formula, shapes, names in USES:
        trace = backtrace.trace(formula, named(shapes, names, 0), check=False)
        try:
            assert "const functions=[(" in source(program(trace), trace)
        except StillError as why:
            still.add(str(why).removeprefix("a page cannot compute ").removesuffix(" anew"))
        else:
            live |= {gate.name for _, _, gate in trace.graph.gates()}
    assert live | still >= set(GATES)
    assert still == set(STILL)


@pytest.mark.browser
@pytest.mark.parametrize("part", range(4))
def test_every_gate_of_arrays_has_its_numbers(opened: Open, part: int) -> None:
    """At ordinary entries, tied, whole, and far out (but for matrices that are inverted: of entries
    180 powers of ten apart all that is left is rounding)."""
    page, chance = opened(("x", {"x": 1})), random.Random(part)
    for formula, shapes, names in USES[part::4]:
        usual = named(shapes, names, 0)
        far = EXTREME * (not re.search("inv|det|solve", formula)) + USUAL
        points = [usual] + [
            {name: drawn(chance, value, numbers, share) for name, value in usual.items()}
            for numbers, share in ((TIES, 1), (TIES, 0.5), (USUAL, 0.5), (far, 0.3))
        ]
        hold(page, formula, points)


@pytest.mark.browser
@pytest.mark.parametrize("part", range(4))
def test_every_gate_of_arrays_of_what_is_not_finite(opened: Open, part: int) -> None:
    """Every input over ones and zeros: inf, -inf and nan stand among its entries. (Where NumPy adds
    up the parts of an einsum in an order of its own, inf and 0 meet elsewhere.)"""
    page, chance = opened(("x", {"x": 1})), random.Random(part)
    for formula, shapes, names in USES[part::4]:
        if "einsum" in formula or re.search(r"\d[a-z]\b", formula):
            continue
        usual, text = named(shapes, names, 0), formula
        for name in names:
            text = re.sub(rf"\b{name}\b(?![=(])", f"({name}/{name}_over)", text)
        points = []
        for share in (0.15, 0.4):
            point = {name: drawn(chance, v, TIES, 0.5) for name, v in usual.items()}
            over = {f"{n}_over": drawn(chance, v * 0 + 1, (0.0,), share) for n, v in usual.items()}
            points.append({n: v for n, v in (point | over).items() if n in text})
        hold(page, text, points)


@pytest.mark.browser
@pytest.mark.parametrize("gate", NUMBERS, ids=lambda gate: gate.name)
def test_every_gate_of_numbers_has_its_digits(opened: Open, gate: Any) -> None:
    """At ordinary points, at poles and kinks, far out, and of inf and nan."""
    page, chance, names = opened(("x", {"x": 1})), random.Random(gate.name), inputs(gate)
    draws = [
        lambda: chance.choice(USUAL + EXTREME + (1e300, -1e300, 1e-300)),
        lambda: chance.uniform(-8, 8),
        lambda: chance.uniform(-1, 1) * 10 ** chance.randint(-12, 4),
    ]
    points = [{name: draw() for name in names} for draw in draws for _ in range(25)]
    hold(page, usage(gate), points)
    text = usage(gate)
    for name in names:
        text = re.sub(rf"\b{name}\b", f"({name}/{name}_over)", text)
    over = [
        {f"{name}_over": chance.choice((0.0, -0.0, 1.0)) for name in names} | point
        for point in points[:25]
    ]
    hold(page, text, over)


def matrix(chance: random.Random, rows: int, kind: str) -> Any:
    found = np.array([chance.uniform(-1, 1) for _ in range(rows * rows)]).reshape(rows, rows)
    if kind == "whole":
        return np.round(3 * found)
    if kind == "singular":
        found[-1] = 2 * found[0]
    if kind == "two missing":
        found[-1], found[-2] = found[0], -found[0]
    if kind == "none":
        return 0 * found
    if kind == "regular":
        return found + 3 * np.eye(rows)
    return found / max(1, rows / 6)  # rounding grows with the product of the rows' lengths


@pytest.mark.browser
@pytest.mark.parametrize("rows", [1, 2, 3, 5, 17, 20])
def test_matrices_with_and_without_an_inverse(opened: Open, rows: int) -> None:
    page, chance = opened(("x", {"x": 1})), random.Random(rows)
    kinds = ("regular", "regular", "whole", *("singular", "two missing", "none") * (rows > 2))
    for formula in ("det(x)", "logdet(x)", "sum(inv(x)^2)", "sum(solve(x, y))", "det(x@x)*y[0]"):
        points = [{"x": matrix(chance, rows, kind), "y": np.arange(rows) / 7} for kind in kinds]
        hold(page, formula, [{n: v for n, v in point.items() if n in formula} for point in points])


PIECES = (
    *("relu({0})", "max({0}, {1})", "min({0}, {1}, 1)", "max({0}, {0})", "abs({0})", "{0} % {1}"),
    *("where({0} < {1}, {0}, {1})", "where({0} > 0, log({0}), {1})", "where({0} == {1}, 1/{0}, 0)"),
    *("where({0}/{1} >= 0, sqrt({0}), {0}*{1})", "where({0} != 0, {1}/{0}, 1)", "clip({0}, -1, 1)"),
    *("floor({0})", "sign({0})*{1}", "ceil({0}) + {1}", "detach({0})*{1}", "relu(detach({0}))"),
    *("log({0})", "1/{0}", "{0}/{1}", "exp({0})", "sqrt({0})", "{0}^{1}", "exp({0})*relu({1})"),
    *("{0}*{1}", "{0} + {1}", "{0} - {0}", "tanh({0})", "hypot({0}, {1})", "atan2({0}, {1})"),
    *("g({0}, {1})", "h({0})", "k({0}, {1})", "g({0}, 0)", "h({0} - {1})", "lgamma({0})"),
)
OF_ARRAYS = (
    *("sum({0})", "max({0})", "min({0}, axis=0)", "sort({0})", "[{0}, {1}]", "{0}[0]", "{0}.T"),
    *(
        "cumsum({0})",
        "concatenate({0}, {1})",
        "flip({0})",
        "softmax({0})",
        "norm({0})",
        "{0}[::-1]",
    ),
    *(
        "mean({0})",
        "prod({0})",
        "reshape({0}, -1)",
        "max_pool({0}, (2,))",
        "where({0} > 0, 1, 0)@{0}",
    ),
    *("roll({0}, 1)", "take({0}, [0, 0, -1])", "expand_dims({0})", "stack({0}, {1})", "tril({0})"),
    *(
        "logsumexp({0})",
        "norm1({0})",
        "norm_inf({0})",
        "attention({0}, {0}, {0})",
        "full({0}, 2, 3)",
    ),
)
OWN = (
    "g(a, b) = max(a, 0)*b; h(a) = where(a > 0, log(a), abs(a)) + floor(a); "
    "k(a, b) = h(a) - g(b, a)"
)


@functools.cache
def flows(of_arrays: bool) -> tuple[tuple[str, Point], ...]:
    """Random formulas of all that gradients end at, meet kinks at and are lost at."""
    chance = random.Random(5)
    start = {"x": np.array([1.0, 2, 3]), "y": np.ones((2, 3)), "z": 1.0} if of_arrays else {}
    start = start or {"x": 1.0, "y": 2.0, "z": 3.0}
    found: list[tuple[str, Point]] = []
    while len(found) < 120:
        names, stages = list(start), [OWN]
        for step in range(chance.randint(3, 9)):
            piece = chance.choice(OF_ARRAYS if of_arrays and chance.random() < 0.5 else PIECES)
            operands = [names[int(chance.triangular(0, len(names), len(names)))] for _ in "ab"]
            stage = f"s{step} = {piece.format(*operands)}"
            if not of_arrays or is_read("; ".join([*stages, stage, f"s{step}"]), start):
                stages.append(stage)
                names.append(f"s{step}")
        ends = [f"sum({name})" if of_arrays else name for name in names[-3:]]
        text = "; ".join(
            [*stages, " + ".join([*ends, "x[0] + y[0, 0] + z" if of_arrays else "x + y + z"])]
        )
        found.append((text, start))
    return tuple(found)


def is_read(text: str, point: Point) -> bool:
    try:
        point = {name: value for name, value in point.items() if re.search(rf"\b{name}\b", text)}
        return np.size(backtrace.trace(text, point, check=False).value) <= 40
    except BacktraceError:
        return False


@pytest.mark.browser
@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("of_arrays", [False, True])
def test_both_passes_where_gradients_end_and_are_lost(
    opened: Open, of_arrays: bool, part: int
) -> None:
    page, chance = opened(("x", {"x": 1})), random.Random(part)
    for formula, start in flows(of_arrays)[part::4]:
        points = [
            {name: drawn(chance, value, numbers, share) for name, value in start.items()}
            for numbers, share in ((TIES, 1), (USUAL, 1), (TIES, 1), (USUAL + EXTREME, 0.7))
        ]
        hold(page, formula, points)


@pytest.mark.parametrize(
    ("formula", "point", "has", "has_not"),
    [
        ("x*y", {"x": 1, "y": 2}, (), ("lgamma", "cofactors", "convolved", "attended", "in_order")),
        ("lgamma(x)", {"x": 1}, ("lgamma",), ("cofactors", "convolved", "attended", "in_order")),
        ("det(x)", {"x": np.eye(2)}, ("cofactors",), ("lgamma", "convolved", "attended")),
        ("sort(x)", {"x": np.eye(2)}, ("in_order",), ("lgamma", "convolved", "attended")),
        ("max_pool(x, 2)", {"x": np.eye(2)}, ("convolved",), ("lgamma", "attended", "cofactors")),
        ("attention(x, x, x)", {"x": np.eye(2)}, ("attended",), ("lgamma", "convolved")),
    ],
)
def test_a_page_is_sent_the_functions_that_it_calls(
    formula: str, point: Point, has: tuple[str, ...], has_not: tuple[str, ...]
) -> None:
    trace = backtrace.trace(formula, point, check=False)
    script = source(program(trace), trace)
    assert all(name in script for name in has)
    assert not any(name in script for name in has_not)
