"""64-bit floats as IEEE-754 means them: 1/0 is inf, log(-1) is nan, exp(1000) is inf.

Python's own operators and `math` raise instead; a trace has to go on, to say where it went wrong.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

from backtrace.algebra import Value, gammas
from backtrace.algebra.rounded import Rounded

_NAMED = {"pi": math.pi, "e": math.e, "tau": math.tau}


def _quiet(function: Callable[[float], float], overflow: float = math.inf) -> Value:
    """`function` with nan outside its domain and ±`overflow` (the sign of x) where it overflows."""

    def quiet(x: float) -> float:
        try:
            return function(x)
        except ValueError:
            return math.nan
        except OverflowError:
            return overflow if x > 0 else -overflow

    return staticmethod(quiet)


def _logarithm(function: Callable[[float], float], pole: float = 0.0) -> Value:
    """A logarithm: -inf at its `pole`, nan below."""

    def logarithm(x: float) -> float:
        try:
            return function(x)
        except ValueError:
            return -math.inf if x == pole else math.nan

    return staticmethod(logarithm)


def _indicator(compare: Callable[[float, float], bool]) -> Value:
    return staticmethod(lambda a, b: 1.0 if compare(a, b) else 0.0)


class Floats(Rounded):
    """The algebra of 64-bit floats."""

    @staticmethod
    def number(text: str) -> float:
        """The float nearest to a literal such as "0.1", or a named constant."""
        return _NAMED[text] if text in _NAMED else float(text)

    @staticmethod
    def divide(a: float, b: float) -> float:
        try:
            return a / b
        except ZeroDivisionError:
            if a == 0 or math.isnan(a):
                return math.nan
            return math.copysign(math.inf, a) * math.copysign(1.0, b)

    @staticmethod
    def power(a: float, b: float) -> float:
        try:
            return math.pow(a, b)
        except OverflowError:
            return -math.inf if a < 0 and b % 2 == 1 else math.inf
        except ValueError:
            if a == 0 and b < 0:  # 1/0: only an odd whole power keeps the sign of a zero
                return math.copysign(math.inf, a) if b % 2 == 1 else math.inf
            return math.nan

    @staticmethod
    def mod(a: float, b: float) -> float:
        """What is left of a, with the sign of b."""
        try:
            return a % b
        except ZeroDivisionError:
            return math.nan

    @classmethod
    def floor_divide(cls, a: float, b: float) -> float:
        """How many whole b there are in a, of which mod(a, b) is left: 9 of 0.1 in 1."""
        try:
            return a // b
        except ZeroDivisionError:
            return cls.divide(a, b)

    @staticmethod
    def maximum(*values: float) -> float:
        return math.nan if any(map(math.isnan, values)) else max(values)

    @staticmethod
    def minimum(*values: float) -> float:
        return math.nan if any(map(math.isnan, values)) else min(values)

    @staticmethod
    def where(condition: float, a: float, b: float) -> float:
        return a if condition else b

    less = _indicator(operator.lt)
    less_equal = _indicator(operator.le)
    greater = _indicator(operator.gt)
    greater_equal = _indicator(operator.ge)
    equal = _indicator(operator.eq)
    not_equal = _indicator(operator.ne)

    def logsumexp(self, *values: float) -> float:
        peak = self.maximum(*values)
        return super().logsumexp(*values) if math.isfinite(peak) else peak

    @staticmethod
    def exp(x: float) -> float:
        try:
            return math.exp(x)
        except OverflowError:
            return math.inf

    @staticmethod
    def cosh(x: float) -> float:
        try:
            return math.cosh(x)
        except OverflowError:
            return math.inf

    @staticmethod
    def sign(x: float) -> float:
        return math.copysign(1.0, x) if x and x == x else x  # 0 and nan stay what they are

    @staticmethod
    def floor(x: float) -> float:
        return math.copysign(math.floor(x), x) if math.isfinite(x) else x  # -0.0 as well

    @staticmethod
    def ceil(x: float) -> float:
        return math.copysign(math.ceil(x), x) if math.isfinite(x) else x

    abs = staticmethod(abs)
    atan2 = staticmethod(math.atan2)
    hypot = staticmethod(math.hypot)
    expm1 = _quiet(math.expm1)
    log = _logarithm(math.log)
    log1p = _logarithm(math.log1p, pole=-1.0)
    log2 = _logarithm(math.log2)
    log10 = _logarithm(math.log10)
    sqrt = _quiet(math.sqrt)
    cbrt = _quiet(math.cbrt)
    erf = _quiet(math.erf)
    erfc = _quiet(math.erfc)
    lgamma = staticmethod(gammas.lgamma)
    digamma = staticmethod(gammas.digamma)
    trigamma = staticmethod(gammas.trigamma)
    polygamma = staticmethod(gammas.polygamma)
    sin = _quiet(math.sin)
    cos = _quiet(math.cos)
    tan = _quiet(math.tan)
    asin = _quiet(math.asin)
    acos = _quiet(math.acos)
    atan = _quiet(math.atan)
    sinh = _quiet(math.sinh)
    tanh = _quiet(math.tanh)


FLOATS = Floats()
