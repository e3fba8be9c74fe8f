"""Folded pictures: whatever the formula, a box holds gates of which only the last is used outside,
and on every wire stands what the trace has there."""

from __future__ import annotations

import functools
import math
import random
import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import pytest

import backtrace
from backtrace.graph.record import Record
from backtrace.render import View, draw
from backtrace.render._at_first import FOLDS_FROM, SMALL, WIDEST, closed_at_first, drawing
from backtrace.render._boxes import Box, boxes
from backtrace.render._folding import Drawing, folded
from backtrace.render._scene import Scene, placed, scene
from tests.conftest import Command, published, published_arrays
from tests.render.test_pictures import random_formula as random_stages

PICTURES = ("svg", "dot", "mermaid", "tikz")
GATES = "squash(a) = a/(1 + abs(a)); unit(a, b, c) = squash(a*b + c); "


def cell(name: str) -> str:
    return f"w_{name}*x + u_{name}*h + b_{name}"


LSTM = (
    f"i = 1/(1+exp(-({cell('i')}))); f = 1/(1+exp(-({cell('f')}))); "
    f"o = 1/(1+exp(-({cell('o')}))); g = tanh({cell('g')}); c_1 = f*c + i*g; h_1 = o*tanh(c_1)",
    {f"{kind}_{gate}": 0.1 + 0.2 * k for k, kind in enumerate("wub") for gate in "ifog"}
    | {"x": 1.2, "h": 0.4, "c": -0.7},
)
LAYERS = (
    "h1 = tanh(w0*x + b0); "
    + "; ".join(f"h{k + 1} = tanh(w{k}*h{k} + b{k})" for k in range(1, 12))
    + "; L = (h12 - y)^2/2",
    {f"{kind}{k}": 0.5 - 0.07 * k for kind in "wb" for k in range(12)} | {"x": 0.8, "y": 0.3},
)
OWN = (
    f"{GATES}p = unit(x, y, z)*unit(y, z, x); q = squash(p + unit(z, x, p)); p*q - squash(q)",
    {"x": 0.5, "y": -1.5, "z": 2},
)
SHARED = ("e = exp(-x); s = 1/(1 + e); t = s*(1 - s) + y*y; s*t + x*x*y", {"x": 0.3, "y": 2})


def grown(chance: random.Random, names: list[str], depth: int) -> str:
    """An expression of several gates."""
    if depth == 0 or chance.random() < 0.15:
        return chance.choice(names)
    kind = chance.randrange(4)
    inner = [grown(chance, names, depth - 1) for _ in range(2)]
    if kind == 0:
        return f"{chance.choice(['tanh', 'sin', 'sigmoid', 'squash'])}({inner[0]})"
    if kind == 1:
        return f"1/(1 + exp(-({inner[0]})))"
    return f"({inner[0]} {chance.choice('+-*')} {inner[1]})"


def random_case(seed: int) -> tuple[str, dict[str, float], dict[str, object]]:
    chance = random.Random(seed)
    names = ["x", "y", "z"]
    stages = []
    for k in range(chance.randrange(1, 7)):
        stages.append(f"s{k} = {grown(chance, names, 3)}")
        names.append(f"s{k}")
    text = "; ".join([*stages, f"{chance.choice(['', 'f = '])}{' + '.join(names)}"])
    options = chance.choice([{}, {"expand": True}, {"fuse": True}])
    return GATES + text, {n: chance.uniform(-2, 2) for n in "xyz"}, options


@functools.cache
def traces() -> list[Record]:
    found = [backtrace.trace(*case, check=False) for case in (LSTM, LAYERS, OWN, SHARED)]
    found += [backtrace.trace(*case, check=False, expand=True) for case in (LSTM, OWN, SHARED)]
    found += [backtrace.trace(*random_stages(random.Random(k), 20), check=False) for k in range(3)]
    for seed in range(60):
        formula, point, options = random_case(seed)
        found.append(backtrace.trace(formula, point, check=False, **options))
    for k, case in enumerate([*published()[::5], *published_arrays()[::2]]):
        options = {"expand": True} if k % 2 else {}
        found.append(backtrace.trace(case["formula"], case["point"], check=False, **options))
    return found


@pytest.fixture(scope="module", params=range(8))
def records(request: pytest.FixtureRequest) -> list[Record]:
    return traces()[request.param :: 8]


def cuts(found: Sequence[Box]) -> list[list[Box]]:
    """Some choices of boxes to fold, none inside another: the outermost, the innermost, each."""
    parents = {box.parent for box in found}
    outer = [box for box in found if box.parent is None]
    inner = [box for place, box in enumerate(found) if place not in parents]
    return [outer, inner, *([box] for box in found[:6])]


def close(mine: object, theirs: object) -> bool:
    return np.allclose(mine, theirs, rtol=1e-12, atol=1e-300, equal_nan=True)


def test_boxes_hold_what_only_they_use_and_lie_apart_or_inside(records: list[Record]) -> None:
    seen = 0
    for record in records:
        graph, found = record.graph, boxes(record)
        seen += len(found)
        for place, box in enumerate(found):
            inside = set(box.members)
            assert 2 <= len(inside) < graph.gate_count
            assert list(box.members) == sorted(inside)
            for member in inside - {box.output}:
                assert graph.consumers[member]
                assert {gate for gate, _ in graph.consumers[member]} <= inside
                assert member != graph.output
            assert all(graph.nodes[member].gate is not None for member in inside)
            if box.parent is not None:
                assert box.parent < place
                assert inside < set(found[box.parent].members)
        for one, other in combinations(found, 2):
            shared = set(one.members) & set(other.members)
            assert shared in (set(), set(one.members), set(other.members))
            assert set(one.members) != set(other.members)
    assert seen > 20


def test_every_gate_is_in_one_box_or_drawn_itself(records: list[Record]) -> None:
    for record in records:
        for closed in cuts(boxes(record)):
            drawn = folded(record, closed)
            hidden = [m for box in drawn.folded.values() for m in box.members]
            outside = [k for n, k in enumerate(drawn.nodes_of) if n not in drawn.folded]
            assert sorted([*hidden, *outside]) == list(range(len(record.graph.nodes)))


def test_numbers_on_the_wires_are_the_record_s(records: list[Record]) -> None:
    """A box's wire carries what the gates inside hand back along it, added up; so gradients add at
    every node of the folded drawing too, to what the record has."""
    for record in records:
        for closed in cuts(boxes(record)):
            drawn = folded(record, closed)
            assert drawn.nodes_of[drawn.graph.output] == record.graph.output
            every = [way for ways in drawn.ways for wire in ways for way in wire]
            assert len(set(every)) == len(every)
            assert all(drawn.values[p] is record.values[k] for p, k in enumerate(drawn.nodes_of))
            for place, index in enumerate(drawn.nodes_of):
                assert drawn.upstreams[place] is record.upstreams[index]
                for k, source in enumerate(drawn.graph.inputs_of[place]):
                    ways = drawn.ways[place][k]
                    behind = {record.graph.inputs_of[gate][slot] for gate, slot in ways}
                    assert behind == {drawn.nodes_of[source]}
                    sent = [record.downstreams[gate][slot] for gate, slot in ways]
                    assert close(drawn.downstreams[place][k], sum(sent[1:], start=sent[0]))
                arrived = [drawn.downstreams[g][k] for g, k in drawn.graph.consumers[place]]
                if arrived and index != record.graph.output:
                    assert np.allclose(
                        sum(arrived[1:], start=arrived[0]),
                        record.upstreams[index],
                        rtol=1e-9,
                        atol=1e-12,
                        equal_nan=True,
                    )


def test_unfolded_is_as_written(records: list[Record]) -> None:
    for k, record in enumerate(records[::2]):
        plain = folded(record, [])
        assert plain.graph == record.graph
        assert plain.downstreams == record.downstreams or record.has_arrays
        if record.graph.gate_count <= SMALL:
            format = PICTURES[k % len(PICTURES)]
            assert draw(record, format, View()) == draw(record, format, View(fold="none"))


def test_every_format_draws_the_folded_state(records: list[Record]) -> None:
    for record in records[::9]:
        names = {box.name for box in drawing(record, View(fold="all")).folded.values()}
        for format in PICTURES:
            text = draw(record, format, View(fold="all"))
            assert text == draw(record, format, View(fold="all"))
            if format == "svg":
                said = {e.text for e in ET.fromstring(text).iter() if e.tag.endswith("text")}
                assert names <= said
            assert (text == draw(record, format, View(fold="none"))) == (not names)


def meets(drawn: Scene) -> list[tuple[str, str]]:
    """Pairs of nodes, with their numbers, that lie over one another."""
    spans = [
        (s.label, s.x - s.width / 2, s.wire[1], s.y - s.height / 2, s.y + s.height / 2)
        for s in drawn.signs
    ]
    return [
        (one[0], other[0])
        for one, other in combinations(spans, 2)
        if one[1] < other[2] and other[1] < one[2] and one[3] < other[4] and other[3] < one[4]
    ]


def test_nothing_lies_over_anything_when_folded(records: list[Record]) -> None:
    for record in records[::2]:
        for closed in cuts(boxes(record))[:2]:
            drawn = placed(folded(record, closed), View())
            assert meets(drawn) == []
            assert all(
                0 <= s.wire[1] <= drawn.width and 0 < s.y < drawn.height for s in drawn.signs
            )


def test_an_lstm_step_is_six_boxes_on_one_page() -> None:
    drawn = scene(backtrace.trace(*LSTM, check=False), View(fold="all"))
    assert [s.label for s in drawn.signs if s.kind == "box"] == ["i", "f", "o", "g", "c_1", "h_1"]
    assert not [s for s in drawn.signs if s.kind == "gate"]
    assert drawn.width <= 1200
    for gate in "ifog":  # the box's own inputs stand together, as they are read
        own = [s for s in drawn.signs if s.label.endswith(f"_{gate}")]
        order = [s.label for s in sorted(own, key=lambda s: s.y)]
        assert order == [f"w_{gate}", f"u_{gate}", f"b_{gate}"]
        between = [s for s in drawn.signs if s.x == own[0].x and own[0].y < s.y < own[-1].y]
        assert {s.label for s in between} <= {f"u_{gate}"}


def test_twelve_layers_are_thirteen_boxes_in_a_row() -> None:
    drawn = scene(backtrace.trace(*LAYERS, check=False), View(fold="all"))
    row = [s for s in drawn.signs if s.kind == "box"]
    assert [s.label for s in row] == [*(f"h{k + 1}" for k in range(12)), "L"]
    assert max(s.y for s in row[:12]) - min(s.y for s in row[:12]) < 1


@pytest.mark.parametrize("count", [4, pytest.param(40, marks=pytest.mark.slow)])
def test_auto_folds_above_forty_gates_and_what_is_wide(count: int) -> None:
    seen = set()
    long = "s0 = x*y; " + "; ".join(f"s{k + 1} = s{k}*x + 1" for k in range(22)), {"x": 1, "y": 1}
    few = "a = x + y; b = a*a + y; c = b*a + x; a*b*c", {"x": 1, "y": 2}
    chain = "+".join(f"x*a{k}" for k in range(6)), {"x": 1} | {f"a{k}": 1 for k in range(6)}
    wide = f"p = {chain[0]}; p*p + x", dict.fromkeys(chain[1], 1.234e-07)
    cases = [(c, {}) for c in (LSTM, LAYERS, SHARED, OWN, long, few, chain, wide)]
    cases += [((f, p), o) for f, p, o in map(random_case, range(count))]
    for case, options in cases:
        trace = backtrace.trace(*case, check=False, **options)
        gates, opened = trace.graph.gate_count, drawing(trace, View(fold="none"))
        assert not opened.folded
        is_wide = placed(opened, View(), has_title=False).width > WIDEST
        is_large = gates > FOLDS_FROM or (gates > SMALL and is_wide)
        closed = bool(drawing(trace, View()).folded)
        assert closed == (is_large and bool(boxes(trace)))
        seen.add((is_wide, gates > FOLDS_FROM, closed))
    assert {(True, False, True), (False, False, False), (True, True, True)} <= seen


def test_an_lstm_step_opens_as_six_boxes() -> None:
    trace = backtrace.trace(*LSTM, check=False)
    for format in PICTURES:
        assert draw(trace, format, View()) == draw(trace, format, View(fold="all"))


@pytest.mark.slow
def test_how_wide_it_is_costs_a_fraction_of_the_picture() -> None:
    def seconds(work: Callable[[], object]) -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    asked = drawn = 0.0
    for record in traces():
        if SMALL < record.graph.gate_count <= FOLDS_FROM and boxes(record):
            found = boxes(record)
            asked += seconds(lambda r=record, f=found: closed_at_first(r, View(), f))
            drawn += seconds(lambda r=record: draw(r, "svg", View(fold="none")))
    assert asked < drawn / 2


def test_boxes_inside_boxes_fold_outermost_first() -> None:
    trace = backtrace.trace(*OWN, check=False, expand=True)
    outer = drawing(trace, View(fold="all"))
    assert {box.name for box in outer.folded.values()} >= {"p", "q"}
    assert {box.name for box in boxes(trace)} >= {"p", "q", "unit"}


def test_a_picture_of_one_box_shows_what_is_in_it() -> None:
    formula = f"{GATES}q = unit(x, y, z)*unit(y, z, x) + unit(z, x, y); q + 1"
    trace = backtrace.trace(formula, {"x": 1, "y": 2, "z": 3}, check=False, expand=True)
    found = boxes(trace)
    assert [box.name for box in found if box.parent is None] == ["q"]
    drawn = drawing(trace, View(fold="all"))
    assert [box.name for box in drawn.folded.values()] == ["unit"] * 3


def test_what_several_stages_share_stands_outside() -> None:
    formula = "s = x*y + 1; p = s*2 + 1; q = s*3 + 1; sin(p)*cos(q)*s"
    trace = backtrace.trace(formula, {"x": 2, "y": 3}, check=False)
    drawn = drawing(trace, View(fold="all"))
    named = {box.name: place for place, box in drawn.folded.items()}
    assert set(named) == {"s", "p", "q"}
    assert drawn.graph.inputs_of[named["p"]] == drawn.graph.inputs_of[named["q"]] == (named["s"],)
    assert len(drawn.graph.nodes) == 2 + 3 + 4  # x, y, the boxes, and the result's own gates


def test_blanks_and_what_is_not_finite_fold_too() -> None:
    from backtrace.tracing.worksheet import blanked

    trace = blanked(backtrace.trace(*LSTM, check=False), "all")
    assert "____" in draw(trace, "dot", View(fold="all"))
    assert "stroke-dasharray" in draw(trace, "svg", View(fold="all"))
    bad = backtrace.trace("q = exp(x)*exp(x)*y; r = log(q - q) + y; q*r", {"x": 800, "y": 1})
    assert "inf" in draw(bad, "svg", View(fold="all"))


def test_names_of_boxes_are_never_markup_nor_signs() -> None:
    """A stage that has a gate's name is a box of its name."""
    formula = "neg = x*y + 1; index = neg*x + 2; identity = index*neg - x; identity*y"
    trace = backtrace.trace(formula, {"x": 2, "y": 3}, check=False)
    for format in PICTURES:
        text = draw(trace, format, View(fold="all"))
        for name in ("neg", "index", "identity"):
            assert re.search(rf"\b{name}\b", text), (format, name)
        assert "*-1" not in text


def test_a_thousand_gates_fold_in_linear_time() -> None:
    def seconds(stages: int) -> float:
        steps = (f"s{k + 1} = tanh(s{k}*x + y)*s{k} + exp(-s{k})" for k in range(stages))
        trace = backtrace.trace("; ".join(["s0 = x*y", *steps]), {"x": 0.1, "y": 0.2}, check=False)
        best = math.inf
        for _ in range(3):
            start = time.perf_counter()
            drawn = folded(trace, boxes(trace))
            best = min(best, time.perf_counter() - start)
        assert isinstance(drawn, Drawing)
        assert len(drawn.folded) == stages
        return best

    assert seconds(600) < 8 * seconds(150) + 0.05


def test_the_command_folds(backtrace_command: Command, tmp_path: object) -> None:
    point = [f"{name}={value}" for name, value in LSTM[1].items()]
    shown = backtrace_command(LSTM[0], *point, "--no-check", "--fold", "all", "--format", "mermaid")
    assert shown.out.count(":::box") == 6
    plain = backtrace_command(LSTM[0], *point, "--no-check", "--format", "mermaid")
    assert plain.out == shown.out
    open_ = backtrace_command(
        LSTM[0], *point, "--no-check", "--fold", "none", "--format", "mermaid"
    )
    assert ":::box" not in open_.out
    path = str(tmp_path / "t.json")
    assert backtrace_command(LSTM[0], *point, "--no-check", "-o", path).status == 0
    again = backtrace_command("render", path, "--fold", "all", "--format", "mermaid")
    assert again.out == shown.out
    assert backtrace_command("x*y", "x=1", "y=2", "--fold", "some").status == 2
