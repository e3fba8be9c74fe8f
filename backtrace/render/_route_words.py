"""Routes in words: how many there are, and the gates that one goes through."""

from __future__ import annotations

import math
from collections.abc import Sequence

from backtrace.formula.printer import label
from backtrace.graph import Graph
from backtrace.language import tell, tell_many

_MOST_GATES = 12  # of a walk
_LARGEST_COUNT = 10**15  # what is more is said in powers of ten


def routes_in_all(number: int) -> str:
    return tell("the one route") if number == 1 else tell("all {count} routes", count=count(number))


def more_routes(number: int) -> str:
    return tell_many("{count} more route", "{count} more routes", n=number, count=count(number))


def count(number: int) -> str:
    """1,234; 1.2e4515, which no text can hold in digits."""
    if number < _LARGEST_COUNT:
        return f"{number:,}"
    power = math.log10(number)
    return f"{10 ** (power - math.floor(power)):.2g}e{math.floor(power)}"


def plain_count(number: int) -> int | str:
    """A count as JSON has it: a text where a reader's floats could not hold it."""
    return number if number < _LARGEST_COUNT else count(number)


def walk(graph: Graph, gates: Sequence[int], name: str) -> str:
    """x -> mul -> relu h -> sum."""
    nodes = [graph.nodes[gate] for gate in gates]
    shown = [f"{label(node)}{f' {node.name}' if node.name else ''}" for node in nodes]
    return " -> ".join([name, *shortened(shown)])


def shortened(words: list[str]) -> list[str]:
    """The first and the last, where there are many."""
    return words if len(words) <= _MOST_GATES else [*words[:6], "...", *words[-5:]]
