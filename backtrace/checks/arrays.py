"""The cross-check of arrays: SymPy entry by entry where they are small, or on the first few entries
of each; measured slopes always; and the verdict on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from backtrace.algebra.arrays import quiet
from backtrace.algebra.values import Place, at, place_text
from backtrace.checks import arrayquestions, gate_values
from backtrace.checks.accuracy import Losses
from backtrace.checks.arraykinks import are_kinks, entries_at_kinks
from backtrace.checks.arrayrounding import uncertainty
from backtrace.checks.arrayslopes import Measured, Prober, wrong_gate
from backtrace.checks.contradiction import Contradicted, judged
from backtrace.checks.kinks import (
    at_kinks,
    derivative,
    gates_at_kinks,
    not_finite,
    side_text,
    stands,
)
from backtrace.checks.ledger import audit
from backtrace.checks.precise import LOST as DIGITS_LOST
from backtrace.checks.precise import ZERO, Precise, compared_entries, precisely
from backtrace.checks.small_copy import describe, stand_in
from backtrace.checks.traced import TOLERANCE, UNDERFLOW, Budget, Subject
from backtrace.formula.printer import label
from backtrace.graph.record import AGREE, DISAGREE, KINK, LOST, SKIPPED, WRONG_AT_KINK, Check, Note
from backtrace.language import tell
from backtrace.numbers import SHORT, array, number

_MOST_NOTES = 6
_FAR = 1e150  # its square is no float
_SECOND_TRY = 0.35  # of SymPy's seconds, for a small copy where the whole took too long


def cross_check_arrays(
    subject: Subject, budget: Budget
) -> tuple[dict[str, Check], Check, list[Note]]:
    """Every variable's verdict, the output's, and notes. The output must be finite."""
    with quiet():
        budget = budget.of_arrays()
        bad = not_finite(subject)
        kinks = {name: gate for name, gate in at_kinks(subject).items() if name not in bad}
        reached = entries_at_kinks(subject, gates_at_kinks(subject)) if kinks else {}
        judge, prober = _Judge(subject, budget), Prober(subject, budget, reached)
        free = [name for name in subject.wrt if name not in kinks and name not in bad]
        silence = gate_values.unheard(subject)
        is_asked = not arrayquestions.too_much_for_sympy(subject, budget)
        fetch = arrayquestions.ask(subject, free, silence, budget)
        fetch_small = None if is_asked else judge.ask_small(free, silence, budget.symbolic_seconds)
        measured = {name: prober.measure(name) for name in subject.gradients if name not in bad}
        judge.measure_gates()
        answers, contradicted = fetch()
        if is_asked and any(answer.symbolic is None for answer in answers.values()):
            seconds = _SECOND_TRY * budget.symbolic_seconds
            fetch_small = judge.ask_small(free, silence._replace(entries=[]), seconds)
        if fetch_small is not None:
            contradicted = contradicted or fetch_small()
        checks: dict[str, Check] = {}
        notes: list[Note] = []
        is_small = any(map(np.any, reached.values())) and prober.work <= budget.entry_work
        are_exact = not is_small or are_kinks(subject)  # with many digits, where sides are measured
        for name, gradient in subject.gradients.items():
            if name in bad:
                checks[name] = Check(gradient, verdict=SKIPPED, reason=bad[name])
            elif name in kinks:
                count = int(np.count_nonzero(reached[name]))
                sides = prober.sides(name) if are_exact else None
                checks[name], said = judge.at_kink(name, kinks[name], count, measured[name], sides)
                notes += said
            else:
                checks[name] = judge.verdict(name, answers[name], measured[name])
        output = judge.verdict("", answers[""], Measured())
        if kinks and output.verdict != AGREE:  # with more digits it may be on one side of a jump
            output = Check(subject.value, verdict=KINK, reason=tell("a gate is at a kink"))
        output = judged(judge.gates_alone(output), contradicted, audit(subject))
        return checks, output, notes[:_MOST_NOTES]


def checks_at_kinks(subject: Subject, budget: Budget) -> dict[str, Check]:
    """The verdicts on the variables that pass a kink alone, without SymPy."""
    with quiet():
        kinks = at_kinks(subject)
        if not kinks or not are_kinks(subject):
            return {}
        reached = entries_at_kinks(subject, gates_at_kinks(subject))
        judge, prober = _Judge(subject, budget), Prober(subject, budget, reached)
        return {
            name: judge.at_kink(
                name, gate, int(np.count_nonzero(reached[name])), Measured(), prober.sides(name)
            )[0]
            for name, gate in kinks.items()
        }


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
                words = tell(
                    "along a random direction the slope is {number}, ", number=number(slope, 10)
                )
                return self._disagreement(
                    check,
                    tell(
                        "{words}by backprop {number}", words=words, number=number(by_backprop, 10)
                    ),
                )
        witnesses = [w for w in (check.symbolic, check.numeric) if _says_anything(w)]
        if not witnesses:
            heard = measured.directions or name in self.small
            return self._unwitnessed(name, check._replace(verdict=AGREE if heard else SKIPPED))
        check = check._replace(relative_error=max(_error(backprop, w) for w in witnesses))
        if all(np.all(_near(backprop, w, 0.0)) for w in witnesses):
            return check._replace(verdict=AGREE)
        if self._rules_are_right(name, witnesses):
            return self._rounded(name, check, check.reason)
        if self._leaves_the_range(name, witnesses):
            return self._rounded(name, check, check.reason)
        reach = self._uncertainty[name]
        for witness, who in (
            (check.symbolic, "SymPy"),
            (check.numeric, tell("the measured slope")),
        ):
            if witness is not None and not np.all(_near(backprop, witness, reach)):
                return self._disagreement(check, _worst(backprop, witness, reach, who))
        return self._rounded(name, check, tell("to within the rounding of 64-bit floats"))

    def at_kink(
        self,
        name: str,
        gate: int,
        reached: int,
        measured: Measured,
        sides: Mapping[Place, tuple[float, float]] | None,
    ) -> tuple[Check, list[Note]]:
        """The check of a variable so many of whose entries a kink reaches; and what is to be said.
        The others are held against what was `measured`; these against the slopes on their two
        sides, where these were measured and are one. (None: more digits see no kink.)"""
        place = stands(self.subject, gate)
        rest = self.verdict(name, Check(0.0), measured)
        if rest.verdict in (DISAGREE, LOST):
            return rest, []
        if not reached:
            words = tell("{place}, and no entry moves what stands there", place=place)
            return rest._replace(reason="; ".join(filter(None, (words, rest.reason)))), []
        no_derivative = tell("{place}: no derivative to compare", place=place)
        if sides is None:
            return rest._replace(verdict=KINK, reason=no_derivative), []
        slopes = {where: derivative(*both) for where, both in sides.items()}
        check = rest._replace(numeric=self._with_slopes(name, rest.numeric, slopes))
        missed = {where: self._is_missed(name, where, slope) for where, slope in slopes.items()}
        if wrong := [where for where, is_wrong in missed.items() if is_wrong]:
            return self._wrong_at_kink(name, check, gate, wrong), []
        none = [where for where, slope in slopes.items() if slope is None]
        if not none and len(sides) == reached and None not in missed.values():
            words = tell("{place}, and yet both sides have this slope", place=place)
            return check._replace(verdict=AGREE, reason=words), []
        notes = []
        if none:
            notes.append(self._side_note(name, self._both_sides(check, sides, none)))
        if len(sides) < reached:
            words = tell(
                ": a kink reaches {reached:,} entries, too many to measure both sides of all",
                reached=reached,
            )
            notes.append(self._side_note(name, words))
        return check._replace(verdict=KINK, reason=no_derivative), notes

    def _both_sides(
        self, check: Check, sides: Mapping[Place, tuple[float, float]], none: Sequence[Place]
    ) -> str:
        """What was measured on either side: of a short array by all its entries, of a long one by
        the first that has two slopes."""
        wholes = [np.array(check.numeric, dtype=float) for _ in "lr"]
        for place, both in sides.items():
            for whole, slope in zip(wholes, both, strict=True):
                whole[place] = slope
        if 1 < wholes[0].size <= SHORT and np.isfinite(wholes).all():
            left, right = map(array, wholes)
            return tell(
                ": measured from the left {left}, from the right {right}", left=left, right=right
            )
        left, right = map(side_text, sides[none[0]])
        words = tell(
            "{place_text}: measured from the left {left}, from the right {right}",
            place_text=place_text(none[0]),
            left=left,
            right=right,
        )
        return words + (
            tell(" ({count:,} entries have two slopes)", count=len(none)) if len(none) > 1 else ""
        )

    def _side_note(self, name: str, words: str) -> Note:
        graph = self.subject.graph
        return Note("sides", f"∂{graph.output_name}/∂{name}{words}", graph.inputs[name])

    def _with_slopes(self, name: str, numeric: Any, slopes: Mapping[Place, float | None]) -> Any:
        """What was measured of the other entries, with the derivatives among these."""
        whole = np.full(np.shape(self.subject.gradients[name]), np.nan)
        if numeric is not None:
            whole[...] = numeric
        for where, slope in slopes.items():
            whole[where] = np.nan if slope is None else slope
        return whole if whole.shape else float(whole)

    def _is_missed(self, name: str, where: Place, slope: float | None) -> bool | None:
        """Whether there is a derivative, and backprop's number is another, also with many
        digits. None where these are not known."""
        if slope is None or np.all(_near(at(self.subject.gradients[name], where), slope, 0.0)):
            return False
        if self.precise is None or np.isnan(right := at(self._right(name), where)):
            return None
        return not np.all(_near(right, slope, 0.0))

    def _wrong_at_kink(self, name: str, check: Check, gate: int, wrong: Sequence[Place]) -> Check:
        gradient = self.subject.gradients[name]
        right = np.array(gradient, dtype=float)
        for where in wrong:
            right[where] = at(check.numeric, where)
        first = wrong[0]
        pair = [number(at(v, first), self.subject.digits) for v in (right, gradient)]
        words = tell(
            "the derivative is {pair}{place_text}, measured on both sides of the ",
            pair=pair[0],
            place_text=place_text(first),
        )
        words += tell(
            "kink at {label} (#{gate}); gate by gate ",
            label=label(self.subject.graph.nodes[gate]),
            gate=gate,
        )
        words += tell("backprop gives {pair}", pair=pair[1])
        words += tell(" ({count:,} entries)", count=len(wrong)) if len(wrong) > 1 else ""
        return check._replace(
            verdict=WRONG_AT_KINK,
            reason=words,
            gate=gate,
            right=right if right.shape else float(right),
            relative_error=_error(gradient, check.numeric),
        )

    def _rounded(self, name: str, check: Check, words: str) -> Check:
        """Of a value that rounding alone moves so far: whether the digits that are shown are still
        right, entry by entry; `words` where they are."""
        precise = self.precise
        witnesses = [w for w in (check.symbolic, check.numeric) if w is not None]
        right = self._right(name) if precise is not None else witnesses[0] if witnesses else None
        if right is None:
            return check._replace(verdict=AGREE, reason=words)
        node = self._node(name)

        def noise() -> Any:
            return 0.0 if precise is None else precise.noise(node, bool(name))

        found, place = compared_entries(
            check.backprop, right, noise, self._scale, self.subject.digits
        )
        if found == DIGITS_LOST:
            return self._lost(name, check, right, place)
        return check._replace(
            verdict=AGREE, reason=tell("0 to rounding") if found == ZERO else words
        )

    def _unwitnessed(self, name: str, check: Check) -> Check:
        """The check of a value that nobody has looked at: held against many digits."""
        if self.precise is None:
            return check
        judged_ = self._rounded(name, check, check.reason)
        return judged_ if judged_.verdict == LOST else check

    def _lost(self, name: str, check: Check, right: Any, place: Place) -> Check:
        floats, exact = at(check.backprop, place), at(right, place)
        where = place_text(place)
        both = [number(value, self.subject.digits) for value in (floats, exact)]
        words = tell(
            "{both}{where} in 64-bit floats, {both_both} is right",
            both=both[0],
            where=where,
            both_both=both[1],
        )
        gate = None
        if self.precise is not None:
            losses, node = Losses(self.subject, self.precise), self._node(name)
            gate, origin = losses.of_gradient(node) if name else losses.of_value(node)
            words += f"; {origin}"
        return check._replace(verdict=LOST, reason=words, gate=gate, right=right)

    def _rules_are_right(self, name: str, witnesses: Sequence[Any]) -> bool:
        """Whether the same rules with many digits give what the witnesses have. (Asked where there
        are gates of the user's own, whose inside no nudging reaches.)"""
        own = any(gate.is_own for _, _, gate in self.subject.graph.gates())
        if not own or self.precise is None:
            return False
        return all(np.all(_near(self._right(name), w, 0.0)) for w in witnesses)

    def _leaves_the_range(self, name: str, witnesses: Sequence[Any]) -> bool:
        """Whether numbers are so large or small that a product of two may be no float, and many
        digits give what the witnesses have."""
        if not any(map(_is_far_out, self.subject.values)) or self.precise is None:
            return False
        return all(np.all(_near(self._right(name), w, 0.0)) for w in witnesses)

    def _node(self, name: str) -> int:
        return self.subject.graph.inputs[name] if name else self.subject.graph.output

    def _right(self, name: str) -> Any:
        assert self.precise is not None
        return (self.precise.upstreams if name else self.precise.values)[self._node(name)]

    @cached_property
    def precise(self) -> Precise | None:
        subject = self.subject
        seconds = self.budget.for_a_culprit()
        return precisely(
            subject.graph, subject.point, subject.values, subject.flow_of, seconds, True
        )

    @cached_property
    def _scale(self) -> float:
        """The largest of the results."""
        results = (self.subject.value, *self.subject.gradients.values())
        return max(float(np.max(np.abs(result), initial=0.0)) for result in results)

    def ask_small(
        self, free: Sequence[str], silence: gate_values.Silence, seconds: float
    ) -> Callable[[], Contradicted | None]:
        """Asks SymPy about the first few entries of arrays that are too large for it, and about
        what nothing hears of in the whole ones. What is returned fetches and compares."""
        budget = self.budget._replace(symbolic_seconds=seconds, symbolic_work=0)
        small = stand_in(self.subject)
        if small is None or arrayquestions.too_much_for_sympy(small, self.budget):
            return arrayquestions.ask_of_gates(silence, budget)
        fetch = arrayquestions.ask(small, free, silence, budget)

        def compared() -> Contradicted | None:
            answers, contradicted = fetch()
            self._compare_small(small, {name: answers[name].symbolic for name in ("", *free)})
            return contradicted

        return compared

    def _compare_small(self, small: Subject, witnesses: Mapping[str, Any]) -> None:
        for name, witness in witnesses.items():
            backprop = small.gradients[name] if name else small.value
            if witness is None:
                continue
            if np.all(_near(backprop, witness, uncertainty(small)[name])):
                self.small[name] = tell(
                    "SymPy agrees on the first entries ({describe})", describe=describe(small)
                )
            else:
                words = _worst(backprop, witness, 0.0, "SymPy")
                self.wrong[name] = tell(
                    "on the first entries ({describe}) {words}",
                    describe=describe(small),
                    words=words,
                )

    def measure_gates(self) -> None:
        """Each gate alone: that takes its time, which SymPy may be using beside this process."""
        _ = self._wrong_gate

    def gates_alone(self, check: Check) -> Check:
        """The output's check, after every gate's own gradient was measured."""
        if check.verdict == DISAGREE or self._wrong_gate is None:
            return check
        return self._disagreement(check, tell("a gradient is not the slope of its gate"))

    def _reach_along(self, directions: dict[str, Any]) -> float:
        """How far rounding alone can move a slope along a direction."""
        parts = (np.sum(self._uncertainty[n] * np.abs(d)) for n, d in directions.items())
        return float(sum(parts))

    @cached_property
    def _uncertainty(self) -> dict[str, Any]:
        return uncertainty(self.subject)

    @cached_property
    def _wrong_gate(self) -> int | None:
        return wrong_gate(self.subject, self.budget)

    def _disagreement(self, check: Check, words: str) -> Check:
        gate = self._wrong_gate
        place = tell("every gate is right on its own: the formula is read or summed in two ways")
        if gate is not None:
            name = label(self.subject.graph.nodes[gate])
            place = tell("the gate {name} (#{gate}) is wrong on its own", name=name, gate=gate)
        return check._replace(verdict=DISAGREE, reason=f"{words}; {place}", gate=gate)


def _near(a: Any, b: Any, reach: Any) -> Any:
    """Where two agree; what could not be measured (nan) contradicts nothing."""
    larger = np.maximum(np.abs(a), np.abs(b))
    return ~(np.abs(a - b) > np.maximum(TOLERANCE * larger + UNDERFLOW, reach))


def _is_far_out(value: Any) -> bool:
    sizes = np.abs(value)
    return bool(np.any(~(sizes < _FAR) | ((sizes > 0) & (sizes < 1 / _FAR))))


def _says_anything(witness: Any) -> bool:
    """Whether a witness has a number for any entry: nan is none, and agrees with nothing."""
    return witness is not None and not np.all(np.isnan(witness))


def _error(a: Any, b: Any) -> float:
    """The largest difference, relative to the larger of the two."""
    larger = np.maximum(np.abs(a), np.abs(b))
    errors = np.abs(a - b) / np.where(larger == 0, 1.0, larger)
    return float(np.max(np.nan_to_num(errors)))


def _worst(backprop: Any, witness: Any, reach: Any, who: str) -> str:
    bad = np.argwhere(~np.asarray(_near(backprop, witness, reach)))
    place = tuple(map(int, bad[0]))
    where = tell(" at [{place}]", place=", ".join(map(str, place))) if place else ""
    a, b = float(np.asarray(backprop)[place]), float(np.asarray(witness)[place])
    return tell(
        "{count:,} entries differ: backprop {number}{where}, {who} {b_number}",
        count=len(bad),
        number=number(a, 10),
        where=where,
        who=who,
        b_number=number(b, 10),
    )
