"""a page: the picture, forward and backward step by step, in one file that loads nothing"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from backtrace.formula.printer import expressions
from backtrace.graph.record import Record
from backtrace.numbers import Formula, json_text
from backtrace.render._bound import bound
from backtrace.render._drawings import drawings
from backtrace.render._live import fields, live_data, practice, what_if
from backtrace.render._page import document, packed, scrolling
from backtrace.render._page_tables import findings, gate_table
from backtrace.render._program import StillError, program, source
from backtrace.render._steps import Steps
from backtrace.render._view import View
from backtrace.render._words import title_of

SUFFIX = ".html"

_MOST_NAMED = 60
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
    shown = drawings(record, view)
    steps = Steps(record, view, shown.name)
    title = title_of(record, view)
    has_steps = record.has_point and record.graph.gate_count > 0
    texts = expressions(record.graph, 30)
    written, still = _program(record) if has_steps else ("", "")
    data = steps.data(bool(written)) | {"drawings": shown.told, "others": shown.others}
    if written:
        data |= live_data(record, view, texts)
    kept = json_text(data).replace("<", "\\u003c")
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="at">{_point(record, view)}</p>',
        f'<div class="card" tabindex="0" role="region" aria-label="the graph">\n'
        f"{shown.markup}</div>",
        _CONTROLS * has_steps,
        f'<ol class="steps" aria-live="polite">\n{"".join(steps.items())}</ol>' * has_steps,
        f'<p class="keys">{_KEYS}</p>' * has_steps,
        f'<p class="note">The numbers stand still: {escape(still)}.</p>' * bool(still),
        *(fields(record, view) if written else ()),
        what_if(record, view, texts) if written else "",
        practice(record) if written else "",
        f"<h2>Every gate</h2>\n{scrolling(gate_table(record, view), 'every gate')}" * has_steps,
        *findings(record, view),
        f'<script type="application/json" id="data">{kept}</script>' * has_steps,
    ]
    return document(title, body, "".join(_scripts(written)) if has_steps else "")


def _program(record: Record) -> tuple[str, str]:
    """The trace as JavaScript, or why the page stands still."""
    try:
        return source(program(record), record), ""
    except StillError as why:
        return "", str(why)


def _scripts(written: str) -> Iterator[str]:
    """The page's script: what it computes with, its steps, and what is computed anew."""
    yield '"use strict";\n' + written
    yield packed("page.js")
    if written:
        yield packed("live.js") + packed("practice.js")


def _point(record: Record, view: View) -> str:
    given = list(record.point.items())
    if any(isinstance(value, Formula) for _, value in given):
        return escape(view.text("   ".join(f"{name}: {value.text}" for name, value in given)))
    pairs = [
        f"{escape(view.text(name))} = {bound(value, view, f'v{record.graph.inputs[name]}')}"
        for name, value in given[:_MOST_NAMED]
    ]
    return f"at {', '.join(pairs)}{', …' * (len(given) > _MOST_NAMED)}" if pairs else ""
