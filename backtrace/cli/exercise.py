"""backtrace exercise: a formula to differentiate by hand, at a point that tells mistakes apart."""

from __future__ import annotations

import click

from backtrace.cli.options import look_options, names_in
from backtrace.cli.output import Look, say

EXAMPLES = """\b
  backtrace exercise --gates add,mul,max --forks 1 --seed 7
  backtrace exercise --gates add,mul,max --forks 1 --seed 7 --key
  backtrace exercise --gates mul,mul,sigmoid --seed ada --format toml
"""


@click.command(
    "exercise",
    help="Make an exercise of the gates named: the same one for the same seed.",
    epilog="Examples:\n\n" + EXAMPLES,
)
@click.option(
    "--gates",
    default="add,mul",
    metavar="a,b",
    help="Its gates, one of each (add,mul); one named twice is there twice.",
)
@click.option(
    "--forks", type=click.IntRange(0, 20), default=0, metavar="N", help="Variables used twice (0)."
)
@click.option("--seed", default="0", metavar="TEXT", help="A number, or a student's name (0).")
@click.option("--key", is_flag=True, help="The whole trace in the place of the worksheet.")
@click.option(
    "--format",
    "format",
    type=click.Choice(["table", "tree", "markdown", "json", "toml"]),
    default="table",
    help="table (default), tree, markdown, json (with the key), toml (for an assignment).",
)
@click.option("-o", "--output", metavar="FILE", help="Write there.")
@look_options
def exercise(
    gates: str, forks: int, seed: str, key: bool, format: str, output: str | None, look: Look
) -> int:
    from backtrace.homework.exercise import exercise as make
    from backtrace.homework.exercise import sheet

    made = make(names_in(gates), forks, seed)
    text = sheet(made, format, look.view(to_file=output is not None), key)
    if output is None:
        say(text)
    else:
        from backtrace.files import write

        write(output, text)
    return 0
