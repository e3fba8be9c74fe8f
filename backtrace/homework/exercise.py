"""Exercises: a formula of given gates with so many branches, at a point that tells mistakes apart.

The same seed gives the same exercise, so a student's name can be the seed.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backtrace.errors import BacktraceError, UsageError, near_misses
from backtrace.formula.parser import parse
from backtrace.formula.printer import source
from backtrace.gates import GATES, Gate
from backtrace.homework.points import suggest, words
from backtrace.language import tell
from backtrace.numbers import json_text, number, one_line, plain
from backtrace.render import View, draw
from backtrace.tracing.trace import Trace
from backtrace.tracing.tracer import trace
from backtrace.tracing.worksheet import blanked

SCHEMA = "backtrace.exercise/1"
MOST_GATES = 40
_NAMES = "xyzwabcduvpqrst"
_TRIES, _PATIENCE = 24, 3
_EXPONENTS = ("2", "3")
_POINTS = 12
_LEAST, _MOST = 0.001, 1000.0
DIGITS = 4
"""Digits that are due."""


@dataclass(frozen=True, slots=True)
class Exercise:
    """The formula at its point, traced: the key. `seed` makes it again."""

    seed: str
    trace: Trace

    def __repr__(self) -> str:
        return one_line(f"<Exercise {self.seed}: {self.trace.formula}>")

    @property
    def answers(self) -> dict[str, str]:
        """Every gradient that is asked for, by its name, at 4 digits."""
        graph, upstreams = self.trace.graph, self.trace.upstreams
        return {f"d{name}": number(upstreams[i], DIGITS) for name, i in graph.inputs.items()}


def known_gates(names: Sequence[str]) -> list[Gate]:
    """The gates of an exercise. Raises UsageError for what is none, or needs arrays."""
    possible = {g.name: g for g in GATES.values() if _is_possible(g)}
    found = []
    for name in names:
        if name not in possible:
            near = near_misses(name, list(possible))
            hint = (
                tell("did you mean {near}?", near=near[0])
                if near
                else tell("backtrace gates lists them")
            )
            raise UsageError(
                tell("there is no gate '{name}' for an exercise", name=name), hint=hint
            )
        found.append(possible[name])
    if not 0 < len(found) <= MOST_GATES:
        raise UsageError(
            tell("an exercise has 1 to {most_gates} gates", most_gates=MOST_GATES),
            hint=tell("--gates add,mul,max"),
        )
    return found


def _is_possible(gate: Gate) -> bool:
    is_plain = not (gate.is_of_arrays or gate.is_comparison or gate.is_flat)
    return is_plain and gate.name not in ("where", "identity")


def exercise(names: Sequence[str], forks: int = 0, seed: str = "0") -> Exercise:
    """An exercise of the gates named (twice for two), in which `forks` variables are used twice.
    Raises UsageError where that cannot be."""
    gates = known_gates(names)
    room = room_for_forks(gates)
    if not 0 <= forks <= room:
        most = tell("{room} at most: {open} inputs are open", room=room, open=_open(gates))
        raise UsageError(
            tell("these gates have no room for {forks} forks ({most})", forks=forks, most=most)
        )
    digest = hashlib.sha256(f"{','.join(names)} {forks} {seed}".encode("utf-8", "replace")).digest()
    chance = random.Random(digest)
    spare: tuple[str, Mapping[str, Any]] | None = None
    for turn in range(_TRIES):
        formula = source(parse(_formula(gates, forks, chance)))
        try:
            found, _own = suggest(formula, {}, chance.randrange(2**31), tries=_POINTS)
        except BacktraceError:  # ln(-x^2): no point at all
            continue
        tried = trace(formula, found.point, check=False)
        if any(note.kind == "kink" for note in tried.notes):
            continue
        sizes = list(tried.gradients.values())
        if all(map(_is_plain, sizes)):
            spare = formula, found.point
            break
        if any(sizes) and all(not size or _is_plain(size) for size in sizes):
            spare = spare or (formula, found.point)  # what loses a max has no gradient
        if spare is not None and turn >= _PATIENCE:
            break
    key = trace(*spare) if spare is not None else None
    if key is None or not key.ok:
        raise UsageError(
            tell("no point tells anything of these gates"),
            hint=tell("another --seed, fewer --forks"),
        )
    return Exercise(seed, key)


def room_for_forks(gates: Sequence[Gate]) -> int:
    """How many variables may be used twice."""
    return _open(gates) // 2


def _open(gates: Sequence[Gate]) -> int:
    return 1 + sum(_inputs(gate) - 1 for gate in gates)


def _is_plain(size: float) -> bool:
    """Whether a number can be written with 4 digits, and something is to be seen."""
    return _LEAST <= abs(size) <= _MOST


def _inputs(gate: Gate) -> int:
    """How many of the gate's inputs are open: the exponent of a power is a number."""
    if gate.variadic:
        return 2
    return len(gate.parameters) - len({*gate.defaults, *gate.fixed}) - (gate.name == "pow")


@dataclass(slots=True)
class _Leaf:
    """A place for a variable, or for a gate with leaves of its own."""

    gate: Gate | None = None
    below: tuple[_Leaf, ...] = ()
    name: str = ""
    exponent: str = ""


def _formula(gates: Sequence[Gate], forks: int, chance: random.Random) -> str:
    """A tree of the gates, in any order; then variables at its leaves, some of them twice."""
    root = _Leaf()
    leaves = [root]
    made = [root]
    for gate in chance.sample(list(gates), len(gates)):
        leaf = leaves.pop(chance.randrange(len(leaves)))
        leaf.gate, leaf.exponent = gate, chance.choice(_EXPONENTS)
        leaf.below = tuple(_Leaf() for _ in range(_inputs(gate)))
        leaves += leaf.below
        made += leaf.below
    chance.shuffle(leaves)
    siblings = {id(leaf): id(one) for one in made for leaf in one.below}
    for index, leaf in enumerate(leaves[: 2 * forks : 2]):
        pair = leaves[2 * index + 1]
        if siblings.get(id(leaf)) == siblings.get(id(pair)):  # x + x teaches nothing
            for other in range(2 * index + 2, len(leaves)):
                if siblings.get(id(leaves[other])) != siblings.get(id(leaf)):
                    leaves[2 * index + 1], leaves[other] = leaves[other], pair
                    break
    order = {id(leaf): max(index - forks, index // 2) for index, leaf in enumerate(leaves)}
    return _text(root, made, order)


def _text(root: _Leaf, made: Sequence[_Leaf], order: Mapping[int, int]) -> str:
    """Gates from the last made to the first, so that nothing recurses; variables by the alphabet,
    in the order in which they are written."""
    texts: dict[int, str] = {}
    for leaf in reversed(made):
        if leaf.gate is None:
            texts[id(leaf)] = f"\0{order[id(leaf)]}\0"
        else:
            texts[id(leaf)] = f"({_written(leaf, [texts[id(one)] for one in leaf.below])})"
    pieces = texts[id(root)].split("\0")
    names: dict[str, str] = {}
    for index in range(1, len(pieces), 2):
        pieces[index] = names.setdefault(pieces[index], _name(len(names)))
    return "".join(pieces)


def _name(index: int) -> str:
    return _NAMES[index] if index < len(_NAMES) else f"x{index}"


def _written(leaf: _Leaf, operands: Sequence[str]) -> str:
    gate = leaf.gate
    assert gate is not None
    if gate.name == "pow":
        return f"{operands[0]}^{leaf.exponent}"
    if gate.operator:
        return gate.operator.join(operands) if len(operands) > 1 else f"-{operands[0]}"
    return f"{gate.word}({', '.join(operands)})"


def sheet(made: Exercise, format: str, view: View, with_key: bool) -> str:
    """The exercise as text: the trace with blanks and how to check what is written there, or (with
    the key) the trace itself. `toml` is the problem for an assignment."""
    if format == "json":
        return json_text(as_object(made), indent=2) + "\n"
    if format == "toml":
        return _as_problem(made)
    shown = made.trace if with_key else blanked(made.trace, "all")
    text = draw(shown, format, view)
    if with_key:
        return text
    asked = " ".join(f"{name}=..." for name in made.answers)
    how = tell(
        'backtrace check "{formula}" {words} {asked}',
        formula=made.trace.formula,
        words=words(made.trace.point),
        asked=asked,
    )
    lead, tick = ("", "`") if format == "markdown" else ("  ", "")
    return tell(
        "{text}\ncheck it, with 4 digits:\n\n{lead}{tick}{how}{tick}\n",
        text=text,
        lead=lead,
        tick=tick,
        how=view.text(how),
    )


def as_object(made: Exercise) -> dict[str, Any]:
    """The object backtrace.exercise/1, the key with it."""
    return {
        "schema": SCHEMA,
        "seed": made.seed,
        "formula": made.trace.formula,
        "point": {name: plain(float(value)) for name, value in made.trace.point.items()},
        "ask": list(made.answers),
        "key": made.answers,
    }


def _as_problem(made: Exercise) -> str:
    point = ", ".join(f"{name} = {plain(float(v))!r}" for name, v in made.trace.point.items())
    ask = ", ".join(f'"{name}"' for name in made.answers)
    id = "".join(c if c.isalnum() and c.isascii() else "-" for c in made.seed)
    lines = ["[[problem]]", f'id = "{id}"', f'formula = "{made.trace.formula}"']
    return "\n".join([*lines, f"point = {{ {point} }}", f"ask = [{ask}]"]) + "\n"
