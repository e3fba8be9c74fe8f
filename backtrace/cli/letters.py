"""backtrace FORMULA NAME:m,n ...: gradients in formulas of arrays, from shapes alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from backtrace.cli.groups import Destination, names_in
from backtrace.cli.output import Look
from backtrace.cli.source import DECLARED
from backtrace.errors import UsageError
from backtrace.language import tell

if TYPE_CHECKING:
    from backtrace.formula.lettered_routes import LetteredRoutes
    from backtrace.formula.letters import InLetters, Witnessed
    from backtrace.render import View

_TEXTS = ("table", "markdown", "json", "latex")
_PICTURES = ("svg", "html", "png", "dot", "mermaid", "tikz")


def declared(words: Sequence[str]) -> dict[str, tuple[str, ...]] | None:
    """The shapes that words declare, W:m,n; None where they are values. Raises UsageError where
    some are values."""
    found = [DECLARED.fullmatch(word) for word in words]
    if not any(found):
        return None
    others = [word for word, match in zip(words, found, strict=True) if match is None]
    if others:
        hint = tell(
            "{partition}: declares a number, NAME:n a vector", partition=others[0].partition("=")[0]
        )
        raise UsageError(tell("'{other}' is a value among shapes", other=others[0]), hint=hint)
    names = [m["name"] for m in found if m]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UsageError(tell("'{twice}' is declared twice", twice=twice[0]))
    return {m["name"]: tuple(d for d in m["dims"].split(",") if d) for m in found if m}


class CostAsked(NamedTuple):
    """--cost, and --every."""

    every: int | None


class Lettered(NamedTuple):
    """How a derivation is to be shown: whether it is checked, and told in words too; how its
    picture starts; the inputs whose routes are asked for."""

    check: bool
    explain: bool
    look: Look
    fold: str
    paths: str | None = None
    cost: CostAsked | None = None


def derive(
    formula: str,
    shapes: dict[str, tuple[str, ...]],
    wrt: Sequence[str] | None,
    destination: Destination,
    asked: Lettered,
) -> int:
    """The derivation, shown, and what it costs where that is asked for; the exit status."""
    from backtrace.formula.letters import NotInLetters

    format = destination.chosen()
    _refuse_unseen(format, asked)
    view = asked.look.view(to_file=destination.output is not None)._replace(fold=asked.fold)
    cost = asked.cost
    shown: str | bytes = ""
    is_right = True
    try:
        shown, is_right = _derived(formula, shapes, wrt, format, view, asked)
    except NotInLetters as error:
        if cost is None or asked.explain or asked.paths:
            hint = tell("with values it is traced in numbers: W=randn(3,2)")
            raise UsageError(
                tell("{error} has no formula here yet", error=error), hint=hint
            ) from None
    if cost is not None:
        shown = _with_cost(str(shown), formula, shapes, wrt, cost, format, view)
    destination.write(shown, format)
    return 0 if is_right else 1


def _refuse_unseen(format: str, asked: Lettered) -> None:
    """What is asked for must have a place in the format. Raises UsageError."""
    if format not in (*_TEXTS, *_PICTURES):
        what = tell("formulas of arrays have no format {format}", format=format)
        raise UsageError(
            what, hint=tell("there are {names}", names=", ".join((*_TEXTS, *_PICTURES)))
        )
    options = {"--explain": asked.explain, "--paths": asked.paths, "--cost": asked.cost is not None}
    option = next((name for name, is_asked in options.items() if is_asked), "")
    if option and (format == "latex" or format in _PICTURES):
        hint = tell("--format table, markdown or json")
        raise UsageError(
            tell("{option} has no place in {format}", option=option, format=format), hint=hint
        )


def _derived(
    formula: str,
    shapes: dict[str, tuple[str, ...]],
    wrt: Sequence[str] | None,
    format: str,
    view: View,
    asked: Lettered,
) -> tuple[str | bytes, bool]:
    """The gradients in a format, and whether none is contradicted. Raises NotInLetters."""
    from backtrace.formula.letters import in_letters
    from backtrace.tracing.witnesses import witnessed

    found = in_letters(formula, shapes)
    if wrt is not None:
        found = found.by(wrt)
    verdicts = witnessed(found) if asked.check else {}
    is_right = not any(v.verdict == "disagree" for v in verdicts.values())
    if format in _PICTURES:
        from backtrace.render import data
        from backtrace.render._lettered_record import as_record

        return data(as_record(found, verdicts), format, view), is_right
    from backtrace.render import _letters as views
    from backtrace.render._lettered_sections import beside

    told = beside(found, _routes(found, names_in(asked.paths)), asked.explain)
    draw = {
        "table": views.text,
        "json": views.as_json,
        "markdown": views.markdown,
        "latex": views.latex,
    }
    return draw[format](found, verdicts, view, told), is_right


def _routes(found: InLetters, names: Sequence[str]) -> dict[str, tuple[LetteredRoutes, Witnessed]]:
    """The routes of each, and whether their sum is the gradient. Raises UsageError."""
    from backtrace.formula.lettered_routes import lettered_routes
    from backtrace.formula.letters import Witnessed
    from backtrace.tracing.witnesses import witnessed

    routes = {name: lettered_routes(found, name) for name in names}
    whole = {n: r.total for n, r in routes.items() if len(r.shown) == r.in_all and r.shown}
    sums = witnessed(found, check=False, texts=whole)
    return {name: (r, sums.get(name, Witnessed("skipped"))) for name, r in routes.items()}


def _with_cost(
    text: str,
    formula: str,
    shapes: dict[str, tuple[str, ...]],
    wrt: Sequence[str] | None,
    asked: CostAsked,
    format: str,
    view: View,
) -> str:
    """What is shown, and the cost behind it. Raises UsageError where that is in no letters."""
    from backtrace.formula.lettered_costs import cost_in_letters
    from backtrace.formula.letters import NotInLetters
    from backtrace.render._lettered_cost import with_cost

    try:
        found = cost_in_letters(formula, shapes, wrt, asked.every)
    except NotInLetters as error:
        hint = tell("with numbers for the letters it is counted: W:3,2")
        raise UsageError(
            tell("{error} is not counted in letters", error=error), hint=hint
        ) from None
    return with_cost(text, found, format, view)
