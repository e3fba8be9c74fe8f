"""a flowchart for Mermaid, also in its strict mode: value and gradient on every wire"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from backtrace.algebra.values import Value
from backtrace.formula.printer import label
from backtrace.graph.record import Record
from backtrace.numbers import json_text
from backtrace.render._at_first import drawing
from backtrace.render._folding import Drawing
from backtrace.render._ink import LIGHT
from backtrace.render._view import View
from backtrace.render._words import (
    box_label,
    gradient_words,
    line_label,
    subscript,
    symbol,
    title_of,
    value_words,
    wire_name,
    wrapped,
)

SUFFIX = ".mmd"

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def render(trace: Record, view: View) -> str:
    record = drawing(trace, view)
    lines = [
        "---",
        f"title: {json_text(_title(record, view))}",
        "config:",
        "  themeVariables:",
        f'    edgeLabelBackground: "{LIGHT.ground}"',
        "---",
        "flowchart LR",
        *_nodes(record, view),
        *_edges(record, view),
        "  classDef in stroke:none,font-style:italic",
        "  classDef out fill:none,stroke:none",
    ]
    if record.folded:
        lines.append(
            f"  classDef box fill:{LIGHT.frame_ground},stroke:{LIGHT.frame},stroke-width:2px"
        )
    groups = record.open_groups
    look = f"fill:none,stroke:{LIGHT.frame},stroke-dasharray:6 4,color:{LIGHT.frame}"
    lines += [f"  style g{k} {look}" for k in range(len(groups))]
    if view.ascii:  # Mermaid in its strict mode loses escapes by number
        lines = [view.formula(line) for line in lines]
    return "\n".join(lines) + "\n"


def _nodes(record: Drawing, view: View) -> Iterator[str]:
    groups = record.open_groups
    home = {member: k for k, group in enumerate(groups) for member in group.members}
    for index in range(len(record.graph.nodes)):
        if index not in home:
            yield f"  {_node(record, view, index)}"
    for k, group in enumerate(groups):
        yield f'  subgraph g{k}["{_safe(view.text(group.gate))}"]'
        yield "    direction LR"
        yield from (f"    {_node(record, view, m)}" for m in sorted(group.members))
        yield "  end"
    yield '  out[" "]:::out'
    yield from (f'  out{index}[" "]:::out' for index in record.graph.unused)


def _node(record: Drawing, view: View, index: int) -> str:
    node = record.graph.nodes[index]
    if node.gate is None:
        base, below = subscript(view.text(wire_name(record, index)))
        name = f"{_safe(base)}{below.translate(_SUBSCRIPTS)}"
        return f'n{index}["{name}{_sum(record, view, index)}"]:::in'
    if index in record.folded:
        box = record.folded[index]
        gates = box_label(record, box, index)
        words = f"<span style='color:{LIGHT.quiet};font-size:11px'>{gates}</span>"
        words += _sum(record, view, index)
        return f'n{index}["{_safe(view.text(box.name))}<br/>{words}"]:::box'
    text = _safe(view.text(symbol(label(node))))
    if line := line_label(record, index):
        text += f"<br/><span style='color:{LIGHT.quiet};font-size:11px'>{line}</span>"
    return f'n{index}(("{text}{_sum(record, view, index)}"))'


def _sum(record: Drawing, view: View, index: int) -> str:
    """What comes back to a fork in all: its wires carry the terms."""
    if not record.has_point or len(record.graph.consumers[index]) < 2:
        return ""
    total = _safe(gradient_words(record.upstreams[index], view))
    return f"<br/><span style='color:{LIGHT.gradient};font-size:11px'>{total}</span>"


def _edges(record: Drawing, view: View) -> Iterator[str]:
    for edge in record.edges:
        chip = _chip(record, view, edge.input, edge.downstream)
        yield f"  n{edge.input} ---{chip} n{edge.gate}"
    output = record.graph.output
    chip = _chip(record, view, output, record.upstreams[output])
    yield f"  n{output} ---{chip} out"
    for index in record.graph.unused:
        yield f"  n{index} ---{_chip(record, view, index, record.upstreams[index])} out{index}"


def _chip(record: Drawing, view: View, source: int, carried: Value) -> str:
    """What is on a wire: the value, and what this wire carries back."""
    if not record.has_point:
        return ""
    value, gradient = value_words(record, view, source), gradient_words(carried, view)
    return (
        f"|\"<span style='color:{LIGHT.value}'>{_safe(value)}</span><br/>"
        f"<span style='color:{LIGHT.gradient}'>{_safe(gradient)}</span>\"|"
    )


def _title(record: Record, view: View) -> str:
    """Mermaid escapes a title twice, so it gets signs that need none; and it has one line."""
    lines = wrapped(title_of(record, view))
    text = lines[0] if len(lines) == 1 else f"{lines[0]} …"
    return text.replace("<", "﹤").replace(">", "﹥").replace("&", "﹠")


def _safe(text: str) -> str:
    """In a quoted label, where only HTML and Mermaid's #35; mean something. Named entities, since
    Mermaid in its strict mode loses those with numbers."""
    return escape(text).replace("&#x27;", "'").replace("#", "&num;").replace("`", "&grave;")
