"""What was judged as a page: the gradients, then the code with what is to be said at its lines."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from backtrace.homework.backward.judging import IN_GENERAL, WRONG, Judged, LineVerdict
from backtrace.homework.backward.report import (
    ARITHMETIC,
    PLACE,
    mark,
    of_result,
    place,
    row_words,
    sentences,
    standing,
)
from backtrace.language import tell
from backtrace.render import View
from backtrace.render._page import CLASS_STYLES, document, heading, scrolling, table


def page(judged: Judged, view: View, level: int) -> str:
    """One file of HTML that loads nothing."""
    path = judged.code.source.path or tell("the code")
    passed = sum(verdict.passes for verdict in judged.verdicts)
    said = tell(
        "{passed} of {count} gradients are right", passed=passed, count=len(judged.verdicts)
    )
    body = [
        f"<h1>{escape(path)}</h1>",
        f'<p class="at">{said}</p>',
        scrolling(_gradients(judged, view, level), tell("gradients")),
    ]
    if level >= PLACE:
        body += [
            heading(tell("The code")),
            scrolling(_code(judged, level), tell("the code")),
        ]
    if of := of_result(judged):
        body.append(f'<p class="at">{escape(of)}</p>')
    body += [f'<p class="note">{escape(note)}</p>' for note in judged.code.notes]
    return document(path, body, styles=CLASS_STYLES)


def _gradients(judged: Judged, view: View, level: int) -> str:
    numeric = [tell("line"), *[tell("given"), tell("exact")] * (level >= ARITHMETIC)]
    heads = [tell("gradient"), *numeric, tell("verdict")]
    rows = []
    for verdict in judged.verdicts:
        cells = [f"<td><code>{escape(verdict.gradient.name)}</code></td>"]
        cells.append(f'<td class="n">{escape(row_words(judged, verdict))}</td>')
        if level >= ARITHMETIC:
            for value in (verdict.given, verdict.exact):
                shown = "" if value is None else escape(view.value(value))
                cells.append(f'<td class="n">{shown}</td>')
        cells.append(
            f'<td class="{_kind([verdict])}">{escape(mark(verdict, view, level).plain)}</td>'
        )
        rows.append("".join(cells))
    return table(heads, rows, numeric)


def _code(judged: Judged, level: int) -> str:
    """The lines, numbered as people count them, each with its mark and what is said of it."""
    told: dict[int, list[LineVerdict]] = {}
    for verdict in judged.verdicts:
        told.setdefault(place(verdict)[0], []).append(verdict)
    source = judged.code.source
    rows = []
    cell = None
    last = max((k for k, text in enumerate(source.lines, 1) if text.strip()), default=0)
    for number, text in enumerate(source.lines[:last], 1):
        at = source.place(number)
        if at.cell != cell:
            cell = at.cell
            said = escape(tell("cell {cell}", cell=cell))
            rows.append(f'<tr class="cell"><td colspan="3">{said}</td></tr>')
        verdicts = told.get(number, [])
        rows.append(_line(at.line, text, verdicts))
        rows += [_remark(said) for said in _said(verdicts, level)]
    return f'<table class="code"><tbody>\n{"".join(rows)}</tbody></table>'


def _line(number: int, text: str, verdicts: list[LineVerdict]) -> str:
    kind = _kind(verdicts) if verdicts else ""
    sign = {"right": "✓", "wrong": "✗", "quiet": "·"}.get(kind, "")
    return (
        f'<tr><td class="n">{number}</td><td class="{kind}">{sign}</td>'
        f'<td class="text {kind}">{escape(text) or " "}</td></tr>\n'
    )


def _kind(verdicts: list[LineVerdict]) -> str:
    if all(verdict.passes for verdict in verdicts):
        return "right"
    is_wrong = any(verdict.verdict in (WRONG, IN_GENERAL) for verdict in verdicts)
    return "wrong" if is_wrong else "quiet"


def _remark(said: str) -> str:
    return f'<tr class="said"><td></td><td></td><td>{escape(said)}</td></tr>\n'


def _said(verdicts: list[LineVerdict], level: int) -> Iterator[str]:
    for verdict in verdicts:
        if not verdict.passes:
            yield standing(verdict)
            yield from sentences(verdict, level)
