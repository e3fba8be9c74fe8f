"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from backtrace.cli.output import Look
from backtrace.cli.source import read_file
from backtrace.cli.words import EVERYTHING

if TYPE_CHECKING:
    from backtrace.record import Shape

_CONVENTIONS = ("minimum-norm", "left", "right", "split", "torch", "jax")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeAsked:
    """--fuse, --expand, --gates and --kink as they were typed."""

    fuse: str | None
    expand: bool
    gates: str | None
    kink: str

    def shape(self) -> Shape:
        from backtrace.record import Shape

        names = None
        if self.fuse not in (None, EVERYTHING):
            names = tuple(name.strip() for name in (self.fuse or "").split(","))
        text = read_file(self.gates) if self.gates else ""
        return Shape(self.expand, self.fuse is not None, names, text, self.kink)


def shape_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--fuse, --expand, --gates and --kink, handed on as one `shape`."""

    @functools.wraps(command)
    def wrapped(
        *args: Any, fuse: str | None, expand: bool, gates: str | None, kink: str, **rest: Any
    ) -> Any:
        shape = ShapeAsked(fuse=fuse, expand=expand, gates=gates, kink=kink)
        return command(*args, shape=shape, **rest)

    options = (
        click.option(
            "--fuse",
            metavar="[=a,b]",
            help="Make groups that spell out a bigger gate that gate: all, or those named.",
        ),
        click.option("--expand", is_flag=True, help="Open gates that are made of others."),
        click.option(
            "--gates", metavar="FILE", help="Definitions to use: swish(a) = a*sigmoid(a)."
        ),
        click.option(
            "--kink",
            type=click.Choice(_CONVENTIONS),
            default=_CONVENTIONS[0],
            metavar="NAME",
            help="At a kink: minimum-norm (default), left, right, split, torch, jax.",
        ),
    )
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped


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
