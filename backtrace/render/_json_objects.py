"""A trace as the objects of schema backtrace.trace/1: one for the whole, one for every node and
every edge."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from backtrace.algebra.floats import FLOATS
from backtrace.algebra.values import shape_of
from backtrace.formula.printer import expressions, label
from backtrace.graph import Node
from backtrace.graph.record import Call, Check, Edge, Fault, Record
from backtrace.numbers import Blank, plain
from backtrace.render._rules import repeated, rule_of, terms_of

SCHEMA = "backtrace.trace/1"


def payload(record: Record) -> dict[str, Any]:
    """The object itself, as contract and schema describe it."""
    nodes = [with_plain(node) for node in node_objects(record)]
    edges = [with_plain(edge) for edge in edge_objects(record)]
    return {**head(record), "nodes": nodes, "edges": edges, **tail(record)}


def with_plain(described: dict[str, Any]) -> dict[str, Any]:
    """A node or an edge with its numbers as JSON has them."""
    return {name: plain(v) if type(v) is float else v for name, v in described.items()}


def head(record: Record) -> dict[str, Any]:
    output = record.graph.output
    return {
        "schema": SCHEMA,
        "formula": record.formula,
        "point": {name: _plain(value) for name, value in record.point.items()},
        "output": {
            "node": output,
            "name": record.graph.nodes[output].name or None,
            "value": _number(record, record.value),
        },
        "granularity": {
            "expand": record.granularity.expand,
            "fused": record.granularity.is_fused,
            "fuse": None if record.granularity.fuse is None else list(record.granularity.fuse),
            "gates": record.granularity.gates,
            "kink": record.granularity.kink,
        },
    }


def tail(record: Record) -> dict[str, Any]:
    return {
        "gradients": {name: _number(record, value) for name, value in record.gradients.items()},
        "checks": {name: check_object(check) for name, check in record.checks.items()},
        "output_check": check_object(record.output_check) if record.output_check else None,
        "notes": [{"kind": n.kind, "node": n.node, "text": n.text} for n in record.notes],
        "fault": _fault_object(record.fault) if record.fault else None,
        "groups": [
            {"gate": g.gate, "node": g.node, "members": list(g.members), "spelling": g.spelling}
            for g in record.groups
        ],
        **({"calls": [call_object(call) for call in record.calls]} if record.calls else {}),
        "ok": record.ok,
    }


def call_object(call: Call) -> dict[str, Any]:
    return {"name": call.name, "members": list(call.members)}


def node_objects(record: Record) -> Iterator[dict[str, Any]]:
    """For `object_writer`: numbers are as they are."""
    texts = expressions(record.graph)
    exact = next((w for w in record.asked.wordings if w.kind == "exact"), None)
    number = _numbers(record)
    has_arrays, has_lines = record.has_arrays, bool(record.lines)
    for index, node in enumerate(record.graph.nodes):
        described = gate_object(record, index, node, texts[index])
        if has_lines and (line := record.line_of(index)):
            described["line"] = line.line
            if line.cell is not None:
                described["cell"] = line.cell
        if has_arrays:
            described["shape"] = list(shape_of(record.values[index]))
        described["value"] = number(record.values[index])
        described["gradient"] = number(record.upstreams[index])
        if exact is not None:
            described["exact"] = {"value": exact.values[index], "gradient": exact.upstreams[index]}
        yield described


def gate_object(record: Record, index: int, node: Node, text: str) -> dict[str, Any]:
    """What a node is, whatever its numbers."""
    gate = node.gate
    if gate is None:
        kind = "input" if node.is_input else "constant"
        return {"id": index, "kind": kind, "name": node.name or None, "expr": text}
    inputs = record.graph.inputs_of[index]
    described: dict[str, Any] = {
        "id": index,
        "kind": "gate",
        "gate": gate.name,
        "label": label(node),
        "role": gate.role.value,
        "name": node.name or None,
        "expr": text,
        "span": list(node.span),
        "inputs": list(inputs),
    }
    if len(inputs) < len(node.operands):
        constants = [plain(c.value(FLOATS)) for c in node.constants if not c.holds_arrays]
        if constants:
            described["constant"] = constants[0] if len(constants) == 1 else constants
    return described


def edge_objects(record: Record) -> Iterator[dict[str, Any]]:
    """For `object_writer`: numbers are as they are."""
    number = _numbers(record)
    has_arrays = record.has_arrays
    for gate in range(len(record.graph.nodes)):
        for edge in record.edges_of(gate):
            described = {
                "gate": edge.gate,
                "input": edge.input,
                "operand": edge.operand,
                "upstream": number(edge.upstream),
                "local": None if edge.local is None else number(edge.local),
                "downstream": number(edge.downstream),
            }
            if has_arrays:
                described |= _of_arrays(record, edge)
            yield described


def _of_arrays(record: Record, edge: Edge) -> dict[str, Any]:
    """The rule of an edge without a local number, and what was repeated."""
    described: dict[str, Any] = {}
    if edge.local is None:
        described["rule"] = rule_of(record, edge)
        if record.has_point and (terms := terms_of(record, edge)):
            described["where"] = [
                {"name": name, "is": says, "value": None if value is None else _plain(value)}
                for name, says, value in terms
            ]
    if words := repeated(record, edge):
        described["repeated"] = words
    return described


def _numbers(record: Record) -> Callable[[Any], Any]:
    """What becomes of a number or an array of a node: null where there is no point."""
    if not record.has_point:
        return lambda _: None
    return lambda value: value if type(value) is float else _plain(value)


def _number(record: Record, value: Any) -> Any:
    """A number or an array; null where the formula was given no point."""
    return _plain(value) if record.has_point else None


def _plain(value: Any) -> Any:
    """A number as JSON has it; an array stays one until it is written."""
    if type(value) is float:
        return plain(value)
    if isinstance(value, Blank):
        return None
    return value if shape_of(value) else plain(float(value))


def check_object(check: Check) -> dict[str, Any]:
    described: dict[str, Any] = {
        "backprop": _plain(check.backprop),
        "symbolic": None if check.symbolic is None else _plain(check.symbolic),
        "derivative": check.derivative,
        "numeric": _measured(check.numeric),
        "relative_error": _measured(check.relative_error),
        "verdict": check.verdict,
    }
    if check.reason:
        described["reason"] = check.reason
    if check.gate is not None:
        described["gate"] = check.gate
    if check.right is not None:
        described["right"] = _measured(check.right)
    return described


def _fault_object(fault: Fault) -> dict[str, Any]:
    return {
        "direction": fault.direction,
        "node": fault.node,
        "operand": fault.operand,
        "what": fault.what,
        "chain": list(fault.chain),
        "cure": fault.cure,
        "advice": fault.advice,
    }


def _measured(value: Any) -> Any:
    """A measured number keeps its point: -4.0."""
    if value is None or shape_of(value) or math.isfinite(value):
        return value
    return str(plain(value))
