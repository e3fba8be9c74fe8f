"""The gates' own formulas as graphs, each read once: what a gate is opened to, and what fusion
looks for. There is no second list."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from backtrace.formula.literals import of_default
from backtrace.formula.parser import parse
from backtrace.gates import GATES, Gate
from backtrace.graph import Constant, Graph
from backtrace.graph.shapes import as_of_arrays

ANY_FIXED = ("any",)
"""In a spelling, an index or an axis that may be any; it stands for the parameter `text`."""

ANY_CLASS = ("any class",)
"""In a spelling, an index that may be any one entry, whose place is the parameter `text`."""


@functools.cache
def _read(text: str, parameters: tuple[str, ...]) -> Graph:
    return parse(text, parameters)


def formula_graph(gate: Gate, count: int) -> Graph:
    """What the gate computes with so many operands: a graph whose inputs are its `parameters`."""
    if gate.inner is not None:
        inner: Graph = gate.inner
        return inner
    return _read(gate.formula_for(count), (*parameters(gate, count), *gate.numbers))


def parameters(gate: Gate, count: int) -> tuple[str, ...]:
    """Their names; without those that are optional and left out."""
    if gate.variadic:
        return tuple(f"x{k}" for k in range(count))
    given = len(gate.optional) - (len(gate.parameters) - count)
    return tuple(name for name in gate.parameters if name not in gate.optional[max(0, given) :])


def series(gate: Gate) -> tuple[Graph, Graph]:
    """Of a gate of any number of inputs: the whole, of `_`, and a term."""
    whole, term = (_read(text, ()) for text in gate.series)
    return whole, term


def spelled(gate: Gate) -> tuple[str, ...]:
    """Every usual way to write the gate; the formula first."""
    return (gate.formula, *gate.spellings)


def spelling(gate: Gate, text: str) -> Graph:
    """One of the ways to write the gate, as a graph."""
    if gate.inner is not None and text == gate.formula:
        inner: Graph = gate.inner
        return inner
    return _read(text, (*gate.parameters, *gate.numbers))


@functools.cache
def called(text: str) -> frozenset[str]:
    """The gates without which nothing is spelled as this text is: those of its functions, but for
    such that are a number there (sqrt(2)), or another gate of arrays (logsumexp)."""
    words = set(re.findall(r"[a-z]\w*(?=\()", text)) - {"sqrt", "logsumexp"}
    return frozenset(name_of(GATES[word]) for word in words if word in GATES)


def name_of(gate: Gate) -> str:
    """The gate's name; of gates that are one and the same (log, ln) the first in the table."""
    return _first_names().get(gate.forward, gate.name)


@functools.cache
def _first_names() -> Mapping[object, str]:
    """By what the gates of the table compute."""
    return {gate.forward: gate.name for gate in reversed(GATES.values())}


def numbers(gate: Gate, shapes: Sequence[Any]) -> dict[str, Constant]:
    """What the formula names that follows from the operands' shapes."""
    found = {}
    for name, text in gate.numbers.items():
        constant = _read(text(*shapes), ()).nodes[-1].operands[0]
        assert isinstance(constant, Constant)
        found[name] = constant
    return found


def as_pattern(gate: Gate, spelling: Graph) -> Graph:
    """The spelling as it is looked for: of arrays where the gate is, z[0] for any one entry."""
    any_axis = Constant("axis", fixed=ANY_FIXED)
    found = along(gate, _with_any_class(gate, spelling), any_axis)
    return as_of_arrays(found) if gate.is_of_arrays else found


def along(gate: Gate, spelling: Graph, axis: Constant) -> Graph:
    """The spelling along an axis: this instead of the gate's default, if that is one."""
    default = of_default(gate.defaults.get("axis", ""))
    if "axis" not in gate.fixed or default is None:
        return spelling
    nodes = []
    for node in spelling.nodes:
        fixed = node.gate.fixed if node.gate is not None else ()
        if "axis" in fixed:
            operands = list(node.operands)
            place = len(operands) - len(fixed) + fixed.index("axis")
            told = operands[place]
            if isinstance(told, Constant) and told.fixed == (default,):
                operands[place] = axis
            node = node._replace(operands=tuple(operands))
        nodes.append(node)
    return replace(spelling, nodes=tuple(nodes))


def _with_any_class(gate: Gate, spelling: Graph) -> Graph:
    """In a spelling of a gate that takes a class k, z[0] is z[k], whichever that is."""
    if "k" not in gate.parameters:
        return spelling
    wildcard = Constant("k", fixed=ANY_CLASS)
    nodes = tuple(
        node._replace(operands=(node.operands[0], wildcard))
        if node.gate is GATES["index"]
        else node
        for node in spelling.nodes
    )
    return replace(spelling, nodes=nodes)
