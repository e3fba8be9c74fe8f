"""a graph for Graphviz: every wire is a rule, its value above it and its gradient below"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from backtrace.formula.printer import label
from backtrace.graph.record import Record
from backtrace.render._ascii import in_markup
from backtrace.render._at_first import drawing
from backtrace.render._folding import Drawing
from backtrace.render._ink import LIGHT
from backtrace.render._view import View
from backtrace.render._words import (
    box_label,
    gradient_words,
    line_label,
    line_words,
    subscript,
    symbol,
    title_of,
    value_words,
    wire_name,
    wrapped,
)

SUFFIX = ".dot"
IN_ASCII = in_markup

_FONT = "DejaVu Sans"
_MOST_IN_A_RANK = 10
_TABLE = 'border="0" cellborder="0" cellspacing="0" cellpadding="2"'


def render(trace: Record, view: View) -> str:
    record = drawing(trace, view)
    lines = [
        "digraph backtrace {",
        "  graph [rankdir=LR, nodesep=0.12, ranksep=0.28, ordering=in, splines=true, labelloc=t, "
        f'labeljust=l, fontname="{_FONT}", fontsize=13, '
        f"label=<{_title(record, view)}>];",
        f'  node [fontname="{_FONT}", fontsize=14, color="{LIGHT.ink}", fontcolor="{LIGHT.ink}", '
        "penwidth=1.5];",
        f'  edge [arrowhead=none, color="{LIGHT.wire}", penwidth=1.4, fontname="{_FONT}", '
        f'fontsize=10, fontcolor="{LIGHT.gradient}"];',
        *_nodes(record, view),
        *_edges(record, view),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _title(record: Record, view: View) -> str:
    lines = wrapped(title_of(record, view))
    return '<br align="left"/>'.join(escape(line, quote=False) for line in [*lines, ""])


def _nodes(record: Drawing, view: View) -> Iterator[str]:
    """Gates and wires; those of a group that could be fused in a dashed box."""
    graph = record.graph
    groups = record.open_groups
    home = {member: k for k, group in enumerate(groups) for member in group.members}
    inside: list[list[str]] = [[] for _ in groups]
    for index in range(len(graph.nodes)):
        gate, wire = _gate(record, view, index), _wire(record, view, index)
        if index not in home:
            yield from (f"  {gate}", f"  {wire}")
            continue
        box = inside[home[index]]
        box.append(gate)
        if index == max(groups[home[index]].members):
            yield f"  {wire}"
        else:
            box.append(wire)
    for k, (group, lines) in enumerate(zip(groups, inside, strict=True)):
        look = f'fontname="{_FONT}"; fontsize=12; fontcolor="{LIGHT.frame}"; color="{LIGHT.frame}"'
        yield f'  subgraph cluster_{k} {{ label="{escape(view.text(group.gate))}"; {look};'
        yield '    labeljust=l; style="dashed,rounded"; penwidth=1.2; margin=10;'
        yield from (f"    {line}" for line in lines)
        yield "  }"
    leaves = [index for index, node in enumerate(graph.nodes) if node.gate is None]
    if 1 < len(leaves) <= _MOST_IN_A_RANK:
        yield f"  {{ rank=same; {' '.join(f'n{i};' for i in leaves)} }}"
        yield f"  {' -> '.join(f'n{i}' for i in leaves)} [style=invis];"


def _gate(record: Drawing, view: View, index: int) -> str:
    node = record.graph.nodes[index]
    if node.gate is None:
        base, below = subscript(view.text(wire_name(record, index)))
        name = f"<i>{escape(base)}</i>{f'<sub>{escape(below)}</sub>' * bool(below)}"
        return f"n{index} [shape=plain, label=<<table {_TABLE}><tr><td>{name}</td></tr></table>>];"
    if index in record.folded:
        return _box(record, view, index)
    text = escape(view.text(symbol(label(node))))
    is_short = len(text) <= 4
    shape = "circle, fixedsize=true, width=0.56" if is_short else 'box, style="rounded"'
    if line := line_label(record, index):
        text += f'<br/><font point-size="8" color="{LIGHT.quiet}">{line}</font>'
    about = f', tooltip="{words}"' if (words := line_words(record, index)) else ""
    return f"n{index} [shape={shape}, label=<{text}>{about}];"


def _box(record: Drawing, view: View, index: int) -> str:
    """A box in place of its gates."""
    box = record.folded[index]
    gates = box_label(record, box, index)
    below = f'<br/><font point-size="8" color="{LIGHT.quiet}">{gates}</font>'
    look = f'shape=box, style="rounded,filled", fillcolor="{LIGHT.frame_ground}"'
    return (
        f'n{index} [{look}, color="{LIGHT.frame}", label=<{escape(view.text(box.name))}{below}>];'
    )


def _wire(record: Drawing, view: View, index: int) -> str:
    def cell(text: str, colour: str) -> str:
        return f'<tr><td><font color="{colour}">{escape(text)}</font></td></tr>'

    value = gradient = " "
    if record.has_point:
        value = value_words(record, view, index)
        gradient = gradient_words(record.upstreams[index], view)
    rows = f"{cell(value, LIGHT.value)}<hr/>{cell(gradient, LIGHT.gradient)}"
    look = f'shape=plain, color="{LIGHT.wire}", fontsize=12'
    return f'w{index} [{look}, label=<<table {_TABLE} color="{LIGHT.wire}">{rows}</table>>];'


def _edges(record: Drawing, view: View) -> Iterator[str]:
    graph = record.graph
    for index in range(len(graph.nodes)):
        yield f"  n{index} -> w{index} [weight=8, tailport=e, headport=w];"
    for edge in record.edges:
        look = "tailport=e"
        if len(graph.consumers[edge.input]) > 1 and record.has_point:
            look += f', label="{escape(gradient_words(edge.downstream, view))}"'
        yield f"  w{edge.input} -> n{edge.gate} [{look}];"
