"""Jacobians that were formed, and gradient descent, as lines and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from backtrace.algebra.values import shape_of
from backtrace.formula.printer import label
from backtrace.graph.record import Descent, Jacobian, Record
from backtrace.language import right, tell
from backtrace.numbers import plain
from backtrace.render._view import View

_MOST_ROWS, _MOST_COLUMNS = 8, 10
_LONGEST_BAR = 40
_MOST_POINTS = 11


def jacobian_lines(record: Record, view: View) -> Iterator[str]:
    """What each looks like; a small one in full."""
    for jacobian in record.asked.jacobians:
        told = f"{jacobian.rows:,} x {jacobian.columns:,}, {tell(jacobian.structure)}"
        if jacobian.products:
            told += tell(
                " (not formed: by {products} products with vectors)", products=jacobian.products
            )
        yield f"{_title(record, jacobian)}: {told}"
        yield from _matrix(jacobian, view)


def _title(record: Record, jacobian: Jacobian) -> str:
    node = record.graph.nodes[jacobian.input]
    by = node.name or f"#{jacobian.input}"
    if jacobian.gate is None:
        return f"∂{record.graph.output_name}/∂{by}"
    return tell(
        "#{gate} {label} by {by}",
        gate=jacobian.gate,
        label=label(record.graph.nodes[jacobian.gate]),
        by=by,
    )


def _matrix(jacobian: Jacobian, view: View) -> Iterator[str]:
    if jacobian.entries is None:
        return
    if not view.full and (jacobian.rows > _MOST_ROWS or jacobian.columns > _MOST_COLUMNS):
        return
    cells = [[view.number(entry) for entry in row] for row in jacobian.entries.tolist()]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        numbers = (f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
        yield "  " + "  ".join(numbers)


def jacobian_objects(record: Record) -> list[dict[str, Any]]:
    return [
        {
            "gate": jacobian.gate,
            "input": jacobian.input,
            "shape": [jacobian.rows, jacobian.columns],
            "structure": jacobian.structure,
            "entries": jacobian.entries,
            **({"products": jacobian.products} if jacobian.products else {}),
        }
        for jacobian in record.asked.jacobians
    ]


def descent_lines(record: Record, view: View) -> Iterator[str]:
    """Where a step of the rate leads, and what the output is there; of many steps, some."""
    descent = record.asked.descent
    assert descent is not None
    count = len(descent.outputs) - 1
    name = record.graph.output_name
    steps = tell("one step") if count == 1 else tell("{count:,} steps", count=count)
    yield tell(
        "{steps} of {rate} against the gradient", steps=steps, rate=view.number(descent.rate)
    )
    for variable, value in descent.point.items():
        before = view.value(record.point[variable])
        if count == 1:
            gradient = view.value(record.gradients[variable])
            rate = view.number(descent.rate)
            yield f"  {variable} = {before} - {rate} × {gradient} = {view.value(value)}"
        else:
            yield f"  {variable} = {before} → {view.value(value)}"
    first, last = descent.outputs[0], descent.outputs[-1]
    yield f"  {name} = {view.number(first)} → {view.number(last)}"
    if not math.isfinite(last):
        yield tell(
            "  stopped after {steps}: {name} is {last}",
            steps=steps,
            name=name,
            last=view.number(last),
        )
    elif last > first and descent.rate > 0:
        yield tell("  {name} went up: the step is too large", name=name)
    if count > 1:
        yield from _curve(descent, view, name)


def _curve(descent: Descent, view: View, name: str) -> Iterator[str]:
    """The output at some steps, a bar for each."""
    outputs = descent.outputs
    last = len(outputs) - 1
    places = sorted({round(k * last / (_MOST_POINTS - 1)) for k in range(_MOST_POINTS)})
    finite = [abs(x) for x in outputs if abs(x) < float("inf")]
    largest = max(finite, default=0.0) or 1.0
    shown = {place: view.number(outputs[place]) for place in places}
    width = max(map(len, shown.values()))
    head = tell("step")
    yield f"  {right(head, len(str(last)) + 4)}  {right(name, width)}"
    for place, text in shown.items():
        value = outputs[place]
        length = round(_LONGEST_BAR * (value / largest)) if 0 <= value < float("inf") else 0
        bar = ("#" if view.ascii else "█") * length
        yield f"  {place:>{len(str(last)) + 4}}  {text:>{width}}  {bar}".rstrip()


def _as_json(value: Any) -> Any:
    return value if shape_of(value) or math.isfinite(value) else plain(value)


def descent_object(record: Record) -> dict[str, Any]:
    descent = record.asked.descent
    assert descent is not None
    return {
        "rate": plain(descent.rate),
        "outputs": [plain(output) for output in descent.outputs],
        "point": {name: _as_json(value) for name, value in descent.point.items()},
    }
