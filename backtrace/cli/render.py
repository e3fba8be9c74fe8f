"""backtrace render FILE: a saved trace, drawn in any format."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from backtrace.cli.groups import Destination
from backtrace.cli.help import Told
from backtrace.cli.options import destination_options, fold_option, look_options
from backtrace.cli.output import Look
from backtrace.cli.source import read_file
from backtrace.language import marked

if TYPE_CHECKING:
    from backtrace.files.numpyfiles import Archive

EXAMPLES = """\b
  backtrace "(x+y)*z" x=-2 y=5 z=-4 -o trace.json
  backtrace render trace.json -o picture.svg
  backtrace render trace.json --format tree
"""


@click.command(
    "render",
    cls=Told,
    help=marked("Draw a saved trace (-o trace.json) in any format."),
    epilog=EXAMPLES,
)
@click.argument("file", metavar="FILE")
@destination_options
@fold_option
@look_options
def render(file: str, destination: Destination, fold: str, look: Look) -> int:
    from backtrace.cli.showing import practised
    from backtrace.render import data
    from backtrace.tracing.trace import Trace

    format = destination.chosen()
    with contextlib.closing(_arrays_beside(file)) as arrays:
        trace = Trace.from_json(read_file(file), arrays)
    view = look.view(to_file=destination.output is not None)._replace(fold=fold)
    if format == "html":
        trace = practised(trace)
    destination.write(data(trace, format, view), format)
    return 0 if trace.ok else 1


def _arrays_beside(file: str) -> Archive:
    """The arrays that --arrays npz wrote beside the JSON, to be read if it asks for them."""
    from backtrace.files import InputFile
    from backtrace.files.numpyfiles import Archive

    path = f"{file.removesuffix('.json')}.npz"
    return Archive(lambda: InputFile(path), f"'{path}'")
