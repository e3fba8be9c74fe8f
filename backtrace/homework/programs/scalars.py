"""Programs of numbers: one gate (level 1), chains with a branch (level 2)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from backtrace.homework.programs.program import Program, Step
from backtrace.language import tell

_NAMES = ("x", "y", "z", "w")
_STAGES = ("q", "r", "s", "u")


class _Row(NamedTuple):
    """A gate as NumPy writes it: {a} and {b} are its operands, {o} what it gives, {d} upstream."""

    text: str
    back: tuple[str, ...]


_ROWS = (
    _Row("{a} * {b}", ("{d} * {b}", "{d} * {a}")),
    _Row("{a} + {b}", ("{d}", "{d}")),
    _Row("{a} - {b}", ("{d}", "-{d}")),
    _Row("{a} / {b}", ("{d} / {b}", "-{d} * {a} / {b}**2")),
    _Row("np.maximum({a}, {b})", ("{d} * ({a} > {b})", "{d} * ({b} > {a})")),
    _Row("{a}**2", ("{d} * 2 * {a}",)),
    _Row("{a}**3", ("{d} * 3 * {a}**2",)),
    _Row("1 / (1 + np.exp(-{a}))", ("{d} * {o} * (1 - {o})",)),
    _Row("np.tanh({a})", ("{d} * (1 - {o}**2)",)),
    _Row("np.exp(-{a})", ("-{d} * {o}",)),
    _Row("np.sin({a})", ("{d} * np.cos({a})",)),
)
_OF_TWO = tuple(row for row in _ROWS if len(row.back) == 2)
_OF_ONE = tuple(row for row in _ROWS if len(row.back) == 1)


def _step(row: _Row, name: str, operands: Sequence[str]) -> Step:
    words = {"a": operands[0], "b": operands[-1], "o": name, "d": f"d{name}"}
    back = {o: part.format(**words) for o, part in zip(operands, row.back, strict=True)}
    return Step(name, row.text.format(**words), back)


def _program(about: str, steps: Sequence[Step], inputs: Sequence[str]) -> Program:
    """The inputs have no values yet; the loss takes the last stage times a weight c, so that its
    gradient is not 1."""
    last = steps[-1].name
    loss = Step("loss", f"c * {last}", {last: "c"})
    return Program(about, dict.fromkeys([*inputs, "c"], 0.0), (*steps, loss))


def one_gate(chance: random.Random) -> Program:
    """f = x * y."""
    row = chance.choice(_ROWS)
    operands = _NAMES[: len(row.back)]
    return _program(tell("one gate"), [_step(row, "f", operands)], operands)


def branches(chance: random.Random) -> Program:
    """Three to five different gates, each of which takes the one before; a name is used twice."""
    while True:
        found = _chain(chance)
        uses = [name for step in found.steps for name in step.back]
        if len(uses) > len(set(uses)) and set(found.given) <= {*uses, "c"}:
            return found


def _chain(chance: random.Random) -> Program:
    inputs = list(_NAMES[: chance.choice((2, 3))])
    stages = [*_STAGES[: chance.choice((2, 3, 4))], "f"]
    rows = _rows(len(stages), chance)
    steps = [_step(rows[0], stages[0], inputs[: len(rows[0].back)])]
    for name, row in zip(stages[1:], rows[1:], strict=True):
        last = steps[-1].name
        others = [*inputs, *(step.name for step in steps[:-1])]
        operands = [last, chance.choice(others)][: len(row.back)]
        chance.shuffle(operands)
        steps.append(_step(row, name, operands))
    return _program(tell("a chain with a branch"), steps, inputs)


def _rows(count: int, chance: random.Random) -> list[_Row]:
    """Different gates, no more than two of them of one input."""
    alone = chance.sample(_OF_ONE, min(2, count - 2))
    rows = [*alone, *chance.sample(_OF_TWO, count - len(alone))]
    chance.shuffle(rows)
    return rows
