"""What is checked, and what the check may cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from backtrace.algebra import Algebra, Value
from backtrace.graph import Graph

Upstreams = Callable[[Graph, Sequence[Value], Algebra], Sequence[Value]]
"""A backward pass: every node's upstream gradient, given every node's value."""


@dataclass(frozen=True, slots=True)
class Budget:
    """SymPy's share in gates and in seconds; how many gates the measured slopes may evaluate before
    they turn to random directions, and how many before they give up; up to how many gates each
    local gradient is measured on its own."""

    symbolic_gates: int = 300
    symbolic_seconds: float = 2.0
    slope_gates: int = 600_000
    direction_gates: int = 4_000_000
    gates_alone: int = 2_000


@dataclass(frozen=True)
class Subject:
    """The trace to be checked, as `record.Record` holds it.

    kinks       the gates that stand at a kink
    upstreams_of  the backward pass itself, to be asked again for nudged values
    """

    graph: Graph
    point: Mapping[str, float]
    values: Sequence[float]
    upstreams: Sequence[float]
    locals: Sequence[Sequence[float]]
    kinks: Sequence[int]
    wrt: Sequence[str]
    upstreams_of: Upstreams

    @property
    def value(self) -> float:
        return self.values[self.graph.output]

    @cached_property
    def gradients(self) -> dict[str, float]:
        return {name: self.upstreams[self.graph.inputs[name]] for name in self.wrt}
