"""A formula tried at a point: what floats give, and what many digits say is right there.

Where the function has no value at the point (0*log(0)) many digits go near: along some directions
it may have a limit, and its slopes too.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from backtrace.algebra import Algebra, Value
from backtrace.algebra.floats import FLOATS
from backtrace.algebra.values import Place, is_finite, shape_of, size_of
from backtrace.checks.deadline import OutOfTime, within
from backtrace.gates.shapes import Shape
from backtrace.graph import Graph
from backtrace.graph.backprop import Backward
from backtrace.graph.record import Granularity
from backtrace.rewrite import graph_of

if TYPE_CHECKING:
    from backtrace.algebra.digits import Digits

AGREES = 1e-9  # relative
_TINY, _BESIDE = 1e-300, 1e-13  # absolute; relative to the largest entry beside it
_DIGITS = (60, 110, 500, 1000)
_NEAR, _CLOSE, _AWAY = 1e-25, 1e-6, 3.0  # how far to go for a limit, what is one, and elsewhere
_DIRECTIONS = 6
_MOST_WORK = 6000  # numbers of a pass with many digits
_SECONDS = 1.0


class Results(NamedTuple):
    """The output, and the gradients that were asked for."""

    value: Any
    gradients: Mapping[str, Any]

    def all(self) -> Iterator[tuple[str, Any]]:
        """By name; the value's is ""."""
        yield "", self.value
        yield from self.gradients.items()


@dataclass(frozen=True)
class Setting:
    """What was traced: the formula, its graph at this granularity, the point, what was asked for,
    and the backward pass with its convention and upstream."""

    formula: str
    granularity: Granularity
    graph: Graph
    point: Mapping[str, Any]
    asked: Sequence[str]
    backward: Callable[..., Backward]

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        return {name: shape_of(value) for name, value in self.point.items()}

    def read(self, formula: str, granularity: Granularity) -> Graph:
        """Another formula of the same variables, as a graph. Raises BacktraceError."""
        return graph_of(formula, self.shapes, granularity)[0]

    def floats(self, graph: Graph) -> Results | None:
        """What floats give; None where it reads another set of variables."""
        if graph.inputs.keys() != self.graph.inputs.keys():
            return None
        if graph.shapes is None:
            values = graph.evaluate(FLOATS, self.point)
            flow = self.backward(graph, values, FLOATS)
        else:
            from backtrace.algebra.arrays import ARRAYS, quiet

            with quiet():
                values = graph.evaluate(ARRAYS, self.point)
                flow = self.backward(graph, values, ARRAYS)
        return self._results(graph, values, flow)

    def _results(self, graph: Graph, values: Sequence[Any], flow: Backward) -> Results:
        gradients = {name: flow.upstreams[graph.inputs[name]] for name in self.asked}
        return Results(values[graph.output], gradients)

    @cached_property
    def right(self) -> Results | None:
        """What many digits give at the point, nan where that is not sure; None where it is too much
        work."""
        return self.precisely(self.graph, 0.0, 0)

    @cached_property
    def nearby(self) -> list[Results]:
        """The same a little beside the point, in some directions: for limits."""
        found = (self.precisely(self.graph, _NEAR, k) for k in range(_DIRECTIONS))
        return [results for results in found if results is not None]

    def elsewhere(self, graph: Graph) -> Iterator[tuple[Results, Results]]:
        """What the formula and another one give at points that lie farther away."""
        for direction in range(_DIRECTIONS):
            both = [self.precisely(g, _AWAY, direction) for g in (self.graph, graph)]
            if both[0] is not None and both[1] is not None:
                yield both[0], both[1]

    def precisely(self, graph: Graph, step: float, direction: int) -> Results | None:
        """What many digits give at the point, moved by a step: as floats, nan where the digits are
        not sure. More and more of them, until all are."""
        try:
            return within(_SECONDS, lambda: self._surely(graph, step, direction))
        except (OutOfTime, ArithmeticError, ValueError, TypeError, AttributeError, MemoryError):
            return None  # it is no witness then

    def _surely(self, graph: Graph, step: float, direction: int) -> Results | None:
        if len(graph.nodes) + sum(map(size_of, self.point.values())) > _MOST_WORK:
            return None
        sure = None
        before = self._with_digits(_DIGITS[0], graph, step, direction)
        for digits in _DIGITS[1:]:
            after = self._with_digits(digits, graph, step, direction)
            pairs = zip(before.all(), after.all(), strict=True)
            value, *gradients = [(name, _agreed(some, more)) for (name, some), (_, more) in pairs]
            sure = Results(value[1], dict(gradients))
            if all(is_finite(number) for _, number in sure.all()):
                return sure
            before = after
        return sure

    def magnitude(self, node: int, place: Place) -> float | None:
        """The natural logarithm of the size of one number, which may be beyond all floats."""
        try:
            return within(_SECONDS, lambda: self._magnitude(node, place))
        except (OutOfTime, ArithmeticError, ValueError, TypeError, AttributeError, MemoryError):
            return None

    def _magnitude(self, node: int, place: Place) -> float:
        m, values, _ = self._values(_DIGITS[0], self.graph, 0.0, 0)
        value = values[node]
        if shape_of(value):
            value = value[place]
        return float(m.log(abs(value[()] if hasattr(value, "dtype") else value)))

    def _with_digits(self, digits: int, graph: Graph, step: float, direction: int) -> Results:
        _, values, many = self._values(digits, graph, step, direction)
        if not many.of_arrays:
            return self._results(graph, values, self.backward(graph, values, many))
        from backtrace.algebra.arrays import quiet

        with quiet():
            return self._results(graph, values, self.backward(graph, values, many))

    def _values(
        self, digits: int, graph: Graph, step: float, direction: int
    ) -> tuple[Digits, list[Any], Algebra]:
        """Every node's value with so many digits, and the algebras of numbers and of arrays."""
        from backtrace.advice.stable_forms.bounded import Bounded

        m = Bounded(digits)
        chance = random.Random(direction)

        def read(value: float) -> Value:
            exact = m.from_float(value)
            if not step:
                return exact
            sign = (1, -1)[direction] if direction < 2 else chance.choice((1, -1))
            by = m.from_float(step * (1 + chance.random()))
            return exact + sign * by * (abs(exact) or 1)

        if graph.shapes is None:
            given = {name: read(value) for name, value in self.point.items()}
            return m, graph.evaluate(m, given), m
        import numpy as np

        from backtrace.algebra.arrays import quiet
        from backtrace.algebra.lifted import lifted

        many, everywhere = lifted(m), np.frompyfunc(read, 1, 1)
        with quiet():
            values = graph.evaluate(many, {n: everywhere(v) for n, v in self.point.items()})
            return m, values, many


def _agreed(some: Any, more: Any) -> Any:
    if not shape_of(some) and not shape_of(more):
        return _agreed_number(some, more)
    import numpy as np

    return np.vectorize(_agreed_number, otypes=[float])(some, more)


def _agreed_number(some: Any, more: Any) -> float:
    a, b = (v[()] if hasattr(v, "dtype") else v for v in (some, more))
    if not (a - a == 0 and b - b == 0):
        return math.nan
    if abs(a - b) <= 1e-15 * abs(b) or (abs(a) < _TINY and abs(b) < _TINY):
        try:
            return float(b)
        except OverflowError:
            return math.nan
    return math.nan


def entries(value: Any) -> list[float]:
    return value.ravel().tolist() if shape_of(value) else [float(value)]


def agree(found: Any, right: Any, tolerance: float = AGREES) -> bool:
    """Whether every entry is right."""
    some, others = entries(found), entries(right)
    if len(some) != len(others):
        return False
    largest = max(map(abs, others), default=0.0)
    beside = _BESIDE * largest if len(others) > 1 else 0.0
    return all(
        abs(a - b) <= tolerance * abs(b) + _TINY + beside for a, b in zip(some, others, strict=True)
    )


def is_close(found: Any, limit: Any) -> bool:
    """Whether every entry is what another tends to."""
    some, others = entries(found), entries(limit)
    pairs = itertools.zip_longest(some, others, fillvalue=math.nan)
    return all(abs(a - b) <= _CLOSE * (1 + abs(b)) for a, b in pairs)
