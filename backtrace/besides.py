"""What can be asked for beside the trace: its numbers in other words, second derivatives,
Jacobians, steps of descent. Each is loaded when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backtrace.checks.subject import Subject
from backtrace.formula.point import Given
from backtrace.graph import Graph
from backtrace.passes import Passes
from backtrace.record import Descent, Jacobian, SecondDerivative, Wording
from backtrace.request import Request


@dataclass(frozen=True)
class Besides:
    """What may be asked for, each a method that gives nothing where it is not; `wrt` are the
    variables whose gradients are asked for."""

    graph: Graph
    given: Mapping[str, Given]
    request: Request
    wrt: Sequence[str]

    def wordings(self, floats: Sequence[float]) -> tuple[list[Wording], list[str]]:
        """The trace in the other words that were asked for; and what is to be said of that. The
        exact ones are held against the `floats`."""
        request = self.request
        if not (request.symbolic or request.exact or request.precision is not None):
            return [], []
        from backtrace import wording

        written = {name: value.written for name, value in self.given.items()}
        kink = request.granularity.kink
        found: list[Wording] = []
        remarks: list[str] = []
        if request.symbolic:
            found.append(self.as_formulas())
        if request.exact:
            exact, words = wording.exactly(self.graph, written, floats, kink)
            found += [exact] if exact else []
            remarks.append(words)
        if request.precision is not None:
            found.append(wording.with_digits(self.graph, written, request.precision, kink))
        return found, remarks

    def as_formulas(self) -> Wording:
        from backtrace import wording

        graph, request = self.graph, self.request
        formulas = wording.as_formulas(graph, request.granularity.kink)
        if not request.check or graph.gate_count > request.budget.symbolic_gates:
            return formulas
        text = request.granularity.with_definitions(graph.text)
        seconds = request.budget.symbolic_seconds
        simpler = wording.simplified(text, self.given.keys(), self.wrt, seconds)
        return formulas._replace(simplified=tuple(simpler.items()))

    def seconds(self, subject: Subject) -> tuple[SecondDerivative, ...]:
        if self.request.order == 1:
            return ()
        from backtrace.checks.second import hessian

        return tuple(hessian(subject, self.request.budget))

    def jacobians(self, passed: Passes) -> tuple[Jacobian, ...]:
        if not self.request.jacobian:
            return ()
        from backtrace.jacobians import jacobians

        return tuple(jacobians(self.graph, passed, self.wrt))

    def descent(self, point: Mapping[str, Any], start: Any) -> Descent | None:
        """From the point, where the output is `start`."""
        if self.request.rate is None:
            return None
        from backtrace.descent import descend

        return descend(self.graph, point, self.wrt, self.request, start, self.request.tick)
