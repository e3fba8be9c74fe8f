"""Where only the fused graph survives: one variable at a time is taken far out, a number to 1000
and -1000, an array in every entry, or in the entry that moves the output most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from backtrace.algebra.values import Place, Value, bracketed, is_finite, size_of
from backtrace.formula.point import Given
from backtrace.graph.record import Granularity
from backtrace.language import tell
from backtrace.tracing.request import Request
from backtrace.tracing.trace import Trace
from backtrace.tracing.tracer import trace_given

_FAR = (-1000.0, 1000.0)
_OF_ARRAYS = (*_FAR, 0.0)  # a norm of nothing has no slope, as it is written
_NEARLY = 1 - 1e-9  # of the largest
_MOST_VARIABLES = 8
_MOST_WORK = 20_000_000  # numbers that all trials together may compute


@dataclass(frozen=True, slots=True)
class Survival:
    """A variable's value at which the written graph breaks and the fused one does not; of an array
    the value of every entry, or of that at `place` alone."""

    name: str
    value: float
    written: str
    fused: Value
    is_array: bool = False
    place: Place | None = None

    @property
    def variable(self) -> str:
        """x; x[0, 1], where one entry is meant."""
        return self.name if self.place is None else self.name + bracketed(self.place)

    @property
    def where(self) -> str:
        return tell(" in every entry") if self.is_array and self.place is None else ""


def survivals(
    formula: str,
    given: Mapping[str, Given],
    written: Trace,
    request: Request,
    fused: Granularity,
) -> Iterator[Survival]:
    """The first of each variable; `written` is the trace of the request at the point itself. None
    where nothing is fused, and what takes too long is not tried."""
    if not written.groups:
        return
    left = _MOST_WORK // max(1, sum(map(size_of, written.values)))
    request = request._replace(check=False)
    for name in [n for n in given if n in written.graph.inputs][:_MOST_VARIABLES]:
        for value, place, moved in _far_out(name, given[name], written):
            left -= 1
            if left < 0:
                return
            point = {**given, name: moved}
            breaks = trace_given(formula, point, request)
            if breaks.ok or breaks.fault is None:
                continue
            other = trace_given(formula, point, request._replace(granularity=fused))
            if other.ok:
                is_array = bool(given[name].shape)
                what = breaks.fault.what
                yield Survival(name, value, what, other.value, is_array, place)
                break


def _far_out(
    name: str, given: Given, written: Trace
) -> Iterator[tuple[float, Place | None, Given]]:
    """Each value, the entry that has it, and what is then given."""
    if not given.shape:
        for value in _FAR:
            yield value, None, Given(value, str(value))
        return
    import numpy as np

    for value in _OF_ARRAYS:
        yield value, None, Given(np.full(given.shape, value), "")
    place = _largest(written.upstreams[written.graph.inputs[name]])
    for value in _FAR:
        moved = np.array(given.value, dtype=float)
        moved[place] = value
        yield value, place, Given(moved, "")


def _largest(gradient: Any) -> Place:
    """Where the output moves most, the first of those that rounding alone tells apart; the first
    entry, where that is not known."""
    import numpy as np

    sizes = np.abs(gradient) if is_finite(gradient) else np.zeros(np.shape(gradient))
    first = int(np.argmax(sizes >= _NEARLY * np.max(sizes)))
    return tuple(map(int, np.unravel_index(first, np.shape(gradient))))
