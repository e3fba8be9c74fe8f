"""Wires in the terminal: a reader who follows the characters from a node arrives at the gates that
it feeds, and at no other."""

from __future__ import annotations

import random

import pytest

import backtrace
from backtrace.graph.record import Record
from backtrace.render import View, draw
from backtrace.render.wires import Drawing
from tests.conftest import published

NEURON = ("1/(1+exp(-(w0*x0+w1*x1+w2)))", {"w0": 2, "x0": -1, "w1": -3, "x1": -2, "w2": -3})
WAYS = {"─": "lr", "│": "ud", "╮": "ld", "╯": "lu", "╭": "rd", "╰": "ru"}
WAYS |= {"┬": "lrd", "┴": "lru", "┤": "lud", "├": "rud", "┼": "lrud", "●": "lrud"}
STEP = {"l": (0, -1), "r": (0, 1), "u": (-1, 0), "d": (1, 0)}
BACK = {"l": "r", "r": "l", "u": "d", "d": "u"}


def arrivals(lines: list[str], row: int, column: int) -> set[tuple[int, int]]:
    """Where a reader who starts to the right arrives: the places of "(". At ● a wire branches;
    elsewhere wires that touch come together, and go on to the right. A wire across jumps an upright
    one."""
    found, seen, todo = set(), set(), [(row, column, "r")]
    while todo:
        state = todo.pop()
        if state in seen:
            continue
        seen.add(state)
        row, column, way = state
        row, column = row + STEP[way][0], column + STEP[way][1]
        here = lines[row][column] if 0 <= row < len(lines) and column < len(lines[row]) else " "
        ways = WAYS.get(here, "")
        if here == "(" and way == "r":
            found.add((row, column))
        elif BACK[way] not in ways:
            todo += [(row, column, "r")] * (way == "r" and here == "│")
        elif here == "●":
            todo += [(row, column, w) for w in "rud"]
        elif way == "r":
            todo += [(row, column, w) for w in ("r" if "r" in ways else "ud") if w in ways]
        else:
            todo += [(row, column, w) for w in ("r", way) if w in ways]
    return found


def read(trace: Record) -> str:
    """Follows every wire; "" where they are drawn, else why not."""
    drawing = Drawing(trace, View(width=10_000))
    if drawing.reason:
        return drawing.reason
    lines = [line.plain for line in drawing.grid.lines()]
    for source in range(len(trace.graph.nodes)):
        wanted = {drawing.place(g) for g, s in enumerate(trace.graph.inputs_of) if source in s}
        row, column = drawing.place(source)
        end = column + len(drawing.name(source)) - 1
        assert arrivals(lines, row, end) == wanted, (source, "\n".join(lines))
    return ""


def random_formula(chance: random.Random) -> tuple[str, dict[str, float]]:
    inputs = [f"x{k}" for k in range(chance.randrange(2, 5))]
    names = list(inputs)
    stages = []
    for k in range(chance.randrange(2, 12)):
        a, b, c = (chance.choice(names) for _ in range(3))
        kinds = [f"{a} + {b}", f"{a} * {b}", f"max({a}, {b}, {c})", f"exp({a})"]
        stages.append(f"s{k} = {chance.choices(kinds, [5, 5, 2, 2])[0]}")
        names.append(f"s{k}")
    last = " + ".join(names) if chance.random() < 0.5 else " * ".join([*inputs, names[-1]])
    return "; ".join([*stages, f"f = {last}"]), {name: 0.3 + k for k, name in enumerate(inputs)}


@pytest.mark.parametrize("seed", range(60))
def test_every_wire_arrives(seed: int) -> None:
    formula, point = random_formula(random.Random(seed))
    assert read(backtrace.trace(formula, point, check=False)) == ""


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_every_wire_of_many_arrives(block: int) -> None:
    for seed in range(100 + 100 * block, 200 + 100 * block):
        formula, point = random_formula(random.Random(seed))
        assert read(backtrace.trace(formula, point, check=False)) == ""


@pytest.mark.parametrize("case", published(), ids=lambda case: case["id"])
def test_every_wire_of_a_published_case_arrives(case: dict) -> None:
    assert read(backtrace.trace(case["formula"], case["point"], check=False)) in (
        "",
        "the operands would change places",
    )


def test_the_reader_sees_a_wrong_wire() -> None:
    """The test of the tests: with one wire cut, or led to another gate, the reader does not
    arrive."""
    lines = ["x──●─(×)──", "   ╰─(+)──"]
    assert arrivals(lines, 0, 0) == {(0, 5), (1, 5)}
    assert arrivals([lines[0], "   ╰ (+)──"], 0, 0) == {(0, 5)}
    assert arrivals(["x──┬─(×)──", "   ╰─(+)──"], 0, 0) == {(0, 5)}


def test_wires_by_hand() -> None:
    text = draw(
        backtrace.trace("(x+y)*z", {"x": -2, "y": 5, "z": -4}, check=False), "wires", View()
    )
    assert text.splitlines()[3:11] == [
        "  -2",
        "x────╮      3",
        "  -4 ├─(+)────╮",
        "   5 │     -4 │     -12",
        "y────╯        ├─(×)─────",
        "  -4       -4 │       1",
        "         z────╯",
        "            3",
    ]


def test_wires_fall_back_to_the_tree() -> None:
    for formula, point, width, why in [
        (*NEURON, 60, "columns wide"),
        ("x - y/x", {"x": 2, "y": 3}, 80, "change places"),
    ]:
        text = draw(backtrace.trace(formula, point, check=False), "wires", View(width=width))
        assert text.startswith("(no wires: ")
        assert why in text.splitlines()[0]
        assert "└── " in text
