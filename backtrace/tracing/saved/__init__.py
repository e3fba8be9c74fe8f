"""A saved trace, read back: what `render/json.py` wrote, as the values of a Record.

The formula is parsed again, so the graph is ours; the numbers are those of the file. Nothing is
computed and nothing is checked again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from backtrace.algebra.values import shape_of
from backtrace.errors import UsageError
from backtrace.gates import CONVENTIONS
from backtrace.graph import Graph
from backtrace.graph.costs import Cost
from backtrace.graph.counted import cost_of
from backtrace.graph.record import (
    VERDICTS,
    Asked,
    Call,
    Check,
    Descent,
    Fault,
    Granularity,
    Jacobian,
    Note,
    SecondDerivative,
    SourceLine,
    Wording,
)
from backtrace.language import tell
from backtrace.render._cost import cost_object
from backtrace.rewrite import graph_of
from backtrace.tracing.saved import along, twice
from backtrace.tracing.saved.apart import Apart
from backtrace.tracing.saved.numbers import index_of, parsed, value_of, value_or_none

_SCHEMA = "backtrace.trace/1"


def read(text: str, arrays: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
    """The fields of a Record; `arrays` are those that were written beside the JSON. Raises
    UsageError where the text is not a saved trace, or the arrays are not its own."""
    apart = Apart(arrays)
    saved = parsed(text, apart.put_in)
    if not isinstance(saved, dict) or saved.get("schema") != _SCHEMA:
        raise UsageError(
            tell("this is not a saved trace: its schema is not {schema}", schema=_SCHEMA)
        )
    apart.hold(saved.get("arrays_sha256"))
    try:
        fields = _fields(saved)
        twice.hold(saved, fields["graph"], fields)
    except (ArithmeticError, AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        words = str(error) if type(error) is ValueError else f"{type(error).__name__} {error}"
        raise UsageError(tell("the saved trace is damaged: {words}", words=words)) from None
    return fields


def _fields(saved: dict[str, Any]) -> dict[str, Any]:
    point = {name: value_of(given) for name, given in saved["point"].items()}
    granularity = _granularity(saved.get("granularity") or {})
    graph, groups = graph_of(
        saved["formula"], {n: shape_of(v) for n, v in point.items()}, granularity
    )
    nodes = saved["nodes"]
    if len(nodes) != len(graph.nodes):
        raise ValueError(
            tell(
                "the formula has {count} nodes, not {nodes_count}",
                count=len(graph.nodes),
                nodes_count=len(nodes),
            )
        )
    slots: list[list[dict[str, Any]]] = [[] for _ in nodes]
    for edge in saved["edges"]:
        if edge["gate"] not in range(len(nodes)):
            raise ValueError(tell("an edge leads nowhere"))
        slots[edge["gate"]].append(edge)
    for node, edges in zip(graph.nodes, slots, strict=True):
        if tuple(edge["input"] for edge in edges) != node.inputs:
            raise ValueError(tell("the edges are not those of the formula"))
    checks = {name: _check(check) for name, check in saved["checks"].items()}
    known = graph.inputs.keys()
    if not {*saved["gradients"], *checks} <= known or (point and point.keys() != known):
        raise ValueError(tell("the variables are not those of the formula"))
    output = saved.get("output_check")
    notes = tuple(Note(str(n["kind"]), str(n["text"]), n["node"]) for n in saved["notes"])
    fault = _fault(saved["fault"]) if saved.get("fault") else None
    mentioned = [n.node for n in notes if n.node is not None]
    mentioned += [fault.node, *fault.chain] if fault else []
    mentioned += [c.gate for c in checks.values() if c.gate is not None]
    for index in mentioned:
        index_of(index, len(nodes))
    return {
        "formula": saved["formula"],
        "point": point,
        "graph": graph,
        "values": tuple(value_of(node["value"]) for node in nodes),
        "upstreams": tuple(value_of(node["gradient"]) for node in nodes),
        "locals": tuple(tuple(_local(e) for e in edges) for edges in slots),
        "downstreams": tuple(tuple(value_of(e["downstream"]) for e in edges) for edges in slots),
        "wrt": tuple(saved["gradients"]),
        "checks": checks,
        "output_check": _check(output) if output else None,
        "notes": notes,
        "fault": fault,
        "granularity": granularity,
        "groups": groups,
        "asked": Asked(
            wordings=tuple(_wording(w, len(nodes)) for w in saved.get("wordings", ())),
            seconds=tuple(_second(s) for s in saved.get("second_derivatives", ())),
            jacobians=tuple(_jacobian(j, len(nodes)) for j in saved.get("jacobians", ())),
            descent=_descent(saved["descent"]) if saved.get("descent") else None,
            cost=_cost(saved["cost"], graph, saved["gradients"]) if saved.get("cost") else None,
            **along.read(saved, len(nodes)),
        ),
        "lines": _lines(nodes),
        "calls": _calls(saved, graph),
    }


def _calls(saved: Mapping[str, Any], graph: Graph) -> tuple[Call, ...]:
    """Raises ValueError for members that are no gates."""
    calls = []
    for call in saved.get("calls", ()):
        members = sorted({index_of(member, len(graph.nodes)) for member in call["members"]})
        if any(graph.nodes[member].gate is None for member in members):
            raise ValueError(f"the call of {call['name']} has members that are no gates")
        calls.append(Call(call["name"], tuple(members)))
    return tuple(calls)


def _lines(nodes: list[dict[str, Any]]) -> tuple[SourceLine | None, ...]:
    """Where in the code the nodes come from; () where they do not."""
    found = [(node.get("line"), node.get("cell")) for node in nodes]
    for number in (number for place in found for number in place if number is not None):
        if type(number) is not int or number < 1:
            raise ValueError(tell("a line of the code is a whole number from 1"))
    lines = tuple(SourceLine(line, cell) if line else None for line, cell in found)
    return lines if any(lines) else ()


def _jacobian(saved: dict[str, Any], nodes: int) -> Jacobian:
    gate = None if saved["gate"] is None else index_of(saved["gate"], nodes)
    entries = None if saved["entries"] is None else value_of(saved["entries"])
    rows, columns = saved["shape"]
    return Jacobian(
        gate,
        index_of(saved["input"], nodes),
        int(rows),
        int(columns),
        entries,
        str(saved["structure"]),
        int(saved.get("products", 0)),
    )


def _descent(saved: dict[str, Any]) -> Descent:
    point = {str(name): value_of(value) for name, value in saved["point"].items()}
    return Descent(value_of(saved["rate"]), tuple(map(value_of, saved["outputs"])), point)


def _cost(saved: dict[str, Any], graph: Graph, wrt: Collection[str]) -> Cost:
    """It follows from the formula and its shapes: counted again, it has to be what was saved."""
    every = saved["checkpoints"]["every"]
    if type(every) is not int or every < 1:
        raise ValueError(tell("checkpoints are every so many gates, from 1"))
    shapes = {n: graph.shapes[i] if graph.shapes else () for n, i in graph.inputs.items()}
    found = cost_of(graph, shapes, tuple(wrt), every)
    if cost_object(found) != saved:
        raise ValueError(tell("the cost is not that of the formula"))
    return found


def _second(saved: dict[str, Any]) -> SecondDerivative:
    first, second, formula = (str(saved[key]) for key in ("first", "second", "formula"))
    symbolic, numeric = value_or_none(saved["symbolic"]), value_or_none(saved["numeric"])
    return SecondDerivative(first, second, formula, symbolic, numeric, str(saved["verdict"]))


def _wording(saved: dict[str, Any], count: int) -> Wording:
    columns = [saved[key] for key in ("values", "gradients", "locals", "downstreams")]
    if any(len(column) != count for column in columns):
        raise ValueError(tell("a wording has another number of nodes"))
    values, gradients, locals_, downstreams = columns
    return Wording(
        str(saved["kind"]),
        tuple(map(str, values)),
        tuple(map(str, gradients)),
        tuple(tuple(map(str, texts)) for texts in locals_),
        tuple(tuple(map(str, texts)) for texts in downstreams),
        tuple((str(name), str(text)) for name, text in saved.get("simplified", {}).items()),
    )


def _granularity(saved: dict[str, Any]) -> Granularity:
    names = saved.get("fuse")
    return Granularity(
        expand=bool(saved.get("expand")),
        is_fused=bool(saved.get("fused")),
        fuse=None if names is None else tuple(map(str, names)),
        gates=str(saved.get("gates", "")),
        kink=str(saved.get("kink", CONVENTIONS[0])),
    )


def _check(saved: dict[str, Any]) -> Check:
    if saved["verdict"] not in VERDICTS:
        raise ValueError(tell("'{saved}' is no verdict", saved=saved["verdict"]))
    derivative = saved["derivative"]
    return Check(
        backprop=value_of(saved["backprop"]),
        symbolic=value_or_none(saved["symbolic"]),
        derivative=derivative if isinstance(derivative, list | None) else str(derivative),
        numeric=value_or_none(saved["numeric"]),
        relative_error=value_or_none(saved["relative_error"]),
        verdict=saved["verdict"],
        reason=str(saved.get("reason", "")),
        gate=saved.get("gate"),
        right=value_or_none(saved.get("right")),
    )


def _local(edge: dict[str, Any]) -> Any:
    """A local gradient; None where the gate has a pullback."""
    return None if "rule" in edge else value_of(edge["local"])


def _fault(saved: dict[str, Any]) -> Fault:
    words = {name: str(saved[name]) for name in ("direction", "what", "cure")}
    words["advice"] = str(saved.get("advice", ""))
    return Fault(**words, node=saved["node"], operand=saved["operand"], chain=tuple(saved["chain"]))
