"""What SymPy is asked of arrays, and when it is not: what is too much for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from backtrace.checks import gate_values, questions
from backtrace.checks.arrayslopes import products_of
from backtrace.checks.contradiction import Contradicted
from backtrace.checks.exponents import large_exponent
from backtrace.checks.traced import Budget, Subject
from backtrace.graph.record import Check
from backtrace.language import tell
from backtrace.numbers import number

_SYMPY = "backtrace.checks.arrayanswers"


def ask(
    subject: Subject, free: Sequence[str], silence: gate_values.Silence, budget: Budget
) -> Callable[[], tuple[dict[str, Check], Contradicted | None]]:
    """Asks SymPy for its part of each check, the output's under ""; and for a value that
    contradicts its gate's formula. What is returned fetches both."""
    reason = too_much_for_sympy(subject, budget)
    if reason:
        unasked = dict.fromkeys(("", *free), Check(0.0, reason=reason))
        return lambda: (unasked, None)
    seed = subject.upstreams[subject.graph.output]
    question = (subject.text, dict(subject.point), seed, list(free), budget.symbolic_work)
    fetch = questions.ask(_SYMPY, question, free, silence, budget)

    def fetched() -> tuple[dict[str, Check], Contradicted | None]:
        answers, contradicted = fetch()
        checks = {
            name: Check(0.0, symbolic=a.value, derivative=a.formula, reason=a.reason)
            for name, a in answers.items()
        }
        return checks, contradicted

    return fetched


def ask_of_gates(silence: gate_values.Silence, budget: Budget) -> Callable[[], Contradicted | None]:
    """The same, for what nothing hears of alone."""
    fetch = questions.ask(_SYMPY, None, (), silence, budget)
    return lambda: fetch()[1]


def too_much_for_sympy(subject: Subject, budget: Budget) -> str:
    """Why SymPy is not asked; "" when it can be."""
    inputs = sum(int(np.size(value)) for value in subject.point.values())
    if inputs > budget.symbolic_entries:
        return tell("{inputs:,} entries are too many for SymPy", inputs=inputs)
    if subject.graph.gate_count > budget.symbolic_gates:
        return tell(
            "{gate_count:,} gates are too many for SymPy", gate_count=subject.graph.gate_count
        )
    if largest := large_exponent(subject):
        return tell("the exponent {number} is too large for SymPy", number=number(largest))
    if _operations(subject) > budget.symbolic_parts:
        return tell("entry by entry, it is too long for SymPy")
    return ""


def _operations(subject: Subject) -> float:
    """How many operations make the output, entry by entry."""
    return sum(
        _operations_of(subject, index) * len(sources) * int(np.size(subject.values[index]))
        for index, sources in enumerate(subject.graph.inputs_of)
    )


def _operations_of(subject: Subject, index: int) -> float:
    """How often one entry of a gate's value takes an entry of each input."""
    gate, sources = subject.graph.nodes[index].gate, subject.graph.inputs_of[index]
    if gate is None or not gate.is_of_arrays or not sources:
        return 1.0
    sizes = [np.size(subject.values[source]) for source in sources]
    inner = max(1.0, max(sizes) / max(1, np.size(subject.values[index])))
    if "@" in gate.formula:
        inner = float(max(np.shape(subject.values[sources[0]])[-1:] or (1,)))
    return max(inner, products_of(subject, index) / max(1, np.size(subject.values[index])))
