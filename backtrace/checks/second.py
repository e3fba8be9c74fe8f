"""Second derivatives: SymPy's, against the measured slope of backprop's gradient.

The Hessian's entry for (x, y) is how much df/dx changes with y: a central difference of the
gradient that backprop finds, with many digits, through the rows of the table.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from backtrace.algebra import Value
from backtrace.checks import numeric
from backtrace.checks.deadline import OutOfTime, within
from backtrace.checks.subject import TOLERANCE, Budget, Subject
from backtrace.checks.symbolic import second_derivatives
from backtrace.record import AGREE, DISAGREE, KINK, SKIPPED, SecondDerivative

MOST_VARIABLES = 12


def hessian(subject: Subject, budget: Budget) -> list[SecondDerivative]:
    """Every entry above and on the diagonal, for the first MOST_VARIABLES variables asked for."""
    names = list(subject.wrt)[:MOST_VARIABLES]
    pairs = list(itertools.combinations_with_replacement(names, 2))
    if subject.kinks:  # there is no first derivative on both sides, let alone a second
        return [SecondDerivative(*pair, "", None, None, KINK) for pair in pairs]
    formulas = second_derivatives(
        subject.text, subject.point.keys(), subject.point, pairs, budget.symbolic_seconds
    )
    slopes: Mapping[tuple[str, str], float | None] = {}
    if subject.point:
        try:
            slopes = within(budget.slope_seconds, lambda: _slopes(subject, names))
        except OutOfTime:
            slopes = {}
    return [_entry(pair, formulas[pair], slopes.get(pair)) for pair in pairs]


def _entry(
    pair: tuple[str, str], found: tuple[str, float | None], slope: float | None
) -> SecondDerivative:
    formula, symbolic = found
    verdict = SKIPPED
    if symbolic is not None and slope is not None:
        close = abs(symbolic - slope) <= TOLERANCE * max(abs(symbolic), abs(slope), 1e-12)
        verdict = AGREE if close else DISAGREE
    return SecondDerivative(*pair, formula, symbolic, slope, verdict)


def _slopes(subject: Subject, names: Sequence[str]) -> dict[tuple[str, str], float | None]:
    graph = subject.graph
    sizes = [abs(v) for v in subject.values if v] or [1.0]
    scales = {name: min(abs(x) or min(*sizes, 1.0), 1.0) for name, x in subject.point.items()}
    m = numeric.algebra_for(max(sizes), min(1.0, *sizes), list(scales.values()))

    def gradient(by: str, moved: str, t: Value) -> Value:
        point = {name: m.from_float(x) for name, x in subject.point.items()}
        point[moved] += t
        values = graph.evaluate(m, point)
        return subject.flow_of(graph, values, m).upstreams[graph.inputs[by]]

    return {
        (first, second): numeric.central_difference(
            m,
            lambda t, first=first, second=second: gradient(first, second, t),  # type: ignore[misc]
            numeric.step(m, scales[second]),
            wobble=0.0,
        )
        for first, second in itertools.combinations_with_replacement(names, 2)
    }
