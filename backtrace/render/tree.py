"""a tree: from the output down to the inputs; a shared node is drawn once and then referred to"""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text
from rich.tree import Tree

from backtrace.algebra.values import shape_of
from backtrace.formula.printer import label
from backtrace.graph.record import Edge, Record
from backtrace.language import cells, tell
from backtrace.render._rules import product_text, rule_of, shape_note, shown_products, where
from backtrace.render._terminal import (
    fork_sums,
    gradient_lines,
    group_remarks,
    heading,
    node_name,
    paint,
    remarks,
    rounding_remark,
    section_texts,
)
from backtrace.render._view import View
from backtrace.render._words import line_words

SUFFIX = ".tree"

_MOST_NODES = 400
_DEEPEST = 24  # levels
_GUIDE = 4  # cells that each takes of the width


def render(record: Record, view: View) -> str:
    if not record.has_point:
        return paint(view, heading(record, view), *section_texts(record, view))
    drawing = _Drawing(record, view)
    tree = drawing.tree()
    legend = Text(view.text(tell("gate = value   upstream × local = downstream")), style="quiet")
    parts: list[Tree | Text] = [heading(record, view), Text(), legend, tree]
    sums = list(fork_sums(record, view))
    if sums:
        parts += [Text(), *sums]
    if record.wrt:
        parts += [Text(), *gradient_lines(record, view)]
    closing = [*remarks(record, view), *group_remarks(record, view)]
    closing += [*rounding_remark(view, drawing.shown)]
    if closing:
        parts += [Text(), *closing]
    parts += section_texts(record, view)
    return paint(view, *parts)


def of_numbers(record: Record, view: View) -> Tree:
    """Every node with its value and its gradient, and no word of how they come about."""

    def line(index: int, _: Edge | None, again: bool) -> Text:
        text = node_words(record, view, index)
        text.append(" = ").append(view.value(record.values[index]), style="value")
        text.append(tell("   gradient "), style="quiet")
        text.append(view.value(record.upstreams[index]), style="gradient")
        return text.append(tell("   (drawn above)"), style="quiet") if again else text

    return drawn(record, view, line)


def drawn(record: Record, view: View, line: Callable[[int, Edge | None, bool], Text]) -> Tree:
    """The graph from the output down, then from what nothing uses; `line` has the words for a node,
    the edge it is reached by (None: it is where a tree begins), and whether it is drawn already."""
    ends = (record.graph.output, *record.graph.unused)
    whole = Tree("", guide_style="quiet", hide_root=True)
    done = set(ends)
    left_out = 0
    stack: list[tuple[Tree, Edge, int]] = []
    for index in reversed(ends):
        root = Tree(_with_line(line(index, None, False), record, view, index, 0))
        whole.children.insert(0, root)
        stack += [(root, edge, 1) for edge in reversed(record.edges_of(index))]
    while stack:
        parent, edge, depth = stack.pop()
        if len(done) >= _MOST_NODES or depth > _DEEPEST:
            left_out += 1
            continue
        again = edge.input in done and record.graph.nodes[edge.input].gate is not None
        text = line(edge.input, edge, again)
        branch = parent.add(text if again else _with_line(text, record, view, edge.input, depth))
        if not again:
            done.add(edge.input)
            below = reversed(record.edges_of(edge.input))
            stack += [(branch, further, depth + 1) for further in below]
    if left_out:
        words = tell(
            "… {left_out:,} branches not shown: --format jsonl has every gate", left_out=left_out
        )
        whole.children[0].add(Text(view.text(words), style="quiet"))
    return whole


def _with_line(text: Text, record: Record, view: View, index: int, depth: int) -> Text:
    """The words, with the line of the code, unless they would need another row for it."""
    line = line_words(record, index)
    room = view.width - _GUIDE * depth
    if line and not room - cells(line) - 3 < text.cell_len <= room:
        text.append(f"   {line}", style="quiet")
    return text


def node_words(record: Record, view: View, index: int) -> Text:
    """add #3 q: the gate, its number and its name."""
    node = record.graph.nodes[index]
    text = Text()
    if node.gate is None:
        return text.append(view.text(node_name(record, index)), style="name")
    text.append(view.text(label(node)), style="gate").append(f" #{index}", style="quiet")
    if node.name:
        text.append(view.text(f" {node.name}"), style="name")
    return text


class _Drawing:
    """A line for every node; `shown` collects the printed products."""

    def __init__(self, record: Record, view: View) -> None:
        self.record = record
        self.view = view
        self.shown: list[tuple[str, str, str]] = []

    def tree(self) -> Tree:
        return drawn(self.record, self.view, self._line)

    def _line(self, index: int, edge: Edge | None, again: bool) -> Text:
        """add #3 = 3   ∂ -4 = 1 x -4: the node, its value, and what came back along this edge."""
        record, view = self.record, self.view
        text = node_words(record, view, index)
        text.append(" = ").append(view.value(record.values[index]), style="value")
        text.append(shape_note(shape_of(record.values[index])), style="quiet")
        gradient = record.upstreams[index]
        if edge is None:
            text.append(tell("   gradient "), style="quiet")
            text.append(view.value(gradient), style="gradient")
            if index != record.graph.output:
                text.append(tell("   (not used)"), style="quiet")
        else:
            self.shown += shown_products(edge, view)
            text.append("   ")
            if edge.local is None:
                text.append(view.text(f"{rule_of(record, edge)} = "), style="quiet")
            else:
                product = product_text(record, edge, view)
                text.append(view.text(f"{product} = "), style="quiet")
            text.append(view.value(edge.downstream), style="gradient")
            if terms := where(record, edge, view):
                text.append(f", {terms}", style="quiet")
        if again:
            text.append(tell("   (drawn above)"), style="quiet")
        elif edge is not None and len(record.graph.consumers[index]) > 1:
            before, after = tell("   of {gradient} in all").split("{gradient}")
            text.append(before, style="quiet").append(view.value(gradient), style="gradient")
            text.append(after, style="quiet")
        return text
