"""What SymPy is asked, in one question beside this process: the whole formula, and gates alone."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from backtrace.checks import sympy_process
from backtrace.checks.answers import Answer, unanswered
from backtrace.checks.contradiction import Contradicted
from backtrace.checks.deadline import PATIENCE, Clock
from backtrace.checks.gate_values import Applied, Silence, contradicted, values
from backtrace.checks.traced import Budget


def ask(
    module: str,
    question: tuple[Any, ...] | None,
    names: Sequence[str],
    silence: Silence,
    budget: Budget,
) -> Callable[[], tuple[dict[str, Answer], Contradicted | None]]:
    """Asks SymPy, beside this process, `module`.ask(*question, seconds) of the whole formula and
    these variables, if there is a question; and for the values that nothing hears of. What is
    returned fetches the answers, and what they contradict."""
    if question is None and not silence.entries:
        return lambda: ({}, None)
    applied = [entry.applied for entry in silence.entries]
    whole = None if question is None else (*question, budget.symbolic_seconds)
    arguments = (module, whole, applied, budget.alone_seconds)
    seconds = (budget.symbolic_seconds + budget.alone_seconds) * PATIENCE
    fetch = sympy_process.ask(__name__, "testify", arguments, seconds)

    def answers() -> tuple[dict[str, Answer], Contradicted | None]:
        try:
            found, alone = fetch()
        except TimeoutError:
            return unanswered(names, budget.symbolic_seconds), None
        return found, contradicted(silence, alone)

    return answers


def testify(
    module: str, question: tuple[Any, ...] | None, applied: Sequence[Applied], seconds: float
) -> tuple[dict[str, Answer], list[float | None]]:
    """The answers to both. What gates alone took is the whole's no more."""
    ask = importlib.import_module(module).ask
    clock = Clock(seconds)
    alone = values(applied, clock) if applied else []
    answers = ask(*question, clock.spent) if question else {}
    return answers, alone
