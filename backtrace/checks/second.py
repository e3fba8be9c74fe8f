"""Second derivatives: SymPy's, against the measured slope of backprop's gradient.

The Hessian's entry for (x, y) is how much df/dx changes with y: a central difference of the
gradient that backprop finds, with many digits, through the rows of the table. Where y passes a kink
that is measured on both sides, and SymPy has no say.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Collection, Mapping, Sequence

from backtrace.algebra import Value
from backtrace.algebra.digits import Digits
from backtrace.checks import numeric
from backtrace.checks.crosscheck import checks_at_kinks
from backtrace.checks.deadline import OutOfTime
from backtrace.checks.held import evaluator
from backtrace.checks.symbolic import second_derivatives
from backtrace.checks.traced import TOLERANCE, Budget, Subject
from backtrace.graph.record import AGREE, DISAGREE, KINK, SKIPPED, WRONG_AT_KINK, SecondDerivative

MOST_VARIABLES = 12
_BESIDE_A_KINK = 60  # digits
_NOTHING = 1e-12


def hessian(subject: Subject, budget: Budget) -> list[SecondDerivative]:
    """Every entry above and on the diagonal, for the first MOST_VARIABLES variables asked for."""
    names = list(subject.wrt)[:MOST_VARIABLES]
    pairs = list(itertools.combinations_with_replacement(names, 2))
    smooth, doubtful = _by_kinks(subject, names, budget)
    asked = [pair for pair in pairs if smooth.issuperset(pair)]
    formulas = second_derivatives(
        subject.text, subject.point.keys(), subject.point, asked, budget.symbolic_seconds
    )
    slopes: Mapping[tuple[str, str], float | None] = {}
    if subject.point:
        known = [pair for pair in pairs if (smooth | doubtful).issuperset(pair)]
        try:
            slopes = budget.running().within(lambda: _slopes(subject, known, doubtful))
        except OutOfTime:
            slopes = {}
    return [
        _entry(pair, formulas[pair], slopes.get(pair))
        if pair in formulas
        else _at_kink(pair, slopes.get(pair))
        for pair in pairs
    ]


def _by_kinks(subject: Subject, names: Sequence[str], budget: Budget) -> tuple[set[str], set[str]]:
    """The variables that pass no kink, and those that pass one and have a derivative there."""
    if not subject.kinks:
        return set(names), set()
    checks = checks_at_kinks(subject, budget)
    doubtful = {n for n in names if n in checks and checks[n].verdict in (AGREE, WRONG_AT_KINK)}
    return {name for name in names if name not in checks}, doubtful


def _at_kink(pair: tuple[str, str], slope: float | None) -> SecondDerivative:
    return SecondDerivative(*pair, "", None, slope, KINK if slope is None else AGREE)


def _entry(
    pair: tuple[str, str], found: tuple[str, float | None], slope: float | None
) -> SecondDerivative:
    formula, symbolic = found
    verdict = SKIPPED
    if symbolic is not None and slope is not None:
        close = abs(symbolic - slope) <= TOLERANCE * max(abs(symbolic), abs(slope), 1e-12)
        verdict = AGREE if close else DISAGREE
    return SecondDerivative(*pair, formula, symbolic, slope, verdict)


def _slopes(
    subject: Subject, pairs: Sequence[tuple[str, str]], doubtful: Collection[str]
) -> dict[tuple[str, str], float | None]:
    """How the gradient by one of a pair changes with the other: with the one that passes a kink, if
    one does, and then on both sides of it."""
    graph = subject.graph
    sizes = [abs(v) for v in subject.values if v and math.isfinite(v)] or [1.0]
    scales = {name: min(abs(x) or min(*sizes, 1.0), 1.0) for name, x in subject.point.items()}
    m = numeric.algebra_for(max(sizes), min(1.0, *sizes), list(scales.values()))
    if doubtful:  # beside a kink terms as large as 1/step may cancel
        m = Digits(m.context.dps + _BESIDE_A_KINK)

    values_at = evaluator(graph, m, {n: m.from_float(x) for n, x in subject.point.items()})

    def gradient(by: str, moved: str, t: Value) -> Value:
        point = {name: m.from_float(x) for name, x in subject.point.items()}
        point[moved] += t
        values = values_at(point)
        return subject.flow_of(graph, values, m).upstreams[graph.inputs[by]]

    found: dict[tuple[str, str], float | None] = {}
    for first, second in pairs:
        by, moved = (second, first) if second not in doubtful else (first, second)
        along, h = functools.partial(gradient, by, moved), numeric.step(m, scales[moved])
        if moved in doubtful:
            found[first, second] = _on_both_sides(along, h)
        else:
            found[first, second] = numeric.central_difference(m, along, h, wobble=0.0)
    return found


def _on_both_sides(gradient: Callable[[Value], Value], h: Value) -> float | None:
    """The slope of a gradient where it is the same on the left, on the right and across; None where
    it is not, or the gradient jumps."""
    far_left, left, right, far_right = (gradient(t) for t in (-h, -h / 2, h / 2, h))
    rises = [left - far_left, (right - left) / 2, far_right - right]
    slopes = [float(rise / (h / 2)) for rise in rises]
    if not all(map(math.isfinite, slopes)):
        return None
    if max(map(abs, slopes)) < _NOTHING:
        return 0.0
    is_one = max(slopes) - min(slopes) <= TOLERANCE * max(map(abs, slopes))
    return float(f"{slopes[1]:.15g}") if is_one else None
