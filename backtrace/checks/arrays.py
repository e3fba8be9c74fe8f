"""The cross-check of arrays: SymPy entry by entry where they are small, or on the first few entries
of each; measured slopes always; and the verdict on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from backtrace.algebra.arrays import ARRAYS, quiet
from backtrace.checks import alone, questions
from backtrace.checks.arrayslopes import MARGIN, ULP, Measured, Prober, wrong_gate
from backtrace.checks.contradiction import Contradicted, judged
from backtrace.checks.exponents import large_exponent
from backtrace.checks.kinks import at_kinks
from backtrace.checks.ledger import audit
from backtrace.checks.standin import describe, stand_in
from backtrace.checks.subject import TOLERANCE, UNDERFLOW, Budget, Subject
from backtrace.engine.arrays import flow
from backtrace.formula.printer import label
from backtrace.gates import Gate
from backtrace.graph import Constant, Node, leaf_value
from backtrace.notation import number
from backtrace.record import AGREE, DISAGREE, KINK, SKIPPED, Check

_SYMPY = "backtrace.checks.symbolicarrays"
_RUNS = 8
_SMALLEST = 5e-324


def cross_check_arrays(subject: Subject, budget: Budget) -> tuple[dict[str, Check], Check]:
    """Every variable's verdict, and the output's. All values must be finite."""
    with quiet():
        judge, prober = _Judge(subject, budget), Prober(subject, budget)
        kinks = at_kinks(subject)
        free = [name for name in subject.wrt if name not in kinks]
        silence = alone.unheard(subject)
        answers, contradicted = _symbolic(subject, free, silence, budget)
        if any(answer.symbolic is None for answer in answers.values()):
            if not _too_much_for_sympy(subject, free, budget):  # it has been asked about silence
                silence = silence._replace(entries=[])
            contradicted = contradicted or judge.small_verdicts(free, silence)
        checks: dict[str, Check] = {}
        for name, gradient in subject.gradients.items():
            if name in kinks:
                checks[name] = Check(gradient, verdict=KINK, reason=kinks[name])
            else:
                checks[name] = judge.verdict(name, answers[name], prober.measure(name))
        if kinks:
            output = Check(subject.value, verdict=KINK, reason="a gate is at a kink")
        else:
            output = judge.verdict("", answers[""], Measured())
        return checks, judged(judge.gates_alone(output), contradicted, audit(subject))


def _symbolic(
    subject: Subject, free: Sequence[str], silence: alone.Silence, budget: Budget
) -> tuple[dict[str, Check], Contradicted | None]:
    """SymPy's part of each check, the output's under ""; and a value that contradicts its gate's
    formula, if SymPy is asked anything."""
    reason = _too_much_for_sympy(subject, free, budget)
    if reason:
        return dict.fromkeys(("", *free), Check(0.0, reason=reason)), None
    seconds, seed = budget.symbolic_seconds, subject.upstreams[subject.graph.output]
    question = (subject.text, dict(subject.point), seed, list(free), seconds)
    answers, contradicted = questions.ask(_SYMPY, question, free, silence, budget)()
    checks = {
        name: Check(0.0, symbolic=answer.value, derivative=answer.formula, reason=answer.reason)
        for name, answer in answers.items()
    }
    return checks, contradicted


def _too_much_for_sympy(subject: Subject, free: Sequence[str], budget: Budget) -> str:
    """Why SymPy is not asked; "" when it can be."""
    inputs = sum(int(np.size(value)) for value in subject.point.values())
    if inputs > budget.symbolic_entries:
        return f"{inputs:,} entries are too many for SymPy"
    if subject.graph.gate_count > budget.symbolic_gates:
        return f"{subject.graph.gate_count:,} gates are too many for SymPy"
    if largest := large_exponent(subject):
        return f"the exponent {number(largest)} is too large for SymPy"
    by = sum(int(np.size(subject.point[name])) for name in free)
    if by * _written_out(subject) > budget.symbolic_work:
        return "written out entry by entry, it is too long for SymPy"
    return ""


def _written_out(subject: Subject) -> float:
    """How many operations the output is, when every entry of every array is written out."""
    lengths: list[float] = []  # of one entry of each node
    for index, sources in enumerate(subject.graph.inputs_of):
        gate = subject.graph.nodes[index].gate
        inner = 1.0
        if gate is not None and gate.is_of_arrays and sources:
            sizes = [np.size(subject.values[source]) for source in sources]
            inner = max(1.0, max(sizes) / max(1, np.size(subject.values[index])))
            if "@" in gate.formula:
                inner = float(max(np.shape(subject.values[sources[0]])[-1:] or (1,)))
        lengths.append(1.0 + inner * sum(lengths[source] for source in sources))
    output = subject.graph.output
    return lengths[output] * int(np.size(subject.values[output]))


@dataclass
class _Judge:
    """What is costly (how far rounding reaches, which gate is wrong) is found once, when needed."""

    subject: Subject
    budget: Budget
    small: dict[str, str] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)

    def verdict(self, name: str, answer: Check, measured: Measured) -> Check:
        """The check of a variable's gradient, or of the output's value (""), judged."""
        backprop = self.subject.gradients[name] if name else self.subject.value
        of_sympy = self.small.get(name, answer.reason)
        reason = "; ".join(filter(None, (of_sympy, measured.reason)))
        check = answer._replace(backprop=backprop, numeric=measured.slopes, reason=reason)
        if name in self.wrong:
            return self._disagreement(check, self.wrong[name])
        for directions, by_backprop, slope, reach in measured.directions:
            gap = abs(by_backprop - slope)
            if gap > reach and gap > reach + self._reach_along(directions):
                words = f"along a random direction the slope is {number(slope, 10)}, "
                return self._disagreement(check, f"{words}by backprop {number(by_backprop, 10)}")
        witnesses = [w for w in (check.symbolic, check.numeric) if w is not None]
        if not witnesses:
            heard = measured.directions or name in self.small
            return check._replace(verdict=AGREE if heard else SKIPPED)
        check = check._replace(relative_error=max(_error(backprop, w) for w in witnesses))
        if all(np.all(_near(backprop, w, 0.0)) for w in witnesses):
            return check._replace(verdict=AGREE)
        reach = self._uncertainty[name]
        for witness, who in ((check.symbolic, "SymPy"), (check.numeric, "the measured slope")):
            if witness is not None and not np.all(_near(backprop, witness, reach)):
                return self._disagreement(check, _worst(backprop, witness, reach, who))
        return check._replace(verdict=AGREE, reason="to within the rounding of 64-bit floats")

    def small_verdicts(self, free: Sequence[str], silence: alone.Silence) -> Contradicted | None:
        """Asks SymPy about the first few entries of arrays that are too large for it, and about
        what nothing hears of in the whole ones."""
        small = stand_in(self.subject)
        if small is None or _too_much_for_sympy(small, free, self.budget):
            return questions.ask(_SYMPY, None, free, silence, self.budget)()[1]
        answers, contradicted = _symbolic(small, free, silence, self.budget)
        for name in ("", *free):
            witness = answers[name].symbolic
            backprop = small.gradients[name] if name else small.value
            if witness is None:
                continue
            if np.all(_near(backprop, witness, _uncertainty(small)[name])):
                self.small[name] = f"SymPy agrees on the first entries ({describe(small)})"
            else:
                words = _worst(backprop, witness, 0.0, "SymPy")
                self.wrong[name] = f"on the first entries ({describe(small)}) {words}"
        return contradicted

    def gates_alone(self, check: Check) -> Check:
        """The output's check, after every gate's own gradient was measured."""
        if check.verdict == DISAGREE or self._wrong_gate is None:
            return check
        return self._disagreement(check, "a gradient is not the slope of its gate")

    def _reach_along(self, directions: dict[str, Any]) -> float:
        """How far rounding alone can move a slope along a direction."""
        parts = (np.sum(self._uncertainty[n] * np.abs(d)) for n, d in directions.items())
        return float(sum(parts))

    @cached_property
    def _uncertainty(self) -> dict[str, Any]:
        return _uncertainty(self.subject)

    @cached_property
    def _wrong_gate(self) -> int | None:
        return wrong_gate(self.subject, self.budget)

    def _disagreement(self, check: Check, words: str) -> Check:
        gate = self._wrong_gate
        place = "every gate is right on its own: the formula is read or summed in two ways"
        if gate is not None:
            name = label(self.subject.graph.nodes[gate])
            place = f"the gate {name} (#{gate}) is wrong on its own"
        return check._replace(verdict=DISAGREE, reason=f"{words}; {place}", gate=gate)


def _near(a: Any, b: Any, reach: Any) -> Any:
    """Where two agree; what could not be measured (nan) contradicts nothing."""
    larger = np.maximum(np.abs(a), np.abs(b))
    return ~(np.abs(a - b) > np.maximum(TOLERANCE * larger + UNDERFLOW, reach))


def _error(a: Any, b: Any) -> float:
    """The largest difference, relative to the larger of the two."""
    larger = np.maximum(np.abs(a), np.abs(b))
    errors = np.abs(a - b) / np.where(larger == 0, 1.0, larger)
    return float(np.max(np.nan_to_num(errors)))


def _worst(backprop: Any, witness: Any, reach: Any, who: str) -> str:
    bad = np.argwhere(~np.asarray(_near(backprop, witness, reach)))
    place = tuple(map(int, bad[0]))
    where = f" at [{', '.join(map(str, place))}]" if place else ""
    a, b = float(np.asarray(backprop)[place]), float(np.asarray(witness)[place])
    return f"{len(bad):,} entries differ: backprop {number(a, 10)}{where}, {who} {number(b, 10)}"


def _uncertainty(subject: Subject) -> dict[str, Any]:
    """How far each gradient, and the output (""), may be off from rounding alone: the spread of
    traces in which everything on the way is nudged by its last bit (see `rounding`)."""
    chance = np.random.default_rng(0)

    def nudge(value: Any) -> Any:
        sign = chance.choice((-1.0, 1.0), np.shape(value))
        return np.where(value == 0, value, value * (1 + sign * ULP) + sign * _SMALLEST)

    def begin(leaf: Node | Constant) -> Any:
        value = leaf_value(leaf, ARRAYS, subject.point)
        if isinstance(leaf, Constant) and isinstance(value, float | np.ndarray):
            return np.where(value == np.floor(value), value, nudge(value))[()]  # 0.1 is no tenth
        return value

    def apply(gate: Gate, operands: list[Any]) -> Any:
        if gate.blocks:  # a choice is not rounded: max is one of its inputs
            return gate.forward(ARRAYS, *operands)
        if gate.is_of_arrays:  # a sum of products rounds every one of them
            operands = [nudge(o) if isinstance(o, float | np.ndarray) else o for o in operands]
        return nudge(gate.forward(ARRAYS, *operands))

    graph, runs = subject.graph, []
    seed = subject.upstreams[graph.output]
    for _ in range(_RUNS):
        values = graph.run(begin, apply)
        upstreams, *_ = flow(graph, values, ARRAYS, seed, touch=nudge)
        found = {name: upstreams[graph.inputs[name]] for name in subject.wrt}
        runs.append({"": values[graph.output], **found})
    return {name: _spread([run[name] for run in runs]) for name in runs[0]}


def _spread(results: list[Any]) -> Any:
    spread = MARGIN * (np.max(results, 0) - np.min(results, 0))
    return np.where(np.isfinite(spread), spread, 0.0)
