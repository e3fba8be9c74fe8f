"""What is checked, and what the check may cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from backtrace.algebra import Algebra
from backtrace.checks.deadline import Clock
from backtrace.graph import Graph
from backtrace.graph.backprop import Backward
from backtrace.numbers import DIGITS

TOLERANCE = 1e-9
"""Relative: what floats lose over a long formula, and far below what a wrong rule changes."""

ULP = 2.0**-52
MARGIN = 64.0
"""Beyond what nudges of so little move: an estimate from a few may be small by that much."""

UNDERFLOW = 2.0**-1022
"""Absolute: below it floats lose digits, and then everything."""

_AT_LEAST = 0.2  # seconds for a wrong gate
_MANY = 10_000  # gates
_LOADING = 1.3

Flow = Callable[..., Backward]
"""The backward pass that is checked, to be asked again for nudged values."""


class Budget(NamedTuple):
    """SymPy's share in gates, edges, seconds, and operations of the formula written out; how many
    nodes and edges the measured slopes may pass before they turn to random directions, and how many
    before they give up, and how many seconds there are for all that is measured; up to what size
    each local gradient is measured on its own, for how many of the seconds a wrong gate is looked
    for, and how many of SymPy's are for gates alone. Of arrays: up to how many entries and
    operations SymPy is asked, up to what length times entries also for a variable's derivatives as
    formulas, and how many numbers may be computed to measure every entry's slope by itself."""

    symbolic_gates: int = 300
    symbolic_seconds: float = 1.3
    slope_cost: int = 1_200_000
    direction_cost: int = 10_000_000
    slope_seconds: float = 1.0
    symbolic_edges: int = 600
    symbolic_length: int = 4000
    alone_cost: int = 10_000
    symbolic_entries: int = 100
    symbolic_parts: int = 3000
    symbolic_work: int = 35_000
    entry_work: int = 30_000
    culprit_seconds: float = 0.5
    alone_seconds: float = 0.3
    clock: Clock | None = None

    def of_arrays(self) -> Budget:
        """SymPy has fewer seconds for arrays: NumPy is to be loaded, too."""
        return self._replace(symbolic_seconds=self.symbolic_seconds / _LOADING)

    def begun(self, graph: Graph) -> Budget:
        """From now on what is measured, one after the other, has these seconds; of very many gates
        as many more as there are more."""
        share = max(1.0, graph.gate_count / _MANY)
        return self._replace(clock=Clock(self.slope_seconds * share))

    def running(self) -> Clock:
        return self.clock or Clock(self.slope_seconds)

    def for_a_culprit(self) -> float:
        """Seconds; some also where none are left."""
        return min(self.culprit_seconds, max(self.running().left, _AT_LEAST))


@dataclass(frozen=True)
class Subject:
    """The trace to be checked, as `record.Record` holds it.

    m         the algebra the trace was made in
    text      the formula, with the definitions it uses: what SymPy reads
    flow      what the backward pass found
    flow_of   the backward pass itself, to be asked again for nudged values
    digits    how many are shown
    """

    m: Algebra
    text: str
    graph: Graph
    point: Mapping[str, Any]
    values: Sequence[Any]
    flow: Backward
    wrt: Sequence[str]
    flow_of: Flow
    digits: int = DIGITS

    @property
    def upstreams(self) -> Sequence[Any]:
        return self.flow.upstreams

    @property
    def locals(self) -> Sequence[Sequence[Any]]:
        return self.flow.locals

    @property
    def kinks(self) -> Sequence[int]:
        return self.flow.kinks

    @property
    def value(self) -> Any:
        return self.values[self.graph.output]

    @cached_property
    def gradients(self) -> dict[str, Any]:
        return {name: self.upstreams[self.graph.inputs[name]] for name in self.wrt}
