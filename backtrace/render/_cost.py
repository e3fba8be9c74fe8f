"""What a graph costs, as lines, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from backtrace.algebra.lengths import Length, terms_of, written
from backtrace.formula.printer import label
from backtrace.graph import Graph
from backtrace.graph.costs import Cost, GateCost, Work
from backtrace.language import cells, fitting, left, marked, right, tell
from backtrace.render._view import View

TITLE = marked("cost: multiplications, and bytes kept for the way back")
_MOST_ROWS = 120
_LONGEST_LABEL = 26
_GAP = "  "

Rows = list[list[str]]
ShapeOf = Callable[[int], str]
"""How a node's shape is written: 2x3, (m, n), "" of a number."""


def cost_lines(graph: Graph, cost: Cost, shape_of: ShapeOf, view: View) -> Iterator[str]:
    """Gate by gate, with totals; then the ways to all gradients; then what is counted."""
    gates = _gates(graph, cost, shape_of)
    yield from _aligned(gates, view, last_is_text=True)
    if _is_long(cost):
        yield tell("... {count:,} more gates", count=len(cost.gates) - _MOST_ROWS)
    yield ""
    yield from _aligned(_ways(cost), view, last_is_text=False)
    for line in legend(cost):
        yield view.text(line)


def cost_markdown(graph: Graph, cost: Cost, shape_of: ShapeOf, view: View) -> Iterator[str]:
    """The same as two tables and a list."""
    tables = ((_gates(graph, cost, shape_of), True), (_ways(cost), False))
    for rows, last_is_text in tables:
        numeric = ["---:"] * (len(rows[0]) - 1 - last_is_text)
        yield "| " + " | ".join(rows[0]) + " |"
        yield "|" + "|".join(["---", *numeric, *["---"] * last_is_text]) + "|"
        for row in rows[1:]:
            texts = (view.text(cell).replace("|", "\\|").replace("*", "\\*") for cell in row)
            yield "| " + " | ".join(texts) + " |"
        yield ""
    for line in legend(cost):
        yield "- " + view.text(line).replace("*", "\\*")


def _is_long(cost: Cost) -> bool:
    return len(cost.gates) > _MOST_ROWS


def _gates(graph: Graph, cost: Cost, shape_of: ShapeOf) -> Rows:
    """A row for every gate, and the totals; the columns of other work where there is some."""
    has_others = bool(cost.both.others)
    others = [tell("other")] * has_others
    heads = [tell("gate"), tell("forward"), *others, tell("backward"), *others, tell("kept")]
    rows = [[*heads, tell("reads")]]
    for gate in cost.gates[:_MOST_ROWS]:
        rows.append([_label(graph, gate, shape_of), *_work(gate, has_others)])
        rows[-1].append(", ".join(_name(graph, index) for index in gate.reads))
    total = GateCost(0, cost.forward, cost.backward, cost.kept, ())
    return [*rows, [tell("in all"), *_work(total, has_others), ""]]


def _work(gate: GateCost, has_others: bool) -> list[str]:
    found = []
    for work in (gate.forward, gate.backward):
        found.append(written(work.multiplications))
        found += [written(work.others)] * has_others
    return [*found, written(gate.kept)]


def _label(graph: Graph, gate: GateCost, shape_of: ShapeOf) -> str:
    node = graph.nodes[gate.node]
    shape = shape_of(gate.node)
    name = f" {node.name}" if node.name else ""
    text = f"#{gate.node} {label(node)}{name}" + (f" ({shape})" if shape else "")
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"


def _name(graph: Graph, index: int) -> str:
    return graph.nodes[index].name or f"#{index}"


def _ways(cost: Cost) -> Rows:
    """Reverse mode, forward mode and checkpoints beside one another."""
    both, each, passes = cost.both, cost.forward_mode.of_each, cost.forward_mode.passes
    again = both.plus(cost.checkpoints.again)
    rows: list[tuple[str, Work, int, tuple[int, ...]]] = [
        (tell("reverse mode"), both, 1, (cost.kept,)),
        (tell("forward mode"), each, passes, cost.forward_mode.held),
        (
            tell("checkpoints, k = {every}", every=cost.checkpoints.every),
            again,
            1,
            cost.checkpoints.kept,
        ),
    ]
    has_others = bool(both.others)
    found = [[tell("all gradients by"), tell("multiplications")]]
    found[0] += [*[tell("other")] * has_others, tell("bytes")]
    for name, work, times, held in rows:
        counts = [_times(work.multiplications, times)]
        counts += [_times(work.others, times)] * has_others
        found.append([name, *counts, _most(held)])
    return found


def _times(count: int, passes: int) -> str:
    """A product: of two sums as it is, which is shorter."""
    if len(terms_of(count)) > 1 and len(terms_of(passes)) > 1:
        return f"({written(count)})({written(passes)})"
    return written(count * passes)


def _most(numbers: Sequence[int]) -> str:
    texts = list(map(written, numbers))
    return texts[0] if len(texts) == 1 else f"max({', '.join(texts)})"


def legend(cost: Cost) -> Iterator[str]:
    """What is counted, and how the ways go."""
    yield tell("a multiply-add is one multiplication; additions and comparisons are not counted")
    both = cost.both
    if both.others:
        names = [tell("divisions")] * bool(both.divisions) + sorted(both.functions)
        yield tell("other: {names}; each entry of one counts as one", names=", ".join(names))
    yield tell("bytes: 8 a number, of gates' values that some gate reads on the way back")
    mode, points = cost.forward_mode, cost.checkpoints
    passes = written(mode.passes)
    one = tell("1 pass") if mode.passes == 1 else tell("{passes} passes", passes=passes)
    yield tell("forward mode: {one}, one for each entry of the inputs; nothing is kept", one=one)
    count = len(cost.gates)
    is_root = points.every == max(1, round(count**0.5))
    why = (
        tell("; k is the root of {count:,}", count=count)
        if is_root
        else tell(" of {count:,}", count=count)
    )
    yield tell("checkpoints: k gates at a time are worked out again on the way back{why}", why=why)


def _aligned(rows: Rows, view: View, last_is_text: bool) -> Iterator[str]:
    """Columns, numbers to the right; below one another where the lines are too long."""
    rows = [[view.text(cell) for cell in row] for row in rows]
    numbers = [row[:-1] if last_is_text else row for row in rows]
    widths = [max(map(cells, column)) for column in zip(*numbers, strict=True)]
    room = view.width - sum(widths) - len(_GAP) * (len(widths) - 1)
    if room < 0:
        yield from _below(rows)
        return
    for row, first in zip(rows, numbers, strict=True):
        line = _GAP.join([left(first[0], widths[0]), *map(right, first[1:], widths[1:])])
        last = row[-1] if last_is_text else ""
        if last and cells(_GAP + last) > room:
            short = fitting(last, max(0, room - len(_GAP) - 1))
            last = short + view.text("…") if room > 4 else ""
        yield f"{line}{_GAP}{last}".rstrip()


def _below(rows: Rows) -> Iterator[str]:
    """A line for each number, other work beside the multiplications."""
    head, *rest = rows
    for row in rest:
        yield row[0]
        line = ""
        for name, cell in zip(head[1:], row[1:], strict=True):
            if name == tell("other"):
                line += tell("; other: {cell}", cell=cell)
                continue
            yield from [line] * bool(line)
            line = f"  {name}: {cell}" if cell else ""
        yield from [line] * bool(line)


def cost_object(cost: Cost) -> dict[str, Any]:
    """As plain data: whole numbers, and polynomials in letters as text."""
    mode, points = cost.forward_mode, cost.checkpoints
    return {
        "gates": [
            {
                "node": gate.node,
                "forward": _work_object(gate.forward),
                "backward": _work_object(gate.backward),
                "kept": _plain(gate.kept),
                "reads": list(gate.reads),
            }
            for gate in cost.gates
        ],
        "forward": _work_object(cost.forward),
        "backward": _work_object(cost.backward),
        "kept": _plain(cost.kept),
        "forward_mode": {
            "passes": _plain(mode.passes),
            "of_each": _work_object(mode.of_each),
            "held": [_plain(n) for n in mode.held],
        },
        "checkpoints": {
            "every": points.every,
            "nodes": list(points.nodes),
            "again": _work_object(points.again),
            "kept": [_plain(n) for n in points.kept],
        },
    }


def _work_object(work: Work) -> dict[str, Any]:
    return {
        "multiplications": _plain(work.multiplications),
        "divisions": _plain(work.divisions),
        "functions": {name: _plain(count) for name, count in work.functions.items()},
    }


def _plain(n: int) -> int | str:
    return written(n) if isinstance(n, Length) else int(n)
