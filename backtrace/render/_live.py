"""What makes a page live: fields for the inputs, and what is said of kinks and of what is not
finite, wherever the numbers are moved to."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from typing import Any

from backtrace.algebra.values import Value, shape_of, size_of
from backtrace.formula.printer import label, short_expressions
from backtrace.gates.gate import EVERYWHERE
from backtrace.graph.record import Edge, Record
from backtrace.numbers import json_text, plain
from backtrace.render._explain import gate_sentence, slope_formula, spoken_names
from backtrace.render._program import MOST_ENTRIES
from backtrace.render._rules import rule_with_shapes
from backtrace.render._steps import times
from backtrace.render._view import View

_MOST_FIELDS = 400
_MOST_CHOICES = 300
_AROUND = 3.0


def live_data(record: Record, view: View, texts: list[str]) -> dict[str, Any]:
    """What the script says of the numbers that it finds: by gate what is said at its kink, and
    where it is defined."""
    kinks, domains, rules, ways = {}, {}, {}, {}
    says: dict[str, int] = {}
    spoken = spoken_names(record.graph, texts)
    for index, node, gate in record.graph.gates():
        name = view.text(f"#{index} {label(node)}")
        if gate.kink is not None:
            convention = record.granularity.kink
            kinks[index] = view.text(
                f"{name} is at a kink: {gate.kink.says} ({convention} convention)"
            )
        told = f"; it is defined for {gate.domain.says}" if gate.domain is not EVERYWHERE else ""
        domains[index] = view.text(f"{name}{told}")
        rule = view.text(gate_sentence(node))
        rules[index] = says.setdefault(rule, len(says))
        ways[index] = [view.text(_rule(record, edge, spoken)) for edge in record.edges_of(index)]
    names = [view.text(name) for name in spoken]
    names[record.graph.output] = view.text(record.graph.output_name)
    computes = [
        view.text(text.removeprefix(f"{node.name} = "))
        for node, text in zip(record.graph.nodes, short_expressions(record.graph, 0), strict=True)
    ]
    more = {"rules": rules, "says": list(says), "ways": ways, "computes": computes}
    return {"kinks": kinks, "domains": domains, "names": names, "digits": view.digits} | more


def _rule(record: Record, edge: Edge, names: list[str]) -> str:
    """The local gradient as a formula; where no Jacobian is formed, what the gate hands back."""
    if edge.local is None:
        return times(rule_with_shapes(record, edge))
    return slope_formula(record.graph.nodes[edge.gate], edge.gate, edge.operand, names)


def fields(record: Record, view: View) -> Iterator[str]:
    """A field for every number of the point, with a slider; arrays of up to MOST_ENTRIES entries
    have one for each, and the slider goes with the one that is being changed."""
    yield '<section class="change" aria-labelledby="change">\n<h2 id="change">Change a number</h2>'
    count = 0
    classes = record.asked.practice.skip if record.asked.practice else ()
    for name, index in record.graph.inputs.items():
        value = record.values[index]
        count += max(1, size_of(value))
        shown = escape(view.text(name), quote=True)
        if size_of(value) > MOST_ENTRIES or count > _MOST_FIELDS:
            words = f"{shown} has {size_of(value):,} entries" if shape_of(value) else shown
            yield f'<p class="note">{words}: too many to be changed here</p>'
        elif shape_of(value):
            yield _grid(name, value, shown, index in classes)
        else:
            both = _field(name, value, shown) + _slider(value, shown, name)
            yield f'<div class="field">{both}</div>'
    yield (
        '<p class="buttons"><button id="reset" type="button" disabled>Reset</button> '
        '<output id="told"></output></p>\n<div id="remarks" role="status"></div>\n</section>'
    )


def what_if(record: Record, view: View, texts: list[str]) -> str:
    """One value moved a little: what the gradient foretells beside what comes of it."""
    graph = record.graph
    names = spoken_names(graph, texts)
    nodes = [k for k, node in enumerate(graph.nodes) if node.is_input or node.gate is not None]
    options = []
    for index in nodes[:_MOST_CHOICES]:
        text = names[index] if names[index] == texts[index] else f"{names[index]}: {texts[index]}"
        options.append(f'<option value="{index}">{escape(view.text(text))}</option>')
    return (
        '<section class="change" aria-labelledby="what-if">\n<h2 id="what-if">What if</h2>\n'
        f'<p><label>What if <select id="which">{"".join(options)}</select></label> '
        '<label>grows by <input id="by" type="number" step="any" value="0.01"></label>? '
        "(A press on a wire chooses it.)</p>\n"
        '<p id="then" role="status"></p>\n</section>'
    )


def practice(record: Record) -> str:
    """The numbers of a pass hidden, and asked for one by one: `practice.js` fills it in."""
    points = record.asked.practice.points if record.asked.practice else ()
    options = [
        f'<option value="{k}">other numbers{f" ({k})" if len(points) > 2 else ""}</option>'
        for k in range(1, len(points))
    ]
    return f"""<section class="change practice" aria-labelledby="practise">
<h2 id="practise">Practise</h2>
<p id="choosing"><label>Find <select id="kind"><option value="u">the gradients</option>
<option value="v">the values</option><option value="vu">both</option></select></label>
<label>at <select id="numbers"><option value="0">these numbers</option>{"".join(options)}</select>
</label>
<button id="begin" type="button">Begin</button></p>
<div id="task" hidden>
<p id="question"></p>
<p class="buttons"><input id="answer" type="text" autocomplete="off" aria-label="your number">
<button id="judge" type="button">Answer</button> <button id="hint" type="button">Hint</button>
<button id="skip" type="button">Skip</button> <button id="leave" type="button">End</button></p>
</div>
<div id="verdict" role="status"></div>
</section>"""


def _grid(name: str, value: Any, shown: str, is_whole: bool) -> str:
    """The entries of an array, in its rows."""
    rows = value.reshape(-1, value.shape[-1])
    cells = []
    for k, row in enumerate(rows.tolist()):
        first = k * len(row)
        entries = [
            _field(name, entry, f"{shown}[{_place(first + j, value.shape)}]", first + j)
            for j, entry in enumerate(row)
        ]
        cells.append(f'<div class="row">{"".join(entries)}</div>')
    slider = _slider(float(value.flat[0]), shown, name)
    if is_whole:  # classes: what is between two means nothing
        slider = slider.replace('step="any"', 'step="1"')
    return (
        f'<div class="field" role="group" aria-label="{shown}"><span>{shown}</span>'
        f'<div class="entries">{"".join(cells)}</div>{slider}</div>'
    )


def _place(number: int, shape: tuple[int, ...]) -> str:
    places = []
    for length in reversed(shape):
        number, rest = divmod(number, length)
        places.append(str(rest))
    return ",".join(reversed(places))


def _field(name: str, value: float, shown: str, entry: int | None = None) -> str:
    which = "" if entry is None else f' data-entry="{entry}"'
    label_ = f"<label>{shown} " if entry is None else f'<label><span class="unseen">{shown}</span>'
    written = json_text(plain(float(value))).strip('"')
    return (
        f'{label_}<input type="number" step="{_step(value)}" value="{written}" '
        f'data-input="{escape(name, quote=True)}"{which} autocomplete="off"></label>'
    )


def _slider(value: Value, shown: str, name: str) -> str:
    reach = max(_AROUND, 2 * abs(value)) if math.isfinite(value) else _AROUND
    reach = min(reach, 1e300)
    return (
        f'<input type="range" min="{-reach:g}" max="{reach:g}" step="any" value="{float(value)!r}" '
        f'data-slider="{escape(name, quote=True)}" aria-label="slider of {shown}">'
    )


def _step(value: float) -> str:
    """A step that is seen: of a tenth, or a tenth of the number's own size."""
    if not math.isfinite(value) or not value or 0.5 <= abs(value) < 1000:
        return "0.1" if value != int(value or 0) or abs(value) < 10 else "1"
    return f"{10.0 ** (math.floor(math.log10(abs(value))) - 1):g}"
