"""backtrace FORMULA NAME:m,n ...: gradients in formulas of arrays, from shapes alone."""

from __future__ import annotations

from collections.abc import Sequence

from backtrace.cli.options import Destination
from backtrace.cli.output import Look
from backtrace.cli.source import DECLARED
from backtrace.errors import UsageError

_FORMATS = ("table", "markdown", "json", "latex")


def declared(words: Sequence[str]) -> dict[str, tuple[str, ...]] | None:
    """The shapes that words declare, W:m,n; None where they are values. Raises UsageError where
    some are values."""
    found = [DECLARED.fullmatch(word) for word in words]
    if not any(found):
        return None
    others = [word for word, match in zip(words, found, strict=True) if match is None]
    if others:
        hint = f"{others[0].partition('=')[0]}: declares a number, NAME:n a vector"
        raise UsageError(f"'{others[0]}' is a value among shapes", hint=hint)
    names = [m["name"] for m in found if m]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UsageError(f"'{twice[0]}' is declared twice")
    return {m["name"]: tuple(d for d in m["dims"].split(",") if d) for m in found if m}


def derive(
    formula: str,
    shapes: dict[str, tuple[str, ...]],
    wrt: Sequence[str] | None,
    destination: Destination,
    look: Look,
    check: bool,
) -> int:
    """The derivation, shown; the exit status."""
    from backtrace.formula.letters import NotInLetters, in_letters
    from backtrace.render import _letters as views
    from backtrace.tracing.witnesses import witnessed

    format = destination.chosen()
    if format not in _FORMATS:
        what = f"formulas of arrays have no format {format}"
        raise UsageError(what, hint=f"there are {', '.join(_FORMATS)}")
    try:
        found = in_letters(formula, shapes)
        if wrt is not None:
            found = found.by(wrt)
        verdicts = witnessed(found) if check else {}
        view = look.view(to_file=destination.output is not None)
        draw = {
            "table": views.text,
            "json": views.as_json,
            "markdown": views.markdown,
            "latex": views.latex,
        }
        text = draw[format](found, verdicts, view)
    except NotInLetters as error:
        hint = "with values it is traced in numbers: W=randn(3,2)"
        raise UsageError(f"{error} has no formula here yet", hint=hint) from None
    destination.write(text, format)
    return 1 if any(v.verdict == "disagree" for v in verdicts.values()) else 0
