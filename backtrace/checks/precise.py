"""The same trace with many digits, from the same floats: what every number of it should be.

Two passes, the second with more digits, say which numbers are sure: what they agree on is; what
falls as the digits grow is 0, the rounding of terms that cancel. A few passes from inputs moved by
their last bits say what is no more than those: 0.1*3 - 0.3.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from backtrace.algebra import Value
from backtrace.algebra.digits import Digits
from backtrace.algebra.values import Place, shape_of, size_of
from backtrace.checks.deadline import OutOfTime, within
from backtrace.checks.traced import TOLERANCE, UNDERFLOW
from backtrace.graph import Graph
from backtrace.graph.backprop import Backward
from backtrace.numbers import DIGITS, number

LOST, ZERO, SAME = "lost", "zero", "same"
_FIRST, _MORE, _MOST = 50, 40, 1500  # digits
_SURE = 1e-12
_RUNS, _RUNS_OF_MANY, _MANY = 8, 3, 1000  # of more numbers than that
_LAST_BITS = 2.0**-50  # relative: an input may itself be the result of a few roundings
_NOTHING, _NEXT_TO = 1e-9, 1e-10  # 0 to rounding: beside 1, and beside the largest result
_MOST_WORK = 15_000  # numbers of a pass
_NO_NUMBERS = (ArithmeticError, ValueError, TypeError, AttributeError)  # what comes of others


class Sure(Sequence[Any]):
    """The numbers of a pass and of the same with more digits, compared when one is asked for: a
    float, nan where they are not sure. (Few of a trace's numbers ever are.)"""

    def __init__(self, some: Sequence[Any], more: Sequence[Any]) -> None:
        self._some = some
        self._more = more

    def __len__(self) -> int:
        return len(self._some)

    def __getitem__(self, index: Any) -> Any:
        some, more = self._some[index], self._more[index]
        if isinstance(some, tuple):
            return tuple(_sure(*pair) for pair in zip(some, more, strict=True))
        return _sure(some, more)


@dataclass(frozen=True)
class Precise:
    """Every number as a float that many digits were rounded to; nan where they are not sure."""

    values: Sequence[Any]
    upstreams: Sequence[Any]
    locals: Sequence[tuple[Any, ...]]
    downstreams: Sequence[tuple[Any, ...]]
    run: Callable[[Digits], tuple[list[Any], Backward]]
    digits: int
    seconds: float

    @cached_property
    def _nudged(self) -> list[tuple[list[Any], Backward]]:
        """Traces from inputs whose last bits are others; none where that takes too long."""
        count = _RUNS if sum(map(size_of, self.values)) <= _MANY else _RUNS_OF_MANY
        try:
            return within(
                self.seconds,
                lambda: [self.run(_Nudging(self.digits, seed)) for seed in range(count)],
            )
        except OutOfTime:
            return []

    def noise(self, node: int, is_gradient: bool) -> Any:
        """How far the last bits of the inputs move a number; inf where that is not known in time,
        and nothing can be said."""
        right = (self.upstreams if is_gradient else self.values)[node]
        runs = [
            flow.upstreams[node] if is_gradient else values[node] for values, flow in self._nudged
        ]
        if not shape_of(right):
            return max((abs(_float(run) - right) for run in runs), default=math.inf)
        import numpy as np

        if not runs:
            return np.full(right.shape, math.inf)
        return np.max([abs(_floats(run) - right) for run in runs], axis=0)


class _Nudging(Digits):
    """Reads 0.1 as one of the numbers that its last bits leave open; a whole number is exact."""

    def __init__(self, digits: int, seed: int) -> None:
        super().__init__(digits)
        self._chance = random.Random(7919 * (seed + 1))

    def number(self, text: str) -> Value:
        return self.moved(super().number(text))

    def moved(self, value: Value) -> Value:
        if not self.context.isfinite(value) or value == self.context.floor(value):
            return value
        return value * (1 + self._chance.choice((-1, 1)) * self.context.mpf(_LAST_BITS))


def precisely(
    graph: Graph,
    point: Mapping[str, Any],
    values: Sequence[Any],
    backward: Callable[..., Backward],
    seconds: float,
    of_arrays: bool,
) -> Precise | None:
    """The trace again; None where that is too long."""
    if sum(size_of(value) + len(graph.inputs_of[k]) for k, value in enumerate(values)) > _MOST_WORK:
        return None

    def run(m: Digits) -> tuple[list[Any], Backward]:
        def read(value: float) -> Value:
            exact = m.from_float(value)
            return m.moved(exact) if isinstance(m, _Nudging) else exact

        if not of_arrays:
            given = {name: read(value) for name, value in point.items()}
            found = graph.evaluate(m, given)
            return found, backward(graph, found, m)
        import numpy as np

        from backtrace.algebra.arrays import quiet
        from backtrace.algebra.lifted import lifted

        many, everywhere = lifted(m), np.frompyfunc(read, 1, 1)
        with quiet():
            found = graph.evaluate(many, {n: everywhere(value) for n, value in point.items()})
            return found, backward(graph, found, many)

    def work() -> Precise:
        digits = _digits(point, values)
        (some, flow), (more, again) = run(Digits(digits)), run(Digits(digits + _MORE))
        return Precise(
            Sure(some, more),
            Sure(flow.upstreams, again.upstreams),
            Sure(flow.locals, again.locals),
            Sure(flow.downstreams, again.downstreams),
            run,
            digits,
            seconds,
        )

    try:
        return within(seconds, work)
    except (OutOfTime, *_NO_NUMBERS):
        return None  # it is no witness then


def _digits(point: Mapping[str, Any], values: Sequence[Any]) -> int:
    """Enough for what is added to span them all, from the largest value to the smallest input."""
    sizes = [abs(v) for value in (*values, *point.values()) for v in _entries(value)]
    known = [math.log10(size) for size in sizes if size and math.isfinite(size)]
    return min(_MOST, _FIRST + round(max([0.0, *known]) - min([0.0, *known])))


def _entries(value: Any) -> list[float]:
    return value.ravel().tolist() if shape_of(value) else [value]


def _sure(some: Any, more: Any) -> Any:
    if some is None:  # a pullback's local gradient
        return None
    if not shape_of(some) and not shape_of(more):
        return _sure_number(some, more)
    import numpy as np

    return np.vectorize(_sure_number, otypes=[float])(some, more)


def _sure_number(some: Any, more: Any) -> float:
    try:
        return _agreed(_mpf(some), _mpf(more))
    except _NO_NUMBERS:
        return math.nan


def _agreed(a: Any, b: Any) -> float:
    if not (a - a == 0 and b - b == 0):
        return math.nan
    if abs(a - b) <= _SURE * abs(b):
        return _float(b)
    return 0.0 if abs(b) <= 1e-15 * abs(a) else math.nan


def _mpf(value: Any) -> Any:
    return value[()] if hasattr(value, "dtype") else value


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _floats(value: Any) -> Any:
    import numpy as np

    return np.vectorize(_float, otypes=[float])(value)


def compared(
    found: float, right: float, noise: Callable[[], float], scale: float, digits: int = DIGITS
) -> str:
    """Whether the digits of a float that are shown are those of the right number: SAME, LOST, or
    ZERO where it is only what is left of terms that cancel. `scale` is the largest of the results
    that it stands beside."""
    larger = max(abs(found), abs(right))
    if right != right or not abs(found - right) > TOLERANCE * larger + UNDERFLOW:
        return SAME
    if number(found, digits) == number(right, digits):
        return SAME
    if larger > max(_NOTHING, _NEXT_TO * scale):
        return LOST
    return ZERO if right == 0 or abs(right) <= 2 * noise() else LOST


def compared_entries(
    found: Any, right: Any, noise: Callable[[], Any], scale: float, digits: int = DIGITS
) -> tuple[str, Place]:
    """The same of arrays: what the worst entry is, and where."""
    import numpy as np

    found, right = np.broadcast_arrays(np.asarray(found, float), np.asarray(right, float))
    larger = np.maximum(abs(found), abs(right))
    reach = functools.cache(lambda: np.broadcast_to(noise(), found.shape))
    said, where = SAME, cast(Place, ())
    for place in np.argwhere(abs(found - right) > TOLERANCE * larger + UNDERFLOW):
        here: Place = tuple(map(int, place))
        entry = functools.partial(_entry, reach, here)
        word = compared(float(found[here]), float(right[here]), entry, scale, digits)
        if word == LOST:
            return LOST, here
        if word == ZERO:
            said, where = ZERO, here
    return said, where


def _entry(values: Callable[[], Any], place: Place) -> float:
    return float(values()[place])
