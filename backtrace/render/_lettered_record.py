"""A derivation in letters as a record whose numbers are formulas: what pictures draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from backtrace.algebra.matrices import Form
from backtrace.formula.letters import InLetters, Witnessed
from backtrace.graph import Constant, Graph, Node
from backtrace.graph.record import Check, Record
from backtrace.language import tell
from backtrace.numbers import Formula


def as_record(found: InLetters, verdicts: Mapping[str, Witnessed]) -> Record:
    """Every value, gradient and local gradient by its formula; lengths are letters."""
    graph = _in_letters(found)
    values = tuple(_formula(found, form) for form in found.written)
    upstreams = tuple(
        Formula(found.arriving(index), tuple(map(found.letters.length, form.shape)))
        for index, form in enumerate(found.upstreams)
    )
    wrt = tuple(found.gradients)
    gradients = {name: upstreams[graph.inputs[name]] for name in wrt}
    checks = {
        name: Check(gradients[name], verdict=verdicts[name].verdict, reason=verdicts[name].reason)
        for name in wrt
        if name in verdicts
    }
    return Record(
        formula=graph.text,
        point={
            name: Formula(", ".join(d) or tell("a number"), d) for name, d in found.shapes.items()
        },
        graph=graph,
        values=values,
        upstreams=upstreams,
        locals=tuple(_locals(found, index) for index in range(len(graph.nodes))),
        downstreams=tuple(
            tuple(_formula(found, form) for form in carried) for carried in found.downstreams
        ),
        wrt=wrt,
        checks=checks,
        output_check=None,
        notes=(),
        fault=None,
    )


def _formula(found: InLetters, form: Form) -> Formula:
    return Formula(found.text(form), tuple(map(found.letters.length, form.shape)))


def _locals(found: InLetters, index: int) -> tuple[Formula | None, ...]:
    """None where the gate has a rule instead, as a record has it."""
    node = found.graph.nodes[index]
    if node.gate is None:
        return ()
    if node.gate.pullback is not None:
        return (None,) * len(node.inputs)
    return tuple(Formula(found.slope(index, slot)) for slot in range(len(node.inputs)))


def _in_letters(found: InLetters) -> Graph:
    """The graph with letters in its constants: zeros(n), reshape(x, n, m)."""
    told = found.letters.told

    def of_constant(constant: Constant) -> Constant:
        nodes = tuple(map(of_node, constant.nodes))
        return constant._replace(text=told(constant.text), nodes=nodes)

    def of_node(node: Node) -> Node:
        operands = tuple(o if isinstance(o, int) else of_constant(o) for o in node.operands)
        return node._replace(operands=operands)

    graph = found.graph
    return replace(graph, nodes=tuple(map(of_node, graph.nodes)), text=told(graph.text))
