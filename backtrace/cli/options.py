"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from backtrace.cli.output import Look


def look_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--digits, --color, --ascii and --width, handed on as one `look`."""

    @functools.wraps(command)
    def wrapped(
        *args: Any, digits: int, color: str, ascii: bool, width: int | None, **rest: Any
    ) -> Any:
        look = Look(color=color, ascii=ascii, width=width, digits=digits)
        return command(*args, look=look, **rest)

    options = (
        click.option(
            "--digits",
            type=click.IntRange(1, 17),
            default=4,
            metavar="N",
            help="Show N significant digits (default 4).",
        ),
        click.option(
            "--color",
            type=click.Choice(["auto", "always", "never"]),
            default="auto",
            help="Colour; auto is for terminals, and heeds NO_COLOR and FORCE_COLOR.",
        ),
        click.option("--ascii", is_flag=True, help="Only 7-bit characters."),
        click.option(
            "--width",
            type=click.IntRange(20, 1000),
            metavar="N",
            help="Columns (default: the terminal's, or 80).",
        ),
    )
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped
