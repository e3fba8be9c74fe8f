"""backtrace render FILE: a saved trace, drawn in any format."""

from __future__ import annotations

import click

from backtrace.cli.options import Destination, destination_options, look_options
from backtrace.cli.output import Look
from backtrace.cli.source import read_file
from backtrace.errors import UsageError

EXAMPLES = """\b
  backtrace "(x+y)*z" x=-2 y=5 z=-4 -o trace.json
  backtrace render trace.json -o picture.svg
  backtrace render trace.json --format tree
"""


@click.command(
    "render",
    help="Draw a saved trace (-o trace.json) in any format.",
    epilog="Examples:\n\n" + EXAMPLES,
)
@click.argument("file", metavar="FILE")
@destination_options
@look_options
def render(file: str, destination: Destination, look: Look) -> int:
    from backtrace.render import data
    from backtrace.tracer import Trace

    format = destination.chosen()
    trace = Trace.from_json(read_file(file), _arrays_beside(file))
    view = look.view(to_file=destination.output is not None)
    destination.write(data(trace, format, view), format)
    return 0 if trace.ok else 1


def _arrays_beside(file: str) -> dict[str, object]:
    """The arrays that --arrays npz wrote beside the JSON, if there are any."""
    import os

    path = f"{file.removesuffix('.json')}.npz"
    if file == "-" or not os.path.isfile(path):
        return {}
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as found:
            return dict(found)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read '{path}': {error}") from None
