"""The catalogue of gates, as text: every word of it comes from the table."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from backtrace.errors import UsageError, near_misses
from backtrace.formula.call_slips import signature
from backtrace.gates import FAMILIES, GATES, Gate
from backtrace.language import tell
from backtrace.render import View
from backtrace.render._terminal import paint, plain_table


def written(gate: Gate) -> str:
    """How a formula calls it: x + y, exp(x), leaky_relu(x, a=0.01)."""
    return gate.formula if gate.operator else signature(gate)


def local_rules(gate: Gate) -> list[str]:
    """`∂f/∂x = ...` for each input; one rule speaks for all inputs of a gate of any number."""
    if gate.pullback is not None:
        return [
            f"∂L/∂{name} = {tell(rule)}"
            for name, rule in zip(gate.parameters, gate.rules, strict=False)
        ]
    count = 1 if gate.variadic else len(gate.parameters) - len(gate.fixed)
    return [f"∂{gate.output}/∂{gate.parameters[k]} = {gate.local_rule(k)}" for k in range(count)]


def markdown() -> str:
    """The table of gates for docs/reference/gates.md."""
    lines = [
        "| gate | written | local gradients | role | at a kink |",
        "|---|---|---|---|---|",
    ]
    for gate in GATES.values():
        rules = "; ".join(f"`{rule}`" for rule in local_rules(gate))
        kink = gate.kink.says if gate.kink else ""
        cells = (gate.name, f"`{written(gate)}`", rules, gate.role.value, kink)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def overview(view: View) -> str:
    """A line for every gate, by family."""
    parts: list[RenderableType] = []
    for family, rows in FAMILIES.items():
        table = plain_table(view)
        table.add_column(tell(family), style="gate", no_wrap=True, min_width=26)
        table.add_column("", overflow="fold")
        for gate in rows:
            table.add_row(view.text(written(gate)), view.text(tell(gate.summary)))
        parts += [table, Text()]
    parts.append(Text(tell("backtrace gates NAME tells more of one"), style="quiet"))
    return paint(view, *parts)


def describe(name: str, view: View) -> str:
    """One gate: its formula, local gradients, role, domain and kink rule. Raises UsageError."""
    by_operator = {row.operator: row.name for row in reversed(GATES.values()) if row.operator}
    gate = GATES.get(by_operator.get(name, name))
    if gate is None:
        near = near_misses(name, list(GATES))
        hint = (
            tell("did you mean {near}?", near=tell(" or ").join(near))
            if near
            else tell("backtrace gates lists them all")
        )
        raise UsageError(tell("there is no gate '{name}'", name=name), hint=hint)
    lines: list[tuple[str, str]] = [(tell("written"), written(gate))]
    if gate.formula != written(gate):
        lines.append((tell("formula"), f"{gate.output} = {gate.formula}"))
    lines += [(tell("local") if k == 0 else "", rule) for k, rule in enumerate(local_rules(gate))]
    lines.append((tell("role"), f"{gate.role.word}: {gate.role.sentence}"))
    lines.append((tell("domain"), tell(gate.domain.says)))
    if gate.kink is not None:
        lines.append((tell("kink"), tell(gate.kink.says)))
    if gate.cure:
        lines.append((tell("advice"), tell(gate.cure)))
    table = plain_table(view)
    table.show_header = False
    table.add_column(style="quiet")
    table.add_column(overflow="fold")
    for left, right in lines:
        table.add_row(left, view.text(right))
    title = Text(gate.name, style="heading").append(
        f": {view.text(tell(gate.summary))}", style="not bold"
    )
    return paint(view, title, Text(), table)
