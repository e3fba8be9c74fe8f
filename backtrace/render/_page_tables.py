"""A page's tables: every gate with its edges, every gradient with what the witnesses say."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from backtrace.algebra.values import Value, shape_of, size_of
from backtrace.formula.printer import expressions, label
from backtrace.graph.record import Edge, Record
from backtrace.language import tell
from backtrace.numbers import Blank, Formula, json_text, plain, plain_list
from backtrace.render._bound import KINDS, bound, cell_text
from backtrace.render._page import scrolling, table
from backtrace.render._rules import rule_with_shapes
from backtrace.render._steps import times
from backtrace.render._terminal import group_remarks, partial, remarks, verdict
from backtrace.render._view import View
from backtrace.render._words import EMPTY

_MOST_GRADIENTS = 200
_MOST_WHOLE = 1000  # entries


def findings(record: Record, view: View) -> Iterator[str]:
    """The output, every gradient with what the witnesses say, and what there is to remark."""
    if not record.has_point:
        return
    output = escape(view.text(record.graph.output_name))
    value = bound(record.value, view, f"v{record.graph.output}")
    whole = _whole(record.value)
    named = f' data-output="{escape(output, quote=True)}"{whole}'
    title = tell("Gradients")
    yield f"<h2>{title}</h2>\n<p{named}>{output} = {value}</p>"
    heads = [tell("gradient"), tell("backprop")]
    if record.checks:
        heads += ["SymPy", tell("slope"), tell("verdict")]
    rows = []
    for name in record.wrt[:_MOST_GRADIENTS]:
        row = f"<td>{escape(partial(record, view, name))}</td>{_gradient(record, view, name)}"
        check = record.checks.get(name)
        if check is not None:
            for witness in (check.symbolic, check.numeric):
                row += "<td></td>" if witness is None else _cell(witness, view, "", "own")
            row += f"<td class=own>{escape(verdict(check, view).plain)}</td>"
        rows.append(row)
    if rows:
        yield scrolling(table(heads, rows, heads[1:4]), tell("gradients"))
    for line in [*remarks(record, view), *group_remarks(record, view)]:
        yield f'<p class="note own">{escape(line.plain.strip())}</p>'


def _gradient(record: Record, view: View, name: str) -> str:
    """The cell of a variable's gradient; its whole number is beside the rounded one."""
    value = record.gradients[name]
    more = ""
    if (index := record.graph.inputs.get(name)) is not None:
        more = f' data-gradient="{escape(view.text(name), quote=True)}"{_whole(value)}'
        return _cell(value, view, partial(record, view, name), "", f"u{index}", more)
    return _cell(value, view, partial(record, view, name), "r")


def _whole(value: Value) -> str:
    """A number, or the entries of an array, with all digits: for scripts that read the page."""
    if isinstance(value, Blank | Formula) or size_of(value) > _MOST_WHOLE:
        return ""
    whole = plain_list(value) if shape_of(value) else plain(float(value))
    return f' data-value="{escape(json_text(whole).replace(chr(34), ""))}"'


def gate_table(record: Record, view: View) -> str:
    """All numbers, a row for every edge."""
    has_lines = bool(record.lines)
    head = ["#", tell("gate"), *[tell("line")] * has_lines, tell("computes")]
    head += [tell("value"), tell("upstream"), tell("input"), tell("local"), tell("downstream")]
    numeric = {"#", *head[2 : 2 + has_lines], *head[-5:-3], *head[-2:]}
    texts = expressions(record.graph, 60)
    rows = []
    for index, node, _ in record.graph.gates():
        stage = f"{node.name} = " if node.name else ""
        of_value = tell("value of #{index}", index=index)
        of_upstream = tell("upstream of #{index}", index=index)
        first = [
            f"<td class=n>{index}</td>",
            f"<td>{escape(view.text(label(node)))}</td>",
            *[f'<td class="n">{_line(record, index)}</td>'] * has_lines,
            f"<td>{escape(view.text(stage + texts[index]))}</td>",
            _cell(record.values[index], view, of_value, "", f"v{index}"),
            _cell(record.upstreams[index], view, of_upstream, "", f"u{index}"),
        ]
        for edge in record.edges_of(index):
            name = record.graph.nodes[edge.input].name or f"#{edge.input}"
            rows.append("".join([*first, *_edge_cells(record, view, edge, name)]))
            first = [f'<td colspan="{5 + has_lines}"></td>']
    return table(head, rows, numeric)


def _line(record: Record, index: int) -> str:
    """14, or cell 3, line 2; "" of a gate that no line of code wrote."""
    line = record.line_of(index)
    if line is None:
        return ""
    return str(line.line) if line.cell is None else line.words


def _edge_cells(record: Record, view: View, edge: Edge, name: str) -> Iterator[str]:
    yield f"<td>{escape(view.text(name))}</td>"
    place = f"{edge.gate}.{edge.operand}"
    named = {"gate": edge.gate, "name": name}
    if edge.local is None:
        yield f"<td>{escape(times(rule_with_shapes(record, edge)))}</td>"
    else:
        yield _cell(edge.local, view, tell("local of #{gate} for {name}", **named), "", f"l{place}")
    says = tell("downstream of #{gate} for {name}", **named)
    yield _cell(edge.downstream, view, says, "", f"d{place}")


def _cell(
    value: Value, view: View, what: str, kind: str = "", key: str = "", more: str = ""
) -> str:
    """A number's cell; a blank is a field, called `what`."""
    kind = kind or (KINDS[key[0]] if key else "")
    number = f" data-n={key}" * bool(key) + more
    if isinstance(value, Formula):
        return f'<td class="{kind}">{escape(cell_text(value, view))}</td>'
    if not isinstance(value, Blank):
        look = "" if key and kind == KINDS[key[0]] else f' class="n {kind}"'
        look = " class=own" if kind == "own" else look
        return f"<td{look}{number}>{escape(cell_text(value, view))}</td>"
    if value.shape or value.answer is None:
        return f'<td class="n">{EMPTY}</td>'
    about = escape(view.text(what), quote=True)
    return (
        f'<td class="n"><input inputmode="decimal" autocomplete="off" aria-label="{about}" '
        f'data-answer="{float(value.answer)!r}"></td>'
    )
