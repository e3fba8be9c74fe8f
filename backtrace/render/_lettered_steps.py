"""The backward pass in words, in formulas of arrays: what every gate hands back, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backtrace.formula.letters import InLetters
from backtrace.formula.printer import expressions, label
from backtrace.language import tell
from backtrace.render._explain import LONGEST, gate_sentence, slope_formula, spoken_names
from backtrace.render._rules import rule_in_names

_MOST_GATES = 60


def lettered_steps(found: InLetters) -> Iterator[str]:
    """The lines of the explanation, plain text; a line that begins with spaces belongs to the gate
    above it."""
    graph = found.graph
    output = graph.output_name
    if not graph.gate_count:
        yield tell("There is no gate to go back through.")
        return
    yield tell(
        "We go back from the output. {output} changes as {output} does: its gradient is 1.",
        output=output,
    )
    names = spoken_names(graph, expressions(graph, LONGEST))
    needed = graph.ancestors(graph.output)
    gates = [index for index, _, _ in graph.gates() if index in needed]
    said: set[str] = set()
    arrived = dict.fromkeys(range(len(graph.nodes)), 0)
    for index in sorted(gates, reverse=True)[:_MOST_GATES]:
        yield from _gate(found, index, names, said)
        for source in graph.inputs_of[index]:
            arrived[source] += 1
            uses = [use for use, _ in graph.consumers[source] if use in needed]
            if len(uses) > 1 and arrived[source] == len(uses):
                yield from _fork(found, source, names)
    if len(gates) > _MOST_GATES:
        yield tell(
            "... and {count:,} gates before these, in the same way.", count=len(gates) - _MOST_GATES
        )


def _gate(found: InLetters, index: int, names: list[str], said: set[str]) -> Iterator[str]:
    graph, node = found.graph, found.graph.nodes[index]
    told = found.letters.told
    stage = f"{node.name} = " if node.name else ""
    shape = found.letters.shape(found.values[index].shape)
    has = tell(" has shape ({shape})", shape=shape) if shape else tell(" is a number")
    text = told(expressions(graph, LONGEST)[index])
    yield f"#{index} {told(label(node))}: {stage}{text}{has}."
    if (sentence := gate_sentence(node)) not in said:
        said.add(sentence)
        yield f"  {sentence}"
    if index != graph.output:
        yield tell("  upstream = {arriving}", arriving=found.arriving(index))
    for slot, source in enumerate(node.inputs):
        down = found.text(found.downstreams[index][slot])
        yield tell(
            "  to {name}: {told} = {down}",
            name=names[source],
            told=told(_rule(found, index, slot, names)),
            down=down,
        )
        if words := _repeated(found, index, source):
            yield tell(
                "  {name} was repeated {words} times, and gradients add",
                name=names[source],
                words=words,
            )


def _rule(found: InLetters, index: int, slot: int, names: list[str]) -> str:
    """What is done with the upstream gradient, in the operands' names; where a gate chooses, by the
    formula of what it chooses by."""
    node = found.graph.nodes[index]
    gate = node.gate
    assert gate is not None
    if gate.pullback is not None:
        operand = [k for k, o in enumerate(node.operands) if isinstance(o, int)][slot]
        return rule_in_names(found.graph, index, operand)
    slope = slope_formula(node, index, slot, names) or found.slope(index, slot)
    if " " in slope and not re.fullmatch(r"\w*\(.*\)", slope):
        slope = f"({slope})"
    return {"1": "upstream", "-1": "-upstream"}.get(slope, f"upstream * {slope}")


def _repeated(found: InLetters, index: int, source: int) -> str:
    """The lengths that an operand of an elementwise gate was repeated over; "" where it was not."""
    gate = found.graph.nodes[index].gate
    if gate is None or gate.pullback is not None:
        return ""
    whole, own = found.values[index].shape, found.values[source].shape
    padded = (1,) * (len(whole) - len(own)) + own
    lengths = [found.letters.length(a) for a, b in zip(whole, padded, strict=True) if a != b]
    return " x ".join(lengths)


def _fork(found: InLetters, index: int, names: list[str]) -> Iterator[str]:
    graph = found.graph
    terms = [
        found.text(found.downstreams[gate][slot])
        for gate, slot in graph.consumers[index]
        if found.downstreams[gate]
    ]
    times = tell("twice") if len(terms) == 2 else tell("{count} times", count=len(terms))
    yield tell(
        "{name} is used {times}, and gradients add where a value branches:",
        name=names[index],
        times=times,
    )
    shown = [f"({term})" if " + " in term or " - " in term else term for term in terms]
    yield f"  {' + '.join(shown)} = {found.arriving(index)}"
