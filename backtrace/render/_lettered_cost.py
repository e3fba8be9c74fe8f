"""What a formula costs in letters, behind its gradients or alone."""

from __future__ import annotations

import json

from rich.text import Text

from backtrace.errors import UsageError
from backtrace.formula.lettered_costs import LetteredCost
from backtrace.language import tell
from backtrace.numbers import json_text
from backtrace.render._cost import TITLE, cost_lines, cost_markdown, cost_object
from backtrace.render._terminal import paint
from backtrace.render._view import View


def with_cost(text: str, found: LetteredCost, format: str, view: View) -> str:
    """What a format shows of the gradients ("" where they have no formulas), and the cost behind
    it. Raises UsageError for LaTeX."""
    if format == "json":
        shown = json.loads(text) if text else _nothing(found)
        return json_text({**shown, "cost": cost_object(found.cost)}, indent=2) + "\n"
    told = (found.graph, found.cost, found.shape_of, view)
    between = "\n" * bool(text)
    if format == "markdown":
        return f"{text}{between}### {tell(TITLE)}\n\n" + "\n".join(cost_markdown(*told)) + "\n"
    if format != "table":
        what = tell("--cost has no place in {format}", format=format)
        raise UsageError(what, hint=tell("--format table, markdown or json"))
    lines = [Text(view.text(line)) for line in cost_lines(*told)]
    return text + between + paint(view, Text(tell(TITLE), style="heading"), *lines)


def _nothing(found: LetteredCost) -> dict[str, object]:
    """The JSON of a formula that is not derived."""
    shapes = {n: found.shape_of(i).split(", ") for n, i in found.graph.inputs.items()}
    return {
        "schema": "backtrace.letters/1",
        "formula": found.letters.told(found.graph.text),
        "shapes": {name: [d for d in dims if d] for name, dims in shapes.items()},
        "stages": {},
        "gates": [],
        "simplified": {},
        "verdicts": {},
    }
