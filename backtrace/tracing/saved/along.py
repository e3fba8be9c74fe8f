"""What a saved trace says along directions: tangents of arrays, the Hessian, its product."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backtrace.graph.directions import ForwardMode, Hessian, HessianProduct
from backtrace.graph.record import VERDICTS
from backtrace.language import tell
from backtrace.tracing.saved.numbers import value_of, value_or_none


def read(saved: Mapping[str, Any], nodes: int) -> dict[str, Any]:
    """The fields of an Asked. Raises ValueError, KeyError or TypeError where it is damaged."""
    found: dict[str, Any] = {}
    forward = saved.get("forward_mode") or {}
    found["forward"] = tuple(
        _forward(name, told, saved["tangents"][name], nodes) for name, told in forward.items()
    )
    if saved.get("hessian"):
        found["hessian"] = _hessian(saved["hessian"])
    if saved.get("hessian_product"):
        found["product"] = _product(saved["hessian_product"])
    return found


def _forward(name: str, told: Mapping[str, Any], tangents: list[Any], nodes: int) -> ForwardMode:
    if len(tangents) != nodes:
        raise ValueError(tell("the tangents are of another number of nodes"))
    return ForwardMode(
        str(name),
        value_of(told["along"]),
        bool(told["is_chosen"]),
        tuple(map(value_of, tangents)),
        value_of(told["by_tangents"]),
        value_of(told["by_gradients"]),
        value_or_none(told["measured"]),
        *_judged(told),
    )


def _hessian(told: Mapping[str, Any]) -> Hessian:
    return Hessian(
        tuple(map(str, told["variables"])),
        tuple(tuple(map(int, shape)) for shape in told["shapes"]),
        value_of(told["entries"]),
        str(told["structure"]),
        tuple(map(str, told["parts"])),
        str(told["definiteness"]),
        tuple(map(value_of, told["eigenvalues"])),
        str(told["measured"]),
        *_judged(told),
    )


def _product(told: Mapping[str, Any]) -> HessianProduct:
    return HessianProduct(
        _by_name(told["along"]),
        bool(told["is_chosen"]),
        _by_name(told["product"]),
        None if told["measured"] is None else _by_name(told["measured"]),
        value_of(told["curvature"]),
        value_or_none(told["bend"]),
        *_judged(told),
    )


def _judged(told: Mapping[str, Any]) -> tuple[str, str]:
    if told["verdict"] not in VERDICTS:
        raise ValueError(tell("'{told}' is no verdict", told=told["verdict"]))
    return str(told["verdict"]), str(told["reason"])


def _by_name(values: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name): value_of(value) for name, value in values.items()}
