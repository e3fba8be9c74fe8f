"""--help of the main command: its many options under headings, in the order they are asked in."""

from __future__ import annotations

import click

SECTIONS = {
    "What to trace": ("file", "python", "of", "gates", "fuse", "expand", "compare", "blank"),
    "The point": ("wrt", "kink", "seed", "no_check"),
    "How to show it": (
        *("format", "as_json", "output", "open_page", "fold", "full", "digits", "width", "color"),
        "ascii",
        "json_schema",
    ),
    "What else to ask": (
        *("symbolic", "exact", "precision", "order", "explain", "paths", "forward"),
        *("along", "cost", "every", "step", "steps"),
    ),
    "Arrays": ("upstream", "jacobian", "arrays"),
    "Many points": ("points", "jobs"),
}
"""Every option of `backtrace FORMULA`, by the name that its value has."""


class Sectioned(click.Command):
    """A command whose options stand under SECTIONS."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        records = {
            parameter.name: record
            for parameter in self.get_params(ctx)
            if (record := parameter.get_help_record(ctx)) is not None
        }
        for heading, names in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl([records.pop(name) for name in names])
        with formatter.section("Help"):
            formatter.write_dl(list(records.values()))
