"""Special functions by the names that SciPy and PyTorch have for them. Of a formula's own names
they are none: psi(x + y) may be a product."""

from __future__ import annotations

from backtrace.formula.calls import Call, Tokens


def _renamed(call: Call, name: str) -> Tokens:
    return call.plain(name) if call.is_theirs else call.plain()


def gammaln(call: Call) -> Tokens:
    return _renamed(call, "lgamma")


def psi(call: Call) -> Tokens:
    return _renamed(call, "digamma")


def polygamma(call: Call) -> Tokens:
    """The order first; the method of an array has it behind that."""
    if call.is_theirs:
        order = call.argument(int(call.is_method), "n")
        x = call.argument(0, "x", "input")
        call.free[:0] = [part for part in (order, x) if part is not None]
    return call.plain()


SPECIAL_READINGS = {"gammaln": gammaln, "psi": psi, "polygamma": polygamma}
