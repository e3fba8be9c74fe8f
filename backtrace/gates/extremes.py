"""The largest and the smallest entry: routers among the entries of one array.

PyTorch's `amax` and JAX's `max` share what comes among tied entries, as the minimum-norm rule does;
PyTorch's `max` along an axis hands it to one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backtrace.algebra import Value
from backtrace.gates.gate import Kink, Role
from backtrace.gates.reductions import reduction
from backtrace.gates.shapes import Axis
from backtrace.language import marked


def _winners(m: Any, u: Value, f: Value, x: Value, axis: Axis) -> Value:
    """The upstream to the winning entry, split among the tied."""
    hits = m.equal(x, m.aligned(f, axis))
    return m.aligned(m.divide(u, m.sum(hits * 1.0, axis)), axis) * hits


def _one_sided(wins: bool) -> Callable[..., Value]:
    """A tied entry that moves away from the others takes the whole upstream, or loses it."""

    def pullback(m: Any, u: Value, f: Value, x: Value, axis: Axis) -> Value:
        hits = m.equal(x, m.aligned(f, axis))
        if not wins:
            is_alone = m.equal(m.sum(hits * 1.0, axis), 1)
            return m.aligned(u * is_alone, axis) * hits
        return m.aligned(u, axis) * hits

    return pullback


def _tied(m: Any, f: Value, x: Value, axis: Axis) -> Value:
    return m.greater(m.sum(m.equal(x, m.aligned(f, axis)) * 1.0, axis), 1)


_TIES = Kink(
    at=_tied,
    local=lambda m, k, f, x, constant: 0,
    says=marked("n tied entries get 1/n each"),
)

REDUCE_MAX = reduction(
    "reduce_max",
    marked("the largest entry: routes to the winner"),
    Role.ROUTER,
    forward=lambda m, x, axis: m.largest(x, axis),
    pullback=_winners,
    rule=marked("upstream to the largest entry, 0 to the rest"),
    called="max",
    kink=_TIES,
    at_kink={"left": _one_sided(wins=False), "right": _one_sided(wins=True)},
)

REDUCE_MIN = reduction(
    "reduce_min",
    marked("the smallest entry: routes to the winner"),
    Role.ROUTER,
    forward=lambda m, x, axis: m.smallest(x, axis),
    pullback=_winners,
    rule=marked("upstream to the smallest entry, 0 to the rest"),
    called="min",
    kink=_TIES,
    at_kink={"left": _one_sided(wins=True), "right": _one_sided(wins=False)},
)

ROWS = (REDUCE_MAX, REDUCE_MIN)
