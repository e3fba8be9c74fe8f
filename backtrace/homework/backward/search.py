"""The line at fault of a wrong gradient, and the slips that explain it.

Every line that leads to the gradient is edited as it may have been meant, in all rounds of its
loop at once, the likeliest edits first. What makes the gradient right at every point is a slip that
fits.
"""

from __future__ import annotations

import ast
import collections
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from backtrace.algebra.values import shape_of
from backtrace.code.backward_pass import Gradient, Line
from backtrace.code.words import differentiated
from backtrace.homework.backward.codes import CODES
from backtrace.homework.backward.edit import Around, Edit
from backtrace.homework.backward.edits import edits, family
from backtrace.homework.backward.figures import names_in
from backtrace.homework.backward.replays import Replays

Fault = tuple[Line | None, tuple[Edit, ...]]
Rewritten = Callable[[Gradient, Sequence[int]], Fault | None]
"""The fault of a gradient that other code in place of lines mends; None where none does."""
_MOST_FITS = 3
_MOST_STEPS = 60
_AS_LIKELY = 0.2  # fits that are told beside the likeliest


class Trial(NamedTuple):
    """An edit of a line: what is tried in the place of its stages."""

    edit: Edit
    turn: tuple[bool, int]  # whether it hands on only; how many lines stand behind it
    instead: Mapping[str, str]


class Search:
    """Looks for the slip in the lines of one gradient."""

    def __init__(
        self,
        replays: Replays,
        gradient: Gradient,
        of: str,
        rewritten: Rewritten = lambda *_: None,
    ) -> None:
        self.rewritten = rewritten
        self.replays = replays
        self.gradient = gradient
        self.of = of
        self.own = replays.own_stages(gradient)
        others = replays.finals.keys() - {gradient.final}
        walked = {*replays.steps, *self.own} - others
        self.steps = [name for name in replays.stages if name in walked]
        self._starts = [replays.start(gradient, figures) for figures in replays.figures]

    def fault(self) -> Fault:
        """The line that a single edit makes right, and such edits, the likeliest first."""
        for far in (False, True):
            found = self._fitting(far)
            if not far and (not found or found[0].edit.cost > CODES["loop-bounds"].cost):
                other = self.rewritten(self.gradient, [*filter(None, map(self._row, self.own))])
                if other is not None:
                    return other
            if found:
                return self._told_at(found[0]), _told(found)
        return self._first_misshapen(), ()

    def fault_with(self, others: Sequence[Search]) -> tuple[Fault, list[Search]]:
        """The line that makes this gradient right and the most of others too, of the lines that
        they are made of together; and which those are, none where there is no such line."""
        made_of = {name for other in others for name in other.own}
        shared = [name for name in self.own if name in made_of]
        best: list[Trial] = []
        healed: list[Search] = []
        for far in (False, True):
            for trial in sorted(self._trials(far, shared), key=lambda t: (t.edit.cost, t.turn)):
                is_as_likely = best and trial.edit.cost <= best[0].edit.cost + _AS_LIKELY
                if len(healed) == len(others) and not is_as_likely:
                    break
                if self._heals(trial):
                    also = [other for other in others if other._heals(trial)]
                    if len(also) > len(healed):
                        best, healed = [trial], also
                    elif also and is_as_likely and len(also) == len(healed):
                        best.append(trial)
        return ((self._told_at(best[0]), _told(best)) if best else (None, ())), healed

    def _told_at(self, best: Trial) -> Line | None:
        """The line of an edit; of an array that another line has changed in place, that line,
        unless it made it a gradient that is right."""
        name, text = next(iter(best.instead.items()))
        if best.edit.code == "changed-in-place":
            lost = [*{*names_in(self.replays.stages[name])} - {*names_in(text)}]
            changed = [n for n in lost if n in self.replays.steps and not self._is_right(n)]
            name = changed[0] if changed else name
        return self.replays.line(self.gradient, name)

    def _is_right(self, stage: str) -> bool:
        """Whether a stage is the right gradient of what its name says."""
        figures, bases = self.replays.figures, differentiated(family(stage)[0])
        names = [name for name in figures[0].right if family(name)[0] in bases]
        return any(all(f.is_right(f.own.get(stage), of) for f in figures) for of in names)

    def _row(self, stage: str) -> int:
        """The line of the file that a stage comes from, as a number; 0 for none."""
        line = self.replays.line(self.gradient, stage)
        return getattr(line.node, "lineno", 0) if line is not None else 0

    def _fitting(self, far: bool) -> list[Trial]:
        """Edits that heal, of the likeliest sort that there is."""
        found: list[Trial] = []
        for trial in sorted(self._trials(far), key=lambda t: (t.edit.cost, t.turn)):
            if found and trial.edit.cost > found[0].edit.cost + _AS_LIKELY:
                break
            if self._heals(trial):
                found.append(trial)
        return found

    def _trials(self, far: bool, only: Sequence[str] | None = None) -> Iterator[Trial]:
        """Of lines before its own that lead to what is right, far fetched ones only."""
        for turn, stages in enumerate(reversed(self._lines())):
            is_apart = only is not None and not {*only}.issuperset(stages)
            if is_apart or (only is not None and self.replays.innocent.intersection(stages)):
                continue
            if self._behind.issuperset(stages):
                continue
            is_last = self.gradient.final in stages
            if not (far or is_last) and self.replays.innocent.intersection(stages):
                continue
            place = (self._hands_on(stages[0]), turn)
            for edit, instead in self._edits_of(stages, far):
                yield Trial(edit, place, instead)

    def _hands_on(self, stage: str) -> bool:
        """Whether its line only takes apart, or renames, what others made: dx, dw = backward(...),
        grads["dW1"] = dw."""
        line = self.replays.line(self.gradient, stage)
        return line is not None and isinstance(line.node, ast.Name)

    @cached_property
    def _behind(self) -> set[str]:
        """The stages behind a version of the gradient that would make it right, were that version
        the right gradient of something: dh[h <= 0] = 0 behind a wrong dh."""
        for line in reversed(self.gradient.lines[:-1]):
            if line.stage in self.own:
                rest = self.own[self.own.index(line.stage) + 1 :]
                if any(self._is_right_from(line.stage, of, rest) for of in self._nodes):
                    return {*rest}
        return set()

    @cached_property
    def _nodes(self) -> list[str]:
        """What a version of the gradient may be of: what has its shape."""
        right = self.replays.figures[0].right
        shape = shape_of(right[self.of])
        return [of for of in self.replays.possible(self.gradient) if shape_of(right[of]) == shape]

    def _is_right_from(self, version: str, of: str, rest: Sequence[str]) -> bool:
        replays, final = self.replays, self.gradient.final
        for figures, start in zip(replays.figures, self._starts, strict=True):
            values = replays.replayed(rest, {**start, version: figures.right[of]}, {}, final)
            if values is None or not replays.is_due(values[final], self.gradient, self.of, figures):
                return False
        return bool(rest)

    def _lines(self) -> list[list[str]]:
        """The stages of each line, which has several in a loop, in the order of the lines."""
        tried = [name for name in self.own if name not in self.replays.code.sums]
        found: dict[object, list[str]] = {self._node(name): [] for name in tried}
        for name in dict.fromkeys([*self.steps, *self.own]):
            if self._node(name) in found:
                found[self._node(name)].append(name)
        return list(found.values())

    def _node(self, stage: str) -> object:
        line = self.replays.line(self.gradient, stage)
        if line is None:
            return stage
        places = ("lineno", "col_offset", "end_lineno", "end_col_offset")
        return tuple(getattr(line.node, place, id(line.node)) for place in places)

    def _edits_of(
        self, stages: Sequence[str], far: bool
    ) -> Iterator[tuple[Edit, Mapping[str, str]]]:
        """The edits of a line, the same one in every round of its loop."""
        first, *rest = [self._edits(stage, far) for stage in stages]
        if not rest:
            yield from ((edit, {stages[0]: edit.text}) for edit in first)
            return
        others = [{(edit.key, edit.name): edit.text for edit in found} for found in rest]
        for edit in first:
            for names in self._in_rounds(edit.name, len(stages)):
                texts = [held.get((edit.key, n)) for held, n in zip(others, names[1:], strict=True)]
                known = [text for text in texts if text is not None]
                if len(known) == len(texts):
                    yield edit, dict(zip(stages, [edit.text, *known], strict=True))

    def _in_rounds(self, name: str, rounds: int) -> Iterator[list[str]]:
        """What a name of the first round may be in every round: the same, the next one, the one
        before."""
        yield [name] * rounds
        versions = self._families.get(family(name)[0], []) if name else []
        if name not in versions or len(versions) < rounds:
            return
        at = versions.index(name)
        for step in (1, -1):
            places = [at + step * k for k in range(rounds)]
            if min(places) >= 0 and max(places) < len(versions):
                yield [versions[place] for place in places]

    @cached_property
    def _families(self) -> dict[str, list[str]]:
        found = collections.defaultdict(list)
        for name in (*self.replays.inputs, *self.replays.stages):
            found[family(name)[0]].append(name)
        return dict(found)

    def _edits(self, stage: str, far: bool) -> list[Edit]:
        return list(edits(self.replays.stages[stage], self._around(stage), far))

    # whether it heals

    def _heals(self, trial: Trial) -> bool:
        replays = self.replays
        names = {*trial.instead, trial.edit.name}
        is_apart = not names.intersection(self.steps) <= {*self.own}
        stages = self.steps if is_apart else self.own  # what it is made of may change with it
        for figures, start in zip(replays.figures, self._starts, strict=True):
            values = replays.replayed(stages, start, trial.instead, self.gradient.final)
            if values is None:
                return False
            if not replays.is_due(values[self.gradient.final], self.gradient, self.of, figures):
                return False
        return True

    # what a line may use

    def _around(self, stage: str) -> Around:
        replays, start = self.replays, self._starts[0]
        place = replays.order[stage]
        before = ""
        adds, added_up = False, ""
        for a, b in zip((None, *self.gradient.lines), self.gradient.lines, strict=False):
            if b.stage == stage:
                before = a.stage if a is not None else ""
                adds, added_up = b.adds or b.entry, b.added_up
        upstream = replays.code.upstream
        gradients = [n for n in (upstream, *replays.finals) if n and self._is_before(n, place)]
        return Around(
            {**self._values, **start} if self._values else start,
            [*replays.inputs, *replays.forward],
            gradients,
            [n for n in self._others(stage) if self._is_before(n, place)],
            self._ends,
            before,
            adds,
            self._missing,
            added_up,
            "- 1" in self._written(stage),
        )

    def _written(self, stage: str) -> str:
        """The line as the code has it."""
        line = self.replays.line(self.gradient, stage)
        return ast.unparse(line.node) if line is not None else ""

    def _is_before(self, name: str, place: int) -> bool:
        return self.replays.order.get(name, -1) < place

    def _others(self, stage: str) -> list[str]:
        """What else has been worked out: versions of what a line uses, then the steps between that
        have no gradient's name, the nearest first."""
        replays = self.replays
        used = {family(name)[0] for name in names_in(replays.stages[stage])}
        like = [n for base in sorted(used) for n in self._families.get(base, [])]
        known = {*replays.inputs, *replays.forward, *replays.finals}
        steps = [n for n in reversed(replays.stages) if n not in known]
        return [n for n in dict.fromkeys([*like, *steps[:_MOST_STEPS]]) if n not in known]

    @cached_property
    def _values(self) -> Mapping[str, Any]:
        """The values of the lines, from right gradients, as far as they have any."""
        values = dict(self._starts[0])
        for name in self.own:
            found = self.replays.graphs.value(self.replays.stages[name], values)
            if found is not None:
                values[name] = found
        return values

    @cached_property
    def _ends(self) -> Mapping[str, str]:
        """Of what an activation gives, what goes into it: h of a, where h = tanh(a)."""
        replays, found = self.replays, {}
        for name in replays.forward:
            used = names_in(replays.stages[name])
            arrays = [n for n in used if n in replays.figures[0].right and n in self._starts[0]]
            shape = shape_of(self._starts[0].get(name))
            if len(arrays) == 1 and shape and shape_of(self._starts[0][arrays[0]]) == shape:
                found[name] = arrays[0]
        return found

    @cached_property
    def _missing(self) -> Any:
        """What the gradient lacks, from right gradients, at the code's own point."""
        own = self._values.get(self.gradient.final)
        due = self.replays.due(self.gradient.final, self.of, self.replays.figures[0])
        if own is None or shape_of(own) != shape_of(due):
            return None
        return np.asarray(due, float) - np.asarray(own, float)

    def _first_misshapen(self) -> Line | None:
        """The first line that has no value, or another shape than the gradient is to have."""
        values = self._values
        shape = shape_of(self.replays.figures[0].right[self.of])
        lines = {line.stage for line in self.gradient.lines}
        for name in self.own:
            if name not in values or (name in lines and shape_of(values[name]) != shape):
                return self.replays.line(self.gradient, name)
        return None


def _told(found: Sequence[Trial]) -> tuple[Edit, ...]:
    """One of each code, of the line of the first."""
    line = found[0].instead.keys()
    told = {t.edit.code: t.edit for t in reversed(found) if t.instead.keys() == line}
    if "transposed" in told:  # of a vector these are one
        told.pop("factors-swapped", None)
    return tuple(sorted(told.values(), key=lambda edit: edit.cost))[:_MOST_FITS]
