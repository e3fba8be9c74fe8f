"""What the options of a command ask for, a frozen value for each group of `options`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from backtrace.cli.output import Look, say, say_utf8
from backtrace.cli.source import read_file
from backtrace.cli.words import EVERYTHING
from backtrace.errors import UsageError
from backtrace.language import tell

if TYPE_CHECKING:
    from backtrace.graph.record import Granularity
    from backtrace.render import View

USUAL_KINK = "minimum-norm"


def names_in(text: str | None) -> list[str]:
    """x,y as a list."""
    return [name.strip() for name in text.split(",")] if text is not None else []


class Task(NamedTuple):
    """What is to be done at all."""

    file: str | None
    wrt: str | None
    compare: bool
    blank: str | None
    open_page: bool
    no_check: bool
    json_schema: bool
    python: bool
    of: str | None


class Destination(NamedTuple):
    """--format, --json and --output."""

    format: str | None
    as_json: bool
    output: str | None

    def chosen(self) -> str:
        """The format's name. Raises UsageError."""
        if self.as_json and self.format not in (None, "json"):
            raise UsageError(
                tell("--json and --format {format} exclude each other", format=self.format)
            )
        from backtrace.render import format_of, known

        if self.as_json or self.format:
            return known(self.format or "json")
        return "table" if self.output is None else format_of(self.output)

    def write(
        self, content: str | bytes, format: str, beside: Mapping[str, bytes] = MappingProxyType({})
    ) -> None:
        """To the file, `beside` to files of their own (all or none), or to standard output. Raises
        UsageError for pixels on a terminal."""
        from backtrace.files import write_together

        if self.output is not None:
            others = [(path, [data]) for path, data in beside.items()]
            write_together([*others, (self.output, [content])])
            return
        if isinstance(content, bytes):
            from backtrace.render import is_text

            if not is_text(format):
                if sys.stdout.isatty():
                    raise UsageError(
                        tell("{format} is no text", format=format),
                        hint=tell("-o picture.{format}", format=format),
                    )
                sys.stdout.buffer.write(content)
                return
            say_utf8(content)
            return
        say(content)


class PointsAsked(NamedTuple):
    """--points, --jobs and --compiled."""

    points: str | None
    jobs: int
    compiled: bool


class GranularityAsked(NamedTuple):
    """--fuse, --expand, --gates and --kink as they were typed."""

    fuse: str | None
    expand: bool
    gates: str | None
    kink: str

    def granularity(self) -> Granularity:
        from backtrace.graph.record import Granularity

        names = None
        if self.fuse not in (None, EVERYTHING):
            names = tuple(names_in(self.fuse))
        text = read_file(self.gates) if self.gates else ""
        return Granularity(self.expand, self.fuse is not None, names, text, self.kink)


class Beside(NamedTuple):
    """What is shown beside the numbers: the trace in other words, steps, routes, tangents."""

    symbolic: bool
    exact: bool
    precision: int | None
    order: int
    explain: bool
    paths: str | None
    forward: str | None
    along: tuple[str, ...]
    cost: bool
    every: int | None
    full: bool
    fold: str

    def shown(self, look: Look, to_file: bool) -> View:
        """The view that these and the look ask for."""
        return look.view(to_file)._replace(full=self.full, fold=self.fold)


class ArraysAsked(NamedTuple):
    """What concerns arrays: random ones, the upstream, Jacobians, where large ones are written."""

    seed: int
    upstream: str | None
    jacobian: bool
    arrays: str | None

    def beside(self, output: str | None, format: str) -> str:
        """The file for large arrays, "" where none is asked for. Raises UsageError."""
        if self.arrays is None:
            return ""
        if output is None or format != "json":
            raise UsageError(
                tell("--arrays npz needs a JSON file"), hint=tell("-o trace.json --arrays npz")
            )
        return output.removesuffix(".json") + ".npz"

    def seed_gradient(self) -> Any:
        """--upstream as a number or an array; None where it was not given."""
        if self.upstream is None:
            return None
        from backtrace.formula.values import read_value

        word = f"--upstream={self.upstream}"
        return read_value(self.upstream, word, len("--upstream="), "upstream", self.seed)


class DescentAsked(NamedTuple):
    """--step and --steps."""

    step: float | None
    steps: int | None

    def rate(self) -> float | None:
        """Raises UsageError for steps of no size."""
        if self.step is None and self.steps is not None:
            raise UsageError(
                tell("--steps needs the size of a step"), hint="--step 0.1 --steps 100"
            )
        if self.step is not None and not 0 < abs(self.step) < float("inf"):
            raise UsageError(
                tell("--step is {step}, and a step has a size", step=self.step), hint="--step 0.1"
            )
        if self.steps is not None and self.steps < 1:
            raise UsageError(tell("--steps is {steps}, and one is the fewest", steps=self.steps))
        return self.step
