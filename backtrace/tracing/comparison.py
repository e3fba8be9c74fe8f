"""The formula as it is written beside the formula fused: gates, local gradients, the same final
gradients, and where only the fused one survives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from backtrace.algebra.lengths import written as spelled_count
from backtrace.algebra.values import same
from backtrace.formula.point import Given
from backtrace.formula.printer import label
from backtrace.graph.record import Record
from backtrace.language import tell
from backtrace.render import View
from backtrace.render._rules import local_text, rule_of
from backtrace.render._sections import objects
from backtrace.render._terminal import heading, paint, plain_table
from backtrace.render.json import payload
from backtrace.tracing.request import Request
from backtrace.tracing.survivals import Survival, survivals
from backtrace.tracing.trace import Trace
from backtrace.tracing.tracer import trace_given

_MOST_ROWS = 200
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Comparison:
    written: Trace
    fused: Trace
    survivals: tuple[Survival, ...]

    @property
    def differences(self) -> list[str]:
        """The variables whose gradients are not the same in both."""
        pairs = ((n, g, self.fused.gradients[n]) for n, g in self.written.gradients.items())
        return [n for n, a, b in pairs if not same(a, b, _SAME)]

    @property
    def at_kink(self) -> bool:
        return any(n.kind == "kink" for n in (*self.written.notes, *self.fused.notes))

    @property
    def ok(self) -> bool:
        """The fused trace is right, and the same as the written one where that holds and no kink's
        convention comes between."""
        is_same = not self.written.ok or not self.differences or self.at_kink
        return self.fused.ok and is_same


def compare(
    formula: str,
    given: Mapping[str, Given],
    request: Request,
    answered: Callable[[Trace], Trace] = lambda trace: trace,
) -> Comparison:
    """Traces the formula as written and fused, each with what else is asked. Raises what
    `trace_given` raises."""
    plain = request._replace(granularity=request.granularity._replace(is_fused=False, fuse=None))
    fused = request._replace(granularity=request.granularity._replace(is_fused=True))
    written = answered(trace_given(formula, given, plain))
    other = answered(trace_given(formula, given, fused))
    found = survivals(formula, given, written, plain, fused.granularity)
    return Comparison(written, other, tuple(found))


def as_object(comparison: Comparison, view: View) -> dict[str, Any]:
    """The JSON object backtrace.compare/1, with what the view shows of either graph."""
    written, fused = comparison.written, comparison.fused
    return {
        "schema": "backtrace.compare/1",
        "written": {**payload(written), **objects(written, view)},
        "fused": {**payload(fused), **objects(fused, view)},
        "survives": [
            {
                "name": s.name,
                "value": s.value,
                **({"place": None if s.place is None else list(s.place)} if s.is_array else {}),
                "written": s.written,
                "fused": s.fused,
            }
            for s in comparison.survivals
        ],
        "ok": comparison.ok,
    }


def show(comparison: Comparison, view: View) -> str:
    """Both graphs side by side, as text."""
    written, fused = comparison.written, comparison.fused
    counts = written.graph.gate_count, fused.graph.gate_count
    parts: list[Table | Text] = [heading(written, view), Text(), _gates(written, fused, view)]
    parts += [Text(), _gradients(comparison, view), Text()]
    words = tell(
        "{count} gates as written, {counts_count} fused; {outcome}",
        count=counts[0],
        counts_count=counts[1],
        outcome=_outcome(comparison),
    )
    parts.append(Text(words))
    costs = [_cost(record) for record in (written, fused)]
    if all(costs):
        parts.append(
            Text(tell("{cost} as written, {costs_cost} fused", cost=costs[0], costs_cost=costs[1]))
        )
    for survival in comparison.survivals:
        at = tell(
            "at {variable} = {value}{where}",
            variable=survival.variable,
            value=view.number(survival.value),
            where=survival.where,
        )
        parts.append(
            Text(
                view.text(
                    tell(
                        "{at} only the fused graph survives: {written}",
                        at=at,
                        written=survival.written,
                    )
                )
            )
        )
    return paint(view, *parts)


def _cost(record: Record) -> str:
    """What --cost has counted in all; "" where it was not asked for."""
    found = record.asked.cost
    if found is None:
        return ""
    both = found.both
    others = (
        tell(", {spelled_count} other", spelled_count=spelled_count(both.others))
        if both.others
        else ""
    )
    work = tell(
        "{spelled_count} multiplications{others}",
        spelled_count=spelled_count(both.multiplications),
        others=others,
    )
    return tell(
        "{work} and {spelled_count} bytes kept", work=work, spelled_count=spelled_count(found.kept)
    )


def _outcome(comparison: Comparison) -> str:
    written, fused = comparison.written, comparison.fused
    is_broken = any(t.fault or t.disagreements for t in (written, fused))
    if (written.lost or fused.lost) and not is_broken:
        return _loss(bool(written.lost), bool(fused.lost))
    if not comparison.written.ok:
        return (
            tell("as written it breaks here, fused it holds")
            if comparison.fused.ok
            else tell("both break")
        )
    if not comparison.differences:
        return tell("the same gradients")
    if comparison.at_kink:
        return tell("at a kink each gate goes by its own convention, so the gradients differ")
    return tell("different gradients")


def _loss(written: bool, fused: bool) -> str:
    if written and fused:
        return tell("both lose digits here")
    return (
        tell("as written it loses digits here, fused it does not")
        if written
        else tell("fused it loses digits")
    )


def _gates(written: Record, fused: Record, view: View) -> Table:
    """Gate by gate; a fused gate stands where the last gate of its group stood."""
    table = plain_table(view)
    for column in (
        tell("as written"),
        tell("local gradients"),
        tell("fused"),
        tell("local gradients"),
    ):
        table.add_column(column, overflow="fold")
    at_place = {node.span: i for i, node in enumerate(fused.graph.nodes) if node.gate is not None}
    for index, node, _ in list(written.graph.gates())[:_MOST_ROWS]:
        other = at_place.get(node.span)
        cells = [*_cells(written, index, view)]
        cells += _cells(fused, other, view) if other is not None else ["", ""]
        table.add_row(*cells)
    return table


def _cells(record: Record, index: int, view: View) -> list[str]:
    node = record.graph.nodes[index]
    gate = node.gate
    assert gate is not None
    slopes = ", ".join(
        rule_of(record, edge) if edge.local is None else local_text(edge, view)
        for edge in record.edges_of(index)
    )
    is_group = record.granularity.is_fused and index in {group.node for group in record.groups}
    if is_group and not gate.is_own and len(gate.local) == 1 and gate.pullback is None:
        slopes = f"{gate.local_rule(0)} = {slopes}"
    name = f" {node.name}" if node.name else ""
    return [view.text(f"#{index} {label(node)}{name}"), view.text(slopes)]


def _gradients(comparison: Comparison, view: View) -> Table:
    table = plain_table(view)
    table.add_column(tell("gradient by"))
    table.add_column(tell("as written"), justify="right")
    table.add_column(tell("fused"), justify="right")
    for name, gradient in list(comparison.written.gradients.items())[:_MOST_ROWS]:
        other = comparison.fused.gradients[name]
        table.add_row(view.text(name), view.value(gradient), view.value(other))
    return table


__all__ = ["Comparison", "Survival", "as_object", "compare", "show"]
