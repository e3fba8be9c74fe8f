"""What a text view can be asked to add: steps in words, routes, tangents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from backtrace.formula.printer import label
from backtrace.gates.shapes import say
from backtrace.graph import Graph
from backtrace.graph.backprop import tangents
from backtrace.graph.record import AGREE, KINK, Record, Wording
from backtrace.language import aligned, marked, tell
from backtrace.numbers import plain
from backtrace.render._directions import (
    direction_objects,
    forward_lines,
    hessian_lines,
    product_lines,
    tangent_objects,
)
from backtrace.render._routes import route_lines, route_object
from backtrace.render._view import View

_TITLES = {"symbolic": marked("as formulas, by the chain rule"), "exact": marked("exactly")}
_MOST_ROWS = 120


def _title(kind: str) -> str:
    """exactly; to 30 digits."""
    return tell(_TITLES[kind]) if kind in _TITLES else tell("to {kind}", kind=kind)


def sections(
    record: Record, view: View, has_tables: bool = False
) -> Iterator[tuple[str, list[str]]]:
    """(heading, lines) of everything the view asks for, but for what the format `has_tables` of."""
    for wording in record.asked.wordings:
        yield _title(wording.kind), list(_worded(record, view, wording))
    if record.asked.seconds:
        yield tell("second derivatives"), list(_seconds(record, view))
    if record.asked.hessian is not None:
        yield tell("second derivatives"), list(hessian_lines(record, view))
    if record.asked.product is not None:
        yield tell("second derivatives along a direction"), list(product_lines(record, view))
    for name in view.paths:
        yield (
            tell(
                "routes from {name} to {output_name}",
                name=name,
                output_name=record.graph.output_name,
            ),
            list(route_lines(record, view, name)),
        )
    for name in view.forward:
        yield (
            tell("forward mode: how every gate changes with {name}", name=name),
            list(_tangents(record, view, name)),
        )
    for answer in record.asked.forward:
        title = tell(
            "forward mode: how every gate changes with {variable}", variable=answer.variable
        )
        yield title, list(forward_lines(record, view, answer))
    if record.asked.jacobians:
        from backtrace.render._asked import jacobian_lines

        yield tell("Jacobians"), list(jacobian_lines(record, view))
    if record.asked.descent is not None:
        from backtrace.render._asked import descent_lines

        yield tell("gradient descent"), list(descent_lines(record, view))
    if record.asked.cost is not None and not has_tables:
        from backtrace.render._cost import TITLE, cost_lines

        graph = record.graph
        yield tell(TITLE), list(cost_lines(graph, record.asked.cost, shape_in(graph), view))
    if view.explain:
        from backtrace.render._explain import steps

        yield tell("step by step"), list(steps(record, view))


def shape_in(graph: Graph) -> Callable[[int], str]:
    """How the shapes of a graph's nodes are told: 2x3, nothing of a number."""

    def shape_of(index: int) -> str:
        return say(graph.shapes[index]) if graph.shapes and graph.shapes[index] else ""

    return shape_of


def _seconds(record: Record, view: View) -> Iterator[str]:
    name = record.graph.output_name
    for entry in record.asked.seconds:
        below = (
            f"∂{entry.first}²" if entry.first == entry.second else f"∂{entry.first}∂{entry.second}"
        )
        line = f"∂²{name}/{below}"
        if entry.formula or entry.verdict != AGREE:
            line += f" = {entry.formula or '?'}"
        if entry.verdict == KINK:
            line = tell(
                "∂²{name}/{below}: a gate is at a kink, so there is none", name=name, below=below
            )
        elif record.has_point:
            value = entry.numeric if entry.symbolic is None else entry.symbolic
            line += f" = {view.number(value)}" if value is not None else ""
            slope = tell("not measured") if entry.numeric is None else view.number(entry.numeric)
            is_by_sides = entry.verdict == AGREE and entry.symbolic is None
            how = tell("on both sides of a kink") if is_by_sides else tell(entry.verdict)
            line += tell("   slope of the gradient {slope}, {how}", slope=slope, how=how)
        yield line


def _worded(record: Record, view: View, wording: Wording) -> Iterator[str]:
    """A line for every gate, one below it for every edge; then the gradients."""
    gates = [index for index, _, _ in record.graph.gates()]
    is_exact = wording.kind == "exact"
    at_kink = any(note.kind == "kink" for note in record.notes)
    can_kink = any(gate.kink is not None for _, _, gate in record.graph.gates())
    if wording.kind == "symbolic" and (at_kink or (can_kink and not record.has_point)):
        yield tell("(away from ties and kinks)")

    def beside(text: str, value: float) -> str:
        if not is_exact or record.graph.shapes is not None:
            return text
        shown = view.number(_decimals(text, value))
        return f"{text} = {shown}" if text != shown else text

    for index in gates[:_MOST_ROWS]:
        node = record.graph.nodes[index]
        stage = f"{node.name} = " if node.name else ""
        value = beside(wording.values[index], record.values[index])
        yield f"#{index} {label(node)}: {stage}{value}"
        yield tell(
            "  upstream {beside}", beside=beside(wording.upstreams[index], record.upstreams[index])
        )
        for operand, source in enumerate(record.graph.inputs_of[index]):
            name = record.graph.nodes[source].name or f"#{source}"
            local = wording.locals[index][operand]
            carried = wording.downstreams[index][operand]
            carried = beside(carried, record.downstreams[index][operand])
            is_given = (
                tell("local {local}, downstream ", local=local) if local else ""
            )  # arrays have none
            yield tell(
                "  to {name}: {is_given}{carried}", name=name, is_given=is_given, carried=carried
            )
    if len(gates) > _MOST_ROWS:
        yield tell("... {count:,} more gates", count=len(gates) - _MOST_ROWS)
    is_simple = wording.kind == "symbolic" and record.graph.shapes is not None
    for name in record.wrt if not is_simple else ():
        index = record.graph.inputs[name]
        yield f"∂{record.graph.output_name}/∂{name} = " + beside(
            wording.upstreams[index], record.upstreams[index]
        )
    for name, text in wording.simplified:
        said = tell("simplified, ") * (not is_simple)
        yield f"{said}∂{record.graph.output_name}/∂{name} = {text}"


def _decimals(text: str, value: float) -> float:
    """An exact number in decimals; `value`, the float, where its text is cut."""
    from backtrace.algebra.digits import Digits
    from backtrace.errors import BacktraceError
    from backtrace.formula.parser import parse

    try:
        exact = parse(text)
        if exact.inputs:  # nan, zoo: SymPy's words for what is no number
            return value
        return float(exact.evaluate(Digits(60, decimal=True), {})[exact.output])
    except (BacktraceError, ArithmeticError):
        return value


def _tangents(record: Record, view: View, name: str) -> Iterator[str]:
    found = tangents(record.graph, record.locals, record.graph.inputs[name])
    rows = [(tell("node"), tell("value"), tell("tangent"), tell("adjoint"))]
    nodes = record.graph.nodes
    for index, node in list(enumerate(nodes))[:_MOST_ROWS]:
        shown = node.name if node.gate is None else f"#{index} {label(node)} {node.name}".rstrip()
        numbers = (record.values[index], found[index], record.upstreams[index])
        rows.append((shown, *map(view.number, numbers)))  # type: ignore[arg-type]
    yield from aligned(rows)
    if len(nodes) > _MOST_ROWS:
        yield tell("... {count:,} more", count=len(nodes) - _MOST_ROWS)
    inputs = len(record.graph.inputs)
    yield tell(
        "tangent: the change of the node with "
        "{name}; adjoint: the change of {output_name} with the node",
        name=name,
        output_name=record.graph.output_name,
    )
    passes = (
        tell("1 forward pass")
        if inputs == 1
        else tell("{inputs} forward passes, one an input", inputs=inputs)
    )
    yield tell("all gradients cost {passes}, or 1 backward pass, one an output", passes=passes)


def objects(record: Record, view: View) -> dict[str, Any]:
    """The same for JSON: keys that are there only when they are asked for."""
    found: dict[str, Any] = {}
    if record.asked.wordings:
        found["wordings"] = [
            {
                "kind": wording.kind,
                "values": list(wording.values),
                "gradients": list(wording.upstreams),
                "locals": [list(texts) for texts in wording.locals],
                "downstreams": [list(texts) for texts in wording.downstreams],
                "simplified": dict(wording.simplified),
            }
            for wording in record.asked.wordings
        ]
    if record.asked.seconds:
        found["second_derivatives"] = [
            {
                "first": entry.first,
                "second": entry.second,
                "formula": entry.formula,
                "symbolic": None if entry.symbolic is None else plain(entry.symbolic),
                "numeric": None if entry.numeric is None else plain(entry.numeric),
                "verdict": entry.verdict,
            }
            for entry in record.asked.seconds
        ]
    if view.paths:
        found["paths"] = {name: route_object(record, name) for name in view.paths}
    if view.forward:
        found["tangents"] = {
            name: [plain(t) for t in tangents(record.graph, record.locals, start)]
            for name, start in record.graph.inputs.items()
            if name in view.forward
        }
    if record.asked.forward:
        found["tangents"] = {**found.get("tangents", {}), **tangent_objects(record)}
    found |= direction_objects(record)
    if record.asked.jacobians:
        from backtrace.render._asked import jacobian_objects

        found["jacobians"] = jacobian_objects(record)
    if record.asked.descent is not None:
        from backtrace.render._asked import descent_object

        found["descent"] = descent_object(record)
    if record.asked.cost is not None:
        from backtrace.render._cost import cost_object

        found["cost"] = cost_object(record.asked.cost)
    if view.explain:
        from backtrace.render._explain import steps

        found["explain"] = list(steps(record, view))
    return found
