"""What the terminal views share: the named styles, and painting with Rich into a text."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from backtrace.algebra.values import shape_of
from backtrace.formula.printer import label
from backtrace.graph.record import (
    AGREE,
    DISAGREE,
    KINK,
    LOST,
    WRONG_AT_KINK,
    Check,
    Group,
    Note,
    Record,
    is_read_as,
)
from backtrace.language import cells, left, tell, tell_many
from backtrace.numbers import Formula, number
from backtrace.render._rules import shape_note
from backtrace.render._sections import sections
from backtrace.render._view import View, products_are_rounded
from backtrace.render._words import formula_lines, line_words

STYLES = Theme(
    {
        "value": "green",
        "gradient": "red",
        "gate": "bold",
        "name": "italic",
        "quiet": "dim",
        "agree": "green",
        "disagree": "bold red",
        "note": "yellow",
        "heading": "bold",
    }
)
ASCII_RULE = box.Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
_MOST_LINES = 8
_ALL_DIGITS = 17
_MOST_TOLD = 100  # a number of the point up to which a whole one is not taken for another
_MOST_NOTES = 12
_MOST_GRADIENTS = 60
_MOST_FORKS = 40
_LONGEST_SUM = 12  # terms
_MOST_SIDE_BY_SIDE = 30
_MARKS = {
    AGREE: ("✓ ", "agree"),
    LOST: ("✗ ", "disagree"),
    DISAGREE: ("✗ ", "disagree"),
    WRONG_AT_KINK: ("✗ ", "disagree"),
}
_SAID_ABOVE = (DISAGREE, LOST, WRONG_AT_KINK, KINK)  # why it is not a plain agree


class _Sink(io.StringIO):
    """Where Rich writes to; the encoding tells it which characters it may draw with."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding


def paint(view: View, *parts: RenderableType) -> str:
    """The parts one under the other, as text with ANSI codes if the view has colour."""
    sink = _Sink("ascii" if view.ascii else "utf-8")
    console = Console(
        file=sink,
        width=max(view.width, 20),
        theme=STYLES,
        force_terminal=view.color,
        color_system="standard" if view.color else None,
        no_color=not view.color,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        safe_box=False,
        _environ={},
    )
    for part in parts:
        for line in _hanging(part, console.width):
            console.print(line)
    lines = sink.getvalue().rstrip().split("\n")
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _hanging(part: RenderableType, width: int) -> Iterator[RenderableType]:
    """A text's indented lines so that what does not fit is indented like their beginning."""
    if not isinstance(part, Text) or part.cell_len <= width:
        yield part
        return
    for line in part.split("\n", allow_blank=True):
        indent = len(line.plain) - len(line.plain.lstrip(" "))
        is_cut = 0 < indent < width // 2 and line.cell_len > width
        yield Padding(line[indent:], (0, 0, 0, indent)) if is_cut else line


def plain_table(view: View) -> Table:
    """An empty table in the house's dress: a rule under the header, no frame."""
    return Table(
        box=ASCII_RULE if view.ascii else box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="quiet",
    )


def heading(record: Record, view: View) -> Text:
    """The formula as it was typed, how it was read, and its point."""
    formula, reading, point = heading_parts(record, view)
    text = Text(formula, style="heading")
    if reading:
        text.append("\n" + reading, style="quiet not bold")
    if point:
        text.append("\n" + tell("at {point}", point=point), style="not bold")
    return text


def heading_parts(record: Record, view: View) -> tuple[str, str, str]:
    """The formula as it was typed, how it was read ("" where that is the same), the point's
    values."""
    lines = [view.formula(line) for line in formula_lines(record)]
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES - 1 :] = [
            view.text(tell("… {count:,} more lines", count=len(lines) - _MOST_LINES + 1))
        ]
    room = view.width * 3
    cut = [line if len(line) <= room else line[: room - 3] + view.text("…") for line in lines]
    pairs = [
        f"{name}{shape_note(shape_of(value))} = {given_text(value, view)}"
        for name, value in record.point.items()
    ]
    most = 40
    if len(pairs) > most:
        pairs[most:] = [tell("and {count:,} more", count=len(pairs) - most)]
    before = cells(tell("at {point}", point="\0").partition("\0")[0])
    between = "\n" + " " * before if record.has_arrays else ", "
    reading = view.formula(read_as(record)[:room])
    return "\n".join(cut), reading, between.join(map(view.text, pairs))


def read_as(record: Record) -> str:
    """`read as dot(x, y)`, where signs mean something else of arrays; "" where they do not."""
    found = (note.text for note in record.notes if note.kind == "reading")
    return next((text for text in found if is_read_as(text)), "")


def given_text(value: Any, view: View) -> str:
    """A value of the point: 0.99999999 is not written as 1."""
    if shape_of(value):
        return view.sized(value)
    text = view.number(value)
    for digits in range(view.digits, _ALL_DIGITS + 1):
        if value == round(value) or abs(value) >= _MOST_TOLD or not float(text).is_integer():
            break
        text = number(value, digits)
    return text


def partial(record: Record, view: View, by: str) -> str:
    """∂f/∂x."""
    return view.text(f"∂{record.graph.output_name}/∂{by}")


def node_name(record: Record, index: int) -> str:
    return record.graph.nodes[index].name or f"#{index}"


def fork_sums(record: Record, view: View) -> Iterator[Text]:
    """∂f/∂y = 2 (from add) + 3 (from max) = 5, for every value that branches."""
    forks = record.forks()
    for index, edges in forks[:_MOST_FORKS]:
        labels = [label(record.graph.nodes[edge.gate]) for edge in edges]
        times_gate = Counter(edge.gate for edge in edges)
        same_label = Counter(
            name for name, _ in {(n, e.gate) for n, e in zip(labels, edges, strict=True)}
        )
        text = Text(f"{partial(record, view, node_name(record, index))} = ", style="name")
        for position, (edge, name) in enumerate(zip(edges[:_LONGEST_SUM], labels, strict=False)):
            origin = name + (f" #{edge.gate}" if same_label[name] > 1 else "")
            origin += (
                tell(", input {operand}", operand=edge.operand + 1)
                if times_gate[edge.gate] > 1
                else ""
            )
            text.append(" + " if position else "", style="not italic")
            text.append(view.value(edge.downstream), style="gradient not italic")
            text.append(
                view.text(tell(" (from {origin})", origin=origin)), style="quiet not italic"
            )
        if len(edges) > _LONGEST_SUM:
            text.append(
                view.text(tell(" + … ({count:,} more)", count=len(edges) - _LONGEST_SUM)),
                style="quiet",
            )
        text.append(" = ", style="not italic")
        text.append(view.value(record.upstreams[index]), style="gradient not italic")
        yield text
    if len(forks) > _MOST_FORKS:
        yield Text(
            view.text(tell("… {count:,} more forks", count=len(forks) - _MOST_FORKS)), style="quiet"
        )


def remarks(record: Record, view: View) -> Iterator[Text]:
    """The fault, the notes and the reasons of the verdicts, one line each."""
    if record.fault is not None:
        yield from _fault_lines(record, view)
    for name, check in record.disagreements.items():
        what = tell("gradient of {name}", name=name) if name else tell("output")
        yield Text(
            view.text(tell("✗ the {what} is in doubt: {reason}", what=what, reason=check.reason)),
            style="disagree",
        )
    for name, check in record.lost.items():
        what = tell("gradient of {name}", name=name) if name else tell("output")
        yield Text(
            view.text(
                tell("✗ the {what} has lost digits: {reason}", what=what, reason=check.reason)
            ),
            style="disagree",
        )
    for name, check in record.wrong_at_kinks.items():
        words = tell(
            "✗ the gradient of {name} is not the derivative: {reason}",
            name=name,
            reason=check.reason,
        )
        yield Text(view.text(words), style="disagree")
    notes = dict.fromkeys((_said(note), _noted(record, note)) for note in record.notes)
    texts = [(said, text) for said, text in notes if text != read_as(record)]
    for said, text in texts[:_MOST_NOTES]:
        yield Text(view.text(f"{said}: {text}"), style="note")
    if len(texts) > _MOST_NOTES:
        yield Text(
            view.text(tell("… {count:,} more notes", count=len(texts) - _MOST_NOTES)), style="note"
        )
    checks = record.checks.values()
    if record.has_arrays and checks and all(c.verdict == AGREE and not c.reason for c in checks):
        words = tell("every entry is checked: by SymPy, and by a measured slope")
        if any(isinstance(c.backprop, Formula) for c in checks):
            words = tell(
                "each formula is read again: it is backprop's number at random values of two sizes"
            )
        yield Text(words, style="quiet")
    reasons: dict[str, list[str]] = {}
    for name, check in record.checks.items():
        if check.reason and check.verdict not in _SAID_ABOVE:
            reasons.setdefault(check.reason, []).append(partial(record, view, name))
    for reason, names in reasons.items():
        whose = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
        yield Text(view.text(f"{whose}: {reason}"), style="quiet")


def _said(note: Note) -> str:
    return tell("cure") if note.kind == "cure" else tell("note")


def _noted(record: Record, note: Note) -> str:
    line = line_words(record, note.node) if note.node is not None else ""
    return f"{note.text} ({line})" if line else note.text


def _fault_lines(record: Record, view: View) -> Iterator[Text]:
    fault = record.fault
    assert fault is not None
    nodes = record.graph.nodes
    chain = view.text(" → ").join(
        f"{view.text(label(nodes[index]))} #{index}" for index in fault.chain[:8]
    )
    more = view.text(" → …") if len(fault.chain) > 8 else ""
    where = tell("forward") if fault.direction == "forward" else tell("backward")
    line = f" ({words})" if (words := line_words(record, fault.node)) else ""
    yield Text(
        view.text(
            tell(
                "✗ {where}, at #{node}{line}: {what}",
                where=where,
                node=fault.node,
                line=line,
                what=fault.what,
            )
        ),
        style="disagree",
    )
    yield Text(tell("  it spreads: {chain}{more}", chain=chain, more=more))
    if fault.hint:
        said = tell("cure") if fault.cure else tell("advice")
        yield Text(view.text(f"  {said}: {fault.hint}"))


def group_remarks(record: Record, view: View) -> Iterator[Text]:
    """What was fused, or one quiet line that says what could be."""
    if record.granularity.is_fused:
        for group in record.groups[:_MOST_NOTES]:
            gates = (
                tell("{count} gates", count=len(group.members))
                if len(group.members) > 1
                else tell("one gate")
            )
            words = tell(
                "#{node} {gate} stands for {gates}, {spelling}",
                node=group.node,
                gate=group.gate,
                gates=gates,
                spelling=group.spelling,
            )
            yield Text(view.text(f"{words}; {_local_rule(record, group)}"), style="quiet")
        if not record.groups:
            yield Text(tell("nothing here spells out a bigger gate"), style="quiet")
    elif record.groups:
        counts = Counter(group.gate for group in record.groups)
        what = ", ".join(
            name + (tell(" ({number} times)", number=n) if n > 1 else "")
            for name, n in counts.items()
        )
        yield Text(
            view.text(tell("gates here spell out {what}: --fuse makes each one gate", what=what)),
            "quiet",
        )


def _local_rule(record: Record, group: Group) -> str:
    gate = record.graph.nodes[group.node].gate
    assert gate is not None
    if gate.is_own:
        return tell("its local gradient is found by backprop inside")
    operands = record.graph.nodes[group.node].operands
    free = [k for k, operand in enumerate(operands) if isinstance(operand, int)]
    rules = [gate.local_rule(k) for k in (free[:1] if gate.variadic else free)]
    if gate.pullback is not None:
        return "; ".join(
            tell("to {parameter}: {r}", parameter=gate.parameters[k], r=r)
            for k, r in zip(free, rules, strict=False)
        )
    return tell(
        "local gradient {rules} with output {output}", rules=", ".join(rules), output=gate.output
    )


def rounding_remark(view: View, shown: list[tuple[str, str, str]]) -> Iterator[Text]:
    """One line where some printed product is not exactly its printed factors."""
    if products_are_rounded(shown):
        words = tell_many(
            "numbers are rounded to {n} digit, so printed factors may not multiply exactly",
            "numbers are rounded to {n} digits, so printed factors may not multiply exactly",
            n=view.digits,
        )
        yield Text(words, style="quiet")


def side_by_side(parts: list[str], view: View) -> list[Text]:
    """Quiet words, as many in a line as have room."""
    shown = parts[:_MOST_SIDE_BY_SIDE]
    shown += [tell("… {count:,} more", count=len(parts) - len(shown))] * (len(parts) > len(shown))
    lines: list[str] = []
    for part in map(view.text, shown):
        if lines and cells(lines[-1]) + 3 + cells(part) <= view.width:
            lines[-1] += f"   {part}"
        else:
            lines.append(part)
    return [Text(line, style="quiet") for line in lines]


def section_texts(record: Record, view: View) -> list[Text]:
    """What the view asks for beside the numbers, each under its heading."""
    texts: list[Text] = []
    for title, lines in sections(record, view):
        texts += [Text(), Text(view.text(title), style="heading")]
        texts += [Text(view.text(line)) for line in lines]
    return texts


def verdict(check: Check, view: View, is_whole: bool = False) -> Text:
    """The verdict with its mark; where digits are lost, `is_whole` adds the right number."""
    mark, style = _MARKS.get(check.verdict, ("", "note"))
    words = tell(check.verdict)
    if is_whole and check.right is not None:
        words += tell(": {right} is right", right=view.value(check.right))
    return Text(view.text(mark if not view.ascii else "") + words, style=style)


def _within(room: int, value: Any, view: View) -> str:
    """A gradient with its norm, if there is room for it."""
    text = view.sized(value)
    return text if len(text) <= room else view.value(value)


def gradient_lines(record: Record, view: View) -> list[Text]:
    """∂f/∂x = -4   ✓ agree, a line each."""
    names = {
        name: partial(record, view, name) + shape_note(shape_of(record.gradients[name]))
        for name in record.wrt[:_MOST_GRADIENTS]
    }
    room = max(view.width - max(map(cells, names.values())) - cells(" =    ✓ " + tell(DISAGREE)), 8)
    numbers = {name: _within(room, record.gradients[name], view) for name in names}
    align, widest = (">", max(map(len, numbers.values())))
    if record.has_arrays:
        align, widest = "<", min(widest, room)
    lines = []
    for name, shown in names.items():
        line = Text(f"{left(shown, max(map(cells, names.values())))} = ", style="name")
        line.append(f"{numbers[name]:{align}{widest}}", style="gradient not italic")
        if name in record.checks:
            line.append("   ").append(verdict(record.checks[name], view, is_whole=True))
        lines.append(line)
    if len(record.wrt) > len(names):
        more = tell("… {count:,} more", count=len(record.wrt) - len(names))
        lines.append(Text(view.text(more), style="quiet"))
    return lines
