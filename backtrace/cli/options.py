"""The options, in groups: each group arrives in its command as one frozen value of `groups`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from backtrace.cli import languages
from backtrace.cli.groups import (
    USUAL_KINK,
    ArraysAsked,
    Beside,
    DescentAsked,
    Destination,
    GranularityAsked,
    PointsAsked,
    Task,
)
from backtrace.cli.output import Look
from backtrace.language import marked

_CONVENTIONS = (USUAL_KINK, "left", "right", "split", "torch", "jax")

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _formats(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    from backtrace.render import formats

    return [name for name in formats() if name.startswith(incomplete)]


def gathered_as(name: str, kind: type, *options: Decorator) -> Decorator:
    """Adds the options to a command, and hands their values on as one `kind` called `name`."""
    fields: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def gathered(*args: Any, **given: Any) -> Any:
            values = {field: given.pop(field) for field in fields}
            return command(*args, **{name: kind(**values)}, **given)

        decorated: Callable[..., Any] = gathered
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


fold_option = click.option(
    "--fold",
    type=click.Choice(["auto", "all", "none"]),  # backtrace.render.FOLDS
    default="auto",
    help=marked(
        "Stages, functions and groups as boxes in pictures: auto is above 40 gates or 1,200 pixels."
    ),
)
"""How a picture starts."""

look_options = gathered_as(
    "look",
    Look,
    click.option(
        "--digits",
        type=click.IntRange(1, 17),
        default=4,
        metavar="N",
        help=marked("Show N significant digits (default 4)."),
    ),
    click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        help=marked("Colour; auto is for terminals, and heeds NO_COLOR and FORCE_COLOR."),
    ),
    click.option("--ascii", is_flag=True, help=marked("Only 7-bit characters.")),
    click.option(
        "--width",
        type=click.IntRange(20, 1000),
        metavar="N",
        help=marked("Columns (default: the terminal's, or 80)."),
    ),
    click.option(
        languages.OPTION,
        metavar="LANG",
        expose_value=False,  # the whole run speaks it, errors too
        shell_complete=languages.complete,
        help=marked("The language: en or ko (default: LANGUAGE, LC_ALL, LC_MESSAGES or LANG)."),
    ),
)
"""--digits, --color, --ascii and --width, handed on as one `look`; and --lang."""

task_options = gathered_as(
    "task",
    Task,
    click.option("--file", metavar="FILE", help=marked("Read the formula from FILE (- is stdin).")),
    click.option(
        "--python", is_flag=True, help=marked("What is read from - or FILE is Python code.")
    ),
    click.option(
        "--of", metavar="NAME", help=marked("The stage that is the result (the last one).")
    ),
    click.option("--wrt", metavar="x,y", help=marked("Only the gradients by these variables.")),
    click.option("--compare", is_flag=True, help=marked("The formula as written beside it fused.")),
    click.option(
        "--blank",
        type=click.Choice(["gradients", "values", "all"]),
        metavar="WHAT",
        help=marked("A worksheet: leave out the gradients, the values, or all."),
    ),
    click.option(
        "--open",
        "open_page",
        is_flag=True,
        help=marked("Open the page (--format html) in a browser."),
    ),
    click.option(
        "--no-check", is_flag=True, help=marked("Skip the cross-check by SymPy and slopes.")
    ),
    click.option(
        "--json-schema", is_flag=True, help=marked("Print the JSON schema of --json, and stop.")
    ),
)
"""--file, --wrt, --compare and the others of `Task`, as one `task`."""


def _destination(formats: str) -> Decorator:
    """--format, --json and --output, handed on as one `destination`; `formats` is the help."""
    return gathered_as(
        "destination",
        Destination,
        click.option("--format", "format", metavar="NAME", help=formats, shell_complete=_formats),
        click.option("--json", "as_json", is_flag=True, help=marked("The same as --format json.")),
        click.option(
            "-o",
            "--output",
            metavar="FILE",
            help=marked("Write there; the suffix picks the format."),
        ),
    )


destination_options = _destination(
    marked(
        "table (default), tree, wires, markdown, json, jsonl, svg, png, html, dot, mermaid, "
        "tikz, latex, python or torch."
    )
)
"""Where a trace goes."""

verdict_options = _destination(
    marked("table (default), tree, json or markdown; of code html and github (annotations) too.")
)
"""Where verdicts on answers go."""

points_options = gathered_as(
    "points",
    PointsAsked,
    click.option(
        "--points",
        metavar="FILE",
        help=marked(
            "At every row of a CSV, JSONL, NPZ or Parquet (- is stdin): value and gradients."
        ),
    ),
    click.option(
        "--jobs",
        type=click.IntRange(1, 64),
        default=1,
        metavar="N",
        help=marked("Processes for --points."),
    ),
    click.option(
        "--compiled",
        is_flag=True,
        help=marked("Machine code for the arithmetic of --points, by llvmlite."),
    ),
)
"""--points, --jobs and --compiled, handed on as one `points`."""

granularity_options = gathered_as(
    "granularity",
    GranularityAsked,
    click.option(
        "--fuse",
        metavar="[=a,b]",
        help=marked("Make groups that spell out a bigger gate that gate: all, or those named."),
    ),
    click.option("--expand", is_flag=True, help=marked("Open gates that are made of others.")),
    click.option(
        "--gates", metavar="FILE", help=marked("Definitions to use: swish(a) = a*sigmoid(a).")
    ),
    click.option(
        "--kink",
        type=click.Choice(_CONVENTIONS),
        default=USUAL_KINK,
        metavar="NAME",
        help=marked("At a kink: minimum-norm (default), left, right, split, torch, jax."),
    ),
)
"""--fuse, --expand, --gates and --kink, handed on as one `granularity`."""

beside_options = gathered_as(
    "beside",
    Beside,
    click.option("--symbolic", is_flag=True, help=marked("Add every number as a formula.")),
    click.option(
        "--exact", is_flag=True, help=marked("Add every number exactly: 1/3, sqrt(2), e.")
    ),
    click.option(
        "--precision", type=int, metavar="N", help=marked("Add every number to N digits.")
    ),
    click.option(
        "--order", type=int, default=1, metavar="2", help=marked("Add second derivatives.")
    ),
    click.option("--explain", is_flag=True, help=marked("Add the backward pass in words.")),
    click.option("--paths", metavar="x,y", help=marked("Add the routes from these to the output.")),
    click.option("--forward", metavar="x,y", help=marked("Add the tangents by these variables.")),
    click.option(
        "--along",
        multiple=True,
        metavar="x=V",
        help=marked("The direction of --forward and --order 2 (repeatable; default: all ones)."),
    ),
    click.option("--cost", is_flag=True, help=marked("Add what every gate costs, and the whole.")),
    click.option(
        "--every",
        type=click.IntRange(1),
        metavar="K",
        help=marked("With --cost: checkpoints every K gates (the square root of their number)."),
    ),
    click.option("--full", is_flag=True, help=marked("Write long arrays out.")),
    fold_option,
)
"""--symbolic, --exact, --precision, --order, --explain, --paths, --forward, --along, --cost,
--every, --full and --fold, as one `beside`."""

arrays_options = gathered_as(
    "arrays",
    ArraysAsked,
    click.option(
        "--seed", type=int, default=0, metavar="N", help=marked("For randn and rand (0).")
    ),
    click.option(
        "--upstream", metavar="VALUE", help=marked("The gradient that arrives at the output (1).")
    ),
    click.option(
        "--jacobian",
        is_flag=True,
        help=marked("Jacobians and what they look like, formed or by products."),
    ),
    click.option(
        "--arrays",
        type=click.Choice(["npz"]),
        metavar="npz",
        help=marked("With -o FILE.json: large arrays in FILE.npz."),
    ),
)
"""--seed, --upstream, --jacobian and --arrays, handed on as one `arrays`."""

descent_options = gathered_as(
    "descent",
    DescentAsked,
    click.option("--step", type=float, metavar="SIZE", help=marked("Go a step down the gradient.")),
    click.option(
        "--steps", type=int, metavar="N", help=marked("Go N such steps; shows how it went.")
    ),
)
"""--step and --steps, handed on as one `descent`."""
