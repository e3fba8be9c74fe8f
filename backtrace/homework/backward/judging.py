"""The verdict on every gradient of a backward pass, and the slip of the first line that is wrong.

A gradient is right where it has the right numbers at the code's own point and at two others. One
that is wrong is worked out once more from right gradients: where that makes it right, it follows
from an earlier line. Else its own lines are at fault, and every single edit of them is tried.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backtrace.algebra.arrays import quiet
from backtrace.algebra.values import shape_of
from backtrace.code.backward_pass import BackwardPass, Gradient, Line
from backtrace.code.values import ToDo
from backtrace.errors import BacktraceError, UsageError
from backtrace.gates.shapes import say
from backtrace.graph import Graph
from backtrace.homework.backward.edit import Edit
from backtrace.homework.backward.figures import Figures, Graphs, names_in, other_points
from backtrace.homework.backward.mending import Mending
from backtrace.homework.backward.replays import Replays
from backtrace.homework.backward.rewrites import Rewrite, reshaped, rewrites
from backtrace.homework.backward.search import Fault, Search
from backtrace.language import marked, tell

OK, FOLLOWS, WRONG, UNREAD, IN_GENERAL, TO_DO = (
    marked("ok"),
    marked("follows from an earlier slip"),
    marked("wrong"),
    marked("not judged"),
    marked("right at these numbers only"),
    marked("still to do"),
)
_SEEDS = (1, 2)
_MADE_OF_IT = marked("what is made of it is right")
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
    """One backward pass, at its own point, at two others, and at `more`. `reread` judges other code
    in the place of `tree`, the code's own: what somebody may have meant."""

    def __init__(
        self,
        code: BackwardPass,
        point: Mapping[str, Any],
        more: Sequence[Mapping[str, Any]] = (),
        tree: ast.Module | None = None,
        reread: Callable[[ast.Module], Court] | None = None,
    ) -> None:
        self.code = code
        self.tree = tree
        self.reread = reread
        self.graphs = Graphs(code, {name: shape_of(value) for name, value in point.items()})
        moved = {*self.graphs.forward.inputs, code.upstream}
        others = other_points(point, moved, _SEEDS, code.places)
        self.figures = [
            Figures(code, one, self.graphs) for one in [dict(point), *map(dict, more), *others]
        ]
        self.stages = {stage.name: stage for stage in code.stages}
        self.forward = [stage.name for stage in code.forward]
        self.inputs = list(self.graphs.forward.inputs)
        self._of_rows: dict[int, Fault | None] = {}
        with quiet():
            self.replays = Replays(code, self.graphs, self.figures)

    def judged(self) -> Judged:
        with quiet():  # numbers near the largest there is overflow, and are wrong
            found = self._of_one_line(self._all_verdicts())
            verdicts = [self._excused(verdict, found) for verdict in found]
        if any(v.verdict == FOLLOWS for v in verdicts) and not _faults(verdicts)[0]:
            verdicts = list(map(_of_lost_axis, verdicts))
        return Judged(self.code, tuple(verdicts), self.graphs.forward)

    def _all_verdicts(self) -> list[LineVerdict]:
        """A slip may make a gradient that of a node inside its stage, by chance; 1/N may come
        later, in lines of which one is wrong. Where what is made of it is wrong, it is judged so
        too: what finds fewer faults stays."""
        found = self._verdicts()
        doubted = self._doubted(found)
        if doubted:
            found = self._fewer(found, Replays(self.code, self.graphs, self.figures, doubted), True)
        for verdict in found:
            factor = self._count_too_many(verdict)
            if factor is not None:
                late = {verdict.gradient.final: factor}
                plain = self.replays.named_only
                other = Replays(self.code, self.graphs, self.figures, plain, late)
                return self._mended(self._fewer(found, other, False))
        return self._mended(found)

    def _of_one_line(self, found: list[LineVerdict]) -> list[LineVerdict]:
        """Of gradients that a single slip makes wrong, in a line that all are made of and that is
        no gradient's by its name: the first is told there, the others follow."""
        wrong = [v for v in found if v.verdict in (WRONG, IN_GENERAL)]
        if len({v.row for v in wrong}) < 2:
            return found
        searches = [Search(self.replays, v.gradient, self.replays.of(v.gradient)) for v in wrong]
        while len(searches) > 1:
            first, *others = searches
            fault, healed = first.fault_with(others)
            told = [first.gradient, *(search.gradient for search in healed)]
            if healed:
                found = [_told_once(v, told, fault) for v in found]
            searches = [search for search in others if search not in healed]
        return found

    def _mended(self, found: list[LineVerdict]) -> list[LineVerdict]:
        """Of several faults, those that stay where the first ones are put right; of one that
        nothing explains, what else it may be the gradient of."""
        wrong = [verdict for verdict in found if verdict.verdict in (WRONG, IN_GENERAL)]
        mending, before = Mending(self.replays), self.replays
        if len(wrong) > 1:
            return self._fewer(found, mending.mended(), False)
        if wrong and not wrong[0].fits:
            gradient = wrong[0].gradient
            for of in mending.readings(before, gradient)[1:]:
                found = self._fewer(found, mending.with_right(before, gradient, of), False)
        return found

    def _fewer(
        self, found: list[LineVerdict], replays: Replays, if_as_many: bool
    ) -> list[LineVerdict]:
        """The verdicts by other rules, if they find fewer faults."""
        before, self.replays = self.replays, replays
        again = self._verdicts()
        if _faults(again) < _faults(found) or (if_as_many and _faults(again) == _faults(found)):
            return again
        self.replays = before
        return found

    def _verdicts(self) -> list[LineVerdict]:
        return list(map(self._verdict, self.code.gradients))

    def _doubted(self, found: Sequence[LineVerdict]) -> set[str]:
        """The gradients of other nodes than their names say that a wrong line uses."""
        names: set[str] = set()
        for verdict in found:
            if verdict.verdict in (WRONG, IN_GENERAL):
                for stage in self.replays.own_stages(verdict.gradient):
                    names |= {*names_in(self.stages[stage].expression)}
        finals = self.replays.finals
        used = [g for g in self.code.gradients if g.final in names and finals.get(g.final)]
        return {g.final for g in used if finals[g.final] not in g.of}

    def _count_too_many(self, verdict: LineVerdict) -> float | None:
        """By how much a step between is more than is due, if that is a count."""
        if verdict.verdict != WRONG or verdict.of in self.inputs or not verdict.of:
            return None
        factor = self.replays.factor(verdict.gradient.final, verdict.of)
        lengths = {n for value in self.figures[0].own.values() for n in shape_of(value)}
        return factor if factor in lengths - {1} else None

    def _excused(self, verdict: LineVerdict, all_: Sequence[LineVerdict]) -> LineVerdict:
        """A gradient of a step between, which is another number than it says: right, where all
        gradients of inputs that are made of it are."""
        if verdict.verdict not in (WRONG, FOLLOWS) or verdict.of in self.inputs:
            return verdict
        final = verdict.gradient.final
        made_of_it = [
            v
            for v in all_
            if v.of in self.inputs and final in self.replays.leading_to(v.gradient.final)
        ]
        if not made_of_it or not all(v.passes for v in made_of_it):
            return verdict
        line = verdict.gradient.lines[-1]
        return replace(verdict, verdict=OK, fits=(), note=tell(_MADE_OF_IT), line=line)

    def _verdict(self, gradient: Gradient) -> LineVerdict:
        line = gradient.lines[-1] if gradient.lines else None
        of = self.replays.of(gradient)
        error = gradient.error
        if isinstance(error, ToDo):
            return LineVerdict(gradient, of, TO_DO, None)
        if error is not None or line is None:
            note = error.what if error is not None else tell("it is nowhere worked out")
            faulty, fits = self._misread(gradient)
            return LineVerdict(gradient, of, UNREAD, faulty or line, fits, note=note)
        if not of:
            unused = next((name for name in gradient.of if name in self.stages), "")
            note = (
                tell(
                    "the result does not depend on {name}: has a forward line left it out?",
                    name=unused,
                )
                if unused
                else tell("the result does not depend on it")
            )
            return LineVerdict(gradient, "", UNREAD, line, note=note)
        return self._held(gradient, of, line)

    def _held(self, gradient: Gradient, of: str, line: Line) -> LineVerdict:
        """The verdict on numbers."""
        replays, final = self.replays, gradient.final
        shown = of if of in gradient.of else gradient.of[0]
        given, exact = self.figures[0].own.get(final), self.figures[0].right[of]
        if final not in replays.finals:
            return LineVerdict(gradient, shown, OK, line, (), given, exact, tell(_MADE_OF_IT))
        right = [replays.is_due(f.own.get(final), gradient, of, f) for f in self.figures]
        if all(right):
            note = tell(_MADE_OF_IT) if final in replays.late else ""
            return LineVerdict(gradient, shown, OK, line, (), given, exact, note)
        is_mended = replays.is_mended(gradient, of)
        if is_mended or all(replays.follows(gradient, of, f) for f in replays.figures):
            return LineVerdict(gradient, shown, FOLLOWS, line, (), given, exact)
        faulty, fits = Search(replays, gradient, of, self._rewritten).fault()
        note = self._note(gradient, shown, given, exact)
        if note and not fits and faulty is not None and self.tree is not None:
            row = getattr(faulty.node, "lineno", 0)
            other = self._healed([gradient.name], reshaped(self.tree, row))
            faulty, fits = other or (faulty, fits)
        verdict = IN_GENERAL if right[0] else WRONG
        told = faulty or replays.line(gradient, final) or line
        return LineVerdict(gradient, shown, verdict, told, fits, given, exact, note)

    def _note(self, gradient: Gradient, of: str, given: Any, exact: Any) -> str:
        if given is not None:
            return of_shapes(given, exact, gradient.name, of)
        own = self.figures[0].own
        for name in self.replays.own_stages(gradient):
            if name not in own:
                return self.graphs.why_not(self.stages[name].expression, own)
        return ""

    # read once more

    def _rewritten(self, gradient: Gradient, rows: Sequence[int]) -> Fault | None:
        if self.tree is None:
            return None
        return self._healed([gradient.name], rewrites(self.tree, rows))

    def _misread(self, gradient: Gradient) -> Fault:
        """The line whose shapes fit nothing, so that what comes after it cannot be read."""
        if gradient.error is None or self.tree is None:
            return None, ()
        row = gradient.error.line
        if row not in self._of_rows:
            errors = [(g.name, g.error) for g in self.code.gradients]
            unread = [name for name, error in errors if error is not None and error.line == row]
            self._of_rows[row] = self._healed(unread, reshaped(self.tree, row))
        return self._of_rows[row] or (None, ())

    def _healed(self, names: Collection[str], found: Iterable[Rewrite]) -> Fault | None:
        """The first of the rewritten codes that makes gradients right."""
        for rewrite in found if self.reread is not None else ():
            try:
                court = self.reread(rewrite.tree) if self.reread is not None else self
            except BacktraceError:
                continue
            if all(map(court.is_right, names)):
                edit = Edit(rewrite.code, rewrite.says, rewrite.meant)
                return Line("", rewrite.node), (edit,)
        return None

    def sound(self) -> int:
        """How many gradients are right, or follow from an earlier slip."""
        return sum(self.is_right(gradient.name) for gradient in self.code.gradients)

    def is_right(self, name: str) -> bool:
        """Whether the gradient of that name is right, or follows from an earlier slip."""
        for gradient in self.code.gradients:
            of = self.replays.of(gradient)
            if gradient.name == name and of and gradient.error is None:
                return all(self.replays.follows(gradient, of, f) for f in self.figures)
        return False


def _told_once(verdict: LineVerdict, told: Sequence[Gradient], fault: Fault) -> LineVerdict:
    """The verdict where one line is at fault for several gradients: the first of them has it."""
    line, fits = fault
    if verdict.gradient not in told:
        return verdict
    if verdict.gradient is told[0]:
        told_there = replace(verdict, line=line or verdict.line, fits=fits)
        is_same = verdict.fits and told_there.row == verdict.row  # it is told already, as likely
        return verdict if is_same else told_there
    return replace(verdict, verdict=FOLLOWS, line=verdict.gradient.lines[-1], fits=(), note="")


def of_shapes(given: Any, exact: Any, name: str, of: str) -> str:
    """What is to be said of shapes that differ."""
    own, due = shape_of(given), shape_of(exact)
    if own == due:
        return ""
    words = [say(shape) if shape else tell("a number") for shape in (own, due)]
    hint = ""
    if len(own) > len(due):
        hint = tell(": to be summed over the batch?")
    elif sorted(own) == sorted(due) and own != due:
        hint = tell(": transposed?")
    elif [n for n in due if n != 1] == list(own):
        hint = ": keepdims=True?"
    elif len(own) < len(due):
        hint = tell(": summed over too much?")
    return tell(
        "{name} is {word}, {of} is {words_word}{hint}",
        name=name,
        word=words[0],
        of=of,
        words_word=words[1],
        hint=hint,
    )


def _of_lost_axis(verdict: LineVerdict) -> LineVerdict:
    """A row is as good as a column of the same numbers, unless what is made of it goes wrong and
    nothing else is at fault."""
    if not verdict.passes or shape_of(verdict.given) == shape_of(verdict.exact):
        return verdict
    note = of_shapes(verdict.given, verdict.exact, verdict.gradient.name, verdict.of)
    says = tell("loses an axis that keepdims=True keeps, or has one too many")
    return replace(verdict, verdict=WRONG, fits=(Edit("keepdims", says, ""),), note=note)


def _faults(found: Sequence[LineVerdict]) -> tuple[int, int]:
    """How many lines are wrong by themselves, and how many of them no slip explains."""
    wrong = [verdict for verdict in found if verdict.verdict in (WRONG, IN_GENERAL)]
    return len(wrong), sum(not verdict.fits for verdict in wrong)


__all__: Sequence[str] = ["Court", "Judged", "LineVerdict"]
