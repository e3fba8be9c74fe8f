"""Hints in three degrees: the rule in words, the rule with the numbers in it, the arithmetic
without its result; and the arithmetic with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from backtrace.algebra.values import shape_of
from backtrace.formula.parser import parse
from backtrace.formula.printer import filled_in, in_operands, spell_constant
from backtrace.gates import Gate
from backtrace.graph import Constant, Node
from backtrace.graph.record import Edge, Record
from backtrace.homework.practice.asks import Ask, answer_name, gate_words, short_name, step_texts
from backtrace.language import tell
from backtrace.render import View
from backtrace.render._explain import local_formula, rule_sentence
from backtrace.render._rules import (
    local_text,
    repeated,
    rule_of,
    rule_with_shapes,
    summed,
    where,
)

WORDS, NUMBERS, ARITHMETIC = DEGREES = (1, 2, 3)


def hint(record: Record, view: View, ask: Ask, degree: int) -> list[str]:
    """What is said of an ask, a line each; `record` has the numbers before it."""
    view = view._replace(full=True)
    if ask.is_gradient:
        return list(_of_gradient(record, view, ask.node, degree))
    return list(_of_value(record, view, ask.node, degree))


def arithmetic(record: Record, view: View, ask: Ask, number: Any) -> list[str]:
    """How the number comes about, with it."""
    view = view._replace(full=True)
    shown = view.value(number)
    if not ask.is_gradient:
        how = _worked(record, view, ask.node)
        return [f"{ask.name} = {how} = {shown}" if how else f"{ask.name} = {shown}"]
    ways = list(_ways(record, view, ask.node))
    if len(ways) == 1:
        between = ":" if record.edge(*record.graph.consumers[ask.node][0]).local is None else " ="
        return [f"{ask.name} = {ways[0][1]}{between} {shown}"]
    lines = [
        tell("from {name}: {how} = {back}", name=name, how=how, back=view.value(back))
        for name, how, back in ways
    ]
    total = " + ".join(view.value(back) for _, _, back in ways[:12])
    more = tell(" + {count} more", count=len(ways) - 12) * (len(ways) > 12)
    return [*lines, f"{ask.name} = {total}{more} = {shown}"]


def known_numbers(record: Record, view: View, ask: Ask) -> list[str]:
    """The numbers that an ask is worked out from, as far as they are no constants: operands, and of
    a gradient what arrives at the gates that the node goes into."""
    view = view._replace(full=True)
    graph = record.graph
    if not ask.is_gradient:
        return _worth(record, view, graph.inputs_of[ask.node])
    said: list[str] = []
    for gate in dict.fromkeys(gate for gate, _ in graph.consumers[ask.node]):
        name = answer_name(graph, gate, True)
        said.append(f"{name} = {view.value(record.upstreams[gate])}")
        said += _worth(record, view, graph.inputs_of[gate])
    return list(dict.fromkeys(said))


def _of_value(record: Record, view: View, index: int, degree: int) -> Iterator[str]:
    node = record.graph.nodes[index]
    gate = node.gate
    assert gate is not None
    if degree == WORDS:
        yield tell("{gate} is {meaning}", gate=gate.word, meaning=_meaning(gate))
    elif degree == NUMBERS:
        yield f"{step_texts(record.graph)[index]}{_with(record, view, node)}"
        if shape := shape_of(record.values[index]):
            yield tell("its shape is {shape}", shape="x".join(map(str, shape)))
    else:
        how = _worked(record, view, index)
        yield how or f"{step_texts(record.graph)[index]}{_with(record, view, node)}"


def _meaning(gate: Gate) -> str:
    """What a gate is, in words; of one made of others, of what."""
    formula = f"{gate.written} = {gate.formula}"
    if gate.is_own:
        return tell("a gate of the formula's own, {formula}", formula=formula)
    return f"{tell(gate.summary)}; {formula}" if gate.is_composite else tell(gate.summary)


def _with(record: Record, view: View, node: Node) -> str:
    """`, where q = 3, z = -4`: the operands that are no constants."""
    said = _worth(record, view, node.inputs)
    return tell(", where {numbers}", numbers=", ".join(said)) if said else ""


def _worked(record: Record, view: View, index: int) -> str:
    """The gate on its operands' numbers, opened where it is made of others: 3*(-4)."""
    node = record.graph.nodes[index]
    gate = node.gate
    assert gate is not None
    values = record.values
    is_array = any(shape_of(values[source]) for source in node.inputs)
    if not is_array and (gate.is_own or gate.is_composite) and not gate.fixed and not gate.variadic:
        inner = gate.inner if gate.is_own else parse(gate.formula)
        texts = [_number(o, view, values) for o in node.operands]
        numbers = dict(zip(gate.parameters, texts, strict=False))
        if set(inner.inputs) <= numbers.keys():
            return filled_in(inner, numbers)
    return in_operands(node, [view.value(values[source]) for source in node.inputs])


def _number(operand: int | Constant, view: View, values: Sequence[Any]) -> str:
    """An operand as a number; a constant that is computed in brackets."""
    if isinstance(operand, int):
        return view.value(values[operand])
    text = spell_constant(operand).text
    return f"({text})" if operand.nodes else text


def _of_gradient(record: Record, view: View, index: int, degree: int) -> Iterator[str]:
    graph = record.graph
    uses = graph.consumers[index]
    if degree == WORDS:
        if len(uses) > 1:
            times = tell("twice") if len(uses) == 2 else tell("{n} times", n=len(uses))
            yield tell("it is used {times}, and gradients add where a value branches", times=times)
        yield from dict.fromkeys(_rule_in_words(record, gate) for gate, _ in uses)
        return
    for gate, slot in uses:
        edge = record.edge(gate, slot)
        if degree == NUMBERS:
            yield tell(
                "from {gate_words}: {rule_with_numbers}",
                gate_words=gate_words(graph, gate),
                rule_with_numbers=_rule_with_numbers(record, view, edge),
            )
    if degree == ARITHMETIC:
        ways = [how for _, how, _ in _ways(record, view, index)]
        yield " + ".join(f"({how})" if len(ways) > 1 else how for how in ways)


def _rule_in_words(record: Record, gate: int) -> str:
    said = rule_sentence(record, gate)
    name = gate_words(record.graph, gate)
    return f"{name}: {said[0].lower()}{said[1:]}" if said.startswith("It ") else f"{name}: {said}"


def _rule_with_numbers(record: Record, view: View, edge: Edge) -> str:
    """The rule, and what its names are worth."""
    node = record.graph.nodes[edge.gate]
    gate = node.gate
    assert gate is not None
    if edge.local is None:
        return ", ".join([rule_with_shapes(record, edge), *_rule_terms(record, view, edge)])
    names = [short_name(record.graph, k) for k in range(len(record.graph.nodes))]
    formula = local_formula(record, node, edge, names)
    upstream = tell(
        "upstream × local, where upstream = {upstream}", upstream=view.value(edge.upstream)
    )
    if not formula:
        rule = f"{gate.written} = {gate.formula}, " if gate.is_own or gate.is_composite else ""
        return f"{upstream}; {rule}{', '.join(_worth(record, view, node.inputs))}"
    used = set(re.findall(r"#?\w+", formula))
    known = [k for k in (*node.inputs, edge.gate) if names[k] in used]
    said = [
        tell("{upstream}, local = {bare}", upstream=upstream, bare=_bare(formula)),
        *_worth(record, view, known),
    ]
    if over := repeated(record, edge):
        said.append(over)
    return ", ".join(said)


def _bare(formula: str) -> str:
    """Without brackets around the whole."""
    depth = 0
    for place, character in enumerate(formula):
        depth += (character == "(") - (character == ")")
        if depth == 0 and place < len(formula) - 1:
            return formula
    return formula[1:-1] if formula.startswith("(") else formula


def _worth(record: Record, view: View, nodes: Sequence[int]) -> list[str]:
    """q = 3, of each."""
    return [
        f"{short_name(record.graph, k)} = {view.value(record.values[k])}"
        for k in dict.fromkeys(nodes)
    ]


def _rule_terms(record: Record, view: View, edge: Edge) -> list[str]:
    """What the names in a pullback's words are worth: the upstream, operands, `p = softmax(s)`."""
    node = record.graph.nodes[edge.gate]
    rule = rule_of(record, edge)
    nodes = [
        k
        for k in (*node.inputs, edge.gate)
        if re.search(rf"(?<![\w#]){re.escape(short_name(record.graph, k))}(?!\w)", rule)
    ]
    said = [
        tell("with upstream = {upstream}", upstream=view.value(edge.upstream)),
        *_worth(record, view, nodes),
    ]
    if terms := where(record, edge, view):
        said.append(terms)
    return said


def _ways(record: Record, view: View, index: int) -> Iterator[tuple[str, str, Any]]:
    """Of every way back to a node: the gate, how its part comes about, and that part."""
    for gate, slot in record.graph.consumers[index]:
        edge = record.edge(gate, slot)
        yield gate_words(record.graph, gate), _product(record, view, edge), edge.downstream


def _product(record: Record, view: View, edge: Edge) -> str:
    """-4 × 1; of a gate whose Jacobian is not formed its rule, on its numbers."""
    if edge.local is not None:
        over = summed(record, edge)
        upstream = view.value(edge.upstream)
        return f"{upstream} × {local_text(edge, view)}" + f", {over}" * bool(over)
    return ", ".join([rule_of(record, edge), *_rule_terms(record, view, edge)])
