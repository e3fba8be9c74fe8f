"""Points that tell mistakes apart.

At a nice point many slips change no number (an upstream of 1, a dead ReLU) or give the same one
(x = y). A telling point has small decimals, nothing that is 0, 1 or equal to something else, no
kink nearby; and of many such points, the one where the most mistakes lead to different answers.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backtrace.algebra.values import shape_of
from backtrace.errors import BacktraceError, UsageError
from backtrace.formula.parser import parse
from backtrace.formula.point import Given, read_mapping
from backtrace.gates.shapes import Shape
from backtrace.graph import Constant, Graph
from backtrace.graph.record import Granularity, Record
from backtrace.homework.problem import ALL_WIRES, MOST_EDGES, Problem, problem_of
from backtrace.language import tell
from backtrace.numbers import nested, plain

SCHEMA = "backtrace.point/1"
_TRIES = 60
_REPLAYS = 20_000  # gates times mistakes times points
_DIGITS = 4
_NEAR = 0.05
_BELOW = 3
_LEAST, _MOST = 0.01, 1000.0
_CLASSES = {"cross_entropy": 1, "pick": 1, "nll": 1, "take": 1, "lookup": 1, "one_hot": 0}
"""Which operand of a gate is a class or a place."""


@dataclass(frozen=True, slots=True)
class Telling:
    """A point; of the `mistakes` that change an answer at some point, how many change none here
    (`hidden`), and how many different wrong answers the others lead to (`apart`)."""

    point: Mapping[str, Any]
    mistakes: int
    hidden: int
    apart: int


@dataclass(frozen=True, slots=True)
class _Seen:
    """A problem's answers at 4 digits, by the mistake they come from; without those that are right
    all the same."""

    problem: Problem
    answers: Mapping[tuple[Any, ...], tuple[str, ...]]

    def telling(self, mistakes: set[tuple[Any, ...]]) -> Telling:
        changed = [self.answers[key] for key in mistakes if key in self.answers]
        hidden = len(mistakes) - len(changed)
        return Telling(self.problem.record.point, len(mistakes), hidden, len(set(changed)))


def suggest(
    formula: str,
    shapes: Mapping[str, Shape],
    seed: int = 0,
    given: Mapping[str, Given] | None = None,
    tries: int = _TRIES,
    below: int = _BELOW,
) -> tuple[Telling, Telling | None]:
    """The most telling of many points, and the same of the point that is given, if it is whole.
    `shapes` are those of the variables that are arrays; all sizes are smaller than `below`. Raises
    UsageError where no point has only finite numbers."""
    graph = parse(formula, shapes.keys())
    if not graph.inputs:
        raise UsageError(tell("the formula has no variables, so there is no point to choose"))
    tried = list(_tried(formula, graph, shapes, seed, tries, given or {}, below))
    own = None
    if given and set(given) == set(graph.inputs):
        own = _seen(problem_of(formula, given, Granularity(), is_for_answers=False))
    mistakes = {key for seen in [*tried, *([own] if own else [])] for key in seen.answers}
    found = [(seen, seen.telling(mistakes)) for seen in tried]
    best = max(found, key=_rank)
    return best[1], own.telling(mistakes) if own else None


def telling_points(
    formula: str, graph: Graph, given: Mapping[str, float], tries: int = 12
) -> Iterator[dict[str, float]]:
    """The most telling of some points of numbers first."""
    near = read_mapping(given)
    try:
        tried = list(_tried(formula, graph, {}, 0, tries, near, _BELOW))
    except UsageError:  # none where every number is finite
        return
    mistakes = {key for seen in tried for key in seen.answers}
    for seen in sorted(tried, key=lambda s: _rank((s, s.telling(mistakes))), reverse=True):
        yield dict(seen.problem.record.point)


def _rank(found: tuple[_Seen, Telling]) -> tuple[int, ...]:
    """No saturated sigmoids and no huge numbers; then what tells most; then what reads best."""
    seen, told = found
    record = seen.problem.record
    return -_extremes(record), told.apart, -told.hidden, -_plain_numbers(record)


def _extremes(record: Record) -> int:
    """How many numbers are very large or small; and a kink counts as many."""
    at_kink = any(note.kind == "kink" for note in record.notes)
    sizes = [np.ravel(np.abs(number)) for number in (*record.values, *record.upstreams)]
    return sum(int(np.sum((n != 0) & ((n < _LEAST) | (n > _MOST)))) for n in sizes) + 100 * at_kink


def _tried(
    formula: str,
    graph: Graph,
    shapes: Mapping[str, Shape],
    seed: int,
    tries: int,
    given: Mapping[str, Given],
    below: int,
) -> Iterator[_Seen]:
    """The points where every number is finite: fewer of a large graph; near the given one where
    others have none. Raises UsageError where there is none, or the graph is too large."""
    chance = random.Random(seed)
    tried = 0
    for is_near in (False, True)[: 1 + (set(given) == set(graph.inputs))]:
        left = tries if not tried else 0
        while left > 0:
            left -= 1
            point = _near(given, chance) if is_near else _candidate(graph, shapes, chance, below)
            for name in class_inputs(graph):
                point[name] = given[name].value if name in given else 0
            try:
                problem = problem_of(
                    formula, read_mapping(point), Granularity(), is_for_answers=False
                )
            except BacktraceError:  # outside a domain, perhaps
                continue
            tried += 1
            if problem.record.graph.edge_count > MOST_EDGES:
                what = tell(
                    "every mistake at {edge_count:,} wires is too much",
                    edge_count=problem.record.graph.edge_count,
                )
                raise UsageError(what, hint=tell("a smaller formula, or a part of this one"))
            left = min(left, _REPLAYS // (len(graph.nodes) * max(1, len(problem.plants))))
            yield _seen(problem)
    if not tried:
        name = next(iter(graph.inputs))
        raise UsageError(
            tell("no point was found where every number is finite"),
            hint=tell("give one to begin at: {name}=...", name=name),
        )


def _near(given: Mapping[str, Given], chance: random.Random) -> dict[str, Any]:
    """The point that was given, moved a little, to two decimals."""
    point = {}
    for name, value in given.items():
        flat = [round(float(v) * chance.uniform(0.7, 1.3), 2) for v in np.ravel(value.value)]
        point[name] = np.reshape(flat, value.shape).tolist() if value.shape else flat[0]
    return point


def class_inputs(graph: Graph) -> list[str]:
    """Variables that are numbers of classes or places: only whole ones mean something."""
    return [
        name
        for name, index in graph.inputs.items()
        for gate, _ in graph.consumers[index][:1]
        if (kind := graph.nodes[gate].gate) is not None
        and graph.nodes[gate].operands.index(index) == _CLASSES.get(kind.name, -1)
    ]


def _seen(problem: Problem) -> _Seen:
    asked = list(problem.record.graph.inputs.values())
    right = _written([problem.record.upstreams[i] for i in asked])
    found: dict[tuple[Any, ...], tuple[str, ...]] = {}
    for plant in problem.plants:
        if plant.key[1] == ALL_WIRES:  # made of others
            continue
        answers = _written([plant.gradients[i] for i in asked])
        if answers != right:
            found[plant.code, *plant.key] = answers
    return _Seen(problem, found)


def _written(numbers: Sequence[Any]) -> tuple[str, ...]:
    return tuple(nested(np.asarray(number).tolist(), _DIGITS) for number in numbers)


def _candidate(
    graph: Graph, shapes: Mapping[str, Shape], chance: random.Random, below: int
) -> dict[str, Any]:
    """Small decimals, no two of the same size; half of the time all are positive."""
    is_positive = chance.random() < 0.5
    sizes = _sizes(chance, below)
    point = {}
    for name in graph.inputs:
        shape = shapes.get(name, ())
        entries = [
            next(sizes) * (1 if is_positive else chance.choice((1, -1)))
            for _ in range(int(np.prod(shape)))
        ]
        point[name] = np.reshape(entries, shape).tolist() if shape else entries[0]
    return point


def _sizes(chance: random.Random, below: int) -> Iterator[float]:
    """0.3, 1.7, 2.4, ...: tenths up to 3 that are not whole, then twentieths, and so on."""
    step = 10
    while True:
        sizes = [k / step for k in range(step // 5, below * step) if k % step]
        if step > 10:
            sizes = [size for size in sizes if round(size * step) % 2]  # the others have been
        chance.shuffle(sizes)
        yield from sizes
        step *= 2


def _plain_numbers(record: Record) -> int:
    """How many numbers of a trace do not tell: 0, 1, equal to another, or near a kink."""
    graph = record.graph
    found = 0
    values = [abs(v) for v in record.values if not shape_of(v)]
    gradients = [abs(v) for i, v in enumerate(record.upstreams) if i != graph.output]
    for numbers in (values, [g for g in gradients if not shape_of(g)]):
        found += len(numbers) - len({f"{number:.3g}" for number in numbers})
        found += sum(n in (0.0, 1.0) for n in numbers)
    for _, node, gate in graph.gates():
        if gate.kink is None:
            continue
        operands = [o for o in node.operands if type(o) is int]
        sizes = [record.values[o] for o in operands]
        if any(isinstance(o, Constant) for o in node.operands):
            sizes.append(0.0)
        flat = [float(entry) for size in sizes for entry in np.ravel(size)]
        flat += [0.0] * (len(flat) == 1)
        found += 3 * sum(abs(a - b) < _NEAR for i, a in enumerate(flat) for b in flat[:i])
    return found


def words(point: Mapping[str, Any]) -> str:
    """x=-0.5 W=[[1,2],[3,4]]: as it is typed."""
    return " ".join(f"{name}={_typed(np.asarray(v).tolist())}" for name, v in point.items())


def _typed(value: Any) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(_typed, value))}]"
    return repr(plain(value))


def sentences(found: Telling, own: Telling | None) -> list[str]:
    """What is to be said of the point that was found, and of the one that was given."""
    lines = [tell("a point that tells: {words}", words=words(found.point)), f"  {_counted(found)}"]
    if own is not None:
        lines += [tell("the given point {words}", words=words(own.point)), f"  {_counted(own)}"]
    return lines


def _counted(found: Telling) -> str:
    shown = found.mistakes - found.hidden
    what = tell(
        "of {mistakes} mistakes {shown} change an answer", mistakes=found.mistakes, shown=shown
    )
    hidden = tell("{hidden} stay hidden", hidden=found.hidden or tell("none"))
    return tell(
        "{what}, and lead to {apart} different wrong ones; {hidden}",
        what=what,
        apart=found.apart,
        hidden=hidden,
    )


def as_object(formula: str, found: Telling, own: Telling | None) -> dict[str, Any]:
    """The object backtrace.point/1."""

    def fields(one: Telling) -> dict[str, Any]:
        point = {name: np.asarray(value).tolist() for name, value in one.point.items()}
        return {
            "point": point,
            "mistakes": one.mistakes,
            "hidden": one.hidden,
            "apart": one.apart,
        }

    given = fields(own) if own is not None else None
    return {"schema": SCHEMA, "formula": formula, "suggested": fields(found), "given": given}
