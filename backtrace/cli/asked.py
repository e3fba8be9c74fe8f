"""What the words and options of the main command ask for, and what of it cannot go together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from backtrace.cli.groups import (
    USUAL_KINK,
    ArraysAsked,
    Beside,
    DescentAsked,
    Destination,
    GranularityAsked,
    PointsAsked,
    Task,
    names_in,
)
from backtrace.cli.output import Look
from backtrace.errors import UsageError
from backtrace.language import marked, tell
from backtrace.numbers import DIGITS

if TYPE_CHECKING:
    from backtrace.code import Program
    from backtrace.formula.point import Given
    from backtrace.graph.record import Granularity
    from backtrace.tracing.request import Request
    from backtrace.tracing.trace import Trace

_ALONG = marked("--forward x, or --order 2")


class Asked(NamedTuple):
    """All that the options say, group by group."""

    task: Task
    destination: Destination
    beside: Beside
    granularity: GranularityAsked
    arrays: ArraysAsked
    descent: DescentAsked
    points: PointsAsked
    look: Look
    reading: str = ""  # how the formula came about
    program: Program | None = None  # the code that it was read from

    @property
    def wrt(self) -> list[str] | None:
        return names_in(self.task.wrt) if self.task.wrt is not None else None

    def given(self, values: Sequence[str]) -> dict[str, Given]:
        """The values that are written, and those that the code's names have where it runs."""
        from backtrace.formula.point import read_mapping, read_words

        given = read_words(values, self.arrays.seed)
        outside = self.program.outside if self.program is not None else {}
        return {**read_mapping({n: v for n, v in outside.items() if n not in given}), **given}

    @property
    def is_for_readers(self) -> bool:
        """Whether it says how the trace is to be shown, and not only of what."""
        task, beside, look = self.task, self.beside, self.look
        return any(
            (
                *(*self.destination, task.compare, task.blank is not None, task.open_page),
                *(task.json_schema, beside.explain, beside.paths, beside.forward, beside.full),
                *(look.digits != Look().digits, look.ascii, look.width, self.points.points),
            )
        )

    def hold_together(self) -> None:
        """Raises UsageError for an option that is of another, where that is not given."""
        if self.beside.every is not None and not self.beside.cost:
            raise UsageError(tell("--every is of checkpoints"), hint="--cost --every 4")
        is_of_points = self.points.compiled or self.points.jobs > 1
        if is_of_points and self.points.points is None:
            option = "--compiled" if self.points.compiled else "--jobs"
            raise UsageError(
                tell("{option} is of many points", option=option), hint="--points points.csv"
            )
        self.descent.rate()
        if self.beside.order not in (1, 2):
            raise UsageError(tell("--order is 1 or 2, not {order}", order=self.beside.order))
        if self.beside.along and self.beside.order != 2 and self.beside.forward is None:
            raise UsageError(
                tell("--along is a direction, and nothing is asked along it"), hint=tell(_ALONG)
            )

    def request(self, made_of: Granularity) -> Request:
        """How the formula is to be traced. Raises UsageError."""
        from backtrace.tracing.request import Request

        self.hold_together()
        return Request(
            granularity=made_of,
            wrt=self.wrt,
            upstream=self.arrays.seed_gradient(),
            check=not self.task.no_check and not self.task.blank,
            digits=max(self.look.digits, DIGITS),
        )

    def answered(self, traced: Trace, tick: Callable[[], None]) -> Trace:
        """The trace with all that is to be shown beside its numbers. Raises UsageError."""
        from dataclasses import replace

        from backtrace.graph.record import Note
        from backtrace.tracing.other_numbers import NotExact

        beside, rate = self.beside, self.descent.rate()
        answers: list[Any] = []
        if beside.symbolic and traced.has_point:  # without a point formulas are all there is
            answers.append(traced.formulas())
        if beside.exact:
            try:
                answers.append(traced.exactly())
            except NotExact as error:
                traced = replace(traced, notes=(*traced.notes, Note("exact", error.what)))
        if beside.precision is not None:
            answers.append(traced.to_digits(beside.precision))
        answers += self._along(traced)
        if self.arrays.jacobian:
            answers.append(traced.jacobians())
        if beside.cost:
            answers.append(traced.cost(beside.every))
        if rate is not None:
            answers.append(traced.descend(rate, self.descent.steps or 1, tick))
        if self.reading:
            told = Note("reading", self.reading)
            traced = replace(traced, notes=(told, *traced.notes))
        if self.program is not None:
            lines, calls = self.program.lines_of(traced.graph), self.program.calls_of(traced.graph)
            traced = replace(traced, lines=lines, calls=calls)
        return traced.showing(*answers)

    def _along(self, traced: Trace) -> list[Any]:
        """What goes along directions: tangents, second derivatives. (Tangents of numbers, along
        none, are shown by the view.)"""
        from backtrace.formula.point import known_variables, read_words

        along = {n: g.value for n, g in read_words(self.beside.along, self.arrays.seed).items()}
        answers: list[Any] = []
        if self.beside.order == 2:
            answers.append(traced.second_derivatives(along or None))
        names = known_variables(traced.graph, names_in(self.beside.forward))
        if not traced.has_arrays and not along:
            return answers
        known_variables(traced.graph, list(along))
        beyond = [name for name in along if name not in names]
        if names and beyond and self.beside.order != 2:
            what = tell(
                "--along moves {beyond}, and --forward is by {names}",
                beyond=beyond[0],
                names=", ".join(names),
            )
            raise UsageError(what, hint=f"--forward {beyond[0]}")
        return answers + [traced.forward_mode(name, along.get(name)) for name in names]

    def section(self, apart_from: Sequence[str] = ()) -> str:
        """The first option that asks for a section beside the numbers, of all but these; "" where
        none does."""
        sections = {
            "--exact": self.beside.exact,
            "--precision": self.beside.precision is not None,
            "--symbolic": self.beside.symbolic,
            "--order 2": self.beside.order == 2,
            "--explain": self.beside.explain,
            "--paths": self.beside.paths,
            "--forward": self.beside.forward,
            "--along": self.beside.along,
            "--jacobian": self.arrays.jacobian,
            "--cost": self.beside.cost,
            "--step": self.descent.step is not None,
        }
        asked = (option for option, is_asked in sections.items() if is_asked)
        return next((option for option in asked if option not in apart_from), "")


def refuse_for_points(asked: Asked) -> None:
    """Many points have values and gradients, and nothing else."""
    option = _of_one_point(asked) or asked.section() or _of_one_trace(asked)
    if option:
        raise UsageError(
            tell("{option} is for one point", option=option), hint=tell("trace that row alone")
        )


def refuse_for_shapes(asked: Asked) -> None:
    """Shapes alone have formulas, and no numbers."""
    granularity = asked.granularity
    changed = granularity.fuse or granularity.expand or granularity.gates
    section = asked.section(apart_from=("--symbolic", "--cost", "--explain", "--paths"))
    option = _of_one_point(asked) or section or tell("--fuse, --expand or --gates") * bool(changed)
    option = option or _of_one_trace(asked) or "--points" * (asked.points.points is not None)
    option = option or "--kink" * (granularity.kink != USUAL_KINK)
    if option:
        raise UsageError(
            tell("{option} is for values, and here are shapes", option=option), hint="W=randn(3,2)"
        )


def _of_one_point(asked: Asked) -> str:
    """The first option that asks for what only one point has; "" where none does."""
    options = {
        "--compare": asked.task.compare,
        "--blank": asked.task.blank,
        "--open": asked.task.open_page,
        "--upstream": asked.arrays.upstream is not None,
    }
    return next((option for option, is_asked in options.items() if is_asked), "")


def _of_one_trace(asked: Asked) -> str:
    """The first option of how the numbers of one trace are written; "" where none is there."""
    return "--arrays" if asked.arrays.arrays is not None else "--full" * asked.beside.full


def refuse_unseen(format: str, asked: Asked) -> None:
    """What is asked for must have a place in the format, and beside a comparison."""
    task, beside = asked.task, asked.beside
    if task.blank and (task.compare or beside.explain or beside.paths or beside.forward):
        hint = tell("leave --compare, --explain, --paths, --forward out")
        raise UsageError(tell("a worksheet has blanks only"), hint=hint)
    option = asked.section(apart_from=("--cost",) if task.compare else ())
    if not option:
        return
    if task.compare and format == "table":
        what = tell("{option} has no place in the table of --compare", option=option)
        raise UsageError(what, hint=tell("--compare --json has it, of both graphs"))
    from backtrace.render import PLAIN

    if format not in PLAIN:
        *most, last = PLAIN
        hint = tell("--format {most} or {last}", most=", ".join(most), last=last)
        raise UsageError(
            tell("{option} has no place in {format}", option=option, format=format), hint=hint
        )
