"""What goes along directions, as lines and as JSON: tangents of arrays, the Hessian as a matrix,
its product with a direction."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backtrace.algebra.values import shape_of, size_of
from backtrace.formula.printer import label
from backtrace.gates.shapes import say
from backtrace.graph.directions import ForwardMode, Hessian, HessianProduct
from backtrace.graph.record import AGREE, Record
from backtrace.language import cells, left, right, tell, tell_many
from backtrace.numbers import plain
from backtrace.render._view import View

_MOST_ROWS = 120
_MOST_COLUMNS = 10
_MOST_EIGENVALUES = 8
_MARKS = {AGREE: "✓ ", "disagree": "✗ "}


def forward_lines(record: Record, view: View, answer: ForwardMode) -> Iterator[str]:
    """Every node's tangent beside its adjoint, and the dot-product test."""
    name, output = answer.variable, record.graph.output_name
    yield _direction(view, {name: answer.along}, answer.is_chosen)
    rows = [(tell("node"), tell("tangent"), tell("adjoint"))]
    for index in range(len(record.graph.nodes))[:_MOST_ROWS]:
        tangent, adjoint = map(view.sized, (answer.tangents[index], record.upstreams[index]))
        rows.append((_node(record, index), tangent, adjoint))
    yield from _columns(rows, view)
    if len(record.graph.nodes) > _MOST_ROWS:
        yield tell("... {count:,} more", count=len(record.graph.nodes) - _MOST_ROWS)
    of = tell("the sum of {output}", output=output) if shape_of(record.value) else output
    yield tell(
        "tangent: the change of the node per step along v; adjoint: that of {of} with the node",
        of=of,
    )
    forward, backward = view.number(answer.by_tangents), view.number(answer.by_gradients)
    test = tell(
        "dot-product test: u . Jv = {forward} by tangents, v . J.T u = {backward} by gradients",
        forward=forward,
        backward=backward,
    )
    judged = _judged(view, answer.measured, tell("measured slope"), answer)
    yield f"{test}, {judged}"
    entries = (sum(map(size_of, record.point.values())), size_of(record.value))
    forward, backward = (tell_many("{n:,} pass", "{n:,} passes", n=n) for n in entries)
    ways = tell(
        "{forward} forward, one an entry of what is given, or {backward} backward",
        forward=forward,
        backward=backward,
    )
    yield tell("all derivatives take {ways}, one an entry of the output", ways=ways)


def _columns(rows: Sequence[tuple[str, str, str]], view: View) -> Iterator[str]:
    """Side by side where that fits, else below each other."""
    widths = [max(map(cells, column)) for column in zip(*rows, strict=True)]
    if sum(widths) + 2 * len(widths) - 2 <= view.width:
        for row in rows:
            yield "  ".join(map(left, row, widths)).rstrip()
        return
    for name, tangent, adjoint in rows[1:]:
        yield name
        yield f"  {rows[0][1]}  {tangent}"
        yield f"  {rows[0][2]}  {adjoint}"


def _node(record: Record, index: int) -> str:
    node, value = record.graph.nodes[index], record.values[index]
    size = f" ({say(shape_of(value))})" if shape_of(value) else ""
    if node.gate is None:
        return f"{node.name}{size}"
    return f"#{index} {label(node)} {node.name}".rstrip() + size


def hessian_lines(record: Record, view: View) -> Iterator[str]:
    """What it looks like, its eigenvalues; a small one in full."""
    found = record.asked.hessian
    assert found is not None
    count = len(found.entries)
    yield tell(
        "the Hessian {of} by {named}: {count:,} x {count:,}, {structure}",
        of=_of(record),
        named=_named(found),
        count=count,
        structure=tell(found.structure),
    )
    for name, part in zip(found.variables, found.parts, strict=False):
        yield tell("by {name} alone: {part}", name=name, part=part)
    if found.definiteness:
        yield tell(found.definiteness)
    if found.eigenvalues:
        yield tell("eigenvalues {eigenvalues}", eigenvalues=_eigenvalues(found.eigenvalues, view))
    yield from _matrix(found, view)
    how = (
        tell("the measured slope of the gradient, {measured}: ", measured=found.measured)
        if found.measured
        else ""
    )
    yield f"{how}{_verdict(found)}"
    yield from _flat(record)


def _of(record: Record) -> str:
    name = record.graph.output_name
    upstream = record.upstreams[record.graph.output]
    is_one = bool((upstream == 1).all()) if shape_of(upstream) else upstream == 1
    weighed = "" if is_one else tell(" weighed by the upstream,")
    return (
        tell("of the sum of {name}{weighed}", name=name, weighed=weighed)
        if shape_of(record.value)
        else tell("of {name}{weighed}", name=name, weighed=weighed)
    )


def _named(found: Hessian) -> str:
    pairs = zip(found.variables, found.shapes, strict=True)
    return ", ".join(f"{name} ({say(shape)})" if shape else name for name, shape in pairs)


def _eigenvalues(values: Sequence[float], view: View) -> str:
    if view.full or len(values) <= _MOST_EIGENVALUES:
        return ", ".join(map(view.number, values))
    half = _MOST_EIGENVALUES // 2
    first, last = map(view.number, values[:half]), map(view.number, values[-half:])
    return ", ".join([*first, "…", *last])


def _matrix(found: Hessian, view: View) -> Iterator[str]:
    """With the entries it is by above and beside it; where that does not fit, only if asked."""
    count, names = len(found.entries), list(_entry_names(found))
    if not count or (count > _MOST_COLUMNS and not view.full):
        return
    rows = [[view.number(entry) for entry in row] for row in found.entries.tolist()]
    widths = [max(map(cells, column)) for column in zip(names, *rows, strict=True)]
    side = max(map(cells, names))
    if side + 2 + sum(widths) + 2 * count > view.width and not view.full:
        yield tell("(--full writes it out)")
        return
    for name, row in zip(["", *names], [names, *rows], strict=True):
        yield f"  {left(name, side)}  " + "  ".join(map(right, row, widths))


def _entry_names(found: Hessian) -> Iterator[str]:
    """x[0], W[1, 0]: row by row."""
    for name, shape in zip(found.variables, found.shapes, strict=True):
        for place in itertools.product(*map(range, shape)):
            yield f"{name}[{', '.join(map(str, place))}]" if place else name


def product_lines(record: Record, view: View) -> Iterator[str]:
    """By every variable the product beside what is measured; the curvature."""
    found = record.asked.product
    assert found is not None
    yield _direction(view, found.along, found.is_chosen)
    yield tell(
        "Hv, the Hessian {of} times v: the change of the gradient per step along v", of=_of(record)
    )
    for name, value in found.product.items():
        size = f" ({say(shape_of(value))})" if shape_of(value) else ""
        line = tell("by {name}{size} = {value}", name=name, size=size, value=view.sized(value))
        slope = None if found.measured is None else found.measured[name]
        beside = "" if slope is None else tell("   measured {slope}", slope=view.value(slope))
        if cells(line) + cells(beside) <= view.width or not beside:
            yield line + beside
        else:
            yield from (line, beside)
    bend = (
        ""
        if found.bend is None
        else tell(", measured of {output_name} alone ", output_name=record.graph.output_name)
    )
    bend += "" if found.bend is None else view.number(found.bend)
    yield f"v . Hv = {view.number(found.curvature)}{bend}"
    how = tell("the measured slope of the gradient: ") if found.measured is not None else ""
    yield f"{how}{_verdict(found)}"
    yield from _flat(record)


def _flat(record: Record) -> Iterator[str]:
    """What second derivatives do not say."""
    kinked = [gate.name for _, _, gate in record.graph.gates() if gate.kink and not gate.is_own]
    if kinked:
        names = ", ".join(dict.fromkeys(kinked))
        yield tell(
            "they say nothing about the kinks of {names}: between these each piece has its own",
            names=names,
        )


def _direction(view: View, along: Mapping[str, Any], is_chosen: bool) -> str:
    if not is_chosen:
        names = [f"{n} ({say(shape_of(v))})" if shape_of(v) else n for n, v in along.items()]
        return tell("v = all ones, for {names}: no direction was given", names=", ".join(names))
    told = [f"{name} = {view.sized(value)}" for name, value in along.items()]
    return tell("along v: {told}", told=", ".join(told))


def _judged(view: View, value: float | None, what: str, found: ForwardMode) -> str:
    return (f"{what} {view.number(value)}: " if value is not None else "") + _verdict(found)


def _verdict(found: ForwardMode | Hessian | HessianProduct) -> str:
    verdict = _MARKS.get(found.verdict, "") + tell(found.verdict)
    return f"{verdict} ({found.reason})" if found.reason else verdict


def tangent_objects(record: Record) -> dict[str, Any]:
    return {f.variable: list(map(_plain, f.tangents)) for f in record.asked.forward}


def direction_objects(record: Record) -> dict[str, Any]:
    """For JSON: keys that are there only when they are asked for."""
    found: dict[str, Any] = {}
    if record.asked.hessian is not None:
        found["hessian"] = _hessian_object(record.asked.hessian)
    if record.asked.product is not None:
        found["hessian_product"] = _product_object(record.asked.product)
    if record.asked.forward:
        found["forward_mode"] = {f.variable: _forward_object(f) for f in record.asked.forward}
    return found


def _forward_object(answer: ForwardMode) -> dict[str, Any]:
    return {
        "along": _plain(answer.along),
        "is_chosen": answer.is_chosen,
        "by_tangents": plain(answer.by_tangents),
        "by_gradients": plain(answer.by_gradients),
        "measured": _plain(answer.measured),
        "verdict": answer.verdict,
        "reason": answer.reason,
    }


def _hessian_object(found: Hessian) -> dict[str, Any]:
    return {
        "variables": list(found.variables),
        "shapes": [list(shape) for shape in found.shapes],
        "entries": found.entries,
        "structure": found.structure,
        "parts": list(found.parts),
        "definiteness": found.definiteness,
        "eigenvalues": list(map(plain, found.eigenvalues)),
        "measured": found.measured,
        "verdict": found.verdict,
        "reason": found.reason,
    }


def _product_object(found: HessianProduct) -> dict[str, Any]:
    measured = found.measured
    return {
        "along": _by_name(found.along),
        "is_chosen": found.is_chosen,
        "product": _by_name(found.product),
        "measured": None if measured is None else _by_name(measured),
        "curvature": plain(found.curvature),
        "bend": _plain(found.bend),
        "verdict": found.verdict,
        "reason": found.reason,
    }


def _by_name(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    """A number as JSON has it; an array stays one until it is written."""
    return value if value is None or shape_of(value) else plain(float(value))
