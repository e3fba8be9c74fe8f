"""A trace in formulas of arrays as text, JSON, Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from backtrace.algebra.matrices.latex import Latex
from backtrace.formula.letters import InLetters, Witnessed
from backtrace.formula.printer import expressions, label
from backtrace.graph import Constant
from backtrace.language import tell
from backtrace.numbers import json_text
from backtrace.render._latex import symbol
from backtrace.render._lettered_sections import NOTHING, Beside
from backtrace.render._rules import rule_in_names
from backtrace.render._terminal import paint
from backtrace.render._view import View
from backtrace.render.markdown import escaped

SCHEMA = "backtrace.letters/1"
_MARKS = {"agree": "✓ ", "disagree": "✗ "}


Verdicts = Mapping[str, Witnessed]


def text(found: InLetters, verdicts: Verdicts, view: View, beside: Beside = NOTHING) -> str:
    """Gate by gate, then every gradient with its verdict; then what else is asked for."""
    lines: list[Text] = [
        Text(view.text(found.letters.told(found.graph.text))),
        _declared(found, view),
        Text(),
    ]
    for index, _, _ in found.graph.gates():
        lines += _gate(found, index, view)
    lines.append(Text())
    for name in found.gradients:
        lines.append(_gradient(found, verdicts, name, view))
        reason = verdicts[name].reason if name in verdicts else ""
        if reason:
            lines.append(Text(f"  {view.text(reason)}", style="note"))
    lines += [Text(view.text(f"where {words}"), style="note") for words in found.conditions]
    for title, inner in beside.sections:
        lines += [Text(), Text(view.text(title), style="heading")]
        lines += [Text(view.text(line)) for line in inner]
    return paint(view, *lines)


def _declared(found: InLetters, view: View) -> Text:
    shown = [f"{n}: {', '.join(dims) or 'a number'}" for n, dims in found.shapes.items()]
    return Text(view.text("   ".join(shown)), style="quiet")


def _shape(found: InLetters, shape: tuple[int, ...]) -> str:
    return f" ({found.letters.shape(shape)})" if shape else ""


def _gate(found: InLetters, index: int, view: View) -> Iterator[Text]:
    """What a gate computes, what arrives there, and what it hands on to each input."""
    node = found.graph.nodes[index]
    assert node.gate is not None
    shown = found.letters.told(expressions(found.graph)[index])
    stage = f"{node.name} = " if node.name else ""
    shape = _shape(found, found.values[index].shape)
    yield Text(
        view.text(f"#{index} {found.letters.told(label(node))}: {stage}{shown}{shape}"),
        style="name",
    )
    if index != found.graph.output:
        yield Text(view.text(tell("  upstream {beside}", beside=found.arriving(index))))
    for k, down in zip(_arrays(node.operands), found.downstreams[index], strict=True):
        source = node.operands[k]
        assert isinstance(source, int)
        name = found.graph.nodes[source].name or f"#{source}"
        rule = (
            found.letters.told(rule_in_names(found.graph, index, k))
            if node.gate.pullback is not None
            else ""
        )
        rule = f"{rule} = " if rule else ""
        line = Text(
            view.text(tell("  to {name}: {product}", name=name, product=rule)), style="quiet"
        )
        yield line.append(view.text(found.text(down)), style="gradient")


def _arrays(operands: tuple[Any, ...]) -> list[int]:
    return [k for k, operand in enumerate(operands) if not isinstance(operand, Constant)]


def _gradient(found: InLetters, verdicts: Mapping[str, Witnessed], name: str, view: View) -> Text:
    shape = _shape(found, found.upstreams[found.graph.inputs[name]].shape)
    text = Text(view.text(f"∂{found.graph.output_name}/∂{name}{shape} = "))
    text.append(view.text(found.gradients[name]), style="gradient")
    verdict = verdicts[name].verdict if name in verdicts else ""
    if verdict:
        mark = "" if view.ascii else _MARKS.get(verdict, "· ")
        text.append(
            f"   {mark}{tell(verdict)}", style="agree" if verdict == "agree" else "disagree"
        )
    return text


def as_object(found: InLetters, verdicts: Mapping[str, Witnessed]) -> dict[str, Any]:
    """As plain data: formulas as text in our own grammar."""
    graph = found.graph
    gates = []
    for index, node, gate in graph.gates():
        inputs = [o for o in node.operands if isinstance(o, int)]
        gates.append(
            {
                "id": index,
                "gate": gate.name,
                "name": node.name or None,
                "value": found.text(found.written[index]),
                "shape": [found.letters.length(n) for n in found.values[index].shape],
                "upstream": found.text(found.upstreams[index]),
                "inputs": [
                    {"node": source, "downstream": found.text(down)}
                    for source, down in zip(inputs, found.downstreams[index], strict=True)
                ],
            }
        )
    return {
        "schema": SCHEMA,
        "formula": found.formula,
        "shapes": {name: list(dims) for name, dims in found.shapes.items()},
        "stages": found.stages,
        "gates": gates,
        "simplified": found.gradients,
        "conditions": list(found.conditions),
        "verdicts": {name: v.verdict for name, v in verdicts.items()},
    }


def as_json(found: InLetters, verdicts: Verdicts, _: View, beside: Beside = NOTHING) -> str:
    return json_text({**as_object(found, verdicts), **beside.objects}, indent=2) + "\n"


def markdown(found: InLetters, verdicts: Verdicts, view: View, beside: Beside = NOTHING) -> str:
    """A table of the gradients."""
    number, heads = tell("number"), (tell("shape"), tell("gradient"))
    rows = [f"| | {heads[0]} | {heads[1]} | |", "|---|---|---|---|"]
    for index, long in found.long.items():
        name, shape = found.text(found.upstreams[index]), found.letters.shape(long.shape)
        rows.append(f"| {name} | {shape or number} | `{found.text(long)}` | |")
    for name, gradient in found.gradients.items():
        shape = found.letters.shape(found.upstreams[found.graph.inputs[name]].shape) or number
        verdict = verdicts[name].verdict if name in verdicts else ""
        cells = (f"∂{found.graph.output_name}/∂{name}", shape, f"`{gradient}`", tell(verdict))
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    for words in found.conditions:
        rows += ["", tell("where {words}", words=escaped(words))]
    for title, inner in beside.sections:
        rows += ["", f"### {escaped(title)}", ""]
        rows += [f"{'  ' * line.startswith('  ')}- {escaped(line.strip())}" for line in inner]
    return "\n".join(map(view.text, rows)) + "\n"


def latex(found: InLetters, verdicts: Verdicts, _: View, __: Beside = NOTHING) -> str:
    """The gradients as equations of amsmath's align*; what disagrees is left out."""
    spelled = Latex(found.letters, symbol)
    output = symbol(found.graph.output_name)
    rows = []
    for stage, node in found.graph.stages.items():
        if node != found.graph.output:
            rows.append(f"{symbol(stage)} &= {spelled.text(found.written[node])}")
    for index, long in found.long.items():
        rows.append(f"{spelled.text(found.upstreams[index])} &= {spelled.text(long)}")
    for name in found.gradients:
        if name in verdicts and verdicts[name].verdict == "disagree":
            continue
        gradient = spelled.text(found.upstreams[found.graph.inputs[name]])
        rows.append(rf"\frac{{\partial {output}}}{{\partial {symbol(name)}}} &= {gradient}")
    rows += [
        rf"&\text{{where no entry of }} {spelled.text(a)} \text{{ is 0}}" for a in found.not_zero
    ]
    lines = " \\\\\n".join(rows)
    return f"\\begin{{align*}}\n{lines}\n\\end{{align*}}\n"
