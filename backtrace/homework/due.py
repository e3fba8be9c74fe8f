"""What is due: the trace's numbers; where 64-bit floats have lost digits, those that many digits
give; and where kinks cancel, the derivative."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from backtrace.algebra import Algebra
from backtrace.algebra.values import kept, shape_of
from backtrace.checks.crosscheck import checks_at_kinks
from backtrace.checks.precise import precisely
from backtrace.checks.traced import TOLERANCE, Budget, Subject
from backtrace.graph import Graph, backprop
from backtrace.graph.record import WRONG_AT_KINK, Record

_SECONDS = 2.0
_MOST_GATES = 2000
R = TypeVar("R", bound=Record)


def with_what_is_due(record: R) -> R:
    """The record with the right numbers. At a kink these are a matter of convention, and with other
    digits it may be none: only what is a derivative after all is put right there."""
    if record.graph.gate_count > _MOST_GATES:
        return record
    if kinks := [n.node for n in record.notes if n.kind == "kink" and n.node is not None]:
        return _with_derivatives(record, kinks)
    backward = functools.partial(backprop.backward, convention=record.granularity.kink)
    precise = precisely(
        record.graph, record.point, record.values, backward, _SECONDS, record.has_arrays
    )
    if precise is None:
        return record
    better = functools.partial(map, _better)
    return replace(
        record,
        values=tuple(better(record.values, precise.values)),
        upstreams=tuple(better(record.upstreams, precise.upstreams)),
        locals=tuple(map(tuple, map(better, record.locals, precise.locals))),
        downstreams=tuple(map(tuple, map(better, record.downstreams, precise.downstreams))),
    )


def _with_derivatives(record: R, kinks: list[int]) -> R:
    """The record with the derivatives that the gates at these kinks hide from backprop."""
    from backtrace.algebra.floats import FLOATS

    m: Algebra = FLOATS
    if record.has_arrays:
        from backtrace.algebra.arrays import ARRAYS

        m = ARRAYS
    subject = Subject(
        m,
        record.granularity.with_definitions(record.formula),
        record.graph,
        record.point,
        record.values,
        backprop.Backward(
            list(record.upstreams), list(record.locals), list(record.downstreams), kinks
        ),
        record.wrt,
        functools.partial(backprop.backward, convention=record.granularity.kink),
    )
    upstreams = list(record.upstreams)
    for name, check in checks_at_kinks(subject, Budget(slope_seconds=_SECONDS)).items():
        if check.verdict == WRONG_AT_KINK:
            upstreams[record.graph.inputs[name]] = kept(check.right)
    return replace(record, upstreams=tuple(upstreams))


def value_due(graph: Graph, point: Mapping[str, Any], values: Sequence[Any], arrays: bool) -> Any:
    """The output of a formula whose values in floats are these."""
    found = values[graph.output]
    if graph.gate_count > _MOST_GATES:
        return found
    nothing = backprop.NOTHING
    precise = precisely(graph, point, values, lambda *_: nothing, _SECONDS, arrays)
    return found if precise is None else _better(found, precise.values[graph.output])


def _better(found: Any, right: Any) -> Any:
    """The number that is there, but where that is not what many digits give."""
    if found is None or right is None:
        return found
    if not shape_of(found):
        far = abs(found - right) > TOLERANCE * max(abs(found), abs(right))
        return float(right) if far else found
    import numpy as np

    far = np.abs(found - right) > TOLERANCE * np.maximum(np.abs(found), np.abs(right))
    return kept(np.where(far, right, found)) if far.any() else found
