"""Special functions by the names that SciPy and PyTorch have for them. Of a formula's own names
they are none: psi(x + y) may be a product."""

from __future__ import annotations

from backtrace.formula.calls import Call, Tokens, is_whole, written

_SLOPES = {"0": "digamma", "1": "trigamma"}


def _renamed(call: Call, name: str) -> Tokens:
    return call.plain(name) if call.is_theirs else call.plain()


def gammaln(call: Call) -> Tokens:
    return _renamed(call, "lgamma")


def psi(call: Call) -> Tokens:
    return _renamed(call, "digamma")


def polygamma(call: Call) -> Tokens:
    """Of the orders 0 and 1: the slopes of lgamma that are gates."""
    if not call.is_theirs:
        return call.plain()
    order = call.argument(0, "n", "input") if call.free else None
    if order is None or not is_whole(order) or written(order) not in _SLOPES:
        hint = "polygamma(0, x) is digamma(x), polygamma(1, x) is trigamma(x)"
        raise call.error("polygamma is read of the orders 0 and 1", hint, order)
    return call.plain(_SLOPES[written(order)])


SPECIAL_READINGS = {"gammaln": gammaln, "psi": psi, "polygamma": polygamma}
