"""Verdicts on what goes along directions: tangents, second derivatives. What is told is held
against slopes that are measured (`along`), and two ways to one number against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from backtrace.algebra.arrays import quiet
from backtrace.algebra.complexstep import COMPLEX_STEP, carrying, step_for
from backtrace.algebra.values import kept
from backtrace.checks.along import Direction, Probe
from backtrace.checks.arrayrounding import nudged, spread, uncertainty
from backtrace.checks.traced import MARGIN, TOLERANCE, ULP, UNDERFLOW, Budget, Subject
from backtrace.formula.printer import label
from backtrace.graph.directions import ForwardMode, HessianProduct
from backtrace.graph.forward_arrays import tangents
from backtrace.graph.forward_over_reverse import hessian_product
from backtrace.graph.record import AGREE, DISAGREE, KINK, LOST, SKIPPED, WRONG_AT_KINK
from backtrace.language import marked, tell
from backtrace.numbers import number

_SEEN = 0.5e-4  # relative: what shows in four digits
_FLOATS_MEASURE = 1e-5  # relative to the largest entry: how well differences of floats do
_DIRECTIONS = 2
_NOT_FINITE = marked("a number on the way is not finite")
_EDGE = marked(
    "the gradient has no slope here: it is at the edge of a domain, or grows without bound"
)
_TURNS = marked("the gradient turns here: on either side its slope is another")
_NO_SIDE = marked("no slope is measured: on a side there is no value, or another slope")
_TOO_LARGE = marked("no slope is measured: the arrays are too large, or near a kink")


class Verdict(NamedTuple):
    """One of record.VERDICTS, and why it is not a plain agree; "" otherwise."""

    verdict: str
    reason: str = ""


def forward_mode(
    subject: Subject, name: str, along: Any, is_chosen: bool, convention: str, budget: Budget
) -> ForwardMode:
    """The tangents as one variable moves along a direction in its shape; the dot-product test; and
    the measured slope. `subject` must ask for that variable."""
    graph = subject.graph
    found = tangents(graph, subject.values, subject.locals, {name: along}, convention)
    with quiet():
        seed = subject.upstreams[graph.output]
        forward, backward = seed * found[graph.output], along * subject.gradients[name]
        by_tangents, by_gradients = float(np.sum(forward)), float(np.sum(backward))
        rounding = MARGIN * ULP * _total([*map(np.multiply, found, subject.upstreams), backward])
    measured = None
    if np.isfinite([by_tangents, by_gradients, np.sum(subject.value)]).all():
        probe = Probe(subject, budget)
        measured = probe.slope({name: along})
        numbers = (by_tangents, by_gradients, measured)
        verdict = _on_tangents(probe, {name: along}, *numbers, rounding)
    else:
        verdict = Verdict(SKIPPED, tell(_NOT_FINITE))
    kept_tangents = tuple(map(kept, found))
    told = (name, kept(along), is_chosen, kept_tangents, by_tangents, by_gradients, measured)
    return ForwardMode(*told, *verdict)


def _on_tangents(
    probe: Probe,
    along: Direction,
    by_tangents: float,
    by_gradients: float,
    measured: float | None,
    rounding: float,
) -> Verdict:
    subject = probe.subject

    def are_apart(a: float, b: float) -> bool:
        """Whether two differ by more than rounding explains."""
        gap, size = abs(a - b), max(abs(a), abs(b))
        if gap <= max(TOLERANCE * size, rounding, UNDERFLOW):
            return False
        nudges = uncertainty(subject)
        return gap > 2 * sum(float(np.sum(nudges[n] * np.abs(v))) for n, v in along.items())

    if are_apart(by_tangents, by_gradients):
        words = tell(
            "by tangents {number}, by gradients {by_gradients_number}",
            number=number(by_tangents, 10),
            by_gradients_number=number(by_gradients, 10),
        )
        return Verdict(DISAGREE, words)
    if measured is None:
        if probe.is_small and not subject.kinks:
            return Verdict(SKIPPED, tell(_NO_SIDE))
        if subject.kinks:
            sides = (
                tell("on either side the slope is another")
                if probe.is_small
                else tell("none is measured")
            )
            return Verdict(KINK, f"{_kink_words(subject)}: {sides}")
        return Verdict(SKIPPED, tell(_TOO_LARGE))
    words = tell(
        "by tangents {number}, measured {measured_number}",
        number=number(by_tangents, 10),
        measured_number=number(measured, 10),
    )
    if are_apart(by_tangents, measured):
        return Verdict(WRONG_AT_KINK if subject.kinks else DISAGREE, words)
    is_lost = probe.is_small and abs(by_tangents - measured) > _SEEN * abs(measured) > 0
    return Verdict(LOST, words) if is_lost else Verdict(AGREE)


def product(
    subject: Subject, along: Direction, is_chosen: bool, convention: str, budget: Budget
) -> HessianProduct:
    """The Hessian by the variables asked for times a direction, which may move others too, and what
    is measured of it."""
    names = tuple(dict.fromkeys((*subject.wrt, *along)))
    whole = replace(subject, wrt=names)
    probe = Probe(whole, budget)
    found = products(whole, along)
    curvature = float(sum(np.sum(move * found[name]) for name, move in along.items()))
    measured = bend = None
    if all(np.isfinite(entries).all() for entries in found.values()):
        measured, bend = probe.gradient(along), probe.bend(along)
        verdict = on_product(probe, along, found, measured, bend, convention)
    else:
        verdict = Verdict(SKIPPED, tell(_NOT_FINITE))
    if verdict.reason == tell(_EDGE) and measured is not None:
        found = {
            n: np.where(np.isnan(measured[n]), np.nan, entries) for n, entries in found.items()
        }
        curvature = float("nan")
    if measured is not None:
        measured = {name: kept(measured[name]) for name in subject.wrt}
    asked = {name: kept(found[name]) for name in subject.wrt}
    along = {name: kept(move) for name, move in along.items()}
    return HessianProduct(along, is_chosen, asked, measured, curvature, bend, *verdict)


def products(subject: Subject, along: Direction) -> dict[str, Any]:
    """The Hessian by the variables asked for times a direction: nan where the output or a gradient
    is not finite, whatever numbers with a step make of it."""
    results = (subject.value, *subject.gradients.values())
    if not all(np.isfinite(result).all() for result in results):
        return {name: np.full(np.shape(subject.point[name]), np.nan)[()] for name in subject.wrt}
    graph, flow_of = subject.graph, subject.flow_of
    return hessian_product(graph, subject.point, along, subject.wrt, flow_of)


def on_product(
    probe: Probe,
    along: Direction,
    found: Mapping[str, Any],
    measured: Mapping[str, Any] | None,
    bend: float | None,
    convention: str,
) -> Verdict:
    """On the Hessian times a direction, the measured slope of the gradient and the output's own
    curvature."""
    subject = probe.subject
    if measured is None:
        return Verdict(SKIPPED, _at_kink(subject) if subject.kinks else tell(_TOO_LARGE))
    wrong = {n: _gaps(found[n], measured[n], _least(found, probe)) for n in found}
    if any(map(np.any, wrong.values())):
        measured = probe.gradient(along, sides=True) or measured
        if not subject.kinks and any(np.isnan(slope).any() for slope in measured.values()):
            return Verdict(KINK, tell(_TURNS))
        reach = _reach(subject, along, found, convention)
        verdict = _on_gaps(probe, found, measured, wrong, reach)
        if verdict.verdict != AGREE:
            return verdict
    if any(np.isnan(slope).any() for slope in measured.values()):
        return Verdict(KINK, _at_kink(subject)) if subject.kinks else Verdict(SKIPPED, tell(_EDGE))
    if bend is not None:
        terms = [move * measured[name] for name, move in along.items()]
        slope, size = float(sum(map(np.sum, terms))), _total(terms)
        if abs(slope - bend) > TOLERANCE * size + UNDERFLOW:
            words = tell(
                "the gradient's slope is {number} along it, and the output's own",
                number=number(slope, 10),
            )
            return Verdict(
                DISAGREE,
                tell("{words} second derivative {number}", words=words, number=number(bend, 10)),
            )
    return Verdict(AGREE)


def _on_gaps(
    probe: Probe,
    found: Mapping[str, Any],
    measured: Mapping[str, Any],
    wrong: Mapping[str, Any],
    reach: Mapping[str, Any],
) -> Verdict:
    """On entries that differ: rounding explains so much, and then digits are lost where it shows;
    at a kink a rule may miss the derivative that both sides have."""
    at_kink = bool(probe.subject.kinks)
    for name, entries in wrong.items():
        gap = np.abs(found[name] - measured[name])
        beyond = entries & (gap > reach[name])
        seen = _SEEN * _largest(np.nan_to_num(measured[name]))
        lost = entries & (seen > 0) & (gap > seen)
        if at_kink and not probe.is_small and np.any(beyond):  # floats do not see its two sides
            return Verdict(KINK, _at_kink(probe.subject))
        if np.any(beyond):
            kind = WRONG_AT_KINK if at_kink else DISAGREE
            return Verdict(kind, _differ(name, beyond, found[name], measured[name]))
        if np.any(lost):
            return Verdict(LOST, _differ(name, lost, found[name], measured[name]))
    return Verdict(AGREE)


class Held(NamedTuple):
    """What measuring says of a Hessian: how it was measured ("": it was not), the verdict, the
    entries that are 0 beyond rounding, and those that have no bound."""

    how: str
    verdict: Verdict
    zeros: Any
    holes: Any


def on_hessian(subject: Subject, entries: Any, convention: str, budget: Budget) -> Held:
    """Column by column, or along random directions."""
    zeros, holes = entries == 0, np.isnan(entries)
    if not np.isfinite(entries).all():
        return Held("", Verdict(SKIPPED, tell(_NOT_FINITE)), zeros, holes)
    probe, count = Probe(subject, budget), len(entries)
    by_columns = count * probe.work <= budget.entry_work
    chance = np.random.default_rng(0)
    moves = np.eye(count) if by_columns else chance.uniform(-1, 1, (_DIRECTIONS, count))
    clock, verdicts = budget.running(), []
    for column, move in enumerate(moves):
        along, found = split(subject, move), split(subject, entries @ move)
        measured = probe.gradient(along)
        verdicts.append(on_product(probe, along, found, measured, probe.bend(along), convention))
        if by_columns and measured is not None:
            slopes = np.concatenate([np.ravel(slope) for slope in measured.values()])
            zeros[:, column] |= slopes == 0
            holes[:, column] = verdicts[-1].reason == tell(_EDGE) and np.isnan(slopes)
        if clock.is_over:
            break
    worst = min(verdicts, key=lambda v: _WORST_FIRST.index(v.verdict), default=Verdict(AGREE))
    how = tell("along {directions} random directions", directions=_DIRECTIONS)
    if by_columns:
        is_whole = len(verdicts) == count
        how = (
            tell("every column")
            if is_whole
            else tell("the first {count} columns", count=len(verdicts))
        )
    if worst.verdict in (AGREE, SKIPPED) and not subject.kinks:
        gap, size = _largest(entries - entries.T), _largest(entries)
        if gap > TOLERANCE * size and gap > _noise(subject, convention):
            worst = Verdict(DISAGREE, tell("it is not symmetric: by {number}", number=number(gap)))
    how = "" if worst.verdict == SKIPPED else how
    return Held(how, worst, zeros, holes | holes.T)


_WORST_FIRST = (DISAGREE, WRONG_AT_KINK, LOST, KINK, SKIPPED, AGREE)


def split(subject: Subject, entries: Any) -> dict[str, Any]:
    """One array a variable asked for, of entries that are counted row by row."""
    found, start = {}, 0
    for name in subject.wrt:
        shape = np.shape(subject.point[name])
        count = int(np.prod(shape))
        found[name] = np.reshape(entries[start : start + count], shape)[()]
        start += count
    return found


def _kink_words(subject: Subject) -> str:
    """`relu #2 is at a kink`"""
    first = subject.kinks[0]
    return tell(
        "{label} #{first} is at a kink", label=label(subject.graph.nodes[first]), first=first
    )


def _at_kink(subject: Subject) -> str:
    return tell(
        "{kink_words}, where the gradient jumps or turns: there is no second derivative",
        kink_words=_kink_words(subject),
    )


def _least(found: Mapping[str, Any], probe: Probe) -> float:
    """What is no difference, whatever the entry: the rounding of the largest entry; where floats
    are measured, more."""
    size = max(_largest(entries) for entries in found.values())
    return (MARGIN * ULP if probe.is_small else _FLOATS_MEASURE) * size


def _gaps(found: Any, measured: Any, least: float) -> Any:
    gap, size = np.abs(found - measured), np.maximum(np.abs(found), np.abs(measured))
    return gap > np.maximum(TOLERANCE * size, least) + UNDERFLOW


def _reach(
    subject: Subject, along: Direction, found: Mapping[str, Any], convention: str
) -> dict[str, Any]:
    """How far rounding alone can move the Hessian times a direction: the spread of nudged ones; and
    a last bit of the largest numbers that its terms are made of, which may cancel inside a gate."""
    graph, point = subject.graph, subject.point
    step = step_for((point[name], move) for name, move in along.items()) or 1.0
    moved = {n: carrying(x, step * np.asarray(along.get(n, 0.0))) for n, x in point.items()}
    seed = subject.upstreams[graph.output]
    with quiet():
        values = graph.evaluate(COMPLEX_STEP, moved)
        changes = subject.flow_of(graph, values, COMPLEX_STEP).upstreams
        tangent, adjoint = (max(map(_finite, map(np.imag, v))) / step for v in (values, changes))
        inside = MARGIN * ULP * (adjoint + tangent * max(map(_finite, subject.upstreams)))
        runs = nudged(graph, moved, seed, tuple(found), COMPLEX_STEP, convention)
        results = [{n: np.imag(run[n]) / step for n in found} for run in runs]
        return {n: inside + spread([found[n], *(run[n] for run in results)]) for n in found}


def _finite(value: Any) -> float:
    """The largest of the entries that are finite."""
    size = np.abs(value)
    return float(np.max(size, where=np.isfinite(size), initial=0.0))


def _noise(subject: Subject, convention: str) -> float:
    """How far rounding can move an entry of the Hessian, by one direction of all variables."""
    along = {name: np.ones(np.shape(subject.point[name])) for name in subject.wrt}
    found = hessian_product(subject.graph, subject.point, along, subject.wrt, subject.flow_of)
    return max(_largest(r) for r in _reach(subject, along, found, convention).values())


def _differ(name: str, wrong: Any, found: Any, measured: Any) -> str:
    place = tuple(map(int, np.argwhere(wrong)[0])) if np.ndim(wrong) else ()
    where = f"{name}[{', '.join(map(str, place))}]" if place else name
    a, b = float(np.asarray(found)[place]), float(np.asarray(measured)[place])
    return tell(
        "at {where} it is {number}, the measured slope {b_number}",
        where=where,
        number=number(a, 10),
        b_number=number(b, 10),
    )


def _largest(value: Any) -> float:
    return float(np.max(np.abs(value), initial=0.0))


def _total(terms: list[Any]) -> float:
    """The sum of sizes; what is not finite counts for nothing."""
    sizes = [np.abs(term) for term in terms]
    return float(sum(np.sum(size, where=np.isfinite(size)) for size in sizes))
