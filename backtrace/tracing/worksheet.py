"""A trace with numbers left out: a worksheet, in any format."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from backtrace.errors import UsageError
from backtrace.graph.record import NOTHING_ASKED, Record
from backtrace.language import tell
from backtrace.numbers import Blank

KINDS = ("gradients", "values", "all")

R = TypeVar("R", bound=Record)


def blanked(record: R, kind: str) -> R:
    """The record without its gradients (all but the output's own), without the values of its gates,
    or without both. Checks are left out: they would give the numbers away. Raises UsageError for a
    trace that says the numbers in other words too."""
    if kind not in KINDS:
        raise UsageError(
            tell("--blank is {kinds}, not '{kind}'", kinds=", ".join(KINDS), kind=kind)
        )
    if record.asked != NOTHING_ASKED:
        raise UsageError(
            tell("a worksheet has blanks only, nothing in other words"),
            hint=tell("leave --symbolic, --exact, --precision, --order, --jacobian and --step out"),
        )
    if not record.has_point:
        raise UsageError(tell("a worksheet needs a point"), hint=tell("add x=... to the command"))
    changes: dict[str, Any] = {"checks": {}, "output_check": None, "notes": (), "fault": None}
    if kind != "gradients":
        changes["values"] = tuple(
            _blank(value) if node.gate is not None else value
            for node, value in zip(record.graph.nodes, record.values, strict=True)
        )
    if kind != "values":
        output = record.graph.output
        changes["upstreams"] = tuple(
            value if index == output else _blank(value)
            for index, value in enumerate(record.upstreams)
        )
        for name in ("locals", "downstreams"):
            edges = getattr(record, name)
            changes[name] = tuple(tuple(map(_blank, numbers)) for numbers in edges)
    return replace(record, **changes)


def _blank(value: Any) -> Any:
    """Nothing stays nothing: a local gradient that is not formed."""
    return None if value is None else Blank(value)
