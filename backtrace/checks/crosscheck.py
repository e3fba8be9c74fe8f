"""The verdict on every variable and on the output: SymPy is asked, slopes are measured, and both
are held against backprop."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import NamedTuple

from backtrace.algebra.floats import FLOATS
from backtrace.algebra.values import is_finite
from backtrace.checks import gate_values, questions
from backtrace.checks.answers import NATIVE, Answer
from backtrace.checks.contradiction import judged
from backtrace.checks.deadline import OutOfTime
from backtrace.checks.exponents import large_exponent
from backtrace.checks.kinks import at_kinks, not_finite, side_text
from backtrace.checks.ledger import audit
from backtrace.checks.traced import Budget, Subject
from backtrace.gates import Gate
from backtrace.graph import Graph
from backtrace.graph.record import AGREE, KINK, SKIPPED, Check, Note
from backtrace.language import tell
from backtrace.numbers import number

_LARGEST_FOR_ERF = 1000.0
_MOST_SIDES, _MOST_GATES_OF_SIDES = 6, 2000
_PASSES = 6  # it takes for the slopes on two sides


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
    """Every variable's verdict. What a number that is not finite concerns is skipped, and no more:
    all, if that is the output."""
    skipped = skip_all(subject, tell("not checked: a value is not finite"))
    sound = sound_part(subject)
    if not is_finite(subject.value) or (subject.wrt and not sound.wrt):
        return skipped
    found = _cross_check(sound, budget.begun(sound.graph))
    return found._replace(checks={**skipped.checks, **found.checks})


def sound_part(subject: Subject) -> Subject:
    """The subject with the variables alone whose gradients are finite."""
    finite = [name for name, gradient in subject.gradients.items() if is_finite(gradient)]
    return subject if len(finite) == len(subject.wrt) else replace(subject, wrt=finite)


def _cross_check(subject: Subject, budget: Budget) -> Findings:
    """Every variable's verdict; the output and the gradients are finite. Variables that reach the
    output by a value that is not are skipped."""
    if subject.m.of_arrays:
        from backtrace.checks.arrays import cross_check_arrays

        return Findings(*cross_check_arrays(subject, budget))
    from backtrace.checks import numeric  # with mpmath, which only a check needs
    from backtrace.checks.judge import Judge

    bad = not_finite(subject)
    at_kink = {name: gate for name, gate in at_kinks(subject).items() if name not in bad}
    free = [name for name in subject.wrt if name not in at_kink and name not in bad]
    reason, point = _too_much_for_sympy(subject, budget), dict(subject.point)
    question = (subject.text, list(point), point, free)
    silence = gate_values.unheard(subject)
    asked = None if reason else question
    fetch = functools.cache(
        questions.ask("backtrace.checks.symbolic", asked, free, silence, budget)
    )
    # what does not wait for SymPy is found while it works
    judge = Judge(subject, numeric.measure(subject, free, budget), budget)
    sides = _measured_sides(subject, at_kink, budget)
    if are_few := _cost_alone(subject.graph) <= budget.alone_cost:
        judge.measure_gates()
    uneven = audit(subject)
    answers = _symbolic_parts({} if reason else fetch()[0], free, reason)
    checks: dict[str, Check] = {}
    for name, gradient in subject.gradients.items():
        if name in at_kink:
            checks[name] = judge.at_kink(name, at_kink[name], sides.get(name))
        elif name in bad:
            checks[name] = Check(gradient, verdict=SKIPPED, reason=bad[name])
        else:
            slope = judge.measured.slopes.get(name)
            checks[name] = judge.verdict(
                name, answers[name]._replace(backprop=gradient, numeric=slope)
            )
    notes = _side_notes(subject, sides)
    output = judge.verdict("", answers[""]._replace(backprop=subject.value))
    if at_kink and output.verdict != AGREE:  # with more digits it may be on one side of a jump
        output = Check(subject.value, verdict=KINK, reason=tell("a gate is at a kink"))
    if are_few:
        output = judge.gates_alone(output)
    return Findings(checks, judged(output, fetch()[1], uneven), notes)


def _cost_alone(graph: Graph) -> int:
    """Of measuring each gate by itself, about: a gate of many inputs is worked out for each."""
    return sum(len(sources) ** 2 + 1 for sources in graph.inputs_of)


def checks_at_kinks(subject: Subject, budget: Budget) -> dict[str, Check]:
    """The verdicts on the variables that pass a kink alone, without SymPy."""
    if subject.m.of_arrays:
        from backtrace.checks import arrays

        return arrays.checks_at_kinks(subject, budget)
    from backtrace.checks.judge import Judge
    from backtrace.checks.numeric import Measured

    at_kink = at_kinks(subject)
    judge, sides = Judge(subject, Measured({}), budget), _measured_sides(subject, at_kink, budget)
    return {name: judge.at_kink(name, gate, sides.get(name)) for name, gate in at_kink.items()}


def _measured_sides(
    subject: Subject, at_kink: Mapping[str, int], budget: Budget
) -> dict[str, tuple[float, float]]:
    """The slopes on both sides by the variables that pass a kink, as many as there is time for;
    of none where more digits see no kink."""
    from backtrace.checks.numeric import are_kinks, sides

    cost = _PASSES * (len(subject.graph.nodes) + subject.graph.edge_count)
    names = list(at_kink)[: budget.slope_cost // cost]
    if not names or subject.graph.gate_count > _MOST_GATES_OF_SIDES:
        return {}
    try:
        return budget.running().within(lambda: sides(subject, names) if are_kinks(subject) else {})
    except OutOfTime:
        return {}


def _side_notes(subject: Subject, sides: Mapping[str, tuple[float, float]]) -> list[Note]:
    """What the slopes on the two sides are."""
    output = subject.graph.output_name
    notes: list[Note] = []
    for name, both in list(sides.items())[:_MOST_SIDES]:
        left, right = map(side_text, both)
        said = tell("measured from the left {left}, from the right {right}", left=left, right=right)
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
            reason=answer.reason and tell("symbolic check skipped: {reason}", reason=answer.reason),
        )
        for name, answer in answers.items()
    }


def _too_much_for_sympy(subject: Subject, budget: Budget) -> str:
    """Why SymPy, which has no limits of its own, is not asked; "" when it can be."""
    graph = subject.graph
    if graph.gate_count > budget.symbolic_gates:
        return tell("{gate_count:,} gates", gate_count=graph.gate_count)
    if graph.edge_count > budget.symbolic_edges:
        return tell("{edge_count:,} edges", edge_count=graph.edge_count)
    for _, node, gate in graph.gates():
        if "erf" in gate.formula:
            largest = max(map(abs, node.operand_values(subject.values, FLOATS)))
            if largest > _LARGEST_FOR_ERF:
                return tell(
                    "SymPy needs too long for {name} of {number}",
                    name=gate.name,
                    number=number(largest),
                )
    length = _operations_written_out(graph)
    if length > budget.symbolic_length:
        shown = f"{length:,.0f}" if length < 1e9 else number(length)
        return tell("written out it is {shown} operations long", shown=shown)
    largest = large_exponent(subject)
    return tell("the exponent {number} is too large", number=number(largest)) if largest else ""


def _operations_written_out(graph: Graph) -> float:
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
