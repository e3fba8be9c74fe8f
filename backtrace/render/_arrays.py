"""Gates of arrays in the terminal: a line for the value, one for every edge and its rule."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from rich.text import Text

from backtrace.algebra.values import shape_of
from backtrace.formula.printer import label, short_expressions
from backtrace.graph.record import Edge, Record
from backtrace.language import tell
from backtrace.render._rules import (
    jacobian_size,
    product_text,
    repeated,
    rule_with_shapes,
    shape_note,
    shown_products,
    where,
)
from backtrace.render._view import View
from backtrace.render._words import line_words

_SHORT_FACTOR = 24  # characters of an upstream gradient that is written again


def gate_lines(
    record: Record, view: View, indices: Sequence[int], shown: list[tuple[str, str, str]]
) -> Iterator[Text]:
    """For every gate its value and upstream gradient, and below, for every input, how the
    downstream gradient comes about."""
    yield Text(view.text(tell("gate: value, upstream")), style="quiet")
    yield Text(
        view.text(tell("  input: upstream × local = downstream, or the rule")), style="quiet"
    )
    texts = short_expressions(record.graph, view.width // 2)
    for index in indices:
        yield from _gate(record, view, index, texts[index])
        for edge in record.edges_of(index):
            shown += shown_products(edge, view)
            yield from _edge(record, view, edge)


def _gate(record: Record, view: View, index: int, computes: str) -> Iterator[Text]:
    node = record.graph.nodes[index]
    text = Text(f"#{index} ", style="quiet")
    text.append(view.text(label(node)), style="gate not dim")
    shape = shape_note(shape_of(record.values[index]))
    text.append(f"  {view.text(computes)}{shape} = ", style="not dim")
    value = [*_with_value(text, view.sized(record.values[index]), "value not dim", view, 6)]
    text = Text(tell("   upstream "), style="quiet")
    sized = view.sized(record.upstreams[index])
    upstream = [*_with_value(text, sized, "gradient not dim", view, 6)]
    words = line_words(record, index)
    rooms = [line for line in (value[-1], upstream[-1]) if len(line) + 3 + len(words) <= view.width]
    if words and rooms:
        rooms[0].append(f"   {words}", style="quiet")
    yield from [*value, *upstream]
    if words and not rooms:
        yield Text(f"   {words}", style="quiet")


def _edge(record: Record, view: View, edge: Edge) -> Iterator[Text]:
    name = record.graph.nodes[edge.input].name or f"#{edge.input}"
    line = Text(f"   {view.text(name)}: ", style="name")
    if edge.local is None:
        how = view.text(rule_with_shapes(record, edge))
    else:
        how = view.text(product_text(record, edge, view, _SHORT_FACTOR))
    line.append(f"{how} = ", style="not italic")
    yield from _with_value(line, view.value(edge.downstream), "gradient not italic", view, 6)
    if terms := where(record, edge, view):
        for part in textwrap.wrap(terms, max(view.width - 6, 8), break_long_words=False):
            yield Text(f"      {part}", style="quiet")
    for words in (repeated(record, edge), jacobian_size(record, edge)):
        if words:
            yield Text(f"      {view.text(words)}", style="quiet")


def _with_value(line: Text, value: str, style: str, view: View, indent: int) -> Iterator[Text]:
    """The line with its value; a value that does not fit beside it goes below."""
    if len(line) + len(value) <= view.width:
        yield line.append(value, style=style)
        return
    line.rstrip()
    yield line
    for row in value.replace("], [", "],\n [").split("\n"):  # a matrix in full: row by row
        for part in textwrap.wrap(row, max(view.width - indent, 8), break_long_words=False):
            yield Text(" " * indent).append(part, style=style)
