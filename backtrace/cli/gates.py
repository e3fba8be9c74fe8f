"""backtrace gates [NAME]: the catalogue, from the table itself."""

from __future__ import annotations

import click

from backtrace.cli.help import Told
from backtrace.cli.options import look_options
from backtrace.cli.output import Look, say
from backtrace.language import marked

EXAMPLES = """\b
  backtrace gates
  backtrace gates sigmoid
  backtrace gates cross_entropy --width 100
"""


def _complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    from backtrace.gates import GATES

    return [name for name in GATES if name.startswith(incomplete)]


@click.command(
    "gates",
    cls=Told,
    help=marked("List the gates a formula can be made of, or describe one."),
    epilog=EXAMPLES,
)
@click.argument("name", required=False, shell_complete=_complete)
@look_options
def gates(name: str | None, look: Look) -> int:
    from backtrace.cli import catalogue

    view = look.view(to_file=False)
    say(catalogue.describe(name, view) if name else catalogue.overview(view))
    return 0
