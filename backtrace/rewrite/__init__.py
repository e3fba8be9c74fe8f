"""Graph -> Graph: groups of gates that spell out a bigger gate become that gate, and back.

    fuse(parse("1/(1+exp(-x))"))   ->   sigmoid(x)
    expand(parse("sigmoid(x)"))    ->   1/(1 + exp(-x))

The patterns are the gates' own formulas (`spellings`); `patterns` finds them in any operand order,
and where an operation has two spellings (a/b and a*b^-1, x^2 and x*x) in both. Fusing changes no
value and no gradient; it can change what survives, because a gate's own forward is written not to
overflow.
"""

from __future__ import annotations

from collections.abc import Mapping

from backtrace.errors import UsageError
from backtrace.formula import read
from backtrace.gates import CONVENTIONS
from backtrace.gates.shapes import Shape
from backtrace.graph import Graph
from backtrace.graph.record import Granularity, Group
from backtrace.language import tell
from backtrace.rewrite.expansion import expand
from backtrace.rewrite.fusion import Fused, fusable, fuse

__all__ = ["Fused", "expand", "fusable", "fuse", "graph_of", "rewritten"]

_MOST_SEARCHED = 2000  # gates of a graph that nobody asked to fuse


def graph_of(
    formula: str, shapes: Mapping[str, Shape], granularity: Granularity
) -> tuple[Graph, tuple[Group, ...]]:
    """The formula's graph, read and then `rewritten`; `shapes` has the shape of every value that
    is given. Raises FormulaError or UsageError."""
    if granularity.kink not in CONVENTIONS:
        hint = tell("there are {conventions}", conventions=", ".join(CONVENTIONS))
        raise UsageError(tell("there is no convention '{kink}'", kink=granularity.kink), hint=hint)
    return rewritten(read(formula, shapes, granularity.gates), granularity)


def rewritten(graph: Graph, granularity: Granularity) -> tuple[Graph, tuple[Group, ...]]:
    """The graph opened and fused as asked, and its groups: those that were fused, or, where nothing
    was asked, those that could be. Raises UsageError for a gate that nothing fuses to."""
    if granularity.expand:
        graph = expand(graph)
    if granularity.is_fused:
        return fuse(graph, granularity.fuse)
    if granularity.expand or graph.gate_count > _MOST_SEARCHED:
        return graph, ()
    return graph, tuple(
        group._replace(node=group.members[-1])
        for group in fuse(graph).groups
        if len(group.members) > 1
    )
