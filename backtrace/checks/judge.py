"""Agree, disagree, kink or skipped: what the witnesses say, held against backprop."""

from __future__ import annotations

from functools import cached_property

from backtrace.checks import culprit
from backtrace.checks.accuracy import accuracy_notes
from backtrace.checks.numeric import Measured
from backtrace.checks.rounding import uncertainty
from backtrace.checks.subject import TOLERANCE, UNDERFLOW, Budget, Subject
from backtrace.formula.printer import label
from backtrace.notation import number
from backtrace.record import AGREE, DISAGREE, SKIPPED, Check, Note


class Judge:
    """What is costly (how far rounding reaches, which gate is wrong) is found once, and only when
    something differs. `notes` collects what a reader should know of the verdicts."""

    def __init__(self, subject: Subject, measured: Measured, budget: Budget) -> None:
        self.subject = subject
        self.budget = budget
        self.measured = measured
        self.notes: list[Note] = []

    def verdict(self, name: str, check: Check) -> Check:
        """The check, judged; `name` is a variable, or "" for the output's value."""
        witnesses = [w for w in (check.symbolic, check.numeric) if w is not None]
        indirect = self.measured.indirect if name not in ("", *self.measured.slopes) else ""
        if indirect and self.measured.contradiction:
            return self._disagreement(check, self.measured.contradiction)
        reason = "; ".join(filter(None, (check.reason, indirect)))
        if not witnesses:
            verdict = AGREE if indirect and self.measured.covers_all else SKIPPED
            return check._replace(verdict=verdict, reason=reason)
        error = max(_relative_error(check.backprop, w) for w in witnesses)
        check = check._replace(relative_error=error, reason=reason)
        if error <= TOLERANCE:
            return check._replace(verdict=AGREE)
        if (
            check.symbolic is not None
            and _relative_error(check.backprop, check.symbolic) <= TOLERANCE
        ):
            doubt = f"the slope is hard to measure here ({number(witnesses[-1])})"
            return check._replace(verdict=AGREE, reason="; ".join(filter(None, (reason, doubt))))
        difference = max(abs(check.backprop - w) for w in witnesses)
        if difference <= self._uncertainty[name]:
            self._note_rounding(name, check.backprop, witnesses[0])
            return check._replace(verdict=AGREE, reason="to within the rounding of 64-bit floats")
        words = ", ".join(f"{who} {number(w, 10)}" for who, w in _heard(check))
        return self._disagreement(check, f"backprop {number(check.backprop, 10)}, {words}")

    def gates_alone(self, check: Check) -> Check:
        """The output's check, after every gate's own local gradient was measured: those that no
        variable's gradient passes are numbers of the trace too."""
        try:
            is_right = self._wrong_local is None
        except culprit.NotFound:  # out of time: nothing was found wrong
            is_right = True
        if check.verdict == DISAGREE or is_right:
            return check
        return self._disagreement(check, "a local gradient is not the slope of its gate")

    @cached_property
    def _uncertainty(self) -> dict[str, float]:
        return uncertainty(self.subject)

    @cached_property
    def _wrong_local(self) -> int | None:
        return culprit.wrong_local(self.subject, self.budget.culprit_seconds)

    @cached_property
    def _culprit(self) -> tuple[int | None, str]:
        """The gate that is wrong, and the words for it."""
        try:
            gate = self._wrong_local
            if gate is None:
                gate = culprit.wrong_value(self.subject, self.budget.culprit_seconds)
        except culprit.NotFound:
            return None, "which gate is wrong was not found in time"
        if gate is None:
            words = "every gate is right on its own: the formula is read or summed in two ways"
            return None, words
        name = label(self.subject.graph.nodes[gate])
        return gate, f"the gate {name} (#{gate}) is wrong on its own"

    def _disagreement(self, check: Check, words: str) -> Check:
        gate, place = self._culprit
        return check._replace(verdict=DISAGREE, reason=f"{words}; {place}", gate=gate)

    def _note_rounding(self, name: str, backprop: float, witness: float) -> None:
        found = [] if name else accuracy_notes(self.subject, self.budget.culprit_seconds)
        if found:  # they say of the output what was lost, and where
            self.notes += found
            return
        what = f"the gradient of {name}" if name else "the output"
        self.notes.append(
            Note(
                "rounding",
                f"{what} loses digits in 64-bit floats: {number(backprop)} here, "
                f"{number(witness)} with more digits",
                self.subject.graph.inputs[name] if name else self.subject.graph.output,
            )
        )


def _heard(check: Check) -> list[tuple[str, float]]:
    both = (("SymPy", check.symbolic), ("measured slope", check.numeric))
    return [(who, value) for who, value in both if value is not None]


def _relative_error(a: float, b: float) -> float:
    return 0.0 if abs(a - b) <= UNDERFLOW else abs(a - b) / max(abs(a), abs(b))
