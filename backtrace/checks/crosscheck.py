"""The verdict on every variable and on the output: SymPy is asked, slopes are measured, and both
are held against backprop."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

from backtrace.algebra.floats import FLOATS
from backtrace.checks import alone, questions
from backtrace.checks.answers import NATIVE, Answer
from backtrace.checks.contradiction import judged
from backtrace.checks.deadline import OutOfTime, within
from backtrace.checks.exponents import large_exponent
from backtrace.checks.kinks import at_kinks
from backtrace.checks.ledger import audit
from backtrace.checks.subject import Budget, Subject
from backtrace.gates import Gate
from backtrace.graph import Graph
from backtrace.notation import number
from backtrace.record import KINK, SKIPPED, Check, Note

_LARGEST_FOR_ERF = 1000.0
_MOST_SIDES, _MOST_GATES_OF_SIDES = 6, 2000


class Findings(NamedTuple):
    """The verdict on every variable and on the output, and what a reader should know of them."""

    checks: dict[str, Check]
    output: Check
    notes: list[Note]


def skip_all(subject: Subject, reason: str) -> Findings:
    """No witness is heard, for a reason: a value that is not finite, say."""
    checks = {n: Check(g, verdict=SKIPPED, reason=reason) for n, g in subject.gradients.items()}
    return Findings(checks, Check(subject.value, verdict=SKIPPED, reason=reason), [])


def cross_check(subject: Subject, budget: Budget) -> Findings:
    """Every variable's verdict. The subject's values must all be finite."""
    if subject.m.of_arrays:
        from backtrace.checks.arrays import cross_check_arrays

        return Findings(*cross_check_arrays(subject, budget), [])
    from backtrace.checks import numeric  # with mpmath, which only a check needs
    from backtrace.checks.accuracy import accuracy_notes
    from backtrace.checks.judge import Judge

    at_kink = at_kinks(subject)
    free = [name for name in subject.wrt if name not in at_kink]
    reason, point = _too_much_for_sympy(subject, budget), dict(subject.point)
    question = (subject.text, list(point), point, free, budget.symbolic_seconds)
    silence = alone.unheard(subject)
    asked = None if reason else question
    fetch = questions.ask("backtrace.checks.symbolic", asked, free, silence, budget)
    measured = numeric.measure(subject, free, budget)
    answered, contradicted = fetch()
    answers = _symbolic_parts(answered, free, reason)
    judge = Judge(subject, measured, budget)
    checks: dict[str, Check] = {}
    for name, gradient in subject.gradients.items():
        if name in at_kink:
            checks[name] = Check(gradient, verdict=KINK, reason=at_kink[name])
        else:
            slope = measured.slopes.get(name)
            checks[name] = judge.verdict(
                name, answers[name]._replace(backprop=gradient, numeric=slope)
            )
    judge.notes += _side_notes(subject, list(at_kink)[:_MOST_SIDES], budget.slope_seconds)
    if at_kink:
        output = Check(subject.value, verdict=KINK, reason="a gate is at a kink")
    else:
        output = judge.verdict("", answers[""]._replace(backprop=subject.value))
    if output.symbolic is None:  # nobody has looked at the output's digits
        judge.notes += accuracy_notes(subject, budget.culprit_seconds)
    if sum(len(sources) ** 2 + 1 for sources in subject.graph.inputs_of) <= budget.alone_cost:
        output = judge.gates_alone(output)
    output = judged(output, contradicted, audit(subject))
    return Findings(checks, output, judge.notes)


def _side_notes(subject: Subject, names: Sequence[str], seconds: float) -> list[Note]:
    """What a slope measured on one side at a time is, where there is no derivative; nothing where
    that takes too long."""
    from backtrace.checks.numeric import sides

    if subject.graph.gate_count > _MOST_GATES_OF_SIDES or not names:
        return []
    output, notes = subject.graph.output_name, []
    try:
        measured = within(seconds, lambda: sides(subject, names))
    except OutOfTime:
        return []
    for name, both in measured.items():
        words = ["it jumps" if math.isinf(s) else number(s) for s in both]
        said = f"measured from the left {words[0]}, from the right {words[1]}"
        notes.append(Note("sides", f"∂{output}/∂{name}: {said}", subject.graph.inputs[name]))
    return notes


def _symbolic_parts(
    answers: dict[str, Answer], names: Sequence[str], reason: str
) -> dict[str, Check]:
    """SymPy's part of each check, the output's under ""."""
    if reason:
        answers = dict.fromkeys(("", *names), Answer(reason=reason))
    return {
        name: Check(
            0.0,
            symbolic=answer.value,
            derivative=answer.formula,
            reason=answer.reason and f"symbolic check skipped: {answer.reason}",
        )
        for name, answer in answers.items()
    }


def _too_much_for_sympy(subject: Subject, budget: Budget) -> str:
    """Why SymPy, which has no limits of its own, is not asked; "" when it can be."""
    graph = subject.graph
    if graph.gate_count > budget.symbolic_gates:
        return f"{graph.gate_count:,} gates"
    if graph.edge_count > budget.symbolic_edges:
        return f"{graph.edge_count:,} edges"
    for _, node, gate in graph.gates():
        if "erf" in gate.formula:
            largest = max(map(abs, node.operand_values(subject.values, FLOATS)))
            if largest > _LARGEST_FOR_ERF:
                return f"SymPy needs too long for {gate.name} of {number(largest)}"
    length = _written_out(graph)
    if length > budget.symbolic_length:
        shown = f"{length:,.0f}" if length < 1e9 else number(length)
        return f"written out it is {shown} operations long"
    largest = large_exponent(subject)
    return f"the exponent {number(largest)} is too large" if largest else ""


def _written_out(graph: Graph) -> float:
    """How many operations the output has as a tree, without stages and with every gate that SymPy
    does not have spelled out: what branches is there several times."""
    lengths: list[float] = []
    for node in graph.nodes:
        gate, length = node.gate, 1.0
        for parameter, operand in zip_longest(gate.parameters if gate else (), node.operands):
            if type(operand) is int:
                length += lengths[operand] * _times(gate, parameter)
        lengths.append(min(length, 1e300))
    return lengths[graph.output]


def _times(gate: Gate | None, parameter: str | None) -> int:
    """How often SymPy reads an operand."""
    if gate is None or parameter is None or gate.name in NATIVE:
        return 1
    if gate.sympy or gate.operator or gate.variadic:
        return 1
    return max(1, len(re.findall(rf"\b{parameter}\b", gate.formula)))


__all__ = ["Budget", "Findings", "Subject", "cross_check", "skip_all"]
