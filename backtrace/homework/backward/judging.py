"""The verdict on every gradient of a backward pass, and the slip of the first line that is wrong.

A gradient is right where it has the right numbers at the code's own point and at two others. One
that is wrong is worked out once more from right gradients: where that makes it right, it follows
from an earlier line. Else its own lines are at fault, and every single edit of them is tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backtrace.algebra.arrays import quiet
from backtrace.algebra.values import shape_of
from backtrace.code.backward import BackwardPass, Gradient, Line
from backtrace.code.values import ToDo
from backtrace.errors import UsageError
from backtrace.gates.shapes import say
from backtrace.graph import Graph
from backtrace.homework.backward.edits import Around, Edit, edits
from backtrace.homework.backward.figures import (
    Figures,
    Graphs,
    agree,
    names_in,
    other_points,
)

OK, FOLLOWS, WRONG, UNREAD, IN_GENERAL, TO_DO = (
    "ok",
    "follows from an earlier slip",
    "wrong",
    "not judged",
    "right at these numbers only",
    "still to do",
)
_SEEDS = (1, 2)
MOST_FITS = 3


class NothingToJudge(UsageError):
    """The code works out no gradient."""


@dataclass(frozen=True, slots=True)
class LineVerdict:
    """gradient  whose it is
    of        the forward name that it is the gradient of
    verdict   one of OK, FOLLOWS, WRONG, UNREAD, IN_GENERAL, TO_DO
    line      the line that is told: the faulty one, or where the gradient is final
    fits      the slips that explain it
    given, exact   its numbers at the code's own point, and the right ones
    note      of shapes, or why it was not judged
    """

    gradient: Gradient
    of: str
    verdict: str
    line: Line | None
    fits: tuple[Edit, ...] = ()
    given: Any = None
    exact: Any = None
    note: str = ""
    about: str = "gradient"  # or "value", of a forward line

    @property
    def passes(self) -> bool:
        return self.verdict == OK

    @property
    def row(self) -> int:
        """The line of the file that is told."""
        return getattr(self.line.node, "lineno", 0) if self.line else self.gradient.row


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdicts in the order of the lines, and the graph of the forward lines (None for a class
    of several methods)."""

    code: BackwardPass
    verdicts: tuple[LineVerdict, ...]
    graph: Graph | None = None

    @property
    def fault(self) -> LineVerdict | None:
        """The first line that is wrong by itself."""
        wrong = [v for v in self.verdicts if v.verdict in (WRONG, IN_GENERAL)]
        wrong = wrong or [v for v in self.verdicts if v.verdict == UNREAD and v.gradient.error]
        return min(wrong, key=lambda v: v.row, default=None)

    @property
    def fault_name(self) -> str | None:
        """What that is the gradient of, however the code spells it: dW1, Affine.db,
        __mul__.other."""
        fault = self.fault
        if fault is None:
            return None
        if fault.about == "value" or "." in fault.gradient.name:
            return fault.gradient.name
        return f"{self.code.module}.d{fault.of}" if self.code.module else f"d{fault.of}"

    @property
    def ok(self) -> bool:
        return all(v.passes for v in self.verdicts)


class Court:
    """One backward pass, at its own point, at two others, and at `more`."""

    def __init__(
        self, code: BackwardPass, point: Mapping[str, Any], more: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        self.code = code
        self.graphs = Graphs(code, {name: shape_of(value) for name, value in point.items()})
        moved = {*self.graphs.forward.inputs, code.upstream}
        points = [dict(point), *map(dict, more), *other_points(point, moved, _SEEDS)]
        self.figures = [Figures(code, one, self.graphs) for one in points]
        self.stages = {stage.name: stage for stage in code.stages}
        self.forward = [stage.name for stage in code.forward]
        self.inputs = list(self.graphs.forward.inputs)
        self.named_only: set[str] = set()  # the gradients of no node without a name
        self.finals = self._finals()

    def judged(self) -> Judged:
        with quiet():  # numbers near the largest there is overflow, and are wrong
            found = self._all_verdicts()
        verdicts = tuple(self._excused(verdict, found) for verdict in found)
        return Judged(self.code, verdicts, self.graphs.forward)

    def _all_verdicts(self) -> list[LineVerdict]:
        """A slip may make a gradient that of a node inside its stage, by chance: then what is made
        of it is wrong. Such gradients are taken by their names, unless that finds more faults."""
        found = list(map(self._verdict, self.code.gradients))
        doubted = self._doubted(found)
        if not doubted:
            return found
        self.named_only = doubted
        self.finals = self._finals()
        again = list(map(self._verdict, self.code.gradients))
        return again if _faults(again) <= _faults(found) else found

    def _doubted(self, found: Sequence[LineVerdict]) -> set[str]:
        """The gradients of nodes without a name that a wrong line uses."""
        names: set[str] = set()
        for verdict in found:
            if verdict.verdict in (WRONG, IN_GENERAL):
                for stage in self._own_stages(verdict.gradient):
                    names |= {*names_in(self.stages[stage].expression)}
        return {final for final, of in self.finals.items() if of.startswith("#") and final in names}

    def _excused(self, verdict: LineVerdict, all_: Sequence[LineVerdict]) -> LineVerdict:
        """A gradient of a step between, which is another number than it says (1/N comes later):
        right, where all gradients of inputs that are made of it are."""
        if verdict.verdict != WRONG or verdict.of in self.inputs:
            return verdict
        final = verdict.gradient.final
        made_of_it = [
            v for v in all_ if v.of in self.inputs and final in self._leading_to(v.gradient.final)
        ]
        if not made_of_it or not all(v.passes for v in made_of_it):
            return verdict
        note = "what is made of it is right"
        return replace(verdict, verdict=OK, fits=(), note=note, line=verdict.gradient.lines[-1])

    def _leading_to(self, final: str) -> set[str]:
        """The names that a stage is made of."""
        wanted = {final}
        for stage in reversed(self.code.stages):
            if stage.name in wanted:
                wanted |= {*names_in(stage.expression)}
        return wanted - {final}

    def _finals(self) -> dict[str, str]:
        """The forward name of every gradient's last stage."""
        found: dict[str, str] = {}
        for gradient in self.code.gradients:
            if gradient.final:
                found.setdefault(gradient.final, self._of(gradient))
        later = [final for final, of in found.items() if self._is_finished_later(final, of)]
        return {final: of for final, of in found.items() if final not in later}

    def _is_finished_later(self, final: str, of: str) -> bool:
        """Whether a number that is not yet the gradient becomes it in a line that follows:
        dx[...] -= 1; return dx / n."""
        is_right = all(f.is_right(f.own.get(final), of) for f in self.figures) if of else True
        if is_right or final not in self.stages:
            return False
        names = {final}
        for stage in self.code.stages:
            if stage.name != final and names & {*names_in(stage.expression)}:
                names.add(stage.name)
                if all(f.is_right(f.own.get(stage.name), of) for f in self.figures):
                    return True
        return False

    def _of(self, gradient: Gradient) -> str:
        """Which version of a forward name a gradient is of: the one whose numbers it has, else the
        last of its shape."""
        known = [n for n in gradient.of if n in self.figures[0].right]
        if not known:
            return ""
        own = self.figures[0].own.get(gradient.final)
        is_named = gradient.final in self.named_only
        inside = [] if is_named else [node for name in known for node in self.graphs.inside(name)]
        for name in [*known, *inside]:
            if all(f.is_right(f.own.get(gradient.final), name) for f in self.figures):
                return name
        for name in known:
            if agree(own, self.figures[0].right[name]):
                return name
        shape = shape_of(own)
        same = [n for n in known if shape_of(self.figures[0].right[n]) == shape]
        return (same or known)[0]

    def _verdict(self, gradient: Gradient) -> LineVerdict:
        line = gradient.lines[-1] if gradient.lines else None
        of = self._of(gradient)
        error = gradient.error
        if isinstance(error, ToDo):
            return LineVerdict(gradient, of, TO_DO, None)
        if error is not None or line is None:
            note = error.what if error is not None else "it is nowhere worked out"
            return LineVerdict(gradient, of, UNREAD, line, note=note)
        if not of:
            note = "the result does not depend on it"
            return LineVerdict(gradient, "", UNREAD, line, note=note)
        shown = gradient.of[0] if of.startswith("#") else of
        given, exact = self.figures[0].own.get(gradient.final), self.figures[0].right[of]
        if gradient.final not in self.finals:
            note = "what is made of it is right"
            return LineVerdict(gradient, shown, OK, line, (), given, exact, note)
        right = [f.is_right(f.own.get(gradient.final), of) for f in self.figures]
        if all(right):
            return LineVerdict(gradient, shown, OK, line, (), given, exact)
        if all(self._follows(gradient, of, figures) for figures in self.figures):
            return LineVerdict(gradient, of, FOLLOWS, line, (), given, exact)
        faulty, fits = self._fault(gradient, of)
        verdict = IN_GENERAL if right[0] else WRONG
        note = self._note(gradient, of, given, exact)
        return LineVerdict(gradient, of, verdict, faulty or line, fits, given, exact, note)

    def _note(self, gradient: Gradient, of: str, given: Any, exact: Any) -> str:
        if given is not None:
            return of_shapes(given, exact, gradient.name, of)
        own = self.figures[0].own
        for name in self._own_stages(gradient):
            if name not in own:
                return self.graphs.why_not(self.stages[name].expression, own)
        return ""

    # from right gradients

    def _follows(self, gradient: Gradient, of: str, figures: Figures) -> bool:
        """Whether the gradient's own lines make it right of right gradients."""
        values = self._replayed(gradient, figures, {})
        return values is not None and figures.is_right(values.get(gradient.final), of)

    def _replayed(
        self, gradient: Gradient, figures: Figures, instead: Mapping[str, str]
    ) -> dict[str, Any] | None:
        """The values of the gradient's own lines, others' gradients being right; `instead` has
        expressions that are tried in a stage's place. None where one has no value."""
        values = {**figures.own, **self._right_names(gradient, figures)}
        for name in self._own_stages(gradient):
            text = instead.get(name, self.stages[name].expression)
            found = self.graphs.value(text, values)
            if found is None:
                return None
            values[name] = found
        return values

    def _right_names(self, gradient: Gradient, figures: Figures) -> dict[str, Any]:
        """What other gradients are in the end, as it is right."""
        return {
            final: figures.right[of]
            for final, of in self.finals.items()
            if of and final != gradient.final
        }

    def _own_stages(self, gradient: Gradient) -> list[str]:
        """The stages of the backward pass that lead to a gradient, others' last ones not among
        them, in order."""
        wanted = {gradient.final}
        found = []
        for stage in reversed(self.code.stages):
            if stage.name not in wanted or stage.name in self.forward:
                continue
            if stage.name in self.finals and stage.name != gradient.final:
                continue
            found.append(stage.name)
            wanted |= {*names_in(stage.expression)}
        return found[::-1]

    # the slip

    def _fault(self, gradient: Gradient, of: str) -> tuple[Line | None, tuple[Edit, ...]]:
        """The line that a single edit makes right, and such edits, the likeliest first."""
        found: list[tuple[int, int, str, Edit]] = []
        tried = [name for name in self._own_stages(gradient) if name not in self.code.sums]
        for turn, name in enumerate(reversed(tried)):
            found += [(edit.rank, turn, name, edit) for edit in self._fits(gradient, of, name)]
        if not found:
            return self._first_misshapen(gradient, of), ()
        found.sort(key=lambda fit: fit[:2])
        _, _, stage, _ = found[0]
        fits = [edit for _, _, name, edit in found if name == stage][:MOST_FITS]
        return self._line(gradient, stage), tuple(fits)

    def _first_misshapen(self, gradient: Gradient, of: str) -> Line | None:
        """The first line that has no value, or another shape than the gradient is to have."""
        own, shape = self.figures[0].own, shape_of(self.figures[0].right[of])
        lines = {line.stage for line in gradient.lines}
        for name in self._own_stages(gradient):
            if name not in own or (name in lines and shape_of(own[name]) != shape):
                return self._line(gradient, name)
        return None

    def _line(self, gradient: Gradient, stage: str) -> Line | None:
        """The line that works a stage out, the first of those that have it under some name."""
        lines = (*self.code.helpers, *gradient.lines)
        return next((line for line in lines if line.stage == stage), None)

    def _fits(self, gradient: Gradient, of: str, stage: str) -> Iterator[Edit]:
        found = 0
        codes: set[str] = set()
        for edit in edits(self.stages[stage].expression, self._around(gradient, stage)):
            if edit.code in codes:
                continue
            if all(self._heals(gradient, of, stage, edit, f) for f in self.figures):
                codes.add(edit.code)
                found += 1
                yield edit
                if found == MOST_FITS:
                    return

    def _heals(self, gradient: Gradient, of: str, stage: str, edit: Edit, figures: Figures) -> bool:
        values = self._replayed(gradient, figures, {stage: edit.text})
        return values is not None and figures.is_right(values.get(gradient.final), of)

    def _around(self, gradient: Gradient, stage: str) -> Around:
        values = {**self.figures[0].own, **self._right_names(gradient, self.figures[0])}
        earlier = self._earlier(stage)
        before = ""
        for a, b in zip(gradient.lines, gradient.lines[1:], strict=False):
            if b.stage == stage and not b.entry:
                before = a.stage
        forward = [*self.inputs, *self.forward]
        gradients = [n for n in [*self.finals, self.code.upstream] if n and n in earlier]
        adds = any(line.adds for line in gradient.lines if line.stage == stage)
        missing = self._missing(gradient)
        return Around(values, forward, gradients, before, adds, missing)

    def _missing(self, gradient: Gradient) -> Any:
        """What the gradient lacks, from right gradients, at the code's own point."""
        of, figures = self._of(gradient), self.figures[0]
        values = self._replayed(gradient, figures, {})
        own = values and values.get(gradient.final)
        if own is None or shape_of(own) != shape_of(figures.right[of]):
            return None
        return np.asarray(figures.right[of], float) - np.asarray(own, float)

    def _earlier(self, stage: str) -> set[str]:
        names = [s.name for s in self.code.stages]
        return {*self.inputs, *self.figures[0].point, *names[: names.index(stage)]}


def of_shapes(given: Any, exact: Any, name: str, of: str) -> str:
    """What is to be said of shapes that differ."""
    own, due = shape_of(given), shape_of(exact)
    if own == due:
        return ""
    words = [say(shape) if shape else "a number" for shape in (own, due)]
    hint = ""
    if len(own) > len(due):
        hint = ": to be summed over the batch?"
    elif sorted(own) == sorted(due) and own != due:
        hint = ": transposed?"
    elif len(own) < len(due):
        hint = ": summed over too much?"
    return f"{name} is {words[0]}, {of} is {words[1]}{hint}"


def _faults(found: Sequence[LineVerdict]) -> int:
    return sum(verdict.verdict in (WRONG, IN_GENERAL) for verdict in found)


__all__: Sequence[str] = ["Court", "Judged", "LineVerdict"]
