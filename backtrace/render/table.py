"""a table: a row for every gate, a line for every edge, then the gradients and their witnesses"""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from backtrace.formula.printer import label, short_expressions
from backtrace.record import Record
from backtrace.render._terminal import (
    fork_sums,
    heading,
    node_name,
    paint,
    partial,
    plain_table,
    remarks,
    verdict,
)
from backtrace.render._view import View, output_name, products_are_rounded

SUFFIX = ".txt"

_MOST_GATES = 120  # rows; of a larger graph the first and the last are shown
_MOST_VARIABLES = 60
_OTHER_COLUMNS = 62  # cells that the numbers and names of a row take


def render(record: Record, view: View) -> str:
    parts: list[Table | Text] = [heading(record, view), Text()]
    shown: list[tuple[str, str, str]] = []
    if record.graph.gate_count:
        parts += [_gates(record, view, shown), Text()]
    parts.append(_result(record, view))
    sums = list(fork_sums(record, view))
    if sums:
        parts += [Text(), *sums]
    if record.wrt:
        parts += [Text(), _gradients(record, view)]
    parts += [*_derivatives(record, view)]
    closing = list(remarks(record, view))
    if products_are_rounded(shown):
        words = f"numbers are rounded to {view.digits} digits, so printed factors may not multiply"
        closing.append(Text(view.text(f"{words} exactly"), style="quiet"))
    if closing:
        parts += [Text(), *closing]
    return paint(view, *parts)


def _gates(record: Record, view: View, shown: list[tuple[str, str, str]]) -> Table:
    table = plain_table(view)
    table.add_column("#", justify="right", style="quiet", no_wrap=True)
    table.add_column("gate", style="gate", overflow="ellipsis", no_wrap=True)
    table.add_column("computes", overflow="fold", min_width=8)
    table.add_column("value", justify="right", style="value", no_wrap=True)
    table.add_column("upstream", justify="right", style="gradient", no_wrap=True)
    table.add_column("input", style="name", overflow="ellipsis", no_wrap=True)
    table.add_column("local", justify="right", no_wrap=True)
    table.add_column("downstream", justify="right", style="gradient", no_wrap=True)
    gates = [index for index, _, _ in record.graph.gates()]
    hidden = len(gates) - _MOST_GATES
    if hidden > 0:
        head, tail = gates[: _MOST_GATES // 2], gates[-_MOST_GATES // 2 :]
    else:
        head, tail = gates, []
    texts = short_expressions(record.graph, max(12, view.width - _OTHER_COLUMNS))
    for index in head:
        _gate_rows(table, record, view, index, texts[index], shown)
    if tail:
        words = f"{hidden:,} gates not shown: --format jsonl has all"
        table.add_row("", view.text("…"), words)
    for index in tail:
        _gate_rows(table, record, view, index, texts[index], shown)
    return table


def _gate_rows(
    table: Table,
    record: Record,
    view: View,
    index: int,
    text: str,
    shown: list[tuple[str, str, str]],
) -> None:
    node = record.graph.nodes[index]
    computes = f"{node.name} = {text}" if node.name else text
    first = [str(index), view.text(label(node)), view.text(computes)]
    first += [view.number(record.values[index]), view.number(record.upstreams[index])]
    for edge in record.edges_of(index):
        numbers = [view.number(x) for x in (edge.upstream, edge.local, edge.downstream)]
        shown.append((numbers[0], numbers[1], numbers[2]))
        table.add_row(*first, view.text(node_name(record, edge.input)), *numbers[1:])
        first = [""] * len(first)


def _result(record: Record, view: View) -> Text:
    text = Text(f"{view.text(output_name(record))} = ", style="name")
    return text.append(view.number(record.value), style="value not italic")


def _gradients(record: Record, view: View) -> Table:
    table = plain_table(view)
    table.add_column("gradient", style="name", overflow="fold")
    table.add_column("backprop", justify="right", style="gradient", no_wrap=True)
    if record.checks:
        table.add_column("SymPy", justify="right", no_wrap=True)
        table.add_column("slope", justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
    for name in record.wrt[:_MOST_VARIABLES]:
        row: list[str | Text] = [partial(record, view, name), view.number(record.gradients[name])]
        check = record.checks.get(name)
        if check is not None:
            witnesses = (check.symbolic, check.numeric)
            row += [view.text("–" if w is None else view.number(w)) for w in witnesses]
            row.append(verdict(check, view))
        table.add_row(*row)
    if len(record.wrt) > _MOST_VARIABLES:
        table.add_row(view.text(f"… {len(record.wrt) - _MOST_VARIABLES:,} more"))
    return table


def _derivatives(record: Record, view: View) -> Iterator[Text]:
    """SymPy's formulas, a line each."""
    found = [(n, c.derivative) for n, c in record.checks.items() if c.derivative is not None]
    if not found:
        return
    yield Text("\nby SymPy", style="quiet")
    for name, derivative in found[:_MOST_VARIABLES]:
        line = view.text(f"{partial(record, view, name)} = {derivative}")
        if len(line) > view.width:
            line = line[: view.width - 3].rstrip() + view.text("…")
        yield Text(line)
