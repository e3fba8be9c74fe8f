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
from backtrace.language import tell
from backtrace.numbers import json_text, plain
from backtrace.render._explain import gate_sentence, slope_formula, spoken_names
from backtrace.render._program import MOST_ENTRIES
from backtrace.render._rules import rule_with_shapes
from backtrace.render._steps import times
from backtrace.render._view import View

_MOST_FIELDS = 400
_AROUND = 3.0


def live_data(record: Record, view: View, texts: list[str]) -> dict[str, Any]:
    """What the script says of the numbers that it finds: by gate what is said at its kink, and
    where it is defined."""
    kinks, domains, rules, ways = {}, {}, {}, {}
    says: dict[str, int] = {}
    at_kinks: dict[str, int] = {}
    spoken = spoken_names(record.graph, texts)
    for index, node, gate in record.graph.gates():
        name = view.text(f"#{index} {label(node)}")
        if gate.kink is not None:
            told = tell(
                "{name} is at a kink: {says} ({convention} convention)",
                name="{name}",
                says=tell(gate.kink.says),
                convention=record.granularity.kink,
            )
            kinks[index] = at_kinks.setdefault(view.text(told), len(at_kinks))
        domains[index] = name
        if gate.domain is not EVERYWHERE:
            says_domain = tell(gate.domain.says)
            told = tell("{gate}; it is defined for {domain}", gate=name, domain=says_domain)
            domains[index] = view.text(told)
        rule = view.text(gate_sentence(node))
        rules[index] = says.setdefault(rule, len(says))
        ways[index] = [view.text(_rule(record, edge, spoken)) for edge in record.edges_of(index)]
    names = [view.text(name) for name in spoken]
    names[record.graph.output] = view.text(record.graph.output_name)
    computes = [
        view.text(text.removeprefix(f"{node.name} = "))
        for node, text in zip(record.graph.nodes, short_expressions(record.graph, 0), strict=True)
    ]
    more: dict[str, Any] = {"rules": rules, "says": list(says), "ways": ways, "computes": computes}
    more["at_kinks"] = list(at_kinks)
    return {"kinks": kinks, "domains": domains, "names": names, "digits": view.digits} | more


def _rule(record: Record, edge: Edge, names: list[str]) -> str:
    """The local gradient as a formula; where no Jacobian is formed, what the gate hands back."""
    if edge.local is None:
        return times(rule_with_shapes(record, edge))
    return slope_formula(record.graph.nodes[edge.gate], edge.gate, edge.operand, names)


def fields(record: Record, view: View) -> Iterator[str]:
    """A field for every number of the point, with a slider; arrays of up to MOST_ENTRIES entries
    have one for each, and the slider goes with the one that is being changed. (That of a number is
    made by the script: nobody sees it without.)"""
    title = tell("Change a number")
    yield f'<section class="change" aria-labelledby="change">\n<h2 id="change">{title}</h2>'
    count = 0
    classes = record.asked.practice.skip if record.asked.practice else ()
    for name, index in record.graph.inputs.items():
        value = record.values[index]
        count += max(1, size_of(value))
        shown = escape(view.text(name), quote=True)
        if size_of(value) > MOST_ENTRIES or count > _MOST_FIELDS:
            words = tell(
                "{name} has {n:,} entries: too many to be changed here",
                name=shown,
                n=max(1, size_of(value)),
            )
            yield f'<p class="note">{words}</p>'
        elif shape_of(value):
            yield _grid(name, value, shown, index in classes)
        else:
            yield f"<div class=field>{_field(name, value, shown)}</div>"
    reset = tell("Reset")
    yield (
        f'<p class="buttons"><button id="reset" type="button" disabled>{reset}</button> '
        '<output id="told"></output></p>\n<div id="remarks" role="status"></div>\n</section>'
    )


def what_if() -> str:
    """One value moved a little: what the gradient foretells beside what comes of it."""
    what, how_much = tell("what grows"), tell("by how much")
    which = f'<select id="which" aria-label="{what}"></select>'
    by = f'<input id="by" type="number" step="any" value="0.01" aria-label="{how_much}">'
    asked = tell(
        "What if {which} grows by {by}? (A press on a wire chooses it.)", which=which, by=by
    )
    title = tell("What if")
    return (
        '<section class="change" aria-labelledby="what-if">\n'
        f'<h2 id="what-if">{title}</h2>\n<p>{asked}</p>\n'
        '<p id="then" role="status"></p>\n</section>'
    )


def practice(record: Record) -> str:
    """The numbers of a pass hidden, and asked for one by one: `practice.js` fills it in."""
    points = record.asked.practice.points if record.asked.practice else ()
    others, these = tell("other numbers"), tell("these numbers")
    options = [
        f'<option value="{k}">{others}{f" ({k})" * (len(points) > 2)}</option>'
        for k in range(1, len(points))
    ]
    kinds = "".join(
        f'<option value="{kind}">{words}</option>'
        for kind, words in (
            ("u", tell("the gradients")),
            ("v", tell("the values")),
            ("vu", tell("both")),
        )
    )
    numbers = f'<option value="0">{these}</option>{"".join(options)}'
    about, where = tell("what is asked for"), tell("at which numbers")
    what = f'<select id="kind" aria-label="{about}">{kinds}</select>'
    at = f'<select id="numbers" aria-label="{where}">{numbers}</select>'
    chosen = tell("Find {what} at {numbers}", what=what, numbers=at)
    buttons = (
        ("judge", tell("Answer")),
        ("hint", tell("Hint")),
        ("skip", tell("Skip")),
        ("leave", tell("End")),
    )
    pressed = " ".join(f'<button id="{i}" type="button">{text}</button>' for i, text in buttons)
    title, begin, own = tell("Practise"), tell("Begin"), tell("your number")
    return f"""<section class="change practice" aria-labelledby="practise">
<h2 id="practise">{title}</h2>
<p id="choosing">{chosen} <button id="begin" type="button">{begin}</button></p>
<div id="task" hidden>
<p id="question"></p>
<p class="buttons"><input id="answer" type="text" autocomplete="off"
aria-label="{own}"> {pressed}</p>
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
        f'{label_}<input type=number step={_step(value)} value="{written}" '
        f'data-input="{escape(name, quote=True)}"{which}></label>'
    )


def _slider(value: Value, shown: str, name: str) -> str:
    reach = max(_AROUND, 2 * abs(value)) if math.isfinite(value) else _AROUND
    reach = min(reach, 1e300)
    told = tell("slider of {name}", name=shown)
    return (
        f'<input type="range" min="{-reach:g}" max="{reach:g}" step="any" value="{float(value)!r}" '
        f'data-slider="{escape(name, quote=True)}" aria-label="{told}">'
    )


def _step(value: float) -> str:
    """A step that is seen: of a tenth, or a tenth of the number's own size."""
    if not math.isfinite(value) or not value or 0.5 <= abs(value) < 1000:
        return "0.1" if value != int(value or 0) or abs(value) < 10 else "1"
    return f"{10.0 ** (math.floor(math.log10(abs(value))) - 1):g}"
