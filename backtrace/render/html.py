"""a page: the picture, forward and backward step by step, in one file that loads nothing"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import Any

from backtrace.algebra.values import Value, shape_of
from backtrace.formula.printer import expressions, label
from backtrace.graph.record import Edge, Record
from backtrace.numbers import Blank, Formula, json_text
from backtrace.render._explain import local_formula, rule_sentence, spoken_names
from backtrace.render._page import asset, document, scrolling, table
from backtrace.render._rules import local_text, rule_with_shapes, where
from backtrace.render._scene import scene
from backtrace.render._terminal import group_remarks, partial, remarks, verdict
from backtrace.render._view import View
from backtrace.render._words import (
    EMPTY,
    gradient_words,
    line_words,
    number_text,
    symbol,
    title_of,
)
from backtrace.render.svg import description, draw, name_of

SUFFIX = ".html"

_MOST_GRADIENTS = 200
_KEYS = (
    "<kbd>←</kbd> <kbd>→</kbd> step · <kbd>space</kbd> play · <kbd>Home</kbd> <kbd>End</kbd> · "
    "point at a gate, or <kbd>Tab</kbd> to it, to see upstream × local = downstream"
)
_CONTROLS = """<div class="controls">
<button id="back" aria-label="step back">←</button>
<button id="play" aria-label="play">▶</button>
<button id="next" aria-label="step on">→</button>
<input type="range" id="at" min="0" value="0" aria-label="step">
<output id="where" for="at"></output>
</div>"""


def render(record: Record, view: View) -> str:
    drawn = scene(record, view, has_title=False)
    name = name_of(drawn)
    picture = draw(drawn, name, description(drawn, view), is_page=True)
    steps = _Steps(record, view, name)
    title = title_of(record, view)
    has_steps = record.has_point and record.graph.gate_count > 0
    data = json_text(steps.data()).replace("<", "\\u003c")
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="at">{escape(_point(record, view))}</p>',
        f'<div class="card" tabindex="0" role="region" aria-label="the graph">\n{picture}</div>',
        _CONTROLS * has_steps,
        f'<ol class="steps" aria-live="polite">\n{"".join(steps.items())}</ol>' * has_steps,
        f'<p class="keys">{_KEYS}</p>' * has_steps,
        f"<h2>Every gate</h2>\n{scrolling(_table(record, view), 'every gate')}" * has_steps,
        *_findings(record, view),
        f'<script type="application/json" id="data">{data}</script>' * has_steps,
    ]
    return document(title, body, asset("page.js") if has_steps else "")


def _point(record: Record, view: View) -> str:
    given = record.point.items()
    if any(isinstance(value, Formula) for value in record.point.values()):
        return view.text("   ".join(f"{name}: {value.text}" for name, value in given))
    pairs = [f"{view.text(name)} = {view.value(value)}" for name, value in given]
    shown = f"at {', '.join(pairs[:60])}{', …' * (len(pairs) > 60)}" if pairs else ""
    return shown.replace("-", "−")


def _number(value: Value, view: View, kind: str) -> str:
    """A number in its colour."""
    return f'<span class="{kind}">{escape(gradient_words(value, view))}</span>'


class _Steps:
    """A step for every gate forward, then one for every gate back."""

    def __init__(self, record: Record, view: View, name: str) -> None:
        self.record = record
        self.view = view
        self.name = name
        self.gates = [index for index, _, _ in record.graph.gates()]
        self._texts = expressions(record.graph, 60)
        self._names = spoken_names(record.graph, self._texts)

    def data(self) -> dict[str, Any]:
        """What the script needs: the steps, and how far each sum has come after each."""
        count = len(self.gates)
        steps: list[dict[str, Any]] = [{"pass": "s", "where": "the inputs"}]
        for k, gate in enumerate(self.gates, 1):
            steps.append({"pass": "f", "gate": gate, "where": f"forward {k} / {count}"})
        back = {}
        arrived: dict[int, Value] = {}
        for k, gate in enumerate(reversed(self.gates), 1):
            back[gate] = len(steps)
            sums = list(self._sums(gate, arrived))
            where = f"backward {k} / {count}"
            steps.append({"pass": "b", "gate": gate, "where": where, "sums": sums})
        nodes = list(range(len(self.record.graph.nodes)))
        return {
            "name": self.name,
            "steps": steps,
            "gates": self.gates,
            "nodes": nodes,
            "back": back,
            "output": self.record.graph.output,
        }

    def _sums(self, gate: int, arrived: dict[int, Value]) -> Iterator[tuple[int, str]]:
        """What has come back to each input of a gate so far."""
        for edge in self.record.edges_of(gate):
            so_far = arrived.get(edge.input)
            is_blank = isinstance(edge.downstream, Blank)
            if so_far is None or is_blank:
                arrived[edge.input] = edge.downstream
            else:
                arrived[edge.input] = so_far + edge.downstream
        for source in dict.fromkeys(self.record.graph.inputs_of[gate]):
            yield source, number_text(arrived[source], self.view) or ""

    def items(self) -> Iterator[str]:
        """Every step in words."""
        yield "<li><p><b>The inputs</b> have their values; every gate waits for its own.</p></li>\n"
        for gate in self.gates:
            yield f"<li>{self._forward(gate)}</li>\n"
        arrived: dict[int, list[str]] = {}
        for gate in reversed(self.gates):
            yield f"<li>{''.join(self._backward(gate, arrived))}</li>\n"

    def _forward(self, gate: int) -> str:
        node, view = self.record.graph.nodes[gate], self.view
        stage = f"{node.name} = " if node.name else ""
        what = escape(view.text(f"#{gate} {symbol(label(node))}: {stage}{self._texts[gate]} = "))
        line = f" ({words})" if (words := line_words(self.record, gate)) else ""
        value = _number(self.record.values[gate], view, "v")
        return f"<p><b>Forward.</b> {what}{value}{line}</p>"

    def _backward(self, gate: int, arrived: dict[int, list[str]]) -> Iterator[str]:
        node, view = self.record.graph.nodes[gate], self.view
        head = view.text(f"#{gate} {symbol(label(node))}. {rule_sentence(self.record, gate)}")
        yield f"<p><b>Backward.</b> {escape(head)}</p>"
        for edge in self.record.edges_of(gate):
            yield f'<p class="sum">{self._product(edge)}</p>'
            uses = self.record.graph.consumers[edge.input]
            if len(uses) > 1:
                terms = arrived.setdefault(edge.input, [])
                terms.append(_number(edge.downstream, view, "r"))
                yield f'<p class="sum">{self._sum(edge.input, terms, len(uses))}</p>'

    def _product(self, edge: Edge) -> str:
        record, view = self.record, self.view
        to = escape(view.text(f" → {self._names[edge.input]}"))
        downstream = _number(edge.downstream, view, "r")
        if edge.local is None:
            rule = _times(rule_with_shapes(record, edge))
            terms = where(record, edge, view)
            more = f", {escape(terms)}" if terms else ""
            return f"downstream = {escape(rule)} = {downstream}{more}{to}"
        node = record.graph.nodes[edge.gate]
        if isinstance(edge.local, Blank):  # whoever fills it in finds it
            upstream = _number(edge.upstream, view, "r")
            return f"upstream {upstream} × local {EMPTY} = downstream {downstream}{to}"
        formula = local_formula(record, node, edge, self._names)
        local = local_text(edge, view)
        shown = f"{escape(view.text(formula))} = " if formula not in ("", local) else ""
        upstream = _number(edge.upstream, view, "r")
        local = escape(local.replace("-", "−"))
        return f"upstream {upstream} × local {shown}{local} = downstream {downstream}{to}"

    def _sum(self, source: int, terms: list[str], uses: int) -> str:
        """x is used twice, gradients add: 2 + 3 = 5."""
        name = escape(self.view.text(self._names[source]))
        total = _number(self.record.upstreams[source], self.view, "r")
        if len(terms) < uses:
            return f"gradients add at {name}: {' + '.join(terms)} + …"
        return f"gradients add at {name}: {' + '.join(terms)} = {total}"


def _times(rule: str) -> str:
    """(2×1)(1×2) = 2×2"""
    return re.sub(r"(?<=\d)x(?=\d)", "×", rule)


def _findings(record: Record, view: View) -> Iterator[str]:
    """The output, every gradient with what the witnesses say, and what there is to remark."""
    if not record.has_point:
        return
    output = escape(view.text(record.graph.output_name))
    yield f"<h2>Gradients</h2>\n<p>{output} = {_number(record.value, view, 'v')}</p>"
    heads = ["gradient", "backprop", *(["SymPy", "slope", "verdict"] if record.checks else [])]
    rows = []
    for name in record.wrt[:_MOST_GRADIENTS]:
        row = f"<td>{escape(partial(record, view, name))}</td>"
        row += _cell(record.gradients[name], view, "r", partial(record, view, name))
        check = record.checks.get(name)
        if check is not None:
            for witness in (check.symbolic, check.numeric):
                row += "<td></td>" if witness is None else _cell(witness, view, "", "")
            row += f"<td>{escape(verdict(check, view).plain)}</td>"
        rows.append(row)
    if rows:
        yield scrolling(table(heads, rows, ("backprop", "SymPy", "slope")), "gradients")
    for line in [*remarks(record, view), *group_remarks(record, view)]:
        yield f'<p class="note">{escape(line.plain.strip())}</p>'


def _table(record: Record, view: View) -> str:
    """All numbers, a row for every edge."""
    has_lines = bool(record.lines)
    head = ["#", "gate", *["line"] * has_lines, "computes"]
    head += ["value", "upstream", "input", "local", "downstream"]
    numeric = {"#", "line", "value", "upstream", "local", "downstream"}
    texts = expressions(record.graph, 60)
    rows = []
    for index, node, _ in record.graph.gates():
        stage = f"{node.name} = " if node.name else ""
        first = [
            f'<td class="n">{index}</td>',
            f"<td>{escape(view.text(label(node)))}</td>",
            *[f'<td class="n">{line_words(record, index).removeprefix("line ")}</td>'] * has_lines,
            f"<td>{escape(view.text(stage + texts[index]))}</td>",
            _cell(record.values[index], view, "v", f"value of #{index}"),
            _cell(record.upstreams[index], view, "r", f"upstream of #{index}"),
        ]
        for edge in record.edges_of(index):
            name = record.graph.nodes[edge.input].name or f"#{edge.input}"
            rows.append("".join([*first, *_edge_cells(record, view, edge, name)]))
            first = ["<td></td>"] * (5 + has_lines)
    return table(head, rows, numeric)


def _edge_cells(record: Record, view: View, edge: Edge, name: str) -> Iterator[str]:
    yield f"<td>{escape(view.text(name))}</td>"
    at = f"of #{edge.gate} for {name}"
    if edge.local is None:
        yield f"<td>{escape(_times(rule_with_shapes(record, edge)))}</td>"
    else:
        yield _cell(edge.local, view, "", f"local {at}")
    yield _cell(edge.downstream, view, "r", f"downstream {at}")


def _cell(value: Value, view: View, kind: str, what: str) -> str:
    if isinstance(value, Formula):
        return f'<td class="{kind}">{escape(view.text(value.text))}</td>'
    if not isinstance(value, Blank):
        text = (view.value(value * 1.0) if shape_of(value) else view.number(value)).replace(
            "-", "−"
        )
        return f'<td class="n {kind}">{escape(text)}</td>'
    if value.shape or value.answer is None:
        return f'<td class="n">{EMPTY}</td>'
    about = escape(view.text(what), quote=True)
    return (
        f'<td class="n"><input inputmode="decimal" autocomplete="off" aria-label="{about}" '
        f'data-answer="{float(value.answer)!r}"></td>'
    )
