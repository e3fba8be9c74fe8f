"""A report as text: a table, JSON (backtrace.check/1), or Markdown.

`level` is how much is told: 0 right or wrong, 1 the place as well, 2 the mistake, 3 the arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from backtrace.algebra.values import shape_of
from backtrace.formula.printer import label
from backtrace.gates.shapes import say as say_shape
from backtrace.graph.record import Edge, Record
from backtrace.homework.checking import Report
from backtrace.homework.diagnosis import SHOWN, Fit, sentence
from backtrace.homework.verdicts import OK, ROUNDED, SIGN, WRONG, Verdict
from backtrace.language import marked, tell
from backtrace.numbers import json_text, plain, plain_list
from backtrace.render import View
from backtrace.render._rules import product_text, rule_of
from backtrace.render._terminal import heading, paint, plain_table
from backtrace.render.tree import drawn, node_words

SCHEMA = "backtrace.check/1"
_LONGEST = 32  # characters of an answer
PLACE, MISTAKE, ARITHMETIC = 1, 2, 3
FITS = marked("fits {sentence}")


def table(report: Report, view: View, level: int) -> str:
    """The answers with their verdicts, and what is to be said of the first fault."""
    shown = plain_table(view)
    shown.add_column(tell("answer"), style="name", no_wrap=True)
    shown.add_column(tell("given"), justify="right", style="value")
    if level >= ARITHMETIC:
        shown.add_column(tell("exact"), justify="right", style="gradient")
    shown.add_column("", overflow="fold")
    for verdict in report.verdicts:
        row: list[str | Text] = [view.text(verdict.answer.name), _typed(verdict, view)]
        if level >= ARITHMETIC:
            row.append(view.value(verdict.exact))
        shown.add_row(*row, _verdict_text(report, verdict, view, level))
    parts: list[Table | Text] = [heading(report.record, view), Text(), shown, Text()]
    parts += [Text(view.text(line)) for line in remarks(report, view, level)]
    return paint(view, *parts)


def tree(report: Report, view: View, level: int) -> str:
    """The graph from the output down, every answer with its mark at its node."""
    record = report.record
    by_node: dict[int, list[Verdict]] = {}
    for verdict in report.verdicts:
        by_node.setdefault(verdict.answer.node, []).append(verdict)

    def line(index: int, _: Edge | None, again: bool) -> Text:
        text = node_words(record, view, index)
        if again:
            return text.append(tell("   (drawn above)"), style="quiet")
        for verdict in by_node.get(index, ()):
            typed = _typed(verdict, view)
            text.append(f"   {view.text(verdict.answer.name)} = ").append(typed, style="value")
            text.append(" ").append_text(_verdict_text(report, verdict, view, level))
        return text

    parts: list[Tree | Text] = [heading(record, view), Text(), drawn(record, view, line), Text()]
    parts += [Text(view.text(words)) for words in remarks(report, view, level)]
    return paint(view, *parts)


def _typed(verdict: Verdict, view: View) -> str:
    """The answer as it was typed; a long one is cut."""
    text = verdict.answer.text
    return view.text(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")


def _verdict_text(report: Report, verdict: Verdict, view: View, level: int) -> Text:
    mark = "✓ " if verdict.passes else "✗ " if verdict.verdict in (WRONG, SIGN) else "· "
    if level == 0 and not verdict.passes:
        mark = "✗ "
    style = "agree" if verdict.passes else "disagree" if verdict.verdict == WRONG else "note"
    words = tell(verdict.verdict)
    if level == 0:
        words = tell(OK) if verdict.passes else tell(WRONG)
    elif report.fault is not None and verdict.answer.name in report.twins:
        words = tell("the same slip as {name}", name=report.fault.answer.name)
    elif verdict.verdict == ROUNDED:
        words += tell(": exactly {exact}", exact=view.value(verdict.exact))
    return Text(view.text(mark if not view.ascii else "") + words, style=style)


def remarks(report: Report, view: View, level: int) -> list[str]:
    """What is to be said, a line each."""
    if report.ok:
        return [tell("all right") if len(report.verdicts) > 1 else tell("right")]
    if all(v.passes or v.verdict == SIGN for v in report.verdicts):
        said = tell(
            "all gradients have the other sign: a convention (T - O for O - T), or one lost sign"
        )
        return [said] if level >= PLACE else [tell("not all right")]
    if level < PLACE or report.fault is None:
        return [tell("not all right")]
    fault = report.fault
    lines = [tell("it first goes wrong at {together}", together=report.together)]
    slips = what_fits(report.record, fault, report.fits if level >= MISTAKE else None)
    if level >= MISTAKE and len(report.fits) > SHOWN:
        more = len(report.fits) - SHOWN
        slips.append(
            tell("and {more} more: answers at the gates between would tell them apart", more=more)
        )
    lines += slips
    if level >= ARITHMETIC:
        lines += _arithmetic(report, view, fault)
    return lines


def what_fits(record: Record, fault: Verdict, fits: Sequence[Fit] | None) -> list[str]:
    """What is to be said of a wrong answer: its shape, and the slips that fit it (None: nothing of
    these)."""
    lines = []
    shapes = shape_of(fault.answer.value), shape_of(fault.exact)
    if fault.answer.value is not None and shapes[0] != shapes[1]:
        words = [say_shape(shape) if shape else tell("one number") for shape in shapes]
        lines.append(
            tell("its shape is {word}, and {words_word} is due", word=words[0], words_word=words[1])
        )
    if fits is None:
        return lines
    lines += [tell(FITS, sentence=sentence(record, fit)) for fit in fits[:SHOWN]]
    return lines if fits else [*lines, tell("no single slip of the catalogue leads to this number")]


def _arithmetic(report: Report, view: View, fault: Verdict) -> list[str]:
    """How the right number comes about, edge by edge."""
    record, index = report.record, fault.answer.node
    if not fault.answer.is_gradient:
        return [tell("{name} is {exact}", name=fault.answer.name, exact=view.value(fault.exact))]
    lines = []
    for gate, operand in record.graph.consumers[index]:
        edge = record.edge(gate, operand)
        how = rule_of(record, edge) if edge.local is None else product_text(record, edge, view)
        name = f"#{gate} {label(record.graph.nodes[gate])}"
        lines.append(
            tell(
                "  from {name}: {how} = {downstream}",
                name=name,
                how=how,
                downstream=view.value(edge.downstream),
            )
        )
    total = tell("  together {exact}", exact=view.value(fault.exact))
    return [*lines, total] if len(lines) > 1 else lines


def as_object(report: Report, level: int) -> dict[str, Any]:
    """The object backtrace.check/1: what the level tells."""
    fault = report.fault if level >= PLACE else None
    slips = report.fits if level >= MISTAKE else ()
    return {
        "schema": SCHEMA,
        "formula": report.record.formula,
        "answers": [_answer_object(v, level) for v in report.verdicts],
        "first_fault": None if fault is None else fault.answer.name,
        "twins": list(report.twins) if fault is not None else [],
        "fits": [
            {"code": f.code, "gate": f.gate, "says": f.says, "number": _plain(f.number)}
            for f in slips[:SHOWN]
        ],
        "more_fit": max(0, len(slips) - SHOWN),
        "ok": report.ok,
    }


def _answer_object(v: Verdict, level: int) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": v.answer.name,
        "node": v.answer.node,
        "about": "gradient" if v.answer.is_gradient else "value",
        "given": v.answer.text,
    }
    if level >= PLACE:
        return {**described, "exact": _plain(v.exact), "verdict": v.verdict}
    return {**described, "verdict": OK if v.passes else WRONG}


def _plain(value: Any) -> Any:
    return plain_list(value) if getattr(value, "shape", ()) else plain(float(value))


def as_json(report: Report, level: int) -> str:
    return json_text(as_object(report, level), indent=2) + "\n"


def markdown(report: Report, view: View, level: int) -> str:
    heads = (tell("answer"), tell("given"), tell("verdict"))
    lines = [f"| {' | '.join(heads)} |", "|---|---:|---|"]
    for v in report.verdicts:
        words = _verdict_text(report, v, view, level).plain
        cells = (v.answer.name, _typed(v, view), words)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join([*lines, "", *(f"- {line}" for line in remarks(report, view, level))]) + "\n"
