"""The same trace of arrays in other numbers, entry by entry: exactly, or with N digits.

The rules are those of the table, in the algebra of arrays whose entries are such numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from backtrace.algebra import Value
from backtrace.algebra.arrays import quiet
from backtrace.algebra.lifted import lifted
from backtrace.algebra.values import size_of
from backtrace.checks.deadline import OutOfTime, within
from backtrace.errors import BacktraceError, UsageError
from backtrace.formula.parser import parse
from backtrace.graph import Graph, backprop
from backtrace.graph.record import Wording
from backtrace.language import tell
from backtrace.tracing.other_numbers import MOST_DIGITS, NotExact, agreement

_MOST_ENTRIES = 1_000
_SECONDS = 4.0


def with_digits(
    graph: Graph,
    point: Mapping[str, Any],
    written: Mapping[str, str],
    values: Sequence[Value],
    digits: int,
    convention: str,
) -> Wording:
    """Every entry to `digits` significant digits; entries are read as they are written: 0.1 is a
    tenth. Raises UsageError for more than 1,000 entries in all."""
    if not 1 <= digits <= MOST_DIGITS:
        raise UsageError(
            tell(
                "--precision takes 1 to {most_digits} digits, not {digits}",
                most_digits=MOST_DIGITS,
                digits=digits,
            )
        )
    _refuse_large(values, "--precision")
    from backtrace.algebra.digits import Digits

    m = Digits(digits + 10, decimal=True)
    found, flow = _walk(graph, point, written, m, convention)

    def text(value: Value) -> str:
        shown: str = m.context.nstr(m.context.mpf(value), digits, strip_zeros=True)
        return shown.removesuffix(".0").replace("e+", "e")

    return _wording(tell("{digits} digits", digits=digits), found, flow, text)


def exactly(
    graph: Graph,
    point: Mapping[str, Any],
    written: Mapping[str, str],
    values: Sequence[Value],
    upstreams: Sequence[Value],
    convention: str,
) -> Wording:
    """Every entry exactly, with a remark on how the floats agree. Raises NotExact, which says
    why."""
    from backtrace.algebra.exact import EXACT
    from backtrace.checks.reading import exact_text

    _refuse_large(values, "--exact")
    if not all(np.all(np.isfinite(np.asarray(v, float))) for v in (*values, *upstreams)):
        raise NotExact(tell("a value that is not finite has no exact number"))

    def work() -> Wording:
        found, flow = _walk(graph, point, written, EXACT, convention)
        floats = [float(v) for array in (*values, *upstreams) for v in np.ravel(array)]
        exact = [float(v) for array in (*found, *flow.upstreams) for v in np.ravel(array)]
        wording = _wording("exact", found, flow, lambda value: exact_text(_whole(value)))
        return wording._replace(remark=agreement(floats, exact))

    try:
        return within(_SECONDS, work)
    except OutOfTime:
        raise NotExact(
            tell("exact arithmetic takes more than {seconds:g} s", seconds=_SECONDS)
        ) from None
    except NotExact:
        raise
    except Exception as error:  # whatever SymPy raises, the floats stand
        raise NotExact(
            tell("exact arithmetic cannot do it ({name})", name=type(error).__name__)
        ) from None


def _refuse_large(values: Sequence[Value], what: str) -> None:
    count = sum(map(size_of, values))
    if count > _MOST_ENTRIES:
        words = tell(
            "{what} writes out every entry, and there are {count:,}", what=what, count=count
        )
        raise UsageError(
            words,
            hint=tell(
                "smaller arrays: up to {most_entries:,} entries in all", most_entries=_MOST_ENTRIES
            ),
        )


def _walk(
    graph: Graph, point: Mapping[str, Any], written: Mapping[str, str], m: Any, convention: str
) -> tuple[list[Value], backprop.Backward]:
    many = lifted(m)
    with quiet():
        given = {name: _read(point[name], written.get(name, ""), m, many) for name in graph.inputs}
        values = graph.evaluate(many, given)
        seed = np.frompyfunc(m.number, 1, 1)(np.full(np.shape(values[graph.output]), "1", object))
        flow = backprop.backward(graph, values, many, seed=seed, convention=convention)
    return values, flow


def _read(value: Value, text: str, m: Any, many: Any) -> Value:
    """A value as it was written, [1, 1/3]; else its entries as floats are written."""
    try:
        found = parse(text)
        if not found.inputs:
            exact = found.evaluate(many, {})[found.output]
            if np.shape(exact) == np.shape(value):
                return exact
    except BacktraceError:  # randn(3): it was never written out
        pass
    return np.frompyfunc(lambda entry: m.number(repr(float(entry))), 1, 1)(value)


def _whole(value: Any) -> Any:
    """1.0 that an identity matrix brought in as 1. Raises NotExact for a number that was
    rounded."""
    if isinstance(value, int | float):
        return int(value) if value == int(value) else value
    floats = [f for f in value.atoms() if f.is_Float]
    if any(f != int(f) for f in floats):
        raise NotExact(tell("a number on the way is rounded"))
    return value.xreplace({f: int(f) for f in floats})


def _wording(
    kind: str, values: Sequence[Value], flow: backprop.Backward, text: Callable[[Value], str]
) -> Wording:
    def each(value: Value) -> str:
        """An array as it is typed; of a rule without a local gradient nothing."""
        if value is None:
            return ""
        if np.ndim(value) == 0:
            return text(value.item() if isinstance(value, np.ndarray | np.generic) else value)
        return f"[{', '.join(map(each, value))}]"

    return Wording(
        kind,
        tuple(map(each, values)),
        tuple(map(each, flow.upstreams)),
        tuple(tuple(map(each, slopes)) for slopes in flow.locals),
        tuple(tuple(map(each, carried)) for carried in flow.downstreams),
    )
