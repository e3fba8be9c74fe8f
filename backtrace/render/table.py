"""a table: a row for every gate, a line for every edge, then the gradients and their witnesses"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from rich.table import Table
from rich.text import Text

from backtrace.algebra.values import shape_of
from backtrace.formula.printer import label, short_expressions
from backtrace.graph.record import Record
from backtrace.language import cells, fitting, marked, tell
from backtrace.render._arrays import gate_lines
from backtrace.render._rules import shape_note
from backtrace.render._sheet import RULE, RULE_OF_ASCII, Column, Sheet
from backtrace.render._terminal import (
    fork_sums,
    gradient_lines,
    group_remarks,
    heading,
    node_name,
    paint,
    partial,
    plain_table,
    remarks,
    rounding_remark,
    section_texts,
    side_by_side,
    verdict,
)
from backtrace.render._view import View
from backtrace.render._words import line_words

SUFFIX = ".txt"

_LEAST_EXPRESSION = 10  # cells; with less, or with numbers cut, lines are easier to read
_MOST_GATES = 120  # rows; of a larger graph the first and the last are shown
_MOST_VARIABLES = 60
_MOST_ENTRIES = 6
_COLUMNS = (
    "#",
    marked("gate"),
    marked("value"),
    marked("upstream"),
    marked("input"),
    marked("local"),
    marked("downstream"),
)
_GAP = 2  # cells between columns


def render(record: Record, view: View) -> str:
    if not record.has_point:
        return paint(view, heading(record, view), *section_texts(record, view))
    parts: list[Sheet | Table | Text] = [heading(record, view), Text()]
    shown: list[tuple[str, str, str]] = []
    if record.graph.gate_count:
        parts += [*_gates(record, view, shown), Text()]
    parts.append(_result(record, view))
    sums = list(fork_sums(record, view))
    if sums:
        parts += [Text(), *sums]
    if record.wrt:
        parts += [Text(), *_gradients(record, view)]
    parts += [*_derivatives(record, view)]
    closing = [*remarks(record, view), *group_remarks(record, view)]
    closing += [*rounding_remark(view, shown)]
    if closing:
        parts += [Text(), *closing]
    parts += section_texts(record, view)
    return paint(view, *parts)


def _gates(record: Record, view: View, shown: list[tuple[str, str, str]]) -> Iterable[Sheet | Text]:
    """The table; or, where its numbers would be cut to fit, a line for every gate and edge."""
    if record.has_arrays:
        head, hidden, tail = _shown_gates(record)
        yield from gate_lines(record, view, head, shown)
        if hidden:
            yield Text(view.text(f"… {hidden}"), style="quiet")
            yield from gate_lines(record, view, tail, shown)
        return
    head, hidden, tail = _shown_gates(record)
    rows = {index: _gate_rows(record, view, index, shown) for index in (*head, *tail)}
    room = _room_for_expressions(rows.values(), view)
    if room < _LEAST_EXPRESSION:
        yield from _gate_lines(record, view)
        return
    texts = short_expressions(record.graph, room)
    lines, has_room = _code_lines(record, room, texts)
    sheet = _empty(view, lines if has_room else [])
    for index, gate_rows in rows.items():
        if hidden and index == tail[0]:
            rest = [""] * (len(sheet.columns) - 3 - has_room)
            sheet.add_row("", view.text("…"), *[""] * has_room, hidden, *rest)
        for k, (number, gate, *numbers) in enumerate(gate_rows):
            computes = [view.text(texts[index]) if k == 0 else ""]
            if has_room:
                computes.insert(0, lines[index] if k == 0 else "")
            sheet.add_row(number, gate, *computes, *numbers)
    yield sheet
    if lines and not has_room:
        yield from side_by_side(_ranges(record, [*head, *tail]), view)


def _empty(view: View, lines: list[str]) -> Sheet:
    """The table's columns, one for the lines of the code where there are any."""
    columns = [Column("#", "quiet", is_right=True), Column(tell("gate"), "gate")]
    if lines:
        columns.append(Column(_head_of_lines(lines), "quiet", is_right=True))
    columns += [
        Column(tell("computes"), least=_LEAST_EXPRESSION),
        Column(tell("value"), "value", is_right=True),
        Column(tell("upstream"), "gradient", is_right=True),
        Column(tell("input"), "name"),
        Column(tell("local"), is_right=True),
        Column(tell("downstream"), "gradient", is_right=True),
    ]
    return Sheet(columns, RULE_OF_ASCII if view.ascii else RULE)


def _code_lines(record: Record, room: int, texts: list[str]) -> tuple[list[str], bool]:
    """Where in the code every node comes from, and whether a column has room for that: no
    expression is to be shorter for it."""
    if not record.lines:
        return [], False
    lines = [line.short if line else "" for line in record.lines]
    left = room - _width_of_lines(lines)
    return lines, left >= _LEAST_EXPRESSION and short_expressions(record.graph, left) == texts


def _ranges(record: Record, gates: list[int]) -> list[str]:
    """line 7: #5-#8, for every line of the code that these gates come from."""
    found = []
    for words, group in itertools.groupby(gates, lambda index: line_words(record, index)):
        first, *rest = group
        found.append(f"{words}: #{first}" + (f"-#{rest[-1]}" if rest else ""))
    return found


def _head_of_lines(lines: list[str]) -> str:
    return tell("cell:line") if any(":" in line for line in lines) else tell("line")


def _width_of_lines(lines: list[str]) -> int:
    return max(map(cells, [_head_of_lines(lines), *lines])) + _GAP


def _room_for_expressions(rows: Iterable[list[list[str]]], view: View) -> int:
    """How wide the column of expressions may be, for the others to keep their width."""
    widths = [cells(tell(column)) for column in _COLUMNS]
    for lines in rows:
        for line in lines:
            widths = [max(width, cells(cell)) for width, cell in zip(widths, line, strict=True)]
    return view.width - sum(widths) - _GAP * len(widths)


def _shown_gates(record: Record) -> tuple[list[int], str, list[int]]:
    """The first gates, what to say of those left out ("" if none are), the last gates."""
    gates = [index for index, _, _ in record.graph.gates()]
    hidden = len(gates) - _MOST_GATES
    if hidden <= 0:
        return gates, "", []
    words = tell("{hidden:,} gates not shown: --format jsonl has all", hidden=hidden)
    return gates[: _MOST_GATES // 2], words, gates[-_MOST_GATES // 2 :]


def _gate_lines(record: Record, view: View) -> Iterator[Text]:
    yield Text(view.text(tell("gate = value, upstream")), style="quiet")
    yield Text(view.text(tell("  input: upstream × local = downstream")), style="quiet")
    head, hidden, tail = _shown_gates(record)
    texts = short_expressions(record.graph, view.width // 2)
    for index in (*head, *tail):
        if hidden and index == tail[0]:
            yield Text(view.text(f"… {hidden}"), style="quiet")
        node = record.graph.nodes[index]
        text = Text(f"#{index} ", style="quiet").append(
            view.text(label(node)), style="gate not dim"
        )
        text.append(f"  {view.text(texts[index])} = ", style="not dim")
        text.append(view.number(record.values[index]), style="value not dim")
        text.append(", ").append(view.number(record.upstreams[index]), style="gradient not dim")
        line = line_words(record, index)
        if line and text.cell_len + 3 + cells(line) <= view.width:
            text.append(f"   {line}", style="quiet")
        yield text
        for edge in record.edges_of(index):
            numbers = [view.number(x) for x in (edge.upstream, edge.local, edge.downstream)]
            row = Text(f"  {view.text(node_name(record, edge.input))}: ", style="name")
            row.append(view.text(f"{numbers[0]} × {numbers[1]} = "), style="not italic")
            yield row.append(numbers[2], style="gradient not italic")


def _gate_rows(
    record: Record, view: View, index: int, shown: list[tuple[str, str, str]]
) -> list[list[str]]:
    """A line for every edge of the gate, without what it computes."""
    node = record.graph.nodes[index]
    first = [str(index), view.text(label(node))]
    first += [view.number(record.values[index]), view.number(record.upstreams[index])]
    lines = []
    for edge in record.edges_of(index):
        numbers = [view.number(x) for x in (edge.upstream, edge.local, edge.downstream)]
        shown.append((numbers[0], numbers[1], numbers[2]))
        lines.append([*first, view.text(node_name(record, edge.input)), *numbers[1:]])
        first = [""] * len(first)
    return lines


def _result(record: Record, view: View) -> Text:
    text = Text(f"{view.text(record.graph.output_name)} = ", style="name")
    text = text.append(view.value(record.value), style="value not italic")
    return text.append(shape_note(shape_of(record.value)), style="quiet not italic")


def _gradients(record: Record, view: View) -> list[Table] | list[Text]:
    """The gradients and their witnesses; where they do not fit beside each other, without these."""
    if record.has_arrays:
        return gradient_lines(record, view)
    table = plain_table(view)
    table.add_column(tell("gradient"), style="name", no_wrap=True)
    table.add_column(tell("backprop"), justify="right", style="gradient", no_wrap=True)
    if record.checks:
        table.add_column("SymPy", justify="right", no_wrap=True)
        table.add_column(tell("slope"), justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
    widest = 0
    for name in record.wrt[:_MOST_VARIABLES]:
        row: list[str | Text] = [partial(record, view, name), view.number(record.gradients[name])]
        check = record.checks.get(name)
        if check is not None:
            witnesses = (check.symbolic, check.numeric)
            row += [view.text("–" if w is None else view.number(w)) for w in witnesses]
            row.append(verdict(check, view))
        table.add_row(*row)
        widest = max([widest, *(cells(str(cell)) for cell in row[1:])])
    if len(record.wrt) > _MOST_VARIABLES:
        table.add_row(view.text(tell("… {count:,} more", count=len(record.wrt) - _MOST_VARIABLES)))
    names = max(cells(partial(record, view, name)) for name in record.wrt[:_MOST_VARIABLES])
    if names + (widest + _GAP) * (len(table.columns) - 1) > view.width:
        return gradient_lines(record, view)
    return [table]


def _derivatives(record: Record, view: View) -> Iterator[Text]:
    """SymPy's formulas, a line each; of arrays, those of the first entries."""
    found = [
        (name + place, formula)
        for name, check in record.checks.items()
        for place, formula in _formulas(check.derivative)
    ]
    if not found:
        return
    most = _MOST_ENTRIES if record.has_arrays else _MOST_VARIABLES
    yield Text(tell("\nby SymPy"), style="quiet")
    for name, derivative in found[:most]:
        line = view.text(f"{partial(record, view, name)} = {derivative}")
        if cells(line) > view.width:
            line = fitting(line, view.width - 3).rstrip() + view.text("…")
        yield Text(line)
    if len(found) > most:
        yield Text(
            view.text(tell("… {count:,} more entries", count=len(found) - most)), style="quiet"
        )


def _formulas(derivative: Any, place: tuple[int, ...] = ()) -> Iterator[tuple[str, str]]:
    """(the entry's place, its formula) of a derivative that is one formula, or nested lists."""
    if isinstance(derivative, list):
        for k, entry in enumerate(derivative):
            yield from _formulas(entry, (*place, k))
    elif derivative is not None:
        yield f"[{', '.join(map(str, place))}]" if place else "", derivative
