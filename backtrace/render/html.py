"""a page: the picture, forward and backward step by step, in one file that loads nothing"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import escape

from backtrace.formula.printer import expressions
from backtrace.graph.record import Record
from backtrace.language import SOURCE, current, marked, tell
from backtrace.numbers import Formula, json_text
from backtrace.render._ascii import in_json, in_markup
from backtrace.render._bound import bound
from backtrace.render._drawings import drawings
from backtrace.render._live import fields, live_data, practice, what_if
from backtrace.render._page import asset, document, packed, scrolling
from backtrace.render._page_tables import findings, gate_table
from backtrace.render._program import StillError, program, source
from backtrace.render._steps import Steps
from backtrace.render._view import View
from backtrace.render._words import title_of

SUFFIX = ".html"
IN_ASCII = in_markup

_MOST_NAMED = 60
_KEYS = marked(
    "<kbd>←</kbd> <kbd>→</kbd> step · <kbd>space</kbd> play · <kbd>Home</kbd> <kbd>End</kbd> · "
    "point at a gate, or <kbd>Tab</kbd> to it, to see upstream × local = downstream"
)
_ASSETS = ("page.js", "live.js", "practice.js")
_TOLD = re.compile(r'\b(?:tell|marked)\(\s*"((?:[^"\\]|\\.)*)"')


def render(record: Record, view: View) -> str:
    has_steps = record.has_point and record.graph.gate_count > 0
    written, still = _program(record) if has_steps else ("", "")
    shown = drawings(record, view, bool(written))
    steps = Steps(record, view, shown.name)
    title = title_of(record, view)
    texts = expressions(record.graph, 30)
    data = steps.data(bool(written)) | {"drawings": shown.told, "others": shown.others}
    if written:
        data |= live_data(record, view, texts)
    if current() != SOURCE:
        data["sentences"] = _sentences()
    kept = json_text(data).replace("<", "\\u003c")
    if view.ascii:
        kept = in_json(kept)  # no entity is read in a script
    graph = tell("the graph")
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="at">{_point(record, view)}</p>',
        f'<div class="card" tabindex="0" role="region" aria-label="{graph}">\n{shown.markup}</div>',
        _controls() * has_steps,
        f'<ol class="steps" aria-live="polite">\n{"".join(steps.items())}</ol>' * has_steps,
        f'<p class="keys">{tell(_KEYS)}</p>' * has_steps,
        f'<p class="note">{escape(still)}</p>' * bool(still),
        *(fields(record, view) if written else ()),
        what_if() if written else "",
        practice(record) if written else "",
        _every_gate(record, view) if has_steps else "",
        *findings(record, view),
        f'<script type="application/json" id="data">{kept}</script>' * has_steps,
    ]
    script = "".join(_scripts(written)) if has_steps else ""
    return document(title, body, in_json(script) if view.ascii else script)


def _program(record: Record) -> tuple[str, str]:
    """The trace as JavaScript, or why the page stands still."""
    try:
        return source(program(record), record), ""
    except StillError as why:
        if not str(why):
            return "", ""
        return "", tell("The numbers stand still: {why}.", why=why)


def _controls() -> str:
    back, play, on, step = tell("step back"), tell("play"), tell("step on"), tell("step")
    return f"""<div class="controls">
<button id="back" aria-label="{back}">←</button>
<button id="play" aria-label="{play}">▶</button>
<button id="next" aria-label="{on}">→</button>
<input type="range" id="at" min="0" value="0" aria-label="{step}">
<output id="where" for="at"></output>
</div>"""


def _every_gate(record: Record, view: View) -> str:
    inside = scrolling(gate_table(record, view), tell("every gate"))
    title = tell("Every gate")
    return f"<h2>{title}</h2>\n{inside}"


def _sentences() -> dict[str, str]:
    """What the script says, in the current language."""
    found = [json.loads(f'"{text}"') for name in _ASSETS for text in _TOLD.findall(asset(name))]
    return {text: tell(text) for text in found}


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
    shown = f"{', '.join(pairs)}{', …' * (len(given) > _MOST_NAMED)}"
    return tell("at {point}", point=shown) if pairs else ""
