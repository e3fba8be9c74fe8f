"""What the lines after a slip are without it.

A slip spoils the numbers of all that is made of it, and with them what tells which version of a
forward name a gradient is of (dh of h, then dh of what went into its relu), or that 1/N comes
later. So the first gradient that is wrong by itself is put right, what stands behind it is worked
out anew, and the next one is looked for: right lines behind a slip are never told as wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from backtrace.algebra.values import shape_of
from backtrace.code.backward_pass import Gradient
from backtrace.homework.backward.replays import Replays

_MOST_MENDED = 12
_MOST_READINGS = 6  # of one gradient
_MOST_FACTORS = 6


class Mending:
    """The lines as they are written, and what they are where gradients of them are put right."""

    def __init__(self, written: Replays) -> None:
        self.written = written

    def mended(self) -> Replays:
        """The lines with every slip put right, one after the other, as long as that leaves no more
        gradients that are wrong by themselves."""
        best = self.written
        wrong = self.faults(best)
        tried: set[str] = set()
        while len(wrong) > len(best.meant) and len(tried) < _MOST_MENDED:
            stages = best.order.keys() - tried  # dX = np.zeros_like(X) is data, and no stage
            left = [gradient for gradient in wrong if gradient.final in stages]
            if not left:
                break
            first = min(left, key=lambda gradient: best.order[gradient.final])
            tried.add(first.final)
            best, wrong = self._best(best, wrong, first)
        return best

    def _best(
        self, replays: Replays, wrong: list[Gradient], gradient: Gradient
    ) -> tuple[Replays, list[Gradient]]:
        """Of the ways to put a gradient right the first that leaves the fewest wrong, or the lines
        as they were where all leave more."""
        is_first = True
        for one in self._ways(replays, gradient):
            found = self.faults(one)
            if len(found) < len(wrong) or (is_first and len(found) == len(wrong)):
                replays, wrong = one, found
            is_first = False
            if len(wrong) <= len(replays.meant):  # none but what is put right
                break
        return replays, wrong

    def _ways(self, replays: Replays, gradient: Gradient) -> Iterator[Replays]:
        """The lines where a gradient is right: as what it may be of, the likeliest first; as it is
        written, times a factor that comes later; times another factor."""
        for of in self.readings(replays, gradient):
            yield self.with_right(replays, gradient, of)
        of, final = replays.of(gradient), gradient.final
        if of in replays.inputs:
            return
        own = replays.factor(final, of)
        if own is not None:
            yield self._with(replays.meant, {**replays.given_late, final: own})
        for factor in self._factors(replays):
            late = {**replays.given_late, final: factor}
            yield self._with({**replays.meant, final: of}, late)

    def _factors(self, replays: Replays) -> list[float]:
        """What a step between may be more than it says: a sign, a count."""
        values = replays.figures[0].own.values()
        counts = sorted({n for value in values for n in shape_of(value)} - {1})
        return [-1.0, *map(float, counts)][:_MOST_FACTORS]

    def readings(self, replays: Replays, gradient: Gradient) -> list[str]:
        """What a wrong gradient may be meant as: what it is taken for, then others of its shape."""
        of = replays.of(gradient)
        right = replays.figures[0].right
        shape = shape_of(replays.figures[0].own.get(gradient.final))
        others = [name for name in replays.possible(gradient) if name != of]
        fitting = [name for name in (of, *others) if shape_of(right[name]) == shape]
        return [of, *(name for name in fitting or others if name != of)][:_MOST_READINGS]

    def with_right(self, replays: Replays, gradient: Gradient, of: str) -> Replays:
        """The lines where, beside what is right already, one more gradient is."""
        factor = replays.late.get(gradient.final)
        late = {} if factor is None else {gradient.final: factor}
        return self._with({**replays.meant, gradient.final: of}, {**replays.given_late, **late})

    def _with(self, meant: Mapping[str, str], late: Mapping[str, float]) -> Replays:
        written = self.written
        figures = [
            figure.mended({n: late.get(n, 1.0) * figure.right[of] for n, of in meant.items()})
            for figure in written.figures
        ]
        return Replays(written.code, written.graphs, figures, written.named_only, late, meant)

    def faults(self, replays: Replays) -> list[Gradient]:
        """The gradients that are neither right as they are written nor follow from others."""
        return [
            gradient
            for gradient in replays.code.gradients
            if gradient.error is None and gradient.lines and self._is_fault(replays, gradient)
        ]

    def _is_fault(self, replays: Replays, gradient: Gradient) -> bool:
        of, final = replays.of(gradient), gradient.final
        if not of or final not in replays.finals:
            return False
        own = [(figures.own.get(final), figures) for figures in self.written.figures]
        if all(replays.is_due(value, gradient, of, figures) for value, figures in own):
            return False
        if replays.is_mended(gradient, of):
            return False
        return not all(replays.follows(gradient, of, figures) for figures in replays.figures)
