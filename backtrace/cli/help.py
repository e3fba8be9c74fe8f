"""--help, in the language of the run; that of the main command with its many options under
headings, in the order they are asked in."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator

import click

from backtrace.language import cells, marked, tell

SECTIONS = {
    marked("What to trace"): (
        *("file", "python", "of", "gates", "fuse", "expand", "compare", "blank"),
    ),
    marked("The point"): ("wrt", "kink", "seed", "no_check"),
    marked("How to show it"): (
        *("format", "as_json", "output", "open_page", "fold", "full", "digits", "width", "color"),
        *("ascii", "lang", "json_schema"),
    ),
    marked("What else to ask"): (
        *("symbolic", "exact", "precision", "order", "explain", "paths", "forward"),
        *("along", "cost", "every", "step", "steps"),
    ),
    marked("Arrays"): ("upstream", "jacobian", "arrays"),
    marked("Many points"): ("points", "jobs", "compiled"),
}
"""Every option of `backtrace FORMULA`, by the name that its value has."""

_FILLING = "\0"  # behind a wide character, which so counts as two
_WIDE = re.compile("[^\0-\u10ff]")


def _filled(text: str) -> str:
    return _WIDE.sub(lambda found: found[0] + _FILLING * (cells(found[0]) - 1), text)


class _Formatter(click.HelpFormatter):
    """click's own, in whose columns wide characters count as two."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, _filled(prefix or tell("Usage:") + " "))

    def write_text(self, text: str) -> None:
        super().write_text(_filled(text))

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        super().write_dl([(_filled(a), _filled(b)) for a, b in rows], col_max, col_spacing)

    def getvalue(self) -> str:
        return super().getvalue().replace(_FILLING, "")


class _Context(click.Context):
    formatter_class = _Formatter


class Told(click.Command):
    """A command whose help is told in the language of the run; its epilog are examples."""

    context_class = _Context

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        option = super().get_help_option(ctx)
        if option is not None:  # click keeps it, and one process may speak several languages
            option.help = tell("Show this message and exit.")
        return option

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        told = copy.copy(self)
        told.help = self.help and tell(self.help)
        super(Told, told).format_help_text(ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        told = copy.copy(self)
        told.epilog = tell("Examples:") + f"\n\n{self.epilog}"
        super(Told, told).format_epilog(ctx, formatter)

    def records(self, ctx: click.Context) -> Iterator[tuple[str, tuple[str, str]]]:
        """Every parameter by the name of its value: how it is written, and what it does."""
        for parameter in self.get_params(ctx):
            told = copy.copy(parameter)
            if isinstance(told, click.Option):
                told.help = told.help and tell(told.help)
            record = told.get_help_record(ctx)
            if record is not None:
                yield str(parameter.name), record

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = {p.name for p in self.get_params(ctx) if isinstance(p, click.Option)}
        with formatter.section(tell("Options")):
            formatter.write_dl([record for name, record in self.records(ctx) if name in options])


class Sectioned(Told):
    """A command whose options stand under SECTIONS."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        records = dict(self.records(ctx))
        for heading, names in SECTIONS.items():
            with formatter.section(tell(heading)):
                formatter.write_dl([records.pop(name) for name in names])
        with formatter.section(tell("Help")):
            formatter.write_dl(list(records.values()))
