"""Markdown tables, for pasting into notes and issues"""

from __future__ import annotations

import re
from collections.abc import Iterator

from backtrace.formula.printer import expressions, label
from backtrace.graph.record import READ_AS, Edge, Record
from backtrace.language import tell
from backtrace.render._cost import TITLE, cost_markdown
from backtrace.render._rules import local_text, rule_with_shapes, shown_products, where
from backtrace.render._sections import sections, shape_in
from backtrace.render._terminal import (
    fork_sums,
    group_remarks,
    heading_parts,
    node_name,
    partial,
    remarks,
    rounding_remark,
)
from backtrace.render._view import View
from backtrace.render._words import line_words

SUFFIX = ".md"

_MOST_GATES = 400


def render(record: Record, view: View) -> str:
    shown: list[tuple[str, str, str]] = []
    formula, reading, at = heading_parts(record, view)
    lines = [f"**{_code(formula)}**", ""]
    if reading:
        before, after = tell(READ_AS).split("{formula}")
        read = reading.removeprefix(before).removesuffix(after)
        lines += [tell(READ_AS, formula=_code(read)), ""]
    if at:
        at = ", ".join(part.strip() for part in at.split("\n"))
        lines += [tell("at {point}", point=escaped(at)), ""]
    if record.has_point:
        lines += _numbers(record, view, shown)
    for title, inner in sections(record, view, has_tables=True):
        lines += ["", f"### {escaped(view.text(title))}", ""]
        lines += [
            f"{'  ' * line.startswith('  ')}- {escaped(view.text(line.strip()))}" for line in inner
        ]
    if record.asked.cost is not None:
        lines += ["", f"### {tell(TITLE)}", ""]
        graph = record.graph
        lines += cost_markdown(graph, record.asked.cost, shape_in(graph), view)
    return re.sub("\n{3,}", "\n\n", "\n".join(lines).strip()) + "\n"


def _numbers(record: Record, view: View, shown: list[tuple[str, str, str]]) -> list[str]:
    lines = [*_gates(record, view, shown), ""]
    lines += [f"**{escaped(record.graph.output_name)} = {view.value(record.value)}**", ""]
    lines += [f"- {escaped(text.plain)}" for text in fork_sums(record, view)]
    lines += ["", *_gradients(record, view), ""]
    closing = [*remarks(record, view), *group_remarks(record, view), *rounding_remark(view, shown)]
    return lines + [f"- {escaped(text.plain.strip())}" for text in closing]


def _gates(record: Record, view: View, shown: list[tuple[str, str, str]]) -> Iterator[str]:
    has_lines = bool(record.lines)
    heads = ["#", tell("gate"), *[tell("line")] * has_lines, tell("computes"), tell("value")]
    heads += [tell("upstream"), tell("input"), tell("local"), tell("downstream")]
    yield f"| {' | '.join(heads)} |"
    yield f"|---:|---|{'---:|' * has_lines}---|---:|---:|---|---:|---:|"
    texts = expressions(record.graph)
    gates = [index for index, _, _ in record.graph.gates()]
    for index in gates[:_MOST_GATES]:
        node = record.graph.nodes[index]
        stage = f"{node.name} = " if node.name else ""
        first = [str(index), _code(view.text(label(node)))]
        first += [line_words(record, index)] * has_lines
        first += [_code(view.text(stage + texts[index]))]
        first += [view.value(record.values[index]), view.value(record.upstreams[index])]
        for edge in record.edges_of(index):
            shown += shown_products(edge, view)
            source = _code(view.text(node_name(record, edge.input)))
            local = _rule(record, view, edge) if edge.local is None else local_text(edge, view)
            yield f"| {' | '.join([*first, source, local, view.value(edge.downstream)])} |"
            first = [""] * len(first)
    if len(gates) > _MOST_GATES:
        more = tell("{count:,} more gates", count=len(gates) - _MOST_GATES)
        yield f"| | |{' |' * has_lines} {more} | | | | | |"


def _rule(record: Record, view: View, edge: Edge) -> str:
    terms = where(record, edge, view)
    rule = _code(view.text(rule_with_shapes(record, edge)))
    return f"{rule} {escaped(terms)}" if terms else rule


def _gradients(record: Record, view: View) -> Iterator[str]:
    if not record.wrt:
        return
    heads = [tell("gradient"), tell("backprop"), "SymPy", tell("slope"), tell("verdict")]
    heads.append(tell("by SymPy"))
    yield f"| {' | '.join(heads)} |"
    yield "|---|---:|---:|---:|---|---|"
    for name in record.wrt[:_MOST_GATES]:
        check = record.checks.get(name)
        cells = [escaped(partial(record, view, name)), view.value(record.gradients[name])]
        if check is None:
            cells += ["", "", "", ""]
        else:
            witnesses = (check.symbolic, check.numeric)
            cells += ["" if w is None else view.value(w) for w in witnesses]
            formula = check.derivative if isinstance(check.derivative, str) else ""
            derivative = view.text(formula)
            cells += [tell(check.verdict), _code(derivative) if derivative else ""]
        yield f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    """Inline code; a | would end a table's cell even there."""
    ticks = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    return f"{ticks}{text}{ticks}".replace("|", "\\|").replace("\n", " ")


def escaped(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", text.replace("\n", " "))
