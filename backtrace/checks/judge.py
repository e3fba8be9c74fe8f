"""Agree, lost digits, disagree, skipped, and at a kink: what the witnesses say, held against
backprop."""

from __future__ import annotations

import functools
import math
from functools import cached_property

from backtrace.checks import culprit
from backtrace.checks.accuracy import Losses
from backtrace.checks.kinks import derivative, stands
from backtrace.checks.numeric import Measured
from backtrace.checks.precise import LOST as DIGITS_LOST
from backtrace.checks.precise import ZERO, Precise, compared, precisely
from backtrace.checks.rounding import uncertainty
from backtrace.checks.traced import TOLERANCE, UNDERFLOW, Budget, Subject
from backtrace.formula.printer import label
from backtrace.graph.record import AGREE, DISAGREE, KINK, LOST, SKIPPED, WRONG_AT_KINK, Check
from backtrace.language import marked, tell
from backtrace.numbers import number

_MOST_COMPARED = 2000  # gates
_SEEN = marked(
    "both sides have the slope {slope}, and what rounding does to backprop's is not known"
)


class Judge:
    """What is costly (how far rounding reaches, which gate is wrong) is found once, and only when
    something differs."""

    def __init__(self, subject: Subject, measured: Measured, budget: Budget) -> None:
        self.subject = subject
        self.budget = budget
        self.measured = measured

    def verdict(self, name: str, check: Check) -> Check:
        """The check, judged; `name` is a variable, or "" for the output's value."""
        witnesses = [w for w in (check.symbolic, check.numeric) if w is not None]
        indirect = self.measured.indirect if name not in ("", *self.measured.slopes) else ""
        if indirect and self.measured.contradiction:
            return self._disagreement(check, self.measured.contradiction)
        reason = "; ".join(filter(None, (check.reason, indirect)))
        if not witnesses:
            verdict = AGREE if indirect and self.measured.covers_all else SKIPPED
            return self._unwitnessed(name, check._replace(verdict=verdict, reason=reason))
        error = max(_relative_error(check.backprop, w) for w in witnesses)
        check = check._replace(relative_error=error, reason=reason)
        if error <= TOLERANCE:
            return check._replace(verdict=AGREE)
        if (
            check.symbolic is not None
            and _relative_error(check.backprop, check.symbolic) <= TOLERANCE
        ):
            doubt = tell(
                "the slope is hard to measure here ({number})", number=number(witnesses[-1])
            )
            return check._replace(verdict=AGREE, reason="; ".join(filter(None, (reason, doubt))))
        difference = max(abs(check.backprop - w) for w in witnesses)
        if difference <= self._uncertainty[name] or self._rules_are_right(name, witnesses):
            return self._rounded(name, check, witnesses)
        if self._is_decided_by_rounding(name, witnesses):
            return self._lost(name, check, self._right(name))
        words = ", ".join(f"{who} {number(w, 10)}" for who, w in _heard(check))
        return self._disagreement(
            check,
            tell("backprop {number}, {words}", number=number(check.backprop, 10), words=words),
        )

    def at_kink(self, name: str, gate: int, sides: tuple[float, float] | None) -> Check:
        """The check of a variable whose way passes a gate at a kink, with the slopes on its two
        sides, where they were measured: if these are one, it is the derivative."""
        gradient, place = self.subject.gradients[name], stands(self.subject, gate)
        slope = None if sides is None else derivative(*sides)
        if slope is None:
            return Check(
                gradient,
                verdict=KINK,
                reason=tell("{place}: no derivative to compare", place=place),
            )
        check = Check(
            gradient,
            numeric=slope,
            relative_error=_relative_error(gradient, slope),
            verdict=AGREE,
            reason=tell("{place}, and yet both sides have this slope", place=place),
        )
        if _are_close([gradient, slope]):
            return check
        if self.precise is None or math.isnan(right := self._right(name)):
            return check._replace(
                verdict=KINK, reason=f"{place}: {tell(_SEEN, slope=number(slope))}"
            )
        if _are_close([right, slope]):
            return self._rounded(name, check, [slope])
        digits = self.subject.digits
        words = tell(
            "the derivative is {number}, measured on both sides of the kink",
            number=number(slope, digits),
        )
        words += tell(
            " at {label} (#{gate}); ", label=label(self.subject.graph.nodes[gate]), gate=gate
        )
        words += tell("gate by gate backprop gives {number}", number=number(gradient, digits))
        return check._replace(verdict=WRONG_AT_KINK, reason=words, gate=gate, right=slope)

    def measure_gates(self) -> None:
        """Every gate's own local gradient, beforehand: later nobody waits for that."""
        _ = self._alone

    def gates_alone(self, check: Check) -> Check:
        """The output's check, after every gate's own local gradient was measured: those that no
        variable's gradient passes are numbers of the trace too."""
        if check.verdict == DISAGREE or self._alone.gate is None:
            return check
        return self._disagreement(check, tell("a local gradient is not the slope of its gate"))

    @cached_property
    def _uncertainty(self) -> dict[str, float]:
        return uncertainty(self.subject)

    @cached_property
    def _alone(self) -> culprit.Searched:
        return culprit.wrong_local(self.subject, self.budget.for_a_culprit())

    @cached_property
    def _culprit(self) -> tuple[int | None, str]:
        """The gate that is wrong, and the words for it."""
        gate, is_done = self._alone
        if gate is None and is_done:
            gate, is_done = culprit.wrong_value(self.subject, self.budget.for_a_culprit())
        if not is_done:
            return None, tell("which gate is wrong was not found in time")
        if gate is None:
            words = tell(
                "every gate is right on its own: the formula is read or summed in two ways"
            )
            return None, words
        name = label(self.subject.graph.nodes[gate])
        return gate, tell("the gate {name} (#{gate}) is wrong on its own", name=name, gate=gate)

    def _disagreement(self, check: Check, words: str) -> Check:
        gate, place = self._culprit
        return check._replace(verdict=DISAGREE, reason=f"{words}; {place}", gate=gate)

    def _rounded(self, name: str, check: Check, witnesses: list[float]) -> Check:
        """Of a number that rounding alone moves so far: whether the digits that are shown are
        still right."""
        precise, node = self.precise, self._node(name)
        right = math.nan if precise is None else self._right(name)
        if math.isnan(right) and _are_close(witnesses):
            right = witnesses[0]
        words = tell("to within the rounding of 64-bit floats")

        def noise() -> float:
            return 0.0 if precise is None else float(precise.noise(node, bool(name)))

        found = compared(check.backprop, right, noise, self._scale, self.subject.digits)
        if found == DIGITS_LOST:
            return self._lost(name, check, right)
        return check._replace(
            verdict=AGREE, reason=tell("0 to rounding") if found == ZERO else words
        )

    def _unwitnessed(self, name: str, check: Check) -> Check:
        """The check of a number that nobody has looked at: held against many digits."""
        if self.precise is None:
            return check
        right = self._right(name)
        noise = functools.partial(self.precise.noise, self._node(name), bool(name))
        if compared(check.backprop, right, noise, self._scale, self.subject.digits) == DIGITS_LOST:
            return self._lost(name, check, right)
        return check

    def _lost(self, name: str, check: Check, right: float) -> Check:
        both = [number(value, self.subject.digits) for value in (check.backprop, right)]
        words = tell(
            "{both} in 64-bit floats, {both_both} is right", both=both[0], both_both=both[1]
        )
        gate = None
        if self.precise is not None:
            losses, node = Losses(self.subject, self.precise), self._node(name)
            gate, place = losses.of_gradient(node) if name else losses.of_value(node)
            words += f"; {place}"
        return check._replace(verdict=LOST, reason=words, gate=gate, right=right)

    def _rules_are_right(self, name: str, witnesses: list[float]) -> bool:
        """Whether the same rules with many digits give what the witnesses have. (Asked where there
        are gates of the user's own, whose inside no nudging reaches.)"""
        if self.precise is None or not any(g.is_own for _, _, g in self.subject.graph.gates()):
            return False
        return all(_relative_error(self._right(name), w) <= TOLERANCE for w in witnesses)

    def _is_decided_by_rounding(self, name: str, witnesses: list[float]) -> bool:
        """Whether a comparison comes out otherwise with many digits, x^2/x <= x at 0.1, or a number
        on the way is too large for a float, and many digits give what the witnesses have."""
        if self.precise is None:
            return False
        values, right = self.subject.values, self.precise.values
        gates = self.subject.graph.gates()
        is_turned = any(
            g.is_comparison and float(values[i]) != float(right[i]) for i, _, g in gates
        )
        is_turned = is_turned or not all(map(math.isfinite, values))
        found = self._right(name)
        return is_turned and all(_relative_error(found, w) <= TOLERANCE for w in witnesses)

    def _node(self, name: str) -> int:
        return self.subject.graph.inputs[name] if name else self.subject.graph.output

    def _right(self, name: str) -> float:
        assert self.precise is not None
        numbers = self.precise.upstreams if name else self.precise.values
        return float(numbers[self._node(name)])

    @cached_property
    def precise(self) -> Precise | None:
        subject = self.subject
        if subject.graph.gate_count > _MOST_COMPARED:
            return None
        return precisely(
            subject.graph,
            subject.point,
            subject.values,
            subject.flow_of,
            self.budget.for_a_culprit(),
            False,
        )

    @cached_property
    def _scale(self) -> float:
        """The largest of the results."""
        results: tuple[float, ...] = (self.subject.value, *self.subject.gradients.values())
        return max(map(abs, results))


def _heard(check: Check) -> list[tuple[str, float]]:
    both = (("SymPy", check.symbolic), (tell("measured slope"), check.numeric))
    return [(who, value) for who, value in both if value is not None]


def _are_close(numbers: list[float]) -> bool:
    return all(_relative_error(numbers[0], other) <= TOLERANCE for other in numbers)


def _relative_error(a: float, b: float) -> float:
    return 0.0 if abs(a - b) <= UNDERFLOW else abs(a - b) / max(abs(a), abs(b))
