"""The same trace in other numbers: as formulas, exactly, or with N digits.

One walk over the graph with another algebra each; the rules are those of the table. What comes out
is text, beside the floats.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from backtrace.algebra import Algebra, Value
from backtrace.algebra.spelling import Binding, Spelled
from backtrace.algebra.symbols import LONGEST, SYMBOLS, Term, term
from backtrace.checks.deadline import OutOfTime, within
from backtrace.errors import UsageError
from backtrace.formula.parser import parse
from backtrace.formula.printer import expressions
from backtrace.graph import Graph, Node, backprop
from backtrace.graph.record import Wording
from backtrace.language import marked, tell
from backtrace.numbers import number

MOST_DIGITS = 1000
EXACT_TOLERANCE = 1e-9
DIFFER = marked("exact and float differ")
_SECONDS = 2.0
_LONGEST = 120  # characters of an operand that is written out


class NotExact(UsageError):
    """Why there are no exact numbers; the trace stands without them."""


def as_formulas(graph: Graph, convention: str) -> Wording:
    """Every number as the formula that gives it, in the variables' and the stages' names."""
    shown = expressions(graph, _LONGEST)
    values: list[Value] = []
    for node, text in zip(graph.nodes, shown, strict=True):
        values.append(_formula(node, text, values))
    flow = backprop.backward(graph, values, SYMBOLS, term(1), convention)
    return _wording("symbolic", shown, flow, lambda value: term(value).text)


def _formula(node: Node, text: str, values: Sequence[Value]) -> Term:
    """What the node computes, as it is written; a sign and a quotient are kept apart, so that
    a/b/b can become a/b^2."""
    if node.name or node.gate is None:
        return SYMBOLS.name(node.name or text)
    binding = node.gate.binding if len(text) < LONGEST else Binding.ATOM
    operands = [term(value) for value in node.operand_values(values, SYMBOLS)]
    if node.gate.name == "neg" and not operands[0].negative:
        return Term(operands[0].body, True)
    quotient = None
    if node.gate.name == "div" and not operands[0].negative:
        quotient = (operands[0].body, operands[1].spelled)
    return Term(Spelled(text, binding), False, quotient)


def simplified(
    formula: str, names: Collection[str], wrt: Sequence[str], seconds: float
) -> dict[str, str]:
    """The derivatives by `wrt` as SymPy writes them when it may take its time; and, when that is
    up, why some are missing (under their name)."""
    from backtrace.checks.symbolic import simplify

    return simplify(formula, names, wrt, seconds)


def with_digits(graph: Graph, written: Mapping[str, str], digits: int, convention: str) -> Wording:
    """Every number to `digits` significant digits, literals read as they are written."""
    if not 1 <= digits <= MOST_DIGITS:
        raise UsageError(
            tell(
                "--precision takes 1 to {most_digits} digits, not {digits}",
                most_digits=MOST_DIGITS,
                digits=digits,
            )
        )
    from backtrace.algebra.digits import Digits

    m = Digits(digits + 10, decimal=True)
    flow, values = _walk(graph, written, m, convention)

    def text(value: Value) -> str:
        shown: str = m.context.nstr(m.context.mpf(value), digits, strip_zeros=True)
        return shown.removesuffix(".0").replace("e+", "e")

    return _wording(tell("{digits} digits", digits=digits), tuple(map(text, values)), flow, text)


def exactly(
    graph: Graph, written: Mapping[str, str], floats: Sequence[float], convention: str
) -> Wording:
    """Every number exactly, with a remark on how `floats`, every node's value and then every node's
    gradient, agree with it. Raises NotExact, which says why."""
    from backtrace.algebra.exact import EXACT, TooLarge
    from backtrace.checks.reading import exact_text

    def work() -> Wording:
        flow, values = _walk(graph, written, EXACT, convention)
        words = agreement(floats, [float(v) for v in (*values, *flow.upstreams)])
        found = _wording("exact", tuple(map(exact_text, values)), flow, exact_text)
        return found._replace(remark=words)

    try:
        return within(_SECONDS, work)
    except OutOfTime:
        raise NotExact(
            tell("exact arithmetic takes more than {seconds:g} s", seconds=_SECONDS)
        ) from None
    except TooLarge:
        raise NotExact(tell("a power is too large for exact arithmetic")) from None
    except Exception as error:  # whatever SymPy raises, the floats stand
        what = tell("exact arithmetic cannot do it ({name})", name=type(error).__name__)
        raise NotExact(what) from None


def agreement(floats: Sequence[float], exact: Sequence[float]) -> str:
    """How floats agree with exact numbers, in words."""
    finite = [(a, b) for a, b in zip(floats, exact, strict=True) if math.isfinite(a - b)]
    pairs = [(a, b) for a, b in finite if a != b]
    error = max((abs(a - b) / max(abs(a), abs(b)) for a, b in pairs), default=0.0)
    if error > EXACT_TOLERANCE:
        a, b = max(pairs, key=lambda pair: abs(pair[0] - pair[1]))
        return tell(
            "{differ}: {number} in floats is {b_number} exactly",
            differ=tell(DIFFER),
            number=number(a, 6),
            b_number=number(b, 6),
        )
    others = len(floats) - len(finite)
    bad = tell(" ({others} are not finite)", others=others) if others else ""
    size = number(max(error, 1e-16), 1)
    return tell(
        "exact and float agree in all {count} numbers{bad}, to {size}",
        count=len(finite),
        bad=bad,
        size=size,
    )


def _walk(
    graph: Graph, written: Mapping[str, str], m: Algebra, convention: str
) -> tuple[backprop.Backward, list[Value]]:
    point: dict[str, Any] = {}
    for name in graph.inputs:
        value = parse(written[name])
        point[name] = value.evaluate(m, {})[value.output]
    values = graph.evaluate(m, point)
    return backprop.backward(graph, values, m, convention=convention), values


def _wording(
    kind: str, values: Sequence[str], flow: backprop.Backward, text: Callable[[Value], str]
) -> Wording:
    return Wording(
        kind,
        tuple(values),
        tuple(map(text, flow.upstreams)),
        tuple(tuple(map(text, slopes)) for slopes in flow.locals),
        tuple(tuple(map(text, carried)) for carried in flow.downstreams),
    )
