"""backtrace quiz [FORMULA [NAME=VALUE ...]]: a trace, asked for number by number."""

from __future__ import annotations

from typing import Any

import click

from backtrace.cli.help import Told
from backtrace.cli.options import look_options
from backtrace.cli.output import Look, say
from backtrace.cli.quiz_sources import Source
from backtrace.language import marked

EXAMPLES = """\b
  backtrace quiz "(x+y)*z" x=-2 y=5 z=-4
  backtrace quiz "q = x + y; f = q*max(y, z)" --ask gradients
  backtrace quiz --gates add,mul,max --forks 1 --seed 7
  backtrace quiz assignment.toml
"""


@click.command(
    "quiz",
    cls=Told,
    help=marked(
        "Practise: the values of the gates are asked for, then the gradients from the output back."
        " ? is a hint, an empty line skips, q ends. Exit status 0: all was right at once,"
        " and without hints."
    ),
    epilog=EXAMPLES,
)
@click.argument(
    "words", nargs=-1, metavar="[FORMULA|FILE.py[:NAME]|ASSIGNMENT.toml] [NAME=VALUE ...]"
)
@click.option("--file", metavar="FILE", help=marked("Read the formula from FILE."))
@click.option("--of", metavar="NAME", help=marked("The stage that is the result (the last one)."))
@click.option(
    "--fuse",
    metavar="[=a,b]",
    help=marked("Make groups that spell out a bigger gate that gate: all, or those named."),
)
@click.option("--expand", is_flag=True, help=marked("Open gates that are made of others."))
@click.option(
    "--ask",
    type=click.Choice(["gradients", "values", "all"]),
    default="all",
    metavar="WHAT",
    help=marked("Ask for the gradients, the values, or all (default)."),
)
@click.option(
    "--gates", metavar="a,b", help=marked("Without a formula: one of these gates (add,mul).")
)
@click.option(
    "--forks",
    type=click.IntRange(0, 20),
    metavar="N",
    help=marked("Without a formula: variables used twice (0)."),
)
@click.option(
    "--level",
    type=click.IntRange(1, 5),
    metavar="N",
    help=marked(
        "Without a formula: one gate (1), a chain with a branch, a neuron, a net, batch norm (5)."
    ),
)
@click.option(
    "--seed",
    default="0",
    metavar="TEXT",
    help=marked("A number, or a name: for points, randn, gates (0)."),
)
@click.option(
    "--json", "as_json", is_flag=True, help=marked("Print the record at the end, and nothing else.")
)
@look_options
def quiz(as_json: bool, look: Look, **source_asked: Any) -> int:
    from backtrace.cli.quiz_talk import Talk
    from backtrace.homework.practice import as_object, summary
    from backtrace.numbers import json_text

    source = Source(**source_asked)
    quizzes, notes = source.quizzes()
    talk = Talk(look.view(to_file=False), as_json)
    ended = talk.run(quizzes, notes)
    told = summary(quizzes, source.again, source.next_seed)
    if as_json:
        say(json_text(as_object(quizzes, told, ended), indent=2) + "\n")
    talk.close(told)
    return 0 if told.ok else 1
