"""Wrong numbers that the slips of the table lead to, and what is to be said of each.

A platform can say it at once where a field holds one of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from backtrace.homework.exercise import DIGITS
from backtrace.homework.problem import ALL_WIRES, Problem
from backtrace.language import tell
from backtrace.numbers import number

_MOST = 12  # numbers of one field
_MOST_WORDS = 2  # slips that give one number


def slips(problem: Problem, node: int, key: float, tolerance: float) -> dict[str, str]:
    """What fits a number that is not right, by the number with 4 digits."""
    said: dict[str, list[str]] = {}
    for found, words in _wrong_numbers(problem, node):
        written = number(found, DIGITS)
        if abs(float(written) - key) > 2 * tolerance:
            known = said.setdefault(written, [])
            if words not in known:
                known.append(words)
    told = sorted(said.items(), key=lambda pair: len(pair[1]))  # what fits one alone comes first
    return {written: _sentence(words) for written, words in told[:_MOST]}


def _wrong_numbers(problem: Problem, node: int) -> Iterator[tuple[float, str]]:
    graph = problem.record.graph
    for plant in problem.plants:
        gate = graph.nodes[plant.gate].gate
        if plant.key[1] != ALL_WIRES and gate is not None:
            yield (
                float(plant.gradients[node]),
                tell("at {name}: {says}", name=gate.name, says=plant.says),
            )


def _sentence(words: list[str]) -> str:
    more = tell(" (and {count} more)", count=len(words) - _MOST_WORDS) * (len(words) > _MOST_WORDS)
    return tell("fits, {names}{more}", names="; or, ".join(words[:_MOST_WORDS]), more=more)
