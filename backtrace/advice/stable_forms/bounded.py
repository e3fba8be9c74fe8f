"""Many digits for values that overflow: what lies beyond all use is inf, and takes no time."""

from __future__ import annotations

from typing import Any

from backtrace.algebra import Value
from backtrace.algebra.digits import Digits

_FAR = 1e6  # of an exponent
_TURNS = 10**400  # of an angle: its digits would have to be known that far


class Bounded(Digits):
    """As Digits, but towers of powers end: mpmath would write out all their digits."""

    def __init__(self, digits: int) -> None:
        super().__init__(digits)
        for name in ("sinh", "cosh"):
            setattr(self, name, self._below(getattr(self, name), _FAR, self.context.inf))
        for name in ("sin", "cos", "tan"):
            setattr(self, name, self._below(getattr(self, name), _TURNS, self.context.nan))
        tanh = self.tanh
        self.tanh = lambda x: tanh(x) if abs(x) < _FAR else self.sign(x)

    def _below(self, function: Any, bound: float, beyond: Value) -> Any:
        return lambda x: function(x) if abs(x) < bound else beyond * self.sign(x)

    def power(self, a: Value, b: Value) -> Value:
        if a and b and abs(self.log(abs(a)) * b) > _FAR:
            grows = (abs(a) > 1) == (b > 0)
            return self.context.inf if grows else self.context.zero
        return super().power(a, b)
