"""Slopes along one direction of the variables, measured: of the output, by the gates' forward rules
alone; and of backprop's gradient.

Small arrays are measured with many digits. Large ones: the output with a complex step, the gradient
by differences of floats, which are good where two steps give the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from backtrace.algebra.arrays import ARRAYS, quiet
from backtrace.algebra.complexstep import COMPLEX_STEP, carrying, step_for
from backtrace.algebra.digits import Digits
from backtrace.algebra.lifted import convert, lifted
from backtrace.checks import numeric
from backtrace.checks.arrayslopes import wobble_of, work_of
from backtrace.checks.choosing import only_choose
from backtrace.checks.held import evaluator
from backtrace.checks.traced import TOLERANCE, Budget, Subject

Direction = Mapping[str, Any]
"""By variable an array in its shape; those that are not named stand."""

_MORE_DIGITS = 60  # a second difference loses those of the step twice
_SECOND_STEP = 1e-20  # relative; of a second difference
_MOST_WORK = 200_000_000  # numbers computed by a pass; beyond it nothing is measured
_FLOAT_STEPS = (1e-4, 1e-5, 1e-6, 1e-7, 1e-3, 1e-2)
_SAME = 1e-6  # relative: where two steps are no further apart, both are small enough
_SURELY = 1e-8  # relative: no other step is asked
_JUMP = 1e20  # a slope above it is a jump
_STEEP = 1e6  # a slope above it may have no bound
_TINY = 1e-12  # a slope below it may be what a step of no size would not leave
_SHRINKS = 0.75  # what half a step makes of a slope that is 0 in the end, at most
_NOISE = 1e6  # times what is rounded: what does not stand out from it is 0


class Probe:
    """Measures one subject's slopes along directions. Its gradients are those by `wrt`."""

    def __init__(self, subject: Subject, budget: Budget) -> None:
        self.subject = subject
        self.work = work_of(subject)
        self.clock = budget.running()
        self.standing = only_choose(subject.graph, subject.values)
        self.is_small = self.work <= budget.entry_work
        self.is_too_large = self.work > _MOST_WORK

    def slope(self, along: Direction) -> float | None:
        """Of the sum of upstream times output; None where there is none to measure. At a kink it is
        measured on both sides, and None where these differ."""
        along = self._moving(along)
        with quiet():
            if self.is_small:
                return self._many.slope(along)
            if self.subject.kinks or self.is_too_large:
                return None
            graph, point = self.subject.graph, self.subject.point
            step = step_for((point[name], move) for name, move in along.items())
            if step == 0:
                return 0.0
            still = {name: carrying(x, 0.0) for name, x in point.items()}
            moved = {n: carrying(point[n], step * np.asarray(v)) for n, v in along.items()}
            output = evaluator(graph, COMPLEX_STEP, still)({**still, **moved})[graph.output]
            slope = float(np.sum(self.subject.upstreams[graph.output] * np.imag(output))) / step
        return slope if np.isfinite(slope) else None

    def gradient(self, along: Direction, sides: bool = False) -> dict[str, Any] | None:
        """How the gradient by every variable changes; nan at entries where it has a kink, or no
        bound, or no value on a side; with `sides`, of small arrays, also where it turns at no
        gate's kink. None where it cannot be measured."""
        if self.is_too_large:
            return None
        along = self._moving(along)
        with quiet():
            return self._many.gradient(along, sides) if self.is_small else self._in_floats(along)

    def bend(self, along: Direction) -> float | None:
        """The second derivative of the sum of upstream times output; None where it has none, or is
        not measured."""
        if not self.is_small or self.subject.kinks:
            return None
        with quiet():
            return self._many.bend(self._moving(along))

    def _moving(self, along: Direction) -> Direction:
        """Without what only chooses: an index moves nothing."""
        return {name: move for name, move in along.items() if name not in self.standing}

    @cached_property
    def _many(self) -> _ManyDigits:
        return _ManyDigits(self.subject)

    def _in_floats(self, along: Direction) -> dict[str, Any] | None:
        """By differences over four points, whose error is of the fourth order (Abramowitz and
        Stegun 25.3.6), with steps of several sizes until two of them give the same."""
        subject = self.subject
        graph, point = subject.graph, subject.point
        values_at = evaluator(graph, ARRAYS, point)
        largest = max((_largest(move) for move in along.values()), default=0.0)
        if largest == 0:
            return {name: np.zeros(np.shape(point[name]))[()] for name in subject.wrt}
        scale = min(max(_largest(point[name]) for name in along) or 1.0, 1.0) / largest

        def gradient(t: float) -> Sequence[Any]:
            moved = {n: point[n] + t * scale * np.asarray(v) for n, v in along.items()}
            upstreams = subject.flow_of(graph, values_at({**point, **moved}), ARRAYS).upstreams
            return [np.asarray(upstreams[graph.inputs[name]]) for name in subject.wrt]

        best: tuple[float, Sequence[Any]] | None = None
        before: Sequence[Any] | None = None
        for h in _FLOAT_STEPS:
            around = (gradient(h), gradient(-h), gradient(2 * h), gradient(-2 * h))
            fours = zip(*around, strict=True)
            found = [(8 * (a - b) - (c - d)) / (12 * h * scale) for a, b, c, d in fours]
            if before is not None:
                apart = _apart(before, found)
                if best is None or apart < best[0]:
                    best = (apart, found)
                if apart <= _SURELY or self.clock.is_over:
                    break
            before = found
        if best is None or not best[0] <= _SAME:
            return None
        return dict(zip(subject.wrt, best[1], strict=True))


def _largest(value: Any) -> float:
    return float(np.max(np.abs(value), initial=0.0))


def _apart(some: Sequence[Any], others: Sequence[Any]) -> float:
    """The largest difference, relative to the largest entry."""
    gaps = [_largest(a - b) for a, b in zip(some, others, strict=True)]
    size = max(map(_largest, others))
    gap = float(np.max(gaps)) if np.isfinite(gaps).all() else np.inf
    return gap / size if size else gap


class _ManyDigits:
    """The same with digits enough for a second difference."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        sizes = [abs(v) for value in subject.values for v in np.ravel(value).tolist() if v]
        finite = [size for size in sizes if np.isfinite(size)]
        gradients = [abs(g) for x in subject.gradients.values() for g in np.ravel(x).tolist() if g]
        smallest = min((g for g in gradients if np.isfinite(g)), default=1.0)
        steps = [abs(x) for value in subject.point.values() for x in np.ravel(value).tolist() if x]
        enough = numeric.algebra_for(max(finite, default=1.0), smallest, [min([1.0, *steps])])
        self.m = Digits(enough.context.dps + _MORE_DIGITS)
        self.many = lifted(self.m)
        self.point = {name: convert(self.m, x) for name, x in subject.point.items()}
        sizes = [abs(u) for value in subject.upstreams for u in np.ravel(value).tolist() if u]
        self.noise = _NOISE * float(max((u for u in sizes if np.isfinite(u)), default=1.0))
        self.seed = convert(self.m, subject.upstreams[subject.graph.output])
        self.values_at = evaluator(subject.graph, self.many, self.point)

    def slope(self, along: Direction) -> float | None:
        scale, moved = self._line(along)
        h = numeric.step(self.m, scale)
        here = self._output(moved, 0 * h)
        least = self.m.context.eps * _NOISE * (wobble_of(self.subject) + abs(here))
        left, right = (
            float(_limit(here, self._output(moved, t / 2), self._output(moved, t), t, least))
            for t in (-h, h)
        )
        if not np.isfinite([left, right]).all() or max(abs(left), abs(right)) > _JUMP:
            return None
        return right if abs(left - right) <= TOLERANCE * abs(right) else None

    def bend(self, along: Direction) -> float | None:
        scale, moved = self._line(along)
        h = self.m.from_float(_SECOND_STEP * scale)
        here = self._output(moved, 0 * h)
        least = self.m.context.eps * _NOISE * (wobble_of(self.subject) + abs(here))
        bends = []
        for t in (h, h / 2):
            rise = self._output(moved, t) - 2 * here + self._output(moved, -t)
            bends.append(0.0 if abs(rise) <= least else float(rise / (t * t)))
        if abs(bends[1]) <= _SHRINKS * abs(bends[0]):  # that of x^4 at 0
            return 0.0
        return bends[1] if np.isfinite(bends).all() else None

    def gradient(self, along: Direction, on_sides: bool) -> dict[str, Any]:
        scale, moved = self._line(along)
        h = numeric.step(self.m, scale)
        left, right = self._gradients(moved, -h), self._gradients(moved, h)
        least = self.m.context.eps * self.noise
        across = {name: _slope(left[name], right[name], 2 * h, least) for name in left}
        on_sides = on_sides or bool(self.subject.kinks)
        if not on_sides and not any(map(_is_doubtful, across.values())):
            return across
        here = self._gradients(moved, 0 * h)
        nearer = [self._gradients(moved, t) for t in (-h / 2, h / 2)]
        found = {}
        for name, g in here.items():
            sides = [_limit(g, nearer[0][name], left[name], -h, least)]
            sides += [_limit(g, nearer[1][name], right[name], h, least)]
            is_one = np.abs(sides[0] - sides[1]) <= TOLERANCE * np.abs(sides[0])
            found[name] = np.where(is_one, sides[1], np.nan)
        return found

    def _line(self, along: Direction) -> tuple[float, Callable[[Any], dict[str, Any]]]:
        """What a step is small against, and the point so far along the direction."""
        moves = {name: np.asarray(move, dtype=float) for name, move in along.items()}
        given = {name: np.asarray(self.subject.point[name], dtype=float) for name in moves}
        sizes = [
            float(np.min(np.abs(x), where=(moves[n] != 0) & (x != 0), initial=1.0))
            for n, x in given.items()
        ]
        largest = max(map(_largest, moves.values()), default=0.0)
        directions = {name: convert(self.m, move) for name, move in moves.items()}

        def moved(t: Any) -> dict[str, Any]:
            return {**self.point, **{n: self.point[n] + t * d for n, d in directions.items()}}

        return min([1.0, *sizes]) / (largest or 1.0), moved

    def _output(self, moved: Callable[[Any], dict[str, Any]], t: Any) -> Any:
        return np.sum(self.seed * self.values_at(moved(t))[self.subject.graph.output])

    def _gradients(self, moved: Callable[[Any], dict[str, Any]], t: Any) -> dict[str, Any]:
        graph, values = self.subject.graph, self.values_at(moved(t))
        upstreams = self.subject.flow_of(graph, values, self.many).upstreams
        shapes = {name: np.shape(self.subject.point[name]) for name in self.subject.wrt}
        return {n: np.broadcast_to(upstreams[graph.inputs[n]], s) for n, s in shapes.items()}


def _is_doubtful(slope: Any) -> bool:
    size = np.abs(slope)
    return bool(np.any(size > _STEEP) or np.any((size > 0) & (size < _TINY)))


def _limit(here: Any, nearer: Any, further: Any, h: Any, least: Any) -> Any:
    """The slope on one side, from half a step and from a whole one, entry by entry; 0 where it
    shrinks with the step, nan where it does not settle."""
    slope, closer = _slope(here, further, h, least), _slope(here, nearer, h / 2, least)
    shrinks = np.abs(closer) <= _SHRINKS * np.abs(slope)
    is_one = np.abs(closer - slope) <= TOLERANCE * np.abs(slope)
    return np.where(is_one, closer, np.where(shrinks, 0.0, np.nan))


def _slope(before: Any, after: Any, h: Any, least: Any) -> Any:
    """Entry by entry; 0 where the difference does not stand out from rounding."""
    rise = after - before
    return np.asarray(np.where(np.abs(rise) <= least, 0, rise / h), dtype=float)
