"""Floats of N decimal digits, from mpmath: the algebra of measured slopes.

With 50 digits a central difference is good to 30, so "the measured slope agrees" means something.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath

from backtrace.algebra import Derived, Value
from backtrace.algebra.floats import FLOATS

_FAR = 1e6


class Digits(Derived):
    """The algebra of `digits`-digit floats, in a context of its own (mpmath's global one stays).

    For a measured slope literals are read as the 64-bit floats that the trace used, so that every
    witness stands at the same point: at 0.1 + 0.2 against 0.3 the decimal numbers tie and the
    floats do not. With `decimal` they are read as they are written, to all digits.
    Outside its real domain a function gives nan; a pole gives inf or nan, as with floats.
    """

    def __init__(self, digits: int, decimal: bool = False) -> None:
        self.decimal = decimal
        self.context: Any = mpmath.MPContext()
        self.turn_to(digits)
        self.expm1 = self._real(self.context.expm1)
        self.log1p = self._real(self.context.log1p)
        self.sqrt = self._real(self.context.sqrt)
        self.erf = self._real(self.context.erf)
        self.sin = self._real(self.context.sin)
        self.cos = self._real(self.context.cos)
        self.tan = self._real(self.context.tan)
        self.asin = self._real(self.context.asin)
        self.acos = self._real(self.context.acos)
        self.atan = self._real(self.context.atan)
        self.atan2 = self._real(self.context.atan2)
        self.sinh = self._real(self.context.sinh)
        self.cosh = self._real(self.context.cosh)
        self.tanh = self._real(self.context.tanh)
        self.sign = self._real(self.context.sign)
        self.floor = self._real(self.context.floor)
        self.ceil = self._real(self.context.ceil)
        self.abs = abs

    def turn_to(self, digits: int) -> None:
        """From here on with so many digits. (To make another context takes a thousand times as
        long as a product in it.)"""
        self.context.dps = digits

    def _real(self, function: Callable[..., Any]) -> Callable[..., Any]:
        context = self.context

        def real(*values: Value) -> Value:
            try:
                result = function(*values)
            except (ValueError, ArithmeticError):
                return context.nan
            return context.nan if isinstance(result, context.mpc) else result

        return real

    def number(self, text: str) -> Value:
        if self.decimal and text in ("pi", "e"):
            return +getattr(self.context, text)
        if self.decimal and text == "tau":
            return 2 * self.context.pi
        if text.startswith("-"):
            return -self.number(text[1:])
        return self.context.mpf(text if self.decimal else FLOATS.number(text))

    def pi(self) -> Value:
        """As a gate's own rule means it; the `pi` of a formula is a literal, read as any other."""
        return +self.context.pi

    def from_float(self, value: float) -> Value:
        """The float itself, exactly."""
        return self.context.mpf(value)

    def divide(self, a: Value, b: Value) -> Value:
        if b == 0:
            return self.context.nan if a == 0 or a != a else self.context.inf * self.sign(a)
        return a / b

    def mod(self, a: Value, b: Value) -> Value:
        """What is left of a, with the sign of b. Of a quotient that takes half the digits there are
        the whole part times b is too coarse: mpmath has the remainder without it."""
        quotient = self.divide(a, b)
        if not self.context.isfinite(quotient) or abs(quotient) < 2 ** (self.context.prec // 2):
            return super().mod(a, b)
        return a % b

    def power(self, a: Value, b: Value) -> Value:
        if a == 0 and b < 0:
            return self.context.inf
        return self._real(self.context.power)(a, b)

    def exp(self, x: Value) -> Value:
        if abs(x) > _FAR:  # no float comes near, and mpmath would think long about it
            return self.context.inf if x > 0 else self.context.zero
        return self._real(self.context.exp)(x)

    def erfc(self, x: Value) -> Value:
        square = x * x
        if x < 0 or square < 3 * self.context.dps:
            return self._real(self.context.erfc)(x)
        # the asymptotic series (Abramowitz and Stegun 7.1.23): its terms fall until n ~ x^2
        total = term = self.context.one
        for n in range(1, 3 * self.context.dps):
            term *= -(2 * n - 1) / (2 * square)
            total += term
            if abs(term) < self.context.eps:
                break
        return self.exp(-square) / (x * self.context.sqrt(self.context.pi)) * total

    def lgamma(self, x: Value) -> Value:
        """ln|gamma(x)|"""
        if x > 0:
            return self._real(self.context.loggamma)(x)
        if x == self.context.floor(x):
            return self.context.inf
        sine = abs(self.context.sinpi(x))
        return self.context.log(self.context.pi / sine) - self.context.loggamma(1 - x)

    def sinc(self, x: Value) -> Value:
        return self._real(self.context.sincpi)(x)

    def sinc_slope(self, x: Value) -> Value:
        """Near 0 with as many digits more as cos(pi*x) - sinc(x) loses."""
        if not 0 < abs(x) < 1:
            return super().sinc_slope(x)
        lost = 2 * int(-self.context.floor(self.context.log10(abs(x))))
        with self.context.workdps(self.context.dps + lost):
            found = (self.context.cospi(x) - self.context.sincpi(x)) / x
        return +found

    def digamma(self, x: Value) -> Value:
        return self.polygamma(0, x)

    def trigamma(self, x: Value) -> Value:
        return self.polygamma(1, x)

    def polygamma(self, n: Value, x: Value) -> Value:
        """The n-th slope of digamma. Below 0 by what is the same from pole to pole: mpmath goes
        there step by step, a thousand million for x = -1e9."""
        n, psi, context = int(n), self._real(self.context.psi), self.context
        if n == 0 or x > 0:
            return psi(n, x)
        turn, sign = x - context.nint(x), (-1) ** n
        if turn == 0:
            return context.inf if n % 2 else context.nan
        return psi(n, turn) - sign * psi(n, 1 - turn) + sign * psi(n, 1 - x)

    def hypot(self, *values: Value) -> Value:
        return self.context.sqrt(sum(value * value for value in values))

    def log(self, x: Value) -> Value:
        return -self.context.inf if x == 0 else self._real(self.context.log)(x)

    def log2(self, x: Value) -> Value:
        return self.log(x) / self.context.ln2

    def log10(self, x: Value) -> Value:
        return self.log(x) / self.context.ln10

    def cbrt(self, x: Value) -> Value:
        return self.sign(x) * self.context.cbrt(abs(x))

    def maximum(self, *values: Value) -> Value:
        return self.context.nan if any(v != v for v in values) else max(values)

    def minimum(self, *values: Value) -> Value:
        return self.context.nan if any(v != v for v in values) else min(values)

    def where(self, condition: Value, a: Value, b: Value) -> Value:
        return a if condition else b

    def less(self, a: Value, b: Value) -> Value:
        return int(a < b)

    def less_equal(self, a: Value, b: Value) -> Value:
        return int(a <= b)

    def greater(self, a: Value, b: Value) -> Value:
        return int(a > b)

    def greater_equal(self, a: Value, b: Value) -> Value:
        return int(a >= b)

    def equal(self, a: Value, b: Value) -> Value:
        return int(a == b)

    def not_equal(self, a: Value, b: Value) -> Value:
        return int(a != b)
