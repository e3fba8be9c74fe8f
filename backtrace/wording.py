"""The same trace in other numbers: as formulas, exactly, or with N digits.

One walk over the graph with another algebra each; the rules are those of the table. What comes out
is text, beside the floats.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backtrace import engine
from backtrace.algebra import Algebra, Value
from backtrace.algebra.spelling import Binding, Spelled
from backtrace.algebra.symbols import SYMBOLS, Term, term
from backtrace.checks.deadline import OutOfTime, within
from backtrace.errors import UsageError
from backtrace.formula.parser import parse
from backtrace.formula.printer import expressions
from backtrace.graph import Graph
from backtrace.record import Wording

MOST_DIGITS = 1000
_SECONDS = 5.0
_LONGEST = 120  # characters of an operand that is written out


def as_formulas(graph: Graph, convention: str) -> Wording:
    """Every number as the formula that gives it, in the variables' and the stages' names."""
    values = [_term(graph, index, text) for index, text in enumerate(expressions(graph, _LONGEST))]
    flow = engine.backward(graph, values, SYMBOLS, term(1), convention)
    shown = tuple(expressions(graph, _LONGEST))
    return _wording("symbolic", shown, flow, lambda value: term(value).text)


def _term(graph: Graph, index: int, text: str) -> Term:
    node = graph.nodes[index]
    if node.name:
        return SYMBOLS.name(node.name)
    binding = node.gate.binding if node.gate is not None else Binding.ATOM
    if text.startswith("-") and binding <= Binding.SIGN and node.gate and node.gate.name == "neg":
        return -SYMBOLS.name(text[1:]) if text[1:].isidentifier() else Term(Spelled(text, binding))
    body = Spelled(text, binding)
    operands = node.operands
    if node.gate is not None and node.gate.name == "div" and isinstance(operands[1], int):
        below = graph.nodes[operands[1]].name
        if below and text.endswith(f"/{below}"):
            above = Spelled(text[: -len(below) - 1], Binding.PRODUCT)
            return Term(body, False, (above, Spelled(below)))
    return Term(body)


def with_digits(graph: Graph, written: Mapping[str, str], digits: int, convention: str) -> Wording:
    """Every number to `digits` significant digits, literals read as they are written."""
    if not 1 <= digits <= MOST_DIGITS:
        raise UsageError(f"--precision takes 1 to {MOST_DIGITS} digits, not {digits}")
    from backtrace.algebra.digits import Digits

    m = Digits(digits + 10, decimal=True)
    flow, values = _walk(graph, written, m, convention)

    def text(value: Value) -> str:
        number = m.context.mpf(value)
        shown: str = m.context.nstr(number, digits, strip_zeros=True)
        return shown.removesuffix(".0").replace("e+", "e")

    return _wording(f"{digits} digits", tuple(map(text, values)), flow, text)


def exactly(graph: Graph, written: Mapping[str, str], convention: str) -> Wording | str:
    """Every number exactly; or why there is no exact trace."""
    from backtrace.algebra.exact import EXACT, TooLarge
    from backtrace.checks.symbolic import exact_text

    def work() -> Wording:
        flow, values = _walk(graph, written, EXACT, convention)
        return _wording("exact", tuple(map(exact_text, values)), flow, exact_text)

    try:
        return within(_SECONDS, work)
    except OutOfTime:
        return f"exact arithmetic takes more than {_SECONDS:g} s"
    except TooLarge:
        return "a power is too large for exact arithmetic"
    except Exception as error:  # whatever SymPy raises, the floats stand
        return f"exact arithmetic cannot do it ({type(error).__name__})"


def _walk(
    graph: Graph, written: Mapping[str, str], m: Algebra, convention: str
) -> tuple[engine.Backward, list[Value]]:
    point: dict[str, Any] = {}
    for name in graph.inputs:
        value = parse(written[name])
        point[name] = value.evaluate(m, {})[value.output]
    values = graph.evaluate(m, point)
    return engine.backward(graph, values, m, convention=convention), values


def _wording(
    kind: str, values: Sequence[str], flow: engine.Backward, text: Callable[[Value], str]
) -> Wording:
    return Wording(
        kind,
        tuple(values),
        tuple(map(text, flow.upstreams)),
        tuple(tuple(map(text, slopes)) for slopes in flow.locals),
        tuple(tuple(map(text, carried)) for carried in flow.downstreams),
    )
